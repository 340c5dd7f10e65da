/* Whole messages into the mbox, and their rows. */
#include "net/pop_private.h"
#include "src/mime.h"

#include <string.h>

enum { HEADER_MAX = 64 << 10 };

/* --- rows ------------------------------------------------------------------------------------- */

static void make_row(struct bz_backend *b, const struct bz_append_item *item,
	const struct pop_whole *whole, struct bz_summary *row)
{
	size_t len;
	g_autofree char *spooled = NULL;
	const char *head = pop_whole_head(whole, HEADER_MAX, &spooled, &len);

	*row = (struct bz_summary){
		.folder = b->folder,
		.uid = item->uid,
		.pos = item->offset,
		.offset = item->offset,
		.length = item->length,
		.size = whole->length,
		.received = g_get_real_time() / G_USEC_PER_SEC,
	};
	memcpy(row->digest, item->digest, sizeof row->digest);
	bz_mime_summarize(row, head, len);
}

static int put_counts(struct bz_backend *b, struct bz_folder *folder, struct bz_err *err)
{
	if (bz_store_folder_by_id(b->store, b->folder, folder, err) != 0)
		return -1;
	if (bz_store_count(b->store, b->folder, &folder->exists, &folder->unseen, err) == 0 &&
		bz_store_folder_put(b->store, folder, err) == 0)
		return 0;
	bz_folder_clear(folder);
	return -1;
}

int pop_store_tell(struct bz_backend *b, enum bz_change_kind kind, GArray *ids, struct bz_err *err)
{
	const struct bz_report *report = b->job->report;
	struct bz_change *change;
	struct bz_folder folder;

	if (ids != NULL && ids->len == 0) {
		g_array_unref(ids);
		return 0;
	}
	if (put_counts(b, &folder, err) != 0) {
		if (ids != NULL)
			g_array_unref(ids);
		return -1;
	}
	change = g_new0(struct bz_change, 1);
	*change = (struct bz_change){b->folder, kind, folder.exists, folder.unseen, ids};
	bz_folder_clear(&folder);
	report->rows(report->me, change);
	report->folders(report->me);
	return 0;
}

static int put_row(
	struct bz_backend *b, const struct bz_append_item *item, GArray *ids, struct bz_err *err)
{
	struct bz_summary row;
	int rc;

	make_row(b, item, item->me, &row);
	rc = bz_store_put(b->store, &row, err);
	if (rc == 0)
		g_array_append_val(ids, row.row);
	bz_summary_clear(&row);
	return rc;
}

static void reverse(GArray *ids)
{
	for (guint i = 0; i < ids->len / 2; i++) {
		uint32_t *x = &g_array_index(ids, uint32_t, i);
		uint32_t *y = &g_array_index(ids, uint32_t, ids->len - 1 - i), kept = *x;

		*x = *y;
		*y = kept;
	}
}

/* Rows for what was stored; newest first in the change. */
static int put_rows(struct bz_backend *b, const GArray *items, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(b->store, err);

	for (guint i = 0; i < items->len && rc == 0; i++) {
		const struct bz_append_item *item = &g_array_index(items, struct bz_append_item, i);

		if (item->uid != 0) /* else another buzon stored it meanwhile */
			rc = put_row(b, item, ids, err);
	}
	if (rc == 0)
		rc = bz_store_commit(b->store, err);
	if (rc != 0) {
		bz_store_rollback(b->store);
		g_array_unref(ids);
		return -1;
	}
	reverse(ids);
	return pop_store_tell(b, BZ_CHANGE_NEWER, ids, err);
}

/* --- the batch -------------------------------------------------------------------------------- */

/* Placeholders of those among the items that were left on the server until now. */
static int find_placeholders(
	struct bz_backend *b, const GArray *items, GArray *placeholders, struct bz_err *err)
{
	for (guint i = 0; i < items->len; i++) {
		const struct bz_append_item *item = &g_array_index(items, struct bz_append_item, i);
		struct bz_ledger row;
		int rc = ((const struct pop_whole *)item->me)->known
				 ? bz_store_ledger_get(b->store, item->uidl, &row, err)
				 : 1;

		if (rc < 0)
			return -1;
		if (rc == 0 && row.state == BZ_LEDGER_LEFT)
			g_array_append_val(placeholders, row.local_uid);
	}
	return 0;
}

static int append(
	struct bz_backend *b, GArray *items, const GArray *placeholders, struct bz_err *err)
{
	struct bz_append to = {.store = b->store,
		.mbox = b->account->mbox,
		.folder = BZ_POP_INBOX,
		.kind = BZ_INTENT_DOWNLOAD,
		.now = g_get_real_time() / G_USEC_PER_SEC};

	if (items->len == 0)
		return 0;
	if (bz_append(&to, (struct bz_append_item *)(void *)items->data, items->len, NULL, err) !=
			0 ||
		put_rows(b, items, err) != 0 || pop_left_came(b, placeholders, err) != 0)
		return -1;
	b->stored += items->len;
	return bz_localbox_changed(bz_localmail_inbox(b->mail), to.before, to.after, err);
}

static void add_item(const struct bz_backend *b, GArray *items, struct pop_whole *whole)
{
	struct bz_append_item item = {.message = whole->bytes,
		.give = pop_whole_give,
		.me = whole,
		.received = INT64_MIN,
		.size = whole->size};

	/* what the person opened by hand is filed by hand */
	if (bz_rules_exist(b->account) && !whole->known)
		item.flags = BZ_FLAG_ARRIVED;
	g_strlcpy(item.uidl, whole->uidl, sizeof item.uidl);
	g_array_append_val(items, item);
}

/* What came newest first stands in the mbox in the server's order, as far as one batch goes. */
static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct pop_whole *)a)->number,
		 y = ((const struct pop_whole *)b)->number;

	return x < y ? -1 : x > y;
}

int pop_store_batch(struct bz_backend *b, struct bz_err *err)
{
	GArray *items =
		g_array_sized_new(FALSE, TRUE, sizeof(struct bz_append_item), b->batch->len);
	GArray *placeholders = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = 0;

	if (b->batch->len > 0)
		qsort(b->batch->data, b->batch->len, sizeof(struct pop_whole), by_number);
	for (guint i = 0; i < b->batch->len && rc >= 0; i++) {
		struct pop_whole *whole = &g_array_index(b->batch, struct pop_whole, i);

		rc = pop_match_digest(b, whole, err);
		if (rc == 0)
			add_item(b, items, whole);
		b->stored += rc == 1;
	}
	if (rc >= 0 && (rc = find_placeholders(b, items, placeholders, err)) == 0)
		rc = append(b, items, placeholders, err);
	if (rc == 0)
		rc = bz_rules_run(b->mail, b->store, b->account, b->job, err);
	g_array_unref(items);
	g_array_unref(placeholders);
	g_array_set_size(b->batch, 0);
	pop_body_release(b);
	return rc < 0 ? -1 : 0;
}
