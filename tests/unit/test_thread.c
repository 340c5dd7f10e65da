/* Which message answers which: the order of threads, whatever came first and whoever wrote it. */
#include "tests/unit/check.h"

#include "src/siphash.h"
#include "src/store.h"

#include <string.h>

/* --- by ids that are numbers ------------------------------------------------------------------ */

struct mail {
	uint32_t row; /* its id, too */
	uint64_t refs[BZ_THREAD_REFS];
};

/* mails: oldest first, as they arrive. */
static char *order_of(const struct mail *mails, size_t n)
{
	struct bz_threads *t = bz_threads_new((guint)n);
	GString *out = g_string_new(NULL);
	GArray *rows, *places;

	for (size_t i = n; i > 0; i--) {
		const struct mail *m = &mails[i - 1];
		unsigned refs = 0;

		while (refs < BZ_THREAD_REFS && m->refs[refs] != 0)
			refs++;
		bz_threads_add(t, m->row, false, m->row, m->refs, refs);
	}
	bz_threads_order(&t, &rows, &places);
	assert_null(t);
	assert_int_equal(rows->len, n);
	for (guint i = 0; i < rows->len; i++) {
		uint32_t place = g_array_index(places, uint32_t, i);

		g_string_append_printf(out, "%s%u:%u%s", i > 0 ? " " : "",
			g_array_index(rows, uint32_t, i), place & BZ_PLACE_DEPTH,
			(place & BZ_PLACE_LAST) != 0 ? "." : "");
	}
	g_array_unref(rows);
	g_array_unref(places);
	return g_string_free(out, FALSE);
}

#define ORDER(want, ...)                                                                           \
	do {                                                                                       \
		const struct mail mails[] = {__VA_ARGS__};                                         \
		g_autofree char *got = order_of(mails, G_N_ELEMENTS(mails));                       \
		assert_string_equal(got, want);                                                    \
	} while (0)

static void the_newest_thread_is_first_and_replies_are_in_order(void **state)
{
	(void)state;
	ORDER("4:0. 1:0. 2:1 3:1.", {1, {0}}, {2, {1}}, {3, {1}}, {4, {0}});
	ORDER("1:0. 2:1 4:2. 3:1. 5:0.", {5, {0}}, {1, {0}}, {2, {1}}, {3, {1}}, {4, {2, 1}});
}

static void a_reply_may_come_before_what_it_answers(void **state)
{
	(void)state;
	ORDER("1:0. 2:1. 3:2.", {3, {2, 1}}, {2, {1}}, {1, {0}});
}

static void the_nearest_that_is_there_counts(void **state)
{
	(void)state;
	ORDER("1:0. 5:1.", {1, {0}}, {5, {4, 3, 2, 1}});
}

static void answers_to_what_is_missing_stand_together(void **state)
{
	(void)state;
	ORDER("2:0. 3:1 4:1. 9:0.", {9, {0}}, {2, {1}}, {3, {7, 1}}, {4, {2, 1}});
}

static void what_is_alone_stays_alone(void **state)
{
	(void)state;
	ORDER("3:0. 2:0. 1:0.", {1, {0}}, {2, {0}}, {3, {0}});
	ORDER("3:0. 2:0.", {2, {8}}, {3, {9}});
}

static void a_circle_is_cut_at_its_oldest(void **state)
{
	(void)state;
	ORDER("1:0. 3:1. 2:2.", {1, {2}}, {2, {3}}, {3, {1}});
	ORDER("1:0. 2:1.", {1, {2}}, {2, {1}});
	ORDER("1:0. 3:1. 2:2. 4:3.", {1, {2}}, {2, {3}}, {3, {1}}, {4, {2}});
}

static void nobody_answers_himself(void **state)
{
	(void)state;
	ORDER("1:0.", {1, {1}});
	ORDER("1:0. 2:1.", {1, {1, 7}}, {2, {7}});
	ORDER("2:0. 1:0.", {1, {1}}, {2, {2, 2, 2}});
}

