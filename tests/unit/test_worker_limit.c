/* Listings by limit words: what matches and no more, between what else the person asks for. */
#include "tests/unit/check.h"

#include "src/lang.h"
#include "src/mime.h"
#include "src/worker.h"

#include <pthread.h>

enum { ROWS = 1000 };

struct bz_backend {
	struct bz_store *store;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fetches, left_fetches, searches, disconnects;
	bool hold; /* fetch waits until cancelled or released */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Every tenth is from Lucía; the last ten are on the server only. */
static void put_row(struct bz_store *store, uint32_t folder, uint32_t uid)
{
	g_autofree char *subject = g_strdup_printf("Message %u", uid);
	struct bz_summary row = {.folder = folder,
		.uid = uid,
		.pos = uid,
		.date = 1763640000 + uid,
		.size = uid * 1000,
		.flags = uid > ROWS - 10 ? BZ_FLAG_LEFT : 0,
		.from_name = (char *)(uintptr_t)(uid % 10 == 0 ? "Lucía" : "Pedro"),
		.from_addr = (char *)(uintptr_t) "x@example.org",
		.to = (char *)(uintptr_t) "",
		.subject = subject,
		.message_id = (char *)(uintptr_t) ""};

	assert_int_equal(bz_store_put(store, &row, NULL), 0);
}

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b = g_new0(struct bz_backend, 1);
	uint32_t folder;

	(void)account;
	assert_int_equal(
		bz_store_folder_ensure(store, "INBOX", "Inbox", BZ_ROLE_INBOX, 1, &folder, err), 0);
	assert_int_equal(bz_store_begin(store, err), 0);
	for (uint32_t uid = 1; uid <= ROWS; uid++)
		put_row(store, folder, uid);
	assert_int_equal(bz_store_commit(store, err), 0);
	b->store = store;
	return b;
}

