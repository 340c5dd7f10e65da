/* A folder by a few letters of its name. */
#include "src/backend.h"
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

struct choice {
	struct ui_account *account;
	char *folder; /* wire name */
	char *label;  /* cleaned, "Casa > Inbox" */
	char *key;    /* label for comparing: no case, no accents */
	uint32_t unseen;
};

struct picker {
	struct ui_view view;
	GPtrArray *all;   /* struct choice * */
	GPtrArray *shown; /* of all, borrowed */
	const char *label;
	ui_picked *picked;
	GString *typed;
	int pos, top, page;
	bool may_make; /* a folder, in the only account */
};

static void free_choice(void *me)
{
	struct choice *c = me;

	g_free(c->folder);
	g_free(c->label);
	g_free(c->key);
	g_free(c);
}

static char *fold(const char *text)
{
	g_autofree char *ascii = g_str_to_ascii(text, NULL);
	bool plain = strchr(ascii, '?') == NULL || strchr(text, '?') != NULL;
	g_autofree char *low = g_utf8_casefold(plain ? ascii : text, -1);

	return g_steal_pointer(&low);
}

/* What is shown, and what the server calls it. */
static char *fold_names(const char *label, const char *title)
{
	g_autofree char *both = g_strdup_printf("%s %s", label, title);

	return fold(both);
}

/* Letters in order, not necessarily together. */
static bool is_subsequence(const char *key, const char *typed)
{
	for (; *typed != '\0'; typed = g_utf8_next_char(typed)) {
		gunichar c = g_utf8_get_char(typed);

		key = c == ' ' ? key : g_utf8_strchr(key, -1, c);
		if (key == NULL)
			return false;
		key = c == ' ' ? key : g_utf8_next_char(key);
	}
	return true;
}

/* Whole words of the name first, then scattered letters. */
static void filter(struct picker *p)
{
	g_autofree char *typed = fold(p->typed->str);

	g_ptr_array_set_size(p->shown, 0);
	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < p->all->len; i++) {
			struct choice *c = g_ptr_array_index(p->all, i);
			bool together = strstr(c->key, typed) != NULL;

			if (pass == 0 ? together : !together && is_subsequence(c->key, typed))
				g_ptr_array_add(p->shown, c);
		}
	p->pos = p->top = 0;
}

static void draw_choice(const struct choice *c, int y, int x, int w, enum ui_role role)
{
	g_autofree char *text = g_strdup_printf("  %s", c->label);
	g_autofree char *count = c->unseen > 0 ? g_strdup_printf(" %u ", c->unseen) : g_strdup(" ");
	int n = (int)strlen(count);

	ui_draw_text(y, x, w - n, role, text);
	ui_draw_text(y, x + w - n, n, role, count);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct picker *p = (struct picker *)view;
	g_autofree char *head = g_strdup_printf(" %s%s", _(p->label), p->typed->str);

	(void)app;
	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, head);
	p->page = r->h - 1;
	p->top = ui_scroll(p->top, p->pos, (int)p->shown->len, p->page);
	for (int i = 0; i < p->page && p->top + i < (int)p->shown->len; i++) {
		int at = p->top + i;

		draw_choice(g_ptr_array_index(p->shown, (guint)at), r->y + 1 + i, r->x, r->w,
			at == p->pos ? UI_SELECTION : UI_TEXT);
	}
	if (p->shown->len == 0)
		ui_draw_text(r->y + 1, r->x, r->w, UI_DIM,
			p->may_make ? _("  No folder fits. Esc, then :create-folder makes one.")
				    : _("  No folder fits."));
	ui_draw_cursor(r->y, r->x + MIN(bz_text_width(head), r->w - 1));
}

static void choose(struct ui_app *app, struct picker *p)
{
	const struct choice *c;
	const struct bz_folder *folder;
	struct ui_account *account;
	ui_picked *picked = p->picked;

	if (p->shown->len == 0)
		return;
	c = g_ptr_array_index(p->shown, (guint)p->pos);
	account = c->account;
	folder = ui_app_folder(account, c->folder);
	if (folder == NULL)
		ui_say(app, _("The folder %s is no longer on the server."), c->label);
	ui_pop(app); /* before a question of the account comes up */
	if (folder != NULL)
		picked(app, account, folder);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct picker *p = (struct picker *)view;

	if (ui_move(command, (int)p->shown->len, p->page, &p->pos))
		return;
	if (command == UI_OPEN) {
		choose(app, p);
	} else if (command == UI_CANCEL) {
		ui_pop(app);
	} else if (command == UI_ERASE && p->typed->len > 0) {
		const char *end = p->typed->str + p->typed->len;

		g_string_truncate(p->typed,
			(gsize)(g_utf8_find_prev_char(p->typed->str, end) - p->typed->str));
		filter(p);
	}
}

static void text(struct ui_app *app, struct ui_view *view, gunichar c)
{
	struct picker *p = (struct picker *)view;

	(void)app;
	g_string_append_unichar(p->typed, c);
	filter(p);
}

static void free_picker(struct ui_view *view)
{
	struct picker *p = (struct picker *)view;

	g_ptr_array_unref(p->shown);
	g_ptr_array_unref(p->all);
	g_string_free(p->typed, TRUE);
	g_free(p);
}

static void add_account(struct picker *p, struct ui_account *a)
{
	g_autofree char *who = bz_text_clean(a->account->id, strlen(a->account->id), 0);

	for (guint i = 0; a->folders != NULL && i < a->folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->folders, i);
		g_autofree char *title = ui_app_folder_title(f);
		struct choice *c;

		if (!f->selectable)
			continue;
		c = g_new0(struct choice, 1);
		*c = (struct choice){a, g_strdup(f->name), g_strdup_printf("%s > %s", who, title),
			NULL, f->unseen};
		c->key = fold_names(c->label, f->title);
		g_ptr_array_add(p->all, c);
	}
}

struct ui_view *ui_picker_new(
	struct ui_app *app, const char *label, struct ui_account *only, ui_picked *picked)
{
	struct picker *p = g_new0(struct picker, 1);

	p->view = (struct ui_view){UI_IN_PICKER, draw, command, text, free_picker, false};
	p->all = g_ptr_array_new_with_free_func(free_choice);
	p->shown = g_ptr_array_new();
	p->typed = g_string_new(NULL);
	p->label = label;
	p->picked = picked;
	p->may_make = only != NULL && (only->caps & BZ_CAP_FOLDERS) != 0;
	for (int i = 0; i < app->n; i++)
		if (only == NULL || only == &app->accounts[i])
			add_account(p, &app->accounts[i]);
	filter(p);
	return &p->view;
}
