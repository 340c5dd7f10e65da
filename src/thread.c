#include "src/thread.h"

#include <string.h>

#define NONE UINT32_MAX
#define MISSING (UINT32_C(1) << 31) /* a slot's: of an id that no message has */

struct item {
	uint64_t id;
	uint32_t row;
	uint32_t refs : 31; /* where they begin; they end where the next item's begin */
	uint32_t unread : 1;
};

struct bz_threads {
	GArray *items; /* struct item, newest first */
	GArray *refs;  /* guint64 */
	/* for the linking */
	uint32_t *slots; /* index + 1 of a message, by the hash of its id; 0 = empty */
	uint32_t mask, used;
	/* by index; NONE = there is none */
	uint32_t *parent, *first, *next;
};

struct bz_threads *bz_threads_new(guint n)
{
	struct bz_threads *t = g_new0(struct bz_threads, 1);

	t->items = g_array_sized_new(FALSE, FALSE, sizeof(struct item), n);
	t->refs = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), n);
	return t;
}

void bz_threads_free(struct bz_threads *t)
{
	if (t == NULL)
		return;
	g_array_unref(t->items);
	g_array_unref(t->refs);
	g_free(t->slots);
	g_free(t->parent);
	g_free(t->first);
	g_free(t->next);
	g_free(t);
}

void bz_threads_add(struct bz_threads *t, uint32_t row, bool unread, uint64_t id,
	const uint64_t *refs, unsigned n)
{
	struct item item = {id, row, t->refs->len & ~MISSING, unread};

	n = MIN(n, BZ_THREAD_REFS);
	if (n > 0 && t->refs->len < MISSING - BZ_THREAD_REFS)
		g_array_append_vals(t->refs, refs, n);
	g_array_append_val(t->items, item);
}

static struct item *item_at(const struct bz_threads *t, uint32_t i)
{
	return &g_array_index(t->items, struct item, i);
}

static const uint64_t *refs_of(const struct bz_threads *t, uint32_t i, uint32_t *n)
{
	uint32_t from = item_at(t, i)->refs;
	uint32_t to = i + 1 < t->items->len ? item_at(t, i + 1)->refs : t->refs->len;

	*n = to - from;
	return (const uint64_t *)(void *)t->refs->data + from;
}

/* --- from ids to messages --------------------------------------------------------------------- */

/* What a slot stands for: a message's id, or the first of all references of the one that began
 * a group. */
static uint64_t key_of(const struct bz_threads *t, uint32_t slot)
{
	uint32_t i = (slot & ~MISSING) - 1, n;
	const uint64_t *refs;

	if ((slot & MISSING) == 0)
		return item_at(t, i)->id;
	refs = refs_of(t, i, &n);
	while (n > 1 && refs[n - 1] == item_at(t, i)->id)
		n--;
	return refs[n - 1];
}

/* Its slot, or the empty one where it would be. */
static uint32_t *slot_of(struct bz_threads *t, uint64_t id)
{
	uint32_t at = (uint32_t)((id * 0x9e3779b97f4a7c15) >> 32) & t->mask;

	while (t->slots[at] != 0 && key_of(t, t->slots[at]) != id)
		at = (at + 1) & t->mask;
	return &t->slots[at];
}

static void make_slots(struct bz_threads *t, uint32_t size)
{
	uint32_t *old = t->slots;
	uint32_t n = old != NULL ? t->mask + 1 : 0;

	t->slots = g_new0(uint32_t, size);
	t->mask = size - 1;
	for (uint32_t i = 0; i < n; i++)
		if (old[i] != 0)
			*slot_of(t, key_of(t, old[i])) = old[i];
	g_free(old);
}

/* Room for one more at any time: a third stays empty. */
static void make_room(struct bz_threads *t)
{
	if (++t->used > t->mask / 3 * 2)
		make_slots(t, (t->mask + 1) * 2);
}

static void note_ids(struct bz_threads *t)
{
	uint32_t size = 16;

	while (size / 3 * 2 < t->items->len)
		size *= 2;
	make_slots(t, size);
	for (uint32_t i = t->items->len; i > 0; i--) {
		uint32_t *slot;

		if (item_at(t, i - 1)->id == 0)
			continue;
		make_room(t);
		slot = slot_of(t, item_at(t, i - 1)->id);
		if (*slot == 0)
			*slot = i;
	}
}

/* --- who answers whom ------------------------------------------------------------------------- */

/* The nearest of its references that is there; else the message that began the group of those who
 * answer the same missing one, or NONE: it begins that group. */
