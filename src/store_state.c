/* state.db: what losing would cost the person something. Every commit is durable. */
#include "src/store_private.h"

#include <string.h>

const char bz_store_state_schema[] =
	"CREATE TABLE pin(host TEXT NOT NULL, port INT NOT NULL, sha256 BLOB NOT NULL,"
	" PRIMARY KEY(host, port));"
	"CREATE TABLE local(uid INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL,"
	" flags INT NOT NULL);"
	"CREATE INDEX local_digest ON local(digest);"
	"CREATE TABLE ledger(uidl TEXT PRIMARY KEY, local_uid INT NOT NULL, size INT NOT NULL,"
	" state INT NOT NULL, first_seen INT NOT NULL, last_listed INT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE intent(id INTEGER PRIMARY KEY CHECK(id = 1), mbox TEXT NOT NULL,"
	" dev INT NOT NULL, ino INT NOT NULL, start INT NOT NULL);"
	"CREATE TABLE intent_item(n INTEGER PRIMARY KEY, uidl TEXT NOT NULL, off INT NOT NULL,"
	" len INT NOT NULL, digest BLOB NOT NULL, size INT NOT NULL);";

void bz_intent_clear(struct bz_intent *intent)
{
	g_free(intent->mbox);
	if (intent->items != NULL)
		g_array_unref(intent->items);
	memset(intent, 0, sizeof *intent);
}

/* --- pins ------------------------------------------------------------------------------------- */

int bz_store_pin_get(struct bz_store *store, const char *host, uint16_t port, uint8_t sha256[32],
	struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PIN_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, host, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, port);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == 32)
		memcpy(sha256, sqlite3_column_blob(stmt, 0), 32);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_pin_set(struct bz_store *store, const char *host, uint16_t port,
	const uint8_t sha256[32], struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PIN_SET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, host, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, port);
	sqlite3_bind_blob(stmt, 3, sha256, 32, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}

/* --- ledger and intent ------------------------------------------------------------------------ */

static int begin(struct bz_store *store, struct bz_err *err)
{
	return bz_store_exec(store->state, "BEGIN IMMEDIATE", err);
}

/* End the transaction: commit when rc is 0, else roll back and pass rc on. */
static int end(struct bz_store *store, int rc, struct bz_err *err)
{
	if (rc == 0 && bz_store_exec(store->state, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(store->state, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int bz_store_state_begin(struct bz_store *store, struct bz_err *err)
{
	return store->state != NULL ? begin(store, err) : 0;
}

int bz_store_state_end(struct bz_store *store, bool keep, struct bz_err *err)
{
	if (store->state == NULL || sqlite3_get_autocommit(store->state))
		return keep ? 0 : -1;
	return end(store, keep ? 0 : -1, err);
}

int bz_store_ledger_has(struct bz_store *store, const char *uidl, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_HAS, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, uidl, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int bz_store_ledger_listed(
	struct bz_store *store, const char *const *uidls, size_t n, int64_t now, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_LISTED, err);
	int rc = 0;

	if (stmt == NULL || begin(store, err) != 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_int64(stmt, 1, now);
		sqlite3_bind_text(stmt, 2, uidls[i], -1, SQLITE_STATIC);
		rc = bz_store_run(store, stmt, err);
	}
	return end(store, rc, err);
}

static int put_item(
	struct bz_store *store, size_t n, const struct bz_intent_item *item, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_INTENT_ITEM, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, (int64_t)n);
	sqlite3_bind_text(stmt, 2, item->uidl, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, item->off);
	sqlite3_bind_int64(stmt, 4, item->len);
	sqlite3_bind_blob(stmt, 5, item->digest, sizeof item->digest, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 6, (int64_t)item->size);
	return bz_store_run(store, stmt, err);
}

static int put_intent(struct bz_store *store, const struct bz_intent *intent, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_INTENT_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, intent->mbox, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)intent->dev);
	sqlite3_bind_int64(stmt, 3, (int64_t)intent->ino);
	sqlite3_bind_int64(stmt, 4, intent->start);
	if (bz_store_run(store, stmt, err) != 0)
		return -1;
	for (guint i = 0; i < intent->items->len; i++)
		if (put_item(store, i, &g_array_index(intent->items, struct bz_intent_item, i),
			    err) != 0)
			return -1;
	return 0;
}

int bz_store_intent_put(struct bz_store *store, const struct bz_intent *intent, struct bz_err *err)
{
	if (begin(store, err) != 0)
		return -1;
	return end(store, put_intent(store, intent, err), err);
}

static int get_items(struct bz_store *store, GArray *items, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_INTENT_ITEMS, err);
	int rc;

	if (stmt == NULL)
		return -1;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_intent_item item = {
			.off = sqlite3_column_int64(stmt, 1),
			.len = sqlite3_column_int64(stmt, 2),
			.size = (uint64_t)sqlite3_column_int64(stmt, 4),
		};

		g_strlcpy(item.uidl, (const char *)sqlite3_column_text(stmt, 0), sizeof item.uidl);
		if (sqlite3_column_bytes(stmt, 3) == (int)sizeof item.digest)
			memcpy(item.digest, sqlite3_column_blob(stmt, 3), sizeof item.digest);
		g_array_append_val(items, item);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_intent_get(struct bz_store *store, struct bz_intent *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_INTENT_GET, err);
	int rc;

	if (stmt == NULL)
		return -1;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = (struct bz_intent){
			.mbox = g_strdup((const char *)sqlite3_column_text(stmt, 0)),
			.dev = (uint64_t)sqlite3_column_int64(stmt, 1),
			.ino = (uint64_t)sqlite3_column_int64(stmt, 2),
			.start = sqlite3_column_int64(stmt, 3),
			.items = g_array_new(FALSE, TRUE, sizeof(struct bz_intent_item)),
		};
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 1 : -1;
	if (get_items(store, out->items, err) == 0)
		return 0;
	bz_intent_clear(out);
	return -1;
}

