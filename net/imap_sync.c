/* Bringing a folder's rows up to date: the window first, the rest in pieces (DESIGN section 8). */
#include "net/imap_box.h"
#include "net/imap_rows.h"
#include "src/lang.h"

#include <stdio.h>
#include <string.h>

struct refresh {
	struct imap_call call;
	struct imap_selecting select;
	struct imap_intake in;
	uint32_t want;        /* rows of the window, counted from the newest */
	uint32_t first_uid, last_uid; /* asked for ahead by UID; 0 = by sequence number at EXISTS */
	uint32_t asked_exists;
	uint32_t old_uidnext, old_known;
};

/* Nothing changed since a pass over the whole folder ended? Needs the server's HIGHESTMODSEQ. */
static char *make_note(const struct imap_box *box)
{
	return box->modseq > 0 ? g_strdup_printf("%u %u %u %" G_GUINT64_FORMAT, box->uidvalidity,
					 box->uidnext, box->exists, box->modseq)
			       : NULL;
}

static bool is_as_noted(struct bz_backend *b)
{
	g_autofree char *now = make_note(&b->box);
	g_autofree char *then = bz_store_folder_get_note(b->store, b->box.folder);

	return now != NULL && g_strcmp0(now, then) == 0;
}

/* --- the window --------------------------------------------------------------------------------------------- */

/* At the sight of EXISTS: the newest rows by sequence number, in the same flight. */
static void ask_newest(void *me, uint32_t exists)
{
	struct refresh *r = me;

	if (r->asked_exists > 0 || exists == 0 || r->first_uid > 0)
		return;
	r->asked_exists = exists;
	r->call.rc = imap_submit(r->call.b->conn, &imap_intake_on, &r->in, NULL, r->call.err,
		"FETCH %u:%u %s", exists > r->want ? exists - r->want + 1 : 1, exists, IMAP_ROW_ITEMS);
}

/* A folder seen before: by UID, written together with SELECT. */
static int ask_ahead(struct refresh *r)
{
	if (r->old_uidnext == 0 || r->old_known == 0)
		return 0;
	r->first_uid = r->old_uidnext > r->want ? r->old_uidnext - r->want : 1;
	r->last_uid = r->old_uidnext > UINT32_MAX - IMAP_AHEAD ? UINT32_MAX
							       : r->old_uidnext + IMAP_AHEAD;
	return imap_submit(r->call.b->conn, &imap_intake_on, &r->in, NULL, r->call.err,
		"UID FETCH %u:%u %s", r->first_uid, r->last_uid, IMAP_ROW_ITEMS);
}

