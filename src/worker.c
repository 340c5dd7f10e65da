#include "src/worker.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/paths.h"
#include "src/secret.h"
#include "src/worker_private.h"

#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* --- telling the UI --------------------------------------------------------------------------- */

struct bz_event *bz_worker_event(const struct bz_worker *w, enum bz_event_kind kind)
{
	struct bz_event *event = g_new0(struct bz_event, 1);

	event->kind = kind;
	event->account = w->number;
	return event;
}

void bz_worker_complete(struct bz_worker *w, struct bz_request *request, const struct bz_err *err,
	struct bz_event *event)
{
	if (event == NULL)
		event = bz_worker_event(w, BZ_EVENT_DONE);
	event->request = request->id;
	event->request_kind = request->kind;
	if (err != NULL)
		event->err = *err;
	bz_mailbag_post(w->bag, event);
	bz_request_free(request);
}

static void complete(struct bz_worker *w, struct bz_request *request, const struct bz_err *err,
	struct bz_listing *listing, struct bz_message *message)
{
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_DONE);

	event->listing = listing;
	event->message = message;
	bz_worker_complete(w, request, err, event);
}

void bz_worker_again(struct bz_worker *w, struct bz_request *request, struct bz_event *event)
{
	bool stopped;

	bz_event_free(event);
	pthread_mutex_lock(&w->lock);
	stopped = w->stopped || w->quit;
	if (!stopped)
		g_queue_push_tail(&w->queue, request);
	pthread_mutex_unlock(&w->lock);
	if (stopped) {
		struct bz_err err;

		bz_err_set(&err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
		bz_worker_complete(w, request, &err, NULL);
	}
}

static bool on_hurry(void *me)
{
	struct bz_worker *w = me;
	bool waiting;

	pthread_mutex_lock(&w->lock);
	waiting = w->quit || !g_queue_is_empty(&w->queue);
	pthread_mutex_unlock(&w->lock);
	return waiting;
}

/* A message that only the server has, though mail is local here. */
static bool is_left_fetch(const struct bz_worker *w, const struct bz_request *r)
{
	return r->kind == BZ_REQ_FETCH && (w->ops->caps & BZ_CAP_LIVE) == 0 &&
	       g_array_index(r->refs, struct bz_msgref, 0).uid >= BZ_UID_LEFT;
}

/* Requests of the person that need no line; a LISTING of all is the screen's own and can wait. */
static bool is_urgent(const struct bz_worker *w, const struct bz_request *r)
{
	bool local_mail = (w->ops->caps & BZ_CAP_LIVE) == 0;

	if (is_left_fetch(w, r))
		return false;
	return r->is_kept || r->kind == BZ_REQ_OPEN || r->kind == BZ_REQ_OFFLINE ||
	       (r->kind == BZ_REQ_LISTING && r->limit != NULL) ||
	       (local_mail && (r->kind == BZ_REQ_FETCH || r->kind == BZ_REQ_FLAGS ||
				      (r->kind >= BZ_REQ_MOVE && r->kind <= BZ_REQ_FOLDER_DELETE)));
}

static bool on_urgent(void *me)
{
	struct bz_worker *w = me;
	bool urgent;

	bz_worker_look_up_kept(w);
	pthread_mutex_lock(&w->lock);
	urgent = w->quit;
	for (const GList *l = w->queue.head; l != NULL && !urgent; l = l->next)
		urgent = is_urgent(w, l->data);
	urgent = bz_worker_change_is_urgent(w) || urgent;
	pthread_mutex_unlock(&w->lock);
	return urgent;
}

/* --- requests --------------------------------------------------------------------------------- */

static void keep_in_view(struct bz_worker *w, const struct bz_request *r)
{
	bz_worker_texts_open(w, g_strcmp0(w->in_view, r->folder) == 0);
	g_free(w->in_view);
	w->in_view = g_strdup(r->folder);
	w->window = r->window;
	w->more = false;
	w->ahead_n = 0;
}

static void do_open(struct bz_worker *w, struct bz_request *r)
{
	keep_in_view(w, r);
	w->is_opened = true;
	w->refresh_due = bz_worker_is_remote(w); /* behind a countdown it waits for its end */
	w->looking = w->ops->look != NULL;
	bz_worker_do_listing(w, r);
}

static void do_line_request(struct bz_worker *w, struct bz_request *r, bz_worker_step *f, void *arg)
{
	struct bz_err err = {0};
	int rc = bz_worker_on_line(w, f, arg, &err);

	rc = bz_worker_wait_instead(w, r, NULL, rc, &err);
	complete(w, r, rc == 0 ? NULL : &err, NULL, NULL);
}

/* One piece of local work; its failures are notes, for nobody waits. */
static int look(struct bz_worker *w, struct bz_err *err)
{
	struct bz_job job;
	int rc;

	bz_worker_begin_job(w, &job, NULL);
	rc = w->ops->look(w->backend, &job, &w->looking, err);
	if (rc != 0)
		w->looking = false;
	return rc;
}

static int step_forecast(
	struct bz_worker *w, const struct bz_job *job, void *copies, struct bz_err *err)
{
	struct bz_job dry = *job;

	dry.forecast = copies;
	return w->ops->refresh(w->backend, &dry, w->in_view, w->window, err);
}

static void do_forecast(struct bz_worker *w, struct bz_request *r)
{
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_DONE);
	struct bz_err err = {0};
	int rc;

	event->copies = bz_copies_new();
	rc = bz_worker_on_line(w, step_forecast, event->copies, &err);
	bz_worker_complete(w, r, rc == 0 ? NULL : &err, event);
}

