#include "src/pending.h"
#include "src/lang.h"
#include "src/log.h"

#include <string.h>

enum { SHOWN_AT_A_TIME = 1000 };

/* --- the lists -------------------------------------------------------------------------------- */

/* Rows of one folder under change, in a transaction of cache.db. */
struct showing {
	struct bz_store *store;
	struct bz_folder folder;
	GArray *updated, *gone; /* row ids */
	bool is_back;           /* some that were hidden are there again */
	struct bz_err *err;
};

static int begin(struct showing *s, struct bz_store *store, const char *name, struct bz_err *err)
{
	*s = (struct showing){.store = store, .err = err};
	if (bz_store_folder_need(store, name, &s->folder, err) != 0)
		return -1;
	if (bz_store_begin(store, err) != 0) {
		bz_folder_clear(&s->folder);
		return -1;
	}
	s->updated = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	s->gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return 0;
}

static void tell(const struct showing *s, const struct bz_report *report, enum bz_change_kind kind,
	GArray *ids)
{
	struct bz_change *change;

	if (kind != BZ_CHANGE_REBUILD && ids->len == 0)
		return;
	change = g_new0(struct bz_change, 1);
	*change = (struct bz_change){s->folder.id, kind, s->folder.exists, s->folder.unseen,
		kind == BZ_CHANGE_REBUILD ? NULL : g_array_ref(ids)};
	report->rows(report->me, change);
}

static void tell_all(const struct showing *s, const struct bz_report *report)
{
	if (s->is_back) {
		tell(s, report, BZ_CHANGE_REBUILD, NULL);
	} else {
		tell(s, report, BZ_CHANGE_UPDATED, s->updated);
		tell(s, report, BZ_CHANGE_GONE, s->gone);
	}
	report->folders(report->me);
}

/* report NULL: nobody is told. */
static int end(struct showing *s, int rc, const struct bz_report *report)
{
	if (rc == 0)
		rc = bz_store_folder_put(s->store, &s->folder, s->err);
	if (rc == 0)
		rc = bz_store_commit(s->store, s->err);
	if (rc != 0)
		bz_store_rollback(s->store);
	else if (report != NULL)
		tell_all(s, report);
	bz_folder_clear(&s->folder);
	g_array_unref(s->updated);
	g_array_unref(s->gone);
	return rc;
}

static void count_unseen(struct showing *s, unsigned before, unsigned after)
{
	if ((before & BZ_FLAG_SEEN) == 0 && s->folder.unseen > 0)
		s->folder.unseen--;
	if ((after & BZ_FLAG_SEEN) == 0)
		s->folder.unseen++;
}

static int put_flags(struct showing *s, const struct bz_summary *row, unsigned flags)
{
	if (flags == row->flags)
		return 0;
	count_unseen(s, row->flags, flags);
	g_array_append_val(s->updated, row->row);
	return bz_store_set_flags(s->store, s->folder.id, row->uid, flags, s->err);
}

static int hide(struct showing *s, const struct bz_summary *row)
{
	count_unseen(s, row->flags, BZ_FLAG_SEEN);
	s->folder.exists -= s->folder.exists > 0;
	g_array_append_val(s->gone, row->row);
	return bz_store_hide(s->store, s->folder.id, row->uid, s->err);
}

