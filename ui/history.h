/* What was typed into the prompts, kept from run to run: $XDG_STATE_HOME/buzon/history, 0600. Each
 * entry begins with its prompt's mark (':', '/', 'l'). Passwords have no prompt here. UI thread. */
#ifndef UI_HISTORY_H
#define UI_HISTORY_H

#include <glib.h>

enum { UI_HISTORY_MAX = 500 };

struct ui_history {
	GPtrArray *lines; /* char *, oldest first */
	GPtrArray *added; /* char *, of this run */
};

/* Reads the file; a missing or unreadable one is an empty history. */
void ui_history_load(struct ui_history *history);
/* Adds what is new to the file, beside what other runs added meanwhile. */
void ui_history_save(struct ui_history *history);
void ui_history_clear(struct ui_history *history);

void ui_history_add(struct ui_history *history, char mark, const char *text);
/* The entry of this mark next before (or with later, after) place, without its mark; *place moves
 * there. NULL when there is none. place begins at the number of lines. Borrowed. */
const char *ui_history_step(
	const struct ui_history *history, char mark, gboolean later, guint *place);

#endif
