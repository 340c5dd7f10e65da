/* The order of a session (DESIGN section 7): lock, recover, list, find out what is ours, download,
 * remove, QUIT. */
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/mbox.h"
#include "src/paths.h"

#include <string.h>
#include <unistd.h>

enum { CLOSE_MESSAGES = 2000, CLOSE_BYTES = 64 << 20, CLOSE_US = 300 * G_USEC_PER_SEC };

/* --- opening ---------------------------------------------------------------------------------- */

static int take_lock(struct bz_backend *b, struct bz_err *err)
{
	g_autofree char *dir = bz_path(BZ_DIR_STATE, b->account->dirname, NULL);
	g_autofree char *path = g_build_filename(dir, "fetch.lock", NULL);

	if (bz_path_ensure(dir, err) != 0)
		return -1;
	b->lock = bz_session_lock(path, err);
	return b->lock >= 0 ? 0 : -1;
}

/* What an interruption left is put right before the server is asked what is new. */
static int recover(struct bz_backend *b, struct bz_err *err)
{
	bool more = true;

	if (bz_mail_begin(b->store, b->job->cancel, err) != 0)
		return -1;
	bz_mail_end(b->store);
	while (more)
		if (bz_localmail_look(b->mail, b->job, &more, err) != 0)
			return -1;
	if (pop_left_restore(b, err) != 0)
		return -1;
	return bz_rules_run(b->mail, b->store, b->account, b->job, err);
}

void pop_session_drop(struct bz_backend *b)
{
	(void)pop_close(&b->conn, NULL, 0);
	if (b->lock >= 0)
		close(b->lock);
	b->lock = -1;
	g_clear_pointer(&b->listing, pop_listing_free);
	g_array_set_size(b->queue, 0);
	g_array_set_size(b->batch, 0);
	g_array_set_size(b->headkeys, 0);
	pop_remove_free(&b->removal);
	pop_body_clear(b);
	if (b->spool >= 0)
		close(b->spool);
	b->spool = -1;
	b->spool_end = 0;
	b->asked = b->answered = b->asked_twice = 0;
	b->ahead = b->bytes = 0;
	b->stored = b->refused = 0;
	b->in_body = b->top_works = b->loud = b->again = b->has_missing = b->ledger_lost = false;
}

/* --- the phases ------------------------------------------------------------------------------- */

static void clear_queue(struct bz_backend *b)
{
	g_array_set_size(b->queue, 0);
	b->asked = b->answered = b->asked_twice = 0;
	b->ahead = 0;
}

static void ask_all(struct bz_backend *b, enum pop_phase phase, enum pop_want want)
{
	clear_queue(b);
	b->phase = phase;
	for (guint i = 0; i < b->listing->fresh->len; i++) {
		const struct pop_item *item = &g_array_index(b->listing->fresh, struct pop_item, i);
		struct pop_ask ask = {.item = i, .want = want};

		if (item->want != POP_WANT_NOTHING && !item->known)
			g_array_append_val(b->queue, ask);
	}
}

static bool can_top(const struct bz_backend *b)
{
	return b->conn->caps.top || !b->conn->caps.told;
}

/* Without TOP its header stays unknown. */
static int ask_one(struct bz_backend *b, guint i, struct bz_err *err)
{
	struct pop_item *item = &g_array_index(b->listing->fresh, struct pop_item, i);
	struct pop_ask ask = {.item = i, .want = item->want};

	if (item->want == POP_WANT_HEADER && !can_top(b))
		return pop_left_put(b, item, "", 0, err);
	if (item->want == POP_WANT_HEADER || item->want == POP_WANT_WHOLE)
		g_array_append_val(b->queue, ask);
	return 0;
}

/* Where copies go from the server as soon as they are here, a session is short: only QUIT makes
 * that final. */
static bool is_enough(const struct bz_backend *b, uint64_t bytes)
{
	return b->account->leave == BZ_LEAVE_NONE &&
	       (b->queue->len >= CLOSE_MESSAGES || bytes >= CLOSE_BYTES);
}

static int begin_get(struct bz_backend *b, struct bz_err *err)
{
	guint n = b->listing->fresh->len, i = 0;
	uint64_t bytes = 0;

	clear_queue(b);
	b->phase = POP_PHASE_GET;
	for (; i < n && !is_enough(b, bytes); i++) {
		guint at = b->account->newest_first ? n - 1 - i : i;

		if (ask_one(b, at, err) != 0)
			return -1;
		bytes += g_array_index(b->listing->fresh, struct pop_item, at).size;
	}
	b->again = i < n || b->listing->fresh_total > n;
	return 0;
}

