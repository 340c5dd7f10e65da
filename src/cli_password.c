/* The password from a terminal, which gets its echo back whatever ends the question. */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/secret.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static char *read_line(const struct bz_stop *stop)
{
	char line[1024];
	char *secret = NULL;
	size_t n = 0;

	while (n < sizeof line && bz_hold_wait(stop, STDIN_FILENO) &&
		read(STDIN_FILENO, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (n > 0 && n < sizeof line)
		secret = bz_secret_new(line, (long)n);
	explicit_bzero(line, sizeof line);
	return secret;
}

/* *stopped = the signal that interrupted it and left the program running. */
static char *ask(const struct bz_account *account, const struct bz_stop *stop, int *stopped)
{
	struct termios old, quiet;
	struct bz_hold hold;
	char *secret;

	*stopped = 0;
	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return NULL;
	fprintf(stderr, _("Password of %s at %s: "), account->user, account->host);
	fflush(stderr);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	bz_hold_begin(&hold);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	secret = read_line(stop);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	*stopped = bz_hold_end(&hold);
	return secret;
}

char *bz_cli_ask_password(const struct bz_account *account, const struct bz_stop *stop)
{
	char *secret = NULL;
	int stopped;

	if (!isatty(STDIN_FILENO))
		return NULL;
	do { /* Ctrl-Z, and back */
		bz_secret_free(secret);
		secret = ask(account, stop, &stopped);
	} while (stopped == SIGTSTP);
	if (stopped == 0)
		return secret;
	bz_secret_free(secret);
	return NULL;
}
