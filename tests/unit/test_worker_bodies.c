/* The worker of a live account: what was read once needs no line, what is read next comes ahead. */
#include "tests/unit/check.h"

#include "src/mime.h"
#include "src/secret.h"
#include "src/worker.h"

#include <pthread.h>

enum { MESSAGES = 9, LARGE = 9 };

struct bz_backend {
	struct bz_store *store;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	GString *asked;  /* "t5 a6 ": UIDs as TEXT, raw, ahead, quiet */
	size_t size;     /* of a text, about */
	bool is_slow;    /* the first quiet one is not done before somebody is in a hurry */
	uint32_t young;  /* messages from this UID on came just now */
	bool is_silent;  /* refresh waits until somebody is in a hurry */
	bool is_waiting; /* it does */
	bool gave_up;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int put_rows(struct bz_store *store, uint32_t folder, struct bz_err *err)
{
	int rc = 0;

	for (uint32_t uid = 1; uid <= MESSAGES && rc == 0; uid++) {
		struct bz_summary row = {.folder = folder,
			.uid = uid,
			.pos = uid,
			.received = uid >= fake.young ? g_get_real_time() / G_USEC_PER_SEC : 0,
			.size = uid == LARGE || fake.size > 10 ? 10000000 : 1000};

		rc = bz_store_put(store, &row, err);
	}
	return rc;
}

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_folder inbox = {.name = (char *)(uintptr_t) "INBOX",
		.title = (char *)(uintptr_t) "Inbox",
		.role = BZ_ROLE_INBOX,
		.selectable = true,
		.uidvalidity = 7};
	struct bz_backend *b;

	(void)account;
	if (bz_store_folder_put(store, &inbox, err) != 0 || put_rows(store, inbox.id, err) != 0)
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

static int refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	bool silent;

	(void)b;
	(void)name;
	(void)window;
	pthread_mutex_lock(&fake.lock);
	silent = fake.is_waiting = fake.is_silent;
	fake.is_silent = false;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	while (silent && !g_cancellable_is_cancelled(job->cancel)) {
		if (job->report->urgent(job->report->me)) {
			pthread_mutex_lock(&fake.lock);
			fake.gave_up = true;
			pthread_mutex_unlock(&fake.lock);
			return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_HURRY, "in a hurry");
		}
		g_usleep(1000);
	}
	return 0;
}

static void note_asked(uint32_t uid, enum bz_fetch what)
{
	pthread_mutex_lock(&fake.lock);
	g_string_append_printf(fake.asked, "%c%u ", "traq"[what], uid);
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static bool give_way(const struct bz_job *job)
{
	bool slow = fake.is_slow;

	fake.is_slow = false;
	while (slow && !job->report->hurry(job->report->me))
		g_usleep(1000);
	return slow;
}

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	g_autofree char *fill = g_strnfill(fake.size, 'x');
	g_autofree char *text = g_strdup_printf("Subject: letter %u\n\ntext %s\n", ref->uid, fill);
	GBytes *raw;

	(void)b;
	(void)err;
	note_asked(ref->uid, what);
	if (what == BZ_FETCH_QUIET && (ref->uid == LARGE || give_way(job)))
		return 0;
	raw = g_bytes_new(text, strlen(text));
	*out = bz_mime_parse(raw, what == BZ_FETCH_RAW);
	(*out)->ref = *ref;
	g_bytes_unref(raw);
	return 0;
}

static const struct bz_backend_ops ops = {
	.name = "fake",
	.caps = BZ_CAP_REMOTE | BZ_CAP_LIVE,
	.create = create,
	.destroy = destroy,
	.refresh = refresh,
	.fetch = fetch,
};

/* --- the fixture ------------------------------------------------------------------------------ */

static char *home; /* one for all: GLib asks for it once */

struct fixture {
	struct bz_account account;
	struct bz_mailbag *bag;
	struct bz_worker *worker;
};

static int begin(void **state, enum bz_keep_bodies keep, uint64_t room)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->account = (struct bz_account){.id = (char *)(uintptr_t) "casa",
		.dirname = (char *)(uintptr_t) "casa",
		.host = (char *)(uintptr_t) "imap.example.org",
		.user = (char *)(uintptr_t) "ana",
		.password = bz_secret_new("secret", -1),
		.keep_bodies = keep,
		.keep_bodies_days = 2,
		.body_cache = room};
	fake.asked = g_string_new(NULL);
	fake.is_silent = fake.is_waiting = fake.gave_up = fake.is_slow = false;
	f->bag = bz_mailbag_new();
	f->worker = bz_worker_new(0, &f->account, &ops, f->bag, NULL);
	assert_non_null(f->worker);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	fake.young = 1;
	fake.size = 10;
	return begin(state, BZ_KEEP_BODIES_SEEN, 10000000);
}

static int setup_all(void **state)
{
	fake.young = 1;
	fake.size = 10;
	return begin(state, BZ_KEEP_BODIES_ALL, 10000000);
}

