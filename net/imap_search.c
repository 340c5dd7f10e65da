/* The server's SEARCH: asked in windows of messages, newest first, so that no answer is longer than
 * it may be; what it names and the store does not know is fetched. An answer is waited for as long
 * as nobody minds: then it is left to come when it comes, and what is asked next stands behind it.
 */
#include "net/imap_search.h"
#include "net/imap_rows.h"
#include "net/imap_sparse.h"
#include "net/imap_uidset.h"
#include "net/login.h"
#include "src/lang.h"

#include <string.h>

enum {
	WINDOW = 50000, /* messages that one SEARCH is about: its answer is below the cutter's line
			 */
	ROWS_MAX = 5000 /* fetched for one search */
};

#define SEARCH_SECONDS 600.0 /* a server may have to read all of its mail */
#define SILENT_SECONDS 120.0

/* A SEARCH or FETCH on its way. It outlives the call that asked, for its answer may come later. */
struct imap_finding {
	uint64_t ticket;
	bool answered;
	struct imap_result result;
	GArray *uids; /* SEARCH: told; FETCH: asked */
	size_t most;
	bool odd;
	uint32_t low;          /* SEARCH: of the window */
	struct imap_intake in; /* FETCH */
};

struct search {
	struct imap_call call;
	const char *name;
	const struct bz_limit *limit;
	struct bz_search *s;
};

/* --- a command that may be left alone --------------------------------------------------------- */

void imap_search_forget(struct bz_backend *b)
{
	struct imap_finding *f = b->finding;

	if (f == NULL)
		return;
	imap_intake_clear(&f->in);
	g_array_unref(f->uids);
	g_free(f);
	b->finding = NULL;
}

bool imap_search_is_open(const struct bz_backend *b)
{
	return b->finding != NULL && !b->finding->answered;
}

static struct imap_finding *renew(struct search *x)
{
	struct bz_backend *b = x->call.b;
	struct imap_finding *f = g_new0(struct imap_finding, 1);

	imap_search_forget(b);
	f->ticket = x->s->ticket = ++b->last_finding;
	f->uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	imap_intake_init(&f->in, b);
	return b->finding = f;
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct imap_finding *f = me;

	if (r->kind == IMAP_SEARCH)
		f->odd = f->odd || !imap_uidset_read(f->uids, r->text, f->most);
	else
		imap_intake_on.untagged(&f->in, r);
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct imap_finding *f = me;

	f->answered = true;
	imap_on_end(&f->result, end, code, text);
}

static const struct imap_on finding_on = {.untagged = on_untagged, .end = on_end};

static bool is_given_up(void *job)
{
	const struct bz_job *j = job;

	return g_cancellable_is_cancelled(j->cancel) || j->report->urgent(j->report->me);
}

/* Write what is queued and read on, as long as nobody minds. Half a command cannot be left alone.
 */
static int run(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	const struct bz_hurry usual = {job->report->urgent, job->report->me, BZ_IMAP_PATIENCE};
	const struct bz_hurry patient = {is_given_up, (void *)(uintptr_t)job, 0};
	int rc;

	bz_stream_limits(b->stream, bz_now() + SEARCH_SECONDS, SILENT_SECONDS, BZ_GUARD_LITERAL_MAX,
		job->cancel);
	if (imap_write(b->conn, err) != 0)
		return -1;
	if (!imap_is_mid_command(b->conn)) {
		bz_stream_set_cancel(b->stream, NULL);
		bz_stream_set_hurry(b->stream, &patient);
	} else {
		bz_stream_set_hurry(b->stream, &(struct bz_hurry){0});
	}
	rc = imap_run(b->conn, err);
	bz_stream_set_hurry(b->stream, &usual);
	return rc;
}

