/* state.db: the ledger of what a POP3 server has, and the intent of what is being written. */
#include "src/store_private.h"

#include <string.h>

void bz_intent_clear(struct bz_intent *intent)
{
	g_free(intent->mbox);
	g_free(intent->folder);
	g_free(intent->source);
	if (intent->items != NULL)
		g_array_unref(intent->items);
	memset(intent, 0, sizeof *intent);
}

/* --- the ledger ------------------------------------------------------------------------------- */

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

static void read_ledger(sqlite3_stmt *stmt, struct bz_ledger *out)
{
	*out = (struct bz_ledger){
		.local_uid = (uint32_t)sqlite3_column_int64(stmt, 1),
		.size = (uint64_t)sqlite3_column_int64(stmt, 2),
		.state = (enum bz_ledger_state)sqlite3_column_int(stmt, 3),
		.first_seen = sqlite3_column_int64(stmt, 4),
		.missing_since = sqlite3_column_int64(stmt, 5),
		.due_since = sqlite3_column_int64(stmt, 6),
	};
	g_strlcpy(out->uidl, (const char *)sqlite3_column_text(stmt, 0), sizeof out->uidl);
	bz_store_read_digest(stmt, 7, out->headkey);
}

static int one_ledger(
	struct bz_store *store, sqlite3_stmt *stmt, struct bz_ledger *out, struct bz_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		read_ledger(stmt, out);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_ledger_get(
	struct bz_store *store, const char *uidl, struct bz_ledger *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_GET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, uidl, -1, SQLITE_STATIC);
	return one_ledger(store, stmt, out, err);
}

int bz_store_ledger_by_local(
	struct bz_store *store, uint32_t local_uid, struct bz_ledger *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_BY_LOCAL, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, local_uid);
	return one_ledger(store, stmt, out, err);
}

int bz_store_ledger_by_digest(
	struct bz_store *store, const uint8_t digest[32], GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_BY_DIGEST, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, digest, 32, SQLITE_STATIC);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_ledger row;

		read_ledger(stmt, &row);
		g_array_append_val(out, row);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

int bz_store_ledger_each(struct bz_store *store, bool (*f)(void *me, const struct bz_ledger *),
	void *me, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_EACH, err);
	bool more = true;
	int rc = SQLITE_DONE;

	if (stmt == NULL)
		return -1;
	while (more && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_ledger row;

		read_ledger(stmt, &row);
		more = f(me, &row);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : bz_store_fail(store->state, err);
}

int bz_store_ledger_put(struct bz_store *store, const struct bz_ledger *row, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_PUT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, row->uidl, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, row->local_uid);
	sqlite3_bind_int64(stmt, 3, (int64_t)row->size);
	sqlite3_bind_int(stmt, 4, (int)row->state);
	sqlite3_bind_int64(stmt, 5, row->first_seen);
	sqlite3_bind_int64(stmt, 6, row->missing_since);
	sqlite3_bind_int64(stmt, 7, row->due_since);
	sqlite3_bind_blob(stmt, 8, row->headkey, sizeof row->headkey, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}

int bz_store_ledger_mark(struct bz_store *store, const struct bz_ledger *row, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_MARK, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, row->uidl, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, (int)row->state);
	sqlite3_bind_int64(stmt, 3, row->first_seen);
	sqlite3_bind_int64(stmt, 4, row->missing_since);
	sqlite3_bind_int64(stmt, 5, row->due_since);
	return bz_store_run(store, stmt, err);
}

int bz_store_ledger_discard(struct bz_store *store, uint32_t local_uid, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_DISCARD, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, local_uid);
	return bz_store_run(store, stmt, err);
}

int bz_store_ledger_rebind(
	struct bz_store *store, const char *from, const char *to, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_REBIND, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC);
	return bz_store_run(store, stmt, err);
}

int bz_store_ledger_shift(
	struct bz_store *store, int64_t by, int64_t before, int64_t now, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_SHIFT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, by);
	sqlite3_bind_int64(stmt, 2, by == 0 ? INT64_MIN : before);
	sqlite3_bind_int64(stmt, 3, now);
	return bz_store_run(store, stmt, err);
}

int bz_store_ledger_prune(struct bz_store *store, int64_t before, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_LEDGER_PRUNE, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, before);
	return bz_store_run(store, stmt, err);
}

/* --- the intent: written ---------------------------------------------------------------------- */

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
	sqlite3_bind_int64(stmt, 7, item->source);
	sqlite3_bind_int64(stmt, 8, item->flags);
	sqlite3_bind_blob(stmt, 9, item->headkey, sizeof item->headkey, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 10, item->uid);
	sqlite3_bind_int64(stmt, 11, item->source_off);
	sqlite3_bind_int64(stmt, 12, item->source_len);
	return bz_store_run(store, stmt, err);
}

