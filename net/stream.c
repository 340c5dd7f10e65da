#include "net/stream.h"
#include "net/deflate.h"
#include "net/dial.h"
#include "net/tls.h"
#include "src/lang.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 50 };
#define HURRY_RATE 2000.0 /* bytes a second: less is silence, where somebody is in a hurry */

struct bz_stream {
	int fd;
	SSL *ssl;                  /* NULL = clear */
	struct bz_deflate *packed; /* NULL = as it is */
	char *host;
	struct bz_hurry hurry;
	GCancellable *cancel;
	int cancel_fd; /* -1 = none */
	double deadline, stall;
	double last_in; /* when the last byte arrived, or the limits were set */
	uint64_t budget, used;
	double hurried;      /* since when somebody is in a hurry; 0 = nobody */
	uint64_t hurried_in; /* what had come by then */
	uint64_t in;         /* bytes that came, above TLS and below inflate */
};

double bz_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int timed_out(const struct bz_stream *s, double now, struct bz_err *err)
{
	if (now - s->last_in < 1) /* it does answer, a little now and then */
		return bz_err_set(err, BZ_ERR_TIMEOUT, BZ_CODE_NONE,
			_("%s answers too slowly; buzon has stopped waiting."), s->host);
	return bz_err_set(err, BZ_ERR_TIMEOUT, BZ_CODE_NONE, _("%s has not answered for %d s."),
		s->host, (int)(now - s->last_in + 0.5));
}

/* Seconds that may still be waited; negative = none. */
static double left(const struct bz_stream *s, double now)
{
	double rest = 3600;

	if (s->deadline > 0)
		rest = MIN(rest, s->deadline - now);
	if (s->stall > 0)
		rest = MIN(rest, s->last_in + s->stall - now);
	return rest;
}

/* One poll of at most 50 ms where somebody may be in a hurry. 1 ready, 0 not yet, -1 error. */
static int poll_once(struct bz_stream *s, short events, double rest, struct bz_err *err)
{
	struct pollfd p[2] = {{s->fd, events, 0}, {s->cancel_fd, POLLIN, 0}};
	int ms = (int)MIN(rest * 1000 + 1, 60000);
	int n = poll(p, 2, s->hurry.f != NULL ? MIN(ms, SLICE_MS) : ms);

	if (n < 0 && errno != EINTR)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, "poll: %s", g_strerror(errno));
	if (g_cancellable_is_cancelled(s->cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	return n > 0 && p[0].revents != 0;
}

/* Is somebody in a hurry, and the line silent, or as good as? */
static bool must_hurry(struct bz_stream *s, double now)
{
	double took;

	if (s->hurry.f == NULL || !s->hurry.f(s->hurry.me)) {
		s->hurried = 0;
		return false;
	}
	if (s->hurried <= 0) {
		s->hurried = now;
		s->hurried_in = s->in;
	}
	took = now - s->hurried;
	return now - MAX(s->hurried, s->last_in) >= s->hurry.patience ||
	       (took >= s->hurry.patience && (double)(s->in - s->hurried_in) < took * HURRY_RATE);
}

static int wait_for(struct bz_stream *s, short events, struct bz_err *err)
{
	int one = 1, rc = 0;

	if (events == POLLIN)
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	while (rc == 0) {
		double now = bz_now(), rest = left(s, now);

		if (rest <= 0)
			return timed_out(s, now, err);
		if (must_hurry(s, now))
			return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_HURRY, _("Stopped."));
		rc = poll_once(s, events, rest, err);
	}
	return rc < 0 ? -1 : 0;
}

static int closed(const struct bz_stream *s, struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_NET, BZ_CODE_CLOSED, _("%s closed the connection."), s->host);
}

