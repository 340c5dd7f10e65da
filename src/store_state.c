/* state.db: what losing would cost the person something. Every commit is durable. Here: its schema,
 * transactions, words kept under a key, certificate pins. */
#include "src/store_private.h"

#include "src/lang.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_TABLES                                                                               \
	"CREATE TABLE local(uid INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL,"          \
	" digest BLOB NOT NULL, flags INT NOT NULL, in_file INT NOT NULL, state INT NOT NULL);"    \
	"CREATE INDEX local_digest ON local(digest);"                                              \
	"CREATE INDEX local_folder ON local(folder);"                                              \
	"CREATE INDEX local_arrived ON local(uid) WHERE (flags & 2048) <> 0;"
#define LEDGER_TABLES                                                                              \
	"CREATE TABLE ledger(uidl TEXT PRIMARY KEY, local_uid INT NOT NULL, size INT NOT NULL,"    \
	" state INT NOT NULL, first_seen INT NOT NULL, missing_since INT NOT NULL,"                \
	" due_since INT NOT NULL, headkey BLOB) WITHOUT ROWID;"                                    \
	"CREATE INDEX ledger_local ON ledger(local_uid);"                                          \
	"CREATE TABLE left_behind(n INTEGER PRIMARY KEY AUTOINCREMENT, header BLOB NOT NULL,"      \
	" pos INT NOT NULL, received INT NOT NULL);"                                               \
	"CREATE TABLE intent(id INTEGER PRIMARY KEY CHECK(id = 1), kind INT NOT NULL,"             \
	" mbox TEXT NOT NULL, folder TEXT NOT NULL, dev INT NOT NULL, ino INT NOT NULL,"           \
	" start INT NOT NULL, from_mbox TEXT);"                                                    \
	"CREATE TABLE intent_item(n INTEGER PRIMARY KEY, uidl TEXT NOT NULL, off INT NOT NULL,"    \
	" len INT NOT NULL, digest BLOB NOT NULL, size INT NOT NULL, source INT NOT NULL,"         \
	" flags INT NOT NULL, headkey BLOB, uid INT NOT NULL, source_off INT NOT NULL,"            \
	" source_len INT NOT NULL);"                                                               \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

#define PENDING_TABLE                                                                              \
	"CREATE TABLE pending(n INTEGER PRIMARY KEY AUTOINCREMENT, kind INT NOT NULL,"             \
	" folder TEXT NOT NULL, uidvalidity INT NOT NULL, uid INT NOT NULL,"                       \
	" add_flags INT NOT NULL, remove_flags INT NOT NULL, target TEXT NOT NULL,"                \
	" begun INT NOT NULL, to_uidvalidity INT NOT NULL, to_uidnext INT NOT NULL,"               \
	" pos INT NOT NULL, date INT NOT NULL, zone INT NOT NULL, received INT NOT NULL,"          \
	" size INT NOT NULL, flags INT NOT NULL, from_name TEXT NOT NULL,"                         \
	" from_addr TEXT NOT NULL, rcpt TEXT NOT NULL, subject TEXT NOT NULL,"                     \
	" message_id TEXT NOT NULL);"                                                              \
	"CREATE INDEX pending_message ON pending(folder, uidvalidity, uid);"

const char bz_store_state_schema[] =
	"CREATE TABLE pin(host TEXT NOT NULL, port INT NOT NULL, sha256 BLOB NOT NULL,"
	" PRIMARY KEY(host, port));" LOCAL_TABLES LEDGER_TABLES PENDING_TABLE;

/* Version 2 kept no changes that wait for the line. */
const char bz_store_state_from_2[] = PENDING_TABLE;

/* Version 1 had one folder, no intent but a download's, and a date in each listed row. */
const char bz_store_state_from_1[] =
	"ALTER TABLE local RENAME TO local1; ALTER TABLE ledger RENAME TO ledger1;"
	"ALTER TABLE intent RENAME TO intent1; ALTER TABLE intent_item RENAME TO item1;"
	"DROP INDEX local_digest;" LOCAL_TABLES LEDGER_TABLES PENDING_TABLE
	"INSERT INTO local SELECT uid, 'INBOX', digest, flags, 0, 0 FROM local1;"
	"UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name='local1')"
	" WHERE name='local';"
	"INSERT INTO ledger SELECT uidl, local_uid, size, state, first_seen, 0, 0, NULL FROM"
	" ledger1;"
	"INSERT INTO intent SELECT id, 0, mbox, 'INBOX', dev, ino, start, NULL FROM intent1;"
	"INSERT INTO intent_item SELECT n, uidl, off, len, digest, size, 0, 0, NULL, 0, 0, 0 FROM item1;"
	"DROP TABLE local1; DROP TABLE ledger1; DROP TABLE intent1; DROP TABLE item1;";

