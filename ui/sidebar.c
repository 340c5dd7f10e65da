/* Accounts with their protocol, and their folders with counts of unread. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

/* One line: an account's head (folder NULL), a folder, or the blank between accounts. */
struct line {
	struct ui_account *account;
	const struct bz_folder *folder;
	bool blank;
};

static GArray *make_lines(struct ui_app *app)
{
	GArray *lines = g_array_new(FALSE, TRUE, sizeof(struct line));

	for (int i = 0; i < app->n; i++) {
		struct ui_account *a = &app->accounts[i];
		struct line head = {.account = a}, blank = {.account = a, .blank = true};

		if (i > 0)
			g_array_append_val(lines, blank);
		g_array_append_val(lines, head);
		for (guint k = 0; a->folders != NULL && k < a->folders->len; k++) {
			struct line l = {.account = a, .folder = g_ptr_array_index(a->folders, k)};

			g_array_append_val(lines, l);
		}
	}
	return lines;
}

static const char *protocol_name(const struct ui_account *a)
{
	return a->account->protocol == BZ_PROTOCOL_IMAP  ? "IMAP"
	       : a->account->protocol == BZ_PROTOCOL_POP ? "POP"
							 : _("file");
}

static void draw_folder(const struct line *l, int y, int x, int w, enum ui_role role)
{
	g_autofree char *title = ui_app_folder_title(l->folder);
	g_autofree char *text = g_strdup_printf("   %s", title);
	g_autofree char *count =
		l->folder->unseen > 0 ? g_strdup_printf(" %u ", l->folder->unseen) : g_strdup(" ");
	int n = (int)strlen(count);

	if (!l->folder->selectable && role != UI_SELECTION)
		role = UI_DIM;
	ui_draw_text(y, x, w - n, role, text);
	ui_draw_text(y, x + w - n, n, role, count);
}

static void draw_one(struct ui_app *app, const struct line *l, int y, int x, int w, bool here)
{
	bool in_view = l->folder != NULL && l->account == app->index.account &&
		       strcmp(l->folder->name, app->index.folder) == 0;
	enum ui_role role = here && app->focus == UI_IN_SIDEBAR ? UI_SELECTION
			    : in_view                           ? UI_ACCENT
								: UI_TEXT;

	if (l->blank) {
		ui_draw_text(y, x, w, UI_TEXT, "");
	} else if (l->folder != NULL) {
		draw_folder(l, y, x, w, role);
	} else {
		g_autofree char *name =
			bz_text_clean(l->account->account->id, strlen(l->account->account->id), 0);
		g_autofree char *text = g_strdup_printf(" %s  %s", name, protocol_name(l->account));

		ui_draw_text(y, x, w, role == UI_SELECTION ? role : UI_UNREAD, text);
	}
}

void ui_sidebar_draw(struct ui_app *app, const struct ui_rect *r)
{
	GArray *lines = make_lines(app);
	struct ui_rect rest = *r;

	app->sidebar_pos = CLAMP(app->sidebar_pos, 0, (int)lines->len - 1);
	app->sidebar_top = ui_scroll(app->sidebar_top, app->sidebar_pos, (int)lines->len, r->h);
	for (int i = 0; i < r->h && app->sidebar_top + i < (int)lines->len; i++) {
		int at = app->sidebar_top + i;

		draw_one(app, &g_array_index(lines, struct line, at), r->y + i, r->x, r->w,
			at == app->sidebar_pos);
		if (at == app->sidebar_pos && app->focus == UI_IN_SIDEBAR)
			ui_draw_cursor(r->y + i, r->x);
		rest.y++;
		rest.h--;
	}
	ui_draw_clear(&rest);
	if (r->x + r->w < app->layout.title.w)
		ui_draw_bar(r->y, r->x + r->w, r->h);
	g_array_unref(lines);
}

void ui_sidebar_follow(struct ui_app *app)
{
	GArray *lines = make_lines(app);

	for (guint i = 0; i < lines->len; i++) {
		const struct line *l = &g_array_index(lines, struct line, i);

		if (l->folder != NULL && l->account == app->index.account &&
			strcmp(l->folder->name, app->index.folder) == 0)
			app->sidebar_pos = (int)i;
	}
	g_array_unref(lines);
}

void ui_sidebar_leave(struct ui_app *app)
{
	app->focus = app->reader.open ? UI_IN_READER : UI_IN_INDEX;
	app->dirty = true;
}

/* The next line that can be opened, from the cursor on; -1 = none. */
static int next_openable(const GArray *lines, int from, int by)
{
	for (int i = from + by; i >= 0 && i < (int)lines->len; i += by) {
		const struct line *l = &g_array_index(lines, struct line, i);

		if (l->folder != NULL && l->folder->selectable)
			return i;
	}
	return -1;
}

void ui_sidebar_next_folder(struct ui_app *app, int by)
{
	GArray *lines;
	int to;

	ui_sidebar_follow(app);
	lines = make_lines(app);
	to = next_openable(lines, app->sidebar_pos, by);
	if (to >= 0) {
		const struct line *l = &g_array_index(lines, struct line, to);

		ui_index_open(app, l->account, l->folder);
	} else {
		ui_say(app,
			by > 0 ? _("This is the last folder.") : _("This is the first folder."));
	}
	g_array_unref(lines);
}

static void open_line(struct ui_app *app, const GArray *lines)
{
	const struct line *l = &g_array_index(lines, struct line, app->sidebar_pos);

	if (l->folder == NULL && l->account->folders != NULL && l->account->folders->len > 0)
		ui_index_open(app, l->account, g_ptr_array_index(l->account->folders, 0));
	else if (l->folder != NULL && l->folder->selectable)
		ui_index_open(app, l->account, l->folder);
	else if (l->folder != NULL)
		ui_say(app, _("This folder holds folders only."));
}

void ui_sidebar_command(struct ui_app *app, enum ui_command command)
{
	GArray *lines = make_lines(app);
	int before = app->sidebar_pos;

	if (ui_move(command, (int)lines->len, app->layout.sidebar.h, &app->sidebar_pos)) {
		if (g_array_index(lines, struct line, app->sidebar_pos).blank)
			app->sidebar_pos += app->sidebar_pos > before ? 1 : -1;
		app->dirty = true;
	} else if (command == UI_OPEN) {
		open_line(app, lines);
	} else if (command == UI_BACK) {
		ui_sidebar_leave(app);
	} else if (command == UI_LEFT) {
		ui_say(app, _("Nothing is further left. Enter opens a folder, q goes back to the "
			      "list."));
	}
	g_array_unref(lines);
}
