/* Rows, folders, pins, ledger: what the store keeps, and what it does with a damaged file. */
#include "tests/unit/check.h"

#include "src/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

struct fixture {
	char *dir, *cache, *state;
	struct bz_store *store;
};

static struct bz_store *open_store(struct fixture *f)
{
	struct bz_err err = {0};
	struct bz_store *s = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err);

	assert_non_null(s);
	return s;
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->store = open_store(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->cache);
	g_free(f->state);
	g_free(f);
	return 0;
}

static uint32_t put_folder(struct fixture *f, const char *name, uint32_t validity)
{
	struct bz_folder folder = {.name = (char *)(uintptr_t)name,
		.title = (char *)(uintptr_t)name,
		.selectable = true,
		.uidvalidity = validity};

	assert_int_equal(bz_store_folder_put(f->store, &folder, NULL), 0);
	return folder.id;
}

static uint32_t put_row(struct fixture *f, uint32_t folder, uint32_t uid, unsigned flags)
{
	struct bz_summary row = {.folder = folder,
		.uid = uid,
		.pos = uid,
		.date = 1000 + uid,
		.received = INT64_MIN,
		.flags = flags,
		.subject = (char *)(uintptr_t) "hello"};

	assert_int_equal(bz_store_put(f->store, &row, NULL), 0);
	return row.row;
}

static guint count_ids(struct fixture *f, uint32_t folder)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	guint n;

	assert_int_equal(bz_store_ids(f->store, folder, ids, NULL), 0);
	n = ids->len;
	g_array_unref(ids);
	return n;
}

static void rows_keep_their_ids(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1);
	uint32_t first = put_row(f, folder, 5, 0);
	uint32_t again = put_row(f, folder, 5, BZ_FLAG_SEEN);
	uint32_t ids[3] = {first, 4711, 0};
	struct bz_summary rows[3];

	assert_int_equal(first, again);
	assert_int_equal(bz_store_window(f->store, ids, 3, rows, NULL), 0);
	assert_int_equal(rows[0].flags, BZ_FLAG_SEEN);
	assert_string_equal(rows[0].subject, "hello");
	assert_string_equal(rows[0].from_addr, ""); /* absent, never NULL */
	assert_int_equal(rows[1].row, 0);
	for (int i = 0; i < 3; i++)
		bz_summary_clear(&rows[i]);
	assert_int_equal(bz_store_remove(f->store, folder, 5, NULL), 0);
	assert_true(put_row(f, folder, 5, 0) > first); /* never reused */
}

static void ids_come_newest_first(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1), known, unseen;
	uint32_t a = put_row(f, folder, 1, 0), c = put_row(f, folder, 9, BZ_FLAG_SEEN);
	uint32_t b = put_row(f, folder, 4, 0);
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	assert_int_equal(bz_store_ids(f->store, folder, ids, NULL), 0);
	assert_int_equal(ids->len, 3);
	assert_int_equal(g_array_index(ids, uint32_t, 0), c);
	assert_int_equal(g_array_index(ids, uint32_t, 1), b);
	assert_int_equal(g_array_index(ids, uint32_t, 2), a);
	g_array_set_size(ids, 0);
	assert_int_equal(bz_store_uids(f->store, folder, 2, 9, ids, NULL), 0);
	assert_int_equal(ids->len, 2);
	assert_int_equal(g_array_index(ids, uint32_t, 0), 4);
	assert_int_equal(bz_store_count(f->store, folder, &known, &unseen, NULL), 0);
	assert_int_equal(known, 3);
	assert_int_equal(unseen, 2);
	g_array_unref(ids);
}

static void the_rows_beside_one_are_found(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1), other = put_folder(f, "Other", 1);
	struct bz_summary row;

	put_row(f, folder, 1, BZ_FLAG_SEEN);
	put_row(f, folder, 4, 0);
	put_row(f, folder, 9, 0);
	put_row(f, other, 3, 0);
	assert_int_equal(bz_store_beside(f->store, folder, 4, false, &row, NULL), 0);
	assert_int_equal(row.uid, 1);
	bz_summary_clear(&row);
	assert_int_equal(bz_store_beside(f->store, folder, 4, true, &row, NULL), 0);
	assert_int_equal(row.uid, 9);
	bz_summary_clear(&row);
	assert_int_equal(bz_store_beside(f->store, folder, 9, true, &row, NULL), 1);
	assert_int_equal(bz_store_beside(f->store, folder, 1, false, &row, NULL), 1);
}

