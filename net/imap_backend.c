/* IMAP (RFC 3501): the server's folders, live. */
#include "net/backends.h"
#include "net/imap_private.h"
#include "net/imap_sparse.h"

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b;
	uint32_t inbox;

	if (bz_store_folder_ensure(store, "INBOX", "Inbox", BZ_ROLE_INBOX, 0, &inbox, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->account = account;
	b->store = store;
	return b;
}

static void destroy(struct bz_backend **b)
{
	imap_disconnect(*b);
	imap_sparse_clear(*b);
	g_free(*b);
	*b = NULL;
}

const struct bz_backend_ops bz_imap_backend = {
	.name = "imap",
	.caps = BZ_CAP_REMOTE | BZ_CAP_LIVE | BZ_CAP_FLAGS | BZ_CAP_MOVE | BZ_CAP_FOLDERS,
	.create = create,
	.destroy = destroy,
	.disconnect = imap_disconnect,
	.list_folders = imap_list_folders,
	.refresh = imap_refresh,
	.window = imap_window,
	.layout = imap_layout,
	.watch = imap_watch,
	.fetch = imap_fetch,
	.search = imap_search,
	.set_flags = imap_set_flags,
	.are_there = imap_are_there,
	.background = imap_background,
	.quota = imap_quota_usage,
	.move = imap_move,
	.expunge = imap_expunge,
	.create_folder = imap_create_folder,
	.rename_folder = imap_rename_folder,
	.delete_folder = imap_delete_folder,
};
