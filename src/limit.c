/* Limit words read: one walk over the text, a tree comes out. Here: words together;
 * limit_word.c reads one. */
#include "src/lang.h"
#include "src/limit_private.h"

#include <string.h>

enum { DEPTH_MAX = 50, WORDS_MAX = 4096, NODES_MAX = 500 };

/* --- nodes ------------------------------------------------------------------------------------ */

static void node_free(void *node)
{
	bz_limit_free(node);
}

void bz_limit_free(struct bz_limit *limit)
{
	if (limit == NULL)
		return;
	if (limit->kids != NULL)
		g_ptr_array_unref(limit->kids);
	g_free(limit->word);
	g_free(limit->said);
	g_free(limit);
}

struct bz_limit *bz_limit_node(enum bz_limit_kind kind)
{
	struct bz_limit *n = g_new0(struct bz_limit, 1);

	n->kind = kind;
	if (kind <= BZ_LIMIT_NOT)
		n->kids = g_ptr_array_new_with_free_func(node_free);
	return n;
}

struct bz_limit *bz_limit_fault(struct bz_limit_reader *r, const char *at, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	if (r->fault != NULL)
		return NULL;
	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	r->fault = at;
	bz_err_set(r->err, BZ_ERR_USAGE, BZ_CODE_NONE, "%s", text);
	return NULL;
}

/* --- words together --------------------------------------------------------------------------- */

static struct bz_limit *read_any(struct bz_limit_reader *r);

static struct bz_limit *read_group(struct bz_limit_reader *r)
{
	const char *at = r->p++;
	struct bz_limit *inner;

	if (++r->depth > DEPTH_MAX)
		return bz_limit_fault(
			r, at, _("more than %d brackets inside each other"), DEPTH_MAX);
	inner = read_any(r);
	r->depth--;
	if (inner != NULL && *r->p != ')') {
		bz_limit_free(inner);
		return bz_limit_fault(r, at, _("no \")\" for this one"));
	}
	if (inner != NULL)
		r->p++;
	return inner;
}

static struct bz_limit *read_not(struct bz_limit_reader *r, bool *negated)
{
	bool no = false;

	/* a lone hyphen is a word; ! is mutt's, before its letters and brackets only */
	while ((*r->p == '-' && !bz_limit_ends(r->p + 1)) || (*r->p == '-' && r->p[1] == '(') ||
		(*r->p == '!' && strchr("~(!", r->p[1]) != NULL && r->p[1] != '\0')) {
		no = !no;
		r->p++;
	}
	*negated = no;
	return *r->p == '(' ? read_group(r) : bz_limit_read_word(r);
}

static struct bz_limit *read_term(struct bz_limit_reader *r)
{
	bool negated;
	struct bz_limit *n = read_not(r, &negated), *no;

	if (n != NULL && ++r->nodes > NODES_MAX) {
		bz_limit_free(n);
		return bz_limit_fault(r, r->p, _("these are too many words"));
	}
	if (n == NULL || !negated)
		return n;
	no = bz_limit_node(BZ_LIMIT_NOT);
	g_ptr_array_add(no->kids, n);
	return no;
}

/* "or" or mutt's |: its length, or 0. */
static size_t or_length(const char *p)
{
	if (*p == '|')
		return 1;
	return g_ascii_strncasecmp(p, "or", 2) == 0 && bz_limit_ends(p + 2) ? 2 : 0;
}

static void skip_blanks(struct bz_limit_reader *r)
{
	r->p += strspn(r->p, " \t");
}

/* Words that must all match, up to "or", a closing bracket or the end. */
static struct bz_limit *read_all(struct bz_limit_reader *r)
{
	struct bz_limit *all = bz_limit_node(BZ_LIMIT_ALL);

	for (skip_blanks(r); *r->p != '\0' && *r->p != ')' && or_length(r->p) == 0;
		skip_blanks(r)) {
		struct bz_limit *n = read_term(r);

		if (n == NULL) {
			bz_limit_free(all);
			return NULL;
		}
		g_ptr_array_add(all->kids, n);
	}
	return all;
}

static bool is_missing(const struct bz_limit *all)
{
	return all->kids->len == 0;
}

static struct bz_limit *read_any(struct bz_limit_reader *r)
{
	struct bz_limit *any = NULL, *all;

	for (;;) {
		const char *at;
		size_t n;

		all = read_all(r);
		at = r->p;
		n = or_length(r->p);
		if (all != NULL && is_missing(all) && (n > 0 || any != NULL || r->depth > 0)) {
			g_clear_pointer(&all, bz_limit_free);
			bz_limit_fault(r, at, _("a word is missing here"));
		}
		if (all == NULL) {
			bz_limit_free(any);
			return NULL;
		}
		if (n == 0 && any == NULL)
			return all;
		if (any == NULL)
			any = bz_limit_node(BZ_LIMIT_ANY);
		g_ptr_array_add(any->kids, all);
		if (n == 0)
			return any;
		r->p += n;
	}
}

static int column_of(const struct bz_limit_reader *r)
{
	return (int)g_utf8_strlen(r->text, r->fault - r->text) + 1;
}

struct bz_limit *bz_limit_parse(const char *words, int64_t now, int *column, struct bz_err *err)
{
	struct bz_limit_reader r = {.text = words, .p = words, .now = now, .err = err};
	struct bz_limit *limit = NULL;
	const char *bad = words;

	if (!g_utf8_validate(words, -1, &bad))
		bz_limit_fault(&r, bad, _("this is not UTF-8"));
	else if (strlen(words) > WORDS_MAX)
		bz_limit_fault(&r, words, _("these are too many words"));
	else
		limit = read_any(&r);
	if (limit != NULL && *r.p != '\0') {
		bz_limit_fault(&r, r.p, _("no \"(\" for this one"));
		g_clear_pointer(&limit, bz_limit_free);
	}
	if (limit == NULL && column != NULL)
		*column = column_of(&r);
	return limit;
}
