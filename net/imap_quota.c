/* What the mailbox on the server holds and may hold (RFC 9208), and how large its folders are
 * (STATUS SIZE: RFC 8438). */
#include "net/imap_box.h"
#include "net/imap_names.h"
#include "src/lang.h"
#include "src/usage.h"

#include <string.h>

enum { ROOTS_MAX = 8, ASKED_MAX = 500 };

struct asking {
	struct imap_call call;
	struct bz_usage *usage;
	GPtrArray *known;   /* struct bz_folder *, the store's */
	GHashTable *folder; /* by name, in known */
	struct imap_quota fullest;
};

static void on_quota(struct asking *a, const struct imap_resp *r)
{
	struct bz_usage_root root = {g_strdup(r->text), r->quota.used, r->quota.limit,
		r->quota.messages, r->quota.messages_limit};

	imap_quota_keep_fullest(&a->fullest, &r->quota);
	for (guint i = 0; i < a->usage->roots->len; i++) {
		struct bz_usage_root *old =
			&g_array_index(a->usage->roots, struct bz_usage_root, i);

		if (strcmp(old->name, root.name) != 0)
			continue;
		g_free(old->name);
		*old = root;
		return;
	}
	if (a->usage->roots->len < ROOTS_MAX)
		g_array_append_val(a->usage->roots, root);
	else
		g_free(root.name);
}

/* Each folder once, whatever a server says how often. */
static void on_status(struct asking *a, const struct imap_resp *r)
{
	const char *name = imap_known_name(r->text);
	const struct bz_folder *f = g_hash_table_lookup(a->folder, name);
	struct bz_usage_folder size = {0};

	if (f == NULL || !r->has_size)
		return;
	g_hash_table_remove(a->folder, name);
	size.name = g_strdup(f->name);
	size.title = g_strdup(f->title);
	size.role = f->role;
	size.bytes = r->size;
	imap_status(r->status, MAILIMAP_STATUS_ATT_MESSAGES, &size.messages);
	g_array_append_val(a->usage->folders, size);
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	if (r->kind == IMAP_QUOTA)
		on_quota(me, r);
	else if (r->kind == IMAP_STATUS)
		on_status(me, r);
}

/* What one folder is refused says nothing of the others. */
static const struct imap_on on = {.untagged = on_untagged};

static int ask_sizes(struct asking *a)
{
	struct imap_conn *conn = a->call.b->conn;
	guint asked = 0;

	if ((imap_caps(conn) & IMAP_CAP_LIST_STATUS) != 0)
		return imap_submit(conn, &on, a, NULL, a->call.err,
			"LIST \"\" \"*\" RETURN (STATUS (MESSAGES SIZE))");
	for (guint i = 0; i < a->known->len && asked < ASKED_MAX; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->known, i);

		if (!f->selectable)
			continue;
		asked++;
		if (imap_submit(conn, &on, a, NULL, a->call.err, "STATUS %m (MESSAGES SIZE)",
			    f->name) != 0)
			return -1;
	}
	return 0;
}

static int ask_roots(struct asking *a, const char *folder)
{
	struct imap_conn *conn = a->call.b->conn;

	if ((imap_caps(conn) & IMAP_CAP_QUOTA) == 0)
		return 0;
	if (imap_submit(conn, &on, a, NULL, a->call.err, "GETQUOTAROOT INBOX") != 0)
		return -1;
	return strcmp(folder, "INBOX") == 0
		       ? 0
		       : imap_submit(conn, &on, a, NULL, a->call.err, "GETQUOTAROOT %m", folder);
}

static int ask(struct asking *a, const char *folder)
{
	struct bz_backend *b = a->call.b;
	struct imap_result login;

	if (imap_open(b, a->call.job, &login, a->call.err) != 0 ||
		imap_go(b, a->call.job, &login, a->call.err) != 0 ||
		imap_know_caps(&a->call, IMAP_CAP_QUOTA | IMAP_CAP_STATUS_SIZE) != 0 ||
		ask_roots(a, folder) != 0)
		return -1;
	if ((imap_caps(b->conn) & IMAP_CAP_STATUS_SIZE) != 0 && ask_sizes(a) != 0)
		return -1;
	return imap_go(b, a->call.job, NULL, a->call.err);
}

static int complete(struct asking *a, const char *folder)
{
	struct bz_store *store = a->call.b->store;
	struct bz_folder open;
	const struct bz_report *report = a->call.job->report;
	int rc = 0;

	if (a->fullest.limit > 0) /* the status line follows */
		report->space(report->me, 0, a->fullest.used, a->fullest.limit);
	if (a->usage->folders->len == 0)
		rc = bz_usage_count_folders(a->usage, store, a->call.err);
	bz_usage_rank_folders(a->usage);
	if (rc != 0 || bz_store_folder_need(store, folder, &open, a->call.err) != 0)
		return -1;
	rc = bz_usage_find_messages(a->usage, store, open.id, a->call.err);
	bz_folder_clear(&open);
	return rc;
}

int imap_quota_usage(struct bz_backend *b, const struct bz_job *job, const char *folder,
	struct bz_usage *usage, struct bz_err *err)
{
	struct asking a = {.call = {b, job, err, 0}, .usage = usage};
	int rc;

	a.known = bz_store_folders(b->store, err);
	if (a.known == NULL)
		return -1;
	a.folder = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < a.known->len; i++) {
		struct bz_folder *f = g_ptr_array_index(a.known, i);

		g_hash_table_insert(a.folder, f->name, f);
	}
	rc = ask(&a, folder);
	if (rc == 0)
		rc = complete(&a, folder);
	g_hash_table_unref(a.folder);
	g_ptr_array_unref(a.known);
	return rc;
}
