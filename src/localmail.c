#include "src/localmail.h"
#include "src/deliver.h"
#include "src/lang.h"
#include "src/localmail_private.h"
#include "src/localnames.h"
#include "src/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_US = 50000 };

/* --- the set of folders ----------------------------------------------------------------------- */

static void free_folder(void *me)
{
	struct bz_local_folder *folder = me;

	bz_localbox_free(folder->box);
	g_free(folder->name);
	g_free(folder);
}

static struct bz_local_folder *find(const struct bz_localmail *mail, const char *name)
{
	for (guint i = 0; i < mail->folders->len; i++) {
		struct bz_local_folder *folder = g_ptr_array_index(mail->folders, i);

		if (strcmp(folder->name, name) == 0)
			return folder;
	}
	return NULL;
}

struct bz_local_folder *bz_localmail_by_name(
	struct bz_localmail *mail, const char *name, struct bz_err *err)
{
	struct bz_local_folder *folder = find(mail, name);

	if (folder == NULL)
		bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, _("There is no folder %s here."),
			name);
	return folder;
}

struct bz_local_folder *bz_localmail_by_id(
	struct bz_localmail *mail, uint32_t id, struct bz_err *err)
{
	for (guint i = 0; i < mail->folders->len; i++) {
		struct bz_local_folder *folder = g_ptr_array_index(mail->folders, i);

		if (bz_localbox_folder(folder->box) == id)
			return folder;
	}
	bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, _("This folder is no longer there."));
	return NULL;
}

static int add_folder(struct bz_localmail *mail, const char *name, struct bz_err *err)
{
	enum bz_folder_role role = bz_local_role_of(name);
	g_autofree char *file = bz_local_file_name(name);
	g_autofree char *path = role == BZ_ROLE_INBOX ? g_strdup(mail->account->mbox)
						      : g_build_filename(mail->dir, file, NULL);
	struct bz_local_folder *folder;
	uint32_t id;

	if (bz_store_folder_ensure(mail->store, name, role == BZ_ROLE_INBOX ? "Inbox" : name, role,
		    1, &id, err) != 0)
		return -1;
	folder = g_new0(struct bz_local_folder, 1);
	folder->name = g_strdup(name);
	folder->box = bz_localbox_new(mail->store, path, id, name);
	g_ptr_array_insert(mail->folders, role == BZ_ROLE_INBOX ? 0 : -1, folder);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return g_utf8_collate(*(char *const *)a, *(char *const *)b);
}

/* Wire names of all: the roles, then the person's own by name. */
static GPtrArray *list_names(const struct bz_localmail *mail)
{
	GPtrArray *own = g_ptr_array_new(), *all = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(mail->dir, 0, NULL);
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(mail->dir, file, NULL);
		char *name =
			strcmp(path, mail->account->mbox) != 0 ? bz_local_folder_name(file) : NULL;

		if (name != NULL && bz_local_role_of(name) == BZ_ROLE_NONE)
			g_ptr_array_add(own, name);
		else
			g_free(name);
	}
	if (dir != NULL)
		g_dir_close(dir);
	g_ptr_array_sort(own, compare);
	for (size_t i = 0; i < BZ_LOCAL_ROLES; i++)
		g_ptr_array_add(all, g_strdup(bz_local_roles[i].name));
	g_ptr_array_extend_and_steal(all, own);
	return all;
}

static bool holds(const GPtrArray *names, const char *name)
{
	for (guint i = 0; i < names->len; i++)
		if (strcmp(g_ptr_array_index(names, i), name) == 0)
			return true;
	return false;
}

static bool is_known(const GPtrArray *known, const struct bz_local_folder *folder)
{
	for (guint i = 0; known != NULL && i < known->len; i++)
		if (((const struct bz_folder *)g_ptr_array_index(known, i))->id ==
			bz_localbox_folder(folder->box))
			return true;
	return false;
}

/* Folders that have gone, also those that another process renamed or deleted. */
static int drop_others(struct bz_localmail *mail, const GPtrArray *names, struct bz_err *err)
{
	GPtrArray *known = bz_store_folders(mail->store, err);
	int rc = known != NULL ? 0 : -1;

	for (guint i = mail->folders->len; i > 0; i--) {
		const struct bz_local_folder *folder = g_ptr_array_index(mail->folders, i - 1);

		if (!holds(names, folder->name) || !is_known(known, folder))
			g_ptr_array_remove_index(mail->folders, i - 1);
	}
	for (guint i = 0; rc == 0 && i < known->len; i++) {
		const struct bz_folder *folder = g_ptr_array_index(known, i);

		if (!holds(names, folder->name))
			rc = bz_store_folder_drop(mail->store, folder->id, err);
	}
	if (known != NULL)
		g_ptr_array_unref(known);
	return rc;
}

