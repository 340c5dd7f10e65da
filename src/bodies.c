#include "src/bodies.h"
#include "src/bodies_private.h"
#include "src/log.h"
#include "src/store_private.h"

#include <string.h>

enum {
	VERSION = 1,
	WAIT_MS = 200, /* for another process */
	STEP = 8,      /* messages that go at once */
	STEPS = 64,    /* until one is let in: where that is not enough it is not kept */
	VACUUM = 256,  /* pages given back at once */
	ROOM_EACH =
		2 * 4096, /* of the file for a message, and for each part of it, beside its bytes */
	WAL_MAX = 4 * 1000 * 1000
};

/* folder NULL: dropped, its bytes go in small steps; used is 0 then. used: a count, no clock, up
 * from USED_FIRST for what was looked at, down from it for what was not. */
static const char schema[] =
	"CREATE TABLE kept(id INTEGER PRIMARY KEY, folder TEXT, uidvalidity INT NOT NULL,"
	" uid INT NOT NULL, used INT NOT NULL, sum TEXT NOT NULL,"
	" UNIQUE(folder, uidvalidity, uid));"
	"CREATE INDEX kept_used ON kept(used);"
	"CREATE TABLE part(kept INT NOT NULL, path TEXT NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX part_kept ON part(kept);"
	"CREATE TRIGGER kept_gone AFTER DELETE ON kept"
	" BEGIN DELETE FROM part WHERE kept = OLD.id; END;";

enum stmt {
	FIND,
	PARTS,
	TOUCH,
	PUT,
	PUT_QUIET,
	PUT_PART,
	DROP,
	DROP_ONE,
	DROP_FOLDER,
	DROP_STALE,
	EVICT,
	EVICT_DEAD,
	USED,
	STMT_N
};

#define USED_FIRST "1099511627776"
#define NEXT_USED "(SELECT max(coalesce(max(used), 0), " USED_FIRST ") + 1 FROM kept)"
#define LEAST_USED                                                                                 \
	"(SELECT max(coalesce(min(used), " USED_FIRST ") - 1, 1) FROM kept WHERE used > 0)"

static const char *const sql[STMT_N] = {
	[FIND] = "SELECT id, sum FROM kept WHERE folder=? AND uidvalidity=? AND uid=?",
	[PARTS] = "SELECT path, data FROM part WHERE kept=? ORDER BY rowid",
	[TOUCH] = "UPDATE kept SET used=" NEXT_USED
		  " WHERE id=? AND used < (SELECT max(used) FROM kept)",
	[PUT] = "INSERT INTO kept(folder, uidvalidity, uid, sum, used) VALUES(?,?,?,?," NEXT_USED
		")",
	[PUT_QUIET] = "INSERT INTO kept(folder, uidvalidity, uid, sum, used)"
		      " VALUES(?,?,?,?," LEAST_USED ")",
	[PUT_PART] = "INSERT INTO part(kept, path, data) VALUES(?,?,?)",
	[DROP] = "DELETE FROM kept WHERE id=?",
	[DROP_ONE] = "DELETE FROM kept WHERE folder=? AND uid=?",
	[DROP_FOLDER] = "UPDATE kept SET folder=NULL, used=0 WHERE folder=?",
	[DROP_STALE] = "UPDATE kept SET folder=NULL, used=0 WHERE folder=? AND uidvalidity<>?",
	[EVICT] = "DELETE FROM kept WHERE id IN (SELECT id FROM kept ORDER BY used LIMIT ?)",
	[EVICT_DEAD] = "DELETE FROM kept WHERE id IN"
		       " (SELECT id FROM kept WHERE used=0 LIMIT ?)",
	[USED] =
		"SELECT (c.page_count - f.freelist_count) * s.page_size, c.page_count * s.page_size"
		" FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
};

struct bz_bodies {
	char *path;
	uint64_t limit;
	sqlite3 *db; /* NULL = nothing is kept */
	sqlite3_stmt *stmts[STMT_N];
};

/* --- the file --------------------------------------------------------------------------------- */

