#include "src/listing_private.h"

#include <string.h>

void bz_change_free(void *change)
{
	struct bz_change *c = change;

	if (c == NULL)
		return;
	if (c->ids != NULL)
		g_array_unref(c->ids);
	g_free(c);
}

/* The index of the first hole that stands above a row, or ids->len. */
static guint first_hole(const GArray *ids)
{
	const uint32_t *at = (const uint32_t *)(void *)ids->data;
	guint i = 0;

	while (i < ids->len && at[i] != 0)
		i++;
	return i;
}

struct bz_listing *bz_listing_new(uint32_t folder, GArray *ids, uint32_t exists)
{
	struct bz_listing *listing = g_new(struct bz_listing, 1);

	*listing =
		(struct bz_listing){.folder = folder, .exists = MAX(exists, ids->len), .ids = ids};
	listing->is_sparse = first_hole(ids) < ids->len;
	return listing;
}

struct bz_listing *bz_listing_new_threads(uint32_t folder, GArray *ids, GArray *places)
{
	struct bz_listing *listing = bz_listing_new(folder, ids, ids->len);

	listing->places = places;
	return listing;
}

void bz_listing_free(struct bz_listing *listing)
{
	if (listing == NULL)
		return;
	g_array_unref(listing->ids);
	if (listing->places != NULL)
		g_array_unref(listing->places);
	if (listing->shown != NULL)
		g_array_unref(listing->shown);
	g_free(listing);
}

uint32_t bz_listing_size(const struct bz_listing *listing)
{
	return listing->shown != NULL ? listing->shown->len : listing->exists;
}

bool bz_listing_has_holes(const struct bz_listing *listing)
{
	return listing->exists > listing->ids->len || listing->is_sparse;
}

uint32_t bz_listing_row(const struct bz_listing *listing, uint32_t position)
{
	uint32_t at = bz_listing_index(listing, position);

	return at < listing->ids->len ? g_array_index(listing->ids, uint32_t, at) : 0;
}

uint32_t bz_listing_index(const struct bz_listing *listing, uint32_t position)
{
	if (listing->shown == NULL)
		return position;
	return position < listing->shown->len ? g_array_index(listing->shown, uint32_t, position)
					      : listing->ids->len;
}

/* The last position at or before an index: what is folded away stands with its thread. */
static uint32_t position_of(const struct bz_listing *listing, uint32_t at)
{
	uint32_t low = 0, high = listing->shown != NULL ? listing->shown->len : 0;

	if (listing->shown == NULL)
		return at;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (g_array_index(listing->shown, uint32_t, mid) <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

int64_t bz_listing_find_index(const struct bz_listing *listing, uint32_t row)
{
	const uint32_t *ids = (const uint32_t *)(void *)listing->ids->data;

	for (uint32_t i = 0; i < listing->ids->len && row != 0; i++)
		if (ids[i] == row)
			return i;
	return -1;
}

int64_t bz_listing_find(const struct bz_listing *listing, uint32_t row, uint32_t hint)
{
	int64_t at;

	if (row != 0 && bz_listing_row(listing, hint) == row)
		return hint;
	at = bz_listing_find_index(listing, row);
	return at < 0 ? -1 : (int64_t)position_of(listing, (uint32_t)at);
}

/* Those of ids that the listing does not have yet (a change may arrive twice: once in the listing
 * that the worker made, once as an event). */
static GArray *fresh(const struct bz_listing *listing, const GArray *ids)
{
	GArray *out = g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), ids->len);
	GHashTable *known = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < listing->ids->len; i++)
		g_hash_table_add(known, GUINT_TO_POINTER(g_array_index(listing->ids, uint32_t, i)));
	for (guint i = 0; i < ids->len; i++) {
		uint32_t id = g_array_index(ids, uint32_t, i);

		if (!g_hash_table_contains(known, GUINT_TO_POINTER(id)))
			g_array_append_val(out, id);
	}
	g_hash_table_unref(known);
	return out;
}

/* Is the change already in the listing? Looks at the edge where it would have been added. */
static bool has_any(const struct bz_listing *listing, const GArray *ids, bool newer)
{
	uint32_t n = MIN(listing->ids->len, ids->len);
	uint32_t edge;

	if (n == 0)
		return false;
	edge = g_array_index(ids, uint32_t, newer ? ids->len - 1 : 0);
	return bz_listing_find(listing, edge, newer ? ids->len - 1 : listing->ids->len - n) >= 0;
}

static void add(struct bz_listing *listing, const GArray *ids, bool newer)
{
	GArray *rest = NULL;

	if (has_any(listing, ids, newer))
		ids = rest = fresh(listing, ids);
	if (newer)
		g_array_prepend_vals(listing->ids, ids->data, ids->len);
	else
		g_array_append_vals(listing->ids, ids->data, ids->len);
	if (rest != NULL)
		g_array_unref(rest);
}

static void remove_ids(struct bz_listing *listing, const GArray *ids)
{
	GHashTable *gone = g_hash_table_new(NULL, NULL);
	uint32_t *at = (uint32_t *)(void *)listing->ids->data;
	guint kept = 0;

	for (guint i = 0; i < ids->len; i++)
		g_hash_table_add(gone, GUINT_TO_POINTER(g_array_index(ids, uint32_t, i)));
	for (guint i = 0; i < listing->ids->len; i++)
		if (!g_hash_table_contains(gone, GUINT_TO_POINTER(at[i])))
			at[kept++] = at[i];
	g_array_set_size(listing->ids, kept);
	g_hash_table_unref(gone);
}

/* --- with rows below holes -------------------------------------------------------------------- */

/* The rows next to those known from the newest on: into the holes there. */
static bool fill(struct bz_listing *listing, const GArray *ids)
{
	guint at = first_hole(listing->ids);
	uint32_t *to = &g_array_index(listing->ids, uint32_t, at);

	if (ids->len > listing->ids->len - at || has_any(listing, ids, false))
		return false;
	for (guint i = 0; i < ids->len; i++)
		if (to[i] != 0)
			return false;
	memcpy(to, ids->data, ids->len * sizeof *to);
	listing->is_sparse = first_hole(listing->ids) < listing->ids->len;
	return true;
}

/* Where the rows are as many more or fewer as the messages, every hole is as it was. */
static bool apply_sparse(struct bz_listing *listing, const struct bz_change *change)
{
	guint before = listing->ids->len;
	uint32_t exists;

	if (change->kind == BZ_CHANGE_NEWER)
		add(listing, change->ids, true);
	else if (change->kind == BZ_CHANGE_GONE)
		remove_ids(listing, change->ids);
	else if (change->kind == BZ_CHANGE_OLDER && !fill(listing, change->ids))
		return false;
	exists = listing->exists + listing->ids->len - before;
	listing->exists = MAX(change->exists, listing->ids->len);
	return change->exists == exists;
}

bool bz_listing_apply(struct bz_listing *listing, const struct bz_change *change)
{
	if (change->folder != listing->folder || change->kind == BZ_CHANGE_REBUILD)
		return false;
	if (listing->places != NULL)
		return bz_listing_apply_threads(listing, change);
	if (listing->is_sparse)
		return apply_sparse(listing, change);
	switch (change->kind) {
	case BZ_CHANGE_NEWER:
	case BZ_CHANGE_OLDER:
		add(listing, change->ids, change->kind == BZ_CHANGE_NEWER);
		break;
	case BZ_CHANGE_GONE:
		remove_ids(listing, change->ids);
		break;
	default:
		break;
	}
	listing->exists = MAX(change->exists, listing->ids->len);
	return true;
}
