#include "src/store.h"
#include "src/lang.h"
#include "src/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { CACHE_VERSION = 1, WINDOW_MAX = 200, BUSY_MS = 5000 };

static const char cache_schema[] =
	"CREATE TABLE folder(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	" title TEXT NOT NULL, delimiter INT NOT NULL, role INT NOT NULL, selectable INT NOT NULL,"
	" uidvalidity INT NOT NULL, uidnext INT NOT NULL, total INT NOT NULL, unseen INT NOT NULL,"
	" note TEXT);"
	"CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, folder INT NOT NULL,"
	" uid INT NOT NULL, pos INT NOT NULL, date INT NOT NULL, zone INT NOT NULL,"
	" received INT NOT NULL, size INT NOT NULL, flags INT NOT NULL, from_name TEXT NOT NULL,"
	" from_addr TEXT NOT NULL, rcpt TEXT NOT NULL, subject TEXT NOT NULL,"
	" message_id TEXT NOT NULL, off INT NOT NULL, len INT NOT NULL, digest BLOB);"
	"CREATE UNIQUE INDEX message_uid ON message(folder, uid);"
	"CREATE INDEX message_pos ON message(folder, pos);"
	"CREATE INDEX message_unread ON message(folder, pos) WHERE (flags & 1) = 0;";

#define ROW_COLUMNS                                                                                \
	"id, folder, uid, pos, date, zone, received, size, flags, from_name, from_addr, rcpt,"     \
	" subject, message_id, off, len, digest"
#define FOLDER_COLUMNS                                                                             \
	"id, name, title, delimiter, role, selectable, uidvalidity, uidnext, total, unseen"

#define LEDGER_COLUMNS "uidl, local_uid, size, state, first_seen, missing_since, due_since, headkey"

