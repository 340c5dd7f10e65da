#include "src/cert.h"

#include <stdio.h>

void bz_cert_fingerprint(const uint8_t sha256[32], char out[81])
{
	char *p = out;

	for (int i = 0; i < 32; i++)
		p += sprintf(p, "%s%02X", i > 0 && i % 2 == 0 ? " " : "", sha256[i]);
}
