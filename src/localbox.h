/* A local mbox as rows of the store: shared by the FILE backend and by POP3's Inbox. */
#ifndef BZ_LOCALBOX_H
#define BZ_LOCALBOX_H

#include "src/backend.h"

/* `buzon FILE`: an mbox, or one message file, "-" = standard input (spooled to an unlinked private
 * file). Reading only. name of its one folder: "FILE". uid = number of the row. */
extern const struct bz_backend_ops bz_file_backend;

struct bz_localbox; /* one mbox file and its rows */
/* identified: rows are bound to local uids of state.db by digest (POP); else uid = row number. */
struct bz_localbox *bz_localbox_new(
	struct bz_store *store, const char *path, uint32_t folder, bool identified);
void bz_localbox_free(struct bz_localbox *box);
/* Bring the rows up to date: nothing when the stamp is unchanged; only the tail when the file grew and
 * what was known is still in place; else the whole, tail first, rows told in batches by
 * report->rows. */
int bz_localbox_refresh(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err);
int bz_localbox_fetch(struct bz_localbox *box, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err);

#endif
