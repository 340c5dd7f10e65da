/* cache.db: every statement of both databases, and message rows. */
#include "src/store.h"
#include "src/lang.h"
#include "src/store_private.h"

#include <errno.h>
#include <string.h>

enum { WINDOW_MAX = 200 };

#define ROW_COLUMNS                                                                                \
	"id, folder, uid, pos, date, zone, received, size, flags, from_name, from_addr, rcpt,"     \
	" subject, message_id, off, len, digest"
#define FOLDER_COLUMNS                                                                             \
	"id, name, title, delimiter, role, selectable, uidvalidity, uidnext, total, unseen, sorting"

#define PENDING_COLUMNS                                                                            \
	"kind, folder, uidvalidity, uid, add_flags, remove_flags, target, begun, to_uidvalidity,"  \
	" to_uidnext, pos, date, zone, received, size, flags, from_name, from_addr, rcpt,"         \
	" subject, message_id"
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
	[STMT_FOLDER_RENAME] = "UPDATE folder SET name=?, title=? WHERE id=?",
	[STMT_NOTE_SET] = "UPDATE folder SET note=? WHERE id=?",
	[STMT_NOTE_GET] = "SELECT note FROM folder WHERE id=?",
	[STMT_FOLDER_ORDER] = "UPDATE folder SET sorting=? WHERE id=?",
	[STMT_PUT] =
		"INSERT INTO message(folder, uid, pos, date, zone, received, size, flags,"
		" from_name, from_addr, rcpt, subject, message_id, off, len, digest, thread_id,"
		" refs) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(folder, uid) DO UPDATE SET"
		" pos=excluded.pos, date=excluded.date, zone=excluded.zone,"
		" received=excluded.received, size=excluded.size, flags=excluded.flags,"
		" from_name=excluded.from_name, from_addr=excluded.from_addr, rcpt=excluded.rcpt,"
		" subject=excluded.subject, message_id=excluded.message_id, off=excluded.off,"
		" len=excluded.len, digest=excluded.digest, thread_id=excluded.thread_id,"
		" refs=excluded.refs RETURNING id",
	[STMT_SET_FLAGS] = "UPDATE message SET flags=? WHERE folder=? AND uid=?",
	[STMT_REMOVE] = "DELETE FROM message WHERE folder=? AND uid=?",
	[STMT_CLEAR] = "DELETE FROM message WHERE folder=?",
	[STMT_REMOVED_PUT] = "INSERT OR REPLACE INTO removed(folder, uid, off, len)"
			     " VALUES(?,?,?,?)",
	[STMT_REMOVED_GET] = "SELECT off, len FROM removed WHERE folder=? AND uid=?",
	[STMT_REMOVED_DROP] = "DELETE FROM removed WHERE folder=? AND uid=?",
	[STMT_REMOVED_CLEAR] = "DELETE FROM removed WHERE folder=?",
	[STMT_BY_UID] = "SELECT " ROW_COLUMNS " FROM message WHERE folder=? AND uid=?",
	[STMT_BY_ROW] = "SELECT " ROW_COLUMNS " FROM message WHERE id=?",
	[STMT_NEWEST] = "SELECT " ROW_COLUMNS " FROM message WHERE folder=? AND (flags & 1024) = 0"
			" ORDER BY pos DESC LIMIT 1",
	[STMT_IDS] = "SELECT id FROM message WHERE folder=? AND pos>=? ORDER BY pos DESC, id DESC",
	[STMT_THREADS] = "SELECT id, thread_id, refs FROM message WHERE folder=?"
			 " ORDER BY pos DESC, id DESC",
	[STMT_UNREAD_IDS] = "SELECT id FROM message WHERE folder=? AND (flags & 1) = 0"
			    " ORDER BY pos DESC, id DESC",
	[STMT_THREAD_KEY] = "SELECT key FROM thread_key",
	[STMT_UIDS] = "SELECT uid FROM message WHERE folder=? AND uid BETWEEN ? AND ? ORDER BY uid",
	[STMT_COUNT] = "SELECT count(*), (SELECT count(*) FROM message WHERE folder=?1 AND"
		       " (flags & 1) = 0) FROM message WHERE folder=?1",
	[STMT_UNREAD_ABOVE] =
		"SELECT id FROM message WHERE folder=? AND (flags & 1) = 0 AND pos > ?"
		" ORDER BY pos LIMIT 1",
	[STMT_UNREAD_BELOW] =
		"SELECT id FROM message WHERE folder=? AND (flags & 1) = 0 AND pos < ?"
		" ORDER BY pos DESC LIMIT 1",
	[STMT_BESIDE_ABOVE] = "SELECT " ROW_COLUMNS " FROM message WHERE folder=? AND pos > ?"
			      " ORDER BY pos LIMIT 1",
	[STMT_BESIDE_BELOW] = "SELECT " ROW_COLUMNS " FROM message WHERE folder=? AND pos < ?"
			      " ORDER BY pos DESC LIMIT 1",
	[STMT_DATA_VERSION] = "PRAGMA data_version",
	[STMT_STATE_VERSION] = "PRAGMA data_version",
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
	[STMT_LEDGER_MARK] = "UPDATE ledger SET state=?2, first_seen=?3, missing_since=?4,"
			     " due_since=?5 WHERE uidl=?1",
	[STMT_LEDGER_SHIFT] =
		"UPDATE ledger SET first_seen="
		" CASE WHEN first_seen > ?2 THEN first_seen ELSE MIN(first_seen + ?1, ?3) END,"
		" missing_since=CASE WHEN missing_since = 0 OR missing_since > ?2"
		" THEN missing_since ELSE MIN(missing_since + ?1, ?3) END, due_since=0",
	[STMT_LEDGER_BY_DIGEST] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE local_uid IN"
				  " (SELECT uid FROM local WHERE digest=?)",
	[STMT_LEFT_INSERT] = "INSERT INTO left_behind(header, pos, received) VALUES(?,?,?)",
	[STMT_LEFT_EACH] = "SELECT n, header, pos, received FROM left_behind ORDER BY n",
	[STMT_LEFT_GET] = "SELECT n, header, pos, received FROM left_behind WHERE n=?",
	[STMT_LEFT_FORGET] = "DELETE FROM left_behind WHERE n=?",
	[STMT_LEDGER_PRUNE] = "DELETE FROM ledger WHERE missing_since > 0 AND missing_since < ?",
	[STMT_LEDGER_DISCARD] = "UPDATE ledger SET state=1 WHERE local_uid=? AND state=0",
	[STMT_LEDGER_DISCARD_FOLDER] = "UPDATE ledger SET state=1 WHERE state=0 AND local_uid IN"
				       " (SELECT uid FROM local WHERE folder=? AND state=0)",
	[STMT_LEDGER_MOVED] = "UPDATE ledger SET local_uid=?2 WHERE local_uid=?1",
	[STMT_INTENT_INSERT] = "INSERT INTO intent(id, kind, mbox, folder, dev, ino, start,"
			       " from_mbox) VALUES(1,?,?,?,?,?,?,?)",
	[STMT_INTENT_ITEM] = "INSERT INTO intent_item(n, uidl, off, len, digest, size, source,"
			     " flags, headkey, uid, source_off, source_len)"
			     " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_INTENT_GET] = "SELECT kind, mbox, folder, dev, ino, start, from_mbox FROM intent",
	[STMT_INTENT_ITEMS] = "SELECT uidl, off, len, digest, size, source, flags, headkey,"
			      " uid, source_off, source_len FROM intent_item ORDER BY n",
	[STMT_INTENT_CLEAR] = "DELETE FROM intent",
	[STMT_INTENT_ITEMS_CLEAR] = "DELETE FROM intent_item",
	[STMT_LOCAL_INSERT] =
		"INSERT INTO local(folder, digest, flags, in_file, state) VALUES(?,?,?,?,?)",
	[STMT_LOCAL_ALL] = "SELECT uid, digest, flags, in_file, state FROM local WHERE folder=?"
			   " ORDER BY uid",
	[STMT_LOCAL_GET] = "SELECT uid, digest, flags, in_file, state, folder FROM local"
			   " WHERE uid=?",
	/* as the index says it; 2048 is BZ_FLAG_ARRIVED */
	[STMT_LOCAL_ARRIVED] = "SELECT uid FROM local WHERE (flags & 2048) <> 0 AND state = 0"
			       " ORDER BY uid",
	[STMT_LOCAL_UNLISTED] =
		"SELECT uid FROM local WHERE (?1 IS NULL OR digest=?1) AND state=0 AND uid NOT IN"
		" (SELECT local_uid FROM ledger) ORDER BY uid LIMIT 1",
	[STMT_LOCAL_FLAGS] = "UPDATE local SET flags=? WHERE uid=?",
	[STMT_LOCAL_IN_FILE] = "UPDATE local SET in_file=? WHERE uid=?",
	[STMT_LOCAL_STATE] = "UPDATE local SET state=? WHERE uid=?",
	[STMT_LOCAL_FORGET] = "DELETE FROM local WHERE uid=?",
	[STMT_LOCAL_RENAME] = "UPDATE local SET folder = ?2 || substr(folder, length(?1) + 1)"
			      " WHERE folder = ?1 OR substr(folder, 1, length(?1) + 1) = ?1 || '/'",
	[STMT_LOCAL_REMOVED] = "SELECT uid, digest, flags, in_file, state FROM local"
			       " WHERE digest=? AND folder=? AND state IN (1, 2) ORDER BY uid DESC",
	[STMT_LOCAL_DROP] = "DELETE FROM local WHERE folder=?",
	[STMT_PENDING_COUNT] = "SELECT count(*) FROM pending",
	[STMT_PENDING_INSERT] = "INSERT INTO pending(" PENDING_COLUMNS
				") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_PENDING_FROM] =
		"SELECT n, " PENDING_COLUMNS " FROM pending WHERE n > ? ORDER BY n LIMIT ?",
	[STMT_PENDING_GET] = "SELECT n, " PENDING_COLUMNS " FROM pending WHERE n=?",
	[STMT_PENDING_LAST] = "SELECT n, " PENDING_COLUMNS " FROM pending WHERE folder=? AND"
			      " uidvalidity=? AND uid=? ORDER BY n DESC LIMIT 1",
	[STMT_PENDING_BEGIN] = "UPDATE pending SET begun=?, to_uidvalidity=?, to_uidnext=?"
			       " WHERE n=?",
	[STMT_PENDING_DROP] = "DELETE FROM pending WHERE n=?",
};

