#include "src/localbox.h"
#include "src/lang.h"
#include "src/mbox.h"
#include "src/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A transaction lasts TRANSACTION_US, its first rows aside. */
enum {
	FIRST_ROWS = 64,
	BATCH_ROWS = 1000,
	PIECE_US = 50000,
	TRANSACTION_US = 8000,
	SINGLE_MAX = 1 << 30
};

struct bz_localbox {
	struct bz_store *store;
	char *path;
	uint32_t folder;
	char *name; /* of the folder whose local messages these are; NULL: any uids */
	int spool;  /* standard input's copy, or -1 */
	/* the scan that is under way */
	bool scanning;
	bool tail_only;      /* an appended tail: rows are newer than all known */
	int64_t start, end;  /* what is still to be looked at */
	char stamp[96];      /* of the file when the scan began */
	GHashTable *unbound; /* digest -> GArray of uids, ascending (where it has a name) */
	uint32_t next_uid;
	uint32_t known, unseen;
};

struct bz_localbox *bz_localbox_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name)
{
	struct bz_localbox *box = g_new0(struct bz_localbox, 1);

	box->store = store;
	box->path = g_strdup(path);
	box->folder = folder;
	box->name = g_strdup(name);
	box->spool = -1;
	return box;
}

void bz_localbox_free(struct bz_localbox *box)
{
	if (box == NULL)
		return;
	if (box->spool >= 0)
		close(box->spool);
	g_clear_pointer(&box->unbound, g_hash_table_unref);
	g_free(box->path);
	g_free(box->name);
	g_free(box);
}

/* --- the file --------------------------------------------------------------------------------- */

static int spool_stdin(struct bz_err *err)
{
	g_autofree char *path = g_strdup("/tmp/buzon-XXXXXX");
	g_autofree char *piece = g_malloc(1 << 16);
	int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
			_("Cannot keep the standard input: %s."), g_strerror(errno));
	(void)unlink(path);
	while ((n = read(STDIN_FILENO, piece, 1 << 16)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		errno = n < 0 ? errno : ENOSPC; /* what a short write means */
		if (n < 0 || write(fd, piece, (size_t)n) != n) {
			close(fd);
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
				_("Cannot keep the standard input: %s."), g_strerror(errno));
		}
	}
	return fd;
}

static int open_file(struct bz_localbox *box, struct stat *st, struct bz_err *err)
{
	int fd;

	if (strcmp(box->path, "-") == 0) {
		if (box->spool < 0 && (box->spool = spool_stdin(err)) < 0)
			return -1;
		fd = fcntl(box->spool, F_DUPFD_CLOEXEC, 0);
	} else {
		fd = open(box->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0 || fstat(fd, st) != 0) {
		if (fd >= 0)
			close(fd);
		return bz_err_set(err, BZ_ERR_LOCAL,
			errno == ENOENT ? BZ_CODE_NOT_FOUND : BZ_CODE_IO, _("Cannot open %s: %s."),
			box->path, g_strerror(errno));
	}
	if (S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return bz_err_set(
		err, BZ_ERR_LOCAL, BZ_CODE_NOT_FOUND, _("%s is no mail file."), box->path);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Flags that mutt, Dovecot and others write into the message. */
static unsigned status_flags(const char *header, size_t len)
{
	static const struct {
		char letter;
		unsigned flag;
	} letters[] = {{'R', BZ_FLAG_SEEN}, {'A', BZ_FLAG_ANSWERED}, {'F', BZ_FLAG_FLAGGED},
		{'D', BZ_FLAG_DELETED}, {'T', BZ_FLAG_DRAFT}};
	unsigned flags = 0;

	for (const char *p = header, *end = header + len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl != NULL ? (size_t)(nl - p) : (size_t)(end - p);
		bool x = n > 9 && g_ascii_strncasecmp(p, "X-Status:", 9) == 0;

		if (x || (n > 7 && g_ascii_strncasecmp(p, "Status:", 7) == 0))
			for (size_t i = 0; i < G_N_ELEMENTS(letters); i++)
				if (memchr(p + 7, letters[i].letter, n - 7) != NULL)
					flags |= letters[i].flag;
		p += n + 1;
	}
	return flags;
}

static void note_unbound(GHashTable *unbound, const struct bz_local *local)
{
	g_autofree uint8_t *key = g_memdup2(local->digest, sizeof local->digest);
	GArray *list;
	GBytes *bytes = g_bytes_new(key, sizeof local->digest);

	list = g_hash_table_lookup(unbound, bytes);
	if (list == NULL) {
		list = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
		g_hash_table_insert(unbound, g_bytes_ref(bytes), list);
	}
	g_array_append_val(list, *local);
	g_bytes_unref(bytes);
}

static int load_unbound(struct bz_localbox *box, struct bz_err *err)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	int rc = bz_store_local_all(box->store, box->name, all, err);

	g_clear_pointer(&box->unbound, g_hash_table_unref);
	box->unbound = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
		(GDestroyNotify)g_bytes_unref, (GDestroyNotify)g_array_unref);
	for (guint i = 0; i < all->len && rc == 0; i++)
		note_unbound(box->unbound, &g_array_index(all, struct bz_local, i));
	g_array_unref(all);
	return rc;
}

/* The local message with this digest that no row has yet, newest first; else a new one. */
static int bind_local(struct bz_localbox *box, struct bz_summary *row, struct bz_err *err)
{
	GBytes *key = g_bytes_new_static(row->digest, sizeof row->digest);
	GArray *list = g_hash_table_lookup(box->unbound, key);

	g_bytes_unref(key);
	if (list != NULL && list->len > 0) {
		const struct bz_local *local = &g_array_index(list, struct bz_local, list->len - 1);

		row->uid = local->uid;
		row->flags |= local->flags;
		g_array_set_size(list, list->len - 1);
		return 0;
	}
	return bz_store_local_adopt(box->store, box->name, row->digest,
		row->flags & BZ_FLAGS_REMOTE, row->flags & BZ_FLAGS_REMOTE, &row->uid, err);
}

static int identify(struct bz_localbox *box, int fd, struct bz_summary *row, struct bz_err *err)
{
	GBytes *bytes;

	if (box->name == NULL) {
		row->uid = box->next_uid++;
		return 0;
	}
	bytes = bz_mbox_read(fd, row->offset, row->length, err);
	if (bytes == NULL)
		return -1;
	bz_mbox_digest(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), row->digest);
	g_bytes_unref(bytes);
	return bind_local(box, row, err);
}

