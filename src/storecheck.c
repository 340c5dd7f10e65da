#include "src/storecheck.h"
#include "src/compact.h"
#include "src/deliver.h"
#include "src/lang.h"
#include "src/localnames.h"
#include "src/mbox.h"
#include "src/paths.h"
#include "src/store_tools.h"
#include "src/storecheck_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 3 };

/* --- telling ---------------------------------------------------------------------------------- */

void bz_check_say(
	struct bz_check *check, const struct bz_check_folder *folder, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	check->to->say(check->to->me, folder != NULL ? folder->title : NULL, text);
}

static bool is_file(const char *path)
{
	return access(path, F_OK) == 0;
}

/* --- the databases ---------------------------------------------------------------------------- */

/* NULL: it could not be looked at. */
static GPtrArray *faults_of(const char *path, struct bz_err *err)
{
	GPtrArray *faults = g_ptr_array_new_with_free_func(g_free);

	if (!is_file(path) || bz_store_integrity(path, faults, err) == 0)
		return faults;
	g_ptr_array_unref(faults);
	return NULL;
}

/* The cache may be lost at any time. */
static int check_cache(struct bz_check *c, struct bz_err *err)
{
	GPtrArray *faults = faults_of(c->cache_path, err);

	if (faults == NULL)
		return -1;
	if (faults->len > 0 && c->to->repair) {
		bz_store_unlink(c->cache_path);
		bz_check_say(c, NULL, _("the lists in cache.db were damaged and are made anew"));
	} else if (faults->len > 0) {
		bz_check_say(c, NULL, _("the lists in cache.db are damaged: %s"),
			(const char *)faults->pdata[0]);
		c->to->problems++;
	}
	g_ptr_array_unref(faults);
	return 0;
}

/* 0 it can be used, 1 it cannot, -1. */
static int check_state(struct bz_check *c, struct bz_err *err)
{
	GPtrArray *faults = faults_of(c->state_path, err);
	g_autofree char *kept = NULL;
	uint32_t rows = 0;
	int rc = 0;

	if (faults == NULL)
		return -1;
	if (faults->len > 0 && c->to->repair) {
		rc = bz_store_salvage_state(c->state_path, &kept, &rows, err);
		if (rc == 0)
			bz_check_say(c, NULL,
				_("state.db was damaged: %u lines of it were saved into a new one, "
				  "the old one is kept as %s"),
				rows, kept);
	} else if (faults->len > 0) {
		for (guint i = 0; i < faults->len; i++)
			bz_check_say(c, NULL, _("state.db is damaged: %s"),
				(const char *)faults->pdata[i]);
		c->to->problems++;
		rc = 1;
	}
	g_ptr_array_unref(faults);
	return rc;
}

/* --- folders ---------------------------------------------------------------------------------- */

static void free_folder(void *me)
{
	struct bz_check_folder *f = me;

	bz_boxmap_clear(&f->map);
	g_free(f->name);
	g_free(f->title);
	g_free(f->path);
	g_free(f);
}

/* Open for reading, of whatever kind; -1 with err, -2 = there is none. */
static int open_mbox(const struct bz_check_folder *f, struct bz_err *err)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return -2;
	if (fd < 0)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."), f->path,
			g_strerror(errno));
	return fd;
}

static bool ends_well(int fd, int64_t size)
{
	char last;

	return size == 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

/* All of the file at one moment. STALE when it changed meanwhile. */
static int read_mbox(struct bz_check *c, struct bz_check_folder *f, int fd, struct bz_err *err)
{
	struct stat st;
	char stamp[96];
	bool more;

	bz_boxmap_clear(&f->map);
	if (bz_boxmap_begin(&f->map, fd, f->path, err) != 0 ||
		bz_boxmap_read(&f->map, fd, c->to->cancel, NULL, NULL, &more, err) != 0)
		return -1;
	f->junk = bz_boxmap_junk(&f->map, fd, f->path, err);
	f->torn = f->map.items->len > 0 && !ends_well(fd, f->map.size);
	if (f->junk < 0)
		return -1;
	if (stat(f->path, &st) != 0)
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
			_("Another program changed the mail file; it is read again."));
	bz_mbox_stamp(&st, stamp);
	if (strcmp(stamp, f->map.stamp) != 0)
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
			_("Another program changed the mail file; it is read again."));
	return 0;
}

