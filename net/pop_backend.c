/* POP3: the mail comes to this computer, whole messages into the account's mbox exactly once
 * (DESIGN section 7; deliver.h does the writing). Nothing is ever deleted on the server. Reading
 * and flags need no line. */
#include "net/backends.h"
#include "net/login.h"
#include "net/pop_conn.h"
#include "src/deliver.h"
#include "src/lang.h"
#include "src/localbox.h"
#include "src/log.h"
#include "src/mbox.h"
#include "src/mime.h"
#include "src/paths.h"

#include <string.h>
#include <unistd.h>

enum {
	AHEAD = 32, /* RETRs written before the first is answered */
	MESSAGE_MAX = 256 << 20,
	BATCH_BYTES = 16 << 20,
	HEADER_MAX = 64 << 10,
	GRANT_BYTES = 16 << 10
};
#define STALL_SECONDS 30.0
#define LEAST_RATE 1000.0 /* bytes a second */
#define PIECE_SECONDS 0.2
#define TELL_SECONDS 0.1

struct bz_backend {
	const struct bz_account *account;
	struct bz_store *store;
	uint32_t folder;
	struct bz_localbox *box;
	/* a download under way */
	struct pop_conn *conn; /* NULL = none */
	int lock;              /* fetch.lock, held as long as conn */
	GArray *todo;          /* struct pop_item */
	guint asked, answered; /* of todo */
	bool in_body;          /* the status line of todo[answered] came */
	GByteArray *body;      /* so far */
	double piece_end;      /* then what is whole is stored, even if the server stands still */
	bool has_whole;        /* since this piece began */
	double begun;          /* when this message was */
	size_t granted;        /* bytes of it for which there is time */
	const struct bz_job *job; /* of the call that reads */
	bool too_long;
	uint64_t bytes, bytes_total; /* for the progress line */
	guint refused;               /* messages that the server would not give */
	double told;
	const struct bz_report *report;
};

/* --- the folder ------------------------------------------------------------------------------- */

