#include "src/retention.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HOUR = 3600, DAY = 86400, KEEP_DAYS = 366, CHANGES_AT_ONCE = 1000 };
enum { CHANGES_MAX = 50000, DUE_MAX = 100000 }; /* rows held in memory */
enum { YEAR_2026 = 1767225600 };                /* an earlier clock was never set */

/* --- the clock -------------------------------------------------------------------------------- */

static int64_t seconds_of(clockid_t id)
{
	struct timespec t = {0};

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec;
}

void bz_clock_read(struct bz_clock *clock)
{
	FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");

	*clock = (struct bz_clock){
		.real = seconds_of(CLOCK_REALTIME), .boot = seconds_of(CLOCK_BOOTTIME)};
	if (in == NULL)
		return;
	if (fscanf(in, "%39s", clock->boot_id) != 1)
		clock->boot_id[0] = '\0';
	(void)fclose(in);
}

enum verdict {
	AGREES,  /* with the last session's, within one boot */
	UNKNOWN, /* another boot, or no session before: not earlier at least */
	JUMPED
};

/* How a clock compares with the last session's. */
struct compared {
	enum verdict verdict;
	/* JUMPED forward: by so many seconds, and a time up to `before` is from the clock as it
	 * was. Back: nothing is known of the times that were taken, and they do no harm. */
	int64_t by, before;
};

static struct compared compare(const struct bz_clock *last, const struct bz_clock *now)
{
	int64_t real = now->real - last->real, boot = now->boot - last->boot;
	bool same = now->boot_id[0] != '\0' && strcmp(last->boot_id, now->boot_id) == 0;

	if (real < 0 || (same && boot - real > HOUR))
		return (struct compared){.verdict = JUMPED};
	if (same && real - boot > HOUR)
		return (struct compared){JUMPED, real - boot, last->real + boot};
	return (struct compared){.verdict = same ? AGREES : UNKNOWN};
}

/* False: no session was before, or what it wrote cannot be read. */
static bool parse_clock(const char *text, struct bz_clock *out)
{
	memset(out, 0, sizeof *out);
	return sscanf(text, "%" G_GINT64_MODIFIER "d %" G_GINT64_MODIFIER "d %39s", &out->real,
		       &out->boot, out->boot_id) >= 2;
}

static int compare_with_last(struct bz_store *store, const struct bz_clock *clock,
	struct compared *out, struct bz_err *err)
{
	g_autofree char *text = NULL;
	int known = bz_store_meta_get(store, "clock", &text, err);
	struct bz_clock last;

	*out = (struct compared){.verdict = UNKNOWN};
	if (known < 0)
		return -1;
	if (known == 0 && parse_clock(text, &last))
		*out = compare(&last, clock);
	return 0;
}

/* Keep what the clocks say now, and, if they jumped, put right what was taken from them. */
static int keep_clock(struct bz_store *store, const struct bz_clock *clock,
	const struct compared *compared, struct bz_err *err)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s",
		clock->real, clock->boot, clock->boot_id);
	int rc = 0;

	if (bz_store_state_begin(store, err) != 0)
		return -1;
	if (compared->verdict == JUMPED)
		rc = bz_store_ledger_shift(store, compared->by, compared->before, clock->real, err);
	if (rc == 0)
		rc = bz_store_meta_set(store, "clock", text, err);
	return bz_store_state_end(store, rc == 0, err);
}

/* --- the person's agreement ------------------------------------------------------------------- */

static char *policy_of(const struct bz_account *account)
{
	switch (account->leave) {
	case BZ_LEAVE_DAYS:
		return g_strdup_printf("%ud", account->leave_days);
	case BZ_LEAVE_UNTIL_DELETED:
		return g_strdup("until-deleted");
	case BZ_LEAVE_NONE:
		return g_strdup("none");
	default:
		return g_strdup("forever");
	}
}

static char *no_to(const struct bz_account *account)
{
	g_autofree char *policy = policy_of(account);

	return g_strconcat("no ", policy, NULL);
}

