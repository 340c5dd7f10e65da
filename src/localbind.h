/* Which of an account's local messages (state.db) is a message found in a folder's file: bound by
 * identity, whatever became of offsets. One for each walk over a file; worker thread. */
#ifndef BZ_LOCALBIND_H
#define BZ_LOCALBIND_H

#include "src/store.h"

struct bz_localbind;

/* For the folder of that wire name and its rows in the store. start > 0: only what was added behind
 * that place of the file is walked, so that those with a row before it, and removed ones, are none
 * of it. */
struct bz_localbind *bz_localbind_new(struct bz_store *store, const char *name, uint32_t folder,
	int64_t start, struct bz_err *err);
void bz_localbind_free(struct bz_localbind *bind);

/* Another process may have changed state.db since: read it again where it did. Under mail.lock. */
int bz_localbind_renew(struct bz_localbind *bind, struct bz_err *err);

/* The walk goes from the newest message to the oldest. row: digest, and the flags that its file
 * says; uid and the flags to show are set. *removed = it was moved away or deleted: not to be
 * shown. In a transaction of state.db.
 *
 * One marked as deleted is first a removed one of ours that bears the mark, one without a mark
 * first a live one: where equal messages stand, the newest are the live ones. A mark that another
 * program took off brings its message back. Flags: where the file says something else than when we
 * last looked, another program changed them and they win. */
int bz_localbind_match(
	struct bz_localbind *bind, struct bz_summary *row, bool *removed, struct bz_err *err);

/* After a walk over the whole file: local messages that are no longer in it are forgotten; those of
 * which the ledger knows are missing. In a transaction of state.db. */
int bz_localbind_forget_rest(struct bz_localbind *bind, struct bz_err *err);

#endif
