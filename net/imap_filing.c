/* A move that was kept while the line was down (bz_job.filing): what it needs beside one that is
 * asked for now. */
#include "net/imap_move.h"

void imap_filing_board(struct imap_rider *rider, const struct bz_summary *kept)
{
	rider->row = (struct bz_summary){.row = 1,
		.uid = kept->uid,
		.date = kept->date,
		.size = kept->size,
		.flags = kept->flags,
		.subject = g_strdup(kept->subject),
		.message_id = g_strdup(kept->message_id)};
}

int imap_filing_begin(const struct imap_moving *m)
{
	const struct bz_filing *filing = m->call.job->filing;

	return filing == NULL
		       ? 0
		       : filing->begin(filing->me, m->to.uidvalidity, m->uidnext, m->call.err);
}

bool imap_filing_interrupted(const struct imap_moving *m)
{
	struct bz_halfway *halfway = m->call.job->halfway;

	if (m->call.job->filing != NULL)
		return true;
	if (m->copy || halfway == NULL)
		return false;
	*halfway = (struct bz_halfway){true, m->to.uidvalidity, m->uidnext};
	return true;
}

void imap_filing_tell(const struct imap_moving *m)
{
	for (size_t i = 0; i < m->n; i++) {
		enum imap_fate fate = m->riders[i].fate;

		if (fate == IMAP_VANISHED)
			m->call.job->filing->fates[i] = BZ_FATE_GONE;
		else if (fate == IMAP_ARRIVED && m->left)
			m->call.job->filing->fates[i] = BZ_FATE_ARRIVED;
	}
}
