/* The list of messages: positions of a listing, a window of rows, a selection that is a message. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

/* --- the folder in view ----------------------------------------------------------------------- */

static void forget_rows(struct ui_index *x)
{
	for (uint32_t i = 0; i < x->rows_n; i++)
		bz_summary_clear(&x->rows[i]);
	x->rows_n = 0;
	x->rows_valid = false;
}

void ui_index_clear(struct ui_index *x)
{
	forget_rows(x);
	bz_listing_free(x->listing);
	g_free(x->folder);
	g_free(x->title);
	g_free(x->limit);
	memset(x, 0, sizeof *x);
}

static struct bz_request *request(const struct ui_index *x, enum bz_request_kind kind)
{
	struct bz_request *r = bz_request_new(kind);

	r->folder = g_strdup(x->folder);
	r->limit = kind == BZ_REQ_LISTING ? g_strdup(x->limit) : NULL;
	r->threads = ui_index_threading(x);
	r->order = x->order;
	r->window = (struct bz_window){x->top, (uint32_t)CLAMP(x->page, 36, UI_WINDOW)};
	return r;
}

void ui_index_open(struct ui_app *app, struct ui_account *account, const struct bz_folder *folder)
{
	struct ui_index *x = &app->index;
	bool is_other = x->account != account;

	if (app->reader.fetch_request != 0)
		bz_worker_drop(app->reader.account->worker, app->reader.fetch_request);
	ui_find_clear(app);
	ui_asking_stop(app, false);
	g_clear_pointer(&app->search.rows, g_hash_table_unref);
	app->search.is_due = false;
	ui_reader_clear(&app->reader);
	ui_index_clear(x);
	x->account = account;
	x->folder = g_strdup(folder->name);
	x->folder_id = folder->id;
	x->uidvalidity = folder->uidvalidity;
	x->title = ui_app_folder_title(folder);
	x->role = folder->role;
	x->exists = folder->exists;
	x->unseen = folder->unseen;
	x->order = folder->order;
	x->wants_threads =
		folder->order == BZ_ORDER_NONE ? app->threads : folder->order == BZ_ORDER_THREADS;
	x->open_request = bz_worker_submit(account->worker, request(x, BZ_REQ_OPEN));
	app->focus = UI_IN_INDEX;
	app->dirty = true;
	ui_sidebar_follow(app);
	if (is_other)
		ui_app_ask(app, account);
	ui_app_ask_leaving(app);
}

void ui_index_refresh(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	x->before = x->exists;
	x->refresh_request = bz_worker_submit(x->account->worker, request(x, BZ_REQ_REFRESH));
}

/* --- keeping the selection -------------------------------------------------------------------- */

static uint32_t size_of(const struct ui_index *x)
{
	return x->listing != NULL ? bz_listing_size(x->listing) : 0;
}

void ui_index_select(struct ui_app *app, uint32_t pos)
{
	struct ui_index *x = &app->index;
	uint32_t size = size_of(x);

	x->pos = size > 0 ? MIN(pos, size - 1) : 0;
	x->row = size > 0 ? bz_listing_row(x->listing, x->pos) : 0;
	app->dirty = true;
	if (x->row != app->reader.row)
		ui_reader_preview(app);
}

void ui_index_changed(struct ui_app *app)
{
	struct ui_index *x = &app->index;
	int64_t to = x->row != 0 ? bz_listing_find(x->listing, x->row, x->pos) : -1;

	forget_rows(x);
	if (to < 0) {
		ui_index_select(app, x->pos);
		return;
	}
	if (x->line || x->top > 0 || to >= x->page) {
		int64_t top = (int64_t)x->top + to - (int64_t)x->pos;

		x->top = top > 0 ? (uint32_t)top : 0;
	}
	x->pos = (uint32_t)to;
	app->dirty = true;
	if (bz_listing_row(x->listing, x->pos) != x->row) /* it is folded away */
		ui_index_select(app, x->pos);
}

