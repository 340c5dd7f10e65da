#include "ui/act.h"
#include "src/lang.h"

#include <string.h>

/* --- requests and their answers --------------------------------------------------------------- */

void ui_act_free(void *me)
{
	struct ui_act *act = me;

	if (act->refs != NULL)
		g_array_unref(act->refs);
	g_free(act->source);
	g_free(act->target);
	g_free(act->title);
	g_free(act);
}

struct ui_act *ui_act_submit(struct ui_app *app, struct ui_account *account,
	struct bz_request *request,
	void (*done)(struct ui_app *app, struct ui_act *act, struct bz_event *event))
{
	struct ui_act *act = g_new0(struct ui_act, 1);

	act->account = account;
	act->done = done;
	act->request = bz_worker_submit(account->worker, request);
	g_ptr_array_add(app->acts, act);
	app->dirty = true;
	return act;
}

bool ui_act_is_busy(const struct ui_app *app)
{
	for (guint i = 0; i < app->acts->len; i++)
		if (((const struct ui_act *)g_ptr_array_index(app->acts, i))->orders)
			return true;
	return false;
}

static struct ui_act *take(struct ui_app *app, const struct bz_event *event)
{
	for (guint i = 0; i < app->acts->len; i++) {
		struct ui_act *act = g_ptr_array_index(app->acts, i);

		if (act->request == event->request && act->account->number == event->account)
			return g_ptr_array_steal_index(app->acts, i);
	}
	return NULL;
}

bool ui_act_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_act *act = event->kind == BZ_EVENT_DONE ? take(app, event) : NULL;

	if (act == NULL)
		return false;
	if (event->err.kind != BZ_ERR_NONE && event->err.kind != BZ_ERR_CANCELLED)
		ui_say_error(app, act->account, &event->err);
	if (event->err.kind != BZ_ERR_NONE && act->hides && act->account == app->index.account)
		ui_index_relist(app); /* they are still there */
	if (act->done != NULL)
		act->done(app, act, event);
	ui_act_free(act);
	ui_undo_go_on(app);
	return true;
}

/* --- what is acted on ------------------------------------------------------------------------- */

static bool may(struct ui_app *app, unsigned cap)
{
	const struct ui_account *a = app->index.account;

	if ((a->caps & cap) != 0)
		return true;
	if (app->is_file)
		ui_say(app, _("This file is opened for reading only."));
	else
		ui_say(app, _("Messages of this account cannot be marked."));
	return false;
}

/* NULL (said why) when there is none, or nothing may be done. */
static GArray *targets_for(struct ui_app *app, unsigned cap)
{
	GArray *targets;

	if (!may(app, cap))
		return NULL;
	targets = ui_index_targets(app);
	for (guint i = 0; cap == BZ_CAP_MOVE && i < targets->len; i++)
		if ((g_array_index(targets, struct ui_target, i).flags & BZ_FLAG_LEFT) != 0) {
			ui_say(app, _("This message is on the server only. Enter downloads it."));
			g_array_unref(targets);
			return NULL;
		}
	if (targets->len > 0)
		return targets;
	ui_say(app, _("There is no message to do that to."));
	g_array_unref(targets);
	return NULL;
}

static GArray *refs_of(const GArray *targets)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));

	for (guint i = 0; i < targets->len; i++)
		g_array_append_val(refs, g_array_index(targets, struct ui_target, i).ref);
	return refs;
}

/* They leave the list now; the next message takes their place, in the reader, too. */
static void leave_list(struct ui_app *app, const GArray *targets)
{
	bool reading = app->reader.open && app->focus == UI_IN_READER;

	ui_index_hide(app, targets);
	if (!reading)
		return;
	if (ui_index_selected(app) != NULL)
		ui_reader_open(app);
	else
		ui_reader_close(app);
}

/* --- filing ----------------------------------------------------------------------------------- */

static void say_filed(struct ui_app *app, const struct ui_act *act, unsigned n)
{
	if (act->did.kind == BZ_UNDO_COPY)
		ui_say(app,
			ngettext("Copied %u message to %s.  u undo",
				"Copied %u messages to %s.  u undo", n),
			n, act->title);
	else
		ui_say(app,
			ngettext("Moved %u message to %s.  u undo",
				"Moved %u messages to %s.  u undo", n),
			n, act->title);
}

static void filed(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->moved == NULL || event->moved->len == 0)
		return; /* what went before a failure counts */
	act->did.refs = (const struct bz_moved *)(void *)event->moved->data;
	act->did.n = event->moved->len;
	bz_undo_push(app->undo, &act->did);
	say_filed(app, act, event->moved->len);
}

static void file_targets(
	struct ui_app *app, const GArray *targets, const struct bz_folder *folder, bool copy)
{
	struct ui_index *x = &app->index;
	struct bz_request *r = bz_request_new(BZ_REQ_MOVE);
	struct ui_act *act;

	r->folder = g_strdup(folder->name);
	r->copy = copy;
	r->refs = refs_of(targets);
	act = ui_act_submit(app, x->account, r, filed);
	act->orders = true;
	act->hides = !copy;
	act->source = g_strdup(x->folder);
	act->target = g_strdup(folder->name);
	act->title = ui_app_folder_title(folder);
	act->did = (struct bz_undo_act){.kind = copy ? BZ_UNDO_COPY : BZ_UNDO_MOVE,
		.account = x->account->number,
		.source = act->source,
		.target = act->target};
	if (!copy)
		leave_list(app, targets);
}

void ui_act_file(struct ui_app *app, const struct bz_folder *folder, bool copy)
{
	GArray *targets;
	g_autofree char *title = ui_app_folder_title(folder);

	if (!copy && strcmp(folder->name, app->index.folder) == 0) {
		ui_say(app, _("This message is in %s already."), title);
		return;
	}
	targets = targets_for(app, BZ_CAP_MOVE);
	if (targets == NULL)
		return;
	file_targets(app, targets, folder, copy);
	g_array_unref(targets);
}

