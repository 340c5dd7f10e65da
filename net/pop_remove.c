#include "net/pop_remove.h"
#include "net/login.h"
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/retention.h"

#include <string.h>

enum { AHEAD = 100 }; /* commands written before the first is answered */
#define ANSWER_SECONDS 60.0
#define QUIT_SECONDS 2.0
#define UPDATE_SECONDS 30.0 /* QUIT with deletions: the server works now */

enum phase { CHOOSE, NAMES, DELETIONS };

/* A message in flight. */
struct one {
	const struct bz_removal *removal;
	uint32_t number;
	bool asked; /* DELE was written */
	bool gone;  /* and answered +OK */
};

struct pop_removal {
	GArray *due; /* struct bz_removal */
	guint next;  /* of due: not looked at yet */
	/* the flight: CHOOSE fills it and asks for names, NAMES reads them and says DELE, DELETIONS
	 * reads what came of that */
	enum phase phase;
	struct one flight[AHEAD];
	guint n, answered;
	double deadline; /* of its answers */
	uint32_t removed, refused;
	double piece_end;
};

void pop_remove_free(struct pop_removal **removal)
{
	if (*removal == NULL)
		return;
	g_array_unref((*removal)->due);
	g_clear_pointer(removal, g_free);
}

/* --- what is due ------------------------------------------------------------------------------ */

static int times(void *me, const char *uidl)
{
	return pop_listing_times(me, uidl);
}

static void tell_due(const struct bz_backend *b)
{
	const GArray *due = b->removal->due;
	uint64_t bytes = 0;

	for (guint i = 0; i < due->len; i++)
		bytes += g_array_index(due, struct bz_removal, i).size;
	b->job->report->removals(b->job->report->me, due->len, bytes);
}

/* Without the person's agreement nothing is due. */
static int begin(struct bz_backend *b, struct bz_err *err)
{
	struct bz_listed listed = {times, b->listing};
	enum bz_agreement agreement;
	struct bz_clock clock;
	GArray *due = g_array_new(FALSE, FALSE, sizeof(struct bz_removal));

	b->removal = g_new0(struct pop_removal, 1);
	b->removal->due = due;
	bz_clock_read(&clock);
	if (bz_retention_session(b->store, b->account, &listed, &clock, due, err) != 0 ||
		bz_retention_agreement(b->store, b->account, &agreement, err) != 0)
		return -1;
	if (due->len > 0 && agreement == BZ_AGREEMENT_NONE)
		tell_due(b);
	if (agreement != BZ_AGREEMENT_YES)
		g_array_set_size(due, 0);
	return 0;
}

/* --- the flight ------------------------------------------------------------------------------- */

/* The next of those that are due, if it may go now. */
static int choose_one(struct bz_backend *b, struct bz_err *err)
{
	struct pop_removal *r = b->removal;
	struct one one = {.removal = &g_array_index(r->due, struct bz_removal, r->next++)};
	int rc = bz_retention_may_go(b->store, b->account, one.removal->uidl, err);

	one.number = pop_listing_number(b->listing, one.removal->uidl);
	if (rc < 0)
		return -1;
	if (rc == 1 && one.number != 0)
		r->flight[r->n++] = one;
	return 0;
}

/* "COMMAND number" for each of the flight that is asked. */
static int write_flight(struct bz_backend *b, const char *command, struct bz_err *err)
{
	struct pop_removal *r = b->removal;
	GString *out = g_string_new(NULL);
	int rc = 0;

	for (guint i = 0; i < r->n; i++)
		if (r->flight[i].asked)
			g_string_append_printf(out, "%s %u\r\n", command, r->flight[i].number);
	r->answered = 0;
	r->deadline = bz_now() + ANSWER_SECONDS;
	bz_stream_limits(b->conn->stream, r->deadline, 0, 0, b->job->cancel);
	if (out->len > 0)
		rc = bz_stream_write(b->conn->stream, out->str, out->len, err);
	g_string_free(out, TRUE);
	return rc;
}

/* Fill the flight. Numbers are those of this session's listing; where the server can tell, each is
 * asked once more what it means. */
static int choose(struct bz_backend *b, struct bz_err *err)
{
	guint ahead = b->conn->caps.pipelining ? AHEAD : 1;
	struct pop_removal *r = b->removal;

	r->n = 0;
	while (r->n < ahead && r->next < r->due->len && bz_now() < r->piece_end)
		if (choose_one(b, err) != 0)
			return -1;
	for (guint i = 0; i < r->n; i++)
		r->flight[i].asked = true;
	r->phase = b->listing->nameless ? DELETIONS : NAMES;
	return write_flight(b, b->listing->nameless ? "DELE" : "UIDL", err);
}

/* "+OK 3 id" to UIDL 3. */
static bool is_named(const struct one *one, const char *words)
{
	char *end;
	guint64 number = g_ascii_isdigit(words[0]) ? g_ascii_strtoull(words, &end, 10) : 0;

	return number == one->number && (*end == ' ' || *end == '\0') &&
	       pop_listing_is_name(end + strspn(end, " "), one->removal->uidl);
}

