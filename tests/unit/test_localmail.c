/* Local folders: what is moved, deleted, marked and renamed is once in one place, also after a kill
 * at any moment, after another program's work on the file, and with a new cache. */
#include "tests/unit/check.h"

#include "src/deliver.h"
#include "src/localmail.h"
#include "src/mime.h"

#include <errno.h>
#include <fcntl.h>
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
	int rebuilds, gone, notes;
};

static void on_rows(void *me, struct bz_change *change)
{
	struct fixture *f = me;

	f->rebuilds += change->kind == BZ_CHANGE_REBUILD;
	f->gone += change->kind == BZ_CHANGE_GONE ? (int)change->ids->len : 0;
	bz_change_free(change);
}

static void on_folders(void *me)
{
	(void)me;
}

static void on_note(void *me, const char *text)
{
	(void)text;
	((struct fixture *)me)->notes++;
}

static void on_progress(
	void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total)
{
	(void)me;
	(void)done;
	(void)total;
	(void)bytes;
	(void)bytes_total;
}

static bool on_hurry(void *me)
{
	(void)me;
	return false;
}

static void open_all(struct fixture *f)
{
	struct bz_err err = {0};

	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err);
	if (f->store == NULL)
		fail_msg("%s", err.text);
	f->mail = bz_localmail_new(&f->account, f->store, &err);
	if (f->mail == NULL)
		fail_msg("%s", err.text);
}

static void close_all(struct fixture *f)
{
	bz_localmail_free(f->mail);
	f->mail = NULL;
	bz_store_close(&f->store);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->account.id = g_strdup("home");
	f->account.dirname = g_strdup("home");
	f->account.mbox = g_build_filename(f->dir, "inbox.mbox", NULL);
	f->report = (struct bz_report){.me = f,
		.rows = on_rows,
		.folders = on_folders,
		.note = on_note,
		.progress = on_progress,
		.hurry = on_hurry};
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
	g_free(f->dir);
	g_free(f->cache);
	g_free(f->state);
	g_free(f->account.id);
	g_free(f->account.dirname);
	g_free(f->account.mbox);
	g_free(f);
	return 0;
}

/* --- what there is ------------------------------------------------------------------------------
 */

static void deliver(struct fixture *f, int from, int to)
{
	struct bz_append_item items[50] = {0};
	struct bz_err err = {0};
	int n = to - from + 1;

	for (int i = 0; i < n; i++) {
		char *text =
			g_strdup_printf("From: a@example.org\r\nMessage-ID: <%d@example.org>\r\n"
					"Subject: nr %d\r\n\r\nFrom here\r\nbody %d\r\n",
				from + i, from + i, from + i);

		(void)g_snprintf(items[i].uidl, sizeof items[i].uidl, "uid-%d", from + i);
		items[i].received = 1604397600;
		items[i].message = g_bytes_new_take(text, strlen(text));
	}
	if (bz_localmail_add(
		    f->mail, &f->job, "INBOX", BZ_INTENT_DOWNLOAD, items, (size_t)n, &err) != 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < n; i++)
		g_bytes_unref(items[i].message);
}

static void look(struct fixture *f)
{
	struct bz_err err = {0};
	bool more = true;

	while (more)
		if (bz_localmail_look(f->mail, &f->job, &more, &err) != 0)
			fail_msg("%s", err.text);
}

static void look_with_new_cache(struct fixture *f)
{
	close_all(f);
	bz_store_unlink(f->cache);
	open_all(f);
	look(f);
}

static struct bz_folder folder_of(struct fixture *f, const char *name)
{
	struct bz_folder folder;

	assert_int_equal(bz_store_folder_by_name(f->store, name, &folder, NULL), 0);
	return folder;
}

static uint32_t id_of(struct fixture *f, const char *name)
{
	struct bz_folder folder = folder_of(f, name);
	uint32_t id = folder.id;

	bz_folder_clear(&folder);
	return id;
}

