/* The store: message rows, folders, ledger and pins in SQLite (DESIGN sections 1 and 7).
 *
 * A struct bz_store is one pair of connections, used by one thread. The account's worker opens it
 * as OWNER and is the only writer; the UI opens its own as READER and may only read windows. Every
 * function returns 0, or -1 with *err kind LOCAL. */
#ifndef BZ_STORE_H
#define BZ_STORE_H

#include "src/err.h"
#include "src/model.h"
#include "src/thread.h"

#include <gio/gio.h>

struct bz_store;

enum bz_store_mode { BZ_STORE_OWNER, BZ_STORE_READER };

/* cache_path: cache.db, made anew when missing, damaged or of another schema version.
 * state_path: state.db (synchronous=FULL), or NULL for a FILE, which has none; a damaged or newer
 * one is an error, never replaced. So is a cache that is locked or cannot be read. One found
 * damaged inside later is made anew at the next opening. Parent folders must exist. Files are 0600.
 * READER: cache only. */
struct bz_store *bz_store_open(const char *cache_path, const char *state_path,
	enum bz_store_mode mode, struct bz_err *err);
void bz_store_close(struct bz_store **store);
/* Remove a database that nobody has open, with what SQLite keeps beside it. */
void bz_store_unlink(const char *path);

/* Group writes of cache.db; <= 10 ms of work between the two (other processes wait). */
int bz_store_begin(struct bz_store *store, struct bz_err *err);
int bz_store_commit(struct bz_store *store, struct bz_err *err);
void bz_store_rollback(struct bz_store *store);

/* --- folders ---------------------------------------------------------------------------------- */

/* Insert or update by name; folder->id is set. A changed uidvalidity (both non-zero) drops the
 * folder's rows. */
int bz_store_folder_put(struct bz_store *store, struct bz_folder *folder, struct bz_err *err);
/* The folder of that name as it is known, or a new one of these particulars: *id. For what exists
 * without a server having said so. */
int bz_store_folder_ensure(struct bz_store *store, const char *name, const char *title,
	enum bz_folder_role role, uint32_t uidvalidity, uint32_t *id, struct bz_err *err);
/* All, in order of first insertion with Inbox first; GPtrArray of struct bz_folder *, caller's. */
GPtrArray *bz_store_folders(struct bz_store *store, struct bz_err *err);
/* By name or by id into *out (cleared by the caller with bz_folder_clear); 0 found, 1
 * absent, -1. */
int bz_store_folder_by_name(
	struct bz_store *store, const char *name, struct bz_folder *out, struct bz_err *err);
int bz_store_folder_by_id(
	struct bz_store *store, uint32_t id, struct bz_folder *out, struct bz_err *err);
/* By name, where it must be there: 0, or -1, with STALE where it is not. */
int bz_store_folder_need(
	struct bz_store *store, const char *name, struct bz_folder *out, struct bz_err *err);
int bz_store_folder_drop(struct bz_store *store, uint32_t id, struct bz_err *err);
/* Another name and title; id and messages stay. A folder of that name must not be there. */
int bz_store_folder_rename(struct bz_store *store, uint32_t id, const char *name, const char *title,
	struct bz_err *err);

/* How its list is shown from now on. Nothing else changes that but the loss of cache.db. */
int bz_store_folder_order(
	struct bz_store *store, uint32_t id, enum bz_order order, struct bz_err *err);

/* Where a backend keeps a word of its own for a folder (mbox stamp "dev:ino:size:mtime", ...). */
int bz_store_folder_note(struct bz_store *store, uint32_t id, const char *note, struct bz_err *err);
char *bz_store_folder_get_note(struct bz_store *store, uint32_t id);

/* --- message rows ----------------------------------------------------------------------------- */

/* Insert (or replace by folder+uid, keeping the row id); row->row is set. */
int bz_store_put(struct bz_store *store, struct bz_summary *row, struct bz_err *err);
int bz_store_set_flags(
	struct bz_store *store, uint32_t folder, uint32_t uid, unsigned flags, struct bz_err *err);
int bz_store_remove(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err);
/* The same, but nobody is told that it is gone: it may come back by bz_store_put. */
int bz_store_hide(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err);
int bz_store_clear_folder(struct bz_store *store, uint32_t folder, struct bz_err *err);
/* 0 found, 1 absent, -1. */
int bz_store_by_uid(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_summary *out,
	struct bz_err *err);
