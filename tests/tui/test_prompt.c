/* The prompts: commands by name, searching and limiting, on a mail file without any server. */
#include "tests/tui/term.h"

#include <sys/stat.h>

enum { MESSAGES = 40 };

struct fixture {
	char *home, *mbox;
	struct term *t;
};

static const char *const senders[] = {"Garc\303\255a", "Eva", "Wei", "Luc\303\255a"};

/* Message N of 40: the newest is 40; every fourth is from García. */
static char *make_mbox(const char *dir)
{
	char *path = g_build_filename(dir, "sample.mbox", NULL);
	GString *text = g_string_new(NULL);

	for (int i = 1; i <= MESSAGES; i++) {
		g_string_append_printf(text,
			"From eva@example.org Mon Nov  2 10:%02d:00 2020\n"
			"From: %s %d <eva%d@example.org>\nTo: ana@example.org\n"
			"Date: Mon, 2 Nov 2020 10:%02d:00 +0000\nSubject: letter %d\n"
			"Status: %s\nMessage-ID: <m%d@example.org>\n"
			"Content-Type: text/plain; charset=utf-8\n\nBody of letter %d.\n",
			i, senders[i % 4], i, i, i, i, i % 10 == 0 ? "O" : "RO", i, i);
		for (int k = 0; i == 39 && k < 60; k++)
			g_string_append_printf(text, "line %d of the long %s\n", k,
				k % 20 == 7 ? "canci\303\263n" : "letter");
		g_string_append_c(text, '\n');
	}
	assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
	g_string_free(text, TRUE);
	return path;
}

static struct term *start(struct fixture *f, int rows, int cols, const char *const *extra)
{
	const char *args[] = {f->mbox, NULL};

	if (f->t != NULL)
		term_free(f->t);
	f->t = term_start(rows, cols, f->home, args, extra);
	return f->t;
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->home = term_home(NULL);
	f->mbox = make_mbox(f->home);
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

/* --- commands --------------------------------------------------------------------------------- */

static void commands_are_listed_filtered_and_completed(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, ":");
	term_wait(t, "read the selected message");   /* the first of the list */
	assert_true(term_find(t, "letter 40") >= 0); /* the mail stays in view */
	term_type(t, "messag");
	term_wait(t, "messages                E");
	term_wait_gone(t, "read the selected message");
	term_wait_cursor_at(t, 23, 7, 7);
	term_type(t, "\t");
	term_wait(t, ":messages");
	term_type(t, "\r");
	term_wait(t, "Messages and errors of this session");
	term_type(t, "q");
	term_type(t, ":last\r");
	term_wait(t, "letter 1");
	term_type(t, ":\033");
	term_wait(t, "Enter read");
	term_type(t, ":quit\r");
	assert_int_equal(term_exit(t, 5000), 0);
}

static void tab_goes_through_what_is_left(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, ":pag\t");
	term_wait(t, ":page-"); /* as far as it is certain */
	term_type(t, "\t");
	term_wait(t, ":page-down");
	term_type(t, "\t");
	term_wait(t, ":page-up");
	term_type(t, "\033[Z"); /* Shift-Tab */
	term_wait(t, ":page-down");
	term_type(t, "\r");
	term_wait_gone(t, "letter 40");
}

static void an_unknown_command_names_the_nearest(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, ":serach\r");
	term_wait(t, "There is no command :serach. Did you mean :search?");
	term_type(t, ":xyzzyxyzzy\r");
	term_wait(t, "There is no command :xyzzyxyzzy.");
	term_type(t, ":delete\r"); /* not of use in a file: it says why */
	term_wait(t, "This file is opened for reading only.");
}

static void history_comes_back_in_the_next_run(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	g_autofree char *path =
		g_build_filename(f->home, ".local", "state", "buzon", "history", NULL);
	struct stat st;

	term_wait(t, "40 messages");
	term_type(t, ":first\r:last\r:unfinished");
	term_wait(t, ":unfinished");
	term_type(t, "\033OA");
	term_wait(t, ":last");
	term_type(t, "\033OA");
	term_wait(t, ":first");
	term_type(t, "\033OB\033OB");
	term_wait(t, ":unfinished");
	term_type(t, "\033q");
	assert_int_equal(term_exit(t, 5000), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	t = start(f, 24, 80, NULL);
	term_wait(t, "40 messages");
	term_type(t, ":\033OA");
	term_wait(t, ":last");
}

static void pasted_text_is_text_and_never_keys(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "\033[200~qqG\r\033[201~");
	term_wait(t, "Text is pasted where something is typed");
	assert_true(term_find(t, "letter 40") >= 0);
	term_type(t, ":\033[200~fir\rst\033[2Jx\033[201~");
	term_wait(t, ":fir st"); /* a line end does not run it */
	term_type(t, "\025last\r");
	term_wait(t, "letter 1");
}

