/* Compressed sessions: what goes in comes out, and what a server may do with them instead. */
#include "tests/unit/check.h"

#include "net/deflate.h"
#include "net/guard.h"

#include <glib-unix.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON 0.3  /* seconds until a deadline */
#define HANG 15.0 /* this long only where something did not end */

static const char empty_block[] = {0, 0, 0, (char)0xff, (char)0xff};

/* --- helpers ---------------------------------------------------------------------------------- */

static GString *pack(const void *buf, size_t n)
{
	struct bz_deflate *d = bz_deflate_new("mail.example.org", NULL, 0);
	GString *packed = bz_deflate_pack(d, buf, n);

	bz_deflate_free(d);
	return packed;
}

static GString *pack_zeros(size_t n)
{
	g_autofree char *zeros = g_malloc0(n);

	return pack(zeros, n);
}

static struct bz_deflate *with(const GString *packed)
{
	return bz_deflate_new("mail.example.org", packed->str, packed->len);
}

/* Until there is no more, or an error; how many bytes came. */
static size_t drain(struct bz_deflate *d, struct bz_err *err)
{
	static char buf[64 << 10];
	size_t sum = 0;
	ssize_t n;

	while ((n = bz_deflate_take(d, buf, sizeof buf, err)) > 0)
		sum += (size_t)n;
	return sum;
}

static size_t feed(struct bz_deflate *d, const char *from, size_t n)
{
	size_t room;
	void *to = bz_deflate_room(d, &room);

	n = MIN(n, room);
	memcpy(to, from, n);
	bz_deflate_came(d, n);
	return n;
}

/* --- bytes to bytes --------------------------------------------------------------------------- */

static size_t some(GRand *r, int most, size_t left)
{
	size_t n = (size_t)g_rand_int_range(r, 1, most);

	return MIN(n, left);
}

static GString *some_text(GRand *r, int bytes)
{
	GString *text = g_string_new(NULL);

	while (text->len < (gsize)bytes)
		if (g_rand_boolean(r))
			g_string_append_printf(text, "* %d FETCH (UID %d FLAGS (\\Seen))\r\n",
				g_rand_int_range(r, 1, 9999), g_rand_int_range(r, 1, 9999));
		else
			g_string_append_c(text, (char)g_rand_int_range(r, 0, 256));
	return text;
}

/* Taken out in pieces of up to `most` bytes, as long as there are some. */
static void take_pieces(struct bz_deflate *d, GRand *r, int most, GString *out)
{
	char buf[5000];
	ssize_t k;

	do {
		bool ready = g_rand_boolean(r) && bz_deflate_is_ready(d);
		int n = g_rand_int_range(r, 1, most);

		k = bz_deflate_take(d, buf, (size_t)n, NULL);
		assert_in_range(k, ready ? 1 : 0, n);
		g_string_append_len(out, buf, k);
	} while (k > 0);
	assert_false(bz_deflate_is_ready(d));
}

static void what_is_packed_comes_out_whole_in_pieces_of_any_size(void **state)
{
	GRand *r = g_rand_new_with_seed(1);

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct bz_deflate *ours = bz_deflate_new("a.example.org", NULL, 0);
		struct bz_deflate *theirs = bz_deflate_new("b.example.org", NULL, 0);
		GString *in = some_text(r, 60000), *out = g_string_new(NULL);

		for (size_t at = 0, n; at < in->len; at += n) {
			GString *packed;

			n = some(r, 20000, in->len - at);
			packed = bz_deflate_pack(ours, in->str + at, n);
			for (size_t k = 0; k < packed->len;) {
				k += feed(theirs, packed->str + k, some(r, 900, packed->len - k));
				take_pieces(theirs, r, round % 2 ? 5000 : 40, out);
			}
			assert_int_equal(out->len, at + n); /* all of it can be read */
			g_string_free(packed, TRUE);
		}
		assert_memory_equal(in->str, out->str, in->len);
		g_string_free(in, TRUE);
		g_string_free(out, TRUE);
		bz_deflate_free(ours);
		bz_deflate_free(theirs);
	}
	g_rand_free(r);
}

