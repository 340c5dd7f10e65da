/* The cutter and the stream: whatever way the bytes come, and however long they take. */
#include "tests/unit/check.h"

#include "net/guard.h"

#include <glib-unix.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a peer that writes bytes in pieces ------------------------------------------------------- */

struct peer {
	int fd;
	const char *bytes;
	size_t n, piece;
	unsigned pause_us;
	bool stays; /* does not close at the end */
	pthread_t thread;
};

static void *write_all(void *me)
{
	struct peer *p = me;

	for (size_t at = 0; at < p->n; at += p->piece) {
		size_t n = MIN(p->piece, p->n - at);

		if (send(p->fd, p->bytes + at, n, MSG_NOSIGNAL) < 0)
			break;
		if (p->pause_us > 0)
			g_usleep(p->pause_us);
	}
	if (!p->stays)
		shutdown(p->fd, SHUT_WR);
	return NULL;
}

static struct bz_stream *talk(struct peer *p)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(g_unix_set_fd_nonblocking(fds[0], TRUE, NULL));
	p->fd = fds[1];
	assert_int_equal(pthread_create(&p->thread, NULL, write_all, p), 0);
	return bz_stream_from_fd(fds[0]);
}

static void end(struct peer *p, struct bz_stream **stream)
{
	bz_stream_close(stream);
	pthread_join(p->thread, NULL);
	close(p->fd);
}

/* --- IMAP ------------------------------------------------------------------------------------- */

static const char session[] = "* OK ready {5}\r\n"
			      "* 1 FETCH (UID 7 BODY[] {11}\r\nab)\r\n{3}(\"\0c X \"{9}\")\r\n"
			      "* 2 FETCH (RFC822.SIZE 5000000000 UID 8)\r\n"
			      "B1 OK done (((\r\n";

static void responses_are_whole_whatever_the_pieces(void **state)
{
	static const char *const want[] = {"* OK ready {5}\r\n", NULL,
		"* 2 FETCH (RFC822.SIZE 4294967295 UID 8)\r\n", "B1 OK done (((\r\n"};
	static const size_t pieces[] = {1, 2, 3, 5, 7, 16, 64, 4096};

	(void)state;
	for (size_t k = 0; k < G_N_ELEMENTS(pieces); k++) {
		struct peer p = {.bytes = session, .n = sizeof session - 1, .piece = pieces[k]};
		struct bz_stream *stream = talk(&p);
		struct bz_guard *g = bz_guard_new(stream);

		for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
			const char *r;
			size_t n;
			struct bz_err err = {0};

			assert_int_equal(bz_guard_imap(g, &r, &n, &err), 0);
			if (want[i] != NULL)
				assert_string_equal(r, want[i]);
			else
				assert_non_null(memmem(r, n, "X \"{9}\")\r\n", 10));
		}
		bz_guard_free(g);
		end(&p, &stream);
	}
}

static enum bz_err_kind kind_of(const char *bytes, size_t n)
{
	struct peer p = {.bytes = bytes, .n = n, .piece = 4096};
	struct bz_stream *stream = talk(&p);
	struct bz_guard *g = bz_guard_new(stream);
	struct bz_err err = {0};
	const char *r;
	size_t len;

	(void)bz_guard_imap(g, &r, &len, &err);
	bz_guard_free(g);
	end(&p, &stream);
	return err.kind;
}

#define KIND(text) kind_of(text, sizeof text - 1)

static void limits_are_kept(void **state)
{
	GString *line = g_string_new("* OK ");
	GString *deep = g_string_new("* 1 FETCH (BODY ");

	(void)state;
	assert_int_equal(KIND("* 4294967296 EXISTS\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* 4294967295 EXISTS\r\n"), BZ_ERR_NONE);
	assert_int_equal(KIND("* OK [UIDNEXT 99999999999] x\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* 1 FETCH (MODSEQ (18446744073709551615))\r\n"), BZ_ERR_NONE);
	assert_int_equal(KIND("* 1 FETCH (UID 4294967296)\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* LIST () NIL {67108865}\r\n"), BZ_ERR_LIMIT);
	assert_int_equal(KIND("* LIST () NIL {99999999999999999999}\r\n"), BZ_ERR_LIMIT);
	assert_int_equal(KIND("* LIST () NIL {-1}\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* LIST () NIL { 4294967295}\r\n"), BZ_ERR_LIMIT);
	assert_int_equal(KIND("* LIST () NIL {4294967295}\rx\r\n"), BZ_ERR_LIMIT);
	assert_int_equal(KIND("* LIST () NIL {4294967295} \r\n"), BZ_ERR_LIMIT);
	assert_int_equal(KIND("* LIST () NIL \"{4294967295}\"\r\n"), BZ_ERR_NONE);
	assert_int_equal(KIND("* 1 FETCH (UID  4294967296)\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* 1 FETCH (UID\t4294967296)\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* OK a\0b\r\n"), BZ_ERR_PROTO);
	assert_int_equal(KIND("* OK no end"), BZ_ERR_NET);
	for (int i = 0; i < BZ_GUARD_LINE_MAX; i++)
		g_string_append_c(line, 'x');
	assert_int_equal(kind_of(line->str, line->len), BZ_ERR_LIMIT);
	for (int i = 0; i < 20000; i++)
		g_string_append_c(deep, '(');
	g_string_append(deep, "\r\n");
	assert_int_equal(kind_of(deep->str, deep->len), BZ_ERR_NONE); /* answered as "* OK" */
	g_string_free(line, TRUE);
	g_string_free(deep, TRUE);
}

