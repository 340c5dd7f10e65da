/* A list on screen: positions -> row ids, newest first, or in threads (thread.h). Made by a worker,
 * owned by the UI thread after it was handed over; merges changes without asking the whole query
 * again. 4 bytes a message; in threads 8, and 4 for each one that is shown while any is folded. */
#ifndef BZ_LISTING_H
#define BZ_LISTING_H

#include "src/model.h"
#include "src/thread.h"

enum bz_change_kind {
	BZ_CHANGE_NEWER,   /* ids: rows newer than all known, newest first */
	BZ_CHANGE_OLDER,   /* ids: rows next to those known from the newest on, newest first */
	BZ_CHANGE_UPDATED, /* ids: same rows, other contents (flags) */
	BZ_CHANGE_GONE,    /* ids: rows removed */
	BZ_CHANGE_REBUILD  /* anything: ask the worker for a new listing */
};

struct bz_change {
	uint32_t folder;
	enum bz_change_kind kind;
	uint32_t exists; /* the folder's message count after the change */
	uint32_t unseen;
	GArray *ids; /* guint32; NULL for REBUILD */
};
void bz_change_free(void *change);

struct bz_listing;

/* ids (guint32, newest first; 0 = a hole, shown as a placeholder) is taken. exists >= ids->len: the
 * rest are holes, too, older than every known row. */
struct bz_listing *bz_listing_new(uint32_t folder, GArray *ids, uint32_t exists);
/* In threads: ids and places (bz_threads_order) are taken. It has no holes. */
struct bz_listing *bz_listing_new_threads(uint32_t folder, GArray *ids, GArray *places);
void bz_listing_free(struct bz_listing *listing);

/* Positions in all, holes included; what is folded away has none. */
uint32_t bz_listing_size(const struct bz_listing *listing);
/* Are there positions whose rows are not known yet? */
bool bz_listing_has_holes(const struct bz_listing *listing);
/* Row id at position (0 = newest), or 0 for a hole. */
uint32_t bz_listing_row(const struct bz_listing *listing, uint32_t position);
/* Position of a row id, or -1; of what is folded away, that of its thread. hint = where to look
 * first. */
int64_t bz_listing_find(const struct bz_listing *listing, uint32_t row, uint32_t hint);
/* Merge; false when the listing must be made again (REBUILD, another folder's change, in threads
 * what came, and with rows below holes what does not tell which hole it is about). Applying the
 * same change twice is harmless. In threads, what answered a removed message moves up to its place;
 * where it stands in the end, a new listing tells. */
bool bz_listing_apply(struct bz_listing *listing, const struct bz_change *change);

/* --- threads (listing_threads.c): positions of a listing that is in threads --------------------
 */

bool bz_listing_is_threads(const struct bz_listing *listing);

struct bz_branch {
	uint32_t depth; /* 0 = begins a thread */
	bool folded;
	uint32_t messages, unread; /* of the thread; counted only where it is folded */
};
void bz_listing_branch(
	const struct bz_listing *listing, uint32_t position, struct bz_branch *branch);
/* For each level 1 to depth (the row's own): is the message there, on the way to this one, the last
 * answer to the one above it? */
void bz_listing_rails(
	const struct bz_listing *listing, uint32_t position, uint32_t depth, bool *last);

/* Did answers move up to where a removed message was? A new listing tells where they belong. */
bool bz_listing_is_moved(const struct bz_listing *listing);

/* Fold the thread of a position, or unfold it; false: it is one message. */
bool bz_listing_fold(struct bz_listing *listing, uint32_t position);
/* Fold all threads; unfold them where all are folded. False: there are none. */
bool bz_listing_fold_all(struct bz_listing *listing);
/* Fold what is folded in another listing of the folder. */
void bz_listing_fold_like(struct bz_listing *listing, const struct bz_listing *old);
/* Unfold the thread that the row is in. */
void bz_listing_reveal(struct bz_listing *listing, uint32_t row);

/* What is unread: of rows as they are now; row 0 is passed over. */
void bz_listing_set_unread(struct bz_listing *listing, const struct bz_summary *rows, uint32_t n);
/* The row id of the nearest unread message above or below, folded away or not; 0 = none. */
uint32_t bz_listing_next_unread(const struct bz_listing *listing, uint32_t position, bool above);

#endif
