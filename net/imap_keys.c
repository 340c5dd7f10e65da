/* Limit words as search keys. Each node becomes a key that fits at least what it means, or its
 * opposite where it is negated; NULL stands for a key that fits everything. */
#include "net/imap_search.h"
#include "src/fold.h"
#include "src/limit_tree.h"

#include <string.h>

enum { DAY = 86400 };

struct saying {
	enum imap_words how;
	bool coded;  /* words that are not ASCII were said */
	bool failed; /* PLAIN: one cannot be */
};

/* --- words ------------------------------------------------------------------------------------ */

static char *quoted(const char *word)
{
	GString *out = g_string_new("\"");

	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *word);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}

static char *string_of(struct saying *s, const char *word)
{
	if (g_str_is_ascii(word))
		return quoted(word);
	s->coded = true;
	return s->how == IMAP_WORDS_AT_ONCE ? g_strdup_printf("{%zu+}\r\n%s", strlen(word), word)
					    : g_strdup_printf("{%zu}\n%s", strlen(word), word);
}

/* As typed, and without its accents: servers do not all forget them. */
static char *word_key(struct saying *s, const char *field, const struct bz_limit *n)
{
	g_autofree char *lower = g_utf8_strdown(n->said, -1);
	g_autofree char *plain = quoted(n->word), *said = NULL;

	if (strcmp(lower, n->word) == 0 && g_str_is_ascii(lower))
		return g_strdup_printf("%s %s", field, plain);
	if (s->how == IMAP_WORDS_PLAIN) {
		s->failed = s->failed || !g_str_is_ascii(n->word);
		return g_strdup_printf("%s %s", field, plain);
	}
	said = string_of(s, n->said);
	if (!g_str_is_ascii(n->word))
		return g_strdup_printf("%s %s", field, said);
	return g_strdup_printf("OR %s %s %s %s", field, said, field, plain);
}

static char *either(
	struct saying *s, const char *field, const char *other, const struct bz_limit *n)
{
	g_autofree char *a = word_key(s, field, n), *b = word_key(s, other, n);

	return g_strdup_printf("OR %s %s", a, b);
}

static char *word_node(struct saying *s, const struct bz_limit *n)
{
	switch (n->kind) {
	case BZ_LIMIT_FROM:
		return word_key(s, "FROM", n);
	case BZ_LIMIT_TO:
		return word_key(s, "TO", n);
	case BZ_LIMIT_CC:
		return word_key(s, "CC", n);
	case BZ_LIMIT_TO_CC:
		return either(s, "TO", "CC", n);
	case BZ_LIMIT_SUBJECT:
		return word_key(s, "SUBJECT", n);
	case BZ_LIMIT_BODY:
		return word_key(s, "BODY", n);
	case BZ_LIMIT_ID:
		return word_key(s, "HEADER MESSAGE-ID", n);
	default:
		return either(s, "FROM", "SUBJECT", n);
	}
}

static char *negated_word(struct saying *s, const struct bz_limit *n)
{
	g_autofree char *key = word_node(s, n);

	return g_strdup_printf("NOT %s", key);
}

/* --- marks, times, sizes ---------------------------------------------------------------------- */

static char *flag_node(const struct bz_limit *n, bool negated)
{
	static const struct {
		unsigned flag;
		const char *set, *unset;
	} keys[] = {{BZ_FLAG_SEEN, "SEEN", "UNSEEN"}, {BZ_FLAG_FLAGGED, "FLAGGED", "UNFLAGGED"},
		{BZ_FLAG_ANSWERED, "ANSWERED", "UNANSWERED"}, {BZ_FLAG_DRAFT, "DRAFT", "UNDRAFT"},
		{BZ_FLAG_DELETED, "DELETED", "UNDELETED"}};

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (n->mask == keys[i].flag)
			return g_strdup((n->want != 0) != negated ? keys[i].set : keys[i].unset);
	return NULL;
}

/* A day's name (RFC 3501 date). Servers look at the day alone, wherever its writer was: a day more
 * to each side. NULL: no year that they know. */
static char *day_of(int64_t when, int by)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	g_autoptr(GDateTime) t = ABS(when) < INT64_C(1) << 40
					 ? g_date_time_new_from_unix_utc(when + by * DAY)
					 : NULL;
	int year = t != NULL ? g_date_time_get_year(t) : 0;

	if (year < 1000 || year > 9999)
		return NULL;
	return g_strdup_printf("%d-%s-%d", g_date_time_get_day_of_month(t),
		months[g_date_time_get_month(t) - 1], year);
}

