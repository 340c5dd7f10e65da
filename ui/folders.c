/* Commands with words after them: folders and accounts by name, what is made, renamed and deleted.
 */
#include "src/fold.h"
#include "src/lang.h"
#include "ui/act.h"

#include <string.h>

/* --- names ------------------------------------------------------------------------------------ */

static bool is_called(const struct bz_folder *f, const char *folded, bool whole)
{
	g_autofree char *title = ui_app_folder_title(f);
	const char *names[] = {title, f->title, f->name};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *name = bz_fold(names[i]);

		if (whole ? strcmp(name, folded) == 0 : g_str_has_prefix(name, folded))
			return true;
	}
	return false;
}

const struct bz_folder *ui_folders_named(
	struct ui_app *app, struct ui_account *account, const char *name)
{
	g_autofree char *folded = bz_fold(name);
	const struct bz_folder *found = NULL;
	unsigned n = 0;

	for (int whole = 1; whole >= 0 && n == 0; whole--)
		for (guint i = 0; account->folders != NULL && i < account->folders->len; i++) {
			const struct bz_folder *f = g_ptr_array_index(account->folders, i);

			if (f->selectable && is_called(f, folded, whole != 0)) {
				found = f;
				n++;
			}
		}
	if (n == 1)
		return found;
	if (n == 0)
		ui_say(app, _("There is no folder %s here. c lists them."), name);
	else
		ui_say(app, _("%u folders begin with %s: a few letters more."), n, name);
	return NULL;
}

static struct ui_account *account_named(struct ui_app *app, const char *name)
{
	g_autofree char *folded = bz_fold(name);

	for (int i = 0; i < app->n; i++) {
		g_autofree char *id = bz_fold(app->accounts[i].account->id);

		if (g_str_has_prefix(id, folded))
			return &app->accounts[i];
	}
	return NULL;
}

/* --- going there, filing there ---------------------------------------------------------------- */

static void go_to_account(struct ui_app *app, const char *name)
{
	struct ui_account *a = name != NULL ? account_named(app, name) : NULL;

	if (name == NULL)
		ui_say(app, _("Type the account, too: :account NAME."));
	else if (a == NULL)
		ui_say(app, _("There is no account %s. c lists them."), name);
	else if (a->folders != NULL && a->folders->len > 0)
		ui_index_open(app, a, g_ptr_array_index(a->folders, 0));
}

/* "Casa > Inbox", or a folder of the account in view. */
static void go_to_folder(struct ui_app *app, const char *name)
{
	const char *sign = strstr(name, " > ");
	g_autofree char *who = sign != NULL ? g_strndup(name, (gsize)(sign - name)) : NULL;
	struct ui_account *a = who != NULL ? account_named(app, who) : NULL;
	const struct bz_folder *f;

	if (a == NULL)
		a = app->index.account;
	else
		name = sign + 3;
	f = ui_folders_named(app, a, name);
	if (f != NULL)
		ui_index_open(app, a, f);
}

static void change_folder(struct ui_app *app, const char *name)
{
	if (app->is_file)
		ui_say(app, _("A file has no folders."));
	else if (name != NULL)
		go_to_folder(app, name);
	else
		ui_push(app, ui_picker_new(app, N_("Folder: "), NULL, ui_index_open));
}

static void picked_to_move(
	struct ui_app *app, struct ui_account *account, const struct bz_folder *folder)
{
	(void)account;
	ui_act_file(app, folder, false);
}

static void picked_to_copy(
	struct ui_app *app, struct ui_account *account, const struct bz_folder *folder)
{
	(void)account;
	ui_act_file(app, folder, true);
}

static void file_into(struct ui_app *app, const char *name, bool copy)
{
	struct ui_account *a = app->index.account;
	const struct bz_folder *f;

	if (name == NULL && (a->caps & BZ_CAP_MOVE) != 0) {
		ui_push(app, ui_picker_new(app, copy ? N_("Copy to: ") : N_("Move to: "), a,
				     copy ? picked_to_copy : picked_to_move));
		return;
	}
	f = name != NULL ? ui_folders_named(app, a, name) : ui_app_role(a, BZ_ROLE_INBOX);
	if (f != NULL)
		ui_act_file(app, f, copy); /* it says why not */
}

/* --- making and ending folders ---------------------------------------------------------------- */

/* May folders be changed, and is there a name? Says why not. */
static bool may_name(struct ui_app *app, const char *name)
{
	if ((app->index.account->caps & BZ_CAP_FOLDERS) == 0)
		ui_say(app, _("A file has no folders."));
	else if (name == NULL)
		ui_say(app, _("Type the folder's name, too."));
	else
		return true;
	return false;
}

/* By its new title, or by the id that a server's folder keeps: all may lie below another one there.
 */
