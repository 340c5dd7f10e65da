#include "src/mbox.h"
#include "src/mime.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <sys/wait.h>
#include <unistd.h>

static bool collect(void *me, const struct bz_mbox_item *item)
{
	struct bz_mbox_item copy = *item;

	g_array_append_val((GArray *)me, copy);
	return true;
}

static GArray *scan(int fd)
{
	GArray *items = g_array_new(FALSE, FALSE, sizeof(struct bz_mbox_item));

	assert_int_equal(bz_mbox_scan_back(fd, 0, -1, NULL, collect, items, NULL), 0);
	return items;
}

static int file_of(const char *text, size_t len)
{
	char path[] = "/tmp/bz-test-mbox-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	return fd;
}

static void from_lines_need_a_date(void **state)
{
	static const char *const yes[] = {"From ana@example.org Mon Jan 15 10:00:00 2024",
		"From - Mon Jan 15 10:00:00 2024", "From x Mon Jan 15 10:00 CET 2024",
		"From x Mon Jan 15 10:00:00 +0100 2024", "From x Mon, Jan 15 10:00:00 2024 +0100",
		"From x Mon Jan 15 10:00 MET DST 2024", "From - Mon Jan 15 10:00:00 2024 \t",
		"From a!b Mon Jan  5 10:00:00 2024 remote from host"};
	static const char *const no[] = {"From here to Monday", "From x", "From x Mon Jan 15 2024",
		"From us, Mon Jan 15 notes: x 2024",
		"From x Mon Jan 15 10:00:00 2024 we all went home", "From x Mon Jan 15 10 2024",
		"From x Mon Jan 15 10:00:00 20244", "From x Mon Foo 15 10:00:00 2024",
		"from x Mon Jan 15 10:00:00 2024", "From: ana Mon Jan 15 10:00:00 2024"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++)
		assert_true(bz_mbox_is_from(yes[i], strlen(yes[i]), NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
		assert_false(bz_mbox_is_from(no[i], strlen(no[i]), NULL));
}

static void stored_messages_come_back_as_they_were(void **state)
{
	static const char *const messages[] = {"Subject: a\n\nFrom here\n>From there\n>>From\n\n\n",
		"Subject: b\r\n\r\nline\r\nFrom x\r\n", "Subject: no end", "", "\n",
		"X-Keywords: one\n two\nSubject: c\nStatus: RO\n and more\n\nx\n", "A: b\n\n\n.\n"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
		GByteArray *stored =
			bz_mbox_encode(messages[i], strlen(messages[i]), 1700000000, 0);
		GBytes *back = bz_mbox_decode(stored->data, stored->len);
		g_auto(GStrv) pieces = g_strsplit(messages[i], "\r", -1);
		g_autofree char *lf = g_strjoinv("", pieces);
		uint8_t a[32], b[32];
		GArray *found;
		int fd = file_of((const char *)stored->data, stored->len);

		bz_mbox_digest(g_bytes_get_data(back, NULL), g_bytes_get_size(back), a);
		if (lf[0] != '\0' && strstr(lf, "\n\n") != NULL) {
			bz_mbox_digest(lf, strlen(lf), b);
			assert_memory_equal(a, b, 32);
		}
		found = scan(fd);
		assert_int_equal(found->len, 1);
		assert_int_equal(g_array_index(found, struct bz_mbox_item, 0).length, stored->len);
		g_array_unref(found);
		g_bytes_unref(back);
		g_byte_array_unref(stored);
		close(fd);
	}
}

static void a_status_line_is_no_part_of_the_identity(void **state)
{
	static const char plain[] = "Subject: a\n\nStatus: x\n",
			  marked[] = "Subject: a\nStatus: RO\nX-UID: 4\n\nStatus: x\n";
	uint8_t a[32], b[32];

	(void)state;
	bz_mbox_digest(plain, strlen(plain), a);
	bz_mbox_digest(marked, strlen(marked), b);
	assert_memory_equal(a, b, 32);
}

static int into_array(void *me, const void *bytes, size_t n)
{
	g_byte_array_append(me, bytes, (guint)n);
	return 0;
}

/* However the bytes come, what is written and its identity are the same. */
static void pieces_of_any_size_make_the_same_message(void **state)
{
	static const char message[] =
		"Content-Length: 3\r\nSubject: a\r\nX-Status: F\r\n folded\r\n: b\r\nA-Much-Longer-Name: "
		"c\r\nLines\r\n\r\nFrom here\r\n>From there\n>>>From\r\r\n>>Fro\n>\rx\nFrom";

	(void)state;
	for (size_t len = 0; len < sizeof message; len++)
		for (size_t step = 1; step < 40; step += 3) {
			GByteArray *whole = bz_mbox_encode(message, len, 1700000000, BZ_FLAG_SEEN);
			GByteArray *got = g_byte_array_new();
			GBytes *back = bz_mbox_decode(whole->data, whole->len);
			struct bz_encoder *e =
				bz_encoder_begin(1700000000, BZ_FLAG_SEEN, true, into_array, got);
			uint8_t a[32], b[32], c[32];
			int64_t length;
			int fd = file_of((const char *)whole->data, whole->len);

			for (size_t at = 0; at < len; at += step)
				assert_int_equal(
					bz_encoder_feed(e, message + at, MIN(step, len - at)), 0);
			assert_int_equal(bz_encoder_end(&e, &length, a), 0);
			assert_int_equal(length, whole->len);
			assert_int_equal(got->len, whole->len);
			assert_memory_equal(got->data, whole->data, whole->len);
			bz_mbox_digest(g_bytes_get_data(back, NULL), g_bytes_get_size(back), b);
			assert_memory_equal(a, b, 32);
			assert_int_equal(bz_mbox_digest_at(fd, 0, whole->len, c, NULL), 0);
			assert_memory_equal(a, c, 32);
			close(fd);
			g_bytes_unref(back);
			g_byte_array_unref(got);
			g_byte_array_unref(whole);
		}
}

static char *text_of(int fd)
{
	char *text = g_malloc0(4096);

	assert_true(pread(fd, text, 4095, 0) >= 0);
	return text;
}

static void flags_stand_in_slots_of_fixed_width(void **state)
{
	static const char message[] = "Subject: a\nStatus: O\n\nStatus: b\n";
	GByteArray *out = bz_mbox_encode(message, strlen(message), 1700000000,
		BZ_FLAG_SEEN | BZ_FLAG_FLAGGED | BZ_FLAG_ANSWERED | BZ_FLAG_FORWARDED);
	int fd = file_of((const char *)out->data, out->len);
	g_autofree char *first = text_of(fd), *second = NULL;
	unsigned in_file = 0;

	(void)state;
	assert_non_null(strstr(first, "\nStatus: RO\nX-Status: AF  \n\nStatus: b\n"));
	assert_int_equal(bz_mbox_status(first, strlen(first)),
		BZ_FLAG_SEEN | BZ_FLAG_FLAGGED | BZ_FLAG_ANSWERED);
	assert_int_equal(bz_mbox_set_flags(fd, 0, out->len, BZ_FLAG_DELETED | BZ_FLAG_DRAFT,
				 BZ_FLAG_SEEN | BZ_FLAG_FLAGGED, &in_file, NULL),
		0);
	assert_int_equal(in_file, BZ_FLAG_DELETED | BZ_FLAG_DRAFT | BZ_FLAG_ANSWERED);
	second = text_of(fd);
	assert_int_equal(strlen(second), strlen(first));
	assert_non_null(strstr(second, "\nStatus: O \nX-Status: ADT \n\nStatus: b\n"));
	close(fd);
	g_byte_array_unref(out);
}

/* Lines of another program: what fits is written, what does not stays out, nothing moves. */
static void a_line_without_room_is_left_alone(void **state)
{
	static const struct {
		const char *header, *after;
		unsigned in_file;
	} cases[] = {
		{"Status: RO\nX-Status: F\n", "Status: RO\nX-Status: F\n",
			BZ_FLAG_SEEN | BZ_FLAG_FLAGGED},
		{"Status: O\r\nX-Status:    \r\n", "Status: R\r\nX-Status: FD \r\n",
			BZ_FLAG_SEEN | BZ_FLAG_DELETED | BZ_FLAG_FLAGGED},
		{"Status:  R\nStatus: O\n", "Status:  R\nStatus: O\n", BZ_FLAG_SEEN},
		{"X: y\n", "X: y\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strconcat(
			"From x Mon Jan 15 10:00:00 2024\n", cases[i].header, "\nbody\n\n", NULL);
		g_autofree char *after = NULL;
		int fd = file_of(text, strlen(text));
		unsigned in_file = 0;

		assert_int_equal(bz_mbox_set_flags(fd, 0, (int64_t)strlen(text),
					 BZ_FLAG_SEEN | BZ_FLAG_DELETED | BZ_FLAG_FLAGGED, 0,
					 &in_file, NULL),
			0);
		assert_int_equal(in_file, cases[i].in_file);
		after = text_of(fd);
		assert_non_null(strstr(after, cases[i].after));
		assert_int_equal(strlen(after), strlen(text));
		close(fd);
	}
}

static void a_head_is_known_however_it_is_folded(void **state)
{
	static const char one
		[] = "Message-ID: <a@b>\r\nFrom: Ana\r\nSubject:  a long\r\n subject\r\n\r\n",
	     two[] = "subject: a\n  long subject \nfrom: Ana\nX: y\nmessage-id: <a@b>\n\nFrom: x\n",
	     other[] = "Message-ID: <a@b>\nFrom: Ana\nSubject: along subject\n\n",
	     none[] = "X: y\n\nFrom: Ana\n";
	uint8_t a[32], b[32], zero[32] = {0};

	(void)state;
	bz_mbox_headkey(one, strlen(one), a);
	bz_mbox_headkey(two, strlen(two), b);
	assert_memory_equal(a, b, 32);
	bz_mbox_headkey(other, strlen(other), b);
	assert_memory_not_equal(a, b, 32);
	bz_mbox_headkey(none, strlen(none), b);
	assert_memory_equal(b, zero, 32);
}

/* From_ lines and empty lines at every place around the edge of a piece of 1 MiB. */
static void messages_at_the_edge_of_a_piece_are_found(void **state)
{
	static const char from[] = "From x Mon Jan 15 10:00:00 2024\nSubject: s\n\nbody\n\n";

	(void)state;
	for (int shift = -80; shift < 80; shift += 7) {
		GString *text = g_string_new(from);
		GArray *found;
		int fd;

		while (text->len < (1u << 20) + (unsigned)(shift + 80))
			g_string_append(text, "x\n");
		g_string_append(text, "\n");
		for (int i = 0; i < 4; i++)
			g_string_append(text, from);
		while (text->len < 2u << 20)
			g_string_append(text, "yyyyyyy\n");
		fd = file_of(text->str, text->len);
		found = scan(fd);
		assert_int_equal(found->len, 5);
		g_array_unref(found);
		g_string_free(text, TRUE);
		close(fd);
	}
}

static void a_second_lock_waits_and_says_so(void **state)
{
	g_autofree char *dir = check_temp_dir();
	g_autofree char *path = g_build_filename(dir, "mbox", NULL);
	struct bz_mbox_lock *a, *b;
	struct bz_err err = {0};

	(void)state;
	a = bz_mbox_lock_open(path, true, 100, NULL, &err);
	assert_non_null(a);
	b = bz_mbox_lock_open(path, true, 60, NULL, &err);
	assert_null(b);
	assert_int_equal(err.code, BZ_CODE_LOCKED);
	bz_mbox_lock_close(&a);
	b = bz_mbox_lock_open(path, true, 60, NULL, &err);
	assert_non_null(b);
	bz_mbox_lock_close(&b);
	check_remove_dir(dir);
}

/* Killed at any time, a program leaves no lock whose owner cannot be told. */
static void a_dotlock_names_its_owner_from_the_first(void **state)
{
	g_autofree char *dir = check_temp_dir();
	g_autofree char *path = g_build_filename(dir, "mbox", NULL);
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);
	int seen = 0;
	pid_t child = fork();

	(void)state;
	for (; child == 0;) {
		struct bz_mbox_lock *lock = bz_mbox_lock_open(path, true, 500, NULL, NULL);

		bz_mbox_lock_close(&lock);
	}
	while (seen < 5000) {
		char text[32];
		int fd = open(dot, O_RDONLY);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;

		if (fd >= 0) {
			seen++;
			close(fd);
			if (n <= 0)
				break;
		}
	}
	(void)kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check_remove_dir(dir);
	assert_int_equal(seen, 5000);
}

static void a_dead_owners_dotlock_is_removed(void **state)
{
	g_autofree char *dir = check_temp_dir();
	g_autofree char *path = g_build_filename(dir, "mbox", NULL);
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);
	g_autofree char *pid = NULL;
	pid_t child = fork();
	struct bz_mbox_lock *lock;

	(void)state;
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	pid = g_strdup_printf("%d\n", (int)child);
	assert_true(g_file_set_contents(dot, pid, -1, NULL));
	lock = bz_mbox_lock_open(path, true, 500, NULL, NULL);
	assert_non_null(lock);
	bz_mbox_lock_close(&lock);
	assert_true(g_file_set_contents(dot, pid, -1, NULL));
	bz_mbox_lock_tidy(path); /* nobody wants to write */
	assert_false(g_file_test(dot, G_FILE_TEST_EXISTS));
	assert_true(g_file_set_contents(dot, pid, -1, NULL));
	assert_int_equal(unlink(path), 0);
	bz_mbox_lock_tidy(path); /* the folder has been renamed */
	assert_false(g_file_test(dot, G_FILE_TEST_EXISTS));
	check_remove_dir(dir);
}

