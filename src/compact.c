#include "src/compact_private.h"
#include "src/deliver_private.h"
#include "src/lang.h"
#include "src/mbox.h"
#include "src/sha256.h"
#include "src/store_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	LOCK_MS = 10000,
	PIECE_US = 50000,
	TELL_US = 100000,
	SETTLED_US = 2 * G_USEC_PER_SEC,
	WORTH_BYTES = 1 << 20,
	WORTH_PART = 5
};

char *bz_compact_temp_name(const char *path)
{
	return g_strconcat(path, ".compact", NULL);
}

struct bz_compactor *bz_compactor_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name)
{
	struct bz_compactor *c = g_new0(struct bz_compactor, 1);

	c->store = store;
	c->path = g_strdup(path);
	c->temp = bz_compact_temp_name(path);
	c->folder = folder;
	c->name = g_strdup(name);
	c->out = -1;
	c->piece = g_malloc(BZ_COMPACT_PIECE);
	c->places = g_array_new(FALSE, FALSE, sizeof(struct bz_place));
	c->slotted = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	return c;
}

/* Does the name still stand for the file that is written? */
static bool is_our_temp(const struct bz_compactor *c)
{
	struct stat a, b;

	return c->out >= 0 && fstat(c->out, &a) == 0 && lstat(c->temp, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Forget what was read and written so far. */
static void restart(struct bz_compactor *c)
{
	if (is_our_temp(c))
		(void)unlink(c->temp);
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
	bz_boxmap_clear(&c->map);
	g_array_set_size(c->places, 0);
	g_array_set_size(c->slotted, 0);
	c->written = c->at = 0;
	c->next = 0;
	c->stage = BZ_COMPACT_BEGIN;
}

void bz_compactor_free(struct bz_compactor **compactor)
{
	struct bz_compactor *c = *compactor;

	if (c == NULL)
		return;
	restart(c);
	g_array_unref(c->places);
	g_array_unref(c->slotted);
	g_free(c->piece);
	g_free(c->path);
	g_free(c->temp);
	g_free(c->name);
	g_free(c);
	*compactor = NULL;
}

int64_t bz_compactor_freed(const struct bz_compactor *c)
{
	return c->dead;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* Whether to let go. A file that changed a moment ago is not let go of without need: its stamp
 * could not tell whether it changed again. */
bool bz_compact_is_time_up(void *me)
{
	const struct bz_compactor *c = me;

	return (c->settled && g_get_monotonic_time() > c->until) ||
	       c->job->report->hurry(c->job->report->me);
}

int bz_compact_is_cancelled(const struct bz_compactor *c, struct bz_err *err)
{
	return g_cancellable_is_cancelled(c->job->cancel)
		       ? bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."))
		       : 0;
}

/* Reading is the first half, copying the second. */
void bz_compact_tell(struct bz_compactor *c, int64_t bytes)
{
	int64_t now = g_get_monotonic_time();

	if (now - c->told < TELL_US)
		return;
	c->told = now;
	c->job->report->progress(c->job->report->me, c->next, MAX(c->map.items->len, 1),
		(uint64_t)bytes, (uint64_t)MAX(2 * c->map.size, 1));
}

int bz_compact_io_error(const char *path, struct bz_err *err)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return bz_err_set(err, BZ_ERR_LOCAL, full ? BZ_CODE_DISK_FULL : BZ_CODE_IO,
		full ? _("There is not enough room on this disk to compact %s; it stays as it is.")
		     : _("Cannot write %s; the mail stays as it is."),
		path);
}

/* --- what state.db knows ---------------------------------------------------------------------- */

static int sum_rows(const struct bz_compactor *c, uint8_t sum[32], struct bz_err *err)
{
	GArray *rows = g_array_new(FALSE, TRUE, sizeof(struct bz_local));
	struct evp_md_ctx_st *all = bz_sha256_begin();
	int rc = bz_store_local_all(c->store, c->name, rows, err);

	for (guint i = 0; i < rows->len; i++) {
		const struct bz_local *row = &g_array_index(rows, struct bz_local, i);
		uint32_t words[] = {row->uid, (uint32_t)row->state};

		bz_sha256_feed(all, words, sizeof words);
	}
	bz_sha256_end(&all, sum);
	g_array_unref(rows);
	return rc;
}

bool bz_compact_is_dead(const struct bz_boxmap_item *item)
{
	return item->uid != 0 && bz_boxmap_is_removed(item->state);
}

const struct bz_boxmap_item *bz_compact_item(const struct bz_compactor *c, guint i)
{
	return &g_array_index(c->map.items, struct bz_boxmap_item, i);
}

/* Rows of removed messages go with their bytes. */
static int forget_removed(struct bz_compactor *c, struct bz_err *err)
{
	int rc = 0;

	for (guint i = 0; i < c->map.items->len && rc == 0; i++)
		if (bz_compact_is_dead(bz_compact_item(c, i)))
			rc = bz_store_local_forget(c->store, bz_compact_item(c, i)->uid, err);
	for (guint i = 0; i < c->map.missing->len && rc == 0; i++) {
		const struct bz_local *row = &g_array_index(c->map.missing, struct bz_local, i);

		if (bz_boxmap_is_removed(row->state))
			rc = bz_store_local_forget(c->store, row->uid, err);
	}
	for (guint i = 0; i < c->slotted->len && rc == 0; i++) {
		const struct bz_local *row = &g_array_index(c->slotted, struct bz_local, i);

		rc = bz_store_local_set_in_file(c->store, row->uid, row->in_file, err);
	}
	return rc;
}

static int forget(struct bz_compactor *c, struct bz_err *err)
{
	if (bz_store_state_begin(c->store, err) != 0)
		return -1;
	return bz_store_state_end(c->store, forget_removed(c, err) == 0, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int begin(struct bz_compactor *c, struct bz_err *err)
{
	struct stat st;

	if (fstat(c->fd, &st) != 0 || bz_boxmap_begin(&c->map, c->fd, c->path, err) != 0)
		return -1;
	c->settled = g_get_real_time() - (int64_t)st.st_mtim.tv_sec * G_USEC_PER_SEC > SETTLED_US;
	c->stage = BZ_COMPACT_READ;
	return 0;
}

/* The new file needs as much room as the live messages take, and a little for Status lines. */
static int check_room(const struct bz_compactor *c, struct bz_err *err)
{
	struct statvfs fs;
	uint64_t need = (uint64_t)(c->map.size - c->dead) + 64 * (uint64_t)c->map.items->len;

	if (fstatvfs(c->fd, &fs) != 0 || (uint64_t)fs.f_bavail * fs.f_frsize >= need)
		return 0;
	errno = ENOSPC;
	return bz_compact_io_error(c->path, err);
}

/* Nobody's: of one that was interrupted, or no file at all. Whoever is at work holds its lock. */
static int remove_old_temp(const struct bz_compactor *c, struct bz_err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(c->temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool taken = fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) != 0 &&
		     (errno == EAGAIN || errno == EACCES);

	if (fd >= 0)
		close(fd);
	if (taken)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
			_("Another buzon is compacting %s."), c->path);
	if (unlink(c->temp) != 0 && errno != ENOENT)
		return bz_compact_io_error(c->temp, err);
	return 0;
}

static int make_temp(struct bz_compactor *c, struct bz_err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;

	if (remove_old_temp(c, err) != 0)
		return -1;
	c->out = open(c->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->out < 0 || fstat(c->fd, &st) != 0 || fchmod(c->out, st.st_mode & 0777) != 0 ||
		fcntl(c->out, F_OFD_SETLK, &lock) != 0)
		return bz_compact_io_error(c->temp, err);
	return 0;
}

static int finish_reading(struct bz_compactor *c, struct bz_err *err)
{
	if (sum_rows(c, c->rows, err) != 0 || bz_boxmap_match(&c->map, c->store, c->name, err) != 0)
		return -1;
	c->dead = 0;
	for (guint i = 0; i < c->map.items->len; i++)
		c->dead += bz_compact_is_dead(bz_compact_item(c, i)) ? bz_compact_item(c, i)->length
								     : 0;
	if (c->dead > 0 && (check_room(c, err) != 0 || make_temp(c, err) != 0))
		return -1;
	c->stage = BZ_COMPACT_COPY;
	return 0;
}

static int read_some(struct bz_compactor *c, bool *more, struct bz_err *err)
{
	if (bz_boxmap_read(&c->map, c->fd, c->job->cancel, bz_compact_is_time_up, c, more, err) !=
		0)
		return -1;
	bz_compact_tell(c, c->map.size - c->map.end);
	return *more ? 0 : finish_reading(c, err);
}

/* --- the new file takes the old one's place --------------------------------------------------- */

static bool is_unchanged(const struct bz_compactor *c)
{
	struct stat st;
	char stamp[96];

	if (fstat(c->fd, &st) != 0)
		return false;
	bz_mbox_stamp(&st, stamp);
	return strcmp(stamp, c->map.stamp) == 0;
}

/* Where removed messages stood, there is nothing of them now. */
static int drop_hints(struct bz_compactor *c, struct bz_err *err)
{
	int rc = bz_store_begin(c->store, err);

	if (rc != 0)
		return -1;
	for (guint i = 0; i < c->map.items->len && rc == 0; i++)
		if (bz_compact_is_dead(bz_compact_item(c, i)))
			rc = bz_store_removed_drop(
				c->store, c->folder, bz_compact_item(c, i)->uid, err);
	if (rc == 0)
		return bz_store_commit(c->store, err);
	bz_store_rollback(c->store);
	return -1;
}

/* Rows that were the old file's are the new one's at once; others are found by the next scan. */
static int place_rows(struct bz_compactor *c, const char *note, struct bz_err *err)
{
	g_autofree char *old = bz_store_folder_get_note(c->store, c->folder);
	struct stat st;
	char stamp[96];

	if (g_strcmp0(old, note) != 0 || stat(c->path, &st) != 0)
		return 0;
	bz_mbox_stamp(&st, stamp);
	if (drop_hints(c, err) != 0)
		return -1;
	return bz_store_place_all(
		c->store, c->folder, (const void *)c->places->data, c->places->len, stamp, err);
}

static int replace(struct bz_compactor *c, struct bz_err *err)
{
	if (fsync(c->out) != 0)
		return bz_compact_io_error(c->path, err);
	if (!is_unchanged(c) || !is_our_temp(c))
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
			_("Another program changed the mail file; it is read again."));
	if (rename(c->temp, c->path) != 0)
		return bz_compact_io_error(c->path, err);
	close(c->out);
	c->out = -1;
	if (bz_deliver_sync_dir(c->path) != 0)
		return bz_compact_io_error(c->path, err);
	if (forget(c, err) != 0)
		return -1;
	return place_rows(c, c->map.stamp, err);
}

/* --- a step ----------------------------------------------------------------------------------- */

/* Between two pieces the locks were open: is all as it was? */
static int look_again(struct bz_compactor *c, struct bz_err *err)
{
	uint8_t rows[32];

	if (c->stage == BZ_COMPACT_COPY && sum_rows(c, rows, err) != 0)
		return -1;
	if (c->stage != BZ_COMPACT_BEGIN &&
		(!c->settled || !is_unchanged(c) ||
			(c->stage == BZ_COMPACT_COPY && memcmp(rows, c->rows, 32) != 0)))
		restart(c);
	return 0;
}

static int work(struct bz_compactor *c, bool *more, struct bz_err *err)
{
	*more = false;
	if (look_again(c, err) != 0 || (c->stage == BZ_COMPACT_BEGIN && begin(c, err) != 0))
		return -1;
	if (c->stage == BZ_COMPACT_READ && (read_some(c, more, err) != 0 || *more))
		return *more ? 0 : -1;
	if (c->dead == 0)
		return forget(c, err);
	if (bz_compact_copy(c, more, err) != 0 || *more)
		return *more ? 0 : -1;
	return replace(c, err);
}

static int under_mbox_lock(struct bz_compactor *c, bool *more, struct bz_err *err)
{
	struct bz_mbox_lock *lock = bz_mbox_lock_open(c->path, false, LOCK_MS, c->job->cancel, err);
	int rc;

	if (lock == NULL)
		return -1;
	c->fd = bz_mbox_lock_fd(lock);
	c->until = g_get_monotonic_time() + PIECE_US;
	rc = work(c, more, err);
	bz_mbox_lock_close(&lock);
	return rc;
}

/* A link would be replaced by a file: it is not followed, and stays. */
static int check_kind(const struct bz_compactor *c, bool *absent, struct bz_err *err)
{
	struct stat st;

	*absent = lstat(c->path, &st) != 0 && errno == ENOENT;
	if (*absent || S_ISREG(st.st_mode))
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
		_("%s is not a plain file of yours alone; buzon does not write to it."), c->path);
}

int bz_compactor_step(
	struct bz_compactor *c, const struct bz_job *job, bool *more, struct bz_err *err)
{
	struct bz_err why = {0};
	bool absent;
	int rc;

	*more = false;
	if (check_kind(c, &absent, err) != 0)
		return -1;
	if (absent)
		return 0;
	c->job = job;
	if (bz_mail_begin(c->store, job->cancel, err) != 0)
		return -1;
	rc = under_mbox_lock(c, more, &why);
	bz_mail_end(c->store);
	if (rc != 0) {
		restart(c);
		*more = why.kind == BZ_ERR_STALE; /* begins anew */
		if (!*more && err != NULL)
			*err = why;
	}
	return rc != 0 && !*more ? -1 : 0;
}

/* --- unasked ---------------------------------------------------------------------------------- */

bool bz_compact_is_worthwhile(struct bz_store *store, const char *path, uint32_t folder)
{
	g_autofree char *note = bz_store_folder_get_note(store, folder);
	struct stat st;
	char stamp[96];
	int64_t live;

	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	bz_mbox_stamp(&st, stamp);
	if (g_strcmp0(note, stamp) != 0 || bz_store_bytes(store, folder, &live, NULL) != 0)
		return false;
	return st.st_size - live >= WORTH_BYTES && st.st_size - live >= st.st_size / WORTH_PART;
}
