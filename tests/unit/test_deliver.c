/* Mail into the mbox exactly once: what a crash between any two steps leaves is put right. */
#include "tests/unit/check.h"

#include "src/deliver.h"
#include "src/mbox.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char *dir, *mbox, *cache, *state;
	struct bz_store *store;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->mbox = g_build_filename(f->dir, "inbox.mbox", NULL);
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->mbox);
	g_free(f->cache);
	g_free(f->state);
	g_free(f);
	return 0;
}

static struct bz_append_item item_of(int i)
{
	struct bz_append_item item = {.size = 100, .received = INT64_MIN};
	char *text = g_strdup_printf(
		"From: a@example.org\r\nSubject: %d\r\n\r\nFrom here\r\nbody %d\r\n", i, i);

	(void)g_snprintf(item.uidl, sizeof item.uidl, "uid-%d", i);
	item.message = g_bytes_new_take(text, strlen(text));
	return item;
}

static int add(struct fixture *f, struct bz_append_item *items, size_t n, struct bz_err *err)
{
	struct bz_append to = {.store = f->store,
		.mbox = f->mbox,
		.folder = "INBOX",
		.kind = BZ_INTENT_DOWNLOAD,
		.now = 1604397600};

	return bz_append(&to, items, n, NULL, err);
}

/* What is done before any change: a pending intent is put right. */
static void recover(struct fixture *f)
{
	struct bz_err err = {0};

	if (bz_mail_begin(f->store, NULL, &err) != 0)
		fail_msg("%s", err.text);
	bz_mail_end(f->store);
}

static void deliver(struct fixture *f, int from, int to)
{
	struct bz_append_item items[10];
	struct bz_err err = {0};

	for (int i = from; i <= to; i++)
		items[i - from] = item_of(i);
	if (add(f, items, (size_t)(to - from + 1), &err) != 0)
		fail_msg("%s", err.text);
	for (int i = from; i <= to; i++)
		g_bytes_unref(items[i - from].message);
}

static int count_messages(const char *path)
{
	g_autofree char *text = NULL;
	int n = 0;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (const char *p = text; (p = strstr(p, "\nSubject: ")) != NULL; p++)
		n++;
	return n;
}

static guint locals(struct fixture *f)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	guint n;

	assert_int_equal(bz_store_local_all(f->store, "INBOX", all, NULL), 0);
	n = all->len;
	g_array_unref(all);
	return n;
}

static void nothing_comes_twice(void **state)
{
	struct fixture *f = *state;

	deliver(f, 1, 5);
	deliver(f, 3, 8);
	assert_int_equal(count_messages(f->mbox), 8);
	assert_int_equal(locals(f), 8);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-8", NULL), 1);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-9", NULL), 0);
}

/* What bz_append commits before its first byte, for messages from..to at the file's
 * present end. */
static void make_intent(struct fixture *f, int from, int to, GByteArray *bytes)
{
	struct bz_intent intent = {.mbox = f->mbox, .folder = (char[]){"INBOX"}};
	struct stat st;

	assert_int_equal(stat(f->mbox, &st), 0);
	intent.dev = (uint64_t)st.st_dev;
	intent.ino = (uint64_t)st.st_ino;
	intent.start = st.st_size;
	intent.items = g_array_new(FALSE, TRUE, sizeof(struct bz_intent_item));
	for (int i = from; i <= to; i++) {
		struct bz_append_item item = item_of(i);
		struct bz_intent_item out = {.size = item.size};
		gsize n;
		const char *text = g_bytes_get_data(item.message, &n);
		GByteArray *encoded = bz_mbox_encode(text, n, 1604397600, 0);
		GBytes *stored = bz_mbox_decode(encoded->data, encoded->len);

		g_strlcpy(out.uidl, item.uidl, sizeof out.uidl);
		out.off = intent.start + bytes->len;
		out.len = encoded->len;
		bz_mbox_digest(
			g_bytes_get_data(stored, NULL), g_bytes_get_size(stored), out.digest);
		g_byte_array_append(bytes, encoded->data, encoded->len);
		g_array_append_val(intent.items, out);
		g_bytes_unref(stored);
		g_byte_array_unref(encoded);
		g_bytes_unref(item.message);
	}
	assert_int_equal(bz_store_intent_put(f->store, &intent, NULL), 0);
	g_array_unref(intent.items);
}