static int insert_local(struct bz_store *store, const uint8_t digest[32], unsigned flags,
	uint32_t *uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, digest, 32, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, flags);
	if (bz_store_run(store, stmt, err) != 0)
		return -1;
	*uid = (uint32_t)sqlite3_last_insert_rowid(store->state);
	return 0;
}

static int insert_ledger(struct bz_store *store, const struct bz_intent_item *item, uint32_t uid,
	int64_t now, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, item->uidl, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, uid);
	sqlite3_bind_int64(stmt, 3, (int64_t)item->size);
	sqlite3_bind_int64(stmt, 4, now);
	sqlite3_bind_int64(stmt, 5, now);
	return bz_store_run(store, stmt, err);
}

static int clear_intent(struct bz_store *store, struct bz_err *err)
{
	sqlite3_stmt *items = bz_store_stmt(store, STMT_INTENT_ITEMS_CLEAR, err);
	sqlite3_stmt *head = bz_store_stmt(store, STMT_INTENT_CLEAR, err);

	if (items == NULL || head == NULL || bz_store_run(store, items, err) != 0)
		return -1;
	return bz_store_run(store, head, err);
}

static int adopt_items(struct bz_store *store, const struct bz_intent *intent, size_t n,
	int64_t now, uint32_t *uids, struct bz_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct bz_intent_item *item =
			&g_array_index(intent->items, struct bz_intent_item, i);

		int known = bz_store_ledger_has(store, item->uidl, err);

		if (known < 0)
			return -1;
		if (known > 0)
			continue;
		if (insert_local(store, item->digest, 0, &uids[i], err) != 0 ||
			insert_ledger(store, item, uids[i], now, err) != 0)
			return -1;
	}
	return clear_intent(store, err);
}

int bz_store_intent_done(struct bz_store *store, const struct bz_intent *intent, size_t n,
	int64_t now, uint32_t *uids, struct bz_err *err)
{
	if (begin(store, err) != 0)
		return -1;
	return end(store, adopt_items(store, intent, n, now, uids, err), err);
}

/* --- local messages --------------------------------------------------------------------------- */

static int collect_local(
	struct bz_store *store, sqlite3_stmt *stmt, GArray *out, struct bz_err *err)
{
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_local local = {
			.uid = (uint32_t)sqlite3_column_int64(stmt, 0),
			.flags = (unsigned)sqlite3_column_int64(stmt, 2),
		};

		if (sqlite3_column_bytes(stmt, 1) == (int)sizeof local.digest)
			memcpy(local.digest, sqlite3_column_blob(stmt, 1), sizeof local.digest);
		g_array_append_val(out, local);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_local_all(struct bz_store *store, GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_ALL, err);

	return stmt == NULL ? -1 : collect_local(store, stmt, out, err);
}

int bz_store_local_adopt(struct bz_store *store, const uint8_t digest[32], unsigned flags,
	uint32_t *uid, struct bz_err *err)
{
	return insert_local(store, digest, flags, uid, err);
}

int bz_store_local_set_flags(
	struct bz_store *store, uint32_t uid, unsigned flags, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LOCAL_FLAGS, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, flags);
	sqlite3_bind_int64(stmt, 2, uid);
	return bz_store_run(store, stmt, err);
}
