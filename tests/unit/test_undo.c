/* Steps that are taken back and done again while references change under them. */
#include "tests/unit/check.h"

#include "src/undo.h"

enum { INBOX = 1, TRASH = 2, ARCHIVE = 3 };

static struct bz_msgref ref(uint32_t folder, uint32_t uid)
{
	return (struct bz_msgref){folder, 1, uid};
}

static struct bz_moved moved(uint32_t from, uint32_t a, uint32_t to, uint32_t b)
{
	return (struct bz_moved){ref(from, a), ref(to, b)};
}

static void did(struct bz_undo *u, enum bz_undo_kind kind, const struct bz_moved *m, size_t n)
{
	struct bz_undo_act act = {.kind = kind,
		.source = "INBOX",
		.target = kind == BZ_UNDO_FLAGS ? NULL : "Trash",
		.add = kind == BZ_UNDO_FLAGS ? BZ_FLAG_SEEN : 0,
		.refs = m,
		.n = n};

	bz_undo_push(u, &act);
}

static void check_task(const struct bz_undo *u, bool redo, enum bz_undo_verb verb,
	const char *folder, uint32_t in, uint32_t uid)
{
	struct bz_undo_task task;
	const struct bz_msgref *first;

	assert_true(bz_undo_next(u, redo, &task));
	assert_int_equal(task.verb, verb);
	if (folder == NULL)
		assert_null(task.folder);
	else
		assert_string_equal(task.folder, folder);
	first = &g_array_index(task.refs, struct bz_msgref, 0);
	assert_int_equal(first->folder, in);
	assert_int_equal(first->uid, uid);
	g_array_unref(task.refs);
}

static void a_move_goes_back_and_forth_under_new_references(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved there = moved(INBOX, 7, TRASH, 1), back = moved(TRASH, 1, INBOX, 8),
			again = moved(INBOX, 8, TRASH, 2);
	struct bz_undo_task task;

	(void)state;
	assert_false(bz_undo_next(u, false, &task));
	did(u, BZ_UNDO_MOVE, &there, 1);
	check_task(u, false, BZ_UNDO_DO_MOVE, "INBOX", TRASH, 1);
	bz_undo_done(u, false, &back, 1);
	assert_int_equal(bz_undo_count(u, false), 0);
	check_task(u, true, BZ_UNDO_DO_MOVE, "Trash", INBOX, 8);
	bz_undo_done(u, true, &again, 1);
	check_task(u, false, BZ_UNDO_DO_MOVE, "INBOX", TRASH, 2);
	assert_false(bz_undo_next(u, true, &task));
	bz_undo_free(u);
}

static void older_steps_follow_a_message_that_moves(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved mark = moved(INBOX, 7, INBOX, 7), there = moved(INBOX, 7, TRASH, 1),
			back = moved(TRASH, 1, INBOX, 9);

	(void)state;
	did(u, BZ_UNDO_FLAGS, &mark, 1);
	did(u, BZ_UNDO_MOVE, &there, 1);
	bz_undo_done(u, false, &back, 1);
	check_task(u, false, BZ_UNDO_DO_FLAGS, NULL, INBOX, 9);
	bz_undo_done(u, false, NULL, 0);
	check_task(u, true, BZ_UNDO_DO_FLAGS, NULL, INBOX, 9);
	bz_undo_done(u, true, NULL, 0);
	check_task(u, true, BZ_UNDO_DO_MOVE, "Trash", INBOX, 9);
	bz_undo_free(u);
}

static void flags_are_taken_back_by_their_opposite(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved mark = moved(INBOX, 7, INBOX, 7);
	struct bz_undo_task task;

	(void)state;
	did(u, BZ_UNDO_FLAGS, &mark, 1);
	assert_true(bz_undo_next(u, false, &task));
	assert_int_equal(task.remove, BZ_FLAG_SEEN);
	assert_int_equal(task.add, 0);
	g_array_unref(task.refs);
	bz_undo_done(u, false, NULL, 0);
	assert_true(bz_undo_next(u, true, &task));
	assert_int_equal(task.add, BZ_FLAG_SEEN);
	assert_int_equal(task.remove, 0);
	g_array_unref(task.refs);
	bz_undo_free(u);
}

