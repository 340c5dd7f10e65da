#include "src/replay.h"
#include "src/lang.h"
#include "src/mbox.h"
#include "src/pending.h"

#include <string.h>
#include <unistd.h>

enum { READ_AT_A_TIME = 2000 };

struct replay {
	const struct bz_replay *to;
	GPtrArray *all; /* struct bz_pending *, as read; NULL = over */
	uint32_t done, gone;
	bool is_listed; /* the folders were, in this run */
	struct bz_err *err;
};

/* Like changes that one command makes. */
struct group {
	struct replay *r;
	GArray *places; /* guint, in r->all */
	size_t n;
	uint32_t folder;
	struct bz_pending *pendings[BZ_FILING_MAX];
	struct bz_msgref refs[BZ_FILING_MAX];
	unsigned flags[BZ_FILING_MAX]; /* the server's */
	bool knows_flags;
	enum bz_fate fates[BZ_FILING_MAX];
};

/* --- telling ---------------------------------------------------------------------------------- */

static void say(const struct replay *r, const char *text)
{
	r->to->job->report->note(r->to->job->report->me, text);
}

static void say_done(const struct replay *r)
{
	g_autofree char *done = g_strdup_printf(
		ngettext("%u change made without the line is on the server now.",
			"%u changes made without the line are on the server now.", r->done),
		r->done);
	g_autofree char *gone = g_strdup_printf(
		ngettext("%u change was not made: its message is not there any more, another "
			 "program moved or deleted it.",
			"%u changes were not made: their messages are not there any more, another "
			"program moved or deleted them.",
			r->gone),
		r->gone);

	if (r->done > 0)
		say(r, done);
	if (r->gone > 0)
		say(r, gone);
}

static void say_refused(const struct replay *r, size_t n, const struct bz_err *why)
{
	g_autofree char *text = g_strdup_printf(
		ngettext("%u change made without the line was not made on the server: %s",
			"%u changes made without the line were not made on the server: %s", n),
		(unsigned)n, why->text);

	say(r, text);
}

/* --- the group -------------------------------------------------------------------------------- */

/* A folder that cache.db does not know yet is one that the server may have. */
static int find_folder(struct group *g, const struct bz_pending *p)
{
	return bz_store_folder_ensure(g->r->to->store, p->folder, p->folder, BZ_ROLE_NONE,
		p->uidvalidity, &g->folder, g->r->err);
}

static int fill(struct group *g)
{
	g->places = g_array_new(FALSE, FALSE, sizeof(guint));
	bz_pending_group(g->r->all, BZ_FILING_MAX, g->places);
	g->n = g->places->len;
	for (size_t i = 0; i < g->n; i++)
		g->pendings[i] = g->r->all->pdata[g_array_index(g->places, guint, i)];
	if (find_folder(g, g->pendings[0]) != 0)
		return -1;
	for (size_t i = 0; i < g->n; i++)
		g->refs[i] = (struct bz_msgref){
			g->folder, g->pendings[i]->uidvalidity, g->pendings[i]->uid};
	return 0;
}

static void take_out(struct group *g, size_t i)
{
	g->r->all->pdata[g_array_index(g->places, guint, i)] = NULL;
}

/* Those for which keep is false are over: durably. What is left is the group. */
static int settle(struct group *g, const bool *keep)
{
	struct bz_store *store = g->r->to->store;
	size_t kept = 0;
	int rc = bz_store_state_begin(store, g->r->err);

	for (size_t i = 0; i < g->n && rc == 0; i++)
		if (!keep[i])
			rc = bz_store_pending_drop(store, g->pendings[i]->n, g->r->err);
	if (bz_store_state_end(store, rc == 0, g->r->err) != 0)
		return -1;
	for (size_t i = 0; i < g->n; i++) {
		if (!keep[i]) {
			take_out(g, i);
			continue;
		}
		g_array_index(g->places, guint, kept) = g_array_index(g->places, guint, i);
		g->pendings[kept] = g->pendings[i];
		g->refs[kept] = g->refs[i];
		g->flags[kept] = g->flags[i];
		g->fates[kept++] = g->fates[i];
	}
	g->n = kept;
	g_array_set_size(g->places, (guint)kept);
	return 0;
}

static int settle_all(struct group *g)
{
	static const bool none[BZ_FILING_MAX];

	return settle(g, none);
}

/* What became of a body that was kept of it is of no use. */
static void forget_body(const struct group *g, size_t i)
{
	(void)bz_store_remove(g->r->to->store, g->folder, g->pendings[i]->uid, NULL);
}

