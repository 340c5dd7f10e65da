#include "src/boxmap.h"
#include "src/lang.h"
#include "src/mbox.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMON_SIZE = 8 << 20 };

int bz_boxmap_begin(struct bz_boxmap *map, int fd, const char *path, struct bz_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."), path,
			g_strerror(errno));
	*map = (struct bz_boxmap){.size = st.st_size, .end = st.st_size};
	bz_mbox_stamp(&st, map->stamp);
	map->items = g_array_new(FALSE, TRUE, sizeof(struct bz_boxmap_item));
	map->missing = g_array_new(FALSE, TRUE, sizeof(struct bz_local));
	return 0;
}

void bz_boxmap_clear(struct bz_boxmap *map)
{
	if (map->items != NULL)
		g_array_unref(map->items);
	if (map->missing != NULL)
		g_array_unref(map->missing);
	*map = (struct bz_boxmap){0};
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
	struct bz_boxmap *map;
	int fd;
	GCancellable *cancel;
	bool (*stop)(void *me);
	void *me;
	struct bz_digest *digest;
	size_t taken; /* of this message */
	bool stopped;
	int rc;
	struct bz_err *err;
};

static bool is_stopped(struct reading *r)
{
	r->stopped = r->stopped || g_cancellable_is_cancelled(r->cancel) ||
		     (r->stop != NULL && r->stop(r->me));
	return r->stopped;
}

/* A message of common size is read to its end, or nothing would ever be got done. */
static int take(void *me, const void *bytes, size_t n)
{
	struct reading *r = me;

	(void)bz_digest_feed(r->digest, bytes, n);
	r->taken += n;
	return r->taken > COMMON_SIZE && is_stopped(r) ? -1 : 0;
}

static bool on_item(void *me, const struct bz_mbox_item *item)
{
	struct reading *r = me;
	struct bz_boxmap_item out = {.offset = item->offset, .length = item->length};

	out.status = bz_mbox_status(item->header, item->header_len);
	r->digest = bz_digest_begin();
	r->taken = 0;
	r->rc = bz_mbox_read_to(r->fd, item->offset, item->length, take, r, r->err);
	bz_digest_end(&r->digest, out.digest);
	if (r->rc != 0)
		return false;
	g_array_append_val(r->map->items, out);
	r->map->end = item->offset;
	return !is_stopped(r);
}

static void reverse(GArray *items)
{
	struct bz_boxmap_item *p = (void *)items->data;

	for (guint i = 0; i < items->len / 2; i++) {
		struct bz_boxmap_item other = p[i];

		p[i] = p[items->len - 1 - i];
		p[items->len - 1 - i] = other;
	}
}

