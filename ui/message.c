/* What is said to the person: title, the line that speaks, states, hints. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <curses.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum detail { WITH_BAR, WITH_SIZE, COUNT_ONLY, CURRENT_ONLY };

enum { MESSAGE_LINES = 4, JOURNAL_MAX = 500, BAR = 10 };
enum { QUOTA_WARN = 90, QUOTA_FULL = 98, PERCENT_MAX = 999 };

/* --- messages --------------------------------------------------------------------------------- */

static void write_journal(struct ui_app *app, const char *text)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");
	g_autofree char *line = g_strdup_printf("%s  %s", clock, text);
	guint n = app->journal->len;

	if (n > 0 && strcmp(g_ptr_array_index(app->journal, n - 1), line) == 0)
		return; /* several requests met the same */
	if (app->journal->len >= JOURNAL_MAX)
		g_ptr_array_remove_index(app->journal, 0);
	g_ptr_array_add(app->journal, g_steal_pointer(&line));
	app->journal_count++;
}

static void say(struct ui_app *app, const char *text, const struct ui_account *a, bool is_error)
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
	app->message_account = a;
}

void ui_say(struct ui_app *app, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = g_strdup_vprintf(fmt, args);
	va_end(args);
	say(app, text, NULL, false);
}

/* The keys that help, of the account in view. */
static const char *next_step(const struct ui_account *a, const struct bz_err *err)
{
	if ((a->caps & BZ_CAP_REMOTE) == 0)
		return "";
	switch (err->kind) {
	case BZ_ERR_NET:
	case BZ_ERR_TIMEOUT:
	case BZ_ERR_TLS:
	case BZ_ERR_PROTO:
		return _("  $ try now, w work offline");
	case BZ_ERR_TRUST:
		return _("  $ look at it, w work offline");
	case BZ_ERR_LOCAL:
		return _("  $ try again");
	default:
		return "";
	}
}

void ui_say_error(struct ui_app *app, const struct ui_account *a, const struct bz_err *err)
{
	bool is_current = a == ui_app_current(app);
	GString *text;

	if (err->kind == BZ_ERR_NET && a->line == BZ_LINE_CHOICE) { /* as the person wished */
		ui_say(app, "%s", err->text);
		return;
	}
	text = g_string_new(NULL);
	if (!is_current)
		g_string_append_printf(text, "%s: ", a->account->id);
	g_string_append(text, err->text);
	if (err->server[0] != '\0')
		g_string_append_printf(text, _(" The server said: \"%s\"."), err->server);
	if (is_current)
		g_string_append(text, next_step(a, err));
	say(app, text->str, a, true);
	g_string_free(text, TRUE);
}

void ui_say_nothing(struct ui_app *app, bool errors_too)
{
	if (app->message_is_error && !errors_too)
		return;
	g_clear_pointer(&app->message, g_free);
	app->message_is_error = false;
	app->message_account = NULL;
	app->dirty = true;
}

/* --- title ------------------------------------------------------------------------------------ */

static char *limit_words(const struct ui_index *x, bool is_short)
{
	g_autofree char *limit = bz_text_clean(x->limit, strlen(x->limit), 0);
	uint32_t n = bz_listing_size(x->listing);

	return is_short ? g_strdup_printf(_("%u of %u"), n, x->exists)
			: g_strdup_printf(_("%u of %u: %s"), n, x->exists, limit);
}

static char *counts(const struct ui_app *app, bool is_short)
{
	const struct ui_index *x = &app->index;

	if (x->limit != NULL && x->listing != NULL)
		return limit_words(x, is_short);
	if (x->exists == 0 && (x->listing == NULL || ui_app_is_away(x->account)))
		return g_strdup("");
	if (is_short)
		return x->unseen > 0 ? g_strdup_printf(_("%u new"), x->unseen) : g_strdup("");
	if (app->is_file)
		return g_strdup_printf(ngettext("%u message", "%u messages", x->exists), x->exists);
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
	const char *order = r->w >= 100 && app->index.in_threads && app->index.limit == NULL
				    ? _("threads, newest first")
				    : "";
	g_autofree char *all = g_strdup_printf("%s%s   %s%s%s", r->w >= 100 ? " buzon  " : " ",
		where, count, order[0] != '\0' ? "   " : "", order);
	g_autofree char *help = g_strdup_printf("? %s ", _("help"));
	int n = r->w < 60 ? 2 : bz_text_width(help);

	ui_draw_text(r->y, r->x, r->w - n, UI_ACCENT, all);
	ui_draw_text(r->y, r->x + r->w - n, n, UI_ACCENT, r->w < 60 ? "? " : help);
}

