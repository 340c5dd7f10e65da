/* The main screen: which key goes where, and the drawing of all that is seen. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/find.h"

#include <curses.h>
#include <signal.h>
#include <string.h>

enum { TWICE_US = 2000000 };

/* --- commands that mean the same everywhere --------------------------------------------------- */

static bool is_busy(const struct ui_app *app)
{
	const struct ui_account *a = app->index.account;

	return a->line == BZ_LINE_CONNECTING || a->total > 0 || app->reader.fetch_request != 0 ||
	       app->index.refresh_request != 0;
}

/* Is the rest of a long folder still to come? Where not all is listed that cannot be told. */
static bool is_filling(const struct ui_app *app)
{
	const struct ui_index *x = &app->index;

	return x->account->line == BZ_LINE_ONLINE && x->account->account->keep == BZ_KEEP_ALL &&
	       x->listing != NULL && bz_listing_has_holes(x->listing);
}

static void cancel_network(struct ui_app *app)
{
	bz_worker_cancel(app->index.account->worker, 0);
	app->index.refresh_request = 0;
	ui_say(app, _("Stopped. $ goes on."));
}

static void interrupt(struct ui_app *app)
{
	int64_t now = g_get_monotonic_time();

	if (app->interrupted > 0 && now - app->interrupted < TWICE_US)
		app->quit = true;
	app->interrupted = now;
	if (is_busy(app) || is_filling(app))
		cancel_network(app);
	ui_say(app, _("Ctrl-C again leaves buzon."));
}

static void suspend(struct ui_app *app)
{
	ui_screen_paste(false);
	(void)endwin();
	(void)raise(SIGSTOP);
	ui_screen_paste(true);
	app->full_redraw = app->dirty = true;
}

/* One thing at a time: an error that is put away stops nothing. */
static void cancel(struct ui_app *app)
{
	if (app->message_is_error)
		ui_say_nothing(app, true);
	else if (app->asking.request != 0)
		ui_asking_stop(app, true);
	else if (app->focus == UI_IN_INDEX && app->index.limit != NULL)
		ui_limit_set(app, NULL);
	else if (is_busy(app) || (app->focus == UI_IN_INDEX && is_filling(app)))
		cancel_network(app);
	else if (app->focus == UI_IN_SIDEBAR)
		ui_sidebar_leave(app);
}

/* --- commands of the main screen -------------------------------------------------------------- */

static void go_to_role(struct ui_app *app, enum bz_folder_role role)
{
	struct ui_account *a = app->index.account;
	const struct bz_folder *f = ui_app_role(a, role);

	if (f != NULL)
		ui_index_open(app, a, f);
	else
		ui_say(app, _("This account has no such folder."));
}

static void get_mail(struct ui_app *app)
{
	struct ui_account *a = app->index.account;

	if (a->line == BZ_LINE_ASK_TRUST)
		ui_push(app, ui_trust_new(a));
	else if (a->line == BZ_LINE_ASK_PASSWORD)
		ui_push(app, ui_password_new(a));
	else
		ui_index_refresh(app);
}

static void toggle_offline(struct ui_app *app)
{
	struct ui_account *a = app->index.account;
	struct bz_request *r;

	if (app->is_file) {
		ui_say(app, _("This file needs no network."));
		return;
	}
	r = bz_request_new(BZ_REQ_OFFLINE);
	r->on = a->line != BZ_LINE_CHOICE;
	if (r->on)
		bz_worker_cancel(a->worker, 0);
	bz_worker_submit(a->worker, r);
}

static bool has_folders(struct ui_app *app)
{
	if (app->is_file)
		ui_say(app, _("A file has no folders."));
	return !app->is_file;
}

static void toggle_sidebar(struct ui_app *app)
{
	bool narrow = app->layout.title.w < 100;

	if (!has_folders(app))
		return;
	if (!narrow)
		app->want_sidebar = !app->want_sidebar;
	else if (app->focus != UI_IN_SIDEBAR)
		app->focus = UI_IN_SIDEBAR;
	else
		ui_sidebar_leave(app);
	if (!app->want_sidebar && app->focus == UI_IN_SIDEBAR)
		ui_sidebar_leave(app);
	ui_sidebar_follow(app);
}

