/* Are messages that are known by their UIDs in their folder still? */
#include "net/imap_rows.h"
#include "net/imap_uidset.h"

#include <stdlib.h>

/* As many as one command takes. */
static int ask_some(struct imap_call *call, const struct bz_msgref *refs, size_t n, bool *there,
	unsigned *flags)
{
	uint32_t uids[IMAP_SET_UIDS];
	struct imap_intake in;
	int rc;

	for (size_t i = 0; i < n; i++) {
		uids[i] = refs[i].uid;
		there[i] = false;
		flags[i] = 0;
	}
	imap_intake_init(&in, call->b);
	rc = imap_intake_flags(&in, call->job, uids, n, call->err);
	for (guint k = 0; rc == 0 && k < in.flags->len; k++) {
		const struct imap_uid_flags *f = &g_array_index(in.flags, struct imap_uid_flags, k);
		const uint32_t *uid = bsearch(&f->uid, uids, n, sizeof *uids, bz_uid_compare);

		if (uid == NULL)
			continue;
		there[uid - uids] = true;
		flags[uid - uids] = f->flags;
	}
	imap_intake_clear(&in);
	return rc;
}

int imap_are_there(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, bool *there, unsigned *flags, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	int rc = n > 0 ? imap_enter(b, job, &refs[0], true, err) : 0;

	for (size_t done = 0, some; done < n && rc == 0; done += some) {
		some = MIN(n - done, (size_t)IMAP_SET_UIDS);
		rc = ask_some(&call, refs + done, some, there + done, flags + done);
	}
	return rc;
}
