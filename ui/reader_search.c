/* `/` in a message: its lines as they are shown. */
#include "src/fold.h"
#include "src/lang.h"
#include "src/text.h"
#include "ui/find.h"
#include "ui/line.h"

#include <string.h>

static const char *line_text(const struct bz_doc *doc, guint at)
{
	return ((const struct bz_line *)g_ptr_array_index(doc->lines, at))->text;
}

static bool has(const struct bz_doc *doc, guint at, const char *needle)
{
	g_autofree char *line = bz_fold(line_text(doc, at));

	return strstr(line, needle) != NULL;
}

/* --- going from one to the next --------------------------------------------------------------- */

static unsigned count(const struct bz_doc *doc, const char *needle)
{
	unsigned n = 0;

	for (guint i = 0; i < doc->lines->len; i++)
		n += has(doc, i, needle);
	return n;
}

/* The line with it next to `from`, round the end; -1 = none. */
static int next_of(const struct bz_doc *doc, const char *needle, int from, int by)
{
	int n = (int)doc->lines->len;

	for (int i = 0; i < n; i++) {
		int at = ((from + i * by) % n + n) % n;

		if (has(doc, (guint)at, needle))
			return at;
	}
	return -1;
}

static bool go_on(struct ui_app *app, int from, int by)
{
	struct ui_reader *r = &app->reader;
	int at = r->doc != NULL && app->needle != NULL && app->needle[0] != '\0'
			 ? next_of(r->doc, app->needle, from, by)
			 : -1;

	if (at < 0)
		return false;
	r->found = at;
	if (at < r->top || at >= r->top + r->height)
		r->top = MAX(at - r->height / 3, 0);
	app->dirty = true;
	return true;
}

void ui_reader_search_step(struct ui_app *app, bool backwards)
{
	struct ui_reader *r = &app->reader;

	if (app->needle == NULL)
		ui_say(app, _("Nothing was searched for yet. / searches."));
	else if (!go_on(app, r->found + (backwards ? -1 : 1), backwards ? -1 : 1))
		ui_say(app, _("Nothing found."));
}

/* --- showing them ----------------------------------------------------------------------------- */

/* Bytes from p on that fold into needle; 0 = they do not. */
static gsize match_at(const char *p, const char *needle)
{
	gsize len = strlen(needle);

	for (gsize end = ui_line_next(p, 0); end > 0; end = ui_line_next(p, end)) {
		g_autofree char *part = g_strndup(p, end), *folded = bz_fold(part);

		if (strncmp(folded, needle, MIN(strlen(folded), len)) != 0)
			return 0;
		if (strlen(folded) >= len)
			return end;
		if (p[end] == '\0')
			return 0;
	}
	return 0;
}

void ui_reader_mark_found(const struct ui_app *app, guint at, int y, int x, int w)
{
	const struct bz_doc *doc = app->reader.doc;
	const char *text = line_text(doc, at);
	gsize i = 0;

	if (app->needle == NULL || app->needle[0] == '\0' || !has(doc, at, app->needle))
		return;
	while (text[i] != '\0') {
		gsize n = match_at(text + i, app->needle);

		if (n > 0) {
			g_autofree char *before = g_strndup(text, i),
					*part = g_strndup(text + i, n);
			int from = bz_text_width(before), cells = bz_text_width(part);

			if (from < w)
				ui_draw_mark(y, x + from, MIN(cells, w - from), UI_SELECTION);
		}
		i = n > 0 ? i + n : ui_line_next(text, i);
	}
}

/* --- the prompt ------------------------------------------------------------------------------- */

static void changed(struct ui_app *app, const char *text)
{
	g_free(app->needle);
	app->needle = bz_fold(text);
	if (!go_on(app, app->search_top, 1))
		app->reader.top = app->search_top;
}

static char *state(struct ui_app *app, const char *text)
{
	unsigned n = app->reader.doc != NULL && text[0] != '\0'
			     ? count(app->reader.doc, app->needle)
			     : 0;

	return text[0] != '\0' ? g_strdup_printf(ngettext("%u line", "%u lines", n), n)
			       : g_strdup("");
}

static void accept(struct ui_app *app, const char *text)
{
	if (text[0] == '\0')
		g_clear_pointer(&app->needle, g_free);
	else if (app->reader.doc == NULL || count(app->reader.doc, app->needle) == 0)
		ui_say(app, _("Nothing found."));
}

static void cancel(struct ui_app *app)
{
	g_clear_pointer(&app->needle, g_free);
	app->reader.top = app->search_top;
}

void ui_reader_search_prompt(struct ui_app *app)
{
	static const struct ui_prompt_kind kind = {.mark = '/',
		.label = "/",
		.changed = changed,
		.accept = accept,
		.cancel = cancel,
		.state = state};

	app->search_top = app->reader.top;
	g_clear_pointer(&app->needle, g_free);
	ui_push(app, ui_prompt_new(app, &kind, ""));
}

void ui_reader_search_for(struct ui_app *app, const char *text)
{
	app->search_top = app->reader.top;
	changed(app, text);
	accept(app, text);
}
