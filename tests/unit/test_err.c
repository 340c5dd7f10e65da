#include "tests/unit/check.h"

#include "src/err.h"

#include <sysexits.h>

static void set_returns_minus_one_and_fills(void **state)
{
	struct bz_err err = {0};

	(void)state;
	assert_int_equal(bz_err_set(&err, BZ_ERR_NET, BZ_CODE_DNS, "no %s", "host"), -1);
	assert_int_equal(err.kind, BZ_ERR_NET);
	assert_int_equal(err.code, BZ_CODE_DNS);
	assert_string_equal(err.text, "no host");
	assert_int_equal(bz_err_exit_code(&err), 68);
	assert_int_equal(bz_err_set(NULL, BZ_ERR_NET, BZ_CODE_DNS, "x"), -1);
}

static void long_server_words_are_cut_at_a_character(void **state)
{
	struct bz_err err;
	char words[600];

	(void)state;
	words[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof words; i += 2)
		memcpy(words + i, "\xc3\xa1", 2);
	bz_err_server(&err, BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED, words, 599, "no");
	assert_true(strlen(err.server) < sizeof err.server);
	assert_int_equal(strlen(err.server) % 2, 1);
	assert_int_equal(bz_err_exit_code(&err), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_minus_one_and_fills),
		cmocka_unit_test(long_server_words_are_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