void ui_index_take(struct ui_app *app, struct bz_listing *listing)
{
	struct ui_index *x = &app->index;
	struct bz_listing *old = x->listing;

	x->listing = listing;
	if (old != NULL)
		bz_listing_fold_like(x->listing, old);
	bz_listing_free(old);
	if (x->limit == NULL) {
		x->in_threads = bz_listing_is_threads(x->listing);
		x->regroup = x->regroup && !x->in_threads;
		if (!x->in_threads)
			x->exists = MAX(x->exists, bz_listing_size(x->listing));
	}
	ui_index_changed(app);
	x->line = false;
}

/* Removed rows leave a limited list; whether others belong to it the worker knows. */
static bool apply(struct ui_index *x, const struct bz_change *change)
{
	struct bz_change gone = *change;

	if (bz_listing_is_threads(x->listing) && change->kind == BZ_CHANGE_UPDATED)
		return ui_index_note_flags(x, change->ids);
	if (x->limit == NULL)
		return bz_listing_apply(x->listing, change);
	if (change->kind == BZ_CHANGE_UPDATED)
		return true; /* it stays in view while it is read */
	gone.exists = 0;
	return change->kind == BZ_CHANGE_GONE && bz_listing_apply(x->listing, &gone);
}

static void take_listing(struct ui_app *app, struct bz_event *event)
{
	ui_index_take(app, g_steal_pointer(&event->listing));
	if (app->index.limit != NULL)
		ui_asking_limit(app, event);
	ui_search_listed(app);
}

static void on_rows(struct ui_app *app, const struct bz_change *change)
{
	struct ui_index *x = &app->index;

	if (change->folder != x->folder_id)
		return;
	x->exists = change->exists;
	x->unseen = change->unseen;
	if (change->kind == BZ_CHANGE_NEWER)
		x->asked = UI_ASKED_NOT;
	app->draw_now = app->draw_now || x->row == 0; /* the first rows of the folder */
	if (x->listing == NULL || !apply(x, change))
		ui_index_relist(app);
	else
		ui_index_changed(app);
	if (x->listing != NULL && bz_listing_is_moved(x->listing) && change->kind == BZ_CHANGE_GONE)
		ui_index_relist(app);
}

/* One is enough, and the newest words count. */
void ui_index_relist(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	if (x->listing_request != 0)
		bz_worker_cancel(x->account->worker, x->listing_request);
	x->listing_request = bz_worker_submit(x->account->worker, request(x, BZ_REQ_LISTING));
}

/* They are gone from the list before the worker says so. */
void ui_index_hide(struct ui_app *app, const GArray *targets)
{
	struct ui_index *x = &app->index;
	uint32_t size = size_of(x);
	struct bz_change change = {.folder = x->folder_id,
		.kind = BZ_CHANGE_GONE,
		.exists = size - MIN(targets->len, size)};

	if (x->listing == NULL)
		return;
	change.ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < targets->len; i++)
		g_array_append_val(change.ids, g_array_index(targets, struct ui_target, i).row);
	(void)apply(x, &change);
	g_array_unref(change.ids);
	ui_index_changed(app);
}

void ui_index_say_new(struct ui_app *app, uint32_t n)
{
	if (n > 0)
		ui_say(app, ngettext("%u new message.", "%u new messages.", n), n);
	else
		ui_say(app, _("Nothing new."));
}

/* Where mail is downloaded, this is only the beginning of it: its end tells what came. */
static void say_what_came(struct ui_app *app)
{
	const struct ui_index *x = &app->index;
	bool downloads = (x->account->caps & (BZ_CAP_REMOTE | BZ_CAP_LIVE)) == BZ_CAP_REMOTE;

	x->account->asked = downloads;
	if (downloads)
		ui_say_nothing(app, false);
	else
		ui_index_say_new(app, x->exists - MIN(x->before, x->exists));
}

