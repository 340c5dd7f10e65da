/* Positions to rows: merging what changed. */
#include "tests/unit/check.h"

#include "src/listing.h"

#include <stdlib.h>

static GArray *ids_of(const uint32_t *values, guint n)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	g_array_append_vals(ids, values, n);
	return ids;
}

#define IDS(...)                                                                                   \
	ids_of((const uint32_t[]){__VA_ARGS__},                                                    \
		sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static bool apply(struct bz_listing *l, uint32_t folder, enum bz_change_kind kind, uint32_t exists,
	GArray *ids)
{
	struct bz_change *c = g_new0(struct bz_change, 1);
	bool done;

	*c = (struct bz_change){folder, kind, exists, 0, ids};
	done = bz_listing_apply(l, c);
	bz_change_free(c);
	return done;
}

static void check_rows(const struct bz_listing *l, const uint32_t *want, uint32_t n)
{
	assert_int_equal(bz_listing_size(l), n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(bz_listing_row(l, i), want[i]);
}

static void holes_are_at_the_end(void **state)
{
	struct bz_listing *l = bz_listing_new(1, IDS(9, 8), 4);

	(void)state;
	check_rows(l, (const uint32_t[]){9, 8, 0, 0}, 4);
	assert_true(apply(l, 1, BZ_CHANGE_OLDER, 4, IDS(7, 6)));
	check_rows(l, (const uint32_t[]){9, 8, 7, 6}, 4);
	bz_listing_free(l);
}

static void changes_merge_and_may_come_twice(void **state)
{
	struct bz_listing *l = bz_listing_new(1, IDS(3, 2, 1), 3);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(apply(l, 1, BZ_CHANGE_NEWER, 5, IDS(5, 4)));
		check_rows(l, (const uint32_t[]){5, 4, 3, 2, 1}, 5);
	}
	for (int i = 0; i < 2; i++) {
		assert_true(apply(l, 1, BZ_CHANGE_GONE, 3, IDS(4, 1)));
		check_rows(l, (const uint32_t[]){5, 3, 2}, 3);
	}
	assert_true(apply(l, 1, BZ_CHANGE_UPDATED, 3, IDS(3)));
	check_rows(l, (const uint32_t[]){5, 3, 2}, 3);
	bz_listing_free(l);
}

static void a_row_is_found_from_any_hint(void **state)
{
	struct bz_listing *l = bz_listing_new(1, IDS(50, 40, 30, 20, 10), 7);

	(void)state;
	for (uint32_t hint = 0; hint < 10; hint++) {
		assert_int_equal(bz_listing_find(l, 50, hint), 0);
		assert_int_equal(bz_listing_find(l, 20, hint), 3);
		assert_int_equal(bz_listing_find(l, 11, hint), -1);
	}
	bz_listing_free(l);
}

static void what_cannot_be_merged_says_so(void **state)
{
	struct bz_listing *l = bz_listing_new(1, IDS(1), 1);

	(void)state;
	assert_false(apply(l, 2, BZ_CHANGE_NEWER, 2, IDS(2)));
	assert_false(apply(l, 1, BZ_CHANGE_REBUILD, 2, NULL));
	check_rows(l, (const uint32_t[]){1}, 1);
	bz_listing_free(l);
}

/* --- rows below holes ------------------------------------------------------------------------- */

static void rows_may_stand_below_holes(void **state)
{
	struct bz_listing *l = bz_listing_new(1, IDS(9, 8, 0, 0, 0, 4, 3), 8);

	(void)state;
	check_rows(l, (const uint32_t[]){9, 8, 0, 0, 0, 4, 3, 0}, 8);
	assert_true(bz_listing_has_holes(l));
	assert_int_equal(bz_listing_find(l, 3, 0), 6);
	assert_int_equal(bz_listing_find(l, 0, 2), -1);
	assert_true(apply(l, 1, BZ_CHANGE_OLDER, 8, IDS(7, 6)));
	assert_true(apply(l, 1, BZ_CHANGE_GONE, 7, IDS(4)));
	assert_true(apply(l, 1, BZ_CHANGE_NEWER, 8, IDS(10)));
	check_rows(l, (const uint32_t[]){10, 9, 8, 7, 6, 0, 3, 0}, 8);
	assert_true(apply(l, 1, BZ_CHANGE_OLDER, 8, IDS(5)));
	assert_true(bz_listing_has_holes(l));
	assert_true(apply(l, 1, BZ_CHANGE_OLDER, 8, IDS(2)));
	check_rows(l, (const uint32_t[]){10, 9, 8, 7, 6, 5, 3, 2}, 8);
	assert_false(bz_listing_has_holes(l));
	bz_listing_free(l);
}

static void check_refused(enum bz_change_kind kind, uint32_t exists, GArray *ids)
{
	struct bz_listing *l = bz_listing_new(1, IDS(9, 8, 0, 0, 4), 6);

	assert_false(apply(l, 1, kind, exists, ids));
	bz_listing_free(l);
}

static void which_hole_is_meant_must_be_plain(void **state)
{
	(void)state;
	check_refused(BZ_CHANGE_UPDATED, 5, IDS(8));
	check_refused(BZ_CHANGE_NEWER, 6, IDS(10));
	check_refused(BZ_CHANGE_GONE, 4, IDS(9));
	check_refused(BZ_CHANGE_OLDER, 6, IDS(7, 6, 5));
	check_refused(BZ_CHANGE_OLDER, 6, IDS(4));
}

/* Beside an array of all messages, oldest first. */
struct model {
	GRand *rand;
	GArray *all;
	uint32_t next;
	struct bz_listing *listing;
};

static uint32_t message_at(const struct model *m, uint32_t position)
{
	return g_array_index(m->all, uint32_t, m->all->len - 1 - position);
}

static void model_begin(struct model *m)
{
	GArray *ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));

	m->all = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (m->next = 1; m->next <= 40; m->next++)
		g_array_append_val(m->all, m->next);
	g_array_set_size(ids, 40);
	for (uint32_t i = 0; i < 40; i++)
		if (i != 3 && (i < 3 || i == 39 || g_rand_int_range(m->rand, 0, 4) == 0))
			g_array_index(ids, uint32_t, i) = message_at(m, i);
	m->listing = bz_listing_new(1, ids, 40);
}

