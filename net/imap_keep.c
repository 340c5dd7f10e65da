#include "net/imap_keep.h"
#include "net/imap_rows.h"
#include "net/imap_sparse.h"

enum {
	DAY_SECONDS = 86400,
	SURE = 100 /* as many in a row are older: so is the rest */
};

/* Rows on screen, counted from the newest, and as many below where nothing else brings them. */
static uint64_t wanted(const struct bz_backend *b, const struct bz_job *job)
{
	uint64_t n = (uint64_t)job->window.first + job->window.count;

	return b->account->keep == BZ_KEEP_SEEN ? n + job->window.count : n;
}

static uint64_t looked_at(const struct bz_backend *b)
{
	return b->box.exists - b->box.next;
}

uint32_t imap_keep_piece(const struct bz_backend *b, const struct bz_job *job, uint32_t known)
{
	uint64_t left = wanted(b, job) - MIN(wanted(b, job), looked_at(b));

	if (b->account->keep == BZ_KEEP_ALL)
		return IMAP_BATCH;
	if (b->box.known_below)
		return CLAMP(known, 1, IMAP_BATCH);
	return b->account->keep == BZ_KEEP_SEEN ? (uint32_t)CLAMP(left, 1, IMAP_BATCH)
						: (uint32_t)IMAP_BATCH;
}

/* The oldest of those looked at. One may be young among old ones, put there by a person. */
static bool are_old(struct bz_backend *b)
{
	int64_t since =
		g_get_real_time() / G_USEC_PER_SEC - (int64_t)b->account->keep_days * DAY_SECONDS;
	int64_t pos = (int64_t)b->box.low_uid - 1;
	bool old = true;

	for (int i = 0; i < SURE && old; i++) {
		struct bz_summary row;

		if (bz_store_beside(b->store, b->box.folder, pos, true, &row, NULL) != 0)
			return i > 0;
		pos = row.pos;
		old = row.received != INT64_MIN && row.received < since;
		bz_summary_clear(&row);
	}
	return old;
}

bool imap_keep_is_enough(struct bz_backend *b, const struct bz_job *job)
{
	const struct imap_box *box = &b->box;

	if (b->account->keep == BZ_KEEP_ALL || box->low_uid == 0 || box->known_below ||
		looked_at(b) < wanted(b, job))
		return false;
	return b->account->keep == BZ_KEEP_SEEN || are_old(b);
}

int imap_keep_end(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;

	if (b->sparse.doubted > 0) /* step by step, before that */
		return 0;
	/* rows known from before jumps were */
	if (imap_sparse_from(b) == 0 && imap_sparse_open(b, box->low_uid, err) != 0)
		return -1;
	box->passing = box->moved && ++box->passes < IMAP_PASSES;
	b->live.lost = b->live.lost && box->moved;
	box->moved = false;
	box->is_cut = !box->passing;
	if (box->passing) { /* once more over the rows that there are */
		box->next = box->exists;
		box->low_uid = 0;
		box->known_below = true;
	}
	return imap_put_counts(b, job, false, err);
}

void imap_keep_as_before(struct bz_backend *b, const struct imap_box *before)
{
	struct imap_box *box = &b->box;

	if (!before->is_cut)
		return;
	box->is_cut = true;
	box->next = before->next;
	box->low_uid = before->low_uid;
}
