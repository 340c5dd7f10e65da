/* The folder in view is watched while nobody asks for anything. The watch of this backend ends by
 * nothing but its wake: what does not wake it hangs. */
#include "tests/unit/check.h"

#include "src/secret.h"
#include "src/worker.h"

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- a computer that sleeps when it is told to ------------------------------------------------ */

static int slept; /* seconds; read and written atomically */

/* In place of the library's. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (clock == CLOCK_BOOTTIME)
		t->tv_sec += g_atomic_int_get(&slept);
	return rc;
}

/* --- the backend ------------------------------------------------------------------------------ */

struct bz_backend {
	struct bz_store *store;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool watching;
	int watches, refreshes, listings, disconnects;
	int again;          /* so many watches end at once and want a refresh */
	struct bz_err fail; /* what the next watch fails with */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_folder inbox = {.name = (char *)(uintptr_t) "INBOX",
		.title = (char *)(uintptr_t) "Inbox",
		.role = BZ_ROLE_INBOX,
		.selectable = true};
	struct bz_backend *b;

	(void)account;
	if (bz_store_folder_put(store, &inbox, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->store = store;
	return b;
}

static void destroy(struct bz_backend **b)
{
	g_free(*b);
	*b = NULL;
}

static void count(int *what)
{
	pthread_mutex_lock(&fake.lock);
	++*what;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static void disconnect(struct bz_backend *b)
{
	(void)b;
	count(&fake.disconnects);
}

static int refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)name;
	(void)window;
	(void)err;
	count(&fake.refreshes);
	return 0;
}

static int list_folders(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)err;
	count(&fake.listings);
	return 0;
}

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)what;
	(void)err;
	*out = bz_message_new();
	(*out)->ref = *ref;
	return 0;
}

/* 1 = to be ended by its wake, 0 = over, -1 = failed. Under lock. */
static int begin_watch(const struct bz_watch *w, bool *again, struct bz_err *err)
{
	int rc = 1;

	assert_string_equal(w->name, "INBOX");
	fake.watches++;
	if (fake.fail.kind != BZ_ERR_NONE) {
		*err = fake.fail;
		fake.fail = (struct bz_err){0};
		rc = -1;
	} else if (fake.again > 0) {
		fake.again--;
		*again = true;
		rc = 0;
	}
	fake.watching = rc == 1;
	pthread_cond_broadcast(&fake.changed);
	return rc;
}

