/* The folder in view while nothing else is to be done: IDLE (RFC 2177), else NOOP by the clock; and
 * the Inbox beside it by STATUS: when the server says that something changed there (NOTIFY, RFC
 * 5465), else by the clock. IDLE goes on over several calls: what needs the line ends it. */
#include "net/imap_live.h"
#include "net/login.h"
#include "src/lang.h"

#include <poll.h>
#include <string.h>

#define IDLE_SECONDS (28 * 60.0) /* RFC 2177: less than 29 minutes */
#define INBOX_SECONDS 60.0       /* between two looks at the Inbox */
#define DUE_SECONDS 10.0         /* where something happened in the folder in view */
#define TOLD_SECONDS 1.0         /* where the server told */
#define GATHER_SECONDS 0.2       /* what comes together is put into the store together */
#define QUIET_SECONDS 0.01       /* nothing came for so long: that was all of it */
#define PARTIAL_SECONDS 0.02     /* for the rest of half a response, before looking around again */

/* --- what may end it -------------------------------------------------------------------------- */

static bool is_over(const struct bz_watch *w)
{
	struct pollfd p = {w->wake, POLLIN, 0};

	return poll(&p, 1, 0) > 0 || g_get_monotonic_time() >= w->until;
}

static double until_of(const struct bz_watch *w)
{
	return bz_now() + (double)(w->until - g_get_monotonic_time()) / G_USEC_PER_SEC;
}

static bool always(void *me)
{
	(void)me;
	return true;
}

/* --- IDLE or NOOP ----------------------------------------------------------------------------- */

static bool can_idle(const struct bz_backend *b)
{
	return (imap_caps(b->conn) & IMAP_CAP_IDLE) != 0 && !b->live.no_idle &&
	       !imap_search_is_open(b);
}

/* One that ends before our DONE is not asked for again: no turning in circles. */
static void on_idle_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct bz_backend *b = me;

	imap_on_end(&b->live.idle, end, code, text);
	b->live.no_idle = b->live.no_idle || end != IMAP_OK || imap_idle_since(b->conn) > 0;
}

static int keep_idling(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	static const struct imap_on on = {.end = on_idle_end};
	double since = imap_idle_since(b->conn);

	if (since > 0 && bz_now() < since + IDLE_SECONDS) {
		bz_stream_set_cancel(b->stream, job->cancel);
		return 0;
	}
	if (since > 0 && imap_go(b, job, NULL, err) != 0)
		return -1;
	bz_stream_limits(b->stream, 0, IMAP_STALL_SECONDS, BZ_GUARD_LITERAL_MAX, job->cancel);
	return imap_idle(b->conn, &on, b, err);
}

static int keep_polling(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	static const struct imap_on on = {0};
	double every = b->account->check_every;
	int rc = 0;

	bz_stream_set_cancel(b->stream, job->cancel);
	if (every <= 0 || (b->live.poll_at > 0 && bz_now() < b->live.poll_at))
		return 0;
	if (b->live.poll_at > 0) {
		b->live.is_quiet = true;
		rc = imap_submit(b->conn, &on, NULL, NULL, err, "NOOP");
		if (rc == 0)
			rc = imap_go(b, job, NULL, err);
		b->live.is_quiet = false;
	}
	b->live.poll_at = bz_now() + every;
	return rc;
}

/* --- the Inbox beside another folder ---------------------------------------------------------- */

struct inbox {
	unsigned told; /* so many times */
	uint32_t exists, unseen;
};

static void on_status(void *me, const struct imap_resp *r)
{
	struct inbox *inbox = me;

	if (r->kind != IMAP_STATUS || r->status->st_info_list == NULL ||
		g_ascii_strcasecmp(r->text, "INBOX") != 0)
		return;
	inbox->told++;
	imap_status(r->status, MAILIMAP_STATUS_ATT_MESSAGES, &inbox->exists);
	imap_status(r->status, MAILIMAP_STATUS_ATT_UNSEEN, &inbox->unseen);
}