/* Another program may be writing: again then, and at last it is in use. */
static int read_folder(struct bz_check *c, struct bz_check_folder *f, struct bz_err *err)
{
	struct bz_err why = {0};
	int rc = -1;

	for (int i = 0; i < TRIES && rc != 0; i++) {
		int fd = open_mbox(f, err);

		if (fd < 0)
			return fd == -2 ? 0 : -1;
		rc = read_mbox(c, f, fd, &why);
		close(fd);
		if (rc != 0 && why.kind != BZ_ERR_STALE)
			break;
	}
	if (rc != 0 && why.kind == BZ_ERR_STALE)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
			_("Another program is using %s. Reading is fine; changes wait."), f->path);
	if (rc != 0)
		*err = why;
	return rc;
}

static void count_unknown(struct bz_check_folder *f)
{
	for (guint i = 0; i < f->map.items->len; i++)
		f->unknown += g_array_index(f->map.items, struct bz_boxmap_item, i).uid == 0;
	f->torn =
		f->torn &&
		g_array_index(f->map.items, struct bz_boxmap_item, f->map.items->len - 1).uid == 0;
}

/* Local messages of a folder without a file are all missing. */
static int match_folder(struct bz_check *c, struct bz_check_folder *f, struct bz_err *err)
{
	if (f->map.items == NULL) {
		f->map.items = g_array_new(FALSE, TRUE, sizeof(struct bz_boxmap_item));
		f->map.missing = g_array_new(FALSE, TRUE, sizeof(struct bz_local));
	}
	if (bz_boxmap_match(&f->map, c->store, f->name, err) != 0)
		return -1;
	count_unknown(f);
	for (guint i = 0; i < f->map.missing->len; i++)
		f->missing += !bz_boxmap_is_removed(
			g_array_index(f->map.missing, struct bz_local, i).state);
	return 0;
}

/* --- what was found --------------------------------------------------------------------------- */

/* A part of the file that is no message. It is copied once; then it is no problem any more. */
static int say_fragment(struct bz_check *c, struct bz_check_folder *f, int64_t from, int64_t end,
	const char *what, struct bz_err *err)
{
	g_autofree char *copy = bz_check_copy_name(f, from, end, err);
	g_autofree char *size = bz_lang_size((uint64_t)(end - from));

	if (copy == NULL)
		return -1;
	if (!is_file(copy) && c->to->repair && bz_check_copy(f, from, end, copy, err) != 0)
		return -1;
	if (is_file(copy)) {
		bz_check_say(c, f, _("%s (%s); a copy is kept in %s"), what, size, copy);
		return 0;
	}
	bz_check_say(c, f, "%s (%s)", what, size);
	c->to->problems++;
	return 0;
}

static int say_fragments(struct bz_check *c, struct bz_check_folder *f, struct bz_err *err)
{
	if (f->junk > 0 && say_fragment(c, f, 0, f->junk,
				   _("the beginning of the file belongs to no message"), err) != 0)
		return -1;
	if (!f->torn)
		return 0;
	return say_fragment(c, f,
		g_array_index(f->map.items, struct bz_boxmap_item, f->map.items->len - 1).offset,
		f->map.size, _("the last message may be cut short"), err);
}

