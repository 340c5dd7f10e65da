#include "src/rules.h"
#include "src/lang.h"
#include "src/limit.h"

#include <string.h>

enum { CHUNK = 500 };

struct runner {
	struct bz_localmail *mail;
	struct bz_store *store;
	const struct bz_account *account;
	const struct bz_job *job;
	GPtrArray *limits; /* struct bz_limit *, of account->rules */
};

/* A message and what the rules say of it. */
struct verdict {
	struct bz_msgref ref;
	unsigned add;
	const char *target; /* borrowed from a rule; NULL = stays where it is */
};

bool bz_rules_exist(const struct bz_account *account)
{
	return account->rules != NULL && account->rules->len > 0;
}

/* --- what they say ---------------------------------------------------------------------------- */

static void free_limit(void *limit)
{
	bz_limit_free(limit);
}

static int read_rules(struct runner *r, struct bz_err *err)
{
	int64_t now = g_get_real_time() / G_USEC_PER_SEC;

	for (guint i = 0; i < r->account->rules->len; i++) {
		const struct bz_rule *rule = g_ptr_array_index(r->account->rules, i);
		struct bz_limit *limit = bz_limit_parse(rule->match, now, NULL, err);

		if (limit == NULL)
			return -1;
		g_ptr_array_add(r->limits, limit);
	}
	return 0;
}

struct reading {
	struct runner *runner;
	const struct bz_msgref *ref;
};

static struct bz_message *read_message(void *me, const struct bz_summary *row)
{
	const struct reading *reading = me;
	struct bz_message *message = NULL;

	(void)row;
	(void)bz_localmail_fetch(
		reading->runner->mail, reading->runner->job, reading->ref, &message, NULL);
	return message;
}

static void judge(struct runner *r, const struct bz_summary *row, bool in_inbox, struct verdict *v)
{
	struct reading reading = {r, &v->ref};
	struct bz_limit_source source = {&reading, read_message};

	for (guint i = 0; i < r->limits->len; i++) {
		const struct bz_rule *rule = g_ptr_array_index(r->account->rules, i);

		if (!bz_limit_match(g_ptr_array_index(r->limits, i), row, &source))
			continue;
		v->add |= (rule->flag ? BZ_FLAG_FLAGGED : 0) | (rule->read ? BZ_FLAG_SEEN : 0);
		if (v->target == NULL && in_inbox)
			v->target = rule->folder;
	}
}

/* --- which messages --------------------------------------------------------------------------- */

/* The row of an arrived message: 0, 1 = not there yet or not any more, -1. */
static int find_row(struct runner *r, uint32_t uid, struct bz_summary *row, bool *in_inbox,
	uint32_t *validity, struct bz_err *err)
{
	struct bz_folder folder;
	struct bz_local local;
	g_autofree char *name = NULL;
	int rc = bz_store_local_get(r->store, uid, &local, &name, err);

	if (rc != 0)
		return rc;
	rc = bz_store_folder_by_name(r->store, name, &folder, err);
	if (rc != 0)
		return rc;
	*in_inbox = folder.role == BZ_ROLE_INBOX;
	*validity = folder.uidvalidity;
	rc = bz_store_by_uid(r->store, folder.id, uid, row, err);
	bz_folder_clear(&folder);
	return rc;
}

static int judge_one(struct runner *r, uint32_t uid, GArray *verdicts, struct bz_err *err)
{
	struct verdict v = {0};
	struct bz_summary row;
	bool in_inbox;
	int rc = find_row(r, uid, &row, &in_inbox, &v.ref.uidvalidity, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	v.ref.folder = row.folder;
	v.ref.uid = uid;
	judge(r, &row, in_inbox, &v);
	g_array_append_val(verdicts, v);
	bz_summary_clear(&row);
	return 0;
}

/* --- carrying it out -------------------------------------------------------------------------- */

static bool is_there(struct runner *r, const char *name)
{
	struct bz_folder folder;

	if (bz_store_folder_by_name(r->store, name, &folder, NULL) != 0)
		return false;
	bz_folder_clear(&folder);
	return true;
}

/* References of the verdicts that f picks. */
static GArray *pick(
	GArray *verdicts, bool (*f)(const struct verdict *, const void *me), const void *me)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));

	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict *v = &g_array_index(verdicts, struct verdict, i);

		if (f(v, me))
			g_array_append_val(refs, v->ref);
	}
	return refs;
}

static bool goes_to(const struct verdict *v, const void *target)
{
	return v->target != NULL && strcmp(v->target, target) == 0;
}

static bool gets(const struct verdict *v, const void *flags)
{
	return v->add == *(const unsigned *)flags;
}

static struct bz_msgref *refs_in(GArray *refs)
{
	return (struct bz_msgref *)(void *)refs->data;
}

/* Where they are now: in their new place, or, what could not be moved, where they were. */
static void follow(GArray *verdicts, const char *target, const GArray *moved)
{
	for (guint i = 0; i < verdicts->len; i++) {
		struct verdict *v = &g_array_index(verdicts, struct verdict, i);

		if (!goes_to(v, target))
			continue;
		v->target = NULL;
		for (guint k = 0; k < moved->len; k++) {
			const struct bz_moved *m = &g_array_index(moved, struct bz_moved, k);

			if (m->from.uid == v->ref.uid && m->from.folder == v->ref.folder) {
				v->ref = m->to;
				break;
			}
		}
	}
}

