/* Bringing a folder's rows up to date: the window first, the rest in pieces (DESIGN section 8). */
#include "net/imap_box.h"
#include "net/imap_changes.h"
#include "net/imap_keep.h"
#include "net/imap_live.h"
#include "net/imap_rows.h"
#include "net/imap_sparse.h"
#include "src/lang.h"

#include <stdio.h>
#include <string.h>

struct refresh {
	struct imap_call call;
	struct imap_selecting select;
	struct imap_intake in;
	uint32_t want; /* rows of the window, counted from the newest */
	bool asked;    /* the FETCH is on its way */
	uint32_t old_uidnext, old_known;
	bool was_whole; /* the store held all of it once: marks are enough of what it knows */
	struct imap_result marks;
};

/* --- the window ------------------------------------------------------------------------------- */

/* At the sight of EXISTS: the newest rows by sequence number, in the same flight. */
static void ask_newest(void *me, uint32_t exists)
{
	struct refresh *r = me;
	uint32_t low = exists > r->want ? exists - r->want + 1 : 1;

	if (r->asked || exists == 0)
		return;
	r->asked = true;
	imap_intake_ask(&r->in, false, low, exists);
	r->call.rc = imap_submit(r->call.b->conn, &imap_intake_on, &r->in, NULL, r->call.err,
		"FETCH %u:%u %s", low, exists, IMAP_ROW_ITEMS);
}

/* Of rows that are known the marks alone. What comes is taken in by the command behind it. */
static int ask_marks(struct refresh *r, uint32_t low, uint32_t high)
{
	static const struct imap_on on = {.end = imap_on_end};

	return imap_submit(r->call.b->conn, &on, &r->marks, NULL, r->call.err,
		"UID FETCH %u:%u (UID FLAGS)", low, high);
}

/* A folder seen before: by UID, written together with SELECT. */
static int ask_ahead(struct refresh *r)
{
	uint32_t next = r->old_uidnext, low = next > r->want ? next - r->want : 1;
	uint32_t high = next > UINT32_MAX - IMAP_AHEAD ? UINT32_MAX : next + IMAP_AHEAD;

	if (next == 0 || r->old_known == 0)
		return 0;
	r->asked = true;
	imap_intake_ask(&r->in, true, low, high);
	if (r->was_whole && ask_marks(r, low, next - 1) != 0)
		return -1;
	low = r->was_whole ? next : low;
	return imap_submit(r->call.b->conn, &imap_intake_on, &r->in, NULL, r->call.err,
		"UID FETCH %u:%u %s", low, high, IMAP_ROW_ITEMS);
}

