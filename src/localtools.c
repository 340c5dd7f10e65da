/* Compaction and import, as the worker asks for them: in pieces, several perhaps, each gone on with
 * where it was. */
#include "src/compact.h"
#include "src/import.h"
#include "src/lang.h"
#include "src/localmail_private.h"
#include "src/localnames.h"

#include <string.h>

enum { PIECE_US = 50000 };

struct compaction { /* of a folder, of all, or of those that are worth it */
	char *name; /* NULL: all */
	bool unasked;
	guint next; /* folder */
	struct bz_compactor *compactor;
	int64_t freed;
};

struct bz_localtools {
	GPtrArray *compactions; /* struct compaction * */
	GPtrArray *imports;     /* struct bz_importer * */
};

static void free_compaction(void *me)
{
	struct compaction *c = me;

	bz_compactor_free(&c->compactor);
	g_free(c->name);
	g_free(c);
}

static void free_import(void *me)
{
	struct bz_importer *importer = me;

	bz_importer_free(&importer);
}

static struct bz_localtools *tools_of(struct bz_localmail *mail)
{
	if (mail->tools == NULL) {
		mail->tools = g_new0(struct bz_localtools, 1);
		mail->tools->compactions = g_ptr_array_new_with_free_func(free_compaction);
		mail->tools->imports = g_ptr_array_new_with_free_func(free_import);
	}
	return mail->tools;
}

void bz_localtools_free(struct bz_localtools *tools)
{
	if (tools == NULL)
		return;
	g_ptr_array_unref(tools->compactions);
	g_ptr_array_unref(tools->imports);
	g_free(tools);
}

/* --- compaction ------------------------------------------------------------------------------- */

static struct compaction *find_compaction(struct bz_localmail *mail, const char *name, bool unasked)
{
	GPtrArray *all = tools_of(mail)->compactions;
	struct compaction *c;

	for (guint i = 0; i < all->len; i++) {
		c = all->pdata[i];
		if (c->unasked == unasked && g_strcmp0(c->name, name) == 0)
			return c;
	}
	c = g_new0(struct compaction, 1);
	c->name = g_strdup(name);
	c->unasked = unasked;
	g_ptr_array_add(all, c);
	return c;
}

/* The next folder that is to be compacted; NULL = none is left. */
static struct bz_local_folder *next_folder(struct bz_localmail *mail, struct compaction *c)
{
	for (; c->next < mail->folders->len; c->next++) {
		struct bz_local_folder *f = mail->folders->pdata[c->next];

		if ((c->name == NULL || strcmp(c->name, f->name) == 0) &&
			(!c->unasked || c->compactor != NULL ||
				bz_compact_is_worthwhile(mail->store, bz_localbox_path(f->box),
					bz_localbox_folder(f->box))))
			return f;
	}
	return NULL;
}

static int compact_piece(struct bz_localmail *mail, struct compaction *c, struct bz_local_folder *f,
	const struct bz_job *job, bool *more, struct bz_err *err)
{
	if (c->compactor == NULL)
		c->compactor = bz_compactor_new(
			mail->store, bz_localbox_path(f->box), bz_localbox_folder(f->box), f->name);
	if (bz_compactor_step(c->compactor, job, more, err) != 0)
		return -1;
	if (*more)
		return 0;
	c->freed += bz_compactor_freed(c->compactor);
	bz_compactor_free(&c->compactor);
	c->next++;
	return 0;
}

static int compact_some(struct bz_localmail *mail, struct compaction *c, const struct bz_job *job,
	bool *more, struct bz_err *err)
{
	int64_t until = g_get_monotonic_time() + PIECE_US;
	struct bz_local_folder *f;

	while ((f = next_folder(mail, c)) != NULL) {
		if (compact_piece(mail, c, f, job, more, err) != 0)
			return -1;
		if (*more || g_get_monotonic_time() > until ||
			job->report->hurry(job->report->me)) {
			*more = next_folder(mail, c) != NULL;
			return 0;
		}
	}
	*more = false;
	return 0;
}