static struct bz_backend *create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b;
	uint32_t folder;

	if (bz_store_folder_ensure(store, "INBOX", "Inbox", BZ_ROLE_INBOX, 1, &folder, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->account = account;
	b->store = store;
	b->folder = folder;
	b->lock = -1;
	b->box = bz_localbox_new(store, account->mbox, folder, "INBOX");
	b->todo = g_array_new(FALSE, TRUE, sizeof(struct pop_item));
	b->body = g_byte_array_new();
	return b;
}

/* The line goes; whole messages are in the mbox already. */
static void disconnect(struct bz_backend *b)
{
	pop_close(&b->conn, NULL);
	if (b->lock >= 0)
		close(b->lock);
	b->lock = -1;
	g_array_set_size(b->todo, 0);
	g_byte_array_set_size(b->body, 0);
	b->asked = b->answered = b->refused = 0;
	b->in_body = b->too_long = false;
}

static void destroy(struct bz_backend **b)
{
	disconnect(*b);
	bz_localbox_free((*b)->box);
	g_array_unref((*b)->todo);
	g_byte_array_unref((*b)->body);
	g_free(*b);
	*b = NULL;
}

static int look(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	*more = false;
	if (access(b->account->mbox, F_OK) != 0) /* nothing downloaded yet */
		return 0;
	return bz_localbox_look(b->box, job, more, err);
}

/* --- refresh: what is new on the server ------------------------------------------------------- */

static int take_lock(struct bz_backend *b, struct bz_err *err)
{
	g_autofree char *dir = bz_path(BZ_DIR_STATE, b->account->dirname, NULL);
	g_autofree char *path = g_build_filename(dir, "fetch.lock", NULL);

	if (bz_path_ensure(dir, err) != 0)
		return -1;
	b->lock = bz_session_lock(path, err);
	return b->lock >= 0 ? 0 : -1;
}

static int recover(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	bool changed = false, more = true;

	if (bz_deliver_recover(b->store, b->account->mbox, &changed, job->cancel, err) != 0)
		return -1;
	while (changed && more)
		if (look(b, job, &more, err) != 0)
			return -1;
	return 0;
}

static int choose_new(struct bz_backend *b, const GArray *items, struct bz_err *err)
{
	b->bytes = b->bytes_total = 0;
	for (guint i = 0; i < items->len; i++) {
		const struct pop_item *item = &g_array_index(items, struct pop_item, i);
		int known = bz_store_ledger_has(b->store, item->uidl, err);

		if (known < 0)
			return -1;
		if (known == 1)
			continue;
		g_array_append_val(b->todo, *item);
		b->bytes_total += item->size;
	}
	return 0;
}

static void tell_refused(const struct bz_backend *b, const struct bz_job *job)
{
	g_autofree char *text = g_strdup_printf(
		ngettext("%s did not give %u message; it is asked for again next time.",
			"%s did not give %u messages; they are asked for again next time.",
			b->refused),
		b->account->host, b->refused);

	if (b->refused > 0)
		job->report->note(job->report->me, text);
}

static void over(struct bz_backend *b, const struct bz_job *job)
{
	tell_refused(b, job);
	pop_close(&b->conn, job);
	disconnect(b);
	job->report->progress(job->report->me, 0, 0, 0, 0);
}

static int begin(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	GArray *items = g_array_new(FALSE, TRUE, sizeof(struct pop_item));
	int rc = -1;

	if (take_lock(b, err) == 0 && recover(b, job, err) == 0)
		b->conn = pop_open(b->account, b->store, job, items, err);
	if (b->conn != NULL)
		rc = choose_new(b, items, err);
	g_array_unref(items);
	return rc;
}

static int refresh(struct bz_backend *b, const struct bz_job *job, const char *name,
	struct bz_window window, struct bz_err *err)
{
	(void)name;
	(void)window;
	if (b->conn != NULL)
		return 0; /* a download is under way: it goes on */
	if (begin(b, job, err) != 0) {
		disconnect(b);
		return -1;
	}
	if (b->todo->len == 0)
		over(b, job);
	return 0;
}

/* --- background: the download ----------------------------------------------------------------- */

static void tell_progress(struct bz_backend *b, bool now)
{
	double t = bz_now();

	if (!now && t - b->told < TELL_SECONDS)
		return;
	b->told = t;
	b->report->progress(b->report->me, b->answered, b->todo->len, b->bytes + b->body->len,
		MAX(b->bytes_total, b->bytes + b->body->len));
}

/* A message has a minute, and as much more as its bytes take at the least rate; what the server
 * says of its size is no promise. */
static void grant_time(struct bz_backend *b)
{
	b->granted = b->body->len + GRANT_BYTES;
	bz_stream_limits(b->conn->stream,
		b->begun + 2 * STALL_SECONDS + (double)b->body->len / LEAST_RATE, STALL_SECONDS, 0,
		b->job->cancel);
}

static int on_bytes(void *me, const char *bytes, size_t n)
{
	struct bz_backend *b = me;

	if (b->body->len + n > MESSAGE_MAX) {
		b->too_long = true;
		return -1;
	}
	g_byte_array_append(b->body, (const guint8 *)bytes, (guint)n);
	if (b->body->len >= b->granted)
		grant_time(b);
	tell_progress(b, false);
	return 0;
}

static int ask_more(struct bz_backend *b, struct bz_err *err)
{
	guint ahead = b->conn->pipelining ? AHEAD : 1;
	guint last = MIN(b->answered + ahead, b->todo->len);
	GString *out;
	int rc;

	if (b->asked >= last || (b->asked > b->answered && last - b->asked < ahead / 2))
		return 0; /* half a window at a time: fewer writes */
	out = g_string_new(NULL);
	for (; b->asked < last; b->asked++)
		g_string_append_printf(out, "RETR %u\r\n",
			g_array_index(b->todo, struct pop_item, b->asked).number);
	rc = bz_stream_write(b->conn->stream, out->str, out->len, err);
	g_string_free(out, TRUE);
	return rc;
}

/* The answer to the oldest RETR: 0 a whole message is in body, 1 the server would not give it. */
static int read_answer(struct bz_backend *b, struct bz_err *err)
{
	const struct pop_item *item = &g_array_index(b->todo, struct pop_item, b->answered);
	int rc;

	if (!b->in_body) {
		const char *words = "";

		rc = pop_status(b->conn, &words, err);
		if (rc != 0) {
			b->refused += rc == 1;
			if (rc == 1)
				bz_log(BZ_LOG_WARN, "%s: message %u was refused: %s",
					b->account->id, item->number, words);
			return rc;
		}
		b->in_body = true;
	}
	rc = bz_guard_dotted(b->conn->guard, on_bytes, b, err);
	if (rc != 0 && b->too_long)
		return bz_err_set(err, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("A message of more than 256 MB was not downloaded."));
	return rc;
}

static void add_row(
	struct bz_backend *b, const struct bz_deliver_item *item, struct bz_summary *row)
{
	gsize len;
	const char *text = g_bytes_get_data(item->message, &len);

	*row = (struct bz_summary){
		.folder = b->folder,
		.uid = item->uid,
		.pos = item->offset,
		.offset = item->offset,
		.length = item->length,
		.size = len,
		.received = g_get_real_time() / G_USEC_PER_SEC,
	};
	memcpy(row->digest, item->digest, sizeof row->digest);
	bz_mime_summarize(
		row, len > 0 ? text : "", MIN(len, HEADER_MAX)); /* of no bytes it is NULL */
}

static int put_counts(struct bz_backend *b, struct bz_folder *folder, struct bz_err *err)
{
	if (bz_store_folder_by_id(b->store, b->folder, folder, err) != 0)
		return -1;
	if (bz_store_count(b->store, b->folder, &folder->exists, &folder->unseen, err) == 0 &&
		bz_store_folder_put(b->store, folder, err) == 0)
		return 0;
	bz_folder_clear(folder);
	return -1;
}

static int tell_rows(struct bz_backend *b, const struct bz_job *job, enum bz_change_kind kind,
	GArray *ids, struct bz_err *err)
{
	struct bz_change *change;
	struct bz_folder folder;

	if (put_counts(b, &folder, err) != 0) {
		g_array_unref(ids);
		return -1;
	}
	change = g_new0(struct bz_change, 1);
	*change = (struct bz_change){b->folder, kind, folder.exists, folder.unseen, ids};
	bz_folder_clear(&folder);
	job->report->rows(job->report->me, change);
	job->report->folders(job->report->me);
	return 0;
}

/* Rows for what deliver() stored; newest first in the change. */
static int put_rows(
	struct bz_backend *b, const struct bz_job *job, const GArray *batch, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(b->store, err);

	for (guint i = 0; i < batch->len && rc == 0; i++) {
		const struct bz_deliver_item *item =
			&g_array_index(batch, struct bz_deliver_item, i);
		struct bz_summary row;

		if (item->uid == 0)
			continue; /* another buzon stored it meanwhile */
		add_row(b, item, &row);
		rc = bz_store_put(b->store, &row, err);
		g_array_prepend_val(ids, row.row);
		bz_summary_clear(&row);
	}
	if (rc == 0)
		rc = bz_store_commit(b->store, err);
	if (rc != 0) {
		bz_store_rollback(b->store);
		g_array_unref(ids);
		return -1;
	}
	return tell_rows(b, job, BZ_CHANGE_NEWER, ids, err);
}

static int store_batch(
	struct bz_backend *b, const struct bz_job *job, GArray *batch, struct bz_err *err)
{
	struct bz_deliver_item *items = (struct bz_deliver_item *)(void *)batch->data;

	if (batch->len == 0)
		return 0;
	if (bz_deliver(b->store, b->account->mbox, "INBOX", items, batch->len,
		    g_get_real_time() / G_USEC_PER_SEC, NULL, err) != 0 ||
		put_rows(b, job, batch, err) != 0)
		return -1;
	return bz_localbox_appended(b->box, err);
}

static void free_item(void *me)
{
	g_bytes_unref(((struct bz_deliver_item *)me)->message);
}

static void take_message(struct bz_backend *b, GArray *batch)
{
	const struct pop_item *from = &g_array_index(b->todo, struct pop_item, b->answered);
	struct bz_deliver_item item = {.size = from->size};

	memcpy(item.uidl, from->uidl, sizeof item.uidl);
	b->bytes += b->body->len;
	item.message = g_byte_array_free_to_bytes(b->body);
	b->body = g_byte_array_new();
	g_array_append_val(batch, item);
	b->has_whole = true;
}

/* Whole messages do not wait for a server that stands still. */
static bool wants_to_store(void *me)
{
	const struct bz_backend *b = me;

	return (b->has_whole && bz_now() >= b->piece_end) || b->report->urgent(b->report->me);
}

static void begin_message(struct bz_backend *b, const struct bz_job *job)
{
	struct bz_hurry hurry = {wants_to_store, b, BZ_POP_PATIENCE};

	bz_stream_set_hurry(b->conn->stream, &hurry);
	b->job = job;
	if (!b->in_body)
		b->begun = bz_now();
	grant_time(b);
}

/* Read answers for one piece of time. The first failure ends it; *whole messages are in batch. */
static int read_piece(
	struct bz_backend *b, const struct bz_job *job, GArray *batch, struct bz_err *err)
{
	uint64_t first = b->bytes;

	b->piece_end = bz_now() + PIECE_SECONDS;
	b->has_whole = false;
	while (b->answered < b->todo->len && b->bytes - first < BATCH_BYTES &&
		bz_now() < b->piece_end) {
		int rc;

		begin_message(b, job);
		if (ask_more(b, err) != 0)
			return -1;
		rc = read_answer(b, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			take_message(b, batch);
		b->answered++;
		b->in_body = false;
		tell_progress(b, false);
		if (job->report->hurry(job->report->me))
			break;
	}
	return 0;
}

static int background(
	struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	GArray *batch;
	int rc, stored;

	*more = false;
	if (b->conn == NULL)
		return 0;
	b->report = job->report;
	batch = g_array_new(FALSE, TRUE, sizeof(struct bz_deliver_item));
	g_array_set_clear_func(batch, free_item);
	rc = read_piece(b, job, batch, err);
	if (rc != 0 && err->kind == BZ_ERR_CANCELLED && err->code == BZ_CODE_HURRY) {
		*err = (struct bz_err){0};
		rc = 0; /* the person comes first; the line is as it was */
	}
	if (batch->len > 0) {
		struct bz_err disk = {0};

		stored = store_batch(b, job, batch, &disk);
		if (stored != 0) {
			*err = disk;
			rc = -1;
		}
	}
	g_array_unref(batch);
	if (rc != 0)
		return -1;
	*more = b->answered < b->todo->len;
	tell_progress(b, !*more);
	if (!*more)
		over(b, job);
	return 0;
}

/* --- reading and flags: local ----------------------------------------------------------------- */

static int fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	(void)what; /* a local message is read whole either way */
	return bz_localbox_fetch(b->box, job, ref, out, err);
}

static int set_one(struct bz_backend *b, const struct bz_msgref *ref, unsigned add, unsigned rem,
	GArray *ids, struct bz_err *err)
{
	struct bz_summary row;
	unsigned flags;
	int known = bz_store_by_uid(b->store, ref->folder, ref->uid, &row, err);

	if (known != 0)
		return known < 0 ? -1 : 0;
	flags = (row.flags | add) & ~rem;
	g_array_append_val(ids, row.row);
	bz_summary_clear(&row);
	if (bz_store_local_set_flags(b->store, ref->uid, flags & BZ_FLAGS_REMOTE, err) != 0)
		return -1;
	return bz_store_set_flags(b->store, ref->folder, ref->uid, flags, err);
}

static int set_flags(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (size_t i = 0; i < n; i++)
		if (set_one(b, &refs[i], add, remove, ids, err) != 0) {
			g_array_unref(ids);
			return -1;
		}
	return tell_rows(b, job, BZ_CHANGE_UPDATED, ids, err);
}

const struct bz_backend_ops bz_pop_backend = {
	.name = "pop",
	.caps = BZ_CAP_REMOTE | BZ_CAP_FLAGS,
	.create = create,
	.destroy = destroy,
	.look = look,
	.disconnect = disconnect,
	.refresh = refresh,
	.fetch = fetch,
	.set_flags = set_flags,
	.background = background,
};