static void no_more_is_worked_on_than_is_asked_for(void **state)
{
	GString *packed = pack_zeros(1000000);
	struct bz_deflate *d = with(packed);
	char buf[10];

	(void)state;
	assert_int_equal(bz_deflate_take(d, buf, sizeof buf, NULL), 10);
	assert_true(bz_deflate_is_ready(d));
	assert_int_equal(drain(d, NULL), 1000000 - 10);
	assert_false(bz_deflate_is_ready(d));
	bz_deflate_free(d);
	g_string_free(packed, TRUE);
}

/* --- hostile bytes ---------------------------------------------------------------------------- */

static void assert_broken(struct bz_deflate *d, enum bz_err_kind kind)
{
	struct bz_err err = {0};
	char c;

	for (int again = 0; again < 2; again++) {
		assert_int_equal(bz_deflate_take(d, &c, 1, &err), -1);
		assert_int_equal(err.kind, kind);
		assert_non_null(strstr(err.text, "mail.example.org"));
	}
	assert_true(bz_deflate_is_broken(d));
	assert_true(bz_deflate_is_ready(d)); /* to say so */
}

static void a_bomb_is_refused_before_it_has_swollen(void **state)
{
	GString *packed = pack_zeros(64 << 20);
	struct bz_deflate *d = with(packed);
	size_t sum = drain(d, NULL);

	(void)state;
	assert_in_range(sum, BZ_DEFLATE_SLACK, BZ_DEFLATE_SLACK * 5 / 4);
	assert_broken(d, BZ_ERR_LIMIT);
	bz_deflate_free(d);
	g_string_free(packed, TRUE);
}

static void good_conduct_before_a_bomb_is_no_credit(void **state)
{
	struct bz_deflate *server = bz_deflate_new("mail.example.org", NULL, 0);
	struct bz_deflate *d = bz_deflate_new("mail.example.org", NULL, 0);
	GRand *r = g_rand_new_with_seed(2);
	g_autofree char *bomb = g_malloc0(1 << 20);
	g_autofree char *noise = g_malloc(1 << 20);
	GString *packed;
	int i = 0;

	(void)state;
	for (int k = 0; k < 1 << 20; k++)
		noise[k] = (char)g_rand_int(r);
	packed = bz_deflate_pack(server, noise, 1 << 20);
	for (size_t at = 0; at < packed->len; drain(d, NULL))
		at += feed(d, packed->str + at, packed->len - at);
	while (!bz_deflate_is_broken(d) && i++ < 64) {
		GString *piece = bz_deflate_pack(server, bomb, 1 << 20);

		assert_int_equal(feed(d, piece->str, piece->len), piece->len);
		drain(d, NULL);
		g_string_free(piece, TRUE);
	}
	assert_in_range(i, 8, 10);
	assert_broken(d, BZ_ERR_LIMIT);
	g_string_free(packed, TRUE);
	g_rand_free(r);
	bz_deflate_free(server);
	bz_deflate_free(d);
}

static void a_message_of_one_letter_is_no_bomb(void **state)
{
	GString *packed = pack_zeros(BZ_DEFLATE_SLACK);
	struct bz_deflate *d = with(packed);

	(void)state;
	assert_int_equal(drain(d, NULL), BZ_DEFLATE_SLACK);
	assert_false(bz_deflate_is_broken(d));
	bz_deflate_free(d);
	g_string_free(packed, TRUE);
}

static void damage_is_an_error_behind_what_was_good(void **state)
{
	GString *packed = pack("* 5 EXISTS\r\n", 12);
	struct bz_deflate *d;
	char buf[100];

	(void)state;
	g_string_append_c(packed, 0x07); /* a last block of a kind that there is not */
	d = with(packed);
	assert_int_equal(bz_deflate_take(d, buf, sizeof buf, NULL), 12);
	assert_broken(d, BZ_ERR_PROTO);
	bz_deflate_free(d);
	g_string_free(packed, TRUE);
}

static void an_end_of_the_data_is_an_error_behind_them(void **state)
{
	GString *packed = pack("* 5 EXISTS\r\n", 12);
	struct bz_deflate *d;
	char buf[100];

	(void)state;
	g_string_append_len(packed, "\x03\0", 2); /* an empty last block */
	g_string_append(packed, "* BYE in clear again\r\n");
	d = with(packed);
	assert_int_equal(bz_deflate_take(d, buf, sizeof buf, NULL), 12);
	assert_broken(d, BZ_ERR_PROTO);
	bz_deflate_free(d);
	g_string_free(packed, TRUE);
}