static int watch(struct bz_backend *b, const struct bz_job *job, const struct bz_watch *w,
	bool *again, struct bz_err *err)
{
	struct pollfd p = {w->wake, POLLIN, 0};
	int rc;

	(void)b;
	pthread_mutex_lock(&fake.lock);
	rc = begin_watch(w, again, err);
	pthread_mutex_unlock(&fake.lock);
	if (rc != 1)
		return rc;
	(void)poll(&p, 1, w->until - g_get_monotonic_time() < 4 * G_USEC_PER_SEC ? 100 : -1);
	assert_false(g_cancellable_is_cancelled(job->cancel) && p.revents == 0);
	pthread_mutex_lock(&fake.lock);
	fake.watching = false;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static const struct bz_backend_ops ops = {
	.name = "fake",
	.caps = BZ_CAP_REMOTE | BZ_CAP_LIVE,
	.create = create,
	.destroy = destroy,
	.disconnect = disconnect,
	.list_folders = list_folders,
	.refresh = refresh,
	.fetch = fetch,
	.watch = watch,
};

/* --- the fixture ------------------------------------------------------------------------------ */

struct fixture {
	char *home;
	struct bz_account account;
	struct bz_mailbag *bag;
	struct bz_worker *worker;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->home = check_temp_dir();
	g_setenv("HOME", f->home, TRUE);
	g_unsetenv("XDG_CACHE_HOME");
	g_unsetenv("XDG_DATA_HOME");
	f->account = (struct bz_account){.id = (char *)(uintptr_t) "casa",
		.dirname = (char *)(uintptr_t) "casa",
		.host = (char *)(uintptr_t) "imap.example.org",
		.port = 993,
		.user = (char *)(uintptr_t) "ana",
		.password = bz_secret_new("secret", -1)};
	pthread_mutex_lock(&fake.lock);
	fake.watching = false;
	fake.watches = fake.refreshes = fake.listings = fake.disconnects = fake.again = 0;
	fake.fail = (struct bz_err){0};
	pthread_mutex_unlock(&fake.lock);
	g_atomic_int_set(&slept, 0);
	f->bag = bz_mailbag_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_worker_destroy(&f->worker);
	bz_mailbag_free(f->bag);
	bz_secret_free(f->account.password);
	check_remove_dir(f->home);
	g_free(f->home);
	g_free(f);
	return 0;
}

static uint64_t submit(struct fixture *f, enum bz_request_kind kind)
{
	struct bz_request *r = bz_request_new(kind);
	struct bz_msgref ref = {1, 1, 1};

	r->folder = g_strdup("INBOX");
	r->on = true;
	r->refs = g_array_new(FALSE, FALSE, sizeof ref);
	g_array_append_val(r->refs, ref);
	return bz_worker_submit(f->worker, r);
}

/* The next event of that kind; others are dropped. */
static struct bz_event *next(struct fixture *f, enum bz_event_kind kind)
{
	for (;;) {
		struct bz_event *e = bz_mailbag_wait(f->bag, 20000);

		assert_non_null(e);
		if (e->kind == kind)
			return e;
		bz_event_free(e);
	}
}

static enum bz_err_kind answer(struct fixture *f, uint64_t id)
{
	struct bz_event *e = next(f, BZ_EVENT_DONE);
	enum bz_err_kind kind = e->err.kind;

	assert_int_equal(e->request, id);
	bz_event_free(e);
	return kind;
}

static void wait_watching(void)
{
	pthread_mutex_lock(&fake.lock);
	while (!fake.watching)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void wait_count(const int *what, int n)
{
	pthread_mutex_lock(&fake.lock);
	while (*what < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static int read_count(const int *what)
{
	int n;

	pthread_mutex_lock(&fake.lock);
	n = *what;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

static void start(struct fixture *f)
{
	f->worker = bz_worker_new(0, &f->account, &ops, f->bag, NULL);
	assert_non_null(f->worker);
}

/* The folder is on the screen, and watched. */
static void open_folder(struct fixture *f)
{
	start(f);
	assert_int_equal(answer(f, submit(f, BZ_REQ_OPEN)), BZ_ERR_NONE);
	wait_watching();
}

/* --- the tests -------------------------------------------------------------------------------- */

static void a_request_ends_the_watch(void **state)
{
	struct fixture *f = *state;

	open_folder(f);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
		if (i % 2 == 0)
			wait_watching();
	}
}

static void the_end_ends_the_watch(void **state)
{
	struct fixture *f = *state;

	open_folder(f);
	bz_worker_destroy(&f->worker);
	assert_null(f->worker);
}

static void nothing_is_watched_without_a_screen(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (int i = 0; i < 20; i++)
		assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NONE);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	assert_int_equal(read_count(&fake.watches), 0);
}

/* Esc stops what the person asked for, and the line is not that. */
static void a_stop_leaves_the_watch_alone(void **state)
{
	struct fixture *f = *state;

	open_folder(f);
	bz_worker_cancel(f->worker, 0);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	wait_watching();
	assert_int_equal(read_count(&fake.disconnects), 0);
}

static void fail_next(enum bz_err_kind kind)
{
	pthread_mutex_lock(&fake.lock);
	(void)bz_err_set(&fake.fail, kind, BZ_CODE_CLOSED, "as the test says");
	pthread_mutex_unlock(&fake.lock);
}

static struct bz_event *wait_line(struct fixture *f, enum bz_line_state line)
{
	struct bz_event *e = next(f, BZ_EVENT_LINE);

	while (e->line != line) {
		bz_event_free(e);
		e = next(f, BZ_EVENT_LINE);
	}
	return e;
}

static void a_line_lost_in_a_watch_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;

	open_folder(f);
	fail_next(BZ_ERR_NET);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	e = wait_line(f, BZ_LINE_OFFLINE);
	assert_int_equal(e->retry_at - e->since, 5);
	bz_event_free(e);
	assert_int_equal(read_count(&fake.disconnects), 1);
	wait_count(&fake.refreshes, 2); /* by itself */
	wait_watching();
	bz_event_free(wait_line(f, BZ_LINE_ONLINE));
}

static void a_refusal_ends_the_watching_until_a_refresh(void **state)
{
	struct fixture *f = *state;
	int before;

	open_folder(f);
	fail_next(BZ_ERR_REFUSED);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	wait_count(&fake.watches, 2);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	before = read_count(&fake.watches);
	assert_int_equal(before, 2);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NONE);
	wait_watching();
}

static void what_cannot_be_followed_is_refreshed(void **state)
{
	struct fixture *f = *state;

	pthread_mutex_lock(&fake.lock);
	fake.again = 1;
	pthread_mutex_unlock(&fake.lock);
	open_folder(f);
	assert_int_equal(read_count(&fake.refreshes), 2);
}

static void a_watched_folder_is_not_listed_by_the_clock(void **state)
{
	struct fixture *f = *state;

	f->account.check_every = 1;
	open_folder(f);
	wait_count(&fake.listings, 3); /* the first with the refresh */
	assert_int_equal(read_count(&fake.refreshes), 1);
}

static void after_a_sleep_the_line_is_dialled_again(void **state)
{
	struct fixture *f = *state;

	open_folder(f);
	g_atomic_int_set(&slept, 9); /* that is none */
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	wait_watching();
	assert_int_equal(read_count(&fake.disconnects), 0);
	g_atomic_int_set(&slept, 600);
	assert_int_equal(answer(f, submit(f, BZ_REQ_LISTING)), BZ_ERR_NONE);
	wait_count(&fake.refreshes, 2);
	assert_int_equal(read_count(&fake.disconnects), 1);
	wait_watching();
}

static void after_a_sleep_nobody_waits_for_the_countdown(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	int64_t retry_at;

	open_folder(f);
	fail_next(BZ_ERR_NET);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	e = wait_line(f, BZ_LINE_OFFLINE);
	retry_at = e->retry_at;
	bz_event_free(e);
	g_atomic_int_set(&slept, 600);
	assert_int_equal(answer(f, submit(f, BZ_REQ_LISTING)), BZ_ERR_NONE);
	e = wait_line(f, BZ_LINE_CONNECTING);
	assert_true(e->since < retry_at);
	bz_event_free(e);
	bz_event_free(wait_line(f, BZ_LINE_ONLINE));
	wait_watching();
}

static void offline_by_choice_ends_the_watching(void **state)
{
	struct fixture *f = *state;
	int before;

	open_folder(f);
	assert_int_equal(answer(f, submit(f, BZ_REQ_OFFLINE)), BZ_ERR_NONE);
	before = read_count(&fake.watches);
	assert_int_equal(answer(f, submit(f, BZ_REQ_LISTING)), BZ_ERR_NONE);
	assert_int_equal(answer(f, submit(f, BZ_REQ_LISTING)), BZ_ERR_NONE);
	assert_int_equal(read_count(&fake.watches), before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_request_ends_the_watch),
		CASE(the_end_ends_the_watch),
		CASE(nothing_is_watched_without_a_screen),
		CASE(a_stop_leaves_the_watch_alone),
		CASE(a_line_lost_in_a_watch_is_tried_again),
		CASE(a_refusal_ends_the_watching_until_a_refresh),
		CASE(what_cannot_be_followed_is_refreshed),
		CASE(a_watched_folder_is_not_listed_by_the_clock),
		CASE(after_a_sleep_the_line_is_dialled_again),
		CASE(after_a_sleep_nobody_waits_for_the_countdown),
		CASE(offline_by_choice_ends_the_watching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
