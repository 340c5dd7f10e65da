/* One operation on the mail of the first account of $HOME's buzonrc, as its worker does it, without
 * a screen: what kills and full disks are tried on, and what IMAP servers are asked for.
 *
 *	drive look				the rows of all folders are brought up to date
 *	drive flags FOLDER N ADD REMOVE		of the first N messages (0: all); numbers of bz_flag
 *	drive move|copy FOLDER N TARGET		prints a line a message: its UID before and after
 *	drive undo|redo FOLDER N TARGET		moved, taken back (and done again); prints each
 *	drive undo-copy FOLDER N TARGET
 *	drive expunge FOLDER N
 *	drive create TITLE
 *	drive rename FOLDER TITLE
 *	drive delete FOLDER
 *	drive compact FOLDER
 *	drive import PATH TITLE
 *	drive wait-flags FOLDER N ADD REMOVE	as flags, without a line: it waits (IMAP)
 *	drive wait-move FOLDER N TARGET
 *	drive wait-undo FOLDER N TARGET		moved and taken back, all without a line
 *	drive replay				what waits is made on the server
 *	drive list FOLDER			prints a line a message: UID, flags
 *
 * In the environment: DRIVE_PAUSE: once the messages are chosen it prints "paused" and waits for a
 * line; DRIVE_STALE: they are named under another UIDVALIDITY.
 *
 * Ends as buzon does: a sentence and an exit code; 64 where the backend cannot do that. */
#include "net/backends.h"
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/paths.h"
#include "src/pending.h"
#include "src/replay.h"
#include "src/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct drive {
	const struct bz_backend_ops *ops;
	struct bz_store *store;
	struct bz_backend *backend;
	struct bz_job job;
};

/* --- what the worker would tell --------------------------------------------------------------- */

static void on_folders(void *me)
{
	(void)me;
}

static void on_rows(void *me, struct bz_change *change)
{
	(void)me;
	bz_change_free(change);
}

static void on_progress(void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t all)
{
	(void)me;
	(void)done;
	(void)total;
	(void)bytes;
	(void)all;
}

static void on_count(void *me, uint32_t n, uint64_t bytes)
{
	(void)me;
	(void)n;
	(void)bytes;
}

static void on_space(void *me, uint32_t n, uint64_t bytes, uint64_t limit)
{
	(void)limit;
	on_count(me, n, bytes);
}

static bool noted; /* a folder could not be read, say */

static void on_note(void *me, const char *text)
{
	(void)me;
	noted = true;
	fprintf(stderr, "note: %s\n", text);
}

static bool never(void *me)
{
	(void)me;
	return false;
}

static const struct bz_report report = {
	.folders = on_folders,
	.rows = on_rows,
	.progress = on_progress,
	.space = on_space,
	.removals = on_count,
	.note = on_note,
	.hurry = never,
	.urgent = never,
};

/* --- the verbs -------------------------------------------------------------------------------- */

static int unsupported(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_UNSUPPORTED, BZ_CODE_NONE, "not possible here");
}

/* IMAP: the folders, and all rows of the one that is to be worked on. */
static int look_live(struct drive *d, const char *folder, struct bz_err *err)
{
	bool more = true;

	if (folder == NULL)
		return d->ops->list_folders(d->backend, &d->job, err);
	if (d->ops->refresh(d->backend, &d->job, folder, (struct bz_window){0, 20}, err) != 0)
		return -1;
	while (more)
		if (d->ops->background(d->backend, &d->job, &more, err) != 0)
			return -1;
	return 0;
}

static int look(struct drive *d, char **args, struct bz_err *err)
{
	bool more = true;

	(void)args;
	if (d->ops->look == NULL)
		return look_live(d, NULL, err);
	while (more)
		if (d->ops->look(d->backend, &d->job, &more, err) != 0)
			return -1;
	return 0;
}

static bool is_marked(struct drive *d, const struct bz_msgref *ref)
{
	struct bz_summary row;
	bool marked;

	if (bz_store_by_uid(d->store, ref->folder, ref->uid, &row, NULL) != 0)
		return false;
	marked = (row.flags & BZ_FLAG_DELETED) != 0;
	bz_summary_clear(&row);
	return marked;
}

