#include "net/imap_rows.h"
#include "net/imap_box.h"
#include "net/imap_sparse.h"
#include "net/imap_uidset.h"
#include "src/lang.h"
#include "src/mime.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 4 * IMAP_BATCH }; /* responses of one command: more than any command asks for */

static void clear_row(void *row)
{
	bz_summary_clear(row);
}

void imap_intake_init(struct imap_intake *in, struct bz_backend *b)
{
	*in = (struct imap_intake){.b = b};
	in->rows = g_array_new(FALSE, TRUE, sizeof(struct bz_summary));
	g_array_set_clear_func(in->rows, clear_row);
	in->uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	in->flags = g_array_new(FALSE, FALSE, sizeof(struct imap_uid_flags));
}

void imap_intake_ask(struct imap_intake *in, bool by_uid, uint32_t low, uint32_t high)
{
	g_array_set_size(in->rows, 0);
	g_array_set_size(in->uids, 0);
	g_array_set_size(in->flags, 0);
	in->by_uid = by_uid;
	in->low = low;
	in->high = high;
	in->first = in->last = 0;
	in->most = TOLD_MAX;
	in->over = false;
}

void imap_intake_clear(struct imap_intake *in)
{
	g_array_unref(in->rows);
	g_array_unref(in->uids);
	g_array_unref(in->flags);
}

/* One without a UID is unasked: it carries a number only, and the next pass sees it. What comes
 * before the folder is selected is of another. */
static bool was_asked(const struct imap_intake *in, uint32_t number, uint32_t uid)
{
	uint32_t n = in->by_uid ? uid : number;

	return in->b->box.name != NULL && uid > 0 && n >= in->low && n <= in->high;
}

static void add_row(
	struct imap_intake *in, const struct imap_item *item, const char *header, size_t len)
{
	struct bz_summary row = {.uid = item->uid,
		.pos = item->uid,
		.received = item->received,
		.size = item->size,
		.flags = item->flags};

	bz_mime_summarize(&row, header, len);
	g_array_append_val(in->rows, row);
}

/* A change that comes behind its row is the row's. */
static void add_flags(struct imap_intake *in, const struct imap_item *item)
{
	struct imap_uid_flags f = {item->uid, item->flags};

	for (guint i = in->rows->len; i > 0; i--) {
		struct bz_summary *row = &g_array_index(in->rows, struct bz_summary, i - 1);

		if (row->uid == item->uid) {
			row->flags = item->flags;
			return;
		}
	}
	g_array_append_val(in->flags, f);
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct imap_intake *in = me;
	struct imap_item item;
	const char *header;
	size_t len;

	if (r->kind != IMAP_FETCH)
		return;
	imap_item(r->fetch, &item);
	if (!was_asked(in, r->number, item.uid))
		return;
	in->over = in->uids->len >= in->most;
	if (in->over)
		return;
	header = imap_section(r->fetch, "HEADER.FIELDS", &len);
	imap_sparse_note(in->b, item.uid, r->number);
	g_array_append_val(in->uids, item.uid);
	in->first = in->first > 0 ? MIN(in->first, r->number) : r->number;
	in->last = MAX(in->last, r->number);
	if (header != NULL)
		add_row(in, &item, header, len);
	else if (item.has_flags)
		add_flags(in, &item);
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct imap_intake *in = me;

	imap_on_end(&in->result, end, code, text);
}

const struct imap_on imap_intake_on = {.untagged = on_untagged, .end = on_end};

static int newest_first(const void *a, const void *b)
{
	const struct bz_summary *x = a, *y = b;

	return x->uid > y->uid ? -1 : x->uid < y->uid;
}

void imap_intake_sort(struct imap_intake *in)
{
	guint n = 0;

	g_array_sort(in->uids, bz_uid_compare);
	g_array_sort(in->rows, newest_first);
	for (guint i = 0; i < in->uids->len; i++) {
		uint32_t uid = g_array_index(in->uids, uint32_t, i);

		if (n == 0 || g_array_index(in->uids, uint32_t, n - 1) != uid)
			g_array_index(in->uids, uint32_t, n++) = uid;
	}
	g_array_set_size(in->uids, n);
}

