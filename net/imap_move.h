/* Messages on their way from one folder of a server to another. */
#ifndef BZ_IMAP_MOVE_H
#define BZ_IMAP_MOVE_H

#include "net/imap_private.h"
#include "net/imap_uidset.h"

enum imap_fate {
	IMAP_WAITS,   /* it is where it was, as far as is known */
	IMAP_ARRIVED, /* the target has it */
	IMAP_VANISHED /* it was no longer in the folder: somebody else's doing */
};

struct imap_rider {
	struct bz_summary row; /* uid is set; row.row 0 = the store does not know it */
	enum imap_fate fate;
};

/* As many as one command is given. */
struct imap_moving {
	struct imap_call call;
	struct bz_folder from, to;
	bool copy;
	GArray *moved; /* the caller's, or NULL */

	const uint32_t *uids; /* ascending */
	size_t n;
	struct imap_rider riders[IMAP_SET_UIDS]; /* one for each */
	uint32_t places[IMAP_SET_UIDS];          /* its UID in the target; 0 = not known */
	uint32_t uidvalidity;                    /* the target's, of the places */
	uint32_t uidnext;                        /* the target's before it began; 0 = not known */
	bool by_move;                            /* the command was MOVE */
	bool left;   /* those that arrived are in the folder no longer */
	bool marked; /* they are, marked as deleted */
};

/* imap_expunge.c: UIDs of the refs, ascending, each once; *n is how many. The caller's; NULL with
 * STALE where they are not all of one folder. */
uint32_t *imap_uids_of(const struct bz_msgref *refs, size_t *n, struct bz_err *err);
/* Of the selected folder, n <= IMAP_SET_UIDS: mark as deleted, and remove where one may name what
 * to remove; *marked: one may not. May be repeated. Both in one flight: what the second would take
 * of the set although the first failed is to go as well. */
int imap_erase(struct imap_call *call, const uint32_t *uids, size_t n, bool *marked);
/* The store follows, and it is told: they left the folder, or are marked in it. */
int imap_drop_rows(
	struct imap_call *call, uint32_t folder_id, const uint32_t *uids, size_t n, bool marked);
void imap_say_marked(const struct imap_call *call);

/* imap_filing.c, of one that was kept. The list has no row of it: what it was known by. */
void imap_filing_board(struct imap_rider *rider, const struct bz_summary *kept);
/* Just before the command goes: it is looked for by the target's numbers, should this run end now.
 * 0 where there is no filing. */
int imap_filing_begin(const struct imap_moving *m);
/* It failed in its midst. Whoever keeps moves keeps this one, too, as begun, or says what is known;
 * false: nobody does. */
bool imap_filing_interrupted(const struct imap_moving *m);
/* Who keeps them learns of each what became of it. */
void imap_filing_tell(const struct imap_moving *m);

/* imap_places.c: where the messages are now, by what arrived in the target since. places are filled
 * as far as they are found; *any: did something arrive there at all? Selects the target. */
int imap_find_places(struct imap_moving *m, bool *any);
/* The line was lost before the answer. Another one, and both folders are looked at: every fate is
 * known then. -1 with a sentence where it cannot be known. */
int imap_look_after_cut(struct imap_moving *m);
/* The same on the line as it is, of one that another run began (bz_job.filing). */
int imap_look_at_begun(struct imap_moving *m);

G_STATIC_ASSERT((int)BZ_FILING_MAX <= (int)IMAP_SET_UIDS);

#endif
