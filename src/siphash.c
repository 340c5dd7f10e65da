#include "src/siphash.h"

#include <glib.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

/* Looked up once, as in sha256.c. */
static EVP_MAC *algorithm(void)
{
	static gsize known;

	if (g_once_init_enter(&known))
		g_once_init_leave(&known, (gsize)EVP_MAC_fetch(NULL, "SIPHASH", NULL));
	return (EVP_MAC *)known;
}

uint64_t bz_siphash(const uint8_t key[BZ_SIPHASH_KEY], const void *bytes, size_t len)
{
	size_t size = sizeof(uint64_t), written = 0;
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(algorithm());
	uint8_t out[sizeof(uint64_t)];
	uint64_t hash;

	if (mac == NULL || EVP_MAC_init(mac, key, BZ_SIPHASH_KEY, params) != 1 ||
		EVP_MAC_update(mac, bytes, len) != 1 ||
		EVP_MAC_final(mac, out, &written, sizeof out) != 1 || written != sizeof out)
		g_error("OpenSSL cannot make a SipHash");
	EVP_MAC_CTX_free(mac);
	memcpy(&hash, out, sizeof hash);
	return GUINT64_FROM_LE(hash);
}
