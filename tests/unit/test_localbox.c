/* An mbox as rows: what appends, cuts and replaces it between two looks, or during one,
 * is noticed. */
#include "tests/unit/check.h"

#include "src/localbox.h"
#include "src/mime.h"

#include <unistd.h>

struct fixture {
	char *dir, *mbox, *cache, *state;
	struct bz_store *store;
	struct bz_localbox *box;
	uint32_t folder;
	struct bz_report report;
	int changes, rebuilds;
};

static void on_rows(void *me, struct bz_change *change)
{
	struct fixture *f = me;

	f->changes++;
	f->rebuilds += change->kind == BZ_CHANGE_REBUILD;
	bz_change_free(change);
}

static void on_folders(void *me)
{
	(void)me;
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	struct bz_folder folder = {.name = (char *)(uintptr_t) "INBOX",
		.title = (char *)(uintptr_t) "Inbox",
		.role = BZ_ROLE_INBOX,
		.selectable = true,
		.uidvalidity = 1};

	f->dir = check_temp_dir();
	f->mbox = g_build_filename(f->dir, "inbox.mbox", NULL);
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	f->folder = folder.id;
	f->box = bz_localbox_new(f->store, f->mbox, f->folder, "INBOX");
	f->report = (struct bz_report){.me = f, .rows = on_rows, .folders = on_folders};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_localbox_free(f->box);
	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->mbox);
	g_free(f->cache);
	g_free(f->state);
	g_free(f);
	return 0;
}

static void write_mail(const char *path, const char *mode, int from, int to, const char *word)
{
	FILE *out = fopen(path, mode);

	assert_non_null(out);
	for (int i = from; i <= to; i++)
		fprintf(out,
			"From a@example.org Tue Nov  3 10:00:00 2020\nFrom: a@example.org\n"
			"Subject: %s %d\n\nbody\n\n",
			word, i);
	assert_int_equal(fclose(out), 0);
}

/* One piece; true = come again. */
static bool look(struct fixture *f)
{
	struct bz_job job = {.report = &f->report};
	struct bz_err err = {0};
	bool more = false;

	if (bz_localbox_look(f->box, &job, &more, &err) != 0)
		fail_msg("%s", err.text);
	return more;
}

static void look_all(struct fixture *f)
{
	while (look(f))
		;
}

static uint32_t rows(struct fixture *f)
{
	uint32_t known = 0, unseen;

	assert_int_equal(bz_store_count(f->store, f->folder, &known, &unseen, NULL), 0);
	return known;
}

/* Subject of the newest row, or of the oldest. */
static char *subject_at(struct fixture *f, bool newest)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_summary row;
	uint32_t id;
	char *subject;

	assert_int_equal(bz_store_ids(f->store, f->folder, ids, NULL), 0);
	assert_true(ids->len > 0);
	id = g_array_index(ids, uint32_t, newest ? 0 : ids->len - 1);
	assert_int_equal(bz_store_window(f->store, &id, 1, &row, NULL), 0);
	subject = g_strdup(row.subject);
	bz_summary_clear(&row);
	g_array_unref(ids);
	return subject;
}

static guint locals(struct fixture *f)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	guint n;

	assert_int_equal(bz_store_local_all(f->store, "INBOX", all, NULL), 0);
	n = all->len;
	g_array_unref(all);
	return n;
}

static void an_unchanged_file_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	int before;

	write_mail(f->mbox, "we", 1, 400, "old");
	look_all(f);
	assert_int_equal(rows(f), 400);
	before = f->changes;
	look_all(f);
	assert_int_equal(f->changes, before);
}

static void what_is_appended_is_read_alone(void **state)
{
	struct fixture *f = *state;
	g_autofree char *newest = NULL;

	write_mail(f->mbox, "we", 1, 400, "old");
	look_all(f);
	write_mail(f->mbox, "ae", 401, 403, "new");
	look_all(f);
	newest = subject_at(f, true);
	assert_string_equal(newest, "new 403");
	assert_int_equal(rows(f), 403);
	assert_int_equal(f->rebuilds, 0);
	assert_int_equal(locals(f), 403);
}

/* Grown by as much, but no longer the file that was indexed. */
static void a_rewritten_file_that_grew_is_read_whole(void **state)
{
	struct fixture *f = *state;
	g_autofree char *oldest = NULL;

	write_mail(f->mbox, "we", 100, 299, "one");
	look_all(f);
	write_mail(f->mbox, "we", 100, 399, "two");
	look_all(f);
	oldest = subject_at(f, false);
	assert_string_equal(oldest, "two 100");
	assert_int_equal(rows(f), 300);
}

static void a_truncated_file_loses_its_rows(void **state)
{
	struct fixture *f = *state;
	g_autofree char *newest = NULL;

	write_mail(f->mbox, "we", 1, 400, "old");
	look_all(f);
	write_mail(f->mbox, "we", 1, 10, "old");
	look_all(f);
	newest = subject_at(f, true);
	assert_string_equal(newest, "old 10");
	assert_int_equal(rows(f), 10);
	assert_int_equal(locals(f), 10);
}

/* Between two pieces of one walk. */
static void a_file_replaced_or_cut_during_the_walk_is_begun_again(void **state)
{
	struct fixture *f = *state;
	g_autofree char *other = g_strconcat(f->mbox, ".new", NULL);
	g_autofree char *oldest = NULL, *newest = NULL;

	write_mail(f->mbox, "we", 1, 1000, "old");
	assert_true(look(f));
	write_mail(other, "we", 1, 1200, "new");
	assert_int_equal(g_rename(other, f->mbox), 0);
	look_all(f);
	assert_int_equal(rows(f), 1200);
	oldest = subject_at(f, false);
	newest = subject_at(f, true);
	assert_string_equal(oldest, "new 1");
	assert_string_equal(newest, "new 1200");
	write_mail(f->mbox, "we", 1, 900, "cut");
	assert_true(look(f));
	assert_int_equal(truncate(f->mbox, 0), 0);
	look_all(f);
	assert_int_equal(rows(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_unchanged_file_is_not_read_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_appended_is_read_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_rewritten_file_that_grew_is_read_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_truncated_file_loses_its_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_replaced_or_cut_during_the_walk_is_begun_again, setup, teardown),
	};

	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
