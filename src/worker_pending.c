/* Changes that find no line: kept, shown, and made once there is one. */
#include "src/log.h"
#include "src/pending.h"
#include "src/replay.h"
#include "src/worker_private.h"

#define PATIENCE_US (2 * G_USEC_PER_SEC) /* with a silent line, before a change is kept */

static bool is_live(const struct bz_worker *w)
{
	return (w->ops->caps & BZ_CAP_LIVE) != 0 && bz_store_has_state(w->store);
}

/* --- how many wait ---------------------------------------------------------------------------- */

static void count(struct bz_worker *w)
{
	uint32_t before = w->pending;
	struct bz_event *event;

	if (bz_store_pending_count(w->store, &w->pending, NULL) != 0 || w->pending == before)
		return;
	event = bz_worker_event(w, BZ_EVENT_WAITING);
	event->done = w->pending;
	bz_mailbag_post(w->bag, event);
}

void bz_worker_begin_pending(struct bz_worker *w)
{
	struct bz_err err = {0};

	if (!is_live(w))
		return;
	if (bz_pending_show(w->store, &err) != 0)
		bz_worker_on_note(w, err.text);
	(void)bz_store_state_changed_outside(w->store);
	count(w);
}

/* --- what may wait ---------------------------------------------------------------------------- */

static const struct bz_msgref *refs_of(const struct bz_request *r)
{
	return (const struct bz_msgref *)(void *)r->refs->data;
}

/* Without a UIDVALIDITY nobody knows later which messages were meant. */
static bool can_wait(const struct bz_worker *w, const struct bz_request *r)
{
	return is_live(w) && (r->kind == BZ_REQ_FLAGS || (r->kind == BZ_REQ_MOVE && !r->copy)) &&
	       r->refs != NULL && r->refs->len > 0 && refs_of(r)[0].uidvalidity != 0;
}

static bool takes_back(const struct bz_worker *w, const struct bz_request *r)
{
	if (!is_live(w) || r->kind != BZ_REQ_MOVE || r->refs == NULL)
		return false;
	for (guint i = 0; i < r->refs->len; i++)
		if (refs_of(r)[i].folder == BZ_PENDING_FOLDER)
			return true;
	return false;
}

static bool quits(struct bz_worker *w)
{
	bool quit;

	pthread_mutex_lock(&w->lock);
	quit = w->quit;
	pthread_mutex_unlock(&w->lock);
	return quit;
}

static bool is_down(struct bz_worker *w)
{
	switch (w->line) {
	case BZ_LINE_CHOICE:
	case BZ_LINE_ASK_TRUST:
	case BZ_LINE_ASK_PASSWORD:
		return true;
	case BZ_LINE_OFFLINE:
		return w->retry_at > g_get_monotonic_time() || quits(w);
	default:
		return (w->hurried && w->line != BZ_LINE_ONLINE) || quits(w);
	}
}

/* A move is left alone once it runs: half of it could be done. */
bool bz_worker_change_is_urgent(struct bz_worker *w)
{
	bool moves = w->current != NULL && w->current->kind == BZ_REQ_MOVE;
	bool waits =
		w->current != NULL && w->current->kind == BZ_REQ_FLAGS && can_wait(w, w->current);
	int64_t now = g_get_monotonic_time();

	for (const GList *l = w->queue.head; l != NULL && !waits; l = l->next)
		waits = can_wait(w, l->data);
	if (!waits)
		w->change_since = 0;
	else if (w->change_since == 0)
		w->change_since = now;
	return waits && !moves && now - w->change_since > PATIENCE_US;
}

bool bz_worker_is_to_wait(struct bz_worker *w, const struct bz_request *r)
{
	return takes_back(w, r) || (can_wait(w, r) && is_down(w));
}

/* Esc is the person's word; what came in its way otherwise is not. */
static bool is_for_want_of_line(struct bz_worker *w, const struct bz_err *err)
{
	switch (err->kind) {
	case BZ_ERR_NET:
	case BZ_ERR_TIMEOUT:
	case BZ_ERR_TLS:
	case BZ_ERR_TRUST:
	case BZ_ERR_AUTH:
		return true;
	case BZ_ERR_CANCELLED:
		return err->code == BZ_CODE_HURRY || quits(w);
	default:
		return false;
	}
}