static void say_removed(struct bz_check *c, const struct bz_check_folder *f)
{
	g_autofree char *size = NULL;
	int64_t bytes = 0;
	guint n = 0;

	for (guint i = 0; i < f->map.items->len; i++) {
		const struct bz_boxmap_item *item =
			&g_array_index(f->map.items, struct bz_boxmap_item, i);

		if (!bz_boxmap_is_removed(item->state)) {
			c->to->messages++;
			continue;
		}
		n++;
		bytes += item->length;
	}
	size = bz_lang_size((uint64_t)bytes);
	if (n > 0)
		bz_check_say(c, f,
			ngettext("%u removed message takes %s until it is compacted",
				"%u removed messages take %s until it is compacted", n),
			n, size);
}

static int say_folder(struct bz_check *c, struct bz_check_folder *f, struct bz_err *err)
{
	if (say_fragments(c, f, err) != 0)
		return -1;
	if (f->unknown > 0 && c->store != NULL)
		bz_check_say(c, f,
			ngettext("%u message is new to buzon: another program added it",
				"%u messages are new to buzon: another program added them",
				f->unknown),
			f->unknown);
	if (f->map.equal > 0)
		bz_check_say(c, f,
			ngettext("%u message is equal to another one",
				"%u messages are equal to other ones", f->map.equal),
			f->map.equal);
	if (f->missing > 0)
		bz_check_say(c, f,
			ngettext("%u message that buzon knows is in the file no longer: another "
				 "program took it out, or it is lost",
				"%u messages that buzon knows are in the file no longer: another "
				"program took them out, or they are lost",
				f->missing),
			f->missing);
	if (f->missing > 0 && !c->to->repair)
		c->to->problems += f->missing;
	say_removed(c, f);
	c->to->folders += f->map.size > 0 || f->map.items->len > 0 || is_file(f->path);
	return 0;
}

static int look_at_folder(struct bz_check *c, struct bz_check_folder *f, struct bz_err *err)
{
	if (read_folder(c, f, err) != 0)
		return -1;
	if (c->store == NULL && f->map.items == NULL)
		return 0;
	if (c->store != NULL && match_folder(c, f, err) != 0)
		return -1;
	return say_folder(c, f, err);
}

static int look_at_folders(struct bz_check *c, struct bz_err *err)
{
	for (guint i = 0; i < c->folders->len; i++)
		if (look_at_folder(c, c->folders->pdata[i], err) != 0)
			return -1;
	return c->store != NULL && c->to->repair ? bz_check_repair_folders(c, err) : 0;
}

static int check_ledger(struct bz_check *c, struct bz_err *err)
{
	GArray *orphans = g_array_new(FALSE, TRUE, sizeof(struct bz_ledger));
	int rc = bz_store_ledger_orphans(c->store, orphans, err);

	if (rc == 0 && orphans->len > 0)
		bz_check_say(c, NULL,
			ngettext("%u message of the server is noted as stored here and is not",
				"%u messages of the server are noted as stored here and are not",
				orphans->len),
			orphans->len);
	if (rc == 0 && c->to->repair)
		rc = bz_check_repair_ledger(c, orphans, err);
	else
		c->to->problems += orphans->len;
	g_array_unref(orphans);
	return rc;
}

/* --- what lies about -------------------------------------------------------------------------- */

/* What buzon or another program left in the account's folder: worth knowing, no problem. */
static void check_strays(struct bz_check *c)
{
	GDir *dir = g_dir_open(c->dir, 0, NULL);
	const char *name;
	guint kept = 0;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		if (g_str_has_suffix(name, ".mbox.lock"))
			bz_check_say(c, NULL,
				_("%s: a program holds this lock, or ended without taking it away"),
				name);
		else if (g_str_has_suffix(name, ".mbox.compact"))
			bz_check_say(c, NULL,
				_("%s: of an interrupted compaction; the next one takes it away"),
				name);
		else
			kept += strstr(name, ".salvage-") != NULL;
	}
	if (dir != NULL)
		g_dir_close(dir);
	if (kept > 0)
		bz_check_say(c, NULL,
			ngettext("%u file is kept in %s (*.salvage-*), yours to look at and delete",
				"%u files are kept in %s (*.salvage-*), yours to look at and delete",
				kept),
			kept, c->dir);
}