static void model_step(struct model *m)
{
	struct bz_listing *l = m->listing;
	uint32_t size = bz_listing_size(l), id = m->next, at = 0;
	int what = g_rand_int_range(m->rand, 0, 3);

	if (what == 0) {
		m->next++;
		g_array_append_val(m->all, id);
		assert_true(apply(l, 1, BZ_CHANGE_NEWER, size + 1, IDS(id)));
	} else if (what == 1) {
		while (bz_listing_row(l, at) != 0)
			at++;
		assert_true(apply(l, 1, BZ_CHANGE_OLDER, size, IDS(message_at(m, at))));
	} else {
		at = (uint32_t)g_rand_int_range(m->rand, 0, (gint32)size);
		id = bz_listing_row(l, at);
		if (id == 0)
			return;
		g_array_remove_index(m->all, size - 1 - at);
		assert_true(apply(l, 1, BZ_CHANGE_GONE, size - 1, IDS(id)));
	}
}

static void model_check(const struct model *m)
{
	assert_int_equal(bz_listing_size(m->listing), m->all->len);
	for (uint32_t i = 0; i < m->all->len; i++) {
		uint32_t row = bz_listing_row(m->listing, i);

		assert_true(row == 0 || row == message_at(m, i));
	}
}

static void holes_and_rows_as_in_a_model(void **state)
{
	guint32 seed = g_random_int();
	struct model m = {.rand = g_rand_new_with_seed(seed)};

	(void)state;
	print_message("# seed %u\n", seed);
	for (int round = 0; round < 300; round++) {
		model_begin(&m);
		while (bz_listing_has_holes(m.listing)) {
			model_step(&m);
			model_check(&m);
		}
		bz_listing_free(m.listing);
		g_array_unref(m.all);
	}
	g_rand_free(m.rand);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* "1:0. 2:1" is row 1 that begins a thread, the last of its siblings, and its reply 2. */
static struct bz_listing *threads_of(const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 0);
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *places = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (char **w = words; *w != NULL; w++) {
		char *end;
		uint32_t id = (uint32_t)strtoul(*w, &end, 10);
		uint32_t place = (uint32_t)strtoul(end + 1, &end, 10);

		place |= *end == '.' ? BZ_PLACE_LAST : 0;
		g_array_append_val(ids, id);
		g_array_append_val(places, place);
	}
	return bz_listing_new_threads(1, ids, places);
}

/* As it is shown, the rails of each instead of its depth: "| " goes on, "  " does not. */
static void check_threads(const struct bz_listing *l, const char *want)
{
	GString *out = g_string_new(NULL);

	for (uint32_t i = 0; i < bz_listing_size(l); i++) {
		struct bz_branch b;
		bool last[16];

		bz_listing_branch(l, i, &b);
		bz_listing_rails(l, i, b.depth, last);
		g_string_append_printf(out, "%s%u", i > 0 ? " " : "", bz_listing_row(l, i));
		for (uint32_t k = 0; k < b.depth; k++)
			g_string_append_c(out, last[k] ? '-' : '|');
		if (b.folded)
			g_string_append_printf(out, "[%u,%u]", b.messages, b.unread);
		assert_int_equal(bz_listing_find(l, bz_listing_row(l, i), 0), i);
	}
	assert_string_equal(out->str, want);
	g_string_free(out, TRUE);
}

static const char sample[] = "9:0. 1:0. 2:1 3:2. 4:3. 5:1. 6:2 7:2. 8:0.";

