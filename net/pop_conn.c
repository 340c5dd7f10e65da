#include "net/pop_conn.h"
#include "net/login.h"
#include "net/starttls.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/secret.h"

#include <stdarg.h>
#include <string.h>

enum { MESSAGES_MAX = 500000, CAPA_MAX = 200, UIDL_MAX = 70 };
#define ANSWER_SECONDS 60.0
#define QUIT_SECONDS 2.0

/* --- lines ------------------------------------------------------------------------------------ */

int pop_say(struct pop_conn *c, struct bz_err *err, const char *fmt, ...)
{
	char line[4200];
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

static int broken(const struct pop_conn *c, const char *words, struct bz_err *err)
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
		return broken(c, line, err);
	if (text != NULL)
		*text = line + (ok ? 3 : 4) + strspn(line + (ok ? 3 : 4), " ");
	return ok ? 0 : 1;
}

/* One line of a multi-line answer: 1 a line, 0 the end. */
static int next_item(struct pop_conn *c, const char **line, struct bz_err *err)
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

static void note_capa(struct pop_conn *c, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 0);

	if (words[0] == NULL)
		return;
	c->pipelining = c->pipelining || g_ascii_strcasecmp(words[0], "PIPELINING") == 0;
	c->user = c->user || g_ascii_strcasecmp(words[0], "USER") == 0;
	for (char **w = words + 1; g_ascii_strcasecmp(words[0], "SASL") == 0 && *w != NULL; w++)
		c->plain = c->plain || g_ascii_strcasecmp(*w, "PLAIN") == 0;
}

static int ask_capa(struct pop_conn *c, struct bz_err *err)
{
	const char *line;
	int rc, lines = 0;

	if (pop_say(c, err, "CAPA") != 0)
		return -1;
	rc = pop_status(c, NULL, err);
	if (rc != 0) {
		c->user = true; /* too old for CAPA: USER is what it knows */
		return rc < 0 ? -1 : 0;
	}
	while ((rc = next_item(c, &line, err)) == 1) {
		if (++lines > CAPA_MAX)
			return broken(c, "CAPA", err);
		note_capa(c, line);
	}
	return rc;
}

/* --- login ------------------------------------------------------------------------------------ */

/* A refusal that another try may cure is no matter of the password (RFC 2449 8.1, RFC 3206). */
static int refused(
	const struct pop_conn *c, const struct bz_account *a, const char *words, struct bz_err *err)
{
	static const char *const later[] = {
		"[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]", "[SYS/PERM]"};

	for (size_t i = 0; i < G_N_ELEMENTS(later); i++)
		if (g_ascii_strncasecmp(words, later[i], strlen(later[i])) == 0)
			return bz_err_server(err, BZ_ERR_NET, BZ_CODE_NONE, words, -1,
				_("%s cannot open the mailbox now."), bz_stream_host(c->stream));
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

static int login(
	struct pop_conn *c, const struct bz_account *a, const char *password, struct bz_err *err)
{
	if (!c->user && c->plain)
		return login_plain(c, a, password, err);
	if (!c->user)
		return bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED,
			_("%s offers no way to log in that buzon uses (USER or PLAIN). Nothing was "
			  "sent."),
			a->host);
	if (pop_say(c, err, "USER %s", a->user) != 0 ||
		(!c->pipelining && expect_login(c, a, err) != 0) ||
		pop_say(c, err, "PASS %s", password) != 0 ||
		(c->pipelining && expect_login(c, a, err) != 0))
		return -1;
	return expect_login(c, a, err);
}

/* --- UIDL and LIST ---------------------------------------------------------------------------- */

/* RFC 1939 section 7: 1 to 70 characters of 0x21 to 0x7E. What breaks that rule is known by its
 * digest. */
static void keep_uidl(const char *id, size_t n, struct pop_item *item)
{
	bool plain = n <= UIDL_MAX;

	for (size_t i = 0; i < n && plain; i++)
		plain = id[i] >= 0x21 && id[i] <= 0x7e;
	if (plain) {
		memcpy(item->uidl, id, n);
	} else {
		g_autofree char *sum =
			g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)id, n);

		(void)g_snprintf(item->uidl, sizeof item->uidl, "(%s", sum);
	}
}

/* "3 id". False: no line of a listing. An id of no length stays "". */
static bool read_uidl(const char *line, struct pop_item *item)
{
	char *end;
	guint64 number = g_ascii_isdigit(line[0]) ? g_ascii_strtoull(line, &end, 10) : 0;

	if (number == 0 || number > UINT32_MAX || (*end != ' ' && *end != '\0'))
		return false;
	end += strspn(end, " ");
	keep_uidl(end, strlen(end), item);
	item->number = (uint32_t)number;
	return true;
}

/* What is known of the listing so far. */
struct uidls {
	GArray *items;
	GHashTable *ids, *numbers;
	guint left_alone; /* messages that cannot be told from others */
};

