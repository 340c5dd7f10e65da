/* buzon check --store: the mail files of a POP account against what state.db knows of them. Command
 * line. Nothing is ever deleted: what repairing takes out of the way it copies or notes first. */
#ifndef BZ_STORECHECK_H
#define BZ_STORECHECK_H

#include "src/settings.h"

#include <gio/gio.h>

struct bz_storecheck {
	bool repair;
	GCancellable *cancel;
	/* One finding, a sentence (translated, not cleaned). folder: its title, or NULL. A problem
	 * that was put right is told as one. */
	void (*say)(void *me, const char *folder, const char *text);
	void *me;
	/* out */
	uint32_t messages; /* live ones */
	uint32_t folders;
	uint32_t problems; /* still there */
};

/* Finishes what a crash interrupted, then looks at every folder, under the account's mail.lock. -1:
 * it could not be looked at (LOCKED after 10 s, files that cannot be read); findings told before
 * that stand. */
int bz_storecheck_run(
	struct bz_storecheck *check, const struct bz_account *account, struct bz_err *err);

#endif