struct batch {
	struct bz_localbox *box;
	const struct bz_job *job;
	int fd;
	GArray *ids;
	guint limit;      /* rows in this batch */
	int64_t until;    /* monotonic us: the transaction ends */
	bool full;        /* the batch; there may be more in the file */
	int64_t deadline; /* monotonic us: the piece ends */
	int rc;
	struct bz_err *err;
};

static int put_row(struct batch *b, const struct bz_mbox_item *item)
{
	struct bz_summary row = {
		.folder = b->box->folder,
		.pos = item->offset,
		.offset = item->offset,
		.length = item->length,
		.size = (uint64_t)item->length,
		.received = item->received,
		.flags = status_flags(item->header, item->header_len),
	};
	int rc;

	bz_mime_summarize(&row, item->header, item->header_len);
	rc = identify(b->box, b->fd, &row, b->err);
	if (rc == 0)
		rc = bz_store_put(b->box->store, &row, b->err);
	if (rc == 0) {
		g_array_append_val(b->ids, row.row);
		b->box->known++;
		b->box->unseen += (row.flags & BZ_FLAG_SEEN) == 0;
	}
	bz_summary_clear(&row);
	return rc;
}

static bool on_item(void *me, const struct bz_mbox_item *item)
{
	struct batch *b = me;

	b->rc = put_row(b, item);
	b->box->end = item->offset;
	b->full = b->ids->len >= b->limit ||
		  (b->limit > FIRST_ROWS && g_get_monotonic_time() > b->until);
	return b->rc == 0 && !b->full;
}

static struct bz_change *new_change(
	const struct bz_localbox *box, enum bz_change_kind kind, GArray *ids)
{
	struct bz_change *change = g_new0(struct bz_change, 1);

	*change = (struct bz_change){box->folder, kind, box->known, box->unseen, ids};
	return change;
}

