/* What takes up the space, counted from the rows that are known. */
#include "tests/unit/check.h"

#include "src/usage.h"

struct fixture {
	char *dir;
	struct bz_store *store;
	struct bz_usage *usage;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	g_autofree char *cache = NULL;

	f->dir = check_temp_dir();
	cache = g_build_filename(f->dir, "cache.db", NULL);
	f->store = bz_store_open(cache, NULL, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	f->usage = bz_usage_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_usage_free(f->usage);
	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f);
	return 0;
}

/* n messages of which rows are known of the first `known`; message i has i * unit bytes. */
static uint32_t fill(struct fixture *f, const char *name, uint32_t n, uint32_t known, uint64_t unit)
{
	struct bz_folder folder = {.name = (char *)(uintptr_t)name,
		.title = (char *)(uintptr_t)name,
		.selectable = true,
		.exists = n};

	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	for (uint32_t i = 1; i <= known; i++) {
		struct bz_summary row = {.folder = folder.id, .uid = i, .pos = i, .size = i * unit};

		assert_int_equal(bz_store_put(f->store, &row, NULL), 0);
	}
	return folder.id;
}

static const struct bz_usage_folder *folder_at(const struct fixture *f, guint i)
{
	return &g_array_index(f->usage->folders, struct bz_usage_folder, i);
}

static void folders_are_ranked_by_what_is_known_of_them(void **state)
{
	struct fixture *f = *state;

	fill(f, "INBOX", 4, 4, 10);
	fill(f, "Huge", 900, 3, UINT64_C(4000000000));
	fill(f, "Unlisted", 50, 0, 1);
	fill(f, "Empty messages", 5, 5, 0);
	assert_int_equal(bz_usage_count_folders(f->usage, f->store, NULL), 0);
	bz_usage_rank_folders(f->usage);
	assert_true(f->usage->by_rows);
	assert_int_equal(f->usage->folders->len, 2);
	assert_string_equal(folder_at(f, 0)->name, "Huge");
	assert_true(folder_at(f, 0)->is_part);
	assert_int_equal(folder_at(f, 0)->bytes, UINT64_C(24000000000));
	assert_string_equal(folder_at(f, 1)->name, "INBOX");
	assert_false(folder_at(f, 1)->is_part);
	assert_int_equal(folder_at(f, 1)->messages, 4);
}

static void no_more_than_the_largest_are_told(void **state)
{
	struct fixture *f = *state;

	for (guint i = 0; i < BZ_USAGE_TOP + 5; i++) {
		g_autofree char *name = g_strdup_printf("f%02u", i);

		fill(f, name, 1, 1, i + 1);
	}
	assert_int_equal(bz_usage_count_folders(f->usage, f->store, NULL), 0);
	bz_usage_rank_folders(f->usage);
	assert_int_equal(f->usage->folders->len, BZ_USAGE_TOP);
	assert_int_equal(folder_at(f, 0)->bytes, BZ_USAGE_TOP + 5);
	assert_int_equal(folder_at(f, BZ_USAGE_TOP - 1)->bytes, 6);
}

static void the_largest_messages_of_one_folder_come_first(void **state)
{
	struct fixture *f = *state;
	uint32_t inbox = fill(f, "INBOX", 50, 50, 10);

	fill(f, "Other", 3, 3, 1000);
	for (int again = 0; again < 2; again++)
		assert_int_equal(bz_usage_find_messages(f->usage, f->store, inbox, NULL), 0);
	assert_int_equal(f->usage->messages->len, BZ_USAGE_TOP);
	assert_int_equal(g_array_index(f->usage->messages, struct bz_summary, 0).uid, 50);
	assert_int_equal(
		g_array_index(f->usage->messages, struct bz_summary, BZ_USAGE_TOP - 1).uid, 31);
	assert_int_equal(bz_usage_find_messages(f->usage, f->store, 999, NULL), 0);
	assert_int_equal(f->usage->messages->len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			folders_are_ranked_by_what_is_known_of_them, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_than_the_largest_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_largest_messages_of_one_folder_come_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
