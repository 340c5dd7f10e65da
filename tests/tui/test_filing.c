/* Filing, deleting, undo, and what becomes of the server's copies: a POP account on a real Dovecot;
 * and filing on the server: an IMAP account there.
 */
#include "tests/tui/fixture.h"

#include <sys/stat.h>

static const struct server_folder folders[] = {{"INBOX", 12, 200}, {0}};

/* extra: lines of the account, or "". */
static void begin(struct fixture *f, const char *extra)
{
	g_autofree char *rc = NULL;

	f->s = server_start(folders, "good");
	assert_non_null(f->s);
	rc = g_strdup_printf("[account \"Trabajo\"]\nprotocol = pop\nserver = localhost:%d\n"
			     "user = eva\npassword = secret\ntls-ca-file = %s\n"
			     "address = eva@example.org\n%s",
		f->s->pop3s, f->s->ca_file, extra);
	f->home = term_home(rc);
}

/* --- the server's copies ---------------------------------------------------------------------- */

static void copies_go_only_after_a_yes(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "leave-on-server = none\n");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "letter 12");
	term_wait(t, "12 messages (");
	term_wait(t, "Remove such messages there from now on?");
	term_wait(t, "leave-on-server = none");
	term_type(t, "jk"); /* no answers */
	term_type(t, "\r"); /* what is safe */
	term_wait(t, "They stay on the server.");
	term_type(t, "$");
	term_wait(t, "Nothing new.");
	term_type(t, ":server-copies\r");
	term_wait(t, "Trabajo: copies on the server");
	term_wait(t, "of mail on the server");
	term_wait(t, "letter 7");
	term_type(t, "q");
	fixture_leave(t);
}

static void a_yes_frees_the_servers_space(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "leave-on-server = none\n");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "Remove such messages there from now on?");
	term_type(t, "y");
	term_wait(t, "From now on copies go");
	term_type(t, ":server-copies\r");
	term_wait(t, "goes next");
	for (int i = 0; i < 10 && term_find(t, "0 bytes of mail") < 0; i++) {
		term_type(t, "$"); /* the first session removes, the next sees that they are gone */
		(void)term_wait_for(t, "0 bytes of mail", 2000);
	}
	term_wait(t, "0 bytes of mail on the server");
	term_type(t, "q\r");
	term_wait(t, "Body of letter 12");
	term_type(t, "q");
	term_wait(t, "Enter read");
	fixture_leave(t);
}

static void the_question_fits_the_smallest_windows(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "leave-on-server = none\n");
	t = fixture_start(f, 12, 40, NULL);
	term_wait(t, "12 messages (");
	term_wait(t, "y/n");
	term_resize(t, 6, 20);
	term_wait(t, "Remove 12 messages");
	term_wait(t, "from the server");
	term_wait(t, "now on? y/n");
	term_resize(t, 24, 80);
	term_wait(t, "12 messages (");
	term_type(t, "n");
	term_wait(t, "They stay on the server.");
	fixture_leave(t);
}

static void the_server_and_its_date_are_told(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "leave-on-server = 30d\n");
	t = fixture_start(f, 24, 100, NULL);
	term_wait(t, "letter 12");
	term_wait(t, "online, server 12 msgs, ");
	term_type(t, "\r");
	term_wait(t, "Body of letter 12");
	term_wait(t, "Server   on the server until ");
	term_type(t, ":server-copies\r");
	term_wait(t, "goes by ");
	term_wait(t, "goes ");
	term_resize(t, 12, 40);
	term_wait(t, "of mail on the server");
	term_type(t, "q");
	term_wait(t, "Body of letter 12");
}

/* --- filing and undo -------------------------------------------------------------------------- */

