/* Which copies go from a server, and when: each policy, and clocks that jump. */
#include "tests/unit/check.h"

#include "src/deliver.h"
#include "src/mbox.h"
#include "src/paths.h"
#include "src/retention.h"

enum { HOUR = 3600, DAY = 86400, N = 4 };
#define NOON INT64_C(1795000000) /* some day in 2026 */

struct fixture {
	char *dir, *mbox, *cache, *state;
	struct bz_store *store;
	struct bz_account account;
	struct bz_clock clock;
	GHashTable *listed; /* uidl -> how often */
	GArray *due;
};

static int setup(void **state)
{
	static char name[] = "casa"; /* the account outlives this function */
	struct fixture *f = g_new0(struct fixture, 1);
	uint32_t folder;

	f->dir = check_temp_dir();
	f->mbox = g_build_filename(f->dir, "inbox.mbox", NULL);
	f->cache = g_build_filename(f->dir, "cache.db", NULL);
	f->state = g_build_filename(f->dir, "state.db", NULL);
	f->store = bz_store_open(f->cache, f->state, BZ_STORE_OWNER, NULL);
	assert_non_null(f->store);
	assert_int_equal(
		bz_store_folder_ensure(f->store, "INBOX", "Inbox", BZ_ROLE_INBOX, 1, &folder, NULL),
		0);
	f->account = (struct bz_account){.id = name, .dirname = name, .mbox = f->mbox};
	f->clock = (struct bz_clock){.real = NOON, .boot = 1000, .boot_id = "first"};
	f->listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	f->due = g_array_new(FALSE, FALSE, sizeof(struct bz_removal));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bz_store_close(&f->store);
	check_remove_dir(f->dir);
	g_hash_table_unref(f->listed);
	g_array_unref(f->due);
	g_free(f->dir);
	g_free(f->mbox);
	g_free(f->cache);
	g_free(f->state);
	g_free(f);
	return 0;
}

/* --- what a session does ---------------------------------------------------------------------- */

static const char *uidl_of(int i)
{
	static char text[16];

	(void)g_snprintf(text, sizeof text, "uid-%d", i);
	return text;
}

/* The server has so many of this id, or none any longer. */
static void list(struct fixture *f, int i, int times)
{
	g_hash_table_insert(f->listed, g_strdup(uidl_of(i)), GINT_TO_POINTER(times));
}

/* Messages 1 to N are stored in a folder: mail file, ledger, rows. */
static void store_mail_in(struct fixture *f, const char *folder, const char *mbox)
{
	struct bz_append_item items[N] = {0};
	struct bz_append to = {.store = f->store,
		.mbox = mbox,
		.folder = folder,
		.kind = BZ_INTENT_DOWNLOAD,
		.now = f->clock.real};
	struct bz_folder inbox;

	for (int i = 1; i <= N; i++) {
		char *text = g_strdup_printf(
			"From: Eva <eva@example.org>\r\nSubject: letter %d\r\n\r\nhello %d\r\n", i,
			i);

		(void)g_strlcpy(items[i - 1].uidl, uidl_of(i), sizeof items[0].uidl);
		items[i - 1].size = 100;
		items[i - 1].received = INT64_MIN;
		items[i - 1].message = g_bytes_new_take(text, strlen(text));
		list(f, i, 1);
	}
	assert_int_equal(bz_append(&to, items, N, NULL, NULL), 0);
	assert_int_equal(bz_store_folder_by_name(f->store, folder, &inbox, NULL), 0);
	for (int i = 0; i < N; i++) {
		struct bz_summary row = {.folder = inbox.id,
			.uid = items[i].uid,
			.offset = items[i].offset,
			.length = items[i].length,
			.from_name = (char[]){"Eva"},
			.subject = (char[]){"letter"}};

		assert_int_equal(bz_store_put(f->store, &row, NULL), 0);
		g_bytes_unref(items[i].message);
	}
	bz_folder_clear(&inbox);
}

