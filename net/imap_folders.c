/* LIST with roles and counts (RFC 3501 6.3.8; RFC 6154 SPECIAL-USE; RFC 5819 LIST-STATUS; RFC
 * 9208 QUOTA). */
#include "net/imap_box.h"
#include "net/imap_names.h"
#include "src/lang.h"

#include <string.h>

enum { FOLDERS_MAX = 10000, STATUS_MAX = 200 };

#define NOT_COUNTED UINT32_MAX /* folder->unseen: the server did not say */

struct listing {
	struct imap_call call;
	GPtrArray *found; /* struct bz_folder *, in the server's order */
	GHashTable *by_name;
	struct imap_result result;
	bool with_status;
	struct imap_quota fullest; /* of the Inbox's roots */
};

static const struct {
	const char *flag;
	enum bz_folder_role role;
} roles[] = {
	{"Sent", BZ_ROLE_SENT},
	{"Drafts", BZ_ROLE_DRAFTS},
	{"Trash", BZ_ROLE_TRASH},
	{"Junk", BZ_ROLE_JUNK},
	{"Archive", BZ_ROLE_ARCHIVE},
};

static void note_flag(struct bz_folder *folder, const char *flag)
{
	if (flag[0] == '\\')
		flag++;
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
		if (g_ascii_strcasecmp(flag, roles[i].flag) == 0 && folder->role == BZ_ROLE_NONE)
			folder->role = roles[i].role;
	if (g_ascii_strcasecmp(flag, "Noselect") == 0 ||
		g_ascii_strcasecmp(flag, "NonExistent") == 0)
		folder->selectable = false;
}

static void note_flags(struct bz_folder *folder, const struct mailimap_mbx_list_flags *flags)
{
	if (flags == NULL)
		return;
	if (flags->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG &&
		flags->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT)
		folder->selectable = false;
	for (clistiter *c = flags->mbf_oflags != NULL ? clist_begin(flags->mbf_oflags) : NULL;
		c != NULL; c = clist_next(c)) {
		const struct mailimap_mbx_list_oflag *f = clist_content(c);

		if (f->of_type == MAILIMAP_MBX_LIST_OFLAG_FLAG_EXT && f->of_flag_ext != NULL)
			note_flag(folder, f->of_flag_ext);
	}
}

static void on_list(struct listing *l, const struct mailimap_mailbox_list *list)
{
	const char *name = imap_known_name(list->mb_name);
	struct bz_folder *folder;

	if (l->found->len >= FOLDERS_MAX || name[0] == '\0' ||
		g_hash_table_contains(l->by_name, name))
		return;
	folder = g_new0(struct bz_folder, 1);
	folder->name = g_strdup(name);
	folder->title = imap_title(name, list->mb_delimiter);
	folder->delimiter = list->mb_delimiter;
	folder->unseen = NOT_COUNTED;
	folder->selectable = strpbrk(name, "\r\n") == NULL; /* such a name cannot be sent */
	if (strcmp(name, "INBOX") == 0)
		folder->role = BZ_ROLE_INBOX;
	note_flags(folder, list->mb_flag);
	g_ptr_array_add(l->found, folder);
	g_hash_table_insert(l->by_name, folder->name, folder);
}

static void on_status(struct listing *l, const struct imap_resp *r)
{
	struct bz_folder *folder = g_hash_table_lookup(l->by_name, imap_known_name(r->text));

	if (folder == NULL)
		return;
	imap_status(r->status, MAILIMAP_STATUS_ATT_MESSAGES, &folder->exists);
	imap_status(r->status, MAILIMAP_STATUS_ATT_UNSEEN, &folder->unseen);
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct listing *l = me;

	if (r->kind == IMAP_LIST)
		on_list(l, r->list);
	else if (r->kind == IMAP_STATUS)
		on_status(l, r);
	else if (r->kind == IMAP_QUOTA)
		imap_quota_keep_fullest(&l->fullest, &r->quota);
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct listing *l = me;

	imap_on_end(&l->result, end, code, text);
}

/* A server may refuse it: then there is nothing to show. */
static int ask_quota(struct listing *l)
{
	static const struct imap_on on = {.untagged = on_untagged};

	return imap_submit(l->call.b->conn, &on, l, NULL, l->call.err, "GETQUOTAROOT INBOX");
}