static bool run_common(struct ui_app *app, enum ui_command command)
{
	switch (command) {
	case UI_CANCEL:
		cancel(app);
		return true;
	case UI_HELP:
		ui_push(app, ui_help_new(app->focus));
		return true;
	case UI_PROMPT:
		ui_push(app, ui_palette_new(app, ""));
		return true;
	case UI_QUIT:
		app->quit = true;
		return true;
	case UI_JOURNAL:
		ui_push(app, ui_journal_new(app));
		return true;
	case UI_SIDEBAR:
		toggle_sidebar(app);
		return true;
	case UI_GET_MAIL:
		get_mail(app);
		return true;
	case UI_OFFLINE:
		toggle_offline(app);
		return true;
	default:
		return false;
	}
}

static bool run_act(struct ui_app *app, enum ui_command command)
{
	switch (command) {
	case UI_TRASH:
		ui_act_trash(app);
		return true;
	case UI_DELETE:
		ui_act_delete(app);
		return true;
	case UI_ARCHIVE:
		ui_act_file_role(app, BZ_ROLE_ARCHIVE);
		return true;
	case UI_UNDO:
	case UI_REDO:
		ui_act_undo(app, command == UI_REDO);
		return true;
	case UI_READ:
		ui_act_flag(app, BZ_FLAG_SEEN);
		return true;
	case UI_FLAG:
		ui_act_flag(app, BZ_FLAG_FLAGGED);
		return true;
	default:
		return false;
	}
}

static bool run_find(struct ui_app *app, enum ui_command command, const char *words)
{
	bool reading = app->focus == UI_IN_READER;

	switch (command) {
	case UI_SEARCH:
		if (words != NULL)
			(reading ? ui_reader_search_for : ui_search_for)(app, words);
		else
			(reading ? ui_reader_search_prompt : ui_search_prompt)(app);
		return true;
	case UI_SEARCH_NEXT:
	case UI_SEARCH_PREVIOUS:
		(reading ? ui_reader_search_step : ui_search_step)(
			app, command == UI_SEARCH_PREVIOUS);
		return true;
	case UI_LIMIT:
		if (words != NULL)
			ui_limit_set(app, words);
		else
			ui_limit_prompt(app);
		return true;
	default:
		return false;
	}
}

static bool run_go(struct ui_app *app, enum ui_command command)
{
	static const enum bz_folder_role roles[] = {
		BZ_ROLE_INBOX, BZ_ROLE_SENT, BZ_ROLE_DRAFTS, BZ_ROLE_ARCHIVE, BZ_ROLE_TRASH};

	if (command < UI_GO_INBOX || command > UI_GO_TRASH)
		return false;
	if (has_folders(app))
		go_to_role(app, roles[command - UI_GO_INBOX]);
	return true;
}

static bool run_global(struct ui_app *app, enum ui_command command)
{
	switch (command) {
	case UI_REDRAW:
		app->full_redraw = true;
		return true;
	case UI_SUSPEND:
		suspend(app);
		return true;
	case UI_INTERRUPT:
		interrupt(app);
		return true;
	default:
		return false;
	}
}

void ui_run(struct ui_app *app, enum ui_command command, const char *argument)
{
	if (run_global(app, command) || run_common(app, command) || run_act(app, command) ||
		run_find(app, command, argument) || run_go(app, command) ||
		ui_folders_command(app, command, argument))
		return;
	if (app->focus != UI_IN_READER && (command == UI_NEXT || command == UI_PREVIOUS)) {
		if (has_folders(app))
			ui_sidebar_next_folder(app, command == UI_NEXT ? 1 : -1);
	} else if (app->focus == UI_IN_SIDEBAR) {
		ui_sidebar_command(app, command);
	} else if (app->focus == UI_IN_READER) {
		ui_reader_command(app, command);
	} else {
		ui_index_command(app, command);
	}
}

/* --- keys ------------------------------------------------------------------------------------- */

static void unknown_key(struct ui_app *app, unsigned key, bool is_function)
{
	char utf8[7] = "";

	if (is_function || key < 32)
		g_strlcpy(utf8, "?", sizeof utf8);
	else
		utf8[g_unichar_to_utf8(key, utf8)] = '\0';
	if (is_function || key < 32)
		ui_say(app, _("That key means nothing here. ? lists the keys."));
	else
		ui_say(app, _("%s means nothing here. ? lists the keys."), utf8);
}