static int setup_days(void **state)
{
	fake.young = 7;
	fake.size = 10;
	return begin(state, BZ_KEEP_BODIES_DAYS, 10000000);
}

static int setup_narrow(void **state)
{
	fake.young = 1;
	fake.size = 30000;
	return begin(state, BZ_KEEP_BODIES_ALL, 200000);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_worker_destroy(&f->worker);
	bz_mailbag_free(f->bag);
	bz_secret_free(f->account.password);
	g_string_free(fake.asked, TRUE);
	check_remove_dir(home);
	g_free(f);
	return 0;
}

static uint64_t ask(struct fixture *f, uint32_t uid, enum bz_fetch what)
{
	struct bz_request *r = bz_request_new(BZ_REQ_FETCH);
	struct bz_msgref ref = {1, 7, uid};

	r->refs = g_array_new(FALSE, FALSE, sizeof ref);
	g_array_append_val(r->refs, ref);
	r->fetch = what;
	return bz_worker_submit(f->worker, r);
}

static struct bz_event *answer(struct fixture *f, uint64_t id)
{
	for (;;) {
		struct bz_event *e = bz_mailbag_wait(f->bag, 20000);

		assert_non_null(e);
		if (e->kind == BZ_EVENT_DONE && e->request == id)
			return e;
		bz_event_free(e);
	}
}

/* The answer is that message; else its error. */
static enum bz_err_kind is_answered(struct fixture *f, uint64_t id, uint32_t uid)
{
	struct bz_event *e = answer(f, id);
	enum bz_err_kind kind = e->err.kind;
	g_autofree char *subject = g_strdup_printf("letter %u", uid);

	if (kind == BZ_ERR_NONE) {
		assert_non_null(e->message);
		assert_string_equal(e->message->subject, subject);
		assert_int_equal(e->message->ref.uid, uid);
		assert_int_equal(e->message->ref.folder, 1);
	}
	bz_event_free(e);
	return kind;
}

static enum bz_err_kind read_one(struct fixture *f, uint32_t uid)
{
	return is_answered(f, ask(f, uid, BZ_FETCH_TEXT), uid);
}

static void go_offline(struct fixture *f)
{
	struct bz_request *r = bz_request_new(BZ_REQ_OFFLINE);

	r->on = true;
	bz_event_free(answer(f, bz_worker_submit(f->worker, r)));
}

/* Until the backend was asked for this. */
static void wait_asked(const char *want)
{
	pthread_mutex_lock(&fake.lock);
	while (strcmp(fake.asked->str, want) != 0) {
		assert_true(fake.asked->len <= strlen(want));
		pthread_cond_wait(&fake.changed, &fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
}

static void open_inbox(struct fixture *f)
{
	struct bz_request *r = bz_request_new(BZ_REQ_OPEN);

	r->folder = g_strdup("INBOX");
	bz_event_free(answer(f, bz_worker_submit(f->worker, r)));
}

/* A refresh that gets no answer. */
static uint64_t stick(struct fixture *f)
{
	struct bz_request *r = bz_request_new(BZ_REQ_REFRESH);
	uint64_t id;

	pthread_mutex_lock(&fake.lock);
	fake.is_silent = true;
	pthread_mutex_unlock(&fake.lock);
	r->folder = g_strdup("INBOX");
	id = bz_worker_submit(f->worker, r);
	pthread_mutex_lock(&fake.lock);
	while (!fake.is_waiting)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
	return id;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void what_was_read_is_read_offline(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	go_offline(f);
	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	assert_int_equal(read_one(f, 1), BZ_ERR_NET);
	assert_int_equal(is_answered(f, ask(f, 5, BZ_FETCH_RAW), 5), BZ_ERR_NET);
	wait_asked("t5 ");
}

static void what_is_kept_alone_is_asked_for_without_a_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(is_answered(f, ask(f, 5, BZ_FETCH_KEPT), 5), BZ_ERR_NET);
	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	assert_int_equal(is_answered(f, ask(f, 5, BZ_FETCH_KEPT), 5), BZ_ERR_NONE);
	wait_asked("t5 ");
}

static void another_validity_is_another_message(void **state)
{
	struct fixture *f = *state;
	struct bz_request *r = bz_request_new(BZ_REQ_FETCH);
	struct bz_msgref ref = {1, 8, 5};

	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	go_offline(f);
	r->refs = g_array_new(FALSE, FALSE, sizeof ref);
	g_array_append_val(r->refs, ref);
	assert_int_equal(is_answered(f, bz_worker_submit(f->worker, r), 5), BZ_ERR_NET);
}

static void the_neighbours_come_ahead(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	wait_asked("t5 a4 a6 ");
	assert_int_equal(read_one(f, 4), BZ_ERR_NONE);
	wait_asked("t5 a4 a6 a3 ");
	go_offline(f);
	assert_int_equal(read_one(f, 6), BZ_ERR_NONE);
	assert_int_equal(read_one(f, 3), BZ_ERR_NONE);
}

static void the_large_one_is_not_fetched_unasked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_one(f, LARGE - 1), BZ_ERR_NONE);
	wait_asked("t8 a7 ");
	assert_int_equal(read_one(f, 1), BZ_ERR_NONE); /* nothing is below it */
	wait_asked("t8 a7 t1 a2 ");
}

