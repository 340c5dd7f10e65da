/* What somebody meant who mistyped a name. */
#ifndef BZ_NEAREST_H
#define BZ_NEAREST_H

/* The one of names (NULL at the end) that word was probably meant to be: begun by it, or few
 * letters away. NULL when none is near. Borrowed from names. */
const char *bz_nearest(const char *word, const char *const *names);

#endif