static void tell_freed(const struct compaction *c, const struct bz_job *job)
{
	g_autofree char *size = bz_lang_size((uint64_t)c->freed);
	g_autofree char *text = c->freed > 0 ? g_strdup_printf(_("%s given back"), size)
					     : g_strdup(_("There was nothing to give back."));

	job->report->progress(job->report->me, 0, 0, 0, 0);
	if (!c->unasked)
		job->report->note(job->report->me, text);
}

static int compact(struct bz_localmail *mail, const struct bz_job *job, const char *name,
	bool unasked, bool *more, struct bz_err *err)
{
	struct compaction *c;
	int rc;

	*more = false;
	if (bz_localmail_writable(mail, err) != 0 ||
		(name != NULL && bz_localmail_by_name(mail, name, err) == NULL))
		return -1;
	c = find_compaction(mail, name, unasked);
	rc = compact_some(mail, c, job, more, err);
	if (rc == 0 && *more)
		return 0;
	if (rc == 0)
		tell_freed(c, job);
	else
		job->report->progress(job->report->me, 0, 0, 0, 0);
	g_ptr_array_remove(tools_of(mail)->compactions, c);
	return rc;
}

int bz_localmail_compact(struct bz_localmail *mail, const struct bz_job *job, const char *name,
	bool *more, struct bz_err *err)
{
	return compact(mail, job, name, false, more, err);
}

int bz_localmail_tidy(
	struct bz_localmail *mail, const struct bz_job *job, bool *more, struct bz_err *err)
{
	return compact(mail, job, NULL, true, more, err);
}

/* --- import ----------------------------------------------------------------------------------- */

static struct bz_local_folder *find_title(struct bz_localmail *mail, const char *title)
{
	if (bz_local_same_title(title, "Inbox"))
		return mail->folders->pdata[0];
	for (guint i = 0; i < mail->folders->len; i++) {
		struct bz_local_folder *f = mail->folders->pdata[i];

		if (bz_local_same_title(title, f->name))
			return f;
	}
	return NULL;
}

static int folder_for(void *me, const struct bz_job *job, const char *title, char **mbox,
	char **name, struct bz_err *err)
{
	struct bz_localmail *mail = me;
	struct bz_local_folder *f = find_title(mail, title);

	if (f == NULL && bz_localmail_create_folder(mail, job, title, err) != 0)
		return -1;
	if (f == NULL)
		f = find_title(mail, title);
	if (f == NULL)
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("There is no folder %s here."), title);
	*mbox = g_strdup(bz_localbox_path(f->box));
	*name = g_strdup(f->name);
	return 0;
}

static int add(void *me, const struct bz_job *job, const char *name, struct bz_append_item *items,
	size_t n, struct bz_err *err)
{
	return bz_localmail_add(me, job, name, BZ_INTENT_COPY, items, n, err);
}

static struct bz_importer *find_import(
	struct bz_localmail *mail, const char *path, const char *title, struct bz_err *err)
{
	const struct bz_import_target target = {mail, folder_for, add};
	GPtrArray *all = tools_of(mail)->imports;
	struct bz_importer *importer;

	for (guint i = 0; i < all->len; i++)
		if (bz_importer_is(all->pdata[i], path, title))
			return all->pdata[i];
	importer = bz_importer_new(mail->store, path, title, &target, err);
	if (importer != NULL)
		g_ptr_array_add(all, importer);
	return importer;
}

int bz_localmail_import(struct bz_localmail *mail, const struct bz_job *job, const char *path,
	const char *title, bool *more, struct bz_err *err)
{
	struct bz_importer *importer;
	int rc;

	*more = false;
	if (bz_localmail_writable(mail, err) != 0)
		return -1;
	importer = find_import(mail, path, title, err);
	if (importer == NULL)
		return -1;
	rc = bz_importer_step(importer, job, more, err);
	if (rc != 0 || !*more)
		g_ptr_array_remove(tools_of(mail)->imports, importer);
	return rc;
}
