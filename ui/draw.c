#include "ui/draw.h"
#include "src/text.h"

#include <curses.h>
#include <string.h>

static int cursor_y, cursor_x;

static void put(int y, int x, enum ui_role role, const char *text, int n)
{
	(void)attrset((int)ui_theme_attr(role));
	(void)mvaddnstr(y, x, text, n);
	(void)attrset(A_NORMAL);
}

void ui_draw_text(int y, int x, int w, enum ui_role role, const char *text)
{
	g_autofree char *fit = NULL;

	if (w <= 0)
		return;
	fit = bz_text_fit(text, w, true);
	put(y, x, role, fit, -1);
}

void ui_draw_foreign(int y, int x, int w, enum ui_role role, const char *bytes)
{
	g_autofree char *clean = bz_text_clean(bytes, strlen(bytes), 0);

	ui_draw_text(y, x, w, role, clean);
}

void ui_draw_line(int y, int x, int w, const struct bz_line *line)
{
	ui_draw_text(y, x, w, UI_TEXT, line->text);
	for (uint16_t i = 0; i < line->nspans; i++) {
		const struct bz_span *s = &line->spans[i];
		g_autofree char *before = g_strndup(line->text, s->start);
		g_autofree char *span = g_strndup(line->text + s->start, s->len);
		int at = bz_text_width(before), n = bz_text_width(span);

		if (at < w)
			ui_draw_mark(y, x + at, MIN(n, w - at), ui_theme_of(s->role));
	}
}

void ui_draw_clear(const struct ui_rect *r)
{
	(void)attrset(A_NORMAL);
	for (int i = 0; i < r->h; i++)
		(void)mvhline(r->y + i, r->x, ' ', r->w);
}

void ui_draw_rule(int y, int x, int w, enum ui_role role, const char *text)
{
	const char *dash = bz_text_ascii() ? "-" : "─";
	int n = text != NULL ? MIN(bz_text_width(text), w - 6) : 0;

	for (int i = 0; i < w; i++)
		put(y, x + i, UI_DIM, dash, -1);
	if (n <= 0)
		return;
	put(y, x + 2, UI_TEXT, " ", -1);
	ui_draw_text(y, x + 3, n, role, text);
	put(y, x + 3 + n, UI_TEXT, " ", -1);
}

void ui_draw_bar(int y, int x, int h)
{
	for (int i = 0; i < h; i++)
		put(y + i, x, UI_DIM, bz_text_ascii() ? "|" : "│", -1);
}

void ui_draw_mark(int y, int x, int w, enum ui_role role)
{
	unsigned long attr = ui_theme_attr(role);

	(void)mvchgat(y, x, w, (attr_t)attr & ~A_COLOR, (short)PAIR_NUMBER(attr), NULL);
}

void ui_draw_cursor(int y, int x)
{
	cursor_y = y;
	cursor_x = x;
}

void ui_draw_place_cursor(void)
{
	(void)move(CLAMP(cursor_y, 0, LINES - 1), CLAMP(cursor_x, 0, COLS - 1));
}

GPtrArray *ui_draw_wrap(const char *text, int w)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	while (*text != '\0') {
		int used;
		size_t n = bz_text_prefix(text, MAX(w, 2), &used);
		size_t cut = n;

		if (text[n] != '\0' && text[n] != ' ')
			while (cut > 0 && text[cut - 1] != ' ')
				cut--;
		if (cut == 0)
			cut = MAX(n, 1);
		g_ptr_array_add(lines, g_strchomp(g_strndup(text, cut)));
		text += cut;
		text += strspn(text, " ");
	}
	return lines;
}
