/* An IMAP folder that other devices change while it is on the screen: a real Dovecot and another
 * client; and servers that misbehave while buzon idles. */
#include "tests/tui/server.h"
#include "tests/tui/term.h"

#include <gio/gio.h>

struct fixture {
	struct server *s;
	struct stopper fake;
	char *home;
	struct term *t;
	GSocketConnection *device;
	GDataInputStream *in;
};

static const struct server_folder folders[] = {{"INBOX", 60, 200}, {"dev", 12, 100}, {0}};

/* --- the fixture ------------------------------------------------------------------------------ */

static int setup(void **state)
{
	*state = g_new0(struct fixture, 1);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->t != NULL)
		term_free(f->t);
	g_clear_object(&f->in);
	g_clear_object(&f->device);
	if (f->s != NULL)
		server_stop(f->s);
	stopper_end(&f->fake);
	if (f->home != NULL)
		check_remove_dir(f->home);
	g_free(f->home);
	g_free(f);
	return 0;
}

static void begin(struct fixture *f, const char *config, const char *more)
{
	g_autofree char *rc = NULL;

	f->s = server_start_with(folders, "good", config);
	assert_non_null(f->s);
	rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\n"
			     "user = ana\npassword = secret\ntls-ca-file = %s\n"
			     "address = ana@example.org\n%s",
		f->s->imaps, f->s->ca_file, more);
	f->home = term_home(rc);
}

static struct term *start(struct fixture *f, int rows, int cols)
{
	const char *none[] = {NULL};

	f->t = term_start(rows, cols, f->home, none, NULL);
	return f->t;
}

static void leave(struct term *t)
{
	term_type(t, "q");
	assert_int_equal(term_exit(t, 1000), 0);
}

/* --- another client --------------------------------------------------------------------------- */

static void tell(struct fixture *f, const char *command)
{
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(f->device));
	g_autofree char *text = g_strdup_printf("A %s\r\n", command);
	bool done = false;

	assert_true(g_output_stream_write_all(out, text, strlen(text), NULL, NULL, NULL));
	while (!done) {
		g_autofree char *line = g_data_input_stream_read_line(f->in, NULL, NULL, NULL);

		assert_non_null(line);
		done = g_str_has_prefix(line, "A ");
		assert_true(!done || g_str_has_prefix(line, "A OK"));
	}
}

static void device(struct fixture *f)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();

	g_clear_object(&f->in);
	g_clear_object(&f->device);
	f->device = g_socket_client_connect_to_host(
		client, "127.0.0.1", (guint16)f->s->imap, NULL, NULL);
	assert_non_null(f->device);
	f->in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(f->device)));
	tell(f, "LOGIN ana secret");
	tell(f, "SELECT INBOX");
}

static void append(struct fixture *f, const char *folder, int number)
{
	g_autofree char *mail = g_strdup_printf(
		"From: Eva <eva@example.org>\r\nSubject: letter %d\r\n"
		"Date: Mon, 2 Nov 2020 12:00:00 +0000\r\nMessage-ID: <new-%d@example.org>\r\n\r\n"
		"Body of letter %d.\r\n",
		number, number, number);
	g_autofree char *command =
		g_strdup_printf("APPEND %s {%zu+}\r\n%s", folder, strlen(mail), mail);

	tell(f, command);
}

static void append_reply(struct fixture *f, int number, int answered)
{
	g_autofree char *mail = g_strdup_printf(
		"From: Eva <eva@example.org>\r\nSubject: letter %d\r\n"
		"Date: Mon, 2 Nov 2020 12:00:00 +0000\r\nMessage-ID: <new-%d@example.org>\r\n"
		"In-Reply-To: <new-%d@example.org>\r\n\r\nBody of letter %d.\r\n",
		number, number, answered, number);
	g_autofree char *command = g_strdup_printf("APPEND INBOX {%zu+}\r\n%s", strlen(mail), mail);

	tell(f, command);
}

/* The row of the cursor. */
static char *selected(struct term *t, int *y)
{
	int x;

	term_cursor(t, y, &x);
	return term_row(t, *y);
}

static void wait_selected(struct term *t, int y, const char *text)
{
	term_wait_row(t, y, text);
	term_wait_cursor(t, y);
}

/* --- with a real server ----------------------------------------------------------------------- */

static void replies_find_their_thread(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "", "");
	device(f);
	append(f, "INBOX", 100);
	append(f, "INBOX", 101);
	append_reply(f, 102, 100);
	t = start(f, 24, 110);
	term_wait(t, "threads, newest first");
	term_wait_row(t, 2, "└─ letter 102");
	term_wait_row(t, 3, "letter 101");
	term_type(t, "ggjj"); /* 101 */
	append_reply(f, 103, 101);
	term_wait(t, "└─ letter 103");
	wait_selected(t, 1, "letter 101");
	append_reply(f, 104, 102);
	term_wait(t, "   └─ letter 104");
	wait_selected(t, 4, "letter 101");
	tell(f, "UID STORE 63 +FLAGS.SILENT (\\Deleted)"); /* 102: its reply knows no other */
	tell(f, "UID EXPUNGE 63");
	term_wait_gone(t, "letter 102");
	term_wait_gone(t, "└─ letter 104");
	term_wait(t, "letter 104");
	leave(t);
}

