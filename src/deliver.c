#include "src/deliver.h"
#include "src/deliver_private.h"
#include "src/lang.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, HEAD_MAX = 64 << 10, KEPT_MAX = 16 << 20 };

int bz_deliver_io_error(struct bz_err *err, const char *path)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return bz_err_set(err, BZ_ERR_LOCAL, full ? BZ_CODE_DISK_FULL : BZ_CODE_IO,
		full ? _("This computer's disk is full: %s. What was stored is safe; the rest "
			 "stays where it is.")
		     : _("Cannot write %s. What was stored is safe; the rest stays where it is."),
		path);
}

int bz_deliver_write(int fd, const void *bytes, size_t n, int64_t offset)
{
	const uint8_t *p = bytes;

	while (n > 0) {
		ssize_t k = pwrite(fd, p, n, offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
		offset += k;
	}
	return 0;
}

int bz_deliver_sync_dir(const char *path)
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

/* --- one change at a time --------------------------------------------------------------------- */

int bz_mail_begin(struct bz_store *store, GCancellable *cancel, struct bz_err *err)
{
	return bz_mail_begin_within(store, BZ_MAIL_LOCK_MS, cancel, err);
}

int bz_mail_begin_within(
	struct bz_store *store, int timeout_ms, GCancellable *cancel, struct bz_err *err)
{
	int rc = bz_store_lock(store, timeout_ms, cancel, err);

	if (rc <= 0)
		return rc;
	if (bz_deliver_recover(store, cancel, err) == 0 &&
		bz_local_folders_recover(store, err) == 0)
		return 0;
	bz_store_unlock(store);
	return -1;
}

void bz_mail_end(struct bz_store *store)
{
	bz_store_unlock(store);
}

/* --- steps 3 to 6: a batch -------------------------------------------------------------------- */

struct batch {
	struct bz_append *to;
	int fd;
	GCancellable *cancel;
	bool fresh; /* the file was empty: its folder's entry must become durable too */
	char separator[3];
	int64_t end; /* of what the batch writes */
	struct bz_intent intent;
	GArray *indexes; /* guint: which of the caller's items */
	GPtrArray *kept; /* beside them: GByteArray, what is written; NULL = to be told again */
	size_t kept_bytes;
	GHashTable *uidls; /* of the batch; keys are the caller's */
};

static int give(const struct bz_append_item *item, bz_sink *sink, void *me, struct bz_err *err)
{
	gsize len;
	const void *bytes;

	if (item->message == NULL)
		return item->give(item->me, sink, me, err);
	bytes = g_bytes_get_data(item->message, &len);
	return len > 0 ? sink(me, bytes, len) : 0;
}

/* A message on its way through the encoder, its beginning kept for its key. */
struct measure {
	struct bz_encoder *encoder;
	GByteArray *head; /* NULL: not wanted */
};

static void free_kept(void *kept)
{
	if (kept != NULL)
		g_byte_array_unref(kept);
}

static int keeping(void *me, const void *bytes, size_t n)
{
	g_byte_array_append(me, bytes, (guint)n);
	return 0;
}

/* A message in memory is encoded once, as far as there is room for what comes of it. */
static GByteArray *room_for(struct batch *b, const struct bz_append_item *item)
{
	size_t n = item->message != NULL ? g_bytes_get_size(item->message) : SIZE_MAX;

	if (n > KEPT_MAX || b->kept_bytes + n > KEPT_MAX)
		return NULL;
	b->kept_bytes += n;
	return g_byte_array_sized_new((guint)n + 256);
}

static int measuring(void *me, const void *bytes, size_t n)
{
	struct measure *m = me;
	size_t room = m->head != NULL ? HEAD_MAX - m->head->len : 0;

	if (room > 0)
		g_byte_array_append(m->head, bytes, (guint)MIN(n, room));
	return bz_encoder_feed(m->encoder, bytes, n);
}

static int nowhere(void *me, const void *bytes, size_t n)
{
	(void)me;
	(void)bytes;
	(void)n;
	return 0;
}

static int64_t received(const struct batch *b, const struct bz_append_item *item)
{
	return item->received != INT64_MIN ? item->received : b->to->now;
}

/* How long it will be, its identity, and by what its header is known. */
static int measure_item(struct batch *b, const struct bz_append_item *item,
	struct bz_intent_item *out, struct bz_err *err)
{
	GByteArray *kept = room_for(b, item);
	struct measure m = {.encoder = bz_encoder_begin(received(b, item), item->flags, true,
				    kept != NULL ? keeping : nowhere, kept)};
	int rc;

	g_ptr_array_add(b->kept, kept);

	if (b->to->kind == BZ_INTENT_DOWNLOAD)
		m.head = g_byte_array_new();
	rc = give(item, measuring, &m, err);
	(void)bz_encoder_end(&m.encoder, &out->len, out->digest);
	if (m.head != NULL) {
		bz_mbox_headkey((const char *)m.head->data, m.head->len, out->headkey);
		g_byte_array_unref(m.head);
	}
	return rc == 0 ? 0 : -1;
}

static int changed(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
		_("Another program changed the mail file; it is read again."));
}