/* SQLite calls it an I/O error when there is no room for what it keeps beside a database. */
static bool is_full(sqlite3 *db, int rc)
{
	int cause = sqlite3_system_errno(db);

	return rc == SQLITE_FULL || ((rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN) &&
					    (cause == ENOSPC || cause == EDQUOT));
}

static int fail_full(sqlite3 *db, struct bz_err *err)
{
	const char *path = sqlite3_db_filename(db, "main");

	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_DISK_FULL,
		_("This computer's disk is full: %s. What was stored is safe; the rest stays where "
		  "it is."),
		path != NULL ? path : "?");
}

int bz_store_fail(sqlite3 *db, struct bz_err *err)
{
	int rc = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
	enum bz_err_code code = BZ_CODE_IO;

	if (db != NULL && is_full(db, rc))
		return fail_full(db, err);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED || rc == SQLITE_PROTOCOL)
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
		/* of a table or column that is not there any more */
		if (db == store->cache && sqlite3_errcode(db) == SQLITE_ERROR)
			store->damaged = true;
		bz_store_fail(db, err);
		return NULL;
	}
	sqlite3_reset(*slot);
	return *slot;
}
bool bz_store_is_damage(int reason)
{
	return (reason & 0xff) == SQLITE_CORRUPT || (reason & 0xff) == SQLITE_NOTADB;
}