/* One transaction's worth of rows; *done when the start of the file was reached. */
static int scan_batch(struct batch *b, bool *done)
{
	struct bz_localbox *box = b->box;
	int rc;

	b->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	b->full = false;
	b->until = g_get_monotonic_time() + TRANSACTION_US;
	if (bz_store_state_begin(box->store, b->err) != 0) {
		g_array_unref(b->ids);
		return -1;
	}
	if (bz_store_begin(box->store, b->err) != 0) {
		(void)bz_store_state_end(box->store, false, NULL);
		g_array_unref(b->ids);
		return -1;
	}
	rc = bz_mbox_scan_back(b->fd, box->start, box->end, b->job->cancel, on_item, b, b->err);
	*done = !b->full;
	rc = rc != 0 || b->rc != 0 ? -1 : 0;
	/* uids first: a uid without a row is bound again by its digest, a row without a uid
	 * is lost */
	if (bz_store_state_end(box->store, rc == 0, b->err) != 0 ||
		bz_store_commit(box->store, b->err) != 0) {
		bz_store_rollback(box->store);
		g_array_unref(b->ids);
		return -1;
	}
	if (b->ids->len == 0)
		g_array_unref(b->ids);
	else
		b->job->report->rows(b->job->report->me,
			new_change(
				box, box->tail_only ? BZ_CHANGE_NEWER : BZ_CHANGE_OLDER, b->ids));
	return 0;
}

/* --- counts and the stamp --------------------------------------------------------------------- */

static int save_counts(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err)
{
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(box->store, box->folder, &folder, err);

	if (rc != 0)
		return -1;
	folder.exists = box->known;
	folder.unseen = box->unseen;
	rc = bz_store_folder_put(box->store, &folder, err);
	bz_folder_clear(&folder);
	if (rc == 0 && job != NULL)
		job->report->folders(job->report->me);
	return rc;
}

static int finish(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err)
{
	box->scanning = false;
	g_clear_pointer(&box->unbound, g_hash_table_unref);
	if (save_counts(box, job, err) != 0)
		return -1;
	return bz_store_folder_note(box->store, box->folder, box->stamp, err);
}

int bz_localbox_appended(struct bz_localbox *box, struct bz_err *err)
{
	struct stat st;

	if (stat(box->path, &st) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."),
			box->path, g_strerror(errno));
	bz_mbox_stamp(&st, box->stamp);
	if (bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0)
		return -1;
	return finish(box, NULL, err);
}

/* --- a message file without From_ line -------------------------------------------------------- */

static int put_single(struct bz_localbox *box, const struct bz_job *job, int fd,
	const struct stat *st, struct bz_err *err)
{
	g_autofree char *header = g_malloc(64 << 10);
	ssize_t n = pread(fd, header, 64 << 10, 0);
	struct bz_mbox_item item = {.length = st->st_size,
		.received = INT64_MIN,
		.header = header,
		.header_len = (size_t)MAX(n, 0)};
	struct batch b = {.box = box, .job = job, .fd = fd, .err = err};
	int rc;

	b.ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = st->st_size > 0 ? put_row(&b, &item) : 0;
	if (rc == 0 && b.ids->len > 0)
		job->report->rows(job->report->me, new_change(box, BZ_CHANGE_NEWER, b.ids));
	else
		g_array_unref(b.ids);
	return rc == 0 ? finish(box, job, err) : -1;
}

/* --- refresh ---------------------------------------------------------------------------------- */

