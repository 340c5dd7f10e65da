#include "ui/prompt.h"
#include "src/lang.h"
#include "src/text.h"

#include <string.h>

enum { LIST_MAX = 10, LABEL_W = 24, KEYS_W = 16, NARROW = 60, TINY = 30 };

struct ui_prompt {
	struct ui_view view;
	const struct ui_prompt_kind *kind;
	struct ui_line line;
	GPtrArray *offers; /* struct ui_offer * */
	int pos, top;      /* the offer taken by Tab; -1 = none */
	guint place;       /* in the history */
	char *typed;       /* what was there before the history was called */
};

static void free_offer(void *me)
{
	struct ui_offer *o = me;

	g_free(o->text);
	g_free(o->label);
	g_free(o->keys);
	g_free(o->about);
	g_free(o);
}

void ui_prompt_offer(
	GPtrArray *offers, const char *text, const char *label, const char *keys, const char *about)
{
	struct ui_offer *o = g_new0(struct ui_offer, 1);

	o->text = g_strdup(text);
	o->label = bz_text_clean(label, strlen(label), 0);
	o->keys = g_strdup(keys != NULL ? keys : "");
	o->about = g_strdup(about != NULL ? about : "");
	g_ptr_array_add(offers, o);
}

/* --- what is offered -------------------------------------------------------------------------- */

static void renew(struct ui_app *app, struct ui_prompt *p)
{
	g_ptr_array_set_size(p->offers, 0);
	p->pos = -1;
	p->top = 0;
	if (p->kind->offer != NULL)
		p->kind->offer(app, p->line.text->str, p->offers);
}

void ui_prompt_renew(struct ui_app *app)
{
	struct ui_view *top = ui_top(app);

	if (top == NULL || top->context != UI_IN_PROMPT)
		return;
	renew(app, (struct ui_prompt *)top);
	app->dirty = true;
}

static void changed(struct ui_app *app, struct ui_prompt *p)
{
	renew(app, p);
	if (p->kind->changed != NULL)
		p->kind->changed(app, p->line.text->str);
}

/* How much all offers have in common. */
static char *common(const GPtrArray *offers)
{
	const char *first = ((struct ui_offer *)g_ptr_array_index(offers, 0))->text;
	size_t len = strlen(first);

	for (guint i = 1; i < offers->len; i++) {
		const char *text = ((struct ui_offer *)g_ptr_array_index(offers, i))->text;
		size_t k = 0;

		while (k < len && text[k] == first[k])
			k++;
		len = k;
	}
	while (len > 0 && ((unsigned char)first[len] & 0xc0) == 0x80)
		len--;
	return g_strndup(first, len);
}

/* As far as it is certain; then one after the other. */
static void complete(struct ui_app *app, struct ui_prompt *p, int by)
{
	int n = (int)p->offers->len;
	g_autofree char *sure = n > 0 ? common(p->offers) : NULL;

	if (n == 0)
		return;
	if (p->pos < 0 && strlen(sure) > p->line.text->len &&
		g_str_has_prefix(sure, p->line.text->str)) {
		ui_line_set(&p->line, sure);
		changed(app, p);
		return;
	}
	if (p->pos < 0)
		p->pos = by > 0 ? 0 : n - 1;
	else
		p->pos = (p->pos + by + n) % n;
	ui_line_set(
		&p->line, ((struct ui_offer *)g_ptr_array_index(p->offers, (guint)p->pos))->text);
	if (n == 1)
		changed(app, p);
}

static void recall(struct ui_app *app, struct ui_prompt *p, bool later)
{
	const char *text;

	if (p->place >= app->history.lines->len) {
		g_free(p->typed);
		p->typed = g_strdup(p->line.text->str);
	}
	text = ui_history_step(&app->history, p->kind->mark, later, &p->place);
	if (text == NULL && !later)
		return;
	ui_line_set(&p->line, text != NULL ? text : p->typed);
	changed(app, p);
}

/* --- drawing ---------------------------------------------------------------------------------- */

/* Names alone where there is no room; without its key where there is little. */
static void draw_offer(const struct ui_offer *o, int y, int w, bool selected)
{
	enum ui_role role = selected ? UI_SELECTION : UI_TEXT;
	bool bare = o->about[0] == '\0' || w < TINY;
	int label = bare ? w - 2 : w < NARROW ? w / 2 : LABEL_W;
	int keys = bare || w < NARROW ? 0 : KEYS_W;

	ui_draw_text(y, 0, 2, role, "");
	ui_draw_text(y, 2, label, role, o->label);
	ui_draw_text(y, 2 + label, keys, selected ? role : UI_ACCENT, o->keys);
	ui_draw_text(y, 2 + label + keys, w - 2 - label - keys, role, o->about);
}