/* "3 2 1": the numbers in the subjects, newest first, with * for what is unread. */
static char *list(struct fixture *f, const char *name)
{
	GString *out = g_string_new(NULL);
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder = folder_of(f, name);

	assert_int_equal(bz_store_ids(f->store, folder.id, ids, NULL), 0);
	assert_int_equal(folder.exists, ids->len);
	bz_folder_clear(&folder);
	for (guint i = 0; i < ids->len; i++) {
		struct bz_summary row;

		assert_int_equal(
			bz_store_window(f->store, &g_array_index(ids, uint32_t, i), 1, &row, NULL),
			0);
		g_string_append_printf(out, "%s%s%s%s%s", i > 0 ? " " : "", row.subject + 3,
			(row.flags & BZ_FLAG_SEEN) != 0 ? "" : "*",
			(row.flags & BZ_FLAG_FLAGGED) != 0 ? "!" : "",
			(row.flags & BZ_FLAG_DELETED) != 0 ? "D" : "");
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

/* The message of that number; absent: uid 0. */
static struct bz_msgref ref_of(struct fixture *f, const char *name, int number)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_msgref ref = {.folder = id_of(f, name), .uidvalidity = 1};

	assert_int_equal(bz_store_ids(f->store, ref.folder, ids, NULL), 0);
	for (guint i = 0; i < ids->len; i++) {
		struct bz_summary row;

		assert_int_equal(
			bz_store_window(f->store, &g_array_index(ids, uint32_t, i), 1, &row, NULL),
			0);
		if (atoi(row.subject + 3) == number)
			ref.uid = row.uid;
		bz_summary_clear(&row);
	}
	g_array_unref(ids);
	return ref;
}

static char *text_of(struct fixture *f, const char *file)
{
	g_autofree char *path = g_build_filename(f->dir, file, NULL);
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static struct bz_ledger ledger_of(struct fixture *f, int number)
{
	g_autofree char *uidl = g_strdup_printf("uid-%d", number);
	struct bz_ledger row;

	assert_int_equal(bz_store_ledger_get(f->store, uidl, &row, NULL), 0);
	return row;
}

/* The message reads back with the body that it had. */
static void assert_reads(struct fixture *f, const struct bz_msgref *ref, int number)
{
	g_autofree char *body = g_strdup_printf("body %d\n", number);
	struct bz_message *message = NULL;
	struct bz_err err = {0};
	gsize n;
	const char *raw;

	if (bz_localmail_fetch(f->mail, &f->job, ref, &message, &err) != 0)
		fail_msg("%s", err.text);
	raw = g_bytes_get_data(message->raw, &n);
	assert_non_null(g_strstr_len(raw, (gssize)n, body));
	assert_null(g_strstr_len(raw, (gssize)n, ">From here"));
	bz_message_unref(message);
}

/* --- what is done -------------------------------------------------------------------------------
 */

static struct bz_msgref move(
	struct fixture *f, const char *from, int number, const char *to, bool copy)
{
	struct bz_msgref ref = ref_of(f, from, number), there;
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_err err = {0};

	assert_int_not_equal(ref.uid, 0);
	if (bz_localmail_move(f->mail, &f->job, &ref, 1, to, copy, moved, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(moved->len, 1);
	assert_int_equal(g_array_index(moved, struct bz_moved, 0).from.uid, ref.uid);
	there = g_array_index(moved, struct bz_moved, 0).to;
	g_array_unref(moved);
	return there;
}

static void flag(struct fixture *f, const char *name, int number, unsigned add, unsigned remove)
{
	struct bz_msgref ref = ref_of(f, name, number);
	struct bz_err err = {0};

	if (bz_localmail_set_flags(f->mail, &f->job, &ref, 1, add, remove, &err) != 0)
		fail_msg("%s", err.text);
}

static void expunge(struct fixture *f, const char *name, int number)
{
	struct bz_msgref ref = ref_of(f, name, number);
	struct bz_err err = {0};

	if (bz_localmail_expunge(f->mail, &f->job, &ref, 1, &err) != 0)
		fail_msg("%s", err.text);
}

/* --- the tests ----------------------------------------------------------------------------------
 */

static void every_account_has_its_folders(void **state)
{
	static const char *const names[] = {"INBOX", "Drafts", "Sent", "Archive", "Trash"};
	struct fixture *f = *state;
	GPtrArray *folders;

	look(f);
	assert_int_equal(bz_localmail_list_folders(f->mail, &f->job, NULL), 0);
	folders = bz_store_folders(f->store, NULL);
	assert_int_equal(folders->len, G_N_ELEMENTS(names));
	for (guint i = 0; i < folders->len; i++)
		assert_string_equal(
			((struct bz_folder *)g_ptr_array_index(folders, i))->name, names[i]);
	g_ptr_array_unref(folders);
	assert_int_equal(f->notes, 0);
}

static void what_comes_behind_another_programs_mail_is_one_message(void **state)
{
	struct fixture *f = *state;
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	FILE *out;

	deliver(f, 1, 2);
	look(f);
	out = fopen(f->account.mbox, "a");
	assert_non_null(out);
	fputs("From x@example.org Tue Nov  3 10:00:00 2020\nSubject: foreign\n\nx\n\n", out);
	assert_int_equal(fclose(out), 0);
	deliver(f, 3, 4); /* nobody has looked at the foreign one yet */
	look(f);
	assert_int_equal(bz_store_local_all(f->store, "INBOX", all, NULL), 0);
	assert_int_equal(all->len, 5);
	g_array_unref(all);
}

static void a_moved_message_is_in_one_place(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref there;
	g_autofree char *inbox = NULL;

	deliver(f, 1, 3);
	flag(f, "INBOX", 2, BZ_FLAG_SEEN | BZ_FLAG_FLAGGED, 0);
	there = move(f, "INBOX", 2, "Archive", false);
	assert_list(f, "INBOX", "3* 1*");
	assert_list(f, "Archive", "2!");
	assert_int_equal(f->gone, 1);
	assert_reads(f, &there, 2);
	assert_int_equal(ledger_of(f, 2).local_uid, there.uid);
	assert_int_equal(ledger_of(f, 2).state, BZ_LEDGER_STORED);
	inbox = text_of(f, "inbox.mbox");
	assert_non_null(strstr(inbox, "\nX-Status: FD  \n"));
	look(f);
	assert_list(f, "INBOX", "3* 1*");
	look_with_new_cache(f);
	assert_list(f, "INBOX", "3* 1*");
	assert_list(f, "Archive", "2!");
	assert_int_equal(ref_of(f, "Archive", 2).uid, there.uid);
}

static void act_compact(struct fixture *f)
{
	bool more = true;

	while (more && bz_localmail_compact(f->mail, &f->job, NULL, &more, NULL) == 0)
		continue;
}

static void compacted_mail_is_the_same_mail(void **state)
{
	struct fixture *f = *state;
	g_autofree char *before = NULL, *after = NULL, *list_before = NULL, *list_after = NULL;

	deliver(f, 1, 5);
	(void)move(f, "INBOX", 2, "Archive", false);
	(void)move(f, "INBOX", 4, "Archive", false);
	list_before = list(f, "INBOX");
	assert_true(g_file_get_contents(f->account.mbox, &before, NULL, NULL));
	f->rebuilds = 0;
	act_compact(f);
	assert_true(g_file_get_contents(f->account.mbox, &after, NULL, NULL));
	assert_true(strlen(after) < strlen(before));
	look(f);
	assert_int_equal(f->rebuilds, 0); /* nothing was scanned anew */
	list_after = list(f, "INBOX");
	assert_string_equal(list_before, list_after);
	(void)move(f, "Archive", 2, "INBOX", false); /* its old place is gone: at the end */
	look_with_new_cache(f);
	g_free(list_after);
	list_after = list(f, "INBOX");
	assert_string_equal(list_after, "2* 5* 3* 1*");
}

static void a_move_undone_takes_its_old_place(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref was, back;
	g_autofree char *before = NULL, *after = NULL;

	deliver(f, 1, 3);
	was = ref_of(f, "INBOX", 2);
	before = text_of(f, "inbox.mbox");
	(void)move(f, "INBOX", 2, "Trash", false);
	f->rebuilds = 0;
	back = move(f, "Trash", 2, "INBOX", false);
	assert_int_equal(back.uid, was.uid);
	assert_list(f, "INBOX", "3* 2* 1*");
	assert_list(f, "Trash", "");
	assert_int_equal(f->rebuilds, 1);
	assert_int_equal(ledger_of(f, 2).local_uid, was.uid);
	after = text_of(f, "inbox.mbox");
	assert_string_equal(before, after);
	assert_reads(f, &back, 2);
	look_with_new_cache(f);
	assert_list(f, "INBOX", "3* 2* 1*");
	assert_list(f, "Trash", "");
	(void)move(f, "INBOX", 2, "Trash", false); /* and again, to where it was in the Trash */
	assert_list(f, "Trash", "2*");
	look_with_new_cache(f);
	assert_list(f, "INBOX", "3* 1*");
	assert_list(f, "Trash", "2*");
}

static void a_copy_is_another_message(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref copy, was;

	deliver(f, 1, 2);
	was = ref_of(f, "INBOX", 1);
	copy = move(f, "INBOX", 1, "Archive", true);
	assert_list(f, "INBOX", "2* 1*");
	assert_list(f, "Archive", "1*");
	assert_int_not_equal(copy.uid, was.uid);
	assert_int_equal(ledger_of(f, 1).local_uid, was.uid);
	expunge(f, "Archive", 1);
	assert_int_equal(ledger_of(f, 1).state, BZ_LEDGER_STORED);
	(void)move(f, "INBOX", 1, "Archive", true);
	(void)move(f, "INBOX", 1, "Archive", true);
	assert_list(f, "Archive", "1* 1*");
	look_with_new_cache(f);
	assert_list(f, "Archive", "1* 1*");
}

static void what_is_deleted_for_ever_is_agreed_to(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, 3);
	(void)move(f, "INBOX", 1, "Trash", false);
	expunge(f, "Trash", 1);
	expunge(f, "INBOX", 3);
	assert_list(f, "Trash", "");
	assert_list(f, "INBOX", "2*");
	assert_int_equal(ledger_of(f, 1).state, BZ_LEDGER_DISCARDED);
	assert_int_equal(ledger_of(f, 2).state, BZ_LEDGER_STORED);
	assert_int_equal(ledger_of(f, 3).state, BZ_LEDGER_DISCARDED);
	look_with_new_cache(f);
	assert_list(f, "Trash", "");
	assert_list(f, "INBOX", "2*");
}

/* Messages of another program, without lines for flags: their bytes stay as they are, and equal
 * ones are counted. */
static void a_message_without_lines_is_removed_all_the_same(void **state)
{
	static const char one[] = "From x@example.org Tue Nov  3 10:00:00 2020\nFrom: "
				  "x@example.org\nSubject: nr 7\n\nbody 7\n\n";
	struct fixture *f = *state;
	g_autofree char *text = g_strconcat(one, one, one, NULL), *after = NULL;

	assert_true(g_file_set_contents(f->account.mbox, text, -1, NULL));
	look(f);
	assert_list(f, "INBOX", "7* 7* 7*");
	(void)move(f, "INBOX", 7, "Archive", false);
	assert_list(f, "INBOX", "7* 7*");
	after = text_of(f, "inbox.mbox");
	assert_string_equal(text, after);
	look_with_new_cache(f);
	assert_list(f, "INBOX", "7* 7*");
	assert_list(f, "Archive", "7*");
	flag(f, "INBOX", 7, BZ_FLAG_SEEN, 0);
	look_with_new_cache(f);
	(void)move(f, "Archive", 7, "INBOX", false);
	look_with_new_cache(f);
	assert_list(f, "Archive", "");
}

/* Of many pieces, with lines to be quoted on their edges. */
static void a_large_message_moves_whole(void **state)
{
	struct fixture *f = *state;
	GString *text = g_string_new("From: a@example.org\nSubject: nr 9\n\n");
	struct bz_append_item item = {.uidl = "uid-9", .received = INT64_MIN};
	struct bz_msgref there;
	struct bz_message *message = NULL;
	gsize n;
	const char *raw, *body;

	while (text->len < 3000000)
		g_string_append(text, ">From here\nFrom there\n>>>From\n>From\nplain\n");
	item.message = g_bytes_new(text->str, text->len);
	assert_int_equal(
		bz_localmail_add(f->mail, &f->job, "INBOX", BZ_INTENT_DOWNLOAD, &item, 1, NULL), 0);
	there = move(f, "INBOX", 9, "Archive", false);
	assert_int_equal(bz_localmail_fetch(f->mail, &f->job, &there, &message, NULL), 0);
	raw = g_bytes_get_data(message->raw, &n);
	body = g_strstr_len(raw, (gssize)n, "\n\n");
	assert_non_null(body);
	n -= (size_t)(body - raw);
	assert_int_equal(n, text->len - (size_t)(strstr(text->str, "\n\n") - text->str));
	assert_memory_equal(body, strstr(text->str, "\n\n"), n);
	bz_message_unref(message);
	look_with_new_cache(f);
	assert_list(f, "Archive", "9*");
	assert_list(f, "INBOX", "");
	g_bytes_unref(item.message);
	g_string_free(text, TRUE);
}

/* --- other programs ------------------------------------------------------------------------------
 */

/* As mutt writes a folder: every message anew, lines of its own, none of ours; drop: subject of one
 * that it expunges; flag: of one that it flags. */
static void rewrite(struct fixture *f, const char *drop, const char *flag_line)
{
	g_autofree char *text = text_of(f, "inbox.mbox");
	g_auto(GStrv) messages = g_strsplit(text, "From MAILER-DAEMON ", -1);
	FILE *out = fopen(f->account.mbox, "we");

	for (char **m = messages + 1; *m != NULL; m++) {
		g_auto(GStrv) lines = g_strsplit(*m, "\n", -1);
		bool in_header = true;

		if (strstr(*m, "X-Status: D") != NULL || strstr(*m, "X-Status: FD") != NULL ||
			(drop != NULL && strstr(*m, drop) != NULL))
			continue;
		fputs("From MAILER-DAEMON ", out);
		for (char **line = lines; *line != NULL; line++) {
			if (in_header && **line == '\0') {
				fprintf(out, "Status: RO\n%sContent-Length: 17\nLines: 2\n",
					flag_line != NULL && strstr(*m, flag_line) != NULL
						? "X-Status: F\n"
						: "");
				in_header = false;
			}
			if (!in_header || !g_str_has_suffix(*line, " ") ||
				strstr(*line, "tatus:") == NULL)
				fprintf(out, "%s%s", *line, line[1] != NULL ? "\n" : "");
		}
	}
	assert_int_equal(fclose(out), 0);
}

static void another_programs_rewriting_keeps_identities(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref one, moved, back;
	g_autofree char *whole = NULL;
	struct bz_local local;
	uint32_t three;

	deliver(f, 1, 4);
	whole = text_of(f, "inbox.mbox");
	flag(f, "INBOX", 1, BZ_FLAG_ANSWERED | BZ_FLAG_FORWARDED, 0);
	one = ref_of(f, "INBOX", 1);
	moved = move(f, "INBOX", 4, "Archive", false);
	rewrite(f, "nr 3\n", "nr 2\n"); /* 4 has our mark: it goes, too */
	look(f);
	assert_list(f, "INBOX", "2! 1");
	assert_list(f, "Archive", "4*");
	assert_int_equal(ref_of(f, "INBOX", 1).uid, one.uid);
	assert_int_equal(ledger_of(f, 1).local_uid, one.uid);
	/* nobody here deleted 3: the server's copy is not to go */
	assert_int_equal(ledger_of(f, 3).state, BZ_LEDGER_STORED);
	three = ledger_of(f, 3).local_uid;
	assert_int_equal(bz_store_local_get(f->store, three, &local, NULL, NULL), 0);
	assert_int_equal(local.state, BZ_LOCAL_MISSING);
	assert_int_equal(ledger_of(f, 4).local_uid, moved.uid);
	back = move(f, "Archive", 4, "INBOX", false); /* its place is gone: at the end */
	assert_list(f, "INBOX", "4* 2! 1");
	assert_reads(f, &back, 4);
	look_with_new_cache(f);
	assert_list(f, "INBOX", "4* 2! 1");
	/* from a backup: what was missing is what it was */
	assert_true(g_file_set_contents(f->account.mbox, whole, -1, NULL));
	look(f);
	assert_int_equal(ref_of(f, "INBOX", 3).uid, three);
	assert_int_equal(ledger_of(f, 3).local_uid, three);
}

/* Another program wrote the file anew during a walk, which met a message in its old place and in
 * its new one: what came from the server is not the one that is missed. */
/* state: of the one that was downloaded, as a walk over a file that was being rewritten left it. */
static void look_at_twins(struct fixture *f, enum bz_local_state state)
{
	struct bz_local local;
	uint32_t two, twin;

	deliver(f, 1, 3);
	look(f);
	two = ledger_of(f, 2).local_uid;
	assert_int_equal(bz_store_local_get(f->store, two, &local, NULL, NULL), 0);
	assert_int_equal(
		bz_store_local_adopt(f->store, "INBOX", local.digest, 0, 0, &twin, NULL), 0);
	assert_int_equal(bz_store_local_set_state(f->store, two, state, NULL), 0);
	look_with_new_cache(f);
	assert_list(f, "INBOX", "3* 2* 1*");
	assert_int_equal(ref_of(f, "INBOX", 2).uid, two);
	assert_int_equal(bz_store_local_get(f->store, two, &local, NULL, NULL), 0);
	assert_int_equal(local.state, BZ_LOCAL_HERE);
	assert_int_equal(bz_store_local_get(f->store, twin, &local, NULL, NULL), 1);
}

static void a_message_met_twice_is_the_one_that_was_downloaded(void **state)
{
	look_at_twins(*state, BZ_LOCAL_HERE);
}

static void a_message_missed_and_met_again_is_the_one_that_was_downloaded(void **state)
{
	look_at_twins(*state, BZ_LOCAL_MISSING);
}

static void replace_in_file(struct fixture *f, const char *old, const char *new)
{
	g_autofree char *text = text_of(f, "inbox.mbox");
	char *at = strstr(text, old);

	assert_non_null(at);
	assert_int_equal(strlen(old), strlen(new));
	memcpy(at, new, strlen(new));
	assert_true(g_file_set_contents(f->account.mbox, text, -1, NULL));
}

static void flags_of_both_sides_are_one(void **state)
{
	struct fixture *f = *state;
	g_autofree char *text = NULL;

	deliver(f, 1, 2);
	flag(f, "INBOX", 1, BZ_FLAG_SEEN | BZ_FLAG_FORWARDED, 0);
	text = text_of(f, "inbox.mbox");
	assert_non_null(strstr(text, "nr 1\nStatus: RO\nX-Status:     \n"));
	replace_in_file(f, "Status: RO\nX-Status:     \n", "Status: RO\nX-Status: F   \n");
	look(f);
	assert_list(f, "INBOX", "2* 1!");
	flag(f, "INBOX", 1, 0, BZ_FLAG_SEEN);
	assert_list(f, "INBOX", "2* 1*!");
	replace_in_file(f, "Status: O \nX-Status: F   \n", "Status: RO\nX-Status:     \n");
	look_with_new_cache(f);
	assert_list(f, "INBOX", "2* 1");
}

/* What another program changed since we last looked is not ours to overwrite. */
static void a_flag_set_meanwhile_is_kept(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, 2);
	replace_in_file(
		f, "nr 1\nStatus:   \nX-Status:     \n", "nr 1\nStatus:   \nX-Status: F   \n");
	flag(f, "INBOX", 1, BZ_FLAG_SEEN, 0);
	look(f);
	assert_list(f, "INBOX", "2* 1!");
}

static void a_mark_taken_off_brings_a_message_back(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, 2);
	expunge(f, "INBOX", 1);
	replace_in_file(f, "X-Status: D   \n", "X-Status:     \n");
	look(f);
	assert_list(f, "INBOX", "2* 1*");
}

static void a_file_locked_by_another_program_waits(void **state)
{
	struct fixture *f = *state;
	struct bz_mbox_lock *lock;
	struct bz_msgref ref;
	g_autofree char *text = NULL;

	deliver(f, 1, 2);
	lock = bz_mbox_lock_open(f->account.mbox, false, 0, NULL, NULL);
	assert_non_null(lock);
	flag(f, "INBOX", 1, BZ_FLAG_FLAGGED, 0); /* state.db has it */
	assert_list(f, "INBOX", "2* 1*!");
	ref = ref_of(f, "INBOX", 1);
	assert_reads(f, &ref, 1);
	bz_mbox_lock_close(&lock);
	flag(f, "INBOX", 1, BZ_FLAG_SEEN, 0);
	text = text_of(f, "inbox.mbox");
	assert_non_null(strstr(text, "Status: RO\nX-Status: F   \n"));
	assert_list(f, "INBOX", "2* 1!");
}

/* --- folders -------------------------------------------------------------------------------------
 */

static int create(struct fixture *f, const char *title, struct bz_err *err)
{
	*err = (struct bz_err){0};
	return bz_localmail_create_folder(f->mail, &f->job, title, err);
}

static void folders_are_made_renamed_and_deleted(void **state)
{
	struct fixture *f = *state;
	struct bz_folder folder;
	struct bz_err err;

	deliver(f, 1, 3);
	assert_int_equal(create(f, "Año/2020.1%", &err), 0);
	assert_int_equal(create(f, "Año", &err), 0);
	assert_int_equal(create(f, ".hidden", &err), 0);
	(void)move(f, "INBOX", 1, "Año/2020.1%", false);
	(void)move(f, "INBOX", 2, "Año", false);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Año", "Year", &err), 0);
	assert_int_equal(bz_store_folder_by_name(f->store, "Año", &folder, NULL), 1);
	look(f);
	assert_list(f, "Year", "2*");
	assert_list(f, "Year/2020.1%", "1*");
	look_with_new_cache(f);
	assert_list(f, "Year/2020.1%", "1*");
	assert_list(f, ".hidden", "");
	assert_int_equal(ledger_of(f, 1).local_uid, ref_of(f, "Year/2020.1%", 1).uid);
	assert_int_equal(bz_localmail_delete_folder(f->mail, &f->job, "Year", &err), 0);
	assert_int_equal(bz_store_folder_by_name(f->store, "Year", &folder, NULL), 1);
	assert_list(f, "Year/2020.1%", "1*");
	assert_int_equal(ledger_of(f, 2).state, BZ_LEDGER_DISCARDED);
	assert_int_equal(ledger_of(f, 1).state, BZ_LEDGER_STORED);
	look_with_new_cache(f);
	assert_list(f, "INBOX", "3*");
}

/* A renamed folder's file is walked anew; what is done to its messages before that is done. */
static void what_is_done_before_a_walk_is_done(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref flagged, gone, moved;
	struct bz_err err = {0};

	deliver(f, 1, 3);
	assert_int_equal(create(f, "Year", &err), 0);
	flagged = move(f, "INBOX", 1, "Year", false);
	gone = move(f, "INBOX", 2, "Year", true);
	moved = move(f, "INBOX", 3, "Year", false);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Year", "Old", &err), 0);
	flagged.folder = gone.folder = moved.folder = id_of(f, "Old");
	assert_int_equal(bz_localmail_expunge(f->mail, &f->job, &gone, 1, &err), 0);
	assert_list(f, "Old", "3* 1*");
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Old", "Year", &err), 0);
	flagged.folder = moved.folder = id_of(f, "Year");
	assert_int_equal(
		bz_localmail_set_flags(f->mail, &f->job, &flagged, 1, BZ_FLAG_FLAGGED, 0, &err), 0);
	assert_list(f, "Year", "3* 1*!");
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Year", "Old", &err), 0);
	moved.folder = id_of(f, "Old");
	assert_int_equal(
		bz_localmail_move(f->mail, &f->job, &moved, 1, "INBOX", false, NULL, &err), 0);
	assert_list(f, "INBOX", "3* 2*");
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Old", "Year", &err), 0);
	flagged.folder = id_of(f, "Year");
	assert_reads(f, &flagged, 1);
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = {"", "/", "a/", "/a", "a//b", "..", "a/../b", ".", "a\nb",
		" a", "a ", "inbox", "INBOX", "trash", "Trash", "sent", "a\x1b", "\xff", "CASA",
		"a\xe2\x80\xae"};
	struct fixture *f = *state;
	g_autofree char *large = g_strnfill(230, 'x');
	struct bz_err err;

	assert_int_equal(create(f, "Casa", &err), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		if (create(f, bad[i], &err) == 0)
			fail_msg("a folder \"%s\" was made", bad[i]);
		assert_int_equal(err.kind, BZ_ERR_REFUSED);
		assert_true(err.text[0] != '\0');
	}
	assert_int_equal(create(f, large, &err), -1);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Casa", "casa", &err), 0);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "casa", "casa/a", &err), -1);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "casa", "Sent", &err), -1);
	assert_int_equal(bz_localmail_rename_folder(f->mail, &f->job, "Sent", "x", &err), -1);
	assert_int_equal(bz_localmail_delete_folder(f->mail, &f->job, "INBOX", &err), -1);
	assert_int_equal(bz_localmail_delete_folder(f->mail, &f->job, "nothing", &err), -1);
}

/* Equal names in state.db and on disk, whatever else stands in the folder. */
static void only_folders_are_listed(void **state)
{
	static const char *const files[] = {"state.db.mbox.lock", "a%2fb.mbox", "x%ZZ.mbox",
		"inbox.mbox.salvage-1", ".mbox", "%2E%2E.mbox"};
	struct fixture *f = *state;
	GPtrArray *folders;

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(f->dir, files[i], NULL);

		assert_true(g_file_set_contents(path, "", 0, NULL));
	}
	assert_int_equal(bz_localmail_list_folders(f->mail, &f->job, NULL), 0);
	folders = bz_store_folders(f->store, NULL);
	assert_int_equal(folders->len, 5);
	g_ptr_array_unref(folders);
}

