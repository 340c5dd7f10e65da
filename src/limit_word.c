/* One limit word: the names that stand before a colon, mutt's letters, and their values. */
#include "src/fold.h"
#include "src/lang.h"
#include "src/limit_private.h"
#include "src/nearest.h"
#include "src/units.h"

#include <string.h>

/* Kinds that are no node of their own but take a value to make one. */
enum { TAKES_IS = 100, TAKES_HAS, TAKES_NEWER, TAKES_OLDER, TAKES_AFTER, TAKES_BEFORE, TAKES_ON };

static const struct field {
	const char *name;
	int kind;
} fields[] = {
	{"from", BZ_LIMIT_FROM},
	{"to", BZ_LIMIT_TO},
	{"cc", BZ_LIMIT_CC},
	{"subject", BZ_LIMIT_SUBJECT},
	{"body", BZ_LIMIT_BODY},
	{"id", BZ_LIMIT_ID},
	{"is", TAKES_IS},
	{"has", TAKES_HAS},
	{"newer", TAKES_NEWER},
	{"older", TAKES_OLDER},
	{"after", TAKES_AFTER},
	{"before", TAKES_BEFORE},
	{"on", TAKES_ON},
	{"size", BZ_LIMIT_SIZE},
	/* Spanish */
	{"de", BZ_LIMIT_FROM},
	{"para", BZ_LIMIT_TO},
	{"asunto", BZ_LIMIT_SUBJECT},
	{"texto", BZ_LIMIT_BODY},
	{"es", TAKES_IS},
	{"con", TAKES_HAS},
	{"reciente", TAKES_NEWER},
	{"antiguo", TAKES_OLDER},
	{"desde", TAKES_AFTER},
	{"hasta", TAKES_BEFORE},
	{"dia", TAKES_ON},
	{"tamano", BZ_LIMIT_SIZE},
};

static const struct state {
	const char *name;
	unsigned mask, want;
} states[] = {
	{"unread", BZ_FLAG_SEEN, 0},
	{"read", BZ_FLAG_SEEN, BZ_FLAG_SEEN},
	{"flagged", BZ_FLAG_FLAGGED, BZ_FLAG_FLAGGED},
	{"replied", BZ_FLAG_ANSWERED, BZ_FLAG_ANSWERED},
	{"draft", BZ_FLAG_DRAFT, BZ_FLAG_DRAFT},
	{"noleido", BZ_FLAG_SEEN, 0},
	{"leido", BZ_FLAG_SEEN, BZ_FLAG_SEEN},
	{"marcado", BZ_FLAG_FLAGGED, BZ_FLAG_FLAGGED},
	{"respondido", BZ_FLAG_ANSWERED, BZ_FLAG_ANSWERED},
	{"borrador", BZ_FLAG_DRAFT, BZ_FLAG_DRAFT},
};

/* mutt's letters; a state's mask says that no value follows */
static const struct atom {
	char letter;
	int kind;
	unsigned mask, want;
} atoms[] = {
	{'f', BZ_LIMIT_FROM, 0, 0},
	{'t', BZ_LIMIT_TO, 0, 0},
	{'c', BZ_LIMIT_CC, 0, 0},
	{'C', BZ_LIMIT_TO_CC, 0, 0},
	{'s', BZ_LIMIT_SUBJECT, 0, 0},
	{'b', BZ_LIMIT_BODY, 0, 0},
	{'i', BZ_LIMIT_ID, 0, 0},
	{'z', BZ_LIMIT_SIZE, 0, 0},
	{'d', BZ_LIMIT_DATE, 0, 0},
	{'N', BZ_LIMIT_FLAG, BZ_FLAG_SEEN, 0},
	{'U', BZ_LIMIT_FLAG, BZ_FLAG_SEEN, 0},
	{'R', BZ_LIMIT_FLAG, BZ_FLAG_SEEN, BZ_FLAG_SEEN},
	{'F', BZ_LIMIT_FLAG, BZ_FLAG_FLAGGED, BZ_FLAG_FLAGGED},
	{'Q', BZ_LIMIT_FLAG, BZ_FLAG_ANSWERED, BZ_FLAG_ANSWERED},
	{'D', BZ_LIMIT_FLAG, BZ_FLAG_DELETED, BZ_FLAG_DELETED},
};

static struct bz_limit *range(enum bz_limit_kind kind, int64_t low, int64_t high)
{
	struct bz_limit *n = bz_limit_node(kind);

