/* A walk over an mbox from its end to its beginning, in pieces: its messages become rows. */
#include "src/deliver.h"
#include "src/lang.h"
#include "src/localbox_private.h"
#include "src/mime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A transaction lasts TRANSACTION_US, its first rows aside. */
enum {
	FIRST_ROWS = 64,
	BATCH_ROWS = 1000,
	PIECE_US = 50000,
	TRANSACTION_US = 8000,
	LOCK_MS = 50,
	BUSY_US = 10000000,
	SINGLE_HEADER = 64 << 10
};

/* --- rows ------------------------------------------------------------------------------------- */

struct batch {
	struct bz_localbox *box;
	const struct bz_job *job;
	int fd;
	GArray *ids;
	guint found;      /* messages in this batch */
	guint limit;      /* of it */
	int64_t until;    /* monotonic us: the transaction ends */
	bool full;        /* the batch; there may be more in the file */
	int64_t deadline; /* monotonic us: the piece ends */
	int rc;
	struct bz_err *err;
};

static int identify(struct batch *b, struct bz_summary *row, bool *removed)
{
	struct bz_localbox *box = b->box;

	if (box->name == NULL) {
		row->uid = box->next_uid++;
		return 0;
	}
	if (bz_mbox_digest_at(b->fd, row->offset, row->length, row->digest, b->err) != 0)
		return -1;
	return bz_localbind_match(box->bind, row, removed, b->err);
}

static int put_known(struct batch *b, struct bz_summary *row)
{
	struct bz_localbox *box = b->box;

	if (bz_store_put(box->store, row, b->err) != 0)
		return -1;
	g_array_append_val(b->ids, row->row);
	box->known++;
	box->unseen += (row->flags & BZ_FLAG_SEEN) == 0;
	return 0;
}

static int put_row(struct batch *b, const struct bz_mbox_item *item)
{
	struct bz_summary row = {
		.folder = b->box->folder,
		.pos = item->offset,
		.offset = item->offset,
		.length = item->length,
		.size = (uint64_t)item->length,
		.received = item->received,
		.flags = bz_mbox_status(item->header, item->header_len),
	};
	bool removed = false;
	int rc;

	bz_mime_summarize(&row, item->header, item->header_len);
	rc = identify(b, &row, &removed);
	if (rc == 0)
		rc = removed ? bz_store_removed_put(b->box->store, row.folder, row.uid, row.offset,
				       row.length, b->err)
			     : put_known(b, &row);
	bz_summary_clear(&row);
	return rc;
}

static bool on_item(void *me, const struct bz_mbox_item *item)
{
	struct batch *b = me;

	b->rc = put_row(b, item);
	b->box->end = item->offset;
	b->full = ++b->found >= b->limit ||
		  (b->limit > FIRST_ROWS && g_get_monotonic_time() > b->until);
	return b->rc == 0 && !b->full;
}

/* Another process may have begun a walk of its own over this folder's rows. */
static bool is_ours(struct bz_localbox *box)
{
	g_autofree char *note = bz_store_folder_get_note(box->store, box->folder);

	return g_strcmp0(note, box->token) == 0;
}

static int begin_batch(struct batch *b)
{
	b->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	b->full = false;
	b->found = 0;
	b->until = g_get_monotonic_time() + TRANSACTION_US;
	if (bz_store_state_begin(b->box->store, b->err) != 0)
		return -1;
	if (bz_store_begin(b->box->store, b->err) == 0)
		return 0;
	(void)bz_store_state_end(b->box->store, false, NULL);
	return -1;
}

/* uids first: a uid without a row is bound again by its digest, a row without a uid is lost. */
static int end_batch(struct batch *b, bool keep)
{
	if (bz_store_state_end(b->box->store, keep, b->err) == 0 &&
		bz_store_commit(b->box->store, b->err) == 0)
		return 0;
	bz_store_rollback(b->box->store);
	return -1;
}

/* One transaction's worth of rows; *done when the start of the file was reached. 1 = another walk
 * is at work. */
static int scan_batch(struct batch *b, bool *done)
{
	struct bz_localbox *box = b->box;
	int rc = begin_batch(b);
	bool ours = rc == 0 && is_ours(box);

	if (rc == 0 && ours)
		rc = bz_mbox_scan_back(
			b->fd, box->start, box->end, b->job->cancel, on_item, b, b->err);
	*done = !b->full;
	if (rc == 0 && end_batch(b, ours && b->rc == 0) == 0) {
		bz_localbox_tell(
			box, b->job, box->tail_only ? BZ_CHANGE_NEWER : BZ_CHANGE_OLDER, b->ids);
		return 0;
	}
	if (rc != 0)
		(void)end_batch(b, false);
	g_array_unref(b->ids);
	return ours || rc != 0 ? -1 : 1;
}

/* --- the end of a walk ------------------------------------------------------------------------ */

