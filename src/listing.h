/* A list on screen: positions -> row ids, newest first. Made by a worker, owned by the UI thread
 * after it was handed over; merges changes without asking the whole query again. 4 bytes
 * a message. */
#ifndef BZ_LISTING_H
#define BZ_LISTING_H

#include "src/model.h"

enum bz_change_kind {
	BZ_CHANGE_NEWER,   /* ids: rows newer than all known, newest first */
	BZ_CHANGE_OLDER,   /* ids: rows older than all known, newest first */
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

/* ids (guint32, newest first) is taken. exists >= ids->len: the rest are holes, shown as
 * placeholders, older than every known row. */
struct bz_listing *bz_listing_new(uint32_t folder, GArray *ids, uint32_t exists);
void bz_listing_free(struct bz_listing *listing);

/* Positions in all, holes included. */
uint32_t bz_listing_size(const struct bz_listing *listing);
/* Are there positions whose rows are not known yet? */
bool bz_listing_has_holes(const struct bz_listing *listing);
/* Row id at position (0 = newest), or 0 for a hole. */
uint32_t bz_listing_row(const struct bz_listing *listing, uint32_t position);
/* Position of a row id, or -1. hint = where to look first. */
int64_t bz_listing_find(const struct bz_listing *listing, uint32_t row, uint32_t hint);
/* Merge; false when the listing must be made again (REBUILD or another folder's change). Applying
 * the same change twice is harmless. */
bool bz_listing_apply(struct bz_listing *listing, const struct bz_change *change);

#endif
