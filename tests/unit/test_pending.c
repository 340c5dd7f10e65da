/* Changes that wait for the line: in state.db, in the lists, in what order they are made, and how
 * they are taken back. */
#include "tests/unit/check.h"

#include "src/pending.h"
#include "src/replay.h"

#include <sqlite3.h>

struct fixture {
	bool tried; /* of flag() */
	char *dir, *cache, *state;
	struct bz_store *store;
	uint32_t inbox;
};

/* --- who is told ------------------------------------------------------------------------------ */

static GString *notes;
static unsigned gone_rows, updated_rows, rebuilds;

static void on_folders(void *me)
{
	(void)me;
}

static void on_rows(void *me, struct bz_change *change)
{
	(void)me;
	gone_rows += change->kind == BZ_CHANGE_GONE ? change->ids->len : 0;
	updated_rows += change->kind == BZ_CHANGE_UPDATED ? change->ids->len : 0;
	rebuilds += change->kind == BZ_CHANGE_REBUILD;
	bz_change_free(change);
}

static void on_note(void *me, const char *text)
{
	(void)me;
	g_string_append_printf(notes, "%s\n", text);
}

static const struct bz_report report = {.folders = on_folders, .rows = on_rows, .note = on_note};

/* --- a server --------------------------------------------------------------------------------- */

struct bz_backend {
	GString *asked;      /* what was asked for, a line each */
	uint32_t missing;    /* a UID that it does not have */
	struct bz_err fail;  /* what changes end with */
	struct bz_err after; /* the same, once it was done */
};

static struct bz_backend server;

static int are_there(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, bool *there, unsigned *flags, struct bz_err *err)
{
	(void)job;
	(void)err;
	for (size_t i = 0; i < n; i++) {
		there[i] = refs[i].uid != b->missing;
		flags[i] = BZ_FLAG_ANSWERED;
	}
	return 0;
}

static void note_asked(struct bz_backend *b, const struct bz_msgref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(b->asked, " %u", refs[i].uid);
	g_string_append_c(b->asked, '\n');
}

static int set_flags(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	(void)job;
	g_string_append_printf(b->asked, "+%u -%u", add, remove);
	note_asked(b, refs, n);
	if (b->fail.kind == BZ_ERR_NONE)
		return 0;
	*err = b->fail;
	return -1;
}

static int move(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, const char *target, bool copy, GArray *moved, struct bz_err *err)
{
	struct bz_filing *filing = job->filing;

	assert_false(copy);
	g_string_append_printf(b->asked, "%s%s", filing->begun ? "again " : "", target);
	note_asked(b, refs, n);
	if (b->fail.kind != BZ_ERR_NONE) {
		*err = b->fail;
		return -1;
	}
	if (!filing->begun)
		assert_int_equal(filing->begin(filing->me, 5, 70, err), 0);
	else
		assert_int_equal(filing->uidnext, 70);
	if (b->after.kind != BZ_ERR_NONE) {
		*err = b->after;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		struct bz_moved m = {refs[i], {9, 5, refs[i].uid + 100}};

		assert_string_equal(filing->rows[i]->message_id, "m@example.org");
		filing->fates[i] = BZ_FATE_ARRIVED;
		g_array_append_val(moved, m);
	}
	return 0;
}

static const struct bz_backend_ops ops = {
	.caps = BZ_CAP_LIVE, .are_there = are_there, .set_flags = set_flags, .move = move};

static GArray *places;

static void on_moved(void *me, GArray *moved)
{
	(void)me;
	g_array_append_vals(places, moved->data, moved->len);
	g_array_unref(moved);
}

static int replay(struct fixture *f, struct bz_err *err)
{
	const struct bz_job job = {.report = &report};
	const struct bz_replay r = {&ops, &server, f->store, &job, on_moved, NULL};

	return bz_replay_all(&r, err);
}

/* --- the fixture ------------------------------------------------------------------------------ */