static const char *const sql[STMT_COUNT_] = {
	[STMT_FOLDER_INSERT] =
		"INSERT INTO folder(name, title, delimiter, role, selectable, uidvalidity, uidnext,"
		" total, unseen) VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(name) DO UPDATE SET"
		" title=excluded.title, delimiter=excluded.delimiter, role=excluded.role,"
		" selectable=excluded.selectable, uidvalidity=excluded.uidvalidity,"
		" uidnext=excluded.uidnext, total=excluded.total, unseen=excluded.unseen"
		" RETURNING id",
	[STMT_FOLDER_ALL] = "SELECT " FOLDER_COLUMNS " FROM folder ORDER BY role <> 1, id",
	[STMT_FOLDER_BY_NAME] = "SELECT " FOLDER_COLUMNS " FROM folder WHERE name=?",
	[STMT_FOLDER_BY_ID] = "SELECT " FOLDER_COLUMNS " FROM folder WHERE id=?",
	[STMT_FOLDER_DROP] = "DELETE FROM folder WHERE id=?",
	[STMT_NOTE_SET] = "UPDATE folder SET note=? WHERE id=?",
	[STMT_NOTE_GET] = "SELECT note FROM folder WHERE id=?",
	[STMT_PUT] =
		"INSERT INTO message(folder, uid, pos, date, zone, received, size, flags,"
		" from_name, from_addr, rcpt, subject, message_id, off, len, digest)"
		" VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(folder, uid) DO UPDATE SET"
		" pos=excluded.pos, date=excluded.date, zone=excluded.zone,"
		" received=excluded.received, size=excluded.size, flags=excluded.flags,"
		" from_name=excluded.from_name, from_addr=excluded.from_addr, rcpt=excluded.rcpt,"
		" subject=excluded.subject, message_id=excluded.message_id, off=excluded.off,"
		" len=excluded.len, digest=excluded.digest RETURNING id",
	[STMT_SET_FLAGS] = "UPDATE message SET flags=? WHERE folder=? AND uid=?",
	[STMT_REMOVE] = "DELETE FROM message WHERE folder=? AND uid=?",
	[STMT_CLEAR] = "DELETE FROM message WHERE folder=?",
	[STMT_BY_UID] = "SELECT " ROW_COLUMNS " FROM message WHERE folder=? AND uid=?",
	[STMT_BY_ROW] = "SELECT " ROW_COLUMNS " FROM message WHERE id=?",
	[STMT_NEWEST] =
		"SELECT " ROW_COLUMNS " FROM message WHERE folder=? ORDER BY pos DESC LIMIT 1",
	[STMT_IDS] = "SELECT id FROM message WHERE folder=? ORDER BY pos DESC, id DESC",
	[STMT_UIDS] = "SELECT uid FROM message WHERE folder=? AND uid BETWEEN ? AND ? ORDER BY uid",
	[STMT_COUNT] = "SELECT count(*), (SELECT count(*) FROM message WHERE folder=?1 AND"
		       " (flags & 1) = 0) FROM message WHERE folder=?1",
	[STMT_UNREAD_ABOVE] =
		"SELECT id FROM message WHERE folder=? AND (flags & 1) = 0 AND pos > ?"
		" ORDER BY pos LIMIT 1",
	[STMT_UNREAD_BELOW] =
		"SELECT id FROM message WHERE folder=? AND (flags & 1) = 0 AND pos < ?"
		" ORDER BY pos DESC LIMIT 1",
	[STMT_DATA_VERSION] = "PRAGMA data_version",
	[STMT_PIN_GET] = "SELECT sha256 FROM pin WHERE host=? AND port=?",
	[STMT_PIN_SET] = "INSERT INTO pin(host, port, sha256) VALUES(?,?,?)"
			 " ON CONFLICT(host, port) DO UPDATE SET sha256=excluded.sha256",
	[STMT_META_GET] = "SELECT value FROM meta WHERE key=?",
	[STMT_META_SET] = "INSERT INTO meta(key, value) VALUES(?,?)"
			  " ON CONFLICT(key) DO UPDATE SET value=excluded.value",
	[STMT_LEDGER_HAS] = "SELECT 1 FROM ledger WHERE uidl=?",
	[STMT_LEDGER_GET] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE uidl=?",
	[STMT_LEDGER_BY_LOCAL] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE local_uid=?",
	[STMT_LEDGER_EACH] = "SELECT " LEDGER_COLUMNS " FROM ledger",
	[STMT_LEDGER_PUT] =
		"INSERT OR REPLACE INTO ledger(" LEDGER_COLUMNS ") VALUES(?,?,?,?,?,?,?,?)",
	[STMT_LEDGER_REBIND] = "UPDATE OR REPLACE ledger SET uidl=?2, missing_since=0"
			       " WHERE uidl=?1",
	[STMT_LEDGER_PRUNE] = "DELETE FROM ledger WHERE missing_since > 0 AND missing_since < ?",
	[STMT_LEDGER_MOVED] = "UPDATE ledger SET local_uid=?2 WHERE local_uid=?1",
	[STMT_INTENT_INSERT] = "INSERT INTO intent(id, kind, mbox, folder, dev, ino, start)"
			       " VALUES(1,?,?,?,?,?,?)",
	[STMT_INTENT_ITEM] = "INSERT INTO intent_item(n, uidl, off, len, digest, size, source,"
			     " flags, headkey) VALUES(?,?,?,?,?,?,?,?,?)",
	[STMT_INTENT_GET] = "SELECT kind, mbox, folder, dev, ino, start FROM intent",
	[STMT_INTENT_ITEMS] = "SELECT uidl, off, len, digest, size, source, flags, headkey"
			      " FROM intent_item ORDER BY n",
	[STMT_INTENT_CLEAR] = "DELETE FROM intent",
	[STMT_INTENT_ITEMS_CLEAR] = "DELETE FROM intent_item",
	[STMT_LOCAL_INSERT] =
		"INSERT INTO local(folder, digest, flags, in_file, state) VALUES(?,?,?,?,?)",
	[STMT_LOCAL_ALL] = "SELECT uid, digest, flags, in_file, state FROM local WHERE folder=?"
			   " ORDER BY uid",
	[STMT_LOCAL_GET] = "SELECT uid, digest, flags, in_file, state, folder FROM local"
			   " WHERE uid=?",
	[STMT_LOCAL_FLAGS] = "UPDATE local SET flags=? WHERE uid=?",
	[STMT_LOCAL_IN_FILE] = "UPDATE local SET in_file=? WHERE uid=?",
	[STMT_LOCAL_STATE] = "UPDATE local SET state=? WHERE uid=?",
	[STMT_LOCAL_FORGET] = "DELETE FROM local WHERE uid=?",
	[STMT_LOCAL_RENAME] = "UPDATE local SET folder=?2 WHERE folder=?1",
};

