/* Sets of UIDs: as a command names them, and as COPYUID tells where copies are (RFC 4315). */
#ifndef BZ_IMAP_UIDSET_H
#define BZ_IMAP_UIDSET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	IMAP_SET_BYTES = 4000, /* of a set in a command */
	IMAP_SET_UIDS = 350    /* that one command is given: these fit, whatever they are */
};

/* Append the first of n UIDs (ascending, each once), "3,7:9", as far as the set's bounds allow; how
 * many were taken, > 0 where n is. A range names no UID that was not given. */
size_t imap_uidset_add(GString *set, const uint32_t *uids, size_t n);

/* Append the UIDs that a set or the numbers of a SEARCH name, ascending or not, to uids (guint32),
 * as long as they are no more than most in all: false where they are more, or make no sense. */
bool imap_uidset_read(GArray *uids, const char *set, size_t most);

/* Where copies are, as told while a command is unanswered. */
struct imap_copied {
	const uint32_t *asked; /* that the command named: ascending, each once; borrowed */
	size_t n;
	uint32_t *to;         /* out, for each: its UID in the target, or 0 */
	uint32_t uidvalidity; /* out: the target's; 0 = nothing was told */
	bool odd;             /* out: what was told makes no sense; to is all 0 */
};
/* code: a response code; any other than COPYUID is passed over. Strict: no more than was asked for
 * is looked at, whatever the ranges; both sets have the same length, and no UID stands in one
 * twice. */
void imap_copied_note(struct imap_copied *copied, const char *code);

/* A set as a server tells it, never expanded. */
struct imap_range {
	uint32_t low, high; /* low <= high */
};
enum { IMAP_SET_RANGES = 200000 };
/* Append those of a set ("3,9:7,8"; no "*") to ranges (struct imap_range). False: it is no set, or
 * there are more than IMAP_SET_RANGES now; then what was appended means nothing. */
bool imap_ranges_read(const char *set, GArray *ranges);
/* Ascending, none touching another. */
void imap_ranges_tidy(GArray *ranges);
/* How many UIDs tidy ranges name from low to high. */
uint64_t imap_ranges_count(const GArray *ranges, uint32_t low, uint32_t high);
/* Those of uids (uint32_t, ascending) that tidy ranges name, or with inside false do not, appended
 * to out. */
void imap_ranges_pick(const GArray *ranges, const GArray *uids, bool inside, GArray *out);

#endif
