/* SipHash-2-4: a 64-bit key of some bytes that nobody can choose who does not know the secret. */
#ifndef BZ_SIPHASH_H
#define BZ_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* secret: 128 random bits. */
uint64_t bz_siphash(const uint64_t secret[2], const void *bytes, size_t n);

#endif
