/* What a POP3 server may send: a status line, a body with its dots, and so on. The first byte says
 * how long the pieces are in which the bytes come. */
#include "net/guard.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 16 << 10, TURNS_MAX = 50 };

struct talk {
	struct bz_stream *stream;
	struct bz_guard *guard;
	int fd; /* the server's end */
};

static int add(void *me, const char *bytes, size_t n)
{
	g_byte_array_append(me, (const guint8 *)bytes, (guint)n);
	return 0;
}

/* RFC 1939 section 3 by the book, from `at` on: the body, and where what follows begins; -1 = no
 * end. */
static ssize_t expected(const char *bytes, size_t n, size_t at, GByteArray *body)
{
	bool line_start = true;

	while (at < n) {
		if (line_start && bytes[at] == '.') {
			if (n - at >= 3 && memcmp(bytes + at, ".\r\n", 3) == 0)
				return (ssize_t)at + 3;
			at++; /* stuffing */
			line_start = false;
			continue;
		}
		line_start = n - at >= 2 && bytes[at] == '\r' && bytes[at + 1] == '\n';
		add(body, bytes + at, line_start ? 2 : 1);
		at += line_start ? 2 : 1;
	}
	return -1;
}

static bool is_same(const GByteArray *a, const GByteArray *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool begin(struct talk *t)
{
	int fds[2], room = 8 * INPUT_MAX;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	t->fd = fds[1];
	t->stream = bz_stream_from_fd(fds[0]);
	t->guard = bz_guard_new(t->stream);
	return true;
}

/* Packets keep their borders where nothing is read between: pieces of one read are as they were
 * sent. */
static void send_pieces(int fd, const char *bytes, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece)
		(void)send(fd, bytes + at, MIN(piece, n - at), MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
}

/* The answers as pop_backend.c reads them, compared with the rule. */
static void read_all(struct talk *t, const char *bytes, size_t n)
{
	size_t at = 0;

	for (int i = 0; i < TURNS_MAX; i++) {
		GByteArray *body = g_byte_array_new(), *want = g_byte_array_new();
		struct bz_err err = {0};
		const char *line, *end;
		size_t len;
		int rc = bz_guard_line(t->guard, BZ_GUARD_POP_LINE_MAX, &line, &len, &err);
		ssize_t next;

		end = rc == 0 ? memchr(bytes + at, '\n', n - at) : NULL;
		at = end != NULL ? (size_t)(end - bytes) + 1 : n;
		next = expected(bytes, n, at, want);
		rc = rc == 0 ? bz_guard_dotted(t->guard, add, body, &err) : -2;
		if (rc != -2 && (rc == 0) != (next >= 0))
			abort();
		if (rc == 0 && !is_same(body, want))
			abort();
		g_byte_array_unref(body);
		g_byte_array_unref(want);
		if (rc != 0)
			break;
		at = (size_t)next;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t;

	if (size < 1 || size > INPUT_MAX || !begin(&t))
		return 0;
	send_pieces(t.fd, (const char *)data + 1, size - 1, size / 64 + 1 + data[0] % 64);
	read_all(&t, (const char *)data + 1, size - 1);
	bz_guard_free(t.guard);
	bz_stream_close(&t.stream);
	close(t.fd);
	return 0;
}
