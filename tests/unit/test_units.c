/* Sizes and times as a person writes them. */
#include "tests/unit/check.h"

#include "src/units.h"

static void sizes_are_thousands(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0}, {"500", 500}, {"500b", 500}, {"10k", 10000}, {"10M", 10000000},
		{"1.5 MB", 1500000}, {"1,5m", 1500000}, {"2G", 2000000000}};
	static const char *const bad[] = {
		"", "M", "-1", "10x", "10MM", "1.", "10 M x", "99999999999999999G"};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		assert_true(bz_units_size(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		if (bz_units_size(bad[i], &bytes))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void intervals_have_a_unit(void **state)
{
	static const char *const bad[] = {"", "5", "0m", "m", "-5m", "5 mins", "400d", "5mm"};
	unsigned seconds;

	(void)state;
	assert_true(bz_units_interval("90s", &seconds));
	assert_int_equal(seconds, 90);
	assert_true(bz_units_interval("5m", &seconds));
	assert_int_equal(seconds, 300);
	assert_true(bz_units_interval("1h", &seconds));
	assert_int_equal(seconds, 3600);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		if (bz_units_interval(bad[i], &seconds))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void days_are_whole(void **state)
{
	static const char *const bad[] = {"", "30", "0d", "-1d", "1.5d", "30 d", "99999d", "d"};
	unsigned days;

	(void)state;
	assert_true(bz_units_days("30d", &days));
	assert_int_equal(days, 30);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		if (bz_units_days(bad[i], &days))
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_thousands),
		cmocka_unit_test(intervals_have_a_unit),
		cmocka_unit_test(days_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