static void threads_have_rails(void **state)
{
	struct bz_listing *l = threads_of(sample);

	(void)state;
	assert_true(bz_listing_is_threads(l));
	assert_false(bz_listing_has_holes(l));
	check_threads(l, "9 1 2| 3|- 4|-- 5- 6-| 7-- 8");
	bz_listing_free(l);
}

static void what_is_folded_has_no_position(void **state)
{
	struct bz_summary rows[] = {{.row = 4}, {.row = 7}, {.row = 5, .flags = BZ_FLAG_SEEN}};
	struct bz_listing *l = threads_of(sample), *again = threads_of("1:0. 0:1. 8:0.");

	(void)state;
	bz_listing_set_unread(l, rows, 3);
	assert_int_equal(bz_listing_next_unread(l, 0, false), 4);
	assert_int_equal(bz_listing_next_unread(l, 4, false), 7);
	assert_int_equal(bz_listing_next_unread(l, 7, false), 0);
	assert_int_equal(bz_listing_next_unread(l, 7, true), 4);
	assert_false(bz_listing_fold(l, 0));
	assert_true(bz_listing_fold(l, 4));
	check_threads(l, "9 1[7,2] 8");
	assert_int_equal(bz_listing_find(l, 6, 2), 1);
	assert_int_equal(bz_listing_find(l, 8, 0), 2);
	assert_int_equal(bz_listing_next_unread(l, 1, false), 4);
	bz_listing_fold_like(again, l);
	check_threads(again, "1[2,0] 8");
	bz_listing_reveal(l, 6);
	check_threads(l, "9 1 2| 3|- 4|-- 5- 6-| 7-- 8");
	assert_true(bz_listing_fold_all(l));
	check_threads(l, "9 1[7,2] 8");
	assert_true(bz_listing_fold_all(l));
	check_threads(l, "9 1 2| 3|- 4|-- 5- 6-| 7-- 8");
	bz_listing_free(l);
	bz_listing_free(again);
}

static void check_without(const char *want, bool moved, GArray *gone)
{
	struct bz_listing *l = threads_of(sample);

	assert_true(apply(l, 1, BZ_CHANGE_GONE, 0, gone));
	check_threads(l, want);
	assert_int_equal(bz_listing_is_moved(l), moved);
	bz_listing_free(l);
}

static void answers_move_up_to_what_is_removed(void **state)
{
	(void)state;
	check_without("1 2| 3|- 4|-- 5- 6-| 7--", false, IDS(9, 8));
	check_without("9 1 2| 3|- 5- 6-| 7-- 8", false, IDS(4));
	check_without("9 1 2| 4|- 5- 6-| 7-- 8", true, IDS(3));
	check_without("9 1 2- 3-- 4--- 8", false, IDS(5, 6, 7));
	check_without("9 2 3| 4|- 5- 6-| 7-- 8", true, IDS(1));
	check_without("9 3 4| 6| 7- 8", true, IDS(1, 2, 5));
	check_without("9 7 8", true, IDS(1, 2, 3, 4, 5, 6));
	check_without("", false, IDS(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

static void a_folded_thread_stays_folded_without_its_head(void **state)
{
	struct bz_listing *l = threads_of(sample);

	(void)state;
	assert_true(bz_listing_fold(l, 1));
	assert_true(apply(l, 1, BZ_CHANGE_GONE, 8, IDS(1)));
	check_threads(l, "9 2[6,0] 8");
	assert_true(apply(l, 1, BZ_CHANGE_GONE, 3, IDS(3, 4, 5, 6, 7)));
	check_threads(l, "9 2 8");
	bz_listing_free(l);
}

static void what_comes_needs_a_new_listing(void **state)
{
	struct bz_listing *l = threads_of(sample);

	(void)state;
	assert_false(apply(l, 1, BZ_CHANGE_NEWER, 10, IDS(10)));
	assert_false(apply(l, 1, BZ_CHANGE_OLDER, 10, IDS(9, 10)));
	assert_true(apply(l, 1, BZ_CHANGE_NEWER, 9, IDS(9, 3)));
	assert_true(apply(l, 1, BZ_CHANGE_UPDATED, 9, IDS(3)));
	check_threads(l, "9 1 2| 3|- 4|-- 5- 6-| 7-- 8");
	bz_listing_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_at_the_end),
		cmocka_unit_test(changes_merge_and_may_come_twice),
		cmocka_unit_test(a_row_is_found_from_any_hint),
		cmocka_unit_test(what_cannot_be_merged_says_so),
		cmocka_unit_test(rows_may_stand_below_holes),
		cmocka_unit_test(which_hole_is_meant_must_be_plain),
		cmocka_unit_test(holes_and_rows_as_in_a_model),
		cmocka_unit_test(threads_have_rails),
		cmocka_unit_test(what_is_folded_has_no_position),
		cmocka_unit_test(answers_move_up_to_what_is_removed),
		cmocka_unit_test(a_folded_thread_stays_folded_without_its_head),
		cmocka_unit_test(what_comes_needs_a_new_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