/* The whole file was walked over and is still as it was: what was not found is not in it. */
static int forget_rest(struct bz_localbox *box, struct bz_err *err)
{
	struct bz_mbox_lock *lock = bz_mbox_lock_open(box->path, false, LOCK_MS, NULL, NULL);
	struct stat st;
	char stamp[96];
	int rc = 0;

	if (lock == NULL)
		return 0; /* another time */
	if (fstat(bz_mbox_lock_fd(lock), &st) == 0) {
		bz_mbox_stamp(&st, stamp);
		if (strcmp(stamp, box->stamp) == 0) {
			rc = bz_store_state_begin(box->store, err);
			if (rc == 0)
				rc = bz_store_state_end(box->store,
					bz_localbind_forget_rest(box->bind, err) == 0, err);
		}
	}
	bz_mbox_lock_close(&lock);
	return rc;
}

static int finish(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err)
{
	char note[112];
	int rc = 0;

	box->scanning = false;
	if (box->bind != NULL && !box->tail_only)
		rc = forget_rest(box, err);
	g_clear_pointer(&box->bind, bz_localbind_free);
	/* a tail may hold what had a row before the walk */
	if (rc != 0 ||
		bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0 ||
		bz_localbox_save_counts(box, err) != 0)
		return -1;
	job->report->folders(job->report->me);
	bz_localbox_stamp_note(box, box->stamp, note);
	return bz_store_folder_note(box->store, box->folder, note, err);
}

/* A message file without From_ line. */
static int put_single(struct batch *b, const struct stat *st)
{
	g_autofree char *header = g_malloc(SINGLE_HEADER);
	ssize_t n = pread(b->fd, header, SINGLE_HEADER, 0);
	struct bz_mbox_item item = {.length = st->st_size,
		.received = INT64_MIN,
		.header = header,
		.header_len = (size_t)MAX(n, 0)};
	int rc;

	b->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = st->st_size > 0 ? put_row(b, &item) : 0;
	bz_localbox_tell(b->box, b->job, BZ_CHANGE_NEWER, b->ids);
	return rc == 0 ? finish(b->box, b->job, b->err) : -1;
}

/* --- the beginning of a walk ------------------------------------------------------------------ */

static bool has_digest(const struct bz_summary *row, int fd)
{
	uint8_t digest[32];

	return bz_mbox_digest_at(fd, row->offset, row->length, digest, NULL) == 0 &&
	       memcmp(digest, row->digest, sizeof digest) == 0;
}

static bool has_header(const struct bz_summary *row, int fd)
{
	g_autofree char *header = g_malloc(SINGLE_HEADER);
	struct bz_summary now = {0};
	int64_t at;
	ssize_t n =
		bz_mbox_header_at(fd, row->offset, row->length, header, SINGLE_HEADER, &at, NULL);
	bool same;

	if (n < 0)
		return false;
	bz_mime_summarize(&now, header, (size_t)n);
	same = now.date == row->date &&
	       g_strcmp0(now.subject != NULL ? now.subject : "", row->subject) == 0 &&
	       g_strcmp0(now.message_id != NULL ? now.message_id : "", row->message_id) == 0;
	bz_summary_clear(&now);
	return same;
}

/* Is the newest message that we know still where it was? A file written anew would hold another
 * there. */
static bool newest_is_in_place(const struct bz_localbox *box, int fd)
{
	struct bz_summary row;
	bool same;

	if (bz_store_newest(box->store, box->folder, &row, NULL) != 0)
		return false;
	same = box->name != NULL ? has_digest(&row, fd) : has_header(&row, fd);
	bz_summary_clear(&row);
	return same;
}

/* Does the file still hold what we know, with something new behind it? */
static bool only_grew(struct bz_localbox *box, int fd, const struct stat *st, const char *old)
{
	unsigned long long dev, ino;
	long long size;
	char line[2048];
	ssize_t n;
	char *nl;

	if (old == NULL || sscanf(old, "%llu:%llu:%lld:", &dev, &ino, &size) != 3)
		return false;
	if (dev != (unsigned long long)st->st_dev || ino != (unsigned long long)st->st_ino ||
		size <= 0 || size >= st->st_size)
		return false;
	n = pread(fd, line, sizeof line, size);
	nl = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	if (nl == NULL)
		return false;
	if (nl > line && nl[-1] == '\r')
		nl--;
	box->start = size;
	return bz_mbox_is_from(line, (size_t)(nl - line), NULL) && newest_is_in_place(box, fd);
}

static int begin_scan(struct bz_localbox *box, const struct bz_job *job, int fd,
	const struct stat *st, const char *old, struct bz_err *err)
{
	box->tail_only = only_grew(box, fd, st, old);
	box->start = box->tail_only ? box->start : 0;
	box->end = st->st_size;
	box->next_uid = 1;
	if (bz_store_folder_note(box->store, box->folder, box->token, err) != 0 ||
		bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0)
		return -1;
	if (box->tail_only) {
		box->next_uid = box->known + 1;
	} else {
		box->known = box->unseen = 0;
		if (bz_store_clear_folder(box->store, box->folder, err) != 0)
			return -1;
		if (old != NULL)
			bz_localbox_tell(box, job, BZ_CHANGE_REBUILD, NULL);
	}
	g_clear_pointer(&box->bind, bz_localbind_free);
	if (box->name != NULL)
		box->bind = bz_localbind_new(box->store, box->name, box->folder, box->start, err);
	box->scanning = box->name == NULL || box->bind != NULL;
	return box->scanning ? 0 : -1;
}

