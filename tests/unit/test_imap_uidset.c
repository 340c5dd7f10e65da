/* Sets of UIDs as commands name them, and COPYUID from servers that mean well and that do not. */
#include "tests/unit/check.h"

#include "net/imap_uidset.h"

#include <string.h>

static void check_set(const uint32_t *uids, size_t n, const char *expected)
{
	GString *set = g_string_new(NULL);

	assert_int_equal(imap_uidset_add(set, uids, n), n);
	assert_string_equal(set->str, expected);
	g_string_free(set, TRUE);
}

static void neighbours_become_ranges(void **state)
{
	(void)state;
	check_set((const uint32_t[]){7}, 1, "7");
	check_set((const uint32_t[]){7, 8}, 2, "7:8");
	check_set((const uint32_t[]){1, 3, 4, 5, 9}, 5, "1,3:5,9");
	check_set((const uint32_t[]){4294967294, 4294967295}, 2, "4294967294:4294967295");
}

static void a_set_ends_within_its_bounds(void **state)
{
	GString *set = g_string_new(NULL);
	uint32_t uids[1000];
	size_t taken;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		uids[i] = 4000000000 + 2 * i;
	taken = imap_uidset_add(set, uids, 1000);
	assert_int_equal(taken, IMAP_SET_UIDS);
	assert_true(set->len <= IMAP_SET_BYTES);
	for (uint32_t i = 0; i < 1000; i++)
		uids[i] = i + 1;
	g_string_truncate(set, 0);
	assert_int_equal(imap_uidset_add(set, uids, 1000), IMAP_SET_UIDS);
	assert_string_equal(set->str, "1:350");
	assert_int_equal(imap_uidset_add(set, uids, 0), 0);
	g_string_free(set, TRUE);
}

/* --- COPYUID ---------------------------------------------------------------------------------- */

static const uint32_t asked[] = {3, 5, 6, 7};

/* The places that a code tells of the four, or "odd", or "-" for none. */
static char *places(const char *const *codes)
{
	uint32_t to[4] = {0};
	struct imap_copied c = {.asked = asked, .n = 4, .to = to};

	for (; *codes != NULL; codes++)
		imap_copied_note(&c, *codes);
	if (c.odd) {
		assert_int_equal(c.uidvalidity, 0);
		for (int i = 0; i < 4; i++)
			assert_int_equal(to[i], 0);
		return g_strdup("odd");
	}
	return c.uidvalidity == 0 ? g_strdup("-")
				  : g_strdup_printf("%u: %u %u %u %u", c.uidvalidity, to[0], to[1],
					    to[2], to[3]);
}

static void check_code(const char *code, const char *expected)
{
	g_autofree char *got = places((const char *const[]){code, NULL});

	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s, not %s", code, got, expected);
}

static void copies_are_paired_in_order(void **state)
{
	(void)state;
	check_code("COPYUID 9 3,5:7 20:23", "9: 20 21 22 23");
	check_code("copyuid 9 3,5:7 20,30:31,40", "9: 20 30 31 40");
	check_code("COPYUID 9 7,3 50:51", "9: 51 0 0 50");
	check_code("COPYUID 4294967295 5:6 4294967294:4294967295",
		"4294967295: 0 4294967294 4294967295 0");
	check_code("APPENDUID 9 3", "-");
	check_code("COPYUID", "-");
}

static void several_codes_add_up(void **state)
{
	g_autofree char *two = places(
		(const char *const[]){"COPYUID 9 3 20", "READ-WRITE", "COPYUID 9 5:7 21:23", NULL});
	g_autofree char *other =
		places((const char *const[]){"COPYUID 9 3 20", "COPYUID 8 5 21", NULL});
	g_autofree char *again =
		places((const char *const[]){"COPYUID 9 3 20", "COPYUID 9 3 21", NULL});

	(void)state;
	assert_string_equal(two, "9: 20 21 22 23");
	assert_string_equal(other, "odd");
	assert_string_equal(again, "odd");
}