static const struct bz_folder *titled(const struct ui_account *a, const char *title, uint32_t id)
{
	const struct bz_folder *same = NULL;

	for (guint i = 0; a->folders != NULL && i < a->folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->folders, i);

		if (strcmp(f->title, title) == 0)
			return f;
		if (f->id == id)
			same = f;
	}
	return same;
}

static void created(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->err.kind != BZ_ERR_NONE)
		return;
	ui_app_load_folders(act->account);
	ui_sidebar_follow(app);
	ui_say(app, _("The folder %s is there."), act->title);
}

static void create_folder(struct ui_app *app, const char *name)
{
	struct bz_request *r;

	if (!may_name(app, name))
		return;
	r = bz_request_new(BZ_REQ_FOLDER_CREATE);
	r->title = g_strdup(name);
	ui_act_submit(app, app->index.account, r, created)->title = g_strdup(name);
}

/* The folder in view has another name: undo and the list follow. */
static void renamed(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	struct bz_folder before = {.id = act->folder_id, .name = act->source};
	const struct bz_folder *f;

	if (event->err.kind != BZ_ERR_NONE)
		return;
	ui_app_load_folders(act->account);
	f = titled(act->account, act->title, act->folder_id);
	if (f != NULL) {
		bz_undo_renamed(app->undo, act->account->number, &before, f);
		if (app->index.account == act->account &&
			strcmp(app->index.folder, act->source) == 0)
			ui_index_open(app, act->account, f);
	}
	ui_say(app, _("The folder is called %s now."), act->title);
}

/* The folder in view, if it is the person's own. */
static bool is_own(struct ui_app *app)
{
	if (app->index.role == BZ_ROLE_NONE)
		return true;
	ui_say(app, _("%s belongs to every account: it stays."), app->index.title);
	return false;
}

static void rename_folder(struct ui_app *app, const char *name)
{
	struct bz_request *r;
	struct ui_act *act;

	if (!may_name(app, name) || !is_own(app))
		return;
	r = bz_request_new(BZ_REQ_FOLDER_RENAME);
	r->folder = g_strdup(app->index.folder);
	r->title = g_strdup(name);
	act = ui_act_submit(app, app->index.account, r, renamed);
	act->folder_id = app->index.folder_id;
	act->source = g_strdup(app->index.folder);
	act->title = g_strdup(name);
	act->orders = true;
}

static void folder_deleted(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->err.kind != BZ_ERR_NONE)
		return;
	ui_app_load_folders(act->account);
	ui_sidebar_follow(app);
	ui_say(app, _("The folder %s is gone."), act->title);
}

static void delete_folder_now(struct ui_app *app, void *data, bool yes)
{
	struct ui_doomed *d = data;
	struct bz_request *r;

	if (!yes) {
		ui_say(app, _("Nothing was deleted."));
		return;
	}
	if (app->index.account == d->account && strcmp(app->index.folder, d->folder) == 0)
		ui_index_open(app, d->account, g_ptr_array_index(d->account->folders, 0));
	r = bz_request_new(BZ_REQ_FOLDER_DELETE);
	r->folder = g_strdup(d->folder);
	ui_act_submit(app, d->account, r, folder_deleted)->title = g_strdup(d->title);
}

static void delete_folder(struct ui_app *app)
{
	struct ui_account *a = app->index.account;
	const struct bz_folder *f = ui_app_folder(a, app->index.folder);
	g_autofree char *text = NULL;

	if (f == NULL || !may_name(app, f->name) || !is_own(app))
		return;
	text = g_strdup_printf(
		ngettext("Delete the folder %s and its %u message for ever?",
			"Delete the folder %s and its %u messages for ever?", f->exists),
		app->index.title, f->exists);
	ui_push(app, ui_question_new(text, delete_folder_now, ui_doom(a, f), ui_doomed_free));
}

bool ui_folders_command(struct ui_app *app, enum ui_command command, const char *argument)
{
	switch (command) {
	case UI_FOLDER:
		change_folder(app, argument);
		return true;
	case UI_ACCOUNT:
		go_to_account(app, argument);
		return true;
	case UI_MOVE:
	case UI_COPY:
		file_into(app, argument, command == UI_COPY);
		return true;
	case UI_CREATE_FOLDER:
		create_folder(app, argument);
		return true;
	case UI_RENAME_FOLDER:
		rename_folder(app, argument);
		return true;
	case UI_DELETE_FOLDER:
		delete_folder(app);
		return true;
	case UI_EMPTY_TRASH:
		ui_chore_empty_trash(app);
		return true;
	case UI_COMPACT:
		ui_chore_compact(app);
		return true;
	case UI_IMPORT:
		ui_chore_import(app, argument);
		return true;
	case UI_COPIES:
		ui_chore_copies(app);
		return true;
	case UI_QUOTA:
		ui_chore_quota(app);
		return true;
	default:
		return false;
	}
}
