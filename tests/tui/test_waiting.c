/* What is done without a line: shown at once, kept over the end of buzon, made on the server when
 * there is a line again, or taken back before. A real Dovecot. */
#include "tests/tui/server.h"
#include "tests/tui/term.h"

#include <gio/gio.h>

struct fixture {
	struct server *s;
	char *home;
	struct term *t;
};

static const struct server_folder folders[] = {{"INBOX", 60, 200}, {"dev", 12, 100}, {0}};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	g_autofree char *rc = NULL;

	f->s = server_start(folders, "good");
	assert_non_null(f->s);
	rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\n"
			     "user = ana\npassword = secret\ntls-ca-file = %s\n"
			     "address = ana@example.org\n",
		f->s->imaps, f->s->ca_file);
	f->home = term_home(rc);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->t != NULL)
		term_free(f->t);
	server_stop(f->s);
	check_remove_dir(f->home);
	g_free(f->home);
	g_free(f);
	return 0;
}

static struct term *start(struct fixture *f)
{
	const char *none[] = {NULL};

	f->t = term_start(24, 120, f->home, none, NULL);
	return f->t;
}

/* The list is there, and then the line is not, by the person's word. */
static struct term *start_without_line(struct fixture *f, const char *text)
{
	struct term *t = start(f);

	term_wait(t, text);
	term_wait(t, "Casa online");
	term_type(t, "w");
	term_wait(t, "offline by choice");
	return t;
}

static void leave(struct fixture *f)
{
	term_type(f->t, "q");
	assert_int_equal(term_exit(f->t, 1000), 0);
	term_free(f->t);
	f->t = NULL;
}

/* What another client is answered, untagged and without the command's end. */
static char *ask(struct fixture *f, const char *folder, const char *search)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketConnection) line = g_socket_client_connect_to_host(
		client, "127.0.0.1", (guint16)f->s->imap, NULL, NULL);
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(line));
	g_autoptr(GDataInputStream) in =
		g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(line)));
	g_autofree char *text = g_strdup_printf(
		"A LOGIN ana secret\r\nB EXAMINE %s\r\nC SEARCH %s\r\n", folder, search);
	char *found = NULL, *told;

	assert_true(g_output_stream_write_all(out, text, strlen(text), NULL, NULL, NULL));
	while ((told = g_data_input_stream_read_line(in, NULL, NULL, NULL)) != NULL &&
		!g_str_has_prefix(told, "C ")) {
		if (g_str_has_prefix(told, "* SEARCH")) {
			g_free(found);
			found = g_strchomp(g_strdup(told));
		}
		g_free(told);
	}
	g_free(told);
	return found;
}

static void assert_found(
	struct fixture *f, const char *folder, const char *search, const char *want)
{
	g_autofree char *found = ask(f, folder, search);

	assert_string_equal(found, want);
}

/* --- marks ------------------------------------------------------------------------------------ */

static void a_mark_outlives_the_program(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_without_line(f, "6 unread of 60");

	term_type(t, "F");
	term_wait(t, "1 change waits for the line");
	term_wait(t, "!    2020");
	term_type(t, "jF");
	term_wait(t, "2 changes wait for the line");
	leave(f);
	assert_found(f, "INBOX", "FLAGGED", "* SEARCH");

	server_tell(f->s, "pause");
	t = start(f);
	term_wait(t, "2 changes wait for the line");
	term_wait(t, "!    2020");
	server_tell(f->s, "resume");
	term_wait(t, "Casa online");
	term_type(t, "E");
	term_wait(t, "2 changes made without the line are on the server now.");
	term_type(t, "q");
	assert_int_equal(term_find(t, "wait for the line"), -1);
	assert_true(term_find(t, "!    2020") >= 0);
	assert_found(f, "INBOX", "FLAGGED", "* SEARCH 59 60");
	leave(f);
}

static void a_mark_taken_back_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_without_line(f, "6 unread of 60");

	term_type(t, "F");
	term_wait(t, "1 change waits for the line");
	term_type(t, "u");
	term_wait_gone(t, "waits for the line");
	term_wait_gone(t, "!    2020");
	term_type(t, "w");
	term_wait(t, "Casa online");
	assert_found(f, "INBOX", "FLAGGED", "* SEARCH");
	leave(f);
}

/* --- filing ----------------------------------------------------------------------------------- */

static void a_move_waits_or_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct term *t = start_without_line(f, "letter 60");

	term_type(t, "d");
	term_wait(t, "1 change waits for the line");
	term_wait_gone(t, "letter 60");
	term_wait(t, "of 59");
	term_type(t, "u");
	term_wait(t, "letter 60");
	term_wait_gone(t, "waits for the line");
	term_wait(t, "of 60");
	term_type(t, "kd");
	term_wait_gone(t, "letter 60");
	term_wait(t, "1 change waits for the line");
	term_type(t, "w");
	term_wait(t, "1 change made without the line is on the server now.");
	assert_found(f, "INBOX", "SUBJECT \"letter 60\"", "* SEARCH");
	assert_found(f, "Trash", "ALL", "* SEARCH 1");
	term_type(t, "u"); /* where it is now is known */
	term_wait(t, "letter 60");
	term_wait(t, "of 60");
	assert_found(f, "Trash", "ALL", "* SEARCH");
	leave(f);
}

/* Trash was never looked at, so nothing is known here of what went there on the line. */
static void what_cannot_wait_is_not_said_to_be_gone(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f);

	term_wait(t, "letter 60");
	term_wait(t, "Casa online");
	term_type(t, "d");
	term_wait(t, "Moved 1 message to Trash.");
	term_type(t, "w");
	term_wait(t, "offline by choice");
	term_type(t, "u");
	term_wait(t, "w goes online again");
	term_type(t, "w");
	term_wait(t, "Casa online");
	term_type(t, "u");
	term_wait(t, "letter 60");
	assert_found(f, "Trash", "ALL", "* SEARCH");
	leave(f);
}

/* A line that is lost in the midst is no reason to lose the change. */
static void what_meets_a_dead_line_waits(void **state)
{
	struct fixture *f = *state;
	struct term *t = start(f);

	term_wait(t, "letter 60");
	term_wait(t, "Casa online");
	server_tell(f->s, "pause");
	term_type(t, "F");
	term_wait(t, "1 change waits for the line"); /* not as long as a line may be silent */
	term_wait(t, "!    2020");
	term_type(t, "jF");
	term_wait(t, "2 changes wait for the line");
	term_type(t, "jF");
	term_type(t, "q"); /* in the midst of the third */
	assert_int_equal(term_exit(t, 1000), 0);
	term_free(t);
	f->t = NULL;
	t = start(f);
	term_wait(t, "3 changes wait for the line");
	term_wait(t, "!    2020");
	server_tell(f->s, "resume");
	term_wait(t, "3 changes made without the line are on the server now.");
	assert_found(f, "INBOX", "FLAGGED", "* SEARCH 58 59 60");
	leave(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_mark_outlives_the_program),
		CASE(a_mark_taken_back_is_not_made),
		CASE(a_move_waits_or_is_taken_back),
		CASE(what_cannot_wait_is_not_said_to_be_gone),
		CASE(what_meets_a_dead_line_waits),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