static void refuse_offline(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err;

	bz_err_set(&err, BZ_ERR_NET, BZ_CODE_NONE,
		_("%s is offline by choice. What is kept here stays readable; w goes online "
		  "again."),
		w->account->id);
	complete(w, r, &err, NULL, NULL);
}

/* What stands in files is looked at first, with a line or without. */
static void do_refresh(struct bz_worker *w, struct bz_request *r)
{
	g_autofree char *folder = g_strdup(r->folder);
	struct bz_err err = {0};
	int rc = 0;

	keep_in_view(w, r);
	w->refresh_due = false;
	w->folders_known = false; /* others make folders, too */
	w->looking = w->ops->look != NULL;
	while (w->looking && rc == 0)
		rc = look(w, &err);
	if (rc != 0)
		complete(w, r, &err, NULL, NULL);
	else if (w->line == BZ_LINE_CHOICE)
		refuse_offline(w, r);
	else if (r->dry_run)
		do_forecast(w, r);
	else
		do_line_request(w, r, bz_worker_step_refresh, folder);
}

static void do_fetch(struct bz_worker *w, struct bz_request *r)
{
	struct bz_worker_fetch f = {.request = r};
	struct bz_message *message;
	enum bz_fetch what;
	struct bz_err err = {0};
	int rc = bz_worker_on_line(w, bz_worker_step_fetch, &f, &err);

	/* what else is new comes behind it */
	w->more = w->more || (rc == 0 && is_left_fetch(w, r));
	if (rc == 0 && f.message == NULL) {
		bz_worker_again(w, r, NULL);
		return;
	}
	if (rc != 0 && err.kind == BZ_ERR_STALE)
		w->refresh_due = w->in_view != NULL;
	what = r->fetch;
	message = f.message != NULL ? bz_message_ref(f.message) : NULL;
	complete(w, r, rc == 0 ? NULL : &err, NULL, f.message);
	if (message != NULL)
		bz_worker_keep(w, what, message); /* once the person has it */
	bz_message_unref(message);
}

static void do_trust(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err = {0};
	int rc = 0;

	if (r->pin)
		rc = bz_store_pin_set(
			w->store, w->account->host, w->account->port, r->cert.sha256, &err);
	else if (r->cert.why == BZ_CODE_CERT_CHANGED)
		rc = bz_err_set(&err, BZ_ERR_TRUST, BZ_CODE_CERT_CHANGED,
			_("The certificate of %s changed; it is not accepted for one run."),
			w->account->host);
	else
		w->once = r->cert;
	w->has_once = w->has_once || (rc == 0 && !r->pin);
	if (rc == 0) {
		w->line = BZ_LINE_NONE;
		w->refresh_due = true;
		w->retry_at = 0;
	}
	complete(w, r, rc == 0 ? NULL : &err, NULL, NULL);
}

static void do_password(struct bz_worker *w, struct bz_request *r)
{
	bz_secret_free(w->password);
	w->password = g_steal_pointer(&r->secret);
	w->line = BZ_LINE_NONE;
	w->refresh_due = true;
	w->retry_at = 0;
	complete(w, r, NULL, NULL, NULL);
}

