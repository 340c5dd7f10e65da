/* cache.db: folders. */
#include "src/lang.h"
#include "src/store_private.h"

#include <string.h>

static void read_folder(sqlite3_stmt *stmt, struct bz_folder *out)
{
	*out = (struct bz_folder){
		.id = (uint32_t)sqlite3_column_int64(stmt, 0),
		.name = bz_store_text(stmt, 1),
		.title = bz_store_text(stmt, 2),
		.delimiter = (char)sqlite3_column_int(stmt, 3),
		.role = (enum bz_folder_role)sqlite3_column_int(stmt, 4),
		.selectable = sqlite3_column_int(stmt, 5) != 0,
		.uidvalidity = (uint32_t)sqlite3_column_int64(stmt, 6),
		.uidnext = (uint32_t)sqlite3_column_int64(stmt, 7),
		.exists = (uint32_t)sqlite3_column_int64(stmt, 8),
		.unseen = (uint32_t)sqlite3_column_int64(stmt, 9),
		.order = (enum bz_order)sqlite3_column_int(stmt, 10),
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
		bz_store_cache_fail(store, err);
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

int bz_store_folder_need(
	struct bz_store *store, const char *name, struct bz_folder *out, struct bz_err *err)
{
	int rc = bz_store_folder_by_name(store, name, out, err);

	return rc != 1 ? rc
		       : bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
				 _("There is no folder %s here."), name);
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
		bz_store_cache_fail(store, err);
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
		bz_store_cache_fail(store, err);
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

int bz_store_folder_rename(struct bz_store *store, uint32_t id, const char *name, const char *title,
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_FOLDER_RENAME, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, title, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, id);
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

int bz_store_folder_order(
	struct bz_store *store, uint32_t id, enum bz_order order, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_FOLDER_ORDER, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int(stmt, 1, (int)order);
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