/* --- without state.db ----------------------------------------------------------------------------
 */

static void without_state_the_mail_is_readable(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref ref;
	struct bz_err err = {0};
	g_autofree char *before = NULL, *after = NULL;
	struct bz_store *store;

	deliver(f, 1, 3);
	(void)move(f, "INBOX", 1, "Archive", false);
	before = text_of(f, "inbox.mbox");
	close_all(f);
	g_setenv("XDG_DATA_HOME", f->dir, TRUE);
	{
		g_autofree char *data = g_build_filename(f->dir, "buzon", "home", NULL);
		g_autofree char *from = g_build_filename(f->dir, "Archive.mbox", NULL);
		g_autofree char *to = g_build_filename(data, "Archive.mbox", NULL);

		assert_int_equal(g_mkdir_with_parents(data, 0700), 0);
		assert_int_equal(g_rename(from, to), 0);
	}
	bz_store_unlink(f->cache);
	store = f->store = bz_store_open(f->cache, NULL, BZ_STORE_OWNER, &err);
	assert_non_null(store);
	f->mail = bz_localmail_new(&f->account, store, &err);
	assert_non_null(f->mail);
	look(f);
	assert_list(f, "INBOX", "3* 2* 1*D");
	assert_list(f, "Archive", "1*");
	ref = ref_of(f, "INBOX", 2);
	assert_reads(f, &ref, 2);
	assert_int_equal(
		bz_localmail_set_flags(f->mail, &f->job, &ref, 1, BZ_FLAG_SEEN, 0, &err), -1);
	assert_int_equal(err.code, BZ_CODE_READ_ONLY);
	assert_int_equal(bz_localmail_expunge(f->mail, &f->job, &ref, 1, &err), -1);
	assert_int_equal(
		bz_localmail_move(f->mail, &f->job, &ref, 1, "Trash", false, NULL, &err), -1);
	assert_int_equal(create(f, "New", &err), -1);
	after = text_of(f, "inbox.mbox");
	assert_string_equal(before, after);
	close_all(f);
	open_all(f); /* with it again: rows of its own */
	look(f);
	assert_list(f, "INBOX", "3* 2*");
}

