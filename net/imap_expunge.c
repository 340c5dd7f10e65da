/* Messages for ever out of a folder of the server: \Deleted, then UID EXPUNGE (RFC 4315). EXPUNGE
 * alone is never sent: it would take what others have marked. */
#include "net/imap_move.h"
#include "src/lang.h"

#include <stdlib.h>

enum { EXPUNGE_TRIES = 2 };

/* --- commands --------------------------------------------------------------------------------- */

static int submit_expunge(struct imap_call *call, const char *set, struct imap_result *result)
{
	static const struct imap_on on = {.end = imap_on_end};

	return imap_submit(call->b->conn, &on, result, NULL, call->err, "UID EXPUNGE %s", set);
}

/* A server may say OK and have removed fewer, while another session looks on. before: messages
 * that there were. */
static int expunge_rest(struct imap_call *call, const char *set, size_t n, uint32_t before,
	struct imap_result *result)
{
	struct bz_backend *b = call->b;

	for (int i = 0; i < EXPUNGE_TRIES && result->end == IMAP_OK; i++) {
		if (b->box.exists + (uint64_t)n <= before)
			break;
		if (submit_expunge(call, set, result) != 0 ||
			imap_go(b, call->job, NULL, call->err) != 0)
			return -1;
	}
	return 0;
}

static int erase(struct imap_call *call, const char *set, size_t n, bool marked)
{
	static const struct imap_on on = {.end = imap_on_end};
	struct bz_backend *b = call->b;
	struct imap_result store = {.end = IMAP_OK}, expunge = {.end = IMAP_OK};
	uint32_t before = b->box.exists;

	if (imap_submit(b->conn, &on, &store, NULL, call->err,
		    "UID STORE %s +FLAGS.SILENT (\\Deleted)", set) != 0 ||
		(!marked && submit_expunge(call, set, &expunge) != 0) ||
		imap_go(b, call->job, NULL, call->err) != 0)
		return -1;
	if (imap_check(&store, NULL, "") != 0)
		return imap_refused(
			&store, call->err, _("The server did not delete the messages."));
	if (!marked && expunge_rest(call, set, n, before, &expunge) != 0)
		return -1;
	if (expunge.end != IMAP_OK)
		return imap_refused(&expunge, call->err,
			_("The server marked the messages as deleted, but did not remove them."));
	return 0;
}

