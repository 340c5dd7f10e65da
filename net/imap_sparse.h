/* A folder that is not known whole: rows side by side from the newest on, and below them some that
 * a jump or a search brought, each with the sequence number it has (DESIGN section 8). */
#ifndef BZ_IMAP_SPARSE_H
#define BZ_IMAP_SPARSE_H

#include "net/imap_private.h"

/* All of this is of the folder refreshed last: it outlives the line and another folder's selection,
 * and its numbers are looked at again where they may be others then. */

/* A folder was selected: does it have the numbers that it had? */
void imap_sparse_selected(struct bz_backend *b);
/* Refreshed: what the store knows of it. fresh_from: where nothing was known before, the lowest UID
 * that was told with all above; else 0. */
int imap_sparse_open(struct bz_backend *b, uint32_t fresh_from, struct bz_err *err);
/* Its rows are known whole, or as good as that. */
void imap_sparse_close(struct bz_backend *b);
void imap_sparse_clear(struct bz_backend *b);

/* A message of the selected folder has that number; called before its row is stored. */
void imap_sparse_note(struct bz_backend *b, uint32_t uid, uint32_t number);
/* Unasked, of the selected folder; before the box's own count follows. */
void imap_sparse_expunged(struct bz_backend *b, uint32_t number);
/* ranges: struct imap_range, tidy. */
void imap_sparse_vanished(struct bz_backend *b, const GArray *ranges);
/* The count of the selected folder is another. */
void imap_sparse_follow(struct bz_backend *b);

/* The UID from which on rows of the selected folder stand side by side; 0 = all do. */
uint32_t imap_sparse_from(const struct bz_backend *b);
/* Does the store have rows from low on that stand apart? 1 yes, 0 no, -1. */
int imap_sparse_has_rows(struct bz_backend *b, uint32_t low, struct bz_err *err);
/* All rows from low on are stored now. */
int imap_sparse_lower(struct bz_backend *b, uint32_t low, struct bz_err *err);
/* What waits: rows that are gone, a list to be made anew, numbers to be looked at again. */
int imap_sparse_step(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);

/* The ops. */
int imap_window(struct bz_backend *, const struct bz_job *, const char *name, struct bz_window,
	struct bz_err *);
void imap_layout(struct bz_backend *, const struct bz_folder *, struct bz_layout *);

#endif
