/* Are messages that are known by their UIDs in their folder still? (RFC 3501 section 6.4.8: those
 * that are not are passed over in silence.) */
#include "net/imap_rows.h"
#include "net/imap_uidset.h"

static void read_answer(const struct imap_intake *in, const struct bz_msgref *refs, size_t n,
	bool *there, unsigned *flags)
{
	for (guint k = 0; k < in->flags->len; k++) {
		const struct imap_uid_flags *f =
			&g_array_index(in->flags, struct imap_uid_flags, k);
		size_t low = 0, high = n;

		while (low < high) {
			size_t mid = (low + high) / 2;

			if (refs[mid].uid < f->uid)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < n && refs[low].uid == f->uid) {
			there[low] = true;
			flags[low] = f->flags;
		}
	}
}

/* As many as one command takes. */
static int ask_some(struct imap_call *call, const struct bz_msgref *refs, size_t n, bool *there,
	unsigned *flags)
{
	uint32_t uids[IMAP_SET_UIDS];
	GString *set = g_string_new(NULL);
	struct imap_intake in;
	int rc;

	for (size_t i = 0; i < n; i++) {
		uids[i] = refs[i].uid;
		there[i] = false;
		flags[i] = 0;
	}
	(void)imap_uidset_add(set, uids, n);
	imap_intake_init(&in, call->b);
	imap_intake_ask(&in, true, uids[0], uids[n - 1]);
	rc = imap_submit(call->b->conn, &imap_intake_on, &in, NULL, call->err,
		"UID FETCH %s (UID FLAGS)", set->str);
	if (rc == 0)
		rc = imap_intake_wait(&in, call->job, call->err);
	if (rc == 0)
		read_answer(&in, refs, n, there, flags);
	imap_intake_clear(&in);
	g_string_free(set, TRUE);
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
