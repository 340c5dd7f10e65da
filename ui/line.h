/* One line of text that a person edits: UTF-8, a cursor between graphemes. Pure. */
#ifndef UI_LINE_H
#define UI_LINE_H

#include "ui/command.h"

enum { UI_LINE_MAX = 1000 }; /* bytes */

struct ui_line {
	GString *text;
	gsize at; /* byte before which the cursor stands */
};

void ui_line_init(struct ui_line *line);
void ui_line_clear(struct ui_line *line);
/* Other text; the cursor at its end. */
void ui_line_set(struct ui_line *line, const char *text);
/* A typed or pasted character; controls are left out. */
void ui_line_insert(struct ui_line *line, gunichar c);
/* LEFT RIGHT FIRST LAST ERASE ERASE_WORD ERASE_REST HALF_UP (erase to the beginning) and HALF_DOWN
 * (erase what is under the cursor). False: it was another command. */
bool ui_line_command(struct ui_line *line, enum ui_command command);

/* Edges of graphemes around a byte of UTF-8 text. */
gsize ui_line_next(const char *text, gsize at);
gsize ui_line_previous(const char *text, gsize at);

#endif