static void what_others_do_shows(void **state)
{
	struct fixture *f = *state;
	gint64 sent;
	struct term *t;

	begin(f, "", "");
	t = start(f, 24, 80);
	term_wait(t, "6 unread of 60");
	term_wait(t, "Casa online");
	device(f);
	for (int i = 61; i <= 64; i++) {
		g_autofree char *text = g_strdup_printf("letter %d", i);

		append(f, "INBOX", i);
		sent = g_get_monotonic_time();
		term_wait(t, text);
		print_message(
			"# new mail after %d ms\n", (int)((g_get_monotonic_time() - sent) / 1000));
	}
	term_wait(t, "10 unread of 64");
	tell(f, "NOOP");
	tell(f, "STORE 62,64 +FLAGS (\\Deleted)");
	tell(f, "EXPUNGE");
	term_wait_gone(t, "letter 62");
	term_wait_gone(t, "letter 64");
	term_wait(t, "8 unread of 62");
	tell(f, "STORE 61 +FLAGS (\\Seen \\Flagged)"); /* letter 61 is the 61st */
	term_wait(t, "7 unread of 62");
	term_wait(t, "  !  ");
	tell(f, "STORE 1:* +FLAGS (\\Seen)");
	term_wait(t, "0 unread of 62");
	term_type(t, "\r");                /* on the line that idles */
	term_wait(t, "Body of letter 60"); /* the selection stayed with it */
	append(f, "INBOX", 70);
	term_type(t, "q");
	term_wait(t, "letter 70");
	leave(t);
}

static void own_marks_and_those_of_others_agree(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "", "");
	t = start(f, 24, 80);
	term_wait(t, "6 unread of 60");
	device(f);
	term_type(t, "U"); /* the newest is read now; the folder is selected for writing */
	term_wait(t, "5 unread of 60");
	append(f, "INBOX", 61);
	term_wait(t, "letter 61");
	term_wait(t, "6 unread of 61");
	tell(f, "STORE 60 -FLAGS (\\Seen)");
	term_wait(t, "7 unread of 61");
	term_type(t, "U");
	term_wait(t, "6 unread of 61");
	tell(f, "STORE 59 +FLAGS (\\Flagged)");
	term_wait(t, "  !  ");
	tell(f, "STORE 58 +FLAGS (\\Deleted)");
	tell(f, "EXPUNGE");
	term_wait(t, "6 unread of 60");
	leave(t);
}

static void the_selected_message_keeps_its_place(void **state)
{
	struct fixture *f = *state;
	g_autofree char *before = NULL;
	struct term *t;
	int y;

	begin(f, "", "");
	t = start(f, 24, 80);
	term_wait(t, "6 unread of 60");
	device(f);
	term_type(t, "jj");
	term_wait_cursor(t, 3);
	append(f, "INBOX",
		61); /* at the top the list grows, and the selection goes with its message */
	term_wait(t, "letter 61");
	wait_selected(t, 4, "letter 58");
	term_type(t, "\033[6~\033[6~kk");
	term_wait_gone(t, "letter 58");
	term_pump(t, 100);
	before = selected(t, &y);
	append(f, "INBOX", 62); /* where it is scrolled nothing moves */
	term_wait(t, "of 62");
	wait_selected(t, y, before);
	tell(f, "NOOP");
	tell(f, "STORE 60:62 +FLAGS (\\Deleted)");
	tell(f, "EXPUNGE");
	term_wait(t, "of 59");
	wait_selected(t, y, before);
	leave(t);
}

static void a_server_that_ends_and_begins_again(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "", "");
	t = start(f, 24, 80);
	term_wait(t, "6 unread of 60");
	term_wait(t, "Casa online");
	server_tell(f->s, "halt");
	term_wait(t, "Casa offline");
	assert_true(term_find(t, "letter 60") > 0);
	term_type(t, "jj");
	term_wait_cursor(t, 3);
	server_tell(f->s, "revive");
	device(f);
	append(f, "INBOX", 61);
	term_type(t, "$");
	term_wait(t, "Casa online");
	term_wait(t, "letter 61");
	append(f, "INBOX", 62);
	term_wait(t, "letter 62");
	leave(t);
}

static struct term *beside_the_inbox(struct fixture *f, const char *config)
{
	struct term *t;

	begin(f, config, "");
	t = start(f, 36, 120);
	term_wait(t, "6 unread of 60");
	term_wait(t, "dev");
	device(f);
	term_type(t, "cdev\r");
	term_wait(t, "Casa > dev");
	term_wait(t, "1 unread of 12");
	return t;
}

/* Nothing happens in the folder in view. */
static void the_server_tells_of_the_inbox_beside_another_folder(void **state)
{
	struct fixture *f = *state;
	struct term *t = beside_the_inbox(f, "");

	term_wait(t, "Inbox             6");
	append(f, "INBOX", 61);
	term_wait(t, "Inbox             7");
	append(f, "INBOX", 62);
	term_wait(t, "Inbox             8");
	append(f, "dev", 13); /* which is followed as before */
	term_wait(t, "letter 13");
	leave(t);
}