bool ui_index_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_index *x = &app->index;
	bool mine = x->account != NULL && event->account == x->account->number;

	if (mine && event->kind == BZ_EVENT_ROWS) {
		on_rows(app, event->change);
		return true;
	}
	if (!mine || event->kind != BZ_EVENT_DONE || event->request == 0)
		return false;
	if (ui_index_rows_came(app, event))
		return true;
	if (event->request == x->open_request || event->request == x->listing_request) {
		if (event->request == x->listing_request)
			x->listing_request = 0;
		if (event->listing != NULL)
			take_listing(app, event);
		else if (event->err.kind != BZ_ERR_CANCELLED)
			ui_say_error(app, x->account, &event->err);
		return true;
	}
	if (event->request == x->refresh_request) {
		x->refresh_request = 0;
		if (event->err.kind == BZ_ERR_NONE)
			say_what_came(app);
	}
	return false;
}

/* --- the rows in view ------------------------------------------------------------------------- */

static void load_rows(struct ui_index *x, uint32_t first, uint32_t n)
{
	uint32_t ids[UI_WINDOW];

	if (x->rows_valid && x->rows_first == first && x->rows_n == n)
		return;
	forget_rows(x);
	for (uint32_t i = 0; i < n; i++)
		ids[i] = bz_listing_row(x->listing, first + i);
	if (n > 0 && bz_store_window(x->account->store, ids, n, x->rows, NULL) != 0)
		return;
	x->rows_first = first;
	x->rows_n = n;
	x->rows_valid = true;
}

static const struct bz_summary *row_at(const struct ui_index *x, uint32_t pos)
{
	if (!x->rows_valid || pos < x->rows_first || pos >= x->rows_first + x->rows_n ||
		x->rows[pos - x->rows_first].row == 0)
		return NULL;
	return &x->rows[pos - x->rows_first];
}

const struct bz_summary *ui_index_selected(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	if (size_of(x) == 0)
		return NULL;
	if (row_at(x, x->pos) == NULL)
		load_rows(x, x->pos, 1);
	return row_at(x, x->pos);
}

bool ui_index_select_uid(struct ui_app *app, uint32_t uid)
{
	struct ui_index *x = &app->index;

	load_rows(x, 0, MIN(size_of(x), UI_WINDOW));
	for (uint32_t i = 0; i < x->rows_n; i++)
		if (x->rows[i].row != 0 && x->rows[i].uid == uid) {
			ui_index_select(app, i);
			return true;
		}
	return false;
}

static void draw_hole(int y, int x, int w, bool two_lines, bool selected)
{
	enum ui_role role = selected ? UI_SELECTION : UI_DIM;

	ui_draw_text(y, x, w, role, bz_text_ascii() ? "      ..." : "      …");
	if (two_lines)
		ui_draw_text(y + 1, x, w, role, "");
}

static void draw_empty(struct ui_app *app, const struct ui_rect *r)
{
	const struct ui_account *a = app->index.account;
	bool loading = app->index.listing == NULL || a->line == BZ_LINE_CONNECTING || a->total > 0;

	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_DIM,
		loading                    ? _("  Looking for messages...")
		: app->index.limit != NULL ? _("  No message fits. Esc shows all.")
		: ui_app_is_away(a)        ? _("  Nothing is here yet.")
					   : _("  No messages here."));
	ui_draw_cursor(r->y, r->x);
}

/* Lines of one message each; n of them are there. */
static void draw_rows(struct ui_app *app, const struct ui_rect *r, int tall, uint32_t n)
{
	struct ui_index *x = &app->index;
	struct ui_index_row line = {.role = x->role,
		.threads = bz_listing_is_threads(x->listing) ? x->listing : NULL,
		.now = g_get_real_time() / G_USEC_PER_SEC};
	const struct bz_summary *above = NULL;

	for (uint32_t i = 0; i < n; i++) {
		struct ui_rect at = {r->y + (int)i * tall, r->x, tall, r->w};

		line.position = x->top + i;
		line.row = row_at(x, line.position);
		line.selected = line.position == x->pos;
		line.repeats = line.threads != NULL && above != NULL && line.row != NULL &&
			       ui_index_repeats(line.row->subject, above->subject);
		if (line.row != NULL)
			ui_index_line(&line, &at);
		else
			draw_hole(at.y, at.x, at.w, tall == 2, line.selected);
		if (line.selected && app->focus == UI_IN_INDEX)
			ui_draw_cursor(at.y, at.x);
		above = line.row;
	}
}

