/* Folders of the server made, renamed and deleted (RFC 3501 sections 6.3.3 to 6.3.7; RFC 6154), and
 * what its refusals mean. */
#include "net/imap_box.h"
#include "net/imap_names.h"
#include "src/lang.h"
#include "src/localnames.h"

#include <string.h>

/* --- refusals --------------------------------------------------------------------------------- */

static const struct {
	const char *code; /* RFC 5530, RFC 9208 */
	enum bz_err_kind kind;
	const char *sentence;
} refusals[] = {
	{"OVERQUOTA", BZ_ERR_REFUSED, N_("The mailbox on the server is full; nothing was added.")},
	{"NOPERM", BZ_ERR_REFUSED, N_("The server does not allow you that in this folder.")},
	{"ALREADYEXISTS", BZ_ERR_REFUSED, N_("There is a folder of that name already.")},
	{"TRYCREATE", BZ_ERR_STALE, N_("That folder is no longer on the server.")},
	{"NONEXISTENT", BZ_ERR_STALE, N_("That folder is no longer on the server.")},
	{"CANNOT", BZ_ERR_REFUSED, N_("The server takes no folder of that name.")},
	{"HASCHILDREN", BZ_ERR_REFUSED, N_("There are folders below it; delete those first.")},
	{"INUSE", BZ_ERR_REFUSED, N_("Another program is at work in that folder; try it again.")},
};

int imap_refused(const struct imap_result *result, struct bz_err *err, const char *sentence)
{
	enum bz_err_kind kind = BZ_ERR_REFUSED;

	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
		if (g_ascii_strcasecmp(result->code, refusals[i].code) != 0)
			continue;
		kind = refusals[i].kind;
		sentence = _(refusals[i].sentence);
	}
	return bz_err_server(err, kind, kind == BZ_ERR_STALE ? BZ_CODE_NOT_FOUND : BZ_CODE_NONE,
		result->text, -1, "%s", sentence);
}

/* --- names ------------------------------------------------------------------------------------ */

/* The name on the wire for what the person typed; the caller's. */
static char *name_for(struct imap_call *call, const char *title, struct bz_err *err)
{
	g_autofree char *good = bz_local_title(title, err);
	g_autofree char *name = NULL;
	struct imap_naming naming;
	GPtrArray *folders;

	if (good == NULL)
		return NULL;
	folders = bz_store_folders(call->b->store, err);
	if (folders == NULL)
		return NULL;
	imap_learn_naming(&naming, folders);
	g_ptr_array_unref(folders);
	name = imap_name(good, naming.delimiter, err);
	if (name == NULL)
		return NULL;
	return g_str_has_prefix(name, naming.prefix) ? g_steal_pointer(&name)
						     : g_strconcat(naming.prefix, name, NULL);
}

/* --- commands --------------------------------------------------------------------------------- */

static const struct imap_on on_answer = {.end = imap_on_end};

/* Logged in, its capabilities known, and the folder table as the server has it now. */
static int begin(struct imap_call *call)
{
	return imap_list_folders(call->b, call->job, call->err);
}

/* Whether other programs list it is no matter of this request. */
static int submit_subscribe(struct imap_call *call, const char *name, bool on)
{
	static const struct imap_on nobody = {0};

	return imap_submit(call->b->conn, &nobody, NULL, NULL, call->err, "%s %m",
		on ? "SUBSCRIBE" : "UNSUBSCRIBE", name);
}

static int make(struct imap_call *call, const char *name, enum bz_folder_role role)
{
	struct imap_result result = {.end = IMAP_OK};
	const char *use = role == BZ_ROLE_TRASH     ? " (USE (\\Trash))"
			  : role == BZ_ROLE_ARCHIVE ? " (USE (\\Archive))"
						    : "";

	if ((imap_caps(call->b->conn) & IMAP_CAP_CREATE_USE) == 0)
		use = "";
	if (imap_submit(call->b->conn, &on_answer, &result, NULL, call->err, "CREATE %m%s", name,
		    use) != 0 ||
		imap_go(call->b, call->job, NULL, call->err) != 0)
		return -1;
	if (result.end != IMAP_OK)
		return imap_refused(&result, call->err, _("The server did not make the folder."));
	if (submit_subscribe(call, name, true) != 0)
		return -1;
	return imap_go(call->b, call->job, NULL, call->err);
}

