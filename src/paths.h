/* Where things live: XDG folders, made 0700 whatever the umask. */
#ifndef BZ_PATHS_H
#define BZ_PATHS_H

#include "src/err.h"

enum bz_dir {
	BZ_DIR_CONFIG, /* ~/.config/buzon */
	BZ_DIR_DATA,   /* ~/.local/share/buzon: mail, state.db */
	BZ_DIR_STATE,  /* ~/.local/state/buzon: log, fetch.lock */
	BZ_DIR_CACHE   /* ~/.cache/buzon: cache.db */
};

/* Path below one of the folders, as g_build_filename does; the caller frees. Relative XDG values
 * are ignored, as the XDG specification says. */
char *bz_path(enum bz_dir dir, const char *first, ...) __attribute__((sentinel));

/* Make the folder and its parents, mode 0700; refuses one that belongs to another user. */
int bz_path_ensure(const char *path, struct bz_err *err);

/* Open for writing what only its owner may read: O_NOFOLLOW|O_CLOEXEC, mode 0600 whatever the
 * umask. flags as in open(2). Returns the fd or -1. */
int bz_open_private(const char *path, int flags, struct bz_err *err);

#endif
