/* The main screen on a mail file: `buzon FILE` needs no account and no server. */
#include "tests/tui/term.h"

#include <signal.h>
#include <sys/stat.h>

enum { MESSAGES = 40 };

struct fixture {
	char *home, *mbox;
	struct term *t;
};

/* Message N of 40: the newest is 40. */
static char *make_mbox(const char *dir)
{
	char *path = g_build_filename(dir, "sample.mbox", NULL);
	GString *text = g_string_new(NULL);

	for (int i = 1; i <= MESSAGES; i++) {
		g_string_append_printf(text,
			"From eva@example.org Mon Nov  2 10:%02d:00 2020\n"
			"From: Eva %d <eva%d@example.org>\nTo: ana@example.org\n"
			"Date: Mon, 2 Nov 2020 10:%02d:00 +0000\nSubject: letter %d\n"
			"Status: %s\nMessage-ID: <m%d@example.org>\n\nBody of letter %d.\n",
			i, i, i, i, i, i % 10 == 0 ? "O" : "RO", i, i);
		for (int k = 0; i == 39 && k < 60; k++)
			g_string_append_printf(text, "line %d of the long letter\n", k);
		g_string_append_c(text, '\n');
	}
	assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
	g_string_free(text, TRUE);
	return path;
}

static struct term *start(struct fixture *f, int rows, int cols, const char *const *extra)
{
	const char *args[] = {f->mbox, NULL};

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

static void the_newest_is_on_top_and_selected(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	g_autofree char *row = NULL;

	term_wait(t, "letter 40");
	term_wait(t, "40 messages");
	assert_int_equal(term_find(t, "letter 40"), 1);
	term_wait_cursor(t, 1);
	row = term_row(t, 1);
	assert_string_equal(row, " N     2020  Eva 40             letter 40");
	assert_true(term_is_reverse(t, 1, 20));
	assert_true(term_find(t, "reading only") == 0);
}

static void keys_move_the_real_cursor(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "jj");
	term_wait_cursor(t, 3);
	term_type(t, "k");
	term_wait_cursor(t, 2);
	term_type(t, "G");
	term_wait(t, "letter 1");
	term_type(t, "gg");
	term_wait_cursor(t, 1);
	term_wait(t, "letter 40");
	term_type(t, "\033OB"); /* arrow down */
	term_wait_cursor(t, 2);
	term_type(t, "\033[6~"); /* PgDn */
	term_wait_gone(t, "letter 40");
	term_type(t, "\t");     /* the next unread: 10, 20, 30, 40 are */
	term_type(t, "\033OH"); /* Home */
	term_wait(t, "letter 40");
	term_type(t, "\t");
	term_wait(t, "letter 30");
}

static void enter_reads_and_space_goes_on(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "j\r");
	term_wait(t, "Body of letter 39");
	term_wait(t, "eva39@example.org");
	term_type(t, " ");
	term_wait_gone(t, "Body of letter 39");
	term_type(t, "b");
	term_wait(t, "Body of letter 39");
	term_type(t, "h");
	term_wait(t, "Message-ID");
	term_type(t, "H");
	term_wait(t, "Status: RO");
	term_type(t, "HhJ");
	term_wait(t, "Body of letter 38");
	term_type(t, "K");
	term_wait(t, "Body of letter 39");
	term_type(t, "   "); /* to its end */
	term_wait(t, "line 59");
	term_type(t, " ");
	term_wait(t, "Body of letter 30"); /* the next unread */
	term_type(t, "q");
	term_wait(t, "letter 31");
	term_type(t, "q");
	assert_int_equal(term_exit(t, 5000), 0);
}

static void a_preview_marks_nothing_and_follows(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 36, 120, NULL);

	term_wait(t, "Body of letter 40");
	term_type(t, "jj");
	term_wait(t, "Body of letter 38");
	term_type(t, "\r");
	term_wait(t, "Space more");
}