static void shut(struct bz_bodies *b)
{
	for (size_t i = 0; i < STMT_N; i++)
		sqlite3_finalize(b->stmts[i]);
	memset(b->stmts, 0, sizeof b->stmts);
	sqlite3_close(b->db);
	b->db = NULL;
}

static void begin_file(struct bz_bodies *b)
{
	static const struct bz_store_shape shape = {
		"PRAGMA auto_vacuum=INCREMENTAL;", schema, VERSION};
	g_autofree char *most = g_strdup_printf("PRAGMA journal_size_limit=%d", WAL_MAX);
	struct bz_err err = {0};

	b->db = bz_store_open_cache(b->path, &shape, false, &err);
	if (b->db == NULL) {
		bz_log(BZ_LOG_WARN, "%s: no messages are kept: %s", b->path, err.text);
		return;
	}
	sqlite3_busy_timeout(b->db, WAIT_MS);
	(void)sqlite3_exec(b->db, most, NULL, NULL, NULL);
}

/* What SQLite says of the last call, for the log; a damaged file is begun anew. Returns -1. */
static int failed(struct bz_bodies *b)
{
	int reason = sqlite3_errcode(b->db);
	bool is_damaged = bz_store_is_damage(reason);

	bz_log(reason == SQLITE_BUSY ? BZ_LOG_INFO : BZ_LOG_WARN, "%s: %s%s", b->path,
		sqlite3_errmsg(b->db), is_damaged ? "; it begins anew, empty" : "");
	for (size_t i = 0; i < STMT_N; i++)
		sqlite3_reset(b->stmts[i]);
	if (!sqlite3_get_autocommit(b->db))
		(void)sqlite3_exec(b->db, "ROLLBACK", NULL, NULL, NULL);
	if (is_damaged) {
		shut(b);
		bz_store_unlink(b->path);
		begin_file(b);
	}
	return -1;
}