int bz_stream_wait(struct bz_stream *s, int wake, double until, struct bz_err *err)
{
	struct pollfd p[3] = {{s->fd, POLLIN, 0}, {wake, POLLIN, 0}, {s->cancel_fd, POLLIN, 0}};
	double rest = until - bz_now();
	int n = 0;

	s->last_in = bz_now(); /* silence until now was no failure */
	if ((s->packed != NULL && bz_deflate_is_ready(s->packed)) ||
		(s->ssl != NULL && SSL_has_pending(s->ssl)))
		return 1;
	do {
		if (n < 0 && errno != EINTR)
			return bz_err_set(
				err, BZ_ERR_LOCAL, BZ_CODE_IO, "poll: %s", g_strerror(errno));
		n = poll(p, G_N_ELEMENTS(p), (int)(CLAMP(rest, 0, 60) * 1000 + 0.999));
		rest = until - bz_now();
	} while (n < 0 || (n == 0 && rest > 0));
	if (p[1].revents != 0)
		return 0;
	if (g_cancellable_is_cancelled(s->cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	s->last_in = bz_now();
	return p[0].revents != 0;
}

/* --- OpenSSL's way to the socket: send() with MSG_NOSIGNAL ------------------------------------ */

static int bio_write(BIO *bio, const char *data, int n)
{
	const struct bz_stream *s = BIO_get_data(bio);
	ssize_t k = send(s->fd, data, (size_t)n, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)k;
}

static bool is_over(const struct bz_stream *s)
{
	return g_cancellable_is_cancelled(s->cancel) ||
	       (s->deadline > 0 && bz_now() >= s->deadline);
}

/* OpenSSL reads on by itself where records hold no data (tickets, new keys): it ends there too. */
static int bio_read(BIO *bio, char *data, int n)
{
	const struct bz_stream *s = BIO_get_data(bio);
	ssize_t k = is_over(s) ? (errno = EAGAIN, -1) : recv(s->fd, data, (size_t)n, 0);

	BIO_clear_retry_flags(bio);
	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)k;
}

static long bio_ctrl(BIO *bio, int what, long number, void *more)
{
	(void)bio;
	(void)number;
	(void)more;
	return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
}

static BIO *new_bio(struct bz_stream *s)
{
	static gsize once;
	static BIO_METHOD *method;
	BIO *bio;

	if (g_once_init_enter(&once)) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buzon socket");
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_ctrl);
		g_once_init_leave(&once, 1);
	}
	bio = BIO_new(method);
	if (bio != NULL) {
		BIO_set_data(bio, s);
		BIO_set_init(bio, 1);
	}
	return bio;
}

/* After SSL_connect, SSL_read or SSL_write returned rc <= 0: wait and come again, or fail. */
static int retry_tls(struct bz_stream *s, int rc, struct bz_err *err)
{
	int saved = errno;

	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(s, POLLIN, err);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(s, POLLOUT, err);
	case SSL_ERROR_ZERO_RETURN:
		return closed(s, err);
	case SSL_ERROR_SYSCALL:
		errno = saved;
		return closed(s, err);
	default: /* a cut without close_notify too: never taken for an end of data */
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return closed(s, err);
		}
		return bz_tls_broken(s->host, err);
	}
}

/* --- making and ending ------------------------------------------------------------------------ */

void bz_stream_set_hurry(struct bz_stream *s, const struct bz_hurry *hurry)
{
	s->hurry = *hurry;
}

struct bz_stream *bz_stream_from_fd(int fd)
{
	struct bz_stream *s = g_new0(struct bz_stream, 1);

	s->fd = fd;
	s->cancel_fd = -1;
	s->host = g_strdup("localhost");
	s->last_in = bz_now();
	return s;
}

/* 1 = the peer is this computer, 0 = it is not, -1 = it is gone already. */
static int is_loopback(int fd)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof peer;

	if (getpeername(fd, (struct sockaddr *)&peer, &n) != 0)
		return -1;
	if (peer.ss_family == AF_INET)
		return ntohl(((struct sockaddr_in *)(void *)&peer)->sin_addr.s_addr) >> 24 == 127;
	return peer.ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)(void *)&peer)->sin6_addr);
}