/* --- SECURITY C26: nothing of a message is a command for the terminal ------------------------- */

#define EVIL                                                                                       \
	"\033[31mEVIL\033]0;EVIL\007\x9b"                                                          \
	"31m\302\233"                                                                              \
	"2J\342\200\256\342\200\213\b\r\177"

static char *make_hostile(const char *dir)
{
	char *path = g_build_filename(dir, "hostile.mbox", NULL);
	static const char coded[] = "=?utf-8?q?=1B[31mEVIL=1B]0;EVIL=07=C2=9B2J=E2=80=AE=08=0D?=";
	g_autofree char *text = g_strdup_printf(
		"From eva@example.org Mon Nov  2 10:00:00 2020\n"
		"From: \"%s\" <a" EVIL "@example.org>\nTo: %s <b@example.org>, " EVIL "\n"
		"Subject: raw " EVIL " %s\nDate: Mon, 2 Nov 2020 10:00:00 +0000 (" EVIL ")\n"
		"Message-ID: <" EVIL "@x>\nX-" EVIL ": " EVIL "\nMIME-Version: 1.0\n"
		"Content-Type: multipart/mixed; boundary=B\n\n--B\n"
		"Content-Type: text/plain; charset=" EVIL "\n\nbody " EVIL " end\n--B\n"
		"Content-Type: text/html\n\n<a href=\"http://" EVIL "/\">" EVIL
		"&#27;[31m&#155;2J</a>\n--B\n"
		"Content-Type: application/" EVIL "; name=\"" EVIL ".pdf\"\n"
		"Content-Disposition: attachment; "
		"filename*=utf-8''%%1B%%5D0;EVIL%%07.pdf\n\nx\n--B--\n\n",
		coded, coded, coded);

	assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static bool holds(const GByteArray *raw, const char *bytes)
{
	return memmem(raw->data, raw->len, bytes, strlen(bytes)) != NULL;
}

/* Only sequences that curses itself writes: CSI, charset choice, keypad modes. */
static void check_own_sequences(const GByteArray *raw)
{
	for (guint i = 0; i + 1 < raw->len; i++) {
		unsigned char c = raw->data[i];

		if (c == 033 && strchr("[(=>78", raw->data[i + 1]) == NULL)
			fail_msg("ESC %c was written", raw->data[i + 1]);
		if (c < 0x20 && c != 033 && c != '\r' && c != '\n' && c != '\b' && c != '\t')
			fail_msg("control %02x was written", c);
		if (c == 0xc2 && raw->data[i + 1] < 0xa0)
			fail_msg("C1 %02x was written", raw->data[i + 1]);
	}
	assert_false(holds(raw, "\033[31mEVIL"));
	assert_false(holds(raw, "\342\200\256"));
	assert_false(holds(raw, "\342\200\213"));
}

static void nothing_of_a_message_is_a_command(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	g_free(f->mbox);
	f->mbox = make_hostile(f->home);
	t = start(f, 36, 120, NULL);
	term_wait(t, "1 message");
	term_wait(t, "raw");
	term_type(t, "\r");
	term_wait(t, "body");
	term_type(t, "h");
	term_wait(t, "Message-ID");
	term_type(t, "H");
	term_wait(t, "boundary=B");
	term_type(t, "qE");
	term_wait(t, "Messages and errors");
	term_type(t, "q");
	term_pump(t, 200);
	check_own_sequences(term_raw(t));
}

static const struct {
	int rows, cols;
} sizes[] = {{40, 180}, {36, 120}, {24, 110}, {24, 80}, {20, 60}, {12, 40}, {6, 20}};

static void every_size_keeps_the_selected_message(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 36, 120, NULL);

	term_wait(t, "40 messages");
	term_type(t, "jjj");
	term_wait_cursor(t, 4);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *row = NULL;
		int y, x;

		term_resize(t, 5, 18);
		term_wait(t, "too small");
		term_resize(t, sizes[i].rows, sizes[i].cols);
		term_wait_gone(t, "too small");
		term_wait(t, sizes[i].cols < 60 ? "Eva 37" : "letter 37");
		term_pump(t, 300);
		term_cursor(t, &y, &x);
		row = term_row(t, y);
		assert_non_null(strstr(row, "37"));
	}
}

