/* Messages into another local folder: once each, wherever it is interrupted (deliver.h). */
#include "src/lang.h"
#include "src/localmail_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_MS = 10000, CHUNK = 1000 };

/* One message on its way. */
struct passenger {
	struct bz_summary row; /* where it is */
	unsigned flags;        /* that it takes along */
	size_t index;          /* among the caller's */
	/* its place of old, length > 0 where there is one */
	uint32_t old;
	int64_t old_off, old_len;
	uint32_t uid; /* out */
};

struct journey {
	struct bz_localmail *mail;
	const struct bz_job *job;
	struct bz_local_folder *from, *to;
	bool copy;
	int fd;            /* of from, locked */
	GArray *riders;    /* struct passenger */
	GHashTable *taken; /* local uids of places of old */
	GArray *moved;     /* the caller's, or NULL */
	const struct bz_msgref *refs;
};

static void clear_passenger(void *me)
{
	bz_summary_clear(&((struct passenger *)me)->row);
}

static struct passenger *rider(const struct journey *j, guint i)
{
	return &g_array_index(j->riders, struct passenger, i);
}

/* --- who goes --------------------------------------------------------------------------------- */

/* state.db knows the flags; a mark for deletion is not taken along. */
static int flags_of(struct journey *j, struct passenger *p, struct bz_err *err)
{
	struct bz_local local;
	int rc = bz_store_local_get(j->mail->store, p->row.uid, &local, NULL, err);

	if (rc == 0)
		p->flags = local.flags & ~(unsigned)BZ_FLAG_DELETED;
	if (rc == 1 || (rc == 0 && local.state != BZ_LOCAL_HERE)) /* it left, seen here or not */
		rc = bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer there."));
	return rc == 0 ? 0 : -1;
}

static int board(struct journey *j, size_t first, size_t n, struct bz_err *err)
{
	char stamp[96];
	bool in_step;

	bz_localmail_stamp(j->fd, stamp);
	in_step = bz_localbox_in_step(j->from->box, stamp);
	for (size_t i = first; i < first + n; i++) {
		struct passenger p = {.index = i};

		if (bz_localbox_find(j->from->box, j->fd, in_step, &j->refs[i], &p.row, err) != 0)
			return -1;
		if (flags_of(j, &p, err) != 0) {
			bz_summary_clear(&p.row);
			return -1;
		}
		g_array_append_val(j->riders, p);
	}
	return 0;
}

static bool is_place_of(struct journey *j, int fd, const struct bz_local *old, struct passenger *p)
{
	uint8_t digest[32];

	if (g_hash_table_contains(j->taken, GUINT_TO_POINTER(old->uid)) ||
		bz_store_removed_get(j->mail->store, bz_localbox_folder(j->to->box), old->uid,
			&p->old_off, &p->old_len, NULL) != 0)
		return false;
	return bz_mbox_digest_at(fd, p->old_off, p->old_len, digest, NULL) == 0 &&
	       memcmp(digest, p->row.digest, sizeof digest) == 0;
}