/* The messages that the server does not have any longer are said, not invented. */
static int leave_out_gone(struct group *g)
{
	const struct bz_replay *to = g->r->to;
	bool there[BZ_FILING_MAX];
	uint32_t gone = 0;

	if (to->ops->are_there == NULL)
		return 0;
	if (to->ops->are_there(to->backend, to->job, g->refs, g->n, there, g->flags, g->r->err) !=
		0)
		return -1;
	g->knows_flags = true;
	for (size_t i = 0; i < g->n; i++)
		gone += !there[i];
	g->r->gone += gone;
	return gone > 0 ? settle(g, there) : 0;
}

/* Kept before the command goes: whether it was done is not known should the line or this run end.
 */
static int on_begin(void *me, uint32_t uidvalidity, uint32_t uidnext, struct bz_err *err)
{
	struct group *g = me;
	struct bz_store *store = g->r->to->store;
	int rc = bz_store_state_begin(store, err);

	for (size_t i = 0; i < g->n && rc == 0; i++) {
		struct bz_pending *p = g->pendings[i];

		p->begun = true;
		p->to_uidvalidity = uidvalidity;
		p->to_uidnext = uidnext;
		rc = bz_store_pending_begin(store, p, err);
	}
	return bz_store_state_end(store, rc == 0, err);
}

/* --- flags ------------------------------------------------------------------------------------ */

static int make_flags(struct group *g)
{
	const struct bz_replay *to = g->r->to;
	const struct bz_pending *p = g->pendings[0];

	if (!p->begun && on_begin(g, 0, 0, g->r->err) != 0)
		return -1;
	if (to->ops->set_flags(to->backend, to->job, g->refs, g->n, p->add, p->remove, g->r->err) !=
		0)
		return -1;
	g->r->done += (uint32_t)g->n;
	return settle_all(g);
}

/* --- moves ------------------------------------------------------------------------------------ */

/* They are known to be where they were: the next try is the first. */
static int begin_again(struct group *g)
{
	struct bz_store *store = g->r->to->store;
	int rc = bz_store_state_begin(store, g->r->err);

	for (size_t i = 0; i < g->n && rc == 0; i++) {
		g->pendings[i]->begun = false;
		g->pendings[i]->to_uidvalidity = g->pendings[i]->to_uidnext = 0;
		rc = bz_store_pending_begin(store, g->pendings[i], g->r->err);
	}
	return bz_store_state_end(store, rc == 0, g->r->err);
}

/* The places that the server told, by the names that the messages had meanwhile. */
static void tell_places(struct group *g, GArray *moved)
{
	guint kept = 0;

	for (guint k = 0; k < moved->len; k++) {
		struct bz_moved m = g_array_index(moved, struct bz_moved, k);
		size_t i = 0;

		while (i < g->n && g->pendings[i]->uid != m.from.uid)
			i++;
		if (i == g->n)
			continue;
		m.from = (struct bz_msgref){BZ_PENDING_FOLDER, 0, g->pendings[i]->n};
		g_array_index(moved, struct bz_moved, kept++) = m;
	}
	g_array_set_size(moved, kept);
	if (kept > 0 && g->r->to->moved != NULL)
		g->r->to->moved(g->r->to->me, g_array_ref(moved));
}

/* Done, or gone, is over; the rest of the group goes on waiting. */
static int settle_fates(struct group *g)
{
	bool waits[BZ_FILING_MAX];

	for (size_t i = 0; i < g->n; i++) {
		waits[i] = g->fates[i] == BZ_FATE_WAITS;
		g->r->done += g->fates[i] == BZ_FATE_ARRIVED;
		g->r->gone += g->fates[i] == BZ_FATE_GONE;
		if (!waits[i])
			forget_body(g, i);
	}
	return settle(g, waits);
}

static int carry(struct group *g, GArray *moved)
{
	const struct bz_replay *to = g->r->to;
	const struct bz_pending *p = g->pendings[0];
	const struct bz_summary *rows[BZ_FILING_MAX];
	struct bz_filing filing = {.rows = rows,
		.begun = p->begun,
		.uidvalidity = p->to_uidvalidity,
		.uidnext = p->to_uidnext,
		.fates = g->fates,
		.begin = on_begin,
		.me = g};
	struct bz_job job = *to->job;

	memset(g->fates, 0, sizeof g->fates);
	for (size_t i = 0; i < g->n; i++)
		rows[i] = &g->pendings[i]->row;
	job.filing = &filing;
	return to->ops->move(to->backend, &job, g->refs, g->n, p->target, false, moved, g->r->err);
}

