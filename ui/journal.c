/* `E`: messages and errors of this session, the newest last. */
#include "src/lang.h"
#include "ui/app.h"

struct journal {
	struct ui_view view;
	GPtrArray *lines; /* char *, wrapped */
	int width, top, page;
	unsigned count; /* of the journal, when the lines were made */
};

static void wrap(struct ui_app *app, struct journal *j, int w)
{
	if (j->lines != NULL)
		g_ptr_array_unref(j->lines);
	j->lines = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < app->journal->len; i++) {
		GPtrArray *piece = ui_draw_wrap(g_ptr_array_index(app->journal, i), w - 2);

		g_ptr_array_extend_and_steal(j->lines, piece);
	}
	if (j->lines->len == 0)
		g_ptr_array_add(j->lines, g_strdup(_("Nothing was said yet.")));
	j->width = w;
	j->count = app->journal_count;
	j->top = (int)j->lines->len; /* the end; drawing brings it into range */
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct journal *j = (struct journal *)view;

	if (j->width != r->w || j->count != app->journal_count)
		wrap(app, j, r->w);
	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, _(" Messages and errors of this session"));
	j->page = r->h - 1;
	j->top = CLAMP(j->top, 0, MAX((int)j->lines->len - j->page, 0));
	for (int i = 0; i < j->page && j->top + i < (int)j->lines->len; i++)
		ui_draw_text(r->y + 1 + i, r->x + 1, r->w - 1, UI_TEXT,
			g_ptr_array_index(j->lines, (guint)(j->top + i)));
	ui_draw_cursor(r->y + 1, r->x);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct journal *j = (struct journal *)view;
	int n = j->lines != NULL ? (int)j->lines->len
				 : 0; /* keys can come before the first drawing */

	if (ui_move(command, MAX(n - j->page, 0) + 1, j->page, &j->top))
		return;
	if (command == UI_BACK || command == UI_CANCEL || command == UI_OPEN)
		ui_pop(app);
}

static void free_journal(struct ui_view *view)
{
	struct journal *j = (struct journal *)view;

	if (j->lines != NULL)
		g_ptr_array_unref(j->lines);
	g_free(j);
}

struct ui_view *ui_journal_new(struct ui_app *app)
{
	struct journal *j = g_new0(struct journal, 1);

	(void)app;
	j->view = (struct ui_view){UI_IN_JOURNAL, draw, command, NULL, free_journal, false};
	return &j->view;
}
