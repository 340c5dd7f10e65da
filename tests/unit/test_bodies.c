/* Kept messages: what was put comes back, in a file that stays small, is nobody else's, and may be
 * broken by anything. */
#include "tests/unit/check.h"

#include "src/bodies.h"
#include "src/mime.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT = 2000000, BIG = 60000 };

struct fixture {
	char *dir, *path;
	struct bz_bodies *b;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->path = g_build_filename(f->dir, "bodies.db", NULL);
	f->b = bz_bodies_open(f->path, LIMIT);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_bodies_close(&f->b);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->path);
	g_free(f);
	return 0;
}

static void reopen(struct fixture *f, uint64_t limit)
{
	bz_bodies_close(&f->b);
	f->b = bz_bodies_open(f->path, limit);
}

static struct bz_msgref ref_of(uint32_t uid)
{
	return (struct bz_msgref){3, 77, uid};
}

/* A message whose text holds its uid, and is about size bytes long. */
static struct bz_message *letter(uint32_t uid, size_t size)
{
	g_autofree char *fill = g_strnfill(size, 'x');
	g_autofree char *text =
		g_strdup_printf("From: Eva <eva@example.org>\nTo: Ana <ana@example.org>\n"
				"Subject: letter %u\nDate: Mon, 2 Nov 2020 10:00:00 +0100\n\n"
				"This is %u.\n%s\n",
			uid, uid, fill);
	GBytes *raw = g_bytes_new(text, strlen(text));
	struct bz_message *m = bz_mime_parse(raw, false);

	g_bytes_unref(raw);
	return m;
}

static void put(struct fixture *f, const char *folder, uint32_t uid, size_t size)
{
	struct bz_message *m = letter(uid, size);
	struct bz_msgref ref = ref_of(uid);

	bz_bodies_put(f->b, folder, &ref, m);
	bz_message_unref(m);
}

static bool has(struct fixture *f, const char *folder, uint32_t uid)
{
	struct bz_msgref ref = ref_of(uid);

	return bz_bodies_has(f->b, folder, &ref);
}

/* It is kept, and it is that one. */
static bool reads(struct fixture *f, const char *folder, uint32_t uid)
{
	struct bz_msgref ref = ref_of(uid);
	struct bz_message *m = bz_bodies_get(f->b, folder, &ref);
	g_autofree char *subject = g_strdup_printf("letter %u", uid);
	bool same = m != NULL && strcmp(m->subject, subject) == 0 && m->ref.uid == uid;

	bz_message_unref(m);
	return same;
}

static off_t file_size(const struct fixture *f)
{
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	return st.st_size;
}

/* --- a message comes back as it was ----------------------------------------------------------- */

static void assert_same_addresses(const GPtrArray *a, const GPtrArray *b)
{
	assert_int_equal(a->len, b->len);
	for (guint i = 0; i < a->len; i++) {
		const struct bz_address *x = g_ptr_array_index(a, i), *y = g_ptr_array_index(b, i);

		assert_string_equal(x->name, y->name);
		assert_string_equal(x->addr, y->addr);
	}
}

static void assert_same_part(const struct bz_part *x, const struct bz_part *y)
{
	assert_string_equal(x->path, y->path);
	assert_string_equal(x->type, y->type);
	assert_string_equal(x->charset, y->charset);
	assert_string_equal(x->disposition, y->disposition);
	assert_string_equal(x->filename, y->filename);
	assert_string_equal(x->title != NULL ? x->title : "-", y->title != NULL ? y->title : "-");
	assert_string_equal(x->content_id, y->content_id);
	assert_string_equal(x->encoding, y->encoding);
	assert_true(x->flowed == y->flowed && x->delsp == y->delsp);
	assert_int_equal(x->alternative, y->alternative);
	assert_int_equal(x->size, y->size);
	assert_int_equal(x->flags, y->flags);
	assert_true((x->content == NULL) == (y->content == NULL));
	if (x->content != NULL)
		assert_true(g_bytes_equal(x->content, y->content));
}

