/* What extensions answer, well and ill. */
#include "tests/unit/check.h"

#include "net/imap_parse.h"

#include <string.h>

static bool parse(const char *response, struct imap_quota *quota)
{
	struct imap_parser *p = imap_parser_new();
	const struct imap_resp *r = imap_parse(p, response, strlen(response));
	bool is_quota = r->kind == IMAP_QUOTA;

	*quota = r->quota;
	imap_parser_free(p);
	return is_quota;
}

static void space_is_read_whatever_the_root_is_called(void **state)
{
	static const char *const good[] = {
		"* QUOTA \"User quota\" (STORAGE 10 512)\r\n",
		"* QUOTA \"\" (MESSAGE 3 100 STORAGE 10 512)\r\n",
		"* quota \"a \\\" (b\" (storage 10 512 MESSAGE 3 100)\r\n",
		"* QUOTA {6}\r\n) (STO (STORAGE 10 512)\r\n",
		"* QUOTA # ( STORAGE 10 512 )\r\n",
	};
	struct imap_quota q;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		assert_true(parse(good[i], &q));
		assert_int_equal(q.used, 10 << 10);
		assert_int_equal(q.limit, 512 << 10);
	}
	assert_true(parse("* QUOTA \"\" ()\r\n", &q));
	assert_int_equal(q.limit, 0);
	assert_true(parse("* QUOTA \"\" (MESSAGE 3 100)\r\n", &q));
	assert_int_equal(q.limit, 0);
}

static void garbage_is_no_quota(void **state)
{
	static const char *const bad[] = {
		"* QUOTA\r\n",
		"* QUOTA \"\r\n",
		"* QUOTA \"\" \r\n",
		"* QUOTA \"\" (STORAGE\r\n",
		"* QUOTA \"\" (STORAGE 10)\r\n",
		"* QUOTA \"\" (STORAGE 10 512\r\n",
		"* QUOTA \"\" (STORAGE -1 512)\r\n",
		"* QUOTA \"\" (STORAGE 10 99999999999999999999)\r\n",
		"* QUOTA \"\" (STORAGE 10 512 MESSAGE)\r\n",
		"* QUOTA {999999999999}\r\n (STORAGE 10 512)\r\n",
	};
	struct imap_quota q;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(parse(bad[i], &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(space_is_read_whatever_the_root_is_called),
		cmocka_unit_test(garbage_is_no_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
