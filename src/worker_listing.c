/* Listings of all of a folder: newest first, or in threads once all of it is known. */
#include "src/worker_private.h"

enum {
	AT_ONCE = 200000,        /* rows that a folder is opened with in threads */
	POSITIONS_MAX = 10000000 /* 40 MB: below, no row stands apart from the others */
};

/* Rows of a file are still being looked for. */
static bool is_being_scanned(const struct bz_worker *w, uint32_t folder)
{
	g_autofree char *note = bz_store_folder_get_note(w->store, folder);

	return note != NULL && g_str_has_prefix(note, "scan:");
}

/* While something is still to come, those that see threads do not see them fall apart. */
static bool has_threads(const struct bz_worker *w, const struct bz_request *r,
	const struct bz_folder *folder, uint32_t known)
{
	bool scanned = r->threads != BZ_THREADS_NO && is_being_scanned(w, folder->id);

	if (known == 0) /* the first rows are to be merged, not asked for */
		return false;
	if (r->threads == BZ_THREADS_KEEP && folder->exists > 0)
		return scanned ? known >= folder->exists : known >= folder->exists / 2;
	return r->threads != BZ_THREADS_NO && !scanned && known >= folder->exists;
}

static struct bz_listing *make_threads(
	struct bz_worker *w, uint32_t folder, uint32_t known, struct bz_err *err)
{
	struct bz_threads *threads = bz_threads_new(known);
	GArray *ids, *places;

	if (bz_store_threads(w->store, folder, threads, err) != 0) {
		bz_threads_free(threads);
		return NULL;
	}
	bz_threads_order(&threads, &ids, &places);
	return bz_listing_new_threads(folder, ids, places);
}

/* A row at its position, or next to those above it where they stand there: holes between. */
static void put_apart(struct bz_worker *w, uint32_t folder, const struct bz_stand *at, GArray *ids)
{
	uint32_t position = MAX(at->position, ids->len);
	struct bz_summary row;

	if (position >= POSITIONS_MAX ||
		bz_store_by_uid(w->store, folder, at->uid, &row, NULL) != 0)
		return;
	g_array_set_size(ids, position + 1);
	g_array_index(ids, uint32_t, position) = row.row;
	bz_summary_clear(&row);
}

static struct bz_listing *make_flat(
	struct bz_worker *w, const struct bz_folder *folder, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
	struct bz_layout layout = {.exists = folder->exists};
	int rc;

	layout.apart = g_array_new(FALSE, FALSE, sizeof(struct bz_stand));
	if (w->ops->layout != NULL)
		w->ops->layout(w->backend, folder, &layout);
	rc = bz_store_ids_from(
		w->store, folder->id, layout.from > 0 ? layout.from : INT64_MIN, ids, err);
	for (guint i = layout.apart->len; i > 0 && rc == 0; i--)
		put_apart(w, folder->id, &g_array_index(layout.apart, struct bz_stand, i - 1), ids);
	g_array_unref(layout.apart);
	if (rc == 0)
		return bz_listing_new(folder->id, ids, layout.exists);
	g_array_unref(ids);
	return NULL;
}

/* *later: in threads, asked for once more. */
static struct bz_listing *make(struct bz_worker *w, const struct bz_request *r,
	const struct bz_folder *folder, bool *later, struct bz_err *err)
{
	uint32_t known, unseen;

	if (bz_store_count(w->store, folder->id, &known, &unseen, err) != 0)
		return NULL;
	if (!has_threads(w, r, folder, known))
		return make_flat(w, folder, err);
	*later = r->kind == BZ_REQ_OPEN && known > AT_ONCE;
	return *later ? make_flat(w, folder, err) : make_threads(w, folder->id, known, err);
}

/* The person's word for this folder; where it cannot be kept it counts all the same. */
static void keep_order(
	struct bz_worker *w, const struct bz_request *r, const struct bz_folder *folder)
{
	if (r->order == BZ_ORDER_NONE || r->order == folder->order)
		return;
	if (bz_store_folder_order(w->store, folder->id, r->order, NULL) == 0)
		bz_worker_on_folders(w);
}

void bz_worker_do_listing(struct bz_worker *w, struct bz_request *r)
{
	struct bz_event *event;
	struct bz_folder folder;
	struct bz_err err = {0};
	bool later = false;

	if (r->limit != NULL) {
		bz_worker_do_limit(w, r);
		return;
	}
	event = bz_worker_event(w, BZ_EVENT_DONE);
	if (bz_store_folder_need(w->store, r->folder, &folder, &err) == 0) {
		keep_order(w, r, &folder);
		event->listing = make(w, r, &folder, &later, &err);
		bz_folder_clear(&folder);
	}
	bz_worker_complete(w, r, event->listing == NULL ? &err : NULL, event);
	if (later)
		bz_worker_on_folders(w); /* whoever shows it asks when it has something to show */
}

/* --- rows below holes ------------------------------------------------------------------------- */

static int step_window(struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	const struct bz_request *r = arg;

	return w->ops->window(w->backend, job, r->folder, r->window, err);
}

/* A folder that is still to be refreshed is opened with the rows in view anyway. */
void bz_worker_do_window(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err = {0};

	if (w->refresh_due || g_strcmp0(w->in_view, r->folder) != 0)
		bz_worker_complete(w, r, NULL, NULL);
	else if (bz_worker_on_line(w, step_window, r, &err) == 0)
		bz_worker_do_listing(w, r);
	else
		bz_worker_complete(w, r, &err, NULL);
}
