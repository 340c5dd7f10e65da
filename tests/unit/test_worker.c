/* The worker with a backend that does what the test says: one completion a request,
 * cancel, states. */
#include "tests/unit/check.h"

#include "src/paths.h"
#include "src/secret.h"
#include "src/worker.h"

#include <pthread.h>

/* --- the backend: waits where it is told to, fails as it is told to --------------------------- */

struct bz_backend {
	struct bz_store *store;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool block_refresh; /* refresh waits until cancelled or released */
	int refreshes, backgrounds, fetches, disconnects;
	int left;           /* pieces of background work */
	int tidies;         /* pieces of tidying; three make it done */
	struct bz_err fail; /* what refresh fails with; NONE = it works */
	char password[64];
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

static void disconnect(struct bz_backend *b)
{
	(void)b;
	pthread_mutex_lock(&fake.lock);
	fake.disconnects++;
	pthread_mutex_unlock(&fake.lock);
}

static int refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	int rc = 0;

	(void)b;
	(void)name;
	(void)window;
	pthread_mutex_lock(&fake.lock);
	fake.refreshes++;
	g_strlcpy(fake.password, job->password != NULL ? job->password : "", sizeof fake.password);
	pthread_cond_broadcast(&fake.changed);
	while (fake.block_refresh && !g_cancellable_is_cancelled(job->cancel)) {
		pthread_mutex_unlock(&fake.lock);
		g_usleep(1000);
		pthread_mutex_lock(&fake.lock);
	}
	if (g_cancellable_is_cancelled(job->cancel))
		rc = bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, "stopped");
	else if (fake.fail.kind != BZ_ERR_NONE) {
		*err = fake.fail;
		rc = -1;
	} else if (job->forecast != NULL) {
		struct bz_copy copy = {.size = 1000, .fate = BZ_COPY_NEW};

		g_array_append_val(job->forecast, copy);
	}
	pthread_mutex_unlock(&fake.lock);
	return rc;
}

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)what;
	(void)err;
	pthread_mutex_lock(&fake.lock);
	fake.fetches++;
	pthread_mutex_unlock(&fake.lock);
	*out = bz_message_new();
	(*out)->ref = *ref;
	return 0;
}

static int background(
	struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)err;
	pthread_mutex_lock(&fake.lock);
	fake.backgrounds++;
	*more = --fake.left > 0;
	pthread_mutex_unlock(&fake.lock);
	g_usleep(2000);
	return 0;
}