int bz_store_fail(sqlite3 *db, struct bz_err *err)
{
	int rc = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
	enum bz_err_code code = BZ_CODE_IO;

	if (rc == SQLITE_FULL)
		code = BZ_CODE_DISK_FULL;
	else if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		code = BZ_CODE_LOCKED;
	return bz_err_set(err, BZ_ERR_LOCAL, code, _("The list of messages kept here failed: %s."),
		db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

int bz_store_exec(sqlite3 *db, const char *text, struct bz_err *err)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : bz_store_fail(db, err);
}

sqlite3_stmt *bz_store_stmt(struct bz_store *store, enum bz_stmt which, struct bz_err *err)
{
	sqlite3 *db = which <= STMT_CACHE_LAST ? store->cache : store->state;
	sqlite3_stmt **slot = &store->stmts[which];

	if (*slot == NULL && sqlite3_prepare_v3(db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, slot,
				     NULL) != SQLITE_OK) {
		bz_store_fail(db, err);
		return NULL;
	}
	sqlite3_reset(*slot);
	return *slot;
}

static bool is_damage(int reason)
{
	return (reason & 0xff) == SQLITE_CORRUPT || (reason & 0xff) == SQLITE_NOTADB;
}

/* A damaged cache tells so, and is removed when it is closed: the next one is made anew. */
static int cache_fail(struct bz_store *store, struct bz_err *err)
{
	store->damaged = store->damaged || is_damage(sqlite3_errcode(store->cache));
	return bz_store_fail(store->cache, err);
}

int bz_store_run(struct bz_store *store, sqlite3_stmt *stmt, struct bz_err *err)
{
	int rc;

	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE) {
		if (sqlite3_db_handle(stmt) == store->cache)
			cache_fail(store, err);
		else
			bz_store_fail(store->state, err);
		sqlite3_reset(stmt);
		return -1;
	}
	sqlite3_reset(stmt);
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* WAL needs shared memory that network file systems do not give. */
static bool on_network(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return false;
	switch ((unsigned)fs.f_type) {
	case 0x6969:     /* NFS */
	case 0xff534d42: /* CIFS */
	case 0xfe534d42: /* SMB2 */
	case 0x65735546: /* FUSE */
		return true;
	default:
		return false;
	}
}

/* Make the file ourselves: SQLite gives its -wal and -shm the mode of the database. */
static int make_private(const char *path, struct bz_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE, _("Cannot open %s: %s."), path,
			g_strerror(errno));
	(void)fchmod(fd, 0600);
	close(fd);
	return 0;
}

/* *reason: SQLite's, when it was SQLite that refused. */
static sqlite3 *open_db(
	const char *path, bool reader, const char *sync, int *reason, struct bz_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	sqlite3 *db = NULL;
	g_autofree char *pragmas = NULL;

	if (!reader && make_private(path, err) != 0)
		return NULL;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		*reason = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
		bz_store_fail(db, err);
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, reader ? 50 : BUSY_MS);
	pragmas = g_strdup_printf("PRAGMA journal_mode=%s; PRAGMA synchronous=%s;"
				  "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2000;%s",
		on_network(path) ? "DELETE" : "WAL", sync, reader ? "PRAGMA query_only=1;" : "");
	if (bz_store_exec(db, pragmas, err) != 0) {
		*reason = sqlite3_errcode(db);
		sqlite3_close(db);
		return NULL;
	}
	return db;
}

/* -1 with SQLite's reason when it cannot be read. */
static int user_version(sqlite3 *db, int *reason)
{
	sqlite3_stmt *stmt = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	else
		*reason = sqlite3_errcode(db);
	sqlite3_finalize(stmt);
	return version;
}