static void store_mail(struct fixture *f)
{
	store_mail_in(f, "INBOX", f->mbox);
}

static int times(void *me, const char *uidl)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(((struct fixture *)me)->listed, uidl));
}

/* How many copies are due. */
static guint session(struct fixture *f)
{
	struct bz_listed listed = {times, f};
	struct bz_err err = {0};

	g_array_set_size(f->due, 0);
	if (bz_retention_session(f->store, &f->account, &listed, &f->clock, f->due, &err) != 0)
		fail_msg("%s", err.text);
	return f->due->len;
}

static bool is_due(const struct fixture *f, int i)
{
	for (guint k = 0; k < f->due->len; k++)
		if (strcmp(g_array_index(f->due, struct bz_removal, k).uidl, uidl_of(i)) == 0)
			return true;
	return false;
}

/* Time passes as it should. */
static void wait_for(struct fixture *f, int64_t seconds)
{
	f->clock.real += seconds;
	f->clock.boot += seconds;
}

static void reboot(struct fixture *f)
{
	f->clock.boot = 10;
	(void)g_strlcat(f->clock.boot_id, "+", sizeof f->clock.boot_id);
}

static struct bz_ledger row_of(struct fixture *f, int i)
{
	struct bz_ledger row;

	assert_int_equal(bz_store_ledger_get(f->store, uidl_of(i), &row, NULL), 0);
	return row;
}

static void discard(struct fixture *f, int i)
{
	struct bz_ledger row = row_of(f, i);

	row.state = BZ_LEDGER_DISCARDED;
	assert_int_equal(bz_store_ledger_put(f->store, &row, NULL), 0);
}

static void leave(struct fixture *f, enum bz_leave policy, unsigned days)
{
	f->account.leave = policy;
	f->account.leave_days = days;
}

static int may_go(struct fixture *f, int i)
{
	return bz_retention_may_go(f->store, &f->account, uidl_of(i), NULL);
}

/* --- each policy ------------------------------------------------------------------------------ */