static void do_offline(struct bz_worker *w, struct bz_request *r)
{
	if (r->on) {
		if (w->ops->disconnect != NULL)
			w->ops->disconnect(w->backend);
		w->more = false;
		w->retry_at = 0;
		w->refresh_due = false;
		bz_worker_tell_line(w, BZ_LINE_CHOICE, NULL, NULL, 0);
	} else if (w->line == BZ_LINE_CHOICE) {
		w->line = BZ_LINE_NONE;
		w->refresh_due = true;
	}
	complete(w, r, NULL, NULL, NULL);
}

static bool is_supported(const struct bz_worker *w, enum bz_request_kind kind)
{
	switch (kind) {
	case BZ_REQ_FOLDERS:
		return w->ops->list_folders != NULL;
	case BZ_REQ_WINDOW:
		return w->ops->window != NULL;
	case BZ_REQ_FETCH:
		return w->ops->fetch != NULL;
	case BZ_REQ_FLAGS:
		return w->ops->set_flags != NULL;
	case BZ_REQ_SEARCH:
		return w->ops->search != NULL;
	case BZ_REQ_RENDER:
		return false;
	default:
		return kind < BZ_REQ_MOVE || bz_worker_mail_is_supported(w, kind);
	}
}

/* A request that needs the line while the person has it switched off or must answer first. POP
 * reads and flags without a line. */
static bool needs_line(const struct bz_worker *w, const struct bz_request *r)
{
	enum bz_request_kind kind = r->kind;

	if (!bz_worker_is_remote(w))
		return false;
	if (is_left_fetch(w, r))
		return true;
	if (kind == BZ_REQ_FETCH || kind == BZ_REQ_FLAGS || kind == BZ_REQ_FOLDERS)
		return (w->ops->caps & BZ_CAP_LIVE) != 0;
	return kind == BZ_REQ_REFRESH || kind == BZ_REQ_WINDOW || kind == BZ_REQ_SEARCH ||
	       bz_worker_mail_needs_line(w, kind);
}

/* What reads local files only must not touch the line's state. */
static void do_local(struct bz_worker *w, struct bz_request *r)
{
	struct bz_worker_fetch f = {.request = r};
	struct bz_err err = {0};
	struct bz_job job;
	int rc;

	bz_worker_begin_job(w, &job, NULL);
	if (r->kind == BZ_REQ_FOLDERS)
		rc = bz_worker_step_folders(w, &job, NULL, &err);
	else
		rc = r->kind == BZ_REQ_FETCH ? bz_worker_step_fetch(w, &job, &f, &err)
					     : bz_worker_step_flags(w, &job, r, &err);
	if (rc != 0 && err.kind == BZ_ERR_STALE) {
		w->refresh_due = w->in_view != NULL;
		w->looking = w->ops->look != NULL;
	}
	complete(w, r, rc == 0 ? NULL : &err, NULL, f.message);
}

static void dispatch(struct bz_worker *w, struct bz_request *r)
{
	switch (r->kind) {
	case BZ_REQ_OPEN:
		do_open(w, r);
		break;
	case BZ_REQ_LISTING:
		bz_worker_do_listing(w, r);
		break;
	case BZ_REQ_REFRESH:
		do_refresh(w, r);
		break;
	case BZ_REQ_FOLDERS:
		do_line_request(w, r, bz_worker_step_folders, NULL);
		break;
	case BZ_REQ_WINDOW:
		bz_worker_do_window(w, r);
		break;
	case BZ_REQ_FETCH:
		do_fetch(w, r);
		break;
	case BZ_REQ_FLAGS:
		do_line_request(w, r, bz_worker_step_flags, r);
		break;
	case BZ_REQ_TRUST:
		do_trust(w, r);
		break;
	case BZ_REQ_PASSWORD:
		do_password(w, r);
		break;
	case BZ_REQ_OFFLINE:
		do_offline(w, r);
		break;
	case BZ_REQ_SEARCH:
		bz_worker_do_limit(w, r);
		break;
	case BZ_REQ_RENDER:
		break;
	default:
		bz_worker_do_mail(w, r);
	}
}

