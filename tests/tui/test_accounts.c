/* IMAP and POP accounts on a real Dovecot over TLS, seen through a real terminal; and the same with
 * the server standing still (SIGSTOP). */
#include "tests/tui/fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct server_folder folders[] = {
	{"INBOX", 60, 200}, {"A\303\261o nuevo", 3, 100}, {"Listas/dev", 12, 100}, {0}};

enum { IMAP = 1, POP = 2 };

static char *make_rc(const struct server *s, int which, bool trusted, const char *password)
{
	g_autofree char *ca =
		trusted ? g_strdup_printf("tls-ca-file = %s\n", s->ca_file) : g_strdup("");
	g_autofree char *secret =
		password != NULL ? g_strdup_printf("password = %s\n", password) : g_strdup("");
	GString *rc = g_string_new(NULL);

	if ((which & IMAP) != 0)
		g_string_append_printf(rc,
			"[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\nuser = "
			"ana\n%s%s"
			"address = ana@example.org\n",
			s->imaps, ca, secret);
	if ((which & POP) != 0)
		g_string_append_printf(rc,
			"[account \"Trabajo\"]\nprotocol = pop\nserver = localhost:%d\nuser = "
			"eva\n%s%s"
			"address = ana@example.org\n",
			s->pop3s, ca, secret);
	return g_string_free(rc, FALSE);
}

static void begin(struct fixture *f, const struct server_folder *mail, const char *cert)
{
	f->s = server_start(mail, cert);
	assert_non_null(f->s);
}

static void home(struct fixture *f, int which, bool trusted, const char *password)
{
	g_autofree char *rc = make_rc(f->s, which, trusted, password);

	f->home = term_home(rc);
}

/* --- with a server that answers --------------------------------------------------------------- */

static void both_accounts_are_read_in_one_screen(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP | POP, true, "secret");
	t = fixture_start(f, 36, 120, NULL);
	term_wait(t, "letter 60");
	term_wait(t, "Casa online");
	term_wait(t, "6 unread of 60");
	term_wait(t, "A\303\261o nuevo");
	term_wait(t, "Trabajo  POP");
	term_type(t, "\r"); /* letter 60 is unread: Enter marks it */
	term_wait(t, "Body of letter 60");
	term_wait(t, "5 unread of 60");
	term_type(t, "qcdev\r");
	term_wait(t, "Casa > Listas/dev");
	term_wait(t, "letter 12");
	term_type(t, "ctrabajo\r");
	term_wait(t, "Trabajo > Inbox");
	term_wait(t, "60 unread of 60"); /* POP knows no read marks of the server's */
	term_wait(t, "N     2020  Eva 59");
	term_type(t, "j\r");
	term_wait(t, "Body of letter 59");
	term_wait(t, "59 unread of 60");
	term_type(t, "U");
	term_wait(t, "60 unread of 60");
	term_type(t, "q");
	term_wait(t, "Enter read");
	fixture_leave(t);
}

static void marks_are_the_servers(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "letter 60");
	term_wait(t, "6 unread of 60");
	term_type(t, "jF");
	term_wait(t, "  !  ");
	term_type(t, "U");
	term_wait(t, "7 unread of 60");
	fixture_leave(t);
	check_remove_dir(f->home); /* another computer: nothing is known but what the server says */
	g_free(f->home);
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "7 unread of 60");
	term_wait(t, " N!  ");
	fixture_leave(t);
}

/* Room for so many KiB a user. */
static struct server *small_server(unsigned kib)
{
	g_autofree char *config = g_strdup_printf("mail_plugins = quota\n"
						  "protocol imap {\n"
						  "  mail_plugins = quota imap_quota\n"
						  "}\n"
						  "plugin {\n"
						  "  quota = count:User quota\n"
						  "  quota_vsizes = yes\n"
						  "  quota_rule = *:storage=%uk\n"
						  "}\n",
		kib);

	return server_start_with(folders, "good", config);
}

static void what_takes_up_the_space_is_shown(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	f->s = small_server(10240);
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 40, 100, NULL);
	term_wait(t, "Casa online");
	term_type(t, ":quota\r");
	term_wait(t, " Casa: space on the server");
	term_wait(t, "User quota: 0% of 10.5");
	term_wait(t, "Largest folders");
	term_wait(t, "60  Inbox");
	term_wait(t, "Largest messages in Inbox");
	term_wait(t, "Enter go there");
	term_type(t, "G\r"); /* the smallest of the largest 20 */
	term_wait(t, "Body of letter 41.");
	assert_true(term_find(t, "Largest") < 0);
	term_type(t, ":quota\r");
	term_wait(t, "Largest folders");
	term_type(t, "jjj\r");
	term_wait(t, "Body of letter");
	term_resize(t, 24, 40);
	term_type(t, ":quota\r");
	term_wait(t, "Largest messages");
	term_type(t, "q");
	fixture_leave(t);
}