static int look_up_old(struct refresh *r, const char *name)
{
	struct bz_backend *b = r->call.b;
	g_autofree char *note = NULL;
	struct bz_folder folder;
	uint32_t unseen;
	int rc = bz_store_folder_by_name(b->store, name, &folder, r->call.err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	r->old_uidnext = folder.uidnext;
	note = bz_store_folder_get_note(b->store, folder.id);
	r->was_whole = folder.uidnext > 1 && imap_note_modseq(note, folder.uidvalidity) > 0;
	rc = bz_store_count(b->store, folder.id, &r->old_known, &unseen, r->call.err);
	bz_folder_clear(&folder);
	return rc;
}

static enum bz_change_kind kind_of_window(const struct refresh *r)
{
	if (r->old_known == 0 || r->select.dropped)
		return r->select.dropped ? BZ_CHANGE_REBUILD : BZ_CHANGE_OLDER;
	for (guint i = 0; i < r->in.rows->len; i++)
		if (g_array_index(r->in.rows, struct bz_summary, i).uid < r->old_uidnext)
			return BZ_CHANGE_REBUILD;
	return BZ_CHANGE_NEWER;
}

/* Only rows that are really new decide the kind: known ones among the window are no change. */
static void forget_known(struct refresh *r)
{
	struct bz_backend *b = r->call.b;

	for (guint i = r->in.rows->len; i > 0; i--) {
		const struct bz_summary *row = &g_array_index(r->in.rows, struct bz_summary, i - 1);
		struct bz_summary old;
		struct imap_uid_flags f = {row->uid, row->flags};

		if (bz_store_by_uid(b->store, b->box.folder, row->uid, &old, NULL) != 0)
			continue;
		bz_summary_clear(&old);
		g_array_append_val(r->in.flags, f);
		g_array_remove_index(r->in.rows, i - 1);
	}
}

/* The rows told, and away with those that were asked for and not told. */
static int store_window(struct refresh *r)
{
	struct imap_intake *in = &r->in;
	const struct bz_job *job = r->call.job;
	struct bz_err *err = r->call.err;
	GArray *unknown = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc;

	imap_intake_sort(in);
	forget_known(r);
	rc = imap_put_flags(in, job, unknown, err);
	if (rc == 0 && unknown->len > 0)
		rc = imap_fetch_unknown(r->call.b, job, unknown, err);
	g_array_unref(unknown);
	if (rc != 0 || imap_put_rows(in, job, kind_of_window(r), err) != 0)
		return -1;
	if (in->by_uid)
		return imap_drop_gone(in, job, in->low, in->high, err);
	if (imap_intake_is_top(in))
		return imap_drop_gone(in, job, imap_intake_lowest(in), UINT32_MAX, err);
	return 0;
}

/* Does the store know rows older than low_uid, but for those that stand apart? */
static int look_below(struct bz_backend *b, uint32_t low_uid, struct bz_err *err)
{
	GArray *below = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t from = imap_sparse_from(b);
	int rc = bz_store_uids(
		b->store, b->box.folder, from, low_uid > 0 ? low_uid - 1 : UINT32_MAX, below, err);

	b->box.known_below = below->len > 0;
	b->box.known_n = below->len;
	g_array_unref(below);
	return rc;
}

static bool is_full(const struct refresh *r)
{
	return imap_intake_is_top(&r->in) && r->in.uids->len >= MIN(r->want, r->call.b->box.exists);
}

/* UIDs have gaps, and more may have come than was asked for ahead: then the window by
 * its numbers. */
static int top_up(struct refresh *r)
{
	struct bz_backend *b = r->call.b;

	if (b->box.exists == 0 || is_full(r))
		return 0;
	r->asked = false;
	ask_newest(r, b->box.exists);
	if (r->call.rc != 0 || imap_go(b, r->call.job, NULL, r->call.err) != 0 ||
		imap_check(&r->in.result, r->call.err, _("The server did not list the folder.")) !=
			0)
		return -1;
	return store_window(r);
}

/* Of a folder of which nothing was known, all is known down to the window's end. */
static int open_sparse(struct refresh *r)
{
	bool fresh = (r->old_known == 0 || r->select.dropped) && imap_intake_is_top(&r->in);

	return imap_sparse_open(r->call.b, fresh ? imap_intake_lowest(&r->in) : 0, r->call.err);
}

/* Where the background goes on: below the window, where that is the top of the folder as it
 * is now. */
static int begin_pass(struct refresh *r)
{
	struct imap_box *box = &r->call.b->box;
	bool below = imap_intake_is_top(&r->in) && !box->moved;

	box->next = below ? r->in.first - 1 : box->exists;
	box->low_uid = below ? imap_intake_lowest(&r->in) : 0;
	box->passing = box->moved || !imap_note_is_same(r->call.b);
	box->passes = 0;
	box->is_cut = false;
	if (box->passing)
		imap_changes_begin_noted(r->call.b);
	if (r->call.b->live.uids != NULL) /* the marks were looked at, or will be */
		r->call.b->live.look = false;
	box->moved = false;
	if (open_sparse(r) != 0)
		return -1;
	return look_below(r->call.b, box->low_uid, r->call.err);
}

/* What was told of messages by their old numbers is of no use. */
static void forget_old(struct refresh *r)
{
	r->old_known = 0;
	if (r->was_whole)
		imap_intake_ask(&r->in, false, 0, 0);
	r->was_whole = false;
}

static int run_refresh(struct refresh *r, const char *name)
{
	struct bz_backend *b = r->call.b;
	struct imap_result login;

	r->select = (struct imap_selecting){.call = &r->call,
		.name = name,
		.write = b->box.writable && g_strcmp0(b->box.name, name) == 0,
		.on_exists = ask_newest,
		.me = r};
	if (look_up_old(r, name) != 0 || imap_open(b, r->call.job, &login, r->call.err) != 0 ||
		imap_submit_select(&r->select) != 0 || ask_ahead(r) != 0 ||
		imap_go(b, r->call.job, &login, r->call.err) != 0 ||
		imap_selected(&r->select) != 0 ||
		imap_check(&r->marks, r->call.err, _("The server did not list the folder.")) != 0 ||
		imap_check(&r->in.result, r->call.err, _("The server did not list the folder.")) !=
			0)
		return -1;
	if (r->select.dropped)
		forget_old(r);
	if (store_window(r) != 0 || top_up(r) != 0 || begin_pass(r) != 0)
		return -1;
	return imap_put_counts(b, r->call.job, !b->box.passing || b->box.next == 0, r->call.err);
}

int imap_refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	struct refresh r = {.call = {b, job, err, 0}};
	int rc;

	r.want = CLAMP(window.first + window.count, 20, IMAP_BATCH);
	imap_intake_init(&r.in, b);
	rc = run_refresh(&r, name);
	imap_intake_clear(&r.in);
	return rc;
}