int bz_retention_agreement(struct bz_store *store, const struct bz_account *account,
	enum bz_agreement *out, struct bz_err *err)
{
	g_autofree char *kept = NULL, *no = no_to(account);
	int known = bz_store_meta_get(store, "removals-agreed", &kept, err);

	*out = BZ_AGREEMENT_NONE;
	if (known < 0)
		return -1;
	if (known == 0 && strcmp(kept, "yes") == 0)
		*out = BZ_AGREEMENT_YES;
	else if (known == 0 && strcmp(kept, no) == 0)
		*out = BZ_AGREEMENT_NO;
	return 0;
}

int bz_retention_agree(
	struct bz_store *store, const struct bz_account *account, bool yes, struct bz_err *err)
{
	g_autofree char *no = no_to(account);
	enum bz_agreement kept;

	if (bz_retention_agreement(store, account, &kept, err) != 0)
		return -1;
	if (yes && kept != BZ_AGREEMENT_NONE)
		return 0;
	return bz_store_meta_set(store, "removals-agreed", yes ? "yes" : no, err);
}

/* --- what the policy says --------------------------------------------------------------------- */

static int64_t until(const struct bz_account *account, const struct bz_ledger *row)
{
	int64_t days = (int64_t)account->leave_days * DAY, end;

	return __builtin_add_overflow(row->first_seen, days, &end) ? INT64_MAX : end;
}

/* It was here and went without anybody's deleting it: the server has the only copy. */
static bool is_lost(const struct bz_ledger *row)
{
	return row->state == BZ_LEDGER_STORED && row->local_uid == 0;
}

/* Is the time over that this copy may stay, by policy alone? */
static bool is_over(const struct bz_account *account, const struct bz_ledger *row, int64_t now)
{
	if (is_lost(row) || (row->state != BZ_LEDGER_STORED && row->state != BZ_LEDGER_DISCARDED))
		return false;
	switch (account->leave) {
	case BZ_LEAVE_DAYS:
		return row->state == BZ_LEDGER_DISCARDED || until(account, row) <= now;
	case BZ_LEAVE_UNTIL_DELETED:
		return row->state == BZ_LEDGER_DISCARDED;
	case BZ_LEAVE_NONE:
		return true;
	default:
		return false;
	}
}

static bool goes_by_age(const struct bz_account *account, const struct bz_ledger *row)
{
	return account->leave == BZ_LEAVE_DAYS && row->state == BZ_LEDGER_STORED;
}

/* Does it go in the session of now? By age: if an earlier one found it due as well. */
static bool is_due(const struct bz_account *account, const struct bz_ledger *row, int64_t now,
	bool clock_is_sane)
{
	if (!is_over(account, row, now))
		return false;
	return !goes_by_age(account, row) ||
	       (clock_is_sane && row->due_since != 0 && row->due_since <= now - HOUR);
}

enum bz_copy_fate bz_retention_fate(const struct bz_account *account, enum bz_agreement agreement,
	const struct bz_ledger *row, int64_t now, int64_t *out)
{
	if (row->state == BZ_LEDGER_LEFT)
		return BZ_COPY_LEFT;
	if (account->leave == BZ_LEAVE_FOREVER || agreement == BZ_AGREEMENT_NO || is_lost(row))
		return BZ_COPY_STAYS;
	if (is_over(account, row, now))
		return BZ_COPY_DUE;
	if (account->leave == BZ_LEAVE_UNTIL_DELETED)
		return BZ_COPY_UNTIL_DELETED;
	if (out != NULL)
		*out = until(account, row);
	return BZ_COPY_GOES;
}

/* --- a session -------------------------------------------------------------------------------- */

/* What changes in a row, to be done once the ledger is not being read any more. */
struct change {
	char uidl[71];
	bool listed;
	bool due;
};

struct session {
	const struct bz_account *account;
	const struct bz_listed *listed;
	int64_t now;
	bool clock_is_sane;
	GArray *changes; /* struct change */
	GArray *due;     /* struct bz_removal */
};