static bool same_digest(const struct bz_summary *row, GBytes *bytes)
{
	uint8_t digest[32];

	bz_mbox_digest(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
	return memcmp(digest, row->digest, sizeof digest) == 0;
}

static bool same_header(const struct bz_summary *row, GBytes *bytes)
{
	struct bz_summary now = {0};
	gsize len;
	const char *text = g_bytes_get_data(bytes, &len);
	bool same;

	bz_mime_summarize(&now, text != NULL ? text : "", len);
	same = now.date == row->date &&
	       g_strcmp0(now.subject != NULL ? now.subject : "", row->subject) == 0 &&
	       g_strcmp0(now.message_id != NULL ? now.message_id : "", row->message_id) == 0;
	bz_summary_clear(&now);
	return same;
}

/* Is the newest message that we know still where it was? A file written anew would hold another
 * there. */
static bool newest_is_in_place(const struct bz_localbox *box, int fd)
{
	struct bz_summary row;
	GBytes *bytes;
	bool same;

	if (bz_store_newest(box->store, box->folder, &row, NULL) != 0)
		return false;
	bytes = bz_mbox_read(fd, row.offset, row.length, NULL);
	same = bytes != NULL &&
	       (box->name != NULL ? same_digest(&row, bytes) : same_header(&row, bytes));
	if (bytes != NULL)
		g_bytes_unref(bytes);
	bz_summary_clear(&row);
	return same;
}

/* Does the file still hold what we know, with something new behind it? */
static bool only_grew(struct bz_localbox *box, int fd, const struct stat *st, const char *old)
{
	unsigned long long dev, ino;
	long long size;
	char line[2048];
	ssize_t n;
	char *nl;

	if (old == NULL || sscanf(old, "%llu:%llu:%lld:", &dev, &ino, &size) != 3)
		return false;
	if (dev != (unsigned long long)st->st_dev || ino != (unsigned long long)st->st_ino ||
		size <= 0 || size >= st->st_size)
		return false;
	n = pread(fd, line, sizeof line, size);
	nl = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	if (nl == NULL)
		return false;
	if (nl > line && nl[-1] == '\r')
		nl--;
	box->start = size;
	return bz_mbox_is_from(line, (size_t)(nl - line), NULL) && newest_is_in_place(box, fd);
}

static int begin_scan(struct bz_localbox *box, const struct bz_job *job, int fd,
	const struct stat *st, const char *old, struct bz_err *err)
{
	box->tail_only = only_grew(box, fd, st, old);
	box->start = box->tail_only ? box->start : 0;
	box->end = st->st_size;
	box->scanning = true;
	if (box->name != NULL && load_unbound(box, err) != 0)
		return -1;
	if (box->tail_only) {
		if (bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0)
			return -1;
		box->next_uid = box->known + 1;
		return 0;
	}
	box->known = box->unseen = 0;
	box->next_uid = 1;
	if (bz_store_folder_note(box->store, box->folder, "", err) != 0 ||
		bz_store_clear_folder(box->store, box->folder, err) != 0)
		return -1;
	if (old != NULL)
		job->report->rows(job->report->me, new_change(box, BZ_CHANGE_REBUILD, NULL));
	return 0;
}

/* A tail's uids are bound in state.db already when rows of the old part hold theirs: take those
 * out. */
static int drop_bound(struct bz_localbox *box, struct bz_err *err)
{
	GArray *uids;
	GHashTable *taken;
	GHashTableIter iter;
	gpointer list;
	int rc;

	if (box->name == NULL || !box->tail_only)
		return 0;
	uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	taken = g_hash_table_new(NULL, NULL);
	rc = bz_store_uids(box->store, box->folder, 0, G_MAXUINT32, uids, err);
	for (guint i = 0; i < uids->len; i++)
		g_hash_table_add(taken, GUINT_TO_POINTER(g_array_index(uids, uint32_t, i)));
	g_hash_table_iter_init(&iter, box->unbound);
	while (g_hash_table_iter_next(&iter, NULL, &list))
		for (guint i = ((GArray *)list)->len; i > 0; i--)
			if (g_hash_table_contains(taken,
				    GUINT_TO_POINTER(
					    g_array_index((GArray *)list, struct bz_local, i - 1)
						    .uid)))
				g_array_remove_index(list, i - 1);
	g_hash_table_unref(taken);
	g_array_unref(uids);
	return rc;
}

static int start(struct bz_localbox *box, const struct bz_job *job, int fd, const struct stat *st,
	struct bz_err *err)
{
	g_autofree char *old = bz_store_folder_get_note(box->store, box->folder);
	char stamp[96];

	bz_mbox_stamp(st, stamp);
	if (g_strcmp0(old, stamp) == 0)
		return 0;
	memcpy(box->stamp, stamp, sizeof stamp);
	if (begin_scan(box, job, fd, st, old, err) != 0 || drop_bound(box, err) != 0)
		return -1;
	if (box->name == NULL && !box->tail_only && !bz_mbox_probe(fd))
		return put_single(box, job, fd, st, err);
	return 0;
}

static int scan_piece(struct batch *b, bool *more)
{
	bool done = false;

	b->limit = b->box->known == 0 ? FIRST_ROWS : BATCH_ROWS;
	while (!done) {
		if (scan_batch(b, &done) != 0)
			return -1;
		if (!done && (g_get_monotonic_time() > b->deadline || b->limit == FIRST_ROWS))
			return 0;
	}
	*more = false;
	return finish(b->box, b->job, b->err);
}

/* The file that the scan began on, not shorter: what was found so far still stands. */
static bool is_same_file(const struct bz_localbox *box, const struct stat *st)
{
	unsigned long long dev, ino;
	long long size;

	return sscanf(box->stamp, "%llu:%llu:%lld:", &dev, &ino, &size) == 3 &&
	       dev == (unsigned long long)st->st_dev && ino == (unsigned long long)st->st_ino &&
	       size <= st->st_size;
}

static int look(struct batch *b, const struct stat *st, bool *more)
{
	struct bz_localbox *box = b->box;

	if (box->scanning && !is_same_file(box, st)) { /* begin again, on what is there now */
		box->scanning = false;
		if (bz_store_folder_note(box->store, box->folder, "", b->err) != 0)
			return -1;
	}
	if (!box->scanning && start(box, b->job, b->fd, st, b->err) != 0)
		return -1;
	*more = box->scanning;
	return box->scanning ? scan_piece(b, more) : 0;
}

int bz_localbox_look(
	struct bz_localbox *box, const struct bz_job *job, bool *more, struct bz_err *err)
{
	struct batch b = {.box = box, .job = job, .err = err};
	struct stat st;
	int rc;

	*more = false;
	b.fd = open_file(box, &st, err);
	if (b.fd < 0) {
		box->scanning = false;
		return -1;
	}
	b.deadline = g_get_monotonic_time() + PIECE_US;
	rc = look(&b, &st, more);
	close(b.fd);
	if (rc != 0) {
		box->scanning = *more = false;
		(void)bz_store_folder_note(box->store, box->folder, "", NULL);
	}
	return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

static GBytes *read_single(int fd, int64_t size, struct bz_err *err)
{
	char *text;
	ssize_t n;

	if (size > SINGLE_MAX) {
		bz_err_set(err, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("This message is too big to be opened."));
		return NULL;
	}
	text = g_malloc((size_t)size + 1);
	n = pread(fd, text, (size_t)size, 0);
	return g_bytes_new_take(text, (gsize)MAX(n, 0));
}

static GBytes *read_row(struct bz_localbox *box, const struct bz_summary *row, struct bz_err *err)
{
	struct stat st;
	int fd = open_file(box, &st, err);
	GBytes *bytes = NULL;

	if (fd < 0)
		return NULL;
	if (row->offset == 0 && box->name == NULL && !bz_mbox_probe(fd)) {
		bytes = read_single(fd, st.st_size, err);
	} else {
		bytes = bz_mbox_read(fd, row->offset, row->length, err);
	}
	close(fd);
	return bytes;
}

int bz_localbox_fetch(struct bz_localbox *box, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err)
{
	struct bz_summary row;
	GBytes *bytes;
	int rc = bz_store_by_uid(box->store, ref->folder, ref->uid, &row, err);

	(void)job;
	if (rc != 0)
		return rc < 0 ? -1
			      : bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
					_("This message is no longer there."));
	bytes = read_row(box, &row, err);
	if (bytes != NULL && box->name != NULL && !same_digest(&row, bytes)) {
		g_clear_pointer(&bytes, g_bytes_unref);
		bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
			_("Another program changed the mail file; it is read again."));
	}
	bz_summary_clear(&row);
	if (bytes == NULL) {
		if (!box->scanning)
			(void)bz_store_folder_note(box->store, box->folder, "", NULL);
		return -1;
	}
	*out = bz_mime_parse(bytes, true);
	(*out)->ref = *ref;
	g_bytes_unref(bytes);
	return 0;
}

