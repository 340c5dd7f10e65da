/* What was read stays readable: messages of a live account are kept (bodies.h) and answered from
 * there before anybody dials; the neighbours of the one that is read come ahead. */
#include "src/lang.h"
#include "src/log.h"
#include "src/worker_private.h"

enum {
	AHEAD_MAX = 256 << 10,  /* bytes of a message that is fetched unasked */
	AHEAD_DELAY_US = 150000 /* of quiet before */
};

static bool is_live(const struct bz_worker *w)
{
	return (w->ops->caps & BZ_CAP_LIVE) != 0;
}

/* Not every run reads a message, and the start is short. */
struct bz_bodies *bz_worker_bodies(struct bz_worker *w)
{
	if (w->bodies == NULL) {
		g_autofree char *dir = g_path_get_dirname(w->cache_path);
		g_autofree char *path = g_build_filename(dir, "bodies.db", NULL);

		w->bodies = bz_bodies_open(path, w->account->body_cache);
	}
	return w->bodies;
}

void bz_worker_close_bodies(struct bz_worker *w)
{
	bz_bodies_close(&w->bodies);
}

/* The wire name of its folder, if that is still the folder that ref means; the caller frees. */
static char *folder_of(const struct bz_worker *w, const struct bz_msgref *ref)
{
	struct bz_folder folder;
	char *name = NULL;

	if (ref->uidvalidity == 0 ||
		bz_store_folder_by_id(w->store, ref->folder, &folder, NULL) != 0)
		return NULL;
	if (folder.uidvalidity == ref->uidvalidity)
		name = g_steal_pointer(&folder.name);
	bz_folder_clear(&folder);
	return name;
}

void bz_worker_on_gone(void *me, uint32_t folder, uint32_t uid)
{
	struct bz_worker *w = me;
	struct bz_folder known;

	if (bz_store_folder_by_id(w->store, folder, &known, NULL) != 0)
		return;
	bz_bodies_drop(bz_worker_bodies(w), known.name, uid);
	bz_folder_clear(&known);
}

/* --- what comes next -------------------------------------------------------------------------- */

static void add_ahead(struct bz_worker *w, const struct bz_msgref *ref, int64_t pos, bool above)
{
	struct bz_msgref next = *ref;
	struct bz_summary row;
	g_autofree char *folder = NULL;

	if (bz_store_beside(w->store, ref->folder, pos, above, &row, NULL) != 0)
		return;
	next.uid = row.uid;
	folder = folder_of(w, &next);
	if (folder != NULL && row.size <= AHEAD_MAX &&
		!bz_bodies_has(bz_worker_bodies(w), folder, &next))
		w->ahead[w->ahead_n++] = next;
	bz_summary_clear(&row);
}

/* The older neighbour first: lists are read from the newest down. */
static void plan_ahead(struct bz_worker *w, const struct bz_msgref *ref)
{
	struct bz_summary row;

	w->ahead_n = 0;
	if (w->account->body_cache == 0 ||
		bz_store_by_uid(w->store, ref->folder, ref->uid, &row, NULL) != 0)
		return;
	add_ahead(w, ref, row.pos, true);
	add_ahead(w, ref, row.pos, false);
	w->ahead_at = g_get_monotonic_time() + AHEAD_DELAY_US;
	bz_summary_clear(&row);
}

int64_t bz_worker_ahead_due(const struct bz_worker *w)
{
	if (w->ahead_n == 0 || w->line != BZ_LINE_ONLINE)
		return -1;
	return w->ahead_at > g_get_monotonic_time() ? w->ahead_at : 0;
}

static int step_ahead(struct bz_worker *w, const struct bz_job *job, void *ref, struct bz_err *err)
{
	g_autofree char *folder = folder_of(w, ref);
	struct bz_message *message = NULL;
	int rc;

	if (folder == NULL)
		return 0;
	rc = w->ops->fetch(w->backend, job, ref, BZ_FETCH_AHEAD, &message, err);
	if (message != NULL)
		bz_bodies_put(bz_worker_bodies(w), folder, ref, message);
	bz_message_unref(message);
	return rc;
}