	n->low = low;
	n->high = high;
	return n;
}

/* --- times ------------------------------------------------------------------------------------ */

static struct bz_limit *make_age(
	struct bz_limit_reader *r, const char *at, const char *value, bool newer)
{
	int64_t when;

	if (!bz_limit_ago(value, r->now, &when))
		return bz_limit_fault(r, at,
			_("\"%s\" is no time; write 7d, 2w, 3m or 1y (days, weeks, months, years)"),
			value);
	return newer ? range(BZ_LIMIT_DATE, when, INT64_MAX)
		     : range(BZ_LIMIT_DATE, INT64_MIN + 1, when);
}

static struct bz_limit *make_day(
	struct bz_limit_reader *r, const char *at, const char *value, int kind)
{
	int64_t low, high;

	if (!bz_limit_day(value, r->now, &low, &high))
		return bz_limit_fault(
			r, at, _("\"%s\" is no day; write 2026-10-01, 2026-10 or 2026"), value);
	if (kind == TAKES_ON)
		return range(BZ_LIMIT_DATE, low, high);
	return kind == TAKES_AFTER ? range(BZ_LIMIT_DATE, low, INT64_MAX)
				   : range(BZ_LIMIT_DATE, INT64_MIN + 1, low);
}

/* mutt's ~d: <7d, >2m, or a day; DAY- and -DAY for from and up to it. */
static struct bz_limit *make_mutt_date(struct bz_limit_reader *r, const char *at, const char *value)
{
	size_t n = strlen(value);
	g_autofree char *day = NULL;
	struct bz_limit *made;

	if (value[0] == '<' || value[0] == '>')
		return make_age(r, at, value + 1, value[0] == '<');
	if (value[0] == '-') { /* that day included */
		made = make_day(r, at, value + 1, TAKES_ON);
		if (made != NULL)
			made->low = INT64_MIN + 1;
		return made;
	}
	if (n > 1 && value[n - 1] == '-') {
		day = g_strndup(value, n - 1);
		return make_day(r, at, day, TAKES_AFTER);
	}
	return make_day(r, at, value, TAKES_ON);
}

/* --- one word --------------------------------------------------------------------------------- */

bool bz_limit_ends(const char *p)
{
	return *p == '\0' || *p == ' ' || *p == '\t' || *p == '(' || *p == ')';
}

/* What stands here up to the next blank or bracket, quotes taken off; "" when nothing does. NULL
 * after a fault. */
static char *take_value(struct bz_limit_reader *r)
{
	GString *out = g_string_new(NULL);

	while (!bz_limit_ends(r->p)) {
		const char *close;

		if (*r->p != '"') {
			g_string_append_c(out, *r->p++);
			continue;
		}
		close = strchr(r->p + 1, '"');
		if (close == NULL) {
			bz_limit_fault(r, r->p, _("no second \" for this one"));
			g_string_free(out, TRUE);
			return NULL;
		}
		g_string_append_len(out, r->p + 1, close - r->p - 1);
		r->p = close + 1;
	}
	return g_string_free(out, FALSE);
}

static struct bz_limit *make_word(
	struct bz_limit_reader *r, const char *at, const char *value, enum bz_limit_kind kind)
{
	struct bz_limit *n = bz_limit_node(kind);

	n->word = g_strchomp(bz_limit_squeeze(bz_fold(value)));
	n->said = g_strchomp(bz_limit_squeeze(g_strdup(value)));
	if (n->word[0] != '\0')
		return n;
	bz_limit_free(n);
	return bz_limit_fault(r, at, _("a word is missing here"));
}

static struct bz_limit *make_size(struct bz_limit_reader *r, const char *at, const char *value)
{
	uint64_t bytes;

	if ((value[0] != '<' && value[0] != '>') || !bz_units_size(value + 1, &bytes))
		return bz_limit_fault(r, at, _("\"%s\" is no size; write >1M or <10k"), value);
	return value[0] == '>' ? range(BZ_LIMIT_SIZE, (int64_t)bytes + 1, INT64_MAX)
			       : range(BZ_LIMIT_SIZE, 0, (int64_t)bytes);
}

static struct bz_limit *make_state(struct bz_limit_reader *r, const char *at, const char *value)
{
	const char *names[G_N_ELEMENTS(states) + 1] = {NULL};
	g_autofree char *folded = bz_fold(value);
	const char *near;

	for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
		struct bz_limit *n;

