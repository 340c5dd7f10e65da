#include "net/pop_conn.h"
#include "net/login.h"
#include "net/starttls.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/secret.h"

#include <stdarg.h>
#include <string.h>

enum { CAPA_MAX = 200, COMMAND_MAX = 2 * 4096 + 100 };
#define ANSWER_SECONDS 60.0
#define CAPS_KEY "pop-capabilities"

/* --- lines ------------------------------------------------------------------------------------ */

int pop_say(struct pop_conn *c, struct bz_err *err, const char *fmt, ...)
{
	char line[COMMAND_MAX];
	va_list args;
	int n, rc;

	va_start(args, fmt);
	n = g_vsnprintf(line, sizeof line - 2, fmt, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof line - 2)
		return bz_err_set(
			err, BZ_ERR_LOCAL, BZ_CODE_NONE, _("A name or password is too long."));
	memcpy(line + n, "\r\n", 2);
	rc = bz_stream_write(c->stream, line, (size_t)n + 2, err);
	explicit_bzero(line, sizeof line);
	return rc;
}

int pop_broken(const struct pop_conn *c, const char *words, struct bz_err *err)
{
	return bz_err_server(err, BZ_ERR_PROTO, BZ_CODE_NONE, words, -1,
		_("%s does not speak POP3 as it should; the connection was closed."),
		bz_stream_host(c->stream));
}

int pop_status(struct pop_conn *c, const char **text, struct bz_err *err)
{
	const char *line;
	size_t n;
	bool ok;

	if (bz_guard_line(c->guard, BZ_GUARD_POP_LINE_MAX, &line, &n, err) != 0)
		return -1;
	ok = g_str_has_prefix(line, "+OK");
	if (!ok && !g_str_has_prefix(line, "-ERR"))
		return pop_broken(c, line, err);
	if (text != NULL)
		*text = line + (ok ? 3 : 4) + strspn(line + (ok ? 3 : 4), " ");
	return ok ? 0 : 1;
}

int pop_next(struct pop_conn *c, const char **line, struct bz_err *err)
{
	size_t n;

	if (bz_guard_line(c->guard, BZ_GUARD_POP_LINE_MAX, line, &n, err) != 0)
		return -1;
	if (strcmp(*line, ".") == 0)
		return 0;
	*line += (*line)[0] == '.';
	return 1;
}

/* --- CAPA (RFC 2449) -------------------------------------------------------------------------- */

static void note_capa(struct pop_caps *caps, const char *line)
{
	const struct {
		const char *word;
		bool *flag;
	} words[] = {{"PIPELINING", &caps->pipelining}, {"USER", &caps->user}, {"TOP", &caps->top},
		{"UIDL", &caps->uidl}, {"AUTH-RESP-CODE", &caps->auth_codes}};
	g_auto(GStrv) said = g_strsplit(line, " ", 0);

	if (said[0] == NULL)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_ascii_strcasecmp(said[0], words[i].word) == 0)
			*words[i].flag = true;
	for (char **w = said + 1; g_ascii_strcasecmp(said[0], "SASL") == 0 && *w != NULL; w++)
		caps->plain = caps->plain || g_ascii_strcasecmp(*w, "PLAIN") == 0;
}

static int read_capa(struct pop_conn *c, struct bz_err *err)
{
	const char *line;
	int rc = pop_status(c, NULL, err), lines = 0;

	c->caps = (struct pop_caps){.told = rc == 0};
	if (rc != 0) {
		c->caps.user = true; /* too old for CAPA: USER is what it knows */
		return rc < 0 ? -1 : 0;
	}
	while ((rc = pop_next(c, &line, err)) == 1) {
		if (++lines > CAPA_MAX)
			return pop_broken(c, "CAPA", err);
		note_capa(&c->caps, line);
	}
	return rc;
}

/* What the account's server said the last time: may CAPA and the login go in one flight? That
 * gives away no more than the login does: it goes over the same verified line. */
static bool known_to_pipeline(struct bz_store *store)
{
	g_autofree char *words = NULL;

	return bz_store_meta_get(store, CAPS_KEY, &words, NULL) == 0 &&
	       strcmp(words, "PIPELINING USER") == 0;
}

static int remember(
	const struct pop_conn *c, struct bz_store *store, bool known, struct bz_err *err)
{
	bool now = c->caps.pipelining && c->caps.user;

	return now == known ? 0
			    : bz_store_meta_set(store, CAPS_KEY, now ? "PIPELINING USER" : "", err);
}

/* --- login ------------------------------------------------------------------------------------ */

/* Does the refusal begin with this code (RFC 2449 section 8, RFC 3206)? */
static bool has_code(const char *words, const char *code)
{
	size_t n = strlen(code);

	return words[0] == '[' && g_ascii_strncasecmp(words + 1, code, n) == 0 &&
	       (words[n + 1] == ']' || words[n + 1] == '/');
}

/* Older servers have words alone for it: those of RFC 1939's own examples. */
static bool is_locked(const char *words)
{
	return has_code(words, "IN-USE") ||
	       (words[0] != '[' && strcasestr(words, "maildrop") != NULL &&
		       strcasestr(words, "lock") != NULL);
}