static void help_lists_the_keys_and_filters(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "?");
	term_wait(t, "Type to filter");
	term_wait(t, "next unread message");
	term_type(t, "redr");
	term_wait_gone(t, "next unread message");
	term_wait(t, "draw the screen again");
	term_type(t, "\177\177\177\177");
	term_wait(t, "next unread message");
	term_type(t, "\033");
	term_wait(t, "letter 40");
	term_type(t, "Y");
	term_wait(t, "Y means nothing here");
	term_type(t, "E");
	term_wait(t, "Messages and errors");
	term_type(t, "q");
	term_wait(t, "letter 40");
}

static void a_dumb_terminal_gets_a_sentence(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, (const char *const[]){"TERM=dumb", NULL});

	term_wait(t, "TERM=dumb");
	assert_true(term_find(t, "buzon list") >= 0);
	assert_int_equal(term_exit(t, 5000), 64);
}

static bool has_color(const GByteArray *raw)
{
	for (guint i = 0; i + 4 < raw->len; i++)
		if (memcmp(raw->data + i, "\033[3", 3) == 0 && raw->data[i + 3] >= '1' &&
			raw->data[i + 3] <= '7' && raw->data[i + 4] == 'm')
			return true;
	return false;
}

static void no_color_is_obeyed(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	assert_true(has_color(term_raw(t)));
	term_free(t);
	t = start(f, 24, 80, (const char *const[]){"NO_COLOR=1", NULL});
	term_wait(t, "letter 20"); /* the last row drawn */
	assert_false(has_color(term_raw(t)));
	assert_true(term_is_reverse(t, 1, 20));
}

static void an_old_terminal_works(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, (const char *const[]){"TERM=vt100", NULL});

	term_wait(t, "letter 40");
	term_type(t, "jj");
	term_wait_cursor(t, 3);
}

static void spanish_needs_no_locale(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, (const char *const[]){"LANG=es_ES.UTF-8", NULL});

	term_wait(t, "40 mensajes");
}

static void signals_and_a_lost_terminal_end_it(void **state)
{
	struct fixture *f = *state;
	static const int numbers[] = {SIGTERM, SIGHUP, SIGINT};

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		struct term *t = start(f, 24, 80, NULL);

		term_wait(t, "40 messages");
		term_type(t, i == 1 ? "\r" : "?");
		assert_int_equal(kill(term_pid(t), numbers[i]), 0);
		assert_int_equal(term_exit(t, 1000), 0);
		term_free(t);
	}
	f->t = start(f, 24, 80, NULL);
	term_wait(f->t, "40 messages");
	term_hang_up(f->t);
	assert_int_equal(term_exit(f->t, 1000), 0);
}

static void a_storm_of_resizes_and_stops_is_survived(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	for (int i = 0; i < 50; i++)
		term_resize(t, 10 + i % 30, 30 + i * 3);
	term_resize(t, 24, 80);
	term_type(t, "j");
	term_wait_cursor(t, 2);
	kill(term_pid(t), SIGSTOP);
	term_type(t, "j");
	kill(term_pid(t), SIGCONT);
	term_wait_cursor(t, 3);
}

