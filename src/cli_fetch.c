/* buzon fetch: POP download without a screen, silent and exact. */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct fetch {
	struct bz_cli *cli;
	struct bz_stop stop;
	int code; /* several accounts: the largest */
};

static void add_code(struct fetch *f, int one)
{
	f->code = MAX(f->code, one);
}

/* --- what is said ----------------------------------------------------------------------------- */

static void say(const struct bz_session *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void say(const struct bz_session *s, const char *fmt, ...)
{
	g_autofree char *text = NULL, *line = NULL, *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	line = g_strdup_printf("%s: %s", s->account->id, text);
	clean = bz_text_clean(line, strlen(line), 0);
	puts(clean);
}

/* "casa: 12 new, 1.2 MB": nothing where nothing came. */
static void report(const struct bz_session *s)
{
	uint32_t came = s->arrived;
	g_autofree char *size = bz_lang_size(s->moved_on > 0 ? s->bytes : s->stored);
	g_autofree char *news =
		g_strdup_printf(ngettext("%u new, %s", "%u new, %s", came), came, size);
	g_autofree char *left =
		g_strdup_printf(ngettext("%u larger than max-size stays on the server",
					"%u larger than max-size stay on the server", s->left),
			s->left);

	if (came > 0 && s->left > 0)
		say(s, "%s; %s", news, left);
	else if (came > 0 || s->left > 0)
		say(s, "%s", came > 0 ? news : left);
}

/* One line: which account, what failed, what the server said. */
static int fail(const struct bz_session *s, const struct bz_err *err)
{
	GString *text = g_string_new(NULL);
	g_autofree char *clean = NULL;
	char sum[81];

	if (bz_session_told(s, err)) {
		g_string_free(text, TRUE);
		return bz_err_exit_code(err);
	}
	g_string_printf(text, "%s: %s", s->account->id, err->text);
	if (err->server[0] != '\0')
		g_string_append_printf(text, _(" The server said: \"%s\""), err->server);
	if (err->kind == BZ_ERR_TRUST) {
		bz_cert_fingerprint(s->cert.sha256, sum);
		g_string_append_printf(text,
			_(" Its SHA-256: %s. Open this account in buzon to look at it and "
			  "decide."),
			sum);
	}
	clean = bz_text_clean(text->str, text->len, 0);
	fprintf(stderr, "buzon: %s\n", clean);
	g_string_free(text, TRUE);
	return bz_err_exit_code(err);
}

/* --- a dry run -------------------------------------------------------------------------------- */

static char *fate_words(enum bz_copy_fate fate, uint32_t n, const char *size)
{
	switch (fate) {
	case BZ_COPY_NEW:
		return g_strdup_printf(
			ngettext("%u would come, %s", "%u would come, %s", n), n, size);
	case BZ_COPY_LEFT:
		return g_strdup_printf(
			ngettext("%u would stay on the server, larger than max-size, %s",
				"%u would stay on the server, larger than max-size, %s", n),
			n, size);
	default:
		return g_strdup_printf(ngettext("%u would go from the server, %s",
					       "%u would go from the server, %s", n),
			n, size);
	}
}

static void say_fate(const struct bz_session *s, const GArray *copies, enum bz_copy_fate fate)
{
	uint64_t bytes = 0;
	uint32_t n = 0;
	g_autofree char *size = NULL, *words = NULL;

	for (guint i = 0; i < copies->len; i++) {
		const struct bz_copy *c = &g_array_index(copies, struct bz_copy, i);

		if (c->fate != fate)
			continue;
		n++;
		bytes += c->size;
	}
	size = bz_lang_size(bytes);
	words = fate_words(fate, n, size);
	if (n > 0)
		say(s, "%s", words);
}

/* Those that would go for ever are named. */
static void name_going(const GArray *copies)
{
	for (guint i = 0; i < copies->len; i++) {
		const struct bz_copy *c = &g_array_index(copies, struct bz_copy, i);
		g_autofree char *size = bz_lang_size(c->size);
		g_autofree char *line = g_strdup_printf("  %s  %s  %s", size,
			c->from != NULL ? c->from : "", c->subject != NULL ? c->subject : "");
		g_autofree char *clean = bz_text_clean(line, strlen(line), 0);

		if (c->fate == BZ_COPY_DUE)
			puts(g_strchomp(clean));
	}
}

static int forecast(struct bz_session *s, bool quiet, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_REFRESH);
	struct bz_event *event;

	request->folder = g_strdup("INBOX");
	request->dry_run = true;
	event = bz_session_do(s, request, err);
	if (event == NULL)
		return -1;
	if (!quiet) {
		if (event->copies->len == 0)
			say(s, "%s", _("nothing would come or go"));
		say_fate(s, event->copies, BZ_COPY_NEW);
		say_fate(s, event->copies, BZ_COPY_LEFT);
		say_fate(s, event->copies, BZ_COPY_DUE);
		name_going(event->copies);
	}
	bz_event_free(event);
	return 0;
}

