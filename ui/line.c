#include "ui/line.h"

#include <string.h>

void ui_line_init(struct ui_line *l)
{
	l->text = g_string_new(NULL);
	l->at = 0;
}

void ui_line_clear(struct ui_line *l)
{
	g_string_free(l->text, TRUE);
	l->text = NULL;
}

void ui_line_set(struct ui_line *l, const char *text)
{
	g_string_assign(l->text, text);
	l->at = l->text->len;
}

/* --- graphemes -------------------------------------------------------------------------------- */

static bool is_flag_letter(gunichar c)
{
	return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool extends(gunichar c)
{
	return g_unichar_ismark(c) || (c >= 0xfe00 && c <= 0xfe0f) ||
	       (c >= 0x1f3fb && c <= 0x1f3ff) || c == 0x200d;
}

gsize ui_line_next(const char *text, gsize at)
{
	const char *p = text + at;
	bool joined = false, flag;

	if (*p == '\0')
		return at;
	flag = is_flag_letter(g_utf8_get_char(p));
	p = g_utf8_next_char(p);
	if (flag && is_flag_letter(g_utf8_get_char(p)))
		p = g_utf8_next_char(p);
	for (; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (!extends(c) && !joined)
			break;
		joined = c == 0x200d;
	}
	return (gsize)(p - text);
}

gsize ui_line_previous(const char *text, gsize at)
{
	gsize edge = 0;

	for (gsize next = 0; next < at; next = ui_line_next(text, next))
		edge = next;
	return edge;
}

/* --- editing ---------------------------------------------------------------------------------- */

void ui_line_insert(struct ui_line *l, gunichar c)
{
	char utf8[6];
	int n = g_unichar_to_utf8(c, utf8);

	if (g_unichar_iscntrl(c) || !g_unichar_validate(c) || l->text->len + (gsize)n > UI_LINE_MAX)
		return;
	g_string_insert_len(l->text, (gssize)l->at, utf8, n);
	l->at += (gsize)n;
}

static void erase(struct ui_line *l, gsize from, gsize to)
{
	g_string_erase(l->text, (gssize)from, (gssize)(to - from));
	l->at = from;
}

static gsize word_before(const struct ui_line *l)
{
	const char *text = l->text->str;
	gsize at = l->at;

	while (at > 0 && text[at - 1] == ' ')
		at--;
	while (at > 0 && text[at - 1] != ' ')
		at--;
	return at;
}

bool ui_line_command(struct ui_line *l, enum ui_command command)
{
	const char *text = l->text->str;

	switch (command) {
	case UI_LEFT:
		l->at = ui_line_previous(text, l->at);
		return true;
	case UI_RIGHT:
		l->at = ui_line_next(text, l->at);
		return true;
	case UI_FIRST:
		l->at = 0;
		return true;
	case UI_LAST:
		l->at = l->text->len;
		return true;
	case UI_ERASE:
		erase(l, ui_line_previous(text, l->at), l->at);
		return true;
	case UI_HALF_DOWN:
		erase(l, l->at, ui_line_next(text, l->at));
		return true;
	case UI_ERASE_WORD:
		erase(l, word_before(l), l->at);
		return true;
	case UI_ERASE_REST:
		erase(l, l->at, l->text->len);
		return true;
	case UI_HALF_UP:
		erase(l, 0, l->at);
		return true;
	default:
		return false;
	}
}
