/* What the person did to mail in this session and may take back: the last 100 steps. It knows no
 * mail and no worker: it says what to ask for, and is told what came of it. One thread.
 *
 * A message has another reference after each move, so a step names messages by what they are now:
 * whenever one moves, every step that knows it follows. */
#ifndef BZ_UNDO_H
#define BZ_UNDO_H

#include "src/model.h"

enum { BZ_UNDO_STEPS = 100 };

enum bz_undo_kind { BZ_UNDO_MOVE, BZ_UNDO_COPY, BZ_UNDO_FLAGS };

/* One thing done to some messages of one folder. Strings are borrowed. */
struct bz_undo_act {
	enum bz_undo_kind kind;
	int account;                 /* as events number them */
	const char *source;          /* wire name of the messages' folder */
	const char *target;          /* of the one they went to; NULL for FLAGS */
	unsigned add, remove;        /* FLAGS: enum bz_flag, set or cleared on all of them */
	const struct bz_moved *refs; /* FLAGS: from == to */
	size_t n;
};

/* What to do next so that a step is undone, or done again. */
enum bz_undo_verb {
	BZ_UNDO_DO_MOVE,    /* refs to folder */
	BZ_UNDO_DO_COPY,    /* refs to folder */
	BZ_UNDO_DO_EXPUNGE, /* refs: the copies */
	BZ_UNDO_DO_FLAGS    /* refs: add and remove */
};
struct bz_undo_task {
	enum bz_undo_verb verb;
	enum bz_undo_kind kind; /* of the step */
	int account;
	const char *folder; /* wire name, the undo's; NULL = none */
	unsigned add, remove;
	GArray *refs; /* struct bz_msgref; the caller's */
};

struct bz_undo;
struct bz_undo *bz_undo_new(void);
void bz_undo_free(struct bz_undo *undo);

/* This was done: it is the next to be undone, and what was undone before cannot be redone. */
void bz_undo_push(struct bz_undo *undo, const struct bz_undo_act *act);

/* The task that undoes (redo: does again) the newest step; false when there is none. The step stays
 * where it is until bz_undo_done or bz_undo_drop. */
bool bz_undo_next(const struct bz_undo *undo, bool redo, struct bz_undo_task *task);
/* The task was done; moved as the answer to MOVE and COPY brought it, else NULL and 0. */
void bz_undo_done(struct bz_undo *undo, bool redo, const struct bz_moved *moved, size_t n);
/* The task cannot be done, now or ever: its step is forgotten. */
void bz_undo_drop(struct bz_undo *undo, bool redo);

/* Messages got other places, by a step that failed halfway: every step follows them. */
void bz_undo_follow(struct bz_undo *undo, int account, const struct bz_moved *moved, size_t n);

/* A folder has another wire name and perhaps another id now; the folders below it ('/') have other
 * names, too. */
void bz_undo_renamed(struct bz_undo *undo, int account, const struct bz_folder *from,
	const struct bz_folder *to);
/* Steps that can be undone, or done again. */
size_t bz_undo_count(const struct bz_undo *undo, bool redo);

#endif