/* --- a download ------------------------------------------------------------------------------- */

/* What the policy in buzonrc says was agreed to by whoever wrote it there: nobody can be asked. */
static int agree(struct bz_session *s, struct bz_err *err)
{
	struct bz_request *request;
	struct bz_event *event;

	if (!s->account->leave_given || s->account->leave == BZ_LEAVE_FOREVER)
		return 0;
	request = bz_request_new(BZ_REQ_AGREE);
	request->on = true;
	event = bz_session_do(s, request, err);
	bz_event_free(event);
	return event != NULL || err->kind == BZ_ERR_UNSUPPORTED ? 0 : -1;
}

static int download(struct bz_session *s, struct bz_err *err)
{
	if (agree(s, err) != 0 || bz_session_refresh(s, "INBOX", 1, err) != 0)
		return -1;
	s->arrived = s->moved_on = 0; /* what other programs had brought */
	s->stored = 0;
	while (!s->progress_over && s->line_err.kind == BZ_ERR_NONE && !s->stopped)
		(void)bz_session_pump(s, -1);
	while (s->stopped && bz_session_pump(s, 0)) /* what was stored until then */
		continue;
	if (s->line_err.kind == BZ_ERR_NONE)
		return 0;
	*err = s->line_err;
	return -1;
}

static int stopped_code(const struct bz_session *s, int seconds)
{
	if (bz_stop_signal() != 0)
		return 128 + bz_stop_signal();
	fprintf(stderr,
		_("buzon: %s: %d s are over; what is complete is here, the rest comes next time\n"),
		s->account->id, seconds);
	return EX_TEMPFAIL;
}

static int fetch_with(struct fetch *f, struct bz_session *s)
{
	struct bz_progress progress;
	struct bz_err err = {0};
	int rc;

	bz_progress_begin(&progress, s->account->id, !f->cli->quiet && !f->cli->dry_run);
	s->progress = &progress;
	s->stop = &f->stop;
	rc = f->cli->dry_run ? forecast(s, f->cli->quiet, &err) : download(s, &err);
	bz_progress_erase(&progress);
	if (!f->cli->quiet)
		report(s);
	fflush(stdout);
	if (s->stopped)
		return stopped_code(s, f->cli->timeout);
	return rc == 0 ? EX_OK : fail(s, &err);
}

static void fetch_one(struct fetch *f, const struct bz_account *account)
{
	struct bz_session s;
	struct bz_err err = {0};

	if (bz_stop_is_due(&f->stop)) {
		add_code(f, bz_stop_signal() != 0 ? 128 + bz_stop_signal() : EX_TEMPFAIL);
		return;
	}
	if (bz_session_open(&s, f->cli, account, NULL, &err) != 0) {
		add_code(f, bz_cli_fail(&err));
		return;
	}
	add_code(f, fetch_with(f, &s));
	bz_session_close(&s);
}

static void fetch_named(struct fetch *f, const char *name)
{
	const struct bz_account *account = bz_cli_pop_account(f->cli, name);

	if (account != NULL)
		fetch_one(f, account);
	else
		add_code(f, EX_USAGE);
}

int bz_cli_fetch(struct bz_cli *cli, char **names)
{
	struct fetch f = {.cli = cli};

	bz_stop_begin(&f.stop, cli->timeout);
	if (names[0] == NULL && cli->account != NULL)
		fetch_named(&f, cli->account);
	for (char **name = names; *name != NULL; name++)
		fetch_named(&f, *name);
	for (guint i = 0;
		names[0] == NULL && cli->account == NULL && i < cli->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(cli->settings->accounts, i);

		if (a->protocol == BZ_PROTOCOL_POP)
			fetch_one(&f, a);
	}
	return f.code;
}
