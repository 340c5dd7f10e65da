#include "net/imap_sparse.h"
#include "net/imap_rows.h"
#include "net/imap_uidset.h"
#include "src/lang.h"

#include <stdio.h>
#include <string.h>

enum { PLACES_MAX = 100000 }; /* rows that stand apart */

struct place {
	uint32_t uid, number; /* UIDs ascend */
};

static bool is_selected(const struct bz_backend *b)
{
	return b->sparse.from > 0 && b->box.name != NULL && b->box.folder == b->sparse.folder;
}

static struct place *place_at(const struct imap_sparse *s, guint i)
{
	return &g_array_index(s->places, struct place, i);
}

/* The index of the first of this UID or a greater one. */
static guint find(const struct imap_sparse *s, uint32_t uid)
{
	guint low = 0, high = s->places->len;

	while (low < high) {
		guint mid = low + (high - low) / 2;

		if (place_at(s, mid)->uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* --- what is remembered ----------------------------------------------------------------------- */

static int write_note(struct bz_backend *b, struct bz_err *err)
{
	g_autofree char *note =
		g_strdup_printf("from %u %u", b->sparse.uidvalidity, b->sparse.from);

	return bz_store_folder_note(b->store, b->sparse.folder, note, err);
}

static uint32_t read_note(struct bz_backend *b, uint32_t folder, uint32_t uidvalidity)
{
	g_autofree char *note = bz_store_folder_get_note(b->store, folder);
	uint32_t validity, from;

	if (note == NULL || sscanf(note, "from %u %u", &validity, &from) != 2)
		return 0;
	return validity == uidvalidity ? from : 0;
}

/* The rows that stand apart, with the least numbers that they can have. */
static int guess(
	struct bz_backend *b, uint32_t folder, uint32_t from, GArray *places, struct bz_err *err)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = from > 1 ? bz_store_uids(b->store, folder, 0, from - 1, uids, err) : 0;

	for (guint i = 0; i < MIN(uids->len, PLACES_MAX) && rc == 0; i++) {
		struct place place = {g_array_index(uids, uint32_t, i), i + 1};

		g_array_append_val(places, place);
	}
	g_array_unref(uids);
	return rc;
}

void imap_sparse_clear(struct bz_backend *b)
{
	g_clear_pointer(&b->sparse.places, g_array_unref);
	g_clear_pointer(&b->sparse.gone, g_array_unref);
	b->sparse = (struct imap_sparse){0};
}

void imap_sparse_close(struct bz_backend *b)
{
	if (is_selected(b))
		imap_sparse_clear(b);
}

void imap_sparse_selected(struct bz_backend *b)
{
	struct imap_sparse *s = &b->sparse;
	const struct imap_box *box = &b->box;

	if (!is_selected(b))
		return;
	if (s->uidvalidity != box->uidvalidity) {
		imap_sparse_clear(b);
		return;
	}
	if (s->exists != box->exists || s->uidnext != box->uidnext || box->uidnext == 0)
		s->doubted = s->from;
	s->exists = box->exists;
	s->uidnext = box->uidnext;
}

static int load(struct bz_backend *b, uint32_t from, struct bz_err *err)
{
	struct imap_sparse *s = &b->sparse;

	imap_sparse_clear(b);
	if (from == 0)
		return 0;
	*s = (struct imap_sparse){.folder = b->box.folder,
		.uidvalidity = b->box.uidvalidity,
		.from = from,
		.exists = b->box.exists,
		.uidnext = b->box.uidnext,
		.doubted = from};
	s->places = g_array_new(FALSE, FALSE, sizeof(struct place));
	s->gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return guess(b, s->folder, from, s->places, err);
}

int imap_sparse_open(struct bz_backend *b, uint32_t fresh_from, struct bz_err *err)
{
	if (is_selected(b) && fresh_from == 0)
		return 0;
	if (fresh_from == 0)
		return load(b, read_note(b, b->box.folder, b->box.uidvalidity), err);
	if (load(b, fresh_from, err) != 0)
		return -1;
	b->sparse.doubted = 0;
	return write_note(b, err);
}

/* --- numbers ---------------------------------------------------------------------------------- */

void imap_sparse_note(struct bz_backend *b, uint32_t uid, uint32_t number)
{
	struct imap_sparse *s = &b->sparse;
	struct place place = {uid, number};
	guint at;

	if (!is_selected(b) || uid >= s->from || number == 0 || number > b->box.exists)
		return;
	at = find(s, uid);
	if (at < s->places->len && place_at(s, at)->uid == uid)
		*place_at(s, at) = place;
	else if (s->places->len < PLACES_MAX)
		g_array_insert_val(s->places, at, place);
}

static void leave(struct imap_sparse *s, guint i)
{
	g_array_append_val(s->gone, place_at(s, i)->uid);
	g_array_remove_index(s->places, i);
}

/* Whom a guessed number is said of is not known. */
void imap_sparse_expunged(struct bz_backend *b, uint32_t number)
{
	struct imap_sparse *s = &b->sparse;

	if (!is_selected(b) || number == 0 || number > b->box.exists)
		return;
	s->is_shifted = true;
	for (guint i = s->places->len; i > 0; i--) {
		struct place *place = place_at(s, i - 1);

		if (place->number == number && place->uid >= s->doubted)
			leave(s, i - 1);
		else if (place->number > number)
			place->number--;
	}
}

/* Both ascend; so many UIDs lie below in what is gone. */
/* UIDs ascend in both. */
void imap_sparse_vanished(struct bz_backend *b, const GArray *ranges)
{
	struct imap_sparse *s = &b->sparse;
	const struct imap_range *range = (const struct imap_range *)(void *)ranges->data;
	uint64_t below = 0;
	guint kept = 0;

	if (!is_selected(b))
		return;
	s->is_shifted = true;
	for (guint i = 0, k = 0; i < s->places->len; i++) {
		struct place place = *place_at(s, i);

		for (; k < ranges->len && range[k].high < place.uid; k++)
			below += (uint64_t)range[k].high - range[k].low + 1;
		if (k < ranges->len && range[k].low <= place.uid) {
			g_array_append_val(s->gone, place.uid);
			continue;
		}
		place.number -= (uint32_t)MIN(below, place.number - 1);
		*place_at(s, kept++) = place;
	}
	g_array_set_size(s->places, kept);
}

void imap_sparse_follow(struct bz_backend *b)
{
	if (is_selected(b))
		b->sparse.exists = b->box.exists;
}

/* --- looked at again -------------------------------------------------------------------------- */

/* The highest of those in doubt, UIDs ascending. */
static void pick_doubted(struct imap_sparse *s, GArray *uids)
{
	guint end = find(s, s->doubted);

	for (guint i = end - MIN(end, IMAP_SET_UIDS); i < end; i++)
		g_array_append_val(uids, place_at(s, i)->uid);
}

/* What is not told of is not there. */
static void drop_untold(struct imap_sparse *s, const GArray *asked, const GArray *told)
{
	for (guint i = 0; i < asked->len; i++) {
		uint32_t uid = g_array_index(asked, uint32_t, i);
		guint at = find(s, uid);

		if (!bz_uid_is_in(told, uid) && at < s->places->len && place_at(s, at)->uid == uid)
			leave(s, at);
	}
}

static int look_again(
	struct bz_backend *b, const struct bz_job *job, GArray *uids, struct bz_err *err)
{
	struct imap_sparse *s = &b->sparse;
	GArray *unknown = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct imap_intake in;
	int rc;

	imap_intake_init(&in, b);
	rc = imap_intake_flags(&in, job, (const uint32_t *)(void *)uids->data, uids->len, err);
	if (rc == 0)
		rc = imap_put_flags(&in, job, unknown, err);
	if (rc == 0) {
		drop_untold(s, uids, in.uids);
		s->doubted = g_array_index(uids, uint32_t, 0);
	}
	imap_intake_clear(&in);
	g_array_unref(unknown);
	return rc;
}

static int settle_doubt(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_sparse *s = &b->sparse;
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = 0;

	pick_doubted(s, uids);
	s->is_shifted = true; /* the folder's count is another, too */
	if (uids->len > 0)
		rc = look_again(b, job, uids, err);
	else
		s->doubted = 0;
	g_array_unref(uids);
	return rc;
}

/* --- what waits ------------------------------------------------------------------------------- */

static int remove_gone(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	GArray *gone = b->sparse.gone;
	int rc;

	b->sparse.gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = imap_remove_rows(b, job, gone, err);
	g_array_unref(gone);
	return rc;
}

int imap_sparse_step(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_sparse *s = &b->sparse;

	if (!is_selected(b))
		return 0;
	if (s->doubted > 0 && settle_doubt(b, job, err) != 0)
		return -1;
	if (s->gone->len > 0 && remove_gone(b, job, err) != 0)
		return -1;
	if (!s->is_shifted)
		return 0;
	s->is_shifted = false;
	return imap_tell_anew(b, job, err);
}

uint32_t imap_sparse_from(const struct bz_backend *b)
{
	return is_selected(b) ? b->sparse.from : 0;
}

int imap_sparse_has_rows(struct bz_backend *b, uint32_t low, struct bz_err *err)
{
	GArray *uids;
	int rc;

	if (!is_selected(b) || low == 0 || low >= b->sparse.from)
		return 0;
	uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = bz_store_uids(b->store, b->sparse.folder, low, b->sparse.from - 1, uids, err);
	if (rc == 0)
		rc = uids->len > 0;
	g_array_unref(uids);
	return rc;
}

int imap_sparse_lower(struct bz_backend *b, uint32_t low, struct bz_err *err)
{
	struct imap_sparse *s = &b->sparse;

	if (!is_selected(b) || low == 0 || low >= s->from)
		return 0;
	s->from = low;
	g_array_set_size(s->places, find(s, low));
	return write_note(b, err);
}

/* --- the ops ---------------------------------------------------------------------------------- */

/* Sequence numbers of a window and as much above and below it: at most IMAP_BATCH. */
static void range_of(
	const struct imap_box *box, struct bz_window window, uint32_t *low, uint32_t *high)
{
	uint32_t count = CLAMP(window.count, 1, IMAP_BATCH / 3);
	uint32_t first = MIN(window.first, box->exists - 1);

	*high = box->exists - (first > count ? first - count : 0);
	first = first + MIN(2 * count - 1, box->exists - 1 - first);
	*low = box->exists - first;
}

static int fetch_window(
	struct bz_backend *b, const struct bz_job *job, struct bz_window window, struct bz_err *err)
{
	struct imap_intake in;
	uint32_t low, high;
	int rc;

	range_of(&b->box, window, &low, &high);
	imap_intake_init(&in, b);
	imap_intake_ask(&in, false, low, high);
	rc = imap_submit(b->conn, &imap_intake_on, &in, NULL, err, "FETCH %u:%u %s", low, high,
		IMAP_ROW_ITEMS);
	if (rc == 0)
		rc = imap_intake_wait(&in, job, err);
	if (rc == 0)
		rc = imap_put_rows(&in, job, BZ_CHANGE_UPDATED, err);
	imap_intake_clear(&in);
	return rc;
}

/* A pass that is not in the midst of a sparse folder brings all rows by itself, and shortly. */
int imap_window(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	if (imap_select(b, job, name, false, err) != 0)
		return -1;
	return is_selected(b) && b->box.exists > 0 ? fetch_window(b, job, window, err) : 0;
}

static void add_places(const GArray *places, struct bz_layout *out)
{
	for (guint i = 0; i < places->len; i++) {
		const struct place *from = &g_array_index(places, struct place, i);
		struct bz_stand to = {from->uid, 0};

		to.position = out->exists - MIN(from->number, out->exists);
		g_array_append_val(out->apart, to);
	}
}

void imap_layout(struct bz_backend *b, const struct bz_folder *folder, struct bz_layout *out)
{
	GArray *places;

	out->exists = folder->exists;
	if (b->sparse.from > 0 && b->sparse.folder == folder->id &&
		b->sparse.uidvalidity == folder->uidvalidity) {
		out->from = b->sparse.from;
		out->exists = b->sparse.exists;
		add_places(b->sparse.places, out);
		return;
	}
	out->from = read_note(b, folder->id, folder->uidvalidity);
	places = g_array_new(FALSE, FALSE, sizeof(struct place));
	if (guess(b, folder->id, out->from, places, NULL) == 0)
		add_places(places, out);
	g_array_unref(places);
}