static void without_sizes_from_the_server_rows_are_counted(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	f->s = server_start_with(folders, "good", "imap_capability = IMAP4rev1 IDLE\n");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 100, NULL);
	term_wait(t, "Casa online");
	term_type(t, ":quota\r");
	term_wait(t, "The server tells no limit of the mailbox.");
	term_wait(t, "Largest folders (by the messages listed here)");
	term_wait(t, "60  Inbox");
	term_type(t, "q");
	term_wait(t, "of 60");
	fixture_leave(t);
}

static void the_space_left_is_watched(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	f->s = small_server(10240);
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 120, NULL);
	term_wait(t, "Casa online  quota [-");
	term_wait(t, "% of 10.5");
	fixture_leave(t);
	server_stop(f->s);
	check_remove_dir(f->home);
	g_free(f->home);
	f->s = small_server(1); /* more is there than may be */
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 120, NULL);
	term_wait(t, "Casa online  quota [##########] ");
	term_wait(t, "%! of 1.0");
	term_resize(t, 24, 60); /* what is nearly full is said where there is hardly room */
	term_wait(t, "%!");
	fixture_leave(t);
}

static void the_list_is_there_before_the_line(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "letter 60");
	term_wait(t, "Casa online");
	fixture_leave(t);
	server_tell(f->s, "pause");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "letter 60");
	term_wait(t, "connecting");
	term_type(t, "jj");
	term_wait_cursor(t, 3);
	term_type(t, "w");
	term_wait(t, "offline by choice");
	assert_true(term_find(t, "letter 60") >= 0);
	server_tell(f->s, "resume");
	term_type(t, "w");
	term_wait(t, "Casa online");
	fixture_leave(t);
}

/* Previews come and go with the selection; none of them may cost the line. */
static void moving_on_a_slow_line_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 36, 120, NULL);
	term_wait(t, "Body of letter 60");
	term_wait(t, "Casa online");
	server_tell(f->s, "pause");
	term_type(t, "jjj"); /* past the neighbour, which came ahead */
	term_wait(t, "Fetching");
	term_type(t, "j");
	term_wait_cursor(t, 5);
	term_type(t, "\r");
	term_wait(t, "Space more");
	term_type(t, "q");
	term_wait(t, "Enter read");
	server_tell(f->s, "resume");
	term_wait(t, "Body of letter 56");
	assert_true(term_find(t, "Casa online") > 0);
	fixture_leave(t);
}

static void what_was_read_needs_no_server(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Casa online");
	term_type(t, "\r");
	term_wait(t, "Body of letter 60");
	term_wait(t, "5 unread of 60");
	term_type(t, "qjjjj\r");
	term_wait(t, "Body of letter 56");
	term_type(t, "q");
	term_wait(t, "Enter read");
	server_tell(f->s, "pause");
	term_type(t, "kkkk\r");
	term_wait(t, "Body of letter 60");
	term_type(t, "qjj\r"); /* this one was never read */
	term_wait(t, "Fetching");
	term_type(t, "qjj\r"); /* and is not waited for */
	term_wait(t, "Body of letter 56");
	term_type(t, "q");
	term_wait(t, "Enter read");
	fixture_leave(t);
	t = fixture_start(f, 36, 120, NULL); /* another run, which never meets the server */
	term_wait(t, "Body of letter 60");
	term_type(t, "jjjj");
	term_wait(t, "Body of letter 56");
	assert_int_equal(term_find(t, "Casa online"), -1);
	term_type(t, "w");
	term_wait(t, "offline by choice");
	term_type(t, "jjjj");
	term_wait(t, "not kept here");
	term_type(t, "kkkk");
	term_wait(t, "Body of letter 56");
	server_tell(f->s, "resume");
	term_type(t, "jjjjw");
	term_wait(t, "Body of letter 52");
	fixture_leave(t);
}

static void what_was_not_seen_stays_unread(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "6 unread of 60");
	term_wait(t, "Casa online");
	server_tell(f->s, "pause");
	term_type(t, "\r"); /* letter 60 is unread */
	term_wait(t, "Fetching");
	term_type(t, "q");
	term_wait(t, "Enter read");
	server_tell(f->s, "resume");
	term_type(t, "j\r");
	term_wait(t, "Body of letter 59"); /* asked for after all that */
	term_wait(t, "6 unread of 60");
	term_type(t, "K");
	term_wait(t, "Body of letter 60");
	term_wait(t, "5 unread of 60");
	term_type(t, "q");
	term_wait(t, "Enter read");
	fixture_leave(t);
}