static void what_is_deleted_comes_back(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "12 unread of 12");
	term_type(t, "jd");
	term_wait(t, "Moved 1 message to Trash.  u undo");
	term_wait_gone(t, "letter 11");
	term_wait_cursor(t, 2); /* on letter 10 */
	term_type(t, "dd");     /* faster than the answers */
	term_wait_gone(t, "letter 9");
	term_wait(t, "9 unread of 9");
	term_type(t, "u");
	term_wait(t, "Undone: 1 message is back in Inbox.  Ctrl-R does it again");
	term_wait(t, "letter 9");
	term_type(t, "uu");
	term_wait(t, "letter 11");
	term_wait(t, "12 unread of 12");
	term_type(t, "u");
	term_wait(t, "Nothing to undo.");
	term_type(t, "\022"); /* Ctrl-R */
	term_wait(t, "Done again: 1 message is in Trash.");
	term_wait_gone(t, "letter 11");
	term_type(t, "u");
	term_wait(t, "letter 11");
	term_type(t, "gt");
	term_wait(t, "Trabajo > Trash");
	term_wait(t, "No messages here.");
	fixture_leave(t);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "12 unread of 12");
	fixture_leave(t);
}

static void deleting_for_ever_asks_and_means_no(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "12 unread of 12");
	term_type(t, "D");
	term_wait(t, "Delete 1 message for ever? y/n");
	term_type(t, "\r");
	term_wait(t, "Nothing was deleted.");
	term_type(t, "D");
	term_wait(t, "Delete 1 message for ever? y/n");
	term_type(t, "\033");
	term_wait(t, "Nothing was deleted.");
	term_type(t, "Dy");
	term_wait(t, "Deleted 1 message for ever.");
	term_wait(t, "11 unread of 11");
	term_type(t, "ddd");
	term_wait(t, "8 unread of 8");
	term_type(t, "gt");
	term_wait(t, "3 unread of 3");
	term_wait(t, "letter 9");
	term_type(t, "d"); /* here it asks */
	term_wait(t, "Delete 1 message for ever? y/n");
	term_type(t, "y");
	term_wait(t, "2 unread of 2");
	term_type(t, ":empty-trash\r");
	term_wait(t, "Delete the 2 messages in Trash for ever? y/n");
	term_type(t, "y");
	term_wait(t, "No messages here.");
	term_type(t, "gi");
	term_wait(t, "8 unread of 8");
	fixture_leave(t);
}

static void folders_are_made_filed_into_renamed_and_deleted(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "");
	t = fixture_start(f, 24, 100, NULL);
	term_wait(t, "12 unread of 12");
	term_type(t, "szzz");
	term_wait(t, "No folder fits. Esc, then :create-folder makes one.");
	term_type(t, "\033");
	term_wait(t, "12 unread of 12");
	term_type(t, ":create-folder A\303\261o nuevo\r");
	term_wait(t, "The folder A\303\261o nuevo is there.");
	term_wait(t, "   A\303\261o nuevo"); /* in the sidebar */
	term_type(t, "sano");                /* the picker needs no tilde */
	term_wait(t, "Enter choose");
	term_type(t, "\r");
	term_wait(t, "Moved 1 message to A\303\261o nuevo.  u undo");
	term_wait_gone(t, "letter 12");
	term_type(t, ":move an\t");
	term_wait(t, ":move A\303\261o nuevo");
	term_type(t, "\r");
	term_wait(t, "10 unread of 10");
	term_type(t, "Cano\r");
	term_wait(t, "Copied 1 message to A\303\261o nuevo.  u undo");
	term_type(t, "A");
	term_wait(t, "Moved 1 message to Archive.  u undo");
	term_type(t, "cano\r");
	term_wait(t, "3 unread of 3");
	term_type(t, ":rename-folder Viejo\r");
	term_wait(t, "The folder is called Viejo now.");
	term_wait(t, "Trabajo > Viejo");
	term_type(t, "uu"); /* the archive, and the copy */
	term_wait(t, "2 unread of 2");
	term_type(t, ":delete-folder\r");
	term_wait(t, "Delete the folder Viejo and its 2 messages for ever? y/n");
	term_type(t, "n");
	term_wait(t, "Nothing was deleted.");
	term_type(t, ":delete-folder\ry");
	term_wait(t, "The folder Viejo is gone.");
	term_wait(t, "Trabajo > Inbox");
	term_wait_gone(t, "   Viejo");
	term_wait(t, "10 unread of 10");
	term_type(t, ":delete-folder\r");
	term_wait(t, "Inbox belongs to every account: it stays.");
	fixture_leave(t);
}

