/* The databases of a store: opened, made, closed; transactions of cache.db. */
#include "src/lang.h"
#include "src/log.h"
#include "src/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { CACHE_VERSION = 3, BUSY_MS = 5000 };

static const char cache_schema[] =
	"CREATE TABLE folder(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	" title TEXT NOT NULL, delimiter INT NOT NULL, role INT NOT NULL, selectable INT NOT NULL,"
	" uidvalidity INT NOT NULL, uidnext INT NOT NULL, total INT NOT NULL, unseen INT NOT NULL,"
	" note TEXT, sorting INT NOT NULL DEFAULT 0);"
	"CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, folder INT NOT NULL,"
	" uid INT NOT NULL, pos INT NOT NULL, date INT NOT NULL, zone INT NOT NULL,"
	" received INT NOT NULL, size INT NOT NULL, flags INT NOT NULL, from_name TEXT NOT NULL,"
	" from_addr TEXT NOT NULL, rcpt TEXT NOT NULL, subject TEXT NOT NULL,"
	" message_id TEXT NOT NULL, off INT NOT NULL, len INT NOT NULL, digest BLOB,"
	" thread_id INT NOT NULL, refs BLOB);"
	"CREATE UNIQUE INDEX message_uid ON message(folder, uid);"
	/* all that an order of the folder is made of */
	"CREATE INDEX message_order ON message(folder, pos, id, thread_id, refs);"
	"CREATE INDEX message_unread ON message(folder, pos) WHERE (flags & 1) = 0;"
	"CREATE TABLE removed(folder INT NOT NULL, uid INT NOT NULL, off INT NOT NULL,"
	" len INT NOT NULL, PRIMARY KEY(folder, uid)) WITHOUT ROWID;"
	"CREATE TABLE thread_key(key BLOB NOT NULL);"
	"INSERT INTO thread_key VALUES(randomblob(16));";

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

/* first: pragmas that an empty file must have before anything else. *reason: SQLite's, when it was
 * SQLite that refused. */
static sqlite3 *open_db(const char *path, bool reader, const char *first, const char *sync,
	int *reason, struct bz_err *err)
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
	pragmas = g_strdup_printf("%s PRAGMA journal_mode=%s; PRAGMA synchronous=%s;"
				  "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2000;%s",
		first, on_network(path) ? "DELETE" : "WAL", sync,
		reader ? "PRAGMA query_only=1;" : "");
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
sqlite3 *bz_store_open_cache(
	const char *path, const struct bz_store_shape *shape, bool reader, struct bz_err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int reason = SQLITE_OK;
		sqlite3 *db = open_db(path, reader, shape->first, "NORMAL", &reason, err);
		int version = db != NULL ? user_version(db, &reason) : -1;

		if (version == shape->version)
			return db;
		if (version < 0 && !bz_store_is_damage(reason)) {
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
		if (version == 0 && make_schema(db, shape->schema, shape->version, err) == 0)
			return db;
		reason = version == 0 ? sqlite3_errcode(db) : SQLITE_CORRUPT;
		sqlite3_close(db);
		if (!bz_store_is_damage(reason) &&
			reason != SQLITE_ERROR) /* ERROR: tables of something else */
			return NULL;
		bz_log(BZ_LOG_WARN, "%s: damaged, or another version's; made anew", path);
		bz_store_unlink(path);
	}
	return NULL;
}

sqlite3 *bz_store_open_state(const char *path, struct bz_err *err)
{
	int version, reason = SQLITE_OK;
	sqlite3 *db = open_db(path, false, "", "FULL", &reason, err);

	if (db == NULL && bz_store_is_damage(reason))
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
	if (version == 2 &&
		make_schema(db, bz_store_state_from_2, BZ_STORE_STATE_VERSION, err) == 0)
		return db;
	if (version > BZ_STORE_STATE_VERSION)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
			_("%s was written by a newer buzon; it stays as it is."), path);
	else if (version < 0 && bz_store_is_damage(reason))
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("%s is damaged; it stays as it is."),
			path);
	else if (version < 0)
		bz_store_fail(db, err);
	sqlite3_close(db);
	return NULL;
}

/* Statistics of memory that nobody reads cost a lock at each allocation. */
static void *without_statistics(void *unused)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	return unused;
}

/* Where state.db is made anew its numbers begin anew, too: rows that go by the old ones must not be
 * there. First the cache, so that a kill between the two does no harm. */
static sqlite3 *open_state(struct bz_store *store, const char *path, struct bz_err *err)
{
	struct stat st;

	if ((stat(path, &st) != 0 || st.st_size == 0) &&
		bz_store_exec(store->cache,
			"DELETE FROM message; DELETE FROM removed; UPDATE folder SET note=NULL",
			err) != 0)
		return NULL;
	return bz_store_open_state(path, err);
}

struct bz_store *bz_store_open(
	const char *cache_path, const char *state_path, enum bz_store_mode mode, struct bz_err *err)
{
	static const struct bz_store_shape shape = {"", cache_schema, CACHE_VERSION};
	static GOnce once = G_ONCE_INIT;
	struct bz_store *store = g_new0(struct bz_store, 1);

	g_once(&once, without_statistics, NULL);
	store->mode = mode;
	store->cache = bz_store_open_cache(cache_path, &shape, mode == BZ_STORE_READER, err);
	if (store->cache != NULL && state_path != NULL && mode == BZ_STORE_OWNER)
		store->state = open_state(store, state_path, err);
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
