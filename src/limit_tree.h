/* The tree that limit words become: for who tries them on rows, and who says them in the language
 * of a server. Nobody but limit*.c makes or changes one. */
#ifndef BZ_LIMIT_TREE_H
#define BZ_LIMIT_TREE_H

#include "src/limit.h"

enum bz_limit_kind {
	BZ_LIMIT_ALL, /* of kids; none = everything */
	BZ_LIMIT_ANY, /* one of kids */
	BZ_LIMIT_NOT, /* kids[0] */
	BZ_LIMIT_WORD,
	BZ_LIMIT_FROM,
	BZ_LIMIT_TO,
	BZ_LIMIT_CC,
	BZ_LIMIT_TO_CC,
	BZ_LIMIT_SUBJECT,
	BZ_LIMIT_BODY,
	BZ_LIMIT_ID,
	BZ_LIMIT_FLAG, /* (flags & mask) == want */
	BZ_LIMIT_DATE, /* low <= date < high */
	BZ_LIMIT_SIZE  /* low <= size < high */
};

struct bz_limit {
	enum bz_limit_kind kind;
	GPtrArray *kids; /* struct bz_limit *, owned; NULL unless ALL, ANY, NOT */
	char *word;      /* folded */
	char *said;      /* as it was typed, blanks squeezed: never "", no line end in it */
	unsigned mask, want;
	int64_t low, high;
};

#endif
