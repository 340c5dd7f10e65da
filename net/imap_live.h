/* What comes of itself while a folder is selected (RFC 3501 sections 7.3, 7.4.1): noted from every
 * response, put into the store when there is time. */
#ifndef BZ_IMAP_LIVE_H
#define BZ_IMAP_LIVE_H

#include "net/imap_private.h"

/* Nothing is followed any longer, and what was noted is forgotten. */
void imap_live_clear(struct bz_backend *b);
/* Before the box's own counts follow. */
void imap_live_note(struct bz_backend *b, const struct imap_resp *r);
/* Messages that are gone: ranges (struct imap_range, tidy) of UIDs, or NULL: not known which. */
void imap_live_vanished(struct bz_backend *b, const GArray *ranges);
/* The same folder was selected again, with the same numbers: only marks may have changed. */
void imap_live_keep(struct bz_backend *b);

/* Is there something that imap_live_settle would do? */
bool imap_live_is_due(const struct bz_backend *b);
/* What needs no line: marks and removals, into the store. */
int imap_live_put(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);
/* The rows of messages that came, if any, before anything else is done; the folder need not be
 * known whole. */
int imap_live_fetch(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);
/* All of it; the rows of arrivals are fetched. *again: it cannot be followed one by one. */
int imap_live_settle(
	struct bz_backend *b, const struct bz_job *job, bool *again, struct bz_err *err);

#endif