/* The row of the greatest pos that is no placeholder (BZ_FLAG_LEFT); 0 found, 1 absent, -1. */
int bz_store_newest(
	struct bz_store *store, uint32_t folder, struct bz_summary *out, struct bz_err *err);
/* Row ids newest (greatest pos) first into ids (guint32), appended. At 1,000,000 rows 0.1 s. */
int bz_store_ids(struct bz_store *store, uint32_t folder, GArray *ids, struct bz_err *err);
/* Of the rows with that pos or a greater one alone. */
int bz_store_ids_from(
	struct bz_store *store, uint32_t folder, int64_t pos, GArray *ids, struct bz_err *err);
/* All rows of a folder, newest first, with the hashes of their ids and references, into threads:
 * what bz_threads_order needs. At 1,000,000 rows 0.4 s. */
int bz_store_threads(
	struct bz_store *store, uint32_t folder, struct bz_threads *threads, struct bz_err *err);
/* UIDs ascending into uids (guint32), appended; low..high inclusive (0, UINT32_MAX = all). */
int bz_store_uids(struct bz_store *store, uint32_t folder, uint32_t low, uint32_t high,
	GArray *uids, struct bz_err *err);
/* Rows known, and how many of them lack BZ_FLAG_SEEN. */
int bz_store_count(struct bz_store *store, uint32_t folder, uint32_t *known, uint32_t *unseen,
	struct bz_err *err);

/* The id of the nearest row without BZ_FLAG_SEEN whose pos is greater (above) or less than pos: 0
 * found, 1 none, -1. By an index, so that the UI thread may ask. */
int bz_store_next_unread(struct bz_store *store, uint32_t folder, int64_t pos, bool above,
	uint32_t *row, struct bz_err *err);

/* The row whose pos is next above or below; 0 found, 1 none, -1. */
int bz_store_beside(struct bz_store *store, uint32_t folder, int64_t pos, bool above,
	struct bz_summary *out, struct bz_err *err);

/* f is told of each row that bz_store_remove takes away, and of uid 0 where all of a folder go,
 * just before (the folder is still known), the caller's transaction open. One f; NULL = nobody. */
void bz_store_on_gone(
	struct bz_store *store, void (*f)(void *me, uint32_t folder, uint32_t uid), void *me);

/* The visible window: n <= 200 rows by primary key, out[i] for ids[i]; a row that is gone comes
 * back with row == 0. The caller clears each. The UI thread may read no more than this at
 * a time. */
int bz_store_window(struct bz_store *store, const uint32_t *ids, size_t n, struct bz_summary *out,
	struct bz_err *err);

/* Where the bytes of a removed local message still stand in its folder's file (store_local.c): a
 * hint, as a row's offset and length are; goes with the folder's rows. get: 0 found, 1 absent. */
int bz_store_removed_put(struct bz_store *store, uint32_t folder, uint32_t uid, int64_t offset,
	int64_t length, struct bz_err *err);
int bz_store_removed_get(struct bz_store *store, uint32_t folder, uint32_t uid, int64_t *offset,
	int64_t *length, struct bz_err *err);
int bz_store_removed_drop(
	struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err);

/* Changes by other processes since the last call (PRAGMA data_version). */
bool bz_store_changed_outside(struct bz_store *store);

/* --- state.db: certificate pins --------------------------------------------------------------- */

/* 0 pin found, 1 none, -1. host as in buzonrc. */
int bz_store_pin_get(struct bz_store *store, const char *host, uint16_t port, uint8_t sha256[32],
	struct bz_err *err);
int bz_store_pin_set(struct bz_store *store, const char *host, uint16_t port,
	const uint8_t sha256[32], struct bz_err *err);

/* A word kept under a key: 0 found (*value is the caller's), 1 none, -1. */
int bz_store_meta_get(struct bz_store *store, const char *key, char **value, struct bz_err *err);
int bz_store_meta_set(
	struct bz_store *store, const char *key, const char *value, struct bz_err *err);

/* Is there one? A FILE has none, and an account whose state.db cannot be read is read without. */
bool bz_store_has_state(const struct bz_store *store);
/* Why it cannot be read, for whoever needs it; copied. Borrowed back; kind NONE = nobody said. */
void bz_store_lacks_state(struct bz_store *store, const struct bz_err *why);
const struct bz_err *bz_store_why_stateless(const struct bz_store *store);
/* The folder that it is in; the caller's. NULL: there is none. */
char *bz_store_state_dir(const struct bz_store *store);
/* As bz_store_changed_outside, for state.db. */
bool bz_store_state_changed_outside(struct bz_store *store);

