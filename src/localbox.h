/* A local mbox as rows of the store: shared by the FILE backend and by the folders of a POP
 * account. Worker thread. */
#ifndef BZ_LOCALBOX_H
#define BZ_LOCALBOX_H

#include "src/backend.h"

/* `buzon FILE` (filebox.c): an mbox, or one message file, "-" = standard input (spooled to an
 * unlinked private file). Reading only. The name of its one folder is "FILE"; uids are numbers
 * without further meaning (the place in the file is the row's pos). */
extern const struct bz_backend_ops bz_file_backend;

struct bz_localbox; /* one mbox file and its rows */

/* name: rows are bound by digest to the local uids that state.db has for the folder of that wire
 * name (POP); NULL: any unique uid, as where there is no state.db to be read. */
struct bz_localbox *bz_localbox_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name);
void bz_localbox_free(struct bz_localbox *box);
/* Borrowed. */
const char *bz_localbox_path(const struct bz_localbox *box);
uint32_t bz_localbox_folder(const struct bz_localbox *box);

/* Look at the file, one piece of about 50 ms; *more = come again. Nothing is read when its stamp is
 * unchanged; only the tail when it grew and what was known is still in place; else the whole from
 * its end, newest rows first (told by report->rows). The account's mail.lock is taken for a
 * piece. */
int bz_localbox_look(
	struct bz_localbox *box, const struct bz_job *job, bool *more, struct bz_err *err);
/* Its file is gone: so are its rows. What state.db knows stays, for the file may come back. */
int bz_localbox_vanished(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err);

/* --- changes of ours; under the mbox's lock -----------------------------------------------------
 */

/* Do the rows say where messages stand in a file with this stamp? */
bool bz_localbox_in_step(struct bz_localbox *box, const char *stamp);
/* The row of a message, and whether it still stands there: in step, or read and compared. STALE;
 * the file is read again at the next look. fd: the file; row is the caller's to clear. */
int bz_localbox_find(struct bz_localbox *box, int fd, bool in_step, const struct bz_msgref *ref,
	struct bz_summary *row, struct bz_err *err);
/* Put a row for a message of which uid, digest, flags, offset and length are given; the rest is
 * read from fd. row->row is set; the caller clears it. In a transaction of the cache. */
int bz_localbox_put(struct bz_localbox *box, int fd, struct bz_summary *row, struct bz_err *err);
/* We changed the file ourselves and its rows are in the store already: the stamps just before and
 * after, taken under its lock. Counts are taken anew; the file is read again only where another
 * program had changed it before us. In a transaction of the cache. */
int bz_localbox_changed(
	struct bz_localbox *box, const char *before, const char *after, struct bz_err *err);
/* Tell of rows that changed so; ids (guint32) is taken, and nothing is told of none. */
void bz_localbox_tell(
	struct bz_localbox *box, const struct bz_job *job, enum bz_change_kind kind, GArray *ids);

int bz_localbox_fetch(struct bz_localbox *box, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err);

#endif