/* A cache.db that was made anew knows no folders yet. */
static int know_target(struct group *g)
{
	const struct bz_replay *to = g->r->to;
	struct bz_folder folder;
	int known = bz_store_folder_by_name(to->store, g->pendings[0]->target, &folder, g->r->err);

	if (known == 0)
		bz_folder_clear(&folder);
	if (known != 1 || g->r->is_listed || to->ops->list_folders == NULL)
		return known < 0 ? -1 : 0;
	g->r->is_listed = true;
	return to->ops->list_folders(to->backend, to->job, g->r->err);
}

static int make_move(struct group *g)
{
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct bz_err why = {0};
	int rc = carry(g, moved);

	if (rc != 0)
		why = *g->r->err;
	tell_places(g, moved);
	g_array_unref(moved);
	if (settle_fates(g) != 0)
		return -1;
	if (rc != 0) {
		*g->r->err = why;
		return -1;
	}
	return g->n > 0 ? begin_again(g) : 0;
}

/* --- one group -------------------------------------------------------------------------------- */

static bool is_refusal(const struct bz_err *err)
{
	return err->kind == BZ_ERR_REFUSED || err->kind == BZ_ERR_STALE ||
	       err->kind == BZ_ERR_UNSUPPORTED;
}

/* Once, with the reason; the lists show the server's again. */
static int give_up(struct group *g)
{
	const struct bz_replay *to = g->r->to;
	struct bz_err why = *g->r->err, own = {0};

	if (g->n == 0)
		return 0;
	say_refused(g->r, g->n, &why);
	(void)bz_pending_revert(to->store, to->job->report,
		(const struct bz_pending *const *)g->pendings, g->n,
		g->knows_flags ? g->flags : NULL, &own);
	return settle_all(g);
}

static int make_group(struct group *g)
{
	enum bz_pending_kind kind = g->pendings[0]->kind;

	if ((kind == BZ_PENDING_FLAGS || !g->pendings[0]->begun) && leave_out_gone(g) != 0)
		return -1;
	if (g->n == 0)
		return 0;
	if (kind == BZ_PENDING_MOVE && know_target(g) != 0)
		return -1;
	return kind == BZ_PENDING_MOVE ? make_move(g) : make_flags(g);
}

static int make_next(struct replay *r)
{
	struct group *g = g_new0(struct group, 1);
	int rc;

	g->r = r;
	rc = fill(g);
	if (rc == 0)
		rc = make_group(g);
	if (rc != 0 && is_refusal(r->err))
		rc = give_up(g);
	g_array_unref(g->places);
	g_free(g);
	return rc;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool is_any(const GPtrArray *all)
{
	for (guint i = 0; i < all->len; i++)
		if (all->pdata[i] != NULL)
			return true;
	return false;
}

/* Those read together. 1: there were none. */
static int make_some(struct replay *r)
{
	GArray *some = bz_pendings_new();
	int rc = bz_store_pending_from(r->to->store, 0, READ_AT_A_TIME, some, r->err);

	r->all = g_ptr_array_new();
	for (guint i = 0; i < some->len; i++)
		g_ptr_array_add(r->all, &g_array_index(some, struct bz_pending, i));
	if (rc == 0 && some->len == 0)
		rc = 1;
	while (rc == 0 && is_any(r->all))
		rc = make_next(r);
	g_ptr_array_unref(r->all);
	g_array_unref(some);
	return rc;
}

/* One process at a time: -2 = another is at it. */
static int take_lock(const struct bz_replay *to, struct bz_err *err)
{
	g_autofree char *dir = bz_store_state_dir(to->store);
	g_autofree char *path = g_build_filename(dir, "replay.lock", NULL);
	struct bz_err why = {0};
	int fd = bz_session_lock(path, &why);

	if (fd < 0 && why.code == BZ_CODE_LOCKED)
		return -2;
	if (fd < 0)
		*err = why;
	return fd;
}

int bz_replay_all(const struct bz_replay *to, struct bz_err *err)
{
	struct replay r = {.to = to, .err = err};
	int lock = take_lock(to, err), rc = 0;

	if (lock < 0)
		return lock == -2 ? 0 : -1;
	while (rc == 0)
		rc = make_some(&r);
	close(lock);
	say_done(&r);
	return rc < 0 ? -1 : 0;
}
