/* What storecheck.c (looking) and storecheck_repair.c (putting right) share. */
#ifndef BZ_STORECHECK_PRIVATE_H
#define BZ_STORECHECK_PRIVATE_H

#include "src/boxmap.h"
#include "src/storecheck.h"

struct bz_check_folder {
	char *name, *title, *path;
	struct bz_boxmap map; /* items NULL: there is no such file */
	int64_t junk;         /* bytes at its start that belong to no message */
	bool torn;            /* its last message has no end and nobody knows it */
	guint unknown;        /* messages that state.db does not have */
	guint missing;        /* local messages whose bytes are in no file */
};

struct bz_check {
	struct bz_storecheck *to;
	const struct bz_account *account;
	char *dir, *cache_path, *state_path;
	struct bz_store *store; /* NULL: state.db cannot be used */
	GPtrArray *folders;     /* struct bz_check_folder * */
	int report;             /* of what is missing, -1 = not begun */
	char *report_path;
};

void bz_check_say(struct bz_check *check, const struct bz_check_folder *folder, const char *fmt,
	...) G_GNUC_PRINTF(3, 4);

/* --- storecheck_repair.c: 0 or -1 with err ---------------------------------------------------- */

/* Name of the copy of the bytes from..end of the folder's file, by their digest; NULL with err. The
 * caller frees. */
char *bz_check_copy_name(
	const struct bz_check_folder *folder, int64_t from, int64_t end, struct bz_err *err);
int bz_check_copy(const struct bz_check_folder *folder, int64_t from, int64_t end, const char *copy,
	struct bz_err *err);
/* Messages that nobody knows become local messages, those that another program took from one folder
 * to another stay the ones they are, and missing ones are noted in the report and forgotten, so
 * that the server's copies are downloaded again. */
int bz_check_repair_folders(struct bz_check *check, struct bz_err *err);
/* Ledger rows (struct bz_ledger) whose local message is not there. */
int bz_check_repair_ledger(struct bz_check *check, const GArray *orphans, struct bz_err *err);

#endif