/* The number names a process of another computer: only time makes that lock stale. */
static void a_dotlock_of_another_host_is_waited_for(void **state)
{
	g_autofree char *dir = check_temp_dir();
	g_autofree char *path = g_build_filename(dir, "mbox", NULL);
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);
	struct bz_err err = {0};

	(void)state;
	assert_true(g_file_set_contents(dot, "4194303:other.example.org", -1, NULL));
	assert_null(bz_mbox_lock_open(path, true, 200, NULL, &err));
	assert_int_equal(err.code, BZ_CODE_LOCKED);
	assert_true(g_file_test(dot, G_FILE_TEST_EXISTS));
	check_remove_dir(dir);
}

static void a_symlink_is_refused(void **state)
{
	g_autofree char *dir = check_temp_dir();
	g_autofree char *path = g_build_filename(dir, "mbox", NULL);
	struct bz_err err = {0};

	(void)state;
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_null(bz_mbox_lock_open(path, true, 50, NULL, &err));
	assert_int_equal(err.kind, BZ_ERR_LOCAL);
	check_remove_dir(dir);
}

/* --- the reference mailboxes ------------------------------------------------------------------ */

static char *unquoted_body(int fd, const struct bz_mbox_item *item)
{
	GBytes *bytes = bz_mbox_read(fd, item->offset, item->length, NULL);
	gsize len;
	const char *text = g_bytes_get_data(bytes, &len);
	char *copy = g_strndup(text, len);

	g_bytes_unref(bytes);
	return copy;
}

