/* Listings by limit words: row by row from the store, in pieces between the person's requests. */
#include "src/lang.h"
#include "src/limit.h"
#include "src/worker_private.h"

enum { WINDOW = 100 };
#define PIECE_US (50 * 1000)

struct bz_sift {
	struct bz_limit *limit;
	uint32_t folder;
	uint32_t uidvalidity;
	GArray *ids;     /* guint32, all of the folder, newest first */
	guint done;      /* of ids */
	GArray *matched; /* guint32, newest first */
};

void bz_sift_free(struct bz_sift *sift)
{
	if (sift == NULL)
		return;
	bz_limit_free(sift->limit);
	g_array_unref(sift->ids);
	g_array_unref(sift->matched);
	g_free(sift);
}

/* body: and cc: of mail that is on a server would be a download of the folder. */
static int check_text(const struct bz_worker *w, const struct bz_limit *limit, struct bz_err *err)
{
	if ((w->ops->caps & BZ_CAP_LIVE) == 0 || !bz_limit_needs_text(limit))
		return 0;
	return bz_err_set(err, BZ_ERR_UNSUPPORTED, BZ_CODE_NONE,
		_("body: and cc: look through mail that is on this computer; the mail of %s is on "
		  "the server."),
		w->account->id);
}

static int find_rows(
	struct bz_worker *w, struct bz_sift *sift, const char *name, struct bz_err *err)
{
	struct bz_folder folder;
	int rc = bz_store_folder_need(w->store, name, &folder, err);

	if (rc != 0)
		return -1;
	sift->folder = folder.id;
	sift->uidvalidity = folder.uidvalidity;
	bz_folder_clear(&folder);
	return bz_store_ids(w->store, sift->folder, sift->ids, err);
}

static struct bz_sift *begin(struct bz_worker *w, const struct bz_request *r, struct bz_err *err)
{
	struct bz_limit *limit =
		bz_limit_parse(r->limit, g_get_real_time() / G_USEC_PER_SEC, NULL, err);
	struct bz_sift *sift;

	if (limit == NULL)
		return NULL;
	sift = g_new0(struct bz_sift, 1);
	sift->limit = limit;
	sift->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	sift->matched = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	if (check_text(w, limit, err) != 0 || find_rows(w, sift, r->folder, err) != 0)
		g_clear_pointer(&sift, bz_sift_free);
	return sift;
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

static void try_rows(struct bz_sift *sift, struct bz_summary *rows, guint n,
	const struct bz_limit_source *source, int64_t until)
{
	guint i = 0;

	while (i < n && (i == 0 || g_get_monotonic_time() < until)) {
		if (rows[i].row != 0 && bz_limit_match(sift->limit, &rows[i], source))
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
	bool local = (w->ops->caps & BZ_CAP_LIVE) == 0 && w->ops->fetch != NULL;

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

static void answer(struct bz_worker *w, struct bz_request *r)
{
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_DONE);
	struct bz_sift *sift = r->sift;

	event->listing =
		bz_listing_new(sift->folder, g_array_ref(sift->matched), sift->matched->len);
	bz_worker_complete(w, r, NULL, event);
}

void bz_worker_do_limit(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err = {0};

	if (r->sift == NULL)
		r->sift = begin(w, r, &err);
	while (r->sift != NULL && r->sift->done < r->sift->ids->len) {
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
