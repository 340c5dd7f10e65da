/* Limit words as SEARCH keys, byte for byte; and what servers answer, well and ill. */
#include "tests/unit/check.h"

#include "net/imap_search.h"
#include "net/imap_uidset.h"
#include "src/lang.h"

#include <string.h>

enum { NOW = 1763640000 }; /* 20 Nov 2025, 12:00 UTC */

static void check_as(enum imap_words how, const char *words, const char *expected, bool coded)
{
	struct bz_limit *limit = bz_limit_parse(words, NOW, NULL, NULL);
	bool is_coded;
	g_autofree char *keys = NULL;

	assert_non_null(limit);
	keys = imap_keys(limit, how, &is_coded);
	if (g_strcmp0(keys, expected) != 0)
		fail_msg("%s: %s\nnot %s", words, keys, expected);
	assert_int_equal(keys != NULL && is_coded, coded);
	bz_limit_free(limit);
}

static void check_keys(const char *words, const char *expected)
{
	check_as(IMAP_WORDS_AT_ONCE, words, expected, false);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void words_name_their_place(void **state)
{
	(void)state;
	check_keys("", "ALL");
	check_keys("Lucia", "OR FROM \"lucia\" SUBJECT \"lucia\"");
	check_keys("from:lucia", "FROM \"lucia\"");
	check_keys("to:a", "TO \"a\"");
	check_keys("cc:a", "CC \"a\"");
	check_keys("~C a", "OR TO \"a\" CC \"a\"");
	check_keys("subject:\"el 12\"", "SUBJECT \"el 12\"");
	check_keys("body:a", "BODY \"a\"");
	check_keys("id:a@b", "HEADER MESSAGE-ID \"a@b\"");
	check_keys("~s a\\\\b", "SUBJECT \"a\\\\\\\\b\"");
	check_keys("from:'x", "FROM \"'x\"");
	check_keys("~b \"a  \tb\"", "BODY \"a b\"");
}

static void marks_sizes_and_days_too(void **state)
{
	(void)state;
	g_setenv("TZ", "UTC", TRUE);
	check_keys("is:unread", "UNSEEN");
	check_keys("-is:unread", "SEEN");
	check_keys("is:read", "SEEN");
	check_keys("is:flagged", "FLAGGED");
	check_keys("is:replied", "ANSWERED");
	check_keys("-is:draft", "UNDRAFT");
	check_keys("~D", "DELETED");
	check_keys("size:>1k", "LARGER 1000");
	check_keys("-size:>1k", "SMALLER 1001");
	check_keys("size:<1k", "SMALLER 1000");
	check_keys("-size:<1k", "LARGER 999");
	check_keys("size:>9G", "LARGER 4294967294");
	check_keys("size:<9G", "ALL");
	check_keys("newer:2d", "OR SENTSINCE 17-Nov-2025 SINCE 17-Nov-2025");
	check_keys("-older:2d", "OR SENTSINCE 17-Nov-2025 SINCE 17-Nov-2025");
	check_keys("before:2025-10-01", "OR SENTBEFORE 3-Oct-2025 BEFORE 3-Oct-2025");
	check_keys("on:2025-10", "OR (SENTSINCE 30-Sep-2025 SENTBEFORE 3-Nov-2025) "
				 "(SINCE 30-Sep-2025 BEFORE 3-Nov-2025)");
	check_keys("-on:2025-10", "OR OR SENTBEFORE 3-Oct-2025 BEFORE 3-Oct-2025 "
				  "OR SENTSINCE 31-Oct-2025 SINCE 31-Oct-2025");
}

static void what_has_no_key_fits_all(void **state)
{
	(void)state;
	check_keys("has:attachment", "ALL");
	check_keys("-has:attachment", "ALL");
	check_keys("from:a has:attachment", "FROM \"a\"");
	check_keys("from:a or has:attachment", "ALL");
	check_keys("-(from:a has:attachment)", "ALL");
	check_keys("-(from:a or has:attachment)", "NOT FROM \"a\"");
}

static void words_together(void **state)
{
	(void)state;
	check_keys("from:a cc:b", "(FROM \"a\" CC \"b\")");
	check_keys("from:a or cc:b", "OR FROM \"a\" CC \"b\"");
	check_keys("from:a or cc:b or to:c", "OR FROM \"a\" OR CC \"b\" TO \"c\"");
	check_keys("from:a cc:b or to:c", "OR (FROM \"a\" CC \"b\") TO \"c\"");
	check_keys("(from:a or cc:b) to:c", "(OR FROM \"a\" CC \"b\" TO \"c\")");
	check_keys("-a", "NOT OR FROM \"a\" SUBJECT \"a\"");
	check_keys("-(from:a cc:b)", "OR NOT FROM \"a\" NOT CC \"b\"");
	check_keys("-(from:a or cc:b)", "(NOT FROM \"a\" NOT CC \"b\")");
	check_keys("-(from:a -(cc:b is:read))", "OR NOT FROM \"a\" (CC \"b\" SEEN)");
}

static void other_letters_are_literals(void **state)
{
	(void)state;
	check_as(IMAP_WORDS_AT_ONCE, "body:Canción", "OR BODY {8+}\r\nCanción BODY \"cancion\"",
		true);
	check_as(IMAP_WORDS_WAITING, "body:Canción", "OR BODY {8}\nCanción BODY \"cancion\"", true);
	check_as(IMAP_WORDS_WAITING, "from:вера to:вера", "(FROM {8}\nвера TO {8}\nвера)", true);
	check_as(IMAP_WORDS_PLAIN, "body:Canción", "BODY \"cancion\"", false);
	check_as(IMAP_WORDS_PLAIN, "body:вера", NULL, false);
	check_as(IMAP_WORDS_PLAIN, "is:read or from:вера", NULL, false);
}

static void no_words_break_out_of_their_string(void **state)
{
	(void)state;
	check_keys("body:\"a\r\nX LOGOUT\"", "BODY \"a x logout\"");
	check_as(IMAP_WORDS_WAITING, "body:\"ñ\r\nX\nY\"", "OR BODY {6}\nñ X Y BODY \"n x y\"",
		true);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The UIDs that a response names, at most ten: "5 6 9", "-" = it is none, "odd" = no sense. */
static char *read_response(const char *response)
{
	struct imap_parser *p = imap_parser_new();
	const struct imap_resp *r = imap_parse(p, response, strlen(response));
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GString *out = g_string_new(r->kind == IMAP_SEARCH ? NULL : "-");

	if (r->kind == IMAP_SEARCH && !imap_uidset_read(uids, r->text, 10))
		g_string_assign(out, "odd");
	else
		for (guint i = 0; i < uids->len; i++)
			g_string_append_printf(
				out, "%s%u", i > 0 ? " " : "", g_array_index(uids, uint32_t, i));
	assert_true(uids->len <= 10);
	g_array_unref(uids);
	imap_parser_free(p);
	return g_string_free(out, FALSE);
}

static void check_response(const char *response, const char *expected)
{
	g_autofree char *got = read_response(response);

	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s, not %s", response, got, expected);
}

static void uids_are_read_from_either_answer(void **state)
{
	(void)state;
	check_response("* SEARCH\r\n", "");
	check_response("* SEARCH 5 9 6\r\n", "5 9 6");
	check_response("* search 5 \r\n", "5");
	check_response("* SEARCH 5 9 (MODSEQ 917162500)\r\n", "5 9");
	check_response("* ESEARCH (TAG \"B7\") UID\r\n", "");
	check_response("* ESEARCH (TAG \"B7\") UID ALL 5:7,9\r\n", "5 6 7 9");
	check_response("* ESEARCH UID ALL 4294967295\r\n", "4294967295");
	check_response("* ESEARCH (TAG \"B) (7\") UID COUNT 2 ALL 5,9 MODSEQ 7\r\n", "5 9");
	check_response("* ESEARCH (TAG \"B7\") UID X-NEW (1 (2 \"(\") 3) ALL 5\r\n", "5");
	check_response("* ESEARCH (TAG \"B7\") UID MIN 1 MAX 9\r\n", "");
}

static void nothing_is_made_of_nonsense(void **state)
{
	static const char *const odd[] = {"* SEARCH 0\r\n", "* SEARCH 5  6\r\n",
		"* SEARCH 4294967296\r\n", "* SEARCH 99999999999999999999\r\n", "* SEARCH -5\r\n",
		"* SEARCH x\r\n", "* SEARCH 5,\r\n", "* SEARCH 5:\r\n", "* SEARCH 05\r\n",
		"* SEARCH 1 2 3 4 5 6 7 8 9 10 11\r\n", "* ESEARCH UID ALL 9:5\r\n",
		"* ESEARCH UID ALL *\r\n", "* ESEARCH UID ALL 5:*\r\n",
		"* ESEARCH UID ALL 1:4294967295\r\n", "* ESEARCH UID ALL 1:5,1:6\r\n",
		"* ESEARCH UID ALL 5,,6\r\n", "* ESEARCH UID ALL ,5\r\n",
		"* ESEARCH UID ALL \"5\"\r\n", "* ESEARCH UID ALL (5)\r\n"};
	static const char *const none[] = {"* ESEARCH\r\n", "* ESEARCH (TAG \"B7\") ALL 5\r\n",
		"* ESEARCH (TAG \"B7\" UID ALL 5\r\n", "* ESEARCH (TAG \"B7) UID ALL 5\r\n",
		"* ESEARCH UIDALL 5\r\n", "* ESEARCH UID ALL\r\n", "* ESEARCH UID ALL \r\n",
		"* ESEARCH UID COUNT\r\n", "* ESEARCH UID X (5\r\n", "* ESEARCH ((((((((((((\r\n",
		"* ESEARCH UID {99}\r\n"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(odd); i++)
		check_response(odd[i], "odd");
	for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
		check_response(none[i], "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_name_their_place),
		cmocka_unit_test(marks_sizes_and_days_too),
		cmocka_unit_test(what_has_no_key_fits_all),
		cmocka_unit_test(words_together),
		cmocka_unit_test(other_letters_are_literals),
		cmocka_unit_test(no_words_break_out_of_their_string),
		cmocka_unit_test(uids_are_read_from_either_answer),
		cmocka_unit_test(nothing_is_made_of_nonsense),
	};

	bz_lang_init("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
