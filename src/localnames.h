/* Names of local folders: what a person may call one, and the file that it is. */
#ifndef BZ_LOCALNAMES_H
#define BZ_LOCALNAMES_H

#include "src/err.h"
#include "src/model.h"

/* The title as it is kept (NFC), the caller's; NULL with err, kind REFUSED, when a folder cannot be
 * called so: empty, ".", "..", control characters, too long, blanks at an end, or "Inbox". Levels
 * are separated by '/', and each is looked at. */
char *bz_local_title(const char *title, struct bz_err *err);

/* The same to a person: letters in another case count as equal. */
bool bz_local_same_title(const char *one, const char *other);

/* "Work/2024" -> "Work%2F2024.mbox"; and back, NULL when no folder has that file. Caller's. */
char *bz_local_file_name(const char *name);
char *bz_local_folder_name(const char *file);

/* The folders that every account has, in the order of the list. */
struct bz_local_role {
	const char *name;
	enum bz_folder_role role;
};
extern const struct bz_local_role bz_local_roles[];
enum { BZ_LOCAL_ROLES = 5 };
enum bz_folder_role bz_local_role_of(const char *name);

#endif
