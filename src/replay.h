/* Makes on the server what was changed while the line was down (pending.h): once, in order, like
 * changes together. */
#ifndef BZ_REPLAY_H
#define BZ_REPLAY_H

#include "src/backend.h"

struct bz_replay {
	const struct bz_backend_ops *ops;
	struct bz_backend *backend;
	struct bz_store *store;
	const struct bz_job *job;
	/* Messages that were on their way have a place now: struct bz_moved, taken. NULL allowed.
	 */
	void (*moved)(void *me, GArray *moved);
	void *me;
};

/* All that waits. What the server refuses, and what is about messages that are gone, is said (the
 * job's notes) and forgotten; the lists follow. -1: the line failed, or the disk; what was not done
 * still waits. One that another process is making is left to it. The worker's thread. */
int bz_replay_all(const struct bz_replay *replay, struct bz_err *err);

#endif
