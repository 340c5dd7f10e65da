#include "src/localbind.h"
#include "src/store_tools.h"

#include <string.h>

struct bz_localbind {
	struct bz_store *store;
	char *name;
	uint32_t folder;
	bool tail;
	GHashTable *unbound; /* digest -> GArray of struct bz_local, uid ascending */
	GHashTable *bound;   /* uids that have their message */
};

/* --- what state.db has ------------------------------------------------------------------------ */

static void note_unbound(struct bz_localbind *bind, const struct bz_local *local)
{
	GBytes *key = g_bytes_new(local->digest, sizeof local->digest);
	GArray *list = g_hash_table_lookup(bind->unbound, key);

	if (list == NULL) {
		list = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
		g_hash_table_insert(bind->unbound, g_bytes_ref(key), list);
	}
	g_array_append_val(list, *local);
	g_bytes_unref(key);
}

static bool is_removed(const struct bz_local *local)
{
	return local->state == BZ_LOCAL_REMOVED || local->state == BZ_LOCAL_MARKED;
}

static int load(struct bz_localbind *bind, struct bz_err *err)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	int rc = bz_store_local_all(bind->store, bind->name, all, err);

	g_hash_table_remove_all(bind->unbound);
	for (guint i = 0; i < all->len && rc == 0; i++) {
		const struct bz_local *local = &g_array_index(all, struct bz_local, i);

		if (!g_hash_table_contains(bind->bound, GUINT_TO_POINTER(local->uid)) &&
			!(bind->tail && is_removed(local)))
			note_unbound(bind, local);
	}
	g_array_unref(all);
	return rc;
}

/* Those of the part that is not walked. What was put into the tail, while other mail that was added
 * there was not yet looked at, is met in the walk. */
static int bind_rows(struct bz_localbind *bind, int64_t start, struct bz_err *err)
{
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int rc = bz_store_uids_before(bind->store, bind->folder, start, uids, err);

	for (guint i = 0; i < uids->len; i++)
		g_hash_table_add(bind->bound, GUINT_TO_POINTER(g_array_index(uids, uint32_t, i)));
	g_array_unref(uids);
	return rc;
}

struct bz_localbind *bz_localbind_new(struct bz_store *store, const char *name, uint32_t folder,
	int64_t start, struct bz_err *err)
{
	struct bz_localbind *bind = g_new0(struct bz_localbind, 1);

	bind->store = store;
	bind->name = g_strdup(name);
	bind->folder = folder;
	bind->tail = start > 0;
	bind->bound = g_hash_table_new(NULL, NULL);
	bind->unbound = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
		(GDestroyNotify)g_bytes_unref, (GDestroyNotify)g_array_unref);
	(void)bz_store_state_changed_outside(store);
	if ((start == 0 || bind_rows(bind, start, err) == 0) && load(bind, err) == 0)
		return bind;
	bz_localbind_free(bind);
	return NULL;
}

void bz_localbind_free(struct bz_localbind *bind)
{
	if (bind == NULL)
		return;
	g_hash_table_unref(bind->unbound);
	g_hash_table_unref(bind->bound);
	g_free(bind->name);
	g_free(bind);
}

int bz_localbind_renew(struct bz_localbind *bind, struct bz_err *err)
{
	return bz_store_state_changed_outside(bind->store) ? load(bind, err) : 0;
}

/* --- one message ------------------------------------------------------------------------------ */

enum { TWINS = 4 }; /* messages of one digest of which it is asked where they came from */

static bool was_downloaded(struct bz_localbind *bind, const struct bz_local *local)
{
	struct bz_ledger row;

	return bz_store_ledger_by_local(bind->store, local->uid, &row, NULL) == 0;
}

/* The newest in that state, first of all one that was downloaded: a walk over a file that another
 * program wrote anew may have met it twice and have taken the second for that program's. -1 =
 * none. */
static int find_state(struct bz_localbind *bind, const GArray *list, enum bz_local_state state)
{
	int found = -1, seen = 0;

	for (guint i = list->len; i > 0 && seen < TWINS; i--) {
		const struct bz_local *local = &g_array_index(list, struct bz_local, i - 1);

		if (local->state != state)
			continue;
		if (list->len > 1 && was_downloaded(bind, local))
			return (int)i - 1;
		if (seen++ == 0)
			found = (int)i - 1;
	}
	return found;
}

/* Rather than one that was taken for another program's, the one that was downloaded and then missed
 * by such a walk. */
static int missed_before(struct bz_localbind *bind, const GArray *list, int found)
{
	const struct bz_local *local = &g_array_index(list, struct bz_local, (guint)found);
	int missing;

	if (list->len < 2 || local->state != BZ_LOCAL_HERE || was_downloaded(bind, local))
		return found;
	missing = find_state(bind, list, BZ_LOCAL_MISSING);
	if (missing < 0)
		return found;
	local = &g_array_index(list, struct bz_local, (guint)missing);
	return was_downloaded(bind, local) ? missing : found;
}

