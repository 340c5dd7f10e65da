/* An IMAP connection: our writer of commands, a queue of unanswered ones, one response at a time to
 * those who wait for it (RFC 3501 sections 2 and 5.5; DESIGN section 6). */
#ifndef BZ_IMAP_CONN_H
#define BZ_IMAP_CONN_H

#include "net/guard.h"
#include "net/imap_parse.h"

enum imap_cap {
	IMAP_CAP_KNOWN = 1 << 0, /* the server told its capabilities since login */
	IMAP_CAP_AUTH_PLAIN = 1 << 1,
	IMAP_CAP_SASL_IR = 1 << 2,
	IMAP_CAP_LOGINDISABLED = 1 << 3,
	IMAP_CAP_SPECIAL_USE = 1 << 4, /* with LIST-EXTENDED */
	IMAP_CAP_LIST_STATUS = 1 << 5,
	IMAP_CAP_QUOTA = 1 << 6,
	IMAP_CAP_ID = 1 << 7,
	IMAP_CAP_IDLE = 1 << 8,
	IMAP_CAP_MOVE = 1 << 9,
	IMAP_CAP_UIDPLUS = 1 << 10,
	IMAP_CAP_CREATE_USE = 1 << 11,
	IMAP_CAP_ENABLE = 1 << 12,
	IMAP_CAP_CONDSTORE = 1 << 13, /* QRESYNC is told apart by ENABLED */
	IMAP_CAP_ESEARCH = 1 << 14,
	IMAP_CAP_LITERAL_PLUS = 1 << 15, /* or LITERAL-: for up to 4,096 bytes */
	IMAP_CAP_STATUS_SIZE = 1 << 16,  /* RFC 8438; part of IMAP4rev2 */
	IMAP_CAP_NOTIFY = 1 << 17,
	IMAP_CAP_COMPRESS = 1 << 18      /* =DEFLATE */
};

enum imap_end { IMAP_OK, IMAP_NO, IMAP_BAD };

struct imap_conn;

/* Handler of one command; a slot may be NULL. resp is borrowed until it returns. */
struct imap_on {
	/* Every untagged response that comes while the command is unanswered, asked for or not. */
	void (*untagged)(void *me, const struct imap_resp *resp);
	/* The tagged answer; at most once. Not called when the connection is lost:
	 * imap_run fails. */
	void (*end)(void *me, enum imap_end end, const char *code, const char *text);
};

/* stream is borrowed, past its handshakes. */
struct imap_conn *imap_conn_new(struct bz_stream *stream);
void imap_conn_free(struct imap_conn *conn);
unsigned imap_caps(const struct imap_conn *conn);

/* Told of every untagged response, once and before the commands that wait; one watcher, NULL =
 * none. */
void imap_conn_watch(
	struct imap_conn *conn, void (*f)(void *me, const struct imap_resp *resp), void *me);

/* Wait for the greeting; PREAUTH is PROTO (RFC 3501 7.1.4: we have not logged in), BYE is NET. */
int imap_greeting(struct imap_conn *conn, struct bz_err *err);

/* Queue a command; %s text as it is, %q string, %m mailbox (both quoted; CR, LF, NUL: LOCAL error
 * and nothing is queued), %u uint32_t. on is copied. more: what to send at each "+", LF between
 * them, wiped after; NULL = none. */
int imap_submit(struct imap_conn *conn, const struct imap_on *on, void *me, const char *more,
	struct bz_err *err, const char *fmt, ...);
/* Write what is queued and read until every command was answered. Handlers may submit more. Limits
 * are the stream's. */
int imap_run(struct imap_conn *conn, struct bz_err *err);
/* The first half of it: write. */
int imap_write(struct imap_conn *conn, struct bz_err *err);
/* Is a command written in part, the rest waiting for "+"? Then nothing else may be written. */
bool imap_is_mid_command(const struct imap_conn *conn);

/* Is no command waiting, to be written or for its answer? */
bool imap_is_at_rest(const struct imap_conn *conn);
/* COMPRESS DEFLATE (RFC 4978) is written, at rest alone; nothing else is before it was answered.
 * From the line end of an OK on both ways are compressed; refused, all is as it was. */
int imap_compress(struct imap_conn *conn, struct bz_err *err);

/* IDLE (RFC 2177) is written, nothing else waiting; imap_run ends it: DONE rides ahead of what was
 * submitted. Untagged responses up to its answer are the watcher's alone: the server sent them
 * before it looked at any later command. on->end may be called long after, imap_idle_since still
 * telling whether the server ended it by itself; me must last. */
int imap_idle(struct imap_conn *conn, const struct imap_on *on, void *me, struct bz_err *err);
/* When it was written (bz_now scale), 0 = it was not, or was ended. */
double imap_idle_since(const struct imap_conn *conn);
/* Has the server not answered it yet? */
bool imap_idle_is_asked(const struct imap_conn *conn);
/* Wait as bz_stream_wait, after a look into what was read already: 1 = one response was handled. A
 * BYE is NET at once. */
int imap_wait(struct imap_conn *conn, int wake, double until, struct bz_err *err);

#endif
