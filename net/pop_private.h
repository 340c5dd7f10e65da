/* What the files of the POP3 backend share; nobody else includes this.
 *
 * A session goes through the phases of enum pop_phase. In each, commands are written ahead of the
 * answers (struct pop_ask) and what comes back is handled in pieces of about 0.2 s. */
#ifndef BZ_POP_PRIVATE_H
#define BZ_POP_PRIVATE_H

#include "net/pop_listing.h"
#include "net/pop_remove.h"
#include "src/deliver.h"
#include "src/localmail.h"
#include "src/rules.h"

#define BZ_POP_INBOX "INBOX"
#define BZ_POP_PIECE_SECONDS 0.2

enum pop_phase {
	POP_PHASE_NAME,   /* no UIDL: every message is named by its header (TOP) */
	POP_PHASE_MATCH,  /* other UIDLs than before: which of them are ours? (TOP) */
	POP_PHASE_GET,    /* what is new comes */
	POP_PHASE_REMOVE, /* all is stored: what goes from the server */
	POP_PHASE_OVER    /* QUIT */
};

/* A command that is to be written, or is. */
struct pop_ask {
	guint item; /* of listing->fresh */
	enum pop_want want;
	bool by_top; /* WHOLE: asked for by a TOP of more lines than it has */
};

/* A message on its way: in memory, or from 1 MiB on in the spool. */
struct pop_body {
	GByteArray *bytes; /* all, or what is not in the spool yet */
	int64_t spool_at;  /* -1 = in memory */
	uint64_t spooled;
	uint64_t limit; /* of what is kept (TOP); 0 = none */
};

/* A whole one. */
struct pop_whole {
	GBytes *bytes; /* NULL: in the spool */
	int spool;     /* borrowed */
	int64_t at;
	uint64_t length;
	char *uidl;
	uint64_t size; /* as listed */
	uint32_t number;
	bool known; /* was left on the server: there is a placeholder */
};
void pop_whole_clear(void *whole); /* GArray clear function */

struct pop_headkey { /* phase MATCH */
	uint8_t key[32];
	guint item;
};

struct bz_backend {
	/* set once */
	const struct bz_account *account;
	struct bz_store *store;
	struct bz_localmail *mail;
	uint32_t folder; /* the Inbox */

	/* the session */
	struct pop_conn *conn; /* NULL = none */
	int lock;              /* fetch.lock, held as long as conn */
	struct pop_listing *listing;
	enum pop_phase phase;
	bool again;  /* the server has more than this session takes */
	bool reopen; /* so another one begins with the next piece */

	/* the commands */
	GArray *queue;         /* struct pop_ask */
	guint asked, answered; /* of queue */
	uint64_t ahead;        /* bytes that are asked for, as listed */
	bool in_body;          /* the status line of queue[answered] came */
	struct pop_body body;
	int spool;         /* unlinked file, -1 = none */
	int64_t spool_end; /* of what whole messages and the body have there */

	/* what came */
	GArray *batch;     /* struct pop_whole */
	GArray *headkeys;  /* struct pop_headkey */
	GArray *left_rows; /* uint32_t: rows of placeholders that nobody was told of yet */
	bool ledger_lost;  /* there is mail here, and the ledger knows of none */
	bool has_missing;  /* the ledger has what is not listed: it may have another UIDL now */
	struct pop_removal *removal; /* NULL = not begun */
	uint32_t stored;             /* in this session */
	uint32_t refused;            /* messages that the server would not give */
	bool top_works;              /* TOP was answered */
	uint32_t asked_twice;        /* by TOP, in vain, and by RETR: twice in the queue */
	bool loud;                   /* a TOP of all lines was not the whole message */
	int64_t opened_us;           /* monotonic */

	/* the piece, and what is told of it */
	const struct bz_job *job; /* of the call that runs */
	double piece_end;
	double begun;     /* when this message was */
	uint64_t granted; /* bytes of it for which there is time */
	uint64_t bytes;   /* in all */
	double told;
};