void ui_index_draw(struct ui_app *app, const struct ui_rect *r)
{
	struct ui_index *x = &app->index;
	int tall = app->layout.two_lines ? 2 : 1;
	uint32_t size = size_of(x), n;
	struct ui_rect rest;

	x->page = MAX(r->h / tall, 1);
	x->top = (uint32_t)ui_scroll((int)x->top, (int)x->pos, (int)size, x->page);
	n = MIN(size - x->top, (uint32_t)MIN(x->page, UI_WINDOW));
	if (size == 0) {
		draw_empty(app, r);
		return;
	}
	load_rows(x, x->top, n);
	ui_index_ask_rows(x, n);
	if (x->row == 0)
		x->row = bz_listing_row(x->listing, x->pos);
	draw_rows(app, r, tall, n);
	rest = (struct ui_rect){r->y + (int)n * tall, r->x, r->h - (int)n * tall, r->w};
	ui_draw_clear(&rest);
}

/* --- commands --------------------------------------------------------------------------------- */

bool ui_index_step(struct ui_app *app, int by)
{
	struct ui_index *x = &app->index;
	int64_t to = (int64_t)x->pos + by;

	if (to < 0 || to >= (int64_t)size_of(x))
		return false;
	ui_index_select(app, (uint32_t)to);
	return true;
}

/* What is folded away counts, too: its thread opens. */
static bool next_unread_in_threads(struct ui_app *app, bool above)
{
	struct ui_index *x = &app->index;
	uint32_t found = bz_listing_next_unread(x->listing, x->pos, above);

	if (found == 0)
		return false;
	bz_listing_reveal(x->listing, found);
	ui_index_changed(app);
	ui_index_select(app, (uint32_t)bz_listing_find(x->listing, found, x->pos));
	return true;
}

bool ui_index_next_unread(struct ui_app *app, bool above)
{
	struct ui_index *x = &app->index;
	const struct bz_summary *row = ui_index_selected(app);
	uint32_t found;
	int64_t at;

	if (row != NULL && bz_listing_is_threads(x->listing))
		return next_unread_in_threads(app, above);
	if (row == NULL || bz_store_next_unread(x->account->store, x->folder_id, row->pos, above,
				   &found, NULL) != 0)
		return false;
	at = bz_listing_find(x->listing, found, x->pos);
	if (at >= 0)
		ui_index_select(app, (uint32_t)at);
	return at >= 0;
}

GArray *ui_index_targets(struct ui_app *app)
{
	struct ui_index *x = &app->index;
	GArray *targets = g_array_new(FALSE, FALSE, sizeof(struct ui_target));
	const struct bz_summary *row = ui_index_selected(app);

	if (row != NULL) {
		struct ui_target t = {
			row->row, {x->folder_id, x->uidvalidity, row->uid}, row->flags};

		g_array_append_val(targets, t);
	}
	return targets;
}

static void open_selected(struct ui_app *app)
{
	if (ui_index_selected(app) != NULL)
		ui_reader_open(app);
	else if (size_of(&app->index) > 0)
		ui_say(app, _("This message has not been listed yet."));
}

void ui_index_command(struct ui_app *app, enum ui_command command)
{
	struct ui_index *x = &app->index;
	int pos = (int)x->pos;

	if (ui_move(command, (int)size_of(x), x->page, &pos)) {
		ui_index_select(app, (uint32_t)pos);
		return;
	}
	if (ui_index_threads_command(app, command))
		return;
	switch (command) {
	case UI_OPEN:
	case UI_FORWARD:
		open_selected(app);
		break;
	case UI_NEXT_UNREAD:
	case UI_PREVIOUS_UNREAD:
		if (!ui_index_next_unread(app, command == UI_PREVIOUS_UNREAD))
			ui_say(app, command == UI_NEXT_UNREAD
					    ? _("No unread message below this one.")
					    : _("No unread message above this one."));
		break;
	case UI_BACK:
		app->quit = true;
		break;
	case UI_LEFT:
		if (!app->is_file) {
			app->focus = UI_IN_SIDEBAR;
			app->want_sidebar = true;
		}
		break;
	default:
		break;
	}
}
