/* What changed in a folder since the store last held the whole of it: by mod-sequence (RFC 7162),
 * so that it costs the changes and not the folder. */
#ifndef BZ_IMAP_CHANGES_H
#define BZ_IMAP_CHANGES_H

#include "net/imap_private.h"

/* A folder's note says: the store has all that the server had up to that mod-sequence. It is
 * written once that is so, never before. */

/* The mod-sequence of a note that was made under that UIDVALIDITY; 0 = it is none. */
uint64_t imap_note_modseq(const char *note, uint32_t uidvalidity);
/* Did nothing at all change since the selected folder's note? */
bool imap_note_is_same(struct bz_backend *b);
/* The store has the whole of the selected folder as it was at SELECT, and what was told since.
 * whole false: it cannot be known; the next opening looks at all of it. */
int imap_note_write(struct bz_backend *b, bool whole, struct bz_err *err);

/* Ask for what changed since (0 = do not): imap_changes_step from now on. */
void imap_changes_begin(struct bz_backend *b, uint64_t since);
/* From the selected folder's note, where there is one that is of use. */
void imap_changes_begin_noted(struct bz_backend *b);
void imap_changes_clear(struct bz_backend *b);
bool imap_changes_are_asked(const struct bz_backend *b);
/* One piece. Afterwards more are asked for; or the pass is over (b->box.passing is false); or
 * neither, and the folder must be gone through. */
int imap_changes_step(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);

/* imap_sync.c: the rows of at most IMAP_BATCH messages (guint32 UIDs) that the store lacks. */
int imap_fetch_unknown(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err);

#endif