/* The first n messages of a folder, oldest first; IMAP: that are not marked as deleted. */
static int choose(struct drive *d, const char *name, guint n, GArray *refs, struct bz_err *err)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;
	int rc = bz_store_folder_by_name(d->store, name, &folder, err);

	if (rc == 0)
		rc = bz_store_uids(d->store, folder.id, 0, UINT32_MAX, uids, err);
	for (guint i = 0; rc == 0 && i < uids->len && (n == 0 || refs->len < n); i++) {
		struct bz_msgref ref = {
			folder.id, folder.uidvalidity, g_array_index(uids, uint32_t, i)};

		if (d->ops->look == NULL && is_marked(d, &ref))
			continue;
		ref.uidvalidity += g_getenv("DRIVE_STALE") != NULL; /* made before it changed */
		g_array_append_val(refs, ref);
	}
	if (rc == 0)
		bz_folder_clear(&folder);
	g_array_unref(uids);
	return rc == 1 ? bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, "no folder %s", name)
		       : rc;
}

typedef int act(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err);

/* Another program does something, then a line comes. */
static int pause_if_told(struct bz_err *err)
{
	if (g_getenv("DRIVE_PAUSE") == NULL)
		return 0;
	puts("paused");
	(void)fflush(stdout);
	return getchar() != EOF ? 0 : bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE, "left alone");
}

static int on_chosen(struct drive *d, char **args, act *f, struct bz_err *err)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	int rc = d->ops->look == NULL ? look_live(d, args[0], err) : 0;

	if (rc == 0)
		rc = choose(d, args[0], (guint)atoi(args[1]), refs, err);
	if (rc == 0)
		rc = pause_if_told(err);
	if (rc == 0 && refs->len == 0 && noted)
		rc = bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE, "nothing is known of %s", args[0]);
	else if (rc == 0 && refs->len > 0)
		rc = f(d, (const struct bz_msgref *)(void *)refs->data, refs->len, args + 2, err);
	g_array_unref(refs);
	return rc;
}

static int flags_of(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err)
{
	return d->ops->set_flags(d->backend, &d->job, refs, n, (unsigned)atoi(args[0]),
		(unsigned)atoi(args[1]), err);
}

static int flags(struct drive *d, char **args, struct bz_err *err)
{
	return on_chosen(d, args, flags_of, err);
}

static void print_moved(const GArray *moved)
{
	for (guint i = 0; i < moved->len; i++) {
		const struct bz_moved *m = &g_array_index(moved, struct bz_moved, i);

		printf("%u %u\n", m->from.uid, m->to.uid);
	}
}

/* One move or copy; what it tells is appended to moved. */
static int file(struct drive *d, const GArray *refs, const char *target, bool copy, GArray *moved,
	struct bz_err *err)
{
	int rc = d->ops->move(d->backend, &d->job, (const struct bz_msgref *)(void *)refs->data,
		refs->len, target, copy, moved, err);

	print_moved(moved);
	return rc;
}

/* What `u` and Ctrl-R do. */
static int take_back(struct drive *d, struct bz_undo *undo, bool redo, struct bz_err *err)
{
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_undo_task task;
	int rc = 0;

	if (!bz_undo_next(undo, redo, &task)) {
		g_array_unref(moved);
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, "nothing to undo");
	}
	if (task.verb == BZ_UNDO_DO_EXPUNGE)
		rc = d->ops->expunge(d->backend, &d->job,
			(const struct bz_msgref *)(void *)task.refs->data, task.refs->len, err);
	else
		rc = file(d, task.refs, task.folder, task.verb == BZ_UNDO_DO_COPY, moved, err);
	if (rc == 0)
		bz_undo_done(undo, redo, (const struct bz_moved *)(void *)moved->data, moved->len);
	g_array_unref(task.refs);
	g_array_unref(moved);
	return rc;
}

struct filing {
	const char *source;
	bool copy;
	int back; /* how often it is taken back or done again */
};

static int file_these(struct drive *d, const struct filing *f, const struct bz_msgref *refs,
	size_t n, const char *target, struct bz_err *err)
{
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	struct bz_undo *undo = bz_undo_new();
	int rc;

	g_array_append_vals(all, refs, (guint)n);
	rc = file(d, all, target, f->copy, moved, err);
	if (moved->len > 0) {
		struct bz_undo_act did = {.kind = f->copy ? BZ_UNDO_COPY : BZ_UNDO_MOVE,
			.source = f->source,
			.target = target,
			.refs = (const struct bz_moved *)(void *)moved->data,
			.n = moved->len};

		bz_undo_push(undo, &did);
	}
	for (int i = 0; i < f->back && rc == 0; i++)
		rc = take_back(d, undo, i % 2 == 1, err);
	bz_undo_free(undo);
	g_array_unref(all);
	g_array_unref(moved);
	return rc;
}

