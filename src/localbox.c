#include "src/localbox.h"
#include "src/lang.h"
#include "src/localbox_private.h"
#include "src/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SINGLE_MAX = 1 << 30, HEADER_MAX = 64 << 10 };

struct bz_localbox *bz_localbox_new(
	struct bz_store *store, const char *path, uint32_t folder, const char *name)
{
	struct bz_localbox *box = g_new0(struct bz_localbox, 1);

	box->store = store;
	box->path = g_strdup(path);
	box->folder = folder;
	box->detached = name != NULL && !bz_store_has_state(store);
	box->name = box->detached ? NULL : g_strdup(name);
	box->spool = -1;
	g_snprintf(box->token, sizeof box->token, "scan:%ld:%p", (long)getpid(), (void *)box);
	return box;
}

void bz_localbox_free(struct bz_localbox *box)
{
	if (box == NULL)
		return;
	if (box->spool >= 0)
		close(box->spool);
	bz_localbind_free(box->bind);
	g_free(box->path);
	g_free(box->name);
	g_free(box);
}

const char *bz_localbox_path(const struct bz_localbox *box)
{
	return box->path;
}

uint32_t bz_localbox_folder(const struct bz_localbox *box)
{
	return box->folder;
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

int bz_localbox_open_file(struct bz_localbox *box, struct stat *st, struct bz_err *err)
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

static int stale(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
		_("Another program changed the mail file; it is read again."));
}

/* At the next look, all of it. */
static void read_again(struct bz_localbox *box)
{
	if (!box->scanning)
		(void)bz_store_folder_note(box->store, box->folder, "", NULL);
}

/* --- the stamp and the counts -------------------------------------------------------------------
 */

/* Rows made without state.db have other uids: with it they are made anew. */
void bz_localbox_stamp_note(const struct bz_localbox *box, const char *stamp, char out[112])
{
	g_snprintf(out, 112, "%s%s", box->detached ? "detached:" : "", stamp);
}

int bz_localbox_save_counts(struct bz_localbox *box, struct bz_err *err)
{
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(box->store, box->folder, &folder, err);

	if (rc != 0)
		return -1;
	folder.exists = box->known;
	folder.unseen = box->unseen;
	rc = bz_store_folder_put(box->store, &folder, err);
	bz_folder_clear(&folder);
	return rc;
}

void bz_localbox_tell(
	struct bz_localbox *box, const struct bz_job *job, enum bz_change_kind kind, GArray *ids)
{
	struct bz_change *change;

	if (ids != NULL && ids->len == 0) {
		g_array_unref(ids);
		return;
	}
	change = g_new0(struct bz_change, 1);
	*change = (struct bz_change){box->folder, kind, box->known, box->unseen, ids};
	job->report->rows(job->report->me, change);
}

int bz_localbox_vanished(struct bz_localbox *box, const struct bz_job *job, struct bz_err *err)
{
	if (bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0)
		return -1;
	box->scanning = false;
	if (box->known == 0)
		return 0;
	box->known = box->unseen = 0;
	if (bz_store_clear_folder(box->store, box->folder, err) != 0 ||
		bz_store_folder_note(box->store, box->folder, "", err) != 0 ||
		bz_localbox_save_counts(box, err) != 0)
		return -1;
	bz_localbox_tell(box, job, BZ_CHANGE_REBUILD, NULL);
	job->report->folders(job->report->me);
	return 0;
}

/* --- changes of ours -------------------------------------------------------------------------- */

/* A file just made is one of which all is known. */
bool bz_localbox_in_step(struct bz_localbox *box, const char *stamp)
{
	g_autofree char *note = bz_store_folder_get_note(box->store, box->folder);
	char ours[112];
	long long size;

	if (box->scanning)
		return strcmp(box->stamp, stamp) == 0;
	bz_localbox_stamp_note(box, stamp, ours);
	if (g_strcmp0(note, ours) == 0)
		return true;
	return (note == NULL || *note == '\0') &&
	       sscanf(stamp, "%*[^:]:%*[^:]:%lld:", &size) == 1 && size == 0;
}

int bz_localbox_changed(
	struct bz_localbox *box, const char *before, const char *after, struct bz_err *err)
{
	char note[112];

	if (bz_localbox_in_step(box, before)) {
		if (box->scanning) /* the walk goes on where it was; what came is behind its end */
			g_strlcpy(box->stamp, after, sizeof box->stamp);
		bz_localbox_stamp_note(box, after, note);
		if (!box->scanning && bz_store_folder_note(box->store, box->folder, note, err) != 0)
			return -1;
	}
	if (bz_store_count(box->store, box->folder, &box->known, &box->unseen, err) != 0)
		return -1;
	return bz_localbox_save_counts(box, err);
}

static int find_row(struct bz_localbox *box, const struct bz_msgref *ref, struct bz_summary *row,
	struct bz_err *err)
{
	int rc = bz_store_by_uid(box->store, box->folder, ref->uid, row, err);

	if (rc == 1)
		bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer there."));
	return rc == 0 ? 0 : -1;
}

int bz_localbox_find(struct bz_localbox *box, int fd, bool in_step, const struct bz_msgref *ref,
	struct bz_summary *row, struct bz_err *err)
{
	uint8_t digest[32];

	if (find_row(box, ref, row, err) != 0)
		return -1;
	if ((row->flags & BZ_FLAG_LEFT) != 0) {
		bz_summary_clear(row);
		return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("This message is on the server only; open it first, so that it is here."));
	}
	if (in_step || (bz_mbox_digest_at(fd, row->offset, row->length, digest, NULL) == 0 &&
			       memcmp(digest, row->digest, sizeof digest) == 0))
		return 0;
	bz_summary_clear(row);
	read_again(box);
	return stale(err);
}

int bz_localbox_put(struct bz_localbox *box, int fd, struct bz_summary *row, struct bz_err *err)
{
	g_autofree char *header = g_malloc(HEADER_MAX);
	int64_t at;
	ssize_t n = bz_mbox_header_at(fd, row->offset, row->length, header, HEADER_MAX, &at, err);

	if (n < 0)
		return -1;
	row->folder = box->folder;
	row->pos = row->offset;
	row->size = (uint64_t)row->length;
	bz_mime_summarize(row, header, (size_t)n);
	return bz_store_put(box->store, row, err);
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
	int fd = bz_localbox_open_file(box, &st, err);
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

static bool is_message(const struct bz_summary *row, GBytes *bytes)
{
	uint8_t digest[32];

	bz_mbox_digest(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
	return memcmp(digest, row->digest, sizeof digest) == 0;
}

int bz_localbox_fetch(struct bz_localbox *box, const struct bz_job *job,
	const struct bz_msgref *ref, struct bz_message **out, struct bz_err *err)
{
	struct bz_summary row;
	GBytes *bytes;

	(void)job;
	if (find_row(box, ref, &row, err) != 0)
		return -1;
	bytes = read_row(box, &row, err);
	if (bytes != NULL && box->name != NULL && !is_message(&row, bytes)) {
		g_clear_pointer(&bytes, g_bytes_unref);
		stale(err);
	}
	bz_summary_clear(&row);
	if (bytes == NULL) {
		read_again(box);
		return -1;
	}
	*out = bz_mime_parse(bytes, true);
	(*out)->ref = *ref;
	g_bytes_unref(bytes);
	return 0;
}