int bz_store_cache_fail(struct bz_store *store, struct bz_err *err)
{
	store->damaged = store->damaged || bz_store_is_damage(sqlite3_errcode(store->cache));
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
			bz_store_cache_fail(store, err);
		else
			bz_store_fail(store->state, err);
		sqlite3_reset(stmt);
		return -1;
	}
	sqlite3_reset(stmt);
	return 0;
}

char *bz_store_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return g_strdup(text != NULL ? (const char *)text : "");
}

void bz_store_bind(sqlite3_stmt *stmt, int n, const char *text)
{
	sqlite3_bind_text(stmt, n, text != NULL ? text : "", -1, SQLITE_STATIC);
}

/* --- message rows ----------------------------------------------------------------------------- */

int bz_store_put(struct bz_store *store, struct bz_summary *row, struct bz_err *err)
{
	static const uint8_t none[32];
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PUT, err);
	int rc;

	if (stmt == NULL || bz_store_bind_thread(store, stmt, 17, row, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, row->folder);
	sqlite3_bind_int64(stmt, 2, row->uid);
	sqlite3_bind_int64(stmt, 3, row->pos);
	sqlite3_bind_int64(stmt, 4, row->date);
	sqlite3_bind_int(stmt, 5, row->date_zone);
	sqlite3_bind_int64(stmt, 6, row->received);
	sqlite3_bind_int64(stmt, 7, (int64_t)row->size);
	sqlite3_bind_int64(stmt, 8, row->flags);
	bz_store_bind(stmt, 9, row->from_name);
	bz_store_bind(stmt, 10, row->from_addr);
	bz_store_bind(stmt, 11, row->to);
	bz_store_bind(stmt, 12, row->subject);
	bz_store_bind(stmt, 13, row->message_id);
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
		bz_store_cache_fail(store, err);
	if (sqlite3_reset(stmt) != SQLITE_OK && rc == SQLITE_ROW) /* the commit failed */
		rc = (bz_store_cache_fail(store, err), SQLITE_ERROR);
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
		.from_name = bz_store_text(stmt, 9),
		.from_addr = bz_store_text(stmt, 10),
		.to = bz_store_text(stmt, 11),
		.subject = bz_store_text(stmt, 12),
		.message_id = bz_store_text(stmt, 13),
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
		bz_store_cache_fail(store, err);
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

int bz_store_beside(struct bz_store *store, uint32_t folder, int64_t pos, bool above,
	struct bz_summary *out, struct bz_err *err)
{
	sqlite3_stmt *stmt =
		bz_store_stmt(store, above ? STMT_BESIDE_ABOVE : STMT_BESIDE_BELOW, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, pos);
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

void bz_store_on_gone(
	struct bz_store *store, void (*f)(void *me, uint32_t folder, uint32_t uid), void *me)
{
	store->gone = f;
	store->gone_me = me;
}

int bz_store_hide(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_REMOVE, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_remove(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err)
{
	if (store->gone != NULL)
		store->gone(store->gone_me, folder, uid);
	return bz_store_hide(store, folder, uid, err);
}

int bz_store_clear_folder(struct bz_store *store, uint32_t folder, struct bz_err *err)
{
	static const enum bz_stmt both[] = {STMT_CLEAR, STMT_REMOVED_CLEAR};

	if (store->gone != NULL)
		store->gone(store->gone_me, folder, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
		sqlite3_stmt *stmt = bz_store_stmt(store, both[i], err);

		if (stmt == NULL)
			return -1;
		sqlite3_bind_int64(stmt, 1, folder);
		if (bz_store_run(store, stmt, err) != 0)
			return -1;
	}
	return 0;
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
	return rc == SQLITE_DONE ? 0 : bz_store_cache_fail(store, err);
}

int bz_store_ids(struct bz_store *store, uint32_t folder, GArray *ids, struct bz_err *err)
{
	return bz_store_ids_from(store, folder, INT64_MIN, ids, err);
}

int bz_store_ids_from(
	struct bz_store *store, uint32_t folder, int64_t pos, GArray *ids, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_IDS, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, pos);
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
		bz_store_cache_fail(store, err);
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
	/* locked once for all of them: three system calls a row otherwise */
	bool whole = sqlite3_get_autocommit(store->cache) != 0;
	int rc = 0;

	memset(out, 0, n * sizeof *out);
	if (stmt == NULL || n > WINDOW_MAX ||
		(whole && bz_store_exec(store->cache, "BEGIN", err) != 0))
		return -1;
	for (size_t i = 0; i < n && rc >= 0; i++) {
		if (ids[i] == 0)
			continue;
		sqlite3_bind_int64(stmt, 1, ids[i]);
		rc = one_row(store, stmt, &out[i], err);
	}
	if (whole)
		(void)bz_store_exec(store->cache, "COMMIT", NULL);
	return rc < 0 ? -1 : 0;
}

bool bz_store_is_moved(struct bz_store *store, enum bz_stmt which, int64_t *version)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, which, NULL);
	int64_t now = *version;
	bool moved;

	if (stmt == NULL)
		return false;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		now = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	moved = now != *version;
	*version = now;
	return moved;
}

bool bz_store_changed_outside(struct bz_store *store)
{
	return bz_store_is_moved(store, STMT_DATA_VERSION, &store->data_version);
}
