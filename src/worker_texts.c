/* Texts that nobody asked for yet (keep-bodies): of the folder in view, once it is listed, newest
 * first, one message at a time behind everything else. */
#include "src/worker_private.h"

#define PIECE_US 20000 /* of looking for one that is not kept */
#define BUSY_US 700000 /* of fetching; */
#define REST_US 30000  /* then for so long the folder is watched as ever */
#define DAY_SECONDS 86400

static bool is_wanted(const struct bz_worker *w)
{
	return w->account->keep_bodies != BZ_KEEP_BODIES_SEEN && w->account->body_cache > 0 &&
	       (w->ops->caps & BZ_CAP_LIVE) != 0 && w->ops->fetch != NULL && w->is_opened;
}

/* From the newest down again; what was looked at is passed over. */
static void from_the_top(struct bz_texts *t)
{
	t->at = INT64_MAX;
	t->top = INT64_MIN;
	t->is_over = false;
}

void bz_worker_texts_open(struct bz_worker *w, bool same)
{
	struct bz_texts *t = &w->texts;

	if (!same)
		*t = (struct bz_texts){.low = INT64_MAX, .high = INT64_MIN};
	t->is_full = false;
	from_the_top(t);
}

void bz_worker_texts_note(struct bz_worker *w, const struct bz_change *change)
{
	if (change->kind == BZ_CHANGE_REBUILD)
		bz_worker_texts_open(w, false);
	else if (change->kind == BZ_CHANGE_NEWER || change->kind == BZ_CHANGE_OLDER)
		from_the_top(&w->texts);
}

int64_t bz_worker_texts_due(const struct bz_worker *w)
{
	const struct bz_texts *t = &w->texts;

	if (!is_wanted(w) || t->is_over || t->is_full || w->line != BZ_LINE_ONLINE ||
		!w->is_current || w->in_view == NULL || w->more || w->refresh_due ||
		w->retry_at > 0 || w->ahead_n > 0)
		return -1;
	return t->rest_until > g_get_monotonic_time() ? t->rest_until : 0;
}

/* --- which is next ---------------------------------------------------------------------------- */

static void join(struct bz_texts *t)
{
	t->high = MAX(t->high, t->top);
}

/* That row is done with. */
static void pass(struct bz_texts *t, int64_t pos)
{
	t->at = pos;
	t->top = MAX(t->top, pos);
	if (pos < t->low) {
		t->low = pos;
		join(t);
	}
}

static bool is_young(const struct bz_worker *w, const struct bz_summary *row)
{
	int64_t now = g_get_real_time() / G_USEC_PER_SEC;

	return w->account->keep_bodies == BZ_KEEP_BODIES_ALL ||
	       row->received >= now - (int64_t)w->account->keep_bodies_days * DAY_SECONDS;
}

/* The folder is given as its row in the store. */
static bool is_missing(
	struct bz_worker *w, const struct bz_folder *folder, const struct bz_summary *row)
{
	struct bz_msgref ref = {folder->id, folder->uidvalidity, row->uid};

	return is_young(w, row) && !bz_bodies_has(bz_worker_bodies(w), folder->name, &ref);
}

/* 0: *ref and *pos are the next; 1: none is in sight, or there are no more. */
static int find(
	struct bz_worker *w, const struct bz_folder *folder, struct bz_msgref *ref, int64_t *pos)
{
	struct bz_texts *t = &w->texts;
	int64_t until = g_get_monotonic_time() + PIECE_US;
	struct bz_summary row;

	while (g_get_monotonic_time() < until) {
		if (bz_store_beside(w->store, folder->id, t->at, false, &row, NULL) != 0) {
			join(t);
			t->is_over = true;
			return 1;
		}
		*ref = (struct bz_msgref){folder->id, folder->uidvalidity, row.uid};
		*pos = row.pos;
		if (*pos >= t->low && *pos <= t->high) {
			join(t);
			t->at = t->low;
		} else if (is_missing(w, folder, &row)) {
			bz_summary_clear(&row);
			return 0;
		} else {
			pass(t, *pos);
		}
		bz_summary_clear(&row);
	}
	return 1;
}

/* --- fetching it ------------------------------------------------------------------------------ */

struct text {
	struct bz_msgref ref;
	const char *folder;
	bool gave_way; /* out */
};

static int step(struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	struct text *x = arg;
	struct bz_message *message = NULL;
	int rc = w->ops->fetch(w->backend, job, &x->ref, BZ_FETCH_QUIET, &message, err);

	if (message != NULL)
		w->texts.is_full =
			!bz_bodies_put_quiet(bz_worker_bodies(w), x->folder, &x->ref, message);
	else
		x->gave_way = rc == 0 && w->report.hurry(w);
	bz_message_unref(message);
	return rc;
}

/* One that the line broke at is tried once more, not for ever. */
static bool is_to_be_tried_again(struct bz_texts *t, const struct text *x, const struct bz_err *err)
{
	bool answered = err->kind == BZ_ERR_NONE || err->kind == BZ_ERR_REFUSED ||
			err->kind == BZ_ERR_STALE;
	bool again = x->gave_way || (!answered && t->failed != x->ref.uid);

	if (!answered)
		t->failed = x->ref.uid;
	return again;
}

static void fetch(struct bz_worker *w, const struct bz_folder *folder)
{
	struct text x = {.folder = folder->name};
	struct bz_err err = {0};
	int64_t pos;

	if (find(w, folder, &x.ref, &pos) != 0)
		return;
	(void)bz_worker_on_line(w, step, &x, &err);
	if (!is_to_be_tried_again(&w->texts, &x, &err))
		pass(&w->texts, pos);
}

void bz_worker_texts(struct bz_worker *w)
{
	struct bz_texts *t = &w->texts;
	int64_t now = g_get_monotonic_time();
	struct bz_folder folder;

	if (t->busy_until == 0 || t->rest_until > 0)
		t->busy_until = now + BUSY_US;
	t->rest_until = 0;
	if (bz_store_folder_by_name(w->store, w->in_view, &folder, NULL) != 0) {
		t->is_over = true;
		return;
	}
	fetch(w, &folder);
	bz_folder_clear(&folder);
	now = g_get_monotonic_time();
	if (now >= t->busy_until)
		t->rest_until = now + REST_US;
}
