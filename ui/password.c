/* A password is missing or was refused: typed once, never shown, never kept on disk. */
#include "src/lang.h"
#include "src/secret.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

enum { SECRET_MAX = 1024 };

struct password {
	struct ui_view view;
	struct ui_account *account;
	char *secret; /* SECRET_MAX bytes of locked memory */
	size_t len;
	int letters;
};

static void draw_words(const struct password *p, const struct ui_rect *r, int *y)
{
	g_autofree char *text =
		bz_text_clean(p->account->err.text, strlen(p->account->err.text), 0);
	const char *server = p->account->err.server;
	GPtrArray *lines = ui_draw_wrap(text, r->w - 4);

	for (guint i = 0; i < lines->len && *y < r->y + r->h - 3; i++)
		ui_draw_text((*y)++, r->x + 2, r->w - 2, UI_TEXT, g_ptr_array_index(lines, i));
	g_ptr_array_unref(lines);
	if (server[0] != '\0' && *y < r->y + r->h - 3) {
		g_autofree char *said = g_strdup_printf(_("The server said: \"%s\""), server);

		ui_draw_foreign((*y)++, r->x + 2, r->w - 2, UI_WARN, said);
	}
}

static void draw_advice(const struct ui_rect *r, int *y)
{
	GPtrArray *lines = ui_draw_wrap(_("Most often a letter is wrong, the user must be the "
					  "whole address, or the provider asks for an \"app "
					  "password\" made for mail programs."),
		r->w - 4);

	for (guint i = 0; i < lines->len && *y < r->y + r->h - 3; i++)
		ui_draw_text((*y)++, r->x + 2, r->w - 2, UI_TEXT, g_ptr_array_index(lines, i));
	g_ptr_array_unref(lines);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct password *p = (struct password *)view;
	const struct bz_account *a = p->account->account;
	g_autofree char *head = g_strdup_printf(_(" %s: password"), a->id);
	g_autofree char *label = g_strdup_printf(_("Password of %s: "), a->user);
	g_autofree char *stars = g_strnfill((gsize)MIN(p->letters, r->w), '*');
	int y = r->y + 2, at;

	(void)app;
	ui_draw_clear(r);
	ui_draw_foreign(r->y, r->x, r->w, UI_ACCENT, head);
	draw_words(p, r, &y);
	if (p->account->err.code == BZ_CODE_LOGIN_REFUSED)
		draw_advice(r, &y);
	y = MIN(y + 1, r->y + r->h - 1);
	at = MIN(bz_text_width(label) + 2, r->w / 2);
	ui_draw_foreign(y, r->x + 2, at - 2, UI_TEXT, label);
	ui_draw_text(y, r->x + at, r->w - at - 1, UI_TEXT, stars);
	ui_draw_cursor(y, r->x + MIN(at + p->letters, r->w - 1));
}

static void accept(struct ui_app *app, struct password *p)
{
	struct bz_request *r = bz_request_new(BZ_REQ_PASSWORD);

	r->secret = bz_secret_new(p->secret, (long)p->len);
	bz_worker_submit(p->account->worker, r);
	ui_say_nothing(app, true);
	ui_pop(app);
}

static void erase(struct password *p)
{
	while (p->len > 0 && (p->secret[p->len - 1] & 0xc0) == 0x80)
		p->len--;
	if (p->len > 0)
		p->len--;
	p->letters = MAX(p->letters - 1, 0);
	memset(p->secret + p->len, 0, SECRET_MAX - p->len);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct password *p = (struct password *)view;

	if (command == UI_ACCEPT && p->len > 0) {
		accept(app, p);
	} else if (command == UI_ERASE) {
		erase(p);
	} else if (command == UI_HALF_UP) { /* Ctrl-U, as everywhere a line is typed */
		while (p->len > 0)
			erase(p);
	} else if (command == UI_CANCEL) {
		ui_say(app, _("No password, no connection. $ asks again."));
		ui_pop(app);
	}
}

static void text(struct ui_app *app, struct ui_view *view, gunichar c)
{
	struct password *p = (struct password *)view;
	char utf8[6];
	int n = g_unichar_to_utf8(c, utf8);

	(void)app;
	if (p->len + (size_t)n >= SECRET_MAX)
		return;
	memcpy(p->secret + p->len, utf8, (size_t)n);
	p->len += (size_t)n;
	p->letters++;
	explicit_bzero(utf8, sizeof utf8);
}

static void free_password(struct ui_view *view)
{
	struct password *p = (struct password *)view;

	bz_secret_free(p->secret);
	g_free(p);
}

struct ui_view *ui_password_new(struct ui_account *account)
{
	struct password *p = g_new0(struct password, 1);
	char blank[SECRET_MAX];

	p->view = (struct ui_view){UI_IN_PASSWORD, draw, command, text, free_password, false};
	p->account = account;
	memset(blank, ' ', sizeof blank);
	p->secret = bz_secret_new(blank, sizeof blank);
	memset(p->secret, 0, SECRET_MAX);
	return &p->view;
}
