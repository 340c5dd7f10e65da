/* Threads in the list: the tree, folding, what arrives and what goes. */
#include "tests/tui/term.h"

#include <stdio.h>

struct fixture {
	char *home, *mbox;
	struct term *t;
};

/* refs: of References; NULL = none. */
static void write_mail(const char *path, int n, const char *subject, const char *refs, bool unread)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fprintf(f,
		"From eva@example.org Mon Nov  2 10:%02d:00 2020\n"
		"From: Eva %d <eva%d@example.org>\nTo: ana@example.org\n"
		"Date: Mon, 2 Nov 2020 10:%02d:00 +0000\nSubject: %s\nStatus: %s\n"
		"Message-ID: <m%d@example.org>\n%s%s%s\nBody of letter %d.\n\n",
		n, n, n, n, subject, unread ? "O" : "RO", n, refs != NULL ? "References: " : "",
		refs != NULL ? refs : "", refs != NULL ? "\n" : "", n);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->home = term_home(NULL);
	f->mbox = g_build_filename(f->home, "sample.mbox", NULL);
	write_mail(f->mbox, 1, "the plan", NULL, false);
	write_mail(f->mbox, 2, "lunch", NULL, false);
	write_mail(f->mbox, 3, "Re: the plan", "<m1@example.org>", true);
	write_mail(f->mbox, 4, "other matter", "<m1@example.org>\n\t<m3@example.org>", true);
	write_mail(f->mbox, 5, "dates", "<m1@example.org>", false);
	write_mail(f->mbox, 6, "holidays", NULL, false);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->t != NULL)
		term_free(f->t);
	check_remove_dir(f->home);
	g_free(f->mbox);
	g_free(f->home);
	g_free(f);
	return 0;
}

static struct term *start(struct fixture *f, int rows, int cols)
{
	const char *args[] = {f->mbox, NULL};

	f->t = term_start(rows, cols, f->home, args, NULL);
	return f->t;
}

static void check_row(struct term *t, int y, const char *ending)
{
	g_autofree char *row = NULL;

	term_wait_row(t, y, ending);
	row = term_row(t, y);
	if (!g_str_has_suffix(row, ending)) {
		print_error("row %d is \"%s\"\n", y, row);
		fail();
	}
}

static void replies_hang_below_what_they_answer(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80);

	term_wait(t, "└─ other matter");
	check_row(t, 1, "Eva 6              holidays");
	check_row(t, 2, "Eva 1              the plan");
	check_row(t, 3, "Eva 3              ├─ Re: the plan");
	check_row(t, 4, "Eva 4              │  └─ other matter");
	check_row(t, 5, "Eva 5              └─ dates");
	check_row(t, 6, "Eva 2              lunch");
}

static void threads_fold_and_unfold(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80);

	term_wait(t, "└─ other matter");
	term_type(t, "jjjz"); /* on a reply: its thread */
	term_wait(t, "[4, 2 new] the plan");
	term_wait_cursor(t, 2);
	check_row(t, 3, "lunch");
	term_type(t, "z");
	term_wait(t, "└─ other matter");
	term_wait_cursor(t, 2);
	term_type(t, "Z");
	term_wait(t, "[4, 2 new] the plan");
	term_type(t, "gg\t"); /* the next unread is in there: it opens */
	term_wait(t, "├─ Re: the plan");
	term_wait_cursor(t, 3);
	term_type(t, "ggz");
	term_wait(t, "This thread is one message.");
}

static void the_order_is_kept_for_the_folder(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80);

	term_wait(t, "└─ other matter");
	term_type(t, "jjjo"); /* Eva 4, on line 4, is third by arrival */
	term_wait_gone(t, "└─");
	term_wait(t, "One row a message");
	check_row(t, 3, "Eva 4              other matter");
	term_wait_cursor(t, 3);
	term_type(t, "q");
	assert_int_equal(term_exit(t, 5000), 0);
	term_free(t);
	t = start(f, 24, 80);
	term_wait(t, "holidays");
	check_row(t, 2, "Eva 5              dates");
	term_type(t, "o");
	term_wait(t, "└─ other matter");
}

static void what_arrives_finds_its_thread(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80);

	term_wait(t, "└─ other matter");
	term_type(t, "jjjjj"); /* lunch */
	write_mail(f->mbox, 7, "wine too", "<m2@example.org>", true);
	term_type(t, "$");
	term_wait(t, "└─ wine too");
	check_row(t, 1, "lunch");
	check_row(t, 2, "└─ wine too");
	check_row(t, 3, "holidays");
	term_wait_cursor(t, 1);
	term_type(t, "Z");
	term_wait(t, "[2, 1 new] lunch");
	term_wait(t, "[4, 2 new] the plan");
	write_mail(f->mbox, 8, "cheese", "<m9@example.org> <m7@example.org>", true);
	term_type(t, "$");
	term_wait(t, "[3, 2 new] lunch"); /* it stays folded */
	term_wait(t, "[4, 2 new] the plan");
}

static void a_deep_tree_is_a_number(void **state)
{
	struct fixture *f = *state;
	GString *refs = g_string_new("<m6@example.org>");
	struct term *t;

	for (int i = 7; i < 17; i++) {
		g_autofree char *subject = g_strdup_printf("step %d", i);

		write_mail(f->mbox, i, subject, refs->str, false);
		g_string_append_printf(refs, "\n <m%d@example.org>", i);
	}
	g_string_free(refs, TRUE);
	t = start(f, 24, 80);
	term_wait(t, "»10 step 16");
	check_row(t, 2, "└─ step 7");
	term_resize(t, 24, 44);
	term_wait(t, "»10 step 16");
	term_wait(t, "└─ step 7");
}

static void without_unicode_it_is_plain(void **state)
{
	struct fixture *f = *state;
	const char *args[] = {"--ascii", f->mbox, NULL};
	struct term *t = f->t = term_start(24, 80, f->home, args, NULL);

	term_wait(t, "|- Re: the plan");
	check_row(t, 4, "|  `- other matter");
	check_row(t, 5, "`- dates");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			replies_hang_below_what_they_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_fold_and_unfold, setup, teardown),
		cmocka_unit_test_setup_teardown(the_order_is_kept_for_the_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(what_arrives_finds_its_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deep_tree_is_a_number, setup, teardown),
		cmocka_unit_test_setup_teardown(without_unicode_it_is_plain, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