/* Was it in the target before, and is it still in the file? */
static int find_place(struct journey *j, int fd, struct passenger *p, struct bz_err *err)
{
	GArray *olds = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	int rc = bz_store_local_removed(j->mail->store, j->to->name, p->row.digest, olds, err);

	for (guint i = 0; i < olds->len && rc == 0 && p->old == 0; i++) {
		const struct bz_local *old = &g_array_index(olds, struct bz_local, i);

		if (!is_place_of(j, fd, old, p))
			continue;
		p->old = old->uid;
		g_hash_table_add(j->taken, GUINT_TO_POINTER(old->uid));
	}
	g_array_unref(olds);
	return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Those that left, from what is shown of their folder. In a transaction. */
static int hide_sources(
	struct journey *j, bool returned, const char *before, GArray *ids, struct bz_err *err)
{
	char after[96];

	for (guint i = 0; i < j->riders->len; i++)
		if ((rider(j, i)->old != 0) == returned &&
			bz_localmail_hide(j->mail, j->from, &rider(j, i)->row, ids, err) != 0)
			return -1;
	bz_localmail_stamp(j->fd, after);
	return bz_localbox_changed(j->from->box, before, after, err);
}

static int show_returned(struct journey *j, int fd, const struct bz_append *to, struct bz_err *err)
{
	uint32_t folder = bz_localbox_folder(j->to->box);

	for (guint i = 0; i < j->riders->len; i++) {
		const struct passenger *p = rider(j, i);
		struct bz_summary row = {.uid = p->old,
			.offset = p->old_off,
			.length = p->old_len,
			.received = p->row.received,
			.flags = p->flags};
		int rc;

		if (p->old == 0)
			continue;
		memcpy(row.digest, p->row.digest, sizeof row.digest);
		rc = bz_localbox_put(j->to->box, fd, &row, err);
		bz_summary_clear(&row);
		if (rc != 0 || bz_store_removed_drop(j->mail->store, folder, p->old, err) != 0)
			return -1;
	}
	return bz_localbox_changed(j->to->box, to->before, to->after, err);
}

/* Both folders as they are after the messages of one kind went; fd: the target, where messages
 * returned to it, else -1. */
static int change_rows(struct journey *j, int fd, const struct bz_append *to, const char *before,
	struct bz_err *err)
{
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_begin(j->mail->store, err);

	if (rc == 0) {
		rc = hide_sources(j, fd >= 0, before, gone, err);
		if (rc == 0 && fd >= 0)
			rc = show_returned(j, fd, to, err);
		if (rc != 0)
			bz_store_rollback(j->mail->store);
		else
			rc = bz_store_commit(j->mail->store, err);
	}
	if (rc != 0) {
		g_array_unref(gone);
		return -1;
	}
	bz_localbox_tell(j->from->box, j->job, BZ_CHANGE_GONE, gone);
	if (fd >= 0)
		bz_localbox_tell(j->to->box, j->job, BZ_CHANGE_REBUILD, NULL);
	j->job->report->folders(j->job->report->me);
	return 0;
}

static void tell_moved(struct journey *j)
{
	for (guint i = 0; i < j->riders->len && j->moved != NULL; i++) {
		const struct passenger *p = rider(j, i);
		struct bz_moved moved = {.from = j->refs[p->index],
			.to = {bz_localbox_folder(j->to->box), 1, p->uid}};

		if (p->uid != 0)
			g_array_append_val(j->moved, moved);
	}
}

/* --- back to where they were ------------------------------------------------------------------ */

static struct bz_append target(struct journey *j, enum bz_intent_kind kind)
{
	return (struct bz_append){.store = j->mail->store,
		.mbox = bz_localbox_path(j->to->box),
		.folder = j->to->name,
		.kind = kind,
		.now = g_get_real_time() / G_USEC_PER_SEC,
		.source = bz_localbox_path(j->from->box),
		.source_fd = j->fd};
}

static GArray *returns_of(struct journey *j)
{
	GArray *items = g_array_new(FALSE, TRUE, sizeof(struct bz_return_item));

	for (guint i = 0; i < j->riders->len; i++) {
		struct passenger *p = rider(j, i);
		struct bz_return_item item = {.uid = p->old,
			.offset = p->old_off,
			.length = p->old_len,
			.source = p->row.uid,
			.source_off = p->row.offset,
			.source_len = p->row.length,
			.flags = p->flags};

		memcpy(item.digest, p->row.digest, sizeof item.digest);
		if (p->old != 0)
			g_array_append_val(items, item);
	}
	return items;
}

static int go_back(struct journey *j, int fd, struct bz_err *err)
{
	struct bz_append to = target(j, BZ_INTENT_RETURN);
	GArray *items;
	char before[96];
	int rc = 0;

	for (guint i = 0; i < j->riders->len && rc == 0; i++)
		rc = find_place(j, fd, rider(j, i), err);
	items = returns_of(j);
	bz_localmail_stamp(j->fd, before);
	if (rc == 0 && items->len > 0) {
		rc = bz_return(&to, fd, (const struct bz_return_item *)(void *)items->data,
			items->len, err);
		for (guint i = 0; i < j->riders->len && rc == 0; i++)
			rider(j, i)->uid = rider(j, i)->old;
		if (rc == 0)
			rc = change_rows(j, fd, &to, before, err);
	}
	g_array_unref(items);
	return rc;
}

static int return_some(struct journey *j, struct bz_err *err)
{
	const char *path = bz_localbox_path(j->to->box);
	struct bz_mbox_lock *lock;
	int rc;

	if (j->copy || access(path, F_OK) != 0)
		return 0;
	lock = bz_mbox_lock_open(path, false, LOCK_MS, j->job->cancel, err);
	if (lock == NULL)
		return -1;
	rc = go_back(j, bz_mbox_lock_fd(lock), err);
	bz_mbox_lock_close(&lock);
	return rc;
}

/* --- to the end of the target ----------------------------------------------------------------- */

struct place { /* of a message in the source */
	int fd;
	int64_t off, len;
};

static int give(void *me, bz_sink *sink, void *sink_me, struct bz_err *err)
{
	const struct place *place = me;

	return bz_mbox_read_to(place->fd, place->off, place->len, sink, sink_me, err) == 0 ? 0 : -1;
}

static size_t pack(struct journey *j, struct bz_append_item *items, struct place *places)
{
	size_t n = 0;

	for (guint i = 0; i < j->riders->len; i++) {
		const struct passenger *p = rider(j, i);

		if (p->old != 0)
			continue;
		places[n] = (struct place){j->fd, p->row.offset, p->row.length};
		items[n] = (struct bz_append_item){.give = give,
			.me = &places[n],
			.received = p->row.received,
			.flags = p->flags,
			.source = p->row.uid,
			.source_off = p->row.offset,
			.source_len = p->row.length};
		memcpy(items[n++].digest, p->row.digest, 32);
	}
	return n;
}

static void unpack(struct journey *j, const struct bz_append_item *items)
{
	for (guint i = 0; i < j->riders->len; i++)
		if (rider(j, i)->old == 0)
			rider(j, i)->uid = (items++)->uid;
}

static int append_rest(struct journey *j, struct bz_err *err)
{
	struct bz_append to = target(j, j->copy ? BZ_INTENT_COPY : BZ_INTENT_MOVE);
	g_autofree struct bz_append_item *items = g_new0(struct bz_append_item, j->riders->len + 1);
	g_autofree struct place *places = g_new0(struct place, j->riders->len + 1);
	size_t n = pack(j, items, places);
	char before[96];

	if (n == 0)
		return 0;
	bz_localmail_stamp(j->fd, before);
	if (bz_append(&to, items, n, j->job->cancel, err) != 0)
		return -1;
	unpack(j, items);
	if (bz_localmail_show(j->mail, j->job, j->to, &to, items, n, err) != 0)
		return -1;
	return j->copy ? 0 : change_rows(j, -1, &to, before, err);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int move_chunk(struct journey *j, size_t first, size_t n, struct bz_err *err)
{
	int rc;

	if (g_cancellable_is_cancelled(j->job->cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	g_array_set_size(j->riders, 0);
	rc = board(j, first, n, err);
	if (rc == 0)
		rc = return_some(j, err);
	if (rc == 0)
		rc = append_rest(j, err);
	tell_moved(j);
	return rc;
}

static int move_all(struct journey *j, size_t n, struct bz_err *err)
{
	struct bz_mbox_lock *lock = bz_mbox_lock_open(
		bz_localbox_path(j->from->box), false, LOCK_MS, j->job->cancel, err);
	int rc = 0;

	if (lock == NULL)
		return -1;
	j->fd = bz_mbox_lock_fd(lock);
	j->riders = g_array_new(FALSE, TRUE, sizeof(struct passenger));
	g_array_set_clear_func(j->riders, clear_passenger);
	j->taken = g_hash_table_new(NULL, NULL);
	for (size_t done = 0; done < n && rc == 0; done += CHUNK)
		rc = move_chunk(j, done, MIN(n - done, (size_t)CHUNK), err);
	g_hash_table_unref(j->taken);
	g_array_unref(j->riders);
	bz_mbox_lock_close(&lock);
	return rc;
}

int bz_localmail_move(struct bz_localmail *mail, const struct bz_job *job,
	const struct bz_msgref *refs, size_t n, const char *target_name, bool copy, GArray *moved,
	struct bz_err *err)
{
	struct journey j = {.mail = mail, .job = job, .copy = copy, .moved = moved, .refs = refs};
	int rc;

	if (n == 0)
		return 0;
	if (bz_localmail_writable(mail, err) != 0)
		return -1;
	j.from = bz_localmail_by_id(mail, refs[0].folder, err);
	j.to = j.from != NULL ? bz_localmail_by_name(mail, target_name, err) : NULL;
	if (j.to == NULL)
		return -1;
	if (j.to == j.from)
		return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("That is the folder in which they are."));
	if (bz_localmail_find_all(mail, job, j.from, refs, n, err) != 0 ||
		bz_mail_begin(mail->store, job->cancel, err) != 0)
		return -1;
	rc = move_all(&j, n, err);
	bz_mail_end(mail->store);
	return rc;
}