static void append(const char *path, const void *bytes, size_t n)
{
	FILE *out = fopen(path, "ae");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

/* Killed after any byte of the batch: what stands whole is adopted, the rest is cut and comes
 * again. */
static void a_crash_at_any_byte_is_put_right(void **state)
{
	struct fixture *f = *state;
	GByteArray *probe = g_byte_array_new();
	guint size;

	deliver(f, 1, 2);
	make_intent(f, 3, 5, probe);
	size = probe->len;
	g_byte_array_unref(probe);
	for (guint cut = 0; cut <= size; cut += 7) {
		GByteArray *bytes = g_byte_array_new();
		struct fixture *again;
		void *fresh;

		assert_int_equal(setup(&fresh), 0);
		again = fresh;
		deliver(again, 1, 2);
		make_intent(again, 3, 5, bytes);
		append(again->mbox, bytes->data, MIN(cut, bytes->len));
		recover(again);
		deliver(again, 1, 5);
		assert_int_equal(count_messages(again->mbox), 5);
		assert_int_equal(locals(again), 5);
		g_byte_array_unref(bytes);
		teardown(&fresh);
	}
}

/* Another program appended behind a torn batch: nothing of it may go. */
static void foreign_mail_is_never_cut(void **state)
{
	struct fixture *f = *state;
	static const char foreign[] =
		"\nFrom eva@example.org Tue Nov  3 10:00:00 2020\nSubject: foreign\n\nhi\n\n";
	GByteArray *bytes = g_byte_array_new();
	g_autofree char *text = NULL, *filler = NULL;

	deliver(f, 1, 1);
	make_intent(f, 2, 3, bytes);
	append(f->mbox, bytes->data, 20);
	filler = g_strnfill(bytes->len, 'x');
	append(f->mbox, filler, bytes->len);
	append(f->mbox, foreign, sizeof foreign - 1);
	recover(f);
	assert_true(g_file_get_contents(f->mbox, &text, NULL, NULL));
	assert_non_null(strstr(text, "Subject: foreign"));
	deliver(f, 1, 3);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-3", NULL), 1);
	g_byte_array_unref(bytes);
}

/* The same behind a short fragment: the file is not yet as long as the whole batch would have made
 * it. */
static void foreign_mail_behind_a_short_fragment_is_never_cut(void **state)
{
	static const char *const foreign[] = {
		"From eva@example.org Tue Nov  3 10:00:00 2020\nSubject: foreign\n\nhi\n\n",
		"\n\nFrom eva@example.org Tue Nov  3 10:00:00 2020\r\nSubject: "
		"foreign\r\n\r\nhi\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
		for (guint torn = 0; torn < 200; torn += 33) {
			GByteArray *bytes = g_byte_array_new();
			g_autofree char *text = NULL;
			struct fixture *f;
			void *fresh;

			assert_int_equal(setup(&fresh), 0);
			f = fresh;
			deliver(f, 1, 1);
			make_intent(f, 2, 9, bytes);
			append(f->mbox, bytes->data, torn);
			append(f->mbox, foreign[i], strlen(foreign[i]));
			recover(f);
			assert_true(g_file_get_contents(f->mbox, &text, NULL, NULL));
			assert_non_null(strstr(text, "Subject: foreign"));
			deliver(f, 1, 9);
			assert_int_equal(bz_store_ledger_has(f->store, "uid-9", NULL), 1);
			g_byte_array_unref(bytes);
			teardown(&fresh);
		}
}

static guint incomplete(struct fixture *f)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	guint n = 0;

	assert_int_equal(bz_store_local_all(f->store, "INBOX", all, NULL), 0);
	for (guint i = 0; i < all->len; i++)
		n += (g_array_index(all, struct bz_local, i).flags & BZ_FLAG_INCOMPLETE) != 0;
	g_array_unref(all);
	return n;
}

/* What had to stay of a batch says so of itself, once. */
static void a_fragment_that_stays_is_marked(void **state)
{
	static const char foreign[] =
		"\n\nFrom eva@example.org Tue Nov  3 10:00:00 2020\nSubject: foreign\n\nhi\n\n";
	struct fixture *f = *state;
	GByteArray *bytes = g_byte_array_new();

	deliver(f, 1, 1);
	make_intent(f, 2, 9, bytes);
	append(f->mbox, bytes->data, 100);
	append(f->mbox, foreign, sizeof foreign - 1);
	recover(f);
	assert_int_equal(incomplete(f), 1);
	recover(f);
	assert_int_equal(incomplete(f), 1);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-2", NULL), 0);
	g_byte_array_unref(bytes);
}

/* Killed behind the last byte, and another program writes the file anew before we come back: every
 * message longer, at another place. */
static void a_batch_is_known_in_a_file_written_anew(void **state)
{
	for (guint torn = 0; torn < 3; torn++) {
		void *fresh;
		struct fixture *f;
		GByteArray *bytes = g_byte_array_new();
		g_autofree char *text = NULL, *anew = NULL;
		g_auto(GStrv) parts = NULL;

		(void)state;
		assert_int_equal(setup(&fresh), 0);
		f = fresh;
		deliver(f, 1, 2);
		make_intent(f, 3, 5, bytes);
		append(f->mbox, bytes->data, torn == 2 ? bytes->len - 150 : bytes->len);
		assert_true(g_file_get_contents(f->mbox, &text, NULL, NULL));
		parts = g_strsplit(text, "\nStatus:   \n", -1);
		anew = g_strjoinv("\nStatus: RO\nContent-Length: 1234\nX-UID: 9\n", parts);
		if (torn > 0) /* in place, as mutt does; else by another file */
			assert_int_equal(truncate(f->mbox, 0), 0);
		else
			assert_int_equal(g_unlink(f->mbox), 0);
		append(f->mbox, anew, strlen(anew));
		recover(f);
		assert_int_equal(bz_store_ledger_has(f->store, "uid-3", NULL), 1);
		assert_int_equal(bz_store_ledger_has(f->store, "uid-5", NULL), torn < 2);
		deliver(f, 1, 5);
		assert_int_equal(count_messages(f->mbox), torn == 2 ? 6 : 5);
		g_byte_array_unref(bytes);
		teardown(&fresh);
	}
}

/* A file that may not grow (EFBIG, as ENOSPC on a full disk): cut back, nothing in the ledger, and
 * it comes whole once there is room. */
static void a_full_disk_leaves_the_mbox_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct bz_append_item items[] = {item_of(2), item_of(3)};
	struct rlimit old, tight = {600 << 10, 600 << 10};
	g_autofree char *body = g_strnfill(700 << 10, 'x');
	char *text = g_strdup_printf("Subject: 3\n\n%s\n", body);
	struct bz_err err = {0};
	struct stat before, after;
	struct bz_intent intent;

	deliver(f, 1, 1);
	g_bytes_unref(items[1].message);
	items[1].message = g_bytes_new_take(text, strlen(text));
	assert_int_equal(stat(f->mbox, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(add(f, items, 2, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.code, BZ_CODE_DISK_FULL);
	assert_int_equal(stat(f->mbox, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(bz_store_intent_get(f->store, &intent, NULL), 1);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-2", NULL), 0);
	assert_int_equal(add(f, items, 2, &err), 0);
	assert_int_equal(count_messages(f->mbox), 3);
	for (int i = 0; i < 2; i++)
		g_bytes_unref(items[i].message);
}

/* RFC 1939 wants them unique; a server that lists one twice must not stop the account for ever. */
static void a_uidl_listed_twice_is_one_message(void **state)
{
	struct fixture *f = *state;
	struct bz_append_item items[] = {item_of(1), item_of(2), item_of(1)};
	struct bz_err err = {0};

	if (add(f, items, 3, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(count_messages(f->mbox), 2);
	assert_int_equal(locals(f), 2);
	assert_int_equal(items[2].uid, 0);
	recover(f);
	deliver(f, 3, 3);
	for (int i = 0; i < 3; i++)
		g_bytes_unref(items[i].message);
}

/* An intent whose messages are in the ledger already (another program's copy of state.db, say). */
static void recovery_gets_over_a_known_uidl(void **state)
{
	struct fixture *f = *state;
	GByteArray *bytes = g_byte_array_new();

	deliver(f, 1, 2);
	make_intent(f, 2, 3, bytes);
	append(f->mbox, bytes->data, bytes->len);
	recover(f);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-3", NULL), 1);
	deliver(f, 4, 4);
	g_byte_array_unref(bytes);
}

static void the_file_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	deliver(f, 1, 1);
	assert_int_equal(stat(f->mbox, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_comes_twice),
		CASE(a_crash_at_any_byte_is_put_right),
		CASE(foreign_mail_is_never_cut),
		CASE(foreign_mail_behind_a_short_fragment_is_never_cut),
		CASE(a_fragment_that_stays_is_marked),
		CASE(a_batch_is_known_in_a_file_written_anew),
		CASE(a_uidl_listed_twice_is_one_message),
		CASE(a_full_disk_leaves_the_mbox_as_it_was),
		CASE(recovery_gets_over_a_known_uidl),
		CASE(the_file_is_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
