#include "net/imap_conn.h"
#include "src/lang.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OUT_SIZE = 16 << 10, EXISTS_MAX = 10000000 };

#define READ_SECONDS 10.0 /* for one response that has begun to come unasked */

struct command {
	char tag[12];
	struct imap_on on;
	void *me;
	char *more; /* sent at "+", up to LF */
	bool idles, packs;
};

enum idle {
	IDLE_OFF,   /* not asked for, or DONE was written */
	IDLE_ASKED, /* no "+" yet: DONE may not be written */
	IDLE_ON
};

struct imap_conn {
	struct bz_stream *stream;
	struct bz_guard *guard;
	struct imap_parser *parser;
	GQueue sent;  /* struct command *, unanswered */
	GString *out; /* queued, not written; may hold a password: wiped */
	unsigned last_tag;
	unsigned caps;
	char bye[240];
	bool is_packing; /* COMPRESS is unanswered: how to write on is not known */
	enum idle idle;
	double idle_since;
	void (*watch)(void *me, const struct imap_resp *resp);
	void *watcher;
};

struct imap_conn *imap_conn_new(struct bz_stream *stream)
{
	struct imap_conn *c = g_new0(struct imap_conn, 1);

	c->stream = stream;
	c->guard = bz_guard_new(stream);
	c->parser = imap_parser_new();
	c->out = g_string_sized_new(OUT_SIZE);
	g_queue_init(&c->sent);
	return c;
}

static void wipe(GString *text)
{
	explicit_bzero(text->str, text->allocated_len);
	g_string_truncate(text, 0);
}

static void free_command(void *me)
{
	struct command *command = me;

	if (command->more != NULL)
		explicit_bzero(command->more, strlen(command->more));
	g_free(command->more);
	g_free(command);
}

void imap_conn_free(struct imap_conn *c)
{
	if (c == NULL)
		return;
	g_queue_clear_full(&c->sent, free_command);
	bz_guard_free(c->guard);
	imap_parser_free(c->parser);
	wipe(c->out);
	g_string_free(c->out, TRUE);
	g_free(c);
}

void imap_conn_watch(
	struct imap_conn *c, void (*f)(void *me, const struct imap_resp *resp), void *me)
{
	c->watch = f;
	c->watcher = me;
}

/* --- capabilities ----------------------------------------------------------------------------- */

static const struct {
	const char *word;
	unsigned cap;
} cap_words[] = {
	{"AUTH=PLAIN", IMAP_CAP_AUTH_PLAIN},
	{"SASL-IR", IMAP_CAP_SASL_IR},
	{"LOGINDISABLED", IMAP_CAP_LOGINDISABLED},
	{"SPECIAL-USE", IMAP_CAP_SPECIAL_USE},
	{"LIST-STATUS", IMAP_CAP_LIST_STATUS},
	{"QUOTA", IMAP_CAP_QUOTA},
	{"ID", IMAP_CAP_ID},
	{"MOVE", IMAP_CAP_MOVE},
	{"UIDPLUS", IMAP_CAP_UIDPLUS},
	{"CREATE-SPECIAL-USE", IMAP_CAP_CREATE_USE},
	{"IDLE", IMAP_CAP_IDLE},
	{"ENABLE", IMAP_CAP_ENABLE},
	{"CONDSTORE", IMAP_CAP_CONDSTORE},
	{"QRESYNC", IMAP_CAP_CONDSTORE},
	{"ESEARCH", IMAP_CAP_ESEARCH},
	{"LITERAL+", IMAP_CAP_LITERAL_PLUS},
	{"LITERAL-", IMAP_CAP_LITERAL_PLUS},
	{"COMPRESS=DEFLATE", IMAP_CAP_COMPRESS},
	{"STATUS=SIZE", IMAP_CAP_STATUS_SIZE},
	{"IMAP4rev2", IMAP_CAP_STATUS_SIZE},
	{"NOTIFY", IMAP_CAP_NOTIFY},
};

static void read_caps(struct imap_conn *c, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 0);

	c->caps = IMAP_CAP_KNOWN;
	for (char **w = words; *w != NULL; w++)
		for (size_t i = 0; i < G_N_ELEMENTS(cap_words); i++)
			if (g_ascii_strcasecmp(*w, cap_words[i].word) == 0)
				c->caps |= cap_words[i].cap;
}

unsigned imap_caps(const struct imap_conn *c)
{
	return c->caps;
}

static void note_caps(struct imap_conn *c, const struct imap_resp *r)
{
	if (r->kind == IMAP_CAPABILITY)
		read_caps(c, r->text);
	else if (r->code != NULL && g_ascii_strncasecmp(r->code, "CAPABILITY ", 11) == 0)
		read_caps(c, r->code + 11);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int add_quoted(GString *out, const char *s, struct bz_err *err)
{
	g_string_append_c(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '\r' || *s == '\n')
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE,
				_("A name or password holds a line end; nothing was sent."));
		if (*s == '"' || *s == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *s);
	}
	g_string_append_c(out, '"');
	return 0;
}

