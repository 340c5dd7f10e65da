#include "net/deflate.h"
#include "src/lang.h"

#include <string.h>
#include <zlib.h>

enum { IN_SIZE = 16 << 10, PACK_SIZE = 4 << 10, WINDOW_BITS = -15, MEMORY_LEVEL = 8 };

struct bz_deflate {
	const char *host;
	z_stream in, out;
	Bytef *buf; /* in.next_in points into it */
	size_t size;
	bool has_ahead; /* one byte that bz_deflate_is_ready took out */
	char ahead;
	bool is_full;      /* the last piece filled its buffer: there may be more without more in */
	uint64_t excess;   /* bytes out beyond the ratio */
	size_t empty;      /* bytes in since the last one out */
	struct bz_err why; /* kind NONE = it works */
};

static voidpf allocate(voidpf me, uInt n, uInt size)
{
	(void)me;
	return g_malloc0_n(n, size);
}

static void release(voidpf me, voidpf block)
{
	(void)me;
	g_free(block);
}

struct bz_deflate *bz_deflate_new(const char *host, const void *held, size_t n)
{
	struct bz_deflate *d = g_new0(struct bz_deflate, 1);

	d->host = host;
	d->size = MAX(n, (size_t)IN_SIZE);
	d->buf = g_malloc(d->size);
	d->in.zalloc = d->out.zalloc = allocate;
	d->in.zfree = d->out.zfree = release;
	/* Memory is never short (g_malloc), and nothing else can fail but another zlib. */
	if (inflateInit2(&d->in, WINDOW_BITS) != Z_OK ||
		deflateInit2(&d->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
			Z_DEFAULT_STRATEGY) != Z_OK)
		g_error("zlib %s is not that of the build", zlibVersion());
	if (n > 0)
		memcpy(d->buf, held, n);
	bz_deflate_came(d, n);
	return d;
}

void bz_deflate_free(struct bz_deflate *d)
{
	if (d == NULL)
		return;
	(void)inflateEnd(&d->in);
	(void)deflateEnd(&d->out);
	g_free(d->buf);
	g_free(d);
}

bool bz_deflate_is_broken(const struct bz_deflate *d)
{
	return d->why.kind != BZ_ERR_NONE;
}

/* --- in --------------------------------------------------------------------------------------- */

void *bz_deflate_room(struct bz_deflate *d, size_t *room)
{
	*room = d->size;
	return d->buf;
}

void bz_deflate_came(struct bz_deflate *d, size_t n)
{
	d->in.next_in = d->buf;
	d->in.avail_in = (uInt)n;
}

/* What was well compressed before is no credit: a bomb may come at any time. */
static void account(struct bz_deflate *d, size_t in, size_t out)
{
	uint64_t sum = d->excess + out, fair = (uint64_t)in * BZ_DEFLATE_RATIO;

	d->excess = sum > fair ? sum - fair : 0;
	d->empty = out > 0 ? 0 : d->empty + in;
}

/* What came out before the damage is good. */
static int check(struct bz_deflate *d, int rc, size_t out)
{
	if (d->excess > BZ_DEFLATE_SLACK)
		return bz_err_set(&d->why, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("%s sent compressed data that swell without measure; the connection was "
			  "closed."),
			d->host);
	if (rc == Z_STREAM_END && out == 0)
		return bz_err_set(&d->why, BZ_ERR_PROTO, BZ_CODE_NONE,
			_("%s ended the compression in the middle of the session; the connection "
			  "was closed."),
			d->host);
	if ((rc == Z_DATA_ERROR && out == 0) || d->empty > BZ_DEFLATE_EMPTY_MAX)
		return bz_err_set(&d->why, BZ_ERR_PROTO, BZ_CODE_NONE,
			_("%s sent compressed data that are damaged; the connection was closed."),
			d->host);
	return 0;
}

static ssize_t take_piece(struct bz_deflate *d, void *buf, size_t n)
{
	uInt size = (uInt)MIN(n, 1 << 20), before = d->in.avail_in;
	size_t out;
	int rc;

	d->in.next_out = buf;
	d->in.avail_out = size;
	rc = inflate(&d->in, Z_SYNC_FLUSH);
	out = size - d->in.avail_out;
	d->is_full = d->in.avail_out == 0;
	account(d, before - d->in.avail_in, out);
	return check(d, rc, out) == 0 ? (ssize_t)out : -1;
}

bool bz_deflate_is_ready(struct bz_deflate *d)
{
	if (d->has_ahead || bz_deflate_is_broken(d))
		return true;
	if (d->in.avail_in == 0 && !d->is_full)
		return false;
	d->has_ahead = take_piece(d, &d->ahead, 1) > 0;
	return d->has_ahead || bz_deflate_is_broken(d);
}

ssize_t bz_deflate_take(struct bz_deflate *d, void *buf, size_t n, struct bz_err *err)
{
	ssize_t k;

	if (d->has_ahead) {
		d->has_ahead = false;
		*(char *)buf = d->ahead;
		return 1;
	}
	k = bz_deflate_is_broken(d) ? -1 : take_piece(d, buf, n);
	if (k < 0 && err != NULL)
		*err = d->why;
	return k;
}

/* --- out -------------------------------------------------------------------------------------- */

GString *bz_deflate_pack(struct bz_deflate *d, const void *buf, size_t n)
{
	GString *packed = g_string_new(NULL);
	Bytef piece[PACK_SIZE];

	d->out.next_in = (z_const Bytef *)buf;
	d->out.avail_in = (uInt)n;
	do {
		d->out.next_out = piece;
		d->out.avail_out = sizeof piece;
		(void)deflate(&d->out, Z_SYNC_FLUSH); /* a full buffer is its only failure here */
		g_string_append_len(
			packed, (const char *)piece, (gssize)(sizeof piece - d->out.avail_out));
	} while (d->out.avail_out == 0);
	return packed;
}