/* All have names now. */
static int begin_match(struct bz_backend *b, struct bz_err *err)
{
	const struct pop_listing *l = b->listing;
	uint32_t uid;
	int strange = l->known->len > 0 ? 1 : bz_store_local_unlisted(b->store, NULL, &uid, err);

	if (strange < 0 || pop_left_prune(b, err) != 0)
		return -1;
	b->has_missing = pop_listing_has_missing(l);
	b->ledger_lost = strange == 0;
	if (!can_top(b) || l->fresh_total > l->fresh->len || !pop_listing_is_renamed(l))
		return begin_get(b, err);
	ask_all(b, POP_PHASE_MATCH, POP_WANT_MATCH);
	return 0;
}

/* Neither UIDL nor TOP: what is left there cannot be told from what is new. */
static int begin_nameless(struct bz_backend *b, struct bz_err *err)
{
	if (b->account->leave != BZ_LEAVE_NONE)
		return bz_err_set(err, BZ_ERR_UNSUPPORTED, BZ_CODE_NONE,
			_("%s cannot tell its messages apart (UIDL, TOP): what stays there would "
			  "be downloaded twice. Nothing was downloaded. With leave-on-server = "
			  "none in buzonrc everything comes here and goes from there."),
			b->account->host);
	for (guint i = 0; i < b->listing->fresh->len; i++)
		g_array_index(b->listing->fresh, struct pop_item, i).want = POP_WANT_WHOLE;
	return begin_get(b, err);
}

static int end_names(struct bz_backend *b, struct bz_err *err)
{
	GArray *fresh = b->listing->fresh;

	if (!b->top_works && fresh->len > 0)
		return begin_nameless(b, err);
	for (guint i = 0; i < fresh->len; i++) {
		struct pop_item *item = &g_array_index(fresh, struct pop_item, i);

		if (item->want == POP_WANT_NAME) { /* its header was refused */
			item->want = POP_WANT_NOTHING;
			b->refused++;
		}
	}
	return begin_match(b, err);
}

static int begin_phases(struct bz_backend *b, struct bz_err *err)
{
	if (!b->listing->nameless)
		return begin_match(b, err);
	if (!can_top(b) && b->listing->fresh->len > 0)
		return begin_nameless(b, err);
	ask_all(b, POP_PHASE_NAME, POP_WANT_NAME);
	return 0;
}

static int begin(struct bz_backend *b, struct bz_err *err)
{
	if (bz_localmail_writable(b->mail, err) != 0 || take_lock(b, err) != 0 ||
		recover(b, err) != 0)
		return -1;
	b->conn = pop_open(b->account, b->store, b->job, err);
	if (b->conn == NULL)
		return -1;
	b->opened_us = g_get_monotonic_time();
	b->listing = pop_listing_read(b->conn, b->account, b->store, b->job, err);
	return b->listing != NULL ? begin_phases(b, err) : -1;
}

int pop_session_begin(struct bz_backend *b, struct bz_err *err)
{
	if (b->conn != NULL)
		return 0;
	b->reopen = false;
	if (begin(b, err) == 0)
		return 0;
	pop_session_drop(b);
	return -1;
}

/* --- closing ---------------------------------------------------------------------------------- */

static void tell_refused(const struct bz_backend *b)
{
	g_autofree char *text = g_strdup_printf(
		ngettext("%s did not give %u message; it is asked for again next time.",
			"%s did not give %u messages; they are asked for again next time.",
			b->refused),
		b->account->host, b->refused);

	if (b->refused > 0)
		b->job->report->note(b->job->report->me, text);
}

/* A slow line: does QUIT come before all of it is here? */
static bool is_close_due(const struct bz_backend *b)
{
	return b->account->leave == BZ_LEAVE_NONE && b->phase == POP_PHASE_GET &&
	       b->asked < b->queue->len && b->stored > 0 &&
	       g_get_monotonic_time() - b->opened_us >= CLOSE_US;
}

static int over(struct bz_backend *b, struct bz_err *err)
{
	b->phase = POP_PHASE_OVER;
	if (pop_left_tell(b, err) != 0)
		return -1;
	tell_refused(b);
	b->reopen = b->again && b->stored > 0;
	pop_remove_quit(b);
	pop_session_drop(b);
	if (!b->reopen)
		b->job->report->progress(b->job->report->me, 0, 0, 0, 0);
	return 0;
}