void bz_store_read_digest(sqlite3_stmt *stmt, int column, uint8_t digest[32])
{
	memset(digest, 0, 32);
	if (sqlite3_column_bytes(stmt, column) == 32)
		memcpy(digest, sqlite3_column_blob(stmt, column), 32);
}

/* --- transactions ----------------------------------------------------------------------------- */

bool bz_store_has_state(const struct bz_store *store)
{
	return store->state != NULL;
}

void bz_store_lacks_state(struct bz_store *store, const struct bz_err *why)
{
	store->why_stateless = *why;
}

const struct bz_err *bz_store_why_stateless(const struct bz_store *store)
{
	return &store->why_stateless;
}

char *bz_store_state_dir(const struct bz_store *store)
{
	return store->state != NULL ? g_path_get_dirname(sqlite3_db_filename(store->state, "main"))
				    : NULL;
}

bool bz_store_state_changed_outside(struct bz_store *store)
{
	return bz_store_is_moved(store, STMT_STATE_VERSION, &store->state_version);
}

int bz_store_state_begin(struct bz_store *store, struct bz_err *err)
{
	return store->state != NULL ? bz_store_exec(store->state, "BEGIN IMMEDIATE", err) : 0;
}

int bz_store_state_end(struct bz_store *store, bool keep, struct bz_err *err)
{
	if (store->state == NULL || sqlite3_get_autocommit(store->state))
		return keep ? 0 : -1;
	if (keep && bz_store_exec(store->state, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(store->state, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* --- one change of the mail at a time --------------------------------------------------------- */

static int open_lock(struct bz_store *store, struct bz_err *err)
{
	g_autofree char *dir = bz_store_state_dir(store);
	g_autofree char *path = g_build_filename(dir, "mail.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."), path,
			g_strerror(errno));
	return fd;
}

static int wait_for_lock(int fd, int timeout_ms, GCancellable *cancel, struct bz_err *err)
{
	enum { STEP_US = 5000 };
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t until = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;

	while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (g_cancellable_is_cancelled(cancel))
			return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
		if (g_get_monotonic_time() >= until)
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
				_("Another buzon is changing the mail of this account; try again "
				  "in a moment."));
		g_usleep(STEP_US);
	}
	return 0;
}

int bz_store_lock(struct bz_store *store, int timeout_ms, GCancellable *cancel, struct bz_err *err)
{
	int fd;

	if (store->lock_depth > 0) {
		store->lock_depth++;
		return 0;
	}
	fd = open_lock(store, err);
	if (fd < 0)
		return -1;
	if (wait_for_lock(fd, timeout_ms, cancel, err) != 0) {
		close(fd);
		return -1;
	}
	store->lock = fd;
	store->lock_depth = 1;
	return 1;
}

void bz_store_unlock(struct bz_store *store)
{
	if (--store->lock_depth == 0)
		close(store->lock);
}

/* --- words under a key ------------------------------------------------------------------------ */

int bz_store_meta_get(struct bz_store *store, const char *key, char **value, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_META_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value = g_strdup((const char *)sqlite3_column_text(stmt, 0));
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_meta_set(
	struct bz_store *store, const char *key, const char *value, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_META_SET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}

/* --- pins ------------------------------------------------------------------------------------- */

int bz_store_pin_get(struct bz_store *store, const char *host, uint16_t port, uint8_t sha256[32],
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PIN_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, host, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, port);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == 32)
		memcpy(sha256, sqlite3_column_blob(stmt, 0), 32);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_pin_set(struct bz_store *store, const char *host, uint16_t port,
	const uint8_t sha256[32], struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PIN_SET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, host, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, port);
	sqlite3_bind_blob(stmt, 3, sha256, 32, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}
