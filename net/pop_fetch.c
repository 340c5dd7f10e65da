/* Commands written ahead, and their answers. */
#include "net/login.h"
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/log.h"

#include <string.h>

enum {
	AHEAD = 1000,           /* commands written before the first is answered */
	AHEAD_BYTES = 8 << 20,  /* that they ask for, as far as the server tells sizes */
	SIZE_UNKNOWN = 4 << 10, /* where it does not */
	TOP_SIZE = 2 << 10,
	BATCH_BYTES = 8 << 20,
	HEADER_MAX = 64 << 10,
	GRANT_BYTES = 64 << 10
};
#define ALL_LINES "99999999"
#define STALL_SECONDS 30.0
#define LEAST_RATE 1000.0 /* bytes a second */
#define TELL_SECONDS 0.1

static struct pop_item *item_at(const struct bz_backend *b, guint place)
{
	guint item = g_array_index(b->queue, struct pop_ask, place).item;

	return &g_array_index(b->listing->fresh, struct pop_item, item);
}

/* --- progress --------------------------------------------------------------------------------- */

void pop_fetch_tell(struct bz_backend *b, bool now)
{
	double t = bz_now();
	uint64_t bytes = b->bytes + pop_body_length(b);

	if (b->phase != POP_PHASE_GET || (!now && t - b->told < TELL_SECONDS))
		return;
	b->told = t;
	b->job->report->progress(b->job->report->me, b->answered - b->asked_twice,
		b->queue->len - b->asked_twice, bytes, MAX(b->listing->fresh_bytes, bytes));
}

/* --- asking ----------------------------------------------------------------------------------- */

static uint64_t cost(const struct bz_backend *b, guint place)
{
	uint64_t size = item_at(b, place)->size;

	if (g_array_index(b->queue, struct pop_ask, place).want != POP_WANT_WHOLE)
		return TOP_SIZE;
	return size > 0 ? MIN(size, AHEAD_BYTES) : SIZE_UNKNOWN;
}

/* Half a window at a time: fewer writes. */
static bool has_room(const struct bz_backend *b)
{
	guint waiting = b->asked - b->answered;

	if (!b->conn->caps.pipelining || waiting == 0)
		return waiting == 0;
	return waiting < AHEAD / 2 && b->ahead < AHEAD_BYTES / 2;
}

/* RETR makes many servers call a message read, for the person's other devices too; a TOP of more
 * lines than a message has gives the same and does not. Only where it can be told by its size that
 * all of it came, and where the message stays for others to read. */
static bool wants_quietly(const struct bz_backend *b, const struct pop_item *item)
{
	return b->conn->caps.top && !b->loud && b->account->leave != BZ_LEAVE_NONE &&
	       item->uidl != NULL && item->size > 0;
}

static void add_command(struct bz_backend *b, GString *out)
{
	struct pop_ask *ask = &g_array_index(b->queue, struct pop_ask, b->asked);
	const struct pop_item *item = item_at(b, b->asked);

	ask->by_top = ask->want == POP_WANT_WHOLE && wants_quietly(b, item);
	if (ask->by_top)
		g_string_append_printf(out, "TOP %u " ALL_LINES "\r\n", item->number);
	else if (ask->want == POP_WANT_WHOLE)
		g_string_append_printf(out, "RETR %u\r\n", item->number);
	else
		g_string_append_printf(out, "TOP %u 0\r\n", item->number);
}

static int ask_more(struct bz_backend *b, struct bz_err *err)
{
	guint most = b->conn->caps.pipelining ? AHEAD : 1;
	GString *out;
	int rc = 0;

	if (b->asked == b->queue->len || !has_room(b))
		return 0;
	out = g_string_new(NULL);
	while (b->asked < b->queue->len && b->asked - b->answered < most &&
		(b->ahead < AHEAD_BYTES || b->asked == b->answered)) {
		add_command(b, out);
		b->ahead += cost(b, b->asked++);
	}
	rc = bz_stream_write(b->conn->stream, out->str, out->len, err);
	g_string_free(out, TRUE);
	return rc;
}

/* --- one answer ------------------------------------------------------------------------------- */

/* A message has a minute, and as much more as its bytes take at the least rate; what the server
 * says of its size is no promise. */
static void grant_time(struct bz_backend *b)
{
	b->granted = pop_body_length(b) + GRANT_BYTES;
	bz_stream_limits(b->conn->stream,
		b->begun + 2 * STALL_SECONDS + (double)pop_body_length(b) / LEAST_RATE,
		STALL_SECONDS, 0, b->job->cancel);
}

struct sink {
	struct bz_backend *b;
	struct bz_err *err;
};

static int on_bytes(void *me, const char *bytes, size_t n)
{
	struct sink *s = me;

	if (pop_body_add(s->b, bytes, n, s->err) != 0)
		return -1;
	if (pop_body_length(s->b) >= s->b->granted)
		grant_time(s->b);
	pop_fetch_tell(s->b, false);
	return 0;
}

static void begin_body(struct bz_backend *b, enum pop_want want)
{
	pop_body_clear(b);
	b->body.limit = want == POP_WANT_WHOLE ? 0 : HEADER_MAX;
	b->in_body = true;
}

/* The answer to the oldest command: 0 it is whole in b->body, 1 the server would not give it. */
static int read_answer(struct bz_backend *b, enum pop_want want, struct bz_err *err)
{
	struct sink sink = {b, err};

	if (!b->in_body) {
		const char *words = "";
		int rc = pop_status(b->conn, &words, err);

		if (rc == 1)
			bz_log(BZ_LOG_WARN, "%s: message %u was refused: %s", b->account->id,
				item_at(b, b->answered)->number, words);
		if (rc != 0)
			return rc;
		begin_body(b, want);
	}
	return bz_guard_dotted(b->conn->guard, on_bytes, &sink, err);
}

