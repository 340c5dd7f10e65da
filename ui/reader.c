/* The message: fetched by the account's worker, made into lines by the render worker, scrolled
 * here. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

enum { PREVIEW_DELAY_US = 150000, WIDTH_MIN = 20 };

void ui_reader_clear(struct ui_reader *r)
{
	bz_message_unref(r->message);
	bz_doc_unref(r->doc);
	memset(r, 0, sizeof *r);
}

static void forget_message(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;
	bool open = r->open;
	int width = r->width, height = r->height;

	if (r->fetch_request != 0)
		bz_worker_drop(r->account->worker, r->fetch_request);
	ui_reader_clear(r);
	r->open = open;
	r->width = width;
	r->height = height;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void render(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;
	struct bz_request *request;

	if (r->message == NULL || r->width <= 0)
		return;
	if (r->render_request != 0)
		bz_renderer_cancel(app->renderer, r->render_request);
	request = bz_request_new(BZ_REQ_RENDER);
	request->message = bz_message_ref(r->message);
	request->width = MAX(r->width, WIDTH_MIN);
	request->render_flags = r->flags;
	r->render_request = bz_renderer_submit(app->renderer, request);
}

static void fetch(struct ui_app *app, enum bz_fetch what)
{
	struct ui_reader *r = &app->reader;
	struct bz_request *request = bz_request_new(BZ_REQ_FETCH);

	request->refs = g_array_new(FALSE, FALSE, sizeof r->ref);
	g_array_append_val(request->refs, r->ref);
	request->fetch = what;
	r->asked = what != BZ_FETCH_KEPT ? g_get_monotonic_time() : 0;
	r->is_looked_up = what == BZ_FETCH_KEPT;
	r->err = (struct bz_err){0};
	r->fetch_request = bz_worker_submit(r->account->worker, request);
	app->dirty = true;
}

static void begin(struct ui_app *app, enum bz_fetch what)
{
	struct ui_reader *r = &app->reader;
	const struct ui_index *x = &app->index;
	const struct bz_summary *row = ui_index_selected(app);

	forget_message(app);
	if (row == NULL)
		return;
	r->account = x->account;
	r->row = row->row;
	r->ref = (struct bz_msgref){x->folder_id, x->uidvalidity, row->uid};
	r->flags = BZ_RENDER_HEADERS;
	if (r->open || (row->flags & BZ_FLAG_LEFT) == 0) /* looking on downloads nothing */
		fetch(app, what);
}

/* What was opened and is seen; a message that does not come stays unread. */
static void mark_read(struct ui_app *app)
{
	const struct bz_summary *row = ui_index_selected(app);

	if (row != NULL && row->row == app->reader.row && (row->flags & BZ_FLAG_SEEN) == 0 &&
		(app->index.account->caps & BZ_CAP_FLAGS) != 0)
		ui_act_seen(app, &app->reader.ref);
}

void ui_reader_open(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;

	r->open = true;
	app->focus = UI_IN_READER;
	if (r->row == 0 || r->row != app->index.row ||
		(r->message == NULL && (r->fetch_request == 0 || r->is_looked_up)))
		begin(app, BZ_FETCH_TEXT);
	r->top = 0;
	if (r->message != NULL)
		mark_read(app);
	app->dirty = true;
}

/* The selection moved: where the reader is in view it follows, once the selection rests. */
void ui_reader_preview(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;

	if (r->open || !app->layout.reader_shares)
		return;
	forget_message(app);
	r->preview_at = g_get_monotonic_time() + PREVIEW_DELAY_US;
}

bool ui_reader_can_fetch(const struct ui_account *a)
{
	return (a->caps & BZ_CAP_LIVE) == 0 || a->line == BZ_LINE_ONLINE;
}

/* While there is no line: what is kept here is shown, for the rest the line is waited for. */
static void look_up(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;
	int64_t at = r->preview_at;

	begin(app, BZ_FETCH_KEPT);
	r->preview_at = at;
	r->is_looked_up = true;
}

void ui_reader_tick(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;

	if (r->preview_at == 0 || g_get_monotonic_time() < r->preview_at || r->open)
		return;
	if (!app->layout.reader_shares)
		r->preview_at = 0;
	else if (ui_reader_can_fetch(app->index.account))
		begin(app, BZ_FETCH_TEXT);
	else if (!r->is_looked_up)
		look_up(app);
}