static int make_schema(sqlite3 *db, const char *schema, int version, struct bz_err *err)
{
	g_autofree char *text = g_strdup_printf(
		"BEGIN IMMEDIATE; %s PRAGMA user_version=%d; COMMIT;", schema, version);

	if (bz_store_exec(db, text, err) == 0)
		return 0;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	/* another process may have been faster */
	return user_version(db, &(int){0}) == version ? 0 : -1;
}

void bz_store_unlink(const char *path)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
		g_autofree char *name = g_strconcat(path, tails[i], NULL);

		(void)unlink(name);
	}
}

/* The cache may be lost at any time: what is not ours or not whole is made anew. What is only in
 * use, or on a disk that gives errors, is not: another buzon may be at work with it. */
static sqlite3 *open_cache(const char *path, bool reader, struct bz_err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int reason = SQLITE_OK;
		sqlite3 *db = open_db(path, reader, "NORMAL", &reason, err);
		int version = db != NULL ? user_version(db, &reason) : -1;

		if (version == CACHE_VERSION)
			return db;
		if (version < 0 && !is_damage(reason)) {
			if (db != NULL)
				bz_store_fail(db, err);
			sqlite3_close(db);
			return NULL;
		}
		if (reader) {
			sqlite3_close(db);
			bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot read %s."), path);
			return NULL;
		}
		if (version == 0 && make_schema(db, cache_schema, CACHE_VERSION, err) == 0)
			return db;
		reason = version == 0 ? sqlite3_errcode(db) : SQLITE_CORRUPT;
		sqlite3_close(db);
		if (!is_damage(reason) &&
			reason != SQLITE_ERROR) /* ERROR: tables of something else */
			return NULL;
		bz_store_unlink(path);
	}
	return NULL;
}

static sqlite3 *open_state(const char *path, struct bz_err *err)
{
	int version, reason = SQLITE_OK;
	sqlite3 *db = open_db(path, false, "FULL", &reason, err);

	if (db == NULL && is_damage(reason))
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("%s is damaged; it stays as it is."),
			path);
	if (db == NULL)
		return NULL;
	version = user_version(db, &reason);
	if (version == BZ_STORE_STATE_VERSION)
		return db;
	if (version == 0 &&
		make_schema(db, bz_store_state_schema, BZ_STORE_STATE_VERSION, err) == 0)
		return db;
	if (version == 1 &&
		make_schema(db, bz_store_state_from_1, BZ_STORE_STATE_VERSION, err) == 0)
		return db;
	if (version > BZ_STORE_STATE_VERSION)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
			_("%s was written by a newer buzon; it stays as it is."), path);
	else if (version < 0)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("%s is damaged; it stays as it is."),
			path);
	sqlite3_close(db);
	return NULL;
}

/* Statistics of memory that nobody reads cost a lock at each allocation. */
static void *without_statistics(void *unused)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	return unused;
}

struct bz_store *bz_store_open(
	const char *cache_path, const char *state_path, enum bz_store_mode mode, struct bz_err *err)
{
	static GOnce once = G_ONCE_INIT;
	struct bz_store *store = g_new0(struct bz_store, 1);

	g_once(&once, without_statistics, NULL);
	store->mode = mode;
	store->cache = open_cache(cache_path, mode == BZ_STORE_READER, err);
	if (store->cache != NULL && state_path != NULL && mode == BZ_STORE_OWNER)
		store->state = open_state(state_path, err);
	if (store->cache == NULL ||
		(state_path != NULL && mode == BZ_STORE_OWNER && store->state == NULL)) {
		bz_store_close(&store);
		return NULL;
	}
	bz_store_changed_outside(store);
	return store;
}