/* Without TLS for this computer alone. */
static int check_clear(const struct bz_stream *s, struct bz_err *err)
{
	int local = is_loopback(s->fd);

	if (local < 0)
		return closed(s, err);
	return local > 0 ? 0
			 : bz_err_set(err, BZ_ERR_TLS, BZ_CODE_NONE,
				   _("%s is not this computer: buzon sends no password without "
				     "TLS."),
				   s->host);
}

/* Up to where the protocol's first words are due. */
static int begin_security(struct bz_stream *s, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err)
{
	switch (dial->security) {
	case BZ_SECURITY_TLS:
		return bz_stream_start_tls(s, dial, deadline, cancel, cert, err);
	case BZ_SECURITY_NONE:
		return check_clear(s, err);
	default:
		return 0;
	}
}

struct bz_stream *bz_stream_dial(const struct bz_dial *dial, double deadline, GCancellable *cancel,
	struct bz_cert *cert, struct bz_err *err)
{
	int fd = bz_dial_socket(dial, deadline, cancel, err);
	struct bz_stream *s;

	if (fd < 0)
		return NULL;
	s = bz_stream_from_fd(fd);
	g_free(s->host);
	s->host = g_strdup(dial->host);
	s->hurry = dial->hurry;
	if (begin_security(s, dial, deadline, cancel, cert, err) == 0)
		return s;
	bz_stream_close(&s);
	return NULL;
}

int bz_stream_start_tls(struct bz_stream *s, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err)
{
	int rc;

	bz_stream_limits(s, deadline, 0, 0, cancel);
	s->ssl = bz_tls_new(dial, new_bio(s), err);
	if (s->ssl == NULL)
		return -1;
	ERR_clear_error();
	while ((rc = SSL_connect(s->ssl)) != 1)
		if (retry_tls(s, rc, err) != 0)
			return -1;
	return bz_tls_verdict(s->ssl, dial, cert, err);
}

static void drop_cancel(struct bz_stream *s)
{
	if (s->cancel_fd >= 0)
		g_cancellable_release_fd(s->cancel);
	s->cancel_fd = -1;
	g_clear_object(&s->cancel);
}

void bz_stream_close(struct bz_stream **stream)
{
	struct bz_stream *s = *stream;

	if (s == NULL)
		return;
	if (s->ssl != NULL) {
		(void)SSL_shutdown(s->ssl);
		SSL_free(s->ssl);
		ERR_clear_error();
	}
	bz_deflate_free(s->packed);
	drop_cancel(s);
	close(s->fd);
	g_free(s->host);
	g_free(s);
	*stream = NULL;
}

void bz_stream_set_cancel(struct bz_stream *s, GCancellable *cancel)
{
	if (cancel == s->cancel) /* its descriptor is made anew each time it is asked for */
		return;
	drop_cancel(s);
	s->cancel = cancel != NULL ? g_object_ref(cancel) : NULL;
	s->cancel_fd = cancel != NULL ? g_cancellable_get_fd(cancel) : -1;
}

void bz_stream_set_deadline(struct bz_stream *s, double deadline)
{
	s->deadline = deadline;
}