int bz_localmail_sync(struct bz_localmail *mail, struct bz_err *err)
{
	GPtrArray *names = list_names(mail);
	int rc = drop_others(mail, names, err);

	for (guint i = 0; i < names->len && rc == 0; i++)
		if (find(mail, g_ptr_array_index(names, i)) == NULL)
			rc = add_folder(mail, g_ptr_array_index(names, i), err);
	mail->next = 0;
	g_ptr_array_unref(names);
	return rc;
}

struct bz_localmail *bz_localmail_new(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_localmail *mail = g_new0(struct bz_localmail, 1);

	mail->account = account;
	mail->store = store;
	mail->dir = bz_store_state_dir(store);
	if (mail->dir == NULL)
		mail->dir = bz_path(BZ_DIR_DATA, account->dirname, NULL);
	mail->folders = g_ptr_array_new_with_free_func(free_folder);
	if (bz_localmail_sync(mail, err) == 0)
		return mail;
	bz_localmail_free(mail);
	return NULL;
}

void bz_localmail_free(struct bz_localmail *mail)
{
	if (mail == NULL)
		return;
	bz_localtools_free(mail->tools);
	g_ptr_array_unref(mail->folders);
	g_free(mail->dir);
	g_free(mail);
}

struct bz_localbox *bz_localmail_inbox(const struct bz_localmail *mail)
{
	return ((struct bz_local_folder *)g_ptr_array_index(mail->folders, 0))->box;
}

int bz_localmail_writable(const struct bz_localmail *mail, struct bz_err *err)
{
	const struct bz_err *why = bz_store_why_stateless(mail->store);

	if (bz_store_has_state(mail->store))
		return 0;
	if (why->kind != BZ_ERR_NONE && err != NULL)
		*err = *why;
	if (why->kind != BZ_ERR_NONE)
		return -1;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_READ_ONLY,
		_("What buzon keeps of the mail of %s in %s cannot be read. The mail can be read; "
		  "nothing is fetched and nothing is changed until state.db there is put right."),
		mail->account->id, mail->dir);
}

int bz_localmail_list_folders(
	struct bz_localmail *mail, const struct bz_job *job, struct bz_err *err)
{
	if (bz_store_has_state(mail->store)) {
		if (bz_mail_begin(mail->store, job->cancel, err) != 0)
			return -1;
		bz_mail_end(mail->store);
	}
	if (bz_localmail_sync(mail, err) != 0)
		return -1;
	job->report->folders(job->report->me);
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int look_one(
	struct bz_local_folder *folder, const struct bz_job *job, bool *more, struct bz_err *err)
{
	*more = false;
	if (access(bz_localbox_path(folder->box), F_OK) != 0 && errno == ENOENT)
		return bz_localbox_vanished(folder->box, job, err);
	return bz_localbox_look(folder->box, job, more, err);
}

/* A folder that cannot be read is told once, and keeps none of the others. */
static int told(struct bz_local_folder *folder, const struct bz_job *job, const struct bz_err *err)
{
	if (!folder->broken)
		job->report->note(job->report->me, err->text);
	folder->broken = true;
	return 0;
}

/* Also locks of files that were renamed or deleted. */
static void tidy_locks(const struct bz_localmail *mail)
{
	GDir *dir = g_dir_open(mail->dir, 0, NULL);
	const char *file;

	bz_mbox_lock_tidy(mail->account->mbox);
	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(mail->dir, file, NULL);

		if (!g_str_has_suffix(path, ".mbox.lock"))
			continue;
		path[strlen(path) - strlen(".lock")] = '\0';
		bz_mbox_lock_tidy(path);
	}
	if (dir != NULL)
		g_dir_close(dir);
}

/* What a crash interrupted changes two files: it is finished before either is looked at, or what
 * moved is seen in both. Whoever holds the lock has done so. */
static void finish_first(struct bz_localmail *mail, const struct bz_job *job)
{
	if (!bz_store_has_state(mail->store))
		return;
	if (bz_mail_begin_within(mail->store, 0, job->cancel, NULL) == 0)
		bz_mail_end(mail->store);
	tidy_locks(mail);
}

int bz_localmail_look(
	struct bz_localmail *mail, const struct bz_job *job, bool *more, struct bz_err *err)
{
	int64_t until = g_get_monotonic_time() + PIECE_US;

	*more = false;
	if (mail->next == 0)
		finish_first(mail, job);
	while (mail->next < mail->folders->len && !*more && g_get_monotonic_time() < until) {
		struct bz_local_folder *folder = g_ptr_array_index(mail->folders, mail->next);
		struct bz_err own = {0};

		if (look_one(folder, job, more, &own) != 0 &&
			(mail->next == 0 || own.kind == BZ_ERR_CANCELLED ||
				told(folder, job, &own) != 0)) {
			mail->next = 0;
			*err = own;
			return -1;
		}
		mail->next += !*more;
	}
	*more = *more || mail->next < mail->folders->len;
	if (!*more)
		mail->next = 0;
	return 0;
}

