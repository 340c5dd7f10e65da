/* The one place that makes foreign text safe for the terminal (SECURITY A19, C26, C27).
 * Pure functions: any thread. */
#ifndef BZ_TEXT_H
#define BZ_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* How marks look: BZ_GLYPHS ascii uses ^[ and ~, else the control pictures and the ellipsis. */
void bz_text_set_ascii(bool ascii);
bool bz_text_ascii(void);

/* Any bytes -> valid UTF-8 of one line without a control: C0, DEL and C1 become visible marks, bidi
 * controls <RLO>-like marks, zero-width characters <ZW>, invalid sequences U+FFFD; TAB and line
 * ends become one blank. Only clusters on whose width GLib and libc agree stay, others become '?'.
 * max = most input bytes looked at (0 = 64 KiB). Caller frees. */
char *bz_text_clean(const char *bytes, size_t len, size_t max);

/* The same for a text of many lines: keeps LF, expands TAB to 8 columns. */
char *bz_text_clean_lines(const char *bytes, size_t len);

/* Terminal cells of CLEANED text, by grapheme cluster. */
int bz_text_width(const char *text);

/* Cut CLEANED text to at most cells, with an ellipsis if something was lost; pad fills with blanks
 * to exactly cells. Never splits a grapheme. Caller frees. */
char *bz_text_fit(const char *text, int cells, bool pad);

/* Byte length of the longest prefix of CLEANED text that fits in cells, at a grapheme edge. */
size_t bz_text_prefix(const char *text, int cells, int *used);

#endif
