/* The server asked for what the rows here do not tell: messages that are not listed yet, and words
 * in texts. What is known here is shown before; Esc stops. */
#include "src/lang.h"
#include "ui/find.h"

bool ui_asking_can(const struct ui_account *a)
{
	return a->line == BZ_LINE_ONLINE || a->line == BZ_LINE_CONNECTING ||
	       a->line == BZ_LINE_NONE;
}

static void say_offline(struct ui_app *app, uint32_t here, uint32_t known)
{
	ui_say(app,
		ngettext("%u found, offline: only among the %u messages known here.",
			"%u found, offline: only among the %u messages known here.", here),
		here, known);
}

static void begin(struct ui_app *app, const char *words, bool is_search)
{
	struct ui_asking *k = &app->asking;
	struct bz_request *r = bz_request_new(BZ_REQ_SEARCH);

	r->folder = g_strdup(app->index.folder);
	r->limit = g_strdup(words);
	k->account = app->index.account;
	k->since = g_get_monotonic_time();
	k->is_search = is_search;
	k->request = bz_worker_submit(k->account->worker, r);
}

static void ask(struct ui_app *app, const char *words, bool is_search)
{
	struct ui_asking *k = &app->asking;

	if (ui_asking_can(app->index.account))
		begin(app, words, is_search);
	else
		say_offline(app, k->here, k->known);
}

void ui_asking_limit(struct ui_app *app, const struct bz_event *event)
{
	struct ui_index *x = &app->index;
	enum ui_asked was = x->asked;
	bool can = ui_asking_can(x->account);

	if (!event->asks_server || was == UI_ASKED || (was == UI_ASKED_IN_VAIN && !can))
		return;
	ui_asking_stop(app, false);
	x->asked = can ? UI_ASKED : UI_ASKED_IN_VAIN;
	app->asking.here = bz_listing_size(x->listing);
	app->asking.known = event->known;
	ask(app, x->limit, false);
}

void ui_asking_search(struct ui_app *app)
{
	const struct ui_find *f = &app->find;

	if (!f->asks_server)
		return;
	ui_asking_stop(app, false);
	app->asking.here = bz_listing_size(f->found);
	app->asking.known = f->known;
	ask(app, f->words, true);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void say_found(struct ui_app *app, const struct bz_event *event, uint32_t n)
{
	g_autofree char *took = bz_lang_seconds(event->took);

	if (event->is_cut)
		ui_say(app, _("The newest %u were found, on the server, %s; there are more."), n,
			took);
	else if (event->is_plain)
		ui_say(app,
			ngettext("%u found, on the server, %s; it compares letters without accents "
				 "alone.",
				"%u found, on the server, %s; it compares letters without accents "
				"alone.",
				n),
			n, took);
	else
		ui_say(app,
			ngettext("%u found, on the server, %s", "%u found, on the server, %s", n),
			n, took);
}

static void take(struct ui_app *app, struct bz_event *event)
{
	if (app->asking.is_search) {
		ui_search_found(app, event);
		return;
	}
	if (app->index.limit == NULL)
		return;
	ui_index_take(app, g_steal_pointer(&event->listing));
	say_found(app, event, bz_listing_size(app->index.listing));
}

static void say_stopped(struct ui_app *app)
{
	const struct ui_asking *k = &app->asking;

	ui_say(app,
		ngettext("Stopped. %u found, only among the %u messages known here.",
			"Stopped. %u found, only among the %u messages known here.", k->here),
		k->here, k->known);
}

static void fail(struct ui_app *app, const struct bz_err *err)
{
	const struct ui_asking *k = &app->asking;

	if (err->kind == BZ_ERR_CANCELLED)
		say_stopped(app);
	else if (err->kind == BZ_ERR_NET || err->kind == BZ_ERR_TIMEOUT)
		say_offline(app, k->here, k->known); /* why, the line's own words say */
	else
		ui_say_error(app, k->account, err);
}

bool ui_asking_event(struct ui_app *app, struct bz_event *event)
{
	struct ui_asking *k = &app->asking;

	if (k->request == 0 || event->kind != BZ_EVENT_DONE || event->request != k->request ||
		event->account != k->account->number)
		return false;
	k->request = 0;
	if (event->listing != NULL)
		take(app, event);
	else
		fail(app, &event->err);
	return true;
}

void ui_asking_stop(struct ui_app *app, bool say)
{
	struct ui_asking *k = &app->asking;

	if (k->request == 0)
		return;
	bz_worker_cancel(k->account->worker, k->request);
	k->request = 0;
	app->dirty = true;
	if (say)
		say_stopped(app);
}
