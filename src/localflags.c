/* Flags of local mail, and deleting it for ever: state.db first, then the lines in the file that
 * tell other programs. */
#include "src/lang.h"
#include "src/localmail_private.h"

#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 300 }; /* for a file that another program has locked: it is told later */

struct target { /* one message */
	struct bz_summary row;
	struct bz_local local;
	unsigned flags; /* to be */
};

struct change {
	struct bz_localmail *mail;
	const struct bz_job *job;
	struct bz_local_folder *folder;
	GArray *targets; /* struct target */
	char before[96], after[96];
};

static void clear_target(void *me)
{
	bz_summary_clear(&((struct target *)me)->row);
}

static struct target *target(const struct change *c, guint i)
{
	return &g_array_index(c->targets, struct target, i);
}

/* Those of the messages that are still there. */
static int collect(struct change *c, const struct bz_msgref *refs, size_t n, struct bz_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct target t = {0};
		int rc = bz_store_by_uid(c->mail->store, refs[i].folder, refs[i].uid, &t.row, err);

		if (rc == 0) {
			rc = bz_store_local_get(c->mail->store, refs[i].uid, &t.local, NULL, err);
			if (rc == 0)
				g_array_append_val(c->targets, t);
			else
				bz_summary_clear(&t.row);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int begin(struct change *c, struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, struct bz_err *err)
{
	*c = (struct change){.mail = mail, .job = job};
	if (bz_localmail_writable(mail, err) != 0)
		return -1;
	c->folder = bz_localmail_by_id(mail, refs[0].folder, err);
	if (c->folder == NULL ||
		bz_localmail_find_all(mail, job, c->folder, refs, n, err) != 0 ||
		bz_mail_begin(mail->store, job->cancel, err) != 0)
		return -1;
	c->targets = g_array_new(FALSE, TRUE, sizeof(struct target));
	g_array_set_clear_func(c->targets, clear_target);
	if (collect(c, refs, n, err) == 0)
		return 0;
	g_array_unref(c->targets);
	bz_mail_end(mail->store);
	return -1;
}

static int end(struct change *c, int rc)
{
	g_array_unref(c->targets);
	bz_mail_end(c->mail->store);
	return rc;
}

/* One durable commit of f for each. */
static int in_state(struct change *c,
	int (*f)(struct bz_store *, const struct target *, struct bz_err *), struct bz_err *err)
{
	int rc = bz_store_state_begin(c->mail->store, err);

	if (rc != 0)
		return -1;
	for (guint i = 0; i < c->targets->len && rc == 0; i++)
		rc = f(c->mail->store, target(c, i), err);
	return bz_store_state_end(c->mail->store, rc == 0, err);
}

/* --- in the file ------------------------------------------------------------------------------ */

/* Those of mask as they are to be; what another program changed there and we have not seen yet is
 * not ours to overwrite. */
static bool write_lines(struct change *c, int fd, bool in_step, struct target *t, unsigned mask)
{
	struct bz_msgref ref = {.folder = t->row.folder, .uid = t->row.uid};
	struct bz_summary row;
	unsigned now = 0;

	if (bz_localbox_find(c->folder->box, fd, in_step, &ref, &row, NULL) != 0)
		return false;
	bz_summary_clear(&row);
	if (bz_mbox_set_flags(fd, t->row.offset, t->row.length, t->flags & mask, mask & ~t->flags,
		    &now, NULL) != 0)
		return false;
	t->local.in_file = (t->local.in_file & ~mask) | (now & mask);
	return true;
}

/* What other programs see. That it cannot be had is no failure: state.db holds it. false = nothing
 * in the file was changed for sure. */
static bool tell_file(struct change *c, unsigned mask)
{
	struct bz_mbox_lock *lock =
		bz_mbox_lock_open(bz_localbox_path(c->folder->box), false, PATIENCE_MS, NULL, NULL);
	bool in_step, done = false;
	int fd;

	if (lock == NULL)
		return false;
	fd = bz_mbox_lock_fd(lock);
	bz_localmail_stamp(fd, c->before);
	in_step = bz_localbox_in_step(c->folder->box, c->before);
	for (guint i = 0; i < c->targets->len; i++)
		done = write_lines(
			       c, fd, in_step, target(c, i), in_step ? BZ_FLAGS_IN_FILE : mask) ||
		       done;
	done = done && fdatasync(fd) == 0;
	bz_localmail_stamp(fd, c->after);
	bz_mbox_lock_close(&lock);
	return done;
}

/* --- flags ------------------------------------------------------------------------------------ */

static int keep_flags(struct bz_store *store, const struct target *t, struct bz_err *err)
{
	return bz_store_local_set_flags(store, t->row.uid, t->flags, err);
}

static int keep_in_file(struct bz_store *store, const struct target *t, struct bz_err *err)
{
	return bz_store_local_set_in_file(store, t->row.uid, t->local.in_file, err);
}

static int show_flags(struct change *c, GArray *ids, struct bz_err *err)
{
	for (guint i = 0; i < c->targets->len; i++) {
		const struct target *t = target(c, i);
		unsigned shown = (t->row.flags & ~(unsigned)BZ_FLAGS_REMOTE) | t->flags;

		if (bz_store_set_flags(c->mail->store, t->row.folder, t->row.uid, shown, err) != 0)
			return -1;
		g_array_append_val(ids, t->row.row);
	}
	return bz_localbox_changed(c->folder->box, c->before, c->after, err);
}

static int hide(struct change *c, GArray *ids, struct bz_err *err)
{
	for (guint i = 0; i < c->targets->len; i++)
		if (bz_localmail_hide(c->mail, c->folder, &target(c, i)->row, ids, err) != 0)
			return -1;
	return bz_localbox_changed(c->folder->box, c->before, c->after, err);
}

static int show(struct change *c, int (*f)(struct change *, GArray *, struct bz_err *),
	enum bz_change_kind kind, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(c->mail->store, err);

	if (rc == 0) {
		rc = f(c, ids, err);
		if (rc != 0)
			bz_store_rollback(c->mail->store);
		else
			rc = bz_store_commit(c->mail->store, err);
	}
	if (rc != 0) {
		g_array_unref(ids);
		return -1;
	}
	bz_localbox_tell(c->folder->box, c->job, kind, ids);
	c->job->report->folders(c->job->report->me);
	return 0;
}

static int change_flags(struct change *c, unsigned add, unsigned remove, struct bz_err *err)
{
	unsigned mask = (add | remove) & BZ_FLAGS_IN_FILE;

	for (guint i = 0; i < c->targets->len; i++) {
		struct target *t = target(c, i);

		t->flags =
			((t->local.flags | add) & ~remove) & (BZ_FLAGS_REMOTE | BZ_FLAG_INCOMPLETE);
	}
	if (in_state(c, keep_flags, err) != 0)
		return -1;
	if (mask != 0 && tell_file(c, mask) && in_state(c, keep_in_file, err) != 0)
		return -1;
	return show(c, show_flags, BZ_CHANGE_UPDATED, err);
}

int bz_localmail_set_flags(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	struct change c;

	if (n == 0)
		return 0;
	if (begin(&c, mail, job, refs, n, err) != 0)
		return -1;
	return end(&c, change_flags(&c, add, remove, err));
}

/* --- deleting for ever ------------------------------------------------------------------------ */

static int discard(struct bz_store *store, const struct target *t, struct bz_err *err)
{
	if (bz_store_local_set_state(store, t->row.uid, BZ_LOCAL_REMOVED, err) != 0)
		return -1;
	return bz_store_ledger_discard(store, t->row.uid, err);
}

static int keep_mark(struct bz_store *store, const struct target *t, struct bz_err *err)
{
	if ((t->local.in_file & BZ_FLAG_DELETED) == 0)
		return 0;
	return bz_store_local_set_state(store, t->row.uid, BZ_LOCAL_MARKED, err);
}

/* First without a mark, so that no mark stands in the file of which state.db knows nothing. */
static int expunge(struct change *c, struct bz_err *err)
{
	for (guint i = 0; i < c->targets->len; i++) {
		target(c, i)->flags = target(c, i)->local.flags | BZ_FLAG_DELETED;
		target(c, i)->local.in_file = 0;
	}
	if (in_state(c, discard, err) != 0)
		return -1;
	if (tell_file(c, BZ_FLAG_DELETED) && in_state(c, keep_mark, err) != 0)
		return -1;
	return show(c, hide, BZ_CHANGE_GONE, err);
}

int bz_localmail_expunge(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, struct bz_err *err)
{
	struct change c;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (refs[i].uid >= BZ_UID_LEFT)
			return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
				_("This message is on the server only; open it first, so that it "
				  "is here."));
	if (begin(&c, mail, job, refs, n, err) != 0)
		return -1;
	return end(&c, expunge(&c, err));
}