static void a_line_is_edited(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	g_autofree char *row = NULL;

	term_wait(t, "40 messages");
	term_type(t, ":canci\303\263n larga");
	term_wait(t, ":canci\303\263n larga");
	term_type(t, "\027"); /* Ctrl-W */
	term_wait_gone(t, "larga");
	term_type(t, "\177\177\177\177x"); /* "n " and the accented letter are one each */
	term_wait(t, ":cancx");
	term_type(t, "\001a\005z"); /* Ctrl-A, Ctrl-E */
	term_wait(t, ":acancxz");
	term_type(t, "\033OD\033OD\013"); /* left twice, Ctrl-K */
	term_wait_gone(t, "xz");
	row = term_row(t, 23);
	assert_string_equal(row, ":acanc");
}

static void the_prompt_fits_the_smallest_windows(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 12, 40, NULL);

	term_wait(t, "letter 40");
	term_type(t, ":sea");
	term_wait(t, "search WORDS");
	term_resize(t, 6, 20);
	term_wait(t, ":sea");
	term_type(t, "rch a long line of words");
	term_wait(t, "line of words");
	term_wait_cursor_at(t, 5, 1, 19);
}

static void spanish_names_are_names_too(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, (const char *const[]){"LANG=es_ES.UTF-8", NULL});

	term_wait(t, "40 mensajes");
	term_type(t, ":buscar luc\303\255a\r");
	term_wait(t, "encontrados");
	term_type(t, ":last\r"); /* the English ones stay */
	term_wait(t, "letter 1");
}

/* --- searching -------------------------------------------------------------------------------- */

static void searching_goes_along_while_it_is_typed(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "j/garc");
	term_wait(t, "10 found");
	term_wait_cursor(t, 23);
	assert_true(term_is_reverse(t, 5, 20)); /* letter 36 is García's */
	term_type(t, "ia\r");
	term_wait(t, "2 of 10 found");
	term_wait_cursor(t, 5);
	term_type(t, "n");
	term_wait(t, "3 of 10 found");
	term_wait_cursor(t, 9);
	term_type(t, "NN");
	term_wait(t, "1 of 10 found");
	term_wait_cursor(t, 1);
	term_type(t, "N");
	term_wait(t, "10 of 10 found, round the end");
	term_type(t, "gg/zzz");
	term_wait(t, "0 found");
	term_type(t, "\177\177\177wei");
	term_wait(t, "10 found");
	term_type(t, "\033"); /* back to where it began */
	term_wait_cursor(t, 1);
	term_type(t, ":search lucia\r");
	term_wait(t, "1 of 10 found");
	term_wait_cursor(t, 2);
}

static void a_message_is_searched_line_by_line(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	int y;

	term_wait(t, "40 messages");
	term_type(t, "j\r");
	term_wait(t, "Body of letter 39");
	term_type(t, "/CANCION");
	term_wait(t, "3 lines");
	term_type(t, "\r");
	term_wait(t, "line 7 of");
	y = term_find(t, "line 7 of");
	assert_true(term_is_reverse(t, y, 20));
	term_type(t, "n");
	term_wait(t, "line 27 of");
	term_type(t, "n");
	term_wait(t, "line 47 of");
	term_type(t, "N");
	term_wait(t, "line 27 of");
	term_type(t, "/nowhere");
	term_wait(t, "0 lines");
	term_type(t, "\033");
	term_wait(t, "line 27 of");
}

/* --- limiting --------------------------------------------------------------------------------- */

static void a_limit_leaves_what_is_meant(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "lfrom:garcia");
	term_wait(t, "10 found");
	term_type(t, "\r");
	term_wait(t, "10 of 40: from:garcia");
	term_wait_gone(t, "letter 39");
	term_type(t, "l");
	term_wait(t, "limit: from:garcia");
	term_type(t, "is:unread");
	term_wait(t, "2 found"); /* 20 and 40 */
	term_type(t, "\r");
	term_wait(t, "2 of 40: from:garcia is:unread");
	term_type(t, "\033");
	term_wait(t, "40 messages");
	term_wait(t, "letter 39");
	term_type(t, "lbody:\"letter 7.\"\r");
	term_wait(t, "1 of 40");
	term_wait(t, "letter 7");
	term_type(t, "l\025from:(");
	term_wait(t, "column");
	term_type(t, "\033");
	term_wait(t, "1 of 40");
	term_type(t, ":limit nobody-at-all\r");
	term_wait(t, "No message fits. Esc shows all.");
	term_type(t, "\033");
	term_wait(t, "40 messages");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			commands_are_listed_filtered_and_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(tab_goes_through_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_command_names_the_nearest, setup, teardown),
		cmocka_unit_test_setup_teardown(
			history_comes_back_in_the_next_run, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pasted_text_is_text_and_never_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_is_edited, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_prompt_fits_the_smallest_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(spanish_names_are_names_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			searching_goes_along_while_it_is_typed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_message_is_searched_line_by_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_limit_leaves_what_is_meant, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