static void assert_same(const struct bz_message *a, const struct bz_message *b)
{
	assert_int_equal(a->headers->len, b->headers->len);
	for (guint i = 0; i < a->headers->len; i++) {
		const struct bz_header *x = g_ptr_array_index(a->headers, i);
		const struct bz_header *y = g_ptr_array_index(b->headers, i);

		assert_string_equal(x->name, y->name);
		assert_string_equal(x->value, y->value);
	}
	assert_same_addresses(a->from, b->from);
	assert_same_addresses(a->to, b->to);
	assert_same_addresses(a->cc, b->cc);
	assert_same_addresses(a->reply_to, b->reply_to);
	assert_string_equal(a->subject, b->subject);
	assert_string_equal(a->message_id, b->message_id);
	assert_int_equal(a->date, b->date);
	assert_int_equal(a->date_zone, b->date_zone);
	assert_int_equal(a->parts->len, b->parts->len);
	for (guint i = 0; i < a->parts->len; i++)
		assert_same_part(g_ptr_array_index(a->parts, i), g_ptr_array_index(b->parts, i));
	assert_string_equal(a->limit != NULL ? a->limit : "-", b->limit != NULL ? b->limit : "-");
}

static const char mixed[] =
	"From: \"Ruiz, Ana\" <ana@example.org>, g: b@example.org;\nTo: x@example.org\n"
	"Cc: y@example.org\nReply-To: z@example.org\nSubject: =?iso-8859-1?q?A=F1o?=\n"
	"Message-ID: <m@example.org>\nDate: Tue, 3 Nov 2020 10:00:00 -0330\nMIME-Version: 1.0\n"
	"Content-Type: multipart/mixed; boundary=B\nX-Raw: caf\351\n\n"
	"--B\nContent-Type: multipart/alternative; boundary=C\n\n"
	"--C\nContent-Type: text/plain; charset=iso-8859-1; format=flowed; delsp=yes\n"
	"Content-Transfer-Encoding: quoted-printable\n\n=A1Feliz a=F1o! caf\351\n"
	"--C\nContent-Type: text/html; charset=\"caf\351\"\n\n<p>x</p>\n--C--\n"
	"--B\nContent-Type: application/pdf\nContent-ID: <i@x>\n"
	"Content-Disposition: attachment; filename*=utf-8''a%C3%B1o.pdf\n\nPDF\n"
	"--B\nContent-Type: message/rfc822\n\nSubject: inside\n\nnested\n--B--\n";

static void a_message_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	GBytes *raw = g_bytes_new_static(mixed, sizeof mixed - 1);
	struct bz_message *m = bz_mime_parse(raw, false), *back;
	struct bz_msgref ref = ref_of(5);
	struct bz_part *attachment;

	g_bytes_unref(raw);
	assert_int_equal(m->parts->len >= 4, 1);
	attachment = g_ptr_array_index(m->parts, 2);
	g_clear_pointer(&attachment->content, g_bytes_unref); /* as IMAP leaves it */
	m->limit = g_strdup("cut");
	assert_null(bz_bodies_get(f->b, "INBOX", &ref));
	bz_bodies_put(f->b, "INBOX", &ref, m);
	back = bz_bodies_get(f->b, "INBOX", &ref);
	assert_non_null(back);
	assert_same(m, back);
	assert_memory_equal(&back->ref, &ref, sizeof ref);
	bz_message_unref(back);
	reopen(f, LIMIT);
	back = bz_bodies_get(f->b, "INBOX", &ref);
	assert_non_null(back);
	assert_same(m, back);
	bz_message_unref(back);
	bz_message_unref(m);
}

static void it_is_known_by_folder_validity_and_uid(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref other = {3, 78, 1};

	put(f, "INBOX", 1, 10);
	assert_true(reads(f, "INBOX", 1));
	assert_false(has(f, "INBOX", 2));
	assert_false(has(f, "Archive", 1));
	assert_false(bz_bodies_has(f->b, "INBOX", &other));
	assert_null(bz_bodies_get(f->b, "INBOX", &other));
}

static void the_file_is_nobody_elses(void **state)
{
	struct fixture *f = *state;
	static const char *const tails[] = {"", "-wal", "-shm"};

	put(f, "INBOX", 1, 10);
	for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
		g_autofree char *path = g_strconcat(f->path, tails[i], NULL);
		struct stat st;

		if (stat(path, &st) == 0)
			assert_int_equal(st.st_mode & 0777, 0600);
		else
			assert_true(i > 0);
	}
}

/* --- dropping --------------------------------------------------------------------------------- */

static void what_is_gone_is_dropped(void **state)
{
	struct fixture *f = *state;

	for (uint32_t uid = 1; uid <= 3; uid++) {
		put(f, "INBOX", uid, 10);
		put(f, "Archive", uid, 10);
	}
	bz_bodies_drop(f->b, "INBOX", 2);
	assert_true(reads(f, "INBOX", 1) && !has(f, "INBOX", 2) && reads(f, "INBOX", 3));
	assert_true(reads(f, "Archive", 2));
	bz_bodies_drop(f->b, "Archive", 0);
	for (uint32_t uid = 1; uid <= 3; uid++)
		assert_false(has(f, "Archive", uid));
	put(f, "Archive", 2, 20);
	assert_true(reads(f, "Archive", 2));
	assert_true(reads(f, "INBOX", 1));
}

