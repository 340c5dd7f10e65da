/* What a move does in the mbox that messages leave, and the way back to where they were. */
#include "src/deliver_private.h"
#include "src/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- the marks of what left ------------------------------------------------------------------- */

static bool stands(int fd, int64_t off, int64_t len, const uint8_t digest[32])
{
	uint8_t now[32];

	return bz_mbox_digest_at(fd, off, len, now, NULL) == 0 && memcmp(now, digest, 32) == 0;
}

static void mark_one(int fd, struct bz_intent_item *item, bool leaves, bool verify)
{
	unsigned mark = leaves ? BZ_FLAG_DELETED : 0, in_file = 0;

	item->marked = false;
	if (!leaves && (item->flags & BZ_FLAG_DELETED) != 0)
		return; /* another program's mark, from before */
	if (verify && !stands(fd, item->source_off, item->source_len, item->digest))
		return;
	if (bz_mbox_set_flags(fd, item->source_off, item->source_len, mark, BZ_FLAG_DELETED & ~mark,
		    &in_file, NULL) == 0)
		item->marked = (in_file & BZ_FLAG_DELETED) != 0;
}

void bz_deliver_mark(int fd, struct bz_intent *intent, size_t n, bool verify)
{
	struct bz_intent_item *items = (struct bz_intent_item *)(void *)intent->items->data;

	for (guint i = 0; i < intent->items->len; i++)
		mark_one(fd, &items[i], i < n, verify);
	if (fsync(fd) == 0)
		return;
	bz_log(BZ_LOG_WARN, "%s: marks of removed messages may be lost: %s", intent->source,
		g_strerror(errno));
	for (guint i = 0; i < intent->items->len; i++)
		items[i].marked = false;
}

int bz_deliver_unmark(int fd, struct bz_intent *intent, struct bz_err *err)
{
	for (guint i = 0; i < intent->items->len; i++) {
		struct bz_intent_item *item =
			&g_array_index(intent->items, struct bz_intent_item, i);

		if (bz_mbox_set_flags(fd, item->off, item->len, item->flags & BZ_FLAGS_IN_FILE,
			    BZ_FLAGS_IN_FILE & ~item->flags, &item->in_file, err) != 0)
			return -1;
	}
	return fsync(fd) == 0 ? 0 : bz_deliver_io_error(err, intent->mbox);
}

/* --- back to where it was --------------------------------------------------------------------- */

static void intend_return(struct bz_intent *intent, const struct bz_return_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bz_intent_item item = {.uid = items[i].uid,
			.off = items[i].offset,
			.len = items[i].length,
			.source = items[i].source,
			.source_off = items[i].source_off,
			.source_len = items[i].source_len,
			.flags = items[i].flags};

		memcpy(item.digest, items[i].digest, sizeof item.digest);
		g_array_append_val(intent->items, item);
	}
}

/* From the intent on it only goes forward: an interruption is the next recovery's. */
static int return_all(struct bz_append *to, int fd, struct bz_intent *intent, struct bz_err *err)
{
	g_autofree uint32_t *uids = g_new0(uint32_t, intent->items->len + 1);
	struct stat st;

	if (fstat(fd, &st) != 0)
		return bz_deliver_io_error(err, to->mbox);
	bz_mbox_stamp(&st, to->before);
	intent->dev = (uint64_t)st.st_dev;
	intent->ino = (uint64_t)st.st_ino;
	if (bz_store_intent_put(to->store, intent, err) != 0 ||
		bz_deliver_unmark(fd, intent, err) != 0)
		return -1;
	bz_deliver_mark(to->source_fd, intent, intent->items->len, false);
	if (bz_store_intent_done(to->store, intent, intent->items->len, to->now, uids, err) != 0)
		return -1;
	if (fstat(fd, &st) == 0)
		bz_mbox_stamp(&st, to->after);
	return 0;
}

int bz_return(struct bz_append *to, int fd, const struct bz_return_item *items, size_t n,
	struct bz_err *err)
{
	struct bz_intent intent = {.kind = BZ_INTENT_RETURN,
		.mbox = g_strdup(to->mbox),
		.folder = g_strdup(to->folder),
		.source = g_strdup(to->source),
		.items = g_array_new(FALSE, TRUE, sizeof(struct bz_intent_item))};
	int rc = -1;

	intend_return(&intent, items, n);
	if (bz_mail_begin(to->store, NULL, err) == 0) {
		rc = return_all(to, fd, &intent, err);
		bz_mail_end(to->store);
	}
	bz_intent_clear(&intent);
	return rc;
}
