/* `buzon FILE`: one mbox, or one message, for reading only. */
#include "src/localbox.h"

struct bz_backend {
	struct bz_store *store;
	struct bz_localbox *box;
};

static struct bz_backend *file_create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b;
	uint32_t folder;

	if (bz_store_folder_ensure(store, "FILE", account->id, BZ_ROLE_INBOX, 1, &folder, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->store = store;
	b->box = bz_localbox_new(store, account->mbox, folder, NULL);
	return b;
}

static void file_destroy(struct bz_backend **b)
{
	bz_localbox_free((*b)->box);
	g_free(*b);
	*b = NULL;
}

static int file_list_folders(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	(void)b;
	(void)err;
	job->report->folders(job->report->me);
	return 0;
}

static int file_look(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	return bz_localbox_look(b->box, job, more, err);
}

static int file_fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	(void)what;
	return bz_localbox_fetch(b->box, job, ref, out, err);
}

const struct bz_backend_ops bz_file_backend = {
	.name = "file",
	.create = file_create,
	.destroy = file_destroy,
	.list_folders = file_list_folders,
	.look = file_look,
	.fetch = file_fetch,
};
