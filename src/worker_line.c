/* The line to the server: passwords, what a failure means for what comes next, and the calls of the
 * backend that go over it. */
#include "src/lang.h"
#include "src/log.h"
#include "src/secret.h"
#include "src/worker_private.h"

/* --- telling the UI --------------------------------------------------------------------------- */

void bz_worker_tell_line(struct bz_worker *w, enum bz_line_state line, const struct bz_err *err,
	const struct bz_cert *cert, int64_t retry_in)
{
	struct bz_event *event;

	if (line == w->line && err == NULL)
		return;
	w->line = line;
	event = bz_worker_event(w, BZ_EVENT_LINE);
	event->line = line;
	event->since = g_get_real_time() / G_USEC_PER_SEC;
	event->retry_at = retry_in > 0 ? event->since + retry_in : 0;
	if (err != NULL) {
		event->err = *err;
		bz_log(BZ_LOG_WARN, "%s: %s", w->account->id, err->text);
	}
	if (cert != NULL)
		event->cert = g_memdup2(cert, sizeof *cert);
	bz_mailbag_post(w->bag, event);
}

/* --- one call of the backend ------------------------------------------------------------------ */

void bz_worker_begin_job(struct bz_worker *w, struct bz_job *job, struct bz_cert *cert)
{
	GCancellable *old;

	pthread_mutex_lock(&w->lock);
	old = w->cancel;
	w->halfway = (struct bz_halfway){0};
	w->cancel = g_cancellable_new();
	if (w->quit || w->stopped)
		g_cancellable_cancel(w->cancel);
	pthread_mutex_unlock(&w->lock);
	g_clear_object(&old);
	*job = (struct bz_job){
		.cancel = w->cancel,
		.report = &w->report,
		.password = w->password,
		.trust_once = w->has_once ? &w->once : NULL,
		.cert = cert,
		.window = w->window,
		.halfway = &w->halfway,
	};
}

/* Make w->password what should be tried. Runs the password-command once, and again only after the
 * server refused what it gave. */
static int need_password(struct bz_worker *w, GCancellable *cancel, struct bz_err *err)
{
	if (w->password != NULL)
		return 0;
	if (w->account->password_command != NULL && !w->command_used) {
		w->password = bz_secret_from_command(
			w->account->password_command, BZ_SECRET_SECONDS, cancel, err);
		w->command_used = w->password != NULL;
		return w->password != NULL ? 0 : -1;
	}
	return bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD, _("%s wants the password of %s."),
		w->account->host, w->account->user);
}

bool bz_worker_is_remote(const struct bz_worker *w)
{
	return (w->ops->caps & BZ_CAP_REMOTE) != 0;
}

/* Steps 5, 10, 20, 40, 60 s. */
static int64_t back_off(const struct bz_worker *w)
{
	return MIN(5 << MIN(w->failures, 4), 60);
}

static void forget_password(struct bz_worker *w)
{
	g_clear_pointer(&w->password, bz_secret_free);
	w->command_used = false;
}

static void line_works(struct bz_worker *w)
{
	if (!bz_worker_is_remote(w))
		return;
	w->failures = 0;
	w->retry_at = 0;
	w->hurried = false;
	bz_worker_tell_line(w, BZ_LINE_ONLINE, NULL, NULL, 0);
}

/* What a failure of the line means for what comes next. The request that met it was answered. */
static void line_failed(struct bz_worker *w, const struct bz_err *err, const struct bz_cert *cert)
{
	int64_t wait;

	if (!bz_worker_is_remote(w))
		return;
	if (err->kind == BZ_ERR_REFUSED || err->kind == BZ_ERR_STALE ||
		err->code == BZ_CODE_LINE_KEPT) {
		line_works(w); /* it carried the answer */
		return;
	}
	if (w->ops->disconnect != NULL)
		w->ops->disconnect(w->backend);
	w->more = false;
	switch (err->kind) {
	case BZ_ERR_CANCELLED:
		w->retry_at = 0;
		if (err->code == BZ_CODE_HURRY) { /* given up for what the person asked; dialled
						     again after */
			w->hurried = true;
			w->refresh_due = true;
			bz_worker_tell_line(w, BZ_LINE_NONE, NULL, NULL, 0);
			break;
		}
		bz_worker_tell_line(w, w->line == BZ_LINE_CHOICE ? BZ_LINE_CHOICE : BZ_LINE_OFFLINE,
			err, NULL, 0);
		break;
	case BZ_ERR_TRUST:
		bz_worker_tell_line(w, BZ_LINE_ASK_TRUST, err, cert, 0);
		break;
	case BZ_ERR_AUTH:
		forget_password(w);
		bz_worker_tell_line(w, BZ_LINE_ASK_PASSWORD, err, NULL, 0);
		break;
	case BZ_ERR_NET:
	case BZ_ERR_TIMEOUT:
		wait = back_off(w);
		w->failures +=
			w->running == 0; /* what the person asks for in between does not count */
		w->retry_at = g_get_monotonic_time() + wait * G_USEC_PER_SEC;
		w->refresh_due = true;
		bz_worker_tell_line(w, BZ_LINE_OFFLINE, err, NULL, wait);
		break;
	default:
		bz_worker_tell_line(w, BZ_LINE_ERROR, err, NULL, 0);
	}
}