/* A server's account that has none gets one: the worker makes it under this name. */
static const struct bz_folder *to_be_made(const struct ui_app *app, enum bz_folder_role role)
{
	static char name[256];
	static struct bz_folder made = {.name = name, .title = name, .selectable = true};
	const char *title = bz_account_makes(app->index.account->account, role);

	if ((app->index.account->caps & BZ_CAP_LIVE) == 0 || title == NULL)
		return NULL;
	g_strlcpy(name, title, sizeof name);
	made.role = role;
	return &made;
}

void ui_act_file_role(struct ui_app *app, enum bz_folder_role role)
{
	const struct bz_folder *f = ui_app_role(app->index.account, role);

	if (!may(app, BZ_CAP_MOVE))
		return;
	if (f == NULL)
		f = to_be_made(app, role);
	if (f != NULL)
		ui_act_file(app, f, false);
	else
		ui_say(app,
			role == BZ_ROLE_ARCHIVE
				? _("This account has no Archive. :create-folder Archive makes one.")
				: _("This account has no Trash. D deletes for ever."));
}

void ui_act_trash(struct ui_app *app)
{
	if (app->index.role == BZ_ROLE_TRASH)
		ui_act_delete(app);
	else
		ui_act_file_role(app, BZ_ROLE_TRASH);
}

/* --- deleting for ever ------------------------------------------------------------------------ */

static void deleted(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->err.kind == BZ_ERR_NONE)
		ui_say(app,
			ngettext("Deleted %u message for ever.", "Deleted %u messages for ever.",
				act->n),
			act->n);
}

/* What the question was about: targets of one folder of one account. */
struct deletion {
	struct ui_account *account;
	uint32_t folder;
	GArray *targets;
};

static void free_deletion(void *me)
{
	struct deletion *d = me;

	g_array_unref(d->targets);
	g_free(d);
}

static void delete_now(struct ui_app *app, void *data, bool yes)
{
	struct deletion *d = data;
	struct bz_request *r;
	struct ui_act *act;

	if (!yes) {
		ui_say(app, _("Nothing was deleted."));
		return;
	}
	r = bz_request_new(BZ_REQ_EXPUNGE);
	r->refs = refs_of(d->targets);
	act = ui_act_submit(app, d->account, r, deleted);
	act->orders = act->hides = true;
	act->n = d->targets->len;
	if (app->index.account != d->account || app->index.folder_id != d->folder)
		return;
	leave_list(app, d->targets);
}

void ui_act_delete(struct ui_app *app)
{
	GArray *targets = targets_for(app, BZ_CAP_MOVE);
	g_autofree char *text = NULL;
	struct deletion *d;

	if (targets == NULL)
		return;
	text = g_strdup_printf(ngettext("Delete %u message for ever?",
				       "Delete %u messages for ever?", targets->len),
		targets->len);
	d = g_new(struct deletion, 1);
	*d = (struct deletion){app->index.account, app->index.folder_id, targets};
	ui_push(app, ui_question_new(text, delete_now, d, free_deletion));
}

/* --- marks ------------------------------------------------------------------------------------ */

static void flagged(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	if (event->err.kind == BZ_ERR_NONE)
		bz_undo_push(app->undo, &act->did);
}

/* refs is taken. */
static struct ui_act *mark(struct ui_app *app, GArray *refs, unsigned add, unsigned remove)
{
	struct bz_request *r = bz_request_new(BZ_REQ_FLAGS);

	r->refs = refs;
	r->add = add;
	r->remove = remove;
	return ui_act_submit(app, app->index.account, r, NULL);
}

static GArray *as_moved(const GArray *refs)
{
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));

	for (guint i = 0; i < refs->len; i++) {
		struct bz_msgref ref = g_array_index(refs, struct bz_msgref, i);
		struct bz_moved m = {ref, ref};

		g_array_append_val(moved, m);
	}
	return moved;
}

static void mark_undoably(struct ui_app *app, GArray *refs, unsigned add, unsigned remove)
{
	GArray *moved = as_moved(refs);
	struct ui_act *act = mark(app, refs, add, remove);

	act->done = flagged;
	act->orders = true;
	act->refs = moved;
	act->source = g_strdup(app->index.folder);
	act->did = (struct bz_undo_act){.kind = BZ_UNDO_FLAGS,
		.account = app->index.account->number,
		.source = act->source,
		.add = add,
		.remove = remove,
		.refs = (const struct bz_moved *)(void *)moved->data,
		.n = moved->len};
}

/* Set on all if one lacks it, else cleared on all; those that change alone are asked for, so that
 * undo gives back what was. */
void ui_act_flag(struct ui_app *app, unsigned flag)
{
	GArray *targets = targets_for(app, BZ_CAP_FLAGS), *refs;
	bool set = false;

	if (targets == NULL)
		return;
	refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	for (guint i = 0; i < targets->len; i++)
		set = set || (g_array_index(targets, struct ui_target, i).flags & flag) == 0;
	for (guint i = 0; i < targets->len; i++) {
		const struct ui_target *t = &g_array_index(targets, struct ui_target, i);

		if (((t->flags & flag) == 0) == set)
			g_array_append_val(refs, t->ref);
	}
	mark_undoably(app, refs, set ? flag : 0, set ? 0 : flag);
	g_array_unref(targets);
}

void ui_act_seen(struct ui_app *app, const struct bz_msgref *ref)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof *ref);

	g_array_append_val(refs, *ref);
	(void)mark(app, refs, BZ_FLAG_SEEN, 0);
}
