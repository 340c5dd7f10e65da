/* What limit.c, limit_word.c, limit_time.c (reading the words) and limit_match.c (trying them)
 * share; the tree is limit_tree.h. */
#ifndef BZ_LIMIT_PRIVATE_H
#define BZ_LIMIT_PRIVATE_H

#include "src/limit_tree.h"

/* The walk over the words. */
struct bz_limit_reader {
	const char *text, *p;
	int64_t now;
	int depth, nodes;
	const char *fault; /* where; NULL = none yet */
	struct bz_err *err;
};

struct bz_limit *bz_limit_node(enum bz_limit_kind kind);
/* A fault at that place; the first one counts. NULL. */
struct bz_limit *bz_limit_fault(struct bz_limit_reader *reader, const char *at, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));
/* Does an unquoted word end here? */
bool bz_limit_ends(const char *p);
/* The word at reader->p, which is one; NULL after a fault. */
struct bz_limit *bz_limit_read_word(struct bz_limit_reader *reader);

/* now less "7d", "2w", "3m" or "1y"; false when it is none of these. */
bool bz_limit_ago(const char *value, int64_t now, int64_t *when);
/* 2026-10-01, 2026-10, 2026, 1/10/2026, today and yesterday as [low, high). */
bool bz_limit_day(const char *value, int64_t now, int64_t *low, int64_t *high);

/* Line ends and runs of blanks become one blank, none is first: in place; text itself. */
char *bz_limit_squeeze(char *text);

#endif