/* --- buzon FILE ------------------------------------------------------------------------------- */

struct bz_backend {
	struct bz_store *store;
	struct bz_localbox *box;
};

static struct bz_backend *file_create(
	const struct bz_account *account, struct bz_store *store, struct bz_err *err)
{
	struct bz_backend *b;
	uint32_t folder;

	if (bz_store_folder_ensure(store, "FILE", account->id, BZ_ROLE_INBOX, 1, &folder, err) != 0)
		return NULL;
	b = g_new0(struct bz_backend, 1);
	b->store = store;
	b->box = bz_localbox_new(store, account->mbox, folder, NULL);
	return b;
}

static void file_destroy(struct bz_backend **b)
{
	bz_localbox_free((*b)->box);
	g_free(*b);
	*b = NULL;
}

static int file_list_folders(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	(void)b;
	(void)err;
	job->report->folders(job->report->me);
	return 0;
}

static int file_look(struct bz_backend *b, const struct bz_job *job, bool *more, struct bz_err *err)
{
	return bz_localbox_look(b->box, job, more, err);
}

static int file_fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	(void)what;
	return bz_localbox_fetch(b->box, job, ref, out, err);
}

const struct bz_backend_ops bz_file_backend = {
	.name = "file",
	.create = file_create,
	.destroy = file_destroy,
	.list_folders = file_list_folders,
	.look = file_look,
	.fetch = file_fetch,
};