/* All that was asked for is here. */
static int next_phase(struct bz_backend *b, struct bz_err *err)
{
	switch (b->phase) {
	case POP_PHASE_NAME:
		return end_names(b, err);
	case POP_PHASE_MATCH:
		return pop_match_decide(b, err) == 0 ? begin_get(b, err) : -1;
	default:
		pop_fetch_tell(b, true);
		b->phase = POP_PHASE_REMOVE;
		return 0;
	}
}

/* --- a piece ---------------------------------------------------------------------------------- */

/* The one sentence of a full disk that counts what is safe. */
static void tell_full(const struct bz_backend *b, struct bz_err *err)
{
	if (err->kind == BZ_ERR_LOCAL && err->code == BZ_CODE_DISK_FULL && b->queue->len > 0)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_DISK_FULL,
			_("This computer's disk is full (%s). %u of %u messages are safe; the "
			  "rest stay on the server."),
			b->account->mbox, b->stored, b->queue->len - b->asked_twice);
}

static int fetch_and_store(struct bz_backend *b, struct bz_err *err)
{
	struct bz_err disk = {0};
	int rc = pop_fetch_piece(b, err);

	if (rc != 0 && err->kind == BZ_ERR_CANCELLED && err->code == BZ_CODE_HURRY) {
		*err = (struct bz_err){0};
		rc = 0; /* the person comes first; the line is as it was */
	}
	if (pop_store_batch(b, &disk) != 0 || pop_left_tell(b, &disk) != 0) {
		*err = disk;
		rc = -1;
	}
	if (rc != 0)
		tell_full(b, err);
	return rc;
}

static int remove_and_close(struct bz_backend *b, struct bz_err *err)
{
	bool more = true;

	if (pop_remove_piece(b, &more, err) != 0) {
		if (err->kind != BZ_ERR_CANCELLED || err->code != BZ_CODE_HURRY)
			return -1;
		*err = (struct bz_err){0};
	}
	return more ? 0 : over(b, err);
}

static int go_on(struct bz_backend *b, struct bz_err *err)
{
	if (pop_remove_is_in_flight(b))
		return remove_and_close(b, err);
	if (b->answered < b->queue->len && fetch_and_store(b, err) != 0)
		return -1;
	if (is_close_due(b)) {
		g_array_set_size(b->queue, b->asked);
		b->again = true;
	}
	while (b->phase != POP_PHASE_REMOVE && b->answered == b->queue->len)
		if (next_phase(b, err) != 0)
			return -1;
	pop_fetch_tell(b, false);
	return b->phase == POP_PHASE_REMOVE && b->answered == b->queue->len
		       ? remove_and_close(b, err)
		       : 0;
}

int pop_session_piece(struct bz_backend *b, bool *more, struct bz_err *err)
{
	*more = false;
	if (b->conn == NULL && !b->reopen)
		return 0;
	if (b->conn == NULL ? pop_session_begin(b, err) != 0 : go_on(b, err) != 0)
		return -1;
	*more = b->conn != NULL || b->reopen;
	return 0;
}

/* --- one before all others -------------------------------------------------------------------- */

/* Where in the queue that message is asked for as a whole; its length = nowhere. */
static guint place_of(const struct bz_backend *b, uint32_t number)
{
	guint place = b->answered;

	for (; place < b->queue->len; place++) {
		const struct pop_ask *ask = &g_array_index(b->queue, struct pop_ask, place);

		if (ask->want == POP_WANT_WHOLE &&
			g_array_index(b->listing->fresh, struct pop_item, ask->item).number ==
				number)
			break;
	}
	return place;
}

int pop_session_want(struct bz_backend *b, const struct bz_ledger *row)
{
	struct pop_item item = {.number = pop_listing_number(b->listing, row->uidl),
		.size = row->size,
		.known = true,
		.want = POP_WANT_WHOLE};
	struct pop_ask ask = {.item = b->listing->fresh->len, .want = POP_WANT_WHOLE};
	guint place = place_of(b, item.number);

	if (item.number == 0)
		return 1;
	if (place < b->asked)
		return 0;
	if (place < b->queue->len) {
		ask = g_array_index(b->queue, struct pop_ask, place);
		g_array_remove_index(b->queue, place);
	} else {
		item.uidl = g_strdup(row->uidl);
		g_array_append_val(b->listing->fresh, item);
		b->listing->fresh_bytes += item.size;
	}
	g_array_insert_val(b->queue, b->asked, ask);
	return 0;
}