static void the_inbox_is_counted_beside_another_folder(void **state)
{
	struct fixture *f = *state;
	struct term *t = beside_the_inbox(f, "imap_capability = IMAP4rev1 LIST-STATUS IDLE\n");

	append(f, "INBOX", 61);
	append(f, "dev", 13);
	/* the first may come with the opening of the folder: then nobody is woken by it */
	for (int i = 14; i < 30 && !term_wait_for(t, "Inbox             7", 3000); i++)
		append(f, "dev", i);
	term_wait(t, "letter 13");
	assert_true(term_find(t, "Inbox             7") > 0);
	leave(t);
}

static void without_idle_the_clock_asks(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "imap_capability = IMAP4rev1 SASL-IR LITERAL+", "check-every = 30s\n");
	t = start(f, 24, 80);
	term_wait(t, "6 unread of 60");
	device(f);
	append(f, "INBOX", 61);
	assert_true(term_wait_for(t, "letter 61", 60000));
	term_wait(t, "7 unread of 61");
	leave(t);
}

/* --- with servers that misbehave -------------------------------------------------------------- */

static struct term *with(struct fixture *f, const char *manner)
{
	g_autofree char *rc = NULL;

	idler_start(&f->fake, manner);
	rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\n"
			     "security = none\nuser = ana\npassword = secret\n"
			     "address = ana@example.org\n",
		f->fake.port);
	f->home = term_home(rc);
	start(f, 24, 80);
	term_wait(f->t, "letter 3");
	return f->t;
}

/* The list stays, keys are answered, and the line comes back. */
static void comes_back(struct term *t, const char *words)
{
	term_wait(t, "Casa offline");
	if (words != NULL)
		term_wait(t, words);
	assert_true(term_find(t, "letter 3") > 0);
	term_type(t, "j");
	term_wait_cursor(t, 2);
	term_type(t, "$");
	term_wait(t, "Casa online");
	leave(t);
}

static void a_bye_ends_the_line_at_once(void **state)
{
	comes_back(with(*state, "bye"), "going down");
}

static void a_closed_line_is_noticed(void **state)
{
	comes_back(with(*state, "close"), "closed the connection");
}

static void a_reset_line_is_noticed(void **state)
{
	comes_back(with(*state, "reset"), NULL);
}

static void numbers_made_anew_end_the_line(void **state)
{
	comes_back(with(*state, "renumber"), "numbered the messages");
}

static void too_many_messages_end_the_line(void **state)
{
	struct term *t = with(*state, "many");

	term_wait(t, "more messages than buzon can list");
	assert_true(term_find(t, "letter 3") > 0);
	leave(t);
}

static void a_flood_ends_the_line(void **state)
{
	struct term *t = with(*state, "flood");

	term_type(t, "j");
	term_wait_cursor(t, 2);
	term_wait(t, "sent more than was asked for");
	assert_true(term_find(t, "letter 3") > 0);
	leave(t);
}

static void nothing_answered_to_done_holds_no_key_up(void **state)
{
	struct term *t = with(*state, "mute");

	term_wait(t, "Casa online");
	term_pump(t, 200); /* most likely it idles by now */
	term_type(t, "\r");
	term_wait(t, "Fetching");
	term_type(t, "q");
	term_wait(t, "Enter read");
	term_type(t, "j");
	term_wait_cursor(t, 2);
	assert_true(term_wait_for(t, "Casa offline", 60000)); /* silence is a dead line */
	term_wait(t, "has not answered for");
	assert_true(term_find(t, "letter 3") > 0);
	leave(t);
}

static void half_a_response_holds_nobody_up(void **state)
{
	struct term *t = with(*state, "half");

	term_wait(t, "Casa online");
	term_type(t, "j");
	term_wait_cursor(t, 2);
	leave(t);
}

static void removals_of_nothing_are_looked_after(void **state)
{
	struct term *t = with(*state, "none");

	term_wait(t, "Casa online");
	term_type(t, "\r");
	term_wait(t, "Space more");
	term_type(t, "q");
	term_wait(t, "of 3");
	leave(t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(replies_find_their_thread),
		CASE(what_others_do_shows),
		CASE(own_marks_and_those_of_others_agree),
		CASE(the_selected_message_keeps_its_place),
		CASE(a_server_that_ends_and_begins_again),
		CASE(the_server_tells_of_the_inbox_beside_another_folder),
		CASE(the_inbox_is_counted_beside_another_folder),
		CASE(without_idle_the_clock_asks),
		CASE(a_bye_ends_the_line_at_once),
		CASE(a_closed_line_is_noticed),
		CASE(a_reset_line_is_noticed),
		CASE(numbers_made_anew_end_the_line),
		CASE(too_many_messages_end_the_line),
		CASE(a_flood_ends_the_line),
		CASE(nothing_answered_to_done_holds_no_key_up),
		CASE(half_a_response_holds_nobody_up),
		CASE(removals_of_nothing_are_looked_after),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
