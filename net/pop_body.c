/* Messages on their way: small ones in memory, large ones in a file without a name beside the
 * account's mail. */
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_MAX = 1 << 20, PIECE = 256 << 10 };

void pop_whole_clear(void *me)
{
	struct pop_whole *whole = me;

	if (whole->bytes != NULL)
		g_bytes_unref(whole->bytes);
	g_free(whole->uidl);
}

/* --- the spool -------------------------------------------------------------------------------- */

static int spool_failed(const char *where, struct bz_err *err)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return bz_err_set(err, BZ_ERR_LOCAL, full ? BZ_CODE_DISK_FULL : BZ_CODE_IO,
		full ? _("This computer's disk is full: %s. What was stored is safe; the rest "
			 "stays where it is.")
		     : _("Cannot write %s. What was stored is safe; the rest stays where it is."),
		where);
}

static int open_spool(struct bz_backend *b, struct bz_err *err)
{
	g_autofree char *dir = bz_path(BZ_DIR_DATA, b->account->dirname, NULL);
	g_autofree char *path = g_build_filename(dir, "spool-XXXXXX", NULL);

	b->spool = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (b->spool < 0) { /* not every file system knows files without names */
		b->spool = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
		if (b->spool >= 0)
			(void)unlink(path);
	}
	b->spool_end = 0;
	return b->spool >= 0 ? 0 : spool_failed(dir, err);
}

/* Move what is in memory behind what the spool has of the body. */
static int spill(struct bz_backend *b, struct bz_err *err)
{
	struct pop_body *body = &b->body;
	size_t done = 0;

	if (b->spool < 0 && open_spool(b, err) != 0)
		return -1;
	if (body->spool_at < 0)
		body->spool_at = b->spool_end;
	while (done < body->bytes->len) {
		ssize_t n = pwrite(b->spool, body->bytes->data + done, body->bytes->len - done,
			body->spool_at + (int64_t)(body->spooled + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int saved = errno;

			/* room for what is whole */
			if (ftruncate(b->spool, b->spool_end) != 0)
				bz_log(BZ_LOG_WARN, "the spool was not cut back: %m");
			errno = saved;
			return spool_failed(b->account->mbox, err);
		}
		done += (size_t)n;
	}
	body->spooled += done;
	g_byte_array_set_size(body->bytes, 0);
	return 0;
}

void pop_body_release(struct bz_backend *b)
{
	if (b->spool_end == 0)
		return;
	if (b->body.spool_at >= 0) { /* the next one stands behind them */
		(void)fallocate(
			b->spool, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, b->spool_end);
		return;
	}
	if (ftruncate(b->spool, 0) == 0)
		b->spool_end = 0;
}

/* --- the body --------------------------------------------------------------------------------- */

void pop_body_clear(struct bz_backend *b)
{
	g_byte_array_set_size(b->body.bytes, 0);
	b->body.spool_at = -1;
	b->body.spooled = b->body.limit = 0;
}

uint64_t pop_body_length(const struct bz_backend *b)
{
	return b->body.spooled + b->body.bytes->len;
}

int pop_body_add(struct bz_backend *b, const char *bytes, size_t n, struct bz_err *err)
{
	struct pop_body *body = &b->body;

	if (body->limit > 0)
		n = MIN(n, body->limit - MIN(body->limit, pop_body_length(b)));
	g_byte_array_append(body->bytes, (const guint8 *)bytes, (guint)n);
	if (body->bytes->len > (body->spool_at < 0 ? MEMORY_MAX : PIECE))
		return spill(b, err);
	return 0;
}

int pop_body_finish(struct bz_backend *b, const struct pop_item *item, struct bz_err *err)
{
	struct pop_whole whole = {.spool = -1, .size = item->size, .number = item->number};

	if (b->body.spool_at >= 0 && spill(b, err) != 0)
		return -1;
	whole.length = pop_body_length(b);
	if (b->body.spool_at >= 0) {
		whole.spool = b->spool;
		whole.at = b->body.spool_at;
		b->spool_end = whole.at + (int64_t)whole.length;
	} else {
		whole.bytes = g_bytes_new(b->body.bytes->data, b->body.bytes->len);
	}
	whole.uidl = g_strdup(item->uidl);
	whole.known = item->known;
	g_array_append_val(b->batch, whole);
	pop_body_clear(b);
	return 0;
}

/* --- reading it again ------------------------------------------------------------------------- */

static ssize_t read_spool(const struct pop_whole *w, char *buf, size_t n, uint64_t from)
{
	size_t want = (size_t)MIN(n, w->length - from), got = 0;

	while (got < want) {
		ssize_t k = pread(w->spool, buf + got, want - got, w->at + (int64_t)(from + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

int pop_whole_give(void *me, bz_sink *sink, void *sink_me, struct bz_err *err)
{
	const struct pop_whole *w = me;
	g_autofree char *piece = NULL;

	if (w->bytes != NULL)
		return w->length > 0
			       ? sink(sink_me, g_bytes_get_data(w->bytes, NULL), (size_t)w->length)
			       : 0;
	piece = g_malloc(PIECE);
	for (uint64_t at = 0; at < w->length;) {
		ssize_t n = read_spool(w, piece, PIECE, at);

		if (n < 0)
			return spool_failed("spool", err);
		if (sink(sink_me, piece, (size_t)n) != 0)
			return -1;
		at += (uint64_t)n;
	}
	return 0;
}

const char *pop_whole_head(const struct pop_whole *w, size_t n, char **spooled, size_t *len)
{
	ssize_t got;

	if (w->bytes != NULL) {
		*len = MIN(n, (size_t)w->length);
		return *len > 0 ? g_bytes_get_data(w->bytes, NULL) : "";
	}
	*spooled = g_malloc(n);
	got = read_spool(w, *spooled, n, 0);
	*len = (size_t)MAX(got, 0);
	return *spooled;
}