static void what_makes_no_sense_tells_nothing(void **state)
{
	static const char *const codes[] = {"COPYUID 9 3:7 20:24", /* 4 was not asked for */
		"COPYUID 9 1:4294967295 1:4294967295",             /* nor was all that */
		"COPYUID 9 3,5:7 1:4294967295", "COPYUID 9 3,5:7 20:22", "COPYUID 9 3,5 20:22",
		"COPYUID 9 3,3 20:21", "COPYUID 9 3,5 20,20", "COPYUID 9 3:5 20:22",
		"COPYUID 9 6:5 20:21", "COPYUID 9 5:6 21:20", "COPYUID 9 * 20", "COPYUID 9 3 *",
		"COPYUID 9 3,5:* 20:23", "COPYUID 0 3 20", "COPYUID 9 0 20", "COPYUID 9 3 0",
		"COPYUID 09 3 20", "COPYUID 9 03 20", "COPYUID 9 3 4294967296",
		"COPYUID 9 3 99999999999999999999999", "COPYUID 4294967296 3 20", "COPYUID -1 3 20",
		"COPYUID 9 3", "COPYUID 9 3 ", "COPYUID 9  3 20", "COPYUID 9 3  20",
		"COPYUID 9 3 20 ", "COPYUID 9 3 20 21", "COPYUID 9 ,3 20", "COPYUID 9 3, 20",
		"COPYUID 9 3 20,", "COPYUID 9 3,,5 20:21", "COPYUID 9 3 20:", "COPYUID 9 : 20",
		"COPYUID ", "COPYUID 9 3,5:7 20:23x", "COPYUID 9 (3) 20", "COPYUID 9 3\t20"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		check_code(codes[i], "odd");
}

/* Tidy: "low-high low-high", or "none". */
static char *ranges_of(const char *set)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct imap_range));
	GString *said = g_string_new(NULL);

	if (imap_ranges_read(set, ranges)) {
		imap_ranges_tidy(ranges);
		for (guint i = 0; i < ranges->len; i++)
			g_string_append_printf(said, "%s%u-%u", i > 0 ? " " : "",
				g_array_index(ranges, struct imap_range, i).low,
				g_array_index(ranges, struct imap_range, i).high);
	} else {
		g_string_assign(said, "none");
	}
	g_array_unref(ranges);
	return g_string_free(said, FALSE);
}

static void check_ranges(const char *set, const char *expected)
{
	g_autofree char *said = ranges_of(set);

	assert_string_equal(said, expected);
}

static void sets_are_put_in_order_and_never_expanded(void **state)
{
	(void)state;
	check_ranges("41,43:116", "41-41 43-116");
	check_ranges("9:7,3,8:12,13", "3-3 7-13");
	check_ranges("1:4294967295", "1-4294967295");
	check_ranges("5,1:4294967295,4294967295:4294967295", "1-4294967295");
}

static void what_is_no_set_is_refused(void **state)
{
	static const char *const bad[] = {"", "0", "1:0", "*", "1:*", "1,", ",1", "1,,2",
		"1:", ":1", "1 2", "4294967296", "1:99999999999999999999", "-1", "x", "1:2:3",
		"01"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		check_ranges(bad[i], "none");
}

static void more_ranges_than_a_folder_needs_are_refused(void **state)
{
	GString *set = g_string_new("1");
	g_autofree char *said = NULL;

	(void)state;
	for (unsigned i = 0; i < IMAP_SET_RANGES; i++)
		g_string_append(set, ",1");
	said = ranges_of(set->str);
	g_string_free(set, TRUE);
	assert_string_equal(said, "none");
}

static void known_uids_are_picked_by_ranges(void **state)
{
	static const uint32_t uids[] = {1, 5, 6, 9, 4294967295};
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct imap_range));
	GArray *known = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *in = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *out = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	(void)state;
	g_array_append_vals(known, uids, G_N_ELEMENTS(uids));
	assert_true(imap_ranges_read("2:5,9,7000:4294967295", ranges));
	imap_ranges_tidy(ranges);
	imap_ranges_pick(ranges, known, true, in);
	imap_ranges_pick(ranges, known, false, out);
	assert_int_equal(in->len, 3);
	assert_int_equal(g_array_index(in, uint32_t, 2), 4294967295);
	assert_int_equal(out->len, 2);
	assert_int_equal(g_array_index(out, uint32_t, 1), 6);
	assert_int_equal(imap_ranges_count(ranges, 4, 9), 3);
	assert_int_equal(imap_ranges_count(ranges, 1, UINT32_MAX), 5 + UINT32_MAX - 7000 + 1);
	g_array_unref(ranges);
	g_array_unref(known);
	g_array_unref(in);
	g_array_unref(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_put_in_order_and_never_expanded),
		cmocka_unit_test(what_is_no_set_is_refused),
		cmocka_unit_test(more_ranges_than_a_folder_needs_are_refused),
		cmocka_unit_test(known_uids_are_picked_by_ranges),
		cmocka_unit_test(neighbours_become_ranges),
		cmocka_unit_test(a_set_ends_within_its_bounds),
		cmocka_unit_test(copies_are_paired_in_order),
		cmocka_unit_test(several_codes_add_up),
		cmocka_unit_test(what_makes_no_sense_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