static void what_did_not_come_comes_when_online_again(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "6 unread of 60");
	term_wait(t, "Casa online");
	term_type(t, "w");
	term_wait(t, "offline by choice, w online");
	term_type(t, "U"); /* a mark can wait */
	term_wait(t, "5 unread of 60");
	term_type(t, "u");
	term_wait(t, "6 unread of 60");
	term_type(t, "j\r"); /* a key that cannot act says why, and what can */
	term_wait(t, "offline by choice. What");
	term_type(t, "w");
	term_wait(t, "Body of letter 59");
	term_type(t, "q");
	term_wait(t, "6 unread of 60");
	fixture_leave(t);
}

static void the_sidebar_gives_way_and_the_picker_takes_letters(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Casa online");
	term_type(t, "B");
	term_wait(t, "Casa  IMAP");
	term_wait(t, "q back");
	term_type(t, "q");
	term_wait_gone(t, "Casa  IMAP");
	term_type(t, "g");
	term_wait(t, "t Trash");
	term_type(t, "\033c?");
	term_wait(t, "No folder fits");
	term_wait(t, "F1 help");
	term_type(t, "\177dev\033OC"); /* right arrow opens */
	term_wait(t, "Casa > Listas/dev");
	fixture_leave(t);
}

static void an_error_is_cured_by_its_own_account_alone(void **state)
{
	struct fixture *f = *state;
	g_autofree char *imap = NULL, *rc = NULL;
	struct term *t;

	begin(f, folders, "good");
	imap = make_rc(f->s, IMAP, true, "secret");
	rc = g_strdup_printf("%s[account \"Mal\"]\nprotocol = imap\nserver = nobody.invalid:993\n"
			     "user = ana\npassword = x\naddress = ana@example.org\n",
		imap);
	f->home = term_home(rc);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Mal: There is no server called nobody.invalid");
	term_wait(t, "Casa online");
	term_type(t, "jU");
	term_wait(t, "7 unread of 60");
	assert_true(term_find(t, "Mal: There is no server called nobody.invalid") > 0);
	term_type(t, "\033");
	term_wait_gone(t, "no server called");
	term_type(t, "cmal\r");
	term_wait(t, "Mal > Inbox");
	term_wait(t, "Nothing is here yet.");
	assert_int_equal(term_find(t, "0 unread"), -1);
	fixture_leave(t);
}

/* --- certificates and passwords --------------------------------------------------------------- */

static void an_unknown_certificate_is_asked_about(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "self-signed");
	home(f, IMAP, false, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "is this your server?");
	term_wait(t, "itself (self-signed)");
	term_wait(t, "SHA-256");
	term_wait(t, "s stop");
	term_type(t, "s");
	term_wait(t, "Nobody buzon trusts");
	term_type(t, "\033$");
	term_wait(t, "is this your server?");
	term_type(t, "o");
	term_wait(t, "letter 60");
	fixture_leave(t);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "is this your server?"); /* once was for that run */
	term_type(t, "t");
	term_wait(t, "Casa online");
	fixture_leave(t);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Casa online"); /* pinned */
	assert_int_equal(term_find(t, "is this your server?"), -1);
	fixture_leave(t);
}

static void the_question_fits_any_window_and_goes_with_its_account(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "self-signed");
	home(f, IMAP | POP, false, "secret");
	t = fixture_start(f, 12, 40, NULL);
	term_wait(t, "is this your server?");
	term_wait(t, "s stop");
	term_type(t, "G");
	term_wait(t, "If it changes later");
	term_type(t, "s");
	term_wait(t, "Nobody buzon trusts");
	term_type(t, "\033");
	term_resize(t, 24, 80);
	term_wait(t, "Trabajo certificate? c go there");
	term_type(t, "ctrabajo\r");
	term_wait(t, "Trabajo: is this your server?");
	term_type(t, "s");
	term_wait(t, "$ look at it");
	fixture_leave(t);
}

