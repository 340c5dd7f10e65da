/* buzon check --store: every damage is found, and repairing deletes nothing. */
#include "tests/unit/mail.h"

#include "src/mime.h"
#include "src/store_tools.h"
#include "src/storecheck.h"

#include <sys/stat.h>
#include <unistd.h>

struct report {
	struct bz_storecheck check;
	GString *said;
	struct bz_err err;
	int rc;
};

static void say(void *me, const char *folder, const char *text)
{
	GString *said = me;

	g_string_append_printf(
		said, "%s%s%s\n", folder != NULL ? folder : "", folder != NULL ? ": " : "", text);
}

/* With the store closed, as another run of buzon sees it. */
static struct report look(struct mail *m, bool repair)
{
	struct bz_account account = {.id = (char[]){"Casa"},
		.dirname = (char[]){"casa"},
		.protocol = BZ_PROTOCOL_POP,
		.mbox = m->mbox};
	struct report r = {.said = g_string_new(NULL)};

	bz_store_close(&m->store);
	r.check = (struct bz_storecheck){.repair = repair, .say = say, .me = r.said};
	r.rc = bz_storecheck_run(&r.check, &account, &r.err);
	return r;
}

static void reopen(struct mail *m)
{
	m->store = bz_store_open(m->cache, m->state, BZ_STORE_OWNER, NULL);
	assert_non_null(m->store);
}

static void end(struct report *r)
{
	g_string_free(r->said, TRUE);
}

/* One look, whose findings must have these words (NULL: none). */
static void expect(
	struct mail *m, bool repair, uint32_t messages, uint32_t problems, const char *words)
{
	struct report r = look(m, repair);

	if (r.rc != 0)
		fail_msg("%s", r.err.text);
	if (words != NULL ? strstr(r.said->str, words) == NULL : r.said->len > 0)
		fail_msg("said: %s", r.said->str);
	assert_int_equal(r.check.messages, messages);
	assert_int_equal(r.check.problems, problems);
	end(&r);
}

static void add(struct mail *m, int n)
{
	for (int i = 1; i <= n; i++)
		mail_add(m, i);
}

static bool is_in_ledger(struct mail *m, int i)
{
	g_autofree char *uidl = g_strdup_printf("uid-%d", i);
	int rc = bz_store_ledger_has(m->store, uidl, NULL);

	assert_true(rc >= 0);
	return rc == 1;
}

static void whole_mail_has_no_problem(void **state)
{
	struct mail *m = *state;

	expect(m, false, 0, 0, NULL);
	reopen(m);
	add(m, 3);
	expect(m, false, 3, 0, NULL);
	expect(m, true, 3, 0, NULL);
}

static void another_programs_mail_is_none_either(void **state)
{
	struct mail *m = *state;

	add(m, 2);
	mail_write(
		m->mbox, "a", "From x@example.org Tue Nov  3 10:00:00 2020\nSubject: x\n\nx\n\n");
	expect(m, false, 3, 0, "1 message is new to buzon");
	expect(m, true, 3, 0, "1 message is new to buzon");
	expect(m, false, 3, 0, NULL);
}

static void equal_and_removed_ones_are_told(void **state)
{
	struct mail *m = *state;
	g_autofree char *one = NULL;

	assert_int_equal(
		bz_store_local_set_state(m->store, mail_add(m, 1), BZ_LOCAL_REMOVED, NULL), 0);
	mail_add(m, 2);
	one = mail_read(m->mbox);
	mail_write(m->mbox, "a", one + strlen(one) / 2);
	expect(m, true, 2, 0, "1 removed message takes");
	expect(m, false, 2, 0, "1 message is equal to another one");
}

static void a_changed_byte_is_found_and_the_message_comes_again(void **state)
{
	struct mail *m = *state;
	g_autofree char *text = NULL, *after = NULL;

	add(m, 3);
	text = mail_read(m->mbox);
	*strstr(text, "body 2") = 'B';
	mail_write(m->mbox, "w", text);
	expect(m, false, 3, 1, "1 message that buzon knows is in the file no longer: another program took it "
		"out, or it is lost");
	reopen(m);
	assert_true(is_in_ledger(m, 2));
	expect(m, true, 3, 0, "1 message was forgotten");
	reopen(m);
	assert_false(is_in_ledger(m, 2));
	assert_true(is_in_ledger(m, 1));
	after = mail_read(m->mbox);
	assert_string_equal(text, after);
	mail_add(m, 2);
	expect(m, false, 4, 0, "kept");
}