/* --- killed at every system call -----------------------------------------------------------------
 */

typedef void act(struct fixture *f);

static void act_move(struct fixture *f)
{
	(void)move(f, "INBOX", 2, "Archive", false);
}

static void act_return(struct fixture *f)
{
	(void)move(f, "Archive", 1, "INBOX", false);
}

static void act_flag(struct fixture *f)
{
	flag(f, "INBOX", 2, BZ_FLAG_SEEN, 0);
}

static void act_expunge(struct fixture *f)
{
	expunge(f, "INBOX", 2);
}

static void act_rename(struct fixture *f)
{
	(void)bz_localmail_rename_folder(f->mail, &f->job, "Old", "New", NULL);
}

static void act_delete(struct fixture *f)
{
	(void)bz_localmail_delete_folder(f->mail, &f->job, "Old", NULL);
}

/* Is the stopped process about to change something on disk? What stands before one of these calls
 * is what a kill anywhere since the last leaves. */
static bool is_at_change(pid_t pid)
{
	static const uint64_t calls[] = {SYS_write, SYS_pwrite64, SYS_fsync, SYS_fdatasync,
		SYS_ftruncate, SYS_rename, SYS_renameat2, SYS_unlink, SYS_openat, SYS_linkat};
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
		if (info.entry.nr == calls[i])
			return true;
	return false;
}