/* False: the same number twice, or too many. */
static bool add_uidl(struct uidls *u, const struct pop_item *item)
{
	if (u->items->len + u->left_alone >= MESSAGES_MAX ||
		!g_hash_table_add(u->numbers, GUINT_TO_POINTER(item->number)))
		return false;
	if (item->uidl[0] != '\0' && g_hash_table_add(u->ids, g_strdup(item->uidl)))
		g_array_append_val(u->items, *item);
	else
		u->left_alone++;
	return true;
}

static void note_left_alone(const struct pop_conn *c, const struct bz_job *job, guint n)
{
	g_autofree char *text = g_strdup_printf(
		ngettext(
			"%s does not tell %u message apart from the others (UIDL); it stays there.",
			"%s does not tell %u messages apart from the others (UIDL); they stay "
			"there.",
			n),
		bz_stream_host(c->stream), n);

	bz_log(BZ_LOG_WARN, "%s", text);
	job->report->note(job->report->me, text);
}

static int read_lines(struct pop_conn *c, struct uidls *u, struct bz_err *err)
{
	const char *line;
	int rc;

	while ((rc = next_item(c, &line, err)) == 1) {
		struct pop_item item = {0};

		if (!read_uidl(line, &item) || !add_uidl(u, &item))
			return broken(c, line, err);
	}
	return rc;
}

static int read_uidls(
	struct pop_conn *c, const struct bz_job *job, GArray *items, struct bz_err *err)
{
	struct uidls u = {.items = items};
	const char *line = "";
	int rc = pop_status(c, &line, err);

	if (rc == 1)
		return bz_err_server(err, BZ_ERR_UNSUPPORTED, BZ_CODE_NONE, line, -1,
			_("%s cannot tell its messages apart (UIDL), so they would be downloaded "
			  "twice. Nothing was downloaded."),
			bz_stream_host(c->stream));
	if (rc != 0)
		return -1;
	u.ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	u.numbers = g_hash_table_new(NULL, NULL);
	rc = read_lines(c, &u, err);
	g_hash_table_unref(u.ids);
	g_hash_table_unref(u.numbers);
	if (rc == 0 && u.left_alone > 0)
		note_left_alone(c, job, u.left_alone);
	return rc;
}

static int read_sizes(struct pop_conn *c, GArray *items, struct bz_err *err)
{
	g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);
	const char *line;
	int rc = pop_status(c, NULL, err), lines = 0;

	if (rc != 0)
		return rc < 0 ? -1 : 0; /* sizes serve the progress line alone */
	for (guint i = 0; i < items->len; i++)
		g_hash_table_insert(places,
			GUINT_TO_POINTER(g_array_index(items, struct pop_item, i).number),
			GUINT_TO_POINTER(i + 1));
	while ((rc = next_item(c, &line, err)) == 1) {
		char *end;
		guint64 number = g_ascii_strtoull(line, &end, 10);
		guint place = number <= UINT32_MAX ? GPOINTER_TO_UINT(g_hash_table_lookup(places,
							     GUINT_TO_POINTER((guint)number)))
						   : 0;

		if (++lines > MESSAGES_MAX)
			return broken(c, "LIST", err);
		if (place > 0)
			g_array_index(items, struct pop_item, place - 1).size =
				g_ascii_strtoull(end, NULL, 10);
	}
	return rc;
}

static int list(struct pop_conn *c, const struct bz_job *job, GArray *items, struct bz_err *err)
{
	if (pop_say(c, err, "UIDL") != 0 || (c->pipelining && pop_say(c, err, "LIST") != 0) ||
		read_uidls(c, job, items, err) != 0 ||
		(!c->pipelining && pop_say(c, err, "LIST") != 0))
		return -1;
	return read_sizes(c, items, err);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int greet(struct pop_conn *c, struct bz_err *err)
{
	const char *words = "";
	int rc = pop_status(c, &words, err);

	return rc == 1 ? bz_err_server(err, BZ_ERR_NET, BZ_CODE_CLOSED, words, -1,
				 _("%s takes no connections now."), bz_stream_host(c->stream))
		       : rc;
}

struct pop_conn *pop_open(const struct bz_account *a, struct bz_store *store,
	const struct bz_job *job, GArray *items, struct bz_err *err)
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
	bz_stream_limits(
		c->stream, bz_now() + ANSWER_SECONDS, 0, BZ_GUARD_LITERAL_MAX, job->cancel);
	if ((a->security == BZ_SECURITY_STARTTLS || greet(c, err) == 0) && ask_capa(c, err) == 0 &&
		login(c, a, job->password, err) == 0 && list(c, job, items, err) == 0) {
		bz_log(BZ_LOG_INFO, "%s: connected to %s, %u messages there", a->id, a->host,
			items->len);
		return c;
	}
	pop_close(&c, NULL);
	return NULL;
}

void pop_close(struct pop_conn **conn, const struct bz_job *quit)
{
	struct pop_conn *c = *conn;

	if (c == NULL)
		return;
	if (quit != NULL) {
		bz_stream_limits(c->stream, bz_now() + QUIT_SECONDS, 0, 0, quit->cancel);
		if (pop_say(c, NULL, "QUIT") == 0)
			(void)pop_status(c, NULL, NULL);
	}
	bz_guard_free(c->guard);
	bz_stream_close(&c->stream);
	g_free(c);
	*conn = NULL;
}
