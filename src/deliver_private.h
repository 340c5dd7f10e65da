/* What deliver.c and deliver_recover.c share; nobody else includes this. */
#ifndef BZ_DELIVER_PRIVATE_H
#define BZ_DELIVER_PRIVATE_H

#include "src/deliver.h"

enum { BZ_MAIL_LOCK_MS = 10000 };

/* LOCAL error for errno: -1. */
int bz_deliver_io_error(struct bz_err *err, const char *path);
/* All n bytes at offset; -1 with errno. */
int bz_deliver_write(int fd, const void *bytes, size_t n, int64_t offset);
/* Make the entry of path durable. */
int bz_deliver_sync_dir(const char *path);

/* Put D on the sources of the first n items, take it off the others' (those that had none before),
 * and sync. item->marked says what stands in the file; without a mark state.db alone says that the
 * message left. verify: each must be where the intent says. */
void bz_deliver_mark(int fd, struct bz_intent *intent, size_t n, bool verify);
/* RETURN: take D off the messages that come back; item->in_file. -1 when that cannot be had. */
int bz_deliver_unmark(int fd, struct bz_intent *intent, struct bz_err *err);

/* deliver_recover.c: finish or undo a pending intent. Under mail.lock. */
int bz_deliver_recover(struct bz_store *store, GCancellable *cancel, struct bz_err *err);
/* localfolders.c: finish a renaming or deleting of a folder. Under mail.lock. */
int bz_local_folders_recover(struct bz_store *store, struct bz_err *err);

#endif
