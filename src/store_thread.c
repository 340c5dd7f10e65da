/* cache.db: what tells which message answers which. Ids are kept as hashes under a key of this
 * cache's own, so that nobody can write a message that is taken for another. */
#include "src/siphash.h"
#include "src/store_private.h"

#include <string.h>

static int read_key(struct bz_store *store, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_THREAD_KEY, err);
	int rc;

	if (stmt == NULL)
		return -1;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == BZ_SIPHASH_KEY) {
		memcpy(store->thread_key, sqlite3_column_blob(stmt, 0), BZ_SIPHASH_KEY);
		store->has_thread_key = true;
	} else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		store->damaged = true; /* made anew at the next opening; no threads until then */
	} else {
		bz_store_cache_fail(store, err);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* 0 stands for no id at all. */
static uint64_t hash(const struct bz_store *store, const char *id, size_t len)
{
	uint64_t h = len > 0 ? bz_siphash(store->thread_key, id, len) : 0;

	return h != 0 || len == 0 ? h : 1;
}

/* Blanks in an id come from folded lines, and from nowhere else. */
static uint64_t hash_id(const struct bz_store *store, const char *id)
{
	g_autofree char *plain = NULL;
	size_t n = 0;

	if (id == NULL || strpbrk(id, " \t") == NULL)
		return id != NULL ? hash(store, id, strlen(id)) : 0;
	plain = g_strdup(id);
	for (const char *at = id; *at != '\0'; at++)
		if (*at != ' ' && *at != '\t')
			plain[n++] = *at;
	return hash(store, plain, n);
}

static unsigned hash_refs(
	const struct bz_store *store, const char *refs, uint64_t out[BZ_THREAD_REFS])
{
	unsigned n = 0;

	while (refs != NULL && *refs != '\0' && n < BZ_THREAD_REFS) {
		size_t len = strcspn(refs, " ");

		if (len > 0)
			out[n++] = GUINT64_TO_LE(hash(store, refs, len));
		refs += len + (refs[len] == ' ');
	}
	return n;
}

int bz_store_bind_thread(struct bz_store *store, sqlite3_stmt *stmt, int n,
	const struct bz_summary *row, struct bz_err *err)
{
	uint64_t refs[BZ_THREAD_REFS];
	unsigned count;

	if (!store->has_thread_key && read_key(store, err) != 0)
		return -1;
	sqlite3_bind_int64(
		stmt, n, store->has_thread_key ? (int64_t)hash_id(store, row->message_id) : 0);
	count = store->has_thread_key ? hash_refs(store, row->refs, refs) : 0;
	if (count > 0)
		sqlite3_bind_blob(stmt, n + 1, refs, (int)(count * sizeof *refs), SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(stmt, n + 1);
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The unread rows in the same order: *row is the next of them, 0 after the last. */
static void next_unread(sqlite3_stmt *unread, uint32_t *row)
{
	*row = sqlite3_step(unread) == SQLITE_ROW ? (uint32_t)sqlite3_column_int64(unread, 0) : 0;
}

static void add_row(struct bz_threads *threads, sqlite3_stmt *all, uint32_t row, bool unread)
{
	uint64_t refs[BZ_THREAD_REFS];
	const void *blob = sqlite3_column_blob(all, 2);
	size_t bytes = (size_t)sqlite3_column_bytes(all, 2);
	unsigned n = (unsigned)(MIN(bytes, sizeof refs) / sizeof *refs);

	if (n > 0)
		memcpy(refs, blob, n * sizeof *refs);
	for (unsigned i = 0; i < n; i++)
		refs[i] = GUINT64_FROM_LE(refs[i]);
	bz_threads_add(threads, row, unread, (uint64_t)sqlite3_column_int64(all, 1), refs, n);
}

static int read_both(struct bz_store *store, sqlite3_stmt *all, sqlite3_stmt *unread,
	struct bz_threads *threads, struct bz_err *err)
{
	uint32_t next;
	int rc;

	next_unread(unread, &next);
	while ((rc = sqlite3_step(all)) == SQLITE_ROW) {
		uint32_t row = (uint32_t)sqlite3_column_int64(all, 0);

		add_row(threads, all, row, row == next);
		if (row == next)
			next_unread(unread, &next);
	}
	sqlite3_reset(all);
	sqlite3_reset(unread);
	return rc == SQLITE_DONE ? 0 : bz_store_cache_fail(store, err);
}

int bz_store_threads(
	struct bz_store *store, uint32_t folder, struct bz_threads *threads, struct bz_err *err)
{
	sqlite3_stmt *all = bz_store_stmt(store, STMT_THREADS, err);
	sqlite3_stmt *unread = all != NULL ? bz_store_stmt(store, STMT_UNREAD_IDS, err) : NULL;
	/* both of one moment, whatever another buzon writes */
	bool whole = sqlite3_get_autocommit(store->cache) != 0;
	int rc;

	if (unread == NULL || (whole && bz_store_exec(store->cache, "BEGIN", err) != 0))
		return -1;
	sqlite3_bind_int64(all, 1, folder);
	sqlite3_bind_int64(unread, 1, folder);
	rc = read_both(store, all, unread, threads, err);
	if (whole)
		(void)bz_store_exec(store->cache, "COMMIT", NULL);
	return rc;
}
