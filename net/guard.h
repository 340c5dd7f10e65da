/* The cutter: bytes in, complete responses out, nothing over a limit (SECURITY G2, DESIGN section
 * 6). It reads from a bz_stream and never hands a partial response on. Every function may end with
 * BZ_CODE_HURRY (stream.h): call it again later with the same arguments, nothing is lost. */
#ifndef BZ_GUARD_H
#define BZ_GUARD_H

#include "net/stream.h"

enum {
	BZ_GUARD_LINE_MAX = 1 << 20,     /* bytes of a response outside literals */
	BZ_GUARD_LITERAL_MAX = 64 << 20, /* bytes of a response's literals held in memory */
	BZ_GUARD_DEPTH_MAX = 64,         /* open parentheses */
	BZ_GUARD_POP_LINE_MAX = 8192     /* a status or listing line of POP3 */
};

struct bz_guard;
/* stream is borrowed and outlives the guard. */
struct bz_guard *bz_guard_new(struct bz_stream *stream);
void bz_guard_free(struct bz_guard *guard);

/* IMAP: the next whole response with its literals and final CRLF (RFC 3501 section 7),
 * NUL-terminated, valid until the next call. Refused with PROTO or LIMIT: NUL outside literals,
 * message numbers, UIDs and UIDVALIDITY over 2^32-1, lengths over the limits. An RFC822.SIZE over
 * 2^32-1 is lowered to that. A response that nests too deep becomes the empty "* OK\r\n": the
 * session goes on. */
int bz_guard_imap(struct bz_guard *guard, const char **response, size_t *len, struct bz_err *err);

/* POP3, and any line protocol: one line without its CRLF, NUL-terminated, valid until the next
 * call; NUL inside: PROTO; longer than max: LIMIT. */
int bz_guard_line(
	struct bz_guard *guard, size_t max, const char **line, size_t *len, struct bz_err *err);

/* POP3: the body of a multi-line response (RFC 1939 section 3) up to the CRLF "." CRLF,
 * dot-stuffing undone, everything else as sent; pieces go to f as they arrive; -1 from f (which
 * sets err itself) ends it. */
int bz_guard_dotted(struct bz_guard *guard, int (*f)(void *me, const char *bytes, size_t n),
	void *me, struct bz_err *err);

/* The stream is compressed from the byte on that comes next, be it read already or not. */
void bz_guard_start_deflate(struct bz_guard *guard);

/* Bytes read from the stream and not yet given out (must be 0 before STARTTLS). */
size_t bz_guard_held(const struct bz_guard *guard);

#endif
