#include "src/html_private.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

enum { ATTRIBUTES_MAX = 256 };

/* A walk over one tag, with libxml2's idea of where names, values and the tag end. */
struct tag {
	const char *p, *end;
	int attributes;
};

static bool at_tag_end(const struct tag *t)
{
	return t->p >= t->end || *t->p == '>';
}

static void skip_blanks(struct tag *t)
{
	while (t->p < t->end && g_ascii_isspace(*t->p))
		t->p++;
}

static bool is_name_char(char c)
{
	return g_ascii_isalnum(c) || strchr(":-_.", c) != NULL;
}

static void skip_word(struct tag *t)
{
	while (!at_tag_end(t) && !g_ascii_isspace(*t->p))
		t->p++;
}

static void skip_value(struct tag *t)
{
	const char *close;
	char quote;

	t->p++; /* = */
	skip_blanks(t);
	quote = t->p < t->end ? *t->p : '\0';
	if (quote != '"' && quote != '\'') {
		skip_word(t);
		return;
	}
	close = memchr(t->p + 1, quote, (size_t)(t->end - t->p - 1));
	t->p = close != NULL ? close + 1 : t->end;
}

static void skip_attribute(struct tag *t)
{
	const char *start = t->p;

	while (t->p < t->end && *t->p != '\0' && is_name_char(*t->p))
		t->p++;
	t->attributes++;
	if (t->p == start) {
		skip_word(t);
		t->p += t->p == start; /* a NUL and the like */
		return;
	}
	skip_blanks(t);
	if (t->p < t->end && *t->p == '=')
		skip_value(t);
}

/* To the end of the tag that begins at t->p; returns where its attributes became too many,
 * or NULL. */
static const char *skip_tag(struct tag *t)
{
	const char *cut = NULL;

	t->attributes = 0;
	skip_word(t);
	for (skip_blanks(t); !at_tag_end(t); skip_blanks(t)) {
		if (t->attributes == ATTRIBUTES_MAX)
			cut = t->p;
		skip_attribute(t);
	}
	return cut;
}

char *bz_html_without_long_tags(const char *html, size_t len)
{
	struct tag t = {.p = html, .end = html + len};
	char *copy = NULL;

	while ((t.p = memchr(t.p, '<', (size_t)(t.end - t.p))) != NULL) {
		const char *cut;

		t.p++;
		if (t.p >= t.end)
			break;
		if (!g_ascii_isalpha(*t.p))
			continue;
		cut = skip_tag(&t);
		if (cut == NULL)
			continue;
		copy = copy != NULL ? copy : g_memdup2(html, len);
		memset(copy + (cut - html), ' ', (size_t)(t.p - cut));
	}
	return copy;
}
