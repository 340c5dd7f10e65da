#include "ui/layout.h"

enum { SIDEBAR_W = 23, MIN_H = 6, MIN_W = 20 };

/* The lines at the bottom, from below. */
static int place_bottom(struct ui_layout *l, int h, int w, int message_lines)
{
	int y = h;

	if (l->has_hints)
		l->hints = (struct ui_rect){--y, 0, 1, w};
	if (w >= 100)
		l->status = (struct ui_rect){--y, 0, 1, w};
	y -= message_lines;
	l->message = (struct ui_rect){y, 0, message_lines, w};
	if (w < 100) /* one line for both: what is said, and the state at its right */
		l->status = (struct ui_rect){h - (l->has_hints ? 2 : 1), 0, 1, w};
	return y;
}

static void place_wide(struct ui_layout *l, const struct ui_rect *body)
{
	int index_w = body->w * 45 / 100;

	l->index = (struct ui_rect){body->y, body->x, body->h, index_w};
	l->reader =
		(struct ui_rect){body->y, body->x + index_w + 1, body->h, body->w - index_w - 1};
	l->reader_shares = true;
}

static void place_stacked(struct ui_layout *l, const struct ui_rect *body)
{
	int index_h = body->h * 9 / 20;

	l->index = (struct ui_rect){body->y, body->x, index_h, body->w};
	l->reader = (struct ui_rect){body->y + index_h, body->x, body->h - index_h, body->w};
	l->reader_shares = true;
}

static void place_single(struct ui_layout *l, const struct ui_rect *body, bool reading)
{
	if (reading)
		l->reader = *body;
	else
		l->index = *body;
}

struct ui_layout ui_layout_make(
	int h, int w, bool want_sidebar, bool sidebar_focus, bool reading, int message_lines)
{
	struct ui_layout l = {.too_small = h < MIN_H || w < MIN_W};
	struct ui_rect body = {1, 0, 0, w};
	bool beside = w >= 100 && want_sidebar;

	if (l.too_small)
		return l;
	l.two_lines = w < 60;
	l.has_hints = w >= 60 && h >= 10;
	l.has_rule = w >= 60;
	l.title = (struct ui_rect){0, 0, 1, w};
	body.h = place_bottom(&l, h, w, message_lines) - 1;
	if (beside) {
		l.sidebar = (struct ui_rect){1, 0, body.h, SIDEBAR_W};
		body.x = SIDEBAR_W + 1;
		body.w -= body.x;
	} else if (w < 100 && sidebar_focus) { /* slides over */
		l.sidebar = (struct ui_rect){1, 0, body.h, w < 60 ? w : SIDEBAR_W + 7};
	}
	if (w >= 170)
		place_wide(&l, &body);
	else if (w >= 100 && h >= 30)
		place_stacked(&l, &body);
	else
		place_single(&l, &body, reading);
	return l;
}
