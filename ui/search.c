/* `/` in the list: what is typed is looked for in senders and subjects while it is typed. */
#include "src/lang.h"
#include "ui/find.h"

#include <string.h>

/* As one phrase of the limit language. */
static char *phrase(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "\"", 0);
	g_autofree char *plain = g_strjoinv(" ", parts);

	return plain[strspn(plain, " ")] != '\0' ? g_strdup_printf("\"%s\"", plain) : g_strdup("");
}

/* --- going from one to the next --------------------------------------------------------------- */

static void remember(struct ui_search *s, const struct bz_listing *found)
{
	if (s->rows != NULL)
		g_hash_table_unref(s->rows);
	s->rows = g_hash_table_new(NULL, NULL);
	for (uint32_t i = 0; i < bz_listing_size(found); i++)
		g_hash_table_add(s->rows, GUINT_TO_POINTER(bz_listing_row(found, i)));
}

/* The next position that was found, from `from` on and round the end; -1 = none. *round: it was. */
static int64_t next_of(const struct ui_app *app, int64_t from, int by, bool *round)
{
	const struct bz_listing *list = app->index.listing;
	int64_t size = list != NULL ? bz_listing_size(list) : 0;

	*round = false;
	for (int64_t i = 0, at = from; i < size; i++, at += by) {
		if (at < 0 || at >= size) {
			at = at < 0 ? size - 1 : 0;
			*round = true;
		}
		if (g_hash_table_contains(
			    app->search.rows, GUINT_TO_POINTER(bz_listing_row(list, (uint32_t)at))))
			return at;
	}
	return -1;
}

/* How many of those found stand above it, itself counted. */
static unsigned rank(const struct ui_app *app, uint32_t pos)
{
	unsigned n = 0;

	for (uint32_t i = 0; i <= pos; i++)
		n += g_hash_table_contains(
			app->search.rows, GUINT_TO_POINTER(bz_listing_row(app->index.listing, i)));
	return n;
}

/* How long the server took, said once; NULL: it was not asked. */
static char *took_words(struct ui_search *s)
{
	char *words = s->took > 0 ? bz_lang_seconds(s->took) : NULL;

	s->took = 0;
	return words;
}

static void say_where(struct ui_app *app, bool round)
{
	unsigned at = rank(app, app->index.pos), n = g_hash_table_size(app->search.rows);
	g_autofree char *took = took_words(&app->search);

	if (took != NULL)
		ui_say(app,
			app->search.is_cut
				? _("%u of the newest %u found, on the server, %s.  n next, N "
				    "previous")
				: _("%u of %u found, on the server, %s.  n next, N previous"),
			at, n, took);
	else
		ui_say(app,
			round ? _("%u of %u found, round the end.  n next, N previous")
			      : _("%u of %u found.  n next, N previous"),
			at, n);
}

static void say_none(struct ui_app *app)
{
	g_autofree char *took = took_words(&app->search);

	if (took != NULL)
		ui_say(app, _("Nothing found, on the server, %s."), took);
	else
		ui_say(app, _("Nothing found."));
}

static void go_on(struct ui_app *app, int64_t from, int by, bool say)
{
	bool round;
	int64_t at = next_of(app, from, by, &round);

	if (at >= 0)
		ui_index_select(app, (uint32_t)at);
	if (at >= 0 && say)
		say_where(app, round);
	else if (say)
		say_none(app);
}

void ui_search_step(struct ui_app *app, bool backwards)
{
	if (app->search.rows == NULL)
		ui_say(app, _("Nothing was searched for yet. / searches."));
	else
		go_on(app, (int64_t)app->index.pos + (backwards ? -1 : 1), backwards ? -1 : 1,
			true);
}

/* --- the prompt ------------------------------------------------------------------------------- */

static bool is_typing(const struct ui_app *app)
{
	const struct ui_view *top = ui_top(app);

	return top != NULL && top->context == UI_IN_PROMPT;
}

static void came(struct ui_app *app)
{
	if (app->find.found == NULL)
		return;
	remember(&app->search, app->find.found);
	go_on(app, app->search.from, 1, !is_typing(app));
	if (!is_typing(app))
		ui_asking_search(app);
}

void ui_search_found(struct ui_app *app, const struct bz_event *event)
{
	struct ui_search *s = &app->search;

	remember(s, event->listing);
	s->took = MAX(event->took, 1);
	s->is_cut = event->is_cut;
	s->is_due = true;
	ui_index_relist(app);
}

/* One that was found before stays selected. */
void ui_search_listed(struct ui_app *app)
{
	struct ui_search *s = &app->search;

	if (!s->is_due || app->index.listing_request != 0)
		return;
	s->is_due = false;
	if (g_hash_table_contains(s->rows, GUINT_TO_POINTER(app->index.row)))
		say_where(app, false);
	else
		go_on(app, app->index.pos, 1, true);
}

static void changed(struct ui_app *app, const char *text)
{
	g_autofree char *words = phrase(text);

	ui_find_ask(app, words, came);
	if (words[0] == '\0')
		ui_index_select(app, (uint32_t)app->search.from);
}

static char *state(struct ui_app *app, const char *text)
{
	(void)text;
	return ui_find_words(app);
}

static void accept(struct ui_app *app, const char *text)
{
	(void)text;
	if (app->find.found != NULL && bz_listing_size(app->find.found) > 0)
		say_where(app, false);
	else if (app->find.found != NULL && !app->find.asks_server)
		say_none(app);
	if (app->find.found != NULL)
		ui_asking_search(app);
}

static void cancel(struct ui_app *app)
{
	ui_find_clear(app);
	ui_index_select(app, (uint32_t)app->search.from);
}

static void begin(struct ui_app *app)
{
	ui_find_clear(app);
	if (app->asking.is_search)
		ui_asking_stop(app, false);
	g_clear_pointer(&app->search.rows, g_hash_table_unref);
	app->search.from = app->index.pos;
	app->search.took = 0;
	app->search.is_due = false;
}

void ui_search_prompt(struct ui_app *app)
{
	static const struct ui_prompt_kind kind = {.mark = '/',
		.label = "/",
		.changed = changed,
		.accept = accept,
		.cancel = cancel,
		.state = state};

	begin(app);
	ui_push(app, ui_prompt_new(app, &kind, ""));
}

void ui_search_for(struct ui_app *app, const char *text)
{
	g_autofree char *words = phrase(text);

	begin(app);
	ui_find_ask(app, words, came);
}
