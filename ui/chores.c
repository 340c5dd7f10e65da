/* Emptying the Trash, and work on the files of downloaded mail: compacting, importing. */
#include "src/lang.h"
#include "ui/act.h"
#include "ui/prompt.h"

#include <string.h>

/* --- what a question was about ---------------------------------------------------------------- */

void ui_doomed_free(void *me)
{
	struct ui_doomed *d = me;

	g_free(d->folder);
	g_free(d->title);
	g_free(d);
}

struct ui_doomed *ui_doom(struct ui_account *a, const struct bz_folder *f)
{
	struct ui_doomed *d = g_new(struct ui_doomed, 1);

	*d = (struct ui_doomed){a, g_strdup(f->name), ui_app_folder_title(f)};
	return d;
}

/* --- the Trash -------------------------------------------------------------------------------- */

static void emptied(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	(void)act;
	if (event->err.kind == BZ_ERR_NONE)
		ui_say(app, _("Trash is empty."));
}

static void empty_now(struct ui_app *app, void *data, bool yes)
{
	struct ui_doomed *d = data;
	struct bz_request *r;

	if (!yes) {
		ui_say(app, _("Nothing was deleted."));
		return;
	}
	r = bz_request_new(BZ_REQ_EXPUNGE);
	r->folder = g_strdup(d->folder);
	ui_act_submit(app, d->account, r, emptied)->orders = true;
}

void ui_chore_empty_trash(struct ui_app *app)
{
	struct ui_account *a = app->index.account;
	const struct bz_folder *f = ui_app_role(a, BZ_ROLE_TRASH);
	g_autofree char *text = NULL;

	if ((a->caps & BZ_CAP_MOVE) == 0 || f == NULL) {
		ui_say(app, _("This account has no Trash to empty."));
		return;
	}
	if (f->exists == 0) {
		ui_say(app, _("Trash is empty."));
		return;
	}
	text = g_strdup_printf(ngettext("Delete the %u message in Trash for ever?",
				       "Delete the %u messages in Trash for ever?", f->exists),
		f->exists);
	ui_push(app, ui_question_new(text, empty_now, ui_doom(a, f), ui_doomed_free));
}

/* --- work on files ---------------------------------------------------------------------------- */

static bool may_work(struct ui_app *app)
{
	if ((ui_app_where(app, app->focus).caps & UI_CAP_DOWNLOADS) != 0)
		return true;
	ui_say(app, _("That is for accounts whose mail is downloaded (POP)."));
	return false;
}

static void compacted(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	(void)act;
	if (event->err.kind == BZ_ERR_NONE)
		ui_say(app, _("Compacted: the space of what was deleted is free again."));
}

void ui_chore_compact(struct ui_app *app)
{
	if (may_work(app))
		ui_act_submit(app, app->index.account, bz_request_new(BZ_REQ_COMPACT), compacted);
}

static void imported(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->err.kind != BZ_ERR_NONE)
		return;
	ui_app_load_folders(act->account);
	ui_sidebar_follow(app);
	ui_say(app, _("Imported into the folder %s."), act->title);
}

/* What a folder made of a file is called, if nothing else is said. */
static char *title_of(const char *path)
{
	g_autofree char *base = g_path_get_basename(path);

	return g_str_has_suffix(base, ".mbox") ? g_strndup(base, strlen(base) - strlen(".mbox"))
					       : g_steal_pointer(&base);
}

/* "PATH", "PATH FOLDER", quotes and backslashes as in a shell. False: it makes no sense. */
static bool split_path(const char *typed, char **path, char **title)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *whole = NULL;

	if (!g_shell_parse_argv(typed, NULL, &words, NULL) || g_strv_length(words) > 2)
		return false;
	whole = ui_paths_expand(words[0]);
	*path = g_canonicalize_filename(whole, NULL);
	*title = words[1] != NULL ? g_strdup(words[1]) : title_of(*path);
	return true;
}

void ui_chore_import(struct ui_app *app, const char *typed)
{
	char *path = NULL, *title = NULL;
	struct bz_request *r;

	if (!may_work(app))
		return;
	if (typed == NULL || !split_path(typed, &path, &title)) {
		ui_say(app, _("Type it so: :import PATH FOLDER; quotes around what has blanks."));
		return;
	}
	r = bz_request_new(BZ_REQ_IMPORT);
	r->path = path;
	r->title = g_strdup(title);
	ui_act_submit(app, app->index.account, r, imported)->title = title;
	ui_say(app, _("Importing..."));
}

void ui_chore_copies(struct ui_app *app)
{
	if (may_work(app))
		ui_push(app, ui_copies_new(app));
}

void ui_chore_quota(struct ui_app *app)
{
	if ((ui_app_where(app, app->focus).caps & BZ_CAP_LIVE) != 0)
		ui_push(app, ui_quota_new(app));
	else
		ui_say(app, _("That is for accounts whose folders are the server's (IMAP)."));
}