static void a_silent_line_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	uint64_t stuck;

	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	stuck = stick(f);
	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	assert_true(fake.gave_up);
	(void)stuck; /* was answered before */
}

static void for_what_needs_the_line_it_is_waited_for(void **state)
{
	struct fixture *f = *state;
	uint64_t stuck, other;

	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	stuck = stick(f);
	other = ask(f, 1, BZ_FETCH_TEXT);
	bz_event_free(bz_mailbag_wait(f->bag, 100)); /* long enough to be looked up */
	assert_false(fake.gave_up);
	bz_worker_cancel(f->worker, stuck);
	bz_worker_cancel(f->worker, other);
	bz_event_free(answer(f, stuck));
}

static void texts_of_all_come_newest_first(void **state)
{
	struct fixture *f = *state;

	open_inbox(f);
	wait_asked("q9 q8 q7 q6 q5 q4 q3 q2 q1 ");
	go_offline(f);
	for (uint32_t uid = 1; uid < LARGE; uid++)
		assert_int_equal(read_one(f, uid), BZ_ERR_NONE);
	assert_int_equal(read_one(f, LARGE), BZ_ERR_NET);
	wait_asked("q9 q8 q7 q6 q5 q4 q3 q2 q1 ");
}

static void texts_of_some_days_come_alone(void **state)
{
	struct fixture *f = *state;

	open_inbox(f);
	wait_asked("q9 q8 q7 ");
	assert_int_equal(read_one(f, 1), BZ_ERR_NONE);
	wait_asked("q9 q8 q7 t1 a2 ");
}

static void none_comes_where_only_what_was_seen_is_kept(void **state)
{
	struct fixture *f = *state;

	open_inbox(f);
	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	wait_asked("t5 a4 a6 ");
	assert_int_equal(read_one(f, 1), BZ_ERR_NONE);
	wait_asked("t5 a4 a6 t1 a2 ");
}

static void the_person_comes_first(void **state)
{
	struct fixture *f = *state;

	fake.is_slow = true;
	open_inbox(f);
	wait_asked("q9 q8 ");
	assert_int_equal(read_one(f, 5), BZ_ERR_NONE);
	wait_asked("q9 q8 t5 a4 a6 q8 q7 q3 q2 q1 ");
}

static uint32_t asked_n(void)
{
	uint32_t n = 0;

	pthread_mutex_lock(&fake.lock);
	for (const char *p = fake.asked->str; *p != '\0'; p++)
		n += *p == 'q';
	pthread_mutex_unlock(&fake.lock);
	return n;
}

static bool is_here(struct fixture *f, uint32_t uid)
{
	return is_answered(f, ask(f, uid, BZ_FETCH_KEPT), uid) == BZ_ERR_NONE;
}

/* The last that was asked for is the one that had no room. */
static void they_stop_where_there_is_no_room(void **state)
{
	struct fixture *f = *state;
	uint32_t n;

	open_inbox(f);
	do
		n = asked_n();
	while (n < 3 || is_here(f, MESSAGES + 1 - n));
assert_in_range(n, 3, MESSAGES - 1);
	for (uint32_t uid = MESSAGES + 2 - n; uid < LARGE; uid++)
		assert_true(is_here(f, uid));
	assert_int_equal(asked_n(), n);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_read_is_read_offline),
		CASE(what_is_kept_alone_is_asked_for_without_a_line),
		CASE(another_validity_is_another_message),
		CASE(the_neighbours_come_ahead),
		CASE(the_large_one_is_not_fetched_unasked),
		CASE(a_silent_line_is_not_waited_for),
		CASE(for_what_needs_the_line_it_is_waited_for),
		CASE(none_comes_where_only_what_was_seen_is_kept),
		cmocka_unit_test_setup_teardown(
			texts_of_all_come_newest_first, setup_all, teardown),
		cmocka_unit_test_setup_teardown(
			texts_of_some_days_come_alone, setup_days, teardown),
		cmocka_unit_test_setup_teardown(the_person_comes_first, setup_all, teardown),
		cmocka_unit_test_setup_teardown(
			they_stop_where_there_is_no_room, setup_narrow, teardown),
	};

	int failed;

	bz_mime_init();
	home = check_temp_dir();
	g_setenv("HOME", home, TRUE);
	g_unsetenv("XDG_CACHE_HOME");
	g_unsetenv("XDG_DATA_HOME");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	g_free(home);
	return failed;
}