/* 1 it is stored, or another of the batch: a server that lists one UIDL twice names one message. */
static int is_known(struct batch *b, const struct bz_append_item *item, struct bz_err *err)
{
	struct bz_ledger row;
	int rc;

	if (b->to->kind != BZ_INTENT_DOWNLOAD)
		return 0;
	if (!g_hash_table_add(b->uidls, (gpointer)(uintptr_t)item->uidl))
		return 1;
	rc = bz_store_ledger_get(b->to->store, item->uidl, &row, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return row.state != BZ_LEDGER_LEFT;
}

static int add_new_item(
	struct batch *b, const struct bz_append_item *item, guint index, struct bz_err *err)
{
	struct bz_intent_item out = {.size = item->size,
		.flags = item->flags,
		.source = item->source,
		.source_off = item->source_off,
		.source_len = item->source_len,
		.off = b->end};

	if (measure_item(b, item, &out, err) != 0)
		return -1;
	if (item->source != 0 && memcmp(item->digest, out.digest, sizeof out.digest) != 0)
		return changed(err);
	g_strlcpy(out.uidl, item->uidl, sizeof out.uidl);
	b->end += out.len;
	g_array_append_val(b->intent.items, out);
	g_array_append_val(b->indexes, index);
	return 0;
}

static int add_item(
	struct batch *b, const struct bz_append_item *item, guint index, struct bz_err *err)
{
	int known = is_known(b, item, err);

	if (known != 0)
		return known < 0 ? -1 : 0;
	return add_new_item(b, item, index, err);
}

/* One transaction: each question alone would take the database's locks. */
static int add_items(
	struct batch *b, const struct bz_append_item *items, size_t n, struct bz_err *err)
{
	int rc = bz_store_state_begin(b->to->store, err);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_item(b, &items[i], (guint)i, err);
	return bz_store_state_end(b->to->store, rc == 0, err);
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
	g_strlcpy(b->separator, size >= 2 && end[1] != '\n' ? "\n\n" : "\n", sizeof b->separator);
	b->end += (int64_t)strlen(b->separator);
	return 0;
}

static int prepare(
	struct batch *b, const struct bz_append_item *items, size_t n, struct bz_err *err)
{
	struct stat st;

	if (fstat(b->fd, &st) != 0)
		return bz_deliver_io_error(err, b->to->mbox);
	bz_mbox_stamp(&st, b->to->before);
	b->fresh = st.st_size == 0;
	b->intent.kind = b->to->kind;
	b->intent.mbox = g_strdup(b->to->mbox);
	b->intent.folder = g_strdup(b->to->folder);
	b->intent.source = b->to->kind == BZ_INTENT_MOVE ? g_strdup(b->to->source) : NULL;
	b->intent.dev = (uint64_t)st.st_dev;
	b->intent.ino = (uint64_t)st.st_ino;
	b->intent.start = b->end = st.st_size;
	if (add_separator(b, st.st_size) != 0)
		return bz_deliver_io_error(err, b->to->mbox);
	return add_items(b, items, n, err);
}

/* --- the bytes -------------------------------------------------------------------------------- */

/* Writes behind one another, in pieces. */
struct writer {
	const struct batch *b;
	int64_t at;
	GByteArray *piece;
	struct bz_err *err;
};

static int write_out(struct writer *w, const void *bytes, size_t n)
{
	if (g_cancellable_is_cancelled(w->b->cancel))
		return bz_err_set(w->err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	if (bz_deliver_write(w->b->fd, bytes, n, w->at) != 0)
		return bz_deliver_io_error(w->err, w->b->to->mbox);
	w->at += (int64_t)n;
	return 0;
}

static int flush_piece(struct writer *w)
{
	int rc = w->piece->len > 0 ? write_out(w, w->piece->data, w->piece->len) : 0;

	g_byte_array_set_size(w->piece, 0);
	return rc;
}

static int writing(void *me, const void *bytes, size_t n)
{
	struct writer *w = me;

	if (w->piece->len + n > PIECE && flush_piece(w) != 0)
		return -1;
	if (n >= PIECE)
		return write_out(w, bytes, n);
	g_byte_array_append(w->piece, bytes, (guint)n);
	return 0;
}

/* What is told a second time must be what the intent says. */
static int write_item(struct writer *w, const struct bz_append_item *item,
	const struct bz_intent_item *expected, struct bz_err *err)
{
	bool twice = item->message == NULL;
	struct bz_encoder *e =
		bz_encoder_begin(received(w->b, item), item->flags, twice, writing, w);
	uint8_t digest[32];
	int64_t length;
	int rc = give(item, bz_encoder_feed, e, err);

	if (bz_encoder_end(&e, &length, digest) != 0 || rc != 0)
		return -1;
	if (length == expected->len &&
		(!twice || memcmp(digest, expected->digest, sizeof digest) == 0))
		return 0;
	return changed(err);
}

static int write_items(struct batch *b, const struct bz_append_item *items, struct bz_err *err)
{
	struct writer w = {.b = b, .at = b->intent.start, .err = err};
	int rc;

	w.piece = g_byte_array_sized_new(PIECE);
	rc = writing(&w, b->separator, strlen(b->separator));
	for (guint i = 0; i < b->intent.items->len && rc == 0; i++) {
		const GByteArray *kept = g_ptr_array_index(b->kept, i);

		rc = kept != NULL
			     ? writing(&w, kept->data, kept->len)
			     : write_item(&w, &items[g_array_index(b->indexes, guint, i)],
				       &g_array_index(b->intent.items, struct bz_intent_item, i),
				       err);
	}
	if (rc == 0)
		rc = flush_piece(&w);
	g_byte_array_unref(w.piece);
	return rc;
}

/* Back to the size from before the batch, unless a program without locks added to the file
 * meanwhile. */
static bool cut_back(const struct batch *b)
{
	struct stat st;

	return fstat(b->fd, &st) == 0 && st.st_size <= b->end &&
	       ftruncate(b->fd, b->intent.start) == 0 && fsync(b->fd) == 0;
}

/* Write and sync; on any failure back to the size from before. A failed fsync is final. *undone =
 * the file is as it was; else the intent stays for the next recovery. */
static int append(
	struct batch *b, const struct bz_append_item *items, bool *undone, struct bz_err *err)
{
	int rc = write_items(b, items, err);

	if (rc == 0 && (fsync(b->fd) != 0 || (b->fresh && bz_deliver_sync_dir(b->to->mbox) != 0)))
		rc = bz_deliver_io_error(err, b->to->mbox);
	if (rc != 0)
		*undone = cut_back(b);
	return rc;
}

/* --- what follows ----------------------------------------------------------------------------- */

static void hand_back(const struct batch *b, const uint32_t *uids, struct bz_append_item *items)
{
	struct stat st;

	if (fstat(b->fd, &st) == 0)
		bz_mbox_stamp(&st, b->to->after);
	for (guint i = 0; i < b->intent.items->len; i++) {
		const struct bz_intent_item *from =
			&g_array_index(b->intent.items, struct bz_intent_item, i);
		struct bz_append_item *to = &items[g_array_index(b->indexes, guint, i)];

		to->uid = uids[i];
		to->offset = from->off;
		to->length = from->len;
		memcpy(to->digest, from->digest, sizeof to->digest);
		memcpy(to->headkey, from->headkey, sizeof to->headkey);
	}
}

static int store_batch(struct batch *b, struct bz_append_item *items, size_t n, struct bz_err *err)
{
	g_autofree uint32_t *uids = g_new0(uint32_t, n);
	struct bz_store *store = b->to->store;
	bool undone = false;

	if (prepare(b, items, n, err) != 0)
		return -1;
	memcpy(b->to->after, b->to->before, sizeof b->to->after);
	if (b->intent.items->len == 0)
		return 0;
	if (bz_store_intent_put(store, &b->intent, err) != 0)
		return -1;
	if (append(b, items, &undone, err) != 0) {
		if (undone)
			(void)bz_store_intent_done(store, &b->intent, 0, b->to->now, uids, NULL);
		return -1;
	}
	if (b->to->kind == BZ_INTENT_MOVE)
		bz_deliver_mark(b->to->source_fd, &b->intent, b->intent.items->len, false);
	if (bz_store_intent_done(store, &b->intent, b->intent.items->len, b->to->now, uids, err) !=
		0)
		return -1; /* the next recovery adopts what stands in the file */
	hand_back(b, uids, items);
	return 0;
}

static int append_locked(struct bz_append *to, struct bz_append_item *items, size_t n,
	GCancellable *cancel, struct bz_err *err)
{
	struct bz_mbox_lock *lock = bz_mbox_lock_open(to->mbox, true, BZ_MAIL_LOCK_MS, cancel, err);
	struct batch b = {.to = to, .cancel = cancel};
	int rc;

	if (lock == NULL)
		return -1;
	b.fd = bz_mbox_lock_fd(lock);
	b.intent.items = g_array_sized_new(FALSE, TRUE, sizeof(struct bz_intent_item), (guint)n);
	b.indexes = g_array_sized_new(FALSE, FALSE, sizeof(guint), (guint)n);
	b.kept = g_ptr_array_new_full((guint)n, free_kept);
	b.uidls = g_hash_table_new(g_str_hash, g_str_equal);
	rc = store_batch(&b, items, n, err);
	g_hash_table_unref(b.uidls);
	g_array_unref(b.indexes);
	g_ptr_array_unref(b.kept);
	bz_intent_clear(&b.intent);
	bz_mbox_lock_close(&lock);
	return rc;
}

int bz_append(struct bz_append *to, struct bz_append_item *items, size_t n, GCancellable *cancel,
	struct bz_err *err)
{
	int rc;

	if (bz_mail_begin(to->store, cancel, err) != 0)
		return -1;
	rc = append_locked(to, items, n, cancel, err);
	bz_mail_end(to->store);
	return rc;
}