static void a_pinned_certificate_that_changed_is_a_full_stop(void **state)
{
	struct fixture *f = *state;
	struct term *t;
	g_autofree char *old_rc = NULL, *rc = NULL, *path = NULL;

	begin(f, folders, "self-signed");
	home(f, IMAP, false, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "is this your server?");
	term_type(t, "t");
	term_wait(t, "Casa online");
	fixture_leave(t);
	/* the same host and port in the eyes of the pin; another certificate */
	old_rc = make_rc(f->s, IMAP, false, "secret");
	server_stop(f->s);
	f->s = server_start(folders, "self-signed");
	rc = make_rc(f->s, IMAP, false, "secret");
	path = g_build_filename(f->home, ".local", "share", "buzon", "casa", "state.db", NULL);
	{
		g_autofree char *sql = g_strdup_printf("update pin set port = %d;", f->s->imaps);
		g_autofree char *file =
			g_build_filename(f->home, ".config", "buzon", "buzonrc", NULL);
		const char *argv[] = {g_getenv("PYTHON3"), "-c",
			"import sqlite3, sys\n"
			"c = sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()",
			path, sql, NULL};
		int status = -1;

		assert_true(g_file_set_contents(file, rc, -1, NULL));
		assert_int_equal(g_chmod(file, 0600), 0);
		assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
			NULL, NULL, &status, NULL));
		assert_int_equal(status, 0);
	}
	t = fixture_start(f, 30, 80, NULL);
	term_wait(t, "is not the one you trusted");
	term_wait(t, "before");
	term_type(t, "o");
	term_wait(t, "A certificate that changed");
	term_type(t, "s");
	term_wait(t, "is not the one you trusted");
	fixture_leave(t);
}

/* Reads until text was written n times. */
static void wait_written(struct term *t, const char *text, int n)
{
	for (int patience = 200; patience > 0; patience--) {
		const GByteArray *raw = term_raw(t);
		const char *at = (const char *)raw->data, *end = at + raw->len;
		int seen = 0;

		while ((at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL) {
			seen++;
			at++;
		}
		if (seen >= n)
			return;
		term_pump(t, 100);
	}
	fail_msg("not written %d times: %s", n, text);
}

static void a_wrong_password_asks_again_with_the_servers_words(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "wrong");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "did not accept ana");
	term_wait(t, "The server said: \"");
	term_type(t, "alsowrong\r");
	wait_written(t, "Password of ana", 2);
	term_wait(t, "The server said: \"");
	term_type(t, "\033");
	term_wait(t, "No password, no connection");
	term_type(t, "$");
	term_wait(t, "Password of ana");
	term_type(t, "sekret\177\177\177\177cret\r");
	term_wait(t, "letter 60");
	assert_int_equal(term_find(t, "secret"), -1);
	fixture_leave(t);
}

/* --- with a server that stands still ---------------------------------------------------------- */

static void stopped_at_login(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP | POP, true, "secret");
	server_tell(f->s, "pause");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "connecting");
	term_type(t, "?");
	term_wait(t, "Type to filter");
	term_type(t, "\033");
	term_wait_gone(t, "Type to filter");
	term_wait(t, "connecting");
	term_type(t, "\033");
	term_wait(t, "Casa offline");
	term_type(t, "$");
	term_wait(t, "connecting");
	fixture_leave(t);
}

static void stopped_at_a_message(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Casa online");
	term_wait(t, "6 unread of 60");
	server_tell(f->s, "pause");
	term_type(t, "j\r");
	term_wait(t, "Fetching");
	term_type(t, "\033");
	term_wait(t, "letter 60");
	term_type(t, "j");
	term_wait_cursor(t, 3);
	assert_true(term_find(t, "letter 60") >= 0);
	server_tell(f->s, "resume");
	term_type(t, "\r");
	term_wait(t, "Body of letter 58");
	server_tell(f->s, "pause");
	term_type(t, "q");
	term_wait(t, "letter 60");
	term_type(t, "$");
	fixture_leave(t);
}

/* An account on a server that stops itself after so many answers. */
static struct term *start_stopper(struct fixture *f, const char *protocol, int messages, int after)
{
	g_autofree char *rc = NULL;

	stopper_start(&f->fake, protocol, messages, after);
	rc = g_strdup_printf("[account \"Trabajo\"]\nprotocol = %s\nserver = localhost:%d\n"
			     "security = none\nuser = eva\npassword = secret\n",
		protocol, f->fake.port);
	f->home = term_home(rc);
	return fixture_start(f, 24, 110, NULL);
}