static int read_name(struct bz_backend *b, struct bz_err *err)
{
	struct pop_removal *r = b->removal;
	struct one *one = &r->flight[r->answered];
	const char *words = "";
	int rc = pop_status(b->conn, &words, err);

	if (rc < 0)
		return -1;
	r->answered++;
	one->asked = rc == 0 && is_named(one, words);
	if (one->asked)
		return 0;
	bz_log(BZ_LOG_WARN, "%s: message %u is not what it was: %s", b->account->id, one->number,
		words);
	r->refused++;
	return 0;
}

static int read_names(struct bz_backend *b, struct bz_err *err)
{
	while (b->removal->answered < b->removal->n)
		if (read_name(b, err) != 0)
			return -1;
	b->removal->phase = DELETIONS;
	return write_flight(b, "DELE", err);
}

static int read_deletion(struct bz_backend *b, struct bz_err *err)
{
	struct pop_removal *r = b->removal;
	struct one *one = &r->flight[r->answered];
	const char *words = "";
	int rc = one->asked ? pop_status(b->conn, &words, err) : 0;

	if (rc < 0)
		return -1;
	r->answered++;
	one->gone = one->asked && rc == 0;
	r->removed += one->gone;
	if (rc == 0)
		return 0;
	bz_log(BZ_LOG_WARN, "%s: message %u was not removed: %s", b->account->id, one->number,
		words);
	r->refused++;
	return 0;
}

static int read_deletions(struct bz_backend *b, struct bz_err *err)
{
	struct pop_removal *r = b->removal;
	struct bz_removal gone[AHEAD];
	size_t n = 0;

	while (r->answered < r->n)
		if (read_deletion(b, err) != 0)
			return -1;
	for (guint i = 0; i < r->n; i++)
		if (r->flight[i].gone)
			gone[n++] = *r->flight[i].removal;
	r->phase = CHOOSE;
	return bz_retention_removed(b->store, gone, n, g_get_real_time() / G_USEC_PER_SEC, err);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static bool is_urgent(void *me)
{
	const struct bz_report *report = ((const struct bz_backend *)me)->job->report;

	return report->urgent(report->me);
}

static bool is_over(const struct pop_removal *r)
{
	return r->phase == CHOOSE && r->next == r->due->len;
}

bool pop_remove_is_in_flight(const struct bz_backend *b)
{
	return b->removal != NULL && b->removal->phase != CHOOSE;
}

static int step(struct bz_backend *b, struct bz_err *err)
{
	switch (b->removal->phase) {
	case CHOOSE:
		return choose(b, err);
	case NAMES:
		return read_names(b, err);
	default:
		return read_deletions(b, err);
	}
}

int pop_remove_piece(struct bz_backend *b, bool *more, struct bz_err *err)
{
	struct bz_hurry hurry = {is_urgent, b, BZ_POP_PATIENCE};

	*more = true;
	if (b->removal == NULL && begin(b, err) != 0)
		return -1;
	b->removal->piece_end = bz_now() + BZ_POP_PIECE_SECONDS;
	bz_stream_set_hurry(b->conn->stream, &hurry);
	bz_stream_limits(b->conn->stream, b->removal->deadline, 0, 0, b->job->cancel);
	while (!is_over(b->removal) && bz_now() < b->removal->piece_end) {
		if (step(b, err) != 0)
			return -1;
		if (b->job->report->hurry(b->job->report->me) ||
			(!pop_remove_is_in_flight(b) && b->answered < b->queue->len))
			break;
	}
	*more = !is_over(b->removal);
	return 0;
}

static void tell_kept(const struct bz_backend *b, uint32_t n)
{
	g_autofree char *text = g_strdup_printf(
		ngettext("%s did not remove %u message; it is asked again next time.",
			"%s did not remove %u messages; it is asked again next time.", n),
		b->account->host, n);

	b->job->report->note(b->job->report->me, text);
}

/* Did we not wait for an answer? */
static bool is_stopped(struct bz_backend *b)
{
	return is_urgent(b) || g_cancellable_is_cancelled(b->job->cancel);
}

void pop_remove_quit(struct bz_backend *b)
{
	uint32_t removed = b->removal != NULL ? b->removal->removed : 0;
	uint32_t kept = b->removal != NULL ? b->removal->refused : 0;
	bool done = pop_close(&b->conn, b->job, removed > 0 ? UPDATE_SECONDS : QUIT_SECONDS);

	if (removed > 0)
		bz_log(BZ_LOG_INFO, "%s: %u removed from %s%s", b->account->id, removed,
			b->account->host, done ? "" : ", which did not confirm it");
	kept += done || is_stopped(b) ? 0 : removed;
	if (kept > 0)
		tell_kept(b, kept);
	pop_remove_free(&b->removal);
}
