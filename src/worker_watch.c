/* While nobody asks for anything: the folder in view is watched, and sleep of the computer noticed.
 */
#include "src/log.h"
#include "src/worker_private.h"

#include <sys/eventfd.h>
#include <time.h>

#define SLICE_US (5 * G_USEC_PER_SEC)
#define AGAIN_US (2 * G_USEC_PER_SEC) /* between two refreshes that a watch asks for */
#define SLEPT_SECONDS 10.0

struct watching {
	struct bz_watch watch;
	bool again; /* out */
};

/* --- sleep of the computer -------------------------------------------------------------------- */

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int64_t bz_worker_slice(const struct bz_worker *w, int64_t when)
{
	return w->retry_at > 0 && when > 0 ? MIN(when, g_get_monotonic_time() + SLICE_US) : when;
}

void bz_worker_note_sleep(struct bz_worker *w)
{
	double asleep = seconds_of(CLOCK_BOOTTIME) - seconds_of(CLOCK_MONOTONIC);
	bool slept = asleep - w->asleep > SLEPT_SECONDS;
	bool is_up = w->line == BZ_LINE_ONLINE && (w->ops->caps & BZ_CAP_LIVE) != 0;

	w->asleep = asleep;
	if (!slept || !bz_worker_is_remote(w) || bz_worker_line_is_blocked(w))
		return;
	if (is_up) {
		bz_log(BZ_LOG_INFO, "%s: the computer slept; connecting again", w->account->id);
		if (w->ops->disconnect != NULL)
			w->ops->disconnect(w->backend);
		w->more = false;
		bz_worker_tell_line(w, BZ_LINE_NONE, NULL, NULL, 0);
	}
	if (is_up || w->retry_at > 0) {
		w->retry_at = 0;
		w->failures = 0;
		w->refresh_due = w->in_view != NULL;
	}
}

/* --- watching --------------------------------------------------------------------------------- */

void bz_worker_wake(struct bz_worker *w)
{
	pthread_cond_signal(&w->wake);
	if (w->watching)
		(void)eventfd_write(w->wake_fd, 1);
}

bool bz_worker_can_watch(const struct bz_worker *w)
{
	return w->ops->watch != NULL && w->is_opened && w->is_current && w->in_view != NULL &&
	       w->line == BZ_LINE_ONLINE && !w->refresh_due && w->retry_at == 0;
}

/* False: something waits already. */
static bool begin(struct bz_worker *w)
{
	eventfd_t n;

	pthread_mutex_lock(&w->lock);
	w->watching = !w->quit && g_queue_is_empty(&w->queue);
	w->running = 0;
	w->stopped = false;
	if (w->watching)
		(void)eventfd_read(w->wake_fd, &n);
	pthread_mutex_unlock(&w->lock);
	return w->watching;
}

static void end(struct bz_worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->watching = false;
	pthread_mutex_unlock(&w->lock);
}

static int step(struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	struct watching *x = arg;

	return w->ops->watch(w->backend, job, &x->watch, &x->again, err);
}

/* A server that wants it over and over is not followed faster than it can be shown. */
static void look_again(struct bz_worker *w)
{
	int64_t now = g_get_monotonic_time();

	w->refresh_due = true;
	if (w->refreshed_at > now - AGAIN_US)
		w->retry_at = w->refreshed_at + AGAIN_US;
}

void bz_worker_watch(struct bz_worker *w, int64_t when)
{
	int64_t slice = g_get_monotonic_time() + SLICE_US;
	struct watching x = {
		.watch = {w->in_view, w->wake_fd, when < 0 ? slice : MIN(when, slice)}};
	struct bz_err err = {0};
	int rc;

	if (!begin(w))
		return;
	rc = bz_worker_on_line(w, step, &x, &err);
	end(w);
	if (rc != 0)
		w->is_current = false; /* until it is refreshed */
	else if (x.again)
		look_again(w);
}