/* low <= time < high, by the message's own date or, where it has none, its arrival. */
static char *date_range(int64_t low, int64_t high)
{
	g_autofree char *since = low > INT64_MIN + 1 ? day_of(low, -1) : NULL;
	g_autofree char *before = high < INT64_MAX ? day_of(high, 2) : NULL;

	if (since != NULL && before != NULL)
		return g_strdup_printf("OR (SENTSINCE %s SENTBEFORE %s) (SINCE %s BEFORE %s)",
			since, before, since, before);
	if (since != NULL)
		return g_strdup_printf("OR SENTSINCE %s SINCE %s", since, since);
	return before != NULL ? g_strdup_printf("OR SENTBEFORE %s BEFORE %s", before, before)
			      : NULL;
}

static char *size_range(int64_t low, int64_t high)
{
	int64_t more = MIN(low - 1, (int64_t)UINT32_MAX - 1);

	if (low > 0 && high <= UINT32_MAX)
		return g_strdup_printf(
			"(LARGER %" G_GINT64_FORMAT " SMALLER %" G_GINT64_FORMAT ")", more, high);
	if (low > 0)
		return g_strdup_printf("LARGER %" G_GINT64_FORMAT, more);
	return high <= UINT32_MAX ? g_strdup_printf("SMALLER %" G_GINT64_FORMAT, high) : NULL;
}

/* Not within: below it or above. */
static char *range_node(
	const struct bz_limit *n, bool negated, char *(*range)(int64_t low, int64_t high))
{
	int64_t least = n->kind == BZ_LIMIT_SIZE ? 0 : INT64_MIN + 1;
	g_autofree char *below = NULL, *above = NULL;

	if (!negated)
		return range(n->low, n->high);
	if (n->low <= least)
		return n->high < INT64_MAX ? range(n->high, INT64_MAX) : g_strdup("NOT ALL");
	if (n->high == INT64_MAX)
		return range(least, n->low);
	below = range(least, n->low);
	above = range(n->high, INT64_MAX);
	return below != NULL && above != NULL ? g_strdup_printf("OR %s %s", below, above) : NULL;
}

/* --- together --------------------------------------------------------------------------------- */

static char *say(struct saying *s, const struct bz_limit *n, bool negated);

/* Those that are no key of their own are left out: what is left fits more. */
static char *say_all(struct saying *s, const struct bz_limit *n, bool negated)
{
	GString *out = g_string_new(NULL);
	unsigned count = 0;

	for (guint i = 0; i < n->kids->len; i++) {
		g_autofree char *key = say(s, g_ptr_array_index(n->kids, i), negated);

		if (key != NULL)
			g_string_append_printf(out, "%s%s", count++ > 0 ? " " : "", key);
	}
	if (count > 1) {
		g_string_prepend_c(out, '(');
		g_string_append_c(out, ')');
	}
	return g_string_free(out, count == 0);
}

static char *say_any(struct saying *s, const struct bz_limit *n, bool negated)
{
	GString *out = g_string_new(n->kids->len == 0 ? "NOT ALL" : NULL);

	for (guint i = 0; i < n->kids->len; i++) {
		g_autofree char *key = say(s, g_ptr_array_index(n->kids, i), negated);
		bool is_last = i + 1 == n->kids->len;

		if (key == NULL)
			return g_string_free(out, TRUE);
		g_string_append_printf(
			out, "%s%s%s", is_last ? "" : "OR ", key, is_last ? "" : " ");
	}
	return g_string_free(out, FALSE);
}

/* As deep as the brackets that bz_limit_parse took. */
static char *say(struct saying *s, const struct bz_limit *n, bool negated)
{
	switch (n->kind) {
	case BZ_LIMIT_ALL:
		return (negated ? say_any : say_all)(s, n, negated);
	case BZ_LIMIT_ANY:
		return (negated ? say_all : say_any)(s, n, negated);
	case BZ_LIMIT_NOT:
		return say(s, g_ptr_array_index(n->kids, 0), !negated);
	case BZ_LIMIT_FLAG:
		return flag_node(n, negated);
	case BZ_LIMIT_DATE:
		return range_node(n, negated, date_range);
	case BZ_LIMIT_SIZE:
		return range_node(n, negated, size_range);
	default:
		return negated ? negated_word(s, n) : word_node(s, n);
	}
}

char *imap_keys(const struct bz_limit *limit, enum imap_words how, bool *coded)
{
	struct saying s = {.how = how};
	char *keys = say(&s, limit, false);

	*coded = s.coded;
	if (s.failed)
		g_clear_pointer(&keys, g_free);
	else if (keys == NULL)
		keys = g_strdup("ALL");
	return keys;
}
