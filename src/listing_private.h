/* What listing.c and listing_threads.c share; nobody else includes this. */
#ifndef BZ_LISTING_PRIVATE_H
#define BZ_LISTING_PRIVATE_H

#include "src/listing.h"

struct bz_listing {
	uint32_t folder;
	uint32_t exists;
	GArray *ids;    /* guint32, newest first, or thread by thread; 0 = a hole */
	bool is_sparse; /* there are holes among ids */
	GArray *places; /* guint32 (enum bz_thread_place), as long as ids; NULL: not in threads */
	bool moved;     /* bz_listing_is_moved */
	GArray *shown;  /* guint32 by position: index of ids; NULL: nothing is folded */
};

/* The index of a position, or ids->len and more where there is none. */
uint32_t bz_listing_index(const struct bz_listing *listing, uint32_t position);
/* The index of a row, or -1. */
int64_t bz_listing_find_index(const struct bz_listing *listing, uint32_t row);

/* listing_threads.c: bz_listing_apply for a listing in threads. */
bool bz_listing_apply_threads(struct bz_listing *listing, const struct bz_change *change);

#endif