static void a_stream_of_nothing_is_an_error(void **state)
{
	struct bz_deflate *d = bz_deflate_new("mail.example.org", NULL, 0);
	int i = 0;

	(void)state;
	while (!bz_deflate_is_broken(d) && i++ < 1000000) {
		feed(d, empty_block, sizeof empty_block);
		(void)bz_deflate_is_ready(d);
	}
	assert_in_range(i, 1, BZ_DEFLATE_EMPTY_MAX / 5 + 2);
	assert_broken(d, BZ_ERR_PROTO);
	bz_deflate_free(d);
}

/* --- the stream and the cutter ---------------------------------------------------------------- */

struct line {
	int fd; /* the server's end */
	struct bz_stream *stream;
	struct bz_deflate *server;
};

static void line_begin(struct line *l)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(g_unix_set_fd_nonblocking(fds[0], TRUE, NULL));
	l->fd = fds[1];
	l->stream = bz_stream_from_fd(fds[0]);
	l->server = bz_deflate_new("client", NULL, 0);
	bz_stream_limits(l->stream, bz_now() + HANG, 0, 0, NULL);
}

static void line_end(struct line *l)
{
	bz_stream_close(&l->stream);
	bz_deflate_free(l->server);
	close(l->fd);
}

static void say(struct line *l, const void *bytes, size_t n)
{
	assert_int_equal(send(l->fd, bytes, n, MSG_NOSIGNAL), n);
}

static void say_packed(struct line *l, const void *bytes, size_t n)
{
	GString *packed = bz_deflate_pack(l->server, bytes, n);

	say(l, packed->str, packed->len);
	g_string_free(packed, TRUE);
}

static int wait_now(struct line *l)
{
	return bz_stream_wait(l->stream, -1, bz_now(), NULL);
}

/* IDLE depends on it: what lies in inflate makes no descriptor readable. */
static void a_wait_sees_what_is_still_compressed(void **state)
{
	struct line l;
	char buf[64];

	(void)state;
	line_begin(&l);
	bz_stream_start_deflate(l.stream, NULL, 0);
	say_packed(&l, "hello world", 11);
	assert_int_equal(wait_now(&l), 1);
	assert_int_equal(bz_stream_read(l.stream, buf, 4, NULL), 4);
	assert_int_equal(wait_now(&l), 1);
	assert_int_equal(wait_now(&l), 1);
	for (size_t got = 4; got < 11;)
		got += (size_t)bz_stream_read(l.stream, buf, 11 - got, NULL);
	assert_int_equal(wait_now(&l), 0); /* though the last read was filled to the brim */
	line_end(&l);
}

static void what_is_written_can_be_read_at_once(void **state)
{
	struct line l;
	char raw[200], buf[200];
	ssize_t n;

	(void)state;
	line_begin(&l);
	bz_stream_start_deflate(l.stream, NULL, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bz_stream_write(l.stream, "B5 NOOP\r\n", 9, NULL), 0);
		n = recv(l.fd, raw, sizeof raw, 0);
		assert_true(n > 0);
		feed(l.server, raw, (size_t)n);
		assert_int_equal(bz_deflate_take(l.server, buf, sizeof buf, NULL), 9);
		assert_memory_equal(buf, "B5 NOOP\r\n", 9);
	}
	line_end(&l);
}

static void the_budget_is_that_of_the_reader(void **state)
{
	g_autofree char *zeros = g_malloc0(100000);
	struct bz_err err = {0};
	struct line l;
	char buf[1000];

	(void)state;
	line_begin(&l);
	bz_stream_start_deflate(l.stream, NULL, 0);
	bz_stream_limits(l.stream, bz_now() + HANG, 0, 20000, NULL);
	say_packed(&l, zeros, 100000);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bz_stream_read(l.stream, buf, sizeof buf, &err), 1000);
	assert_int_equal(bz_stream_read(l.stream, buf, sizeof buf, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_LIMIT);
	assert_false(bz_stream_is_deflate_broken(l.stream));
	line_end(&l);
}

