/* Import: every message of another program's mail once, whatever was killed or run before. */
#include "tests/unit/mail.h"

#include "src/import.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *mbox_of(struct mail *m, const char *name)
{
	g_autofree char *file = g_strdup_printf("%s.mbox", name);

	return g_build_filename(m->dir, g_strdelimit(file, "/", '.'), NULL);
}

static int folder(void *me, const struct bz_job *job, const char *title, char **mbox, char **name,
	struct bz_err *err)
{
	(void)job;
	(void)err;
	*mbox = mbox_of(me, title);
	*name = g_strdup(title);
	return 0;
}

static int add(void *me, const struct bz_job *job, const char *name, struct bz_append_item *items,
	size_t n, struct bz_err *err)
{
	struct mail *m = me;
	g_autofree char *mbox = mbox_of(m, name);
	struct bz_append to = {.store = m->store,
		.mbox = mbox,
		.folder = name,
		.kind = BZ_INTENT_COPY,
		.now = 1604397600};

	return bz_append(&to, items, n, job->cancel, err);
}

static struct bz_importer *begin(struct mail *m, const char *path, struct bz_err *err)
{
	struct bz_import_target target = {m, folder, add};

	return bz_importer_new(m->store, path, "Old", &target, err);
}

static int import(struct mail *m, const char *path, struct bz_err *err)
{
	struct bz_importer *i = begin(m, path, err);
	bool more = i != NULL;
	int rc = i != NULL ? 0 : -1;

	while (rc == 0 && more)
		rc = bz_importer_step(i, &m->job, &more, err);
	bz_importer_free(&i);
	return rc;
}

static void import_well(struct mail *m, const char *path, const char *note)
{
	struct bz_err err = {0};

	if (import(m, path, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(m->note, note);
}

static char *old_mbox(struct mail *m)
{
	char *path = g_build_filename(m->dir, "source", NULL);

	mail_write(path, "w",
		"From a@example.org Tue Nov  3 10:00:00 2020\nSubject: one\nStatus: RO\n"
		"X-Status: AD\nContent-Length: 3\n\n>From me\n\n"
		"From a@example.org Tue Nov  3 11:00:00 2020\r\nSubject: two\r\n\r\nx\r\n\r\n"
		"From a@example.org Tue Nov  3 12:00:00 2020\nSubject: twin\n\ny\n\n"
		"From a@example.org Tue Nov  3 13:00:00 2020\nSubject: twin\n\ny\n");
	return path;
}

static char *result(struct mail *m, const char *name)
{
	g_autofree char *path = g_build_filename(m->dir, name, NULL);

	return mail_read(path);
}

static void an_mbox_comes_as_it_is_and_once(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = old_mbox(m), *text = NULL, *again = NULL, *before = mail_read(path);
	g_autofree char *after = NULL;

	import_well(m, path, "4 imported");
	text = result(m, "Old.mbox");
	assert_non_null(
		strstr(text, "Tue Nov  3 10:00:00 2020\nSubject: one\nStatus: RO\nX-Status: A   "
			     "\n\n>From me\n\n"));
	assert_non_null(strstr(text, "Subject: two\nStatus:   \nX-Status:     \n\nx\n\nFrom "));
	assert_int_equal(mail_count(text, "Subject: twin"), 2);
	assert_int_equal(mail_rows(m, "Old"), 4);
	import_well(m, path, "0 imported, 4 were there already");
	again = result(m, "Old.mbox");
	assert_string_equal(text, again);
	after = mail_read(path);
	assert_string_equal(before, after);
}

static void what_the_folder_has_is_left_out_as_often(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = old_mbox(m), *text = NULL;
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));

	import_well(m, path, "4 imported");
	assert_int_equal(bz_store_local_all(m->store, "Old", all, NULL), 0);
	assert_int_equal(
		bz_store_local_set_state(m->store, g_array_index(all, struct bz_local, 3).uid,
			BZ_LOCAL_REMOVED, NULL),
		0);
	import_well(m, path, "1 imported, 3 were there already");
	mail_write(path, "a", "\nFrom a@example.org Tue Nov  3 14:00:00 2020\nSubject: new\n\nz\n");
	import_well(m, path, "1 imported, 4 were there already");
	g_array_unref(all);
}

static void add_file(struct mail *m, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(m->dir, "Maildir", name, NULL);
	g_autofree char *dir = g_path_get_dirname(path);

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	mail_write(path, "w", text);
}