static void note_gone(void *me, uint32_t folder, uint32_t uid)
{
	g_string_append_printf(me, "%u/%u ", folder, uid);
}

static void who_watches_is_told_what_goes(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1);
	g_autofree char *want = g_strdup_printf("%u/4 %u/0 %u/0 ", folder, folder, folder);
	GString *told = g_string_new(NULL);

	put_row(f, folder, 1, 0);
	put_row(f, folder, 4, 0);
	bz_store_on_gone(f->store, note_gone, told);
	assert_int_equal(bz_store_remove(f->store, folder, 4, NULL), 0);
	put_folder(f, "INBOX", 1); /* nothing goes */
	put_folder(f, "INBOX", 2);
	assert_int_equal(bz_store_folder_drop(f->store, folder, NULL), 0);
	assert_string_equal(told->str, want);
	bz_store_on_gone(f->store, NULL, NULL);
	g_string_free(told, TRUE);
}

static void the_nearest_unread_is_found_on_either_side(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1), found = 0;
	uint32_t low = put_row(f, folder, 2, 0), high = put_row(f, folder, 9, 0);

	for (uint32_t uid = 3; uid < 9; uid++)
		(void)put_row(f, folder, uid, BZ_FLAG_SEEN);
	(void)put_row(f, put_folder(f, "Other", 1), 5, 0);
	assert_int_equal(bz_store_next_unread(f->store, folder, 5, false, &found, NULL), 0);
	assert_int_equal(found, low);
	assert_int_equal(bz_store_next_unread(f->store, folder, 5, true, &found, NULL), 0);
	assert_int_equal(found, high);
	assert_int_equal(bz_store_next_unread(f->store, folder, 2, false, &found, NULL), 1);
	assert_int_equal(bz_store_set_flags(f->store, folder, 9, BZ_FLAG_SEEN, NULL), 0);
	assert_int_equal(bz_store_next_unread(f->store, folder, 5, true, &found, NULL), 1);
}

static void a_changed_validity_drops_the_rows(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 7);

	(void)put_row(f, folder, 1, 0);
	assert_int_equal(put_folder(f, "INBOX", 7), folder);
	assert_int_equal(count_ids(f, folder), 1);
	(void)put_folder(f, "INBOX", 8);
	assert_int_equal(count_ids(f, folder), 0);
}

static void a_rollback_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint32_t folder = put_folder(f, "INBOX", 1);

	assert_int_equal(bz_store_begin(f->store, NULL), 0);
	(void)put_row(f, folder, 1, 0);
	bz_store_rollback(f->store);
	assert_int_equal(count_ids(f, folder), 0);
}

static void a_damaged_cache_is_made_anew(void **state)
{
	struct fixture *f = *state;

	(void)put_row(f, put_folder(f, "INBOX", 1), 1, 0);
	bz_store_close(&f->store);
	assert_true(g_file_set_contents(f->cache, "this is no database at all, is it?", -1, NULL));
	f->store = open_store(f);
	assert_int_equal(count_ids(f, put_folder(f, "INBOX", 1)), 0);
}

static void a_damaged_state_is_never_replaced(void **state)
{
	struct fixture *f = *state;
	static const char junk[] =
		"this is no database at all, is it? but it was somebody's ledger once";
	g_autofree char *after = NULL;
	struct bz_err err = {0};

	bz_store_close(&f->store);
	assert_true(g_file_set_contents(f->state, junk, -1, NULL));
	assert_null(bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err));
	assert_int_equal(err.kind, BZ_ERR_LOCAL);
	assert_true(g_file_get_contents(f->state, &after, NULL, NULL));
	assert_string_equal(after, junk);
}