/* Group changes of state.db: one durable commit for all between the two. keep false rolls back and
 * returns -1. Nothing happens where there is no state.db. */
int bz_store_state_begin(struct bz_store *store, struct bz_err *err);
int bz_store_state_end(struct bz_store *store, bool keep, struct bz_err *err);

/* mail.lock beside state.db: held for the short time of each change to the account's local mail,
 * never while a network is read; bz_mail_begin (deliver.h) is how to take it. May be taken again by
 * who has it. 1 = taken, 0 = was ours already, -1 (LOCKED after timeout_ms, CANCELLED). */
int bz_store_lock(struct bz_store *store, int timeout_ms, GCancellable *cancel, struct bz_err *err);
void bz_store_unlock(struct bz_store *store);

/* --- state.db: local messages (store_local.c; DESIGN section 7) ------------------------------- */

enum bz_local_state {
	BZ_LOCAL_HERE,
	BZ_LOCAL_REMOVED, /* moved away or deleted; its bytes wait for the next compaction */
	BZ_LOCAL_MARKED,  /* the same, and the file says so to other programs (X-Status: D) */
	BZ_LOCAL_MISSING  /* in its file no longer, by nobody here: it may come back. The ledger
			     knows it, and this is no word of the person's that the server's copy
			     may go */
};

struct bz_local { /* identity of a local message; uid never reused, one row of numbers for all
		     folders */
	uint32_t uid;
	uint8_t digest[32];
	unsigned flags;   /* the durable ones */
	unsigned in_file; /* as its Status slots had them when last looked at or written */
	enum bz_local_state state;
};

/* All of a folder (its wire name), uid ascending, appended to out (struct bz_local). */
int bz_store_local_all(struct bz_store *store, const char *folder, GArray *out, struct bz_err *err);
/* 0 found, 1 absent, -1. folder (NULL allowed): its name, the caller's. */
int bz_store_local_get(struct bz_store *store, uint32_t uid, struct bz_local *out, char **folder,
	struct bz_err *err);
/* A message that is here and of which the ledger knows nothing: of that digest, or any (NULL). 0
 * found, 1 none, -1. */
int bz_store_local_unlisted(
	struct bz_store *store, const uint8_t *digest, uint32_t *uid, struct bz_err *err);
/* A message found in the mbox that no download brought (another program's): a new local uid. */
int bz_store_local_adopt(struct bz_store *store, const char *folder, const uint8_t digest[32],
	unsigned flags, unsigned in_file, uint32_t *uid, struct bz_err *err);
int bz_store_local_set_flags(
	struct bz_store *store, uint32_t uid, unsigned flags, struct bz_err *err);
int bz_store_local_set_in_file(
	struct bz_store *store, uint32_t uid, unsigned in_file, struct bz_err *err);
int bz_store_local_set_state(
	struct bz_store *store, uint32_t uid, enum bz_local_state state, struct bz_err *err);
/* Local uids of those with BZ_FLAG_ARRIVED that are here, in any folder, ascending, appended
 * (uint32_t). */
int bz_store_local_arrived(struct bz_store *store, GArray *uids, struct bz_err *err);
/* Its bytes are in no file any more. */
int bz_store_local_forget(struct bz_store *store, uint32_t uid, struct bz_err *err);
/* The folder has another name, and those below it ("from/..."). */
int bz_store_local_rename(
	struct bz_store *store, const char *from, const char *to, struct bz_err *err);
/* The removed ones of a folder with this digest, newest first, appended (struct bz_local). */
int bz_store_local_removed(struct bz_store *store, const char *folder, const uint8_t digest[32],
	GArray *out, struct bz_err *err);
/* Forget all of a folder: they were deleted for ever. What the server has of them may go. In a
 * transaction of the caller's. */
int bz_store_local_drop_folder(struct bz_store *store, const char *folder, struct bz_err *err);

/* --- state.db: what the server has (store_ledger.c; POP3) --------------------------------------
 */

enum bz_ledger_state {
	BZ_LEDGER_STORED,
	BZ_LEDGER_DISCARDED, /* deleted here for ever: the server's copy may go */
	BZ_LEDGER_GONE,      /* removed from the server by us */
	BZ_LEDGER_LEFT       /* too big to download unasked: on the server only */
};

