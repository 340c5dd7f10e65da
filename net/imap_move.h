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

/* imap_places.c: where the messages are now, by what arrived in the target since. places are filled
 * as far as they are found; *any: did something arrive there at all? Selects the target. */
int imap_find_places(struct imap_moving *m, bool *any);
/* The line was lost before the answer. Another one, and both folders are looked at: every fate is
 * known then. -1 with a sentence where it cannot be known. */
int imap_look_after_cut(struct imap_moving *m);

#endif