static void another_validity_drops_the_folder(void **state)
{
	struct fixture *f = *state;
	struct bz_msgref renewed = {3, 78, 1};
	struct bz_message *m = letter(9, 10), *back;

	put(f, "INBOX", 1, 10);
	put(f, "INBOX", 2, 10);
	put(f, "Archive", 1, 10);
	bz_bodies_put(f->b, "INBOX", &renewed, m);
	assert_false(has(f, "INBOX", 1));
	assert_false(has(f, "INBOX", 2));
	assert_true(has(f, "Archive", 1));
	back = bz_bodies_get(f->b, "INBOX", &renewed);
	assert_non_null(back);
	assert_string_equal(back->subject, "letter 9");
	bz_message_unref(back);
	bz_message_unref(m);
}

/* --- the bound -------------------------------------------------------------------------------- */

static void the_file_stays_below_its_limit(void **state)
{
	struct fixture *f = *state;

	for (uint32_t uid = 1; uid <= 200; uid++)
		put(f, "INBOX", uid, BIG);
	assert_true(has(f, "INBOX", 200));
	assert_false(has(f, "INBOX", 1));
	reopen(f, LIMIT); /* what stood in the log is in the file */
	assert_in_range(file_size(f), LIMIT / 4, LIMIT);
	assert_true(reads(f, "INBOX", 200));
}

static void what_was_not_looked_at_for_longest_goes_first(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = 2;

	put(f, "INBOX", 1, BIG);
	put(f, "INBOX", 2, BIG);
	for (uint32_t next = 3; has(f, "INBOX", 2) && next < 100; next++) {
		assert_true(reads(f, "INBOX", 1));
		put(f, "INBOX", next, BIG);
		uid = next;
	}
	assert_false(has(f, "INBOX", 2));
	assert_true(reads(f, "INBOX", 1));
	assert_true(reads(f, "INBOX", uid));
}

static bool put_quiet(struct fixture *f, uint32_t uid)
{
	struct bz_message *m = letter(uid, BIG);
	struct bz_msgref ref = ref_of(uid);
	bool kept = bz_bodies_put_quiet(f->b, "INBOX", &ref, m);

	bz_message_unref(m);
	return kept;
}

static void for_what_nobody_asked_for_nothing_goes(void **state)
{
	struct fixture *f = *state;
	uint32_t last = 2;

	put(f, "INBOX", 1, BIG);
	while (last < 100 && put_quiet(f, last))
		last++;
	assert_in_range(last, 3, 99);
	assert_false(has(f, "INBOX", last));
	for (uint32_t uid = 1; uid < last; uid++)
		assert_true(has(f, "INBOX", uid));
	reopen(f, LIMIT);
	assert_true(file_size(f) <= LIMIT);
	assert_true(reads(f, "INBOX", last - 1));
}

/* They came newest first: the oldest of them goes. */
static void what_nobody_asked_for_goes_first(void **state)
{
	struct fixture *f = *state;
	uint32_t last = 2;

	put(f, "INBOX", 1, BIG);
	while (last < 100 && put_quiet(f, last))
		last++;
	assert_true(reads(f, "INBOX", last - 1)); /* looked at: no longer the first to go */
	put(f, "INBOX", 200, BIG);
	assert_true(has(f, "INBOX", 200));
	assert_true(has(f, "INBOX", 1));
	assert_true(has(f, "INBOX", 2));
	assert_true(has(f, "INBOX", last - 1));
	assert_false(has(f, "INBOX", last - 2));
}

static void what_is_too_large_is_not_kept(void **state)
{
	struct fixture *f = *state;

	put(f, "INBOX", 1, 10);
	put(f, "INBOX", 2, LIMIT / 4 + 1);
	assert_false(has(f, "INBOX", 2));
	assert_true(reads(f, "INBOX", 1));
}

static void a_lower_limit_makes_the_file_smaller(void **state)
{
	struct fixture *f = *state;

	for (uint32_t uid = 1; uid <= 30; uid++)
		put(f, "INBOX", uid, BIG);
	reopen(f, LIMIT / 4);
	assert_true(file_size(f) > LIMIT / 2);
	for (uint32_t uid = 31; uid <= 36; uid++)
		put(f, "INBOX", uid, 1000);
	assert_true(reads(f, "INBOX", 36));
	reopen(f, LIMIT / 4);
	assert_true(file_size(f) <= LIMIT / 4);
	reopen(f, 0);
	assert_int_not_equal(access(f->path, F_OK), 0);
	put(f, "INBOX", 1, 10);
	assert_false(has(f, "INBOX", 1));
}