void bz_store_close(struct bz_store **store)
{
	g_autofree char *damaged = NULL;

	if (*store == NULL)
		return;
	if ((*store)->damaged && (*store)->mode == BZ_STORE_OWNER)
		damaged = g_strdup(sqlite3_db_filename((*store)->cache, "main"));
	for (size_t i = 0; i < STMT_COUNT_; i++)
		sqlite3_finalize((*store)->stmts[i]);
	sqlite3_close((*store)->cache);
	sqlite3_close((*store)->state);
	if (damaged != NULL)
		bz_store_unlink(damaged);
	g_free(*store);
	*store = NULL;
}

int bz_store_begin(struct bz_store *store, struct bz_err *err)
{
	return bz_store_exec(store->cache, "BEGIN IMMEDIATE", err);
}

int bz_store_commit(struct bz_store *store, struct bz_err *err)
{
	if (bz_store_exec(store->cache, "COMMIT", err) == 0)
		return 0;
	bz_store_rollback(store);
	return -1;
}

void bz_store_rollback(struct bz_store *store)
{
	if (!sqlite3_get_autocommit(store->cache))
		sqlite3_exec(store->cache, "ROLLBACK", NULL, NULL, NULL);
}

/* --- folders ---------------------------------------------------------------------------------- */

static char *column_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return g_strdup(text != NULL ? (const char *)text : "");
}

static void read_folder(sqlite3_stmt *stmt, struct bz_folder *out)
{
	*out = (struct bz_folder){
		.id = (uint32_t)sqlite3_column_int64(stmt, 0),
		.name = column_text(stmt, 1),
		.title = column_text(stmt, 2),
		.delimiter = (char)sqlite3_column_int(stmt, 3),
		.role = (enum bz_folder_role)sqlite3_column_int(stmt, 4),
		.selectable = sqlite3_column_int(stmt, 5) != 0,
		.uidvalidity = (uint32_t)sqlite3_column_int64(stmt, 6),
		.uidnext = (uint32_t)sqlite3_column_int64(stmt, 7),
		.exists = (uint32_t)sqlite3_column_int64(stmt, 8),
		.unseen = (uint32_t)sqlite3_column_int64(stmt, 9),
	};
}

/* Step a query for one folder: 0 found, 1 absent, -1. */
static int one_folder(
	struct bz_store *store, sqlite3_stmt *stmt, struct bz_folder *out, struct bz_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		read_folder(stmt, out);
	else if (rc != SQLITE_DONE)
		cache_fail(store, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_folder_by_name(
	struct bz_store *store, const char *name, struct bz_folder *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_FOLDER_BY_NAME, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_TRANSIENT);
	return one_folder(store, stmt, out, err);
}

int bz_store_folder_by_id(
	struct bz_store *store, uint32_t id, struct bz_folder *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_FOLDER_BY_ID, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, id);
	return one_folder(store, stmt, out, err);
}

/* Rows of another UIDVALIDITY name other messages: they go. */
static int drop_stale_rows(
	struct bz_store *store, const struct bz_folder *folder, struct bz_err *err)
{
	struct bz_folder old;
	int rc = bz_store_folder_by_name(store, folder->name, &old, err);
	bool stale;

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	stale = old.uidvalidity != 0 && folder->uidvalidity != 0 &&
		old.uidvalidity != folder->uidvalidity;
	rc = stale ? bz_store_clear_folder(store, old.id, err) : 0;
	bz_folder_clear(&old);
	return rc;
}

