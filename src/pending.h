/* Changes to a server's mail that are made while its line is down: kept in state.db, shown at once
 * in the lists, taken back by undo as if they had never been; replay.h makes them on the server.
 * The worker's thread. */
#ifndef BZ_PENDING_H
#define BZ_PENDING_H

#include "src/backend.h"

/* The folder of a reference to a message on its way: uid is the change's number. What an answer to
 * a move that waits tells as the message's new place. */
#define BZ_PENDING_FOLDER UINT32_MAX

/* Each is as the backend's op of that name, but nothing leaves this computer. STALE: none of the
 * messages is there; LIMIT: BZ_PENDING_MAX wait already, nothing was changed. A change that is the
 * contrary of one that waits takes that out instead. err is never NULL. tried: a line was lost in
 * the midst of it, so it may have been made; then so is its contrary, behind it. */
int bz_pending_flags(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, unsigned add, unsigned remove, bool tried,
	struct bz_err *err);
/* target: wire name of a folder, there or not; moved: struct bz_moved appended. halfway: its .is
 * means that it was begun, and what became of it is to be found out. */
int bz_pending_move(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, const char *target,
	const struct bz_halfway *halfway, GArray *moved, struct bz_err *err);

/* Moves that wait (refs to BZ_PENDING_FOLDER) never happened: the messages are back in their lists;
 * moved: struct bz_moved appended. One that is on its way already, or over, is STALE. */
int bz_pending_take_back(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, GArray *moved, struct bz_err *err);

/* The lists show what waits: after a start, for a run may have ended between the two databases, or
 * cache.db be a new one. Nobody is told. */
int bz_pending_show(struct bz_store *store, struct bz_err *err);

/* What the server refused: the lists are as before it again, and that is told. flags: the server's,
 * by the change's place; NULL: not known, then only messages that were hidden come back. */
int bz_pending_revert(struct bz_store *store, const struct bz_report *report,
	const struct bz_pending *const *pendings, size_t n, const unsigned *flags,
	struct bz_err *err);

/* The next changes that one command can make: like the first of all (struct bz_pending *, in order;
 * those that are NULL are over) and behind no other of the same message. Places in all (guint)
 * appended, UIDs ascending, each once, at most max. */
void bz_pending_group(const GPtrArray *all, guint max, GArray *places);

#endif
