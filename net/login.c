#include "net/login.h"
#include "src/lang.h"
#include "src/secret.h"

#include <string.h>

enum { SECRET_MAX = 4096 };

struct bz_stream *bz_login_dial(const struct bz_account *a, struct bz_store *store,
	const struct bz_job *job,
	int (*starttls)(struct bz_stream *, const struct bz_dial *, double, GCancellable *,
		struct bz_cert *, struct bz_err *),
	struct bz_err *err)
{
	struct bz_dial dial = {
		.host = a->host,
		.port = a->port,
		.security = a->security,
		.ca_file = a->tls_ca_file,
		.trust_once = job->trust_once != NULL ? job->trust_once->sha256 : NULL,
		.hurry = {job->report->urgent, job->report->me,
			a->protocol == BZ_PROTOCOL_POP ? BZ_POP_PATIENCE : BZ_IMAP_PATIENCE},
	};
	double deadline = bz_now() + BZ_DIAL_SECONDS;
	struct bz_stream *stream;
	uint8_t pin[32];
	int pinned = bz_store_pin_get(store, a->host, a->port, pin, err);

	if (pinned < 0)
		return NULL;
	dial.pin = pinned == 0 ? pin : NULL;
	stream = bz_stream_dial(&dial, deadline, job->cancel, job->cert, err);
	if (stream != NULL && a->security == BZ_SECURITY_STARTTLS &&
		starttls(stream, &dial, deadline, job->cancel, job->cert, err) != 0)
		bz_stream_close(&stream);
	return stream;
}

static bool can_be_sent(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= SECRET_MAX && strpbrk(s, "\r\n") == NULL;
}

int bz_login_check(const char *user, const char *password, struct bz_err *err)
{
	if (can_be_sent(user) && can_be_sent(password))
		return 0;
	return bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
		_("The user name or the password holds a line end, is empty or is longer than "
		  "4096 bytes; nothing was sent."));
}

char *bz_login_plain(const char *user, const char *password)
{
	size_t nu = strlen(user), np = strlen(password), n = nu + np + 2;
	char *clear = g_malloc(n), *coded, *out;

	clear[0] = '\0';
	memcpy(clear + 1, user, nu);
	clear[nu + 1] = '\0';
	memcpy(clear + nu + 2, password, np);
	coded = g_base64_encode((const guchar *)clear, n);
	explicit_bzero(clear, n);
	g_free(clear);
	out = bz_secret_new(coded, -1);
	explicit_bzero(coded, strlen(coded));
	g_free(coded);
	return out;
}

int bz_login_refused(const struct bz_account *a, const char *words, struct bz_err *err)
{
	return bz_err_server(err, BZ_ERR_AUTH, BZ_CODE_LOGIN_REFUSED, words, -1,
		_("%s did not accept %s with this password."), a->host, a->user);
}