int bz_store_folder_put(struct bz_store *store, struct bz_folder *folder, struct bz_err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	if (drop_stale_rows(store, folder, err) != 0)
		return -1;
	stmt = bz_store_stmt(store, STMT_FOLDER_INSERT, err);
	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, folder->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, folder->title, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, folder->delimiter);
	sqlite3_bind_int(stmt, 4, (int)folder->role);
	sqlite3_bind_int(stmt, 5, folder->selectable);
	sqlite3_bind_int64(stmt, 6, folder->uidvalidity);
	sqlite3_bind_int64(stmt, 7, folder->uidnext);
	sqlite3_bind_int64(stmt, 8, folder->exists);
	sqlite3_bind_int64(stmt, 9, folder->unseen);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		folder->id = (uint32_t)sqlite3_column_int64(stmt, 0);
	else
		cache_fail(store, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

int bz_store_folder_ensure(struct bz_store *store, const char *name, const char *title,
	enum bz_folder_role role, uint32_t uidvalidity, uint32_t *id, struct bz_err *err)
{
	struct bz_folder folder;
	int rc = bz_store_folder_by_name(store, name, &folder, err);

	if (rc == 1) {
		folder = (struct bz_folder){.name = g_strdup(name),
			.title = g_strdup(title),
			.role = role,
			.selectable = true,
			.uidvalidity = uidvalidity};
		rc = bz_store_folder_put(store, &folder, err);
		if (rc != 0)
			bz_folder_clear(&folder);
	}
	if (rc != 0)
		return -1;
	*id = folder.id;
	bz_folder_clear(&folder);
	return 0;
}

GPtrArray *bz_store_folders(struct bz_store *store, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_FOLDER_ALL, err);
	GPtrArray *folders;
	int rc;

	if (stmt == NULL)
		return NULL;
	folders = g_ptr_array_new_with_free_func(bz_folder_free);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_folder *folder = g_new(struct bz_folder, 1);

		read_folder(stmt, folder);
		g_ptr_array_add(folders, folder);
	}
	sqlite3_reset(stmt);
	if (rc != SQLITE_DONE) {
		cache_fail(store, err);
		g_ptr_array_unref(folders);
		return NULL;
	}
	return folders;
}

int bz_store_folder_drop(struct bz_store *store, uint32_t id, struct bz_err *err)
{
	sqlite3_stmt *stmt;

	if (bz_store_clear_folder(store, id, err) != 0)
		return -1;
	stmt = bz_store_stmt(store, STMT_FOLDER_DROP, err);
	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, id);
	return bz_store_run(store, stmt, err);
}

int bz_store_folder_note(struct bz_store *store, uint32_t id, const char *note, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_NOTE_SET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, note, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, id);
	return bz_store_run(store, stmt, err);
}

char *bz_store_folder_get_note(struct bz_store *store, uint32_t id)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_NOTE_GET, NULL);
	char *note = NULL;

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		note = g_strdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_reset(stmt);
	return note;
}