static void marks_are_undone_and_the_reader_goes_on(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "");
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "12 unread of 12");
	term_type(t, "U");
	term_wait(t, "11 unread of 12");
	term_type(t, "F");
	term_wait(t, "  !  ");
	term_type(t, "u");
	term_wait(t, "Undone: 1 message is not flagged.");
	term_wait_gone(t, "  !  ");
	term_type(t, "u");
	term_wait(t, "12 unread of 12");
	term_type(t, "\022\022");
	term_wait(t, "Done again: 1 message is flagged.");
	term_type(t, "\r");
	term_wait(t, "Body of letter 12");
	term_type(t, "d");
	term_wait(t, "Body of letter 11");
	term_type(t, "A");
	term_wait(t, "Body of letter 10");
	term_type(t, "uu");
	term_wait(t, "Undone: 1 message is back in Inbox.");
	assert_true(term_find(t, "Body of letter 10") >= 0);
	term_type(t, "q");
	term_wait(t, "letter 12");
	term_wait(t, " !   "); /* its mark came along */
	fixture_leave(t);
}

static void the_smallest_window_asks_and_undoes_in_spanish(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin(f, "");
	t = fixture_start(f, 12, 40, (const char *const[]){"LANG=es_ES.UTF-8", NULL});
	term_wait(t, "Eva 12");
	term_type(t, "d");
	term_wait(t, "Movido 1 mensaje a Papelera");
	term_wait_gone(t, "Eva 12");
	term_type(t, "u");
	term_wait(t, "Eva 12");
	term_resize(t, 6, 20);
	term_wait(t, "Eva 12");
	term_type(t, "D");
	term_wait(t, "siempre? s/n");
	term_type(t, "s");
	term_wait_gone(t, "Eva 12");
	term_type(t, ":archivar\r");
	term_wait_gone(t, "Eva 11");
	fixture_leave(t);
}

/* --- on the server ---------------------------------------------------------------------------- */

static void begin_imap(struct fixture *f)
{
	g_autofree char *rc = NULL;

	f->s = server_start(folders, "good");
	assert_non_null(f->s);
	rc = g_strdup_printf("[account \"Casa\"]\nprotocol = imap\nserver = localhost:%d\n"
			     "user = ana\npassword = secret\ntls-ca-file = %s\n"
			     "address = ana@example.org\n",
		f->s->imaps, f->s->ca_file);
	f->home = term_home(rc);
}

/* Messages in a Maildir of the server's; folder: below ana's home there. */
static int on_server(const struct fixture *f, const char *folder)
{
	static const char *const parts[] = {"cur", "new"};
	int n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
			g_build_filename(f->s->home, "users", "ana", folder, parts[i], NULL);
		GDir *dir = g_dir_open(path, 0, NULL);

		while (dir != NULL && g_dir_read_name(dir) != NULL)
			n++;
		if (dir != NULL)
			g_dir_close(dir);
	}
	return n;
}

static void what_is_deleted_on_the_server_comes_back(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin_imap(f);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "1 unread of 12");
	term_type(t, "j\033[3~"); /* the delete key */
	term_wait(t, "Moved 1 message to Trash.  u undo");
	term_wait_gone(t, "letter 11");
	term_wait(t, "1 unread of 11");
	term_wait_cursor(t, 2); /* on letter 10 */
	assert_int_equal(on_server(f, "inbox"), 11);
	assert_int_equal(on_server(f, "mail/Trash"), 1);
	term_type(t, "u");
	term_wait(t, "letter 11");
	term_wait(t, "1 unread of 12");
	assert_int_equal(on_server(f, "inbox"), 12);
	assert_int_equal(on_server(f, "mail/Trash"), 0);
	term_type(t, "\022"); /* Ctrl-R */
	term_wait_gone(t, "letter 11");
	term_wait(t, "1 unread of 11");
	term_type(t, "dd"); /* faster than the answers */
	term_wait(t, "0 unread of 9");
	term_type(t, "uuu");
	term_wait(t, "1 unread of 12");
	term_wait(t, "letter 11");
	term_wait(t, "letter 10");
	assert_int_equal(on_server(f, "inbox"), 12);
	term_type(t, "u");
	term_wait(t, "Nothing to undo.");
	fixture_leave(t);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "1 unread of 12");
	fixture_leave(t);
}

