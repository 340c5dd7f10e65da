/* Limit words tried on a row: what is compared is folded once a row, and only when asked for. */
#include "src/fold.h"
#include "src/limit_private.h"
#include "src/render.h"

#include <string.h>

enum { FIELD_FROM, FIELD_SUBJECT, FIELD_TO, FIELD_TO_ALL, FIELD_CC, FIELD_BODY, FIELD_COUNT_ };

struct look {
	const struct bz_summary *row;
	const struct bz_limit_source *source;
	bool asked; /* the source was */
	struct bz_message *message;
	char *folded[FIELD_COUNT_];
};

/* --- what a row and its message hold ---------------------------------------------------------- */

static const struct bz_message *message_of(struct look *l)
{
	if (!l->asked && l->source != NULL)
		l->message = l->source->message(l->source->me, l->row);
	l->asked = true;
	return l->message;
}

static char *addresses(const GPtrArray *list)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++) {
		const struct bz_address *a = g_ptr_array_index(list, i);

		g_string_append_printf(out, "%s %s\n", a->name, a->addr);
	}
	return g_string_free(out, FALSE);
}

char *bz_limit_squeeze(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++)
		if (!g_ascii_isspace(*p))
			*to++ = *p;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	*to = '\0';
	return text;
}

static char *read_field(struct look *l, int field)
{
	const struct bz_message *m = field >= FIELD_TO_ALL ? message_of(l) : NULL;

	switch (field) {
	case FIELD_FROM:
		return g_strconcat(l->row->from_name, "\n", l->row->from_addr, NULL);
	case FIELD_SUBJECT:
		return bz_limit_squeeze(g_strdup(l->row->subject));
	case FIELD_TO:
		return g_strdup(l->row->to);
	case FIELD_TO_ALL:
		return m != NULL ? addresses(m->to) : g_strdup("");
	case FIELD_CC:
		return m != NULL ? addresses(m->cc) : g_strdup("");
	default:
		return m != NULL ? bz_limit_squeeze(bz_render_text(m, 0)) : g_strdup("");
	}
}

static bool holds(struct look *l, int field, const char *word)
{
	if (l->folded[field] == NULL) {
		g_autofree char *text = read_field(l, field);

		l->folded[field] = bz_fold(text);
	}
	return strstr(l->folded[field], word) != NULL;
}

/* --- trying ----------------------------------------------------------------------------------- */

static bool has_word(struct look *l, const struct bz_limit *n)
{
	g_autofree char *id = NULL;

	switch (n->kind) {
	case BZ_LIMIT_WORD:
		return holds(l, FIELD_FROM, n->word) || holds(l, FIELD_SUBJECT, n->word);
	case BZ_LIMIT_FROM:
		return holds(l, FIELD_FROM, n->word);
	case BZ_LIMIT_SUBJECT:
		return holds(l, FIELD_SUBJECT, n->word);
	case BZ_LIMIT_TO:
		return holds(l, FIELD_TO, n->word) || holds(l, FIELD_TO_ALL, n->word);
	case BZ_LIMIT_CC:
		return holds(l, FIELD_CC, n->word);
	case BZ_LIMIT_TO_CC:
		return holds(l, FIELD_TO, n->word) || holds(l, FIELD_TO_ALL, n->word) ||
		       holds(l, FIELD_CC, n->word);
	case BZ_LIMIT_ID:
		id = bz_fold(l->row->message_id);
		return strstr(id, n->word) != NULL;
	default:
		return holds(l, FIELD_BODY, n->word);
	}
}

static bool is_within(const struct bz_limit *n, int64_t value)
{
	return value >= n->low && value < n->high;
}

static bool is_dated(const struct bz_summary *row, const struct bz_limit *n)
{
	int64_t date = row->date != INT64_MIN ? row->date : row->received;

	return date != INT64_MIN && is_within(n, date);
}

