/* A certificate that buzon does not trust: what it says, and three answers (UX: the mock-up). */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>
#include <time.h>

struct trust {
	struct ui_view view;
	struct ui_account *account;
	struct bz_cert cert;
	bool chain;
	int top, page, n; /* of the lines, as drawn last */
};

/* Lines gathered first, so that a low window can leave the last explanations out. */
struct page {
	GPtrArray *lines; /* char *, cleaned */
	int width;
};

static void add(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Long blanks within a line are for windows where it fits. */
static void squeeze_blanks(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++)
		if (from[0] != ' ' || from[1] != ' ' || from[2] != ' ')
			*to++ = *from;
	*to = '\0';
}

static void add(struct page *p, const char *fmt, ...)
{
	g_autofree char *raw = NULL, *clean = NULL;
	va_list args;
	GPtrArray *piece;
	size_t indent;

	va_start(args, fmt);
	raw = g_strdup_vprintf(fmt, args);
	va_end(args);
	clean = bz_text_clean(raw, strlen(raw), 0);
	indent = strspn(clean, " ");
	if (bz_text_width(clean) >= p->width)
		squeeze_blanks(clean + indent);
	piece = ui_draw_wrap(clean + indent, p->width - (int)indent - 1);
	if (piece->len == 0)
		g_ptr_array_add(p->lines, g_strdup(""));
	for (guint i = 0; i < piece->len; i++)
		g_ptr_array_add(p->lines, g_strdup_printf("%*s%s", (int)indent, "",
						  (const char *)g_ptr_array_index(piece, i)));
	g_ptr_array_unref(piece);
}

/* "    Label      value": the label in cells, not bytes. */
static void add_fact(struct page *p, const char *label, const char *value)
{
	g_autofree char *cells = bz_text_fit(label, 10, true);

	add(p, "    %s %s", cells, value);
}

static void add_sum(struct page *p, const char *label, const uint8_t sum[32])
{
	char text[81];

	bz_cert_fingerprint(sum, text);
	text[39] = '\0';
	add_fact(p, label, text);
	add_fact(p, "", text + 40);
}

static void day(int64_t when, char out[16])
{
	time_t t = (time_t)when;
	struct tm tm;

	g_strlcpy(out, "?", 16);
	if (when != INT64_MIN && gmtime_r(&t, &tm) != NULL)
		(void)strftime(out, 16, "%Y-%m-%d", &tm);
}

static void add_reason(struct page *p, const struct trust *t)
{
	const struct bz_cert *c = &t->cert;

	switch (c->why) {
	case BZ_CODE_CERT_CHANGED:
		add(p,
			_("  The certificate of %s is not the one you trusted for this account. "
			  "It may have been renewed; it is also what you would see if someone "
			  "were pretending to be your server."),
			c->host);
		break;
	case BZ_CODE_CERT_EXPIRED:
		add(p,
			_("  The certificate of %s is outside its dates. Look at this computer's "
			  "clock, too."),
			c->host);
		break;
	case BZ_CODE_CERT_NAME:
		add(p, _("  This server says it is %s, not %s."),
			c->names[0] != '\0' ? c->names : "?", c->host);
		break;
	default:
		add(p,
			_("  %s showed a certificate that nobody buzon trusts has signed. That "
			  "is normal for a home or office server that made its own. It is also "
			  "what you would see if someone were pretending to be your server."),
			c->host);
	}
}

static void add_facts(struct page *p, const struct bz_cert *c)
{
	char from[16], to[16];
	g_autofree char *names = g_strdup_printf("%s   %s", c->names[0] != '\0' ? c->names : "?",
		c->name_matches ? _("matches") : _("does NOT match"));
	g_autofree char *dates = NULL;

	day(c->not_before, from);
	day(c->not_after, to);
	dates = g_strdup_printf(
		_("%s to %s   %s"), from, to, c->in_force ? _("in force") : _("NOT in force"));
	add_fact(p, _("Name"), names);
	add_fact(p, _("Issued by"), c->self_signed ? _("itself (self-signed)") : c->issuer);
	add_fact(p, _("Valid"), dates);
	add_sum(p, "SHA-256", c->sha256);
	if (c->had_pin)
		add_sum(p, _("before"), c->pinned);
}