static int exec(struct bz_bodies *b, const char *text)
{
	return sqlite3_exec(b->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(b);
}

static sqlite3_stmt *prepared(struct bz_bodies *b, enum stmt which)
{
	sqlite3_stmt **slot = &b->stmts[which];

	if (*slot == NULL && sqlite3_prepare_v3(b->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
				     slot, NULL) != SQLITE_OK) {
		(void)failed(b);
		return NULL;
	}
	return *slot;
}

/* A statement with a folder and up to two numbers (as many as it has room for) in it. */
static sqlite3_stmt *about(
	struct bz_bodies *b, enum stmt which, const char *folder, uint32_t one, uint32_t two)
{
	sqlite3_stmt *s = prepared(b, which);
	int n = s != NULL ? sqlite3_bind_parameter_count(s) : 0;

	if (n > 0)
		sqlite3_bind_text(s, 1, folder, -1, SQLITE_TRANSIENT);
	if (n > 1)
		sqlite3_bind_int64(s, 2, one);
	if (n > 2)
		sqlite3_bind_int64(s, 3, two);
	return s;
}

/* A statement with one number in it. */
static sqlite3_stmt *numbered(struct bz_bodies *b, enum stmt which, int64_t number)
{
	sqlite3_stmt *s = prepared(b, which);

	if (s != NULL)
		sqlite3_bind_int64(s, 1, number);
	return s;
}

/* Run one that returns nothing; NULL is one that could not be prepared. */
static int run(struct bz_bodies *b, sqlite3_stmt *s)
{
	int rc;

	if (s == NULL)
		return -1;
	rc = sqlite3_step(s);
	if (rc != SQLITE_DONE)
		(void)failed(b);
	else
		sqlite3_reset(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

struct bz_bodies *bz_bodies_open(const char *path, uint64_t limit)
{
	struct bz_bodies *b = g_new0(struct bz_bodies, 1);

	b->path = g_strdup(path);
	b->limit = limit;
	if (limit == 0)
		bz_store_unlink(path);
	else
		begin_file(b);
	return b;
}

void bz_bodies_close(struct bz_bodies **bodies)
{
	struct bz_bodies *b = *bodies;

	if (b == NULL)
		return;
	shut(b);
	g_free(b->path);
	g_free(b);
	*bodies = NULL;
}

/* --- room ------------------------------------------------------------------------------------- */

/* Bytes of the file that hold something, and all of it. */
static int measure(struct bz_bodies *b, uint64_t *used, uint64_t *file)
{
	sqlite3_stmt *s = prepared(b, USED);

	if (s == NULL)
		return -1;
	if (sqlite3_step(s) != SQLITE_ROW)
		return failed(b);
	*used = (uint64_t)sqlite3_column_int64(s, 0);
	*file = (uint64_t)sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	return 0;
}

/* After the limit became less the file does, a piece at a time. */
static void give_back(struct bz_bodies *b, uint64_t file)
{
	g_autofree char *text = g_strdup_printf("PRAGMA incremental_vacuum(%d)", VACUUM);

	if (file > b->limit)
		(void)exec(b, text);
}

/* Let the oldest go until need bytes have room, few at a time: others may be waiting for the
 * file. */
static int make_room(struct bz_bodies *b, uint64_t need)
{
	uint64_t used = 0, file = 0;

	if (run(b, numbered(b, EVICT_DEAD, STEP)) != 0)
		return -1;
	for (int i = 0; i < STEPS; i++) {
		if (measure(b, &used, &file) != 0)
			return -1;
		if (used + need <= b->limit) {
			give_back(b, file);
			return b->db != NULL ? 0 : -1;
		}
		if (run(b, numbered(b, EVICT, STEP)) != 0 || sqlite3_changes(b->db) == 0)
			return -1;
	}
	return -1;
}

/* --- putting ---------------------------------------------------------------------------------- */

static int64_t put_kept(struct bz_bodies *b, enum stmt how, const char *folder,
	const struct bz_msgref *ref, const GPtrArray *pieces)
{
	sqlite3_stmt *s = about(b, how, folder, ref->uidvalidity, ref->uid);
	g_autofree char *sum = bz_pieces_sum(pieces);

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 4, sum, -1, SQLITE_TRANSIENT);
	return run(b, s) == 0 ? sqlite3_last_insert_rowid(b->db) : -1;
}

static int put_part(struct bz_bodies *b, int64_t kept, const struct bz_piece *piece)
{
	sqlite3_stmt *s = numbered(b, PUT_PART, kept);
	gsize n;
	const void *data = g_bytes_get_data(piece->data, &n);

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 2, piece->path, -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob64(s, 3, n > 0 ? data : "", n, SQLITE_STATIC);
	return run(b, s);
}

static int put_all(struct bz_bodies *b, enum stmt how, const char *folder,
	const struct bz_msgref *ref, const GPtrArray *pieces)
{
	int64_t kept;

	if (exec(b, "BEGIN IMMEDIATE") != 0 ||
		run(b, about(b, DROP_STALE, folder, ref->uidvalidity, 0)) != 0 ||
		run(b, about(b, DROP_ONE, folder, ref->uid, 0)) != 0)
		return -1;
	kept = put_kept(b, how, folder, ref, pieces);
	if (kept < 0)
		return -1;
	for (guint i = 0; i < pieces->len; i++)
		if (put_part(b, kept, g_ptr_array_index(pieces, i)) != 0)
			return -1;
	return exec(b, "COMMIT");
}

static uint64_t need_of(const GPtrArray *pieces)
{
	uint64_t need = ROOM_EACH;

	for (guint i = 0; i < pieces->len; i++)
		need += ROOM_EACH +
			g_bytes_get_size(((struct bz_piece *)g_ptr_array_index(pieces, i))->data);
	return need;
}

void bz_bodies_put(struct bz_bodies *b, const char *folder, const struct bz_msgref *ref,
	const struct bz_message *message)
{
	g_autoptr(GPtrArray) pieces = NULL;
	uint64_t need;

	if (b->db == NULL)
		return;
	pieces = bz_pieces_of(message);
	need = need_of(pieces);
	if (need <= b->limit / 4 && make_room(b, need) == 0)
		(void)put_all(b, PUT, folder, ref, pieces);
}

bool bz_bodies_put_quiet(struct bz_bodies *b, const char *folder, const struct bz_msgref *ref,
	const struct bz_message *message)
{
	g_autoptr(GPtrArray) pieces = NULL;
	uint64_t used = 0, file = 0;

	if (b->db == NULL)
		return false;
	pieces = bz_pieces_of(message);
	if (run(b, numbered(b, EVICT_DEAD, STEP)) != 0 || measure(b, &used, &file) != 0 ||
		used + need_of(pieces) > b->limit)
		return false;
	return put_all(b, PUT_QUIET, folder, ref, pieces) == 0;
}

void bz_bodies_drop(struct bz_bodies *b, const char *folder, uint32_t uid)
{
	if (b->db != NULL)
		(void)run(b, about(b, uid == 0 ? DROP_FOLDER : DROP_ONE, folder, uid, 0));
}

/* --- getting ---------------------------------------------------------------------------------- */

/* 0 = none. sum (NULL allowed) is the caller's. */
static int64_t find(
	struct bz_bodies *b, const char *folder, const struct bz_msgref *ref, char **sum)
{
	sqlite3_stmt *s = about(b, FIND, folder, ref->uidvalidity, ref->uid);
	int64_t kept = 0;
	int rc;

	if (s == NULL)
		return 0;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		kept = sqlite3_column_int64(s, 0);
		if (sum != NULL)
			*sum = bz_store_text(s, 1);
	} else if (rc != SQLITE_DONE) {
		(void)failed(b);
		return 0;
	}
	sqlite3_reset(s);
	return kept;
}

bool bz_bodies_has(struct bz_bodies *b, const char *folder, const struct bz_msgref *ref)
{
	return b->db != NULL && find(b, folder, ref, NULL) > 0;
}

/* NULL: the file failed. */
static GPtrArray *read_pieces(struct bz_bodies *b, int64_t kept)
{
	sqlite3_stmt *s = numbered(b, PARTS, kept);
	GPtrArray *pieces;
	int rc;

	if (s == NULL)
		return NULL;
	pieces = bz_pieces_new();
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		const void *data = sqlite3_column_blob(s, 1);

		bz_pieces_add(pieces, (const char *)sqlite3_column_text(s, 0),
			g_bytes_new(data, (gsize)sqlite3_column_bytes(s, 1)));
	}
	if (rc == SQLITE_DONE) {
		sqlite3_reset(s);
		return pieces;
	}
	(void)failed(b);
	g_ptr_array_unref(pieces);
	return NULL;
}

