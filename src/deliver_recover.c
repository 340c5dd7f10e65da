/* Step 0 of DESIGN section 7: what a crash left of a batch is finished, or taken back. */
#include "src/deliver_private.h"
#include "src/lang.h"
#include "src/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static struct bz_intent_item *item_of(const struct bz_intent *intent, guint i)
{
	return &g_array_index(intent->items, struct bz_intent_item, i);
}

static bool stands(int fd, const struct bz_intent_item *item)
{
	uint8_t digest[32];

	return bz_mbox_digest_at(fd, item->off, item->len, digest, NULL) == 0 &&
	       memcmp(digest, item->digest, sizeof digest) == 0;
}

/* --- the torn end ----------------------------------------------------------------------------- */

static int copy_tail(int fd, int64_t from, int64_t size, int out)
{
	g_autofree uint8_t *piece = g_malloc(PIECE);

	for (int64_t at = from; at < size;) {
		ssize_t n = pread(fd, piece, (size_t)MIN(size - at, PIECE), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || bz_deliver_write(out, piece, (size_t)n, at - from) != 0)
			return -1;
		at += n;
	}
	return fsync(out);
}

/* Keep what is cut off: a copy beside the mbox, made durable before the cut. */
static int salvage(int fd, int64_t from, int64_t size, const char *mbox, struct bz_err *err)
{
	g_autofree char *path =
		g_strdup_printf("%s.salvage-%" G_GINT64_FORMAT, mbox, g_get_real_time());
	int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (out < 0)
		return bz_deliver_io_error(err, path);
	rc = copy_tail(fd, from, size, out);
	close(out);
	if (rc != 0 || bz_deliver_sync_dir(path) != 0)
		return bz_deliver_io_error(err, path);
	bz_log(BZ_LOG_WARN, "an interrupted write left %" G_GINT64_FORMAT " bytes, kept in %s",
		size - from, path);
	return 0;
}

static const char ours[] = "From MAILER-DAEMON "; /* bz_mbox_encode names no sender */

/* Does a message of the batch begin here? */
static bool is_ours(const struct bz_intent *intent, const char *line, size_t len, int64_t offset)
{
	if (len < sizeof ours - 1 || memcmp(line, ours, sizeof ours - 1) != 0)
		return false;
	for (guint i = 0; i < intent->items->len; i++)
		if (item_of(intent, i)->off == offset)
			return true;
	return false;
}

/* A From_ line anywhere in these bytes that no message of the batch begins with: another program
 * added to the file behind our fragment, perhaps in the middle of its last line. */
static bool has_foreign(const struct bz_intent *intent, const char *bytes, size_t n, int64_t at)
{
	const char *end = bytes + n;

	for (const char *p = bytes; (p = memmem(p, (size_t)(end - p), "From ", 5)) != NULL; p++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl != NULL ? nl : end) - p);

		if (len > 0 && p[len - 1] == '\r')
			len--;
		if (bz_mbox_is_from(p, len, NULL) && !is_ours(intent, p, len, at + (p - bytes)))
			return true;
	}
	return false;
}

/* Is what stands at the end the beginning of what the batch would have written there? Else the file
 * was written anew meanwhile. Bytes that never reached the disk may read as NUL. */
static bool begins_like_ours(int fd, const struct bz_intent *intent, int64_t from, int64_t size)
{
	char text[sizeof ours + 1];
	ssize_t n = pread(fd, text, (size_t)MIN(size - from, (int64_t)sizeof text), from);
	ssize_t at = 0, line;

	for (guint i = 0; i < intent->items->len; i++)
		if (item_of(intent, i)->off >= from) {
			at = (ssize_t)MIN(item_of(intent, i)->off - from, 3);
			break;
		}
	for (line = 0; line < n && line < at; line++)
		if (text[line] != '\n' && text[line] != '\0')
			return false;
	for (; line < n && line - at < (ssize_t)sizeof ours - 1; line++)
		if (text[line] != ours[line - at] && text[line] != '\0')
			return false;
	return n > 0;
}

/* Does anything in the tail come from another program? Then nothing may be cut. What cannot be read
 * counts as foreign. */
static bool foreign_follows(int fd, const struct bz_intent *intent, int64_t from, int64_t size)
{
	enum { OVERLAP = 2048 };
	const struct bz_intent_item *last = item_of(intent, intent->items->len - 1);
	g_autofree char *piece = g_malloc(PIECE);
	bool foreign = size > last->off + last->len || !begins_like_ours(fd, intent, from, size);

	while (from < size && !foreign) {
		ssize_t n = pread(fd, piece, (size_t)MIN(size - from, PIECE), from);

		foreign = n <= 0 || has_foreign(intent, piece, (size_t)n, from);
		from += from + n < size && n > OVERLAP ? n - OVERLAP : MAX(n, 1);
	}
	return foreign;
}