		names[i] = states[i].name;
		if (strcmp(folded, names[i]) != 0)
			continue;
		n = bz_limit_node(BZ_LIMIT_FLAG);
		n->mask = states[i].mask;
		n->want = states[i].want;
		return n;
	}
	near = bz_nearest(folded, names);
	if (near != NULL)
		return bz_limit_fault(
			r, at, _("\"is:%s\" means nothing; did you mean \"is:%s\"?"), value, near);
	return bz_limit_fault(r, at,
		_("\"is:%s\" means nothing; there are unread, read, flagged, replied and draft"),
		value);
}

static struct bz_limit *make_has(struct bz_limit_reader *r, const char *at, const char *value)
{
	g_autofree char *folded = bz_fold(value);
	struct bz_limit *n;

	if (strcmp(folded, "attachment") != 0 && strcmp(folded, "adjunto") != 0)
		return bz_limit_fault(r, at,
			_("\"has:%s\" means nothing; did you mean \"has:attachment\"?"), value);
	n = bz_limit_node(BZ_LIMIT_FLAG);
	n->mask = n->want = BZ_FLAG_ATTACH;
	return n;
}

static struct bz_limit *make(struct bz_limit_reader *r, const char *at, const char *value, int kind)
{
	if (value[0] == '\0')
		return bz_limit_fault(r, at, _("a word is missing here"));
	switch (kind) {
	case TAKES_IS:
		return make_state(r, at, value);
	case TAKES_HAS:
		return make_has(r, at, value);
	case TAKES_NEWER:
	case TAKES_OLDER:
		return make_age(r, at, value, kind == TAKES_NEWER);
	case TAKES_AFTER:
	case TAKES_BEFORE:
	case TAKES_ON:
		return make_day(r, at, value, kind);
	case BZ_LIMIT_DATE:
		return make_mutt_date(r, at, value);
	case BZ_LIMIT_SIZE:
		return make_size(r, at, value);
	default:
		return make_word(r, at, value, (enum bz_limit_kind)kind);
	}
}

/* NAME: at r->p: its length with the colon, or 0. Quoted words name no field. */
static size_t field_length(const char *p)
{
	size_t n = 0;

	while (!bz_limit_ends(p + n) && p[n] != ':' && p[n] != '"')
		n++;
	return n > 0 && p[n] == ':' ? n + 1 : 0;
}

static const struct field *find_field(struct bz_limit_reader *r, size_t length)
{
	const char *names[G_N_ELEMENTS(fields) + 1] = {NULL};
	g_autofree char *typed = g_strndup(r->p, length - 1);
	g_autofree char *folded = bz_fold(typed);
	const char *near;

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		names[i] = fields[i].name;
		if (strcmp(folded, names[i]) == 0)
			return &fields[i];
	}
	near = bz_nearest(folded, names);
	if (near != NULL)
		bz_limit_fault(
			r, r->p, _("there is no \"%s:\"; did you mean \"%s:\"?"), typed, near);
	else
		bz_limit_fault(r, r->p,
			_("there is no \"%s:\"; to look for the word itself write it in quotes"),
			typed);
	return NULL;
}

/* ~X, with the word behind it where the letter wants one. */
static struct bz_limit *read_atom(struct bz_limit_reader *r)
{
	const char *at = r->p, letter = r->p[1];
	g_autofree char *value = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(atoms); i++) {
		const struct atom *a = &atoms[i];
		struct bz_limit *n;

		if (a->letter != letter)
			continue;
		r->p += 2;
		if (a->kind == BZ_LIMIT_FLAG) {
			n = bz_limit_node(BZ_LIMIT_FLAG);
			n->mask = a->mask;
			n->want = a->want;
			return n;
		}
		r->p += strspn(r->p, " \t");
		value = take_value(r);
		return value != NULL ? make(r, at, value, a->kind) : NULL;
	}
	return bz_limit_fault(r, at, _("buzon does not know this letter behind ~"));
}

struct bz_limit *bz_limit_read_word(struct bz_limit_reader *r)
{
	size_t length = field_length(r->p);
	const char *at;
	int kind = BZ_LIMIT_WORD;
	g_autofree char *value = NULL;

	if (*r->p == '~')
		return read_atom(r);
	if (length > 0) {
		const struct field *f = find_field(r, length);

		if (f == NULL)
			return NULL;
		kind = f->kind;
		r->p += length;
	}
	at = r->p;
	value = take_value(r);
	return value != NULL ? make(r, at, value, kind) : NULL;
}
