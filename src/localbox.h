/* A local mbox as rows of the store: shared by the FILE backend and by POP3's Inbox.
 * Worker thread. */
#ifndef BZ_LOCALBOX_H
#define BZ_LOCALBOX_H

#include "src/backend.h"

/* `buzon FILE`: an mbox, or one message file, "-" = standard input (spooled to an unlinked private
 * file). Reading only. The name of its one folder is "FILE"; uids are numbers without further
 * meaning (the place in the file is the row's pos). */
extern const struct bz_backend_ops bz_file_backend;

struct bz_localbox; /* one mbox file and its rows */

/* name: rows are bound by digest to the local uids that state.db has for the folder of that wire
 * name (POP); NULL: any unique uid. */
struct bz_localbox *bz_localbox_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name);
void bz_localbox_free(struct bz_localbox *box);

/* Look at the file, one piece of about 50 ms; *more = come again. Nothing is read when its stamp is
 * unchanged; only the tail when it grew and what was known is still in place; else the whole from
 * its end, newest rows first (told by report->rows). */
int bz_localbox_look(
	struct bz_localbox *box, const struct bz_job *job, bool *more, struct bz_err *err);

/* We appended these rows ourselves (rows in the store already): the stamp moves on. */
int bz_localbox_appended(struct bz_localbox *box, struct bz_err *err);

int bz_localbox_fetch(struct bz_localbox *box, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err);

#endif