/* What is selected is not what goes or gets another name. */
static int step_aside(struct imap_call *call, const char *name)
{
	const struct imap_box *box = &call->b->box;

	if (box->name == NULL || !g_str_has_prefix(box->name, name))
		return 0;
	return imap_select(call->b, call->job, "INBOX", false, call->err);
}

static int is_inbox(const char *name, struct bz_err *err)
{
	if (g_ascii_strcasecmp(name, "INBOX") != 0)
		return 0;
	return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("Every account has this folder; it cannot be renamed or deleted."));
}

/* --- roles ------------------------------------------------------------------------------------ */

static int find_role(struct imap_call *call, enum bz_folder_role role, struct bz_folder *out)
{
	GPtrArray *folders = bz_store_folders(call->b->store, call->err);
	int rc = folders != NULL ? 1 : -1;

	for (guint i = 0; folders != NULL && i < folders->len && rc == 1; i++) {
		const struct bz_folder *f = g_ptr_array_index(folders, i);

		if (f->role == role && f->selectable)
			rc = bz_store_folder_by_id(call->b->store, f->id, out, call->err);
	}
	if (folders != NULL)
		g_ptr_array_unref(folders);
	return rc;
}

static int put_made(struct imap_call *call, const char *name, enum bz_folder_role role)
{
	struct bz_folder folder;
	int rc = bz_store_folder_by_name(call->b->store, name, &folder, call->err);

	if (rc != 0)
		return rc;
	folder.role = role;
	rc = bz_store_folder_put(call->b->store, &folder, call->err);
	bz_folder_clear(&folder);
	call->job->report->folders(call->job->report->me);
	return rc;
}

/* Another device may have made it meanwhile, with or without telling what it is for. */
static int make_role(struct imap_call *call, enum bz_folder_role role)
{
	g_autofree char *name = name_for(call, bz_account_makes(call->b->account, role), call->err);
	int there;

	if (name == NULL)
		return -1;
	there = put_made(call, name, role);
	if (there <= 0)
		return there;
	if (make(call, name, role) != 0 || begin(call) != 0)
		return -1;
	return put_made(call, name, role) < 0 ? -1 : 0;
}

int imap_need_role(struct bz_backend *b, const struct bz_job *job, enum bz_folder_role role,
	struct bz_folder *out, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	int rc = begin(&call) == 0 ? find_role(&call, role, out) : -1;

	if (rc != 1)
		return rc;
	rc = make_role(&call, role) == 0 ? find_role(&call, role, out) : -1;
	if (rc != 1)
		return rc;
	return bz_err_set(
		err, BZ_ERR_REFUSED, BZ_CODE_NONE, _("The server did not make the folder."));
}

int imap_make_again(struct bz_backend *b, const struct bz_job *job, const struct bz_folder *folder,
	struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};

	return make(&call, folder->name, folder->role);
}

/* --- the ops ---------------------------------------------------------------------------------- */

int imap_create_folder(
	struct bz_backend *b, const struct bz_job *job, const char *title, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	g_autofree char *name = begin(&call) == 0 ? name_for(&call, title, err) : NULL;

	if (name == NULL || make(&call, name, BZ_ROLE_NONE) != 0)
		return -1;
	return begin(&call);
}

/* "from" -> "to", "from.a" -> "to.a"; NULL for any other. The caller's. */
static char *renamed(const char *name, const char *from, const char *to, char delimiter)
{
	size_t n = strlen(from);

	if (strncmp(name, from, n) != 0 ||
		(name[n] != '\0' && (delimiter == '\0' || name[n] != delimiter)))
		return NULL;
	return g_strconcat(to, name + n, NULL);
}