static void the_servers_trash_is_emptied(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin_imap(f);
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "1 unread of 12");
	term_type(t, "Dy");
	term_wait(t, "Deleted 1 message for ever.");
	term_wait(t, "1 unread of 11");
	term_type(t, "ddd");
	term_wait(t, "0 unread of 8");
	term_type(t, ":empty-trash\r"); /* never looked at */
	term_wait(t, "Delete the 3 messages in Trash for ever? y/n");
	term_type(t, "y");
	term_wait(t, "Trash is empty.");
	assert_int_equal(on_server(f, "mail/Trash"), 0);
	assert_int_equal(on_server(f, "inbox"), 8);
	term_type(t, "gt");
	term_wait(t, "No messages here.");
	fixture_leave(t);
}

static void folders_of_the_server_are_made_renamed_and_deleted(void **state)
{
	struct fixture *f = *state;
	struct term *t;

	begin_imap(f);
	t = fixture_start(f, 24, 100, NULL);
	term_wait(t, "1 unread of 12");
	term_type(t, ":create-folder A\303\261o nuevo\r");
	term_wait(t, "The folder A\303\261o nuevo is there.");
	term_wait(t, "   A\303\261o nuevo"); /* in the sidebar */
	term_type(t, "sano\r");
	term_wait(t, "Moved 1 message to A\303\261o nuevo.  u undo");
	term_wait_gone(t, "letter 12");
	term_type(t, "Cano\r");
	term_wait(t, "Copied 1 message to A\303\261o nuevo.  u undo");
	term_type(t, "cano\r");
	term_wait(t, "0 unread of 2");
	term_type(t, ":rename-folder Viejo\r");
	term_wait(t, "The folder is called Viejo now.");
	term_wait(t, "Casa > Viejo");
	term_wait(t, "0 unread of 2");
	term_type(t, "u"); /* the copy */
	term_wait(t, "0 unread of 1");
	term_type(t, "u");
	term_wait(t, "No messages here.");
	assert_int_equal(on_server(f, "inbox"), 12);
	term_type(t, ":delete-folder\ry");
	term_wait(t, "The folder Viejo is gone.");
	term_wait(t, "Casa > Inbox");
	term_wait_gone(t, "   Viejo");
	term_wait(t, "1 unread of 12");
	fixture_leave(t);
}

/* --- files ------------------------------------------------------------------------------------ */

static void names_of_files_are_completed(void **state)
{
	struct fixture *f = *state;
	g_autofree char *dir = NULL, *file = NULL;
	struct term *t;

	begin(f, "");
	dir = g_build_filename(f->home, "old mail", NULL);
	file = g_build_filename(dir, "letters.mbox", NULL);
	assert_int_equal(g_mkdir(dir, 0700), 0);
	assert_true(g_file_set_contents(file, "", 0, NULL));
	t = fixture_start(f, 24, 80, NULL);
	term_wait(t, "12 unread of 12");
	term_type(t, ":import ~/ol");
	term_wait(t, "  ~/old mail/"); /* looked up beside the screen */
	term_type(t, "\t");
	term_wait(t, "  ~/old mail/letters.mbox");
	term_type(t, "\t");
	term_wait(t, ":import ~/old\\ mail/letters.mbox");
	term_type(t, "\033");
	term_type(t, ":account tra\t\r");
	term_wait(t, "Trabajo > Inbox");
	fixture_leave(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			copies_go_only_after_a_yes, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_yes_frees_the_servers_space, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_question_fits_the_smallest_windows, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_server_and_its_date_are_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_deleted_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			deleting_for_ever_asks_and_means_no, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(folders_are_made_filed_into_renamed_and_deleted,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			marks_are_undone_and_the_reader_goes_on, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_smallest_window_asks_and_undoes_in_spanish,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_deleted_on_the_server_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_servers_trash_is_emptied, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(folders_of_the_server_are_made_renamed_and_deleted,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			names_of_files_are_completed, fixture_setup, fixture_teardown),
	};

	if (server_is_missing()) {
		puts("1..0 # SKIP Dovecot is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