/* Nobody waits for it: what a failure means for the line is said there, the rest to nobody. */
void bz_worker_ahead(struct bz_worker *w)
{
	struct bz_msgref ref = w->ahead[--w->ahead_n];
	struct bz_err err = {0};

	(void)bz_worker_on_line(w, step_ahead, &ref, &err);
}

/* --- reading ---------------------------------------------------------------------------------- */

void bz_worker_keep(struct bz_worker *w, enum bz_fetch what, const struct bz_message *message)
{
	g_autofree char *folder = is_live(w) ? folder_of(w, &message->ref) : NULL;

	if (folder == NULL || what != BZ_FETCH_TEXT)
		return;
	bz_bodies_put(bz_worker_bodies(w), folder, &message->ref, message);
	plan_ahead(w, &message->ref);
}

/* It was asked for only if it is here. */
static bool refuse(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err;

	if (r->fetch != BZ_FETCH_KEPT)
		return false;
	bz_err_set(&err, BZ_ERR_NET, BZ_CODE_NOT_FOUND,
		_("This message is not kept here; it comes once %s is online."), w->account->id);
	bz_worker_complete(w, r, &err, NULL);
	return true;
}

bool bz_worker_do_kept(struct bz_worker *w, struct bz_request *r)
{
	struct bz_msgref ref = g_array_index(r->refs, struct bz_msgref, 0);
	struct bz_message *message = NULL;
	struct bz_event *event;
	g_autofree char *folder = NULL;

	if (!is_live(w) || (r->fetch != BZ_FETCH_TEXT && r->fetch != BZ_FETCH_KEPT))
		return false;
	folder = folder_of(w, &ref);
	if (folder != NULL)
		message = bz_bodies_get(bz_worker_bodies(w), folder, &ref);
	if (message == NULL)
		return refuse(w, r);
	event = bz_worker_event(w, BZ_EVENT_DONE);
	event->message = message;
	bz_worker_complete(w, r, NULL, event);
	plan_ahead(w, &ref);
	return true;
}

/* --- while the line is silent ----------------------------------------------------------------- */

/* A waiting FETCH that was not looked up yet: its id, or 0. */
static uint64_t next_unknown(struct bz_worker *w, struct bz_msgref *ref)
{
	uint64_t id = 0;

	pthread_mutex_lock(&w->lock);
	for (GList *l = w->queue.head; l != NULL && id == 0; l = l->next) {
		struct bz_request *r = l->data;

		if (r->kind != BZ_REQ_FETCH || r->is_looked_up || r->fetch == BZ_FETCH_RAW)
			continue;
		r->is_looked_up = true;
		*ref = g_array_index(r->refs, struct bz_msgref, 0);
		id = r->id;
	}
	pthread_mutex_unlock(&w->lock);
	return id;
}

static void mark_kept(struct bz_worker *w, uint64_t id)
{
	pthread_mutex_lock(&w->lock);
	for (GList *l = w->queue.head; l != NULL; l = l->next) {
		struct bz_request *r = l->data;

		r->is_kept = r->is_kept || r->id == id;
	}
	pthread_mutex_unlock(&w->lock);
}

/* Asked without the lock: the file may be another process's for a moment, and the UI thread must
 * not wait for that. */
void bz_worker_look_up_kept(struct bz_worker *w)
{
	struct bz_msgref ref;
	uint64_t id;

	if (!is_live(w))
		return;
	while ((id = next_unknown(w, &ref)) != 0) {
		g_autofree char *folder = folder_of(w, &ref);

		if (folder != NULL && bz_bodies_has(bz_worker_bodies(w), folder, &ref))
			mark_kept(w, id);
	}
}