/* *kept = a fragment had to stay. */
static int cut_tail(
	int fd, const struct bz_intent *intent, guint whole, bool *kept, struct bz_err *err)
{
	const struct bz_intent_item *last = whole > 0 ? item_of(intent, whole - 1) : NULL;
	int64_t keep = last != NULL ? last->off + last->len : intent->start;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return bz_deliver_io_error(err, intent->mbox);
	if (st.st_size <= keep || whole == intent->items->len)
		return 0;
	*kept = foreign_follows(fd, intent, keep, st.st_size);
	if (*kept)
		return 0;
	if (salvage(fd, keep, st.st_size, intent->mbox, err) != 0)
		return -1;
	return ftruncate(fd, keep) == 0 ? 0 : bz_deliver_io_error(err, intent->mbox);
}

/* --- a fragment that foreign mail follows ----------------------------------------------------- */

static bool keep_last(void *me, const struct bz_mbox_item *item)
{
	*(struct bz_mbox_item *)me = *item;
	return true;
}

static bool is_known_fragment(const GArray *locals, const uint8_t digest[32])
{
	for (guint i = 0; i < locals->len; i++) {
		const struct bz_local *local = &g_array_index(locals, struct bz_local, i);

		if ((local->flags & BZ_FLAG_INCOMPLETE) != 0 &&
			memcmp(local->digest, digest, 32) == 0)
			return true;
	}
	return false;
}

/* It stays as a message that says so of itself. */
static int adopt_fragment(struct bz_store *store, int fd, const struct bz_intent *intent,
	int64_t off, const GArray *locals, struct bz_err *err)
{
	struct bz_mbox_item found = {.offset = -1};
	uint8_t digest[32];
	uint32_t uid;

	if (bz_mbox_scan_back(fd, off, -1, NULL, keep_last, &found, err) != 0)
		return -1;
	if (found.offset != off || bz_mbox_digest_at(fd, off, found.length, digest, err) != 0 ||
		is_known_fragment(locals, digest))
		return 0;
	return bz_store_local_adopt(
		store, intent->folder, digest, BZ_FLAG_INCOMPLETE, 0, &uid, err);
}

/* --- what stands elsewhere -------------------------------------------------------------------- */

/* How many more messages of a digest the file holds than state.db knows of. */
struct census {
	int fd;
	GHashTable *counts; /* digest (of the intent's item) -> int */
	bool failed;
};

static void count(struct census *c, const uint8_t digest[32], int by)
{
	GBytes *key = g_bytes_new_static(digest, 32);
	gpointer owner, n;

	if (g_hash_table_lookup_extended(c->counts, key, &owner, &n))
		g_hash_table_insert(
			c->counts, g_bytes_ref(owner), GINT_TO_POINTER(GPOINTER_TO_INT(n) + by));
	g_bytes_unref(key);
}

static bool count_item(void *me, const struct bz_mbox_item *item)
{
	struct census *c = me;
	uint8_t digest[32];

	c->failed = bz_mbox_digest_at(c->fd, item->offset, item->length, digest, NULL) != 0;
	if (!c->failed)
		count(c, digest, 1);
	return !c->failed;
}

static void swap_items(const struct bz_intent *intent, guint a, guint b)
{
	struct bz_intent_item kept = *item_of(intent, a);

	*item_of(intent, a) = *item_of(intent, b);
	*item_of(intent, b) = kept;
}

/* Another program wrote the file anew before we could come back: messages of the batch stand in it
 * at other places. They go in front; how many there are now. */
static guint find_elsewhere(
	int fd, const struct bz_intent *intent, const GArray *locals, guint whole)
{
	struct census c = {.fd = fd};
	guint n = whole;

	c.counts = g_hash_table_new_full(
		g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	for (guint i = whole; i < intent->items->len; i++)
		g_hash_table_insert(c.counts, g_bytes_new_static(item_of(intent, i)->digest, 32),
			GINT_TO_POINTER(0));
	if (bz_mbox_scan_back(fd, 0, -1, NULL, count_item, &c, NULL) != 0)
		c.failed = true;
	for (guint i = 0; i < locals->len; i++)
		if (g_array_index(locals, struct bz_local, i).state != BZ_LOCAL_MISSING)
			count(&c, g_array_index(locals, struct bz_local, i).digest, -1);
	for (guint i = 0; i < whole; i++)
		count(&c, item_of(intent, i)->digest, -1);
	for (guint i = whole; i < intent->items->len && !c.failed; i++) {
		GBytes *key = g_bytes_new(item_of(intent, i)->digest, 32);

		if (GPOINTER_TO_INT(g_hash_table_lookup(c.counts, key)) > 0) {
			count(&c, item_of(intent, i)->digest, -1);
			swap_items(intent, i, n++);
		}
		g_bytes_unref(key);
	}
	g_hash_table_unref(c.counts);
	return n;
}

/* --- a batch ---------------------------------------------------------------------------------- */

static int mark_sources(struct bz_intent *intent, guint n, GCancellable *cancel, struct bz_err *err)
{
	struct bz_err reason = {0};
	struct bz_mbox_lock *lock =
		bz_mbox_lock_open(intent->source, false, BZ_MAIL_LOCK_MS, cancel, &reason);

	if (lock == NULL && reason.code != BZ_CODE_NOT_FOUND) {
		if (err != NULL)
			*err = reason;
		return -1;
	}
	if (lock != NULL)
		bz_deliver_mark(bz_mbox_lock_fd(lock), intent, n, true);
	bz_mbox_lock_close(&lock);
	return 0;
}

static bool is_the_file(int fd, const struct bz_intent *intent)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_dev == intent->dev &&
	       (uint64_t)st.st_ino == intent->ino && st.st_size >= intent->start;
}

