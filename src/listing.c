#include "src/listing.h"

struct bz_listing {
	uint32_t folder;
	uint32_t exists;
	GArray *ids; /* guint32, newest first */
};

void bz_change_free(void *change)
{
	struct bz_change *c = change;

	if (c == NULL)
		return;
	if (c->ids != NULL)
		g_array_unref(c->ids);
	g_free(c);
}

struct bz_listing *bz_listing_new(uint32_t folder, GArray *ids, uint32_t exists)
{
	struct bz_listing *listing = g_new(struct bz_listing, 1);

	*listing = (struct bz_listing){folder, MAX(exists, ids->len), ids};
	return listing;
}

void bz_listing_free(struct bz_listing *listing)
{
	if (listing == NULL)
		return;
	g_array_unref(listing->ids);
	g_free(listing);
}

uint32_t bz_listing_size(const struct bz_listing *listing)
{
	return listing->exists;
}

bool bz_listing_has_holes(const struct bz_listing *listing)
{
	return listing->exists > listing->ids->len;
}

uint32_t bz_listing_row(const struct bz_listing *listing, uint32_t position)
{
	return position < listing->ids->len ? g_array_index(listing->ids, uint32_t, position) : 0;
}

int64_t bz_listing_find(const struct bz_listing *listing, uint32_t row, uint32_t hint)
{
	const uint32_t *ids = (const uint32_t *)(void *)listing->ids->data;
	uint32_t n = listing->ids->len;

	if (row == 0)
		return -1;
	if (hint < n && ids[hint] == row)
		return hint;
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == row)
			return i;
	return -1;
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

bool bz_listing_apply(struct bz_listing *listing, const struct bz_change *change)
{
	if (change->folder != listing->folder || change->kind == BZ_CHANGE_REBUILD)
		return false;
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