/* Should the row's due_since be set? Only what goes by age waits for a second session. What was
 * asked for in vain stays as it is until it is missing. */
static bool wants_due(const struct session *s, const struct bz_ledger *row)
{
	if (goes_by_age(s->account, row))
		return is_over(s->account, row, s->now) && s->clock_is_sane;
	return row->due_since != 0 && is_over(s->account, row, s->now);
}

static void note_change(struct session *s, const struct bz_ledger *row, bool listed, bool due)
{
	struct change change = {.listed = listed, .due = due};

	memcpy(change.uidl, row->uidl, sizeof change.uidl);
	g_array_append_val(s->changes, change);
}

static void note_due(struct session *s, const struct bz_ledger *row)
{
	struct bz_removal removal = {.size = row->size};

	memcpy(removal.uidl, row->uidl, sizeof removal.uidl);
	if (s->due->len < DUE_MAX)
		g_array_append_val(s->due, removal);
}

/* Stored by a clock that was never set. */
static bool has_no_time(const struct bz_ledger *row)
{
	return row->state == BZ_LEDGER_STORED && row->first_seen < YEAR_2026;
}

static bool is_changed(const struct bz_ledger *row, bool listed, bool due)
{
	if (listed != (row->missing_since == 0))
		return true;
	if (!listed)
		return row->due_since != 0;
	return due != (row->due_since != 0) || row->state == BZ_LEDGER_GONE || has_no_time(row);
}

static bool on_row(void *me, const struct bz_ledger *row)
{
	struct session *s = me;
	int times = s->listed->times(s->listed->me, row->uidl);
	bool due = times > 0 && wants_due(s, row);

	if (s->now >= YEAR_2026 && is_changed(row, times > 0, due))
		note_change(s, row, times > 0, due);
	if (times == 1 && is_due(s->account, row, s->now, s->clock_is_sane))
		note_due(s, row);
	return s->changes->len < CHANGES_MAX;
}

/* A row of ours that is missing once its time was over went because we said so. */
static void change_row(struct bz_ledger *row, const struct change *change, int64_t now)
{
	if (change->listed) {
		row->missing_since = 0;
		if (!change->due)
			row->due_since = 0;
		else if (row->due_since == 0)
			row->due_since = now;
		if (row->state == BZ_LEDGER_GONE) /* the server did not let it go after all */
			row->state = BZ_LEDGER_STORED;
		if (has_no_time(row))
			row->first_seen = now;
		return;
	}
	if (row->missing_since == 0)
		row->missing_since = now;
	if (row->state == BZ_LEDGER_STORED && row->due_since != 0)
		row->state = BZ_LEDGER_GONE;
	row->due_since = 0;
}

/* Read again inside the transaction: another program may have filed or deleted the message. */
static int apply_one(
	struct bz_store *store, const struct change *change, int64_t now, struct bz_err *err)
{
	struct bz_ledger row;
	int known = bz_store_ledger_get(store, change->uidl, &row, err);

	if (known != 0)
		return known < 0 ? -1 : 0;
	change_row(&row, change, now);
	return bz_store_ledger_mark(store, &row, err);
}

static int apply(struct bz_store *store, const GArray *changes, int64_t now, struct bz_err *err)
{
	for (guint first = 0; first < changes->len; first += CHANGES_AT_ONCE) {
		guint end = MIN(first + CHANGES_AT_ONCE, changes->len);
		int rc = 0;

		if (bz_store_state_begin(store, err) != 0)
			return -1;
		for (guint i = first; i < end && rc == 0; i++)
			rc = apply_one(store, &g_array_index(changes, struct change, i), now, err);
		if (bz_store_state_end(store, rc == 0, err) != 0)
			return -1;
	}
	return 0;
}