/* 0 answered, 1 not yet, -1. */
static int await(struct search *x)
{
	struct bz_backend *b = x->call.b;
	struct bz_err err = {0};

	if (!imap_search_is_open(b) || run(b, x->call.job, &err) == 0)
		return 0;
	if (err.code == BZ_CODE_HURRY && !g_cancellable_is_cancelled(x->call.job->cancel))
		return 1;
	if (err.code == BZ_CODE_HURRY)
		err.code = BZ_CODE_LINE_KEPT;
	*x->call.err = err;
	return -1;
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum imap_words words_of(const struct search *x)
{
	if (x->s->is_plain)
		return IMAP_WORDS_PLAIN;
	return (imap_caps(x->call.b->conn) & IMAP_CAP_LITERAL_PLUS) != 0 ? IMAP_WORDS_AT_ONCE
									 : IMAP_WORDS_WAITING;
}

static int no_such_letters(const struct search *x)
{
	return bz_err_set(x->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("%s looks for letters without accents (a to z) alone."),
		x->call.b->account->host);
}

/* The messages low to high, by their numbers; all of them without naming any. */
static int submit(struct search *x, const char *keys, bool coded, uint32_t low, uint32_t high)
{
	struct bz_backend *b = x->call.b;
	bool extended = (imap_caps(b->conn) & IMAP_CAP_ESEARCH) != 0;
	bool whole = low == 1 && high == b->box.exists;
	g_autofree char *span = whole ? g_strdup("") : g_strdup_printf("%u:%u ", low, high);
	bool waits = words_of(x) == IMAP_WORDS_WAITING;
	g_auto(GStrv) lines = g_strsplit(keys, "\n", waits ? 2 : 1);
	struct imap_finding *f = renew(x);

	f->low = low;
	f->most = (size_t)(high - low) + 1 + (whole ? IMAP_AHEAD : 0);
	return imap_submit(b->conn, &finding_on, f, waits ? lines[1] : NULL, x->call.err,
		"UID SEARCH %s%s%s%s", extended ? "RETURN (ALL) " : "",
		coded ? "CHARSET UTF-8 " : "", span, lines[0]);
}

/* The next window, downwards: removals move numbers down, so none is missed. */
static int ask(struct search *x)
{
	struct bz_search *s = x->s;
	uint32_t high = MIN(s->low - 1, x->call.b->box.exists);
	uint32_t low = high > WINDOW ? high - WINDOW + 1 : 1;
	bool coded;
	g_autofree char *keys = imap_keys(x->limit, words_of(x), &coded);

	if (keys == NULL)
		return no_such_letters(x);
	if (high == 0) {
		s->low = 1;
		return 0;
	}
	return submit(x, keys, coded, low, high);
}

static bool is_bad_charset(const struct imap_finding *f)
{
	return f->result.end == IMAP_NO &&
	       g_ascii_strncasecmp(f->result.code, "BADCHARSET", strlen("BADCHARSET")) == 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Those of the found that the store has no row of. */
static int add_missing(struct search *x, GArray *found)
{
	GArray *known = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_backend *b = x->call.b;
	int rc = 0;

	g_array_sort(found, bz_uid_compare);
	if (found->len > 0)
		rc = bz_store_uids(b->store, b->box.folder, g_array_index(found, uint32_t, 0),
			g_array_index(found, uint32_t, found->len - 1), known, x->call.err);
	for (guint i = 0, k = 0; i < found->len && rc == 0; i++) {
		uint32_t uid = g_array_index(found, uint32_t, i);

		while (k < known->len && g_array_index(known, uint32_t, k) < uid)
			k++;
		if ((k == known->len || g_array_index(known, uint32_t, k) != uid) &&
			(i == 0 || g_array_index(found, uint32_t, i - 1) != uid))
			g_array_append_val(x->s->missing, uid);
	}
	g_array_unref(known);
	return rc;
}

static int take_found(struct search *x)
{
	struct imap_finding *f = x->call.b->finding;
	struct bz_search *s = x->s;

	if (is_bad_charset(f) && !s->is_plain) {
		s->is_plain = true; /* this window again */
		return 0;
	}
	if (imap_check(&f->result, x->call.err, _("The server did not search the folder.")) != 0)
		return -1;
	if (f->odd)
		return bz_err_set(x->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("%s answered the search with what makes no sense; nothing of it was "
			  "used."),
			x->call.b->account->host);
	if (add_missing(x, f->uids) != 0)
		return -1;
	g_array_append_vals(s->uids, f->uids->data, f->uids->len);
	s->low = f->low;
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int ask_rows(struct search *x)
{
	struct bz_backend *b = x->call.b;
	GArray *missing = x->s->missing;
	guint n = MIN(missing->len, IMAP_SET_UIDS);
	const uint32_t *uids = &g_array_index(missing, uint32_t, missing->len - n);
	struct imap_finding *f = renew(x);
	GString *set = g_string_new(NULL);
	int rc;

	n = (guint)imap_uidset_add(set, uids, n);
	imap_intake_ask(&f->in, true, uids[0], uids[n - 1]);
	g_array_append_vals(f->uids, uids, n);
	rc = imap_submit(b->conn, &finding_on, f, NULL, x->call.err, "UID FETCH %s %s", set->str,
		IMAP_ROW_ITEMS);
	g_string_free(set, TRUE);
	return rc;
}

/* Nobody is listed who was not asked for. */
static void drop_unasked(struct imap_finding *f)
{
	for (guint i = f->in.rows->len; i > 0; i--) {
		uint32_t uid = g_array_index(f->in.rows, struct bz_summary, i - 1).uid;

		if (!bz_uid_is_in(f->uids, uid))
			g_array_remove_index(f->in.rows, i - 1);
	}
}

static int take_rows(struct search *x)
{
	struct bz_backend *b = x->call.b;
	struct imap_finding *f = b->finding;
	struct bz_search *s = x->s;

	if (imap_check(&f->result, x->call.err, _("The server did not list the folder.")) != 0)
		return -1;
	imap_intake_sort(&f->in);
	drop_unasked(f);
	g_array_set_size(s->missing, s->missing->len - MIN(f->uids->len, s->missing->len));
	s->fetched += f->uids->len;
	if (imap_sparse_from(b) == 0)
		b->box.known_below = b->box.known_below || f->in.rows->len > 0;
	return imap_put_rows(&f->in, x->call.job, BZ_CHANGE_REBUILD, x->call.err);
}

/* --- the pieces ------------------------------------------------------------------------------- */

static void begin(struct search *x)
{
	struct bz_search *s = x->s;

	bz_search_clear(s);
	*s = (struct bz_search){.is_begun = true,
		.uids = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
		.missing = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
		.uidvalidity = x->call.b->box.uidvalidity,
		.low = UINT32_MAX};
}

static bool is_mine(const struct search *x)
{
	const struct imap_finding *f = x->call.b->finding;

	return f != NULL && x->s->ticket == f->ticket;
}

/* The folder is selected, and nobody else's answer is still to come: data of a SEARCH says not
 * whose it is. 0 yes, 1 not yet, -1. */
static int enter(struct search *x)
{
	struct bz_backend *b = x->call.b;
	int rc = b->conn != NULL ? await(x) : 0;

	if (rc != 0)
		return rc;
	if (is_mine(x) && g_strcmp0(b->box.name, x->name) == 0)
		return 0;
	if (imap_select(b, x->call.job, x->name, false, x->call.err) != 0 ||
		imap_know_caps(&x->call, IMAP_CAP_ESEARCH | IMAP_CAP_LITERAL_PLUS) != 0)
		return -1;
	if (!x->s->is_begun || x->s->uidvalidity != b->box.uidvalidity)
		begin(x);
	return 0;
}

/* The answer that came, into the store; what was asked and never answered is asked again. */
static int take(struct search *x, bool rows)
{
	int rc = rows ? take_rows(x) : take_found(x);

	x->s->ticket = 0;
	return rc;
}

static bool is_full(struct bz_search *s)
{
	s->is_cut = s->is_cut || (s->fetched >= ROWS_MAX && (s->missing->len > 0 || s->low > 1));
	return s->is_cut;
}

int imap_search(struct bz_backend *b, const struct bz_job *job, const char *name,
	const struct bz_limit *limit, struct bz_search *s, bool *more, struct bz_err *err)
{
	struct search x = {{b, job, err, 0}, name, limit, s};
	bool rows;
	int rc = enter(&x);

	*more = rc == 1;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rows = s->missing->len > 0;
	if (!is_mine(&x) && (rows ? ask_rows(&x) : ask(&x)) != 0)
		return -1;
	rc = await(&x);
	if (rc == 0 && is_mine(&x))
		rc = take(&x, rows);
	*more = rc == 1 || (rc == 0 && (s->missing->len > 0 || s->low > 1) && !is_full(s));
	return rc < 0 ? -1 : 0;
}