static int compare(const char *dir, const char *name)
{
	g_autofree char *expect = g_build_filename(dir, name, NULL);
	g_autofree char *base = g_strndup(name, strlen(name) - strlen(".expect.json"));
	g_autofree char *with = g_strconcat(dir, "/", base, ".mbox", NULL);
	g_autofree char *without = g_build_filename(dir, base, NULL);
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonArray *messages;
	JsonObject *root;
	GArray *found;
	int fd = open(g_file_test(with, G_FILE_TEST_EXISTS) ? with : without, O_RDONLY), bad = 0;

	assert_true(fd >= 0 && json_parser_load_from_file(parser, expect, NULL));
	root = json_node_get_object(json_parser_get_root(parser));
	messages = json_object_get_array_member(root, "messages");
	found = scan(fd);
	if (found->len != json_array_get_length(messages)) {
		print_message("# %s: %u messages, expected %u\n", name, found->len,
			json_array_get_length(messages));
		bad = 1;
	}
	for (guint i = 0; i < found->len && !bad; i++) {
		JsonObject *m = json_array_get_object_element(messages, i);
		const struct bz_mbox_item *item =
			&g_array_index(found, struct bz_mbox_item, found->len - 1 - i);

		if (item->offset != json_object_get_int_member(m, "offset") ||
			item->length != json_object_get_int_member(m, "length"))
			bad = 1;
		if (json_object_has_member(m, "body_unquoted")) {
			g_autofree char *body = unquoted_body(fd, item);

			if (strstr(body, json_object_get_string_member(m, "body_unquoted")) == NULL)
				bad = 1;
		}
		if (bad)
			print_message("# %s: message %u differs\n", name, i + 1);
	}
	g_array_unref(found);
	close(fd);
	return bad;
}