void ui_reader_close(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;

	r->open = false;
	if (app->focus == UI_IN_READER)
		app->focus = UI_IN_INDEX;
	app->dirty = true;
	if (r->message == NULL && (r->fetch_request == 0 || !app->layout.reader_shares)) {
		forget_message(app);
		ui_reader_preview(app);
	}
}

void ui_reader_online(struct ui_app *app, const struct ui_account *account)
{
	struct ui_reader *r = &app->reader;

	if (r->account == account && r->message == NULL && r->fetch_request == 0 &&
		r->err.kind != BZ_ERR_NONE && (r->open || app->layout.reader_shares))
		fetch(app, BZ_FETCH_TEXT);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* What was on the server only has come, and is another row now. */
static void follow(struct ui_app *app, const struct bz_msgref *ref)
{
	app->reader.ref = *ref;
	if (ui_index_select_uid(app, ref->uid))
		app->reader.row = app->index.row;
}

/* A line that is on its way is waited for without a word. */
static void not_kept(struct ui_app *app, const struct bz_event *event)
{
	struct ui_reader *r = &app->reader;
	enum bz_line_state line = r->account->line;

	if (line == BZ_LINE_NONE || line == BZ_LINE_CONNECTING || line == BZ_LINE_ONLINE)
		return;
	r->err = event->err;
	r->preview_at = 0; /* it is asked for once the line is there */
}

static void take_message(struct ui_app *app, struct bz_event *event)
{
	struct ui_reader *r = &app->reader;

	r->fetch_request = 0;
	if (event->message == NULL && r->is_looked_up) {
		not_kept(app, event);
		return;
	}
	r->preview_at = 0;
	r->is_looked_up = false;
	if (event->message == NULL) {
		r->err = event->err;
		if (event->err.kind == BZ_ERR_CANCELLED && r->open)
			ui_reader_close(app);
		else if (r->open && event->err.kind != BZ_ERR_CANCELLED)
			ui_say_error(app, r->account, &event->err);
		return;
	}
	if (event->message->ref.uid != r->ref.uid && event->message->ref.uid != 0)
		follow(app, &event->message->ref);
	if (r->open && r->message == NULL)
		mark_read(app);
	bz_message_unref(r->message);
	r->message = g_steal_pointer(&event->message);
	render(app);
}

bool ui_reader_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_reader *r = &app->reader;

	if (event->kind != BZ_EVENT_DONE)
		return false;
	if (event->request_kind == BZ_REQ_RENDER) {
		if (event->request == r->render_request && event->doc != NULL) {
			bz_doc_unref(r->doc);
			r->doc = g_steal_pointer(&event->doc);
			r->render_request = 0;
		}
		return true;
	}
	if (event->request_kind != BZ_REQ_FETCH)
		return false;
	if (r->account != NULL && event->account == r->account->number &&
		event->request == r->fetch_request)
		take_message(app, event);
	return true;
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_line(const struct ui_app *app, guint at, int y, int x, int w)
{
	ui_draw_line(y, x, w, g_ptr_array_index(app->reader.doc->lines, at));
	ui_reader_mark_found(app, at, y, x, w);
}

static void draw_lines(const struct ui_app *app, const struct ui_rect *body)
{
	const struct ui_reader *r = &app->reader;

	for (int i = 0; i < body->h; i++) {
		guint at = (guint)(r->top + i);

		if (at < r->doc->lines->len)
			draw_line(app, at, body->y + i, body->x, body->w);
		else
			ui_draw_text(body->y + i, body->x, body->w, UI_TEXT, "");
	}
}

static char *left_words(struct ui_app *app)
{
	const struct bz_summary *row = ui_index_selected(app);
	g_autofree char *size = NULL;

	if (row == NULL || (row->flags & BZ_FLAG_LEFT) == 0)
		return NULL;
	size = bz_lang_size(row->size);
	return g_strdup_printf(
		_("This message is on the server only (%s). Enter downloads it."), size);
}

static void draw_waiting(struct ui_app *app, const struct ui_rect *body)
{
	const struct ui_reader *r = &app->reader;
	int64_t waited = r->asked > 0 ? (g_get_monotonic_time() - r->asked) / G_USEC_PER_SEC : 0;
	g_autofree char *text = NULL;

	ui_draw_clear(body);
	if (r->err.kind != BZ_ERR_NONE && r->err.kind != BZ_ERR_CANCELLED)
		text = bz_text_clean(r->err.text, strlen(r->err.text), 0);
	else if (r->fetch_request != 0 && waited >= 1)
		text = g_strdup_printf(_("Fetching... %d s"), (int)waited);
	else if (r->row != 0 && r->fetch_request == 0 && r->message == NULL)
		text = left_words(app);
	if (text != NULL)
		ui_draw_text(body->y, body->x + 1, body->w - 1, UI_DIM, text);
}

static void draw_head(struct ui_app *app, const struct ui_rect *rect)
{
	const struct bz_summary *row = ui_index_selected(app);
	g_autofree char *from = NULL, *addr = NULL, *text = NULL;

	if (row != NULL) {
		from = bz_text_clean(row->from_name, strlen(row->from_name), 0);
		addr = bz_text_clean(row->from_addr, strlen(row->from_addr), 0);
		text = addr[0] == '\0' ? g_strdup(from)
				       : g_strdup_printf("%s%s<%s>", from,
						 from[0] != '\0' ? " " : "", addr);
	}
	ui_draw_rule(rect->y, rect->x, rect->w, UI_ACCENT, text);
}

void ui_reader_draw(struct ui_app *app, const struct ui_rect *rect)
{
	struct ui_reader *r = &app->reader;
	struct ui_rect body = *rect;
	bool below = app->layout.reader_shares && rect->y > 1;

	if (below) {
		draw_head(app, rect);
		body.y++;
		body.h--;
	}
	body.x++;
	body.w--;
	ui_draw_clear(&(struct ui_rect){body.y, rect->x, body.h, 1});
	r->height = body.h;
	if (r->width != body.w) {
		r->width = body.w;
		render(app);
	}
	if (r->doc != NULL) {
		r->top = CLAMP(r->top, 0, MAX((int)r->doc->lines->len - 1, 0));
		draw_lines(app, &body);
	} else {
		draw_waiting(app, &body);
	}
	if (app->focus == UI_IN_READER)
		ui_draw_cursor(body.y, body.x);
}

/* --- commands --------------------------------------------------------------------------------- */

static void next_unread(struct ui_app *app, bool backwards)
{
	if (ui_index_next_unread(app, backwards)) {
		ui_reader_open(app);
		return;
	}
	ui_say(app,
		backwards
			? _("No unread message above this one.")
			: _("No more unread here. q goes back to the list, c to another folder."));
}

static void forward(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;
	int n = r->doc != NULL ? (int)r->doc->lines->len : 0;

	if (r->top + r->height < n)
		r->top += MAX(r->height - 1, 1);
	else
		next_unread(app, false);
}

static void step(struct ui_app *app, int by)
{
	if (ui_index_step(app, by))
		ui_reader_open(app);
	else
		ui_say(app,
			by > 0 ? _("This is the last message.") : _("This is the first message."));
}

static void toggle_source(struct ui_app *app)
{
	struct ui_reader *r = &app->reader;

	r->flags ^= BZ_RENDER_RAW;
	r->top = 0;
	if ((r->flags & BZ_RENDER_RAW) != 0 && r->message != NULL && r->message->raw == NULL)
		fetch(app, BZ_FETCH_RAW);
	else
		render(app);
}

static bool scroll(struct ui_reader *r, enum ui_command command)
{
	int n = r->doc != NULL ? (int)r->doc->lines->len : 0;
	int page = MAX(r->height - 1, 1);

	if (!ui_move(command, MAX(n - r->height, 0) + 1, page, &r->top))
		return false;
	return true;
}

void ui_reader_command(struct ui_app *app, enum ui_command command)
{
	struct ui_reader *r = &app->reader;

	if (scroll(r, command))
		return;
	switch (command) {
	case UI_FORWARD:
		forward(app);
		break;
	case UI_BACK:
	case UI_LEFT:
		ui_reader_close(app);
		break;
	case UI_NEXT_UNREAD:
	case UI_PREVIOUS_UNREAD:
		next_unread(app, command == UI_PREVIOUS_UNREAD);
		break;
	case UI_NEXT:
		step(app, 1);
		break;
	case UI_PREVIOUS:
		step(app, -1);
		break;
	case UI_HEADERS:
		r->flags ^= BZ_RENDER_ALL_HEADERS;
		r->top = 0;
		render(app);
		break;
	case UI_SOURCE:
		toggle_source(app);
		break;
	default:
		break;
	}
}
