/* What is said to the person: title, the line that speaks, states, hints. */
#include "ui/app.h"
#include "src/lang.h"
#include "src/text.h"

#include <curses.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_LINES = 3, JOURNAL_MAX = 500, BAR = 10 };

/* --- messages --------------------------------------------------------------------------------------------------- */

static void write_journal(struct ui_app *app, const char *text)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");

	if (app->journal->len >= JOURNAL_MAX)
		g_ptr_array_remove_index(app->journal, 0);
	g_ptr_array_add(app->journal, g_strdup_printf("%s  %s", clock, text));
}

static void say(struct ui_app *app, const char *text, bool is_error)
{
	char *clean = bz_text_clean(text, strlen(text), 0);

	write_journal(app, clean);
	app->dirty = true;
	if (app->message_is_error && !is_error) {
		g_free(clean); /* an error stays */
		return;
	}
	g_free(app->message);
	app->message = clean;
	app->message_is_error = is_error;
}

void ui_say(struct ui_app *app, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = g_strdup_vprintf(fmt, args);
	va_end(args);
	say(app, text, false);
}

void ui_say_error(struct ui_app *app, const struct ui_account *a, const struct bz_err *err)
{
	GString *text = g_string_new(NULL);

	if (a != NULL && a != ui_app_current(app))
		g_string_append_printf(text, "%s: ", a->account->id);
	g_string_append(text, err->text);
	if (err->server[0] != '\0')
		g_string_append_printf(text, _(" The server said: \"%s\"."), err->server);
	if (err->kind == BZ_ERR_NET || err->kind == BZ_ERR_TIMEOUT)
		g_string_append(text, _("  $ try now, w work offline"));
	say(app, text->str, true);
	g_string_free(text, TRUE);
}

void ui_say_nothing(struct ui_app *app, bool errors_too)
{
	if (app->message_is_error && !errors_too)
		return;
	g_clear_pointer(&app->message, g_free);
	app->message_is_error = false;
	app->dirty = true;
}

/* Narrow windows have the state below the error, in a line more. */
int ui_message_lines(const struct ui_app *app, int h, int w)
{
	GPtrArray *lines;
	int n;

	if (app->message == NULL || !app->message_is_error)
		return 1;
	lines = ui_draw_wrap(app->message, MAX(w - 6, 10));
	n = (int)lines->len;
	g_ptr_array_unref(lines);
	return CLAMP(n + (w < 100), 1, MAX(MIN(h / 3, MESSAGE_LINES + 1), 1));
}

/* --- title ------------------------------------------------------------------------------------------------------- */

static char *counts(const struct ui_app *app, bool is_short)
{
	const struct ui_index *x = &app->index;

	if (x->exists == 0 && x->listing == NULL)
		return g_strdup("");
	if (is_short)
		return x->unseen > 0 ? g_strdup_printf(_("%u new"), x->unseen) : g_strdup("");
	if (app->is_file)
		return g_strdup_printf(
			ngettext("%u message", "%u messages", x->exists), x->exists);
	return g_strdup_printf(_("%u unread of %u"), x->unseen, x->exists);
}

void ui_draw_title(struct ui_app *app)
{
	const struct ui_rect *r = &app->layout.title;
	const struct ui_account *a = app->index.account;
	g_autofree char *who = bz_text_clean(a->account->id, strlen(a->account->id), 0);
	g_autofree char *count = counts(app, r->w < 60);
	g_autofree char *where = app->is_file ? g_strdup_printf("%s   %s", who, _("reading only"))
					      : g_strdup_printf("%s > %s", who, app->index.title);
	g_autofree char *all =
		g_strdup_printf("%s%s   %s", r->w >= 100 ? " buzon  " : " ", where, count);
	g_autofree char *help = g_strdup_printf("? %s ", _("help"));
	int n = r->w < 60 ? 2 : bz_text_width(help);

	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, all);
	ui_draw_text(r->y, r->x + r->w - n, n, UI_ACCENT, r->w < 60 ? "? " : help);
}