/* Runs it in another process, killed before its nth change. True: it came to its end before. */
static bool run_killed(struct fixture *f, act *what, int n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		open_all(f);
		look(f);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		what(f);
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
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return true;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return false;
}

/* One of two lists of each folder, the second meaning that it was done. */
struct outcome {
	const char *folder, *before, *after;
};

static bool is_one_of(struct fixture *f, const struct outcome *o, size_t n, bool done)
{
	for (size_t i = 0; i < n; i++) {
		struct bz_folder folder;
		const char *expected = done ? o[i].after : o[i].before;
		g_autofree char *got = NULL;

		if (bz_store_folder_by_name(f->store, o[i].folder, &folder, NULL) == 0) {
			bz_folder_clear(&folder);
			got = list(f, o[i].folder);
		}
		if (g_strcmp0(got, expected) != 0)
			return false;
	}
	return true;
}

static void check_outcome(
	struct fixture *f, const struct outcome *o, size_t n, int at, bool must_be_done)
{
	for (int fresh = 0; fresh < 2; fresh++) {
		bool done = is_one_of(f, o, n, true);

		if (!done && (must_be_done || !is_one_of(f, o, n, false))) {
			for (size_t i = 0; i < n; i++) {
				g_autofree char *got = list(f, o[i].folder);

				print_message("%s: %s\n", o[i].folder, got);
			}
			fail_msg("killed before change %d, cache %d", at, fresh);
		}
		look_with_new_cache(f);
	}
}