/* Another process may let it go in between: read as of one moment. */
static struct bz_message *read_message(
	struct bz_bodies *b, const char *folder, const struct bz_msgref *ref, int64_t *kept)
{
	g_autofree char *sum = NULL, *is = NULL;
	g_autoptr(GPtrArray) pieces = NULL;

	if (exec(b, "BEGIN") != 0)
		return NULL;
	*kept = find(b, folder, ref, &sum);
	if (*kept > 0)
		pieces = read_pieces(b, *kept);
	if (b->db == NULL || (!sqlite3_get_autocommit(b->db) && exec(b, "COMMIT") != 0) ||
		pieces == NULL)
		return NULL;
	is = bz_pieces_sum(pieces);
	return strcmp(is, sum) == 0 ? bz_pieces_message(pieces) : NULL;
}

struct bz_message *bz_bodies_get(
	struct bz_bodies *b, const char *folder, const struct bz_msgref *ref)
{
	struct bz_message *message;
	int64_t kept = 0;

	if (b->db == NULL)
		return NULL;
	message = read_message(b, folder, ref, &kept);
	if (message != NULL) {
		message->ref = *ref;
		(void)run(b, numbered(b, TOUCH, kept));
	} else if (kept > 0 && b->db != NULL) {
		bz_log(BZ_LOG_WARN,
			"%s: what was kept of a message is damaged; it is fetched again", b->path);
		(void)run(b, numbered(b, DROP, kept));
	}
	return message;
}
