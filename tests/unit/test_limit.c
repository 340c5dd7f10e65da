/* Limit words: what they match, and where they are wrong. */
#include "tests/unit/check.h"

#include "src/fold.h"
#include "src/lang.h"
#include "src/limit.h"
#include "src/mime.h"

enum { NOW = 1763640000 }; /* 20 Nov 2025, 12:00 UTC */

static struct bz_summary row;

static int setup(void **state)
{
	(void)state;
	row = (struct bz_summary){.row = 1,
		.uid = 7,
		.date = NOW - 3 * 86400,
		.received = NOW,
		.size = 1500000,
		.flags = BZ_FLAG_FLAGGED | BZ_FLAG_ATTACH,
		.from_name = (char *)(uintptr_t) "Lucía García",
		.from_addr = (char *)(uintptr_t) "lucia@example.org",
		.to = (char *)(uintptr_t) "Ana Ruiz",
		.subject = (char *)(uintptr_t) "Factura de octubre: ÉL 12",
		.message_id = (char *)(uintptr_t) "abc.1@example.org"};
	return 0;
}

/* 1 matches, 0 not, -1 no limit. */
static int try(const char *words, const struct bz_limit_source *source)
{
	struct bz_err err = {0};
	struct bz_limit *limit = bz_limit_parse(words, NOW, NULL, &err);
	int matched = limit == NULL ? -1 : bz_limit_match(limit, &row, source);

	bz_limit_free(limit);
	return matched;
}

static void check(const char *words, int want)
{
	int got = try(words, NULL);

	if (got != want)
		fail_msg("%s: %d, wanted %d", words, got, want);
}

static void words_are_sought_in_sender_and_subject(void **state)
{
	(void)state;
	check("", 1);
	check("   ", 1);
	check("lucia", 1);
	check("GARCIA", 1);
	check("garcía", 1);
	check("example.org", 1);
	check("factura lucia", 1);
	check("factura pedro", 0);
	check("\"el 12\"", 1);
	check("\"12 el\"", 0);
	check("ana", 0);
	check("to:ana", 1);
	check("from:factura", 0);
	check("subject:\"octubre: el\"", 1);
	check("id:abc.1", 1);
	check("garcía lucia@", 1);
}

static void or_brackets_and_not_combine(void **state)
{
	(void)state;
	check("pedro or lucia", 1);
	check("pedro OR wei", 0);
	check("-pedro", 1);
	check("-lucia", 0);
	check("--lucia", 1);
	check("(pedro or lucia) factura", 1);
	check("(pedro or lucia) -factura", 0);
	check("-(pedro or wei)", 1);
	check("pedro factura or lucia", 1);
	check("pedro (factura or lucia)", 0);
	check("-from:pedro newer:7d", 1);
	check("(from:pedro or from:lucia) size:>1M", 1);
	check("orb", 0);
}

static void states_days_and_sizes_match(void **state)
{
	(void)state;
	check("is:unread", 1);
	check("is:read", 0);
	check("is:flagged is:unread has:attachment", 1);
	check("is:replied", 0);
	check("is:draft", 0);
	check("newer:7d", 1);
	check("newer:2d", 0);
	check("older:2d", 1);
	check("older:1m", 0);
	check("after:2025-11-01", 1);
	check("before:2025-11-01", 0);
	check("on:2025-11-17", 1);
	check("on:17/11/2025", 1);
	check("on:2025-11", 1);
	check("on:2025", 1);
	check("on:2025-11-18", 0);
	check("after:2025-11-17 before:2025-11-18", 1);
	check("on:today", 0);
	check("size:>1M", 1);
	check("size:>1.5M", 0);
	check("size:<1.5M", 0);
	check("size:<1501k", 1);
	row.date = row.received = INT64_MIN;
	check("newer:7d", 0);
	check("older:7d", 0);
}