static void forever_removes_nothing_whatever_was_deleted_here(void **state)
{
	struct fixture *f = *state;

	store_mail(f);
	discard(f, 1);
	assert_int_equal(session(f), 0);
	wait_for(f, 1000 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	assert_int_equal(session(f), 0);
}

static void none_removes_what_is_stored_at_once(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	assert_int_equal(session(f), N);
	for (int i = 1; i <= N; i++)
		assert_int_equal(may_go(f, i), 1);
}

static void until_deleted_removes_what_was_deleted_for_ever(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_UNTIL_DELETED, 0);
	store_mail(f);
	wait_for(f, 1000 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	discard(f, 3);
	assert_int_equal(session(f), 1);
	assert_true(is_due(f, 3));
	assert_int_equal(may_go(f, 3), 1);
}

static void days_remove_in_the_second_session_that_finds_them_over(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	assert_int_equal(session(f), 0);
	wait_for(f, 30 * (int64_t)DAY - 1);
	assert_int_equal(session(f), 0);
	wait_for(f, 1);
	assert_int_equal(session(f), 0);
	wait_for(f, HOUR - 1);
	assert_int_equal(session(f), 0);
	wait_for(f, 1);
	assert_int_equal(session(f), N);
}

static void days_remove_what_was_deleted_for_ever_at_once(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	discard(f, 2);
	assert_int_equal(session(f), 1);
	assert_true(is_due(f, 2));
}

static void more_days_take_a_copy_back_from_those_that_are_due(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	wait_for(f, 31 * (int64_t)DAY);
	(void)session(f);
	leave(f, BZ_LEAVE_DAYS, 60);
	wait_for(f, DAY);
	assert_int_equal(session(f), 0);
	leave(f, BZ_LEAVE_DAYS, 30);
	wait_for(f, DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	assert_int_equal(session(f), N);
}

static void a_computer_that_is_off_between_sessions_counts_days_all_the_same(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, 31 * (int64_t)DAY);
	reboot(f);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	reboot(f);
	assert_int_equal(session(f), N);
}

/* --- what is not ours, or not sure ------------------------------------------------------------ */

static void a_message_that_was_not_stored_here_never_goes(void **state)
{
	struct fixture *f = *state;
	struct bz_ledger left = {.uidl = "left", .size = 5, .state = BZ_LEDGER_LEFT};

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	assert_int_equal(bz_store_ledger_put(f->store, &left, NULL), 0);
	g_hash_table_insert(f->listed, g_strdup("left"), GINT_TO_POINTER(1));
	g_hash_table_insert(f->listed, g_strdup("strange"), GINT_TO_POINTER(1));
	assert_int_equal(session(f), N);
	assert_int_equal(bz_retention_may_go(f->store, &f->account, "left", NULL), 0);
	assert_int_equal(bz_retention_may_go(f->store, &f->account, "strange", NULL), 0);
}

static void an_id_that_is_listed_twice_never_goes(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	list(f, 2, 2);
	assert_int_equal(session(f), N - 1);
	assert_false(is_due(f, 2));
	assert_int_equal(row_of(f, 2).missing_since, 0);
}

static void rewrite(const struct fixture *f, const char *from, const char *to)
{
	g_autofree char *text = NULL, *other = NULL;
	g_auto(GStrv) parts = NULL;

	assert_true(g_file_get_contents(f->mbox, &text, NULL, NULL));
	parts = g_strsplit(text, from, -1);
	assert_int_equal(g_strv_length(parts), 2);
	other = g_strjoinv(to, parts);
	assert_true(g_file_set_contents(f->mbox, other, -1, NULL));
}

static void a_message_that_does_not_read_back_stays(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	rewrite(f, "hello 2", "hellO 2");
	assert_int_equal(may_go(f, 1), 1);
	assert_int_equal(may_go(f, 2), 0);
	assert_int_equal(may_go(f, 3), 1);
	assert_int_equal(g_unlink(f->mbox), 0);
	assert_int_equal(may_go(f, 1), 0);
}

static void a_message_whose_flags_another_program_wrote_reads_back(void **state)
{
	struct fixture *f = *state;

	store_mail(f);
	rewrite(f, "letter 2\nStatus:   \n", "letter 2\nStatus: RO\n");
	assert_int_equal(may_go(f, 2), 1);
}

static void a_message_that_was_filed_away_and_is_not_found_stays(void **state)
{
	struct fixture *f = *state;

	store_mail(f);
	assert_int_equal(
		bz_store_local_set_state(f->store, row_of(f, 2).local_uid, BZ_LOCAL_REMOVED, NULL),
		0);
	assert_int_equal(may_go(f, 2), 0);
}

static void a_message_that_was_filed_away_reads_back_from_there(void **state)
{
	struct fixture *f = *state;
	g_autofree char *dir = NULL, *mbox = NULL;
	uint32_t folder;

	g_setenv("XDG_DATA_HOME", f->dir, TRUE);
	dir = bz_path(BZ_DIR_DATA, f->account.dirname, NULL);
	mbox = g_build_filename(dir, "Work%2F2024.mbox", NULL);
	assert_int_equal(bz_path_ensure(dir, NULL), 0);
	assert_int_equal(bz_store_folder_ensure(f->store, "Work/2024", "Work/2024", BZ_ROLE_NONE, 1,
				 &folder, NULL),
		0);
	store_mail_in(f, "Work/2024", mbox);
	assert_int_equal(may_go(f, 2), 1);
	assert_int_equal(g_unlink(mbox), 0);
	assert_int_equal(may_go(f, 2), 0);
}

static void a_message_that_got_lost_here_stays(void **state)
{
	struct fixture *f = *state;
	struct bz_ledger row;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	row = row_of(f, 2);
	row.local_uid = 0;
	assert_int_equal(bz_store_ledger_put(f->store, &row, NULL), 0);
	assert_int_equal(session(f), N - 1);
	assert_int_equal(may_go(f, 2), 0);
	assert_int_equal(
		bz_retention_fate(&f->account, BZ_AGREEMENT_YES, &row, NOON, NULL), BZ_COPY_STAYS);
}

/* --- clocks that jump (SECURITY C44) ---------------------------------------------------------- */

static void a_clock_that_jumps_forward_removes_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, DAY);
	f->clock.real += 40 * (int64_t)DAY;
	assert_int_equal(session(f), 0);
	for (int i = 0; i < 28; i++) { /* and its days do not count later, either */
		wait_for(f, DAY);
		assert_int_equal(session(f), 0);
	}
	wait_for(f, 2 * DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	assert_int_equal(session(f), N);
}

