#include "src/import_source.h"
#include "src/lang.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static int cannot_read(const char *path, struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_LOCAL, errno == ENOENT ? BZ_CODE_NOT_FOUND : BZ_CODE_IO,
		_("Cannot open %s: %s."), path, g_strerror(errno));
}

static int changed(const struct bz_import_source *source, struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
		_("Another program changed %s meanwhile. Import it again: what is here already "
		  "does not come twice."),
		source->path);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool has_dir(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static void free_letter(void *me)
{
	g_free(((struct bz_letter *)me)->file);
}

static int check_kind(struct bz_import_source *source, struct bz_err *err)
{
	struct stat st;

	if (fstat(source->fd, &st) != 0)
		return cannot_read(source->path, err);
	source->maildir = S_ISDIR(st.st_mode);
	source->end = st.st_size;
	if (source->maildir ? has_dir(source->fd, "cur") || has_dir(source->fd, "new")
			    : S_ISREG(st.st_mode) && (st.st_size == 0 || bz_mbox_probe(source->fd)))
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NOT_FOUND,
		_("%s is neither an mbox file nor a Maildir."), source->path);
}

int bz_import_source_open(struct bz_import_source *source, const char *path, struct bz_err *err)
{
	*source = (struct bz_import_source){.path = g_strdup(path)};
	source->letters = g_array_new(FALSE, TRUE, sizeof(struct bz_letter));
	g_array_set_clear_func(source->letters, free_letter);
	source->folders = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(source->folders, g_strdup(""));
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0)
		return cannot_read(path, err);
	return check_kind(source, err);
}

void bz_import_source_close(struct bz_import_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	if (source->letters != NULL)
		g_array_unref(source->letters);
	if (source->folders != NULL)
		g_ptr_array_unref(source->folders);
	g_free(source->path);
	*source = (struct bz_import_source){.fd = -1};
}

/* --- an mbox ---------------------------------------------------------------------------------- */

struct listing {
	struct bz_import_source *source;
	bool (*stop)(void *me);
	void *me;
	bool stopped;
};

static bool on_item(void *me, const struct bz_mbox_item *item)
{
	struct listing *l = me;
	struct bz_letter letter = {
		.offset = item->offset, .length = item->length, .received = item->received};

	letter.flags = bz_mbox_status(item->header, item->header_len) & ~(unsigned)BZ_FLAG_DELETED;
	g_array_append_val(l->source->letters, letter);
	l->source->bytes += item->length;
	l->source->end = item->offset;
	l->stopped = l->stop != NULL && l->stop(l->me);
	return !l->stopped;
}

