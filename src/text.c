#include "src/text.h"

#include <glib.h>
#include <string.h>
#include <wchar.h>

enum { CLEAN_MAX = 64 << 10, COMBINING_MAX = 4, TAB = 8 };

static bool ascii_glyphs;

void bz_text_set_ascii(bool ascii)
{
	ascii_glyphs = ascii;
}

bool bz_text_ascii(void)
{
	return ascii_glyphs;
}

/* --- one character ---------------------------------------------------------------------------- */

/* Name of a character that reorders text, or NULL. */
static const char *bidi_name(gunichar c)
{
	static const char *const low[] = {"LRE", "RLE", "PDF", "LRO", "RLO"};
	static const char *const high[] = {"LRI", "RLI", "FSI", "PDI"};

	if (c >= 0x202a && c <= 0x202e)
		return low[c - 0x202a];
	if (c >= 0x2066 && c <= 0x2069)
		return high[c - 0x2066];
	if (c == 0x200e)
		return "LRM";
	if (c == 0x200f)
		return "RLM";
	return c == 0x061c ? "ALM" : NULL;
}

static bool is_zero_width_trick(gunichar c)
{
	return (c >= 0x200b && c <= 0x200d) || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0x206a && c <= 0x206f) || c == 0x180e ||
	       c == 0x034f || c == 0x115f || c == 0x1160 || c == 0x3164 || c == 0xffa0;
}

/* Harmless and without a look of their own: left out. */
static bool is_dropped(gunichar c)
{
	return (c >= 0xfe00 && c <= 0xfe0f) || c == 0x00ad || (c >= 0xe0000 && c <= 0xe01ef) ||
	       (c >= 0x1f3fb && c <= 0x1f3ff);
}

static bool is_emoji(gunichar c)
{
	return (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x2600 && c <= 0x27bf) || c == 0x2b50 ||
	       c == 0x2b55;
}

static int char_cells(gunichar c)
{
	if (c < 0x300)
		return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : 1;
	if (g_unichar_iszerowidth(c))
		return 0;
	return g_unichar_iswide(c) ? 2 : 1;
}

static void put_mark(GString *out, const char *name)
{
	g_string_append_printf(out, ascii_glyphs ? "<%s>" : "\xe2\x80\xb9%s\xe2\x80\xba", name);
}

static void put_control(GString *out, gunichar c)
{
	char name[8];

	if (c < 0x20 || c == 0x7f) {
		if (ascii_glyphs)
			g_string_append_printf(out, "^%c", (char)(c ^ 0x40));
		else
			g_string_append_unichar(out, c == 0x7f ? 0x2421 : 0x2400 + c);
		return;
	}
	g_snprintf(name, sizeof name, "%02X", (unsigned)c);
	put_mark(out, name);
}

/* --- the cleaner ------------------------------------------------------------------------------ */

struct cleaner {
	GString *out;
	bool lines;        /* keep LF */
	int column;        /* for tabs, since the last LF */
	int combining;     /* marks on the current base */
	bool after_joiner; /* a ZWJ came behind an emoji */
	bool after_emoji;
	bool line_start;
};

static void put_cells(struct cleaner *c, gunichar ch, int cells)
{
	wint_t wide = (wint_t)ch;

	/* curses counts by libc: where the two tables differ the columns would shift */
	if (ch >= 0x80 && wcwidth((wchar_t)wide) != cells) {
		g_string_append(c->out, cells == 2 ? "? " : "?");
		cells = MAX(cells, 1);
	} else {
		g_string_append_unichar(c->out, ch);
	}
	c->column += cells;
	c->combining = 0;
	c->line_start = false;
}

static void put_combining(struct cleaner *c, gunichar ch)
{
	if (++c->combining > COMBINING_MAX || wcwidth((wchar_t)ch) != 0)
		return;
	if (c->line_start) {
		g_string_append_c(c->out, ' ');
		c->line_start = false;
	}
	g_string_append_unichar(c->out, ch);
}

static void put_blank(struct cleaner *c, gunichar ch)
{
	int n = 1;

	if (c->lines && ch == '\n') {
		g_string_append_c(c->out, '\n');
		c->column = 0;
		c->line_start = true;
		return;
	}
	if (c->lines && ch == '\t')
		n = TAB - c->column % TAB;
	for (int i = 0; i < n; i++)
		g_string_append_c(c->out, ' ');
	c->column += n;
	c->line_start = false;
}