static int format(GString *out, const char *fmt, va_list args, struct bz_err *err)
{
	for (const char *p = fmt; *p != '\0'; p++) {
		if (*p != '%') {
			g_string_append_c(out, *p);
			continue;
		}
		p++;
		if (*p == 'u')
			g_string_append_printf(out, "%u", va_arg(args, uint32_t));
		else if (*p == 's')
			g_string_append(out, va_arg(args, const char *));
		else if (add_quoted(out, va_arg(args, const char *), err) != 0)
			return -1;
	}
	return 0;
}

int imap_submit(struct imap_conn *c, const struct imap_on *on, void *me, const char *more,
	struct bz_err *err, const char *fmt, ...)
{
	struct command *command = g_new0(struct command, 1);
	size_t before = c->out->len;
	va_list args;
	int rc;

	(void)snprintf(command->tag, sizeof command->tag, "B%u", ++c->last_tag);
	command->on = *on;
	command->me = me;
	command->more = g_strdup(more);
	g_string_append_printf(c->out, "%s ", command->tag);
	va_start(args, fmt);
	rc = format(c->out, fmt, args, err);
	va_end(args);
	if (rc != 0) {
		g_string_truncate(c->out, before);
		free_command(command);
		return -1;
	}
	g_string_append(c->out, "\r\n");
	g_queue_push_tail(&c->sent, command);
	return 0;
}

int imap_write(struct imap_conn *c, struct bz_err *err)
{
	int rc;

	if (c->idle == IDLE_ASKED || c->is_packing)
		return 0;
	if (c->idle == IDLE_ON)
		g_string_prepend(c->out, "DONE\r\n");
	c->idle = IDLE_OFF;
	rc = c->out->len > 0 ? bz_stream_write(c->stream, c->out->str, c->out->len, err) : 0;
	wipe(c->out);
	return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int broken(const struct imap_conn *c, const char *words, struct bz_err *err)
{
	return bz_err_server(err, BZ_ERR_PROTO, BZ_CODE_NONE, words, -1,
		_("%s does not speak IMAP as it should; the connection was closed."),
		bz_stream_host(c->stream));
}

static int next_response(struct imap_conn *c, const struct imap_resp **resp, struct bz_err *err)
{
	const char *text;
	size_t len;

	if (bz_guard_imap(c->guard, &text, &len, err) != 0) {
		if (c->bye[0] != '\0' && err != NULL && err->code == BZ_CODE_CLOSED)
			g_strlcpy(err->server, c->bye, sizeof err->server);
		return -1;
	}
	*resp = imap_parse(c->parser, text, len);
	note_caps(c, *resp);
	return 0;
}

int imap_greeting(struct imap_conn *c, struct bz_err *err)
{
	const struct imap_resp *r;

	if (next_response(c, &r, err) != 0)
		return -1;
	if (r->kind == IMAP_STATE && strcmp(r->word, "OK") == 0)
		return 0;
	if (r->kind == IMAP_STATE && strcmp(r->word, "BYE") == 0)
		return bz_err_server(err, BZ_ERR_NET, BZ_CODE_CLOSED, r->text, -1,
			_("%s takes no connections now."), bz_stream_host(c->stream));
	return broken(c, r->text, err);
}

/* Its OK is in clear, the next byte is not. */
static void end_compress(struct imap_conn *c, enum imap_end end)
{
	c->is_packing = false;
	if (end == IMAP_OK)
		bz_guard_start_deflate(c->guard);
}

static int answer(struct imap_conn *c, const struct imap_resp *r, struct bz_err *err)
{
	GList *l = c->sent.head;
	struct command *command;
	enum imap_end end;

	while (l != NULL && strcmp(((struct command *)l->data)->tag, r->tag) != 0)
		l = l->next;
	if (l == NULL)
		return broken(c, r->tag, err);
	if (strcmp(r->word, "OK") == 0)
		end = IMAP_OK;
	else if (strcmp(r->word, "NO") == 0)
		end = IMAP_NO;
	else if (strcmp(r->word, "BAD") == 0)
		end = IMAP_BAD;
	else
		return broken(c, r->word, err);
	command = l->data;
	g_queue_delete_link(&c->sent, l);
	if (command->packs)
		end_compress(c, end);
	if (command->on.end != NULL)
		command->on.end(command->me, end, r->code, r->text);
	if (command->idles)
		c->idle = IDLE_OFF;
	free_command(command);
	return 0;
}

/* Who is meant by "+": the first that has something to send, else the oldest. */
static struct command *waits_for_more(struct imap_conn *c)
{
	for (GList *l = c->sent.head; l != NULL; l = l->next) {
		struct command *command = l->data;

		if (command->idles || command->more != NULL)
			return command;
	}
	return g_queue_peek_head(&c->sent);
}

static void take_more(GString *out, struct command *command)
{
	const char *line = command->more != NULL ? command->more : "*";
	char *next = strchr(line, '\n');

	g_string_append_len(out, line, next != NULL ? next - line : -1);
	g_string_append(out, "\r\n");
	next = next != NULL ? g_strdup(next + 1) : NULL;
	if (command->more != NULL)
		explicit_bzero(command->more, strlen(command->more));
	g_free(command->more);
	command->more = next;
}

/* "+": the oldest command's next line, or "*" which gives up a SASL exchange (RFC 3501 6.2.2). */
static int go_on(struct imap_conn *c, struct bz_err *err)
{
	struct command *command = waits_for_more(c);

	if (command == NULL)
		return broken(c, "+", err);
	if (command->idles) {
		c->idle = c->idle == IDLE_ASKED ? IDLE_ON : c->idle;
		return 0;
	}
	take_more(c->out, command);
	return imap_write(c, err);
}

static int too_many(const struct imap_conn *c, struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_LIMIT, BZ_CODE_NONE,
		_("%s says that the folder holds more messages than buzon can list."),
		bz_stream_host(c->stream));
}

