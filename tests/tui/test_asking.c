/* `l` and `/` in an IMAP account: what is known here at once, what the server finds behind it; a
 * real Dovecot, also one that has stopped, and a server that lists only the newest messages. */
#include "tests/tui/fixture.h"

static const struct server_folder folders[] = {{"INBOX", 60, 200}, {0}};

static struct term *start(struct fixture *f, int port, const char *more)
{
	g_autofree char *rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\n"
					      "server = localhost:%d\nuser = ana\n"
					      "password = secret\naddress = ana@example.org\n%s",
		port, more);

	f->home = term_home(rc);
	return fixture_start(f, 24, 100, NULL);
}

static struct term *start_dovecot(struct fixture *f)
{
	g_autofree char *more = NULL;

	f->s = server_start(folders, "good");
	assert_non_null(f->s);
	more = g_strdup_printf("tls-ca-file = %s\n", f->s->ca_file);
	start(f, f->s->imaps, more);
	term_wait(f->t, "6 unread of 60");
	term_wait(f->t, "online");
	term_wait(f->t, "letter 60");
	return f->t;
}

static struct term *start_fake(struct fixture *f)
{
	searcher_start(&f->fake, 300);
	start(f, f->fake.port, "security = none\n");
	term_wait(f->t, "letter 300");
	term_wait(f->t, "The server did not list the folder."); /* no more will be listed */
	return f->t;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_limit_asks_for_texts(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_dovecot(f);

	term_type(t, "lbody:\"letter 12\"");
	term_wait(t, "0 found here, Enter asks the server");
	term_type(t, "\r");
	term_wait(t, "1 found, on the server, ");
	term_wait(t, "letter 12");
	assert_int_equal(term_find(t, "letter 60"), -1);
	term_type(t, "\r");
	term_wait(t, "Body of letter 12");
	term_type(t, "qllucia\r"); /* behind what stands there */
	term_wait(t, "0 found, on the server, ");
	term_wait(t, "No message fits.");
	term_type(t, "\033");
	term_wait(t, "All messages are shown.");
	term_wait(t, "letter 60");
	term_type(t, "l\"letter 12\"");
	term_wait(t, "1 found");
	assert_int_equal(term_find(t, "asks the server"), -1); /* all of it is known here */
	term_type(t, "\r");
	term_wait(t, "1 of 60");
	fixture_leave(t);
}

static void escape_ends_it_and_the_line_stays(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_dovecot(f);

	server_tell(f->s, "pause");
	term_type(t, "l\"letter 59\" or body:nothing\r");
	term_wait(t, "1 found here. Asking the server...");
	term_wait(t, "letter 59");
	term_type(t, "\033");
	term_wait(t, "Stopped. 1 found, only among the 60 messages known here.");
	term_wait(t, "letter 59");
	assert_int_equal(term_find(t, "offline"), -1);
	term_type(t, "\033");
	term_wait(t, "All messages are shown.");
	term_type(t, "lbody:other\r");
	term_wait(t, "0 found here. Asking the server...");
	term_pump(t, 300);
	server_tell(f->s, "resume");
	term_wait(t, "0 found, on the server, "); /* its own answer, not the first one's */
	term_wait(t, "No message fits.");
	term_type(t, "\033");
	term_wait(t, "letter 60");
	assert_int_equal(term_find(t, "offline"), -1);
	fixture_leave(t);
}

static void without_a_line_it_says_what_it_looked_through(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_dovecot(f);

	term_type(t, "w");
	term_wait(t, "offline by choice");
	term_type(t, "lbody:letter");
	term_wait(t, "0 found here (offline)");
	term_type(t, "\r");
	term_wait(t, "0 found, offline: only among the ");
	fixture_leave(t);
}

static void a_limit_finds_what_was_not_listed(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_fake(f);

	term_type(t, "leva"); /* they are all from her */
	term_wait(t, "found here, Enter asks the server");
	term_type(t, "\r");
	term_wait(t, "found, on the server, ");
	term_type(t, "G");
	term_wait(t, "letter 3");
	term_wait(t, "letter 5");
	fixture_leave(t);
}

static void a_search_goes_to_what_the_server_found(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_fake(f);

	term_type(t, "/letter 5");
	term_wait(t, "0 found here, Enter asks the server");
	term_type(t, "\r");
	term_wait(t, "1 of 1 found, on the server, "); /* it said 3, too */
	term_wait_cursor(t, term_find(t, "letter 5"));
	fixture_leave(t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_limit_asks_for_texts),
		CASE(escape_ends_it_and_the_line_stays),
		CASE(without_a_line_it_says_what_it_looked_through),
		CASE(a_limit_finds_what_was_not_listed),
		CASE(a_search_goes_to_what_the_server_found),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
