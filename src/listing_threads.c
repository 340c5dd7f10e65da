/* A listing in threads: which are folded, how a message hangs in its thread, removals. */
#include "src/listing_private.h"

#include <string.h>

bool bz_listing_is_threads(const struct bz_listing *l)
{
	return l->places != NULL;
}

bool bz_listing_is_moved(const struct bz_listing *l)
{
	return l->moved;
}

static uint32_t *places_of(const struct bz_listing *l)
{
	return (uint32_t *)(void *)l->places->data;
}

/* --- one thread ------------------------------------------------------------------------------- */

/* Where the thread of an index begins, and where the next one does. */
static uint32_t begin_of(const struct bz_listing *l, uint32_t at)
{
	const uint32_t *places = places_of(l);

	while (at > 0 && (places[at] & BZ_PLACE_DEPTH) > 0)
		at--;
	return at;
}

static uint32_t end_of(const struct bz_listing *l, uint32_t at)
{
	const uint32_t *places = places_of(l);

	for (at++; at < l->places->len && (places[at] & BZ_PLACE_DEPTH) > 0; at++)
		;
	return at;
}

static bool has_replies(const struct bz_listing *l, uint32_t begin)
{
	return begin + 1 < l->places->len && (places_of(l)[begin + 1] & BZ_PLACE_DEPTH) > 0;
}

void bz_listing_branch(const struct bz_listing *l, uint32_t position, struct bz_branch *branch)
{
	uint32_t at = bz_listing_index(l, position), end;
	const uint32_t *places = places_of(l);

	*branch = (struct bz_branch){0};
	if (at >= l->places->len)
		return;
	branch->depth = places[at] & BZ_PLACE_DEPTH;
	branch->folded = (places[at] & BZ_PLACE_FOLDED) != 0;
	if (!branch->folded)
		return;
	end = end_of(l, at);
	branch->messages = end - at;
	for (; at < end; at++)
		branch->unread += (places[at] & BZ_PLACE_UNREAD) != 0;
}

void bz_listing_rails(const struct bz_listing *l, uint32_t position, uint32_t depth, bool *last)
{
	uint32_t at = bz_listing_index(l, position);

	for (; at < l->places->len && depth > 0; at--) { /* it begins at 0 at the latest */
		uint32_t place = places_of(l)[at];

		if ((place & BZ_PLACE_DEPTH) > depth)
			continue;
		last[--depth] = (place & BZ_PLACE_LAST) != 0;
	}
}

/* --- folding ---------------------------------------------------------------------------------- */

static bool is_any_folded(const struct bz_listing *l)
{
	const uint32_t *places = places_of(l);

	for (uint32_t i = 0; i < l->places->len; i++)
		if ((places[i] & BZ_PLACE_FOLDED) != 0)
			return true;
	return false;
}

/* Positions anew, after folding or removing. */
static void show(struct bz_listing *l)
{
	const uint32_t *places = places_of(l);
	bool hide = false;

	if (l->shown != NULL)
		g_array_unref(l->shown);
	l->shown = is_any_folded(l) ? g_array_new(FALSE, FALSE, sizeof(uint32_t)) : NULL;
	for (uint32_t i = 0; l->shown != NULL && i < l->places->len; i++) {
		if ((places[i] & BZ_PLACE_DEPTH) == 0)
			hide = (places[i] & BZ_PLACE_FOLDED) != 0;
		else if (hide)
			continue;
		g_array_append_val(l->shown, i);
	}
	l->exists = l->ids->len;
}

bool bz_listing_fold(struct bz_listing *l, uint32_t position)
{
	uint32_t at = bz_listing_index(l, position);

	if (at >= l->places->len)
		return false;
	at = begin_of(l, at);
	if (!has_replies(l, at))
		return false;
	places_of(l)[at] ^= BZ_PLACE_FOLDED;
	show(l);
	return true;
}

bool bz_listing_fold_all(struct bz_listing *l)
{
	uint32_t *places = places_of(l), threads = 0, folded = 0;

	for (uint32_t i = 0; i < l->places->len; i++) {
		threads += (places[i] & BZ_PLACE_DEPTH) == 0 && has_replies(l, i);
		folded += (places[i] & BZ_PLACE_FOLDED) != 0;
	}
	for (uint32_t i = 0; i < l->places->len; i++) {
		places[i] &= ~(uint32_t)BZ_PLACE_FOLDED;
		if (folded < threads && (places[i] & BZ_PLACE_DEPTH) == 0 && has_replies(l, i))
			places[i] |= BZ_PLACE_FOLDED;
	}
	show(l);
	return threads > 0;
}