static void of_two_with_one_id_the_older_is_answered(void **state)
{
	struct bz_threads *t = bz_threads_new(3);
	GArray *rows, *places;
	uint64_t one = 1;

	(void)state;
	bz_threads_add(t, 30, false, 3, &one, 1);
	bz_threads_add(t, 20, false, 1, NULL, 0);
	bz_threads_add(t, 10, false, 1, NULL, 0);
	bz_threads_order(&t, &rows, &places);
	assert_int_equal(g_array_index(rows, uint32_t, 0), 10);
	assert_int_equal(g_array_index(rows, uint32_t, 1), 30);
	assert_int_equal(g_array_index(rows, uint32_t, 2), 20);
	assert_int_equal(g_array_index(places, uint32_t, 2) & BZ_PLACE_DEPTH, 0);
	g_array_unref(rows);
	g_array_unref(places);
}

/* --- long and many ---------------------------------------------------------------------------- */

enum { MANY = 200000 };

/* Message i answers, by whatever the shape says. */
static void order_many(uint64_t (*parent)(uint32_t i), GArray **rows, GArray **places)
{
	struct bz_threads *t = bz_threads_new(MANY);

	for (uint32_t i = MANY; i > 0; i--) {
		uint64_t ref = parent(i);

		bz_threads_add(t, i, i % 2 == 0, i, &ref, ref != 0);
	}
	bz_threads_order(&t, rows, places);
	assert_int_equal((*rows)->len, MANY);
}

static uint64_t the_one_before(uint32_t i)
{
	return i - 1;
}

static uint64_t the_first(uint32_t i)
{
	return i > 1;
}

static uint64_t one_that_is_missing(uint32_t i)
{
	return 1000000 + i / 2;
}

static uint64_t the_next(uint32_t i)
{
	return i % MANY + 1;
}

static void a_deep_thread_has_a_bottom(void **state)
{
	GArray *rows, *places;

	(void)state;
	order_many(the_one_before, &rows, &places);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t place = g_array_index(places, uint32_t, i);

		assert_int_equal(g_array_index(rows, uint32_t, i), i + 1);
		assert_int_equal(place & BZ_PLACE_DEPTH, MIN(i, BZ_PLACE_DEPTH));
		assert_int_equal((place & BZ_PLACE_UNREAD) != 0, i % 2 == 1);
	}
	g_array_unref(rows);
	g_array_unref(places);
}

static void wide_threads_many_gaps_and_a_great_circle_end(void **state)
{
	GArray *rows, *places;

	(void)state;
	order_many(the_first, &rows, &places);
	assert_int_equal(g_array_index(rows, uint32_t, MANY - 1), MANY);
	assert_int_equal(g_array_index(places, uint32_t, MANY - 1) & BZ_PLACE_DEPTH, 1);
	g_array_unref(rows);
	g_array_unref(places);
	order_many(one_that_is_missing, &rows, &places);
	assert_int_equal(g_array_index(rows, uint32_t, 1), MANY - 2);
	assert_int_equal(g_array_index(places, uint32_t, 2) & BZ_PLACE_DEPTH, 1);
	g_array_unref(rows);
	g_array_unref(places);
	order_many(the_next, &rows, &places);
	assert_int_equal(g_array_index(rows, uint32_t, 0), 1);
	assert_int_equal(g_array_index(rows, uint32_t, 1), MANY);
	g_array_unref(rows);
	g_array_unref(places);
}

/* --- in a store ------------------------------------------------------------------------------- */

struct fixture {
	char *dir, *cache;
	struct bz_store *store;
	uint32_t folder;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	char name[] = "FILE";
	struct bz_folder folder = {.name = name, .title = name};

	f->dir = check_temp_dir();
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->store = bz_store_open(f->cache, NULL, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	f->folder = folder.id;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->cache);
	g_free(f);
	return 0;
}

static uint32_t put(struct fixture *f, uint32_t uid, const char *id, const char *refs)
{
	struct bz_summary row = {.folder = f->folder,
		.uid = uid,
		.pos = uid,
		.flags = uid % 2 == 0 ? BZ_FLAG_SEEN : 0,
		.message_id = (char *)(uintptr_t)id,
		.refs = (char *)(uintptr_t)refs};

	assert_int_equal(bz_store_put(f->store, &row, NULL), 0);
	return row.row;
}