static int put_intent(struct bz_store *store, const struct bz_intent *intent, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_INTENT_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int(stmt, 1, (int)intent->kind);
	sqlite3_bind_text(stmt, 2, intent->mbox, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, intent->folder, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, (int64_t)intent->dev);
	sqlite3_bind_int64(stmt, 5, (int64_t)intent->ino);
	sqlite3_bind_int64(stmt, 6, intent->start);
	sqlite3_bind_text(stmt, 7, intent->source, -1, SQLITE_STATIC);
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
	if (bz_store_state_begin(store, err) != 0)
		return -1;
	return bz_store_state_end(store, put_intent(store, intent, err) == 0, err);
}

/* --- the intent: read ------------------------------------------------------------------------- */

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
			.source = (uint32_t)sqlite3_column_int64(stmt, 5),
			.flags = (unsigned)sqlite3_column_int64(stmt, 6),
			.uid = (uint32_t)sqlite3_column_int64(stmt, 8),
			.source_off = sqlite3_column_int64(stmt, 9),
			.source_len = sqlite3_column_int64(stmt, 10),
		};

		g_strlcpy(item.uidl, (const char *)sqlite3_column_text(stmt, 0), sizeof item.uidl);
		bz_store_read_digest(stmt, 3, item.digest);
		bz_store_read_digest(stmt, 7, item.headkey);
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
			.kind = (enum bz_intent_kind)sqlite3_column_int(stmt, 0),
			.mbox = g_strdup((const char *)sqlite3_column_text(stmt, 1)),
			.folder = g_strdup((const char *)sqlite3_column_text(stmt, 2)),
			.dev = (uint64_t)sqlite3_column_int64(stmt, 3),
			.ino = (uint64_t)sqlite3_column_int64(stmt, 4),
			.start = sqlite3_column_int64(stmt, 5),
			.source = g_strdup((const char *)sqlite3_column_text(stmt, 6)),
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

/* --- the intent: done ------------------------------------------------------------------------- */

static int adopt_download(struct bz_store *store, const struct bz_intent_item *item, uint32_t uid,
	int64_t now, struct bz_err *err)
{
	struct bz_ledger row = {.local_uid = uid, .size = item->size, .first_seen = now};

	g_strlcpy(row.uidl, item->uidl, sizeof row.uidl);
	memcpy(row.headkey, item->headkey, sizeof row.headkey);
	return bz_store_ledger_put(store, &row, err);
}

/* What the ledger knew of the source it knows of the new one. */
static int replace_source(
	struct bz_store *store, const struct bz_intent_item *item, uint32_t uid, struct bz_err *err)
{
	sqlite3_stmt *moved = bz_store_stmt(store, STMT_LEDGER_MOVED, err);

	if (moved == NULL)
		return -1;
	sqlite3_bind_int64(moved, 1, item->source);
	sqlite3_bind_int64(moved, 2, uid);
	if (bz_store_run(store, moved, err) != 0)
		return -1;
	return bz_store_local_set_state(
		store, item->source, item->marked ? BZ_LOCAL_MARKED : BZ_LOCAL_REMOVED, err);
}

static int adopt_return(struct bz_store *store, const struct bz_intent_item *item, uint32_t *uid,
	struct bz_err *err)
{
	*uid = item->uid;
	if (bz_store_local_set_flags(store, *uid, item->flags, err) != 0 ||
		bz_store_local_set_in_file(store, *uid, item->in_file, err) != 0 ||
		bz_store_local_set_state(store, *uid, BZ_LOCAL_HERE, err) != 0)
		return -1;
	return replace_source(store, item, *uid, err);
}

static int adopt_item(struct bz_store *store, const struct bz_intent *intent,
	const struct bz_intent_item *item, int64_t now, uint32_t *uid, struct bz_err *err)
{
	/* bz_mbox_encode writes the flags into the file */
	struct bz_local local = {.flags = item->flags, .in_file = item->flags & BZ_FLAGS_IN_FILE};
	struct bz_ledger known;
	int found = 1;

	if (intent->kind == BZ_INTENT_RETURN)
		return adopt_return(store, item, uid, err);
	if (intent->kind == BZ_INTENT_DOWNLOAD &&
		(found = bz_store_ledger_get(store, item->uidl, &known, err)) < 0)
		return -1;
	if (found == 0 && known.state != BZ_LEDGER_LEFT)
		return 0;
	memcpy(local.digest, item->digest, sizeof local.digest);
	if (bz_store_local_insert(store, intent->folder, &local, uid, err) != 0)
		return -1;
	if (found == 0 && bz_store_left_forget(store, known.local_uid, err) != 0)
		return -1;
	if (intent->kind == BZ_INTENT_DOWNLOAD)
		return adopt_download(store, item, *uid, now, err);
	return intent->kind == BZ_INTENT_MOVE ? replace_source(store, item, *uid, err) : 0;
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
	for (size_t i = 0; i < n; i++)
		if (adopt_item(store, intent,
			    &g_array_index(intent->items, struct bz_intent_item, i), now, &uids[i],
			    err) != 0)
			return -1;
	return clear_intent(store, err);
}

int bz_store_intent_done(struct bz_store *store, const struct bz_intent *intent, size_t n,
	int64_t now, uint32_t *uids, struct bz_err *err)
{
	if (bz_store_state_begin(store, err) != 0)
		return -1;
	return bz_store_state_end(store, adopt_items(store, intent, n, now, uids, err) == 0, err);
}
