/* Rules: what new mail they mean goes where they say, once, also after a kill at any moment. */
#include "tests/unit/check.h"

#include "src/lang.h"
#include "src/mime.h"
#include "src/rules.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char *dir, *cache, *state;
	struct bz_account account;
	struct bz_store *store;
	struct bz_localmail *mail;
	struct bz_report report;
	struct bz_job job;
	char *note;
};

static void on_rows(void *me, struct bz_change *change)
{
	(void)me;
	bz_change_free(change);
}

static void on_folders(void *me)
{
	(void)me;
}

static void on_note(void *me, const char *text)
{
	struct fixture *f = me;

	g_free(f->note);
	f->note = g_strdup(text);
}

static void look(struct fixture *f)
{
	struct bz_err err = {0};
	bool more = true;

	assert_int_equal(bz_localmail_list_folders(f->mail, &f->job, &err), 0);
	while (more)
		if (bz_localmail_look(f->mail, &f->job, &more, &err) != 0)
			fail_msg("%s", err.text);
}

static void open_all(struct fixture *f)
{
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	f->mail = bz_localmail_new(&f->account, f->store, NULL);
	assert_non_null(f->mail);
	look(f);
}

static void close_all(struct fixture *f)
{
	bz_localmail_free(f->mail);
	bz_store_close(&f->store);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->account.mbox = g_build_filename(f->dir, "inbox.mbox", NULL);
	f->account.id = f->account.dirname = (char *)(uintptr_t) "home";
	f->account.rules = g_ptr_array_new_with_free_func(g_free);
	f->report = (struct bz_report){
		.me = f, .rows = on_rows, .folders = on_folders, .note = on_note};
	f->job.report = &f->report;
	open_all(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_all(f);
	check_remove_dir(f->dir);
	g_ptr_array_unref(f->account.rules);
	g_free(f->account.mbox);
	g_free(f->dir);
	g_free(f->cache);
	g_free(f->state);
	g_free(f->note);
	g_free(f);
	return 0;
}

static void add_rule(struct fixture *f, const char *match, const char *folder, bool flag, bool read)
{
	struct bz_rule *rule = g_new0(struct bz_rule, 1);

	*rule = (struct bz_rule){.match = (char *)(uintptr_t)match,
		.folder = (char *)(uintptr_t)folder,
		.flag = flag,
		.read = read};
	g_ptr_array_add(f->account.rules, rule);
}

/* New mail "nr FROM" to "nr TO" from POP, from Ana and Pedro by turns. */
static void deliver(struct fixture *f, int from, int to)
{
	struct bz_append_item items[50] = {0};
	struct bz_err err = {0};
	int n = to - from + 1;

	for (int i = 0; i < n; i++) {
		char *text = g_strdup_printf("From: %s@example.org\nSubject: nr %d\n\nbody %d\n",
			(from + i) % 2 == 1 ? "ana" : "pedro", from + i, from + i);

		(void)g_snprintf(items[i].uidl, sizeof items[i].uidl, "uid-%d", from + i);
		items[i].received = 1604397600;
		items[i].flags = BZ_FLAG_ARRIVED;
		items[i].message = g_bytes_new_take(text, strlen(text));
	}
	if (bz_localmail_add(
		    f->mail, &f->job, "INBOX", BZ_INTENT_DOWNLOAD, items, (size_t)n, &err) != 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < n; i++)
		g_bytes_unref(items[i].message);
}

static void run(struct fixture *f)
{
	struct bz_err err = {0};

	if (bz_rules_run(f->mail, f->store, &f->account, &f->job, &err) != 0)
		fail_msg("%s", err.text);
}

/* "3 2! 1*": the numbers in the subjects, newest first, * unread, ! flagged; "-" = no folder. */
static char *list(struct fixture *f, const char *name)
{
	GString *out = g_string_new(NULL);
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;

	if (bz_store_folder_by_name(f->store, name, &folder, NULL) == 0) {
		assert_int_equal(bz_store_ids(f->store, folder.id, ids, NULL), 0);
		bz_folder_clear(&folder);
	} else {
		g_string_append(out, "-");
	}
	for (guint i = 0; i < ids->len; i++) {
		struct bz_summary row;

		assert_int_equal(
			bz_store_window(f->store, &g_array_index(ids, uint32_t, i), 1, &row, NULL),
			0);
		g_string_append_printf(out, "%s%s%s%s", i > 0 ? " " : "", row.subject + 3,
			(row.flags & BZ_FLAG_SEEN) != 0 ? "" : "*",
			(row.flags & BZ_FLAG_FLAGGED) != 0 ? "!" : "");
		bz_summary_clear(&row);
	}
	g_array_unref(ids);
	return g_string_free(out, FALSE);
}

static void assert_list(struct fixture *f, const char *name, const char *expected)
{
	g_autofree char *got = list(f, name);

	assert_string_equal(got, expected);
}

static int pending(struct fixture *f)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int n;

	assert_int_equal(bz_store_local_arrived(f->store, uids, NULL), 0);
	n = (int)uids->len;
	g_array_unref(uids);
	return n;
}