/* The same files in another folder. */
static void copy_files(const char *from, const char *to)
{
	GDir *dir = g_dir_open(from, 0, NULL);
	const char *name;

	assert_non_null(dir);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *old = g_build_filename(from, name, NULL);
		g_autofree char *new = g_build_filename(to, name, NULL);
		g_autofree char *bytes = NULL;
		gsize n;

		assert_true(g_file_get_contents(old, &bytes, &n, NULL));
		(void)unlink(new);
		assert_true(g_file_set_contents_full(
			new, bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	}
	g_dir_close(dir);
}

static void kill_at(
	struct fixture *model, act *what, int at, const struct outcome *o, size_t n, bool *done)
{
	void *state;
	struct fixture *f;
	struct bz_err err;

	assert_int_equal(setup(&state), 0);
	f = state;
	close_all(f);
	copy_files(model->dir, f->dir);
	*done = run_killed(f, what, at);
	open_all(f);
	if (bz_mail_begin(f->store, NULL, &err) != 0)
		fail_msg("killed before change %d: %s", at, err.text);
	bz_mail_end(f->store);
	assert_int_equal(bz_localmail_list_folders(f->mail, &f->job, &err), 0);
	look(f);
	check_outcome(f, o, n, at, *done);
	teardown(&state);
}

static void kill_everywhere(act *what, const struct outcome *o, size_t n)
{
	void *state;
	struct fixture *model;
	struct bz_err err;
	bool done = false;

	assert_int_equal(setup(&state), 0);
	model = state;
	deliver(model, 1, 3);
	assert_int_equal(create(model, "Old", &err), 0);
	(void)move(model, "INBOX", 3, "Old", false);
	(void)move(model, "INBOX", 1, "Archive", false);
	close_all(model);
	for (int at = 1; !done; at++)
		kill_at(model, what, at, o, n, &done);
	open_all(model);
	teardown(&state);
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

#define KILL(what, ...)                                                                            \
	static void what##_killed_anywhere_is_done_or_not(void **state)                            \
	{                                                                                          \
		static const struct outcome o[] = {__VA_ARGS__};                                   \
                                                                                                   \
		(void)state;                                                                       \
		if (!can_trace())                                                                  \
			skip();                                                                    \
		kill_everywhere(act_##what, o, G_N_ELEMENTS(o));                                   \
	}

KILL(move, {"INBOX", "2*", ""}, {"Archive", "1*", "2* 1*"}, {"Old", "3*", "3*"})
KILL(return, {"INBOX", "2*", "2* 1*"}, {"Archive", "1*", ""}, {"Old", "3*", "3*"})
KILL(flag, {"INBOX", "2*", "2"}, {"Archive", "1*", "1*"})
KILL(expunge, {"INBOX", "2*", ""}, {"Archive", "1*", "1*"})
KILL(rename, {"Old", "3*", NULL}, {"New", NULL, "3*"}, {"INBOX", "2*", "2*"})
KILL(compact, {"INBOX", "2*", "2*"}, {"Archive", "1*", "1*"}, {"Old", "3*", "3*"})
KILL(delete, {"Old", "3*", NULL}, {"INBOX", "2*", "2*"}, {"Archive", "1*", "1*"})

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_account_has_its_folders),
		CASE(what_comes_behind_another_programs_mail_is_one_message),
		CASE(a_moved_message_is_in_one_place),
		CASE(compacted_mail_is_the_same_mail),
		CASE(a_move_undone_takes_its_old_place),
		CASE(a_copy_is_another_message),
		CASE(what_is_deleted_for_ever_is_agreed_to),
		CASE(a_message_without_lines_is_removed_all_the_same),
		CASE(a_large_message_moves_whole),
		CASE(another_programs_rewriting_keeps_identities),
		CASE(a_message_met_twice_is_the_one_that_was_downloaded),
		CASE(a_message_missed_and_met_again_is_the_one_that_was_downloaded),
		CASE(flags_of_both_sides_are_one),
		CASE(a_flag_set_meanwhile_is_kept),
		CASE(a_mark_taken_off_brings_a_message_back),
		CASE(a_file_locked_by_another_program_waits),
		CASE(folders_are_made_renamed_and_deleted),
		CASE(what_is_done_before_a_walk_is_done),
		CASE(bad_names_are_refused),
		CASE(only_folders_are_listed),
		CASE(without_state_the_mail_is_readable),
		cmocka_unit_test(move_killed_anywhere_is_done_or_not),
		cmocka_unit_test(return_killed_anywhere_is_done_or_not),
		cmocka_unit_test(flag_killed_anywhere_is_done_or_not),
		cmocka_unit_test(expunge_killed_anywhere_is_done_or_not),
		cmocka_unit_test(rename_killed_anywhere_is_done_or_not),
		cmocka_unit_test(compact_killed_anywhere_is_done_or_not),
		cmocka_unit_test(delete_killed_anywhere_is_done_or_not),
	};

	/* thousands of fsyncs, and no power fails here */
	if (access("/dev/shm", W_OK) == 0)
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
