/* `u` and Ctrl-R: what the steps of src/undo.h ask for, and what is said of it. */
#include "src/lang.h"
#include "ui/act.h"

/* --- words ------------------------------------------------------------------------------------ */

static char *marked_words(unsigned add, unsigned remove, unsigned n)
{
	if ((add & BZ_FLAG_SEEN) != 0)
		return g_strdup_printf(
			ngettext("%u message is read", "%u messages are read", n), n);
	if ((remove & BZ_FLAG_SEEN) != 0)
		return g_strdup_printf(
			ngettext("%u message is unread", "%u messages are unread", n), n);
	if ((add & BZ_FLAG_FLAGGED) != 0)
		return g_strdup_printf(
			ngettext("%u message is flagged", "%u messages are flagged", n), n);
	return g_strdup_printf(
		ngettext("%u message is not flagged", "%u messages are not flagged", n), n);
}

static char *words(const struct ui_act *act, unsigned n)
{
	if (act->did.kind == BZ_UNDO_FLAGS)
		return marked_words(act->did.add, act->did.remove, n);
	if (act->did.kind == BZ_UNDO_COPY)
		return act->redo ? g_strdup_printf(ngettext("%u message is copied to %s",
							   "%u messages are copied to %s", n),
					   n, act->title)
				 : g_strdup_printf(
					   ngettext("%u copy is gone", "%u copies are gone", n), n);
	return act->redo ? g_strdup_printf(
				   ngettext("%u message is in %s", "%u messages are in %s", n), n,
				   act->title)
			 : g_strdup_printf(ngettext("%u message is back in %s",
						   "%u messages are back in %s", n),
				   n, act->title);
}

/* --- one step --------------------------------------------------------------------------------- */

/* What is no longer there cannot be taken back, ever; what only failed now can be tried again. */
static void failed(struct ui_app *app, const struct ui_act *act, const struct bz_event *event)
{
	enum bz_err_kind kind = event->err.kind;
	const GArray *moved = event->moved;
	bool halfway = moved != NULL && moved->len > 0;

	app->undo_due = 0;
	if (halfway)
		bz_undo_follow(app->undo, act->account->number,
			(const struct bz_moved *)(void *)moved->data, moved->len);
	if (halfway || kind == BZ_ERR_STALE || kind == BZ_ERR_UNSUPPORTED || kind == BZ_ERR_REFUSED)
		bz_undo_drop(app->undo, act->redo);
}

static void done(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	const GArray *moved = event->moved;
	unsigned n = moved != NULL ? moved->len : act->n;
	g_autofree char *what = NULL;

	if (event->err.kind != BZ_ERR_NONE) {
		failed(app, act, event);
		return;
	}
	bz_undo_done(app->undo, act->redo,
		moved != NULL ? (const struct bz_moved *)(void *)moved->data : NULL,
		moved != NULL ? moved->len : 0);
	what = words(act, n);
	if (act->redo)
		ui_say(app, _("Done again: %s."), what);
	else
		ui_say(app, _("Undone: %s.  Ctrl-R does it again"), what);
}

/* Takes the task's refs. */
static struct bz_request *request_for(const struct bz_undo_task *task)
{
	static const enum bz_request_kind kinds[] = {[BZ_UNDO_DO_MOVE] = BZ_REQ_MOVE,
		[BZ_UNDO_DO_COPY] = BZ_REQ_MOVE,
		[BZ_UNDO_DO_EXPUNGE] = BZ_REQ_EXPUNGE,
		[BZ_UNDO_DO_FLAGS] = BZ_REQ_FLAGS};
	struct bz_request *r = bz_request_new(kinds[task->verb]);

	r->refs = task->refs;
	r->folder = task->verb != BZ_UNDO_DO_EXPUNGE ? g_strdup(task->folder) : NULL;
	r->copy = task->verb == BZ_UNDO_DO_COPY;
	r->add = task->add;
	r->remove = task->remove;
	return r;
}

static char *title_of(const struct ui_account *a, const char *name)
{
	const struct bz_folder *f = name != NULL ? ui_app_folder(a, name) : NULL;

	return f != NULL ? ui_app_folder_title(f) : g_strdup(name != NULL ? name : "");
}

static void begin(struct ui_app *app, bool redo)
{
	struct bz_undo_task task;
	struct ui_account *a;
	struct ui_act *act;
	unsigned n;

	if (!bz_undo_next(app->undo, redo, &task)) {
		app->undo_due = 0;
		ui_say(app, redo ? _("Nothing was undone that could be done again.")
				 : _("Nothing to undo."));
		return;
	}
	a = &app->accounts[task.account];
	n = task.refs->len;
	act = ui_act_submit(app, a, request_for(&task), done);
	act->n = n;
	act->orders = true;
	act->redo = redo;
	act->title = title_of(a, task.folder);
	act->did = (struct bz_undo_act){.kind = task.kind, .add = task.add, .remove = task.remove};
}

void ui_undo_go_on(struct ui_app *app)
{
	bool redo = app->undo_due < 0;

	if (app->undo_due == 0 || ui_act_is_busy(app))
		return;
	app->undo_due += redo ? 1 : -1;
	begin(app, redo);
}

void ui_act_undo(struct ui_app *app, bool redo)
{
	app->undo_due += redo ? -1 : 1;
	ui_undo_go_on(app);
}
