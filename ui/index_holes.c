/* Rows in view that are not known yet: the worker is asked for them, in place of what comes by and
 * by. */
#include "ui/app.h"

static bool has_holes(const struct ui_index *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (bz_listing_row(x->listing, x->top + i) == 0)
			return true;
	return false;
}

/* What the answer left open is not asked for again, as long as the list is as long. */
static bool was_asked(const struct ui_index *x, uint32_t n)
{
	return x->window.first == x->top && x->window.count == n &&
	       x->window_size == bz_listing_size(x->listing);
}

void ui_index_ask_rows(struct ui_index *x, uint32_t n)
{
	const struct ui_account *a = x->account;
	struct bz_request *r;

	if (x->limit != NULL || (a->caps & BZ_CAP_LIVE) == 0 || a->line != BZ_LINE_ONLINE ||
		!bz_listing_has_holes(x->listing) || !has_holes(x, n) || was_asked(x, n))
		return;
	if (x->window_request != 0) /* the newest counts */
		bz_worker_drop(a->worker, x->window_request);
	x->window = (struct bz_window){x->top, n};
	x->window_size = bz_listing_size(x->listing);
	r = bz_request_new(BZ_REQ_WINDOW);
	r->folder = g_strdup(x->folder);
	r->window = x->window;
	x->window_request = bz_worker_submit(a->worker, r);
}

static bool is_of_line(const struct bz_err *err)
{
	return err->kind == BZ_ERR_NET || err->kind == BZ_ERR_TIMEOUT;
}

bool ui_index_rows_came(struct ui_app *app, struct bz_event *event)
{
	struct ui_index *x = &app->index;

	if (x->window_request == 0 || event->request != x->window_request)
		return false;
	x->window_request = 0;
	if (event->listing == NULL && (event->err.kind == BZ_ERR_NONE || is_of_line(&event->err)))
		x->window.count = 0; /* asked for again when something has come */
	if (event->listing == NULL || x->limit != NULL)
		return true;
	app->draw_now = true;
	ui_index_take(app, g_steal_pointer(&event->listing));
	return true;
}