/* --- pop_session.c: the order of things ------------------------------------------------------- */

/* Lock, recover, connect, list. Nothing when a session is open already. */
int pop_session_begin(struct bz_backend *b, struct bz_err *err);
/* One piece of what is left to do; *more = come again. The line and all of it goes on an error
 * other than HURRY, which is none. What is whole by then is stored. */
int pop_session_piece(struct bz_backend *b, bool *more, struct bz_err *err);
/* The message of that row is to come before all others: 0, or 1 = the server does not list it. The
 * session is open. */
int pop_session_want(struct bz_backend *b, const struct bz_ledger *row);
/* The line goes at once. */
void pop_session_drop(struct bz_backend *b);

/* --- pop_forecast.c --------------------------------------------------------------------------- */

/* What a session would do now goes to b->job->forecast; nothing changes here or there. */
int pop_forecast(struct bz_backend *b, struct bz_err *err);

/* --- pop_fetch.c: commands and answers -------------------------------------------------------- */

/* Read answers for one piece of time; whole messages are in b->batch, headers were handed to
 * pop_match.c and pop_left.c. */
int pop_fetch_piece(struct bz_backend *b, struct bz_err *err);
void pop_fetch_tell(struct bz_backend *b, bool now);

/* --- pop_body.c ------------------------------------------------------------------------------- */

void pop_body_clear(struct bz_backend *b);
/* LOCAL where the spool cannot be written. */
int pop_body_add(struct bz_backend *b, const char *bytes, size_t n, struct bz_err *err);
uint64_t pop_body_length(const struct bz_backend *b);
/* The body as a whole message behind b->batch. */
int pop_body_finish(struct bz_backend *b, const struct pop_item *item, struct bz_err *err);
/* The batch is stored or given up: the spool's bytes go. */
void pop_body_release(struct bz_backend *b);
/* A give function of struct bz_append_item; me is a struct pop_whole. */
int pop_whole_give(void *me, bz_sink *sink, void *sink_me, struct bz_err *err);
/* Its first bytes, at most n: *spooled (to be freed) holds them where whole does not. */
const char *pop_whole_head(const struct pop_whole *whole, size_t n, char **spooled, size_t *len);

/* --- pop_store.c: what is whole goes into the mbox -------------------------------------------- */

int pop_store_batch(struct bz_backend *b, struct bz_err *err);
/* Rows changed; ids is taken (NULL: REBUILD; none: nothing is told). Counts of the folder are
 * brought up to date. */
int pop_store_tell(struct bz_backend *b, enum bz_change_kind kind, GArray *ids, struct bz_err *err);

/* --- pop_match.c: the same messages under other UIDLs ----------------------------------------- */

void pop_match_header(struct bz_backend *b, guint item, const char *header, size_t len);
/* All headers are there: those that are ours beyond doubt are bound, the rest will come. */
int pop_match_decide(struct bz_backend *b, struct bz_err *err);
/* Is this whole message one of ours whose UIDL is not listed? 1: it is bound, 0, -1. */
int pop_match_digest(struct bz_backend *b, const struct pop_whole *whole, struct bz_err *err);

/* --- pop_left.c: messages that are on the server only ----------------------------------------- */

/* A row for it, by its header (of no bytes: nothing is known but its size). Told by pop_left_tell.
 */
int pop_left_put(struct bz_backend *b, const struct pop_item *item, const char *header, size_t len,
	struct bz_err *err);
int pop_left_tell(struct bz_backend *b, struct bz_err *err);
/* Rows of messages that the server lists no more go. */
int pop_left_prune(struct bz_backend *b, struct bz_err *err);
/* Rows that a new reading of the mbox or a new cache does not have come back. */
int pop_left_restore(struct bz_backend *b, struct bz_err *err);
/* The rows of these placeholders (uint32_t, local uids) go: their messages came. */
int pop_left_came(struct bz_backend *b, const GArray *placeholders, struct bz_err *err);

#endif
