/* The keys of UIDLs are SipHash-2-4's. */
#include "tests/unit/check.h"

#include "net/siphash.h"

/* From the paper: the secret and the bytes count up from 0. */
static void the_vectors_of_the_paper_come_out(void **state)
{
	const uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(bz_siphash(secret, bytes, 15), 0xa129ca6149be45e5);
	assert_int_equal(bz_siphash(secret, bytes, 0), 0x726fdb47dd0e0e31);
	assert_int_equal(bz_siphash(secret, bytes, 8), 0x93f5f5799a932462);
}

static void another_secret_gives_other_keys(void **state)
{
	const uint64_t one[2] = {1, 2}, other[2] = {1, 3};

	(void)state;
	assert_int_not_equal(bz_siphash(one, "abc", 3), bz_siphash(other, "abc", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_paper_come_out),
		cmocka_unit_test(another_secret_gives_other_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