/* --- what an answer is for -------------------------------------------------------------------- */

/* The header block up to and with its empty line; a server may send more than was asked for. */
static size_t header_length(const char *p, size_t n)
{
	const char *end = n > 0 ? memmem(p, n, "\r\n\r\n", 4) : NULL;

	return end != NULL ? (size_t)(end - p) + 4 : n;
}

static void name_by(struct bz_backend *b, guint item, const char *header, size_t len)
{
	GChecksum *sum = pop_listing_name_begin(b->listing, item);

	if (len > 0)
		g_checksum_update(sum, (const guchar *)header, (gssize)len);
	pop_listing_name_end(b->listing, item, sum);
}

static int take_header(struct bz_backend *b, guint item, enum pop_want want, struct bz_err *err)
{
	const char *header = (const char *)b->body.bytes->data;
	size_t len = header_length(header, b->body.bytes->len);
	int rc = 0;

	b->top_works = true;
	if (want == POP_WANT_MATCH)
		pop_match_header(b, item, header, len);
	else if (want == POP_WANT_NAME)
		name_by(b, item, header, len);
	else
		rc = pop_left_put(b, &g_array_index(b->listing->fresh, struct pop_item, item),
			header, len, err);
	pop_body_clear(b);
	return rc;
}

static int sum_up(void *sum, const void *bytes, size_t n)
{
	g_checksum_update(sum, bytes, (gssize)n);
	return 0;
}

/* Neither UIDL nor TOP: the message itself is its name. What is here already is dropped. */
static int name_whole(struct bz_backend *b, guint item, struct bz_err *err)
{
	struct pop_whole *whole = &g_array_index(b->batch, struct pop_whole, b->batch->len - 1);
	GChecksum *sum = pop_listing_name_begin(b->listing, item);
	const struct pop_item *named = &g_array_index(b->listing->fresh, struct pop_item, item);

	if (pop_whole_give(whole, sum_up, sum, err) != 0) {
		g_checksum_free(sum);
		return -1;
	}
	pop_listing_name_end(b->listing, item, sum);
	if (named->want == POP_WANT_NOTHING)
		g_array_set_size(b->batch, b->batch->len - 1);
	else
		whole->uidl = g_strdup(named->uidl);
	return 0;
}

static int take_whole(struct bz_backend *b, guint item, struct bz_err *err)
{
	bool nameless = item_at(b, b->answered)->uidl == NULL;

	b->bytes += pop_body_length(b);
	if (pop_body_finish(b, item_at(b, b->answered), err) != 0)
		return -1;
	return nameless ? name_whole(b, item, err) : 0;
}

/* TOP may be refused: then nothing is known of a header, and that is all. */
static int take_refusal(struct bz_backend *b, guint item, enum pop_want want, struct bz_err *err)
{
	if (want == POP_WANT_HEADER)
		return pop_left_put(
			b, &g_array_index(b->listing->fresh, struct pop_item, item), "", 0, err);
	b->refused += want == POP_WANT_WHOLE;
	return 0;
}

/* The TOP of all lines gave less, or nothing: this server has to be asked by RETR. */
static void ask_loudly(struct bz_backend *b, guint item)
{
	struct pop_ask ask = {.item = item, .want = POP_WANT_WHOLE};

	b->loud = true;
	b->asked_twice++;
	pop_body_clear(b);
	g_array_insert_val(b->queue, b->asked, ask);
}

/* rc: 0 the answer is in b->body, 1 it was refused. */
static int take_answer(struct bz_backend *b, const struct pop_ask *ask, int rc, struct bz_err *err)
{
	if (ask->by_top && (rc == 1 || pop_body_length(b) != item_at(b, b->answered)->size)) {
		ask_loudly(b, ask->item);
		return 0;
	}
	if (rc == 1)
		return take_refusal(b, ask->item, ask->want, err);
	if (ask->want == POP_WANT_WHOLE)
		return take_whole(b, ask->item, err);
	return take_header(b, ask->item, ask->want, err);
}

static int one_answer(struct bz_backend *b, struct bz_err *err)
{
	struct pop_ask ask = g_array_index(b->queue, struct pop_ask, b->answered);
	int rc;

	if (!b->in_body)
		b->begun = bz_now();
	grant_time(b);
	rc = read_answer(b, ask.want, err);
	if (rc < 0)
		return -1;
	rc = take_answer(b, &ask, rc, err);
	b->ahead -= MIN(b->ahead, cost(b, b->answered));
	b->answered++;
	b->in_body = false;
	pop_fetch_tell(b, false);
	return rc;
}

/* --- a piece ---------------------------------------------------------------------------------- */

/* Whole messages do not wait for a server that stands still. */
static bool wants_to_store(void *me)
{
	const struct bz_backend *b = me;

	return (b->batch->len > 0 && bz_now() >= b->piece_end) ||
	       b->job->report->urgent(b->job->report->me);
}

int pop_fetch_piece(struct bz_backend *b, struct bz_err *err)
{
	struct bz_hurry hurry = {wants_to_store, b, BZ_POP_PATIENCE};
	uint64_t first = b->bytes;

	b->piece_end = bz_now() + BZ_POP_PIECE_SECONDS;
	bz_stream_set_hurry(b->conn->stream, &hurry);
	while (b->answered < b->queue->len && b->bytes - first < BATCH_BYTES &&
		bz_now() < b->piece_end) {
		if (ask_more(b, err) != 0 || one_answer(b, err) != 0)
			return -1;
		if (b->job->report->hurry(b->job->report->me))
			break;
	}
	return 0;
}