static int choose(struct bz_localbind *bind, const GArray *list, bool marked)
{
	static const enum bz_local_state plain[] = {BZ_LOCAL_HERE, BZ_LOCAL_REMOVED,
		BZ_LOCAL_MISSING},
					 with_mark[] = {BZ_LOCAL_MARKED, BZ_LOCAL_REMOVED,
						 BZ_LOCAL_HERE, BZ_LOCAL_MISSING};
	const enum bz_local_state *order = marked ? with_mark : plain;
	size_t n = marked ? G_N_ELEMENTS(with_mark) : G_N_ELEMENTS(plain);
	int found = -1;

	for (size_t i = 0; i < n && found < 0; i++)
		found = find_state(bind, list, order[i]);
	return found >= 0 && !marked ? missed_before(bind, list, found) : found;
}

/* What another program changed since wins. */
static int merge_flags(struct bz_localbind *bind, const struct bz_local *local,
	struct bz_summary *row, struct bz_err *err)
{
	unsigned file = row->flags & BZ_FLAGS_IN_FILE;
	unsigned changed = (file ^ local->in_file) & BZ_FLAGS_IN_FILE;
	unsigned flags = (local->flags & ~changed) | (file & changed);

	row->flags = (row->flags & ~(unsigned)BZ_FLAGS_REMOTE) | flags;
	if (flags != local->flags &&
		bz_store_local_set_flags(bind->store, local->uid, flags, err) != 0)
		return -1;
	if (changed == 0)
		return 0;
	return bz_store_local_set_in_file(bind->store, local->uid, file, err);
}

static int adopt(struct bz_localbind *bind, struct bz_summary *row, struct bz_err *err)
{
	unsigned flags = row->flags & BZ_FLAGS_IN_FILE;

	if (bz_store_local_adopt(
		    bind->store, bind->name, row->digest, flags, flags, &row->uid, err) != 0)
		return -1;
	g_hash_table_add(bind->bound, GUINT_TO_POINTER(row->uid));
	return 0;
}

int bz_localbind_match(
	struct bz_localbind *bind, struct bz_summary *row, bool *removed, struct bz_err *err)
{
	GBytes *key = g_bytes_new_static(row->digest, sizeof row->digest);
	GArray *list = g_hash_table_lookup(bind->unbound, key);
	int i = list != NULL ? choose(bind, list, (row->flags & BZ_FLAG_DELETED) != 0) : -1;
	struct bz_local local;

	g_bytes_unref(key);
	*removed = false;
	if (i < 0)
		return adopt(bind, row, err);
	local = g_array_index(list, struct bz_local, i);
	g_array_remove_index(list, (guint)i);
	g_hash_table_add(bind->bound, GUINT_TO_POINTER(local.uid));
	row->uid = local.uid;
	*removed = is_removed(&local);
	if (local.state == BZ_LOCAL_MISSING &&
		bz_store_local_set_state(bind->store, local.uid, BZ_LOCAL_HERE, err) != 0)
		return -1;
	return *removed ? 0 : merge_flags(bind, &local, row, err);
}

/* --- what was not found ----------------------------------------------------------------------- */

/* One with a row was put there during the walk, behind its beginning. */
static bool has_row(const struct bz_localbind *bind, uint32_t uid)
{
	struct bz_summary row;

	if (bz_store_by_uid(bind->store, bind->folder, uid, &row, NULL) != 0)
		return false;
	bz_summary_clear(&row);
	return true;
}

static int forget(struct bz_localbind *bind, const struct bz_local *local, struct bz_err *err)
{
	struct bz_ledger row;
	int known = is_removed(local)
			    ? 1
			    : bz_store_ledger_by_local(bind->store, local->uid, &row, err);

	if (known < 0)
		return -1;
	if (has_row(bind, local->uid))
		return 0;
	if (known == 1)
		return bz_store_local_forget(bind->store, local->uid, err);
	return local->state == BZ_LOCAL_MISSING
		       ? 0
		       : bz_store_local_set_state(bind->store, local->uid, BZ_LOCAL_MISSING, err);
}

int bz_localbind_forget_rest(struct bz_localbind *bind, struct bz_err *err)
{
	GHashTableIter iter;
	gpointer list;

	g_hash_table_iter_init(&iter, bind->unbound);
	while (g_hash_table_iter_next(&iter, NULL, &list))
		for (guint i = 0; i < ((GArray *)list)->len; i++)
			if (forget(bind, &g_array_index((GArray *)list, struct bz_local, i), err) !=
				0)
				return -1;
	return 0;
}