/* --- states ------------------------------------------------------------------------------------------------------- */

static int64_t now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static char *clock_of(int64_t when)
{
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_local(when);

	return t != NULL ? g_date_time_format(t, "%H:%M") : g_strdup("");
}

static char *offline_words(const struct ui_account *a)
{
	g_autofree char *since = clock_of(a->since);
	int64_t left = a->retry_at - now_s();

	if (a->retry_at == 0)
		return g_strdup_printf(_("offline %s"), since);
	return g_strdup_printf(_("offline %s, retry in %d s"), since, (int)MAX(left, 0));
}

static char *state_words(const struct ui_account *a)
{
	int seconds = (int)MAX(now_s() - a->since, 0);

	switch (a->line) {
	case BZ_LINE_NONE:
		return g_strdup(a->account->protocol == BZ_PROTOCOL_FILE ? "" : _("not connected"));
	case BZ_LINE_CONNECTING:
		return seconds >= 1 ? g_strdup_printf(_("connecting %d s"), seconds)
				    : g_strdup(_("connecting"));
	case BZ_LINE_ONLINE:
		return g_strdup(_("online"));
	case BZ_LINE_OFFLINE:
		return offline_words(a);
	case BZ_LINE_CHOICE:
		return g_strdup(_("offline by choice, w online"));
	case BZ_LINE_ASK_TRUST:
		return g_strdup(_("certificate? $ look"));
	case BZ_LINE_ASK_PASSWORD:
		return g_strdup(_("password? $ type it"));
	case BZ_LINE_ERROR:
		return g_strdup(_("error, E"));
	}
	return g_strdup("");
}

static char *size_words(uint64_t bytes)
{
	return bytes >= 1 << 20 ? g_strdup_printf("%.1f MB", (double)bytes / (1 << 20))
				: g_strdup_printf("%u kB", (unsigned)((bytes + 1023) >> 10));
}

static char *progress_words(const struct ui_account *a)
{
	g_autofree char *now = size_words(a->bytes);
	g_autofree char *all = size_words(a->bytes_total);
	char bar[BAR + 1];
	uint64_t part = a->bytes_total > 0 ? MIN(a->bytes * BAR / a->bytes_total, BAR) : 0;

	memset(bar, '-', BAR);
	memset(bar, '#', part);
	bar[BAR] = '\0';
	return g_strdup_printf(_("downloading %u of %u, %s of %s [%s]"), a->done, a->total, now, all, bar);
}

/* Current account first, then those that are doing or needing something. */
static bool is_news(const struct ui_account *a)
{
	return a->total > 0 || (a->line != BZ_LINE_ONLINE && a->line != BZ_LINE_NONE);
}

static void add_account(GString *out, const struct ui_account *a)
{
	g_autofree char *who = bz_text_clean(a->account->id, strlen(a->account->id), 0);
	g_autofree char *words = a->total > 0 ? progress_words(a) : state_words(a);

	if (words[0] != '\0')
		g_string_append_printf(out, "%s%s %s", out->len > 0 ? "   " : " ", who, words);
}

static char *status_words(struct ui_app *app)
{
	GString *out = g_string_new(NULL);
	const struct ui_account *current = ui_app_current(app);

	add_account(out, current);
	for (int i = 0; i < app->n; i++)
		if (&app->accounts[i] != current && is_news(&app->accounts[i]))
			add_account(out, &app->accounts[i]);
	return g_string_free(out, FALSE);
}

/* How long an answer is being waited for, once it is long. */
static char *waiting_words(struct ui_app *app)
{
	const struct ui_account *a = ui_app_current(app);
	bool fetching = app->reader.fetch_request != 0 && app->reader.message == NULL;
	int64_t since = fetching ? (g_get_monotonic_time() - app->reader.asked) / G_USEC_PER_SEC
			: a->line == BZ_LINE_CONNECTING ? now_s() - a->since
							: 0;

	if (since >= 10 && a->account->host != NULL)
		return g_strdup_printf(_("%s has not answered for %d s. Esc stop, w work offline"),
			a->account->host, (int)since);
	if (fetching && since >= 1)
		return g_strdup_printf(_("Fetching... %d s"), (int)since);
	return NULL;
}

