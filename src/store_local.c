/* state.db: local messages, their flags, and in which folder they are; cache.db: where removed ones
 * still stand. */
#include "src/store_private.h"

#include <string.h>

static void read_local(sqlite3_stmt *stmt, struct bz_local *out)
{
	*out = (struct bz_local){
		.uid = (uint32_t)sqlite3_column_int64(stmt, 0),
		.flags = (unsigned)sqlite3_column_int64(stmt, 2),
		.in_file = (unsigned)sqlite3_column_int64(stmt, 3),
		.state = (enum bz_local_state)sqlite3_column_int(stmt, 4),
	};
	bz_store_read_digest(stmt, 1, out->digest);
}

static int collect(struct bz_store *store, sqlite3_stmt *stmt, GArray *out, struct bz_err *err)
{
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_local local;

		read_local(stmt, &local);
		g_array_append_val(out, local);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_local_all(struct bz_store *store, const char *folder, GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_ALL, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, folder, -1, SQLITE_STATIC);
	return collect(store, stmt, out, err);
}

int bz_store_local_removed(struct bz_store *store, const char *folder, const uint8_t digest[32],
	GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_REMOVED, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, digest, 32, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, folder, -1, SQLITE_STATIC);
	return collect(store, stmt, out, err);
}

int bz_store_local_get(struct bz_store *store, uint32_t uid, struct bz_local *out, char **folder,
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, uid);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		read_local(stmt, out);
		if (folder != NULL)
			*folder = g_strdup((const char *)sqlite3_column_text(stmt, 5));
	} else if (rc != SQLITE_DONE) {
		bz_store_fail(store->state, err);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_local_insert(struct bz_store *store, const char *folder, const struct bz_local *local,
	uint32_t *uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, folder, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, local->digest, sizeof local->digest, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, local->flags);
	sqlite3_bind_int64(stmt, 4, local->in_file);
	sqlite3_bind_int(stmt, 5, (int)local->state);
	if (bz_store_run(store, stmt, err) != 0)
		return -1;
	*uid = (uint32_t)sqlite3_last_insert_rowid(store->state);
	return 0;
}

int bz_store_local_adopt(struct bz_store *store, const char *folder, const uint8_t digest[32],
	unsigned flags, unsigned in_file, uint32_t *uid, struct bz_err *err)
{
	struct bz_local local = {.flags = flags, .in_file = in_file};

	memcpy(local.digest, digest, sizeof local.digest);
	return bz_store_local_insert(store, folder, &local, uid, err);
}

int bz_store_local_arrived(struct bz_store *store, GArray *uids, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_ARRIVED, err);
	int rc;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint32_t uid = (uint32_t)sqlite3_column_int64(stmt, 0);

		g_array_append_val(uids, uid);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_local_unlisted(
	struct bz_store *store, const uint8_t *digest, uint32_t *uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_UNLISTED, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, digest, 32, SQLITE_STATIC); /* NULL binds NULL */
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*uid = (uint32_t)sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int set_number(
	struct bz_store *store, enum bz_stmt which, int64_t value, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, which, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, value);
	sqlite3_bind_int64(stmt, 2, uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_local_set_flags(
	struct bz_store *store, uint32_t uid, unsigned flags, struct bz_err *err)
{
	return set_number(store, STMT_LOCAL_FLAGS, flags, uid, err);
}

int bz_store_local_set_in_file(
	struct bz_store *store, uint32_t uid, unsigned in_file, struct bz_err *err)
{
	return set_number(store, STMT_LOCAL_IN_FILE, in_file, uid, err);
}

int bz_store_local_set_state(
	struct bz_store *store, uint32_t uid, enum bz_local_state state, struct bz_err *err)
{
	return set_number(store, STMT_LOCAL_STATE, (int64_t)state, uid, err);
}

int bz_store_local_forget(struct bz_store *store, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_FORGET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_local_rename(
	struct bz_store *store, const char *from, const char *to, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_RENAME, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}

int bz_store_local_drop_folder(struct bz_store *store, const char *folder, struct bz_err *err)
{
	static const enum bz_stmt both[] = {STMT_LEDGER_DISCARD_FOLDER, STMT_LOCAL_DROP};

	for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
		sqlite3_stmt *stmt = bz_store_stmt(store, both[i], err);

		if (stmt == NULL)
			return -1;
		sqlite3_bind_text(stmt, 1, folder, -1, SQLITE_STATIC);
		if (bz_store_run(store, stmt, err) != 0)
			return -1;
	}
	return 0;
}

/* --- where removed ones stand ----------------------------------------------------------------- */

int bz_store_removed_put(struct bz_store *store, uint32_t folder, uint32_t uid, int64_t offset,
	int64_t length, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_REMOVED_PUT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	sqlite3_bind_int64(stmt, 3, offset);
	sqlite3_bind_int64(stmt, 4, length);
	return bz_store_run(store, stmt, err);
}

int bz_store_removed_get(struct bz_store *store, uint32_t folder, uint32_t uid, int64_t *offset,
	int64_t *length, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_REMOVED_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*offset = sqlite3_column_int64(stmt, 0);
		*length = sqlite3_column_int64(stmt, 1);
	} else if (rc != SQLITE_DONE) {
		bz_store_fail(store->cache, err);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_removed_drop(struct bz_store *store, uint32_t folder, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_REMOVED_DROP, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int64(stmt, 2, uid);
	return bz_store_run(store, stmt, err);
}