struct bz_ledger {
	char uidl[71];      /* RFC 1939: 1..70 characters 0x21..0x7E */
	uint32_t local_uid; /* 0 = none */
	uint64_t size;      /* as the server listed it */
	enum bz_ledger_state state;
	int64_t first_seen;    /* seconds UTC: when this buzon stored it */
	int64_t missing_since; /* 0 = in the last listing */
	int64_t due_since;     /* the session that found its time on the server over; 0 = none */
	uint8_t headkey[32];   /* bz_mbox_headkey; all zero = unknown */
};

/* Is this UIDL in the ledger (any state)? 1 yes, 0 no, -1. */
int bz_store_ledger_has(struct bz_store *store, const char *uidl, struct bz_err *err);
/* 0 found, 1 absent, -1. */
int bz_store_ledger_get(
	struct bz_store *store, const char *uidl, struct bz_ledger *out, struct bz_err *err);
int bz_store_ledger_by_local(
	struct bz_store *store, uint32_t local_uid, struct bz_ledger *out, struct bz_err *err);
/* Rows of local messages of this digest, in whatever folder: struct bz_ledger appended. */
int bz_store_ledger_by_digest(
	struct bz_store *store, const uint8_t digest[32], GArray *out, struct bz_err *err);
/* Every row, by UIDL; f returns false to stop. f must not write to the ledger. */
int bz_store_ledger_each(struct bz_store *store, bool (*f)(void *me, const struct bz_ledger *),
	void *me, struct bz_err *err);
/* Insert, or replace by UIDL. */
int bz_store_ledger_put(struct bz_store *store, const struct bz_ledger *row, struct bz_err *err);
/* State and times alone of a row that is there. */
int bz_store_ledger_mark(struct bz_store *store, const struct bz_ledger *row, struct bz_err *err);
/* What is stored of the server's under this local uid was deleted here for ever. */
int bz_store_ledger_discard(struct bz_store *store, uint32_t local_uid, struct bz_err *err);
/* The same message under another UIDL (a server that gave all of them new ones). */
int bz_store_ledger_rebind(
	struct bz_store *store, const char *from, const char *to, struct bz_err *err);
/* The clock jumped forward by so many seconds: times that were taken up to `before` move with it,
 * but not past now. No row is due any longer. by 0: the second alone. */
int bz_store_ledger_shift(
	struct bz_store *store, int64_t by, int64_t before, int64_t now, struct bz_err *err);
/* Rows that have been missing from the listing since before this are forgotten. */
int bz_store_ledger_prune(struct bz_store *store, int64_t before, struct bz_err *err);

/* --- state.db: what is on the server only (store_left.c; POP3) --------------------------------
 */

/* Uids from here on are no local messages: they name what the list shows of one that was too big to
 * come unasked. Its row in the ledger is BZ_LEDGER_LEFT. */
#define BZ_UID_LEFT UINT32_C(0x80000000)

struct bz_left {
	uint32_t uid;
	GBytes *header;   /* as much as is known of it; of no bytes: nothing */
	int64_t pos;      /* the size of the mbox when it was first seen */
	int64_t received; /* seconds UTC: when that was */
};

/* The ledger's row and the placeholder: row->local_uid is set to its uid, row->state to LEFT. */
int bz_store_left_put(struct bz_store *store, struct bz_ledger *row, const struct bz_left *left,
	struct bz_err *err);
/* All, uid ascending: struct bz_left appended; the caller's, each header to be unreferenced. */
int bz_store_left_all(struct bz_store *store, GArray *out, struct bz_err *err);
/* Is there one of this uid? 1 yes, 0 no, -1. */
int bz_store_left_has(struct bz_store *store, uint32_t uid, struct bz_err *err);
/* It is shown no longer; the ledger's row stays. bz_store_intent_done does this for what came. */
int bz_store_left_forget(struct bz_store *store, uint32_t uid, struct bz_err *err);

/* --- state.db: the intent of what is being written (store_ledger.c) ----------------------------
 */

enum bz_intent_kind {
	BZ_INTENT_DOWNLOAD, /* items have a uidl */
	BZ_INTENT_MOVE,     /* items have a source, which goes */
	BZ_INTENT_COPY,     /* a source that stays, or none: an import */
	BZ_INTENT_RETURN /* a move to where the message still stands, removed: nothing is appended,
			    its local message of old (uid) is taken back, the source goes */
};

