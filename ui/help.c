/* `?`: every command of the table that means something where it was asked; typing filters. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

enum { KEYS_W = 16, NARROW = 60 };

struct help {
	struct ui_view view;
	unsigned about; /* the context it was asked in */
	struct ui_where where;
	GString *filter;
	int pos, top, page, n;
};

/* Those without a key are run by their name. */
static const char *keys_of(const struct ui_command_info *c)
{
	return c->keys != NULL ? _(c->keys) : _(c->name);
}

static bool fits(const struct help *h, const struct ui_command_info *c)
{
	g_autofree char *all = NULL, *low = NULL, *want = NULL;

	if (!ui_command_is_here(c, &h->where))
		return false;
	all = g_strdup_printf("%s %s %s %s", keys_of(c), c->name, _(c->name), _(c->about));
	low = g_utf8_casefold(all, -1);
	want = g_utf8_casefold(h->filter->str, -1);
	return strstr(low, want) != NULL;
}

static void draw_command(const struct ui_command_info *c, int y, int x, int w, bool selected)
{
	enum ui_role role = selected ? UI_SELECTION : UI_TEXT;

	ui_draw_text(y, x, 2, role, "");
	ui_draw_text(y, x + 2, KEYS_W, selected ? role : UI_ACCENT, keys_of(c));
	ui_draw_text(y, x + 2 + KEYS_W, w - KEYS_W - 2, role, _(c->about));
}

/* Keys, and below them what they do. */
static void draw_tall(const struct ui_command_info *c, int y, int x, int w, bool selected)
{
	g_autofree char *keys = g_strdup_printf("  %s", keys_of(c));
	g_autofree char *about = g_strdup_printf("    %s", _(c->about));

	ui_draw_text(y, x, w, selected ? UI_SELECTION : UI_ACCENT, keys);
	ui_draw_text(y + 1, x, w, selected ? UI_SELECTION : UI_TEXT, about);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct help *h = (struct help *)view;
	size_t n;
	const struct ui_command_info *all = ui_commands(&n);
	g_autofree char *head = g_strdup_printf(_(" Keys. Type to filter: %s"), h->filter->str);
	int at = 0, tall = r->w < NARROW ? 2 : 1;

	h->where = ui_app_where(app, h->about);
	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, head);
	h->page = MAX((r->h - 1) / tall, 1);
	h->top = ui_scroll(h->top, h->pos, h->n > 0 ? h->n : 1000, h->page);
	for (size_t i = 0; i < n; i++) {
		if (!fits(h, &all[i]))
			continue;
		if (at >= h->top && at < h->top + h->page) {
			int y = r->y + 1 + (at - h->top) * tall;

			(tall == 2 ? draw_tall : draw_command)(
				&all[i], y, r->x, r->w, at == h->pos);
			if (at == h->pos)
				ui_draw_cursor(y, r->x);
		}
		at++;
	}
	h->n = at;
	if (at == 0) {
		ui_draw_text(r->y + 1, r->x, r->w, UI_DIM, _("  No command fits."));
		ui_draw_cursor(r->y, r->x + MIN(bz_text_width(head), r->w - 1));
	}
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct help *h = (struct help *)view;

	if (ui_move(command, h->n, h->page, &h->pos))
		return;
	if (command == UI_ERASE && h->filter->len > 0)
		g_string_truncate(h->filter, (gsize)(g_utf8_find_prev_char(h->filter->str,
							     h->filter->str + h->filter->len) -
						     h->filter->str));
	else if (command == UI_CANCEL || command == UI_BACK || command == UI_OPEN ||
		 command == UI_HELP)
		ui_pop(app);
}

static void text(struct ui_app *app, struct ui_view *view, gunichar c)
{
	struct help *h = (struct help *)view;

	if (c == 'q' && h->filter->len == 0) {
		ui_pop(app);
		return;
	}
	g_string_append_unichar(h->filter, c);
	h->pos = h->top = 0;
}

static void free_help(struct ui_view *view)
{
	struct help *h = (struct help *)view;

	g_string_free(h->filter, TRUE);
	g_free(h);
}

struct ui_view *ui_help_new(unsigned context)
{
	struct help *h = g_new0(struct help, 1);

	h->view = (struct ui_view){UI_IN_HELP, draw, command, text, free_help, false};
	h->about = context;
	h->filter = g_string_new(NULL);
	return &h->view;
}