/* --- the rest, newest first ------------------------------------------------------------------- */

static int fetch_range(struct imap_intake *in, const struct bz_job *job, uint32_t low,
	uint32_t high, const char *items, struct bz_err *err)
{
	struct bz_backend *b = in->b;
	struct imap_box *box = &b->box;
	uint32_t lowest;

	imap_intake_ask(in, false, low, high);
	if (imap_submit(b->conn, &imap_intake_on, in, NULL, err, "FETCH %u:%u %s", low, high,
		    items) != 0 ||
		imap_intake_wait(in, job, err) != 0)
		return -1;
	lowest = imap_intake_lowest(in);
	if (lowest > 0)
		box->low_uid = box->low_uid > 0 ? MIN(box->low_uid, lowest) : lowest;
	return 0;
}

/* Rows that other devices' mail left us without: by UID, as a set of at most IMAP_BATCH. */
int imap_fetch_unknown(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err)
{
	GArray *beside = g_array_new(FALSE, FALSE, sizeof(uint32_t)); /* marks told by the way */
	GString *set = g_string_new(NULL);
	struct imap_intake in;
	int rc;

	for (guint i = 0; i < uids->len; i++)
		g_string_append_printf(
			set, "%s%u", i > 0 ? "," : "", g_array_index(uids, uint32_t, i));
	imap_intake_init(&in, b);
	imap_intake_ask(&in, true, 1, UINT32_MAX);
	rc = imap_submit(b->conn, &imap_intake_on, &in, NULL, err, "UID FETCH %s %s", set->str,
		IMAP_ROW_ITEMS);
	g_string_free(set, TRUE);
	if (rc == 0)
		rc = imap_intake_wait(&in, job, err);
	if (rc == 0)
		rc = imap_put_flags(&in, job, beside, err);
	if (rc == 0)
		rc = imap_put_rows(&in, job, BZ_CHANGE_REBUILD, err);
	imap_intake_clear(&in);
	g_array_unref(beside);
	return rc;
}

static int sync_known(struct imap_intake *in, const struct bz_job *job, uint32_t low, uint32_t high,
	struct bz_err *err)
{
	GArray *unknown = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = fetch_range(in, job, low, high, "(UID FLAGS)", err);

	if (rc == 0)
		rc = imap_put_flags(in, job, unknown, err);
	if (rc == 0 && unknown->len > 0)
		rc = imap_fetch_unknown(in->b, job, unknown, err);
	if (rc == 0 && in->uids->len > 0 &&
		(unknown->len == in->uids->len || in->b->account->keep != BZ_KEEP_ALL))
		rc = look_below(in->b, imap_intake_lowest(in), err);
	g_array_unref(unknown);
	return rc;
}

