/* SipHash-2-4 (Aumasson, Bernstein) by OpenSSL: a hash of foreign words that nobody without the key
 * can make collide. Any thread. Memory that is short ends the program, as everywhere. */
#ifndef BZ_SIPHASH_H
#define BZ_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { BZ_SIPHASH_KEY = 16 };

uint64_t bz_siphash(const uint8_t key[BZ_SIPHASH_KEY], const void *bytes, size_t len);

#endif
