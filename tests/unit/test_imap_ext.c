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

static void messages_have_a_limit_too(void **state)
{
	struct imap_quota q;

	(void)state;
	assert_true(parse("* QUOTA \"\" (MESSAGE 3 100 STORAGE 10 512)\r\n", &q));
	assert_int_equal(q.messages, 3);
	assert_int_equal(q.messages_limit, 100);
	assert_int_equal(q.used, 10 << 10);
}

/* "size messages", "none". */
static void check_status(const char *response, const char *expected)
{
	struct imap_parser *p = imap_parser_new();
	const struct imap_resp *r = imap_parse(p, response, strlen(response));
	g_autofree char *said = g_strdup("none");
	uint32_t messages = 0;

	if (r->kind == IMAP_STATUS) {
		imap_status(r->status, MAILIMAP_STATUS_ATT_MESSAGES, &messages);
		g_free(said);
		said = g_strdup_printf(
			"%s %d %" G_GUINT64_FORMAT " %u", r->text, r->has_size, r->size, messages);
	}
	imap_parser_free(p);
	assert_string_equal(said, expected);
}

static void sizes_of_folders_are_read_wherever_they_stand(void **state)
{
	(void)state;
	check_status("* STATUS a (MESSAGES 3 SIZE 5000000000)\r\n", "a 1 5000000000 3");
	check_status("* STATUS \"SIZE 7\" (SIZE 5 MESSAGES 3)\r\n", "SIZE 7 1 5 3");
	check_status("* STATUS {3}\r\n( ) (MESSAGES 3 SIZE 5 UNSEEN 2)\r\n", "( ) 1 5 3");
	check_status("* STATUS a (MESSAGES 3)\r\n", "a 0 0 3");
	check_status("* STATUS \"a b\" (MESSAGES 3)\r\n", "a b 0 0 3");
	check_status("* STATUS a (MESSAGES 3 SIZE)\r\n", "none");
	check_status("* STATUS a (MESSAGES 3 SIZE 99999999999999999999)\r\n", "none");
	check_status("* STATUS a (MESSAGES 3 SIZE -1)\r\n", "none");
	check_status("* STATUS a (SIZE\r\n", "none");
	check_status("* STATUS\r\n", "none");
}

static void check_word(const char *at, const char *expected)
{
	g_autofree char *said = imap_unquote(at, at + strlen(at));

	assert_string_equal(said, expected);
}

static void names_are_taken_out_of_their_quotes(void **state)
{
	(void)state;
	check_word("atom (1)", "atom");
	check_word("\"a \\\"b\\\\ c\" x", "a \"b\\ c");
	check_word("{3}\r\na b c", "a b");
	check_word("\"\"", "");
	check_word("\"open", "");
	check_word("{99}\r\nshort", "");
}

/* The set, "(earlier) set", or "none". */
static char *vanished(const char *response)
{
	struct imap_parser *p = imap_parser_new();
	const struct imap_resp *r = imap_parse(p, response, strlen(response));
	char *said = r->kind == IMAP_VANISHED_UIDS
			     ? g_strconcat(r->earlier ? "(earlier) " : "", r->text, NULL)
			     : g_strdup("none");

	imap_parser_free(p);
	return said;
}

static void check_vanished(const char *response, const char *expected)
{
	g_autofree char *said = vanished(response);

	assert_string_equal(said, expected);
}

static void vanished_is_told_apart_from_vanished_earlier(void **state)
{
	(void)state;
	check_vanished("* VANISHED 405,407,410:425\r\n", "405,407,410:425");
	check_vanished("* vanished (earlier) 41,43:116\r\n", "(earlier) 41,43:116");
	check_vanished("* VANISHED\r\n", "");
	check_vanished("* VANISHED (EARLIER)\r\n", "(earlier) "); /* which is no set */
	check_vanished("* 4 VANISHED\r\n", "none");
}

static void check_all(const char *text, const char *expected)
{
	g_autofree char *line = g_strconcat(text, "\r\n", NULL);
	g_autofree char *set = imap_esearch(line, line + strlen(line));

	assert_string_equal(set != NULL ? set : "none", expected);
}

static void esearch_tells_a_set_of_uids(void **state)
{
	(void)state;
	check_all("(TAG \"B7\") UID ALL 1:17,21", "1:17,21");
	check_all("UID COUNT 5 ALL 4:9 MODSEQ 7", "4:9");
	check_all("(TAG \"a) UID ALL 3\") UID ALL 7", "7");
	check_all("(TAG \"B7\") UID", "");
	check_all("(TAG \"B7\") ALL 1:17", "none");
	check_all("(TAG \"B7\" UID ALL 1:17", "none");
	check_all("(TAG \"B7", "none");
	check_all("UID COUNT", "none");
	check_all("UIDS ALL 3", "none");
	check_all("", "none");
}

static void modseqs_have_63_bits(void **state)
{
	(void)state;
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 715194045007", "HIGHESTMODSEQ"), 715194045007);
	assert_int_equal(
		imap_modseq("highestmodseq 9223372036854775807", "HIGHESTMODSEQ"), INT64_MAX);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 9223372036854775808", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 18446744073709551616", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 18446744073709551621", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 7x", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ -7", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ ", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("HIGHESTMODSEQ 0", "HIGHESTMODSEQ"), 0);
	assert_int_equal(imap_modseq("NOMODSEQ", "HIGHESTMODSEQ"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vanished_is_told_apart_from_vanished_earlier),
		cmocka_unit_test(esearch_tells_a_set_of_uids),
		cmocka_unit_test(modseqs_have_63_bits),
		cmocka_unit_test(messages_have_a_limit_too),
		cmocka_unit_test(sizes_of_folders_are_read_wherever_they_stand),
		cmocka_unit_test(names_are_taken_out_of_their_quotes),
		cmocka_unit_test(space_is_read_whatever_the_root_is_called),
		cmocka_unit_test(garbage_is_no_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