static void run(struct ui_app *app, struct ui_view *top, enum ui_command command)
{
	if (top == NULL)
		ui_run(app, command, NULL);
	else if (run_global(app, command))
		return;
	else if (command == UI_HELP && top->context != UI_IN_HELP)
		ui_push(app, ui_help_new(top->context));
	else
		top->command(app, top, command);
}

/* Text from the clipboard is text where text is typed, and no key anywhere. */
static void paste(struct ui_app *app, struct ui_view *top, unsigned key, bool is_function)
{
	if (is_function)
		return;
	if (top == NULL || top->text == NULL || top->context == UI_IN_QUESTION)
		ui_say(app, _("Text is pasted where something is typed: after : for example."));
	else if (key == '\n' || key == '\r' || key == '\t')
		top->text(app, top, ' ');
	else if (key >= 32 && key != 127)
		top->text(app, top, key);
}

void ui_main_key(struct ui_app *app, unsigned key, bool is_function)
{
	struct ui_view *top = ui_top(app);
	unsigned context = top != NULL ? top->context : app->focus;
	enum ui_command command;

	app->dirty = app->index.touched = true;
	if (is_function && (key == UI_KEY_PASTE || key == UI_KEY_PASTED)) {
		app->pasting = key == UI_KEY_PASTE;
		return;
	}
	ui_say_nothing(app, false);
	if (app->pasting) {
		paste(app, top, key, is_function);
		return;
	}
	if (app->prefix == 0 && ui_command_is_prefix(context, key, is_function)) {
		app->prefix = key;
		return;
	}
	if (app->prefix != 0 && key == 27 && !is_function) {
		app->prefix = 0;
		return;
	}
	command = ui_command_of(context, key, is_function, app->prefix);
	app->prefix = 0;
	if (command != UI_INTERRUPT)
		app->interrupted = 0;
	if (command != UI_NOTHING)
		run(app, top, command);
	else if (top != NULL && top->text != NULL && !is_function && key >= 32)
		top->text(app, top, key);
	else
		unknown_key(app, key, is_function);
	ui_app_ask_leaving(app);
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_panes(struct ui_app *app)
{
	const struct ui_layout *l = &app->layout;

	ui_draw_title(app);
	if (l->index.w > 0)
		ui_index_draw(app, &l->index);
	if (l->index.w > 0 && l->reader.w > 0 && l->reader.y == l->index.y)
		ui_draw_bar(l->index.y, l->index.x + l->index.w, l->index.h);
	if (l->reader.w > 0)
		ui_reader_draw(app, &l->reader);
	if (l->sidebar.w > 0)
		ui_sidebar_draw(app, &l->sidebar);
}

static void draw_view(struct ui_app *app, struct ui_view *view)
{
	struct ui_rect all = {0, 0, app->layout.message.y, COLS};

	if (app->layout.hints.w == 0) { /* its keys are seen in the smallest window, too */
		all.h--;
		app->layout.hints = (struct ui_rect){all.h, 0, 1, COLS};
	}
	view->draw(app, view, &all);
}

static void draw_too_small(int h, int w)
{
	g_autofree char *text =
		g_strdup_printf(_("Window too small: %dx%d, buzon needs 20x6"), w, h);
	GPtrArray *lines = ui_draw_wrap(text, w);

	for (int i = 0; i < h && i < (int)lines->len; i++)
		ui_draw_text(i, 0, w, UI_TEXT, g_ptr_array_index(lines, (guint)i));
	ui_draw_cursor(0, 0);
	g_ptr_array_unref(lines);
}

void ui_main_draw(struct ui_app *app)
{
	struct ui_view *top = ui_top(app);
	bool shared = app->layout.reader_shares;

	app->layout = ui_layout_make(LINES, COLS, app->want_sidebar, app->focus == UI_IN_SIDEBAR,
		app->reader.open, ui_message_lines(app, LINES, COLS));
	if (app->layout.too_small) {
		(void)erase();
		draw_too_small(LINES, COLS);
		return;
	}
	if (top != NULL && !top->overlay)
		draw_view(app, top);
	else
		draw_panes(app);
	ui_draw_status(app);
	if (app->layout.hints.w == 0 && app->prefix != 0)
		app->layout.hints = app->layout.status;
	ui_draw_hints(app);
	if (top != NULL && top->overlay)
		top->draw(app, top, &(struct ui_rect){0, 0, LINES, COLS});
	if (app->layout.reader_shares && !shared && app->reader.message == NULL)
		ui_reader_preview(app);
}
