/* COMPRESS=DEFLATE (RFC 4978). There is no compression below it: TLS never compresses here
 * (net/tls.c). It begins long after the login, so no password is ever compressed. */
#include "net/imap_private.h"
#include "src/log.h"

int imap_compress_once(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	int rc;

	if (b->compress_asked || b->no_compress || !imap_is_at_rest(b->conn) ||
		(imap_caps(b->conn) & IMAP_CAP_COMPRESS) == 0)
		return 0;
	b->compress_asked = true;
	b->live.is_quiet = true; /* it changes no message */
	rc = imap_compress(b->conn, err);
	if (rc == 0)
		rc = imap_go(b, job, NULL, err);
	b->live.is_quiet = false;
	return rc;
}
