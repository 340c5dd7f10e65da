#include "net/siphash.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void take_word(uint64_t v[4], const uint8_t block[8])
{
	uint64_t word;

	memcpy(&word, block, sizeof word);
	word = GUINT64_FROM_LE(word);
	v[3] ^= word;
	mix(v);
	mix(v);
	v[0] ^= word;
}

uint64_t bz_siphash(const uint64_t secret[2], const void *bytes, size_t n)
{
	uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
		secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
	const uint8_t *p = bytes;
	uint8_t last[8] = {0};

	for (size_t left = n; left >= 8; left -= 8, p += 8)
		take_word(v, p);
	memcpy(last, p, n % 8);
	last[7] = (uint8_t)n;
	take_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
