/* A private Dovecot for tests in C: tests/lib/dovecot.py, started and told what to do. */
#ifndef SERVER_H
#define SERVER_H

#include "tests/unit/check.h"

#include <stdbool.h>

struct server {
	char *dir;  /* its state, and the mail it serves at first in mail/ */
	char *home; /* where Dovecot keeps things */
	char *ca_file;
	int imap, imaps, pop3, pop3s;
};

/* What every user has; a name of NULL ends the list. */
struct server_folder {
	const char *name; /* "INBOX", "Listas/dev" */
	int messages;
	int body; /* bytes */
};
/* Users ana and eva, password "secret", the same mail each. (A POP download marks the server's
 * copies as read, so what is tested by both protocols needs two.) cert: as dovecot.py's --cert.
 * NULL where Dovecot is missing. */
struct server *server_start(const struct server_folder *folders, const char *cert);
/* The same with more lines for dovecot.conf. */
struct server *server_start_with(
	const struct server_folder *folders, const char *cert, const char *config);
/* "pause" (SIGSTOP to all of it), "resume"; "halt" (killed), "revive". */
void server_tell(struct server *s, const char *command);
void server_stop(struct server *s);
/* Did this machine lack Dovecot? Then the tests are skipped. */
bool server_is_missing(void);

/* A scripted server (tests/lib/fake.py) in clear that stops itself (SIGSTOP) after so many answers
 * to FETCH or RETR. */
struct stopper {
	int port;
	GPid pid;
	int in; /* closed: it ends */
};
void stopper_start(struct stopper *s, const char *protocol, int messages, int after);
/* One that says OK to IDLE and then does as `manner` says, the first time; see fake.py. */
void idler_start(struct stopper *s, const char *manner);
/* One that lists the newest messages alone, and finds letters 3 and 5 whatever is searched for. */
void searcher_start(struct stopper *s, int messages);
/* It goes on, and does not stop again. */
void stopper_resume(const struct stopper *s);
void stopper_end(struct stopper *s);

#endif
