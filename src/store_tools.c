#include "src/store_tools.h"
#include "src/lang.h"
#include "src/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TRANSACTION_US = 8000, FAULTS_MAX = 20 };

static sqlite3_stmt *prepare(sqlite3 *db, const char *text, struct bz_err *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK)
		return stmt;
	bz_store_fail(db, err);
	return NULL;
}

/* Run once, and free; stmt NULL = it could not be prepared. */
static int run(sqlite3 *db, sqlite3_stmt *stmt, struct bz_err *err)
{
	int rc = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;

	if (stmt != NULL && rc != SQLITE_DONE && rc != SQLITE_ROW)
		bz_store_fail(db, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

/* --- cache.db --------------------------------------------------------------------------------- */

int bz_store_bytes(struct bz_store *store, uint32_t folder, int64_t *bytes, struct bz_err *err)
{
	sqlite3_stmt *stmt =
		prepare(store->cache, "SELECT total(len) FROM message WHERE folder=?", err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*bytes = (int64_t)sqlite3_column_double(stmt, 0);
	else
		bz_store_fail(store->cache, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

int bz_store_uids_before(
	struct bz_store *store, uint32_t folder, int64_t offset, GArray *uids, struct bz_err *err)
{
	sqlite3_stmt *stmt =
		prepare(store->cache, "SELECT uid FROM message WHERE folder=? AND pos < ?", err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, offset);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint32_t uid = (uint32_t)sqlite3_column_int64(stmt, 0);

		g_array_append_val(uids, uid);
	}
	if (rc != SQLITE_DONE)
		bz_store_fail(store->cache, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* One transaction's worth; *done moves on. */
static int place_some(struct bz_store *store, sqlite3_stmt *stmt, const struct bz_place *places,
	size_t n, size_t *done, struct bz_err *err)
{
	int64_t until = g_get_monotonic_time() + TRANSACTION_US;

	if (bz_store_begin(store, err) != 0)
		return -1;
	for (; *done < n && g_get_monotonic_time() < until; ++*done) {
		sqlite3_bind_int64(stmt, 1, places[*done].offset);
		sqlite3_bind_int64(stmt, 2, places[*done].length);
		sqlite3_bind_int64(stmt, 4, places[*done].uid);
		if (bz_store_run(store, stmt, err) != 0) {
			bz_store_rollback(store);
			return -1;
		}
	}
	return bz_store_commit(store, err);
}

int bz_store_place_all(struct bz_store *store, uint32_t folder, const struct bz_place *places,
	size_t n, const char *note, struct bz_err *err)
{
	sqlite3_stmt *stmt;
	size_t done = 0;
	int rc = bz_store_folder_note(store, folder, "", err);

	stmt = rc == 0 ? prepare(store->cache,
				 "UPDATE message SET off=?1, pos=?1, len=?2 WHERE folder=?3 AND uid=?4",
				 err)
		       : NULL;
	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 3, folder);
	while (done < n && rc == 0)
		rc = place_some(store, stmt, places, n, &done, err);
	sqlite3_finalize(stmt);
	return rc == 0 ? bz_store_folder_note(store, folder, note, err) : -1;
}

/* --- SQLite's own check ----------------------------------------------------------------------- */

/* Is it the file's own fault that it cannot be checked? */
static bool is_fault(sqlite3 *db)
{
	switch (sqlite3_errcode(db)) {
	case SQLITE_IOERR:
		return sqlite3_extended_errcode(db) == SQLITE_IOERR_READ ||
		       sqlite3_extended_errcode(db) == SQLITE_IOERR_SHORT_READ;
	case SQLITE_BUSY:
	case SQLITE_CANTOPEN:
	case SQLITE_FULL:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_PERM:
	case SQLITE_PROTOCOL:
	case SQLITE_READONLY:
		return false;
	default:
		return true;
	}
}

static int add_fault(sqlite3 *db, GPtrArray *faults, struct bz_err *err)
{
	if (!is_fault(db))
		return bz_store_fail(db, err);
	g_ptr_array_add(faults, g_strdup(sqlite3_errmsg(db)));
	return 0;
}

static int integrity_of(sqlite3 *db, GPtrArray *faults, struct bz_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(20)", -1, &stmt, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(stmt, 0);

		if (g_strcmp0(line, "ok") != 0 && faults->len < FAULTS_MAX)
			g_ptr_array_add(faults, g_strdup(line != NULL ? line : "?"));
		rc = SQLITE_OK;
	}
	rc = rc == SQLITE_DONE ? 0 : add_fault(db, faults, err);
	sqlite3_finalize(stmt);
	return rc;
}

int bz_store_integrity(const char *path, GPtrArray *faults, struct bz_err *err)
{
	sqlite3 *db = NULL;
	int rc;

	if (sqlite3_open_v2(path, &db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		    NULL) != SQLITE_OK) {
		rc = db != NULL ? add_fault(db, faults, err) : bz_store_fail(NULL, err);
	} else {
		sqlite3_busy_timeout(db, 5000);
		sqlite3_exec(db, "PRAGMA query_only=1", NULL, NULL, NULL);
		rc = integrity_of(db, faults, err);
	}
	sqlite3_close(db);
	return rc;
}

/* --- the ledger and its local messages -------------------------------------------------------- */

int bz_store_local_folders(struct bz_store *store, GPtrArray *names, struct bz_err *err)
{
	sqlite3_stmt *stmt =
		prepare(store->state, "SELECT DISTINCT folder FROM local ORDER BY folder", err);
	int rc;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
	if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

int bz_store_ledger_orphans(struct bz_store *store, GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = prepare(store->state,
		"SELECT uidl, local_uid, size FROM ledger WHERE state=0 AND local_uid > 0 AND"
		" local_uid NOT IN (SELECT uid FROM local)",
		err);
	int rc;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_ledger row = {.local_uid = (uint32_t)sqlite3_column_int64(stmt, 1),
			.size = (uint64_t)sqlite3_column_int64(stmt, 2)};

		g_strlcpy(row.uidl, (const char *)sqlite3_column_text(stmt, 0), sizeof row.uidl);
		g_array_append_val(out, row);
	}
	if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

int bz_store_ledger_drop(struct bz_store *store, const char *uidl, struct bz_err *err)
{
	sqlite3_stmt *stmt = prepare(store->state, "DELETE FROM ledger WHERE uidl=?", err);

	if (stmt != NULL)
		sqlite3_bind_text(stmt, 1, uidl, -1, SQLITE_STATIC);
	return run(store->state, stmt, err);
}

int bz_store_local_refile(
	struct bz_store *store, uint32_t uid, const char *folder, struct bz_err *err)
{
	sqlite3_stmt *stmt = prepare(store->state, "UPDATE local SET folder=? WHERE uid=?", err);

	if (stmt != NULL) {
		sqlite3_bind_text(stmt, 1, folder, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 2, uid);
	}
	return run(store->state, stmt, err);
}

/* --- a damaged state.db ----------------------------------------------------------------------- */

static const char *const tables[] = {
	"pin", "meta", "local", "ledger", "intent", "intent_item", "pending"};

/* "?,?,?" for as many columns as the statement gives. */
static char *marks(int n)
{
	GString *text = g_string_new("?");

	for (int i = 1; i < n; i++)
		g_string_append(text, ",?");
	return g_string_free(text, FALSE);
}

/* Rows of a table in one order until SQLite comes to what it cannot read. A row that is there
 * already, or that the schema does not take, is left out. */
static uint32_t copy_rows(sqlite3 *from, sqlite3 *to, const char *table, const char *order)
{
	g_autofree char *read = g_strdup_printf("SELECT * FROM %s%s", table, order);
	g_autofree char *write = NULL, *values = NULL;
	sqlite3_stmt *in = NULL, *out = NULL;
	uint32_t rows = 0;

	if (sqlite3_prepare_v2(from, read, -1, &in, NULL) != SQLITE_OK)
		return 0;
	values = marks(sqlite3_column_count(in));
	write = g_strdup_printf("INSERT OR IGNORE INTO %s VALUES(%s)", table, values);
	if (sqlite3_prepare_v2(to, write, -1, &out, NULL) == SQLITE_OK)
		while (sqlite3_step(in) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(in); i++)
				sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
			rows += sqlite3_step(out) == SQLITE_DONE && sqlite3_changes(to) > 0;
			sqlite3_reset(out);
		}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
	return rows;
}

/* From both ends, for the damage may be in the middle. */
static uint32_t copy_tables(sqlite3 *from, sqlite3 *to)
{
	uint32_t rows = 0;

	sqlite3_exec(to, "BEGIN", NULL, NULL, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		bool by_key = strcmp(tables[i], "ledger") == 0 || strcmp(tables[i], "meta") == 0;
		g_autofree char *back = g_strdup_printf(" ORDER BY %s DESC",
			by_key ? (strcmp(tables[i], "ledger") == 0 ? "uidl" : "key") : "rowid");

		rows += copy_rows(from, to, tables[i], "");
		rows += copy_rows(from, to, tables[i], back);
	}
	sqlite3_exec(to, "COMMIT", NULL, NULL, NULL);
	return rows;
}

/* Whoever has it open would go on writing to the old one: then SQLite does not let go of the WAL.
 */
static int check_alone(sqlite3 *db, const char *path, struct bz_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode=DELETE", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if ((rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED)
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
		_("Another buzon has %s open. End it first."), path);
}

static int read_old(const char *path, sqlite3 *to, uint32_t *rows, struct bz_err *err)
{
	sqlite3 *from = NULL;
	int rc = 0;

	if (sqlite3_open_v2(path, &from,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		    NULL) == SQLITE_OK) {
		rc = check_alone(from, path, err);
		sqlite3_exec(from, "PRAGMA query_only=1", NULL, NULL, NULL);
		*rows = rc == 0 ? copy_tables(from, to) : 0;
	}
	sqlite3_close(from);
	return rc;
}

/* The file gets a second name, and what SQLite keeps beside it another one: there is a state.db at
 * any time, for one made anew would download all mail again. */
static int set_aside(const char *path, const char *kept, struct bz_err *err)
{
	static const char *const tails[] = {"-wal", "-shm", "-journal"};

	if (link(path, kept) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."), kept,
			g_strerror(errno));
	for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
		g_autofree char *from = g_strconcat(path, tails[i], NULL);
		g_autofree char *to = g_strconcat(kept, tails[i], NULL);

		if (rename(from, to) != 0 && errno != ENOENT)
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."),
				to, g_strerror(errno));
	}
	return 0;
}

int bz_store_salvage_state(const char *path, char **kept, uint32_t *rows, struct bz_err *err)
{
	g_autofree char *fresh = g_strconcat(path, ".new", NULL);
	g_autofree char *old =
		g_strdup_printf("%s.salvage-%" G_GINT64_FORMAT, path, g_get_real_time());
	sqlite3 *to;
	int rc;

	bz_store_unlink(fresh); /* of an earlier try */
	to = bz_store_open_state(fresh, err);
	if (to == NULL)
		return -1;
	rc = read_old(path, to, rows, err);
	if (sqlite3_close(to) != SQLITE_OK || rc != 0 || set_aside(path, old, err) != 0)
		return -1;
	if (rename(fresh, path) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."), path,
			g_strerror(errno));
	*kept = g_steal_pointer(&old);
	return 0;
}