static bool is_blank(const struct cleaner *c, gunichar ch)
{
	return ch == '\t' || ch == '\n' || (ch == '\r' && !c->lines) || ch == 0x2028 ||
	       ch == 0x2029 || ch == 0x85;
}

/* What a grapheme of several characters shows: the first emoji, the letters of a flag. Returns true
 * when the character was dealt with. */
static bool put_sequence(struct cleaner *c, gunichar ch)
{
	if (ch == 0x200d && c->after_emoji) {
		c->after_joiner = true;
		return true;
	}
	if (c->after_joiner && is_emoji(ch)) {
		c->after_joiner = false;
		return true;
	}
	if (ch >= 0x1f1e6 && ch <= 0x1f1ff) {
		put_cells(c, 'A' + (ch - 0x1f1e6), 1);
		return true;
	}
	return is_dropped(ch);
}

static void put_char(struct cleaner *c, gunichar ch)
{
	const char *bidi;

	if (is_blank(c, ch)) {
		put_blank(c, ch == 0x2028 || ch == 0x2029 || ch == 0x85 ? '\n' : ch);
	} else if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0)) {
		put_control(c->out, ch);
		c->column += 2;
		c->line_start = false;
	} else if (put_sequence(c, ch)) {
		return;
	} else if ((bidi = bidi_name(ch)) != NULL) {
		put_mark(c->out, bidi);
	} else if (is_zero_width_trick(ch)) {
		put_mark(c->out, "ZW");
	} else if (char_cells(ch) == 0) {
		put_combining(c, ch);
		return;
	} else {
		put_cells(c, ch, char_cells(ch));
	}
	c->after_emoji = is_emoji(ch);
	c->after_joiner = false;
}

static char *clean(const char *bytes, size_t len, bool lines)
{
	struct cleaner c = {
		.out = g_string_sized_new(len + 16), .lines = lines, .line_start = true};
	const char *p = len > 0 ? bytes : "", *end = p + len;

	while (p < end) {
		gunichar ch;

		if ((unsigned char)*p < 0x80) {
			if (lines && *p == '\r' && p + 1 < end && p[1] == '\n')
				p++;
			put_char(&c, (gunichar)*p++);
			continue;
		}
		ch = g_utf8_get_char_validated(p, end - p);
		if (ch == (gunichar)-1 || ch == (gunichar)-2) {
			put_cells(&c, 0xfffd, 1);
			p++;
		} else {
			put_char(&c, ch);
			p = g_utf8_next_char(p);
		}
	}
	return g_string_free(c.out, FALSE);
}

char *bz_text_clean(const char *bytes, size_t len, size_t max)
{
	return clean(bytes, MIN(len, max == 0 ? CLEAN_MAX : max), false);
}

char *bz_text_clean_lines(const char *bytes, size_t len)
{
	return clean(bytes, len, true);
}

/* --- cells ------------------------------------------------------------------------------------ */

int bz_text_width(const char *text)
{
	int cells = 0;

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
		cells += char_cells(g_utf8_get_char(p));
	return cells;
}

size_t bz_text_prefix(const char *text, int cells, int *used)
{
	int sum = 0;
	const char *p = text;

	for (; *p != '\0'; p = g_utf8_next_char(p)) {
		int w = char_cells(g_utf8_get_char(p));

		if (sum + w > cells)
			break;
		sum += w;
	}
	if (used != NULL)
		*used = sum;
	return (size_t)(p - text);
}

char *bz_text_fit(const char *text, int cells, bool pad)
{
	GString *out = g_string_new(NULL);
	int used = 0;
	size_t n;

	if (cells <= 0)
		return g_string_free(out, FALSE);
	n = bz_text_prefix(text, cells, &used);
	if (text[n] != '\0') {
		n = bz_text_prefix(text, cells - 1, &used);
		g_string_append_len(out, text, (gssize)n);
		g_string_append(out, ascii_glyphs ? "~" : "\xe2\x80\xa6");
		used++;
	} else {
		g_string_append_len(out, text, (gssize)n);
	}
	for (; pad && used < cells; used++)
		g_string_append_c(out, ' ');
	return g_string_free(out, FALSE);
}
