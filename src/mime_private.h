/* What the files of the MIME reader share. */
#ifndef BZ_MIME_PRIVATE_H
#define BZ_MIME_PRIVATE_H

#include "src/message.h"

/* Bytes in a declared charset (NULL = none) to UTF-8: UTF-8 if valid, else windows-1252 (*guessed
 * set), bad sequences as U+FFFD. Caller frees. */
char *bz_mime_to_utf8(const char *bytes, size_t len, const char *charset, bool *guessed);

/* Add the addresses of one unfolded field to out, groups flattened. */
void bz_mime_addresses(const char *text, GPtrArray *out);

#endif
