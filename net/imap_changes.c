/* CHANGEDSINCE and VANISHED (RFC 7162 sections 3.1.4.1, 3.2.6); without VANISHED, by counting and
 * ESEARCH (RFC 4731). */
#include "net/imap_changes.h"
#include "net/imap_rows.h"
#include "net/imap_uidset.h"
#include "src/lang.h"

#include <stdio.h>

enum { PIECE = 10000 }; /* messages that one command asks about */

/* --- the note --------------------------------------------------------------------------------- */

static char *make_note(const struct imap_box *box)
{
	return box->modseq > 0 ? g_strdup_printf("%u %u %u %" G_GUINT64_FORMAT, box->uidvalidity,
					 box->uidnext, box->exists, box->modseq)
			       : NULL;
}

uint64_t imap_note_modseq(const char *note, uint32_t uidvalidity)
{
	uint64_t modseq;
	uint32_t validity, uidnext, exists;

	if (note == NULL || sscanf(note, "%u %u %u %" G_GUINT64_FORMAT, &validity, &uidnext,
				    &exists, &modseq) != 4)
		return 0;
	return validity == uidvalidity ? modseq : 0;
}

bool imap_note_is_same(struct bz_backend *b)
{
	g_autofree char *now = make_note(&b->box);
	g_autofree char *then = bz_store_folder_get_note(b->store, b->box.folder);

	return now != NULL && g_strcmp0(now, then) == 0;
}

int imap_note_write(struct bz_backend *b, bool whole, struct bz_err *err)
{
	g_autofree char *note = whole ? make_note(&b->box) : NULL;

	return bz_store_folder_note(b->store, b->box.folder, note != NULL ? note : "", err);
}

/* --- beginning and ending --------------------------------------------------------------------- */

void imap_changes_clear(struct bz_backend *b)
{
	g_clear_pointer(&b->changes.bounds, g_array_unref);
	g_clear_pointer(&b->changes.missing, g_array_unref);
	b->changes = (struct imap_changes){0};
}

void imap_changes_begin(struct bz_backend *b, uint64_t since)
{
	imap_changes_clear(b);
	b->changes.since = since;
}

/* A server whose numbers go down is another than it was. */
void imap_changes_begin_noted(struct bz_backend *b)
{
	g_autofree char *note = bz_store_folder_get_note(b->store, b->box.folder);
	uint64_t since = imap_note_modseq(note, b->box.uidvalidity);

	imap_changes_begin(b, since <= b->box.modseq ? since : 0);
}

bool imap_changes_are_asked(const struct bz_backend *b)
{
	return b->changes.since > 0;
}

/* A pass over the rows that there are. */
static void from_the_top(struct imap_box *box)
{
	box->next = box->exists;
	box->low_uid = 0;
	box->known_below = true;
}

/* The pass is over; whole: the store holds what the server does. */
static int finish(
	struct bz_backend *b, const struct bz_job *job, bool whole, bool note, struct bz_err *err)
{
	struct imap_box *box = &b->box;

	imap_changes_clear(b);
	b->live.lost = b->live.lost && !whole;
	box->passing = box->moved = false;
	from_the_top(box);
	if (imap_put_counts(b, job, true, err) != 0)
		return -1;
	return note ? imap_note_write(b, whole, err) : 0;
}

/* What is told makes no whole folder: it is gone through, but not for ever. */
static int give_up(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	if (++b->box.passes >= IMAP_PASSES)
		return finish(b, job, false, true, err);
	imap_changes_clear(b);
	from_the_top(&b->box);
	return 0;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* Where pieces of the folder begin, from the newest down: as large a folder as may be is asked
 * about in answers of a bounded length. */
static int cut_up(struct bz_backend *b, struct bz_err *err)
{
	struct imap_changes *c = &b->changes;
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_uids(b->store, b->box.folder, 0, UINT32_MAX, uids, err);

	c->bounds = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	c->missing = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = uids->len; i > PIECE; i -= PIECE)
		g_array_append_val(c->bounds, g_array_index(uids, uint32_t, i - PIECE));
	c->high = UINT32_MAX;
	if (b->box.exists > (uint64_t)uids->len + PIECE)
		c->since = 0;
	g_array_unref(uids);
	return rc;
}

struct asking {
	struct imap_intake in;
	uint32_t low;
	GArray *ranges; /* struct imap_range: gone; with ESEARCH those that are there */
	bool told, odd;
};

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct asking *a = me;

	if (r->kind == IMAP_FETCH) {
		imap_intake_on.untagged(&a->in, r);
	} else if (r->kind == IMAP_VANISHED_UIDS && r->earlier && a->in.b->qresync) {
		a->odd = a->odd || !imap_ranges_read(r->text, a->ranges);
	} else if (r->kind == IMAP_SEARCH) {
		a->told = true;
		a->odd = a->odd || (r->text[0] != '\0' && !imap_ranges_read(r->text, a->ranges));
	}
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	imap_intake_on.end(&((struct asking *)me)->in, end, code, text);
}

static void asking_init(struct asking *a, struct bz_backend *b)
{
	const struct imap_changes *c = &b->changes;

	*a = (struct asking){.low = 1};
	if (c->piece < c->bounds->len)
		a->low = g_array_index(c->bounds, uint32_t, c->piece);
	a->ranges = g_array_new(FALSE, FALSE, sizeof(struct imap_range));
	imap_intake_init(&a->in, b);
	imap_intake_ask(&a->in, true, a->low, c->high);
	a->in.most = 2 * PIECE + IMAP_BATCH;
}

static void asking_clear(struct asking *a)
{
	imap_intake_clear(&a->in);
	g_array_unref(a->ranges);
}

