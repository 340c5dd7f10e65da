/* What a person needs to see of a server certificate that buzon does not trust. */
#ifndef BZ_CERT_H
#define BZ_CERT_H

#include "src/err.h"

#include <stdbool.h>
#include <stdint.h>

/* A value; strings are NUL-terminated, bounded, raw (clean before showing). */
struct bz_cert {
	enum bz_err_code why; /* BZ_CODE_CERT_* */
	char host[256];       /* whom we wanted */
	char names[512];      /* whom it is for: SAN entries, comma separated */
	char issuer[256];
	bool self_signed;
	bool name_matches;
	bool in_force;
	int64_t not_before; /* seconds UTC */
	int64_t not_after;
	uint8_t sha256[32]; /* of the DER certificate */
	bool had_pin;       /* a pin exists and this is not it */
	uint8_t pinned[32];
	char chain[2048]; /* one line a certificate: subject, issuer, dates, SHA-256 */
};

/* "609E 5930 3E3A ..." in groups of four, upper case; out holds 81 bytes. */
void bz_cert_fingerprint(const uint8_t sha256[32], char out[81]);

#endif
