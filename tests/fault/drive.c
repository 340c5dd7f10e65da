/* One operation on the mail of the first account of $HOME's buzonrc, as its worker does it, without
 *a screen and without a server: what kills and full disks are tried on.
 *
 *	drive look				the rows of all folders are brought up to date
 *	drive flags FOLDER N ADD REMOVE		of the first N messages (0: all); numbers of bz_flag
 *	drive move|copy FOLDER N TARGET
 *	drive expunge FOLDER N
 *	drive create TITLE
 *	drive rename FOLDER TITLE
 *	drive delete FOLDER
 *	drive compact FOLDER
 *	drive import PATH TITLE
 *
 * Ends as buzon does: a sentence and an exit code; 64 where the backend cannot do that. */
#include "net/backends.h"
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/paths.h"

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

static int look(struct drive *d, char **args, struct bz_err *err)
{
	bool more = true;

	(void)args;
	while (more)
		if (d->ops->look(d->backend, &d->job, &more, err) != 0)
			return -1;
	return 0;
}

/* The first n messages of a folder, oldest first. */
static int choose(struct drive *d, const char *name, guint n, GArray *refs, struct bz_err *err)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;
	int rc = bz_store_folder_by_name(d->store, name, &folder, err);

	if (rc == 0)
		rc = bz_store_uids(d->store, folder.id, 0, UINT32_MAX, uids, err);
	for (guint i = 0; rc == 0 && i < uids->len && (n == 0 || i < n); i++) {
		struct bz_msgref ref = {
			folder.id, folder.uidvalidity, g_array_index(uids, uint32_t, i)};

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

static int on_chosen(struct drive *d, char **args, act *f, struct bz_err *err)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	int rc = choose(d, args[0], (guint)atoi(args[1]), refs, err);

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

static int move_these(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err)
{
	return d->ops->move(d->backend, &d->job, refs, n, args[0], false, NULL, err);
}

static int move(struct drive *d, char **args, struct bz_err *err)
{
	return d->ops->move != NULL ? on_chosen(d, args, move_these, err) : unsupported(err);
}

static int copy_these(
	struct drive *d, const struct bz_msgref *refs, size_t n, char **args, struct bz_err *err)
{
	return d->ops->move(d->backend, &d->job, refs, n, args[0], true, NULL, err);
}

static int copy(struct drive *d, char **args, struct bz_err *err)
{
	return d->ops->move != NULL ? on_chosen(d, args, copy_these, err) : unsupported(err);
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

static const struct verb {
	const char *name;
	int args;
	int (*f)(struct drive *d, char **args, struct bz_err *err);
} verbs[] = {
	{"look", 0, look},
	{"flags", 4, flags},
	{"move", 3, move},
	{"copy", 3, copy},
	{"expunge", 2, expunge},
	{"create", 1, create},
	{"rename", 2, rename_one},
	{"delete", 1, delete_one},
	{"compact", 1, compact},
	{"import", 2, import},
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
	struct drive d = {.ops = &bz_pop_backend};
	int rc;

	d.job = (struct bz_job){.cancel = g_cancellable_new(), .report = &report};
	rc = open_store(&d, account, err);
	if (rc == 0)
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
