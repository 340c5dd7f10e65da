/* `:quota`: what the mailbox on the server may hold, and what takes up its space. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/act.h"

#include <string.h>

enum { SIZE_W = 9, COUNT_W = 9, AGE_W = 6, NARROW = 60, HEAD_H = 1 };

enum line_kind { LINE_ROOT, LINE_HEADING, LINE_FOLDER, LINE_MESSAGE };

struct line {
	enum line_kind kind;
	guint i; /* of its array; HEADING: 0 folders, 1 messages */
};

struct quota {
	struct ui_view view;
	struct ui_account *account;
	char *folder, *title;   /* the one that was open; title is cleaned */
	struct bz_usage *usage; /* NULL while it is asked for */
	GArray *lines;          /* struct line */
	struct bz_err err;
	int pos, top, page;
};

/* --- lines ------------------------------------------------------------------------------------ */

static void add_line(struct quota *q, enum line_kind kind, guint i)
{
	struct line line = {kind, i};

	g_array_append_val(q->lines, line);
}

static void add_lines(struct quota *q, enum line_kind kind, guint n)
{
	for (guint i = 0; i < n; i++)
		add_line(q, kind, i);
}

static void lay_out(struct quota *q)
{
	const struct bz_usage *u = q->usage;

	g_array_set_size(q->lines, 0);
	add_lines(q, LINE_ROOT, MAX(u->roots->len, 1));
	add_line(q, LINE_HEADING, 0);
	add_lines(q, LINE_FOLDER, u->folders->len);
	add_line(q, LINE_HEADING, 1);
	add_lines(q, LINE_MESSAGE, u->messages->len);
}

/* --- words ------------------------------------------------------------------------------------ */

static char *messages_words(const struct bz_usage_root *r)
{
	return r->messages_limit > 0 ? g_strdup_printf(_("%u of %u messages"),
					       (unsigned)r->messages, (unsigned)r->messages_limit)
				     : g_strdup("");
}

/* "User quota: 61% of 5.0 GB, 3.1 GB used" */
static char *root_words(const struct bz_usage_root *r)
{
	g_autofree char *used = bz_lang_size(r->used), *limit = bz_lang_size(r->limit);
	g_autofree char *messages = messages_words(r);
	g_autofree char *name = bz_text_clean(r->name, strlen(r->name), 0);
	const char *who = name[0] != '\0' ? name : _("Mailbox");
	double percent = r->limit > 0 ? (double)r->used * 100 / (double)r->limit : 0;

	if (r->limit == 0)
		return g_strdup_printf(
			"%s: %s", who, messages[0] != '\0' ? messages : _("no limit on space"));
	if (messages[0] != '\0')
		return g_strdup_printf(_("%s: %u%% of %s, %s used; %s"), who,
			(unsigned)MIN(percent, 999), limit, used, messages);
	return g_strdup_printf(
		_("%s: %u%% of %s, %s used"), who, (unsigned)MIN(percent, 999), limit, used);
}

static char *heading_words(const struct quota *q, guint which)
{
	if (which == 1 && q->usage->messages->len == 0)
		return g_strdup_printf(_("No messages of %s are listed here."), q->title);
	if (which == 1)
		return g_strdup_printf(_("Largest messages in %s"), q->title);
	if (q->usage->folders->len == 0)
		return g_strdup(_("No sizes of folders are known."));
	return g_strdup(q->usage->by_rows ? _("Largest folders (by the messages listed here)")
					  : _("Largest folders"));
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_root(const struct quota *q, guint i, int y, const struct ui_rect *r, bool selected)
{
	g_autofree char *words = NULL, *text = NULL;

	words = q->usage->roots->len > 0
			? root_words(&g_array_index(q->usage->roots, struct bz_usage_root, i))
			: g_strdup(_("The server tells no limit of the mailbox."));
	text = g_strdup_printf(" %s", words);
	ui_draw_text(y, r->x, r->w, selected ? UI_SELECTION : UI_TEXT, text);
}

static void draw_heading(
	const struct quota *q, guint i, int y, const struct ui_rect *r, bool selected)
{
	g_autofree char *words = heading_words(q, i), *text = g_strdup_printf(" %s", words);

	ui_draw_text(y, r->x, r->w, selected ? UI_SELECTION : UI_ACCENT, text);
}

static int draw_size(uint64_t bytes, int y, const struct ui_rect *r, enum ui_role role)
{
	g_autofree char *size = bz_lang_size(bytes);

	ui_draw_text(y, r->x, r->w, role, "");
	ui_draw_text(y, r->x + 1 + SIZE_W - MIN(bz_text_width(size), SIZE_W), SIZE_W, role, size);
	return r->x + SIZE_W + 3;
}

static char *title_of(const struct bz_usage_folder *f)
{
	struct bz_folder folder = {.name = f->name, .title = f->title, .role = f->role};

	return ui_app_folder_title(&folder);
}

static void draw_folder(
	const struct quota *q, guint i, int y, const struct ui_rect *r, bool selected)
{
	const struct bz_usage_folder *f =
		&g_array_index(q->usage->folders, struct bz_usage_folder, i);
	enum ui_role role = selected ? UI_SELECTION : UI_TEXT;
	g_autofree char *title = title_of(f);
	g_autofree char *count = g_strdup_printf("%u%s", f->messages, f->is_part ? "+" : "");
	int at = draw_size(f->bytes, y, r, role);

	if (r->w >= NARROW) {
		ui_draw_text(
			y, at + COUNT_W - MIN(bz_text_width(count), COUNT_W), COUNT_W, role, count);
		at += COUNT_W + 2;
	}
	ui_draw_text(y, at, r->x + r->w - at, role, title);
}

static void draw_message(
	const struct quota *q, guint i, int y, const struct ui_rect *r, bool selected)
{
	const struct bz_summary *m = &g_array_index(q->usage->messages, struct bz_summary, i);
	enum ui_role role = selected ? UI_SELECTION : UI_TEXT;
	int at = draw_size(m->size, y, r, role), from = MAX((r->w - at - AGE_W) / 3, 8);
	char age[32];

	if (r->w >= NARROW) {
		ui_index_date(m->date, m->received, g_get_real_time() / G_USEC_PER_SEC, age);
		ui_draw_text(y, at, AGE_W, role, age);
		at += AGE_W + 1;
		ui_draw_foreign(
			y, at, from, role, m->from_name[0] != '\0' ? m->from_name : m->from_addr);
		at += from + 1;
	}
	ui_draw_foreign(y, at, r->x + r->w - at, role,
		m->subject[0] != '\0' ? m->subject : _("(no subject)"));
}

static void draw_lines(struct quota *q, const struct ui_rect *r)
{
	static void (*const draws[])(const struct quota *, guint, int, const struct ui_rect *,
		bool) = {[LINE_ROOT] = draw_root,
		[LINE_HEADING] = draw_heading,
		[LINE_FOLDER] = draw_folder,
		[LINE_MESSAGE] = draw_message};
	int n = (int)q->lines->len;

	q->page = MAX(r->h - HEAD_H, 1);
	q->top = ui_scroll(q->top, q->pos, n, q->page);
	for (int i = 0; i < q->page && q->top + i < n; i++) {
		const struct line *line =
			&g_array_index(q->lines, struct line, (guint)(q->top + i));
		bool selected = q->top + i == q->pos;

		draws[line->kind](q, line->i, r->y + HEAD_H + i, r, selected);
		if (selected)
			ui_draw_cursor(r->y + HEAD_H + i, r->x);
	}
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct quota *q = (struct quota *)view;
	g_autofree char *who =
		bz_text_clean(q->account->account->id, strlen(q->account->account->id), 0);
	g_autofree char *head = g_strdup_printf(_(" %s: space on the server"), who);
	g_autofree char *wait = NULL;

	(void)app;
	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, head);
	ui_draw_cursor(r->y, r->x);
	if (q->usage != NULL) {
		draw_lines(q, r);
		return;
	}
	wait = g_strdup_printf(
		" %s", q->err.kind != BZ_ERR_NONE ? q->err.text : _("Asking the server..."));
	ui_draw_foreign(r->y + 1, r->x, r->w, UI_TEXT, wait);
}