static int sync_unknown(struct imap_intake *in, const struct bz_job *job, uint32_t low,
	uint32_t high, struct bz_err *err)
{
	int apart;

	if (fetch_range(in, job, low, high, IMAP_ROW_ITEMS, err) != 0)
		return -1;
	apart = imap_sparse_has_rows(in->b, imap_intake_lowest(in), err);
	if (apart < 0)
		return -1;
	return imap_put_rows(in, job, apart > 0 ? BZ_CHANGE_REBUILD : BZ_CHANGE_OLDER, err);
}

/* What lies between a piece and the one above it is gone; above the first, all that is there was
 * told, where nothing came since. */
static int drop_between(struct imap_intake *in, const struct bz_job *job, uint32_t high,
	uint32_t low_above, struct bz_err *err)
{
	uint32_t above = g_array_index(in->uids, uint32_t, in->uids->len - 1);

	if (low_above > 0)
		above = low_above - 1;
	else if (high == in->b->box.exists)
		above = UINT32_MAX;
	return imap_drop_gone(in, job, imap_intake_lowest(in), above, err);
}

static int sync_piece(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;
	uint32_t n = imap_keep_piece(b, job, box->known_n);
	uint32_t high = box->next, low = high > n ? high - n + 1 : 1;
	uint32_t low_above = box->low_uid;
	struct imap_intake in;
	int rc;

	box->next = low - 1; /* now, so that an EXPUNGE with the answer finds it so */
	imap_intake_init(&in, b);
	rc = box->known_below ? sync_known(&in, job, low, high, err)
			      : sync_unknown(&in, job, low, high, err);
	if (rc == 0 && in.uids->len > 0)
		rc = drop_between(&in, job, high, low_above, err);
	else if (rc == 0)
		box->passing =
			false; /* a server that tells nothing of 500 messages: as good as it gets */
	if (rc == 0)
		rc = imap_sparse_lower(b, box->low_uid, err);
	imap_intake_clear(&in);
	return rc;
}

/* All that is older than the oldest is gone. */
static int drop_below(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	const struct imap_box *box = &b->box;
	struct imap_intake none;
	int rc = 0;

	imap_intake_init(&none, b);
	if (box->exists == 0)
		rc = imap_drop_gone(&none, job, 0, UINT32_MAX, err);
	else if (box->low_uid > 1)
		rc = imap_drop_gone(&none, job, 0, box->low_uid - 1, err);
	imap_intake_clear(&none);
	return rc;
}

/* What changed beside the pass is asked for, not looked for in another. */
static bool may_catch_up(const struct bz_backend *b)
{
	return b->qresync && b->box.modseq > 0;
}

static int end_pass(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;
	bool whole = !box->moved;

	if (drop_below(b, job, err) != 0)
		return -1;
	imap_sparse_close(b);
	b->live.lost = b->live.lost && !whole; /* else the pass saw it all */
	if (b->live.is_part)
		imap_live_clear(b);
	box->passing = (!whole || may_catch_up(b)) && ++box->passes < IMAP_PASSES;
	if (box->passing && may_catch_up(b))
		imap_changes_begin(b, box->modseq);
	box->moved = false;
	box->next = box->exists;
	box->low_uid = 0;
	box->known_below = true;
	if (imap_put_counts(b, job, true, err) != 0)
		return -1;
	return box->passing ? 0 : imap_note_write(b, whole, err);
}

int imap_background(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	int rc;

	*more = false;
	if (b->conn == NULL || b->box.name == NULL || !b->box.passing)
		return 0;
	if (imap_compress_once(b, job, err) != 0 ||
		(b->box.low_uid > 0 &&
			imap_live_fetch(b, job, err) != 0)) /* in the midst of a pass */
		return -1;
	if (imap_sparse_step(b, job, err) != 0)
		return -1;
	if (imap_changes_are_asked(b))
		rc = imap_changes_step(b, job, err);
	else if (b->box.next > 0 && imap_keep_is_enough(b, job))
		rc = imap_keep_end(b, job, err);
	else
		rc = b->box.next > 0 ? sync_piece(b, job, err) : end_pass(b, job, err);
	*more = rc == 0 && b->box.passing;
	return rc;
}