static void check_store(struct fixture *f, const uint32_t *want, const uint32_t *depths, guint n)
{
	struct bz_threads *t = bz_threads_new(n);
	GArray *rows, *places;

	assert_int_equal(bz_store_threads(f->store, f->folder, t, NULL), 0);
	bz_threads_order(&t, &rows, &places);
	assert_int_equal(rows->len, n);
	for (guint i = 0; i < n; i++) {
		assert_int_equal(g_array_index(rows, uint32_t, i), want[i]);
		assert_int_equal(g_array_index(places, uint32_t, i) & BZ_PLACE_DEPTH, depths[i]);
	}
	g_array_unref(rows);
	g_array_unref(places);
}

static void what_is_kept_at_insert_makes_the_threads(void **state)
{
	struct fixture *f = *state;
	uint32_t late = put(f, 1, "c@x", "b@x a@x"), other = put(f, 2, "z@x", NULL);
	uint32_t parent, root;

	check_store(f, (const uint32_t[]){other, late}, (const uint32_t[]){0, 0}, 2);
	parent = put(f, 3, "b@x", "a@x");
	check_store(f, (const uint32_t[]){parent, late, other}, (const uint32_t[]){0, 1, 0}, 3);
	root = put(f, 4, "a\t @x", "");
	check_store(f, (const uint32_t[]){root, parent, late, other},
		(const uint32_t[]){0, 1, 2, 0}, 4);
	assert_int_equal(bz_store_remove(f->store, f->folder, 3, NULL), 0);
	check_store(f, (const uint32_t[]){root, late, other}, (const uint32_t[]){0, 1, 0}, 3);
}

static void unread_ones_are_known(void **state)
{
	struct fixture *f = *state;
	struct bz_threads *t = bz_threads_new(3);
	GArray *rows, *places;

	put(f, 1, "a@x", NULL);
	put(f, 2, "b@x", "a@x");
	put(f, 3, "c@x", "a@x");
	assert_int_equal(bz_store_threads(f->store, f->folder, t, NULL), 0);
	bz_threads_order(&t, &rows, &places);
	for (guint i = 0; i < 3; i++)
		assert_int_equal(
			(g_array_index(places, uint32_t, i) & BZ_PLACE_UNREAD) != 0, i != 1);
	g_array_unref(rows);
	g_array_unref(places);
}

static void a_folder_keeps_its_order(void **state)
{
	struct fixture *f = *state;
	struct bz_folder folder;

	assert_int_equal(bz_store_folder_order(f->store, f->folder, BZ_ORDER_ARRIVAL, NULL), 0);
	assert_int_equal(bz_store_folder_by_id(f->store, f->folder, &folder, NULL), 0);
	assert_int_equal(folder.order, BZ_ORDER_ARRIVAL);
	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	bz_folder_clear(&folder);
	assert_int_equal(bz_store_folder_by_id(f->store, f->folder, &folder, NULL), 0);
	assert_int_equal(folder.order, BZ_ORDER_ARRIVAL);
	bz_folder_clear(&folder);
}

/* --- hashes ----------------------------------------------------------------------------------- */

/* The vectors of the paper: key 00 01 .. 0f, messages of 0, 1, 2 and 15 such bytes. */
static void siphash_is_siphash(void **state)
{
	uint8_t bytes[16];

	(void)state;
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i;
	assert_true(bz_siphash(bytes, bytes, 0) == 0x726fdb47dd0e0e31);
	assert_true(bz_siphash(bytes, bytes, 1) == 0x74f839c593dc67fd);
	assert_true(bz_siphash(bytes, bytes, 2) == 0x0d6c8009d9a94f5a);
	assert_true(bz_siphash(bytes, bytes, 15) == 0xa129ca6149be45e5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_thread_is_first_and_replies_are_in_order),
		cmocka_unit_test(a_reply_may_come_before_what_it_answers),
		cmocka_unit_test(the_nearest_that_is_there_counts),
		cmocka_unit_test(answers_to_what_is_missing_stand_together),
		cmocka_unit_test(what_is_alone_stays_alone),
		cmocka_unit_test(a_circle_is_cut_at_its_oldest),
		cmocka_unit_test(nobody_answers_himself),
		cmocka_unit_test(of_two_with_one_id_the_older_is_answered),
		cmocka_unit_test(a_deep_thread_has_a_bottom),
		cmocka_unit_test(wide_threads_many_gaps_and_a_great_circle_end),
		cmocka_unit_test_setup_teardown(
			what_is_kept_at_insert_makes_the_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(unread_ones_are_known, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_keeps_its_order, setup, teardown),
		cmocka_unit_test(siphash_is_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
