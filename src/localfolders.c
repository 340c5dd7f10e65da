/* Local folders made, renamed and deleted. What is begun is written down first ("rename", from, to;
 * "delete", name: one line each) and finished by whoever takes mail.lock next. */
#include "src/deliver_private.h"
#include "src/lang.h"
#include "src/localmail_private.h"
#include "src/localnames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char key[] = "folder-change";
enum { LOCK_MS = 10000 };

/* --- files ------------------------------------------------------------------------------------ */

static char *path_of(const char *dir, const char *name)
{
	g_autofree char *file = bz_local_file_name(name);

	return g_build_filename(dir, file, NULL);
}

static int sync_dir(const char *dir, struct bz_err *err)
{
	g_autofree char *inside = g_build_filename(dir, "x", NULL);

	return bz_deliver_sync_dir(inside) == 0 ? 0 : bz_deliver_io_error(err, dir);
}

/* "from" -> "to", "from/a" -> "to/a", any other: NULL. Caller's. */
static char *renamed(const char *name, const char *from, const char *to)
{
	size_t n = strlen(from);

	if (strncmp(name, from, n) != 0 || (name[n] != '\0' && name[n] != '/'))
		return NULL;
	return g_strconcat(to, name + n, NULL);
}

/* Names of the folders in dir that would be renamed; caller's. */
static GPtrArray *list_below(const char *dir_name, const char *from)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(dir_name, 0, NULL);
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		char *name = bz_local_folder_name(file);
		g_autofree char *other = name != NULL ? renamed(name, from, "x") : NULL;

		if (other != NULL)
			g_ptr_array_add(names, name);
		else
			g_free(name);
	}
	if (dir != NULL)
		g_dir_close(dir);
	return names;
}

/* A file that is in the way keeps the other where it is: nothing is ever overwritten. */
static int rename_one(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == EEXIST)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return access(to, F_OK) == 0 ? 0 : rename(from, to); /* a file system without it */
}

static int rename_files(const char *dir, const char *from, const char *to, struct bz_err *err)
{
	GPtrArray *names = list_below(dir, from);
	int rc = 0;

	for (guint i = 0; i < names->len && rc == 0; i++) {
		const char *name = g_ptr_array_index(names, i);
		g_autofree char *after = renamed(name, from, to);
		g_autofree char *old_path = path_of(dir, name), *new_path = path_of(dir, after);

		if (rename_one(old_path, new_path) != 0)
			rc = bz_deliver_io_error(err, old_path);
	}
	g_ptr_array_unref(names);
	return rc == 0 ? sync_dir(dir, err) : -1;
}

/* --- what is written down --------------------------------------------------------------------- */

static int write_down(struct bz_store *store, const char *what, struct bz_err *err)
{
	return bz_store_meta_set(store, key, what, err);
}

static int finish_rename(
	struct bz_store *store, const char *from, const char *to, struct bz_err *err)
{
	g_autofree char *dir = bz_store_state_dir(store);
	int rc;

	if (rename_files(dir, from, to, err) != 0 || bz_store_state_begin(store, err) != 0)
		return -1;
	rc = bz_store_local_rename(store, from, to, err);
	if (rc == 0)
		rc = write_down(store, "", err);
	return bz_store_state_end(store, rc == 0, err);
}

/* Its messages are forgotten and the file is doomed, in one step. */
static int doom(struct bz_store *store, const char *name, struct bz_err *err)
{
	g_autofree char *what = g_strconcat("delete\n", name, NULL);
	int rc = bz_store_state_begin(store, err);

	if (rc != 0)
		return -1;
	rc = bz_store_local_drop_folder(store, name, err);
	if (rc == 0)
		rc = write_down(store, what, err);
	return bz_store_state_end(store, rc == 0, err);
}

static int finish_delete(struct bz_store *store, const char *name, struct bz_err *err)
{
	g_autofree char *dir = bz_store_state_dir(store);
	g_autofree char *path = path_of(dir, name);

	if (unlink(path) != 0 && errno != ENOENT)
		return bz_deliver_io_error(err, path);
	return sync_dir(dir, err) == 0 ? write_down(store, "", err) : -1;
}

int bz_local_folders_recover(struct bz_store *store, struct bz_err *err)
{
	g_autofree char *what = NULL;
	g_auto(GStrv) words = NULL;
	int rc = bz_store_meta_get(store, key, &what, err);

	if (rc != 0 || *what == '\0')
		return rc < 0 ? -1 : 0;
	words = g_strsplit(what, "\n", 3);
	if (g_strv_length(words) == 3 && strcmp(words[0], "rename") == 0)
		return finish_rename(store, words[1], words[2], err);
	if (g_strv_length(words) == 2 && strcmp(words[0], "delete") == 0)
		return finish_delete(store, words[1], err);
	return 0;
}

/* --- what the person asks for ----------------------------------------------------------------- */