static void a_clock_that_jumps_between_the_two_sessions_removes_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, 31 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	f->clock.real += 2 * HOUR;
	assert_int_equal(session(f), 0);
	assert_int_equal(row_of(f, 1).due_since, 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), N);
}

static void a_clock_that_goes_back_removes_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, 31 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	f->clock.real -= 365 * (int64_t)DAY;
	assert_int_equal(session(f), 0);
	assert_int_equal(row_of(f, 1).due_since, 0);
	wait_for(f, 2 * HOUR);
	f->clock.real += 365 * (int64_t)DAY;
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), N);
}

static void a_clock_that_is_behind_after_a_boot_removes_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, 35 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	reboot(f);
	f->clock.real -= 2 * DAY;
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), N);
}

static void a_clock_that_was_put_back_while_time_passed_is_found_out(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 1);
	store_mail(f);
	(void)session(f);
	wait_for(f, 2 * DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * DAY);
	f->clock.real -= DAY;
	assert_int_equal(session(f), 0);
}

static void a_clock_that_was_never_set_removes_nothing_and_ages_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	f->clock.real = 0;
	store_mail(f);
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), 0);
	reboot(f);
	f->clock.real = NOON;
	assert_int_equal(session(f), 0);
	wait_for(f, 2 * HOUR);
	assert_int_equal(session(f), 0);
	wait_for(f, 29 * (int64_t)DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	assert_int_equal(session(f), 0);
	wait_for(f, DAY);
	assert_int_equal(session(f), N);
}

static void a_time_of_1970_is_put_right_by_the_first_clock_that_is(void **state)
{
	struct fixture *f = *state;

	f->clock.real = 0;
	store_mail(f);
	(void)session(f);
	assert_int_equal(row_of(f, 1).first_seen, 0);
	reboot(f);
	f->clock.real = NOON;
	(void)session(f);
	assert_int_equal(row_of(f, 1).first_seen, NOON);
}

static void a_clock_set_right_within_the_boot_ages_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	f->clock.real = 100;
	store_mail(f);
	(void)session(f);
	wait_for(f, DAY);
	f->clock.real += NOON;
	assert_int_equal(session(f), 0);
	assert_in_range(row_of(f, 1).first_seen, NOON - DAY, NOON + DAY);
}

static void times_of_2038_and_9999_do_no_harm(void **state)
{
	static const int64_t whens[] = {
		INT64_C(2147483648), INT64_C(253402300799), INT64_MAX, INT64_MIN, -1};
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, G_MAXUINT);
	store_mail(f);
	for (size_t i = 0; i < G_N_ELEMENTS(whens); i++) {
		struct bz_ledger row = row_of(f, 1);
		int64_t until = 0;

		leave(f, BZ_LEAVE_DAYS, 30);
		row.first_seen = whens[i];
		assert_int_equal(bz_store_ledger_put(f->store, &row, NULL), 0);
		(void)bz_retention_fate(&f->account, BZ_AGREEMENT_YES, &row, f->clock.real, &until);
		assert_int_equal(session(f), 0);
		wait_for(f, HOUR);
		assert_int_equal(session(f), 0);
	}
	f->clock.real = INT64_C(253402300799);
	assert_int_equal(session(f), 0);
	f->clock.real = INT64_MIN / 2;
	assert_int_equal(session(f), 0);
}