/* In the folder as far as state.db knows, while no walk has made a row of it yet. */
static bool is_to_be_found(const struct bz_localmail *mail, const struct bz_local_folder *folder,
	const struct bz_msgref *ref)
{
	struct bz_summary row;
	struct bz_local local;
	g_autofree char *name = NULL;

	if (bz_store_by_uid(mail->store, ref->folder, ref->uid, &row, NULL) == 0) {
		bz_summary_clear(&row);
		return false;
	}
	return bz_store_local_get(mail->store, ref->uid, &local, &name, NULL) == 0 &&
	       local.state == BZ_LOCAL_HERE && strcmp(name, folder->name) == 0;
}

int bz_localmail_find_all(struct bz_localmail *mail, const struct bz_job *job,
	struct bz_local_folder *folder, const struct bz_msgref *refs, size_t n, struct bz_err *err)
{
	bool more = false;

	for (size_t i = 0; i < n && !more; i++)
		more = is_to_be_found(mail, folder, &refs[i]);
	while (more)
		if (look_one(folder, job, &more, err) != 0)
			return -1;
	return 0;
}

int bz_localmail_fetch(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err)
{
	struct bz_local_folder *folder = bz_localmail_by_id(mail, ref->folder, err);

	if (folder == NULL || bz_localmail_find_all(mail, job, folder, ref, 1, err) != 0)
		return -1;
	return bz_localbox_fetch(folder->box, job, ref, out, err);
}

void bz_localmail_stamp(int fd, char out[96])
{
	struct stat st;

	out[0] = '\0';
	if (fstat(fd, &st) == 0)
		bz_mbox_stamp(&st, out);
}

int bz_localmail_hide(struct bz_localmail *mail, struct bz_local_folder *folder,
	const struct bz_summary *row, GArray *ids, struct bz_err *err)
{
	uint32_t id = bz_localbox_folder(folder->box);

	if (bz_store_removed_put(mail->store, id, row->uid, row->offset, row->length, err) != 0 ||
		bz_store_remove(mail->store, id, row->uid, err) != 0)
		return -1;
	g_array_append_val(ids, row->row);
	return 0;
}

/* --- what comes ------------------------------------------------------------------------------- */

static int put_rows(struct bz_local_folder *folder, int fd, const struct bz_append *to,
	const struct bz_append_item *items, size_t n, GArray *ids, struct bz_err *err)
{
	for (size_t i = n; i > 0; i--) { /* newest first */
		const struct bz_append_item *item = &items[i - 1];
		struct bz_summary row = {.uid = item->uid,
			.offset = item->offset,
			.length = item->length,
			.received = item->received != INT64_MIN ? item->received : to->now,
			.flags = item->flags};
		int rc;

		if (item->uid == 0)
			continue; /* another buzon stored it meanwhile */
		memcpy(row.digest, item->digest, sizeof row.digest);
		rc = bz_localbox_put(folder->box, fd, &row, err);
		if (rc == 0)
			g_array_append_val(ids, row.row);
		bz_summary_clear(&row);
		if (rc != 0)
			return -1;
	}
	return bz_localbox_changed(folder->box, to->before, to->after, err);
}

int bz_localmail_show(struct bz_localmail *mail, const struct bz_job *job,
	struct bz_local_folder *folder, const struct bz_append *to,
	const struct bz_append_item *items, size_t n, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int fd = open(to->mbox, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = bz_store_begin(mail->store, err);

	if (rc == 0) {
		rc = put_rows(folder, fd, to, items, n, ids, err);
		if (rc != 0)
			bz_store_rollback(mail->store);
		else
			rc = bz_store_commit(mail->store, err);
	}
	if (fd >= 0)
		close(fd);
	if (rc != 0) {
		g_array_unref(ids);
		return -1;
	}
	bz_localbox_tell(folder->box, job, BZ_CHANGE_NEWER, ids);
	job->report->folders(job->report->me);
	return 0;
}

int bz_localmail_add(struct bz_localmail *mail, const struct bz_job *job, const char *name,
	enum bz_intent_kind kind, struct bz_append_item *items, size_t n, struct bz_err *err)
{
	struct bz_local_folder *folder = bz_localmail_by_name(mail, name, err);
	struct bz_append to = {.store = mail->store,
		.folder = name,
		.kind = kind,
		.now = g_get_real_time() / G_USEC_PER_SEC};
	int rc;

	if (folder == NULL || bz_localmail_writable(mail, err) != 0 ||
		bz_mail_begin(mail->store, job->cancel, err) != 0)
		return -1;
	to.mbox = bz_localbox_path(folder->box);
	rc = bz_append(&to, items, n, job->cancel, err);
	if (rc == 0)
		rc = bz_localmail_show(mail, job, folder, &to, items, n, err);
	bz_mail_end(mail->store);
	return rc;
}