/* --- letting it wait -------------------------------------------------------------------------- */

/* tried: just now, on the line. */
static int keep(struct bz_worker *w, const struct bz_request *r, bool tried, GArray *moved,
	struct bz_err *err)
{
	const struct bz_halfway halfway = tried ? w->halfway : (struct bz_halfway){0};
	int rc = r->kind == BZ_REQ_FLAGS ? bz_pending_flags(w->store, &w->report, refs_of(r),
						   r->refs->len, r->add, r->remove, tried, err)
					 : bz_pending_move(w->store, &w->report, refs_of(r),
						   r->refs->len, r->folder, &halfway, moved, err);

	count(w);
	return rc;
}

/* What became of a move in whose midst the line was lost must be to be found out. */
static bool can_wait_now(struct bz_worker *w, const struct bz_request *r, const struct bz_err *err)
{
	return can_wait(w, r) && is_for_want_of_line(w, err) &&
	       (!w->halfway.is || w->halfway.uidnext != 0);
}

int bz_worker_wait_instead(
	struct bz_worker *w, const struct bz_request *r, GArray *moved, int rc, struct bz_err *err)
{
	struct bz_err own = {0};

	if (rc == 0)
		return 0;
	if (can_wait_now(w, r, err)) {
		rc = keep(w, r, true, moved, &own);
		if (rc == 0 || own.kind != BZ_ERR_STALE) /* else their rows are not known here */
			*err = own;
	} else if (w->halfway.is && err->kind == BZ_ERR_CANCELLED) {
		bz_worker_on_note(w, err->text); /* nothing else is said of those */
	}
	return rc;
}

/* Those that wait go out of the request; the rest of it stays. */
static int take_back(struct bz_worker *w, struct bz_request *r, GArray *moved, struct bz_err *err)
{
	GArray *waiting = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	int rc;

	for (guint i = r->refs->len; i > 0; i--) {
		struct bz_msgref ref = refs_of(r)[i - 1];

		if (ref.folder != BZ_PENDING_FOLDER)
			continue;
		g_array_append_val(waiting, ref);
		g_array_remove_index(r->refs, i - 1);
	}
	rc = bz_pending_take_back(w->store, &w->report,
		(const struct bz_msgref *)(void *)waiting->data, waiting->len, moved, err);
	g_array_unref(waiting);
	count(w);
	return rc;
}

static void on_moved(void *me, GArray *moved)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_MOVED);

	event->moved = moved;
	bz_mailbag_post(w->bag, event);
}

bool bz_worker_do_pending(struct bz_worker *w, struct bz_request *r)
{
	bool some_waited = takes_back(w, r);
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_DONE);
	struct bz_err err = {0};
	int rc = 0;

	if (r->kind == BZ_REQ_MOVE)
		event->moved = g_array_new(FALSE, TRUE, sizeof(struct bz_moved));
	if (some_waited)
		rc = take_back(w, r, event->moved, &err);
	if (rc == 0 && r->refs->len > 0) {
		if (is_down(w)) {
			rc = keep(w, r, false, event->moved, &err);
		} else {
			on_moved(w, g_array_ref(event->moved));
			bz_event_free(event);
			bz_worker_do_mail(w, r); /* these have been moved since */
			return true;
		}
	}
	if (rc != 0 && err.kind == BZ_ERR_STALE && !some_waited) {
		bz_event_free(event);
		return false;
	}
	bz_worker_complete(w, r, rc == 0 ? NULL : &err, event);
	return true;
}

/* --- on the line ------------------------------------------------------------------------------ */

int bz_worker_replay(struct bz_worker *w, const struct bz_job *job, struct bz_err *err)
{
	const struct bz_replay replay = {w->ops, w->backend, w->store, job, on_moved, w};
	int rc;

	if (!is_live(w))
		return 0;
	if (bz_store_state_changed_outside(w->store))
		count(w);
	if (w->pending == 0)
		return 0;
	rc = bz_replay_all(&replay, err);
	count(w);
	w->refresh_due = w->refresh_due || (rc == 0 && w->in_view != NULL);
	return rc;
}