static void open_store(struct fixture *f)
{
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
}

static void put_row(struct fixture *f, uint32_t uid, unsigned flags)
{
	struct bz_summary row = {.folder = f->inbox,
		.uid = uid,
		.pos = uid,
		.date = 1000,
		.size = 77,
		.flags = flags,
		.subject = (char *)(uintptr_t) "hello",
		.message_id = (char *)(uintptr_t) "m@example.org"};

	assert_int_equal(bz_store_put(f->store, &row, NULL), 0);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	struct bz_folder folder = {.name = (char *)(uintptr_t) "INBOX",
		.title = (char *)(uintptr_t) "Inbox",
		.selectable = true,
		.uidvalidity = 3,
		.exists = 9,
		.unseen = 9};

	f->dir = check_temp_dir();
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	open_store(f);
	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	f->inbox = folder.id;
	for (uint32_t uid = 1; uid <= 9; uid++)
		put_row(f, uid, 0);
	notes = g_string_new(NULL);
	server = (struct bz_backend){.asked = g_string_new(NULL)};
	places = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	gone_rows = updated_rows = rebuilds = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_string_free(notes, TRUE);
	g_string_free(server.asked, TRUE);
	g_array_unref(places);
	g_free(f->dir);
	g_free(f->cache);
	g_free(f->state);
	g_free(f);
	return 0;
}

static int flag(struct fixture *f, uint32_t uid, unsigned add, unsigned remove)
{
	struct bz_msgref ref = {f->inbox, 3, uid};
	struct bz_err err = {0};

	return bz_pending_flags(f->store, &report, &ref, 1, add, remove, f->tried, &err);
}

static const struct bz_halfway never_begun;

/* Its name while it is on its way. */
static struct bz_msgref file(struct fixture *f, uint32_t uid, const char *target)
{
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_msgref ref = {f->inbox, 3, uid};
	struct bz_err err = {0};

	assert_int_equal(
		bz_pending_move(f->store, &report, &ref, 1, target, &never_begun, moved, &err), 0);
	assert_int_equal(moved->len, 1);
	ref = g_array_index(moved, struct bz_moved, 0).to;
	assert_true(ref.folder == BZ_PENDING_FOLDER);
	g_array_unref(moved);
	return ref;
}

static uint32_t waiting(struct fixture *f)
{
	uint32_t n;

	assert_int_equal(bz_store_pending_count(f->store, &n, NULL), 0);
	return n;
}

/* -1: there is no such row. */
static int flags_of(struct fixture *f, uint32_t uid)
{
	struct bz_summary row;
	int flags;

	if (bz_store_by_uid(f->store, f->inbox, uid, &row, NULL) != 0)
		return -1;
	flags = (int)row.flags;
	bz_summary_clear(&row);
	return flags;
}

static uint32_t exists(struct fixture *f)
{
	struct bz_folder folder;
	uint32_t n;

	assert_int_equal(bz_store_folder_by_id(f->store, f->inbox, &folder, NULL), 0);
	n = folder.exists;
	bz_folder_clear(&folder);
	return n;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void a_mark_is_shown_and_waits(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0);
	assert_int_equal(flags_of(f, 4), BZ_FLAG_FLAGGED);
	assert_int_equal(updated_rows, 1);
	assert_int_equal(waiting(f), 1);
	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0); /* it has it already */
	assert_int_equal(waiting(f), 1);
}

static void the_contrary_takes_it_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0);
	assert_int_equal(flag(f, 4, BZ_FLAG_SEEN, 0), 0);
	assert_int_equal(flag(f, 4, 0, BZ_FLAG_SEEN), 0);
	assert_int_equal(waiting(f), 1);
	assert_int_equal(flag(f, 4, 0, BZ_FLAG_FLAGGED), 0);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(flags_of(f, 4), 0);
}

