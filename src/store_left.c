/* state.db: messages that are on the server only, as far as the list shows them. */
#include "src/store_private.h"

static void read_left(sqlite3_stmt *stmt, struct bz_left *out)
{
	*out = (struct bz_left){
		.uid = BZ_UID_LEFT + (uint32_t)sqlite3_column_int64(stmt, 0),
		.header = g_bytes_new(
			sqlite3_column_blob(stmt, 1), (gsize)sqlite3_column_bytes(stmt, 1)),
		.pos = sqlite3_column_int64(stmt, 2),
		.received = sqlite3_column_int64(stmt, 3),
	};
}

static int insert(
	struct bz_store *store, const struct bz_left *left, uint32_t *uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEFT_INSERT, err);
	gsize n;
	const void *header = g_bytes_get_data(left->header, &n);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, n > 0 ? header : "", (int)n, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, left->pos);
	sqlite3_bind_int64(stmt, 3, left->received);
	if (bz_store_run(store, stmt, err) != 0)
		return -1;
	*uid = BZ_UID_LEFT + (uint32_t)sqlite3_last_insert_rowid(store->state);
	return 0;
}

int bz_store_left_put(struct bz_store *store, struct bz_ledger *row, const struct bz_left *left,
	struct bz_err *err)
{
	int rc;

	if (bz_store_state_begin(store, err) != 0)
		return -1;
	row->state = BZ_LEDGER_LEFT;
	rc = insert(store, left, &row->local_uid, err);
	if (rc == 0)
		rc = bz_store_ledger_put(store, row, err);
	return bz_store_state_end(store, rc == 0, err);
}

int bz_store_left_all(struct bz_store *store, GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEFT_EACH, err);
	int rc;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_left left;

		read_left(stmt, &left);
		g_array_append_val(out, left);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_left_has(struct bz_store *store, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEFT_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, (int64_t)uid - BZ_UID_LEFT);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int bz_store_left_forget(struct bz_store *store, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEFT_FORGET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, (int64_t)uid - BZ_UID_LEFT);
	return bz_store_run(store, stmt, err);
}
