/* What localbox.c and localscan.c share; nobody else includes this. */
#ifndef BZ_LOCALBOX_PRIVATE_H
#define BZ_LOCALBOX_PRIVATE_H

#include "src/localbind.h"
#include "src/localbox.h"
#include "src/mbox.h"

struct bz_localbox {
	struct bz_store *store;
	char *path;
	uint32_t folder;
	char *name;     /* of the folder whose local messages these are; NULL: any uids */
	bool detached;  /* it has them, but there is no state.db to read */
	int spool;      /* standard input's copy, or -1 */
	char token[64]; /* the folder's note while this box walks over the file */
	/* the scan that is under way */
	bool scanning;
	bool tail_only;            /* an appended tail: rows are newer than all known */
	int64_t start, end;        /* what is still to be looked at */
	char stamp[96];            /* of the file when the scan began */
	struct bz_localbind *bind; /* where it has a name */
	uint32_t next_uid;
	uint32_t known, unseen; /* rows */
	int64_t busy_until;     /* monotonic us: another buzon has the lock; 0 = no */
};

/* The file for reading, with what it is like; fd or -1. */
int bz_localbox_open_file(struct bz_localbox *box, struct stat *st, struct bz_err *err);
/* The folder's note when all of a file with this stamp is known. */
void bz_localbox_stamp_note(const struct bz_localbox *box, const char *stamp, char out[112]);
/* known and unseen into the folder. */
int bz_localbox_save_counts(struct bz_localbox *box, struct bz_err *err);

#endif