static void a_copy_is_taken_back_by_removing_the_copies(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved copy = moved(INBOX, 7, ARCHIVE, 1), again = moved(INBOX, 7, ARCHIVE, 2);

	(void)state;
	did(u, BZ_UNDO_COPY, &copy, 1);
	check_task(u, false, BZ_UNDO_DO_EXPUNGE, "INBOX", ARCHIVE, 1);
	bz_undo_done(u, false, NULL, 0);
	check_task(u, true, BZ_UNDO_DO_COPY, "Trash", INBOX, 7);
	bz_undo_done(u, true, &again, 1);
	check_task(u, false, BZ_UNDO_DO_EXPUNGE, "INBOX", ARCHIVE, 2);
	bz_undo_free(u);
}

static void a_new_step_forgets_what_could_be_redone(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved one = moved(INBOX, 7, TRASH, 1), back = moved(TRASH, 1, INBOX, 8),
			two = moved(INBOX, 5, TRASH, 2);

	(void)state;
	did(u, BZ_UNDO_MOVE, &one, 1);
	bz_undo_done(u, false, &back, 1);
	assert_int_equal(bz_undo_count(u, true), 1);
	did(u, BZ_UNDO_MOVE, &two, 1);
	assert_int_equal(bz_undo_count(u, true), 0);
	check_task(u, false, BZ_UNDO_DO_MOVE, "INBOX", TRASH, 2);
	bz_undo_drop(u, false);
	assert_int_equal(bz_undo_count(u, false), 0);
	bz_undo_free(u);
}

static void the_last_hundred_are_kept(void **state)
{
	struct bz_undo *u = bz_undo_new();

	(void)state;
	for (uint32_t i = 1; i <= BZ_UNDO_STEPS + 20; i++) {
		struct bz_moved m = moved(INBOX, i, TRASH, i);

		did(u, BZ_UNDO_MOVE, &m, 1);
	}
	assert_int_equal(bz_undo_count(u, false), BZ_UNDO_STEPS);
	for (uint32_t i = BZ_UNDO_STEPS + 20; i > 20; i--) {
		struct bz_moved back = moved(TRASH, i, INBOX, 1000 + i);

		check_task(u, false, BZ_UNDO_DO_MOVE, "INBOX", TRASH, i);
		bz_undo_done(u, false, &back, 1);
	}
	assert_int_equal(bz_undo_count(u, false), 0);
	bz_undo_free(u);
}

static void accounts_are_told_apart_and_folders_may_be_renamed(void **state)
{
	struct bz_undo *u = bz_undo_new();
	struct bz_moved one = moved(INBOX, 7, TRASH, 1), other = moved(INBOX, 7, TRASH, 5);
	struct bz_folder inbox = {.id = INBOX, .name = (char *)(uintptr_t) "INBOX"};
	struct bz_folder old = {.id = INBOX, .name = (char *)(uintptr_t) "Old"};
	struct bz_folder trash = {.id = TRASH, .name = (char *)(uintptr_t) "Trash"};
	struct bz_folder away = {.id = 9, .name = (char *)(uintptr_t) "Away"};
	struct bz_undo_act act = {.kind = BZ_UNDO_MOVE,
		.account = 1,
		.source = "INBOX",
		.target = "Trash",
		.refs = &other,
		.n = 1};
	struct bz_undo_task task;

	(void)state;
	did(u, BZ_UNDO_MOVE, &one, 1);
	bz_undo_push(u, &act);
	bz_undo_renamed(u, 0, &inbox, &old);
	check_task(u, false, BZ_UNDO_DO_MOVE, "INBOX", TRASH, 5);
	bz_undo_drop(u, false);
	check_task(u, false, BZ_UNDO_DO_MOVE, "Old", TRASH, 1);
	bz_undo_renamed(u, 0, &trash, &away);
	check_task(u, false, BZ_UNDO_DO_MOVE, "Old", 9, 1);
	assert_true(bz_undo_next(u, false, &task)); /* the new one was never opened */
	assert_int_equal(
		g_array_index(task.refs, struct bz_msgref, 0).uidvalidity, one.to.uidvalidity);
	assert_int_not_equal(one.to.uidvalidity, 0);
	g_array_unref(task.refs);
	bz_undo_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_goes_back_and_forth_under_new_references),
		cmocka_unit_test(older_steps_follow_a_message_that_moves),
		cmocka_unit_test(flags_are_taken_back_by_their_opposite),
		cmocka_unit_test(a_copy_is_taken_back_by_removing_the_copies),
		cmocka_unit_test(a_new_step_forgets_what_could_be_redone),
		cmocka_unit_test(the_last_hundred_are_kept),
		cmocka_unit_test(accounts_are_told_apart_and_folders_may_be_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