static struct filing filing;

static int these(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err)
{
	return file_these(d, &filing, refs, n, args[0], err);
}

static int file_chosen(struct drive *d, char **args, bool copy, int back, struct bz_err *err)
{
	filing = (struct filing){args[0], copy, back};
	return d->ops->move != NULL ? on_chosen(d, args, these, err) : unsupported(err);
}

static int move(struct drive *d, char **args, struct bz_err *err)
{
	return file_chosen(d, args, false, 0, err);
}

static int copy(struct drive *d, char **args, struct bz_err *err)
{
	return file_chosen(d, args, true, 0, err);
}

static int undo(struct drive *d, char **args, struct bz_err *err)
{
	return file_chosen(d, args, false, 1, err);
}

static int redo(struct drive *d, char **args, struct bz_err *err)
{
	return file_chosen(d, args, false, 2, err);
}

static int undo_copy(struct drive *d, char **args, struct bz_err *err)
{
	return file_chosen(d, args, true, 1, err);
}

static int expunge_these(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err)
{
	(void)args;
	return d->ops->expunge(d->backend, &d->job, refs, n, err);
}

static int expunge(struct drive *d, char **args, struct bz_err *err)
{
	return d->ops->expunge != NULL ? on_chosen(d, args, expunge_these, err) : unsupported(err);
}

static int create(struct drive *d, char **args, struct bz_err *err)
{
	if (d->ops->create_folder == NULL)
		return unsupported(err);
	return d->ops->create_folder(d->backend, &d->job, args[0], err);
}

static int rename_one(struct drive *d, char **args, struct bz_err *err)
{
	if (d->ops->rename_folder == NULL)
		return unsupported(err);
	if (d->ops->look != NULL && look(d, args, err) != 0) /* as every worker has */
		return -1;
	return d->ops->rename_folder(d->backend, &d->job, args[0], args[1], err);
}

static int delete_one(struct drive *d, char **args, struct bz_err *err)
{
	if (d->ops->delete_folder == NULL)
		return unsupported(err);
	return d->ops->delete_folder(d->backend, &d->job, args[0], err);
}

static int compact(struct drive *d, char **args, struct bz_err *err)
{
	bool more = true;

	if (d->ops->compact == NULL)
		return unsupported(err);
	while (more)
		if (d->ops->compact(d->backend, &d->job, args[0], &more, err) != 0)
			return -1;
	return 0;
}

static int import(struct drive *d, char **args, struct bz_err *err)
{
	bool more = true;

	if (d->ops->import == NULL)
		return unsupported(err);
	while (more)
		if (d->ops->import(d->backend, &d->job, args[0], args[1], &more, err) != 0)
			return -1;
	return 0;
}

/* --- without a line --------------------------------------------------------------------------- */

static int chosen_here(struct drive *d, char **args, GArray *refs, struct bz_err *err)
{
	return choose(d, args[0], (guint)atoi(args[1]), refs, err);
}

static int wait_flags(struct drive *d, char **args, struct bz_err *err)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	int rc = chosen_here(d, args, refs, err);

	if (rc == 0)
		rc = bz_pending_flags(d->store, &report,
			(const struct bz_msgref *)(void *)refs->data, refs->len,
			(unsigned)atoi(args[2]), (unsigned)atoi(args[3]), false, err);
	g_array_unref(refs);
	return rc;
}

static int wait_and_take_back(struct drive *d, const GArray *moved, struct bz_err *err)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	GArray *back = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	int rc;

	for (guint i = 0; i < moved->len; i++)
		g_array_append_val(refs, g_array_index(moved, struct bz_moved, i).to);
	rc = bz_pending_take_back(d->store, &report, (const struct bz_msgref *)(void *)refs->data,
		refs->len, back, err);
	print_moved(back);
	g_array_unref(refs);
	g_array_unref(back);
	return rc;
}

static const struct bz_halfway never_begun;

static int wait_move_and(struct drive *d, char **args, bool back, struct bz_err *err)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	int rc = chosen_here(d, args, refs, err);

	if (rc == 0)
		rc = bz_pending_move(d->store, &report,
			(const struct bz_msgref *)(void *)refs->data, refs->len, args[2],
			&never_begun, moved, err);
	if (rc == 0 && back)
		rc = wait_and_take_back(d, moved, err);
	g_array_unref(refs);
	g_array_unref(moved);
	return rc;
}

static int wait_move(struct drive *d, char **args, struct bz_err *err)
{
	return wait_move_and(d, args, false, err);
}

