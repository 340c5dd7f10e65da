/* A POP3 line: greeting, CAPA, login, QUIT (RFC 1939, 2449, 2595, 3206, 5034). Commands are ours
 * over the stream. */
#ifndef BZ_POP_CONN_H
#define BZ_POP_CONN_H

#include "net/guard.h"
#include "src/backend.h"

/* What CAPA told (RFC 2449). */
struct pop_caps {
	bool told; /* false: the server knows no CAPA */
	bool pipelining;
	bool user, plain;
	bool top, uidl;
	bool auth_codes; /* AUTH-RESP-CODE: a wrong password is always called [AUTH] */
};

struct pop_conn {
	struct bz_stream *stream;
	struct bz_guard *guard;
	struct pop_caps caps;
};

/* Dial, greet, CAPA, log in. Capabilities are remembered in the store: a server that is known takes
 * CAPA and the login in one flight. NULL and err on failure: AUTH, TRUST, NET (the maildrop is
 * locked, the server wants a pause)... */
struct pop_conn *pop_open(const struct bz_account *account, struct bz_store *store,
	const struct bz_job *job, struct bz_err *err);
/* QUIT, as part of job, whose answer is waited for `seconds`, and close; NULL: close at once. True:
 * the server said +OK, so what was marked for deletion is gone. A line that ends behind the +OK is
 * as good. */
bool pop_close(struct pop_conn **conn, const struct bz_job *quit, double seconds);

/* Write one line (the CRLF is added). */
int pop_say(struct pop_conn *conn, struct bz_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Read a status line: 0 = +OK, 1 = -ERR; *text (may be NULL) = what follows, until the
 * next read. */
int pop_status(struct pop_conn *conn, const char **text, struct bz_err *err);
/* One line of a multi-line answer, until the next read: 1 a line, 0 the end, -1. */
int pop_next(struct pop_conn *conn, const char **line, struct bz_err *err);
/* PROTO: these words are no POP3. -1. */
int pop_broken(const struct pop_conn *conn, const char *words, struct bz_err *err);

#endif
