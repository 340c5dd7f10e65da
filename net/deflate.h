/* Raw deflate both ways (RFC 1951), for a session that is compressed from some point on (RFC 4978).
 * It knows no socket: the stream puts in what came and takes out what the reader asks for. One
 * thread at a time. */
#ifndef BZ_DEFLATE_H
#define BZ_DEFLATE_H

#include "src/err.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
	BZ_DEFLATE_RATIO = 100,         /* bytes out for one in: more is taken into account */
	BZ_DEFLATE_SLACK = 8 << 20,     /* bytes that may come out beyond it */
	BZ_DEFLATE_EMPTY_MAX = 64 << 10 /* bytes in, in a row, that give none out */
};

struct bz_deflate;

/* host: for sentences, borrowed. held: what is compressed and came already; copied. */
struct bz_deflate *bz_deflate_new(const char *host, const void *held, size_t n);
void bz_deflate_free(struct bz_deflate *deflate); /* NULL allowed */

/* The next bytes, at most n > 0; what was put in is worked on no further than that. 0 = nothing
 * more before more is put in. -1 and err, then and ever after: PROTO (damaged, or an end of the
 * data, of which a session has none), LIMIT (swells beyond the ratio). */
ssize_t bz_deflate_take(struct bz_deflate *deflate, void *buf, size_t n, struct bz_err *err);
/* Would bz_deflate_take answer other than 0? */
bool bz_deflate_is_ready(struct bz_deflate *deflate);
/* Did it fail? */
bool bz_deflate_is_broken(const struct bz_deflate *deflate);

/* After a 0: where compressed bytes go (*room of them), and how many went there. */
void *bz_deflate_room(struct bz_deflate *deflate, size_t *room);
void bz_deflate_came(struct bz_deflate *deflate, size_t n);

/* Compressed, and flushed so that the other side can read all of it. The caller frees it. */
GString *bz_deflate_pack(struct bz_deflate *deflate, const void *buf, size_t n);

#endif