/* --- POP3 ------------------------------------------------------------------------------------- */

static int collect(void *me, const char *bytes, size_t n)
{
	g_string_append_len(me, bytes, (gssize)n);
	return 0;
}

static void dots_are_undone_at_every_split(void **state)
{
	static const char body[] =
		"a\r\n..b\r\n.\0c\r\n.\rx\r\n\n.\nstill\r\n..\r\nd\r\n\r\n.\r\n+OK next\r\n";
	static const char want[] = "a\r\n.b\r\n\0c\r\n\rx\r\n\n.\nstill\r\n.\r\nd\r\n\r\n";

	(void)state;
	for (size_t piece = 1; piece < sizeof body; piece++) {
		struct peer p = {.bytes = body, .n = sizeof body - 1, .piece = piece};
		struct bz_stream *stream = talk(&p);
		struct bz_guard *g = bz_guard_new(stream);
		GString *out = g_string_new(NULL);
		struct bz_err err = {0};
		const char *line;
		size_t n;

		assert_int_equal(bz_guard_dotted(g, collect, out, &err), 0);
		assert_int_equal(out->len, sizeof want - 1);
		assert_memory_equal(out->str, want, sizeof want - 1);
		assert_int_equal(bz_guard_line(g, 100, &line, &n, &err), 0);
		assert_string_equal(line, "+OK next");
		g_string_free(out, TRUE);
		bz_guard_free(g);
		end(&p, &stream);
	}
}

static void a_cut_body_is_an_error(void **state)
{
	static const char body[] = "a\r\nb\r\n.";
	struct peer p = {.bytes = body, .n = sizeof body - 1, .piece = 100};
	struct bz_stream *stream = talk(&p);
	struct bz_guard *g = bz_guard_new(stream);
	GString *out = g_string_new(NULL);
	struct bz_err err = {0};

	(void)state;
	assert_int_equal(bz_guard_dotted(g, collect, out, &err), -1);
	assert_int_equal(err.code, BZ_CODE_CLOSED);
	g_string_free(out, TRUE);
	bz_guard_free(g);
	end(&p, &stream);
}

/* --- time (SECURITY C16) ---------------------------------------------------------------------- */

static char drip[4000];

static int fill_drip(void **state)
{
	(void)state;
	memset(drip, 'x', sizeof drip);
	return 0;
}

static double read_drip(double deadline, double stall, GCancellable *cancel, struct bz_err *err)
{
	struct peer p = {
		.bytes = drip, .n = sizeof drip, .piece = 1, .pause_us = 20000, .stays = true};
	struct bz_stream *stream = talk(&p);
	struct bz_guard *g = bz_guard_new(stream);
	double start = bz_now();
	const char *r;
	size_t n;

	bz_stream_limits(stream, deadline > 0 ? start + deadline : 0, stall, 0, cancel);
	assert_int_equal(bz_guard_imap(g, &r, &n, err), -1);
	start = bz_now() - start;
	bz_guard_free(g);
	shutdown(p.fd, SHUT_RDWR);
	end(&p, &stream);
	return start;
}

static void a_drip_meets_the_total_deadline(void **state)
{
	struct bz_err err = {0};

	(void)state;
	assert_true(read_drip(0.3, 30, NULL, &err) < 5);
	assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
}

static void *cancel_soon(void *cancel)
{
	g_usleep(100000);
	g_cancellable_cancel(cancel);
	return NULL;
}

static void a_cancel_ends_a_wait(void **state)
{
	GCancellable *cancel = g_cancellable_new();
	struct bz_err err = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, cancel), 0);
	assert_true(read_drip(0, 0, cancel, &err) < 5);
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	pthread_join(thread, NULL);
	g_object_unref(cancel);
}

static void the_budget_ends_a_flood(void **state)
{
	struct peer p = {.bytes = session, .n = sizeof session - 1, .piece = 100};
	struct bz_stream *stream = talk(&p);
	struct bz_err err = {0};
	char buf[64];
	ssize_t n;

	(void)state;
	bz_stream_limits(stream, 0, 0, 70, NULL);
	while ((n = bz_stream_read(stream, buf, sizeof buf, &err)) > 0)
		;
	assert_int_equal(err.kind, BZ_ERR_LIMIT);
	end(&p, &stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_are_whole_whatever_the_pieces),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(dots_are_undone_at_every_split),
		cmocka_unit_test(a_cut_body_is_an_error),
		cmocka_unit_test(a_drip_meets_the_total_deadline),
		cmocka_unit_test(a_cancel_ends_a_wait),
		cmocka_unit_test(the_budget_ends_a_flood),
	};

	return cmocka_run_group_tests(tests, fill_drip, NULL);
}