void bz_stream_limits(
	struct bz_stream *s, double deadline, double stall, uint64_t budget, GCancellable *cancel)
{
	bz_stream_set_cancel(s, cancel);
	s->deadline = deadline;
	s->stall = stall;
	s->budget = budget;
	s->used = 0;
	s->last_in = bz_now();
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Bytes, 0 = would block, -1 = the end. Neither waits. */
static ssize_t read_clear(struct bz_stream *s, void *buf, size_t n, struct bz_err *err)
{
	ssize_t k = recv(s->fd, buf, n, 0);

	if (k > 0)
		return k;
	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		return wait_for(s, POLLIN, err);
	return closed(s, err);
}

static ssize_t read_tls(struct bz_stream *s, void *buf, size_t n, struct bz_err *err)
{
	int k;

	ERR_clear_error(); /* SSL_get_error looks at what others left, too */
	k = SSL_read(s->ssl, buf, (int)MIN(n, 1 << 20));
	return k > 0 ? k : retry_tls(s, k, err);
}

static ssize_t read_wire(struct bz_stream *s, void *buf, size_t n, struct bz_err *err)
{
	ssize_t k = 0;

	while (k == 0)
		k = s->ssl != NULL ? read_tls(s, buf, n, err) : read_clear(s, buf, n, err);
	if (k < 0)
		return -1;
	s->last_in = bz_now();
	s->in += (uint64_t)k;
	return k;
}

/* As many compressed bytes as give one; more wait until they are asked for. The layer bounds how
 * many may give none. */
static ssize_t read_packed(struct bz_stream *s, void *buf, size_t n, struct bz_err *err)
{
	ssize_t k;

	while ((k = bz_deflate_take(s->packed, buf, n, err)) == 0) {
		size_t room;
		void *in = bz_deflate_room(s->packed, &room);
		ssize_t came = read_wire(s, in, room, err);

		if (came < 0)
			return -1;
		bz_deflate_came(s->packed, (size_t)came);
	}
	return k;
}

ssize_t bz_stream_read(struct bz_stream *s, void *buf, size_t n, struct bz_err *err)
{
	ssize_t k;

	if (g_cancellable_is_cancelled(s->cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	if (s->deadline > 0 && bz_now() >= s->deadline) /* also where bytes never stop coming */
		return timed_out(s, bz_now(), err);
	k = s->packed != NULL ? read_packed(s, buf, n, err) : read_wire(s, buf, n, err);
	if (k < 0)
		return -1;
	s->used += (uint64_t)k;
	if (s->budget > 0 && s->used > s->budget)
		return bz_err_set(err, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("%s sent more than was asked for."), s->host);
	return k;
}

static ssize_t write_some(struct bz_stream *s, const char *buf, size_t n, struct bz_err *err)
{
	ssize_t k;

	if (s->ssl != NULL) {
		ERR_clear_error();
		k = SSL_write(s->ssl, buf, (int)MIN(n, 1 << 20));
		return k > 0 ? k : retry_tls(s, (int)k, err);
	}
	k = send(s->fd, buf, n, MSG_NOSIGNAL);
	if (k > 0)
		return k;
	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		return wait_for(s, POLLOUT, err);
	return closed(s, err);
}

static int write_wire(struct bz_stream *s, const char *at, size_t n, struct bz_err *err)
{
	struct bz_hurry hurry = s->hurry;

	s->hurry.f = NULL; /* half a command cannot be gone on with */
	while (n > 0) {
		ssize_t k = write_some(s, at, n, err);

		if (k < 0)
			break;
		at += k;
		n -= (size_t)k;
	}
	s->hurry = hurry;
	return n == 0 ? 0 : -1;
}

int bz_stream_write(struct bz_stream *s, const void *buf, size_t n, struct bz_err *err)
{
	GString *packed;
	int rc;

	if (s->packed == NULL)
		return write_wire(s, buf, n, err);
	packed = bz_deflate_pack(s->packed, buf, n);
	rc = write_wire(s, packed->str, packed->len, err);
	g_string_free(packed, TRUE);
	return rc;
}

void bz_stream_start_deflate(struct bz_stream *s, const void *held, size_t n)
{
	s->packed = bz_deflate_new(s->host, held, n);
}

bool bz_stream_is_deflate_broken(const struct bz_stream *s)
{
	return s->packed != NULL && bz_deflate_is_broken(s->packed);
}

const char *bz_stream_host(const struct bz_stream *s)
{
	return s->host;
}