/* --- states ----------------------------------------------------------------------------------- */

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

static char *state_words(const struct ui_account *a, bool is_current)
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
		return g_strdup(
			is_current ? _("certificate? $ look") : _("certificate? c go there"));
	case BZ_LINE_ASK_PASSWORD:
		return g_strdup(is_current ? _("password? $ type it") : _("password? c go there"));
	case BZ_LINE_ERROR:
		return g_strdup(_("error, E"));
	}
	return g_strdup("");
}

/* "1.2 of 4.6 MB" */
static char *size_words(uint64_t bytes, uint64_t all)
{
	unsigned tenths = (unsigned)(bytes / (1 << 20) * 10 + bytes % (1 << 20) * 10 / (1 << 20));
	unsigned of = (unsigned)(all / (1 << 20) * 10 + all % (1 << 20) * 10 / (1 << 20));

	if (all >= 1 << 20)
		return g_strdup_printf(
			_("%u.%u of %u.%u MB"), tenths / 10, tenths % 10, of / 10, of % 10);
	return g_strdup_printf(
		_("%u of %u kB"), (unsigned)((bytes + 1023) >> 10), (unsigned)((all + 1023) >> 10));
}

static char *bar_of(uint64_t part, uint64_t all)
{
	char *bar = g_strnfill(BAR, '-');

	if (all > 0)
		memset(bar, '#', (size_t)((double)MIN(part, all) * BAR / (double)all));
	return bar;
}

/* The less room, the less of it; the count always. */
static char *progress_words(const struct ui_account *a, enum detail detail)
{
	g_autofree char *sizes = size_words(a->bytes, a->bytes_total);
	g_autofree char *bar = bar_of(a->bytes, a->bytes_total);

	if (detail == COUNT_ONLY)
		return g_strdup_printf(_("downloading %u of %u"), a->done, a->total);
	if (detail == WITH_SIZE)
		return g_strdup_printf(_("downloading %u of %u, %s"), a->done, a->total, sizes);
	return g_strdup_printf(_("downloading %u of %u, %s [%s]"), a->done, a->total, sizes, bar);
}

/* Current account first, then those that are doing or needing something. */
static bool is_news(const struct ui_account *a)
{
	return a->total > 0 || (a->line != BZ_LINE_ONLINE && a->line != BZ_LINE_NONE);
}

static unsigned percent_used(const struct ui_account *a)
{
	double percent =
		a->space_limit > 0 ? (double)a->space_bytes * 100 / (double)a->space_limit : 0;

	return (unsigned)MIN(percent, PERCENT_MAX);
}

/* "quota [######----] 61% of 5.0 GB", and behind it the mark of what will soon be full. */
static char *quota_words(const struct ui_account *a, enum detail detail)
{
	unsigned percent = percent_used(a);
	const char *mark = percent >= QUOTA_WARN ? "!" : "";
	g_autofree char *limit = bz_lang_size(a->space_limit);
	g_autofree char *bar = bar_of(percent, 100);

	if (detail == WITH_BAR)
		return g_strdup_printf(_("quota [%s] %u%%%s of %s"), bar, percent, mark, limit);
	if (detail == WITH_SIZE)
		return g_strdup_printf(_("quota %u%%%s of %s"), percent, mark, limit);
	return percent >= QUOTA_WARN ? g_strdup_printf(_("quota %u%%%s"), percent, mark)
				     : g_strdup("");
}

/* The line's state, and what waits for it. */
static char *state_and_waiting(const struct ui_account *a, bool is_current)
{
	g_autofree char *state = state_words(a, is_current);
	g_autofree char *waiting =
		g_strdup_printf(ngettext("%u change waits for the line",
					"%u changes wait for the line", a->waiting),
			a->waiting);

	if (a->waiting == 0 || a->line == BZ_LINE_ONLINE)
		return g_steal_pointer(&state);
	return g_strdup_printf("%s, %s", state, waiting);
}

