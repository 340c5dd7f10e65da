/* What the readers of buzonrc share: settings.c (the file), settings_read.c (lines and sections),
 * settings_account.c and settings_rule.c (what the keys of a section mean). */
#ifndef BZ_SETTINGS_PRIVATE_H
#define BZ_SETTINGS_PRIVATE_H

#include "src/settings.h"

struct bz_problem {
	int line;
	int column; /* from 1; 0 = the whole line */
	char *text;
};

struct bz_reading {
	struct bz_settings *settings;
	GPtrArray *problems; /* struct bz_problem * */
	const char *path;
	bool private; /* nobody else may read the file */
};

struct bz_key {
	int line;
	int column; /* of the value, characters from 1 */
	char *name;
	char *value; /* raw: blanks around it stripped, nothing unescaped */
};

struct bz_section {
	int line;
	char *title;     /* inside the brackets */
	char *account;   /* NAME of [account "NAME"], or NULL */
	char *rule;      /* NAME of [rule "NAME"], or NULL */
	GPtrArray *keys; /* struct bz_key * */
};

/* Note a fault of a line, or of a place in it; reading goes on, so that all are told at once. */
void bz_problem_add(struct bz_reading *r, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void bz_problem_add_at(struct bz_reading *r, int line, int column, const char *text);
/* The same with the one of names (NULL at the end) that word was probably meant to be. text is
 * taken. */
void bz_problem_suggest(
	struct bz_reading *r, int line, char *text, const char *word, const char *const *names);

/* Read the whole text into r->settings. */
void bz_settings_read(struct bz_reading *r, const char *text);

/* --- a section's keys ------------------------------------------------------------------------- */

/* NULL when it is not there. Borrowed. */
const struct bz_key *bz_section_find(const struct bz_section *section, const char *name);
/* The value of a key, NULL when it is absent or empty. Caller frees. */
char *bz_section_value(const struct bz_section *section, const char *name);
/* The same as an absolute path: from the home folder, where it is not absolute. */
char *bz_section_path(const struct bz_section *section, const char *name);
/* One of names (NULL at the end), or -1 with the fault noted; def when the key is absent. */
int bz_section_choice(struct bz_reading *r, const struct bz_section *section, const char *name,
	const char *const *names, int def);
/* The same, the first where it is absent or wrong. */
int bz_section_choose(struct bz_reading *r, const struct bz_section *section, const char *name,
	const char *const *names);
/* "yes" or "no"; no when the key is absent or wrong. */
bool bz_section_yes(struct bz_reading *r, const struct bz_section *section, const char *name);
/* Note each key that is none of names. */
void bz_section_check(
	struct bz_reading *r, const struct bz_section *section, const char *const *names);

/* --- sections --------------------------------------------------------------------------------- */

/* Append to r->settings->accounts. */
void bz_settings_read_account(struct bz_reading *r, const struct bz_section *section);
/* Append to r->settings->rules and to the accounts it is for: these are all there. */
void bz_settings_read_rule(struct bz_reading *r, const struct bz_section *section);

#endif
