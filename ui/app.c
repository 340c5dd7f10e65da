#include "src/lang.h"
#include "src/text.h"
#include "ui/act.h"
#include "ui/prompt.h"

#include <curses.h>
#include <string.h>

static void free_view(void *me)
{
	struct ui_view *view = me;

	view->free(view);
}

/* --- beginning and end ------------------------------------------------------------------------ */

static const struct bz_backend_ops *ops_for(
	const struct bz_cli_wiring *wiring, enum bz_protocol protocol)
{
	return protocol == BZ_PROTOCOL_IMAP  ? wiring->imap
	       : protocol == BZ_PROTOCOL_POP ? wiring->pop
					     : wiring->file;
}

static int init_account(struct ui_app *app, int i, const struct bz_account *account,
	const struct bz_cli_wiring *wiring, struct bz_err *err)
{
	struct ui_account *a = &app->accounts[i];

	a->number = i;
	a->account = account;
	a->worker = bz_worker_new(i, account, ops_for(wiring, account->protocol), app->bag, err);
	if (a->worker == NULL)
		return -1;
	a->caps = bz_worker_caps(a->worker);
	a->store = bz_store_open(bz_worker_cache_path(a->worker), NULL, BZ_STORE_READER, err);
	if (a->store == NULL)
		return -1;
	ui_app_load_folders(a);
	return 0;
}

int ui_app_init(struct ui_app *app, const struct bz_account *const *accounts, size_t n,
	const struct bz_cli_wiring *wiring, struct bz_err *err)
{
	*app = (struct ui_app){.bag = bz_mailbag_new(),
		.n = (int)n,
		.focus = UI_IN_INDEX,
		.is_file = n == 1 && accounts[0]->protocol == BZ_PROTOCOL_FILE,
		.dirty = true};
	app->want_sidebar = !app->is_file;
	app->renderer = bz_renderer_new(app->bag);
	app->accounts = g_new0(struct ui_account, n);
	app->views = g_ptr_array_new_with_free_func(free_view);
	app->journal = g_ptr_array_new_with_free_func(g_free);
	app->acts = g_ptr_array_new_with_free_func(ui_act_free);
	app->undo = bz_undo_new();
	app->paths = ui_paths_new(app->bag);
	ui_history_load(&app->history);
	for (size_t i = 0; i < n; i++)
		if (init_account(app, (int)i, accounts[i], wiring, err) != 0)
			return -1;
	return 0;
}

