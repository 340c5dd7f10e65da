#include "src/nearest.h"

#include <glib.h>
#include <string.h>

/* Levenshtein, case ignored. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[64];

	if (n >= G_N_ELEMENTS(row) || strlen(a) >= G_N_ELEMENTS(row))
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t cost =
				diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));

			diagonal = row[j];
			row[j] = MIN(cost, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *bz_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t least = 99;

	for (; *names != NULL; names++) {
		size_t d = distance(word, *names);

		if (word[0] != '\0' && g_str_has_prefix(*names, word))
			d = 1;
		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return least <= MAX(2, strlen(word) / 2) ? best : NULL;
}
