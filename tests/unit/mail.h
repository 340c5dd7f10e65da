/* For tests of local mail: a store, an mbox beside it, and messages in it. */
#ifndef BZ_TEST_MAIL_H
#define BZ_TEST_MAIL_H

#include "tests/unit/check.h"

#include "src/backend.h"
#include "src/deliver.h"
#include "src/localbox.h"

struct mail {
	char *dir;  /* temporary, and all XDG folders */
	char *data; /* of the account "casa" */
	char *mbox, *cache, *state;
	struct bz_store *store;
	uint32_t folder;
	struct bz_report report;
	struct bz_job job;
	int hurries; /* how often it is still answered that somebody waits */
	int asked;
	char *note; /* the last one told */
};

static inline void mail_on_rows(void *me, struct bz_change *change)
{
	(void)me;
	bz_change_free(change);
}

static inline void mail_on_folders(void *me)
{
	(void)me;
}

static inline void mail_on_progress(
	void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total)
{
	(void)me;
	(void)bytes;
	(void)bytes_total;
	assert_true(done <= total);
}

static inline void mail_on_note(void *me, const char *text)
{
	struct mail *m = me;

	g_free(m->note);
	m->note = g_strdup(text);
}

static inline bool mail_on_hurry(void *me)
{
	struct mail *m = me;

	m->asked++;
	return m->hurries > 0 && m->hurries-- > 0;
}

static inline int mail_setup(void **state)
{
	struct mail *m = g_new0(struct mail, 1);

	m->dir = check_temp_dir();
	m->data = g_build_filename(m->dir, "buzon", "casa", NULL);
	assert_int_equal(g_mkdir_with_parents(m->data, 0700), 0);
	g_setenv("XDG_DATA_HOME", m->dir, TRUE);
	g_setenv("XDG_CACHE_HOME", m->dir, TRUE);
	g_setenv("XDG_STATE_HOME", m->dir, TRUE);
	m->mbox = g_build_filename(m->data, "inbox.mbox", NULL);
	m->cache = g_build_filename(m->data, "cache.db", NULL);
	m->state = g_build_filename(m->data, "state.db", NULL);
	m->store = bz_store_open(m->cache, m->state, BZ_STORE_OWNER, NULL);
	assert_non_null(m->store);
	assert_int_equal(bz_store_folder_ensure(
				 m->store, "INBOX", "Inbox", BZ_ROLE_INBOX, 1, &m->folder, NULL),
		0);
	m->report = (struct bz_report){.me = m,
		.rows = mail_on_rows,
		.folders = mail_on_folders,
		.progress = mail_on_progress,
		.note = mail_on_note,
		.hurry = mail_on_hurry};
	m->job = (struct bz_job){.cancel = g_cancellable_new(), .report = &m->report};
	*state = m;
	return 0;
}

static inline int mail_teardown(void **state)
{
	struct mail *m = *state;

	bz_store_close(&m->store);
	g_object_unref(m->job.cancel);
	check_remove_dir(m->dir);
	g_free(m->dir);
	g_free(m->data);
	g_free(m->mbox);
	g_free(m->cache);
	g_free(m->state);
	g_free(m->note);
	g_free(m);
	return 0;
}

/* Downloads letter i; its local uid. */
static inline uint32_t mail_add(struct mail *m, int i)
{
	g_autofree char *text = g_strdup_printf(
		"From: eva@example.org\nSubject: letter %d\n\nFrom here\nbody %d\n", i, i);
	struct bz_append to = {.store = m->store,
		.mbox = m->mbox,
		.folder = "INBOX",
		.kind = BZ_INTENT_DOWNLOAD,
		.now = 1604397600};
	struct bz_append_item item = {.size = 100, .received = INT64_MIN};
	struct bz_err err = {0};

	(void)g_snprintf(item.uidl, sizeof item.uidl, "uid-%d", i);
	item.message = g_bytes_new(text, strlen(text));
	if (bz_append(&to, &item, 1, NULL, &err) != 0)
		fail_msg("%s", err.text);
	g_bytes_unref(item.message);
	return item.uid;
}

static inline void mail_write(const char *path, const char *mode, const char *text)
{
	FILE *out = fopen(path, mode);

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
	assert_int_equal(fclose(out), 0);
}

static G_GNUC_NO_INLINE G_GNUC_UNUSED char *mail_read(const char *path)
{
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static inline int mail_count(const char *text, const char *what)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static inline guint mail_rows(struct mail *m, const char *folder)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	guint n;

	assert_int_equal(bz_store_local_all(m->store, folder, all, NULL), 0);
	n = all->len;
	g_array_unref(all);
	return n;
}

/* The Inbox's rows, up to date with its file. */
static inline void mail_look(struct mail *m)
{
	struct bz_localbox *box = bz_localbox_new(m->store, m->mbox, m->folder, "INBOX");
	struct bz_err err = {0};
	bool more = true;

	while (more)
		if (bz_localbox_look(box, &m->job, &more, &err) != 0)
			fail_msg("%s", err.text);
	bz_localbox_free(box);
}

#endif
