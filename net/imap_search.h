/* SEARCH: limit words in the server's language (RFC 3501 section 6.4.4), and what it answers. */
#ifndef BZ_IMAP_SEARCH_H
#define BZ_IMAP_SEARCH_H

#include "net/imap_private.h"
#include "src/limit.h"

/* How words that are not ASCII are sent. */
enum imap_words {
	IMAP_WORDS_AT_ONCE, /* literals that nobody waits for (RFC 7888) */
	IMAP_WORDS_WAITING, /* literals, each after the server's "+": LF stands where it comes */
	IMAP_WORDS_PLAIN    /* not at all: without accents, as far as that makes them ASCII */
};

/* Search keys that fit whatever the words mean, and more where there is no key for them; *coded:
 * some of it is UTF-8. NULL: PLAIN cannot say it. The caller frees. */
char *imap_keys(const struct bz_limit *limit, enum imap_words how, bool *coded);

#endif
