/* The local folders of a POP account: mbox files, their rows, and what a person does with them
 * (DESIGN section 7). The Inbox is account->mbox; every other folder is a file of the account's
 * data folder, and its wire name is its title. Functions with a job are the ops of backend.h of
 * that name, documented there. Worker thread.
 *
 * Without a state.db that can be read everything is readable and nothing changes. */
#ifndef BZ_LOCALMAIL_H
#define BZ_LOCALMAIL_H

#include "src/backend.h"
#include "src/deliver.h"
#include "src/localbox.h"

struct bz_localmail;

struct bz_localmail *bz_localmail_new(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err);
void bz_localmail_free(struct bz_localmail *mail);

/* May anything be written? Else why not: -1. */
int bz_localmail_writable(const struct bz_localmail *mail, struct bz_err *err);

/* Borrowed until the folders are listed anew. */
struct bz_localbox *bz_localmail_inbox(const struct bz_localmail *mail);

/* Append to a folder and show it: bz_append with the rows that follow from it. kind: DOWNLOAD or
 * COPY. The folder of that wire name must be there (its file need not). */
int bz_localmail_add(struct bz_localmail *mail, const struct bz_job *job, const char *name,
	enum bz_intent_kind kind, struct bz_append_item *items, size_t n, struct bz_err *err);

int bz_localmail_list_folders(
	struct bz_localmail *mail, const struct bz_job *job, struct bz_err *err);
int bz_localmail_look(
	struct bz_localmail *mail, const struct bz_job *job, bool *more, struct bz_err *err);
int bz_localmail_fetch(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err);
int bz_localmail_set_flags(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, unsigned add, unsigned remove, struct bz_err *err);
/* A message that comes back to where it was removed from takes its old place there, and is the
 * local message that it was. */
int bz_localmail_move(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, const char *target, bool copy, GArray *moved,
	struct bz_err *err);
/* What the server has of them may go. */
int bz_localmail_expunge(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, struct bz_err *err);
int bz_localmail_create_folder(
	struct bz_localmail *mail, const struct bz_job *job, const char *title, struct bz_err *err);
/* With the folders below it. */
int bz_localmail_rename_folder(struct bz_localmail *mail, const struct bz_job *job,
	const char *name, const char *title, struct bz_err *err);
/* Its messages are deleted for ever; folders below it stay. */
int bz_localmail_delete_folder(
	struct bz_localmail *mail, const struct bz_job *job, const char *name, struct bz_err *err);

/* --- localtools.c ----------------------------------------------------------------------------- */

int bz_localmail_compact(struct bz_localmail *mail, const struct bz_job *job, const char *name,
	bool *more, struct bz_err *err);
int bz_localmail_tidy(
	struct bz_localmail *mail, const struct bz_job *job, bool *more, struct bz_err *err);
/* A note says at the end how many messages came. Several may be under way. */
int bz_localmail_import(struct bz_localmail *mail, const struct bz_job *job, const char *path,
	const char *title, bool *more, struct bz_err *err);

#endif
