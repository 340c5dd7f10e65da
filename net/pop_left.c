/* Messages too big to come unasked: on the server only, a row of the list here. The row is made of
 * what state.db keeps of them, so it outlives a new cache and a new reading of the mbox. */
#include "net/pop_private.h"
#include "src/mime.h"

#include <string.h>
#include <sys/stat.h>

enum { HEADER_MAX = 8 << 10 };

static void clear_left(void *me)
{
	g_bytes_unref(((struct bz_left *)me)->header);
}

static GArray *new_list(void)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct bz_left));

	g_array_set_clear_func(list, clear_left);
	return list;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int put_row(struct bz_backend *b, const struct bz_left *left, uint64_t size, uint32_t *id,
	struct bz_err *err)
{
	struct bz_summary row = {.folder = b->folder,
		.uid = left->uid,
		.pos = left->pos,
		.received = left->received,
		.size = size,
		.flags = BZ_FLAG_LEFT};
	gsize len;
	const char *header = g_bytes_get_data(left->header, &len);
	int rc;

	bz_mime_summarize(&row, len > 0 ? header : "", len);
	row.flags |= BZ_FLAG_LEFT;
	rc = bz_store_put(b->store, &row, err);
	*id = row.row;
	bz_summary_clear(&row);
	return rc;
}

static int remove_row(struct bz_backend *b, uint32_t uid, GArray *gone, struct bz_err *err)
{
	struct bz_summary row;
	int rc = bz_store_by_uid(b->store, b->folder, uid, &row, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	g_array_append_val(gone, row.row);
	bz_summary_clear(&row);
	return bz_store_remove(b->store, b->folder, uid, err);
}

/* --- one more --------------------------------------------------------------------------------- */

static int64_t end_of_mbox(const struct bz_backend *b)
{
	struct stat st;

	return stat(b->account->mbox, &st) == 0 ? st.st_size : 0;
}

/* 1 there is a placeholder for it. */
static int is_shown(struct bz_backend *b, const char *uidl, struct bz_err *err)
{
	struct bz_ledger row;
	int rc = bz_store_ledger_get(b->store, uidl, &row, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return row.state == BZ_LEDGER_LEFT ? bz_store_left_has(b->store, row.local_uid, err) : 1;
}

static int add(
	struct bz_backend *b, const struct pop_item *item, struct bz_left *left, struct bz_err *err)
{
	gsize len;
	const char *header = g_bytes_get_data(left->header, &len);
	struct bz_ledger row = {.size = item->size, .first_seen = left->received};
	uint32_t id;

	g_strlcpy(row.uidl, item->uidl, sizeof row.uidl);
	bz_mbox_headkey(len > 0 ? header : "", len, row.headkey);
	if (bz_store_left_put(b->store, &row, left, err) != 0)
		return -1;
	left->uid = row.local_uid;
	if (put_row(b, left, item->size, &id, err) != 0)
		return -1;
	g_array_append_val(b->left_rows, id);
	return 0;
}

int pop_left_put(struct bz_backend *b, const struct pop_item *item, const char *header, size_t len,
	struct bz_err *err)
{
	struct bz_left left = {
		.pos = end_of_mbox(b), .received = g_get_real_time() / G_USEC_PER_SEC};
	int rc = is_shown(b, item->uidl, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	left.header = g_bytes_new(header, MIN(len, HEADER_MAX));
	rc = add(b, item, &left, err);
	g_bytes_unref(left.header);
	return rc;
}

int pop_left_tell(struct bz_backend *b, struct bz_err *err)
{
	GArray *ids = b->left_rows;

	if (ids->len == 0)
		return 0;
	b->left_rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return pop_store_tell(b, BZ_CHANGE_NEWER, ids, err);
}

/* --- fewer ------------------------------------------------------------------------------------ */

/* 1 the server lists it still. */
static int is_listed(struct bz_backend *b, uint32_t uid, struct bz_err *err)
{
	struct bz_ledger row;
	int rc = bz_store_ledger_by_local(b->store, uid, &row, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return row.state == BZ_LEDGER_LEFT && pop_listing_number(b->listing, row.uidl) != 0;
}

int pop_left_prune(struct bz_backend *b, struct bz_err *err)
{
	GArray *all = new_list(), *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_left_all(b->store, all, err);

	for (guint i = 0; i < all->len && rc == 0; i++) {
		uint32_t uid = g_array_index(all, struct bz_left, i).uid;
		int listed = is_listed(b, uid, err);

		rc = listed < 0 ? -1 : 0;
		if (listed == 0 && (bz_store_left_forget(b->store, uid, err) != 0 ||
					   remove_row(b, uid, gone, err) != 0))
			rc = -1;
	}
	g_array_unref(all);
	if (pop_store_tell(b, BZ_CHANGE_GONE, gone, rc == 0 ? err : NULL) != 0)
		rc = -1;
	return rc;
}

int pop_left_came(struct bz_backend *b, const GArray *placeholders, struct bz_err *err)
{
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = 0;

	for (guint i = 0; i < placeholders->len && rc == 0; i++)
		rc = remove_row(b, g_array_index(placeholders, uint32_t, i), gone, err);
	if (pop_store_tell(b, BZ_CHANGE_GONE, gone, rc == 0 ? err : NULL) != 0)
		rc = -1;
	return rc;
}

/* --- the cache afterwards --------------------------------------------------------------------- */

/* Rows that the cache lacks. */
static int put_lacking(struct bz_backend *b, const GArray *all, const GArray *uids, bool *changed,
	struct bz_err *err)
{
	for (guint i = 0; i < all->len; i++) {
		const struct bz_left *left = &g_array_index(all, struct bz_left, i);
		struct bz_ledger row;
		uint32_t id;
		int rc = bz_uid_is_in(uids, left->uid)
				 ? 1
				 : bz_store_ledger_by_local(b->store, left->uid, &row, err);

		if (rc == 0)
			rc = put_row(b, left, row.size, &id, err);
		if (rc < 0)
			return -1;
		*changed = *changed || rc == 0;
	}
	return 0;
}

/* Rows of messages that came just before a crash. */
static int drop_stale(struct bz_backend *b, const GArray *uids, bool *changed, struct bz_err *err)
{
	for (guint i = 0; i < uids->len; i++) {
		uint32_t uid = g_array_index(uids, uint32_t, i);
		int known = bz_store_left_has(b->store, uid, err);

		if (known < 0 ||
			(known == 0 && bz_store_remove(b->store, b->folder, uid, err) != 0))
			return -1;
		*changed = *changed || known == 0;
	}
	return 0;
}

int pop_left_restore(struct bz_backend *b, struct bz_err *err)
{
	GArray *all = new_list(), *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	bool changed = false;
	int rc = bz_store_left_all(b->store, all, err);

	if (rc == 0)
		rc = bz_store_uids(b->store, b->folder, BZ_UID_LEFT, UINT32_MAX, uids, err);
	if (rc == 0)
		rc = put_lacking(b, all, uids, &changed, err);
	if (rc == 0)
		rc = drop_stale(b, uids, &changed, err);
	g_array_unref(all);
	g_array_unref(uids);
	return rc == 0 && changed ? pop_store_tell(b, BZ_CHANGE_REBUILD, NULL, err) : rc;
}