static int by_offset(const void *a, const void *b)
{
	const struct bz_letter *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int list_mbox(struct listing *l, GCancellable *cancel, struct bz_err *err)
{
	struct bz_import_source *source = l->source;

	if (bz_mbox_scan_back(source->fd, 0, source->end, cancel, on_item, l, err) != 0)
		return -1;
	if (!l->stopped)
		g_array_sort(source->letters, by_offset);
	return 0;
}

/* --- a Maildir -------------------------------------------------------------------------------- */

static unsigned maildir_flags(const char *name)
{
	static const struct {
		char letter;
		unsigned flag;
	} letters[] = {{'S', BZ_FLAG_SEEN}, {'R', BZ_FLAG_ANSWERED}, {'F', BZ_FLAG_FLAGGED},
		{'D', BZ_FLAG_DRAFT}, {'P', BZ_FLAG_FORWARDED}};
	const char *info = strstr(name, ":2,");
	unsigned flags = 0;

	for (size_t i = 0; info != NULL && i < G_N_ELEMENTS(letters); i++)
		if (strchr(info + 3, letters[i].letter) != NULL)
			flags |= letters[i].flag;
	return flags;
}

/* A name begins with the second of delivery; what does not tells it by the file's time. */
static int64_t maildir_time(const char *name, const struct stat *st)
{
	char *end;
	gint64 when = g_ascii_strtoll(name, &end, 10);

	return when > 0 && *end == '.' && when < INT64_C(253402300799) ? when
								       : (int64_t)st->st_mtime;
}

static void add_file(
	struct bz_import_source *source, guint folder, const char *dir, const char *name)
{
	g_autofree char *file = g_strdup_printf("%s/%s", dir, name);
	struct bz_letter letter = {.folder = folder};
	struct stat st;

	if (name[0] == '.' || fstatat(source->fd, file, &st, 0) != 0 || !S_ISREG(st.st_mode))
		return;
	letter.length = st.st_size;
	letter.received = maildir_time(name, &st);
	letter.flags = maildir_flags(name);
	letter.file = g_steal_pointer(&file);
	source->bytes += letter.length;
	g_array_append_val(source->letters, letter);
}

/* The folder at path below the root, to be read; NULL when there is none. */
static DIR *open_dir(const struct bz_import_source *source, const char *path)
{
	int fd = openat(source->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

static int list_dir(struct bz_import_source *source, guint folder, const char *path,
	GCancellable *cancel, struct bz_err *err)
{
	DIR *dir = open_dir(source, path);
	const struct dirent *entry;

	while (dir != NULL && !g_cancellable_is_cancelled(cancel) && (entry = readdir(dir)) != NULL)
		add_file(source, folder, path, entry->d_name);
	if (dir != NULL)
		closedir(dir);
	return g_cancellable_is_cancelled(cancel)
		       ? bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."))
		       : 0;
}

static int list_folder(struct bz_import_source *source, guint folder, const char *name,
	GCancellable *cancel, struct bz_err *err)
{
	g_autofree char *cur = g_strconcat(name, "cur", NULL);
	g_autofree char *fresh = g_strconcat(name, "new", NULL);

	if (list_dir(source, folder, cur, cancel, err) != 0)
		return -1;
	return list_dir(source, folder, fresh, cancel, err);
}

/* ".Lists.buzon" is Lists/buzon; Dovecot and Courier write names in IMAP's own UTF-7. */
static char *title_of(const char *name)
{
	char *title = g_convert(name + 1, -1, "UTF-8", "UTF-7-IMAP", NULL, NULL, NULL);

	if (title == NULL)
		title = g_utf8_make_valid(name + 1, -1);
	return g_strdelimit(title, ".", '/');
}

static void find_folders(struct bz_import_source *source, GPtrArray *names)
{
	DIR *dir = open_dir(source, ".");
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		g_autofree char *cur = g_strconcat(entry->d_name, "/cur", NULL);

		if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 && has_dir(source->fd, cur))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	}
	if (dir != NULL)
		closedir(dir);
}

static int by_time(const void *a, const void *b)
{
	const struct bz_letter *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	if (x->received != y->received)
		return x->received < y->received ? -1 : 1;
	return strcmp(x->file, y->file);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_maildir(struct bz_import_source *source, GCancellable *cancel, struct bz_err *err)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	int rc = list_folder(source, 0, "", cancel, err);

	find_folders(source, names);
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len && rc == 0; i++) {
		g_autofree char *prefix = g_strconcat(names->pdata[i], "/", NULL);

		g_ptr_array_add(source->folders, title_of(names->pdata[i]));
		rc = list_folder(source, source->folders->len - 1, prefix, cancel, err);
	}
	g_ptr_array_unref(names);
	g_array_sort(source->letters, by_time);
	return rc;
}

int bz_import_source_list(struct bz_import_source *source, GCancellable *cancel,
	bool (*stop)(void *me), void *me, bool *more, struct bz_err *err)
{
	struct listing l = {source, stop, me, false};
	int rc = source->maildir ? list_maildir(source, cancel, err) : list_mbox(&l, cancel, err);

	*more = rc == 0 && l.stopped;
	source->listed = rc == 0 && !l.stopped;
	return rc;
}

/* --- one message ------------------------------------------------------------------------------ */

static int sink_stopped(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
}

static int give_fd(const char *path, int fd, bz_sink *sink, void *me, struct bz_err *err)
{
	g_autofree char *piece = g_malloc(PIECE);

	for (;;) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_read(path, err);
		if (n == 0)
			return 0;
		if (sink(me, piece, (size_t)n) != 0)
			return sink_stopped(err);
	}
}

static int give_file(const struct bz_import_source *source, const struct bz_letter *letter,
	bz_sink *sink, void *me, struct bz_err *err)
{
	int fd = openat(source->fd, letter->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? changed(source, err) : cannot_read(letter->file, err);
	rc = give_fd(letter->file, fd, sink, me, err);
	close(fd);
	return rc;
}

int bz_import_source_give(const struct bz_import_source *source, const struct bz_letter *letter,
	bz_sink *sink, void *me, struct bz_err *err)
{
	struct bz_err why = {0};
	int rc;

	if (source->maildir)
		return give_file(source, letter, sink, me, err);
	rc = bz_mbox_read_to(source->fd, letter->offset, letter->length, sink, me, &why);
	if (rc < 0 && why.kind == BZ_ERR_STALE)
		return changed(source, err);
	if (rc < 0 && err != NULL)
		*err = why;
	return rc == 1 ? sink_stopped(err) : rc;
}
