#include "src/fold.h"

#include <glib.h>
#include <string.h>

/* Most text is ASCII: no need of tables. NULL when it is not. */
static char *fold_ascii(const char *text)
{
	size_t n = strlen(text);
	char *out = g_malloc(n + 1);

	for (size_t i = 0; i <= n; i++) {
		if ((unsigned char)text[i] >= 0x80) {
			g_free(out);
			return NULL;
		}
		out[i] = g_ascii_tolower(text[i]);
	}
	return out;
}

static void drop_marks(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0';) {
		const char *next = g_utf8_next_char(p);

		if ((unsigned char)*p < 0x80 || !g_unichar_ismark(g_utf8_get_char(p))) {
			memmove(to, p, (size_t)(next - p));
			to += next - p;
		}
		p = next;
	}
	*to = '\0';
}

char *bz_fold(const char *text)
{
	char *out = fold_ascii(text);

	if (out == NULL) {
		g_autofree char *valid = g_utf8_make_valid(text, -1);
		g_autofree char *lower = g_utf8_casefold(valid, -1);

		out = g_utf8_normalize(lower, -1, G_NORMALIZE_ALL);
		drop_marks(out);
	}
	return out;
}