struct bz_intent_item { /* one message about to be appended */
	char uidl[71];
	int64_t off; /* from the start of the mbox */
	int64_t len;
	uint8_t digest[32];
	uint64_t size;       /* as the server listed it */
	uint8_t headkey[32]; /* download */
	unsigned flags;      /* of the new message; in the file those of BZ_FLAGS_IN_FILE */
	uint32_t uid;        /* RETURN */
	uint32_t source;     /* local uid, 0 = none */
	int64_t source_off;  /* where it stands in the mbox that it leaves */
	int64_t source_len;
	/* not stored */
	bool marked;      /* the source's D stands in the file */
	unsigned in_file; /* RETURN: what its slots say now */
};

struct bz_intent {
	enum bz_intent_kind kind;
	char *mbox;
	char *folder; /* wire name of the mbox's folder */
	char *source; /* MOVE, RETURN: the mbox that messages leave, else NULL */
	uint64_t dev, ino;
	int64_t start; /* size of the mbox before the batch */
	GArray *items; /* struct bz_intent_item */
};
void bz_intent_clear(struct bz_intent *intent);

/* Commit the intent durably, before the first byte of the batch is written. One at a time. */
int bz_store_intent_put(struct bz_store *store, const struct bz_intent *intent, struct bz_err *err);
/* 0 an intent is pending (into *out), 1 none, -1. */
int bz_store_intent_get(struct bz_store *store, struct bz_intent *out, struct bz_err *err);
/* One transaction for the first n items (n may be less than the whole batch), and the intent goes.
 * A local row for each: uids[i] is set to its uid, or stays as it was when the UIDL is known
 * already. DOWNLOAD: a ledger row. MOVE, RETURN: the source becomes BZ_LOCAL_MARKED or, without its
 * mark, BZ_LOCAL_REMOVED, and what the ledger knew of it is known of the new row. */
int bz_store_intent_done(struct bz_store *store, const struct bz_intent *intent, size_t n,
	int64_t now, uint32_t *uids, struct bz_err *err);

/* --- state.db: changes that wait for the line (store_pending.c; IMAP) ---------------------------
 */

enum bz_pending_kind { BZ_PENDING_FLAGS, BZ_PENDING_MOVE };
enum { BZ_PENDING_MAX = 100000 }; /* of an account */

struct bz_pending { /* one change of one message */
	uint32_t n; /* order, > 0, never used again; set by add */
	enum bz_pending_kind kind;
	char *folder; /* wire name of where the message is */
	uint32_t uidvalidity, uid;
	unsigned add, remove; /* FLAGS: enum bz_flag */
	char *target;         /* MOVE: wire name; "" = none */
	/* MOVE: its command may have reached the server, whose target had these numbers before (0 =
	 * not told) */
	bool begun; /* a line was lost, or a run ended, in the midst of it: it may be made */
	uint32_t to_uidvalidity, to_uidnext;
	struct bz_summary row; /* MOVE: as the list had it; no offset, length and digest */
};
void bz_pending_clear(void *pending); /* GArray clear function */
/* An array of them that clears what it drops. */
GArray *bz_pendings_new(void);

/* How many wait; none where there is no state.db. */
int bz_store_pending_count(struct bz_store *store, uint32_t *n, struct bz_err *err);
/* Behind all others. */
int bz_store_pending_add(struct bz_store *store, struct bz_pending *pending, struct bz_err *err);
/* The first max of those behind number n, in order, appended. */
int bz_store_pending_from(
	struct bz_store *store, uint32_t n, uint32_t max, GArray *out, struct bz_err *err);
/* That of number n, and the newest of a message: 0 found, 1 none, -1. *out is for
 * bz_pending_clear. */
int bz_store_pending_get(
	struct bz_store *store, uint32_t n, struct bz_pending *out, struct bz_err *err);
int bz_store_pending_last(struct bz_store *store, const char *folder, uint32_t uidvalidity,
	uint32_t uid, struct bz_pending *out, struct bz_err *err);
/* begun and the target's numbers alone. */
int bz_store_pending_begin(
	struct bz_store *store, const struct bz_pending *pending, struct bz_err *err);
int bz_store_pending_drop(struct bz_store *store, uint32_t n, struct bz_err *err);

#endif
