/* The store: message rows, folders, ledger and pins in SQLite (DESIGN sections 1 and 7).
 *
 * A struct bz_store is one pair of connections, used by one thread. The account's worker opens it
 * as OWNER and is the only writer; the UI opens its own as READER and may only read windows. Every
 * function returns 0, or -1 with *err kind LOCAL. */
#ifndef BZ_STORE_H
#define BZ_STORE_H

#include "src/err.h"
#include "src/model.h"

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
int bz_store_folder_drop(struct bz_store *store, uint32_t id, struct bz_err *err);

/* Where a backend keeps a word of its own for a folder (mbox stamp "dev:ino:size:mtime", ...). */
int bz_store_folder_note(struct bz_store *store, uint32_t id, const char *note, struct bz_err *err);
char *bz_store_folder_get_note(struct bz_store *store, uint32_t id);

/* --- message rows ----------------------------------------------------------------------------- */

/* Insert (or replace by folder+uid, keeping the row id); row->row is set. */
int bz_store_put(struct bz_store *store, struct bz_summary *row, struct bz_err *err);
int bz_store_set_flags(
	struct bz_store *store, uint32_t folder, uint32_t uid, unsigned flags, struct bz_err *err);
int bz_store_remove(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err);
int bz_store_clear_folder(struct bz_store *store, uint32_t folder, struct bz_err *err);
/* 0 found, 1 absent, -1. */
int bz_store_by_uid(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_summary *out,
	struct bz_err *err);
/* The row of the greatest pos; 0 found, 1 absent, -1. */
int bz_store_newest(
	struct bz_store *store, uint32_t folder, struct bz_summary *out, struct bz_err *err);
/* Row ids newest (greatest pos) first into ids (guint32), appended. At 1,000,000 rows 0.1 s. */
int bz_store_ids(struct bz_store *store, uint32_t folder, GArray *ids, struct bz_err *err);
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

/* The visible window: n <= 200 rows by primary key, out[i] for ids[i]; a row that is gone comes
 * back with row == 0. The caller clears each. The UI thread may read no more than this at
 * a time. */
int bz_store_window(struct bz_store *store, const uint32_t *ids, size_t n, struct bz_summary *out,
	struct bz_err *err);

/* Changes by other processes since the last call (PRAGMA data_version). */
bool bz_store_changed_outside(struct bz_store *store);

/* --- state.db: certificate pins --------------------------------------------------------------- */

/* 0 pin found, 1 none, -1. host as in buzonrc. */
int bz_store_pin_get(struct bz_store *store, const char *host, uint16_t port, uint8_t sha256[32],
	struct bz_err *err);
int bz_store_pin_set(struct bz_store *store, const char *host, uint16_t port,
	const uint8_t sha256[32], struct bz_err *err);

/* --- state.db: local mail, ledger, intent (POP3, DESIGN section 7) ---------------------------- */

enum bz_ledger_state { BZ_LEDGER_STORED, BZ_LEDGER_DISCARDED, BZ_LEDGER_GONE };

struct bz_local { /* identity of a local message; uid never reused */
	uint32_t uid;
	uint8_t digest[32];
	unsigned flags; /* the durable ones */
};

struct bz_intent_item { /* one message about to be appended */
	char uidl[71];  /* RFC 1939: 1..70 characters 0x21..0x7E */
	int64_t off;    /* from the start of the mbox */
	int64_t len;
	uint8_t digest[32];
	uint64_t size; /* as the server listed it */
};

struct bz_intent {
	char *mbox;
	uint64_t dev, ino;
	int64_t start; /* size of the mbox before the batch */
	GArray *items; /* struct bz_intent_item */
};
void bz_intent_clear(struct bz_intent *intent);

/* Group adoptions and flags of state.db: one durable commit for all between the two. keep false
 * rolls back and returns -1. Nothing happens where there is no state.db. */
int bz_store_state_begin(struct bz_store *store, struct bz_err *err);
int bz_store_state_end(struct bz_store *store, bool keep, struct bz_err *err);

/* Is this UIDL in the ledger (any state)? 1 yes, 0 no, -1. */
int bz_store_ledger_has(struct bz_store *store, const char *uidl, struct bz_err *err);
/* Note that these UIDLs were listed now (last_listed). */
int bz_store_ledger_listed(struct bz_store *store, const char *const *uidls, size_t n, int64_t now,
	struct bz_err *err);
/* Commit the intent durably, before the first byte of the batch is written. One at a time. */
int bz_store_intent_put(struct bz_store *store, const struct bz_intent *intent, struct bz_err *err);
/* 0 an intent is pending (into *out), 1 none, -1. */
int bz_store_intent_get(struct bz_store *store, struct bz_intent *out, struct bz_err *err);
/* One transaction: a local and a ledger row for each of the first n items of intent (uids[i] is set
 * to the new local uid, or stays as it was when the UIDL is known already), and the intent goes. n
 * may be less than the whole batch. */
int bz_store_intent_done(struct bz_store *store, const struct bz_intent *intent, size_t n,
	int64_t now, uint32_t *uids, struct bz_err *err);
/* All local rows, uid ascending, appended to out (struct bz_local). */
int bz_store_local_all(struct bz_store *store, GArray *out, struct bz_err *err);
/* A message found in the mbox that no download brought (another program's): a new local uid. */
int bz_store_local_adopt(struct bz_store *store, const uint8_t digest[32], unsigned flags,
	uint32_t *uid, struct bz_err *err);
int bz_store_local_set_flags(
	struct bz_store *store, uint32_t uid, unsigned flags, struct bz_err *err);

#endif