bool bz_worker_line_is_blocked(const struct bz_worker *w)
{
	return w->line == BZ_LINE_CHOICE || w->line == BZ_LINE_ASK_TRUST ||
	       w->line == BZ_LINE_ASK_PASSWORD || w->line == BZ_LINE_ERROR;
}

/* --- work on the line ------------------------------------------------------------------------- */

int bz_worker_on_line(struct bz_worker *w, bz_worker_step *f, void *arg, struct bz_err *err)
{
	struct bz_cert cert = {0};
	struct bz_job job;
	int rc = 0;

	bz_worker_begin_job(w, &job, &cert);
	if (bz_worker_is_remote(w)) {
		if (w->line != BZ_LINE_ONLINE)
			bz_worker_tell_line(w, BZ_LINE_CONNECTING, NULL, NULL, 0);
		rc = need_password(w, job.cancel, err);
		job.password = w->password;
	}
	if (rc == 0)
		rc = bz_worker_replay(w, &job, err);
	if (rc == 0)
		rc = f(w, &job, arg, err);
	if (rc == 0)
		line_works(w);
	else
		line_failed(w, err, &cert);
	return rc;
}

/* The folders beside another job. That the server refuses to tell them is no failure of
 * that job. */
static int list_beside(struct bz_worker *w, const struct bz_job *job, struct bz_err *err)
{
	struct bz_err own = {0};
	int rc = w->ops->list_folders(w->backend, job, &own);

	w->folders_known = rc == 0 || own.kind == BZ_ERR_REFUSED;
	if (rc != 0 && own.kind == BZ_ERR_REFUSED)
		w->report.note(w, own.text);
	if (rc == 0 || own.kind == BZ_ERR_REFUSED)
		return 0;
	*err = own;
	return -1;
}

void bz_worker_arm_check(struct bz_worker *w)
{
	if (w->account->check_every > 0)
		w->check_at =
			g_get_monotonic_time() + (int64_t)w->account->check_every * G_USEC_PER_SEC;
}

int bz_worker_step_refresh(
	struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	const char *folder = arg;
	int rc;

	w->refresh_due = false; /* it is this one */
	rc = w->ops->refresh != NULL ? w->ops->refresh(w->backend, job, folder, w->window, err) : 0;

	if ((rc == 0 || err->kind == BZ_ERR_STALE) && !w->folders_known &&
		w->ops->list_folders != NULL && list_beside(w, job, err) != 0)
		rc = -1;
	w->more = rc == 0 && w->ops->background != NULL;
	w->is_current = rc == 0;
	w->refreshed_at = g_get_monotonic_time();
	bz_worker_arm_check(w);
	return rc;
}

int bz_worker_step_folders(
	struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	int rc = w->ops->list_folders(w->backend, job, err);

	(void)arg;
	w->folders_known = rc == 0;
	if (rc == 0 && w->ops->background != NULL)
		w->more = true;
	return rc;
}

int bz_worker_step_fetch(
	struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	struct bz_worker_fetch *f = arg;

	return w->ops->fetch(w->backend, job, &g_array_index(f->request->refs, struct bz_msgref, 0),
		f->request->fetch, &f->message, err);
}

int bz_worker_step_flags(
	struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	const struct bz_request *r = arg;

	return w->ops->set_flags(w->backend, job, (const struct bz_msgref *)(void *)r->refs->data,
		r->refs->len, r->add, r->remove, err);
}

int bz_worker_step_background(
	struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	(void)arg;
	w->more = false;
	return w->ops->background(w->backend, job, &w->more, err);
}