/* How many of the batch are there; those come first in the intent. */
static int find_whole(struct bz_store *store, int fd, const struct bz_intent *intent, guint *whole,
	struct bz_err *err)
{
	GArray *locals = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	bool kept = false, same = is_the_file(fd, intent);
	int rc = bz_store_local_all(store, intent->folder, locals, err);

	while (same && *whole < intent->items->len && stands(fd, item_of(intent, *whole)))
		++*whole;
	if (rc == 0 && same)
		rc = cut_tail(fd, intent, *whole, &kept, err);
	if (rc == 0 && kept)
		rc = adopt_fragment(store, fd, intent, item_of(intent, *whole)->off, locals, err);
	if (rc == 0 && *whole < intent->items->len)
		*whole = find_elsewhere(fd, intent, locals, *whole);
	g_array_unref(locals);
	if (rc == 0 && fsync(fd) != 0)
		rc = bz_deliver_io_error(err, intent->mbox);
	return rc;
}

static int recover_append(struct bz_store *store, int fd, struct bz_intent *intent, guint *whole,
	GCancellable *cancel, struct bz_err *err)
{
	if (fd >= 0 && find_whole(store, fd, intent, whole, err) != 0)
		return -1;
	return intent->kind == BZ_INTENT_MOVE ? mark_sources(intent, *whole, cancel, err) : 0;
}

/* --- a way back ------------------------------------------------------------------------------- */

/* Those that still stand there go back whole; of the others the source stays. */
static int recover_return(
	int fd, struct bz_intent *intent, guint *whole, GCancellable *cancel, struct bz_err *err)
{
	guint all = intent->items->len;

	for (guint i = 0; i < all && fd >= 0; i++)
		if (stands(fd, item_of(intent, i)))
			swap_items(intent, i, (*whole)++);
	if (*whole > 0) {
		struct bz_intent part = *intent;
		int rc;

		part.items = g_array_new(FALSE, TRUE, sizeof(struct bz_intent_item));
		g_array_append_vals(part.items, intent->items->data, *whole);
		rc = bz_deliver_unmark(fd, &part, err);
		memcpy(intent->items->data, part.items->data,
			*whole * sizeof(struct bz_intent_item));
		g_array_unref(part.items);
		if (rc != 0)
			return -1;
	}
	return mark_sources(intent, *whole, cancel, err);
}

/* --- all -------------------------------------------------------------------------------------- */

static int recover(
	struct bz_store *store, struct bz_intent *intent, GCancellable *cancel, struct bz_err *err)
{
	g_autofree uint32_t *uids = g_new0(uint32_t, intent->items->len + 1);
	struct bz_err reason = {0};
	struct bz_mbox_lock *lock =
		bz_mbox_lock_open(intent->mbox, false, BZ_MAIL_LOCK_MS, cancel, &reason);
	int fd = lock != NULL ? bz_mbox_lock_fd(lock) : -1, rc;
	guint whole = 0;

	if (lock == NULL && reason.code != BZ_CODE_NOT_FOUND) {
		if (err != NULL)
			*err = reason;
		return -1;
	}
	rc = intent->kind == BZ_INTENT_RETURN
		     ? recover_return(fd, intent, &whole, cancel, err)
		     : recover_append(store, fd, intent, &whole, cancel, err);
	if (rc == 0)
		rc = bz_store_intent_done(
			store, intent, whole, g_get_real_time() / G_USEC_PER_SEC, uids, err);
	bz_mbox_lock_close(&lock);
	return rc;
}

int bz_deliver_recover(struct bz_store *store, GCancellable *cancel, struct bz_err *err)
{
	struct bz_intent intent;
	int rc = bz_store_intent_get(store, &intent, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = recover(store, &intent, cancel, err);
	bz_intent_clear(&intent);
	return rc;
}
