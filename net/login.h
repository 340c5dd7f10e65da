/* What both protocols do before they log in. */
#ifndef BZ_LOGIN_H
#define BZ_LOGIN_H

#include "net/stream.h"
#include "src/backend.h"

#define BZ_DIAL_SECONDS 30.0

/* How long a silent line is waited for when the person wants something that needs none: a POP
 * download goes on afterwards, an IMAP line must be dialled again. */
#define BZ_POP_PATIENCE 0.05
#define BZ_IMAP_PATIENCE 0.4

/* A stream to the account's server with its pin, CA file and the certificate accepted for this run;
 * starttls runs where the account asks for STARTTLS. NULL and err; job->cert is filled on TRUST. */
struct bz_stream *bz_login_dial(const struct bz_account *account, struct bz_store *store,
	const struct bz_job *job,
	int (*starttls)(struct bz_stream *, const struct bz_dial *, double deadline, GCancellable *,
		struct bz_cert *, struct bz_err *),
	struct bz_err *err);

/* user and password can be sent: no CR, LF; lengths of 1 to 4096. LOCAL error otherwise. */
int bz_login_check(const char *user, const char *password, struct bz_err *err);

/* SASL PLAIN's first message (RFC 4616) in base64, in secret memory: bz_secret_free. */
char *bz_login_plain(const char *user, const char *password);

/* AUTH, LOGIN_REFUSED, with the server's words. */
int bz_login_refused(const struct bz_account *account, const char *words, struct bz_err *err);

#endif