/* As deep as the brackets that bz_limit_parse took. */
static bool matches(struct look *l, const struct bz_limit *n)
{
	bool any = n->kind == BZ_LIMIT_ANY;

	switch (n->kind) {
	case BZ_LIMIT_ALL:
	case BZ_LIMIT_ANY:
		for (guint i = 0; i < n->kids->len; i++)
			if (matches(l, g_ptr_array_index(n->kids, i)) == any)
				return any;
		return !any;
	case BZ_LIMIT_NOT:
		return !matches(l, g_ptr_array_index(n->kids, 0));
	case BZ_LIMIT_FLAG:
		return (l->row->flags & n->mask) == n->want;
	case BZ_LIMIT_DATE:
		return is_dated(l->row, n);
	case BZ_LIMIT_SIZE:
		return is_within(n, (int64_t)MIN(l->row->size, (uint64_t)INT64_MAX - 1));
	default:
		return has_word(l, n);
	}
}

/* --- what the row alone says ------------------------------------------------------------------ */

static bool is_of_recipients(const struct bz_limit *n)
{
	return n->kind == BZ_LIMIT_TO || n->kind == BZ_LIMIT_CC || n->kind == BZ_LIMIT_TO_CC;
}

static enum bz_verdict judge(struct look *l, const struct bz_limit *n);

/* One that decides, else open where one is, else the other. */
static enum bz_verdict judge_all(
	struct look *l, const struct bz_limit *n, enum bz_verdict decides, enum bz_verdict other)
{
	enum bz_verdict all = other;

	for (guint i = 0; i < n->kids->len; i++) {
		enum bz_verdict one = judge(l, g_ptr_array_index(n->kids, i));

		if (one == decides)
			return decides;
		all = one == BZ_VERDICT_OPEN ? one : all;
	}
	return all;
}

static enum bz_verdict judge_not(struct look *l, const struct bz_limit *n)
{
	switch (judge(l, g_ptr_array_index(n->kids, 0))) {
	case BZ_VERDICT_NO:
		return BZ_VERDICT_YES;
	case BZ_VERDICT_YES:
		return BZ_VERDICT_NO;
	default:
		return BZ_VERDICT_OPEN;
	}
}

/* A row holds the first of those it was sent to. */
static enum bz_verdict judge_recipients(struct look *l, const struct bz_limit *n)
{
	return n->kind != BZ_LIMIT_CC && holds(l, FIELD_TO, n->word) ? BZ_VERDICT_YES
								     : BZ_VERDICT_OPEN;
}

static enum bz_verdict judge(struct look *l, const struct bz_limit *n)
{
	switch (n->kind) {
	case BZ_LIMIT_ALL:
		return judge_all(l, n, BZ_VERDICT_NO, BZ_VERDICT_YES);
	case BZ_LIMIT_ANY:
		return judge_all(l, n, BZ_VERDICT_YES, BZ_VERDICT_NO);
	case BZ_LIMIT_NOT:
		return judge_not(l, n);
	case BZ_LIMIT_BODY:
		return BZ_VERDICT_OPEN;
	case BZ_LIMIT_TO:
	case BZ_LIMIT_CC:
	case BZ_LIMIT_TO_CC:
		return judge_recipients(l, n);
	default:
		return matches(l, n) ? BZ_VERDICT_YES : BZ_VERDICT_NO;
	}
}

static void clear(struct look *l)
{
	for (size_t i = 0; i < FIELD_COUNT_; i++)
		g_free(l->folded[i]);
	bz_message_unref(l->message);
}

enum bz_verdict bz_limit_judge(const struct bz_limit *limit, const struct bz_summary *row)
{
	struct look l = {.row = row};
	enum bz_verdict verdict = judge(&l, limit);

	clear(&l);
	return verdict;
}

/* --- the whole -------------------------------------------------------------------------------- */

bool bz_limit_match(const struct bz_limit *limit, const struct bz_summary *row,
	const struct bz_limit_source *source)
{
	struct look l = {.row = row, .source = source};
	bool matched = matches(&l, limit);

	clear(&l);
	return matched;
}

bool bz_limit_is_empty(const struct bz_limit *limit)
{
	return limit->kind == BZ_LIMIT_ALL && limit->kids->len == 0;
}

bool bz_limit_needs_text(const struct bz_limit *limit)
{
	bool needs = limit->kind == BZ_LIMIT_BODY || is_of_recipients(limit);

	for (guint i = 0; limit->kids != NULL && i < limit->kids->len && !needs; i++)
		needs = bz_limit_needs_text(g_ptr_array_index(limit->kids, i));
	return needs;
}
