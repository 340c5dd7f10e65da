/* What the files of the HTML reader share. */
#ifndef BZ_HTML_PRIVATE_H
#define BZ_HTML_PRIVATE_H

#include <stddef.h>

/* NULL when no tag has more attributes than anybody writes; else a copy (len bytes) in which the
 * rest of those tags is blank. libxml2 compares each attribute with all before it: 100,000 of them
 * cost 20 s. */
char *bz_html_without_long_tags(const char *html, size_t len);

#endif
