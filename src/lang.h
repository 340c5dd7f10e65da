/* Language without a generated locale: gettext over C.UTF-8, chosen by us. */
#ifndef BZ_LANG_H
#define BZ_LANG_H

#include <libintl.h>
#include <stdint.h>

#define _(s) gettext(s)
#define N_(s) (s)

/* Set locale and language; lang "en"/"es" or NULL (environment: LANGUAGE, LC_ALL, LC_MESSAGES,
 * LANG). Before any thread starts; may be called again when buzonrc names another. */
void bz_lang_init(const char *lang);

/* "577 bytes", "6.4 kB", with the decimal mark of the language; the caller frees. */
char *bz_lang_size(uint64_t bytes);
/* "1,234", in Spanish "1.234"; the caller frees. */
char *bz_lang_number(uint64_t number);
/* "0.4 s" of so many microseconds; the caller frees. */
char *bz_lang_seconds(int64_t us);

#endif