static void tell_commands(struct imap_conn *c, const struct imap_resp *r)
{
	for (GList *l = c->sent.head; l != NULL; l = l->next) {
		const struct command *command = l->data;

		if (command->idles)
			return;
		if (command->on.untagged != NULL)
			command->on.untagged(command->me, r);
	}
}

static int dispatch(struct imap_conn *c, const struct imap_resp *r, struct bz_err *err)
{
	if (r->kind == IMAP_TAGGED)
		return answer(c, r, err);
	if (r->kind == IMAP_CONTINUE)
		return go_on(c, err);
	if (r->kind == IMAP_STATE && strcmp(r->word, "BYE") == 0)
		g_strlcpy(c->bye, r->text, sizeof c->bye);
	if (r->kind == IMAP_EXISTS && r->number > EXISTS_MAX)
		return too_many(c, err);
	if (c->watch != NULL && r->kind != IMAP_SKIP)
		c->watch(c->watcher, r);
	if (r->kind != IMAP_SKIP)
		tell_commands(c, r);
	return 0;
}

bool imap_is_mid_command(const struct imap_conn *c)
{
	for (const GList *l = c->sent.head; l != NULL; l = l->next)
		if (((const struct command *)l->data)->more != NULL)
			return true;
	return false;
}

int imap_run(struct imap_conn *c, struct bz_err *err)
{
	while (!g_queue_is_empty(&c->sent)) {
		const struct imap_resp *r;

		if (imap_write(c, err) != 0 || next_response(c, &r, err) != 0 ||
			dispatch(c, r, err) != 0)
			return -1;
	}
	return 0;
}

/* --- COMPRESS --------------------------------------------------------------------------------- */

bool imap_is_at_rest(const struct imap_conn *c)
{
	return g_queue_is_empty((GQueue *)&c->sent);
}

int imap_compress(struct imap_conn *c, struct bz_err *err)
{
	static const struct imap_on on = {0};

	if (imap_submit(c, &on, NULL, NULL, err, "COMPRESS DEFLATE") != 0 ||
		imap_write(c, err) != 0)
		return -1;
	((struct command *)g_queue_peek_tail(&c->sent))->packs = true;
	c->is_packing = true;
	return 0;
}

/* --- IDLE ------------------------------------------------------------------------------------- */

int imap_idle(struct imap_conn *c, const struct imap_on *on, void *me, struct bz_err *err)
{
	if (imap_submit(c, on, me, NULL, err, "IDLE") != 0 || imap_write(c, err) != 0)
		return -1;
	((struct command *)g_queue_peek_tail(&c->sent))->idles = true;
	c->idle = IDLE_ASKED;
	c->idle_since = bz_now();
	return 0;
}

double imap_idle_since(const struct imap_conn *c)
{
	return c->idle != IDLE_OFF ? c->idle_since : 0;
}

static int read_one(struct imap_conn *c, struct bz_err *err)
{
	const struct imap_resp *r;

	if (next_response(c, &r, err) != 0 || dispatch(c, r, err) != 0)
		return -1;
	if (c->bye[0] == '\0')
		return 0;
	return bz_err_server(err, BZ_ERR_NET, BZ_CODE_CLOSED, c->bye, -1,
		_("%s closed the connection."), bz_stream_host(c->stream));
}

bool imap_idle_is_asked(const struct imap_conn *c)
{
	return c->idle == IDLE_ASKED;
}

int imap_wait(struct imap_conn *c, int wake, double until, struct bz_err *err)
{
	int rc = bz_guard_held(c->guard) > 0 ? 1 : bz_stream_wait(c->stream, wake, until, err);

	if (rc <= 0)
		return rc;
	bz_stream_set_deadline(c->stream, bz_now() + READ_SECONDS);
	return read_one(c, err) == 0 ? 1 : -1;
}