/* Another program at work with the cache: it is in use, not damaged. */
static void a_locked_cache_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};
	struct stat before, after;
	sqlite3 *other;

	(void)put_row(f, put_folder(f, "INBOX", 1), 1, 0);
	bz_store_close(&f->store);
	assert_int_equal(stat(f->cache, &before), 0);
	assert_int_equal(sqlite3_open(f->cache, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other,
				 "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;"
				 "UPDATE folder SET unseen=1",
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_null(bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err));
	assert_int_equal(err.code, BZ_CODE_LOCKED);
	assert_int_equal(stat(f->cache, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	f->store = open_store(f);
	assert_int_equal(count_ids(f, put_folder(f, "INBOX", 1)), 1);
}

static void a_cache_of_another_version_is_made_anew(void **state)
{
	struct fixture *f = *state;
	sqlite3 *other;

	(void)put_row(f, put_folder(f, "INBOX", 1), 1, 0);
	bz_store_close(&f->store);
	assert_int_equal(sqlite3_open(f->cache, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	f->store = open_store(f);
	assert_int_equal(count_ids(f, put_folder(f, "INBOX", 1)), 0);
}

/* A hole in the middle shows itself only when it is read: an error then, and a new cache
 * next time. */
static void a_cache_damaged_inside_is_made_anew_the_next_time(void **state)
{
	struct fixture *f = *state;
	g_autofree char *bytes = NULL;
	struct bz_err err = {0};
	uint32_t folder = put_folder(f, "INBOX", 1);
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc;
	gsize n;

	for (uint32_t uid = 1; uid <= 2000; uid++)
		(void)put_row(f, folder, uid, 0);
	bz_store_close(&f->store);
	assert_true(g_file_get_contents(f->cache, &bytes, &n, NULL));
	memset(bytes + 8192, 0xa5, n - 8192);
	assert_true(g_file_set_contents(f->cache, bytes, (gssize)n, NULL));
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err);
	assert_non_null(f->store);
	rc = bz_store_ids(f->store, folder, ids, &err);
	g_array_unref(ids);
	assert_int_equal(rc, -1);
	bz_store_close(&f->store);
	f->store = open_store(f);
	folder = put_folder(f, "INBOX", 1);
	assert_int_equal(count_ids(f, folder), 0);
	(void)put_row(f, folder, 1, 0);
}

static void pins_are_kept(void **state)
{
	struct fixture *f = *state;
	uint8_t sum[32], got[32];

	memset(sum, 0xab, sizeof sum);
	assert_int_equal(bz_store_pin_get(f->store, "imap.example.org", 993, got, NULL), 1);
	assert_int_equal(bz_store_pin_set(f->store, "imap.example.org", 993, sum, NULL), 0);
	bz_store_close(&f->store);
	f->store = open_store(f);
	assert_int_equal(bz_store_pin_get(f->store, "imap.example.org", 993, got, NULL), 0);
	assert_memory_equal(sum, got, sizeof sum);
	assert_int_equal(bz_store_pin_get(f->store, "imap.example.org", 143, got, NULL), 1);
}

static void a_reader_sees_what_the_owner_commits(void **state)
{
	struct fixture *f = *state;
	struct bz_store *reader = bz_store_open(f->cache, NULL, BZ_STORE_READER, NULL);
	uint32_t folder = put_folder(f, "INBOX", 1), row = put_row(f, folder, 3, 0);
	struct bz_summary out;

	assert_non_null(reader);
	assert_int_equal(bz_store_window(reader, &row, 1, &out, NULL), 0);
	assert_int_equal(out.uid, 3);
	bz_summary_clear(&out);
	bz_store_close(&reader);
}

/* --- state.db of version 1 -------------------------------------------------------------------- */

static const char version_1[] =
	"CREATE TABLE pin(host TEXT NOT NULL, port INT NOT NULL, sha256 BLOB NOT NULL,"
	" PRIMARY KEY(host, port));"
	"CREATE TABLE local(uid INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL,"
	" flags INT NOT NULL);"
	"CREATE INDEX local_digest ON local(digest);"
	"CREATE TABLE ledger(uidl TEXT PRIMARY KEY, local_uid INT NOT NULL, size INT NOT NULL,"
	" state INT NOT NULL, first_seen INT NOT NULL, last_listed INT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE intent(id INTEGER PRIMARY KEY CHECK(id = 1), mbox TEXT NOT NULL,"
	" dev INT NOT NULL, ino INT NOT NULL, start INT NOT NULL);"
	"CREATE TABLE intent_item(n INTEGER PRIMARY KEY, uidl TEXT NOT NULL, off INT NOT NULL,"
	" len INT NOT NULL, digest BLOB NOT NULL, size INT NOT NULL);"
	"INSERT INTO pin VALUES('mail.example.org', 995, zeroblob(32));"
	"INSERT INTO local VALUES(7, randomblob(32), 1), (9, randomblob(32), 5);"
	"INSERT INTO ledger VALUES('one', 7, 700, 0, 1000, 2000), ('two', 9, 900, 2, 1001, 2000);"
	"INSERT INTO intent VALUES(1, '/mail/inbox', 3, 4, 5);"
	"INSERT INTO intent_item VALUES(0, 'three', 5, 300, zeroblob(32), 299);"
	"PRAGMA user_version=1;";

static void run_sql(const char *path, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_version_1(struct fixture *f)
{
	bz_store_close(&f->store);
	bz_store_unlink(f->state);
	run_sql(f->state, version_1);
}

static void assert_taken_over(struct fixture *f)
{
	uint8_t pin[32];
	struct bz_local local;
	struct bz_ledger row;
	g_autofree char *folder = NULL;
	uint32_t uid;

	assert_int_equal(bz_store_pin_get(f->store, "mail.example.org", 995, pin, NULL), 0);
	assert_int_equal(bz_store_local_get(f->store, 9, &local, &folder, NULL), 0);
	assert_string_equal(folder, "INBOX");
	assert_int_equal(local.flags, 5);
	assert_int_equal(local.in_file, 0);
	assert_int_equal(local.state, BZ_LOCAL_HERE);
	assert_int_equal(bz_store_ledger_get(f->store, "two", &row, NULL), 0);
	assert_int_equal(row.local_uid, 9);
	assert_int_equal(row.size, 900);
	assert_int_equal(row.state, BZ_LEDGER_GONE);
	assert_int_equal(row.first_seen, 1001);
	assert_int_equal(row.missing_since, 0);
	assert_int_equal(
		bz_store_local_adopt(f->store, "INBOX", local.digest, 0, 0, &uid, NULL), 0);
	assert_int_equal(uid, 10); /* no number is given twice */
}

static void version_1_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct bz_intent intent;
	const struct bz_intent_item *item;

	make_version_1(f);
	f->store = open_store(f);
	assert_taken_over(f);
	assert_int_equal(bz_store_intent_get(f->store, &intent, NULL), 0);
	assert_int_equal(intent.kind, BZ_INTENT_DOWNLOAD);
	assert_string_equal(intent.mbox, "/mail/inbox");
	assert_string_equal(intent.folder, "INBOX");
	assert_null(intent.source);
	assert_int_equal(intent.start, 5);
	assert_int_equal(intent.items->len, 1);
	item = &g_array_index(intent.items, struct bz_intent_item, 0);
	assert_string_equal(item->uidl, "three");
	assert_int_equal(item->off, 5);
	assert_int_equal(item->len, 300);
	assert_int_equal(item->size, 299);
	bz_intent_clear(&intent);
	assert_int_equal(bz_store_meta_set(f->store, "a", "b", NULL), 0);
}

/* Its last statement fails: all of it is as it was, and works once nothing is in the way. */
static void what_takes_version_1_over_is_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	make_version_1(f);
	run_sql(f->state, "CREATE TABLE item1(x);");
	assert_null(bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err));
	assert_int_equal(err.kind, BZ_ERR_LOCAL);
	run_sql(f->state, "SELECT last_listed FROM ledger; SELECT mbox FROM intent;"
			  "DROP TABLE item1;");
	f->store = open_store(f);
	assert_taken_over(f);
}

static void a_newer_state_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct bz_err err = {0};

	bz_store_close(&f->store);
	run_sql(f->state, "PRAGMA user_version=4;");
	assert_null(bz_store_open(f->cache, f->state, BZ_STORE_OWNER, &err));
	assert_non_null(strstr(err.text, "newer"));
	run_sql(f->state, "SELECT uid FROM local; PRAGMA user_version=3;");
	f->store = open_store(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rows_keep_their_ids),
		CASE(ids_come_newest_first),
		CASE(the_rows_beside_one_are_found),
		CASE(who_watches_is_told_what_goes),
		CASE(the_nearest_unread_is_found_on_either_side),
		CASE(a_changed_validity_drops_the_rows),
		CASE(a_rollback_leaves_nothing),
		CASE(a_damaged_cache_is_made_anew),
		CASE(a_locked_cache_is_left_alone),
		CASE(a_cache_of_another_version_is_made_anew),
		CASE(a_cache_damaged_inside_is_made_anew_the_next_time),
		CASE(a_damaged_state_is_never_replaced),
		CASE(pins_are_kept),
		CASE(a_reader_sees_what_the_owner_commits),
		CASE(version_1_is_taken_over),
		CASE(what_takes_version_1_over_is_one_transaction),
		CASE(a_newer_state_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
