/* How far down a folder is listed unasked (keep): where the pass that fills it ends early. */
#ifndef BZ_IMAP_KEEP_H
#define BZ_IMAP_KEEP_H

#include "net/imap_private.h"

/* Messages that the next command of the pass is to be about; at most IMAP_BATCH. known: of the rows
 * that the store has below low_uid, so many. */
uint32_t imap_keep_piece(const struct bz_backend *b, const struct bz_job *job, uint32_t known);
/* Was enough looked at: all rows that there are, those on screen, and those young enough? */
bool imap_keep_is_enough(struct bz_backend *b, const struct bz_job *job);
/* The pass is over; what is older is not listed. */
int imap_keep_end(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);
/* The folder was selected again, with the same numbers. */
void imap_keep_as_before(struct bz_backend *b, const struct imap_box *before);

#endif