/* "online, server 1234 msgs, 1.2 GB": what is there, where there is room for it. */
static char *line_words(const struct ui_account *a, bool is_current, enum detail detail)
{
	g_autofree char *state = state_and_waiting(a, is_current);
	g_autofree char *size = bz_lang_size(a->space_bytes);
	g_autofree char *quota = a->space_limit > 0 ? quota_words(a, detail) : NULL;

	if (is_current && quota != NULL && quota[0] != '\0')
		return g_strdup_printf("%s  %s", state, quota);
	if (!is_current || a->space_count == 0 || detail >= COUNT_ONLY)
		return g_steal_pointer(&state);
	return g_strdup_printf(
		ngettext("%s, server %u msg, %s", "%s, server %u msgs, %s", a->space_count), state,
		a->space_count, size);
}

static void add_account(
	GString *out, const struct ui_account *a, bool is_current, enum detail detail)
{
	g_autofree char *who = bz_text_clean(a->account->id, strlen(a->account->id), 0);
	g_autofree char *words = a->total > 0 ? progress_words(a, MIN(detail, COUNT_ONLY))
					      : line_words(a, is_current, detail);

	if (words[0] != '\0')
		g_string_append_printf(out, "%s%s %s", out->len > 0 ? "   " : " ", who, words);
}

static char *status_in_detail(const struct ui_app *app, enum detail detail)
{
	GString *out = g_string_new(NULL);
	const struct ui_account *current = app->index.account;

	add_account(out, current, true, detail);
	for (int i = 0; i < app->n && detail != CURRENT_ONLY; i++)
		if (&app->accounts[i] != current && is_news(&app->accounts[i]))
			add_account(out, &app->accounts[i], false, detail);
	return g_string_free(out, FALSE);
}

/* As much as fits in w cells. */
static char *status_words(const struct ui_app *app, int w)
{
	char *words = status_in_detail(app, WITH_BAR);

	for (int detail = WITH_SIZE; detail <= CURRENT_ONLY && bz_text_width(words) > w; detail++) {
		g_free(words);
		words = status_in_detail(app, (enum detail)detail);
	}
	return words;
}

/* Cells there are for them: where the rule is the line, it is seen at both ends. */
static int status_room(int w)
{
	return w >= 100 || w < 60 ? w : w - 4;
}

static char *asking_words(const struct ui_app *app)
{
	const struct ui_asking *k = &app->asking;
	int s = (int)((g_get_monotonic_time() - k->since) / G_USEC_PER_SEC);

	return g_strdup_printf(
		_("%u found here. Asking the server... %d s  Esc stops"), k->here, s);
}

/* How long an answer is being waited for, once it is long. */
static char *waiting_words(const struct ui_app *app)
{
	const struct ui_account *a = app->index.account;
	bool fetching = app->reader.fetch_request != 0 && app->reader.asked > 0 &&
			app->reader.message == NULL;
	int64_t since = fetching ? (g_get_monotonic_time() - app->reader.asked) / G_USEC_PER_SEC
			: a->line == BZ_LINE_CONNECTING ? now_s() - a->since
							: 0;

	if (since >= 10 && a->account->host != NULL)
		return g_strdup_printf(_("%s has not answered for %d s. Esc stop, w work offline"),
			a->account->host, (int)since);
	if (app->asking.request != 0)
		return asking_words(app);
	if (fetching && since >= 1)
		return g_strdup_printf(_("Fetching... %d s"), (int)since);
	return NULL;
}

static enum ui_role state_role(const struct ui_account *a)
{
	if (percent_used(a) >= QUOTA_FULL)
		return UI_BAD;
	if (percent_used(a) >= QUOTA_WARN)
		return UI_WARN;
	return a->line == BZ_LINE_ONLINE || a->line == BZ_LINE_NONE ? UI_TEXT
	       : a->line == BZ_LINE_CONNECTING                      ? UI_TEXT
								    : UI_WARN;
}

/* What the line that speaks says now, or NULL; the caller frees. */
static char *said(const struct ui_app *app)
{
	char *waiting = waiting_words(app);

	return waiting != NULL ? waiting : g_strdup(app->message);
}

/* Cells the states need at the end of a line that is not as wide as 100. */
static int state_cells(const struct ui_app *app, int w)
{
	g_autofree char *words = status_words(app, status_room(w));
	int n = bz_text_width(words);

	return n > 0 ? MIN(n, w - 4) + 4 : 0;
}

/* Does it fit in one line, beside the states where they share it? */
static bool fits_one_line(const struct ui_app *app, const char *text, int w)
{
	int taken = w >= 100 ? 0 : w < 60 ? -6 : state_cells(app, w);

	return !(app->message_is_error && w < 100) && bz_text_width(text) <= w - 6 - taken;
}

