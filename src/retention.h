/* Retention: which copies go from a POP3 server, and when (DESIGN section 7, steps 7 and 8). Here
 * are the decisions, over the ledger and the local mail alone; net/pop_remove.c carries them out.
 * Worker thread. Functions return 0, or -1 with *err kind LOCAL, unless they say otherwise. */
#ifndef BZ_RETENTION_H
#define BZ_RETENTION_H

#include "src/settings.h"
#include "src/store.h"

/* --- the clock -------------------------------------------------------------------------------- */

/* What the machine's clocks say: days are counted only while they agree with each other. */
struct bz_clock {
	int64_t real;     /* CLOCK_REALTIME, seconds */
	int64_t boot;     /* CLOCK_BOOTTIME, seconds */
	char boot_id[40]; /* changes with each boot; "" = unknown */
};
void bz_clock_read(struct bz_clock *clock);

/* --- the person's agreement ------------------------------------------------------------------- */

enum bz_agreement { BZ_AGREEMENT_NONE, BZ_AGREEMENT_YES, BZ_AGREEMENT_NO };

/* Yes stands for ever; no stands as long as the account's policy is the same. */
int bz_retention_agreement(struct bz_store *store, const struct bz_account *account,
	enum bz_agreement *out, struct bz_err *err);
/* The answer to "n copies would go", kept. A yes does not undo a no that was given to the same
 * policy: a program that runs by itself says yes without having asked. */
int bz_retention_agree(
	struct bz_store *store, const struct bz_account *account, bool yes, struct bz_err *err);

/* --- a session -------------------------------------------------------------------------------- */

/* A session's listing, however it is kept. */
struct bz_listed {
	/* How often is this UIDL in it: 0, 1, or 2 for more than once. */
	int (*times)(void *me, const char *uidl);
	void *me;
};

/* A copy that may go. */
struct bz_removal {
	char uidl[71];
	uint64_t size; /* as the server listed it */
};

/* The whole listing against the ledger, once a session, after the downloads of it are stored: notes
 * what is missing and what came back, compares the clocks with the last session's, forgets what has
 * been missing for a year, and appends to due (struct bz_removal; may be less than all where there
 * are many) what the policy says should go now, whether or not the person agreed to that. A UIDL
 * that is listed twice, or that the ledger does not know as stored here, never does. By age a copy
 * goes in the second session, an hour or more after the first that found its time over; where the
 * clock jumped none does, and stored times are put right so that no message is older than the time
 * that really passed. */
int bz_retention_session(struct bz_store *store, const struct bz_account *account,
	const struct bz_listed *listed, const struct bz_clock *clock, GArray *due,
	struct bz_err *err);
/* May this copy go, as things are now? Yes if it was deleted here for ever, or if the message reads
 * back from the mail file, in whatever folder it is, with its digest. 1 yes, 0 no, -1. */
int bz_retention_may_go(struct bz_store *store, const struct bz_account *account, const char *uidl,
	struct bz_err *err);
/* The server said +OK to DELE for n of them: once they are missing they count as removed by us. */
int bz_retention_removed(struct bz_store *store, const struct bz_removal *removals, size_t n,
	int64_t now, struct bz_err *err);

/* --- telling it ------------------------------------------------------------------------------- */

/* What becomes of a copy in the last listing; *until (NULL allowed) with BZ_COPY_GOES. */
enum bz_copy_fate bz_retention_fate(const struct bz_account *account, enum bz_agreement agreement,
	const struct bz_ledger *row, int64_t now, int64_t *until);
/* What a message that the reader shows has on the server: bz_message.server_until and
 * .server_fate. */
int bz_retention_of_message(struct bz_store *store, const struct bz_account *account,
	uint32_t local_uid, int64_t now, int64_t *until, enum bz_copy_fate *fate,
	struct bz_err *err);
/* What a session with this listing would remove at this moment, whether or not the person was asked
 * yet: a struct bz_copy (BZ_COPY_DUE) appended for each. Writes nothing. */
int bz_retention_forecast(struct bz_store *store, const struct bz_account *account,
	const struct bz_listed *listed, const struct bz_clock *clock, GArray *copies,
	struct bz_err *err);
/* Everything the last listing had that is known here, newest first: struct bz_copy appended. */
int bz_retention_copies(struct bz_store *store, const struct bz_account *account, int64_t now,
	GArray *copies, struct bz_err *err);
/* Fill from and subject of the copies from the one at `first` on. */
int bz_retention_name(struct bz_store *store, GArray *copies, guint first, struct bz_err *err);
/* "1.2 GB of mail on the server, 0.9 GB goes by 3 Dec." of such copies; the caller frees. */
char *bz_retention_sum(const GArray *copies, int64_t now);
/* "3 Dec", with the year where it is not that of now; the caller frees. */
char *bz_retention_day(int64_t when, int64_t now);

#endif