static enum ui_role state_role(const struct ui_account *a)
{
	return a->line == BZ_LINE_ONLINE || a->line == BZ_LINE_NONE ? UI_TEXT
	       : a->line == BZ_LINE_CONNECTING			  ? UI_TEXT
								  : UI_WARN;
}

static void draw_error(struct ui_app *app)
{
	const struct ui_rect *m = &app->layout.message;
	GPtrArray *lines = ui_draw_wrap(app->message, MAX(m->w - 6, 10));

	for (int i = 0; i < m->h && i < (int)lines->len; i++) {
		if (app->layout.has_rule)
			ui_draw_rule(m->y + i, m->x, m->w, UI_BAD, g_ptr_array_index(lines, (guint)i));
		else
			ui_draw_text(m->y + i, m->x, m->w, UI_BAD, g_ptr_array_index(lines, (guint)i));
	}
	g_ptr_array_unref(lines);
}

/* What is said, cut where the state needs the end of its line. */
static void draw_said(struct ui_app *app, const char *text, int state_w)
{
	const struct ui_rect *m = &app->layout.message;
	g_autofree char *cut =
		text != NULL ? bz_text_fit(text, MAX(m->w - 6 - state_w, 10), false) : NULL;

	if (app->layout.has_rule)
		ui_draw_rule(m->y, m->x, m->w, UI_TEXT, cut);
	else
		ui_draw_text(m->y, m->x, m->w, UI_TEXT, text != NULL ? text : "");
}

void ui_draw_status(struct ui_app *app)
{
	const struct ui_rect *m = &app->layout.message, *s = &app->layout.status;
	g_autofree char *waiting = waiting_words(app);
	g_autofree char *after_g = app->prefix != 0 ? ui_command_after_prefix() : NULL;
	g_autofree char *words = status_words(app);
	const char *text = after_g != NULL ? after_g : waiting != NULL ? waiting : app->message;
	enum ui_role role = state_role(ui_app_current(app));
	bool apart = s->w >= 100;
	int n = apart ? 0 : MIN(bz_text_width(words), s->w - 4);

	draw_said(app, text, n > 0 ? n + 4 : 0);
	if (app->layout.has_rule && m->h > 1)
		ui_draw_rule(s->y, s->x, s->w, UI_TEXT, NULL);
	if (app->message_is_error && text == app->message)
		draw_error(app);
	if (apart)
		ui_draw_text(s->y, s->x, s->w, role, words);
	else if (app->layout.has_rule && n > 0)
		ui_draw_text(s->y, s->w - n - 3, n + 1, role, words);
	else if (text == NULL || s->y > m->y)
		ui_draw_text(s->y, s->x, s->w, role, words);
}

void ui_draw_hints(struct ui_app *app)
{
	const struct ui_rect *r = &app->layout.hints;
	const struct ui_view *top = ui_top(app);
	g_autofree char *hints = NULL;
	g_autofree char *help = g_strdup_printf("? %s ", _("help"));
	int n = bz_text_width(help);

	if (r->w == 0)
		return;
	hints = ui_command_hints(
		top != NULL ? top->context : app->focus, app->is_file, r->w - n - 1);
	ui_draw_text(r->y, r->x, r->w, UI_TEXT, hints);
	ui_draw_text(r->y, r->w - n, n, UI_TEXT, help);
}

bool ui_is_ticking(const struct ui_app *app)
{
	for (int i = 0; i < app->n; i++)
		if (app->accounts[i].line == BZ_LINE_CONNECTING || app->accounts[i].retry_at > 0)
			return true;
	return app->reader.fetch_request != 0 || app->reader.preview_at > 0;
}
