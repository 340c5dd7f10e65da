/* What settings.c and settings_read.c share. */
#ifndef BZ_SETTINGS_PRIVATE_H
#define BZ_SETTINGS_PRIVATE_H

#include "src/settings.h"

struct bz_problem {
	int line;
	char *text;
};

struct bz_reading {
	struct bz_settings *settings;
	GPtrArray *problems; /* struct bz_problem * */
	const char *path;
	bool private; /* nobody else may read the file */
};

/* Note a fault of a line; reading goes on, so that all are told at once. */
void bz_problem_add(struct bz_reading *r, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Read the whole text into r->settings. */
void bz_settings_read(struct bz_reading *r, const char *text);

#endif