static int ask(struct listing *l)
{
	static const struct imap_on on = {.untagged = on_untagged, .end = on_end};
	unsigned caps = imap_caps(l->call.b->conn);
	const char *more = "";

	l->with_status = (caps & IMAP_CAP_LIST_STATUS) != 0;
	if (l->with_status && (caps & IMAP_CAP_SPECIAL_USE) != 0)
		more = " RETURN (SPECIAL-USE STATUS (MESSAGES UNSEEN))";
	else if (l->with_status)
		more = " RETURN (STATUS (MESSAGES UNSEEN))";
	if (imap_submit(l->call.b->conn, &on, l, NULL, l->call.err, "LIST \"\" \"*\"%s", more) != 0)
		return -1;
	return (caps & IMAP_CAP_QUOTA) != 0 ? ask_quota(l) : 0;
}

/* Without LIST-STATUS: one STATUS a folder, all in one flight. A folder's refusal is its own. */
static int ask_each(struct listing *l)
{
	static const struct imap_on on = {.untagged = on_untagged};

	for (guint i = 0; i < MIN(l->found->len, STATUS_MAX); i++) {
		const struct bz_folder *f = g_ptr_array_index(l->found, i);

		if (f->selectable && imap_submit(l->call.b->conn, &on, l, NULL, l->call.err,
					     "STATUS %m (MESSAGES UNSEEN)", f->name) != 0)
			return -1;
	}
	return imap_go(l->call.b, l->call.job, NULL, l->call.err);
}

/* --- into the store --------------------------------------------------------------------------- */

static int put_one(struct listing *l, struct bz_folder *folder)
{
	struct bz_folder old;
	int known = bz_store_folder_by_name(l->call.b->store, folder->name, &old, l->call.err);

	if (known < 0)
		return -1;
	if (known == 0) {
		folder->uidvalidity = old.uidvalidity;
		folder->uidnext = old.uidnext;
		if (folder->unseen == NOT_COUNTED || old.id == l->call.b->box.folder)
			folder->exists = old.exists; /* the selected one is known better */
		if (folder->unseen == NOT_COUNTED)
			folder->unseen = old.unseen;
		bz_folder_clear(&old);
	} else if (folder->unseen == NOT_COUNTED) {
		folder->unseen = 0;
	}
	return bz_store_folder_put(l->call.b->store, folder, l->call.err);
}

static int drop_one(struct listing *l, const struct bz_folder *folder)
{
	struct imap_box *box = &l->call.b->box;

	if (box->folder == folder->id) { /* whatever else comes of it has no place to go */
		g_free(box->name);
		*box = (struct imap_box){0};
	}
	return bz_store_folder_drop(l->call.b->store, folder->id, l->call.err);
}

static int drop_vanished(struct listing *l)
{
	GPtrArray *stored = bz_store_folders(l->call.b->store, l->call.err);
	int rc = stored != NULL ? 0 : -1;

	for (guint i = 0; stored != NULL && i < stored->len && rc == 0; i++) {
		const struct bz_folder *f = g_ptr_array_index(stored, i);

		if (!g_hash_table_contains(l->by_name, f->name) && f->role != BZ_ROLE_INBOX)
			rc = drop_one(l, f);
	}
	if (stored != NULL)
		g_ptr_array_unref(stored);
	return rc;
}

static int put_all(struct listing *l)
{
	int rc = bz_store_begin(l->call.b->store, l->call.err);

	imap_settle_names(l->found, l->call.b->account);
	for (guint i = 0; i < l->found->len && rc == 0; i++)
		rc = put_one(l, g_ptr_array_index(l->found, i));
	if (rc == 0)
		rc = drop_vanished(l);
	if (rc == 0)
		rc = bz_store_commit(l->call.b->store, l->call.err);
	if (rc != 0)
		bz_store_rollback(l->call.b->store);
	else
		l->call.job->report->folders(l->call.job->report->me);
	return rc;
}

static int run(struct listing *l)
{
	struct imap_result login;

	if (imap_open(l->call.b, l->call.job, &login, l->call.err) != 0)
		return -1;
	/* capabilities of a fresh line come with the login's answer */
	if (imap_go(l->call.b, l->call.job, &login, l->call.err) != 0)
		return -1;
	if (ask(l) != 0 || imap_go(l->call.b, l->call.job, NULL, l->call.err) != 0 ||
		imap_check(&l->result, l->call.err, _("The server did not list its folders.")) != 0)
		return -1;
	if (!l->with_status && ask_each(l) != 0)
		return -1;
	if (l->fullest.limit > 0)
		l->call.job->report->space(
			l->call.job->report->me, 0, l->fullest.used, l->fullest.limit);
	return put_all(l);
}

int imap_list_folders(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct listing l = {.call = {b, job, err, 0}};
	int rc;

	l.found = g_ptr_array_new_with_free_func(bz_folder_free);
	l.by_name = g_hash_table_new(g_str_hash, g_str_equal);
	rc = run(&l);
	g_hash_table_unref(l.by_name);
	g_ptr_array_unref(l.found);
	return rc;
}