static void handle(struct bz_worker *w, struct bz_request *r)
{
	bool line = needs_line(w, r);
	struct bz_err err;

	if (!is_supported(w, r->kind)) {
		bz_err_set(&err, BZ_ERR_UNSUPPORTED, BZ_CODE_READ_ONLY,
			_("This file is opened for reading only."));
		complete(w, r, &err, NULL, NULL);
	} else if (r->sift != NULL) {
		bz_worker_do_limit(w, r);
	} else if (r->kind == BZ_REQ_FETCH && bz_worker_do_kept(w, r)) {
		/* no line was needed */
	} else if (bz_worker_is_to_wait(w, r) && bz_worker_do_pending(w, r)) {
		/* kept */
	} else if (line && w->line == BZ_LINE_CHOICE && r->kind != BZ_REQ_REFRESH) {
		refuse_offline(w, r);
	} else if (!line && bz_worker_is_remote(w) &&
		   (r->kind == BZ_REQ_FETCH || r->kind == BZ_REQ_FLAGS ||
			   r->kind == BZ_REQ_FOLDERS)) {
		do_local(w, r);
	} else {
		dispatch(w, r);
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

/* When there is work for the account, as due() says it. */
static int64_t work_due(const struct bz_worker *w)
{
	if (w->looking)
		return 0;
	if (bz_worker_line_is_blocked(w))
		return -1;
	if (w->retry_at > 0)
		return w->retry_at > g_get_monotonic_time() ? w->retry_at : 0;
	if (w->refresh_due || w->more)
		return 0;
	if (w->check_at == 0)
		return -1;
	return w->check_at > g_get_monotonic_time() ? w->check_at : 0;
}

/* The sooner of two; -1 = never. */
static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

/* Monotonic us until which to sleep; 0 = something is due now; -1 = until woken. */
static int64_t due(const struct bz_worker *w)
{
	int64_t when = sooner(work_due(w), bz_worker_ahead_due(w));

	when = sooner(when, bz_worker_texts_due(w));
	if (w->tidy_at == 0)
		return when;
	return sooner(when, w->tidy_at <= g_get_monotonic_time() ? 0 : w->tidy_at);
}

static void begin_quiet(struct bz_worker *w)
{
	if (w->ops->tidy != NULL)
		w->tidy_at = g_get_monotonic_time() + (int64_t)w->ops->tidy_after * 1000;
}

/* Nobody asked for it, so nobody is told where it cannot be had. */
static void tidy(struct bz_worker *w)
{
	struct bz_err err = {0};
	struct bz_job job;
	bool more = false;

	bz_worker_begin_job(w, &job, NULL);
	if (w->ops->tidy(w->backend, &job, &more, &err) != 0)
		bz_log(BZ_LOG_INFO, "%s: not tidied: %s", w->account->id, err.text);
	if (!more)
		w->tidy_at = 0;
}

static struct bz_request *next_request(struct bz_worker *w, bool *quit)
{
	struct bz_request *r;
	int64_t when = due(w);

	if (when != 0 && bz_worker_can_watch(w)) {
		bz_worker_watch(w, when);
		when = 0;
	}
	when = bz_worker_slice(w, when);
	pthread_mutex_lock(&w->lock);
	while (g_queue_is_empty(&w->queue) && !w->quit && when != 0) {
		struct timespec until = {
			.tv_sec = when / G_USEC_PER_SEC, .tv_nsec = when % G_USEC_PER_SEC * 1000};

		if (when < 0)
			pthread_cond_wait(&w->wake, &w->lock);
		else if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0)
			break;
	}
	r = g_queue_pop_head(&w->queue);
	w->running = r != NULL ? r->id : 0; /* here, so that no cancel falls between */
	w->stopped = false;
	*quit = w->quit;
	pthread_mutex_unlock(&w->lock);
	return r;
}

/* Nobody waits for it, so what the line's state does not say is said here. */
static void do_unasked(struct bz_worker *w, bz_worker_step *f, void *arg)
{
	struct bz_err err = {0};

	if (bz_worker_on_line(w, f, arg, &err) != 0 &&
		(err.kind == BZ_ERR_REFUSED || err.kind == BZ_ERR_STALE))
		bz_worker_on_note(w, err.text);
}

/* check-every: as if the person had asked, but for the failures that are no news. */
static void begin_check(struct bz_worker *w)
{
	w->check_at = 0;
	w->refresh_due = true;
	w->folders_known = false;
	w->looking = w->ops->look != NULL;
}

static void do_background(struct bz_worker *w)
{
	struct bz_err err = {0};
	g_autofree char *folder = g_strdup(w->in_view);

	if (work_due(w) != 0) {
		if (bz_worker_ahead_due(w) == 0)
			bz_worker_ahead(w);
		else if (bz_worker_texts_due(w) == 0)
			bz_worker_texts(w);
		else if (due(w) == 0)
			tidy(w);
		return;
	}
	if (w->looking) {
		if (look(w, &err) != 0 && err.kind != BZ_ERR_CANCELLED)
			bz_worker_on_note(w, err.text);
	} else if (w->refresh_due || w->retry_at > 0) {
		w->refresh_due = false;
		w->retry_at = 0;
		do_unasked(w, folder != NULL ? bz_worker_step_refresh : bz_worker_step_folders,
			folder);
	} else if (w->more) {
		do_unasked(w, bz_worker_step_background, NULL);
		if (!w->more) /* whoever waits for the whole folder need not any longer */
			bz_worker_on_progress(w, 0, 0, 0, 0);
	} else if (bz_worker_can_watch(w)) {
		/* the folder is followed; the counts of the others are not */
		w->check_at = 0;
		do_unasked(w, bz_worker_step_folders, NULL);
		bz_worker_arm_check(w);
	} else {
		begin_check(w);
	}
}

static void answer_all(struct bz_worker *w, struct bz_request *r)
{
	struct bz_err err;

	bz_err_set(&err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	while (r != NULL) {
		/* what was asked for is not lost */
		if (!bz_worker_is_to_wait(w, r) || !bz_worker_do_pending(w, r))
			complete(w, r, &err, NULL, NULL);
		pthread_mutex_lock(&w->lock);
		r = g_queue_pop_head(&w->queue);
		pthread_mutex_unlock(&w->lock);
	}
}

static void *run(void *me)
{
	struct bz_worker *w = me;
	bool quit = false;

	begin_quiet(w);
	bz_worker_begin_pending(w);
	while (!quit) {
		struct bz_request *r = next_request(w, &quit);

		bz_worker_note_sleep(w);
		if (quit) {
			answer_all(w, r);
		} else if (r != NULL) {
			w->current = r;
			handle(w, r);
			w->current = NULL;
			begin_quiet(w);
		} else {
			do_background(w);
		}
	}
	if (w->ops->disconnect != NULL)
		w->ops->disconnect(w->backend);
	return NULL;
}

/* --- making and ending ------------------------------------------------------------------------ */

static int make_paths(struct bz_worker *w, struct bz_err *err)
{
	const struct bz_account *a = w->account;
	bool file = a->protocol == BZ_PROTOCOL_FILE;
	g_autofree char *cache = bz_path(BZ_DIR_CACHE, file ? "files" : a->dirname, NULL);
	g_autofree char *data = bz_path(BZ_DIR_DATA, a->dirname, NULL);
	g_autofree char *name = g_strconcat(a->dirname, ".db", NULL);

	if (bz_path_ensure(cache, err) != 0 || (!file && bz_path_ensure(data, err) != 0))
		return -1;
	w->cache_path = g_build_filename(cache, file ? name : "cache.db", NULL);
	w->state_path = file ? NULL : g_build_filename(data, "state.db", NULL);
	return 0;
}

/* The mail of a POP account stands in its files: what is wrong with state.db keeps nobody from
 * reading it. */
static int open_without_state(struct bz_worker *w, const struct bz_err *why)
{
	struct bz_err told = {0};

	if (w->account->protocol != BZ_PROTOCOL_POP || why->code == BZ_CODE_LOCKED)
		return -1;
	w->store = bz_store_open(w->cache_path, NULL, BZ_STORE_OWNER, NULL);
	if (w->store == NULL)
		return -1;
	bz_err_set(&told, BZ_ERR_LOCAL, why->code,
		_("%s The mail of %s can be read; nothing is fetched and nothing is changed until "
		  "that is put right."),
		why->text, w->account->id);
	bz_store_lacks_state(w->store, &told);
	bz_worker_on_note(w, told.text);
	return 0;
}

static int open_store(struct bz_worker *w, struct bz_err *err)
{
	struct bz_err why = {0};

	if (make_paths(w, err) != 0)
		return -1;
	w->store = bz_store_open(w->cache_path, w->state_path, BZ_STORE_OWNER, &why);
	if (w->store == NULL && open_without_state(w, &why) != 0) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	if ((w->ops->caps & BZ_CAP_LIVE) != 0)
		bz_store_on_gone(w->store, bz_worker_on_gone, w);
	w->backend = w->ops->create(w->account, w->store, err);
	return w->backend != NULL ? 0 : -1;
}

static void init_sync(struct bz_worker *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	g_queue_init(&w->queue);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void free_worker(struct bz_worker *w)
{
	if (w->backend != NULL)
		w->ops->destroy(&w->backend);
	bz_worker_close_bodies(w);
	bz_found_free(w->found);
	bz_store_close(&w->store);
	if (w->account->protocol == BZ_PROTOCOL_FILE && strcmp(w->account->mbox, "-") == 0)
		bz_store_unlink(w->cache_path); /* nobody can name that mail again */
	bz_secret_free(w->password);
	g_clear_object(&w->cancel);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	close(w->wake_fd);
	g_free(w->in_view);
	g_free(w->cache_path);
	g_free(w->state_path);
	g_free(w);
}

struct bz_worker *bz_worker_new(int number, const struct bz_account *account,
	const struct bz_backend_ops *ops, struct bz_mailbag *bag, struct bz_err *err)
{
	struct bz_worker *w = g_new0(struct bz_worker, 1);

	w->number = number;
	w->account = account;
	w->ops = ops;
	w->bag = bag;
	w->report = (struct bz_report){w, bz_worker_on_folders, bz_worker_on_rows,
		bz_worker_on_progress, bz_worker_on_space, bz_worker_on_removals, bz_worker_on_note,
		on_hurry, on_urgent};
	if (account->password != NULL)
		w->password = bz_secret_new(account->password, -1);
	init_sync(w);
	if (open_store(w, err) != 0 || pthread_create(&w->thread, NULL, run, w) != 0) {
		free_worker(w);
		return NULL;
	}
	return w;
}

void bz_worker_destroy(struct bz_worker **worker)
{
	struct bz_worker *w = *worker;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	if (w->cancel != NULL)
		g_cancellable_cancel(w->cancel);
	bz_worker_wake(w);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	free_worker(w);
	*worker = NULL;
}

uint64_t bz_worker_submit(struct bz_worker *w, struct bz_request *request)
{
	uint64_t id;

	pthread_mutex_lock(&w->lock);
	id = request->id = ++w->last_id;
	g_queue_push_tail(&w->queue, request);
	bz_worker_wake(w);
	pthread_mutex_unlock(&w->lock);
	return id;
}

/* Take the waiting request with this id, or any if 0, out of the queue. Under lock. */
static struct bz_request *take_waiting(struct bz_worker *w, uint64_t id)
{
	for (GList *l = w->queue.head; l != NULL; l = l->next) {
		struct bz_request *r = l->data;

		if (id == 0 || r->id == id) {
			g_queue_delete_link(&w->queue, l);
			return r;
		}
	}
	return NULL;
}

void bz_worker_cancel(struct bz_worker *w, uint64_t id)
{
	struct bz_request *r;
	struct bz_err err;

	bz_err_set(&err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	pthread_mutex_lock(&w->lock);
	if ((id == 0 && !w->watching) || (id != 0 && w->running == id)) {
		w->stopped = true;
		if (w->cancel != NULL)
			g_cancellable_cancel(w->cancel);
	}
	r = take_waiting(w, id);
	pthread_mutex_unlock(&w->lock);
	while (r != NULL) {
		complete(w, r, &err, NULL, NULL);
		pthread_mutex_lock(&w->lock);
		r = id == 0 ? take_waiting(w, 0) : NULL;
		pthread_mutex_unlock(&w->lock);
	}
}

void bz_worker_drop(struct bz_worker *w, uint64_t id)
{
	struct bz_request *r;
	struct bz_err err;

	bz_err_set(&err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	pthread_mutex_lock(&w->lock);
	r = take_waiting(w, id);
	pthread_mutex_unlock(&w->lock);
	if (r != NULL)
		complete(w, r, &err, NULL, NULL);
}

const char *bz_worker_cache_path(const struct bz_worker *w)
{
	return w->cache_path;
}

unsigned bz_worker_caps(const struct bz_worker *w)
{
	return w->ops->caps;
}
