/* One question at the bottom of the screen. Enter, Esc and q answer what is safe: no. */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

struct question {
	struct ui_view view;
	char *text, *brief; /* brief: where text does not fit, NULL = none */
	ui_answer *answer;
	void *data;
	GDestroyNotify free_data;
};

/* The letters of the language: "y/n", "s/n". */
static bool is_yes(gunichar c)
{
	return g_unichar_tolower(c) == g_utf8_get_char(_("y/n")) || c == 'y' || c == 'Y';
}

static bool is_no(gunichar c)
{
	return g_unichar_tolower(c) == g_utf8_get_char(strchr(_("y/n"), '/') + 1);
}

static void answer(struct ui_app *app, struct question *q, bool yes)
{
	ui_answer *f = q->answer;
	void *data = g_steal_pointer(&q->data);
	GDestroyNotify free_data = q->free_data;

	ui_pop(app); /* q is gone */
	f(app, data, yes);
	if (free_data != NULL)
		free_data(data);
}

static GPtrArray *lines_of(const struct question *q, const struct ui_rect *r)
{
	GPtrArray *lines = ui_draw_wrap(q->text, r->w - 1);

	if ((int)lines->len <= r->h || q->brief == NULL)
		return lines;
	g_ptr_array_unref(lines);
	return ui_draw_wrap(q->brief, r->w - 1);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	GPtrArray *lines = lines_of((struct question *)view, r);
	int n = MIN((int)lines->len, r->h), y = r->y + r->h - n;
	const char *last;

	(void)app;
	for (int i = 0; i < n; i++) /* where it does not fit its end is what counts */
		ui_draw_text(y + i, r->x, r->w, UI_WARN,
			g_ptr_array_index(lines, lines->len - (guint)(n - i)));
	last = g_ptr_array_index(lines, lines->len - 1);
	ui_draw_cursor(r->y + r->h - 1, r->x + MIN(bz_text_width(last) + 1, r->w - 1));
	g_ptr_array_unref(lines);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	if (command == UI_CANCEL || command == UI_OPEN || command == UI_BACK)
		answer(app, (struct question *)view, false);
}

static void text(struct ui_app *app, struct ui_view *view, gunichar c)
{
	if (is_yes(c))
		answer(app, (struct question *)view, true);
	else if (is_no(c))
		answer(app, (struct question *)view, false);
}

static void free_question(struct ui_view *view)
{
	struct question *q = (struct question *)view;

	if (q->data != NULL && q->free_data != NULL)
		q->free_data(q->data);
	g_free(q->text);
	g_free(q->brief);
	g_free(q);
}

static char *with_keys(const char *words)
{
	g_autofree char *clean = bz_text_clean(words, strlen(words), 0);

	return g_strdup_printf("%s %s", clean, _("y/n"));
}

struct ui_view *ui_question_new(
	const char *words, ui_answer *answer_, void *data, GDestroyNotify free_data)
{
	struct question *q = g_new0(struct question, 1);

	q->view = (struct ui_view){
		UI_IN_QUESTION, draw, command, text, free_question, .overlay = true};
	q->text = with_keys(words);
	q->answer = answer_;
	q->data = data;
	q->free_data = free_data;
	return &q->view;
}

void ui_question_brief(struct ui_view *view, const char *words)
{
	struct question *q = (struct question *)view;

	g_free(q->brief);
	q->brief = with_keys(words);
}
