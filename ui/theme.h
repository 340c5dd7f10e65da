/* Eight roles and what they look like on this terminal (UX section 9). UI thread. */
#ifndef UI_THEME_H
#define UI_THEME_H

#include "src/render.h"

#include <stdbool.h>

enum ui_role {
	UI_TEXT,
	UI_DIM,
	UI_ACCENT,
	UI_UNREAD,
	UI_GOOD,
	UI_WARN,
	UI_BAD,
	UI_SELECTION,
	UI_QUOTE1, /* the reader's, made of the eight */
	UI_QUOTE2,
	UI_LINK,
	UI_ROLES
};

/* After initscr. color: "auto", "always", "never"; NO_COLOR counts for auto. */
void ui_theme_init(const char *color);
/* Curses attributes of a role. */
unsigned long ui_theme_attr(enum ui_role role);
/* The role of a span of rendered text. */
enum ui_role ui_theme_of(enum bz_role role);

#endif
