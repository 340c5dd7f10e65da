/* From nothing to a logged-in line (RFC 3501 sections 6.1.3, 6.2; RFC 4959). */
#include "config.h"
#include "net/imap_box.h"
#include "net/imap_changes.h"
#include "net/imap_live.h"
#include "net/login.h"
#include "net/starttls.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/secret.h"

#include <string.h>

void imap_on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct imap_result *result = me;

	result->end = end;
	g_strlcpy(result->code, code, sizeof result->code);
	g_strlcpy(result->text, text, sizeof result->text);
}

int imap_check(const struct imap_result *result, struct bz_err *err, const char *sentence)
{
	if (result->end == IMAP_OK || g_ascii_strcasecmp(result->code, "EXPUNGEISSUED") == 0)
		return 0;
	return bz_err_server(err, BZ_ERR_REFUSED, BZ_CODE_NONE, result->text, -1, "%s", sentence);
}

void imap_disconnect(struct bz_backend *b)
{
	imap_conn_free(b->conn);
	b->conn = NULL;
	b->caps_asked = b->qresync = b->compress_asked = false;
	b->no_compress =
		b->no_compress || (b->stream != NULL && bz_stream_is_deflate_broken(b->stream));
	imap_search_forget(b);
	bz_stream_close(&b->stream);
	g_free(b->box.name);
	b->box = (struct imap_box){0};
	imap_changes_clear(b);
	imap_live_clear(b);
	b->live = (struct imap_live){0};
}

static void set_limits(struct bz_backend *b, const struct bz_job *job)
{
	bz_stream_limits(b->stream, bz_now() + IMAP_SECONDS, IMAP_STALL_SECONDS,
		BZ_GUARD_LITERAL_MAX, job->cancel);
}

int imap_go(struct bz_backend *b, const struct bz_job *job, const struct imap_result *login,
	struct bz_err *err)
{
	int rc;

	set_limits(b, job);
	rc = imap_run(b->conn, err);
	if (login != NULL && login->end != IMAP_OK)
		return bz_login_refused(b->account, login->text, err);
	return rc;
}

static bool is_ascii(const char *s)
{
	while (*s != '\0' && (signed char)*s > 0)
		s++;
	return *s == '\0';
}

static int ask_caps(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	static const struct imap_on on = {.end = imap_on_end};
	struct imap_result result;

	if (imap_submit(b->conn, &on, &result, NULL, err, "CAPABILITY") != 0)
		return -1;
	return imap_go(b, job, NULL, err);
}

/* Capabilities decide how to log in. Most servers tell them in the greeting. */
static int need_caps(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	return (imap_caps(b->conn) & IMAP_CAP_KNOWN) != 0 ? 0 : ask_caps(b, job, err);
}

int imap_know_caps(struct imap_call *call, unsigned wanted)
{
	struct bz_backend *b = call->b;

	if (b->caps_asked || (imap_caps(b->conn) & wanted) == wanted)
		return 0;
	if (ask_caps(b, call->job, call->err) != 0)
		return -1;
	b->caps_asked = true;
	return 0;
}

/* LOGIN with two quoted strings is never answered by "+", so commands may be written behind it;
 * SASL PLAIN is waited for. */
static int submit_login(struct bz_backend *b, const struct bz_job *job, struct imap_result *login,
	struct bz_err *err)
{
	static const struct imap_on on = {.end = imap_on_end};
	const char *user = b->account->user;
	unsigned caps = imap_caps(b->conn);
	char *plain;
	int rc;

	if ((caps & IMAP_CAP_LOGINDISABLED) == 0 && is_ascii(user) && is_ascii(job->password))
		return imap_submit(
			b->conn, &on, login, NULL, err, "LOGIN %q %q", user, job->password);
	if ((caps & IMAP_CAP_AUTH_PLAIN) == 0)
		return bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED,
			_("%s offers no way to log in that buzon uses (LOGIN or PLAIN). Nothing "
			  "was sent."),
			b->account->host);
	plain = bz_login_plain(user, job->password);
	rc = (caps & IMAP_CAP_SASL_IR) != 0
		     ? imap_submit(b->conn, &on, login, NULL, err, "AUTHENTICATE PLAIN %s", plain)
		     : imap_submit(b->conn, &on, login, plain, err, "AUTHENTICATE PLAIN");
	bz_secret_free(plain);
	if (rc == 0)
		rc = imap_go(b, job, NULL, err);
	if (login->end != IMAP_OK)
		return bz_login_refused(b->account, login->text, err);
	return rc;
}

/* Name and version, nothing of the person or the computer (RFC 2971). */
static int submit_id(struct bz_backend *b, struct bz_err *err)
{
	static const struct imap_on on = {0};

	if ((imap_caps(b->conn) & IMAP_CAP_ID) == 0)
		return 0;
	return imap_submit(b->conn, &on, NULL, NULL, err, "ID (%q %q %q %q)", "name", PACKAGE_NAME,
		"version", PACKAGE_VERSION);
}

static void on_enabled(void *me, const struct imap_resp *r)
{
	g_auto(GStrv) words = NULL;

	if (r->kind != IMAP_ENABLED)
		return;
	words = g_strsplit(r->text, " ", 0);
	for (char **w = words; *w != NULL; w++)
		if (g_ascii_strcasecmp(*w, "QRESYNC") == 0)
			((struct bz_backend *)me)->qresync = true;
}

/* Before any folder is selected (RFC 5161). Before the login many servers tell only that there is
 * ENABLE; what they do not know they pass over. */
static int submit_enable(struct bz_backend *b, struct bz_err *err)
{
	static const struct imap_on on = {.untagged = on_enabled};

	if ((imap_caps(b->conn) & IMAP_CAP_ENABLE) == 0)
		return 0;
	return imap_submit(b->conn, &on, b, NULL, err, "ENABLE CONDSTORE QRESYNC");
}

int imap_open(struct bz_backend *b, const struct bz_job *job, struct imap_result *login,
	struct bz_err *err)
{
	*login = (struct imap_result){.end = IMAP_OK};
	if (b->conn != NULL)
		return 0;
	if (bz_login_check(b->account->user, job->password, err) != 0)
		return -1;
	b->stream = bz_login_dial(b->account, b->store, job, bz_starttls_imap, err);
	if (b->stream == NULL)
		return -1;
	b->conn = imap_conn_new(b->stream);
	imap_conn_watch(b->conn, imap_note_untagged, b);
	set_limits(b, job);
	if (b->account->security != BZ_SECURITY_STARTTLS && imap_greeting(b->conn, err) != 0)
		return -1;
	if (need_caps(b, job, err) != 0 || submit_login(b, job, login, err) != 0 ||
		submit_id(b, err) != 0 || submit_enable(b, err) != 0)
		return -1;
	bz_log(BZ_LOG_INFO, "%s: connected to %s", b->account->id, b->account->host);
	return 0;
}
