/* `:server-copies`: what the server still has, and until when; and the question before the first of
 * it goes. */
#include "src/lang.h"
#include "src/retention.h"
#include "src/text.h"
#include "ui/act.h"

#include <string.h>

enum { AGE_W = 6, SIZE_W = 9, FATE_W = 22, NARROW = 60 };

struct copies {
	struct ui_view view;
	struct ui_account *account;
	GArray *copies; /* struct bz_copy, or NULL while they are asked for */
	char *sum;
	struct bz_err err;
	int pos, top, page;
};

/* --- words ------------------------------------------------------------------------------------ */

static char *fate_words(const struct bz_copy *c)
{
	g_autofree char *day = NULL;

	switch (c->fate) {
	case BZ_COPY_GOES:
		day = bz_retention_day(c->until, g_get_real_time() / G_USEC_PER_SEC);
		return g_strdup_printf(_("goes %s"), day);
	case BZ_COPY_UNTIL_DELETED:
		return g_strdup(_("until deleted here"));
	case BZ_COPY_DUE:
		return g_strdup(_("goes next"));
	case BZ_COPY_LEFT:
		return g_strdup(_("too big, Enter on it"));
	case BZ_COPY_NEW:
		return g_strdup(_("not downloaded"));
	default:
		return g_strdup(_("stays"));
	}
}

/* --- drawing ---------------------------------------------------------------------------------- */

static const char *subject_of(const struct bz_copy *c)
{
	return c->subject[0] != '\0' ? c->subject : _("(no subject)");
}

static void draw_wide(const struct bz_copy *c, int y, int x, int w, enum ui_role role)
{
	g_autofree char *size = bz_lang_size(c->size);
	g_autofree char *fate = fate_words(c);
	char age[32];
	int from = MAX((w - AGE_W - SIZE_W - FATE_W - 6) * 2 / 5, 8), at = x + 1;

	ui_index_date(c->stored > 0 ? c->stored : INT64_MIN, INT64_MIN,
		g_get_real_time() / G_USEC_PER_SEC, age);
	ui_draw_text(y, x, w, role, "");
	ui_draw_text(y, at + SIZE_W - MIN(bz_text_width(size), SIZE_W), SIZE_W, role, size);
	ui_draw_text(y, at += SIZE_W + 1, AGE_W, role, age);
	ui_draw_text(y, at += AGE_W + 1, FATE_W, role, fate);
	ui_draw_foreign(y, at += FATE_W + 1, from, role, c->from);
	at += from + 1;
	ui_draw_foreign(y, at, x + w - at, role, subject_of(c));
}

static void draw_narrow(const struct bz_copy *c, int y, int x, int w, enum ui_role role)
{
	g_autofree char *size = bz_lang_size(c->size);
	g_autofree char *fate = fate_words(c);
	g_autofree char *first = g_strdup_printf(" %s, %s", size, fate);

	ui_draw_text(y, x, w, role, first);
	ui_draw_text(y + 1, x, 3, role, "");
	ui_draw_foreign(y + 1, x + 3, w - 3, role, subject_of(c));
}

static void draw_rows(struct copies *v, const struct ui_rect *r)
{
	int tall = r->w < NARROW ? 2 : 1, n = (int)v->copies->len;

	v->page = MAX((r->h - 2) / tall, 1);
	v->top = ui_scroll(v->top, v->pos, n, v->page);
	for (int i = 0; i < v->page && v->top + i < n; i++) {
		const struct bz_copy *c =
			&g_array_index(v->copies, struct bz_copy, (guint)(v->top + i));
		bool selected = v->top + i == v->pos;
		int y = r->y + 2 + i * tall;

		(tall == 2 ? draw_narrow : draw_wide)(
			c, y, r->x, r->w, selected ? UI_SELECTION : UI_TEXT);
		if (selected)
			ui_draw_cursor(y, r->x);
	}
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct copies *v = (struct copies *)view;
	g_autofree char *who =
		bz_text_clean(v->account->account->id, strlen(v->account->account->id), 0);
	g_autofree char *head = g_strdup_printf(_(" %s: copies on the server"), who);
	g_autofree char *sum = NULL;

	(void)app;
	ui_draw_clear(r);
	ui_draw_text(r->y, r->x, r->w, UI_ACCENT, head);
	ui_draw_cursor(r->y, r->x);
	sum = g_strdup_printf(" %s", v->copies != NULL            ? v->sum
				     : v->err.kind != BZ_ERR_NONE ? v->err.text
								  : _("Looking..."));
	ui_draw_foreign(r->y + 1, r->x, r->w, UI_TEXT, sum);
	if (v->copies != NULL)
		draw_rows(v, r);
}

