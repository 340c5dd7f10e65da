/* What checking, compacting and salvaging need of the two databases beside store.h. The thread and
 * the errors of store.h. */
#ifndef BZ_STORE_TOOLS_H
#define BZ_STORE_TOOLS_H

#include "src/store.h"

/* --- cache.db --------------------------------------------------------------------------------- */

/* Bytes of the mbox that the folder's rows take. */
int bz_store_bytes(struct bz_store *store, uint32_t folder, int64_t *bytes, struct bz_err *err);

/* UIDs of the rows whose messages begin before that place of the mbox, appended (guint32). */
int bz_store_uids_before(
	struct bz_store *store, uint32_t folder, int64_t offset, GArray *uids, struct bz_err *err);

struct bz_place { /* where a message stands now */
	uint32_t uid;
	int64_t offset, length;
};
/* The rows of these uids move, in transactions of <= 10 ms; the order of arrival is theirs. Between
 * two of them the folder's note is "", so that whoever looks scans the file. */
int bz_store_place_all(struct bz_store *store, uint32_t folder, const struct bz_place *places,
	size_t n, const char *note, struct bz_err *err);

/* --- state.db --------------------------------------------------------------------------------- */

/* SQLite's own check of a database file, without writing to it: a line of its for each fault,
 * appended (char *). What cannot be read is a fault. -1: it could not look, and nothing is known of
 * the file: it is in use, the disk is full or read-only. */
int bz_store_integrity(const char *path, GPtrArray *faults, struct bz_err *err);

/* Names of all folders that have local messages: char *, appended. */
int bz_store_local_folders(struct bz_store *store, GPtrArray *names, struct bz_err *err);
/* Ledger rows that say STORED and name a local message that is not there: struct bz_ledger,
 * appended. */
int bz_store_ledger_orphans(struct bz_store *store, GArray *out, struct bz_err *err);
/* The UIDL is unknown again: what the server has under it is downloaded. */
int bz_store_ledger_drop(struct bz_store *store, const char *uidl, struct bz_err *err);
/* The message is in another folder now. */
int bz_store_local_refile(
	struct bz_store *store, uint32_t uid, const char *folder, struct bz_err *err);

/* A damaged state.db, which nobody has open: all that can still be read of it goes into a new one;
 * the old one stays beside it as *kept (the caller's). *rows = how many rows were read. */
int bz_store_salvage_state(const char *path, char **kept, uint32_t *rows, struct bz_err *err);

#endif
