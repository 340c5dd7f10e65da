/* The stream against servers that stall, drip, flood or never read, clear and inside TLS. Every
 * limit is short, so nothing is waited for; the clock is asserted only so far that a hang
 * is seen. */
#include "tests/unit/check.h"

#include "net/dial.h"
#include "net/stream.h"

#include <arpa/inet.h>
#include <glib-unix.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON 0.3  /* seconds until a deadline, or until a cancel */
#define HANG 15.0 /* this long only where something did not end */

/* --- a server --------------------------------------------------------------------------------- */

static X509 *certificate;
static EVP_PKEY *key;
static uint8_t digest[32];

static int make_certificate(void **state)
{
	unsigned n = sizeof digest;

	(void)state;
	key = EVP_EC_gen("P-256");
	certificate = X509_new();
	assert_non_null(key);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &n), 1);
	return 0;
}

static int free_certificate(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

struct server {
	void (*play)(struct server *s);
	int fd;
	SSL *ssl;  /* NULL = clear */
	bool over; /* read and written atomically: the client is done */
	pthread_t thread;
};

static bool is_over(struct server *s)
{
	return __atomic_load_n(&s->over, __ATOMIC_SEQ_CST);
}

static void *serve(void *me)
{
	struct server *s = me;

	s->play(s);
	return NULL;
}

static struct bz_stream *talk(struct server *s)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(g_unix_set_fd_nonblocking(fds[0], TRUE, NULL));
	s->fd = fds[1];
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return bz_stream_from_fd(fds[0]);
}

static void end(struct server *s, struct bz_stream **stream)
{
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	bz_stream_close(stream);
	pthread_join(s->thread, NULL);
	SSL_free(s->ssl);
	close(s->fd);
}

static void accept_tls(struct server *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(ctx, certificate);
	SSL_CTX_use_PrivateKey(ctx, key);
	s->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(s->ssl, s->fd);
	(void)SSL_accept(s->ssl);
}

static int start_tls(
	struct bz_stream *stream, double seconds, GCancellable *cancel, struct bz_err *err)
{
	struct bz_dial dial = {.host = "localhost", .pin = digest, .security = BZ_SECURITY_TLS};

	return bz_stream_start_tls(stream, &dial, bz_now() + seconds, cancel, NULL, err);
}

/* --- cancelling from another thread ----------------------------------------------------------- */

static void *cancel_soon(void *cancel)
{
	g_usleep((gulong)(SOON * G_USEC_PER_SEC));
	g_cancellable_cancel(cancel);
	return NULL;
}

struct stop {
	GCancellable *cancel;
	pthread_t thread;
};

static void stop_begin(struct stop *stop)
{
	stop->cancel = g_cancellable_new();
	assert_int_equal(pthread_create(&stop->thread, NULL, cancel_soon, stop->cancel), 0);
}

static void stop_end(struct stop *stop)
{
	pthread_join(stop->thread, NULL);
	g_object_unref(stop->cancel);
}

/* --- what servers do -------------------------------------------------------------------------- */

static void wait_over(struct server *s)
{
	while (!is_over(s))
		g_usleep(1000);
}

static void say_nothing(struct server *s)
{
	wait_over(s);
}

static void tls_then_nothing(struct server *s)
{
	accept_tls(s);
	wait_over(s);
}

/* A TLS record that says it is long, byte by byte: no handshake ever comes of it. */
static void drip(struct server *s)
{
	static const char record[] = "\x16\x03\x03\x20\x00\x02\x00\x1f\xfc";
	size_t i = 0;

	while (!is_over(s) && send(s->fd, i < 9 ? record + i : "x", 1, MSG_NOSIGNAL) == 1) {
		i++;
		g_usleep(10000);
	}
}

/* Session tickets for ever: records that hold no data. */
static void flood_tickets(struct server *s)
{
	accept_tls(s);
	while (!is_over(s) && SSL_new_session_ticket(s->ssl) == 1 && SSL_do_handshake(s->ssl) == 1)
		;
}

static void say_hello(struct server *s)
{
	accept_tls(s);
	(void)SSL_write(s->ssl, "hello", 5);
	wait_over(s);
}

/* Cuts the line below TLS, without a close_notify. */
static void cut(struct server *s)
{
	accept_tls(s);
	(void)SSL_write(s->ssl, "half", 4);
	shutdown(s->fd, SHUT_RDWR);
	wait_over(s);
}

/* Reads all, slowly and little by little, then says how much that was. */
static void count(struct server *s)
{
	char buf[1000];
	size_t sum = 0;
	int n;

	accept_tls(s);
	while (sum < 4000000 && (n = SSL_read(s->ssl, buf, sizeof buf)) > 0) {
		sum += (size_t)n;
		if (sum % 500000 < 1000)
			g_usleep(1000);
	}
	(void)SSL_write(s->ssl, sum == 4000000 ? "whole" : "short", 5);
	wait_over(s);
}

/* --- handshake -------------------------------------------------------------------------------- */