/* --- keys and answers ------------------------------------------------------------------------- */

static void free_copies(struct ui_view *view)
{
	struct copies *v = (struct copies *)view;

	if (v->copies != NULL)
		g_array_unref(v->copies);
	g_free(v->sum);
	g_free(v);
}

static void listed(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	struct ui_view *top = ui_top(app);
	struct copies *v = (struct copies *)top;

	if (top == NULL || top->context != UI_IN_COPIES || v->account != act->account)
		return;
	v->err = event->err;
	if (event->copies == NULL || event->err.kind != BZ_ERR_NONE)
		return;
	if (v->copies != NULL)
		g_array_unref(v->copies);
	g_free(v->sum);
	v->copies = g_steal_pointer(&event->copies);
	v->sum = bz_retention_sum(v->copies, g_get_real_time() / G_USEC_PER_SEC);
}

static void ask(struct ui_app *app, struct ui_account *a)
{
	ui_act_submit(app, a, bz_request_new(BZ_REQ_COPIES), listed);
}

/* It is still looked at? Then what the session left. */
static void fetched(struct ui_app *app, struct ui_act *act, struct bz_event *event)
{
	const struct ui_view *top = ui_top(app);

	(void)event;
	if (top != NULL && top->context == UI_IN_COPIES)
		ask(app, act->account);
}

static void get_mail(struct ui_app *app, struct ui_account *a)
{
	struct bz_request *r = bz_request_new(BZ_REQ_REFRESH);

	r->folder = g_strdup(a == app->index.account ? app->index.folder : "INBOX");
	ui_act_submit(app, a, r, fetched);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct copies *v = (struct copies *)view;
	int n = v->copies != NULL ? (int)v->copies->len : 0;

	if (ui_move(command, n, MAX(v->page, 1), &v->pos))
		return;
	if (command == UI_BACK || command == UI_CANCEL)
		ui_pop(app);
	else if (command == UI_GET_MAIL)
		get_mail(app, v->account);
}

struct ui_view *ui_copies_new(struct ui_app *app)
{
	struct copies *v = g_new0(struct copies, 1);

	v->view = (struct ui_view){UI_IN_COPIES, draw, command, NULL, free_copies, false};
	v->account = app->index.account;
	ask(app, v->account);
	return &v->view;
}

/* --- before copies go for the first time ------------------------------------------------------ */

static char *policy_words(const struct bz_account *a)
{
	switch (a->leave) {
	case BZ_LEAVE_DAYS:
		return g_strdup_printf("leave-on-server = %ud", a->leave_days);
	case BZ_LEAVE_UNTIL_DELETED:
		return g_strdup("leave-on-server = until-deleted");
	case BZ_LEAVE_NONE:
		return g_strdup("leave-on-server = none");
	default:
		return g_strdup("leave-on-server = forever");
	}
}

static void agreed(struct ui_app *app, void *data, bool yes)
{
	struct ui_account *a = data;
	struct bz_request *r = bz_request_new(BZ_REQ_AGREE);

	r->on = yes;
	a->leaving_count = 0;
	ui_act_submit(app, a, r, NULL);
	ui_say(app, yes ? _("From now on copies go from the server as buzonrc says.")
			: _("They stay on the server. :server-copies shows them."));
}

struct ui_view *ui_leaving_new(struct ui_account *a)
{
	g_autofree char *policy = policy_words(a->account), *size = bz_lang_size(a->leaving_bytes);
	g_autofree char *text = g_strdup_printf(
		ngettext(
			"%u message (%s) will go from the server %s: it is stored here, as %s says. "
			"Remove such messages there from now on?",
			"%u messages (%s) will go from the server %s: they are stored here, as %s says. "
			"Remove such messages there from now on?",
			a->leaving_count),
		a->leaving_count, size, a->account->host, policy);
	g_autofree char *brief = g_strdup_printf(
		ngettext("Remove %u message from the server, and such ones from now on?",
			"Remove %u messages from the server, and such ones from now on?",
			a->leaving_count),
		a->leaving_count);
	struct ui_view *question = ui_question_new(text, agreed, a, NULL);

	ui_question_brief(question, brief);
	return question;
}
