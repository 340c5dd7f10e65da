/* Retention: telling the person what is on the server, and until when. */
#include "src/lang.h"
#include "src/retention.h"

#include <string.h>
#include <time.h>

int bz_retention_of_message(struct bz_store *store, const struct bz_account *account,
	uint32_t local_uid, int64_t now, int64_t *until, enum bz_copy_fate *fate,
	struct bz_err *err)
{
	enum bz_agreement agreement;
	struct bz_ledger row;
	int rc = bz_store_ledger_by_local(store, local_uid, &row, err);

	if (rc < 0 || bz_retention_agreement(store, account, &agreement, err) != 0)
		return -1;
	*until = 0;
	*fate = BZ_COPY_STAYS;
	if (rc == 1 || row.missing_since != 0 || row.state == BZ_LEDGER_GONE)
		return 0;
	*until = INT64_MAX;
	*fate = bz_retention_fate(account, agreement, &row, now, until);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

struct collect {
	const struct bz_account *account;
	enum bz_agreement agreement;
	int64_t now;
	GArray *copies;
};

static bool on_row(void *me, const struct bz_ledger *row)
{
	struct collect *c = me;
	struct bz_copy copy = {.uid = row->local_uid, .size = row->size};

	if (row->missing_since != 0 || row->state == BZ_LEDGER_GONE)
		return true;
	if (row->state != BZ_LEDGER_LEFT)
		copy.stored = row->first_seen;
	copy.fate = bz_retention_fate(c->account, c->agreement, row, c->now, &copy.until);
	g_array_append_val(c->copies, copy);
	return true;
}

static int by_age(gconstpointer a, gconstpointer b)
{
	const struct bz_copy *x = a, *y = b;

	if (x->stored != y->stored)
		return x->stored > y->stored ? -1 : 1;
	return (x->uid < y->uid) - (x->uid > y->uid);
}

/* The row that a list shows for its message: 0 found, 1 absent, -1. Where another program took the
 * message out of its file, the copy is the only one and stays. */
static int row_of(
	struct bz_store *store, struct bz_copy *copy, struct bz_summary *out, struct bz_err *err)
{
	g_autofree char *name = NULL;
	struct bz_folder folder;
	struct bz_local local;
	int rc = 0;

	if (copy->uid >= BZ_UID_LEFT) /* its row stands in the Inbox */
		name = g_strdup("INBOX");
	else
		rc = bz_store_local_get(store, copy->uid, &local, &name, err);
	if (rc == 0 && copy->uid < BZ_UID_LEFT && local.state == BZ_LOCAL_MISSING)
		copy->fate = BZ_COPY_STAYS;
	if (rc == 0)
		rc = bz_store_folder_by_name(store, name, &folder, err);
	if (rc != 0)
		return rc;
	rc = bz_store_by_uid(store, folder.id, copy->uid, out, err);
	bz_folder_clear(&folder);
	return rc;
}

static int name_copy(struct bz_store *store, struct bz_copy *copy, struct bz_err *err)
{
	struct bz_summary row;
	int rc = copy->uid != 0 ? row_of(store, copy, &row, err) : 1;

	if (rc != 0) {
		copy->from = g_strdup("");
		copy->subject = g_strdup("");
		return rc < 0 ? -1 : 0;
	}
	copy->from = g_strdup(row.from_name[0] != '\0' ? row.from_name : row.from_addr);
	copy->subject = g_strdup(row.subject);
	bz_summary_clear(&row);
	return 0;
}

int bz_retention_name(struct bz_store *store, GArray *copies, guint first, struct bz_err *err)
{
	for (guint i = first; i < copies->len; i++)
		if (name_copy(store, &g_array_index(copies, struct bz_copy, i), err) != 0)
			return -1;
	return 0;
}

int bz_retention_copies(struct bz_store *store, const struct bz_account *account, int64_t now,
	GArray *copies, struct bz_err *err)
{
	struct collect c = {.account = account, .now = now, .copies = copies};
	guint first = copies->len;

	if (bz_retention_agreement(store, account, &c.agreement, err) != 0 ||
		bz_store_ledger_each(store, on_row, &c, err) != 0)
		return -1;
	if (copies->len > first)
		qsort(&g_array_index(copies, struct bz_copy, first), copies->len - first,
			sizeof(struct bz_copy), by_age);
	return bz_retention_name(store, copies, first, err);
}

/* --- in words --------------------------------------------------------------------------------- */

char *bz_retention_day(int64_t when, int64_t now)
{
	static const char *const months[] = {N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"),
		N_("Jun"), N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")};
	time_t t = (time_t)when, today = (time_t)now;
	struct tm day, this;

	if (localtime_r(&t, &day) == NULL || localtime_r(&today, &this) == NULL)
		return g_strdup("?");
	if (day.tm_year == this.tm_year)
		return g_strdup_printf("%d %s", day.tm_mday, _(months[day.tm_mon % 12]));
	return g_strdup_printf(
		"%d %s %d", day.tm_mday, _(months[day.tm_mon % 12]), day.tm_year + 1900);
}

char *bz_retention_sum(const GArray *copies, int64_t now)
{
	uint64_t all = 0, going = 0, due = 0;
	int64_t last = INT64_MIN;
	g_autofree char *all_size = NULL, *going_size = NULL, *day = NULL;

	for (guint i = 0; i < copies->len; i++) {
		const struct bz_copy *copy = &g_array_index(copies, struct bz_copy, i);

		all += copy->size;
		if (copy->fate == BZ_COPY_DUE)
			due += copy->size;
		if (copy->fate != BZ_COPY_GOES)
			continue;
		going += copy->size;
		last = MAX(last, copy->until);
	}
	all_size = bz_lang_size(all);
	going_size = bz_lang_size(going + due);
	if (last == INT64_MIN && due == 0)
		return g_strdup_printf(_("%s of mail on the server."), all_size);
	if (last == INT64_MIN)
		return g_strdup_printf(
			_("%s of mail on the server, %s goes when mail is fetched next."), all_size,
			going_size);
	day = bz_retention_day(last, now);
	return g_strdup_printf(
		_("%s of mail on the server, %s goes by %s."), all_size, going_size, day);
}
