/* Text onto the screen. Nothing else in ui/ calls curses' output. UI thread. */
#ifndef UI_DRAW_H
#define UI_DRAW_H

#include "src/render.h"
#include "ui/theme.h"

struct ui_rect {
	int y, x, h, w;
};

/* CLEANED text in exactly w cells: cut with an ellipsis, or padded. */
void ui_draw_text(int y, int x, int w, enum ui_role role, const char *text);
/* Foreign bytes: cleaned first. */
void ui_draw_foreign(int y, int x, int w, enum ui_role role, const char *bytes);
/* A line of rendered text with its spans. */
void ui_draw_line(int y, int x, int w, const struct bz_line *line);
/* Blanks. */
void ui_draw_clear(const struct ui_rect *r);
/* "── text ──────" over the whole of w. text may be NULL. */
void ui_draw_rule(int y, int x, int w, enum ui_role role, const char *text);
/* A vertical rule. */
void ui_draw_bar(int y, int x, int h);
/* Give w cells from x on a role, whatever stands there. */
void ui_draw_mark(int y, int x, int w, enum ui_role role);
/* Where the real cursor rests when all is drawn; the last call counts. */
void ui_draw_cursor(int y, int x);
void ui_draw_place_cursor(void);
/* Words of CLEANED text into lines of at most w cells (char *, GPtrArray the caller's). */
GPtrArray *ui_draw_wrap(const char *text, int w);

#endif