static void add_answers(struct page *p, const struct bz_cert *c)
{
	add(p, _("    s  stop (nothing is sent)                         <- the safe choice"));
	if (!c->had_pin)
		add(p, _("    o  trust it for this run only"));
	add(p, _("    t  trust this exact certificate for this account from now on"));
}

/* "subject | issuer | dates | SHA-256", one certificate a line. */
static void add_chain(struct page *p, const struct bz_cert *c)
{
	g_auto(GStrv) lines = g_strsplit(c->chain, "\n", 0);

	for (char **l = lines; *l != NULL; l++) {
		g_auto(GStrv) parts = g_strsplit(*l, " | ", 4);

		for (char **part = parts; *part != NULL; part++)
			add(p, part == parts ? "  %s" : "    %s", *part);
		add(p, "%s", "");
	}
}

static void fill(struct page *p, const struct trust *t)
{
	add(p, _(" %s: is this your server?"), t->account->account->id);
	add(p, "%s", "");
	if (t->chain) {
		add_chain(p, &t->cert);
		return;
	}
	add(p, _("  buzon stopped before sending your password."));
	add(p, "%s", "");
	add_reason(p, t);
	add(p, "%s", "");
	add_facts(p, &t->cert);
	add(p, "%s", "");
	add(p, _("  Compare the SHA-256 with the one your provider gives you, by another way."));
	add(p, "%s", "");
	add_answers(p, &t->cert);
	add(p, "%s", "");
	add(p, _("  If it changes later, buzon will stop and tell you what changed."));
}

/* Where lines do not fit the blank ones go first. */
static void squeeze(GPtrArray *lines, int h)
{
	for (guint i = lines->len; i > 0 && (int)lines->len > h; i--)
		if (((char *)g_ptr_array_index(lines, i - 1))[0] == '\0')
			g_ptr_array_remove_index(lines, i - 1);
}

static void draw(struct ui_app *app, struct ui_view *view, const struct ui_rect *r)
{
	struct trust *t = (struct trust *)view;
	struct page p = {g_ptr_array_new_with_free_func(g_free), r->w};

	(void)app;
	fill(&p, t);
	squeeze(p.lines, r->h);
	t->page = r->h;
	t->n = (int)p.lines->len;
	t->top = CLAMP(t->top, 0, MAX(t->n - t->page, 0));
	for (int i = 0; i < r->h; i++)
		ui_draw_text(r->y + i, r->x, r->w, t->top + i == 0 ? UI_WARN : UI_TEXT,
			t->top + i < t->n ? g_ptr_array_index(p.lines, (guint)(t->top + i)) : "");
	ui_draw_cursor(r->y, r->x);
	g_ptr_array_unref(p.lines);
}

static void answer(struct ui_app *app, struct trust *t, bool pin)
{
	struct bz_request *r = bz_request_new(BZ_REQ_TRUST);

	r->cert = t->cert;
	r->pin = pin;
	bz_worker_submit(t->account->worker, r);
	ui_say_nothing(app, true);
	ui_pop(app);
}

static void command(struct ui_app *app, struct ui_view *view, enum ui_command command)
{
	struct trust *t = (struct trust *)view;

	if (ui_move(command, MAX(t->n - t->page, 0) + 1, t->page, &t->top))
		return;
	switch (command) {
	case UI_STOP:
	case UI_CANCEL:
	case UI_BACK:
		ui_say_error(app, t->account, &t->account->err);
		ui_pop(app);
		break;
	case UI_ONCE:
		if (t->cert.had_pin)
			ui_say(app, _("A certificate that changed is not trusted for one run: s "
				      "stop, t trust."));
		else
			answer(app, t, false);
		break;
	case UI_TRUST:
		answer(app, t, true);
		break;
	case UI_CHAIN:
		t->chain = !t->chain;
		t->top = 0;
		app->dirty = true;
		break;
	default:
		break;
	}
}

static void free_trust(struct ui_view *view)
{
	g_free(view);
}

struct ui_view *ui_trust_new(struct ui_account *account)
{
	struct trust *t = g_new0(struct trust, 1);

	t->view = (struct ui_view){UI_IN_TRUST, draw, command, NULL, free_trust, false};
	t->account = account;
	t->cert = account->cert;
	return &t->view;
}