void ui_app_clear(struct ui_app *app)
{
	g_ptr_array_unref(app->views);
	if (app->index.account != NULL)
		ui_find_clear(app);
	g_clear_pointer(&app->search.rows, g_hash_table_unref);
	g_free(app->needle);
	ui_reader_clear(&app->reader);
	ui_index_clear(&app->index);
	for (int i = 0; i < app->n; i++) {
		struct ui_account *a = &app->accounts[i];

		bz_store_close(&a->store);
		bz_worker_destroy(&a->worker);
		if (a->folders != NULL)
			g_ptr_array_unref(a->folders);
	}
	bz_renderer_destroy(&app->renderer);
	ui_history_save(&app->history);
	ui_history_clear(&app->history);
	ui_paths_free(app->paths);
	bz_undo_free(app->undo);
	g_ptr_array_unref(app->acts);
	bz_mailbag_free(app->bag);
	g_free(app->accounts);
	g_ptr_array_unref(app->journal);
	g_free(app->message);
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Inbox first, the other known ones, then the rest in the store's order. */
static int by_role(gconstpointer a, gconstpointer b)
{
	static const int place[] = {
		[BZ_ROLE_NONE] = 9,
		[BZ_ROLE_INBOX] = 0,
		[BZ_ROLE_DRAFTS] = 1,
		[BZ_ROLE_SENT] = 2,
		[BZ_ROLE_ARCHIVE] = 3,
		[BZ_ROLE_TRASH] = 4,
		[BZ_ROLE_JUNK] = 5,
	};
	const struct bz_folder *x = *(struct bz_folder *const *)a,
			       *y = *(struct bz_folder *const *)b;

	return place[x->role] - place[y->role];
}

void ui_app_load_folders(struct ui_account *a)
{
	GPtrArray *folders = bz_store_folders(a->store, NULL);

	if (folders == NULL)
		return;
	g_ptr_array_sort(folders, by_role);
	if (a->folders != NULL)
		g_ptr_array_unref(a->folders);
	a->folders = folders;
}

const struct bz_folder *ui_app_folder(const struct ui_account *a, const char *name)
{
	for (guint i = 0; a->folders != NULL && i < a->folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->folders, i);

		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

const struct bz_folder *ui_app_role(const struct ui_account *a, enum bz_folder_role role)
{
	for (guint i = 0; a->folders != NULL && i < a->folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->folders, i);

		if (f->role == role && f->selectable)
			return f;
	}
	return NULL;
}

struct ui_where ui_app_where(const struct ui_app *app, unsigned context)
{
	unsigned caps = app->index.account->caps;
	bool downloads = (caps & (BZ_CAP_REMOTE | BZ_CAP_LIVE)) == BZ_CAP_REMOTE;

	return (struct ui_where){context, app->is_file, caps | (downloads ? UI_CAP_DOWNLOADS : 0)};
}

char *ui_app_folder_title(const struct bz_folder *f)
{
	static const char *const names[] = {
		[BZ_ROLE_INBOX] = N_("Inbox"),
		[BZ_ROLE_SENT] = N_("Sent"),
		[BZ_ROLE_DRAFTS] = N_("Drafts"),
		[BZ_ROLE_TRASH] = N_("Trash"),
		[BZ_ROLE_ARCHIVE] = N_("Archive"),
		[BZ_ROLE_JUNK] = N_("Junk"),
	};
	const char *name = f->role != BZ_ROLE_NONE && strcmp(f->name, "FILE") != 0
				   ? _(names[f->role])
				   : f->title;

	return bz_text_clean(name, strlen(name), 0);
}

bool ui_app_is_away(const struct ui_account *a)
{
	return (a->caps & BZ_CAP_REMOTE) != 0 && a->line != BZ_LINE_ONLINE;
}

struct ui_account *ui_app_current(struct ui_app *app)
{
	return app->index.account;
}

/* --- what the workers say --------------------------------------------------------------------- */

static bool is_asking(const struct ui_app *app)
{
	const struct ui_view *top = ui_top(app);

	return top != NULL && (top->context == UI_IN_TRUST || top->context == UI_IN_PASSWORD);
}

/* A question of the account in view comes up by itself; keys typed before it were not meant
 * for it. */
void ui_app_ask(struct ui_app *app, struct ui_account *a)
{
	if (a != ui_app_current(app) || is_asking(app))
		return;
	if (a->line == BZ_LINE_ASK_TRUST)
		ui_push(app, ui_trust_new(a));
	else if (a->line == BZ_LINE_ASK_PASSWORD)
		ui_push(app, ui_password_new(a));
	else
		return;
	(void)flushinp();
}

void ui_app_ask_leaving(struct ui_app *app)
{
	struct ui_account *a = ui_app_current(app);

	if (a->leaving_count == 0 || ui_top(app) != NULL)
		return;
	ui_push(app, ui_leaving_new(a));
	(void)flushinp();
}

static void on_online(struct ui_app *app, struct ui_account *a)
{
	if (app->message_account == a)
		ui_say_nothing(app, true); /* the error on screen was cured */
	ui_reader_online(app, a);
}

static void on_line(struct ui_app *app, struct ui_account *a, const struct bz_event *event)
{
	enum bz_line_state before = a->line;

	a->line = event->line;
	a->since = event->since;
	a->retry_at = event->retry_at;
	a->err = event->err;
	if (event->line != BZ_LINE_ONLINE && event->line != BZ_LINE_CONNECTING)
		a->total = 0;
	a->asked = a->asked && event->err.kind == BZ_ERR_NONE;
	if (event->cert != NULL)
		a->cert = *event->cert;
	if (event->line == BZ_LINE_ASK_TRUST || event->line == BZ_LINE_ASK_PASSWORD)
		ui_app_ask(app, a);
	else if (event->err.kind != BZ_ERR_NONE && event->err.kind != BZ_ERR_CANCELLED)
		ui_say_error(app, a, &event->err);
	else if (event->line == BZ_LINE_ONLINE && before != BZ_LINE_ONLINE)
		on_online(app, a);
}

static void on_folders(struct ui_app *app, struct ui_account *a)
{
	const struct bz_folder *f;

	ui_app_load_folders(a);
	if (a != app->index.account)
		return;
	f = ui_app_folder(a, app->index.folder);
	if (f == NULL)
		return;
	app->index.exists = f->exists;
	app->index.unseen = f->unseen;
	app->index.uidvalidity = f->uidvalidity;
	app->index.role = f->role;
	ui_index_regroup(app);
}

static void count_new(struct ui_account *a, const struct bz_event *event)
{
	const struct bz_folder *inbox = ui_app_role(a, BZ_ROLE_INBOX);

	if (event->kind == BZ_EVENT_ROWS && event->change->kind == BZ_CHANGE_NEWER &&
		inbox != NULL && event->change->folder == inbox->id)
		a->came += event->change->ids->len;
}

static void on_progress(struct ui_app *app, struct ui_account *a, const struct bz_event *event)
{
	a->done = event->done;
	a->total = event->total;
	a->bytes = event->bytes;
	a->bytes_total = event->bytes_total;
	if (a->total > 0)
		return;
	if (a->asked)
		ui_index_say_new(app, a->came);
	a->asked = false;
	a->came = 0;
}

/* What no part of the screen took for its own. */
static void note_event(struct ui_app *app, struct ui_account *a, struct bz_event *event)
{
	switch (event->kind) {
	case BZ_EVENT_LINE:
		on_line(app, a, event);
		break;
	case BZ_EVENT_FOLDERS:
		on_folders(app, a);
		break;
	case BZ_EVENT_PROGRESS:
		on_progress(app, a, event);
		break;
	case BZ_EVENT_SPACE:
		a->space_count = event->done;
		a->space_bytes = event->bytes;
		a->space_limit = event->bytes_total;
		break;
	case BZ_EVENT_REMOVALS:
		a->leaving_count = event->done;
		a->leaving_bytes = event->bytes;
		ui_app_ask_leaving(app);
		break;
	case BZ_EVENT_WAITING:
		a->waiting = event->done;
		break;
	case BZ_EVENT_MOVED:
		bz_undo_follow(app->undo, a->number,
			(const struct bz_moved *)(void *)event->moved->data, event->moved->len);
		break;
	case BZ_EVENT_ROWS:
		break;
	case BZ_EVENT_NOTE:
		ui_say(app, "%s", event->text);
		break;
	case BZ_EVENT_DONE: /* flags and answers: only failures are news; the line's own come by
			       LINE */
		if (event->err.kind == BZ_ERR_REFUSED || event->err.kind == BZ_ERR_LOCAL ||
			event->err.kind == BZ_ERR_UNSUPPORTED ||
			(event->err.kind == BZ_ERR_NET && a->line == BZ_LINE_CHOICE))
			ui_say_error(app, a, &event->err);
		break;
	}
}

void ui_app_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_account *a = event->account >= 0 ? &app->accounts[event->account] : NULL;

	app->dirty = true;
	app->draw_now = app->draw_now || event->kind == BZ_EVENT_DONE;
	if (a == NULL && event->kind == BZ_EVENT_NOTE) {
		ui_prompt_renew(app); /* names of files came */
		return;
	}
	if (a != NULL)
		count_new(a, event);
	if (ui_act_event(app, event) || ui_find_event(app, event) || ui_asking_event(app, event) ||
		ui_index_event(app, event) || ui_reader_event(app, event) || a == NULL)
		return;
	note_event(app, a, event);
}
