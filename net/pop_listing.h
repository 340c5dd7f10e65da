/* What a POP3 server has, and what of it is new here (DESIGN section 7, step 1). Read line by line:
 * of a message that the ledger knows no more than 16 bytes are kept, of the new ones the first
 * 100,000; nothing that the server says of numbers or sizes is believed further than that. */
#ifndef BZ_POP_LISTING_H
#define BZ_POP_LISTING_H

#include "net/pop_conn.h"

enum { POP_SESSION_MAX = 100000 }; /* new messages of one session; the others come in the next */

enum pop_want {
	POP_WANT_NOTHING,
	POP_WANT_NAME,   /* TOP n 0: the header names it, for the server does not (UIDL) */
	POP_WANT_MATCH,  /* TOP n 0: perhaps a message of ours that has another UIDL now */
	POP_WANT_HEADER, /* TOP n 0: too big to come unasked; only its header is shown */
	POP_WANT_WHOLE   /* RETR */
};

/* One message of the server's list that is to be asked for. */
struct pop_item {
	char *uidl;      /* as told, or "(" or "md:" and a digest; NULL = not named yet */
	uint64_t size;   /* as the server says; 0 = it did not */
	uint32_t number; /* of this session */
	bool known;      /* to the ledger, as one that was left on the server */
	enum pop_want want;
};

struct pop_listing {
	GArray *known;        /* struct pop_known: the ledger's rows, by key */
	GArray *fresh;        /* struct pop_item, by number; at most POP_SESSION_MAX */
	GHashTable *names;    /* uidl of a fresh one -> its number */
	GHashTable *twice;    /* uidls of fresh ones that were listed again */
	uint32_t fresh_total; /* fresh ones in all */
	uint64_t fresh_bytes;
	uint32_t listed, recognised; /* lines of UIDL; of them known to the ledger */
	uint32_t left_alone;         /* messages that cannot be told from others */
	bool nameless;               /* no UIDL: fresh are all, to be named by pop_listing_name */
	bool newest_first;           /* which ones are kept of too many */
	uint64_t max_size;           /* bytes that come unasked; 0 = any */
	uint64_t stat_count, stat_bytes;
	uint64_t secret[2];
	GByteArray *numbers; /* a bit for each that came by */
};

/* STAT, UIDL and LIST, in one flight where the server takes that. NULL and err on failure. What the
 * server holds in all, and that some of it cannot be told apart, is reported. */
struct pop_listing *pop_listing_read(struct pop_conn *conn, const struct bz_account *account,
	struct bz_store *store, const struct bz_job *job, struct bz_err *err);
void pop_listing_free(struct pop_listing *listing);

/* The number of that UIDL in this session, 0 = it is not listed. Also of what was new. */
uint32_t pop_listing_number(const struct pop_listing *listing, const char *uidl);
/* How often is it listed: 0, 1, or 2 for more than once. */
int pop_listing_times(const struct pop_listing *listing, const char *uidl);

/* Is that what the server told to UIDL kept as this uidl? */
bool pop_listing_is_name(const char *told, const char *uidl);

/* Are (nearly) all UIDLs other ones, and the ledger has messages that are not listed? */
bool pop_listing_is_renamed(const struct pop_listing *listing);
/* Does the ledger have anything that is not listed? */
bool pop_listing_has_missing(const struct pop_listing *listing);
/* The ledger's row of that old UIDL is the message of that number now. */
void pop_listing_rebound(struct pop_listing *listing, const char *from, uint32_t number);

/* No UIDL: the fresh message at i is known by its size and by bytes of it, which the caller adds to
 * the sum that begin returns; end takes it. Equal ones are counted. Its uidl and what it is wanted
 * for are set: nothing, where the ledger knows it. */
GChecksum *pop_listing_name_begin(const struct pop_listing *listing, guint i);
void pop_listing_name_end(struct pop_listing *listing, guint i, GChecksum *sum);

#endif