static void *drip(void *fd)
{
	while (send(GPOINTER_TO_INT(fd), empty_block, sizeof empty_block, MSG_NOSIGNAL) > 0)
		g_usleep(2000);
	return NULL;
}

static void a_drip_of_nothing_meets_the_deadline(void **state)
{
	struct bz_err err = {0};
	pthread_t thread;
	struct line l;
	char c;

	(void)state;
	line_begin(&l);
	bz_stream_start_deflate(l.stream, NULL, 0);
	bz_stream_limits(l.stream, bz_now() + SOON, 0, 0, NULL);
	assert_int_equal(pthread_create(&thread, NULL, drip, GINT_TO_POINTER(l.fd)), 0);
	assert_int_equal(bz_stream_read(l.stream, &c, 1, &err), -1);
	assert_int_equal(err.kind, BZ_ERR_TIMEOUT);
	bz_stream_close(&l.stream);
	pthread_join(thread, NULL);
	line_end(&l);
}

static void the_switch_is_behind_the_line_end_of_ok(void **state)
{
	struct bz_err err = {0};
	struct bz_guard *guard;
	const char *text;
	struct line l;
	size_t n;

	(void)state;
	line_begin(&l);
	guard = bz_guard_new(l.stream);
	say(&l, "B1 OK go\r\n", 10);
	say_packed(&l, "* 5 EXISTS\r\n* 6 EX", 18);
	assert_int_equal(bz_guard_imap(guard, &text, &n, &err), 0);
	assert_string_equal(text, "B1 OK go\r\n");
	bz_guard_start_deflate(guard);
	assert_int_equal(bz_guard_held(guard), 0);
	assert_int_equal(bz_guard_imap(guard, &text, &n, &err), 0);
	assert_string_equal(text, "* 5 EXISTS\r\n");
	say_packed(&l, "ISTS\r\n", 6);
	assert_int_equal(bz_guard_imap(guard, &text, &n, &err), 0);
	assert_string_equal(text, "* 6 EXISTS\r\n");
	bz_guard_free(guard);
	line_end(&l);
}

static void clear_text_behind_ok_is_no_response(void **state)
{
	static const char *const planted[] = {"* 5 EXISTS\r\n", "* OK [ALERT] hello\r\n",
		"* BYE\r\n", "B2 OK done\r\n", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n", "\r\n"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(planted); i++) {
		struct bz_err err = {0};
		struct bz_guard *guard;
		const char *text;
		struct line l;
		size_t n;

		line_begin(&l);
		guard = bz_guard_new(l.stream);
		say(&l, "B1 OK go\r\n", 10);
		say(&l, planted[i], strlen(planted[i]));
		say_packed(&l, "* 6 EXISTS\r\n", 12);
		shutdown(l.fd, SHUT_WR);
		assert_int_equal(bz_guard_imap(guard, &text, &n, &err), 0);
		bz_guard_start_deflate(guard);
		assert_int_equal(bz_guard_imap(guard, &text, &n, &err), -1);
		assert_int_equal(err.kind, BZ_ERR_PROTO);
		bz_guard_free(guard);
		line_end(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_out_whole_in_pieces_of_any_size),
		cmocka_unit_test(no_more_is_worked_on_than_is_asked_for),
		cmocka_unit_test(a_bomb_is_refused_before_it_has_swollen),
		cmocka_unit_test(good_conduct_before_a_bomb_is_no_credit),
		cmocka_unit_test(a_message_of_one_letter_is_no_bomb),
		cmocka_unit_test(damage_is_an_error_behind_what_was_good),
		cmocka_unit_test(an_end_of_the_data_is_an_error_behind_them),
		cmocka_unit_test(a_stream_of_nothing_is_an_error),
		cmocka_unit_test(a_wait_sees_what_is_still_compressed),
		cmocka_unit_test(what_is_written_can_be_read_at_once),
		cmocka_unit_test(the_budget_is_that_of_the_reader),
		cmocka_unit_test(a_drip_of_nothing_meets_the_deadline),
		cmocka_unit_test(the_switch_is_behind_the_line_end_of_ok),
		cmocka_unit_test(clear_text_behind_ok_is_no_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
