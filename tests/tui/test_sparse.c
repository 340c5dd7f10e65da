/* A folder of which more and more is known: what the list shows, beside what the server has. The
 * backend against a real Dovecot, without its worker: nothing happens but what is asked for here.
 */
#include "tests/tui/server.h"

#include "net/backends.h"
#include "net/imap_live.h"
#include "net/imap_sparse.h"
#include "src/worker_private.h"

enum { MESSAGES = 3000, STEPS = 40, WINDOW = 30 };

struct fixture {
	struct server *s;
	char *dir;
	struct bz_account account;
	struct bz_worker w; /* its store and backend, for listings */
	struct bz_job job;
	struct bz_listing *list;
	bool is_stale;  /* the list is to be made anew */
	bool is_strict; /* nothing is removed by others but what is not known here, or stands apart
			 */
	GSocketConnection *device;
	GDataInputStream *in;
	GRand *rand;
	int count; /* letters sent */
	int exact; /* how often all stood where they are */
};

static const struct server_folder folders[] = {{"INBOX", MESSAGES, 10}, {0}};

/* --- another client --------------------------------------------------------------------------- */

/* The untagged line that begins with that, the caller's; NULL: there was none. */
static char *tell(struct fixture *f, const char *command, const char *wanted)
{
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(f->device));
	g_autofree char *text = g_strdup_printf("A %s\r\n", command);
	char *found = NULL;

	assert_true(g_output_stream_write_all(out, text, strlen(text), NULL, NULL, NULL));
	for (;;) {
		char *line = g_data_input_stream_read_line(f->in, NULL, NULL, NULL);
		bool is_over;

		assert_non_null(line);
		is_over = g_str_has_prefix(line, "A ");
		assert_true(!is_over || g_str_has_prefix(line, "A OK"));
		if (wanted != NULL && found == NULL && g_str_has_prefix(line, wanted))
			found = g_steal_pointer(&line);
		g_free(line);
		if (is_over)
			return found;
	}
}

static void connect_device(struct fixture *f)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();

	f->device = g_socket_client_connect_to_host(
		client, "127.0.0.1", (guint16)f->s->imap, NULL, NULL);
	assert_non_null(f->device);
	f->in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(f->device)));
	tell(f, "LOGIN ana secret", NULL);
	tell(f, "SELECT INBOX", NULL);
}

/* UIDs ascending. */
static GArray *truth(struct fixture *f)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autofree char *line = NULL;
	char *end;

	tell(f, "NOOP", NULL);
	line = tell(f, "UID SEARCH ALL", "* SEARCH");
	assert_non_null(line);
	for (char *at = line + strlen("* SEARCH");; at = end) {
		uint32_t uid = (uint32_t)strtoul(at, &end, 10);

		if (end == at)
			break;
		g_array_append_val(uids, uid);
	}
	return uids;
}

static void send_letters(struct fixture *f, int n)
{
	for (; n > 0; n--) {
		g_autofree char *mail = g_strdup_printf(
			"Subject: new letter %d\r\nFrom: eva@example.org\r\n\r\nhello\r\n",
			++f->count);
		g_autofree char *command =
			g_strdup_printf("APPEND INBOX {%zu+}\r\n%s", strlen(mail), mail);

		tell(f, command, NULL);
	}
}

static void remove_message(struct fixture *f, uint32_t uid)
{
	g_autofree char *command = g_strdup_printf("UID STORE %u +FLAGS.SILENT (\\Deleted)", uid);

	tell(f, command, NULL);
	tell(f, "EXPUNGE", NULL);
}

/* --- buzon ------------------------------------------------------------------------------------ */

static void ok(struct fixture *f, int rc, const struct bz_err *err)
{
	(void)f;
	if (rc != 0)
		fail_msg("%s %s", err->text, err->server);
}

/* As the screen does: the folder and its changes. */
static void on_rows(void *me, struct bz_change *change)
{
	struct fixture *f = me;

	if (f->list == NULL || !bz_listing_apply(f->list, change))
		f->is_stale = true;
	bz_change_free(change);
}

static void on_nothing(void *me)
{
	(void)me;
}

static bool no_hurry(void *me)
{
	(void)me;
	return false;
}

