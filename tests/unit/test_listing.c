/* Positions to rows: merging what changed. */
#include "tests/unit/check.h"

#include "src/listing.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_at_the_end),
		cmocka_unit_test(changes_merge_and_may_come_twice),
		cmocka_unit_test(a_row_is_found_from_any_hint),
		cmocka_unit_test(what_cannot_be_merged_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
