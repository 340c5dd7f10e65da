/* The real program in a pseudo terminal, its screen kept by libvterm: what a person would see. */
#ifndef TERM_H
#define TERM_H

#include "tests/unit/check.h"

#include <stdbool.h>

struct term;

/* Runs $BUZON with args (NULL-ended) in rows x cols; home is $HOME and holds the XDG folders.
 * extra: "NAME=value" strings, NULL-ended, or NULL; "NAME" alone takes the variable away. */
struct term *term_start(
	int rows, int cols, const char *home, const char *const *args, const char *const *extra);
/* Ends the program if it still runs, and frees. */
void term_free(struct term *t);

/* Keys as bytes. */
void term_type(struct term *t, const char *keys);
/* Reads until text is (or is no longer) somewhere on the screen; fails the test after 20 s. */
void term_wait(struct term *t, const char *text);
void term_wait_gone(struct term *t, const char *text);
/* The same, without failing: false after ms. */
bool term_wait_for(struct term *t, const char *text, int ms);
/* Reads until row y holds the text. */
void term_wait_row(struct term *t, int y, const char *text);
/* Reads until the cursor stands on row y. */
void term_wait_cursor(struct term *t, int y);
/* The same, in one of these columns. */
void term_wait_cursor_at(struct term *t, int y, int left, int right);
/* Reads what comes within ms. */
void term_pump(struct term *t, int ms);

/* UTF-8 of a row without trailing blanks, or of all rows with LF; the caller frees. */
char *term_row(struct term *t, int y);
char *term_screen(struct term *t);
/* The first row that holds text, or -1. */
int term_find(struct term *t, const char *text);
void term_cursor(struct term *t, int *y, int *x);
bool term_is_reverse(struct term *t, int y, int x);
void term_resize(struct term *t, int rows, int cols);

/* Every byte the program wrote. */
const GByteArray *term_raw(const struct term *t);
int term_pid(const struct term *t);
/* Reads until the program ended: its exit code, 128 + signal, or -1 after ms. */
int term_exit(struct term *t, int ms);
/* The terminal goes away. */
void term_hang_up(struct term *t);

/* $HOME in a new folder with .config/buzon/buzonrc (0600) holding text; the caller frees. */
char *term_home(const char *buzonrc);

#endif