static void make_list(struct fixture *f)
{
	struct bz_request *r = bz_request_new(BZ_REQ_LISTING);
	struct bz_event *event;

	r->folder = g_strdup("INBOX");
	bz_worker_do_listing(&f->w, r);
	event = bz_mailbag_take(f->w.bag);
	assert_non_null(event);
	assert_non_null(event->listing);
	bz_listing_free(f->list);
	f->list = g_steal_pointer(&event->listing);
	f->is_stale = false;
	bz_event_free(event);
}

static void begin_backend(struct fixture *f)
{
	f->w.backend = bz_imap_backend.create(&f->account, f->w.store, NULL);
	assert_non_null(f->w.backend);
}

static void refresh(struct fixture *f)
{
	struct bz_err err = {0};

	ok(f,
		bz_imap_backend.refresh(
			f->w.backend, &f->job, "INBOX", (struct bz_window){0, WINDOW}, &err),
		&err);
}

static bool fill(struct fixture *f)
{
	struct bz_err err = {0};
	bool more;

	ok(f, bz_imap_backend.background(f->w.backend, &f->job, &more, &err), &err);
	return more;
}

static void jump(struct fixture *f, uint32_t first)
{
	struct bz_err err = {0};

	ok(f,
		bz_imap_backend.window(
			f->w.backend, &f->job, "INBOX", (struct bz_window){first, WINDOW}, &err),
		&err);
	make_list(f);
}

/* A row that is in the list, drawn by lot. */
static struct bz_msgref some_row(struct fixture *f, bool apart)
{
	struct bz_folder folder;
	struct bz_summary row = {0};
	struct bz_msgref ref;
	uint32_t size = bz_listing_size(f->list), at, id;

	assert_int_equal(bz_store_folder_by_name(f->w.store, "INBOX", &folder, NULL), 0);
	at = apart ? size - 1 : (uint32_t)g_rand_int_range(f->rand, 0, (gint32)size);
	while (at > 0 && bz_listing_row(f->list, at) == 0)
		at--;
	id = bz_listing_row(f->list, at);
	assert_int_equal(bz_store_window(f->w.store, &id, 1, &row, NULL), 0);
	ref = (struct bz_msgref){folder.id, folder.uidvalidity, row.uid};
	bz_summary_clear(&row);
	bz_folder_clear(&folder);
	return ref;
}

/* What the background does before each piece, and the screen after it. */
static void settle(struct fixture *f)
{
	struct bz_err err = {0};
	struct bz_msgref ref = some_row(f, false);
	unsigned flags;
	bool there;

	ok(f, bz_imap_backend.are_there(f->w.backend, &f->job, &ref, 1, &there, &flags, &err),
		&err);
	ok(f, imap_live_fetch(f->w.backend, &f->job, &err), &err);
	do
		ok(f, imap_sparse_step(f->w.backend, &f->job, &err), &err);
	while (f->w.backend->sparse.doubted > 0);
	if (f->is_stale)
		make_list(f);
}

/* --- beside the truth ------------------------------------------------------------------------- */

static uint32_t uid_of(struct fixture *f, uint32_t row)
{
	struct bz_summary out;
	uint32_t uid;

	assert_int_equal(bz_store_window(f->w.store, &row, 1, &out, NULL), 0);
	assert_int_equal(out.row, row);
	uid = out.uid;
	bz_summary_clear(&out);
	return uid;
}

/* How many of those are listed that stand side by side from the newest on? */
static bool has_top(struct fixture *f, const GArray *uids)
{
	uint32_t from = imap_sparse_from(f->w.backend), n = 0, size = bz_listing_size(f->list);
	uint32_t end = 0;

	for (guint i = 0; i < uids->len; i++)
		n += g_array_index(uids, uint32_t, i) >= from;
	while (end < size && bz_listing_row(f->list, end) != 0 &&
		uid_of(f, bz_listing_row(f->list, end)) >= from)
		end++;
	return end == n;
}