static void a_file_has_no_folders_and_is_looked_at_again(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	FILE *more = fopen(f->mbox, "a");
	static const char keys[] = "cBJ";

	assert_non_null(more);
	term_wait(t, "40 messages");
	assert_true(
		term_find(t, "\342\224\200\342\224\200\342\224\200") == 22); /* the rule stays */
	for (size_t i = 0; i < sizeof keys - 1; i++) {
		term_type(t, (const char[]){keys[i], '\0'});
		term_wait(t, "A file has no folders.");
		term_type(t, "k");
		term_wait_gone(t, "A file has no folders.");
	}
	term_type(t, "jg");
	term_wait(t, "g first");
	assert_int_equal(term_find(t, "i Inbox"), -1);
	term_type(t, "\033");
	term_wait(t, "Enter read");
	term_wait_cursor(t, 2);
	(void)fputs(
		"From eva@example.org Mon Nov  2 11:00:00 2020\nFrom: Eva 41 <eva@example.org>\n"
		"Subject: letter 41\n\nBody of letter 41.\n\n",
		more);
	assert_int_equal(fclose(more), 0);
	term_type(t, "$");
	term_wait(t, "1 new message.");
	term_wait(t, "41 messages");
	term_wait_cursor(t, 3); /* letter 39, still */
	term_type(t, "$");
	term_wait(t, "Nothing new.");
}

static void help_is_readable_in_a_small_window(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 12, 40, NULL);

	term_wait(t, "letter 40");
	term_wait(t, "? help");
	term_type(t, "?");
	term_wait(t, "Type to filter");
	term_wait(t, "    read the selected message");
	term_wait(t, "q back");
	assert_int_equal(term_find(t, "? help"), -1); /* here it is a letter */
	term_type(t, "q");
	term_wait(t, "letter 40");
}

/* What is typed in one go meets views that were not drawn yet. */
static void keys_come_before_the_drawing(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);
	static const char *const keys[] = {
		"Ejkq", "EG\014q", "?\033[6~\004\025\033", "\rjhHGq", "\r \tJKq"};

	term_type(t, "jG\tE ");
	term_type(t, "q");
	term_wait(t, "40 messages");
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		term_type(t, keys[i]);
		term_type(t, "\014gg");
		term_wait_cursor(t, 1);
	}
	term_wait(t, "letter 40");
	term_type(t, "q");
	assert_int_equal(term_exit(t, 1000), 0);
}

static void spanish_keys_are_spanish(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, (const char *const[]){"LANG=es_ES.UTF-8", NULL});

	term_wait(t, "Intro leer");
	term_wait(t, "letter 40");
	term_type(t, "\r");
	term_wait(t, "Espacio m\303\241s");
	term_wait(t, "a\303\261os)"); /* not "hace 6 año" */
	term_type(t, "?");
	term_wait(t, "AvP\303\241g");
}

static void twice_ctrl_c_leaves(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f, 24, 80, NULL);

	term_wait(t, "40 messages");
	term_type(t, "\003");
	term_wait(t, "Ctrl-C again");
	term_type(t, "\003");
	assert_int_equal(term_exit(t, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_newest_is_on_top_and_selected, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_move_the_real_cursor, setup, teardown),
		cmocka_unit_test_setup_teardown(enter_reads_and_space_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_preview_marks_nothing_and_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_size_keeps_the_selected_message, setup, teardown),
		cmocka_unit_test_setup_teardown(help_lists_the_keys_and_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dumb_terminal_gets_a_sentence, setup, teardown),
		cmocka_unit_test_setup_teardown(no_color_is_obeyed, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_terminal_works, setup, teardown),
		cmocka_unit_test_setup_teardown(spanish_needs_no_locale, setup, teardown),
		cmocka_unit_test_setup_teardown(
			signals_and_a_lost_terminal_end_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_storm_of_resizes_and_stops_is_survived, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_has_no_folders_and_is_looked_at_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			help_is_readable_in_a_small_window, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_come_before_the_drawing, setup, teardown),
		cmocka_unit_test_setup_teardown(spanish_keys_are_spanish, setup, teardown),
		cmocka_unit_test_setup_teardown(twice_ctrl_c_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_of_a_message_is_a_command, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
