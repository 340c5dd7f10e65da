/* SHA-256 (FIPS 180-4) in pieces, by OpenSSL: several times as fast as GLib's where the processor
 * has instructions for it. Any thread. Memory that is short ends the program, as everywhere. */
#ifndef BZ_SHA256_H
#define BZ_SHA256_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum { BZ_SHA256_SIZE = 32 };

struct evp_md_ctx_st; /* OpenSSL's EVP_MD_CTX */

struct evp_md_ctx_st *bz_sha256_begin(void);
void bz_sha256_feed(struct evp_md_ctx_st *sum, const void *bytes, size_t n);
/* Frees; *sum becomes NULL. digest may be NULL: nobody wants it any longer. */
void bz_sha256_end(struct evp_md_ctx_st **sum, uint8_t digest[BZ_SHA256_SIZE]);

/* Of a GHashTable whose keys are digests. */
guint bz_sha256_hash(const void *digest);
gboolean bz_sha256_equal(const void *a, const void *b);

#endif
