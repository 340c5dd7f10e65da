/* A POP3 line: greeting, CAPA, login, listing (RFC 1939, 2449, 2595, 5034). Commands are ours over
 * the stream; nothing the server says of numbers or sizes is believed further than
 * memory allows. */
#ifndef BZ_POP_CONN_H
#define BZ_POP_CONN_H

#include "net/guard.h"
#include "src/backend.h"

struct pop_conn {
	struct bz_stream *stream;
	struct bz_guard *guard;
	bool pipelining; /* RFC 2449 6.6 */
	bool user, plain;
};

/* One message of the server's list. */
struct pop_item {
	uint32_t number; /* of this session */
	uint64_t size;   /* as the server says; 0 = it did not */
	char uidl[71];   /* as told, or "(" and a digest of it */
};

/* Dial, greet, CAPA, log in, list: items gets every message (struct pop_item) in the server's
 * order. NULL and err on failure: AUTH, TRUST, UNSUPPORTED (no UIDL), NET... */
struct pop_conn *pop_open(const struct bz_account *account, struct bz_store *store,
	const struct bz_job *job, GArray *items, struct bz_err *err);
/* QUIT, as part of job, whose answer is waited for shortly, and close; NULL: close at once. */
void pop_close(struct pop_conn **conn, const struct bz_job *quit);

/* Write one line (the CRLF is added). */
int pop_say(struct pop_conn *conn, struct bz_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Read a status line: 0 = +OK, 1 = -ERR; *text (may be NULL) = what follows, until the
 * next read. */
int pop_status(struct pop_conn *conn, const char **text, struct bz_err *err);

#endif