static void spanish_and_mutt_say_the_same(void **state)
{
	(void)state;
	check("de:lucia asunto:factura para:ana", 1);
	check("es:noleído", 1);
	check("es:leido", 0);
	check("es:marcado con:adjunto", 1);
	check("desde:2025-11-01 tamaño:>1M", 1);
	check("reciente:1s", 1);
	check("día:ayer", 0);
	check("~f lucia ~N", 1);
	check("~f pedro | ~s factura", 1);
	check("!~F", 0);
	check("~d <1w ~z >1M", 1);
	check("~d >1w", 0);
	check("~d 1/11/2025-", 1);
	check("~d -17/11/2025", 1);
	check("~d -16/11/2025", 0);
	check("~f \"lucía garcía\"", 1);
}

static void a_fault_names_its_column(void **state)
{
	static const struct {
		const char *words;
		int column;
		const char *says;
	} faults[] = {
		{"lucia is:unred", 10, "did you mean \"is:unread\""},
		{"é is:xyzzyx", 6, "unread, read, flagged"},
		{"form:pedro", 1, "did you mean \"from:\""},
		{"lucia http://example.org", 7, "in quotes"},
		{"from:", 6, "a word is missing"},
		{"a or", 5, "a word is missing"},
		{"or a", 1, "a word is missing"},
		{"(a", 1, "no \")\""},
		{"a)", 2, "no \"(\""},
		{"()", 2, "a word is missing"},
		{"x \"el 12", 3, "no second \""},
		{"newer:7", 7, "is no time"},
		{"after:2025-13-01", 7, "is no day"},
		{"after:2025-02-30", 7, "is no day"},
		{"size:1M", 6, "is no size"},
		{"has:pictures", 5, "has:attachment"},
		{"~k", 1, "behind ~"},
		{"\"\"", 1, "a word is missing"},
		{"a \" \"", 3, "a word is missing"},
		{"\xff", 1, "not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		struct bz_err err = {0};
		int column = 0;

		assert_null(bz_limit_parse(faults[i].words, NOW, &column, &err));
		assert_int_equal(err.kind, BZ_ERR_USAGE);
		if (column != faults[i].column || strstr(err.text, faults[i].says) == NULL)
			fail_msg("%s: column %d: %s", faults[i].words, column, err.text);
	}
}

static void depth_and_length_are_bounded(void **state)
{
	g_autofree char *fine = g_strnfill(50, '('), *end = g_strnfill(50, ')');
	g_autofree char *deep = g_strconcat("(", fine, "lucia", end, ")", NULL);
	g_autofree char *good = g_strconcat(fine, "lucia", end, NULL);
	g_autofree char *lone = g_strnfill(4000, '(');
	g_autofree char *longer = g_strnfill(5000, 'a');
	GString *many = g_string_new(NULL);

	(void)state;
	check(good, 1);
	check(deep, -1);
	check(lone, -1);
	check(longer, -1);
	for (int i = 0; i < 600; i++)
		g_string_append(many, "a ");
	check(many->str, -1);
	g_string_free(many, TRUE);
}

/* --- what only the message holds -------------------------------------------------------------- */

static int reads;

static struct bz_message *read_message(void *me, const struct bz_summary *of)
{
	g_autoptr(GBytes) raw = g_bytes_new(me, strlen(me));

	assert_int_equal(of->uid, 7);
	reads++;
	return bz_mime_parse(raw, false);
}

static void the_message_is_read_once_and_only_where_needed(void **state)
{
	static char mail[] = "From: lucia@example.org\nTo: Ana Ruiz <ana@example.org>,\n"
			     " Pedro <pedro@example.org>\nCc: wei@example.org\n"
			     "Subject: Factura\nContent-Type: text/plain; charset=utf-8\n"
			     "Content-Transfer-Encoding: quoted-printable\n\n"
			     "La reuni=C3=B3n ser=C3=A1\nel 12.\n";
	struct bz_limit_source source = {mail, read_message};

	(void)state;
	reads = 0;
	assert_int_equal(try("lucia is:unread to:ana", &source), 1);
	assert_int_equal(
		try("body:reunion pedro", &source) + try("pedro body:reunion", &source), 0);
	assert_int_equal(reads, 1); /* the first; the second was decided before */
	assert_int_equal(try("body:reunion body:\"sera el 12\" cc:wei to:pedro", &source), 1);
	assert_int_equal(reads, 2);
	assert_int_equal(try("body:otra", &source), 0);
	assert_int_equal(try("to:wei", &source), 0);
	assert_int_equal(try("~C wei", &source), 1);
	assert_int_equal(try("texto:reunion", NULL), 0);
}

static void what_needs_the_message_is_known_before(void **state)
{
	static const struct {
		const char *words;
		bool needs, empty;
	} cases[] = {{"", false, true}, {"lucia id:x", false, false}, {"lucia to:x", true, false},
		{"a or (b -body:x)", true, false}, {"cc:x", true, false}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct bz_limit *limit = bz_limit_parse(cases[i].words, NOW, NULL, NULL);

		assert_int_equal(bz_limit_needs_text(limit), cases[i].needs);
		assert_int_equal(bz_limit_is_empty(limit), cases[i].empty);
		bz_limit_free(limit);
	}
}

static void a_row_alone_says_yes_no_or_nothing(void **state)
{
	static const struct {
		const char *words;
		enum bz_verdict verdict;
	} cases[] = {{"", BZ_VERDICT_YES}, {"lucia", BZ_VERDICT_YES}, {"pedro", BZ_VERDICT_NO},
		{"body:x", BZ_VERDICT_OPEN}, {"-body:x", BZ_VERDICT_OPEN},
		{"body:x pedro", BZ_VERDICT_NO}, {"body:x lucia", BZ_VERDICT_OPEN},
		{"body:x or lucia", BZ_VERDICT_YES}, {"body:x or pedro", BZ_VERDICT_OPEN},
		{"-(body:x or lucia)", BZ_VERDICT_NO}, {"-(body:x pedro)", BZ_VERDICT_YES},
		{"to:ruiz", BZ_VERDICT_YES}, {"to:wei", BZ_VERDICT_OPEN},
		{"cc:ruiz", BZ_VERDICT_OPEN}, {"~C ruiz", BZ_VERDICT_YES},
		{"size:<1k or is:flagged", BZ_VERDICT_YES}, {"newer:1d cc:a", BZ_VERDICT_NO}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct bz_limit *limit = bz_limit_parse(cases[i].words, NOW, NULL, NULL);

		if (bz_limit_judge(limit, &row) != cases[i].verdict)
			fail_msg("%s", cases[i].words);
		bz_limit_free(limit);
	}
}

static void folding_forgets_case_accents_and_bad_bytes(void **state)
{
	static const char *const pairs[][2] = {{"GARCÍA", "garcia"}, {"Straße", "strasse"},
		{"Ångström", "angstrom"}, {"n\xcc\x83", "n"}, {"ﬁn", "fin"}, {"", ""},
		{"a\xff", "a\xef\xbf\xbd"}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		g_autofree char *folded = bz_fold(pairs[i][0]);

		assert_string_equal(folded, pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words_are_sought_in_sender_and_subject, setup),
		cmocka_unit_test_setup(or_brackets_and_not_combine, setup),
		cmocka_unit_test_setup(states_days_and_sizes_match, setup),
		cmocka_unit_test_setup(spanish_and_mutt_say_the_same, setup),
		cmocka_unit_test_setup(a_fault_names_its_column, setup),
		cmocka_unit_test_setup(depth_and_length_are_bounded, setup),
		cmocka_unit_test_setup(the_message_is_read_once_and_only_where_needed, setup),
		cmocka_unit_test_setup(what_needs_the_message_is_known_before, setup),
		cmocka_unit_test_setup(a_row_alone_says_yes_no_or_nothing, setup),
		cmocka_unit_test(folding_forgets_case_accents_and_bad_bytes),
	};

	bz_lang_init("en");
	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
