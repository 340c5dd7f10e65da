/* Compaction: what was removed goes, all else stays as it is, whatever happens meanwhile. */
#include "tests/unit/mail.h"

#include "src/compact.h"
#include "src/mbox.h"
#include "src/mime.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

static int step(struct bz_compactor *c, struct mail *m, bool *more, struct bz_err *err)
{
	*err = (struct bz_err){0};
	return bz_compactor_step(c, &m->job, more, err);
}

static int compact(struct mail *m, struct bz_err *err)
{
	struct bz_compactor *c = bz_compactor_new(m->store, m->mbox, m->folder, "INBOX");
	bool more = true;
	int rc = 0;

	while (more && rc == 0)
		rc = step(c, m, &more, err);
	bz_compactor_free(&c);
	return rc;
}

static void compact_well(struct mail *m)
{
	struct bz_err err;

	if (compact(m, &err) != 0)
		fail_msg("%s", err.text);
}

static void remove_it(struct mail *m, uint32_t uid, enum bz_local_state state)
{
	assert_int_equal(bz_store_local_set_state(m->store, uid, state, NULL), 0);
}

/* Its file is too old for its stamp to hide a change. */
static void settle(struct mail *m)
{
	struct utimbuf times = {1604397600, 1604397600};

	assert_int_equal(utime(m->mbox, &times), 0);
}

static void the_removed_go_and_the_others_stay(void **state)
{
	struct mail *m = *state;
	g_autofree char *before = NULL, *after = NULL, *rest = NULL;
	uint32_t uids[6] = {0};

	for (int i = 1; i <= 5; i++)
		uids[i] = mail_add(m, i);
	before = mail_read(m->mbox);
	remove_it(m, uids[1], BZ_LOCAL_REMOVED);
	remove_it(m, uids[4], BZ_LOCAL_MARKED);
	compact_well(m);
	after = mail_read(m->mbox);
	rest = g_strndup(
		strstr(before, "From MAILER") + strlen(before) / 5, 2 * strlen(before) / 5);
	assert_int_equal(strlen(after), 3 * strlen(before) / 5);
	assert_memory_equal(after, rest, strlen(rest));
	assert_string_equal(after + strlen(rest), before + 4 * strlen(before) / 5);
	assert_int_equal(mail_rows(m, "INBOX"), 3);
	assert_int_equal(
		bz_store_local_get(m->store, uids[2], &(struct bz_local){0}, NULL, NULL), 0);
	assert_int_equal(
		bz_store_local_get(m->store, uids[4], &(struct bz_local){0}, NULL, NULL), 1);
}

