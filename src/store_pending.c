/* state.db: changes made while the line was down, in their order. */
#include "src/store_private.h"

void bz_pending_clear(void *me)
{
	struct bz_pending *p = me;

	g_free(p->folder);
	g_free(p->target);
	bz_summary_clear(&p->row);
	*p = (struct bz_pending){0};
}

GArray *bz_pendings_new(void)
{
	GArray *all = g_array_new(FALSE, TRUE, sizeof(struct bz_pending));

	g_array_set_clear_func(all, bz_pending_clear);
	return all;
}

/* --- columns ---------------------------------------------------------------------------------- */

static void read_row(sqlite3_stmt *stmt, struct bz_summary *row)
{
	row->pos = sqlite3_column_int64(stmt, 11);
	row->date = sqlite3_column_int64(stmt, 12);
	row->date_zone = sqlite3_column_int(stmt, 13);
	row->received = sqlite3_column_int64(stmt, 14);
	row->size = (uint64_t)sqlite3_column_int64(stmt, 15);
	row->flags = (unsigned)sqlite3_column_int64(stmt, 16);
	row->from_name = bz_store_text(stmt, 17);
	row->from_addr = bz_store_text(stmt, 18);
	row->to = bz_store_text(stmt, 19);
	row->subject = bz_store_text(stmt, 20);
	row->message_id = bz_store_text(stmt, 21);
}

static void read_pending(sqlite3_stmt *stmt, struct bz_pending *out)
{
	*out = (struct bz_pending){
		.n = (uint32_t)sqlite3_column_int64(stmt, 0),
		.kind = (enum bz_pending_kind)sqlite3_column_int(stmt, 1),
		.folder = bz_store_text(stmt, 2),
		.uidvalidity = (uint32_t)sqlite3_column_int64(stmt, 3),
		.uid = (uint32_t)sqlite3_column_int64(stmt, 4),
		.add = (unsigned)sqlite3_column_int64(stmt, 5),
		.remove = (unsigned)sqlite3_column_int64(stmt, 6),
		.target = bz_store_text(stmt, 7),
		.begun = sqlite3_column_int(stmt, 8) != 0,
		.to_uidvalidity = (uint32_t)sqlite3_column_int64(stmt, 9),
		.to_uidnext = (uint32_t)sqlite3_column_int64(stmt, 10),
	};
	out->row.uid = out->uid;
	if (out->kind == BZ_PENDING_MOVE)
		read_row(stmt, &out->row);
}

static void bind_row(sqlite3_stmt *stmt, const struct bz_summary *row)
{
	sqlite3_bind_int64(stmt, 11, row->pos);
	sqlite3_bind_int64(stmt, 12, row->date);
	sqlite3_bind_int(stmt, 13, row->date_zone);
	sqlite3_bind_int64(stmt, 14, row->received);
	sqlite3_bind_int64(stmt, 15, (int64_t)row->size);
	sqlite3_bind_int64(stmt, 16, row->flags);
	bz_store_bind(stmt, 17, row->from_name);
	bz_store_bind(stmt, 18, row->from_addr);
	bz_store_bind(stmt, 19, row->to);
	bz_store_bind(stmt, 20, row->subject);
	bz_store_bind(stmt, 21, row->message_id);
}

/* --- writing ---------------------------------------------------------------------------------- */

int bz_store_pending_add(struct bz_store *store, struct bz_pending *p, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_INSERT, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int(stmt, 1, (int)p->kind);
	bz_store_bind(stmt, 2, p->folder);
	sqlite3_bind_int64(stmt, 3, p->uidvalidity);
	sqlite3_bind_int64(stmt, 4, p->uid);
	sqlite3_bind_int64(stmt, 5, p->add);
	sqlite3_bind_int64(stmt, 6, p->remove);
	bz_store_bind(stmt, 7, p->target);
	sqlite3_bind_int(stmt, 8, p->begun);
	sqlite3_bind_int64(stmt, 9, p->to_uidvalidity);
	sqlite3_bind_int64(stmt, 10, p->to_uidnext);
	bind_row(stmt, &p->row);
	if (bz_store_run(store, stmt, err) != 0)
		return -1;
	p->n = (uint32_t)sqlite3_last_insert_rowid(store->state);
	return 0;
}

int bz_store_pending_begin(struct bz_store *store, const struct bz_pending *p, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_BEGIN, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int(stmt, 1, p->begun);
	sqlite3_bind_int64(stmt, 2, p->to_uidvalidity);
	sqlite3_bind_int64(stmt, 3, p->to_uidnext);
	sqlite3_bind_int64(stmt, 4, p->n);
	return bz_store_run(store, stmt, err);
}

int bz_store_pending_drop(struct bz_store *store, uint32_t n, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_DROP, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, n);
	return bz_store_run(store, stmt, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

int bz_store_pending_count(struct bz_store *store, uint32_t *n, struct bz_err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	*n = 0;
	if (store->state == NULL)
		return 0;
	stmt = bz_store_stmt(store, STMT_PENDING_COUNT, err);
	if (stmt == NULL)
		return -1;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*n = (uint32_t)sqlite3_column_int64(stmt, 0);
	else
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

int bz_store_pending_from(
	struct bz_store *store, uint32_t n, uint32_t max, GArray *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_FROM, err);
	int rc;

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, n);
	sqlite3_bind_int64(stmt, 2, max);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct bz_pending p;

		read_pending(stmt, &p);
		g_array_append_val(out, p);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : bz_store_fail(store->state, err);
}

static int one(
	struct bz_store *store, sqlite3_stmt *stmt, struct bz_pending *out, struct bz_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		read_pending(stmt, out);
	else if (rc != SQLITE_DONE)
		bz_store_fail(store->state, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int bz_store_pending_get(
	struct bz_store *store, uint32_t n, struct bz_pending *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_GET, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_int64(stmt, 1, n);
	return one(store, stmt, out, err);
}

int bz_store_pending_last(struct bz_store *store, const char *folder, uint32_t uidvalidity,
	uint32_t uid, struct bz_pending *out, struct bz_err *err)
{
	sqlite3_stmt *stmt = bz_store_stmt(store, STMT_PENDING_LAST, err);

	if (stmt == NULL)
		return -1;
	sqlite3_bind_text(stmt, 1, folder, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, uidvalidity);
	sqlite3_bind_int64(stmt, 3, uid);
	return one(store, stmt, out, err);
}
