#include "src/siphash.h"

#include <glib.h>
#include <string.h>

struct state {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

static void rounds(struct state *v, int n)
{
	while (n-- > 0) {
		v->a += v->b;
		v->c += v->d;
		v->b = rotate(v->b, 13) ^ v->a;
		v->d = rotate(v->d, 16) ^ v->c;
		v->a = rotate(v->a, 32);
		v->c += v->b;
		v->a += v->d;
		v->b = rotate(v->b, 17) ^ v->c;
		v->d = rotate(v->d, 21) ^ v->a;
		v->c = rotate(v->c, 32);
	}
}

static uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return GUINT64_FROM_LE(word);
}

static void take(struct state *v, uint64_t word)
{
	v->d ^= word;
	rounds(v, 2);
	v->a ^= word;
}

uint64_t bz_siphash(const uint8_t key[BZ_SIPHASH_KEY], const void *bytes, size_t len)
{
	uint64_t k0 = word_at(key), k1 = word_at(key + 8);
	struct state v = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573};
	const uint8_t *at = bytes;
	uint8_t rest[8] = {0};
	size_t left = len;

	for (; left >= 8; at += 8, left -= 8)
		take(&v, word_at(at));
	if (left > 0)
		memcpy(rest, at, left);
	rest[7] = (uint8_t)len;
	take(&v, word_at(rest));
	v.c ^= 0xff;
	rounds(&v, 4);
	return v.a ^ v.b ^ v.c ^ v.d;
}