static int wait_undo(struct drive *d, char **args, struct bz_err *err)
{
	return wait_move_and(d, args, true, err);
}

static int replay(struct drive *d, char **args, struct bz_err *err)
{
	const struct bz_replay all = {d->ops, d->backend, d->store, &d->job, NULL, NULL};

	(void)args;
	return bz_replay_all(&all, err);
}

static int list(struct drive *d, char **args, struct bz_err *err)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder = {0};
	int rc = bz_store_folder_need(d->store, args[0], &folder, err);

	if (rc == 0)
		rc = bz_store_uids(d->store, folder.id, 0, UINT32_MAX, uids, err);
	for (guint i = 0; rc == 0 && i < uids->len; i++) {
		struct bz_summary row;

		rc = bz_store_by_uid(
			d->store, folder.id, g_array_index(uids, uint32_t, i), &row, err);
		printf("%u %u\n", row.uid, row.flags);
		bz_summary_clear(&row);
	}
	bz_folder_clear(&folder);
	g_array_unref(uids);
	return rc;
}

static const struct verb {
	const char *name;
	int args;
	int (*f)(struct drive *d, char **args, struct bz_err *err);
	bool is_alone; /* nothing is looked at before */
} verbs[] = {
	{"wait-flags", 4, wait_flags, true},
	{"wait-move", 3, wait_move, true},
	{"wait-undo", 3, wait_undo, true},
	{"replay", 0, replay, true},
	{"list", 1, list, true},
	{"look", 0, look, false},
	{"flags", 4, flags, false},
	{"move", 3, move, false},
	{"copy", 3, copy, false},
	{"undo", 3, undo, false},
	{"redo", 3, redo, false},
	{"undo-copy", 3, undo_copy, false},
	{"expunge", 2, expunge, false},
	{"create", 1, create, false},
	{"rename", 2, rename_one, false},
	{"delete", 1, delete_one, false},
	{"compact", 1, compact, false},
	{"import", 2, import, false},
};

/* --- opening ---------------------------------------------------------------------------------- */

static int open_store(struct drive *d, const struct bz_account *account, struct bz_err *err)
{
	g_autofree char *cache = bz_path(BZ_DIR_CACHE, account->dirname, NULL);
	g_autofree char *data = bz_path(BZ_DIR_DATA, account->dirname, NULL);
	g_autofree char *cache_db = g_build_filename(cache, "cache.db", NULL);
	g_autofree char *state_db = g_build_filename(data, "state.db", NULL);

	if (bz_path_ensure(cache, err) != 0 || bz_path_ensure(data, err) != 0)
		return -1;
	d->store = bz_store_open(cache_db, state_db, BZ_STORE_OWNER, err);
	if (d->store != NULL)
		d->backend = d->ops->create(account, d->store, err);
	return d->backend != NULL ? 0 : -1;
}

static int run(
	const struct bz_account *account, const struct verb *verb, char **args, struct bz_err *err)
{
	bool live = account->protocol == BZ_PROTOCOL_IMAP;
	struct drive d = {.ops = live ? &bz_imap_backend : &bz_pop_backend};
	struct bz_cert cert = {0};
	int rc;

	d.job = (struct bz_job){.cancel = g_cancellable_new(),
		.report = &report,
		.password = account->password,
		.cert = &cert};
	rc = open_store(&d, account, err);
	if (rc == 0 && live)
		rc = bz_pending_show(d.store, err);
	if (rc == 0 && !verb->is_alone)
		rc = look(&d, NULL, err);
	if (rc == 0)
		rc = verb->f(&d, args, err);
	if (d.backend != NULL)
		d.ops->destroy(&d.backend);
	bz_store_close(&d.store);
	g_object_unref(d.job.cancel);
	return rc;
}

int main(int argc, char **argv)
{
	g_autofree char *path = bz_path(BZ_DIR_CONFIG, "buzonrc", NULL);
	const struct verb *verb = NULL;
	struct bz_settings *settings;
	GPtrArray *problems = NULL;
	struct bz_err err = {0};
	int rc;

	for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc == 2 + verbs[i].args)
			verb = &verbs[i];
	if (verb == NULL)
		return EX_USAGE;
	settings = bz_settings_load(path, &problems, &err);
	g_ptr_array_unref(problems);
	if (settings == NULL)
		return bz_cli_fail(&err);
	rc = run(g_ptr_array_index(settings->accounts, 0), verb, argv + 2, &err);
	bz_settings_destroy(&settings);
	return rc == 0 ? EX_OK : bz_cli_fail(&err);
}