static char *find(struct mail *m, const char *part)
{
	GDir *dir = g_dir_open(m->data, 0, NULL);
	const char *name;
	char *found = NULL;

	while (found == NULL && (name = g_dir_read_name(dir)) != NULL)
		if (strstr(name, part) != NULL)
			found = g_build_filename(m->data, name, NULL);
	g_dir_close(dir);
	return found;
}

static void what_is_forgotten_is_written_down(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = NULL, *text = NULL;
	struct stat st;

	add(m, 3);
	mail_look(m);
	assert_int_equal(unlink(m->mbox), 0);
	expect(m, false, 0, 3, "3 messages that buzon knows are in the file no longer");
	assert_null(find(m, "missing.salvage"));
	expect(m, true, 0, 0, "3 messages were forgotten");
	path = find(m, "missing.salvage");
	assert_non_null(path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = mail_read(path);
	assert_non_null(strstr(text, "UIDL: uid-2"));
	assert_non_null(strstr(text, "Subject: letter 2"));
	expect(m, false, 0, 0, "kept");
}

static void a_torn_tail_is_copied(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = NULL, *text = NULL, *before = NULL, *copy = NULL;
	struct stat st;

	add(m, 3);
	assert_int_equal(stat(m->mbox, &st), 0);
	assert_int_equal(truncate(m->mbox, st.st_size - 5), 0);
	before = mail_read(m->mbox);
	expect(m, false, 3, 2, "the last message may be cut short");
	expect(m, true, 3, 0, "a copy is kept in");
	path = find(m, "inbox.mbox.salvage");
	assert_non_null(path);
	copy = mail_read(path);
	assert_true(g_str_has_prefix(copy, "From MAILER"));
	assert_true(g_str_has_suffix(before, copy));
	text = mail_read(m->mbox);
	assert_string_equal(before, text);
	expect(m, false, 3, 0, "kept");
}

static void bytes_before_the_first_message_are_copied(void **state)
{
	struct mail *m = *state;

	mail_write(m->mbox, "w", "this is no message\n\n");
	add(m, 1);
	expect(m, false, 1, 1, "the beginning of the file belongs to no message");
	expect(m, true, 1, 0, "a copy is kept in");
	expect(m, false, 1, 0, "a copy is kept in");
	mail_write(m->mbox, "w", "nor is this");
	expect(m, false, 0, 2, "the beginning of the file belongs to no message");
}

static void a_message_that_another_program_moved_is_the_same(void **state)
{
	struct mail *m = *state;
	g_autofree char *text = NULL, *archive = g_build_filename(m->data, "Archive.mbox", NULL);
	g_autofree char *folder = NULL;
	struct bz_local row;
	uint32_t uid = mail_add(m, 1);

	text = mail_read(m->mbox);
	mail_write(archive, "w", text);
	assert_int_equal(truncate(m->mbox, 0), 0);
	expect(m, true, 1, 0, "1 of them is in another folder now");
	reopen(m);
	assert_int_equal(bz_store_local_get(m->store, uid, &row, &folder, NULL), 0);
	assert_string_equal(folder, "Archive");
	assert_true(is_in_ledger(m, 1));
	expect(m, false, 1, 0, NULL);
}

static void a_ledger_without_its_message_is_found(void **state)
{
	struct mail *m = *state;

	add(m, 2);
	assert_int_equal(bz_store_local_forget(m->store, 2, NULL), 0);
	expect(m, false, 2, 1, "1 message of the server is noted as stored here and is not");
	expect(m, true, 2, 0, "1 message of the server is noted as stored here and is not");
	reopen(m);
	assert_false(is_in_ledger(m, 2));
	expect(m, false, 2, 0, "kept");
}

static void strays_are_told(void **state)
{
	struct mail *m = *state;
	g_autofree char *lock = g_strconcat(m->mbox, ".lock", NULL);
	g_autofree char *temp = g_strconcat(m->mbox, ".compact", NULL);

	add(m, 1);
	mail_write(lock, "w", "1\n");
	mail_write(temp, "w", "");
	expect(m, false, 1, 0, "inbox.mbox.lock");
	expect(m, false, 1, 0, "inbox.mbox.compact");
	assert_int_equal(access(temp, F_OK), 0);
}

static void without_state_db_the_mail_is_taken_in(void **state)
{
	struct mail *m = *state;

	add(m, 3);
	bz_store_close(&m->store);
	bz_store_unlink(m->state);
	expect(m, false, 3, 0, "3 messages are new to buzon");
	expect(m, true, 3, 0, "3 messages are new to buzon");
	expect(m, false, 3, 0, NULL);
}

static void a_damaged_cache_is_made_anew(void **state)
{
	struct mail *m = *state;

	add(m, 3);
	mail_look(m);
	bz_store_close(&m->store);
	mail_write(m->cache, "w", "no database");
	expect(m, false, 3, 1, "the lists in cache.db are damaged");
	mail_write(m->cache, "w", "no database");
	expect(m, true, 3, 0, "the lists in cache.db were damaged");
	expect(m, false, 3, 0, NULL);
}

/* A byte turned in state.db: told, or of no consequence; the mail is what it was, and after a
 * repair all is well. */
static void turned_bytes_in_state_db_cost_no_mail(void **state)
{
	struct mail *m = *state;
	g_autofree char *mail = NULL, *saved = NULL;
	gsize size;
	int damaged = 0;

	add(m, 5);
	bz_store_close(&m->store);
	mail = mail_read(m->mbox);
	assert_true(g_file_get_contents(m->state, &saved, &size, NULL));
	for (gsize at = 0; at < size; at += 1 + size / 151) {
		g_autofree char *after = NULL;
		struct report r;

		saved[at] ^= (char)0xff;
		assert_true(g_file_set_contents(m->state, saved, (gssize)size, NULL));
		r = look(m, false);
		damaged += r.rc != 0 || r.check.problems > 0;
		end(&r);
		r = look(m, true);
		if (r.rc == 0) {
			end(&r);
			r = look(m, false);
			assert_int_equal(r.rc, 0);
			assert_int_equal(r.check.problems, 0);
			assert_int_equal(r.check.messages, 5);
		}
		end(&r);
		after = mail_read(m->mbox);
		assert_string_equal(mail, after);
		bz_store_unlink(m->state);
		saved[at] ^= (char)0xff;
	}
	assert_in_range(damaged, 5, 1000);
}

static void a_state_db_that_is_in_use_is_not_replaced(void **state)
{
	struct mail *m = *state;
	g_autofree char *kept = NULL;
	struct bz_err err = {0};
	uint32_t rows;

	add(m, 1);
	assert_int_equal(bz_store_salvage_state(m->state, &kept, &rows, &err), -1);
	assert_int_equal(err.code, BZ_CODE_LOCKED);
	bz_store_close(&m->store);
	assert_int_equal(bz_store_salvage_state(m->state, &kept, &rows, &err), 0);
	assert_true(rows >= 2);
	expect(m, false, 1, 0, "kept");
	reopen(m);
	assert_true(is_in_ledger(m, 1));
}

#define T(name) cmocka_unit_test_setup_teardown(name, mail_setup, mail_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(whole_mail_has_no_problem),
		T(another_programs_mail_is_none_either),
		T(equal_and_removed_ones_are_told),
		T(a_changed_byte_is_found_and_the_message_comes_again),
		T(what_is_forgotten_is_written_down),
		T(a_torn_tail_is_copied),
		T(bytes_before_the_first_message_are_copied),
		T(a_message_that_another_program_moved_is_the_same),
		T(a_ledger_without_its_message_is_found),
		T(strays_are_told),
		T(without_state_db_the_mail_is_taken_in),
		T(a_damaged_cache_is_made_anew),
		T(turned_bytes_in_state_db_cost_no_mail),
		T(a_state_db_that_is_in_use_is_not_replaced),
	};

	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
