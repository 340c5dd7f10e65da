/* Jumps in folders of which most is not known yet: what is jumped to is there at once. */
#include "tests/tui/fixture.h"

static struct term *begin(struct fixture *f, int port, const char *more)
{
	g_autofree char *rc = NULL;

	rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\n"
			     "user = ana\npassword = secret\naddress = ana@example.org\n%s",
		port, more);
	f->home = term_home(rc);
	return fixture_start(f, 24, 100, NULL);
}

/* A million messages take the background minutes. */
static void the_end_of_a_million_is_one_round_trip_away(void **state)
{
	struct fixture *f = *state;
	gint64 sent;
	struct term *t;

	stopper_start(&f->fake, "imap", 1000000, INT32_MAX);
	t = begin(f, f->fake.port, "security = none\n");
	term_wait(t, "letter 1000000");
	term_wait(t, "Casa online");
	sent = g_get_monotonic_time();
	term_type(t, "G");
	term_wait_row(t, 19, "letter 2");
	print_message("# the oldest after %d ms\n", (int)((g_get_monotonic_time() - sent) / 1000));
	term_type(t, "\033[5~\033[5~\033[5~");
	term_wait(t, "letter 60");
	term_type(t, "gg");
	term_wait_row(t, 1, "letter 1000000");
	term_type(t, "G");
	term_wait_row(t, 20, "letter 1");
	fixture_leave(t);
}

static const struct server_folder folders[] = {{"INBOX", 6000, 20}, {0}};

/* Marks, text and removal, whether or not the background has got there. */
static void rows_jumped_to_are_like_any_other(void **state)
{
	struct fixture *f = *state;
	g_autofree char *more = NULL;
	struct term *t;

	f->s = server_start(folders, "good");
	assert_non_null(f->s);
	more = g_strdup_printf("tls-ca-file = %s\n", f->s->ca_file);
	t = begin(f, f->s->imaps, more);
	term_wait(t, "letter 6000");
	term_type(t, "G");
	term_wait_row(t, 19, "letter 2");
	term_wait_row(t, 20, "letter 1");
	term_type(t, "k\r");
	term_wait(t, "Body of letter 2.");
	term_type(t, "q");
	term_wait_row(t, 20, "letter 1");
	term_type(t, "F");
	term_wait(t, "!  ");
	term_type(t, "D");
	term_wait(t, "y/n");
	term_type(t, "y");
	term_wait(t, "of 5999");
	term_wait_row(t, 19, "letter 3");
	term_wait_row(t, 20, "letter 1");
	term_type(t, "gg");
	term_wait_row(t, 1, "letter 6000");
	fixture_leave(t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_end_of_a_million_is_one_round_trip_away),
		CASE(rows_jumped_to_are_like_any_other),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
