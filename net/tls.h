/* TLS by OpenSSL: TLS 1.2 at least, SNI, host name or address checked, and a verdict of our own
 * over pins. Trust: a PEM file named by the person, else the system's hashed directory. */
#ifndef BZ_TLS_H
#define BZ_TLS_H

#include "net/stream.h"

#include <openssl/ssl.h>

/* A session ready for the handshake over bio (taken); NULL: LOCAL (ca_file unreadable) or TLS. */
SSL *bz_tls_new(const struct bz_dial *dial, BIO *bio, struct bz_err *err);

/* After the handshake: is this the server that was meant? 0, or -1 TRUST with *cert filled. */
int bz_tls_verdict(SSL *ssl, const struct bz_dial *dial, struct bz_cert *cert, struct bz_err *err);

/* The handshake failed, or a record was broken: in words. */
int bz_tls_broken(const char *host, struct bz_err *err);

#endif