static int put_inbox(struct bz_backend *b, const struct bz_job *job, const struct inbox *inbox,
	struct bz_err *err)
{
	struct bz_folder folder;
	bool same;
	int rc = bz_store_folder_by_name(b->store, "INBOX", &folder, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	same = folder.exists == inbox->exists && folder.unseen == inbox->unseen;
	folder.exists = inbox->exists;
	folder.unseen = inbox->unseen;
	rc = same ? 0 : bz_store_folder_put(b->store, &folder, err);
	bz_folder_clear(&folder);
	if (rc == 0 && !same)
		job->report->folders(job->report->me);
	return rc;
}

static bool is_beside(const struct bz_backend *b)
{
	return b->box.name != NULL && strcmp(b->box.name, "INBOX") != 0;
}

/* Without check-every what happens in the folder in view is the occasion. */
static bool is_inbox_wanted(const struct bz_backend *b)
{
	const struct imap_live *live = &b->live;
	bool by_clock = !live->notifies && b->account->check_every > 0;

	return is_beside(b) && (live->inbox_told || live->inbox_due || by_clock);
}

/* bz_now scale: not before. */
static double inbox_at(const struct imap_live *live)
{
	double every = live->inbox_due ? DUE_SECONDS : INBOX_SECONDS;

	return live->inbox_seen + (live->inbox_told ? TOLD_SECONDS : every);
}

static int look_at_inbox(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	static const struct imap_on on = {.untagged = on_status};
	struct inbox inbox = {0};

	if (!is_inbox_wanted(b) || bz_now() < inbox_at(&b->live))
		return 0;
	b->live.inbox_seen = bz_now();
	if (imap_submit(b->conn, &on, &inbox, NULL, err, "STATUS INBOX (MESSAGES UNSEEN)") != 0 ||
		imap_go(b, job, NULL, err) != 0)
		return -1;
	b->live.inbox_due = false;
	b->live.inbox_told = inbox.told > 1; /* one is the answer */
	return inbox.told > 0 ? put_inbox(b, job, &inbox, err) : 0;
}

/* What happens in the folder in view goes on being told, removals only where they may be. */
static int ask_to_be_told(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	static const struct imap_on on = {.end = imap_on_end};
	struct imap_result result;

	if (b->live.notify_asked || !is_beside(b) || (imap_caps(b->conn) & IMAP_CAP_NOTIFY) == 0)
		return 0;
	b->live.notify_asked = true;
	if (imap_submit(b->conn, &on, &result, NULL, err,
		    "NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange)) "
		    "(MAILBOXES INBOX (MessageNew MessageExpunge FlagChange))") != 0 ||
		imap_go(b, job, NULL, err) != 0)
		return -1;
	b->live.notifies = result.end == IMAP_OK;
	b->live.inbox_due = true; /* what came before */
	return 0;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* When there is something to be done though nothing comes. */
static double next_due(const struct bz_backend *b)
{
	double since = imap_idle_since(b->conn), due = bz_now() + IDLE_SECONDS;

	if (since > 0)
		due = since + (imap_idle_is_asked(b->conn) ? IMAP_STALL_SECONDS : IDLE_SECONDS);
	else if (b->live.poll_at > 0)
		due = b->live.poll_at;
	return is_inbox_wanted(b) ? MIN(due, inbox_at(&b->live)) : due;
}

static int check_asked(const struct bz_backend *b, struct bz_err *err)
{
	double since = imap_idle_since(b->conn);

	if (!imap_idle_is_asked(b->conn) || bz_now() < since + IMAP_STALL_SECONDS)
		return 0;
	return bz_err_set(err, BZ_ERR_TIMEOUT, BZ_CODE_NONE, _("%s has not answered for %d s."),
		b->account->host, (int)IMAP_STALL_SECONDS);
}

static int gather(struct bz_backend *b, const struct bz_watch *w, struct bz_err *err)
{
	int rc = imap_wait(b->conn, w->wake, MIN(until_of(w), next_due(b)), err);
	double end = bz_now() + GATHER_SECONDS;

	while (rc == 1 && bz_now() < end)
		rc = imap_wait(b->conn, w->wake, bz_now() + QUIET_SECONDS, err);
	return rc < 0 ? -1 : check_asked(b, err);
}

/* Half a response holds nobody up: the rest is read when it comes. */
static int wait_for_more(struct bz_backend *b, const struct bz_job *job, const struct bz_watch *w,
	struct bz_err *err)
{
	const struct bz_hurry usual = {job->report->urgent, job->report->me, BZ_IMAP_PATIENCE};
	const struct bz_hurry partial = {always, NULL, PARTIAL_SECONDS};
	struct bz_err why = {0};
	int rc;

	b->live.is_quiet = true;
	bz_stream_set_hurry(b->stream, &partial);
	rc = gather(b, w, &why);
	bz_stream_set_hurry(b->stream, &usual);
	b->live.is_quiet = false;
	if (rc == 0 || why.code == BZ_CODE_HURRY)
		return 0;
	*err = why;
	return -1;
}

static int attend(struct bz_backend *b, const struct bz_job *job, bool *again, struct bz_err *err)
{
	b->live.inbox_due = b->live.inbox_due || imap_live_is_due(b);
	if (imap_live_settle(b, job, again, err) != 0)
		return -1;
	if (*again)
		return 0;
	if (imap_compress_once(b, job, err) != 0 || ask_to_be_told(b, job, err) != 0 ||
		look_at_inbox(b, job, err) != 0)
		return -1;
	return can_idle(b) ? keep_idling(b, job, err) : keep_polling(b, job, err);
}

int imap_watch(struct bz_backend *b, const struct bz_job *job, const struct bz_watch *w,
	bool *again, struct bz_err *err)
{
	*again = b->conn == NULL || g_strcmp0(b->box.name, w->name) != 0;
	while (!*again) {
		if (attend(b, job, again, err) != 0)
			return -1;
		if (*again || is_over(w))
			break;
		if (!imap_live_is_due(b) && wait_for_more(b, job, w, err) != 0)
			return -1;
		if (is_over(w))
			break;
	}
	/* before a command of ours makes them old; what needs the line waits */
	return *again ? 0 : imap_live_put(b, job, err);
}