/* Newest first and each once; where nothing is outstanding, at its place. */
static void check_list(struct fixture *f, bool exact)
{
	GArray *uids = truth(f);
	uint32_t size = bz_listing_size(f->list), last = UINT32_MAX;

	exact = exact && has_top(f, uids);
	f->exact += exact;
	if (exact)
		assert_int_equal(size, uids->len);
	for (uint32_t i = 0; i < size; i++) {
		uint32_t row = bz_listing_row(f->list, i), uid;

		if (row == 0)
			continue;
		uid = uid_of(f, row);
		assert_true(uid < last);
		last = uid;
		if (exact)
			assert_int_equal(uid, g_array_index(uids, uint32_t, size - 1 - i));
	}
	g_array_unref(uids);
}

/* All of it is known in the end, and nothing else. */
static void check_whole(struct fixture *f)
{
	GArray *uids = truth(f), *known = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;

	assert_int_equal(bz_store_folder_by_name(f->w.store, "INBOX", &folder, NULL), 0);
	assert_int_equal(bz_store_uids(f->w.store, folder.id, 0, UINT32_MAX, known, NULL), 0);
	assert_int_equal(known->len, uids->len);
	assert_memory_equal(known->data, uids->data, known->len * sizeof(uint32_t));
	assert_int_equal(folder.exists, uids->len);
	assert_false(bz_listing_has_holes(f->list));
	check_list(f, true);
	bz_folder_clear(&folder);
	g_array_unref(uids);
	g_array_unref(known);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void jump_somewhere(struct fixture *f)
{
	uint32_t size = bz_listing_size(f->list);
	uint32_t first = g_rand_boolean(f->rand)
				 ? size - WINDOW
				 : (uint32_t)g_rand_int_range(f->rand, 0, (gint32)size - WINDOW);

	settle(f);
	first = MIN(first, bz_listing_size(f->list) - WINDOW);
	jump(f, first);
	for (uint32_t i = 0; i < WINDOW && f->is_strict; i++)
		assert_int_not_equal(bz_listing_row(f->list, first + i), 0);
}

static void remove_one(struct fixture *f)
{
	GArray *uids = truth(f);
	uint32_t end = uids->len, from = imap_sparse_from(f->w.backend);

	for (guint i = 0; i < uids->len && f->is_strict; i++)
		if (g_array_index(uids, uint32_t, i) >= from) {
			end = i;
			break;
		}
	if (end > 0)
		remove_message(f,
			g_array_index(uids, uint32_t, g_rand_int_range(f->rand, 0, (gint32)end)));
	g_array_unref(uids);
}

/* The folder is selected anew, for writing. */
static void mark(struct fixture *f)
{
	struct bz_msgref ref = some_row(f, g_rand_boolean(f->rand));
	struct bz_err err = {0};

	ok(f, bz_imap_backend.set_flags(f->w.backend, &f->job, &ref, 1, BZ_FLAG_FLAGGED, 0, &err),
		&err);
}

static void remove_here(struct fixture *f)
{
	struct bz_msgref ref = some_row(f, g_rand_boolean(f->rand));
	struct bz_err err = {0};

	ok(f, bz_imap_backend.expunge(f->w.backend, &f->job, &ref, 1, &err), &err);
}

static void search(struct fixture *f)
{
	struct bz_limit *limit = bz_limit_parse("subject:7", 0, NULL, NULL);
	struct bz_search s = {0};
	struct bz_err err = {0};
	bool more = true;

	while (more)
		ok(f,
			bz_imap_backend.search(
				f->w.backend, &f->job, "INBOX", limit, &s, &more, &err),
			&err);
	bz_search_clear(&s);
	bz_limit_free(limit);
}

static void lose_line(struct fixture *f)
{
	if (g_rand_boolean(f->rand))
		remove_one(f);
	bz_imap_backend.disconnect(f->w.backend);
	send_letters(f, g_rand_int_range(f->rand, 0, 3));
	make_list(f);
	check_list(f, false);
	refresh(f);
}

static void start_again(struct fixture *f)
{
	if (g_rand_boolean(f->rand))
		remove_one(f);
	bz_imap_backend.destroy(&f->w.backend);
	send_letters(f, g_rand_int_range(f->rand, 0, 3));
	begin_backend(f);
	make_list(f);
	check_list(f, false);
	refresh(f);
}

static void step(struct fixture *f, int what)
{
	switch (what) {
	case 0:
	case 1:
	case 2:
		jump_somewhere(f);
		break;
	case 3:
	case 4:
		remove_one(f);
		break;
	case 5:
		send_letters(f, g_rand_int_range(f->rand, 1, 4));
		break;
	case 6:
		mark(f);
		break;
	case 7:
		remove_here(f);
		break;
	case 8:
		lose_line(f);
		break;
	case 9:
		refresh(f);
		break;
	case 10:
		start_again(f);
		break;
	case 11:
		search(f);
		break;
	default:
		(void)fill(f);
	}
}

/* --- the fixture ------------------------------------------------------------------------------ */

static int setup(void **state)
{
	*state = g_new0(struct fixture, 1);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->w.backend != NULL)
		bz_imap_backend.destroy(&f->w.backend);
	bz_store_close(&f->w.store);
	bz_mailbag_free(f->w.bag);
	bz_listing_free(f->list);
	g_free(f->w.in_view);
	g_clear_object(&f->job.cancel);
	g_clear_object(&f->in);
	g_clear_object(&f->device);
	if (f->s != NULL)
		server_stop(f->s);
	if (f->dir != NULL)
		check_remove_dir(f->dir);
	g_free(f->dir);
	g_clear_pointer(&f->rand, g_rand_free);
	g_free(f);
	return 0;
}

