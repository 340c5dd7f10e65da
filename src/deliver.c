#include "src/deliver.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_MS = 10000 };

static int io_error(struct bz_err *err, const char *path)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return bz_err_set(err, BZ_ERR_LOCAL, full ? BZ_CODE_DISK_FULL : BZ_CODE_IO,
		full ? _("This computer's disk is full: %s. What was stored is safe; the rest "
			 "stays on the server.")
		     : _("Cannot write %s. What was stored is safe; the rest stays on the server."),
		path);
}

static int write_all(int fd, const uint8_t *bytes, size_t n, int64_t offset)
{
	while (n > 0) {
		ssize_t k = pwrite(fd, bytes, n, offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		bytes += k;
		n -= (size_t)k;
		offset += k;
	}
	return 0;
}

static int sync_dir(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* --- step 0: recovery ------------------------------------------------------------------------- */

/* Keep what is cut off: a copy beside the mbox, made durable before the cut. */
static int salvage(int fd, int64_t from, int64_t size, const char *mbox, struct bz_err *err)
{
	g_autofree char *path =
		g_strdup_printf("%s.salvage-%" G_GINT64_FORMAT, mbox, g_get_real_time());
	int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	g_autofree uint8_t *piece = g_malloc(1 << 20);
	int64_t at = from;

	if (out < 0)
		return io_error(err, path);
	while (at < size) {
		ssize_t n = pread(fd, piece, (size_t)MIN(size - at, 1 << 20), at);

		if (n <= 0 || write_all(out, piece, (size_t)n, at - from) != 0)
			break;
		at += n;
	}
	if (at < size || fsync(out) != 0 || sync_dir(path) != 0) {
		close(out);
		return io_error(err, path);
	}
	close(out);
	bz_log(BZ_LOG_WARN, "an interrupted download left %" G_GINT64_FORMAT " bytes, kept in %s",
		size - from, path);
	return 0;
}

/* How many messages of the intent stand whole in the file, from the first on. */
static guint intact(int fd, const struct bz_intent *intent)
{
	guint n = 0;

	for (; n < intent->items->len; n++) {
		const struct bz_intent_item *item =
			&g_array_index(intent->items, struct bz_intent_item, n);
		GBytes *bytes = bz_mbox_read(fd, item->off, item->len, NULL);
		uint8_t digest[32];
		gsize len;
		const char *text;

		if (bytes == NULL)
			break;
		text = g_bytes_get_data(bytes, &len);
		bz_mbox_digest(text, len, digest);
		g_bytes_unref(bytes);
		if (memcmp(digest, item->digest, sizeof digest) != 0)
			break;
	}
	return n;
}

/* Does a message of the batch begin here? bz_mbox_encode names no sender. */
static bool is_ours(const struct bz_intent *intent, const char *line, size_t len, int64_t offset)
{
	static const char start[] = "From MAILER-DAEMON ";

	if (len < sizeof start - 1 || memcmp(line, start, sizeof start - 1) != 0)
		return false;
	for (guint i = 0; i < intent->items->len; i++)
		if (g_array_index(intent->items, struct bz_intent_item, i).off == offset)
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

/* Does anything in the tail come from another program? Then nothing may be cut. What cannot be read
 * counts as foreign. */
static bool foreign_follows(int fd, const struct bz_intent *intent, int64_t from, int64_t size)
{
	enum { PIECE = 1 << 20, OVERLAP = 2048 };
	const struct bz_intent_item *last =
		&g_array_index(intent->items, struct bz_intent_item, intent->items->len - 1);
	g_autofree char *piece = g_malloc(PIECE);
	bool foreign = size > last->off + last->len;

	while (from < size && !foreign) {
		ssize_t n = pread(fd, piece, (size_t)MIN(size - from, PIECE), from);

		foreign = n <= 0 || has_foreign(intent, piece, (size_t)n, from);
		from += from + n < size && n > OVERLAP ? n - OVERLAP : MAX(n, 1);
	}
	return foreign;
}

static int cut_tail(int fd, const struct bz_intent *intent, guint whole, struct bz_err *err)
{
	const struct bz_intent_item *items = (const void *)intent->items->data;
	int64_t keep = whole > 0 ? items[whole - 1].off + items[whole - 1].len : intent->start;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return io_error(err, intent->mbox);
	if (st.st_size <= keep || whole == intent->items->len ||
		foreign_follows(fd, intent, keep, st.st_size))
		return 0;
	if (salvage(fd, keep, st.st_size, intent->mbox, err) != 0)
		return -1;
	if (ftruncate(fd, keep) != 0)
		return io_error(err, intent->mbox);
	return 0;
}

static int recover_locked(
	struct bz_store *store, int fd, const struct bz_intent *intent, struct bz_err *err)
{
	g_autofree uint32_t *uids = g_new0(uint32_t, intent->items->len + 1);
	struct stat st;
	guint whole = 0;

	if (fstat(fd, &st) == 0 && (uint64_t)st.st_dev == intent->dev &&
		(uint64_t)st.st_ino == intent->ino && st.st_size >= intent->start) {
		whole = intact(fd, intent);
		if (cut_tail(fd, intent, whole, err) != 0)
			return -1;
	}
	if (fsync(fd) != 0)
		return io_error(err, intent->mbox);
	return bz_store_intent_done(
		store, intent, whole, g_get_real_time() / G_USEC_PER_SEC, uids, err);
}

int bz_deliver_recover(struct bz_store *store, const char *mbox, bool *changed,
	GCancellable *cancel, struct bz_err *err)
{
	struct bz_intent intent;
	struct bz_mbox_lock *lock;
	int rc = bz_store_intent_get(store, &intent, err);

	*changed = false;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	lock = bz_mbox_lock_open(mbox, true, LOCK_MS, cancel, err);
	rc = -1;
	if (lock != NULL) {
		rc = recover_locked(store, bz_mbox_lock_fd(lock), &intent, err);
		bz_mbox_lock_close(&lock);
		*changed = true;
	}
	bz_intent_clear(&intent);
	return rc;
}

/* --- steps 3 to 6: a batch -------------------------------------------------------------------- */

struct batch {
	struct bz_store *store;
	const char *mbox, *folder;
	int fd;
	bool fresh; /* the file was empty: its folder's entry must become durable too */
	struct bz_intent intent;
	GByteArray *bytes;
	GArray *indexes; /* guint: which of the caller's items */
};

/* A server that lists one UIDL twice names one message. */
static bool is_in_batch(const struct batch *b, const char *uidl)
{
	for (guint i = 0; i < b->intent.items->len; i++)
		if (strcmp(g_array_index(b->intent.items, struct bz_intent_item, i).uidl, uidl) ==
			0)
			return true;
	return false;
}

static int add_item(struct batch *b, const struct bz_deliver_item *item, guint index, int64_t now,
	struct bz_err *err)
{
	struct bz_intent_item out = {.size = item->size};
	gsize len;
	const char *text = g_bytes_get_data(item->message, &len);
	int known = is_in_batch(b, item->uidl) ? 1 : bz_store_ledger_has(b->store, item->uidl, err);
	GByteArray *encoded;
	GBytes *stored;

	if (known != 0)
		return known < 0 ? -1 : 0;
	encoded = bz_mbox_encode(text, len, now);
	g_strlcpy(out.uidl, item->uidl, sizeof out.uidl);
	out.off = b->intent.start + b->bytes->len;
	out.len = encoded->len;
	g_byte_array_append(b->bytes, encoded->data, encoded->len);
	stored = bz_mbox_decode(encoded->data, encoded->len);
	bz_mbox_digest(g_bytes_get_data(stored, NULL), g_bytes_get_size(stored), out.digest);
	g_bytes_unref(stored);
	g_byte_array_unref(encoded);
	g_array_append_val(b->intent.items, out);
	g_array_append_val(b->indexes, index);
	return 0;
}

/* Separate from a last message without its empty line (another program's append). */
static int add_separator(struct batch *b, int64_t size)
{
	char end[2] = "";

	if (size == 0)
		return 0;
	if (pread(b->fd, end, 2, MAX(size - 2, 0)) < 1)
		return -1;
	if (size >= 2 && end[0] == '\n' && end[1] == '\n')
		return 0;
	if (size >= 2 && end[1] != '\n')
		g_byte_array_append(b->bytes, (const guint8 *)"\n", 1);
	g_byte_array_append(b->bytes, (const guint8 *)"\n", 1);
	return 0;
}

static int prepare(struct batch *b, const struct bz_deliver_item *items, size_t n, int64_t now,
	struct bz_err *err)
{
	struct stat st;

	if (fstat(b->fd, &st) != 0)
		return io_error(err, b->mbox);
	b->fresh = st.st_size == 0;
	b->intent.mbox = g_strdup(b->mbox);
	b->intent.folder = g_strdup(b->folder);
	b->intent.dev = (uint64_t)st.st_dev;
	b->intent.ino = (uint64_t)st.st_ino;
	b->intent.start = st.st_size;
	if (add_separator(b, st.st_size) != 0)
		return io_error(err, b->mbox);
	for (size_t i = 0; i < n; i++)
		if (add_item(b, &items[i], (guint)i, now, err) != 0)
			return -1;
	return 0;
}

/* Back to the size from before the batch, unless a program without locks added to the file
 * meanwhile. */
static bool cut_back(const struct batch *b)
{
	struct stat st;

	return fstat(b->fd, &st) == 0 && st.st_size <= b->intent.start + (int64_t)b->bytes->len &&
	       ftruncate(b->fd, b->intent.start) == 0 && fsync(b->fd) == 0;
}

/* Write and sync; on any failure back to the size from before. A failed fsync is final. *undone =
 * the file is as it was; else the intent stays for the next recovery. */
static int append(struct batch *b, bool *undone, struct bz_err *err)
{
	int saved;

	if (write_all(b->fd, b->bytes->data, b->bytes->len, b->intent.start) == 0 &&
		fsync(b->fd) == 0 && (!b->fresh || sync_dir(b->mbox) == 0))
		return 0;
	saved = errno;
	*undone = cut_back(b);
	errno = saved;
	return io_error(err, b->mbox);
}

static void hand_back(const struct batch *b, const uint32_t *uids, struct bz_deliver_item *items)
{
	for (guint i = 0; i < b->intent.items->len; i++) {
		const struct bz_intent_item *from =
			&g_array_index(b->intent.items, struct bz_intent_item, i);
		struct bz_deliver_item *to = &items[g_array_index(b->indexes, guint, i)];

		to->uid = uids[i];
		to->offset = from->off;
		to->length = from->len;
		memcpy(to->digest, from->digest, sizeof to->digest);
	}
}

static int store_batch(
	struct batch *b, struct bz_deliver_item *items, size_t n, int64_t now, struct bz_err *err)
{
	g_autofree uint32_t *uids = g_new0(uint32_t, n);
	bool undone = false;

	if (prepare(b, items, n, now, err) != 0)
		return -1;
	if (b->intent.items->len == 0)
		return 0;
	if (bz_store_intent_put(b->store, &b->intent, err) != 0)
		return -1;
	if (append(b, &undone, err) != 0) {
		if (undone)
			(void)bz_store_intent_done(b->store, &b->intent, 0, now, uids, NULL);
		return -1;
	}
	if (bz_store_intent_done(b->store, &b->intent, b->intent.items->len, now, uids, err) != 0)
		return -1; /* the next recovery adopts what stands in the file */
	hand_back(b, uids, items);
	return 0;
}

int bz_deliver(struct bz_store *store, const char *mbox, const char *folder,
	struct bz_deliver_item *items, size_t n, int64_t now, GCancellable *cancel,
	struct bz_err *err)
{
	struct bz_mbox_lock *lock = bz_mbox_lock_open(mbox, true, LOCK_MS, cancel, err);
	struct batch b = {.store = store, .mbox = mbox, .folder = folder};
	int rc;

	if (lock == NULL)
		return -1;
	b.fd = bz_mbox_lock_fd(lock);
	b.bytes = g_byte_array_new();
	b.intent.items = g_array_new(FALSE, TRUE, sizeof(struct bz_intent_item));
	b.indexes = g_array_new(FALSE, FALSE, sizeof(guint));
	rc = store_batch(&b, items, n, now, err);
	g_byte_array_unref(b.bytes);
	g_array_unref(b.indexes);
	bz_intent_clear(&b.intent);
	bz_mbox_lock_close(&lock);
	return rc;
}