static void draw_list(struct ui_prompt *p, const struct ui_rect *r)
{
	int n = (int)p->offers->len, page = MIN(MIN(n, LIST_MAX), r->h / 2);
	int y = r->y + r->h - 1 - page;

	p->top = ui_scroll(p->top, MAX(p->pos, 0), n, page);
	if (page > 0 && r->h > LIST_MAX)
		ui_draw_rule(y - 1, r->x, r->w, UI_DIM, NULL);
	for (int i = 0; i < page; i++)
		draw_offer(g_ptr_array_index(p->offers, (guint)(p->top + i)), y + i, r->w,
			p->top + i == p->pos);
}

/* The part of the text around the cursor that fits into w cells; *cursor = its cell. */
static char *visible(const struct ui_line *l, int w, int *cursor)
{
	const char *text = l->text->str;
	gsize from = 0;
	g_autofree char *before = bz_text_clean(text, l->at, 0);

	while (bz_text_width(before) >= w && from < l->at) {
		from = ui_line_next(text, from);
		g_free(before);
		before = bz_text_clean(text + from, l->at - from, 0);
	}
	*cursor = bz_text_width(before);
	return bz_text_clean(text + from, l->text->len - from, 0);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct ui_prompt *p = (struct ui_prompt *)view;
	g_autofree char *state =
		p->kind->state != NULL ? p->kind->state(app, p->line.text->str) : NULL;
	const char *label = _(p->kind->label);
	int y = r->y + r->h - 1, k = bz_text_width(label),
	    n = state != NULL ? bz_text_width(state) : 0;
	int cursor, w;
	g_autofree char *text = NULL;

	if (n > 0 && n + k + 8 > r->w)
		n = 0;
	w = r->w - k - (n > 0 ? n + 2 : 0);
	text = visible(&p->line, w - 1, &cursor);
	draw_list(p, r);
	ui_draw_text(y, 0, k, UI_ACCENT, label);
	ui_draw_text(y, k, w, UI_TEXT, text);
	if (n > 0) {
		ui_draw_text(y, k + w, 1, UI_TEXT, "");
		ui_draw_text(y, k + w + 1, n + 1, UI_DIM, state);
	}
	ui_draw_cursor(y, MIN(k + cursor, r->w - 1));
}

/* --- keys ------------------------------------------------------------------------------------- */

static void leave(struct ui_app *app, struct ui_prompt *p, bool accepted)
{
	const struct ui_prompt_kind *kind = p->kind;
	g_autofree char *text = g_strdup(p->line.text->str);

	g_strchomp(text);
	ui_pop(app);
	if (accepted && text[0] != '\0')
		ui_history_add(&app->history, kind->mark, text);
	if (accepted)
		kind->accept(app, text);
	else if (kind->cancel != NULL)
		kind->cancel(app);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct ui_prompt *p = (struct ui_prompt *)view;
	bool was_empty = p->line.text->len == 0;

	if (command == UI_CANCEL || (command == UI_ERASE && was_empty))
		leave(app, p, false);
	else if (command == UI_ACCEPT)
		leave(app, p, true);
	else if (command == UI_COMPLETE || command == UI_COMPLETE_BACK)
		complete(app, p, command == UI_COMPLETE ? 1 : -1);
	else if (command == UI_UP || command == UI_DOWN)
		recall(app, p, command == UI_DOWN);
	else if (command == UI_PAGE_UP || command == UI_PAGE_DOWN)
		complete(app, p, command == UI_PAGE_DOWN ? LIST_MAX / 2 : -LIST_MAX / 2);
	else if (ui_line_command(&p->line, command))
		changed(app, p);
}

static void text(struct ui_app *app, struct ui_view *view, gunichar c)
{
	struct ui_prompt *p = (struct ui_prompt *)view;

	ui_line_insert(&p->line, c);
	changed(app, p);
}

static void free_prompt(struct ui_view *view)
{
	struct ui_prompt *p = (struct ui_prompt *)view;

	ui_line_clear(&p->line);
	g_ptr_array_unref(p->offers);
	g_free(p->typed);
	g_free(p);
}

struct ui_view *ui_prompt_new(
	struct ui_app *app, const struct ui_prompt_kind *kind, const char *text_)
{
	struct ui_prompt *p = g_new0(struct ui_prompt, 1);

	p->view = (struct ui_view){UI_IN_PROMPT, draw, command, text, free_prompt, .overlay = true};
	p->kind = kind;
	p->offers = g_ptr_array_new_with_free_func(free_offer);
	ui_line_init(&p->line);
	ui_line_set(&p->line, text_);
	p->place = app->history.lines->len;
	renew(app, p);
	return &p->view;
}