/* --- keys and answers ------------------------------------------------------------------------- */

static void free_quota(struct ui_view *view)
{
	struct quota *q = (struct quota *)view;

	bz_usage_free(q->usage);
	g_array_unref(q->lines);
	g_free(q->folder);
	g_free(q->title);
	g_free(q);
}

static void told(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	struct ui_view *top = ui_top(app);
	struct quota *q = (struct quota *)top;

	if (top == NULL || top->context != UI_IN_QUOTA || q->account != act->account)
		return;
	q->err = event->err;
	if (event->usage == NULL || event->err.kind != BZ_ERR_NONE)
		return;
	bz_usage_free(q->usage);
	q->usage = g_steal_pointer(&event->usage);
	lay_out(q);
	q->pos = MIN(q->pos, (int)q->lines->len - 1);
}

static void ask(struct ui_app *app, struct quota *q)
{
	struct bz_request *r = bz_request_new(BZ_REQ_QUOTA);

	r->folder = g_strdup(q->folder);
	ui_act_submit(app, q->account, r, told);
}

static void go_to_folder(struct ui_app *app, struct ui_account *account, const char *name)
{
	const struct bz_folder *f = ui_app_folder(account, name);

	if (f == NULL) {
		ui_say(app, _("There is no such folder any longer."));
		return;
	}
	ui_pop(app);
	ui_index_open(app, account, f);
}

/* In the list behind the view, where it is still that folder's. */
static void go_to_message(struct ui_app *app, uint32_t row)
{
	const struct ui_index *x = &app->index;
	int64_t at = x->listing != NULL ? bz_listing_find(x->listing, row, x->pos) : -1;

	if (at < 0) {
		ui_say(app, _("This message is not in the list as it is now."));
		return;
	}
	ui_pop(app);
	app->focus = UI_IN_INDEX;
	ui_index_select(app, (uint32_t)at);
}

static void go(struct ui_app *app, const struct quota *q)
{
	const struct line *line = &g_array_index(q->lines, struct line, (guint)q->pos);
	g_autofree char *name = NULL;

	if (line->kind == LINE_FOLDER) {
		name = g_strdup(
			g_array_index(q->usage->folders, struct bz_usage_folder, line->i).name);
		go_to_folder(app, q->account, name);
	} else if (line->kind == LINE_MESSAGE) {
		go_to_message(
			app, g_array_index(q->usage->messages, struct bz_summary, line->i).row);
	}
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct quota *q = (struct quota *)view;

	if (ui_move(command, (int)q->lines->len, MAX(q->page, 1), &q->pos))
		return;
	if (command == UI_BACK || command == UI_CANCEL)
		ui_pop(app);
	else if (command == UI_GET_MAIL)
		ask(app, q);
	else if (command == UI_OPEN && q->lines->len > 0)
		go(app, q);
}

struct ui_view *ui_quota_new(struct ui_app *app)
{
	struct quota *q = g_new0(struct quota, 1);

	q->view = (struct ui_view){UI_IN_QUOTA, draw, command, NULL, free_quota, false};
	q->account = app->index.account;
	q->folder = g_strdup(app->index.folder);
	q->title = g_strdup(app->index.title);
	q->lines = g_array_new(FALSE, FALSE, sizeof(struct line));
	ask(app, q);
	return &q->view;
}