static GHashTable *folded_rows(const struct bz_listing *l)
{
	GHashTable *rows = g_hash_table_new(NULL, NULL);

	for (uint32_t i = 0; i < l->places->len; i++)
		if ((places_of(l)[i] & BZ_PLACE_FOLDED) != 0)
			g_hash_table_add(
				rows, GUINT_TO_POINTER(g_array_index(l->ids, uint32_t, i)));
	return rows;
}

void bz_listing_fold_like(struct bz_listing *l, const struct bz_listing *old)
{
	GHashTable *rows;
	uint32_t begin = 0;

	if (l->places == NULL || old->places == NULL || old->shown == NULL)
		return;
	rows = folded_rows(old);
	for (uint32_t i = 0; i < l->places->len; i++) {
		if ((places_of(l)[i] & BZ_PLACE_DEPTH) == 0)
			begin = i;
		if (g_hash_table_contains(
			    rows, GUINT_TO_POINTER(g_array_index(l->ids, uint32_t, i))) &&
			has_replies(l, begin))
			places_of(l)[begin] |= BZ_PLACE_FOLDED;
	}
	g_hash_table_unref(rows);
	show(l);
}

void bz_listing_reveal(struct bz_listing *l, uint32_t row)
{
	int64_t at = bz_listing_find_index(l, row);
	uint32_t begin = at >= 0 && l->shown != NULL ? begin_of(l, (uint32_t)at) : 0;

	if (at < 0 || l->shown == NULL || (places_of(l)[begin] & BZ_PLACE_FOLDED) == 0)
		return;
	places_of(l)[begin] &= ~(uint32_t)BZ_PLACE_FOLDED;
	show(l);
}

/* --- what is unread --------------------------------------------------------------------------- */

void bz_listing_set_unread(struct bz_listing *l, const struct bz_summary *rows, uint32_t n)
{
	GHashTable *by_id = g_hash_table_new(NULL, NULL);

	for (uint32_t i = 0; i < n; i++)
		if (rows[i].row != 0)
			g_hash_table_insert(
				by_id, GUINT_TO_POINTER(rows[i].row), (void *)(uintptr_t)&rows[i]);
	for (uint32_t i = 0; i < l->ids->len; i++) {
		const struct bz_summary *row = g_hash_table_lookup(
			by_id, GUINT_TO_POINTER(g_array_index(l->ids, uint32_t, i)));

		if (row == NULL)
			continue;
		places_of(l)[i] &= ~(uint32_t)BZ_PLACE_UNREAD;
		places_of(l)[i] |= (row->flags & BZ_FLAG_SEEN) == 0 ? BZ_PLACE_UNREAD : 0;
	}
	g_hash_table_unref(by_id);
}

uint32_t bz_listing_next_unread(const struct bz_listing *l, uint32_t position, bool above)
{
	int64_t step = above ? -1 : 1, n = l->ids->len;

	for (int64_t at = (int64_t)bz_listing_index(l, position) + step; at >= 0 && at < n;
		at += step)
		if ((places_of(l)[at] & BZ_PLACE_UNREAD) != 0)
			return g_array_index(l->ids, uint32_t, (guint)at);
	return 0;
}

/* --- removing --------------------------------------------------------------------------------- */

/* One thread that loses messages. By depth: how many of those above are still there, and whether a
 * sibling comes behind. */
struct thinning {
	struct bz_listing *l;
	GHashTable *gone;
	uint32_t *above;
	uint8_t *behind;
	uint32_t deepest;
};

static bool is_gone(const struct thinning *t, uint32_t at)
{
	return g_hash_table_contains(
		t->gone, GUINT_TO_POINTER(g_array_index(t->l->ids, uint32_t, at)));
}

/* Those that stay move to `to`, at their new depths. The first of them begins the thread, and what
 * then hangs in the air hangs off it. Where they end is returned. */