static int look_up_old(struct refresh *r, const char *name)
{
	struct bz_backend *b = r->call.b;
	struct bz_folder folder;
	uint32_t unseen;
	int rc = bz_store_folder_by_name(b->store, name, &folder, r->call.err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	r->old_uidnext = folder.uidnext;
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

static uint32_t lowest(const GArray *sorted)
{
	return sorted->len > 0 ? g_array_index(sorted, uint32_t, 0) : 0;
}

static int store_window(struct refresh *r)
{
	struct bz_backend *b = r->call.b;
	const struct bz_job *job = r->call.job;
	struct bz_err *err = r->call.err;
	GArray *unknown = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc;

	imap_intake_sort(&r->in);
	forget_known(r);
	rc = imap_put_flags(&r->in, job, unknown, err);
	g_array_unref(unknown);
	if (rc != 0 || imap_put_rows(&r->in, job, kind_of_window(r), err) != 0)
		return -1;
	if (r->first_uid > 0 && b->box.uidnext <= r->last_uid)
		return imap_drop_gone(&r->in, job, r->first_uid, UINT32_MAX, err);
	if (r->asked_exists > 0 && r->in.uids->len > 0)
		return imap_drop_gone(&r->in, job, lowest(r->in.uids), UINT32_MAX, err);
	return 0;
}

/* Does the store know rows older than low_uid? */
static int look_below(struct bz_backend *b, uint32_t low_uid, struct bz_err *err)
{
	GArray *below = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_uids(b->store, b->box.folder, 0, low_uid > 0 ? low_uid - 1 : UINT32_MAX,
		below, err);

	b->box.known_below = below->len > 0;
	g_array_unref(below);
	return rc;
}

/* Where the background goes on. */
static int begin_pass(struct refresh *r)
{
	struct imap_box *box = &r->call.b->box;
	bool to_the_top = r->first_uid == 0 || box->uidnext <= r->last_uid;

	box->next = box->exists;
	if (to_the_top && r->in.uids->len <= box->exists) {
		box->next -= r->in.uids->len;
		box->low_uid = lowest(r->in.uids);
	}
	box->moved = false;
	box->passing = !is_as_noted(r->call.b);
	return look_below(r->call.b, box->low_uid, r->call.err);
}

static int run_refresh(struct refresh *r, const char *name)
{
	struct bz_backend *b = r->call.b;
	struct imap_result login;

	r->select = (struct imap_selecting){
		.call = &r->call, .name = name, .on_exists = ask_newest, .me = r};
	if (look_up_old(r, name) != 0 || imap_open(b, r->call.job, &login, r->call.err) != 0 ||
		imap_submit_select(&r->select) != 0 || ask_ahead(r) != 0 ||
		imap_go(b, r->call.job, &login, r->call.err) != 0 || imap_selected(&r->select) != 0 ||
		imap_check(&r->in.result, r->call.err, _("The server did not list the folder.")) != 0)
		return -1;
	if (r->select.dropped)
		r->old_known = 0;
	if (store_window(r) != 0 || begin_pass(r) != 0)
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

/* --- the rest, newest first --------------------------------------------------------------------------------------- */

static int fetch_range(struct imap_intake *in, const struct bz_job *job, uint32_t low, uint32_t high,
	const char *items, struct bz_err *err)
{
	struct bz_backend *b = in->b;

	if (imap_submit(b->conn, &imap_intake_on, in, NULL, err, "FETCH %u:%u %s", low, high, items) != 0 ||
		imap_go(b, job, NULL, err) != 0 ||
		imap_check(&in->result, err, _("The server did not list the folder.")) != 0)
		return -1;
	imap_intake_sort(in);
	return 0;
}

/* Rows that other devices' mail left us without: by UID, as a set of at most IMAP_BATCH. */
static int fetch_unknown(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err)
{
	GString *set = g_string_new(NULL);
	struct imap_intake in;
	int rc;

	for (guint i = 0; i < uids->len; i++)
		g_string_append_printf(set, "%s%u", i > 0 ? "," : "", g_array_index(uids, uint32_t, i));
	imap_intake_init(&in, b);
	rc = imap_submit(b->conn, &imap_intake_on, &in, NULL, err, "UID FETCH %s %s", set->str,
		IMAP_ROW_ITEMS);
	g_string_free(set, TRUE);
	if (rc == 0)
		rc = imap_go(b, job, NULL, err);
	if (rc == 0)
		rc = imap_check(&in.result, err, _("The server did not list the folder."));
	imap_intake_sort(&in);
	if (rc == 0)
		rc = imap_put_rows(&in, job, BZ_CHANGE_REBUILD, err);
	imap_intake_clear(&in);
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
		rc = fetch_unknown(in->b, job, unknown, err);
	if (rc == 0 && unknown->len > 0 && unknown->len == in->uids->len)
		rc = look_below(in->b, lowest(in->uids), err);
	g_array_unref(unknown);
	return rc;
}

static int sync_unknown(struct imap_intake *in, const struct bz_job *job, uint32_t low, uint32_t high,
	struct bz_err *err)
{
	if (fetch_range(in, job, low, high, IMAP_ROW_ITEMS, err) != 0)
		return -1;
	return imap_put_rows(in, job, BZ_CHANGE_OLDER, err);
}

static int sync_piece(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;
	uint32_t high = box->next, low = high > IMAP_BATCH ? high - IMAP_BATCH + 1 : 1;
	uint32_t above = box->low_uid > 0 ? box->low_uid - 1 : UINT32_MAX;
	struct imap_intake in;
	int rc;

	imap_intake_init(&in, b);
	rc = box->known_below ? sync_known(&in, job, low, high, err)
			      : sync_unknown(&in, job, low, high, err);
	if (rc == 0 && in.uids->len > 0) {
		if (box->known_below)
			rc = imap_drop_gone(&in, job, lowest(in.uids), above, err);
		box->low_uid = lowest(in.uids);
	}
	box->next = MIN(box->next, low - 1); /* an EXPUNGE may have lowered it further */
	imap_intake_clear(&in);
	return rc;
}

static int end_pass(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;
	g_autofree char *note = make_note(box);
	struct imap_intake none;
	int rc = 0;

	imap_intake_init(&none, b);
	if (box->exists == 0 || box->low_uid > 1)
		rc = imap_drop_gone(
			&none, job, 0, box->exists == 0 ? UINT32_MAX : box->low_uid - 1, err);
	imap_intake_clear(&none);
	box->passing = box->moved;
	box->moved = false;
	box->next = box->exists;
	box->low_uid = 0;
	box->known_below = true;
	if (rc == 0)
		rc = imap_put_counts(b, job, true, err);
	if (rc == 0 && !box->passing)
		rc = bz_store_folder_note(b->store, box->folder, note != NULL ? note : "", err);
	return rc;
}

int imap_background(
	struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	int rc;

	*more = false;
	if (b->conn == NULL || b->box.name == NULL || !b->box.passing)
		return 0;
	rc = b->box.next > 0 ? sync_piece(b, job, err) : end_pass(b, job, err);
	*more = rc == 0 && b->box.passing;
	return rc;
}