static void destroy(struct bz_backend **b)
{
	g_free(*b);
	*b = NULL;
}

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	g_autofree char *text = g_strdup_printf("Subject: x\nCc: wei@example.org\n\n%s\n",
		ref->uid % 100 == 0 ? "La reunión" : "nothing");
	g_autoptr(GBytes) raw = g_bytes_new(text, strlen(text));

	(void)b;
	(void)what;
	(void)err;
	pthread_mutex_lock(&fake.lock);
	fake.fetches++;
	fake.left_fetches += ref->uid > ROWS - 10;
	pthread_cond_broadcast(&fake.changed);
	while (fake.hold && !g_cancellable_is_cancelled(job->cancel)) {
		pthread_mutex_unlock(&fake.lock);
		g_usleep(1000);
		pthread_mutex_lock(&fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
	*out = bz_mime_parse(raw, false);
	return 0;
}

/* Three pieces. Its server says that every fifth fits, whatever is asked, and tells a new row. */
static int search(struct bz_backend *b, const struct bz_job *job, const char *name,
	const struct bz_limit *limit, struct bz_search *s, bool *more, struct bz_err *err)
{
	uint32_t folder;

	(void)limit;
	pthread_mutex_lock(&fake.lock);
	fake.searches++;
	pthread_cond_broadcast(&fake.changed);
	while (fake.hold && !g_cancellable_is_cancelled(job->cancel)) {
		pthread_mutex_unlock(&fake.lock);
		g_usleep(1000);
		pthread_mutex_lock(&fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
	if (g_cancellable_is_cancelled(job->cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_LINE_KEPT, "stopped");
	if (s->uids == NULL)
		s->uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	s->uidvalidity = 1;
	*more = s->fetched++ < 2;
	if (*more)
		return 0;
	for (uint32_t uid = ROWS + 5; uid > 0; uid -= 5)
		g_array_append_val(s->uids, uid);
	assert_int_equal(
		bz_store_folder_ensure(b->store, name, "Inbox", BZ_ROLE_INBOX, 1, &folder, err), 0);
	put_row(b->store, folder, ROWS + 5);
	return 0;
}

static void disconnect(struct bz_backend *b)
{
	(void)b;
	fake.disconnects++;
}

static const struct bz_backend_ops local_ops = {
	.name = "fake", .create = create, .destroy = destroy, .fetch = fetch};
static const struct bz_backend_ops server_ops = {.name = "fake",
	.caps = BZ_CAP_LIVE,
	.create = create,
	.destroy = destroy,
	.disconnect = disconnect,
	.fetch = fetch,
	.search = search};

/* --- the fixture ------------------------------------------------------------------------------ */

struct fixture {
	char *home;
	struct bz_account account;
	struct bz_mailbag *bag;
	struct bz_worker *worker;
};

static int setup_with(void **state, const struct bz_backend_ops *ops)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->home = check_temp_dir();
	g_setenv("HOME", f->home, TRUE);
	g_unsetenv("XDG_CACHE_HOME");
	g_unsetenv("XDG_DATA_HOME");
	f->account = (struct bz_account){
		.id = (char *)(uintptr_t) "casa", .dirname = (char *)(uintptr_t) "casa"};
	fake.fetches = fake.left_fetches = fake.searches = fake.disconnects = 0;
	fake.hold = false;
	f->bag = bz_mailbag_new();
	f->worker = bz_worker_new(0, &f->account, ops, f->bag, NULL);
	assert_non_null(f->worker);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, &local_ops);
}

static int setup_server(void **state)
{
	return setup_with(state, &server_ops);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_worker_destroy(&f->worker);
	bz_mailbag_free(f->bag);
	check_remove_dir(f->home);
	g_free(f->home);
	g_free(f);
	return 0;
}

static uint64_t submit(struct fixture *f, enum bz_request_kind kind, const char *limit)
{
	struct bz_request *r = bz_request_new(kind);

	r->folder = g_strdup("INBOX");
	r->limit = g_strdup(limit);
	return bz_worker_submit(f->worker, r);
}

static struct bz_event *answer(struct fixture *f)
{
	for (;;) {
		struct bz_event *e = bz_mailbag_wait(f->bag, 20000);

		assert_non_null(e);
		if (e->kind == BZ_EVENT_DONE)
			return e;
		bz_event_free(e);
	}
}

static struct bz_event *answer_to(struct fixture *f, uint64_t request)
{
	struct bz_event *e = answer(f);

	assert_int_equal(e->request, request);
	return e;
}

/* How many rows the words leave; -1 = an error. */
static int count(struct fixture *f, const char *limit)
{
	uint64_t id = submit(f, BZ_REQ_LISTING, limit);
	struct bz_event *e = answer(f);
	int n = e->listing != NULL ? (int)bz_listing_size(e->listing) : -1;

	assert_int_equal(e->request, id);
	assert_int_equal(e->listing == NULL, e->err.kind != BZ_ERR_NONE);
	bz_event_free(e);
	return n;
}

static void wait_for(const int *count, int n)
{
	pthread_mutex_lock(&fake.lock);
	while (*count < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void hold(bool on)
{
	pthread_mutex_lock(&fake.lock);
	fake.hold = on;
	pthread_mutex_unlock(&fake.lock);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void a_listing_holds_what_matches_newest_first(void **state)
{
	struct fixture *f = *state;
	uint64_t id = submit(f, BZ_REQ_OPEN, "lucia");
	struct bz_event *e = answer(f);

	assert_int_equal(e->request, id);
	assert_int_equal(bz_listing_size(e->listing), ROWS / 10);
	assert_false(bz_listing_has_holes(e->listing));
	assert_true(bz_listing_row(e->listing, 0) > bz_listing_row(e->listing, 1));
	bz_event_free(e);
	assert_int_equal(count(f, ""), ROWS);
	assert_int_equal(count(f, "nobody"), 0);
	assert_int_equal(count(f, "size:>500k lucia"), 50);
	assert_int_equal(count(f, "is:unred"), -1);
	assert_int_equal(fake.fetches, 0);
}

static void the_text_is_read_but_never_downloaded(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(count(f, "body:reunion"), 9); /* the tenth is on the server only */
	assert_int_equal(fake.fetches, ROWS - 10);
	assert_int_equal(fake.left_fetches, 0);
	assert_int_equal(count(f, "lucia body:reunion"), 9);
	assert_int_equal(fake.fetches, ROWS - 10 + ROWS / 10 - 1);
}

static void other_requests_come_between(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t slow, quick;

	hold(true);
	slow = submit(f, BZ_REQ_LISTING, "body:reunion");
	wait_for(&fake.fetches, 1);
	quick = submit(f, BZ_REQ_LISTING, NULL);
	g_usleep(60 * 1000); /* a piece of time is over, as with slow disks */
	hold(false);
	e = answer_to(f, quick);
	bz_event_free(e);
	e = answer_to(f, slow);
	assert_int_equal(bz_listing_size(e->listing), 9);
	bz_event_free(e);
}

static void a_cancelled_one_ends(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t slow;

	hold(true);
	slow = submit(f, BZ_REQ_LISTING, "body:reunion");
	wait_for(&fake.fetches, 1);
	bz_worker_cancel(f->worker, slow);
	hold(false);
	e = answer_to(f, slow);
	assert_int_equal(e->err.kind, BZ_ERR_CANCELLED);
	bz_event_free(e);
	assert_int_equal(count(f, "lucia"), ROWS / 10);
}

static void mail_on_a_server_is_not_downloaded_to_be_searched(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(count(f, "lucia"), ROWS / 10);
	assert_int_equal(count(f, "to:ana"), 0);
	assert_int_equal(count(f, "body:reunion"), 0);
	assert_int_equal(fake.fetches, 0);
}

/* How many rows SEARCH leaves, how many a listing by the same words before and after it. */
static void check_search(struct fixture *f, const char *limit, int before, bool asks, int found)
{
	struct bz_event *e;

	submit(f, BZ_REQ_LISTING, limit);
	e = answer(f);
	assert_int_equal(bz_listing_size(e->listing), before);
	assert_int_equal(e->asks_server, asks);
	bz_event_free(e);
	submit(f, BZ_REQ_SEARCH, limit);
	e = answer(f);
	assert_int_equal(e->err.kind, BZ_ERR_NONE);
	assert_int_equal(bz_listing_size(e->listing), found);
	assert_false(e->asks_server);
	bz_event_free(e);
	assert_int_equal(count(f, limit), found);
}

static void a_server_decides_where_rows_do_not(void **state)
{
	struct fixture *f = *state;

	check_search(f, "body:reunion", 0, true, ROWS / 5 + 1);
	check_search(f, "body:reunion lucia", 0, true, ROWS / 10);
	check_search(f, "body:reunion or size:>900k", 101, true, 101 + 900 / 5);
	check_search(f, "-lucia", ROWS - ROWS / 10 + 1, false, ROWS - ROWS / 10 + 1);
	assert_int_equal(count(f, "body:reunion"), 0); /* of the last search alone */
	assert_int_equal(fake.disconnects, 0);
}

static void a_stopped_search_keeps_the_line(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t id;

	hold(true);
	id = submit(f, BZ_REQ_SEARCH, "body:reunion");
	wait_for(&fake.searches, 1);
	bz_worker_cancel(f->worker, id);
	e = answer_to(f, id);
	assert_int_equal(e->err.kind, BZ_ERR_CANCELLED);
	bz_event_free(e);
	hold(false);
	assert_int_equal(fake.disconnects, 0);
	check_search(f, "body:reunion", 0, true, ROWS / 5 + 1);
}

static void other_requests_come_between_its_pieces(void **state)
{
	struct fixture *f = *state;
	struct bz_event *e;
	uint64_t slow, quick;

	hold(true);
	slow = submit(f, BZ_REQ_SEARCH, "body:reunion");
	wait_for(&fake.searches, 1);
	quick = submit(f, BZ_REQ_LISTING, "lucia");
	hold(false);
	e = answer_to(f, quick);
	bz_event_free(e);
	e = answer_to(f, slow);
	assert_int_equal(bz_listing_size(e->listing), ROWS / 5 + 1);
	bz_event_free(e);
}

#define CASE(name, begin) cmocka_unit_test_setup_teardown(name, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_listing_holds_what_matches_newest_first, setup),
		CASE(the_text_is_read_but_never_downloaded, setup),
		CASE(other_requests_come_between, setup),
		CASE(a_cancelled_one_ends, setup),
		CASE(mail_on_a_server_is_not_downloaded_to_be_searched, setup_server),
		CASE(a_server_decides_where_rows_do_not, setup_server),
		CASE(a_stopped_search_keeps_the_line, setup_server),
		CASE(other_requests_come_between_its_pieces, setup_server),
	};

	bz_lang_init("en");
	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
