#include "ui/app.h"

void ui_push(struct ui_app *app, struct ui_view *view)
{
	g_ptr_array_add(app->views, view);
	app->prefix = 0;
	app->dirty = true;
}

void ui_pop(struct ui_app *app)
{
	if (app->views->len > 0)
		g_ptr_array_remove_index(app->views, app->views->len - 1);
	app->dirty = true;
}

struct ui_view *ui_top(const struct ui_app *app)
{
	return app->views->len > 0 ? g_ptr_array_index(app->views, app->views->len - 1) : NULL;
}

bool ui_move(enum ui_command command, int n, int page, int *pos)
{
	int to = *pos;

	switch (command) {
	case UI_UP:
		to--;
		break;
	case UI_DOWN:
		to++;
		break;
	case UI_PAGE_UP:
		to -= page;
		break;
	case UI_PAGE_DOWN:
		to += page;
		break;
	case UI_HALF_UP:
		to -= page / 2;
		break;
	case UI_HALF_DOWN:
		to += page / 2;
		break;
	case UI_FIRST:
		to = 0;
		break;
	case UI_LAST:
		to = n - 1;
		break;
	default:
		return false;
	}
	*pos = CLAMP(to, 0, MAX(n - 1, 0));
	return true;
}

int ui_scroll(int top, int pos, int n, int page)
{
	page = MAX(page, 1);
	if (pos < top)
		top = pos;
	if (pos >= top + page)
		top = pos - page + 1;
	return CLAMP(top, 0, MAX(n - page, 0));
}
