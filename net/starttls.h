/* STARTTLS (RFC 3501 6.2.1) and STLS (RFC 2595) before any parser sees the socket.
 * Greeting must be OK and not PREAUTH, the answer the exact tagged OK (or +OK), no byte left over,
 * then the handshake; everything known from before is forgotten. Any other result: error, and the
 * caller closes. Nothing but STARTTLS/STLS is ever written in clear. */
#ifndef BZ_STARTTLS_H
#define BZ_STARTTLS_H

#include "net/stream.h"

int bz_starttls_imap(struct bz_stream *stream, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err);
int bz_starttls_pop3(struct bz_stream *stream, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err);

#endif