int bz_boxmap_read(struct bz_boxmap *map, int fd, GCancellable *cancel, bool (*stop)(void *me),
	void *me, bool *more, struct bz_err *err)
{
	struct reading r = {
		.map = map, .fd = fd, .cancel = cancel, .stop = stop, .me = me, .err = err};

	if (bz_mbox_scan_back(fd, 0, map->end, cancel, on_item, &r, err) != 0 || r.rc < 0)
		return -1;
	if (g_cancellable_is_cancelled(cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	*more = r.stopped;
	if (!*more)
		reverse(map->items);
	return 0;
}

/* --- matching --------------------------------------------------------------------------------- */

/* Messages and rows of one digest. */
struct group {
	struct bz_boxmap_item **items;
	guint n_items;
	struct bz_local *rows;
	guint n_rows;
};

static int by_digest(const void *a, const void *b)
{
	const struct bz_boxmap_item *const *x = a, *const *y = b;
	int order = memcmp((*x)->digest, (*y)->digest, sizeof(*x)->digest);

	return order != 0 ? order : ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

static int rows_by_digest(const void *a, const void *b)
{
	const struct bz_local *x = a, *y = b;
	int order = memcmp(x->digest, y->digest, sizeof x->digest);

	return order != 0 ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

/* Newest message with newest row. marked: 1 those with D in the file, 0 those without, -1 any. */
static void bind(const struct group *g, enum bz_local_state state, int marked)
{
	guint row = g->n_rows;

	for (guint i = g->n_items; i > 0; i--) {
		struct bz_boxmap_item *item = g->items[i - 1];
		bool d = (item->status & BZ_FLAG_DELETED) != 0;

		if (item->uid != 0 || (marked >= 0 && d != (marked == 1)))
			continue;
		while (row > 0 && (g->rows[row - 1].uid == 0 || g->rows[row - 1].state != state))
			row--;
		if (row == 0)
			return;
		item->uid = g->rows[row - 1].uid;
		item->flags = g->rows[row - 1].flags;
		item->state = state == BZ_LOCAL_MISSING ? BZ_LOCAL_HERE : state;
		g->rows[row - 1].uid = 0; /* taken */
	}
}

static void bind_group(struct bz_boxmap *map, const struct group *g)
{
	uint32_t live = 0;

	bind(g, BZ_LOCAL_MARKED, 1);
	bind(g, BZ_LOCAL_HERE, 0);
	bind(g, BZ_LOCAL_HERE, -1);
	bind(g, BZ_LOCAL_MISSING, -1);
	bind(g, BZ_LOCAL_REMOVED, -1);
	bind(g, BZ_LOCAL_MARKED, -1);
	for (guint i = 0; i < g->n_items; i++)
		live += g->items[i]->state == BZ_LOCAL_HERE;
	map->equal += live > 1 ? live - 1 : 0;
}

static guint run_of_items(struct bz_boxmap_item **items, guint n)
{
	guint i = 1;

	while (i < n && memcmp(items[i]->digest, items[0]->digest, 32) == 0)
		i++;
	return i;
}

/* Rows before this digest are in no message; those of it begin at *first. */
static guint run_of_rows(const GArray *rows, guint *first, const uint8_t digest[32])
{
	guint n = 0;

	while (*first < rows->len &&
		memcmp(g_array_index(rows, struct bz_local, *first).digest, digest, 32) < 0)
		++*first;
	while (*first + n < rows->len &&
		memcmp(g_array_index(rows, struct bz_local, *first + n).digest, digest, 32) == 0)
		n++;
	return n;
}

static void bind_all(struct bz_boxmap *map, struct bz_boxmap_item **items, GArray *rows)
{
	guint first = 0;

	for (guint i = 0, n; i < map->items->len; i += n) {
		struct group g = {.items = items + i};

		g.n_items = n = run_of_items(items + i, map->items->len - i);
		g.n_rows = run_of_rows(rows, &first, items[i]->digest);
		g.rows = (struct bz_local *)(void *)rows->data + first;
		bind_group(map, &g);
	}
	for (guint i = 0; i < rows->len; i++)
		if (g_array_index(rows, struct bz_local, i).uid != 0)
			g_array_append_val(map->missing, g_array_index(rows, struct bz_local, i));
}

int bz_boxmap_match(
	struct bz_boxmap *map, struct bz_store *store, const char *folder, struct bz_err *err)
{
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	g_autofree struct bz_boxmap_item **items = g_new(struct bz_boxmap_item *, map->items->len);
	int rc = bz_store_local_all(store, folder, rows, err);

	for (guint i = 0; i < map->items->len; i++) {
		items[i] = &g_array_index(map->items, struct bz_boxmap_item, i);
		items[i]->uid = 0;
		items[i]->state = BZ_LOCAL_HERE;
	}
	map->equal = 0;
	g_array_set_size(map->missing, 0);
	if (rc == 0 && map->items->len > 0)
		qsort(items, map->items->len, sizeof *items, by_digest);
	if (rc == 0) {
		g_array_sort(rows, rows_by_digest);
		bind_all(map, items, rows);
	}
	g_array_unref(rows);
	return rc;
}

bool bz_boxmap_is_removed(enum bz_local_state state)
{
	return state == BZ_LOCAL_REMOVED || state == BZ_LOCAL_MARKED;
}

/* --- what belongs to no message --------------------------------------------------------------- */

int64_t bz_boxmap_junk(const struct bz_boxmap *map, int fd, const char *path, struct bz_err *err)
{
	int64_t end = map->items->len > 0
			      ? g_array_index(map->items, struct bz_boxmap_item, 0).offset
			      : map->size;
	char piece[4096];

	for (int64_t at = 0; at < end;) {
		ssize_t n = pread(fd, piece, (size_t)MIN(end - at, (int64_t)sizeof piece), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."),
				path, g_strerror(errno));
		for (ssize_t i = 0; i < n; i++)
			if (strchr("\r\n", piece[i]) == NULL || piece[i] == '\0')
				return end;
		at += n;
	}
	return 0;
}
