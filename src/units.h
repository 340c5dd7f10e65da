/* Sizes and times as a person writes them in buzonrc and in limit words. Any thread. */
#ifndef BZ_UNITS_H
#define BZ_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "500", "10M", "1.5 MB": a number, then k, M or G (thousands, as sizes are shown), then B or
 * nothing; case ignored. False when it is none, or above 2^53. */
bool bz_units_size(const char *text, uint64_t *bytes);

/* "90s", "5m", "1h", "2d": seconds, 1 to a year. */
bool bz_units_interval(const char *text, unsigned *seconds);

/* "30d": whole days, at least one. */
bool bz_units_days(const char *text, unsigned *days);

#endif