/* Is another process in the middle of a walk over this folder's rows? */
static bool is_taken(const struct bz_localbox *box, const char *note)
{
	long pid;

	return note != NULL && strcmp(note, box->token) != 0 &&
	       sscanf(note, "scan:%ld:", &pid) == 1 && pid > 1 && pid != (long)getpid() &&
	       kill((pid_t)pid, 0) == 0;
}

static int start(struct batch *b, const struct stat *st, const char *old)
{
	struct bz_localbox *box = b->box;

	bz_mbox_stamp(st, box->stamp);
	if (begin_scan(box, b->job, b->fd, st, old, b->err) != 0)
		return -1;
	if (box->name == NULL && !box->tail_only && !bz_mbox_probe(b->fd))
		return put_single(b, st);
	return 0;
}

/* --- a piece ---------------------------------------------------------------------------------- */

static int scan_piece(struct batch *b, bool *more)
{
	bool done = false;

	if (b->box->bind != NULL && bz_localbind_renew(b->box->bind, b->err) != 0)
		return -1;
	b->limit = b->box->known == 0 ? FIRST_ROWS : BATCH_ROWS;
	while (!done) {
		int rc = scan_batch(b, &done);

		b->box->scanning = rc == 0;
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (!done && (g_get_monotonic_time() > b->deadline || b->limit == FIRST_ROWS))
			return 0;
	}
	*more = false;
	return finish(b->box, b->job, b->err);
}

/* The file that the scan began on, not shorter: what was found so far still stands. */
static bool is_same_file(const struct bz_localbox *box, const struct stat *st)
{
	unsigned long long dev, ino;
	long long size;

	return sscanf(box->stamp, "%llu:%llu:%lld:", &dev, &ino, &size) == 3 &&
	       dev == (unsigned long long)st->st_dev && ino == (unsigned long long)st->st_ino &&
	       size <= st->st_size;
}

static int look(struct batch *b, bool *more)
{
	struct bz_localbox *box = b->box;
	g_autofree char *old = bz_store_folder_get_note(box->store, box->folder);
	struct stat st;

	b->fd = bz_localbox_open_file(box, &st, b->err);
	if (b->fd < 0)
		return -1;
	if (box->scanning && !is_same_file(box, &st))
		box->scanning = false; /* begin again, on what is there now */
	if (!box->scanning && start(b, &st, old) != 0)
		return -1;
	*more = box->scanning;
	return box->scanning ? scan_piece(b, more) : 0;
}

/* Another buzon may stand still with the lock in its hand: not for ever. */
static bool may_wait(struct bz_localbox *box)
{
	int64_t now = g_get_monotonic_time();

	if (box->busy_until == 0)
		box->busy_until = now + BUSY_US;
	return now < box->busy_until;
}

/* Alone with the mail, what a crash left put right: else a message that is being written would
 * be taken for another program's. */
static int look_alone(struct batch *b, bool *more)
{
	struct bz_err busy = {0};
	int rc;

	if (b->box->name == NULL)
		return look(b, more);
	if (bz_mail_begin_within(b->box->store, LOCK_MS, b->job->cancel, &busy) != 0) {
		*more = busy.code == BZ_CODE_LOCKED && may_wait(b->box);
		if (!*more)
			*b->err = busy;
		return *more ? 0 : -1;
	}
	b->box->busy_until = 0;
	rc = look(b, more);
	bz_mail_end(b->box->store);
	return rc;
}

/* Is there anything to do? -1: the file cannot be read. */
static int is_due(struct bz_localbox *box, bool *taken, struct bz_err *err)
{
	g_autofree char *note = bz_store_folder_get_note(box->store, box->folder);
	char stamp[96], known[112];
	struct stat st;
	int fd = bz_localbox_open_file(box, &st, err);

	if (fd < 0)
		return -1;
	close(fd);
	bz_mbox_stamp(&st, stamp);
	bz_localbox_stamp_note(box, stamp, known);
	*taken = is_taken(box, note);
	return box->scanning || g_strcmp0(note, known) != 0;
}

int bz_localbox_look(
	struct bz_localbox *box, const struct bz_job *job, bool *more, struct bz_err *err)
{
	struct batch b = {.box = box, .job = job, .fd = -1, .err = err};
	bool taken = false;
	int rc = is_due(box, &taken, err);

	*more = false;
	if (rc == 0)
		return 0;
	if (rc > 0 && taken && !box->scanning && may_wait(box)) {
		*more = true;
		g_usleep(LOCK_MS * 1000 / 2);
		return 0;
	}
	b.deadline = g_get_monotonic_time() + PIECE_US;
	if (rc > 0)
		rc = look_alone(&b, more);
	if (b.fd >= 0)
		close(b.fd);
	if (rc != 0) {
		box->busy_until = 0;
		box->scanning = *more = false;
		(void)bz_store_folder_note(box->store, box->folder, "", NULL);
	}
	return rc;
}