static int refused(
	const struct pop_conn *c, const struct bz_account *a, const char *words, struct bz_err *err)
{
	const char *host = a->host;

	if (is_locked(words))
		return bz_err_server(err, BZ_ERR_NET, BZ_CODE_LOCKED, words, -1,
			_("Another program is reading this mailbox at %s just now. Nothing is "
			  "lost; try again in a while."),
			host);
	if (has_code(words, "LOGIN-DELAY"))
		return bz_err_server(err, BZ_ERR_NET, BZ_CODE_NONE, words, -1,
			_("%s wants a pause between two logins. Look less often (check-every)."),
			host);
	if (has_code(words, "SYS/PERM"))
		return bz_err_server(err, BZ_ERR_PROTO, BZ_CODE_NONE, words, -1,
			_("%s cannot open this mailbox, and waiting will not help: whoever runs "
			  "the server has to repair it."),
			host);
	if (has_code(words, "SYS") || (c->caps.auth_codes && !has_code(words, "AUTH")))
		return bz_err_server(err, BZ_ERR_NET, BZ_CODE_NONE, words, -1,
			_("%s cannot open the mailbox now. The password is not the reason; try "
			  "again in a while."),
			host);
	return bz_login_refused(a, words, err);
}

static int expect_login(struct pop_conn *c, const struct bz_account *a, struct bz_err *err)
{
	const char *words = "";
	int rc = pop_status(c, &words, err);

	return rc == 1 ? refused(c, a, words, err) : rc;
}

static int login_plain(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	char *plain = bz_login_plain(a->user, password);
	const char *line;
	size_t n;
	int rc = pop_say(c, err, "AUTH PLAIN");

	if (rc == 0)
		rc = bz_guard_line(c->guard, BZ_GUARD_POP_LINE_MAX, &line, &n, err);
	if (rc == 0 && line[0] != '+')
		rc = bz_login_refused(a, line, err);
	if (rc == 0)
		rc = bz_stream_write(c->stream, plain, strlen(plain), err);
	if (rc == 0)
		rc = bz_stream_write(c->stream, "\r\n", 2, err);
	bz_secret_free(plain);
	return rc == 0 ? expect_login(c, a, err) : -1;
}

/* All at once: that one is refused makes the others errors too, so the first counts. */
static int login_at_once(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	if (pop_say(c, err, "USER %s\r\nPASS %s", a->user, password) != 0 ||
		expect_login(c, a, err) != 0)
		return -1;
	return expect_login(c, a, err);
}

static int login(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	if (!c->caps.user && c->caps.plain)
		return login_plain(c, a, password, err);
	if (!c->caps.user)
		return bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED,
			_("%s offers no way to log in that buzon uses (USER or PLAIN). Nothing was "
			  "sent."),
			a->host);
	if (c->caps.pipelining)
		return login_at_once(c, a, password, err);
	if (pop_say(c, err, "USER %s", a->user) != 0 || expect_login(c, a, err) != 0 ||
		pop_say(c, err, "PASS %s", password) != 0)
		return -1;
	return expect_login(c, a, err);
}

/* CAPA first, and the login by what it says. */
static int begin(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	return pop_say(c, err, "CAPA") == 0 && read_capa(c, err) == 0 ? login(c, a, password, err)
								      : -1;
}

/* CAPA and the login in one flight, to a server that said before that it takes this. */
static int begin_at_once(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	if (pop_say(c, err, "CAPA\r\nUSER %s\r\nPASS %s", a->user, password) != 0 ||
		read_capa(c, err) != 0 || expect_login(c, a, err) != 0)
		return -1;
	return expect_login(c, a, err);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int greet(struct pop_conn *c, const struct bz_account *a, struct bz_err *err)
{
	const char *words = "";
	int rc = pop_status(c, &words, err);

	if (rc != 1)
		return rc;
	if (words[0] == '[')
		return refused(c, a, words, err);
	return bz_err_server(err, BZ_ERR_NET, BZ_CODE_CLOSED, words, -1,
		_("%s takes no connections now."), bz_stream_host(c->stream));
}

static int start(struct pop_conn *c, const struct bz_account *a, struct bz_store *store,
	const struct bz_job *job, struct bz_err *err)
{
	bool known = known_to_pipeline(store);

	bz_stream_limits(
		c->stream, bz_now() + ANSWER_SECONDS, 0, BZ_GUARD_LITERAL_MAX, job->cancel);
	if (a->security != BZ_SECURITY_STARTTLS && greet(c, a, err) != 0)
		return -1;
	if ((known ? begin_at_once : begin)(c, a, job->password, err) != 0) {
		if (known) /* perhaps it is another server now: step by step the next time */
			(void)bz_store_meta_set(store, CAPS_KEY, "", NULL);
		return -1;
	}
	return remember(c, store, known, err);
}

struct pop_conn *pop_open(const struct bz_account *a, struct bz_store *store,
	const struct bz_job *job, struct bz_err *err)
{
	struct pop_conn *c;

	if (bz_login_check(a->user, job->password, err) != 0)
		return NULL;
	c = g_new0(struct pop_conn, 1);
	c->stream = bz_login_dial(a, store, job, bz_starttls_pop3, err);
	if (c->stream == NULL) {
		g_free(c);
		return NULL;
	}
	c->guard = bz_guard_new(c->stream);
	if (start(c, a, store, job, err) == 0) {
		bz_log(BZ_LOG_INFO, "%s: connected to %s", a->id, a->host);
		return c;
	}
	(void)pop_close(&c, NULL, 0);
	return NULL;
}

bool pop_close(struct pop_conn **conn, const struct bz_job *quit, double seconds)
{
	struct pop_conn *c = *conn;
	bool done = false;

	if (c == NULL)
		return false;
	if (quit != NULL) {
		bz_stream_limits(c->stream, bz_now() + seconds, 0, 0, quit->cancel);
		done = pop_say(c, NULL, "QUIT") == 0 && pop_status(c, NULL, NULL) == 0;
	}
	bz_guard_free(c->guard);
	bz_stream_close(&c->stream);
	g_free(c);
	*conn = NULL;
	return done;
}