/* Rows and messages keep their place in the store, so that what refers to them goes on. */
static int rename_rows(struct imap_call *call, const struct bz_folder *from, const char *to)
{
	GPtrArray *folders = bz_store_folders(call->b->store, call->err);
	int rc = folders != NULL ? bz_store_begin(call->b->store, call->err) : -1;

	for (guint i = 0; folders != NULL && i < folders->len && rc == 0; i++) {
		const struct bz_folder *f = g_ptr_array_index(folders, i);
		g_autofree char *name = renamed(f->name, from->name, to, from->delimiter);
		g_autofree char *title = name != NULL ? imap_title(name, f->delimiter) : NULL;

		if (name != NULL)
			rc = bz_store_folder_rename(call->b->store, f->id, name, title, call->err);
	}
	if (folders != NULL)
		g_ptr_array_unref(folders);
	if (rc == 0)
		return bz_store_commit(call->b->store, call->err);
	bz_store_rollback(call->b->store);
	return -1;
}

static int rename_to(struct imap_call *call, const struct bz_folder *folder, const char *to)
{
	struct imap_result result = {.end = IMAP_OK};

	if (strcmp(folder->name, to) == 0)
		return 0;
	if (step_aside(call, folder->name) != 0 ||
		imap_submit(call->b->conn, &on_answer, &result, NULL, call->err, "RENAME %m %m",
			folder->name, to) != 0 ||
		imap_go(call->b, call->job, NULL, call->err) != 0)
		return -1;
	if (result.end != IMAP_OK)
		return imap_refused(&result, call->err, _("The server did not rename the folder."));
	if (rename_rows(call, folder, to) != 0 ||
		submit_subscribe(call, folder->name, false) != 0 ||
		submit_subscribe(call, to, true) != 0 ||
		imap_go(call->b, call->job, NULL, call->err) != 0)
		return -1;
	return begin(call);
}

int imap_rename_folder(struct bz_backend *b, const struct bz_job *job, const char *name,
	const char *title, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	g_autofree char *to = NULL;
	struct bz_folder folder;
	int rc;

	if (is_inbox(name, err) != 0 || begin(&call) != 0)
		return -1;
	to = name_for(&call, title, err);
	if (to == NULL || bz_store_folder_need(b->store, name, &folder, err) != 0)
		return -1;
	rc = rename_to(&call, &folder, to);
	bz_folder_clear(&folder);
	return rc;
}

static int check_childless(struct imap_call *call, const struct bz_folder *folder)
{
	GPtrArray *folders = bz_store_folders(call->b->store, call->err);
	int rc = folders != NULL ? 0 : -1;

	for (guint i = 0; folders != NULL && i < folders->len && rc == 0; i++) {
		const struct bz_folder *f = g_ptr_array_index(folders, i);
		g_autofree char *inside = renamed(f->name, folder->name, "", folder->delimiter);

		if (inside != NULL && inside[0] != '\0')
			rc = bz_err_set(call->err, BZ_ERR_REFUSED, BZ_CODE_NONE,
				_("There are folders below %s; delete those first."),
				folder->title);
	}
	if (folders != NULL)
		g_ptr_array_unref(folders);
	return rc;
}

static int delete_one(struct imap_call *call, const struct bz_folder *folder)
{
	struct imap_result result = {.end = IMAP_OK};

	if (check_childless(call, folder) != 0 || step_aside(call, folder->name) != 0 ||
		imap_submit(call->b->conn, &on_answer, &result, NULL, call->err, "DELETE %m",
			folder->name) != 0 ||
		imap_go(call->b, call->job, NULL, call->err) != 0)
		return -1;
	if (result.end != IMAP_OK)
		return imap_refused(&result, call->err, _("The server did not delete the folder."));
	if (submit_subscribe(call, folder->name, false) != 0 ||
		imap_go(call->b, call->job, NULL, call->err) != 0)
		return -1;
	return begin(call);
}

int imap_delete_folder(
	struct bz_backend *b, const struct bz_job *job, const char *name, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	struct bz_folder folder;
	int rc;

	if (is_inbox(name, err) != 0 || begin(&call) != 0 ||
		bz_store_folder_need(b->store, name, &folder, err) != 0)
		return -1;
	rc = delete_one(&call, &folder);
	bz_folder_clear(&folder);
	return rc;
}