static void stopped_in_a_pop_download(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_stopper(f, "pop", 400, 40);

	term_wait(t, "downloading 40 of 400");
	term_wait(t, "letter 40"); /* what is whole is here */
	term_type(t, "j");
	term_wait_cursor(t, 2);
	term_type(t, "\r");
	term_wait(t, "hello"); /* and is read while the network is dead */
	term_type(t, "q");
	term_wait(t, "39 unread of 40");
	term_type(t, "\033");
	term_wait(t, "Trabajo offline");
	assert_true(term_find(t, "letter 40") >= 0);
	fixture_leave(t);
	stopper_resume(&f->fake);
	t = fixture_start(f, 24, 110, NULL);
	term_wait(t, "399 unread of 400"); /* all came, and one was read before */
	fixture_leave(t);
}

static void stopped_in_the_listing(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_stopper(f, "imap", 600, 1);

	term_wait(t, "letter 600");
	term_type(t, "jj");
	term_wait_cursor(t, 3);
	term_type(t, "G"); /* a row that has not been listed yet */
	term_wait_gone(t, "letter 600");
	term_type(t, "gg");
	term_wait(t, "letter 600");
	term_type(t, "\033");
	term_wait(t, "Trabajo offline");
	assert_true(term_find(t, "letter 600") >= 0);
	stopper_resume(&f->fake);
	term_type(t, "$");
	term_wait(t, "Trabajo online");
	term_type(t, "G");
	term_wait(t, "letter 9");
	fixture_leave(t);
}

/* --- with a server that answers a little now and then, or stands still, while buzon is to
 * end --- */

static void waits_for_the_line(struct fixture *f)
{
	term_wait(f->t, "Casa online");
	term_wait(f->t, "6 unread of 60");
	server_tell(f->s, "pause");
	term_type(f->t, "j\r");
	term_wait(f->t, "Fetching");
}

static void signals_end_it_while_a_server_stands_still(void **state)
{
	struct fixture *f = *state;
	static const int numbers[] = {SIGTERM, SIGHUP, SIGINT};

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		fixture_start(f, 24, 80, NULL);
		waits_for_the_line(f);
		assert_int_equal(kill(term_pid(f->t), numbers[i]), 0);
		assert_int_equal(term_exit(f->t, 5000), 0);
		server_tell(f->s, "resume");
	}
}

/* Seconds of processor time that the program has used. */
static double spent(const struct term *t)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", term_pid(t)), *text = NULL;
	unsigned long user = 0, kernel = 0;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	assert_int_equal(
		sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&user, &kernel),
		2);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void a_lost_terminal_ends_it_while_a_server_stands_still(void **state)
{
	struct fixture *f = *state;

	begin(f, folders, "good");
	home(f, IMAP | POP, true, "secret");
	fixture_start(f, 24, 80, NULL);
	waits_for_the_line(f);
	term_hang_up(f->t);
	assert_int_equal(term_exit(f->t, 5000), 0);
	server_tell(f->s, "resume");
}

static void waiting_for_a_dead_server_costs_nothing(void **state)
{
	struct fixture *f = *state;
	double before;

	begin(f, folders, "good");
	home(f, IMAP, true, "secret");
	fixture_start(f, 24, 80, NULL);
	waits_for_the_line(f);
	before = spent(f->t);
	term_pump(f->t, 1500);
	assert_true(spent(f->t) - before < 0.5); /* a spin would take the whole of it */
	assert_int_equal(kill(term_pid(f->t), SIGSTOP), 0);
	assert_int_equal(kill(term_pid(f->t), SIGCONT), 0);
	term_resize(f->t, 12, 40);
	term_resize(f->t, 24, 80);
	term_type(f->t, "\033");
	term_wait(f->t, "letter 60");
	fixture_leave(f->t);
	server_tell(f->s, "resume");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			both_accounts_are_read_in_one_screen, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			marks_are_the_servers, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_space_left_is_watched, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_takes_up_the_space_is_shown, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(without_sizes_from_the_server_rows_are_counted,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_list_is_there_before_the_line, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_certificate_is_asked_about, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			moving_on_a_slow_line_keeps_it, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_was_read_needs_no_server, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_was_not_seen_stays_unread, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_did_not_come_comes_when_online_again, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_sidebar_gives_way_and_the_picker_takes_letters,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_error_is_cured_by_its_own_account_alone,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_question_fits_any_window_and_goes_with_its_account, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(a_pinned_certificate_that_changed_is_a_full_stop,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_wrong_password_asks_again_with_the_servers_words,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(stopped_at_login, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			stopped_at_a_message, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			stopped_in_a_pop_download, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			stopped_in_the_listing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(signals_end_it_while_a_server_stands_still,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_lost_terminal_ends_it_while_a_server_stands_still,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			waiting_for_a_dead_server_costs_nothing, fixture_setup, fixture_teardown),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
