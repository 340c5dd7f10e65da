/* Local mail is changed here: one change at a time, each message exactly once, whatever is killed
 * when (DESIGN section 7, steps 0 and 3 to 6): intent, append, fsync, and what follows from it in
 * state.db. Downloads, moves, copies and imports all go this way; nothing else appends. */
#ifndef BZ_DELIVER_H
#define BZ_DELIVER_H

#include "src/mbox.h"
#include "src/store.h"

#include <gio/gio.h>

/* Take the account's mail.lock and finish or undo first what a crash interrupted. Every change of
 * an mbox or of what state.db knows of it stands between the two; may be nested. Never across a
 * read from the network. */
int bz_mail_begin(struct bz_store *store, GCancellable *cancel, struct bz_err *err);
/* The same, waiting at most so long where another buzon has it (LOCKED). */
int bz_mail_begin_within(
	struct bz_store *store, int timeout_ms, GCancellable *cancel, struct bz_err *err);
void bz_mail_end(struct bz_store *store);

struct bz_append_item {
	/* Whole, un-stuffed, CRLF or LF. NULL: give() tells it to a sink, twice the same; -1 with
	 * err when it cannot or the sink stopped it. */
	GBytes *message;
	int (*give)(void *me, bz_sink *sink, void *sink_me, struct bz_err *err);
	void *me;
	int64_t received; /* for the From_ line, seconds UTC; INT64_MIN = now */
	unsigned flags;
	char uidl[71]; /* DOWNLOAD */
	uint64_t size; /* DOWNLOAD: as listed */
	/* MOVE, COPY: its local uid and place in the mbox that it comes from, and its digest there;
	 * 0 = it comes from elsewhere */
	uint32_t source;
	int64_t source_off, source_len;
	/* out, after success */
	uint32_t uid; /* local uid */
	int64_t offset, length;
	uint8_t digest[32];
	uint8_t headkey[32]; /* DOWNLOAD */
};

/* Where to. Strings are borrowed. */
struct bz_append {
	struct bz_store *store;
	const char *mbox;   /* made when there is none */
	const char *folder; /* its wire name */
	enum bz_intent_kind kind;
	int64_t now; /* seconds UTC */
	/* MOVE: the mbox that the messages leave, open for writing under its lock */
	const char *source;
	int source_fd;
	/* out: the file's stamp just before and just after, taken under its lock */
	char before[96], after[96];
};

/* The batch, all or nothing: on failure the mbox is cut back and state.db is as it was. A UIDL that
 * is stored meanwhile, or stands twice in the batch, is left out (its uid stays 0). Locks are taken
 * inside. Memory does not grow with a message's size. */
int bz_append(struct bz_append *to, struct bz_append_item *items, size_t n, GCancellable *cancel,
	struct bz_err *err);

/* A message that was removed from an mbox whose bytes still hold it comes back to its place there,
 * and leaves the mbox where it is now. */
struct bz_return_item {
	uint32_t uid; /* of old */
	int64_t offset, length;
	uint8_t digest[32];
	uint32_t source; /* its local uid now */
	int64_t source_off, source_len;
	unsigned flags;
};

/* Kind RETURN; fd: to->mbox open for writing under its lock, as source_fd is. The caller has seen
 * that both hold the message. */
int bz_return(struct bz_append *to, int fd, const struct bz_return_item *items, size_t n,
	struct bz_err *err);

#endif