static int submit(struct asking *a, const char *set, struct bz_err *err)
{
	static const struct imap_on on = {.untagged = on_untagged, .end = on_end};
	struct bz_backend *b = a->in.b;
	char since[80];

	if (b->changes.checking)
		return imap_submit(
			b->conn, &on, a, NULL, err, "UID SEARCH RETURN (ALL) UID %s", set);
	(void)snprintf(since, sizeof since, "(CHANGEDSINCE %" G_GUINT64_FORMAT "%s)",
		b->changes.since, b->qresync ? " VANISHED" : "");
	return imap_submit(b->conn, &on, a, NULL, err, "UID FETCH %s (UID FLAGS) %s", set, since);
}

static int send_piece(struct asking *a, const struct bz_job *job, struct bz_err *err)
{
	uint32_t high = a->in.b->changes.high;
	g_autofree char *set = high == UINT32_MAX ? g_strdup_printf("%u:*", a->low)
						  : g_strdup_printf("%u:%u", a->low, high);

	if (submit(a, set, err) != 0 || imap_go(a->in.b, job, NULL, err) != 0)
		return -1;
	imap_intake_sort(&a->in);
	imap_ranges_tidy(a->ranges);
	a->odd = a->odd || a->in.over || a->in.result.end != IMAP_OK;
	return 0;
}

/* --- into the store --------------------------------------------------------------------------- */

/* In short transactions. */
static int put_marks(
	struct bz_backend *b, const struct bz_job *job, const GArray *flags, struct bz_err *err)
{
	int rc = 0;

	for (guint i = 0; i < flags->len && rc == 0; i += IMAP_BATCH) {
		struct imap_intake some;

		imap_intake_init(&some, b);
		g_array_append_vals(some.flags, &g_array_index(flags, struct imap_uid_flags, i),
			MIN(flags->len - i, (guint)IMAP_BATCH));
		rc = imap_put_flags(&some, job, b->changes.missing, err);
		imap_intake_clear(&some);
	}
	return rc;
}

static int remove_all(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err)
{
	int rc = 0;

	for (guint i = 0; i < uids->len && rc == 0; i += IMAP_BATCH) {
		GArray *some = g_array_new(FALSE, FALSE, sizeof(uint32_t));

		g_array_append_vals(some, &g_array_index(uids, uint32_t, i),
			MIN(uids->len - i, (guint)IMAP_BATCH));
		rc = imap_remove_rows(b, job, some, err);
		g_array_unref(some);
	}
	return rc;
}

/* The server says what is gone, or with a search what is there: of others it may say what it
 * likes. */
static int drop_gone(struct asking *a, const struct bz_job *job, struct bz_err *err)
{
	struct bz_backend *b = a->in.b;
	GArray *known = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_uids(b->store, b->box.folder, a->low, b->changes.high, known, err);

	if (rc == 0) {
		imap_ranges_pick(a->ranges, known, !b->changes.checking, gone);
		rc = remove_all(b, job, gone, err);
	}
	g_array_unref(known);
	g_array_unref(gone);
	return rc;
}

static int settle(struct asking *a, const struct bz_job *job, struct bz_err *err)
{
	struct bz_backend *b = a->in.b;
	struct imap_changes *c = &b->changes;

	if (a->odd || (c->checking && !a->told))
		return give_up(b, job, err);
	if ((c->checking || a->ranges->len > 0) && drop_gone(a, job, err) != 0)
		return -1;
	if (put_marks(b, job, a->in.flags, err) != 0)
		return -1;
	c->high = a->low - 1;
	c->piece++;
	return 0;
}

static int ask_piece(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct asking a;
	int rc;

	asking_init(&a, b);
	rc = send_piece(&a, job, err);
	if (rc == 0)
		rc = settle(&a, job, err);
	asking_clear(&a);
	return rc;
}

static int fetch_missing(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	GArray *missing = b->changes.missing;
	guint n = MIN(missing->len, (guint)IMAP_BATCH), from = missing->len - n;
	GArray *some = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc;

	g_array_append_vals(some, &g_array_index(missing, uint32_t, from), n);
	g_array_set_size(missing, from);
	rc = imap_fetch_unknown(b, job, some, err);
	g_array_unref(some);
	return rc;
}

/* --- a round ---------------------------------------------------------------------------------- */

/* All that arrived was told: where there are as many rows as messages, nothing else went. */
static int end_round(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_box *box = &b->box;
	uint32_t known, unseen;

	if (bz_store_count(b->store, box->folder, &known, &unseen, err) != 0)
		return -1;
	if (box->moved && ++box->passes >= IMAP_PASSES)
		return finish(b, job, false, false, err);
	if (box->moved) { /* while it was asked for */
		box->moved = false;
		imap_changes_begin(b, box->modseq);
		return 0;
	}
	if (known == box->exists)
		return finish(b, job, true, true, err);
	if (known < box->exists || b->changes.checking ||
		(imap_caps(b->conn) & IMAP_CAP_ESEARCH) == 0)
		return give_up(b, job, err);
	b->changes.checking = true;
	b->changes.piece = 0;
	b->changes.high = UINT32_MAX;
	return 0;
}

static int begin_round(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};

	if (!b->qresync && imap_know_caps(&call, IMAP_CAP_CONDSTORE) != 0)
		return -1;
	if (!b->qresync && (imap_caps(b->conn) & IMAP_CAP_CONDSTORE) == 0) {
		imap_changes_clear(b);
		return 0;
	}
	return cut_up(b, err);
}

int imap_changes_step(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_changes *c = &b->changes;

	if (c->bounds == NULL)
		return begin_round(b, job, err);
	if (c->missing->len > 0)
		return fetch_missing(b, job, err);
	if (c->high > 0)
		return ask_piece(b, job, err);
	return end_round(b, job, err);
}