static int tidy(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	(void)b;
	(void)job;
	(void)err;
	pthread_mutex_lock(&fake.lock);
	*more = ++fake.tidies % 3 != 0;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static const struct bz_backend_ops ops = {
	.name = "fake",
	.caps = BZ_CAP_REMOTE | BZ_CAP_LIVE,
	.create = create,
	.destroy = destroy,
	.disconnect = disconnect,
	.refresh = refresh,
	.fetch = fetch,
	.background = background,
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
	struct bz_err err = {0};

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
	fake.block_refresh = false;
	fake.refreshes = fake.backgrounds = fake.fetches = fake.disconnects = fake.left = 0;
	fake.fail = (struct bz_err){0};
	pthread_mutex_unlock(&fake.lock);
	f->bag = bz_mailbag_new();
	f->worker = bz_worker_new(0, &f->account, &ops, f->bag, &err);
	assert_non_null(f->worker);
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

	if (kind == BZ_REQ_OPEN || kind == BZ_REQ_LISTING || kind == BZ_REQ_REFRESH)
		r->folder = g_strdup("INBOX");
	if (kind == BZ_REQ_FETCH) {
		r->refs = g_array_new(FALSE, FALSE, sizeof ref);
		g_array_append_val(r->refs, ref);
	}
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

static void wait_line(struct fixture *f, enum bz_line_state want)
{
	enum bz_line_state got;

	do {
		struct bz_event *e = next(f, BZ_EVENT_LINE);

		got = e->line;
		bz_event_free(e);
	} while (got != want);
}

static void block(bool on)
{
	pthread_mutex_lock(&fake.lock);
	fake.block_refresh = on;
	pthread_mutex_unlock(&fake.lock);
}

static void wait_refreshes(int n)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.refreshes < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void fail_with(enum bz_err_kind kind, enum bz_err_code code)
{
	pthread_mutex_lock(&fake.lock);
	fake.fail = (struct bz_err){0};
	if (kind != BZ_ERR_NONE)
		(void)bz_err_set(&fake.fail, kind, code, "as the test says");
	pthread_mutex_unlock(&fake.lock);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void open_is_answered_before_the_line(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t id;

	block(true);
	id = submit(f, BZ_REQ_OPEN);
	e = next(f, BZ_EVENT_DONE);
	assert_int_equal(e->request, id);
	assert_non_null(e->listing);
	bz_event_free(e);
	wait_line(f, BZ_LINE_CONNECTING);
	block(false);
	wait_line(f, BZ_LINE_ONLINE);
	assert_string_equal(fake.password, "secret");
}

static void every_request_has_one_answer(void **state)
{
	struct fixture *f = *state;
	int answers[201] = {0};

	for (int i = 1; i <= 200; i++) {
		(void)submit(f, i % 3 == 0   ? BZ_REQ_FETCH
				: i % 3 == 1 ? BZ_REQ_LISTING
					     : BZ_REQ_REFRESH);
		if (i % 7 == 0)
			bz_worker_cancel(f->worker, (uint64_t)i);
	}
	for (int i = 0; i < 200; i++) {
		struct bz_event *e = next(f, BZ_EVENT_DONE);

		assert_in_range(e->request, 1, 200);
		answers[e->request]++;
		bz_event_free(e);
	}
	for (int i = 1; i <= 200; i++)
		assert_int_equal(answers[i], 1);
}

static void the_end_answers_what_waits(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	gint64 start;
	int answers = 0;

	block(true);
	(void)submit(f, BZ_REQ_REFRESH);
	wait_refreshes(1);
	for (int i = 0; i < 10; i++)
		(void)submit(f, BZ_REQ_FETCH);
	start = g_get_monotonic_time();
	bz_worker_destroy(&f->worker);
	assert_true(g_get_monotonic_time() - start < 5 * G_USEC_PER_SEC);
	while ((e = bz_mailbag_take(f->bag)) != NULL) {
		answers += e->kind == BZ_EVENT_DONE;
		if (e->kind == BZ_EVENT_DONE)
			assert_int_equal(e->err.kind, BZ_ERR_CANCELLED);
		bz_event_free(e);
	}
	assert_int_equal(answers, 11);
}

static void cancel_reaches_what_runs(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	block(true);
	id = submit(f, BZ_REQ_REFRESH);
	wait_refreshes(1);
	bz_worker_cancel(f->worker, id);
	assert_int_equal(answer(f, id), BZ_ERR_CANCELLED);
	block(false);
	id = submit(f, BZ_REQ_REFRESH); /* the cancel does not stick to what comes after */
	assert_int_equal(answer(f, id), BZ_ERR_NONE);
}

static void drop_reaches_what_waits_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t runs, waits;

	block(true);
	runs = submit(f, BZ_REQ_REFRESH);
	wait_refreshes(1);
	waits = submit(f, BZ_REQ_FETCH);
	bz_worker_drop(f->worker, runs);
	bz_worker_drop(f->worker, waits);
	assert_int_equal(answer(f, waits), BZ_ERR_CANCELLED);
	block(false);
	assert_int_equal(answer(f, runs), BZ_ERR_NONE); /* the line was not lost for it */
}

/* Wherever the worker is between taking a request and running it, the cancel finds it. */
static void a_cancel_is_never_lost(void **state)
{
	struct fixture *f = *state;

	block(true);
	for (int i = 0; i < 1000; i++) {
		uint64_t id = submit(f, BZ_REQ_REFRESH);

		for (int spin = 0; spin < i % 50 * 20; spin++)
			__asm__ volatile("" ::: "memory");
		bz_worker_cancel(f->worker, id);
		assert_int_equal(answer(f, id), BZ_ERR_CANCELLED);
	}
	block(false);
}

static void a_refusal_leaves_the_line_up(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;

	fail_with(BZ_ERR_STALE, BZ_CODE_NOT_FOUND);
	(void)submit(
		f, BZ_REQ_OPEN); /* the refresh behind it is nobody's: what it meets is a note */
	wait_line(f, BZ_LINE_ONLINE);
	e = next(f, BZ_EVENT_NOTE);
	assert_string_equal(e->text, "as the test says");
	bz_event_free(e);
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(fake.disconnects, 0);
	pthread_mutex_unlock(&fake.lock);
}

static void the_end_of_the_background_is_told(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;

	pthread_mutex_lock(&fake.lock);
	fake.left = 5;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NONE);
	e = next(f, BZ_EVENT_PROGRESS);
	assert_int_equal(e->total, 0);
	bz_event_free(e);
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(fake.backgrounds, 5);
	pthread_mutex_unlock(&fake.lock);
}

static void a_request_overtakes_the_background(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	pthread_mutex_lock(&fake.lock);
	fake.left = 1000;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NONE);
	id = submit(f, BZ_REQ_FETCH);
	assert_int_equal(answer(f, id), BZ_ERR_NONE);
	pthread_mutex_lock(&fake.lock);
	assert_true(fake.backgrounds < 900);
	pthread_mutex_unlock(&fake.lock);
}

static void a_lost_line_is_retried_later(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t id;

	fail_with(BZ_ERR_NET, BZ_CODE_CLOSED);
	for (int i = 0; i < 3;
		i++) { /* what the person tries in between makes the wait no longer */
		id = submit(f, BZ_REQ_REFRESH);
		e = next(f, BZ_EVENT_LINE);
		assert_int_equal(e->line, BZ_LINE_CONNECTING);
		bz_event_free(e);
		e = next(f, BZ_EVENT_LINE);
		assert_int_equal(e->line, BZ_LINE_OFFLINE);
		assert_int_equal(e->retry_at - e->since, 5);
		bz_event_free(e);
		assert_int_equal(answer(f, id), BZ_ERR_NET);
	}
	fail_with(BZ_ERR_NONE, BZ_CODE_NONE);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NONE);
}

