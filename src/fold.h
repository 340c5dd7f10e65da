/* Text made comparable: letters without case and without accents, so that "garcia" finds García.
 * Pure functions: any thread. */
#ifndef BZ_FOLD_H
#define BZ_FOLD_H

/* text (any bytes; what is not UTF-8 becomes U+FFFD) case-folded, decomposed (NFKD), its combining
 * marks dropped. Two folded texts are compared byte by byte. Caller frees. */
char *bz_fold(const char *text);

#endif
