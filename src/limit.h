/* Limit words (UX section 12): which messages of a folder are meant.
 *
 *   lucia "el 12"            in the sender's name, address or the subject; all must be there
 *   from: to: cc: subject: body: id:                          a word in that place
 *   is:unread read flagged replied draft · has:attachment
 *   newer:7d older:2m after:2026-10-01 before: on:2026-10     d days, w weeks, m months, y years
 *   size:>1M size:<10k
 *   a or b · ( ) · -word                                      or, together, not
 *   ~f ~t ~c ~s ~b WORD, ~N ~U ~R ~F ~Q ~D, ~d <7d, ~z >1M    as mutt says it
 *
 * with Spanish names beside them (limit.c has the tables). Case and accents do not matter. Days
 * begin at midnight where this computer is. Pure functions but for the text they ask for: any
 * thread, a limit in one at a time. */
#ifndef BZ_LIMIT_H
#define BZ_LIMIT_H

#include "src/err.h"
#include "src/message.h"

struct bz_limit;

/* words as typed; now (seconds UTC) is what newer: and older: count from. NULL and USAGE where they
 * mean nothing; then *column (NULL allowed) is the character, from 1, at which the fault stands.
 * No words at all: a limit that everything matches. */
struct bz_limit *bz_limit_parse(const char *words, int64_t now, int *column, struct bz_err *err);
void bz_limit_free(struct bz_limit *limit);

/* Does it match every row, whatever it holds? */
bool bz_limit_is_empty(const struct bz_limit *limit);
/* Does it ask for what no row holds, or not all of (body:, cc:, to:)? */
bool bz_limit_needs_text(const struct bz_limit *limit);

/* Where the messages themselves are read. */
struct bz_limit_source {
	void *me;
	/* The message of a row, the caller's reference; NULL when it cannot be had. */
	struct bz_message *(*message)(void *me, const struct bz_summary *row);
};

/* source NULL: what the row holds is all there is. It is asked at most once, and only where the row
 * alone does not decide. */
bool bz_limit_match(const struct bz_limit *limit, const struct bz_summary *row,
	const struct bz_limit_source *source);

/* What the row alone says of it. */
enum bz_verdict { BZ_VERDICT_NO, BZ_VERDICT_YES, BZ_VERDICT_OPEN };
enum bz_verdict bz_limit_judge(const struct bz_limit *limit, const struct bz_summary *row);

#endif
