/* Folders' names: on the wire, on the screen, and what they say about a folder's use. No I/O. */
#ifndef BZ_IMAP_NAMES_H
#define BZ_IMAP_NAMES_H

#include "src/err.h"
#include "src/model.h"
#include "src/settings.h"

/* How names are built on a server, by the folders that there are. */
struct imap_naming {
	char delimiter; /* 0: no levels */
	char prefix[8]; /* "INBOX." where all folders lie below Inbox, else "" */
};
/* folders: struct bz_folder *. */
void imap_learn_naming(struct imap_naming *naming, const GPtrArray *folders);

/* INBOX is one folder however it is written (RFC 3501 section 5.1). Borrowed. */
const char *imap_known_name(const char *told);
/* A wire name for people: UTF-8, hierarchy with '/'. The caller frees. */
char *imap_title(const char *name, char delimiter);
/* The inverse, in modified UTF-7; NULL with REFUSED where a title cannot be said. The caller
 * frees. */
char *imap_name(const char *title, char delimiter, struct bz_err *err);

/* What a LIST told is completed: a prefix that all names have goes from their titles; the roles are
 * those that the account's settings name, then those that the server told (RFC 6154), then those
 * of folders that are called as such folders are. */
void imap_settle_names(GPtrArray *folders, const struct bz_account *account);

#endif