static void a_maildir_comes_with_its_folders_and_flags(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = g_build_filename(m->dir, "Maildir", NULL);
	g_autofree char *text = NULL, *sub = NULL;

	add_file(m, "cur/1604400000.b.host:2,RS", "Subject: second\r\n\r\nb\r\n");
	add_file(m, "cur/1604300000.a.host:2,FT", "Subject: first\n\nFrom here\n");
	add_file(m, "new/1604500000.c.host", "Subject: third\n\nc\n");
	add_file(m, "tmp/1604500000.d.host", "Subject: half\n");
	add_file(m, "cur/.hidden", "Subject: hidden\n");
	add_file(m, ".Caf&AOk-.Sub/cur/1604500000.e.host:2,S", "Subject: below\n\n");
	add_file(m, ".notes/readme", "no folder");
	import_well(m, path, "4 imported");
	text = result(m, "Old.mbox");
	assert_true(strstr(text, "first") < strstr(text, "second") &&
		    strstr(text, "second") < strstr(text, "third"));
	assert_non_null(
		strstr(text, "Mon Nov  2 06:53:20 2020\nSubject: first\nStatus:   \nX-Status: F"
			     "   \n\n>From here\n"));
	assert_non_null(strstr(text, "Subject: second\nStatus: RO\nX-Status: A"));
	assert_null(strstr(text, "half"));
	assert_null(strstr(text, "hidden"));
	sub = result(m, "Old.Caf\xc3\xa9.Sub.mbox");
	assert_non_null(strstr(sub, "Subject: below\nStatus: RO"));
	import_well(m, path, "0 imported, 4 were there already");
}

static void what_is_no_mail_is_said_to_be_none(void **state)
{
	struct mail *m = *state;
	g_autofree char *file = g_build_filename(m->dir, "notes.txt", NULL);
	g_autofree char *none = g_build_filename(m->dir, "none", NULL);
	struct bz_err err = {0};

	mail_write(file, "w", "Dear diary\n");
	assert_int_equal(import(m, file, &err), -1);
	assert_non_null(strstr(err.text, "neither an mbox file nor a Maildir"));
	assert_int_equal(bz_err_exit_code(&err), 66);
	assert_int_equal(import(m, m->dir, &err), -1);
	assert_int_equal(import(m, none, &err), -1);
	assert_int_equal(bz_err_exit_code(&err), 66);
	mail_write(file, "w", "");
	import_well(m, file, "0 imported");
}

static void a_folder_is_not_imported_into_itself(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = g_build_filename(m->dir, "Old.mbox", NULL), *source = old_mbox(m);
	struct bz_err err = {0};

	import_well(m, source, "4 imported");
	assert_int_equal(import(m, path, &err), -1);
	assert_int_equal(mail_rows(m, "Old"), 4);
}

static void many(const char *path, int n)
{
	FILE *out = fopen(path, "w");

	for (int i = 0; i < n; i++)
		fprintf(out,
			"From a@example.org Tue Nov  3 10:00:00 2020\nSubject: number %d\n\n%*d\n\n",
			i, 2000, i);
	(void)fclose(out);
}

static void a_killed_one_is_gone_on_with(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = g_build_filename(m->dir, "source", NULL), *text = NULL;
	int rounds = 0;
	guint before;

	many(path, 400);
	do {
		int status;
		pid_t child = fork();

		before = mail_rows(m, "Old");
		if (child == 0) {
			struct bz_importer *i;
			struct bz_err err;
			bool more = true;

			m->store = bz_store_open(m->cache, m->state, BZ_STORE_OWNER, NULL);
			i = begin(m, path, &err);

			m->hurries = 60; /* then the batch is written */
			for (int k = 0; k < 1 + rounds && more; k++)
				(void)bz_importer_step(i, &m->job, &more, &err);
			_exit(0); /* without any good-bye */
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		rounds++;
	} while (mail_rows(m, "Old") < 400 && rounds < 400);
	assert_true(mail_rows(m, "Old") > before || rounds > 1);
	import_well(m, path, "0 imported, 400 were there already");
	text = result(m, "Old.mbox");
	assert_int_equal(mail_count(text, "\nSubject: number"), 400);
}

static void a_full_disk_leaves_whole_messages(void **state)
{
	struct mail *m = *state;
	g_autofree char *path = g_build_filename(m->dir, "source", NULL);
	struct rlimit old, small;
	struct bz_err err = {0};

	many(path, 200);
	m->hurries = 20;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){300000, old.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(import(m, path, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.code, BZ_CODE_DISK_FULL);
	assert_true(mail_rows(m, "Old") < 200);
	m->hurries = 0;
	if (import(m, path, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(mail_rows(m, "Old"), 200);
}

#define T(name) cmocka_unit_test_setup_teardown(name, mail_setup, mail_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_mbox_comes_as_it_is_and_once),
		T(what_the_folder_has_is_left_out_as_often),
		T(a_maildir_comes_with_its_folders_and_flags),
		T(what_is_no_mail_is_said_to_be_none),
		T(a_folder_is_not_imported_into_itself),
		T(a_killed_one_is_gone_on_with),
		T(a_full_disk_leaves_whole_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
