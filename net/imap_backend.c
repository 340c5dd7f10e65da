/* IMAP (RFC 3501): the server's folders, live. */
#include "net/backends.h"
#include "net/imap_private.h"

static int put_inbox(struct bz_store *store, struct bz_err *err)
{
	struct bz_folder inbox;
	int known = bz_store_folder_by_name(store, "INBOX", &inbox, err);

	if (known == 0)
		bz_folder_clear(&inbox);
	if (known != 1)
		return known;
	inbox = (struct bz_folder){.name = (char *)(uintptr_t) "INBOX",
		.title = (char *)(uintptr_t) "Inbox",
		.role = BZ_ROLE_INBOX,
		.selectable = true};
	return bz_store_folder_put(store, &inbox, err);
}

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b;

	if (put_inbox(store, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->account = account;
	b->store = store;
	return b;
}

static void destroy(struct bz_backend **b)
{
	imap_disconnect(*b);
	g_free(*b);
	*b = NULL;
}

const struct bz_backend_ops bz_imap_backend = {
	.name = "imap",
	.caps = BZ_CAP_REMOTE | BZ_CAP_LIVE | BZ_CAP_FLAGS,
	.create = create,
	.destroy = destroy,
	.disconnect = imap_disconnect,
	.list_folders = imap_list_folders,
	.refresh = imap_refresh,
	.fetch = imap_fetch,
	.set_flags = imap_set_flags,
	.background = imap_background,
};