/* What one change does to its row, if there is one. */
static int show(struct showing *s, const struct bz_pending *p)
{
	struct bz_summary row;
	int rc;

	if (s->folder.uidvalidity != p->uidvalidity)
		return 0;
	rc = bz_store_by_uid(s->store, s->folder.id, p->uid, &row, s->err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = p->kind == BZ_PENDING_MOVE ? hide(s, &row)
					: put_flags(s, &row, (row.flags & ~p->remove) | p->add);
	bz_summary_clear(&row);
	return rc;
}

static int bring_back(struct showing *s, const struct bz_pending *p)
{
	struct bz_summary row;
	int known = bz_store_by_uid(s->store, s->folder.id, p->uid, &row, s->err);

	if (known == 0)
		bz_summary_clear(&row);
	if (known != 1)
		return known;
	row = p->row;
	row.folder = s->folder.id;
	s->is_back = true;
	s->folder.exists++;
	count_unseen(s, BZ_FLAG_SEEN, row.flags);
	return bz_store_put(s->store, &row, s->err);
}

static int give_flags(struct showing *s, const struct bz_pending *p, unsigned flags)
{
	struct bz_summary row;
	int rc = bz_store_by_uid(s->store, s->folder.id, p->uid, &row, s->err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = put_flags(s, &row, (row.flags & ~(unsigned)BZ_FLAGS_REMOTE) | flags);
	bz_summary_clear(&row);
	return rc;
}

int bz_pending_revert(struct bz_store *store, const struct bz_report *report,
	const struct bz_pending *const *pendings, size_t n, const unsigned *flags,
	struct bz_err *err)
{
	struct showing s;
	int rc = 0;

	if (n == 0)
		return 0;
	if (begin(&s, store, pendings[0]->folder, err) != 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (s.folder.uidvalidity != pendings[i]->uidvalidity)
			continue;
		if (pendings[i]->kind == BZ_PENDING_MOVE)
			rc = bring_back(&s, pendings[i]);
		else if (flags != NULL)
			rc = give_flags(&s, pendings[i], flags[i]);
	}
	return end(&s, rc, report);
}

/* Changes of one folder; that they wait is what counts, so a list that cannot show it fails
 * nothing: the next start shows them. */
static void show_now(struct bz_store *store, const struct bz_report *report, const char *folder,
	const GArray *pendings)
{
	struct bz_err err = {0};
	struct showing s;
	int rc = begin(&s, store, folder, &err);

	if (rc == 0) {
		for (guint i = 0; i < pendings->len && rc == 0; i++)
			rc = show(&s, &g_array_index(pendings, struct bz_pending, i));
		rc = end(&s, rc, report);
	}
	if (rc != 0)
		bz_log(BZ_LOG_WARN, "changes that wait are not shown: %s", err.text);
}

/* --- a new change ----------------------------------------------------------------------------- */

/* What a request comes to. */
struct asking {
	struct bz_store *store;
	struct bz_folder folder;
	enum bz_pending_kind kind;
	unsigned add, remove;
	const char *target;
	struct bz_halfway begun; /* as far as is known */
	GArray *pendings; /* struct bz_pending: one for each message there is, as it will be shown
			   */
	uint32_t room;    /* so many more may wait */
	struct bz_err *err;
};

static int prepare(struct asking *a, const struct bz_msgref *ref)
{
	uint32_t waiting;
	int rc = bz_store_folder_by_id(a->store, ref->folder, &a->folder, a->err);

	if (rc == 0 && a->folder.uidvalidity == ref->uidvalidity) {
		if (bz_store_pending_count(a->store, &waiting, a->err) != 0)
			return -1;
		a->room = BZ_PENDING_MAX - MIN(waiting, (uint32_t)BZ_PENDING_MAX);
		return 0;
	}
	return rc < 0 ? -1
		      : bz_err_set(a->err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
				_("The folder changed on the server; it is listed again."));
}

/* Was the newest that waits for this message the contrary? Then it never happened, unless it may
 * have been made already. 1 yes. */
static int cancel_out(struct asking *a, const struct bz_pending *p)
{
	struct bz_pending last;
	bool contrary;
	uint32_t n;
	int rc;

	if (p->kind != BZ_PENDING_FLAGS)
		return 0;
	rc = bz_store_pending_last(a->store, p->folder, p->uidvalidity, p->uid, &last, a->err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	n = last.n;
	contrary = last.kind == BZ_PENDING_FLAGS && !last.begun && last.add == p->remove &&
		   last.remove == p->add;
	bz_pending_clear(&last);
	if (!contrary)
		return 0;
	return bz_store_pending_drop(a->store, n, a->err) == 0 ? 1 : -1;
}

static int enter(struct asking *a, struct bz_pending *p)
{
	int rc = cancel_out(a, p);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (a->room == 0)
		return bz_err_set(a->err, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("%d changes wait for the line already, more are not kept. Nothing was "
			  "changed."),
			BZ_PENDING_MAX);
	a->room--;
	return bz_store_pending_add(a->store, p, a->err);
}

/* Only what changes something: its contrary gives back what was. */
static int ask(struct asking *a, const struct bz_msgref *ref)
{
	struct bz_pending p = {.kind = a->kind, .uidvalidity = ref->uidvalidity, .uid = ref->uid};
	int rc = 1;

	if (ref->folder == a->folder.id && ref->uidvalidity == a->folder.uidvalidity)
		rc = bz_store_by_uid(a->store, ref->folder, ref->uid, &p.row, a->err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	p.folder = g_strdup(a->folder.name);
	p.target = g_strdup(a->target);
	p.begun = a->begun.is;
	p.to_uidvalidity = a->begun.uidvalidity;
	p.to_uidnext = a->begun.uidnext;
	p.add = a->add & ~p.row.flags;
	p.remove = a->remove & p.row.flags;
	if (p.kind == BZ_PENDING_MOVE || (p.add | p.remove) != 0)
		rc = enter(a, &p);
	g_array_append_val(a->pendings, p);
	return rc;
}

static int ask_all(struct asking *a, const struct bz_msgref *refs, size_t n)
{
	int rc = bz_store_state_begin(a->store, a->err);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = ask(a, &refs[i]);
	if (rc == 0 && a->pendings->len == 0)
		rc = bz_err_set(a->err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer there."));
	return bz_store_state_end(a->store, rc == 0, a->err);
}

static int add(
	struct asking *a, const struct bz_report *report, const struct bz_msgref *refs, size_t n)
{
	int rc = prepare(a, &refs[0]);

	a->pendings = bz_pendings_new();
	if (rc == 0)
		rc = ask_all(a, refs, n);
	if (rc == 0)
		show_now(a->store, report, a->folder.name, a->pendings);
	bz_folder_clear(&a->folder);
	return rc;
}

int bz_pending_flags(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, unsigned add_flags, unsigned remove, bool tried,
	struct bz_err *err)
{
	struct asking a = {.store = store,
		.kind = BZ_PENDING_FLAGS,
		.add = add_flags & BZ_FLAGS_REMOTE,
		.remove = remove & BZ_FLAGS_REMOTE,
		.begun = {.is = tried},
		.err = err};
	int rc = n > 0 ? add(&a, report, refs, n) : 0;

	if (a.pendings != NULL)
		g_array_unref(a.pendings);
	return rc;
}

int bz_pending_move(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, const char *target,
	const struct bz_halfway *halfway, GArray *moved, struct bz_err *err)
{
	struct asking a = {.store = store,
		.kind = BZ_PENDING_MOVE,
		.target = target,
		.begun = *halfway,
		.err = err};
	int rc = n > 0 ? add(&a, report, refs, n) : 0;

	for (guint i = 0; rc == 0 && a.pendings != NULL && i < a.pendings->len; i++) {
		const struct bz_pending *p = &g_array_index(a.pendings, struct bz_pending, i);
		struct bz_moved m = {
			{refs[0].folder, p->uidvalidity, p->uid}, {BZ_PENDING_FOLDER, 0, p->n}};

		g_array_append_val(moved, m);
	}
	if (a.pendings != NULL)
		g_array_unref(a.pendings);
	return rc;
}

/* --- taken back ------------------------------------------------------------------------------- */

static int drop_one(
	struct bz_store *store, const struct bz_msgref *ref, GArray *out, struct bz_err *err)
{
	struct bz_pending p;
	int rc = bz_store_pending_get(store, ref->uid, &p, err);

	if (rc == 0 && p.begun)
		bz_pending_clear(&p);
	if (rc == 1 || (rc == 0 && p.n == 0))
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("That change is on its way to the server already; it cannot be taken "
			  "back now."));
	if (rc < 0)
		return -1;
	g_array_append_val(out, p);
	return bz_store_pending_drop(store, p.n, err);
}

static void bring_back_now(
	struct bz_store *store, const struct bz_report *report, const GArray *dropped)
{
	g_autofree const struct bz_pending **all = g_new(const struct bz_pending *, dropped->len);
	struct bz_err err = {0};

	for (guint i = 0; i < dropped->len; i++)
		all[i] = &g_array_index(dropped, struct bz_pending, i);
	if (bz_pending_revert(store, report, all, dropped->len, NULL, &err) != 0)
		bz_log(BZ_LOG_WARN, "taken back, but not shown: %s", err.text);
}

static void tell_taken(struct bz_store *store, const GArray *dropped, GArray *moved)
{
	struct bz_folder folder;

	if (bz_store_folder_by_name(
		    store, g_array_index(dropped, struct bz_pending, 0).folder, &folder, NULL) != 0)
		return;
	for (guint i = 0; i < dropped->len; i++) {
		const struct bz_pending *p = &g_array_index(dropped, struct bz_pending, i);
		struct bz_moved m = {
			{BZ_PENDING_FOLDER, 0, p->n}, {folder.id, p->uidvalidity, p->uid}};

		g_array_append_val(moved, m);
	}
	bz_folder_clear(&folder);
}

int bz_pending_take_back(struct bz_store *store, const struct bz_report *report,
	const struct bz_msgref *refs, size_t n, GArray *moved, struct bz_err *err)
{
	GArray *dropped = bz_pendings_new();
	int rc = bz_store_state_begin(store, err);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = drop_one(store, &refs[i], dropped, err);
	rc = bz_store_state_end(store, rc == 0, err);
	if (rc == 0 && dropped->len > 0) {
		bring_back_now(store, report, dropped);
		tell_taken(store, dropped, moved);
	}
	g_array_unref(dropped);
	return rc;
}

/* --- after a start ---------------------------------------------------------------------------- */

/* Neighbours of one folder, from the i-th; the next one's place. */
static guint show_some(struct bz_store *store, const GArray *all, guint i)
{
	const char *name = g_array_index(all, struct bz_pending, i).folder;
	struct bz_err err = {0};
	struct showing s;
	int rc = begin(&s, store, name, &err);
	bool open = rc == 0;

	for (; i < all->len; i++) {
		const struct bz_pending *p = &g_array_index(all, struct bz_pending, i);

		if (strcmp(p->folder, name) != 0)
			break;
		if (rc == 0)
			rc = show(&s, p);
	}
	if (open)
		(void)end(&s, rc, NULL);
	return i;
}

int bz_pending_show(struct bz_store *store, struct bz_err *err)
{
	uint32_t last = 0, waiting;
	int rc = bz_store_pending_count(store, &waiting, err);

	while (rc == 0 && waiting > 0) {
		GArray *some = bz_pendings_new();

		rc = bz_store_pending_from(store, last, SHOWN_AT_A_TIME, some, err);
		for (guint i = 0; i < some->len && rc == 0;)
			i = show_some(store, some, i);
		waiting = some->len;
		if (some->len > 0)
			last = g_array_index(some, struct bz_pending, some->len - 1).n;
		g_array_unref(some);
	}
	return rc;
}

/* --- like with like --------------------------------------------------------------------------- */

static bool is_alike(const struct bz_pending *a, const struct bz_pending *b)
{
	return a->kind == b->kind && a->uidvalidity == b->uidvalidity &&
	       strcmp(a->folder, b->folder) == 0 && a->add == b->add && a->remove == b->remove &&
	       strcmp(a->target, b->target) == 0 && a->begun == b->begun &&
	       a->to_uidvalidity == b->to_uidvalidity && a->to_uidnext == b->to_uidnext;
}

static guint hash(gconstpointer key)
{
	const struct bz_pending *p = key;

	return p->uid * 2654435761U ^ p->uidvalidity ^ g_str_hash(p->folder);
}

static gboolean is_same_message(gconstpointer a, gconstpointer b)
{
	const struct bz_pending *x = a, *y = b;

	return x->uid == y->uid && x->uidvalidity == y->uidvalidity &&
	       strcmp(x->folder, y->folder) == 0;
}

static gint by_uid(gconstpointer a, gconstpointer b, gpointer all)
{
	const struct bz_pending *x = g_ptr_array_index((GPtrArray *)all, *(const guint *)a);
	const struct bz_pending *y = g_ptr_array_index((GPtrArray *)all, *(const guint *)b);

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

void bz_pending_group(const GPtrArray *all, guint max, GArray *places)
{
	GHashTable *met = g_hash_table_new(hash, is_same_message);
	const struct bz_pending *first = NULL;

	for (guint i = 0; i < all->len && places->len < max; i++) {
		struct bz_pending *p = g_ptr_array_index(all, i);

		if (p == NULL)
			continue;
		first = first != NULL ? first : p;
		if (is_alike(p, first) && !g_hash_table_contains(met, p))
			g_array_append_val(places, i);
		g_hash_table_add(met, p);
	}
	g_hash_table_unref(met);
	g_array_sort_with_data(places, by_uid, (gpointer)all);
}
