#include "ui/find.h"
#include "src/lang.h"
#include "src/limit.h"

#include <string.h>

static void stop(struct ui_app *app)
{
	struct ui_find *f = &app->find;

	if (f->request != 0)
		bz_worker_cancel(f->account->worker, f->request);
	f->request = 0;
}

void ui_find_clear(struct ui_app *app)
{
	struct ui_find *f = &app->find;

	stop(app);
	bz_listing_free(f->found);
	g_free(f->words);
	g_free(f->wrong);
	*f = (struct ui_find){0};
}

/* A fault is told at once, with its column. */
static bool make_sense(struct ui_find *f)
{
	struct bz_err err = {0};
	int column = 0;
	struct bz_limit *limit =
		bz_limit_parse(f->words, g_get_real_time() / G_USEC_PER_SEC, &column, &err);

	if (limit == NULL)
		f->wrong = g_strdup_printf(_("column %d: %s"), column, err.text);
	bz_limit_free(limit);
	return f->wrong == NULL;
}

void ui_find_ask(struct ui_app *app, const char *words, void (*came)(struct ui_app *app))
{
	struct ui_find *f = &app->find;
	struct bz_request *r;

	ui_find_clear(app);
	f->words = g_strdup(words);
	f->account = app->index.account;
	f->came = came;
	if (words[strspn(words, " ")] == '\0' || !make_sense(f))
		return;
	r = bz_request_new(BZ_REQ_LISTING);
	r->folder = g_strdup(app->index.folder);
	r->limit = g_strdup(words);
	f->request = bz_worker_submit(f->account->worker, r);
}

bool ui_find_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_find *f = &app->find;

	if (f->request == 0 || event->kind != BZ_EVENT_DONE || event->request != f->request ||
		event->account != f->account->number)
		return false;
	f->request = 0;
	f->found = g_steal_pointer(&event->listing);
	f->asks_server = event->asks_server;
	f->known = event->known;
	if (f->found == NULL && event->err.kind != BZ_ERR_CANCELLED)
		f->wrong = g_strdup(event->err.text);
	if (f->came != NULL)
		f->came(app);
	return true;
}

char *ui_find_words(const struct ui_app *app)
{
	const struct ui_find *f = &app->find;
	uint32_t n = f->found != NULL ? bz_listing_size(f->found) : 0;

	if (f->wrong != NULL)
		return g_strdup(f->wrong);
	if (f->request != 0)
		return g_strdup(_("looking..."));
	if (f->found == NULL)
		return g_strdup("");
	if (!f->asks_server)
		return g_strdup_printf(ngettext("%u found", "%u found", n), n);
	return ui_asking_can(f->account)
		       ? g_strdup_printf(ngettext("%u found here, Enter asks the server",
						 "%u found here, Enter asks the server", n),
				 n)
		       : g_strdup_printf(
				 ngettext("%u found here (offline)", "%u found here (offline)", n),
				 n);
}