static void reference_mailboxes_agree(void **state)
{
	const char *corpora = g_getenv("BUZON_CORPORA");
	static const char *const sets[] = {"edge", "imaptest", "neomutt", "sisimai"};
	int seen = 0, bad = 0;

	(void)state;
	if (corpora == NULL) {
		print_message("# BUZON_CORPORA is not set: the reference mailboxes are skipped\n");
		skip();
	}
	for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
		g_autofree char *dir = g_build_filename(corpora, "mbox", sets[i], NULL);
		GDir *d = g_dir_open(dir, 0, NULL);
		const char *name;

		assert_non_null(d);
		while ((name = g_dir_read_name(d)) != NULL)
			if (g_str_has_suffix(name, ".expect.json")) {
				seen++;
				bad += compare(dir, name);
			}
		g_dir_close(d);
	}
	print_message("# reference mailboxes: %d of %d agree\n", seen - bad, seen);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_lines_need_a_date),
		cmocka_unit_test(stored_messages_come_back_as_they_were),
		cmocka_unit_test(a_status_line_is_no_part_of_the_identity),
		cmocka_unit_test(pieces_of_any_size_make_the_same_message),
		cmocka_unit_test(flags_stand_in_slots_of_fixed_width),
		cmocka_unit_test(a_line_without_room_is_left_alone),
		cmocka_unit_test(a_head_is_known_however_it_is_folded),
		cmocka_unit_test(messages_at_the_edge_of_a_piece_are_found),
		cmocka_unit_test(a_second_lock_waits_and_says_so),
		cmocka_unit_test(a_dotlock_names_its_owner_from_the_first),
		cmocka_unit_test(a_dead_owners_dotlock_is_removed),
		cmocka_unit_test(a_dotlock_of_another_host_is_waited_for),
		cmocka_unit_test(a_symlink_is_refused),
		cmocka_unit_test(reference_mailboxes_agree),
	};

	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
