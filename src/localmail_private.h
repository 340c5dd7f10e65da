/* What the parts of localmail share; nobody else includes this. */
#ifndef BZ_LOCALMAIL_PRIVATE_H
#define BZ_LOCALMAIL_PRIVATE_H

#include "src/localmail.h"

struct bz_local_folder {
	char *name;
	struct bz_localbox *box;
	bool broken; /* that it cannot be read was told */
};

struct bz_localmail {
	const struct bz_account *account;
	struct bz_store *store;
	char *dir;          /* of the account's folders */
	GPtrArray *folders; /* struct bz_local_folder *, Inbox first */
	guint next;         /* look: the folder that is next */
	struct bz_localtools *tools;
};

/* The folder of that wire name, of that id; NULL with STALE. */
struct bz_local_folder *bz_localmail_by_name(
	struct bz_localmail *mail, const char *name, struct bz_err *err);
struct bz_local_folder *bz_localmail_by_id(
	struct bz_localmail *mail, uint32_t id, struct bz_err *err);

/* The folders as the files are; rows of others go. */
int bz_localmail_sync(struct bz_localmail *mail, struct bz_err *err);

/* A walk that is due, or under way, has rows for only some messages: it is finished where one of
 * refs (all of the folder) waits for its row. Without the lock of the mail. */
int bz_localmail_find_all(struct bz_localmail *mail, const struct bz_job *job,
	struct bz_local_folder *folder, const struct bz_msgref *refs, size_t n, struct bz_err *err);

/* What bz_append wrote, as rows of the folder: told, and the place of each kept. */
int bz_localmail_show(struct bz_localmail *mail, const struct bz_job *job,
	struct bz_local_folder *folder, const struct bz_append *to,
	const struct bz_append_item *items, size_t n, struct bz_err *err);

/* A removed message: its row goes, where it stands is remembered; its row's id is appended to ids.
 * In a transaction of the cache. */
int bz_localmail_hide(struct bz_localmail *mail, struct bz_local_folder *folder,
	const struct bz_summary *row, GArray *ids, struct bz_err *err);

/* localtools.c: what is under way; made at its first use. */
void bz_localtools_free(struct bz_localtools *tools);

/* "dev:ino:size:mtime" of an open file. */
void bz_localmail_stamp(int fd, char out[96]);

#endif