static void no_clock_is_needed_for_what_goes_at_once(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	f->clock.real = 0;
	store_mail(f);
	assert_int_equal(session(f), N);
	f->clock.real = NOON;
	assert_int_equal(session(f), N);
}

/* --- after DELE ------------------------------------------------------------------------------- */

static void removed(struct fixture *f)
{
	assert_int_equal(bz_retention_removed(
				 f->store, (void *)f->due->data, f->due->len, f->clock.real, NULL),
		0);
}

static void a_removed_copy_is_gone_once_it_is_missing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	(void)session(f);
	removed(f);
	assert_int_equal(row_of(f, 1).state, BZ_LEDGER_STORED);
	list(f, 1, 0);
	wait_for(f, 60);
	assert_int_equal(session(f), N - 1); /* QUIT did not reach it for the others: again */
	assert_int_equal(row_of(f, 1).state, BZ_LEDGER_GONE);
	assert_int_equal(row_of(f, 1).missing_since, f->clock.real);
	assert_int_equal(row_of(f, 2).state, BZ_LEDGER_STORED);
}

static void a_copy_that_comes_back_is_not_forgotten_and_goes_again(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	(void)session(f);
	removed(f);
	list(f, 1, 0);
	(void)session(f);
	list(f, 1, 1);
	(void)session(f);
	assert_int_equal(row_of(f, 1).state, BZ_LEDGER_STORED);
	assert_int_equal(row_of(f, 1).missing_since, 0);
	assert_int_equal(session(f), N);
}

static void what_another_device_removed_is_missing_and_nothing_more(void **state)
{
	struct fixture *f = *state;

	store_mail(f);
	(void)session(f);
	list(f, 2, 0);
	wait_for(f, 60);
	(void)session(f);
	assert_int_equal(row_of(f, 2).state, BZ_LEDGER_STORED);
	assert_int_equal(row_of(f, 2).missing_since, f->clock.real);
}

static void missing_rows_are_kept_for_a_year_of_a_sane_clock(void **state)
{
	struct fixture *f = *state;

	store_mail(f);
	(void)session(f);
	list(f, 2, 0);
	(void)session(f);
	f->clock.real += 400 * (int64_t)DAY;
	(void)session(f);
	wait_for(f, 400 * (int64_t)DAY);
	reboot(f);
	(void)session(f);
	f->clock.real -= 400 * (int64_t)DAY;
	(void)session(f);
	wait_for(f, DAY);
	(void)session(f);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-2", NULL), 1);
	wait_for(f, 364 * (int64_t)DAY);
	(void)session(f);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-2", NULL), 1);
	wait_for(f, 2 * DAY);
	(void)session(f);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-2", NULL), 0);
	assert_int_equal(bz_store_ledger_has(f->store, "uid-1", NULL), 1);
}

static void a_change_by_another_program_in_between_is_kept(void **state)
{
	struct fixture *f = *state;
	struct bz_ledger row;

	leave(f, BZ_LEAVE_NONE, 0);
	store_mail(f);
	(void)session(f);
	discard(f, 1);
	removed(f);
	row = row_of(f, 1);
	assert_int_equal(row.state, BZ_LEDGER_DISCARDED);
	list(f, 1, 0);
	(void)session(f);
	assert_int_equal(row_of(f, 1).state, BZ_LEDGER_DISCARDED);
}