static void begin(struct fixture *f, const char *config, guint32 seed)
{
	static struct bz_report report = {
		.rows = on_rows, .folders = on_nothing, .hurry = no_hurry, .urgent = no_hurry};
	g_autofree char *cache = NULL, *kept = NULL;

	f->s = server_start_with(folders, "good", config);
	assert_non_null(f->s);
	f->dir = check_temp_dir();
	cache = g_build_filename(f->dir, "cache.db", NULL);
	kept = g_build_filename(f->dir, "state.db", NULL);
	f->account = (struct bz_account){.id = (char *)(uintptr_t) "Casa",
		.dirname = (char *)(uintptr_t) "casa",
		.protocol = BZ_PROTOCOL_IMAP,
		.host = (char *)(uintptr_t) "127.0.0.1",
		.port = (uint16_t)f->s->imap,
		.security = BZ_SECURITY_NONE,
		.user = (char *)(uintptr_t) "ana"};
	f->w.account = &f->account;
	f->w.ops = &bz_imap_backend;
	f->w.bag = bz_mailbag_new();
	f->w.store = bz_store_open(cache, kept, BZ_STORE_OWNER, NULL);
	assert_non_null(f->w.store);
	report.me = f;
	f->job = (struct bz_job){
		.cancel = g_cancellable_new(), .report = &report, .password = "secret"};
	f->rand = g_rand_new_with_seed(seed);
	print_message("# seed %u\n", seed);
	connect_device(f);
	begin_backend(f);
	refresh(f);
	make_list(f);
}

static void run(struct fixture *f)
{
	for (int i = 0; i < STEPS; i++) {
		step(f, g_rand_int_range(f->rand, 0, 13));
		if (f->is_stale && g_rand_boolean(f->rand))
			make_list(f);
		if (f->is_strict && g_rand_boolean(f->rand))
			continue;
		settle(f);
		settle(f);
		check_list(f, f->is_strict);
	}
	while (fill(f))
		;
	refresh(f);
	while (fill(f))
		;
	if (f->is_stale)
		make_list(f);
	check_whole(f);
	print_message("# %d times exact\n", f->exact);
	assert_true(!f->is_strict || f->exact > STEPS / 10);
}

static guint32 seed_of(void)
{
	const char *seed = g_getenv("SEED");

	return seed != NULL ? (guint32)strtoul(seed, NULL, 10) : g_random_int();
}

static void every_row_stands_where_it_is(void **state)
{
	struct fixture *f = *state;

	f->is_strict = true;
	begin(f, "", seed_of());
	run(f);
}

static void without_extensions_too(void **state)
{
	struct fixture *f = *state;

	f->is_strict = true;
	begin(f, "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS", seed_of());
	run(f);
}

static void whatever_is_removed_all_is_right_in_the_end(void **state)
{
	struct fixture *f = *state;

	begin(f, "", seed_of());
	run(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_row_stands_where_it_is),
		CASE(without_extensions_too),
		CASE(whatever_is_removed_all_is_right_in_the_end),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