static void a_dripped_handshake_meets_the_total_deadline(void **state)
{
	struct server s = {.play = drip};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	double start = bz_now();

	(void)state;
	assert_int_equal(start_tls(stream, SOON, NULL, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
	assert_true(bz_now() - start < HANG);
	end(&s, &stream);
}

static void a_cancel_ends_a_handshake(void **state)
{
	struct server s = {.play = drip};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	struct stop stop;

	(void)state;
	stop_begin(&stop);
	assert_int_equal(start_tls(stream, HANG, stop.cancel, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	stop_end(&stop);
	end(&s, &stream);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void tickets_without_end_meet_the_deadline(void **state)
{
	struct server s = {.play = flood_tickets};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	char c;

	(void)state;
	assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
	bz_stream_limits(stream, bz_now() + SOON, 0, 0, NULL);
	assert_int_equal(bz_stream_read(stream, &c, 1, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
	end(&s, &stream);
}

static void a_cancel_ends_tickets_without_end(void **state)
{
	struct server s = {.play = flood_tickets};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	struct stop stop;
	char c;

	(void)state;
	assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
	stop_begin(&stop);
	bz_stream_limits(stream, bz_now() + HANG, 0, 0, stop.cancel);
	assert_int_equal(bz_stream_read(stream, &c, 1, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	stop_end(&stop);
	end(&s, &stream);
}

static void errors_of_others_are_no_failure_of_the_line(void **state)
{
	struct server s = {.play = say_hello};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	char buf[8];
	size_t got = 0;

	(void)state;
	assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
	while (got < 5) {
		ssize_t n;

		ERR_raise(ERR_LIB_X509, X509_R_BAD_X509_FILETYPE);
		n = bz_stream_read(stream, buf + got, sizeof buf - got, &err);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(buf, "hello", 5);
	end(&s, &stream);
}

static void a_cut_inside_tls_is_no_end_of_data(void **state)
{
	struct server s = {.play = cut};
	struct bz_stream *stream = talk(&s);
	struct bz_err err = {0};
	char buf[8];

	(void)state;
	assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
	assert_int_equal(bz_stream_read(stream, buf, sizeof buf, &err), 4);
	assert_int_equal(bz_stream_read(stream, buf, sizeof buf, &err), -1);
	assert_int_equal(err.code, BZ_CODE_CLOSED);
	end(&s, &stream);
}

static bool always(void *me)
{
	(void)me;
	return true;
}

static void a_drip_is_silence_where_somebody_is_in_a_hurry(void **state)
{
	struct server s = {.play = drip};
	struct bz_stream *stream = talk(&s);
	struct bz_hurry hurry = {always, NULL, 0.2};
	struct bz_err err = {0};
	double start = bz_now();
	char c;

	(void)state;
	bz_stream_set_hurry(stream, &hurry);
	bz_stream_limits(stream, start + HANG, 0, 0, NULL);
	while (bz_stream_read(stream, &c, 1, &err) > 0)
		;
	assert_int_equal(err.code, BZ_CODE_HURRY);
	end(&s, &stream);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_to_deaf(struct bz_stream *stream, struct bz_err *err)
{
	g_autofree char *much = g_malloc0(16 << 20);

	assert_int_equal(bz_stream_write(stream, much, 16 << 20, err), -1);
}

static void a_server_that_never_reads_meets_the_deadline(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct server s = {.play = tls ? tls_then_nothing : say_nothing};
		struct bz_stream *stream = talk(&s);
		struct bz_err err = {0};

		if (tls)
			assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
		bz_stream_limits(stream, bz_now() + SOON, 0, 0, NULL);
		write_to_deaf(stream, &err);
		assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
		end(&s, &stream);
	}
}

static void a_cancel_ends_a_write(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct server s = {.play = tls ? tls_then_nothing : say_nothing};
		struct bz_stream *stream = talk(&s);
		struct bz_hurry hurry = {always, NULL, 0};
		struct bz_err err = {0};
		struct stop stop;

		if (tls)
			assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
		bz_stream_set_hurry(stream, &hurry); /* no hurry leaves half a command behind */
		stop_begin(&stop);
		bz_stream_limits(stream, bz_now() + HANG, 0, 0, stop.cancel);
		write_to_deaf(stream, &err);
		assert_int_equal(err.kind, BZ_ERR_CANCELLED);
		assert_int_equal(err.code, BZ_CODE_NONE);
		stop_end(&stop);
		end(&s, &stream);
	}
}

static void a_slow_reader_gets_everything(void **state)
{
	struct server s = {.play = count};
	struct bz_stream *stream = talk(&s);
	g_autofree char *much = g_malloc0(4000000);
	struct bz_err err = {0};
	char buf[8];

	(void)state;
	assert_int_equal(start_tls(stream, HANG, NULL, &err), 0);
	bz_stream_limits(stream, bz_now() + HANG, 0, 0, NULL);
	assert_int_equal(bz_stream_write(stream, much, 4000000, &err), 0);
	assert_int_equal(bz_stream_read(stream, buf, sizeof buf, &err), 5);
	assert_memory_equal(buf, "whole", 5);
	end(&s, &stream);
}

/* --- dialling --------------------------------------------------------------------------------- */

/* A port whose queue of connections is full: the next one gets no answer. fds: what filled it. */
static uint16_t full_port(int fds[3])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&a, &n), 0);
	for (int i = 1; i < 3; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&a, sizeof a);
	}
	return ntohs(a.sin_port);
}

static void close_all(const int fds[3])
{
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void dialling_a_black_hole_meets_the_deadline(void **state)
{
	int fds[3];
	struct bz_dial dial = {.host = "127.0.0.1", .port = full_port(fds)};
	struct bz_err err = {0};

	(void)state;
	assert_int_equal(bz_dial_socket(&dial, bz_now() + SOON, NULL, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
	close_all(fds);
}

static void a_cancel_ends_dialling(void **state)
{
	int fds[3];
	struct bz_dial dial = {.host = "127.0.0.1", .port = full_port(fds)};
	struct bz_err err = {0};
	struct stop stop;

	(void)state;
	stop_begin(&stop);
	assert_int_equal(bz_dial_socket(&dial, bz_now() + HANG, stop.cancel, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	stop_end(&stop);
	close_all(fds);
}

/* Resets every connection as soon as it is there, until the listener is shut down. */
static void *reset_all(void *listener)
{
	struct linger now = {.l_onoff = 1};
	int fd;

	while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(fd);
	}
	return NULL;
}

/* Whether the peer was this computer cannot be asked any more: no matter of TLS. */
static void a_reset_at_once_is_a_closed_line(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof a;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct bz_dial dial = {.host = "127.0.0.1", .security = BZ_SECURITY_NONE};
	pthread_t thread;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	dial.port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&thread, NULL, reset_all, &listener), 0);
	for (int i = 0; i < 300; i++) {
		struct bz_err err = {0};
		struct bz_stream *stream = bz_stream_dial(&dial, bz_now() + HANG, NULL, NULL, &err);

		if (stream == NULL)
			assert_int_equal(err.kind, BZ_ERR_NET);
		bz_stream_close(&stream);
	}
	(void)shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
}

/* --- waiting for what comes unasked ----------------------------------------------------------- */

static void a_wait_ends_by_bytes_by_its_wake_and_by_the_clock(void **state)
{
	int line[2], wake[2];
	struct bz_stream *stream;
	struct bz_err err = {0};
	struct stop stop;
	char buf[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line), 0);
	assert_int_equal(pipe(wake), 0);
	assert_true(g_unix_set_fd_nonblocking(line[0], TRUE, NULL));
	stream = bz_stream_from_fd(line[0]);
	assert_int_equal(bz_stream_wait(stream, wake[0], bz_now() + 0.01, &err), 0);
	assert_int_equal(write(line[1], "x", 1), 1);
	assert_int_equal(bz_stream_wait(stream, wake[0], bz_now() + HANG, &err), 1);
	assert_int_equal(bz_stream_read(stream, buf, sizeof buf, &err), 1);
	assert_int_equal(write(wake[1], "x", 1), 1);
	assert_int_equal(bz_stream_wait(stream, wake[0], bz_now() + 10 * HANG, &err), 0);
	stop_begin(&stop);
	bz_stream_set_cancel(stream, stop.cancel);
	assert_int_equal(bz_stream_wait(stream, -1, bz_now() + 10 * HANG, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	bz_stream_set_cancel(stream, NULL);
	close(line[1]); /* an end is for the read to tell */
	assert_int_equal(bz_stream_wait(stream, -1, bz_now() + HANG, &err), 1);
	assert_int_equal(bz_stream_read(stream, buf, sizeof buf, &err), -1);
	assert_int_equal(err.code, BZ_CODE_CLOSED);
	stop_end(&stop);
	bz_stream_close(&stream);
	close(wake[0]);
	close(wake[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dripped_handshake_meets_the_total_deadline),
		cmocka_unit_test(a_cancel_ends_a_handshake),
		cmocka_unit_test(tickets_without_end_meet_the_deadline),
		cmocka_unit_test(a_cancel_ends_tickets_without_end),
		cmocka_unit_test(errors_of_others_are_no_failure_of_the_line),
		cmocka_unit_test(a_cut_inside_tls_is_no_end_of_data),
		cmocka_unit_test(a_drip_is_silence_where_somebody_is_in_a_hurry),
		cmocka_unit_test(a_server_that_never_reads_meets_the_deadline),
		cmocka_unit_test(a_cancel_ends_a_write),
		cmocka_unit_test(a_slow_reader_gets_everything),
		cmocka_unit_test(dialling_a_black_hole_meets_the_deadline),
		cmocka_unit_test(a_cancel_ends_dialling),
		cmocka_unit_test(a_reset_at_once_is_a_closed_line),
		cmocka_unit_test(a_wait_ends_by_bytes_by_its_wake_and_by_the_clock),
	};

	signal(SIGPIPE, SIG_IGN); /* the servers' own */
	return cmocka_run_group_tests(tests, make_certificate, free_certificate);
}