static uint32_t keep_rest(struct thinning *t, uint32_t begin, uint32_t end, uint32_t to)
{
	uint32_t *ids = (uint32_t *)(void *)t->l->ids->data, *places = places_of(t->l);
	uint32_t first = to, fold = places[begin] & BZ_PLACE_FOLDED, head = 0;
	bool loose = false; /* no answer to the one that begins the thread now */

	for (uint32_t i = begin; i < end; i++) {
		uint32_t depth = places[i] & BZ_PLACE_DEPTH, fresh;
		bool gone = is_gone(t, i);

		fresh = depth > 0 ? t->above[depth - 1] : 0;
		if (depth < BZ_PLACE_DEPTH)
			t->above[depth] = fresh + !gone;
		loose = loose || (to > first && depth <= head);
		if (gone)
			continue;
		head = to == first ? depth : head;
		t->l->moved = t->l->moved || fresh + loose != depth;
		ids[to] = ids[i];
		places[to++] = (places[i] & BZ_PLACE_UNREAD) | MIN(fresh + loose, BZ_PLACE_DEPTH);
	}
	if (to > first + 1)
		places[first] |= fold;
	return to;
}

static void mark_last(struct thinning *t, uint32_t begin, uint32_t end)
{
	uint32_t *places = places_of(t->l);

	for (uint32_t i = end; i > begin; i--) {
		uint32_t depth = places[i - 1] & BZ_PLACE_DEPTH;

		for (; t->deepest > depth; t->deepest--)
			t->behind[t->deepest] = 0;
		places[i - 1] |= t->behind[depth] == 0 ? BZ_PLACE_LAST : 0;
		t->behind[depth] = 1;
		t->deepest = depth;
	}
	memset(t->behind, 0, (size_t)t->deepest + 1);
	t->deepest = 0;
}

static uint32_t keep_thread(struct thinning *t, uint32_t begin, uint32_t end, uint32_t to)
{
	uint32_t *ids = (uint32_t *)(void *)t->l->ids->data, *places = places_of(t->l);
	bool loses = false;
	uint32_t kept;

	for (uint32_t i = begin; i < end && !loses; i++)
		loses = is_gone(t, i);
	if (loses) {
		kept = keep_rest(t, begin, end, to);
		mark_last(t, to, kept);
		return kept;
	}
	memmove(&ids[to], &ids[begin], (end - begin) * sizeof *ids);
	memmove(&places[to], &places[begin], (end - begin) * sizeof *places);
	return to + (end - begin);
}

static void remove_rows(struct bz_listing *l, const GArray *rows)
{
	struct thinning t = {.l = l, .gone = g_hash_table_new(NULL, NULL)};
	uint32_t kept = 0;

	t.above = g_new0(uint32_t, BZ_PLACE_DEPTH + 1);
	t.behind = g_new0(uint8_t, BZ_PLACE_DEPTH + 1);
	for (guint i = 0; i < rows->len; i++)
		g_hash_table_add(t.gone, GUINT_TO_POINTER(g_array_index(rows, uint32_t, i)));
	for (uint32_t i = 0; i < l->ids->len;) {
		uint32_t end = end_of(l, i);

		kept = keep_thread(&t, i, end, kept);
		i = end;
	}
	g_array_set_size(l->ids, kept);
	g_array_set_size(l->places, kept);
	g_hash_table_unref(t.gone);
	g_free(t.above);
	g_free(t.behind);
	show(l);
}

/* A change may arrive twice: once in the listing that the worker made, once as an event. */
static bool has_all(const struct bz_listing *l, const GArray *rows)
{
	GHashTable *wanted = g_hash_table_new(NULL, NULL);
	guint n = 0, all;

	for (guint i = 0; i < rows->len; i++)
		g_hash_table_add(wanted, GUINT_TO_POINTER(g_array_index(rows, uint32_t, i)));
	all = g_hash_table_size(wanted);
	for (guint i = 0; i < l->ids->len && n < all; i++)
		n += g_hash_table_contains(
			wanted, GUINT_TO_POINTER(g_array_index(l->ids, uint32_t, i)));
	g_hash_table_unref(wanted);
	return n == all;
}

bool bz_listing_apply_threads(struct bz_listing *l, const struct bz_change *change)
{
	if (change->kind == BZ_CHANGE_GONE)
		remove_rows(l, change->ids);
	else if (change->kind != BZ_CHANGE_UPDATED)
		return has_all(l, change->ids);
	return true;
}