static void what_may_have_been_made_is_not_taken_out(void **state)
{
	struct fixture *f = *state;

	f->tried = true;
	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0);
	f->tried = false;
	assert_int_equal(flag(f, 4, 0, BZ_FLAG_FLAGGED), 0);
	assert_int_equal(waiting(f), 2);
	assert_int_equal(flags_of(f, 4), 0);
}

static void a_move_leaves_the_list_and_can_be_taken_back(void **state)
{
	struct fixture *f = *state;
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_msgref on_its_way = file(f, 4, "Papers");
	struct bz_err err = {0};

	assert_int_equal(flags_of(f, 4), -1);
	assert_int_equal(gone_rows, 1);
	assert_int_equal(exists(f), 8);
	assert_int_equal(bz_pending_take_back(f->store, &report, &on_its_way, 1, moved, &err), 0);
	assert_int_equal(flags_of(f, 4), 0);
	assert_int_equal(rebuilds, 1);
	assert_int_equal(exists(f), 9);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(moved->len, 1);
	assert_int_equal(g_array_index(moved, struct bz_moved, 0).to.uid, 4);
	assert_int_equal(g_array_index(moved, struct bz_moved, 0).to.uidvalidity, 3);
	assert_int_equal(bz_pending_take_back(f->store, &report, &on_its_way, 1, moved, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_STALE);
	g_array_unref(moved);
}

static void what_is_not_there_cannot_wait(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref old = {f->inbox, 2, 4};
	struct bz_err err = {0};

	assert_int_equal(flag(f, 44, BZ_FLAG_SEEN, 0), -1);
	assert_int_equal(
		bz_pending_flags(f->store, &report, &old, 1, BZ_FLAG_SEEN, 0, false, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_STALE);
	assert_int_equal(waiting(f), 0);
}

static void run_sql(const char *path, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void there_is_a_bound(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref refs[2] = {{f->inbox, 3, 1}, {f->inbox, 3, 2}};
	struct bz_err err = {0};

	run_sql(f->state,
		"WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 99999)"
		"INSERT INTO pending SELECT i,0,'X',1,i,1,0,'',0,0,0,0,0,0,0,0,0,'','','','',''"
		" FROM k");
	assert_int_equal(
		bz_pending_flags(f->store, &report, refs, 2, BZ_FLAG_SEEN, 0, false, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_LIMIT);
	assert_int_equal(waiting(f), 99999); /* all or nothing */
	assert_int_equal(flags_of(f, 1), 0);
	assert_int_equal(flag(f, 1, BZ_FLAG_SEEN, 0), 0);
	assert_int_equal(waiting(f), BZ_PENDING_MAX);
}

static void it_outlives_the_run_and_the_lists(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	assert_int_equal(flag(f, 1, BZ_FLAG_FLAGGED, 0), 0);
	(void)file(f, 2, "Papers");
	put_row(f, 1, 0); /* as if the run had ended before the lists were written */
	put_row(f, 2, 0);
	bz_store_close(&f->store);
	open_store(f);
	assert_int_equal(waiting(f), 2);
	assert_int_equal(bz_pending_show(f->store, &err), 0);
	assert_int_equal(flags_of(f, 1), BZ_FLAG_FLAGGED);
	assert_int_equal(flags_of(f, 2), -1);
}

/* state.db as the version before it made it */
static void version_2_is_taken_over(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	run_sql(f->state, "INSERT INTO meta VALUES('a', 'b'); DROP TABLE pending;"
			  "PRAGMA user_version=2;");
	open_store(f);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0);
	assert_int_equal(waiting(f), 1);
}

/* --- made ------------------------------------------------------------------------------------- */

static void like_changes_go_together_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	assert_int_equal(flag(f, 3, BZ_FLAG_FLAGGED, 0), 0);
	assert_int_equal(flag(f, 1, BZ_FLAG_SEEN, 0), 0);
	assert_int_equal(flag(f, 1, BZ_FLAG_FLAGGED, 0), 0);
	(void)file(f, 3, "Papers");
	assert_int_equal(flag(f, 2, BZ_FLAG_FLAGGED, 0), 0);
	(void)file(f, 2, "Papers");
	assert_int_equal(replay(f, &err), 0);
	assert_string_equal(server.asked->str, "+4 -0 2 3\n+1 -0 1\n+4 -0 1\nPapers 2 3\n");
	assert_int_equal(waiting(f), 0);
	assert_non_null(strstr(notes->str, "6 changes made without the line are on the server"));
	assert_int_equal(places->len, 2);
	assert_true(g_array_index(places, struct bz_moved, 0).from.folder == BZ_PENDING_FOLDER);
	assert_int_equal(g_array_index(places, struct bz_moved, 0).to.uid, 102);
}

static void a_message_that_is_gone_is_said_once(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	assert_int_equal(flag(f, 3, BZ_FLAG_FLAGGED, 0), 0);
	assert_int_equal(flag(f, 4, BZ_FLAG_FLAGGED, 0), 0);
	server.missing = 3;
	assert_int_equal(replay(f, &err), 0);
	assert_string_equal(server.asked->str, "+4 -0 4\n");
	assert_non_null(strstr(notes->str, "1 change was not made: its message is not there"));
	assert_int_equal(waiting(f), 0);
	g_string_truncate(notes, 0);
	assert_int_equal(replay(f, &err), 0);
	assert_int_equal(notes->len, 0);
}

static void what_is_refused_is_said_and_undone_here(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	assert_int_equal(flag(f, 3, BZ_FLAG_FLAGGED, 0), 0);
	(void)file(f, 4, "Papers");
	(void)bz_err_set(&server.fail, BZ_ERR_REFUSED, BZ_CODE_NONE, "No, it said.");
	assert_int_equal(replay(f, &err), 0);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(flags_of(f, 3), BZ_FLAG_ANSWERED); /* as the server has it */
	assert_int_equal(flags_of(f, 4), 0);
	assert_int_equal(exists(f), 9);
	assert_non_null(strstr(notes->str, "not made on the server: No, it said."));
}

static void without_a_line_it_waits_on(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	assert_int_equal(flag(f, 3, BZ_FLAG_FLAGGED, 0), 0);
	(void)file(f, 4, "Papers");
	(void)bz_err_set(&server.fail, BZ_ERR_NET, BZ_CODE_CLOSED, "gone");
	assert_int_equal(replay(f, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_NET);
	assert_int_equal(waiting(f), 2);
	assert_int_equal(flags_of(f, 3), BZ_FLAG_FLAGGED);
	assert_int_equal(flags_of(f, 4), -1);
	assert_int_equal(notes->len, 0);
}

static void a_move_that_was_begun_is_taken_up(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref on_its_way = file(f, 4, "Papers");
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_err err = {0};

	(void)bz_err_set(&server.after, BZ_ERR_NET, BZ_CODE_CLOSED, "gone");
	assert_int_equal(replay(f, &err), -1);
	bz_store_close(&f->store);
	open_store(f);
	assert_int_equal(bz_pending_take_back(f->store, &report, &on_its_way, 1, moved, &err), -1);
	assert_int_equal(waiting(f), 1);
	server.after = (struct bz_err){0};
	assert_int_equal(replay(f, &err), 0);
	assert_string_equal(server.asked->str, "Papers 4\nagain Papers 4\n");
	assert_int_equal(waiting(f), 0);
	g_array_unref(moved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mark_is_shown_and_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(the_contrary_takes_it_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_may_have_been_made_is_not_taken_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_move_leaves_the_list_and_can_be_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_cannot_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(it_outlives_the_run_and_the_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(version_2_is_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			like_changes_go_together_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_message_that_is_gone_is_said_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_refused_is_said_and_undone_here, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_line_it_waits_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_move_that_was_begun_is_taken_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