/* --- which folders ---------------------------------------------------------------------------- */

static void add_folder(struct bz_check *c, const char *name, const char *title, const char *path)
{
	struct bz_check_folder *f;

	for (guint i = 0; i < c->folders->len; i++)
		if (strcmp(((struct bz_check_folder *)c->folders->pdata[i])->name, name) == 0)
			return;
	f = g_new0(struct bz_check_folder, 1);
	f->name = g_strdup(name);
	f->title = g_strdup(title);
	f->path = g_strdup(path);
	g_ptr_array_add(c->folders, f);
}

/* Every mbox of the account, and what state.db alone knows of. */
static void list_files(struct bz_check *c)
{
	GDir *dir = g_dir_open(c->dir, 0, NULL);
	const char *file;

	add_folder(c, "INBOX", "Inbox", c->account->mbox);
	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(c->dir, file, NULL);
		g_autofree char *name = bz_local_folder_name(file);

		if (name != NULL && strcmp(path, c->account->mbox) != 0)
			add_folder(c, name, name, path);
	}
	if (dir != NULL)
		g_dir_close(dir);
}

static int list_folders(struct bz_check *c, struct bz_err *err)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	int rc = c->store != NULL ? bz_store_local_folders(c->store, names, err) : 0;

	list_files(c);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *file = bz_local_file_name(names->pdata[i]);
		g_autofree char *path = g_build_filename(c->dir, file, NULL);

		add_folder(c, names->pdata[i], names->pdata[i], path);
	}
	g_ptr_array_unref(names);
	return rc;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int look(struct bz_check *c, struct bz_err *err)
{
	if (look_at_folders(c, err) != 0)
		return -1;
	if (c->store != NULL && check_ledger(c, err) != 0)
		return -1;
	check_strays(c);
	return 0;
}

static int look_locked(struct bz_check *c, struct bz_err *err)
{
	int rc;

	c->store = bz_store_open(c->cache_path, c->state_path, BZ_STORE_OWNER, err);
	if (c->store == NULL)
		return -1;
	if (!bz_store_has_state(c->store))
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
			_("%s cannot be read; it stays as it is."), c->state_path);
	if (bz_mail_begin(c->store, c->to->cancel, err) != 0)
		return -1;
	rc = list_folders(c, err);
	if (rc == 0)
		rc = look(c, err);
	bz_mail_end(c->store);
	return rc;
}

static int run(struct bz_check *c, struct bz_err *err)
{
	int state;

	if (!is_file(c->dir)) /* nothing was downloaded yet */
		return 0;
	if (check_cache(c, err) != 0)
		return -1;
	state = check_state(c, err);
	if (state == 0)
		return look_locked(c, err);
	if (state < 0 || list_folders(c, err) != 0)
		return -1;
	return look(c, err);
}

int bz_storecheck_run(
	struct bz_storecheck *to, const struct bz_account *account, struct bz_err *err)
{
	struct bz_check c = {.to = to, .account = account, .report = -1};
	int rc;

	to->messages = to->folders = to->problems = 0;
	c.dir = bz_path(BZ_DIR_DATA, account->dirname, NULL);
	c.state_path = g_build_filename(c.dir, "state.db", NULL);
	c.cache_path = bz_path(BZ_DIR_CACHE, account->dirname, "cache.db", NULL);
	c.folders = g_ptr_array_new_with_free_func(free_folder);
	rc = run(&c, err);
	g_ptr_array_unref(c.folders);
	bz_store_close(&c.store);
	if (c.report >= 0)
		close(c.report);
	g_free(c.report_path);
	g_free(c.dir);
	g_free(c.state_path);
	g_free(c.cache_path);
	return rc;
}