/* --- message rows ----------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *stmt, int n, const char *text)
{
	sqlite3_bind_text(stmt, n, text != NULL ? text : "", -1, SQLITE_STATIC);
}

int bz_store_put(struct bz_store *store, struct bz_summary *row, struct bz_err *err)
{
	static const uint8_t none[32];
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PUT, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, row->folder);
	sqlite3_bind_int64(stmt, 2, row->uid);
	sqlite3_bind_int64(stmt, 3, row->pos);
	sqlite3_bind_int64(stmt, 4, row->date);
	sqlite3_bind_int(stmt, 5, row->date_zone);
	sqlite3_bind_int64(stmt, 6, row->received);
	sqlite3_bind_int64(stmt, 7, (int64_t)row->size);
	sqlite3_bind_int64(stmt, 8, row->flags);
	bind_text(stmt, 9, row->from_name);
	bind_text(stmt, 10, row->from_addr);
	bind_text(stmt, 11, row->to);
	bind_text(stmt, 12, row->subject);
	bind_text(stmt, 13, row->message_id);
	sqlite3_bind_int64(stmt, 14, row->offset);
	sqlite3_bind_int64(stmt, 15, row->length);
	if (memcmp(row->digest, none, sizeof none) == 0)
		sqlite3_bind_null(stmt, 16);
	else
		sqlite3_bind_blob(stmt, 16, row->digest, sizeof row->digest, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		row->row = (uint32_t)sqlite3_column_int64(stmt, 0);
	else
		cache_fail(store, err);
	if (sqlite3_reset(stmt) != SQLITE_OK && rc == SQLITE_ROW) /* the commit failed */
		rc = (cache_fail(store, err), SQLITE_ERROR);
	sqlite3_clear_bindings(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

static void read_row(sqlite3_stmt *stmt, struct bz_summary *out)
{
	*out = (struct bz_summary){
		.row = (uint32_t)sqlite3_column_int64(stmt, 0),
		.folder = (uint32_t)sqlite3_column_int64(stmt, 1),
		.uid = (uint32_t)sqlite3_column_int64(stmt, 2),
		.pos = sqlite3_column_int64(stmt, 3),
		.date = sqlite3_column_int64(stmt, 4),
		.date_zone = sqlite3_column_int(stmt, 5),
		.received = sqlite3_column_int64(stmt, 6),
		.size = (uint64_t)sqlite3_column_int64(stmt, 7),
		.flags = (unsigned)sqlite3_column_int64(stmt, 8),
		.from_name = column_text(stmt, 9),
		.from_addr = column_text(stmt, 10),
		.to = column_text(stmt, 11),
		.subject = column_text(stmt, 12),
		.message_id = column_text(stmt, 13),
		.offset = sqlite3_column_int64(stmt, 14),
		.length = sqlite3_column_int64(stmt, 15),
	};
	if (sqlite3_column_bytes(stmt, 16) == (int)sizeof out->digest)
		memcpy(out->digest, sqlite3_column_blob(stmt, 16), sizeof out->digest);
}

static int one_row(
	struct bz_store *store, sqlite3_stmt *stmt, struct bz_summary *out, struct bz_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		read_row(stmt, out);
	else if (rc != SQLITE_DONE)
		cache_fail(store, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_by_uid(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_summary *out,
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_BY_UID, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	return one_row(store, stmt, out, err);
}

int bz_store_newest(
	struct bz_store *store, uint32_t folder, struct bz_summary *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_NEWEST, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	return one_row(store, stmt, out, err);
}

int bz_store_set_flags(
	struct bz_store *store, uint32_t folder, uint32_t uid, unsigned flags, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_SET_FLAGS, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, flags);
	sqlite3_bind_int64(stmt, 2, folder);
	sqlite3_bind_int64(stmt, 3, uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_remove(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_REMOVE, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_clear_folder(struct bz_store *store, uint32_t folder, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_CLEAR, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	return bz_store_run(store, stmt, err);
}

/* Append the first column of every row, as guint32. */
static int collect(struct bz_store *store, sqlite3_stmt *stmt, GArray *out, struct bz_err *err)
{
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint32_t value = (uint32_t)sqlite3_column_int64(stmt, 0);

		g_array_append_val(out, value);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : cache_fail(store, err);
}

int bz_store_ids(struct bz_store *store, uint32_t folder, GArray *ids, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_IDS, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	return collect(store, stmt, ids, err);
}

int bz_store_uids(struct bz_store *store, uint32_t folder, uint32_t low, uint32_t high,
	GArray *uids, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_UIDS, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, low);
	sqlite3_bind_int64(stmt, 3, high);
	return collect(store, stmt, uids, err);
}

int bz_store_count(struct bz_store *store, uint32_t folder, uint32_t *known, uint32_t *unseen,
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_COUNT, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*known = (uint32_t)sqlite3_column_int64(stmt, 0);
		*unseen = (uint32_t)sqlite3_column_int64(stmt, 1);
	} else {
		cache_fail(store, err);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

int bz_store_next_unread(struct bz_store *store, uint32_t folder, int64_t pos, bool above,
	uint32_t *row, struct bz_err *err)
{
	sqlite3_stmt *stmt =
		bz_store_stmt(store, above ? STMT_UNREAD_ABOVE : STMT_UNREAD_BELOW, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, pos);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*row = (uint32_t)sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->cache, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_window(struct bz_store *store, const uint32_t *ids, size_t n, struct bz_summary *out,
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_BY_ROW, err);

	memset(out, 0, n * sizeof *out);
	if (stmt == NULL || n > WINDOW_MAX)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == 0)
			continue;
		sqlite3_bind_int64(stmt, 1, ids[i]);
		if (one_row(store, stmt, &out[i], err) < 0)
			return -1;
	}
	return 0;
}

bool bz_store_changed_outside(struct bz_store *store)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_DATA_VERSION, NULL);
	int64_t now = store->data_version;
	bool changed;

	if (stmt == NULL)
		return false;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		now = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	changed = now != store->data_version;
	store->data_version = now;
	return changed;
}
