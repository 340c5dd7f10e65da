/* Compaction: an mbox is written anew without the messages that were moved away or deleted, and its
 * new file takes the old one's place (DESIGN section 7). Killed or out of space at any moment: the
 * old file or the new one, each with every live message. Worker threads. */
#ifndef BZ_COMPACT_H
#define BZ_COMPACT_H

#include "src/backend.h"

/* One folder's. path: its mbox; folder: the store's id, name: its wire name. */
struct bz_compactor;
struct bz_compactor *bz_compactor_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name);
/* What was written so far and is in nobody's place goes. */
void bz_compactor_free(struct bz_compactor **compactor);

/* One piece of about 50 ms under mail.lock and the mbox's locks; *more = come again. It gives way
 * to a waiting request, and begins anew where the file changed between two pieces. Nothing is
 * written where nothing is dead. LOCAL when the file is none of ours alone (a link, another's), is
 * locked, or when the new one does not fit; the old file stays as it is then. */
int bz_compactor_step(
	struct bz_compactor *compactor, const struct bz_job *job, bool *more, struct bz_err *err);
/* Bytes given back; after the last step. */
int64_t bz_compactor_freed(const struct bz_compactor *compactor);

/* Unasked: is so much of the file dead that it is worth it (a fifth, and a megabyte)? By the
 * folder's rows; false where they are not known to be the file's. */
bool bz_compact_is_worthwhile(struct bz_store *store, const char *path, uint32_t folder);

/* What an interrupted compaction of that mbox may have left beside it; the caller frees. */
char *bz_compact_temp_name(const char *path);

#endif