int imap_erase(struct imap_call *call, const uint32_t *uids, size_t n, bool *marked)
{
	GString *set;
	int rc;

	if (imap_know_caps(call, IMAP_CAP_UIDPLUS) != 0)
		return -1;
	*marked = (imap_caps(call->b->conn) & IMAP_CAP_UIDPLUS) == 0;
	set = g_string_new(NULL);
	(void)imap_uidset_add(set, uids, n);
	rc = erase(call, set->str, n, *marked);
	g_string_free(set, TRUE);
	return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Rows of messages that left their folder, or are marked in it. */
struct leaving {
	struct imap_call *call;
	struct bz_folder *folder;
	bool marked;
	GArray *ids;
	uint32_t unseen;
};

static int drop_row(struct leaving *l, uint32_t uid)
{
	struct bz_store *store = l->call->b->store;
	struct bz_summary row;
	int known = bz_store_by_uid(store, l->folder->id, uid, &row, l->call->err);
	unsigned flags;

	if (known != 0)
		return known < 0 ? -1 : 0;
	g_array_append_val(l->ids, row.row);
	l->unseen += (row.flags & BZ_FLAG_SEEN) == 0;
	flags = row.flags | BZ_FLAG_DELETED;
	bz_summary_clear(&row);
	return l->marked ? bz_store_set_flags(store, l->folder->id, uid, flags, l->call->err)
			 : bz_store_remove(store, l->folder->id, uid, l->call->err);
}

/* The server told by EXPUNGE how many are left. */
static int put_folder(struct leaving *l)
{
	const struct imap_box *box = &l->call->b->box;
	bool selected = box->name != NULL && box->folder == l->folder->id;

	if (l->marked)
		return 0;
	if (selected)
		l->folder->exists = box->exists;
	else
		l->folder->exists -= MIN(l->folder->exists, l->ids->len);
	l->folder->unseen -= MIN(l->folder->unseen, l->unseen);
	return bz_store_folder_put(l->call->b->store, l->folder, l->call->err);
}

/* Those that are only marked stay in the list, and show it. */
static void tell_dropped(struct leaving *l)
{
	const struct bz_report *report = l->call->job->report;
	struct bz_change *change = g_new0(struct bz_change, 1);

	*change = (struct bz_change){
		l->folder->id, BZ_CHANGE_GONE, l->folder->exists, l->folder->unseen, l->ids};
	if (l->marked) {
		change->kind = BZ_CHANGE_REBUILD;
		g_clear_pointer(&change->ids, g_array_unref);
	}
	report->rows(report->me, change);
	report->folders(report->me);
}

int imap_drop_rows(
	struct imap_call *call, uint32_t folder_id, const uint32_t *uids, size_t n, bool marked)
{
	struct bz_folder folder;
	struct leaving l = {.call = call, .folder = &folder, .marked = marked};
	int rc = bz_store_folder_by_id(call->b->store, folder_id, &folder, call->err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	l.ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = bz_store_begin(call->b->store, call->err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = drop_row(&l, uids[i]);
	if (rc == 0)
		rc = put_folder(&l);
	if (rc == 0)
		rc = bz_store_commit(call->b->store, call->err);
	if (rc == 0) {
		tell_dropped(&l);
	} else {
		bz_store_rollback(call->b->store);
		g_array_unref(l.ids);
	}
	bz_folder_clear(&folder);
	return rc;
}

/* --- the op ----------------------------------------------------------------------------------- */

void imap_say_marked(const struct imap_call *call)
{
	call->job->report->note(call->job->report->me,
		_("This server removes no single messages (UIDPLUS): they stay, marked as "
		  "deleted."));
}

uint32_t *imap_uids_of(const struct bz_msgref *refs, size_t *n, struct bz_err *err)
{
	uint32_t *uids = g_new(uint32_t, *n);
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		uids[i] = refs[i].uid;
		if (refs[i].folder == refs[0].folder && refs[i].uidvalidity == refs[0].uidvalidity)
			continue;
		g_free(uids);
		bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("The folder changed on the server; it is listed again."));
		return NULL;
	}
	qsort(uids, *n, sizeof *uids, bz_uid_compare);
	for (size_t i = 0; i < *n; i++)
		if (kept == 0 || uids[kept - 1] != uids[i])
			uids[kept++] = uids[i];
	*n = kept;
	return uids;
}

static int expunge_some(
	struct imap_call *call, const struct bz_msgref *ref, const uint32_t *uids, size_t n)
{
	bool marked;

	if (imap_enter(call->b, call->job, ref, true, call->err) != 0)
		return -1;
	if (!call->b->box.writable)
		return bz_err_set(call->err, BZ_ERR_REFUSED, BZ_CODE_READ_ONLY,
			_("The server lets this folder be read only."));
	if (imap_erase(call, uids, n, &marked) != 0 ||
		imap_drop_rows(call, ref->folder, uids, n, marked) != 0)
		return -1;
	if (marked)
		imap_say_marked(call);
	return 0;
}

int imap_expunge(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	uint32_t *uids;
	int rc = 0;

	if (n == 0)
		return 0;
	uids = imap_uids_of(refs, &n, err);
	if (uids == NULL)
		return -1;
	for (size_t done = 0, some; done < n && rc == 0; done += some) {
		some = MIN(n - done, (size_t)IMAP_SET_UIDS);
		rc = expunge_some(&call, &refs[0], uids + done, some);
	}
	g_free(uids);
	return rc;
}
