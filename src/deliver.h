/* Mail into the account's mbox exactly once: intent, append, fsync, ledger (DESIGN section 7,
 * steps 0 and 3 to 6). The POP3 backend hands over whole messages; nothing else appends. */
#ifndef BZ_DELIVER_H
#define BZ_DELIVER_H

#include "src/store.h"

#include <gio/gio.h>

struct bz_deliver_item {
	char uidl[71];
	uint64_t size;   /* as listed */
	GBytes *message; /* as received: whole, un-stuffed, CRLF or LF */
	/* out, after success */
	uint32_t uid; /* local uid */
	int64_t offset, length;
	uint8_t digest[32];
};

/* Step 0: finish or undo a batch that a crash interrupted. The mbox lock is taken inside. Adopted
 * messages get their rows in state.db; *changed = the mbox must be scanned again. */
int bz_deliver_recover(struct bz_store *store, const char *mbox, bool *changed,
	GCancellable *cancel, struct bz_err *err);

/* Steps 3 to 6 for a batch. All or nothing: on failure the mbox is cut back and nothing is in the
 * ledger. UIDLs that another buzon stored meanwhile are left out (their uid stays 0). */
int bz_deliver(struct bz_store *store, const char *mbox, const char *folder,
	struct bz_deliver_item *items, size_t n, int64_t now, GCancellable *cancel,
	struct bz_err *err);

#endif
