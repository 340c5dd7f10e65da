#include "src/usage.h"
#include "src/store_private.h"

#include <string.h>

static void clear_root(void *me)
{
	g_free(((struct bz_usage_root *)me)->name);
}

static void clear_folder(void *me)
{
	struct bz_usage_folder *f = me;

	g_free(f->name);
	g_free(f->title);
}

static void clear_message(void *me)
{
	bz_summary_clear(me);
}

static GArray *array_of(guint size, GDestroyNotify clear)
{
	GArray *array = g_array_new(FALSE, TRUE, size);

	g_array_set_clear_func(array, clear);
	return array;
}

struct bz_usage *bz_usage_new(void)
{
	struct bz_usage *u = g_new0(struct bz_usage, 1);

	u->roots = array_of(sizeof(struct bz_usage_root), clear_root);
	u->folders = array_of(sizeof(struct bz_usage_folder), clear_folder);
	u->messages = array_of(sizeof(struct bz_summary), clear_message);
	return u;
}

void bz_usage_free(struct bz_usage *u)
{
	if (u == NULL)
		return;
	g_array_unref(u->roots);
	g_array_unref(u->folders);
	g_array_unref(u->messages);
	g_free(u);
}

/* --- from the store --------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(struct bz_store *store, const char *sql, struct bz_err *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(store->cache, sql, -1, &stmt, NULL) != SQLITE_OK)
		bz_store_cache_fail(store, err);
	return stmt;
}

static int finish(struct bz_store *store, sqlite3_stmt *stmt, int rc, struct bz_err *err)
{
	if (rc != SQLITE_DONE)
		bz_store_cache_fail(store, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

int bz_usage_count_folders(struct bz_usage *u, struct bz_store *store, struct bz_err *err)
{
	sqlite3_stmt *stmt = prepare(store,
		"SELECT f.name, f.title, f.role, f.total, COUNT(*), SUM(m.size)"
		" FROM message m JOIN folder f ON f.id=m.folder GROUP BY f.id",
		err);
	int rc = stmt != NULL ? SQLITE_ROW : SQLITE_ERROR;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_usage_folder f = {.name = bz_store_text(stmt, 0),
			.title = bz_store_text(stmt, 1),
			.role = (enum bz_folder_role)sqlite3_column_int(stmt, 2),
			.messages = (uint32_t)sqlite3_column_int64(stmt, 4),
			.bytes = (uint64_t)sqlite3_column_int64(stmt, 5)};

		f.is_part = sqlite3_column_int64(stmt, 3) > f.messages;
		g_array_append_val(u->folders, f);
	}
	u->by_rows = true;
	return finish(store, stmt, rc, err);
}

static int add_messages(struct bz_usage *u, struct bz_store *store, const GArray *uids,
	uint32_t folder, struct bz_err *err)
{
	for (guint i = 0; i < uids->len; i++) {
		struct bz_summary row;
		int known =
			bz_store_by_uid(store, folder, g_array_index(uids, uint32_t, i), &row, err);

		if (known < 0)
			return -1;
		if (known == 0)
			g_array_append_val(u->messages, row);
	}
	return 0;
}

int bz_usage_find_messages(
	struct bz_usage *u, struct bz_store *store, uint32_t folder, struct bz_err *err)
{
	sqlite3_stmt *stmt = prepare(store,
		"SELECT uid FROM message WHERE folder=? ORDER BY size DESC, pos DESC LIMIT ?", err);
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc;

	g_array_set_size(u->messages, 0);
	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, folder);
	sqlite3_bind_int(stmt, 2, BZ_USAGE_TOP);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint32_t uid = (uint32_t)sqlite3_column_int64(stmt, 0);

		g_array_append_val(uids, uid);
	}
	return finish(store, stmt, rc, err) == 0 ? add_messages(u, store, uids, folder, err) : -1;
}

/* --- order ------------------------------------------------------------------------------------ */

static int largest_first(const void *a, const void *b)
{
	const struct bz_usage_folder *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

void bz_usage_rank_folders(struct bz_usage *u)
{
	guint n = 0;

	g_array_sort(u->folders, largest_first);
	while (n < MIN(u->folders->len, (guint)BZ_USAGE_TOP) &&
		g_array_index(u->folders, struct bz_usage_folder, n).bytes > 0)
		n++;
	g_array_set_size(u->folders, n);
}
