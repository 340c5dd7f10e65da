/* POP3: the mail comes to this computer, whole messages into the account's mbox exactly once
 * (DESIGN section 7). Here are the operations; the session with the server is in pop_session.c.
 * Reading and flags need no line, but for a message that was left on the server. */
#include "net/backends.h"
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/retention.h"

#include <unistd.h>

enum { TIDY_AFTER_MS = 60 * 1000 };

static int64_t now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_localmail *mail = bz_localmail_new(account, store, err);
	struct bz_backend *b;

	if (mail == NULL)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->account = account;
	b->store = store;
	b->mail = mail;
	b->folder = bz_localbox_folder(bz_localmail_inbox(mail));
	b->lock = b->spool = -1;
	b->queue = g_array_new(FALSE, FALSE, sizeof(struct pop_ask));
	b->batch = g_array_new(FALSE, FALSE, sizeof(struct pop_whole));
	g_array_set_clear_func(b->batch, pop_whole_clear);
	b->headkeys = g_array_new(FALSE, FALSE, sizeof(struct pop_headkey));
	b->left_rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	b->body.bytes = g_byte_array_new();
	pop_body_clear(b);
	return b;
}

static void disconnect(struct bz_backend *b)
{
	pop_session_drop(b);
	b->reopen = false;
}

static void destroy(struct bz_backend **backend)
{
	struct bz_backend *b = *backend;

	disconnect(b);
	bz_localmail_free(b->mail);
	g_array_unref(b->queue);
	g_array_unref(b->batch);
	g_array_unref(b->headkeys);
	g_array_unref(b->left_rows);
	g_byte_array_unref(b->body.bytes);
	g_free(b);
	*backend = NULL;
}

static int look(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	*more = false;
	b->job = job;
	if (bz_localmail_look(b->mail, job, more, err) != 0)
		return -1;
	if (*more || !bz_store_has_state(b->store))
		return 0;
	if (pop_left_restore(b, err) != 0)
		return -1;
	return bz_rules_run(b->mail, b->store, b->account, job, err);
}

/* --- the server ------------------------------------------------------------------------------- */

static int refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	bool more;

	(void)name;
	(void)window;
	b->job = job;
	if (job->forecast != NULL)
		return pop_forecast(b, err);
	if (b->conn != NULL)
		return 0; /* a download is under way: it goes on */
	if (pop_session_begin(b, err) != 0)
		return -1;
	/* nothing is new: it ends here */
	return b->queue->len == 0 ? pop_session_piece(b, &more, err) : 0;
}

static int background(
	struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	b->job = job;
	return pop_session_piece(b, more, err);
}

/* --- reading and flags ------------------------------------------------------------------------ */

/* Read on until the message is here: 1, or 0 = the person wants something else first. */
static int wait_for(struct bz_backend *b, struct bz_ledger *row, struct bz_err *err)
{
	bool more = true;

	while (more) {
		if (pop_session_piece(b, &more, err) != 0 ||
			bz_store_ledger_get(b->store, row->uidl, row, err) != 0)
			return -1;
		if (row->state != BZ_LEDGER_LEFT)
			return 1;
		if (b->job->report->urgent(b->job->report->me))
			return 0;
	}
	return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("%s did not give this message; try again in a while."), b->account->host);
}

static int fetch_left(struct bz_backend *b, const struct bz_msgref *ref, struct bz_message **out,
	struct bz_err *err)
{
	struct bz_msgref here = *ref;
	struct bz_ledger row;
	int rc = bz_store_ledger_by_local(b->store, ref->uid, &row, err);

	if (rc < 0 || pop_session_begin(b, err) != 0)
		return -1;
	if (rc == 1 || pop_session_want(b, &row) == 1)
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer on the server."));
	rc = wait_for(b, &row, err);
	if (rc <= 0)
		return rc;
	here.uid = row.local_uid;
	return bz_localmail_fetch(b->mail, b->job, &here, out, err);
}

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	int rc;

	(void)what; /* a local message is read whole either way */
	b->job = job;
	if (ref->uid >= BZ_UID_LEFT)
		rc = fetch_left(b, ref, out, err);
	else
		rc = bz_localmail_fetch(b->mail, job, ref, out, err);
	if (rc == 0 && *out != NULL) /* nobody need miss it because this cannot be told */
		(void)bz_retention_of_message(b->store, b->account, (*out)->ref.uid, now(),
			&(*out)->server_until, &(*out)->server_fate, NULL);
	return rc;
}

/* --- what the server still has ---------------------------------------------------------------- */

static int copies(
	struct bz_backend *b, const struct bz_job *job, GArray *copies, struct bz_err *err)
{
	(void)job;
	if (bz_localmail_writable(b->mail, err) != 0)
		return -1;
	return bz_retention_copies(b->store, b->account, now(), copies, err);
}

static int agree(struct bz_backend *b, const struct bz_job *job, bool yes, struct bz_err *err)
{
	(void)job;
	return bz_retention_agree(b->store, b->account, yes, err);
}

/* --- what the person does with local mail (localmail.h) ------------------------------------------
 */

static int list_folders(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	return bz_localmail_list_folders(b->mail, job, err);
}

static int set_flags(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	return bz_localmail_set_flags(b->mail, job, refs, n, add, remove, err);
}

static int move(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, const char *target, bool copy, GArray *moved, struct bz_err *err)
{
	return bz_localmail_move(b->mail, job, refs, n, target, copy, moved, err);
}

static int expunge(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, struct bz_err *err)
{
	return bz_localmail_expunge(b->mail, job, refs, n, err);
}

static int create_folder(
	struct bz_backend *b, const struct bz_job *job, const char *title, struct bz_err *err)
{
	return bz_localmail_create_folder(b->mail, job, title, err);
}

static int rename_folder(struct bz_backend *b, const struct bz_job *job, const char *name,
	const char *title, struct bz_err *err)
{
	return bz_localmail_rename_folder(b->mail, job, name, title, err);
}

static int delete_folder(
	struct bz_backend *b, const struct bz_job *job, const char *name, struct bz_err *err)
{
	return bz_localmail_delete_folder(b->mail, job, name, err);
}

static int compact(struct bz_backend *b, const struct bz_job *job, const char *name, bool *more,
	struct bz_err *err)
{
	return bz_localmail_compact(b->mail, job, name, more, err);
}

static int tidy(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	return bz_localmail_tidy(b->mail, job, more, err);
}

static int import(struct bz_backend *b, const struct bz_job *job, const char *path,
	const char *title, bool *more, struct bz_err *err)
{
	return bz_localmail_import(b->mail, job, path, title, more, err);
}

const struct bz_backend_ops bz_pop_backend = {
	.name = "pop",
	.caps = BZ_CAP_REMOTE | BZ_CAP_FLAGS | BZ_CAP_MOVE | BZ_CAP_FOLDERS,
	.create = create,
	.destroy = destroy,
	.look = look,
	.disconnect = disconnect,
	.list_folders = list_folders,
	.refresh = refresh,
	.fetch = fetch,
	.set_flags = set_flags,
	.background = background,
	.move = move,
	.expunge = expunge,
	.create_folder = create_folder,
	.rename_folder = rename_folder,
	.delete_folder = delete_folder,
	.compact = compact,
	.tidy = tidy,
	.tidy_after = TIDY_AFTER_MS,
	.import = import,
	.copies = copies,
	.agree = agree,
};
