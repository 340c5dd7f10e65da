/* What the files of the store share, bodies.c among them; nobody else includes this. */
#ifndef BZ_STORE_PRIVATE_H
#define BZ_STORE_PRIVATE_H

#include "src/store.h"

#include <sqlite3.h>

enum bz_stmt {
	STMT_FOLDER_INSERT,
	STMT_FOLDER_ALL,
	STMT_FOLDER_BY_NAME,
	STMT_FOLDER_BY_ID,
	STMT_FOLDER_DROP,
	STMT_FOLDER_RENAME,
	STMT_NOTE_SET,
	STMT_NOTE_GET,
	STMT_FOLDER_ORDER,
	STMT_PUT,
	STMT_SET_FLAGS,
	STMT_REMOVE,
	STMT_CLEAR,
	STMT_REMOVED_PUT,
	STMT_REMOVED_GET,
	STMT_REMOVED_DROP,
	STMT_REMOVED_CLEAR,
	STMT_BY_UID,
	STMT_BY_ROW,
	STMT_NEWEST,
	STMT_IDS,
	STMT_THREADS,
	STMT_UNREAD_IDS,
	STMT_THREAD_KEY,
	STMT_UIDS,
	STMT_COUNT,
	STMT_UNREAD_ABOVE,
	STMT_UNREAD_BELOW,
	STMT_BESIDE_ABOVE,
	STMT_BESIDE_BELOW,
	STMT_DATA_VERSION,
	STMT_CACHE_LAST = STMT_DATA_VERSION,
	STMT_STATE_VERSION,
	STMT_PIN_GET,
	STMT_PIN_SET,
	STMT_META_GET,
	STMT_META_SET,
	STMT_LEDGER_HAS,
	STMT_LEDGER_GET,
	STMT_LEDGER_BY_LOCAL,
	STMT_LEDGER_EACH,
	STMT_LEDGER_PUT,
	STMT_LEDGER_REBIND,
	STMT_LEDGER_MARK,
	STMT_LEDGER_SHIFT,
	STMT_LEDGER_PRUNE,
	STMT_LEDGER_DISCARD,
	STMT_LEDGER_DISCARD_FOLDER,
	STMT_LEDGER_BY_DIGEST,
	STMT_LEFT_INSERT,
	STMT_LEFT_EACH,
	STMT_LEFT_GET,
	STMT_LEFT_FORGET,
	STMT_LEDGER_MOVED,
	STMT_INTENT_INSERT,
	STMT_INTENT_ITEM,
	STMT_INTENT_GET,
	STMT_INTENT_ITEMS,
	STMT_INTENT_CLEAR,
	STMT_INTENT_ITEMS_CLEAR,
	STMT_LOCAL_INSERT,
	STMT_LOCAL_ALL,
	STMT_LOCAL_GET,
	STMT_LOCAL_ARRIVED,
	STMT_LOCAL_UNLISTED,
	STMT_LOCAL_FLAGS,
	STMT_LOCAL_IN_FILE,
	STMT_LOCAL_STATE,
	STMT_LOCAL_FORGET,
	STMT_LOCAL_RENAME,
	STMT_LOCAL_REMOVED,
	STMT_LOCAL_DROP,
	STMT_PENDING_COUNT,
	STMT_PENDING_INSERT,
	STMT_PENDING_FROM,
	STMT_PENDING_GET,
	STMT_PENDING_LAST,
	STMT_PENDING_BEGIN,
	STMT_PENDING_DROP,
	STMT_COUNT_
};

struct bz_store {
	sqlite3 *cache;
	sqlite3 *state; /* NULL: a FILE or a READER */
	sqlite3_stmt *stmts[STMT_COUNT_];
	int64_t data_version, state_version;
	enum bz_store_mode mode;
	struct bz_err why_stateless;
	void (*gone)(void *me, uint32_t folder, uint32_t uid);
	void *gone_me;
	uint8_t thread_key[16]; /* while has_thread_key */
	bool has_thread_key;
	bool damaged; /* the cache; gone after closing */
	int lock;     /* mail.lock, while lock_depth > 0 */
	int lock_depth;
};

/* The statement, prepared at its first use and reset; NULL with err when SQLite refuses. */
/* Did another connection write since? which: a PRAGMA data_version; *version: of the last time. */
bool bz_store_is_moved(struct bz_store *store, enum bz_stmt which, int64_t *version);
sqlite3_stmt *bz_store_stmt(struct bz_store *store, enum bz_stmt which, struct bz_err *err);
/* LOCAL error with SQLite's reason; -1. */
int bz_store_fail(sqlite3 *db, struct bz_err *err);
/* Run a statement that returns no rows, and reset it. */
int bz_store_run(struct bz_store *store, sqlite3_stmt *stmt, struct bz_err *err);
int bz_store_exec(sqlite3 *db, const char *sql, struct bz_err *err);
/* What a database that may be lost at any time holds. */
struct bz_store_shape {
	const char *first; /* pragmas that come before anything else */
	const char *schema;
	int version; /* PRAGMA user_version */
};
/* A connection to one, made anew where there is none, or one that is damaged or of another version;
 * NULL with err. READER: never made. */
sqlite3 *bz_store_open_cache(
	const char *path, const struct bz_store_shape *shape, bool reader, struct bz_err *err);
/* A connection to state.db, made anew where there is none; NULL with err. */
sqlite3 *bz_store_open_state(const char *path, struct bz_err *err);

/* SQLite says that the file itself is not whole. */
bool bz_store_is_damage(int reason);
/* bz_store_fail for cache.db: a damaged one is removed when it is closed, and made anew. */
int bz_store_cache_fail(struct bz_store *store, struct bz_err *err);
/* A column as a string of the caller's; "" = none. */
char *bz_store_text(sqlite3_stmt *stmt, int column);
/* Bind a borrowed string; NULL = "". */
void bz_store_bind(sqlite3_stmt *stmt, int n, const char *text);

/* store_thread.c: bind the hashes of the row's id and references from parameter n on. */
int bz_store_bind_thread(struct bz_store *store, sqlite3_stmt *stmt, int n,
	const struct bz_summary *row, struct bz_err *err);

/* store_state.c: the schema, and the same from versions 1 and 2. */
extern const char bz_store_state_schema[];
extern const char bz_store_state_from_1[];
extern const char bz_store_state_from_2[];
enum { BZ_STORE_STATE_VERSION = 3 };

/* Fill a digest from a column; all zero where it is none. */
void bz_store_read_digest(sqlite3_stmt *stmt, int column, uint8_t digest[32]);
/* store_local.c: a new row; *uid is set. */
int bz_store_local_insert(struct bz_store *store, const char *folder, const struct bz_local *local,
	uint32_t *uid, struct bz_err *err);

#endif