int ui_message_lines(const struct ui_app *app, int h, int w)
{
	g_autofree char *text = said(app);
	GPtrArray *lines;
	int n;

	if (text == NULL || fits_one_line(app, text, w))
		return 1;
	lines = ui_draw_wrap(text, MAX(w - 6, 10));
	n = (int)lines->len;
	g_ptr_array_unref(lines);
	return CLAMP(n + (w < 100), 1, MAX(MIN(h / 2, MESSAGE_LINES + 1), 1));
}

static void draw_said(const struct ui_app *app, const char *text, enum ui_role role)
{
	const struct ui_rect *m = &app->layout.message;
	GPtrArray *lines = ui_draw_wrap(text, m->h > 1 ? MAX(m->w - 6, 10) : m->w);

	for (int i = 0; i < m->h && i < (int)lines->len; i++) {
		const char *line = g_ptr_array_index(lines, (guint)i);

		if (app->layout.has_rule)
			ui_draw_rule(m->y + i, m->x, m->w, role, line);
		else
			ui_draw_text(m->y + i, m->x, m->w, role, line);
	}
	g_ptr_array_unref(lines);
}

/* The states, and in the smallest windows where help is. */
static void draw_states(const struct ui_app *app, const char *words)
{
	const struct ui_rect *s = &app->layout.status;
	enum ui_role role = state_role(app->index.account);
	g_autofree char *help = g_strdup_printf("? %s ", _("help"));
	int n = bz_text_width(words), k = bz_text_width(help);

	if (s->w >= 100) {
		ui_draw_text(s->y, s->x, s->w, role, words);
	} else if (app->layout.has_rule) {
		n = MIN(n, s->w - 4);
		if (n > 0)
			ui_draw_text(s->y, s->w - n - 3, n + 1, role, words);
	} else {
		ui_draw_text(s->y, s->x, s->w, role, words);
		if (n + 2 + k <= s->w && ui_top(app) == NULL)
			ui_draw_text(s->y, s->w - k, k, UI_TEXT, help);
	}
}

void ui_draw_status(struct ui_app *app)
{
	const struct ui_rect *m = &app->layout.message, *s = &app->layout.status;
	g_autofree char *text = said(app);
	g_autofree char *words = status_words(app, status_room(s->w));
	bool is_error = app->message_is_error && g_strcmp0(text, app->message) == 0;

	for (int y = m->y; app->layout.has_rule && y < m->y + m->h; y++)
		ui_draw_rule(y, m->x, m->w, UI_TEXT, NULL);
	if (text != NULL)
		draw_said(app, text, is_error ? UI_BAD : UI_TEXT);
	if (app->layout.has_rule || text == NULL || s->y > m->y)
		draw_states(app, words);
}

/* Where `?` is a letter that was typed, F1 is help; help itself has none. */
static char *help_words(unsigned context)
{
	if (context == UI_IN_HELP)
		return g_strdup(" ");
	return g_strdup_printf("%s %s ", (context & UI_IN_TEXT) != 0 ? "F1" : "?", _("help"));
}

void ui_draw_hints(struct ui_app *app)
{
	const struct ui_rect *r = &app->layout.hints;
	const struct ui_view *top = ui_top(app);
	unsigned context = top != NULL ? top->context : app->focus;
	g_autofree char *hints = NULL;
	g_autofree char *help = help_words(context);
	int n = bz_text_width(help);
	struct ui_where where;

	if (r->w == 0)
		return;
	where = ui_app_where(app, context);
	hints = app->prefix != 0 ? ui_command_after_prefix(&where)
				 : ui_command_hints(&where, r->w - n - 1);
	ui_draw_text(r->y, r->x, r->w, UI_TEXT, hints);
	if (app->prefix == 0)
		ui_draw_text(r->y, r->w - n, n, UI_TEXT, help);
}

bool ui_is_ticking(const struct ui_app *app)
{
	for (int i = 0; i < app->n; i++)
		if (app->accounts[i].line == BZ_LINE_CONNECTING || app->accounts[i].retry_at > 0)
			return true;
	if (app->reader.fetch_request != 0 || app->asking.request != 0)
		return true;
	return app->reader.preview_at > 0 &&
	       (!app->reader.is_looked_up || ui_reader_can_fetch(app->index.account));
}