/* More rows than are changed at a time or held at once. */
static void a_server_that_was_emptied_is_noted_whole(void **state)
{
	enum { MANY = 50500 };
	struct fixture *f = *state;

	assert_int_equal(bz_store_state_begin(f->store, NULL), 0);
	for (int i = 1; i <= MANY; i++) {
		struct bz_ledger row = {.local_uid = (uint32_t)i, .first_seen = NOON};

		(void)g_strlcpy(row.uidl, uidl_of(i), sizeof row.uidl);
		assert_int_equal(bz_store_ledger_put(f->store, &row, NULL), 0);
	}
	assert_int_equal(bz_store_state_end(f->store, true, NULL), 0);
	(void)session(f);
	for (int i = 1; i <= MANY; i += 100)
		assert_int_equal(row_of(f, i).missing_since, NOON);
	assert_int_equal(row_of(f, MANY).missing_since, NOON);
}

/* --- the person's agreement ------------------------------------------------------------------- */

static enum bz_agreement agreement(struct fixture *f)
{
	enum bz_agreement a;

	assert_int_equal(bz_retention_agreement(f->store, &f->account, &a, NULL), 0);
	return a;
}

static void agree(struct fixture *f, bool yes)
{
	assert_int_equal(bz_retention_agree(f->store, &f->account, yes, NULL), 0);
}

static void a_yes_stands_for_ever(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	assert_int_equal(agreement(f), BZ_AGREEMENT_NONE);
	agree(f, true);
	assert_int_equal(agreement(f), BZ_AGREEMENT_YES);
	leave(f, BZ_LEAVE_NONE, 0);
	(void)session(f);
	assert_int_equal(agreement(f), BZ_AGREEMENT_YES);
	agree(f, false);
	assert_int_equal(agreement(f), BZ_AGREEMENT_NO);
}

static void a_no_stands_until_the_policy_changes(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	agree(f, false);
	agree(f, true); /* what runs by itself has asked nobody */
	assert_int_equal(agreement(f), BZ_AGREEMENT_NO);
	(void)session(f);
	assert_int_equal(agreement(f), BZ_AGREEMENT_NO);
	leave(f, BZ_LEAVE_DAYS, 60);
	assert_int_equal(agreement(f), BZ_AGREEMENT_NONE);
	(void)session(f);
	leave(f, BZ_LEAVE_DAYS, 30);
	assert_int_equal(agreement(f), BZ_AGREEMENT_NONE);
}

/* --- telling it ------------------------------------------------------------------------------- */

static GArray *copies(struct fixture *f)
{
	GArray *all = g_array_new(FALSE, TRUE, sizeof(struct bz_copy));

	g_array_set_clear_func(all, bz_copy_clear);
	assert_int_equal(bz_retention_copies(f->store, &f->account, f->clock.real, all, NULL), 0);
	return all;
}

static const struct bz_copy *copy_at(const GArray *all, guint i)
{
	assert_in_range(i, 0, all->len - 1);
	return &g_array_index(all, struct bz_copy, i);
}

static void every_fate_has_its_copy(void **state)
{
	static const struct {
		enum bz_leave leave;
		enum bz_copy_fate stored, discarded;
	} all[] = {{BZ_LEAVE_FOREVER, BZ_COPY_STAYS, BZ_COPY_STAYS},
		{BZ_LEAVE_DAYS, BZ_COPY_GOES, BZ_COPY_DUE},
		{BZ_LEAVE_UNTIL_DELETED, BZ_COPY_UNTIL_DELETED, BZ_COPY_DUE},
		{BZ_LEAVE_NONE, BZ_COPY_DUE, BZ_COPY_DUE}};
	struct fixture *f = *state;

	store_mail(f);
	(void)session(f);
	discard(f, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		GArray *now;

		leave(f, all[i].leave, 3);
		now = copies(f);
		assert_int_equal(now->len, N);
		assert_int_equal(copy_at(now, 0)->fate, all[i].stored);
		assert_int_equal(copy_at(now, N - 1)->fate, all[i].discarded);
		assert_int_equal(copy_at(now, 0)->stored, NOON);
		assert_string_equal(copy_at(now, 0)->from, "Eva");
		g_array_unref(now);
	}
}

