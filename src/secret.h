/* Passwords: in locked memory outside core dumps, wiped when freed. */
#ifndef BZ_SECRET_H
#define BZ_SECRET_H

#include "src/err.h"

#include <gio/gio.h>
#include <stddef.h>

/* A NUL-terminated copy of len bytes (-1: strlen) in locked memory. Free with
 * bz_secret_free only. */
char *bz_secret_new(const char *text, long len);
/* Wipes and frees; NULL allowed. */
void bz_secret_free(char *secret);

/* How long a password-command may take. */
#define BZ_SECRET_SECONDS 10

/* Run a password-command (argv by g_shell_parse_argv, no shell, no terminal, `seconds` at most,
 * cancellable; what it leaves running is not waited for); the first line of its output, at most 4
 * KiB, as a secret; NULL and err otherwise. */
char *bz_secret_from_command(
	const char *command, int seconds, GCancellable *cancel, struct bz_err *err);

/* PR_SET_DUMPABLE 0 and RLIMIT_CORE 0; once, at start. */
void bz_secret_protect_process(void);

#endif