static uint32_t find_parent(struct bz_threads *t, uint32_t i)
{
	uint32_t n, *slot;
	const uint64_t *refs = refs_of(t, i, &n);
	uint64_t own = item_at(t, i)->id, missing = 0;

	for (uint32_t k = 0; k < n; k++) {
		slot = slot_of(t, refs[k]);
		if (*slot != 0 && (*slot & MISSING) == 0 && *slot - 1 != i)
			return *slot - 1;
		if (refs[k] != own)
			missing = refs[k];
	}
	if (missing == 0)
		return NONE;
	make_room(t);
	slot = slot_of(t, missing);
	if (*slot != 0)
		return (*slot & ~MISSING) - 1;
	*slot = (i + 1) | MISSING;
	return NONE;
}

static void link_all(struct bz_threads *t)
{
	note_ids(t);
	t->parent = g_new(uint32_t, t->items->len + 1);
	for (uint32_t i = t->items->len; i > 0; i--)
		t->parent[i - 1] = find_parent(t, i - 1);
	g_clear_pointer(&t->slots, g_free);
}

/* The oldest of a circle begins the thread. */
static void cut_circle(struct bz_threads *t, uint32_t i)
{
	uint32_t oldest = i;

	for (uint32_t at = t->parent[i]; at != i; at = t->parent[at])
		oldest = MAX(oldest, at);
	t->parent[oldest] = NONE;
}

/* Each message is walked over once: a walk ends where an earlier one has been. */
static void cut_circles(struct bz_threads *t)
{
	uint32_t *walk = g_new0(uint32_t, t->items->len + 1);

	for (uint32_t i = 0; i < t->items->len; i++) {
		uint32_t at = i;

		while (at != NONE && walk[at] == 0) {
			walk[at] = i + 1;
			at = t->parent[at];
		}
		if (at != NONE && walk[at] == i + 1)
			cut_circle(t, at);
	}
	g_free(walk);
}

/* --- the order -------------------------------------------------------------------------------- */

/* From the newest on, each in front of its siblings: so the oldest comes first. */
static void list_children(struct bz_threads *t)
{
	uint32_t n = t->items->len;

	t->first = g_new(uint32_t, n + 1);
	t->next = g_new(uint32_t, n + 1);
	memset(t->first, 0xff, n * sizeof *t->first);
	memset(t->next, 0xff, n * sizeof *t->next);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t up = t->parent[i];

		if (up == NONE)
			continue;
		t->next[i] = t->first[up];
		t->first[up] = i;
	}
}

struct output {
	GArray *rows, *places;
	uint8_t *done; /* a bit a message */
};

static void emit(const struct bz_threads *t, struct output *out, uint32_t i, uint32_t depth)
{
	const struct item *item = item_at(t, i);
	uint32_t row = item->row, place = MIN(depth, BZ_PLACE_DEPTH);

	place |= t->next[i] == NONE ? BZ_PLACE_LAST : 0;
	place |= item->unread ? BZ_PLACE_UNREAD : 0;
	g_array_append_val(out->rows, row);
	g_array_append_val(out->places, place);
	out->done[i / 8] |= (uint8_t)(1 << (i % 8));
}

static void emit_thread(const struct bz_threads *t, struct output *out, uint32_t root)
{
	uint32_t at = root, depth = 0;

	while (at != NONE) {
		emit(t, out, at, depth);
		if (t->first[at] != NONE) {
			at = t->first[at];
			depth++;
			continue;
		}
		while (at != root && t->next[at] == NONE) {
			at = t->parent[at];
			depth--;
		}
		at = at != root ? t->next[at] : NONE;
	}
}

/* The first of a thread that is met is its newest: so threads come in their order, and each is
 * climbed once. */
static void emit_all(const struct bz_threads *t, struct output *out)
{
	for (uint32_t i = 0; i < t->items->len; i++) {
		uint32_t root = i;

		if ((out->done[i / 8] & (1 << (i % 8))) != 0)
			continue;
		while (t->parent[root] != NONE)
			root = t->parent[root];
		emit_thread(t, out, root);
	}
}

void bz_threads_order(struct bz_threads **threads, GArray **rows, GArray **places)
{
	struct bz_threads *t = *threads;
	guint n = t->items->len;
	struct output out;

	link_all(t);
	g_array_set_size(t->refs, 0);
	cut_circles(t);
	list_children(t);
	out = (struct output){g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), n),
		g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), n), g_malloc0(n / 8 + 1)};
	emit_all(t, &out);
	g_free(out.done);
	*rows = out.rows;
	*places = out.places;
	bz_threads_free(t);
	*threads = NULL;
}