int imap_intake_wait(struct imap_intake *in, const struct bz_job *job, struct bz_err *err)
{
	if (imap_go(in->b, job, NULL, err) != 0 ||
		imap_check(&in->result, err, _("The server did not list the folder.")) != 0)
		return -1;
	imap_intake_sort(in);
	return 0;
}

int imap_intake_flags(struct imap_intake *in, const struct bz_job *job, const uint32_t *uids,
	size_t n, struct bz_err *err)
{
	GString *set = g_string_new(NULL);
	int rc;

	(void)imap_uidset_add(set, uids, n);
	imap_intake_ask(in, true, uids[0], uids[n - 1]);
	rc = imap_submit(
		in->b->conn, &imap_intake_on, in, NULL, err, "UID FETCH %s (UID FLAGS)", set->str);
	g_string_free(set, TRUE);
	return rc == 0 ? imap_intake_wait(in, job, err) : -1;
}

bool imap_intake_is_top(const struct imap_intake *in)
{
	return in->first > 0 && in->last == in->b->box.exists &&
	       in->uids->len == in->last - in->first + 1;
}

uint32_t imap_intake_lowest(const struct imap_intake *in)
{
	return in->uids->len > 0 ? g_array_index(in->uids, uint32_t, 0) : 0;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* ids: taken; NULL with REBUILD alone. */
static int send_change(struct bz_backend *b, const struct bz_job *job, enum bz_change_kind kind,
	GArray *ids, struct bz_err *err)
{
	struct bz_change *change;
	struct bz_folder folder;

	if (bz_store_folder_by_id(b->store, b->box.folder, &folder, err) != 0) {
		g_clear_pointer(&ids, g_array_unref);
		return -1;
	}
	change = g_new0(struct bz_change, 1);
	*change = (struct bz_change){b->box.folder, kind, b->box.exists, folder.unseen, ids};
	bz_folder_clear(&folder);
	job->report->rows(job->report->me, change);
	return 0;
}

int imap_tell_anew(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	return send_change(b, job, BZ_CHANGE_REBUILD, NULL, err);
}

static int tell(struct bz_backend *b, const struct bz_job *job, enum bz_change_kind kind,
	GArray *ids, struct bz_err *err)
{
	bool any = ids->len > 0;

	if (any && kind != BZ_CHANGE_REBUILD)
		return send_change(b, job, kind, ids, err);
	g_array_unref(ids);
	return any ? imap_tell_anew(b, job, err) : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Put one row; its id goes to fresh or, where flags changed, to updated. */
static int put_row(struct bz_backend *b, struct bz_summary *row, GArray *fresh, GArray *updated,
	struct bz_err *err)
{
	struct bz_summary old;
	int known = bz_store_by_uid(b->store, b->box.folder, row->uid, &old, err);
	bool same;

	if (known < 0)
		return -1;
	same = known == 0 && ((old.flags ^ row->flags) & BZ_FLAGS_REMOTE) == 0;
	if (known == 0)
		bz_summary_clear(&old);
	if (same)
		return 0;
	row->folder = b->box.folder;
	if (bz_store_put(b->store, row, err) != 0)
		return -1;
	g_array_append_val(known == 0 ? updated : fresh, row->row);
	return 0;
}

int imap_put_rows(struct imap_intake *in, const struct bz_job *job, enum bz_change_kind kind,
	struct bz_err *err)
{
	struct bz_backend *b = in->b;
	GArray *fresh = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *updated = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(b->store, err);

	for (guint i = 0; i < in->rows->len && rc == 0; i++)
		rc = put_row(
			b, &g_array_index(in->rows, struct bz_summary, i), fresh, updated, err);
	if (rc == 0)
		rc = bz_store_commit(b->store, err);
	if (rc != 0) {
		bz_store_rollback(b->store);
		g_array_unref(fresh);
		g_array_unref(updated);
		return -1;
	}
	rc = tell(b, job, kind, fresh, err);
	if (rc == 0)
		return tell(b, job, BZ_CHANGE_UPDATED, updated, err);
	g_array_unref(updated);
	return -1;
}

static int put_flag(struct bz_backend *b, const struct imap_uid_flags *f, GArray *updated,
	GArray *unknown, struct bz_err *err)
{
	struct bz_summary row;
	int known = bz_store_by_uid(b->store, b->box.folder, f->uid, &row, err);
	unsigned flags;
	int rc = 0;

	if (known < 0)
		return -1;
	if (known == 1) {
		g_array_append_val(unknown, f->uid);
		return 0;
	}
	flags = (row.flags & ~(unsigned)BZ_FLAGS_REMOTE) | f->flags;
	if (flags != row.flags) {
		rc = bz_store_set_flags(b->store, b->box.folder, f->uid, flags, err);
		g_array_append_val(updated, row.row);
	}
	bz_summary_clear(&row);
	return rc;
}

int imap_put_flags(
	struct imap_intake *in, const struct bz_job *job, GArray *unknown, struct bz_err *err)
{
	GArray *updated = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(in->b->store, err);

	for (guint i = 0; i < in->flags->len && rc == 0; i++)
		rc = put_flag(in->b, &g_array_index(in->flags, struct imap_uid_flags, i), updated,
			unknown, err);
	if (rc == 0)
		rc = bz_store_commit(in->b->store, err);
	if (rc == 0)
		return tell(in->b, job, BZ_CHANGE_UPDATED, updated, err);
	bz_store_rollback(in->b->store);
	g_array_unref(updated);
	return -1;
}

static int drop(struct bz_backend *b, uint32_t uid, GArray *gone, struct bz_err *err)
{
	struct bz_summary row;
	int known = bz_store_by_uid(b->store, b->box.folder, uid, &row, err);

	if (known != 0)
		return known < 0 ? -1 : 0;
	g_array_append_val(gone, row.row);
	bz_summary_clear(&row);
	return bz_store_remove(b->store, b->box.folder, uid, err);
}

/* The transaction's end. gone is taken. */
static int end_drop(
	struct bz_backend *b, const struct bz_job *job, int rc, GArray *gone, struct bz_err *err)
{
	if (rc == 0)
		rc = bz_store_commit(b->store, err);
	if (rc == 0)
		return tell(b, job, BZ_CHANGE_GONE, gone, err);
	bz_store_rollback(b->store);
	g_array_unref(gone);
	return -1;
}

int imap_remove_rows(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err)
{
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(b->store, err);

	for (guint i = 0; i < uids->len && rc == 0; i++)
		rc = drop(b, g_array_index(uids, uint32_t, i), gone, err);
	return end_drop(b, job, rc, gone, err);
}

int imap_drop_gone(struct imap_intake *in, const struct bz_job *job, uint32_t low, uint32_t high,
	struct bz_err *err)
{
	struct bz_backend *b = in->b;
	GArray *known = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = low <= high ? bz_store_uids(b->store, b->box.folder, low, high, known, err) : 0;

	if (rc == 0)
		rc = bz_store_begin(b->store, err);
	for (guint i = 0, k = 0; i < known->len && rc == 0; i++) {
		uint32_t uid = g_array_index(known, uint32_t, i);

		while (k < in->uids->len && g_array_index(in->uids, uint32_t, k) < uid)
			k++;
		if (k == in->uids->len || g_array_index(in->uids, uint32_t, k) != uid)
			rc = drop(b, uid, gone, err);
	}
	g_array_unref(known);
	return end_drop(b, job, rc, gone, err);
}

int imap_put_counts(
	struct bz_backend *b, const struct bz_job *job, bool recount, struct bz_err *err)
{
	struct bz_folder folder;
	uint32_t known, unseen;
	int rc;

	if (bz_store_folder_by_id(b->store, b->box.folder, &folder, err) != 0 ||
		bz_store_count(b->store, b->box.folder, &known, &unseen, err) != 0)
		return -1;
	folder.exists = b->box.exists;
	if (recount)
		folder.unseen = unseen;
	rc = bz_store_folder_put(b->store, &folder, err);
	bz_folder_clear(&folder);
	if (rc == 0)
		job->report->folders(job->report->me);
	return rc;
}