static void after_a_no_all_copies_stay(void **state)
{
	struct fixture *f = *state;
	GArray *now;

	store_mail(f);
	leave(f, BZ_LEAVE_NONE, 0);
	agree(f, false);
	now = copies(f);
	assert_int_equal(copy_at(now, 0)->fate, BZ_COPY_STAYS);
	g_array_unref(now);
}

static void a_copy_whose_message_another_program_took_stays(void **state)
{
	struct fixture *f = *state;
	GArray *now;

	store_mail(f);
	leave(f, BZ_LEAVE_NONE, 0);
	assert_int_equal(
		bz_store_local_set_state(f->store, row_of(f, N).local_uid, BZ_LOCAL_MISSING, NULL),
		0);
	assert_int_equal(may_go(f, N), 0);
	now = copies(f);
	assert_int_equal(copy_at(now, 0)->fate, BZ_COPY_STAYS);
	assert_int_equal(copy_at(now, 1)->fate, BZ_COPY_DUE);
	g_array_unref(now);
}

static void copies_that_went_are_not_listed(void **state)
{
	struct fixture *f = *state;
	GArray *now;

	store_mail(f);
	list(f, 1, 0);
	(void)session(f);
	now = copies(f);
	assert_int_equal(now->len, N - 1);
	g_array_unref(now);
}

static void the_sum_says_what_goes_and_by_when(void **state)
{
	struct fixture *f = *state;
	g_autofree char *stays = NULL, *goes = NULL, *due = NULL;
	GArray *now;

	store_mail(f);
	now = copies(f);
	stays = bz_retention_sum(now, NOON);
	assert_string_equal(stays, "400 bytes of mail on the server.");
	g_array_unref(now);
	leave(f, BZ_LEAVE_DAYS, 3);
	now = copies(f);
	goes = bz_retention_sum(now, NOON);
	assert_string_equal(goes, "400 bytes of mail on the server, 400 bytes goes by 21 Nov.");
	g_array_unref(now);
	leave(f, BZ_LEAVE_NONE, 0);
	now = copies(f);
	due = bz_retention_sum(now, NOON);
	assert_string_equal(
		due, "400 bytes of mail on the server, 400 bytes goes when mail is fetched next.");
	g_array_unref(now);
}

/* How many copies a session would remove now. */
static guint forecast(struct fixture *f)
{
	struct bz_listed listed = {times, f};
	GArray *all = g_array_new(FALSE, TRUE, sizeof(struct bz_copy));
	guint n;

	g_array_set_clear_func(all, bz_copy_clear);
	assert_int_equal(
		bz_retention_forecast(f->store, &f->account, &listed, &f->clock, all, NULL), 0);
	n = all->len;
	if (n > 0) {
		assert_int_equal(copy_at(all, 0)->fate, BZ_COPY_DUE);
		assert_string_equal(copy_at(all, 0)->from, "Eva");
	}
	g_array_unref(all);
	return n;
}

static void a_forecast_says_what_would_go_and_writes_nothing(void **state)
{
	struct fixture *f = *state;

	leave(f, BZ_LEAVE_DAYS, 30);
	store_mail(f);
	(void)session(f);
	wait_for(f, 31 * (int64_t)DAY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(forecast(f), 0);
		wait_for(f, DAY);
	}
	(void)session(f);
	assert_int_equal(forecast(f), 0);
	wait_for(f, DAY);
	assert_int_equal(forecast(f), N);
	list(f, 1, 2);
	list(f, 2, 0);
	assert_int_equal(forecast(f), N - 2);
	f->clock.real += DAY;
	assert_int_equal(forecast(f), 0);
	f->clock.real -= DAY;
	agree(f, false);
	assert_int_equal(forecast(f), 0);
}