static int begin(struct bz_localmail *mail, const struct bz_job *job, struct bz_err *err)
{
	if (bz_localmail_writable(mail, err) != 0 ||
		bz_mail_begin(mail->store, job->cancel, err) != 0)
		return -1;
	if (bz_localmail_sync(mail, err) == 0)
		return 0;
	bz_mail_end(mail->store);
	return -1;
}

static int end(struct bz_localmail *mail, const struct bz_job *job, int rc, struct bz_err *err)
{
	if (rc == 0)
		rc = bz_localmail_sync(mail, err);
	bz_mail_end(mail->store);
	if (rc == 0)
		job->report->folders(job->report->me);
	return rc;
}

/* Is the name free, the folder itself aside? */
static int check_free(
	struct bz_localmail *mail, const char *title, const char *self, struct bz_err *err)
{
	for (guint i = 0; i < mail->folders->len; i++) {
		const struct bz_local_folder *folder = g_ptr_array_index(mail->folders, i);

		if (bz_local_same_title(folder->name, title) &&
			(self == NULL || strcmp(folder->name, self) != 0))
			return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
				_("There is a folder %s already."), folder->name);
	}
	return 0;
}

static int make_file(struct bz_localmail *mail, const char *name, struct bz_err *err)
{
	g_autofree char *path = path_of(mail->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bz_deliver_io_error(err, path);
	close(fd);
	return sync_dir(mail->dir, err);
}

int bz_localmail_create_folder(
	struct bz_localmail *mail, const struct bz_job *job, const char *title, struct bz_err *err)
{
	g_autofree char *name = bz_local_title(title, err);
	int rc;

	if (name == NULL || begin(mail, job, err) != 0)
		return -1;
	rc = check_free(mail, name, NULL, err);
	if (rc == 0)
		rc = make_file(mail, name, err);
	return end(mail, job, rc, err);
}

/* The person's own alone. */
static int check_own(struct bz_localmail *mail, const char *name, struct bz_err *err)
{
	if (bz_localmail_by_name(mail, name, err) == NULL)
		return -1;
	if (bz_local_role_of(name) == BZ_ROLE_NONE)
		return 0;
	return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("Every account has this folder; it cannot be renamed or deleted."));
}

/* No folder may come to lie on another, nor below itself. */
static int check_rename(
	struct bz_localmail *mail, const char *from, const char *to, struct bz_err *err)
{
	g_autofree char *inside = renamed(to, from, "x");
	int rc = 0;

	if (inside != NULL)
		return bz_err_set(
			err, BZ_ERR_REFUSED, BZ_CODE_NONE, _("A folder cannot lie below itself."));
	for (guint i = 0; i < mail->folders->len && rc == 0; i++) {
		const struct bz_local_folder *folder = g_ptr_array_index(mail->folders, i);
		g_autofree char *after = renamed(folder->name, from, to);
		g_autofree char *good = after != NULL ? bz_local_title(after, err) : NULL;

		if (after != NULL)
			rc = good != NULL ? check_free(mail, after, folder->name, err) : -1;
	}
	return rc;
}

static int rename_folder(
	struct bz_localmail *mail, const char *from, const char *to, struct bz_err *err)
{
	g_autofree char *what = g_strconcat("rename\n", from, "\n", to, NULL);

	if (strcmp(from, to) == 0)
		return 0;
	if (check_own(mail, from, err) != 0 || check_rename(mail, from, to, err) != 0 ||
		write_down(mail->store, what, err) != 0)
		return -1;
	return finish_rename(mail->store, from, to, err);
}

int bz_localmail_rename_folder(struct bz_localmail *mail, const struct bz_job *job,
	const char *name, const char *title, struct bz_err *err)
{
	g_autofree char *to = bz_local_title(title, err);

	if (to == NULL || begin(mail, job, err) != 0)
		return -1;
	return end(mail, job, rename_folder(mail, name, to, err), err);
}

/* A program at work in the file is waited for. */
static int delete_folder(
	struct bz_localmail *mail, const struct bz_job *job, const char *name, struct bz_err *err)
{
	g_autofree char *path = path_of(mail->dir, name);
	struct bz_mbox_lock *lock;
	int rc;

	if (check_own(mail, name, err) != 0)
		return -1;
	lock = bz_mbox_lock_open(path, false, LOCK_MS, job->cancel, err);
	if (lock == NULL)
		return -1;
	rc = doom(mail->store, name, err);
	if (rc == 0)
		rc = finish_delete(mail->store, name, err);
	bz_mbox_lock_close(&lock);
	return rc;
}

int bz_localmail_delete_folder(
	struct bz_localmail *mail, const struct bz_job *job, const char *name, struct bz_err *err)
{
	if (begin(mail, job, err) != 0)
		return -1;
	return end(mail, job, delete_folder(mail, job, name, err), err);
}
