#include "ui/theme.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>

/* Colour (-1 = the terminal's own) and attributes; without colour the attributes alone carry. */
static const struct {
	short color;
	attr_t with_color, mono;
} looks[UI_ROLES] = {
	[UI_TEXT] = {-1, A_NORMAL, A_NORMAL},
	[UI_DIM] = {-1, A_DIM, A_NORMAL},
	[UI_ACCENT] = {COLOR_CYAN, A_NORMAL, A_NORMAL},
	[UI_UNREAD] = {-1, A_BOLD, A_BOLD},
	[UI_GOOD] = {COLOR_GREEN, A_NORMAL, A_NORMAL},
	[UI_WARN] = {COLOR_MAGENTA, A_NORMAL, A_BOLD},
	[UI_BAD] = {COLOR_RED, A_BOLD, A_BOLD},
	[UI_SELECTION] = {-1, A_REVERSE, A_REVERSE},
	[UI_QUOTE1] = {COLOR_GREEN, A_NORMAL, A_NORMAL},
	[UI_QUOTE2] = {COLOR_BLUE, A_NORMAL, A_NORMAL},
	[UI_LINK] = {COLOR_BLUE, A_UNDERLINE, A_UNDERLINE},
};
static bool colored;

static bool wants_color(const char *color)
{
	const char *no = getenv("NO_COLOR");

	if (strcmp(color, "never") == 0)
		return false;
	return strcmp(color, "always") == 0 || no == NULL || no[0] == '\0';
}

void ui_theme_init(const char *color)
{
	colored = wants_color(color) && has_colors() && start_color() == OK &&
		  use_default_colors() == OK;
	for (int i = 0; i < UI_ROLES && colored; i++)
		(void)init_pair((short)(i + 1), looks[i].color, -1);
}

unsigned long ui_theme_attr(enum ui_role role)
{
	if (!colored)
		return looks[role].mono;
	return looks[role].with_color | (unsigned long)COLOR_PAIR(role + 1);
}

enum ui_role ui_theme_of(enum bz_role role)
{
	switch (role) {
	case BZ_TEXT_DIM:
		return UI_DIM;
	case BZ_TEXT_HEADER:
		return UI_ACCENT;
	case BZ_TEXT_STRONG:
		return UI_UNREAD;
	case BZ_TEXT_QUOTE1:
		return UI_QUOTE1;
	case BZ_TEXT_QUOTE2:
		return UI_QUOTE2;
	case BZ_TEXT_LINK:
		return UI_LINK;
	case BZ_TEXT_WARN:
		return UI_WARN;
	default:
		return UI_TEXT;
	}
}