static void a_message_knows_until_when_it_is_on_the_server(void **state)
{
	struct fixture *f = *state;
	enum bz_copy_fate fate;
	int64_t until;
	uint32_t uid;

	store_mail(f);
	uid = row_of(f, 1).local_uid;
	assert_int_equal(
		bz_retention_of_message(f->store, &f->account, uid, NOON, &until, &fate, NULL), 0);
	assert_true(until == INT64_MAX && fate == BZ_COPY_STAYS);
	leave(f, BZ_LEAVE_DAYS, 3);
	assert_int_equal(
		bz_retention_of_message(f->store, &f->account, uid, NOON, &until, &fate, NULL), 0);
	assert_true(until == NOON + 3 * DAY && fate == BZ_COPY_GOES);
	list(f, 1, 0);
	(void)session(f);
	assert_int_equal(
		bz_retention_of_message(f->store, &f->account, uid, NOON, &until, &fate, NULL), 0);
	assert_int_equal(until, 0);
	assert_int_equal(
		bz_retention_of_message(f->store, &f->account, 4000, NOON, &until, &fate, NULL), 0);
	assert_int_equal(until, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forever_removes_nothing_whatever_was_deleted_here),
		TEST(none_removes_what_is_stored_at_once),
		TEST(until_deleted_removes_what_was_deleted_for_ever),
		TEST(days_remove_in_the_second_session_that_finds_them_over),
		TEST(days_remove_what_was_deleted_for_ever_at_once),
		TEST(more_days_take_a_copy_back_from_those_that_are_due),
		TEST(a_computer_that_is_off_between_sessions_counts_days_all_the_same),
		TEST(a_message_that_was_not_stored_here_never_goes),
		TEST(an_id_that_is_listed_twice_never_goes),
		TEST(a_message_that_does_not_read_back_stays),
		TEST(a_message_whose_flags_another_program_wrote_reads_back),
		TEST(a_message_that_was_filed_away_and_is_not_found_stays),
		TEST(a_message_that_was_filed_away_reads_back_from_there),
		TEST(a_message_that_got_lost_here_stays),
		TEST(a_clock_that_jumps_forward_removes_nothing),
		TEST(a_clock_that_jumps_between_the_two_sessions_removes_nothing),
		TEST(a_clock_that_goes_back_removes_nothing),
		TEST(a_clock_that_is_behind_after_a_boot_removes_nothing),
		TEST(a_clock_that_was_put_back_while_time_passed_is_found_out),
		TEST(a_clock_that_was_never_set_removes_nothing_and_ages_nothing),
		TEST(a_time_of_1970_is_put_right_by_the_first_clock_that_is),
		TEST(a_clock_set_right_within_the_boot_ages_nothing),
		TEST(times_of_2038_and_9999_do_no_harm),
		TEST(no_clock_is_needed_for_what_goes_at_once),
		TEST(a_removed_copy_is_gone_once_it_is_missing),
		TEST(a_copy_that_comes_back_is_not_forgotten_and_goes_again),
		TEST(what_another_device_removed_is_missing_and_nothing_more),
		TEST(missing_rows_are_kept_for_a_year_of_a_sane_clock),
		TEST(a_change_by_another_program_in_between_is_kept),
		TEST(a_server_that_was_emptied_is_noted_whole),
		TEST(a_yes_stands_for_ever),
		TEST(a_no_stands_until_the_policy_changes),
		TEST(every_fate_has_its_copy),
		TEST(after_a_no_all_copies_stay),
		TEST(a_copy_whose_message_another_program_took_stays),
		TEST(copies_that_went_are_not_listed),
		TEST(the_sum_says_what_goes_and_by_when),
		TEST(a_forecast_says_what_would_go_and_writes_nothing),
		TEST(a_message_knows_until_when_it_is_on_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
