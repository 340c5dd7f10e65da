/* A server whose UIDLs are all other ones (a moved provider, a reset): which of its messages are
 * ours? By their headers where TOP tells them, and beyond doubt only; else by their bytes once they
 * are here. What stays in doubt is downloaded (DESIGN section 7). */
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/log.h"

#include <string.h>

enum { ROWS = 500 }; /* in a transaction */

struct candidate {
	uint8_t key[32]; /* first, as in struct pop_headkey */
	char *uidl;
};

/* A listed message and the row of the ledger that it is. */
struct pair {
	const char *from; /* a candidate's */
	guint item;
};

static bool is_none(const uint8_t key[32])
{
	static const uint8_t none[32];

	return memcmp(key, none, sizeof none) == 0;
}

void pop_match_header(struct bz_backend *b, guint item, const char *header, size_t len)
{
	struct pop_headkey key = {.item = item};

	bz_mbox_headkey(header, len, key.key);
	if (!is_none(key.key))
		g_array_append_val(b->headkeys, key);
}

/* --- the ledger's side ------------------------------------------------------------------------ */

struct collect {
	const struct pop_listing *listing;
	GArray *candidates;
};

static void clear_candidate(void *me)
{
	g_free(((struct candidate *)me)->uidl);
}

static bool on_row(void *me, const struct bz_ledger *row)
{
	struct collect *c = me;
	struct candidate one;

	if ((row->state != BZ_LEDGER_STORED && row->state != BZ_LEDGER_DISCARDED) ||
		is_none(row->headkey) || pop_listing_number(c->listing, row->uidl) != 0)
		return true;
	memcpy(one.key, row->headkey, sizeof one.key);
	one.uidl = g_strdup(row->uidl);
	g_array_append_val(c->candidates, one);
	return true;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* How many of the sorted elements from i on have the key of that one. */
static guint equals(const GArray *sorted, guint i, guint size)
{
	const char *first = sorted->data + (size_t)i * size;
	guint n = 1;

	while (i + n < sorted->len && memcmp(first, first + (size_t)n * size, 32) == 0)
		n++;
	return n;
}

/* One listed message and one row of the same key, and no other of either: a pair. */
static GArray *find_pairs(GArray *keys, GArray *candidates)
{
	GArray *pairs = g_array_new(FALSE, FALSE, sizeof(struct pair));
	guint i = 0, j = 0;

	while (i < keys->len && j < candidates->len) {
		const struct pop_headkey *key = &g_array_index(keys, struct pop_headkey, i);
		const struct candidate *one = &g_array_index(candidates, struct candidate, j);
		guint n = equals(keys, i, sizeof *key), m = equals(candidates, j, sizeof *one);
		int order = memcmp(key->key, one->key, 32);
		struct pair pair = {one->uidl, key->item};

		if (order == 0 && n == 1 && m == 1)
			g_array_append_val(pairs, pair);
		i += order <= 0 ? n : 0;
		j += order >= 0 ? m : 0;
	}
	return pairs;
}

static int bind_some(
	struct bz_backend *b, const GArray *pairs, guint from, guint to, struct bz_err *err)
{
	int rc = bz_store_state_begin(b->store, err);

	for (guint i = from; i < to && rc == 0; i++) {
		const struct pair *pair = &g_array_index(pairs, struct pair, i);

		rc = bz_store_ledger_rebind(b->store, pair->from,
			g_array_index(b->listing->fresh, struct pop_item, pair->item).uidl, err);
	}
	if (bz_store_state_end(b->store, rc == 0, err) != 0)
		return -1;
	for (guint i = from; i < to; i++) {
		const struct pair *pair = &g_array_index(pairs, struct pair, i);
		struct pop_item *item =
			&g_array_index(b->listing->fresh, struct pop_item, pair->item);

		pop_listing_rebound(b->listing, pair->from, item->number);
		item->want = POP_WANT_NOTHING;
		b->listing->fresh_bytes -= MIN(b->listing->fresh_bytes, item->size);
	}
	return 0;
}

static void note(const struct bz_backend *b, guint n)
{
	g_autofree char *text = g_strdup_printf(
		ngettext("%s calls its messages by other names now; %u of them is here already "
			 "and was not downloaded again.",
			"%s calls its messages by other names now; %u of them are here already "
			"and were not downloaded again.",
			n),
		b->account->host, n);

	if (n == 0)
		return;
	bz_log(BZ_LOG_WARN, "%s", text);
	b->job->report->note(b->job->report->me, text);
}

int pop_match_decide(struct bz_backend *b, struct bz_err *err)
{
	struct collect c = {b->listing, g_array_new(FALSE, FALSE, sizeof(struct candidate))};
	GArray *pairs = NULL;
	int rc;

	g_array_set_clear_func(c.candidates, clear_candidate);
	rc = bz_store_ledger_each(b->store, on_row, &c, err);
	g_array_sort(c.candidates, by_key);
	g_array_sort(b->headkeys, by_key);
	pairs = find_pairs(b->headkeys, c.candidates);
	for (guint i = 0; i < pairs->len && rc == 0; i += ROWS)
		rc = bind_some(b, pairs, i, MIN(pairs->len, i + ROWS), err);
	if (rc == 0)
		note(b, pairs->len);
	g_array_set_size(b->headkeys, 0);
	g_array_unref(pairs);
	g_array_unref(c.candidates);
	return rc;
}

/* --- by its bytes ----------------------------------------------------------------------------- */

static int nowhere(void *me, const void *bytes, size_t n)
{
	(void)me;
	(void)bytes;
	(void)n;
	return 0;
}

static int digest_of(const struct pop_whole *whole, uint8_t digest[32], struct bz_err *err)
{
	struct bz_encoder *e = bz_encoder_begin(0, 0, true, nowhere, NULL);
	struct pop_whole copy = *whole;
	int64_t length;
	int rc = pop_whole_give(&copy, bz_encoder_feed, e, err);

	(void)bz_encoder_end(&e, &length, digest);
	return rc;
}

static int bind_one(struct bz_backend *b, const struct bz_ledger *row,
	const struct pop_whole *whole, struct bz_err *err)
{
	if (bz_store_ledger_rebind(b->store, row->uidl, whole->uidl, err) != 0)
		return -1;
	pop_listing_rebound(b->listing, row->uidl, whole->number);
	bz_log(BZ_LOG_INFO, "%s: message %u is here already, under another UIDL", b->account->id,
		whole->number);
	return 1;
}

/* The ledger was lost, the mail was not: what is here is known again. */
static int bind_unlisted(struct bz_backend *b, const struct pop_whole *whole,
	const uint8_t digest[32], struct bz_err *err)
{
	struct bz_ledger row = {
		.size = whole->size, .first_seen = g_get_real_time() / G_USEC_PER_SEC};
	int rc = bz_store_local_unlisted(b->store, digest, &row.local_uid, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	g_strlcpy(row.uidl, whole->uidl, sizeof row.uidl);
	return bz_store_ledger_put(b->store, &row, err) == 0 ? 1 : -1;
}

int pop_match_digest(struct bz_backend *b, const struct pop_whole *whole, struct bz_err *err)
{
	GArray *rows;
	uint8_t digest[32];
	int rc = 0;

	if ((!b->has_missing && !b->ledger_lost) || whole->known)
		return 0;
	if (digest_of(whole, digest, err) != 0)
		return -1;
	rows = g_array_new(FALSE, FALSE, sizeof(struct bz_ledger));
	rc = bz_store_ledger_by_digest(b->store, digest, rows, err);
	for (guint i = 0; i < rows->len && rc == 0; i++) {
		const struct bz_ledger *row = &g_array_index(rows, struct bz_ledger, i);

		if (row->state == BZ_LEDGER_STORED &&
			pop_listing_number(b->listing, row->uidl) == 0)
			rc = bind_one(b, row, whole, err);
	}
	g_array_unref(rows);
	return rc == 0 && b->ledger_lost ? bind_unlisted(b, whole, digest, err) : rc;
}