static void nothing_dead_nothing_written(void **state)
{
	struct mail *m = *state;
	struct stat before, after;

	mail_add(m, 1);
	assert_int_equal(stat(m->mbox, &before), 0);
	compact_well(m);
	assert_int_equal(stat(m->mbox, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	(void)unlink(m->mbox);
	compact_well(m);
	assert_int_equal(access(m->mbox, F_OK), -1);
}

static void a_removed_row_without_bytes_takes_no_live_message(void **state)
{
	struct mail *m = *state;
	uint32_t dead = mail_add(m, 1), live;
	g_autofree char *text = NULL, *copy = NULL;

	copy = mail_read(m->mbox);
	assert_int_equal(truncate(m->mbox, 0), 0);
	remove_it(m, dead, BZ_LOCAL_REMOVED);
	mail_write(m->mbox, "w", copy);
	mail_look(m); /* the same message, put back by another program */
	remove_it(m, dead, BZ_LOCAL_HERE);
	live = mail_add(m, 2);
	remove_it(m, live, BZ_LOCAL_REMOVED);
	compact_well(m);
	text = mail_read(m->mbox);
	assert_string_equal(text, copy);
}

static void of_two_equal_ones_one_goes(void **state)
{
	struct mail *m = *state;
	g_autofree char *one = NULL, *after = NULL, *d = NULL;
	uint32_t uid = mail_add(m, 1);

	one = mail_read(m->mbox);
	mail_write(m->mbox, "a", one);
	mail_look(m);
	assert_int_equal(mail_rows(m, "INBOX"), 2);
	d = mail_read(m->mbox); /* the second one carries the mark */
	memcpy(strstr(strstr(d + 1, "\nFrom MAILER"), "X-Status:") + 10, "D", 1);
	mail_write(m->mbox, "w", d);
	remove_it(m, uid, BZ_LOCAL_MARKED);
	compact_well(m);
	after = mail_read(m->mbox);
	assert_string_equal(after, one);
	assert_int_equal(mail_rows(m, "INBOX"), 1);
}

static const char foreign[] =
	"From x@example.org Tue Nov  3 10:00:00 2020\nSubject: foreign\n\nbody\n\n";

static void messages_without_room_for_flags_get_it(void **state)
{
	struct mail *m = *state;
	g_autofree char *text = NULL;
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	struct bz_local row;
	uint8_t before[32];

	mail_write(m->mbox, "w", foreign);
	mail_look(m);
	assert_int_equal(bz_store_local_all(m->store, "INBOX", all, NULL), 0);
	row = g_array_index(all, struct bz_local, 0);
	memcpy(before, row.digest, 32);
	assert_int_equal(
		bz_store_local_set_flags(m->store, row.uid, BZ_FLAG_SEEN | BZ_FLAG_FLAGGED, NULL),
		0);
	remove_it(m, mail_add(m, 1), BZ_LOCAL_REMOVED);
	compact_well(m);
	text = mail_read(m->mbox);
	assert_non_null(strstr(text, "Subject: foreign\nStatus: RO\nX-Status: F   \n\nbody\n\n"));
	assert_null(strstr(text, "letter 1"));
	assert_int_equal(bz_store_local_get(m->store, row.uid, &row, NULL, NULL), 0);
	assert_int_equal(row.in_file, BZ_FLAG_SEEN | BZ_FLAG_FLAGGED);
	mail_look(m);
	assert_int_equal(mail_rows(m, "INBOX"), 1); /* still the same message */
	g_array_unref(all);
}

static void what_nobody_knows_stays_as_it_is(void **state)
{
	struct mail *m = *state;
	g_autofree char *text = NULL;

	mail_write(m->mbox, "w", "no message at all\n\n");
	mail_write(m->mbox, "a", foreign);
	remove_it(m, mail_add(m, 1), BZ_LOCAL_REMOVED);
	compact_well(m);
	text = mail_read(m->mbox);
	assert_true(g_str_has_prefix(text, "no message at all\n\nFrom x@example.org"));
	assert_true(g_str_has_suffix(text, "Subject: foreign\n\nbody\n\n"));
}

static void rows_keep_their_messages_without_a_scan(void **state)
{
	struct mail *m = *state;
	struct bz_localbox *box = bz_localbox_new(m->store, m->mbox, m->folder, "INBOX");
	struct bz_msgref ref = {m->folder, 1, 0};
	struct bz_message *message = NULL;
	g_autofree char *note = NULL;
	struct bz_err err = {0};
	struct stat st;
	char stamp[96];
	uint32_t first = mail_add(m, 1);

	mail_add(m, 2);
	ref.uid = mail_add(m, 3);
	mail_look(m);
	remove_it(m, first, BZ_LOCAL_REMOVED);
	compact_well(m);
	assert_int_equal(stat(m->mbox, &st), 0);
	bz_mbox_stamp(&st, stamp);
	note = bz_store_folder_get_note(m->store, m->folder);
	assert_string_equal(note, stamp);
	if (bz_localbox_fetch(box, &m->job, &ref, &message, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(g_bytes_get_data(message->raw, NULL), "body 3"));
	bz_message_unref(message);
	bz_localbox_free(box);
}

static void the_mode_stays_and_an_old_attempt_goes(void **state)
{
	struct mail *m = *state;
	g_autofree char *temp = bz_compact_temp_name(m->mbox);
	g_autofree char *victim = g_build_filename(m->dir, "victim", NULL), *text = NULL;
	struct stat st;

	mail_add(m, 1);
	remove_it(m, mail_add(m, 2), BZ_LOCAL_REMOVED);
	assert_int_equal(chmod(m->mbox, 0640), 0);
	mail_write(victim, "w", "mine");
	assert_int_equal(symlink(victim, temp), 0);
	compact_well(m);
	assert_int_equal(stat(m->mbox, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(lstat(temp, &st), -1);
	text = mail_read(victim);
	assert_string_equal(text, "mine");
}

static void a_link_is_refused(void **state)
{
	struct mail *m = *state;
	g_autofree char *real = g_build_filename(m->dir, "real.mbox", NULL);
	struct bz_err err;
	struct stat st;

	remove_it(m, mail_add(m, 1), BZ_LOCAL_REMOVED);
	assert_int_equal(rename(m->mbox, real), 0);
	assert_int_equal(symlink(real, m->mbox), 0);
	assert_int_equal(compact(m, &err), -1);
	assert_non_null(strstr(err.text, "not a plain file of yours alone"));
	assert_int_equal(lstat(m->mbox, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	struct mail *m = *state;
	struct rlimit old, small;
	g_autofree char *before = NULL, *after = NULL, *temp = bz_compact_temp_name(m->mbox);
	struct bz_err err;

	remove_it(m, mail_add(m, 1), BZ_LOCAL_REMOVED);
	for (int i = 2; i < 9; i++)
		mail_add(m, i);
	before = mail_read(m->mbox);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){strlen(before) / 2, old.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(compact(m, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.code, BZ_CODE_DISK_FULL);
	after = mail_read(m->mbox);
	assert_string_equal(before, after);
	assert_int_equal(access(temp, F_OK), -1);
	assert_int_equal(mail_rows(m, "INBOX"), 8);
	compact_well(m);
	assert_int_equal(mail_rows(m, "INBOX"), 7);
}

static void a_waiting_request_is_let_through(void **state)
{
	struct mail *m = *state;
	struct bz_compactor *c = bz_compactor_new(m->store, m->mbox, m->folder, "INBOX");
	g_autofree char *text = NULL;
	struct bz_err err;
	bool more = true;
	int steps = 0;

	for (int i = 1; i <= 5; i++)
		mail_add(m, i);
	remove_it(m, mail_add(m, 6), BZ_LOCAL_REMOVED);
	settle(m);
	m->hurries = G_MAXINT;
	for (; more && steps < 100; steps++)
		assert_int_equal(step(c, m, &more, &err), 0);
	assert_in_range(steps, 6, 20);
	text = mail_read(m->mbox);
	assert_int_equal(mail_count(text, "Subject: letter"), 5);
	bz_compactor_free(&c);
}

/* In each place between two pieces another program adds a message, or ours removes one more. */
static void what_changes_meanwhile_is_seen(void **state)
{
	struct mail *m = *state;
	uint32_t uids[6];
	bool changed;

	for (int place = 0;; place++) {
		struct bz_compactor *c = bz_compactor_new(m->store, m->mbox, m->folder, "INBOX");
		g_autofree char *text = NULL;
		struct bz_err err;
		bool more = true;

		(void)unlink(m->mbox);
		for (int i = 1; i <= 5; i++)
			uids[i] = mail_add(m, 100 * (place + 1) + i);
		remove_it(m, uids[2], BZ_LOCAL_REMOVED);
		settle(m);
		changed = false;
		for (int i = 0; more; i++) {
			m->hurries = i <= place ? G_MAXINT : 0;
			assert_int_equal(step(c, m, &more, &err), 0);
			changed = changed || (i == place && more);
			if (i == place && place % 2 == 0)
				mail_write(m->mbox, "a", foreign);
			if (i == place && place % 2 == 1)
				remove_it(m, uids[4], BZ_LOCAL_REMOVED);
		}
		assert_true(changed || place > 8);
		bz_compactor_free(&c);
		if (!changed)
			break;
		text = mail_read(m->mbox);
		assert_int_equal(mail_count(text, "Subject: foreign"), place % 2 == 0);
		assert_int_equal(mail_count(text, "Subject: letter"), place % 2 == 0 ? 4 : 3);
	}
}

/* As two buzons would: one waits its turn, and neither puts a half file in place. */
static void two_at_once_are_one_after_the_other(void **state)
{
	struct mail *m = *state;
	struct bz_compactor *one, *two;
	g_autofree char *text = NULL;
	struct bz_err err;
	bool more = true, others = true;
	int refused = 0;

	for (int i = 1; i <= 5; i++)
		mail_add(m, i);
	remove_it(m, mail_add(m, 6), BZ_LOCAL_REMOVED);
	settle(m);
	one = bz_compactor_new(m->store, m->mbox, m->folder, "INBOX");
	two = bz_compactor_new(m->store, m->mbox, m->folder, "INBOX");
	m->hurries = G_MAXINT;
	while (more) {
		assert_int_equal(step(one, m, &more, &err), 0);
		if (others && step(two, m, &others, &err) != 0) {
			assert_int_equal(err.code, BZ_CODE_LOCKED);
			refused++;
			others = true;
		}
	}
	assert_true(refused > 0);
	bz_compactor_free(&two);
	bz_compactor_free(&one);
	text = mail_read(m->mbox);
	assert_int_equal(mail_count(text, "Subject: letter"), 5);
}

static void die(void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total)
{
	(void)me;
	(void)done;
	(void)total;
	(void)bytes;
	(void)bytes_total;
	(void)raise(SIGKILL);
}

static void a_killed_one_is_begun_anew(void **state)
{
	struct mail *m = *state;
	g_autofree char *temp = bz_compact_temp_name(m->mbox), *text = NULL;
	int status;
	pid_t child;

	mail_add(m, 1);
	remove_it(m, mail_add(m, 2), BZ_LOCAL_REMOVED);
	child = fork();
	if (child == 0) {
		struct bz_store *store = bz_store_open(m->cache, m->state, BZ_STORE_OWNER, NULL);
		struct bz_compactor *c = bz_compactor_new(store, m->mbox, m->folder, "INBOX");
		struct bz_err err;
		bool more;

		m->report.progress = die;
		(void)step(c, m, &more, &err);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	compact_well(m);
	assert_int_equal(access(temp, F_OK), -1);
	text = mail_read(m->mbox);
	assert_int_equal(mail_count(text, "Subject: letter"), 1);
}

static void cancelled_it_leaves_nothing(void **state)
{
	struct mail *m = *state;
	g_autofree char *temp = bz_compact_temp_name(m->mbox), *text = NULL;
	struct bz_err err;

	mail_add(m, 1);
	remove_it(m, mail_add(m, 2), BZ_LOCAL_REMOVED);
	g_cancellable_cancel(m->job.cancel);
	assert_int_equal(compact(m, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	text = mail_read(m->mbox);
	assert_int_equal(mail_count(text, "Subject: letter"), 2);
	assert_int_equal(access(temp, F_OK), -1);
}

static void unasked_only_where_it_is_worth_it(void **state)
{
	struct mail *m = *state;
	g_autofree char *big = g_strnfill(2 << 20, 'x');
	uint32_t uid = mail_add(m, 1);

	mail_look(m);
	assert_false(bz_compact_is_worthwhile(m->store, m->mbox, m->folder));
	mail_write(m->mbox, "a", foreign);
	mail_write(m->mbox, "a", big);
	mail_write(m->mbox, "a", "\n\n");
	assert_false(bz_compact_is_worthwhile(m->store, m->mbox, m->folder));
	mail_look(m);
	assert_false(bz_compact_is_worthwhile(m->store, m->mbox, m->folder));
	(void)uid;
	assert_int_equal(bz_store_remove(m->store, m->folder, uid + 1, NULL), 0);
	assert_true(bz_compact_is_worthwhile(m->store, m->mbox, m->folder));
}

#define T(name) cmocka_unit_test_setup_teardown(name, mail_setup, mail_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_removed_go_and_the_others_stay),
		T(nothing_dead_nothing_written),
		T(a_removed_row_without_bytes_takes_no_live_message),
		T(of_two_equal_ones_one_goes),
		T(messages_without_room_for_flags_get_it),
		T(what_nobody_knows_stays_as_it_is),
		T(rows_keep_their_messages_without_a_scan),
		T(the_mode_stays_and_an_old_attempt_goes),
		T(a_link_is_refused),
		T(a_full_disk_leaves_the_old_file),
		T(a_waiting_request_is_let_through),
		T(what_changes_meanwhile_is_seen),
		T(two_at_once_are_one_after_the_other),
		T(a_killed_one_is_begun_anew),
		T(cancelled_it_leaves_nothing),
		T(unasked_only_where_it_is_worth_it),
	};

	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
