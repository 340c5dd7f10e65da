/* The cutter: bytes in, complete responses out, nothing over a limit (SECURITY G2, DESIGN section 6).
 * It reads from a bz_stream and never hands a partial response on. */
#ifndef BZ_GUARD_H
#define BZ_GUARD_H

#include "net/stream.h"

enum {
	BZ_GUARD_LINE_MAX = 1 << 20,      /* bytes of a line outside literals */
	BZ_GUARD_LITERAL_MAX = 64 << 20,  /* bytes of a literal held in memory */
	BZ_GUARD_DEPTH_MAX = 64,          /* open parentheses */
	BZ_GUARD_POP_LINE_MAX = 8192      /* a status or listing line of POP3 */
};

struct bz_guard;
/* stream is borrowed and outlives the guard. */
struct bz_guard *bz_guard_new(struct bz_stream *stream);
void bz_guard_free(struct bz_guard *guard);

/* IMAP: the next whole response with its literals and final CRLF (RFC 3501 section 7), valid until
 * the next call. Knows quoted strings and literals; NUL outside literals, numbers over 2^32-1 where
 * IMAP has 32-bit ones (UID, RFC822.SIZE, EXISTS...; not MODSEQ and QUOTA), depth, length: refused with
 * PROTO or LIMIT. Responses that crash libetpan (V30 to V32) are replaced by an empty untagged line
 * "* OK " + CRLF so that the session goes on. */
int bz_guard_imap(
	struct bz_guard *guard, const char **response, size_t *len, struct bz_err *err);

/* Where a literal of more than `above` bytes goes instead of memory while the next responses are
 * read: f gets pieces in order; the response then shows "{0}" in its place. NULL = off. */
void bz_guard_sink(struct bz_guard *guard, size_t above,
	int (*f)(void *me, const char *bytes, size_t n), void *me);

/* POP3, and any line protocol: one line without its CRLF, NUL and bare CR allowed inside only when
 * raw; longer than max: LIMIT. */
int bz_guard_line(struct bz_guard *guard, size_t max, bool raw, const char **line, size_t *len,
	struct bz_err *err);
/* POP3: the body of a multi-line response up to the lone dot, dot-stuffing undone, line ends kept
 * as sent, NUL kept; pieces go to f as they arrive (-1 from f ends it). */
int bz_guard_dotted(struct bz_guard *guard, int (*f)(void *me, const char *bytes, size_t n),
	void *me, struct bz_err *err);

/* Is a whole response (or line) here already? Then do not poll. */
bool bz_guard_ready(const struct bz_guard *guard);
/* Bytes read from the stream and not yet given out (must be 0 before STARTTLS). */
size_t bz_guard_held(const struct bz_guard *guard);

#endif