/* All of a folder go to another, by the person. */
static void move_back(struct fixture *f, const char *from, const char *to)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;

	assert_int_equal(bz_store_folder_by_name(f->store, from, &folder, NULL), 0);
	assert_int_equal(bz_store_uids(f->store, folder.id, 0, UINT32_MAX, uids, NULL), 0);
	for (guint i = 0; i < uids->len; i++) {
		struct bz_msgref ref = {
			folder.id, folder.uidvalidity, g_array_index(uids, uint32_t, i)};

		assert_int_equal(
			bz_localmail_move(f->mail, &f->job, &ref, 1, to, false, NULL, NULL), 0);
	}
	bz_folder_clear(&folder);
	g_array_unref(uids);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void new_mail_goes_where_the_first_rule_says(void **state)
{
	struct fixture *f = *state;

	add_rule(f, "from:ana", "Ana", false, false);
	add_rule(f, "\"nr 1\"", "Other", true, false);
	add_rule(f, "body:\"body 2\"", NULL, true, true);
	deliver(f, 1, 4);
	assert_int_equal(pending(f), 4);
	run(f);
	assert_list(f, "INBOX", "4* 2!");
	assert_list(f, "Ana", "3* 1*!");
	assert_list(f, "Other", "-");
	assert_int_equal(pending(f), 0);
	deliver(f, 5, 6);
	run(f);
	assert_list(f, "INBOX", "6* 4* 2!");
	assert_list(f, "Ana", "5* 3* 1*!");
}

static void what_the_person_files_back_stays(void **state)
{
	struct fixture *f = *state;

	add_rule(f, "from:ana", "Ana", false, true);
	deliver(f, 1, 2);
	run(f);
	assert_list(f, "Ana", "1");
	move_back(f, "Ana", "INBOX");
	run(f);
	assert_list(f, "Ana", "");
	close_all(f);
	open_all(f);
	run(f);
	assert_list(f, "Ana", "");
}

static void what_was_there_before_is_left_alone(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, 3);
	run(f); /* there are no rules yet */
	assert_list(f, "INBOX", "3* 2* 1*");
	add_rule(f, "from:pedro", "Pedro", false, false);
	run(f);
	assert_list(f, "INBOX", "3* 1*"); /* stored for rules, and they had not been run */
	assert_int_equal(pending(f), 0);
}

static void a_folder_that_cannot_be_is_told(void **state)
{
	struct fixture *f = *state;

	add_rule(f, "from:ana", "a/../b", true, false);
	deliver(f, 1, 2);
	run(f);
	assert_list(f, "INBOX", "2* 1*!");
	assert_non_null(f->note);
	assert_non_null(strstr(f->note, "a/../b"));
	assert_int_equal(pending(f), 0);
}

/* --- killed ------------------------------------------------------------------------------------
 */

static bool is_at_change(pid_t pid)
{
	static const uint64_t calls[] = {SYS_write, SYS_pwrite64, SYS_fsync, SYS_fdatasync,
		SYS_ftruncate, SYS_renameat2, SYS_unlink, SYS_openat, SYS_linkat};
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
		if (info.entry.nr == calls[i])
			return true;
	return false;
}

/* Runs the rules in another process, killed before its nth change. True: it ended before. */
static bool run_killed(struct fixture *f, int n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		open_all(f);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		(void)bz_rules_run(f->mail, f->store, &f->account, &f->job, NULL);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
	while (WIFSTOPPED(status) && n > 0) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, 0), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		n -= WIFSTOPPED(status) && is_at_change(pid);
	}
	if (!WIFSTOPPED(status))
		return true;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return false;
}

static bool can_trace(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool killed_at(int n)
{
	struct fixture *f;
	void *state;
	bool done;

	assert_int_equal(setup(&state), 0);
	f = state;
	add_rule(f, "from:ana", "Ana", true, false);
	add_rule(f, "\"nr 2\"", NULL, false, true);
	deliver(f, 1, 4);
	close_all(f);
	done = run_killed(f, n);
	open_all(f);
	assert_int_equal(bz_mail_begin(f->store, NULL, NULL), 0); /* as a session begins */
	bz_mail_end(f->store);
	look(f);
	run(f);
	close_all(f);
	bz_store_unlink(f->cache); /* what counts is in state.db */
	open_all(f);
	assert_list(f, "INBOX", "4* 2");
	assert_list(f, "Ana", "3*! 1*!");
	assert_int_equal(pending(f), 0);
	assert_int_equal(teardown(&state), 0);
	return done;
}

static void killed_anywhere_they_are_done_next_time(void **state)
{
	int n = 1;

	(void)state;
	if (!can_trace())
		skip();
	while (!killed_at(n))
		n++;
	assert_true(n > 10);
	print_message("killed before each of %d changes\n", n - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(new_mail_goes_where_the_first_rule_says),
		CASE(what_the_person_files_back_stays),
		CASE(what_was_there_before_is_left_alone),
		CASE(a_folder_that_cannot_be_is_told),
		cmocka_unit_test(killed_anywhere_they_are_done_next_time),
	};

	bz_lang_init("en");
	bz_mime_init();
	/* thousands of fsyncs, and no power fails here */
	if (access("/dev/shm", W_OK) == 0)
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