/* As often as more changed than is held at once. */
static int walk(struct bz_store *store, struct session *s, struct bz_err *err)
{
	guint n;
	int rc;

	s->changes = g_array_new(FALSE, FALSE, sizeof(struct change));
	do {
		g_array_set_size(s->changes, 0);
		g_array_set_size(s->due, 0);
		rc = bz_store_ledger_each(store, on_row, s, err);
		if (rc == 0)
			rc = apply(store, s->changes, s->now, err);
		n = s->changes->len;
	} while (rc == 0 && n == CHANGES_MAX);
	g_array_unref(s->changes);
	return rc;
}

/* A no to another policy than today's is over for good. */
static int forget_old_no(
	struct bz_store *store, const struct bz_account *account, struct bz_err *err)
{
	g_autofree char *kept = NULL, *no = no_to(account);
	int known = bz_store_meta_get(store, "removals-agreed", &kept, err);

	if (known != 0)
		return known < 0 ? -1 : 0;
	if (!g_str_has_prefix(kept, "no ") || strcmp(kept, no) == 0)
		return 0;
	return bz_store_meta_set(store, "removals-agreed", "", err);
}

int bz_retention_session(struct bz_store *store, const struct bz_account *account,
	const struct bz_listed *listed, const struct bz_clock *clock, GArray *due,
	struct bz_err *err)
{
	struct session s = {.account = account, .listed = listed, .now = clock->real, .due = due};
	struct compared compared;

	if (compare_with_last(store, clock, &compared, err) != 0 ||
		keep_clock(store, clock, &compared, err) != 0 ||
		forget_old_no(store, account, err) != 0)
		return -1;
	s.clock_is_sane = compared.verdict != JUMPED;
	if (walk(store, &s, err) != 0)
		return -1;
	if (compared.verdict != AGREES)
		return 0;
	return bz_store_ledger_prune(store, clock->real - (int64_t)KEEP_DAYS * DAY, err);
}

/* --- after DELE ------------------------------------------------------------------------------- */

static int mark_removed(
	struct bz_store *store, const struct bz_removal *removal, int64_t now, struct bz_err *err)
{
	struct bz_ledger row;
	int known = bz_store_ledger_get(store, removal->uidl, &row, err);

	if (known != 0 || row.due_since != 0)
		return known < 0 ? -1 : 0;
	row.due_since = MAX(now, 1);
	return bz_store_ledger_mark(store, &row, err);
}

int bz_retention_removed(struct bz_store *store, const struct bz_removal *removals, size_t n,
	int64_t now, struct bz_err *err)
{
	int rc = 0;

	if (n == 0)
		return 0;
	if (bz_store_state_begin(store, err) != 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = mark_removed(store, &removals[i], now, err);
	return bz_store_state_end(store, rc == 0, err);
}

/* --- a session that does nothing -------------------------------------------------------------- */

struct forecast {
	const struct bz_account *account;
	const struct bz_listed *listed;
	int64_t now;
	bool clock_is_sane;
	GArray *copies;
};

static bool forecast_row(void *me, const struct bz_ledger *row)
{
	const struct forecast *f = me;
	struct bz_copy copy = {.uid = row->local_uid,
		.size = row->size,
		.stored = row->first_seen,
		.fate = BZ_COPY_DUE};

	if (is_due(f->account, row, f->now, f->clock_is_sane) &&
		f->listed->times(f->listed->me, row->uidl) == 1)
		g_array_append_val(f->copies, copy);
	return true;
}

int bz_retention_forecast(struct bz_store *store, const struct bz_account *account,
	const struct bz_listed *listed, const struct bz_clock *clock, GArray *copies,
	struct bz_err *err)
{
	struct forecast f = {account, listed, clock->real, false, copies};
	guint first = copies->len;
	enum bz_agreement agreement;
	struct compared compared;

	if (bz_retention_agreement(store, account, &agreement, err) != 0 ||
		compare_with_last(store, clock, &compared, err) != 0)
		return -1;
	f.clock_is_sane = compared.verdict != JUMPED;
	if (agreement == BZ_AGREEMENT_NO || account->leave == BZ_LEAVE_FOREVER)
		return 0;
	if (bz_store_ledger_each(store, forecast_row, &f, err) != 0)
		return -1;
	return bz_retention_name(store, copies, first, err);
}