/* --- what breaks it --------------------------------------------------------------------------- */

static void overwrite(const char *path, off_t at, size_t n)
{
	g_autofree char *junk = g_strnfill(n, '\245');
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, n, at), (ssize_t)n);
	close(fd);
}

static void a_file_of_something_else_is_made_anew(void **state)
{
	struct fixture *f = *state;

	put(f, "INBOX", 1, 10);
	bz_bodies_close(&f->b);
	assert_true(g_file_set_contents(f->path,
		"no database, but long enough to look like one "
		"to somebody who does not look at its start",
		-1, NULL));
	f->b = bz_bodies_open(f->path, LIMIT);
	assert_false(has(f, "INBOX", 1));
	put(f, "INBOX", 2, 10);
	assert_true(reads(f, "INBOX", 2));
}

/* Every page in turn: no crash, no other text than the one that was put. */
static void damage_anywhere_shows_no_wrong_text(void **state)
{
	struct fixture *f = *state;
	g_autofree char *whole = NULL;
	gsize len;

	for (uint32_t uid = 1; uid <= 6; uid++)
		put(f, "INBOX", uid, 6000);
	bz_bodies_close(&f->b);
	assert_true(g_file_get_contents(f->path, &whole, &len, NULL));
	for (gsize at = 0; at < len; at += 2048) {
		assert_true(g_file_set_contents(f->path, whole, (gssize)len, NULL));
		overwrite(f->path, (off_t)at, 64);
		f->b = bz_bodies_open(f->path, LIMIT);
		for (uint32_t uid = 1; uid <= 6; uid++) {
			struct bz_msgref ref = ref_of(uid);
			struct bz_message *m = bz_bodies_get(f->b, "INBOX", &ref), *want;

			want = letter(uid, 6000);
			if (m != NULL)
				assert_same(want, m);
			bz_message_unref(want);
			bz_message_unref(m);
		}
		put(f, "INBOX", 7, 10);
		bz_bodies_close(&f->b);
	}
}

static void where_nothing_can_be_written_nothing_is_kept(void **state)
{
	struct fixture *f = *state;

	bz_bodies_close(&f->b);
	g_free(f->path);
	f->path = g_build_filename(f->dir, "nowhere", "bodies.db", NULL);
	f->b = bz_bodies_open(f->path, LIMIT);
	put(f, "INBOX", 1, 10);
	assert_false(has(f, "INBOX", 1));
	bz_bodies_drop(f->b, "INBOX", 1);
}

/* --- two processes ---------------------------------------------------------------------------- */

static int work(const char *path, uint32_t first)
{
	struct fixture f = {.path = (char *)(uintptr_t)path, .b = bz_bodies_open(path, LIMIT)};
	int wrong = 0;

	for (uint32_t uid = first; uid < first + 60; uid++) {
		struct bz_msgref ref = ref_of(uid - 2);
		struct bz_message *m;

		put(&f, "INBOX", uid, BIG / 2);
		m = bz_bodies_get(f.b, "INBOX", &ref); /* may have been let go */
		if (m != NULL) {
			g_autofree char *subject = g_strdup_printf("letter %u", uid - 2);

			wrong += strcmp(m->subject, subject) != 0;
		}
		bz_message_unref(m);
	}
	bz_bodies_close(&f.b);
	return wrong;
}

static void two_processes_share_it(void **state)
{
	struct fixture *f = *state;
	pid_t child;
	int status = -1;

	bz_bodies_close(&f->b); /* no connection goes through fork */
	child = fork();
	if (child == 0)
		_exit(work(f->path, 1000));
	assert_int_equal(work(f->path, 2000), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	f->b = bz_bodies_open(f->path, LIMIT);
	assert_true(reads(f, "INBOX", 1059) || reads(f, "INBOX", 2059));
	assert_true(file_size(f) <= LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_comes_back_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			it_is_known_by_folder_validity_and_uid, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_is_nobody_elses, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_gone_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(another_validity_drops_the_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_stays_below_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_not_looked_at_for_longest_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
			for_what_nobody_asked_for_nothing_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_asked_for_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_too_large_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_lower_limit_makes_the_file_smaller, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_of_something_else_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(
			damage_anywhere_shows_no_wrong_text, setup, teardown),
		cmocka_unit_test_setup_teardown(
			where_nothing_can_be_written_nothing_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(two_processes_share_it, setup, teardown),
	};

	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
