/* What an account's space on its server is taken up by. */
#ifndef BZ_USAGE_H
#define BZ_USAGE_H

#include "src/store.h"

enum { BZ_USAGE_TOP = 20 }; /* folders, and messages, that are told */

struct bz_usage_root {        /* RFC 9208: what a limit is about */
	char *name;           /* not cleaned; "" is a name, too */
	uint64_t used, limit; /* bytes; limit 0 = none on space */
	uint64_t messages, messages_limit;
};
struct bz_usage_folder {
	char *name, *title; /* as bz_folder's */
	enum bz_folder_role role;
	uint64_t bytes;
	uint32_t messages; /* that the bytes are of */
	bool is_part;      /* there are more, whose size is not known here */
};

struct bz_usage {
	GArray *roots;    /* struct bz_usage_root */
	GArray *folders;  /* struct bz_usage_folder, the largest first */
	GArray *messages; /* struct bz_summary of one folder, the largest first */
	bool by_rows;     /* folders: counted from what is listed here, not by the server */
};
struct bz_usage *bz_usage_new(void);
void bz_usage_free(struct bz_usage *usage);

/* The store's folders, each by the rows that are known of it. Reads every row: for a worker. */
int bz_usage_count_folders(struct bz_usage *usage, struct bz_store *store, struct bz_err *err);
/* The largest of a folder's known rows, in place of those that were there; the same holds. */
int bz_usage_find_messages(
	struct bz_usage *usage, struct bz_store *store, uint32_t folder, struct bz_err *err);
/* In order, and no more than BZ_USAGE_TOP; those of no bytes go. */
void bz_usage_rank_folders(struct bz_usage *usage);

#endif
