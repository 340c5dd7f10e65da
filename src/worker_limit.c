/* Listings by limit words: row by row from the store, in pieces between the person's requests. */
#include "src/limit.h"
#include "src/worker_private.h"

enum { WINDOW = 100 };
#define PIECE_US (50 * 1000)

void bz_sift_free(struct bz_sift *sift)
{
	if (sift == NULL)
		return;
	bz_limit_free(sift->limit);
	if (sift->ids != NULL)
		g_array_unref(sift->ids);
	if (sift->found != NULL)
		g_array_unref(sift->found);
	g_array_unref(sift->matched);
	bz_search_clear(&sift->search);
	g_free(sift);
}

static bool is_live(const struct bz_worker *w)
{
	return (w->ops->caps & BZ_CAP_LIVE) != 0;
}

static struct bz_sift *begin(const struct bz_request *r, struct bz_err *err)
{
	struct bz_limit *limit =
		bz_limit_parse(r->limit, g_get_real_time() / G_USEC_PER_SEC, NULL, err);
	struct bz_sift *sift;

	if (limit == NULL)
		return NULL;
	sift = g_new0(struct bz_sift, 1);
	sift->limit = limit;
	sift->matched = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	sift->began = g_get_monotonic_time();
	return sift;
}

static int find_rows(struct bz_worker *w, struct bz_request *r, struct bz_err *err)
{
	struct bz_sift *sift = r->sift;
	struct bz_folder folder;

	if (bz_store_folder_need(w->store, r->folder, &folder, err) != 0)
		return -1;
	sift->folder = folder.id;
	sift->uidvalidity = folder.uidvalidity;
	sift->exists = folder.exists;
	bz_folder_clear(&folder);
	sift->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	sift->found = bz_worker_found(w, r->folder, sift->uidvalidity, r->limit);
	return bz_store_ids(w->store, sift->folder, sift->ids, err);
}

/* --- a row's message, where it is on this computer -------------------------------------------- */

struct reading {
	struct bz_worker *worker;
	const struct bz_sift *sift;
	struct bz_job job;
};

static struct bz_message *read_message(void *me, const struct bz_summary *row)
{
	const struct reading *r = me;
	struct bz_msgref ref = {r->sift->folder, r->sift->uidvalidity, row->uid};
	struct bz_message *message = NULL;
	struct bz_err err;

	if ((row->flags & BZ_FLAG_LEFT) != 0) /* opening it would download it */
		return NULL;
	return r->worker->ops->fetch(
		       r->worker->backend, &r->job, &ref, BZ_FETCH_TEXT, &message, &err) == 0
		       ? message
		       : NULL;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* Where the row does not decide, the server does. */
static bool fits(const struct bz_sift *sift, const struct bz_summary *row)
{
	enum bz_verdict verdict = bz_limit_judge(sift->limit, row);

	if (verdict != BZ_VERDICT_OPEN || sift->found == NULL)
		return verdict == BZ_VERDICT_YES;
	return bz_uid_is_in(sift->found, row->uid);
}

static void try_rows(struct bz_sift *sift, struct bz_summary *rows, guint n,
	const struct bz_limit_source *source, int64_t until)
{
	guint i = 0;

	while (i < n && (i == 0 || g_get_monotonic_time() < until)) {
		if (rows[i].row != 0 &&
			(source != NULL ? bz_limit_match(sift->limit, &rows[i], source)
					: fits(sift, &rows[i])))
			g_array_append_val(sift->matched, rows[i].row);
		i++;
	}
	sift->done += i;
	for (i = 0; i < n; i++)
		bz_summary_clear(&rows[i]);
}

static int piece(struct bz_worker *w, struct bz_sift *sift, struct bz_err *err)
{
	int64_t until = g_get_monotonic_time() + PIECE_US;
	struct reading reading = {w, sift, {0}};
	struct bz_limit_source source = {&reading, read_message};
	bool local = !is_live(w) && w->ops->fetch != NULL;

	bz_worker_begin_job(w, &reading.job, NULL);
	while (sift->done < sift->ids->len && g_get_monotonic_time() < until) {
		struct bz_summary rows[WINDOW];
		guint n = MIN(sift->ids->len - sift->done, WINDOW);

		if (bz_store_window(w->store, &g_array_index(sift->ids, uint32_t, sift->done), n,
			    rows, err) != 0)
			return -1;
		try_rows(sift, rows, n, local ? &source : NULL, until);
	}
	return 0;
}

/* Rows that are not known, or what no row holds. */
static bool may_be_more(const struct bz_worker *w, const struct bz_sift *sift)
{
	return is_live(w) && w->ops->search != NULL && !bz_limit_is_empty(sift->limit) &&
	       (sift->ids->len < sift->exists || bz_limit_needs_text(sift->limit));
}

static void answer(struct bz_worker *w, struct bz_request *r)
{
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_DONE);
	struct bz_sift *sift = r->sift;

	event->listing =
		bz_listing_new(sift->folder, g_array_ref(sift->matched), sift->matched->len);
	event->known = sift->ids->len;
	event->asks_server = r->kind != BZ_REQ_SEARCH && may_be_more(w, sift);
	event->is_cut = sift->search.is_cut;
	event->is_plain = sift->search.is_plain;
	event->took = sift->took;
	bz_worker_complete(w, r, NULL, event);
}

void bz_worker_do_limit(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err = {0};

	if (r->sift == NULL)
		r->sift = begin(r, &err);
	if (r->sift != NULL && r->kind == BZ_REQ_SEARCH && !r->sift->is_over &&
		!bz_worker_search(w, r))
		return;
	if (r->sift != NULL && r->sift->ids == NULL)
		(void)find_rows(w, r, &err);
	while (err.kind == BZ_ERR_NONE && r->sift->done < r->sift->ids->len) {
		if (piece(w, r->sift, &err) != 0)
			break;
		if (g_cancellable_is_cancelled(w->cancel) ||
			(r->sift->done < r->sift->ids->len && w->report.hurry(w))) {
			bz_worker_again(w, r, NULL);
			return;
		}
	}
	if (err.kind != BZ_ERR_NONE)
		bz_worker_complete(w, r, &err, NULL);
	else
		answer(w, r);
}