/* What a rule cannot do is said, and its messages stay; what this computer cannot do now is tried
 * again at the next call. */
static int tell(struct runner *r, const char *target, const struct bz_err *why, struct bz_err *err)
{
	g_autofree char *text = NULL;

	if (why->kind != BZ_ERR_REFUSED && why->kind != BZ_ERR_STALE && why->kind != BZ_ERR_USAGE) {
		*err = *why;
		return -1;
	}
	text = g_strdup_printf(
		_("A rule cannot put mail into %s; it stays in the Inbox. %s"), target, why->text);
	r->job->report->note(r->job->report->me, text);
	return 0;
}

static int move_to(struct runner *r, GArray *verdicts, const char *target, struct bz_err *err)
{
	GArray *refs = pick(verdicts, goes_to, target);
	GArray *moved = g_array_new(FALSE, TRUE, sizeof(struct bz_moved));
	struct bz_err why = {0};
	int rc = 0;

	if (!is_there(r, target))
		rc = bz_localmail_create_folder(r->mail, r->job, target, &why);
	if (rc == 0)
		rc = bz_localmail_move(
			r->mail, r->job, refs_in(refs), refs->len, target, false, moved, &why);
	if (rc != 0)
		rc = tell(r, target, &why, err);
	follow(verdicts, target, moved);
	g_array_unref(moved);
	g_array_unref(refs);
	return rc;
}

/* Folders first: the marks that are set behind it say that a message is done. */
static int move_all(struct runner *r, GArray *verdicts, struct bz_err *err)
{
	for (guint i = 0; i < verdicts->len; i++) {
		const char *target = g_array_index(verdicts, struct verdict, i).target;

		if (target != NULL && move_to(r, verdicts, target, err) != 0)
			return -1;
	}
	return 0;
}

/* Setting flags ends BZ_FLAG_ARRIVED, too. */
static int mark_all(struct runner *r, GArray *verdicts, struct bz_err *err)
{
	static const unsigned all[] = {
		BZ_FLAG_FLAGGED, BZ_FLAG_SEEN, BZ_FLAG_FLAGGED | BZ_FLAG_SEEN};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		GArray *refs = pick(verdicts, gets, &all[i]);
		int rc = bz_localmail_set_flags(
			r->mail, r->job, refs_in(refs), refs->len, all[i], 0, err);

		g_array_unref(refs);
		if (rc != 0)
			return -1;
	}
	return 0;
}

static int end_one(struct runner *r, uint32_t uid, struct bz_err *err)
{
	struct bz_local local;
	int rc = bz_store_local_get(r->store, uid, &local, NULL, err);

	if (rc != 0 || (local.flags & BZ_FLAG_ARRIVED) == 0)
		return rc < 0 ? -1 : 0;
	return bz_store_local_set_flags(
		r->store, uid, local.flags & ~(unsigned)BZ_FLAG_ARRIVED, err);
}

static int end_all(struct runner *r, const GArray *verdicts, struct bz_err *err)
{
	int rc = bz_store_state_begin(r->store, err);

	if (rc != 0)
		return -1;
	for (guint i = 0; i < verdicts->len && rc == 0; i++)
		rc = end_one(r, g_array_index(verdicts, struct verdict, i).ref.uid, err);
	return bz_store_state_end(r->store, rc == 0, err);
}

static int run_chunk(
	struct runner *r, const uint32_t *uids, guint n, GArray *verdicts, struct bz_err *err)
{
	g_array_set_size(verdicts, 0);
	for (guint i = 0; i < n; i++)
		if (judge_one(r, uids[i], verdicts, err) != 0)
			return -1;
	return move_all(r, verdicts, err) == 0 && mark_all(r, verdicts, err) == 0
		       ? end_all(r, verdicts, err)
		       : -1;
}

static int run_all(struct runner *r, const GArray *uids, struct bz_err *err)
{
	GArray *verdicts = g_array_new(FALSE, TRUE, sizeof(struct verdict));
	int rc = uids->len > 0 ? read_rules(r, err) : 0;

	for (guint i = 0; i < uids->len && rc == 0; i += CHUNK)
		rc = run_chunk(r, &g_array_index(uids, uint32_t, i), MIN(uids->len - i, CHUNK),
			verdicts, err);
	g_array_unref(verdicts);
	return rc;
}

/* One buzon at a time, and what the other one has done meanwhile is done. */
static int run_locked(struct runner *r, GArray *uids, struct bz_err *err)
{
	int rc;

	if (bz_mail_begin(r->store, r->job->cancel, err) != 0)
		return -1;
	g_array_set_size(uids, 0);
	rc = bz_store_local_arrived(r->store, uids, err);
	if (rc == 0)
		rc = run_all(r, uids, err);
	bz_mail_end(r->store);
	return rc;
}

int bz_rules_run(struct bz_localmail *mail, struct bz_store *store,
	const struct bz_account *account, const struct bz_job *job, struct bz_err *err)
{
	struct runner r = {mail, store, account, job, NULL};
	GArray *uids;
	int rc;

	if (!bz_rules_exist(account))
		return 0;
	r.limits = g_ptr_array_new_with_free_func(free_limit);
	uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	rc = bz_store_local_arrived(store, uids, err);
	if (rc == 0 && uids->len > 0)
		rc = run_locked(&r, uids, err);
	g_array_unref(uids);
	g_ptr_array_unref(r.limits);
	return rc;
}