static void a_refused_password_is_asked_for_once(void **state)
{
	struct fixture *f = *state;
	struct bz_request *r = bz_request_new(BZ_REQ_PASSWORD);

	fail_with(BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_AUTH);
	wait_refreshes(1);
	fail_with(BZ_ERR_NONE, BZ_CODE_NONE);
	r->secret = bz_secret_new("better", -1);
	(void)bz_worker_submit(f->worker, r);
	wait_line(f, BZ_LINE_ONLINE);
	pthread_mutex_lock(&fake.lock);
	assert_string_equal(fake.password, "better");
	assert_int_equal(fake.refreshes, 2);
	pthread_mutex_unlock(&fake.lock);
}

static void offline_by_choice_keeps_off_the_line(void **state)
{
	struct fixture *f = *state;
	struct bz_request *r = bz_request_new(BZ_REQ_OFFLINE);

	r->on = true;
	assert_int_equal(answer(f, bz_worker_submit(f->worker, r)), BZ_ERR_NONE);
	assert_int_equal(answer(f, submit(f, BZ_REQ_REFRESH)), BZ_ERR_NET);
	assert_int_equal(answer(f, submit(f, BZ_REQ_LISTING)), BZ_ERR_NONE);
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(fake.refreshes, 0);
	pthread_mutex_unlock(&fake.lock);
}

static void wait_quiet_line(struct fixture *f)
{
	wait_line(f, BZ_LINE_CONNECTING);
	wait_line(f, BZ_LINE_ONLINE);
}

static void an_account_looks_for_mail_by_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	f->account.check_every = 1; /* the worker reads it after each refresh */
	id = submit(f, BZ_REQ_OPEN);
	assert_int_equal(answer(f, id), BZ_ERR_NONE);
	wait_quiet_line(f);
	wait_refreshes(3);
	fail_with(BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED);
	wait_line(f, BZ_LINE_ASK_PASSWORD); /* then it keeps off the line */
}

static void the_first_look_is_the_persons(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	f->account.check_every = 1;
	id = submit(f, BZ_REQ_LISTING);
	assert_int_equal(answer(f, id), BZ_ERR_NONE);
	g_usleep(1200 * 1000);
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(fake.refreshes, 0);
	pthread_mutex_unlock(&fake.lock);
}

static void a_dry_run_says_what_would_come(void **state)
{
	struct fixture *f = *state;
	struct bz_request *r = bz_request_new(BZ_REQ_REFRESH);
	struct bz_event *e;

	r->folder = g_strdup("INBOX");
	r->dry_run = true;
	(void)bz_worker_submit(f->worker, r);
	e = next(f, BZ_EVENT_DONE);
	assert_int_equal(e->err.kind, BZ_ERR_NONE);
	assert_int_equal(e->copies->len, 1);
	assert_int_equal(g_array_index(e->copies, struct bz_copy, 0).fate, BZ_COPY_NEW);
	bz_event_free(e);
}

static void what_a_backend_lacks_is_unsupported(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(answer(f, submit(f, BZ_REQ_FLAGS)), BZ_ERR_UNSUPPORTED);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FOLDERS)), BZ_ERR_UNSUPPORTED);
}

/* Until so many pieces are tidied. */
static void wait_tidies(int n)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.tidies < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void quiet_is_used_to_tidy(void **state)
{
	struct fixture *f = *state;
	static struct bz_backend_ops tidying; /* outlives the worker */

	bz_worker_destroy(&f->worker);
	tidying = ops;
	tidying.tidy = tidy;
	tidying.tidy_after = 30;
	pthread_mutex_lock(&fake.lock);
	fake.tidies = 0;
	pthread_mutex_unlock(&fake.lock);
	f->worker = bz_worker_new(0, &f->account, &tidying, f->bag, NULL);
	assert_non_null(f->worker);
	wait_tidies(3);
	assert_int_equal(answer(f, submit(f, BZ_REQ_FETCH)), BZ_ERR_NONE);
	wait_tidies(6);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(open_is_answered_before_the_line),
		CASE(every_request_has_one_answer),
		CASE(the_end_answers_what_waits),
		CASE(cancel_reaches_what_runs),
		CASE(drop_reaches_what_waits_alone),
		CASE(a_cancel_is_never_lost),
		CASE(a_refusal_leaves_the_line_up),
		CASE(the_end_of_the_background_is_told),
		CASE(a_request_overtakes_the_background),
		CASE(a_lost_line_is_retried_later),
		CASE(a_refused_password_is_asked_for_once),
		CASE(offline_by_choice_keeps_off_the_line),
		CASE(an_account_looks_for_mail_by_itself),
		CASE(the_first_look_is_the_persons),
		CASE(a_dry_run_says_what_would_come),
		CASE(quiet_is_used_to_tidy),
		CASE(what_a_backend_lacks_is_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
