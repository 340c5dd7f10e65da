/* The messages that stand in an mbox, matched with the local messages that state.db has for its
 * folder: which are live, which wait for compaction, which nobody knows, which are missing. Worker
 * threads and the command line; the account's mail.lock is held. */
#ifndef BZ_BOXMAP_H
#define BZ_BOXMAP_H

#include "src/store.h"

#include <gio/gio.h>

struct bz_boxmap_item {
	int64_t offset, length; /* of the From_ line; to the next one */
	uint8_t digest[32];
	unsigned status; /* flags that its Status lines say */
	/* after bz_boxmap_match */
	uint32_t uid;              /* 0 = state.db does not know it */
	enum bz_local_state state; /* HERE too where it was missing */
	unsigned flags;            /* the durable ones */
};

struct bz_boxmap {
	int64_t size; /* of the file when the reading began */
	char stamp[96];
	int64_t end;     /* what lies before is still to be read */
	GArray *items;   /* struct bz_boxmap_item, by offset once all is read */
	GArray *missing; /* struct bz_local: rows in any state whose bytes are not there */
	uint32_t equal;  /* messages that have the digest of another live one */
};

/* fd: the mbox. -1 when it cannot be looked at. */
int bz_boxmap_begin(struct bz_boxmap *map, int fd, const char *path, struct bz_err *err);
void bz_boxmap_clear(struct bz_boxmap *map);

/* Read on, from the end to the beginning, until stop says so (asked after each message, and
 * within one of more than 8 MiB; NULL = never) or all is read: *more false. A message that stop
 * interrupts is begun anew the next time. STALE when the file changes under it. */
int bz_boxmap_read(struct bz_boxmap *map, int fd, GCancellable *cancel, bool (*stop)(void *me),
	void *me, bool *more, struct bz_err *err);

/* Each message gets the local message it is, by digest: what is HERE first, as a row of what was
 * removed may outlive its bytes. One message, one row. */
int bz_boxmap_match(
	struct bz_boxmap *map, struct bz_store *store, const char *folder, struct bz_err *err);

/* Was it moved away or deleted here? */
bool bz_boxmap_is_removed(enum bz_local_state state);

/* Bytes before the first message that belong to none and are more than empty lines: their number,
 * 0 = none, -1. The whole file where it has no message. */
int64_t bz_boxmap_junk(const struct bz_boxmap *map, int fd, const char *path, struct bz_err *err);

#endif
