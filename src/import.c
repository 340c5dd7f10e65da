#include "src/import.h"
#include "src/import_source.h"
#include "src/lang.h"
#include "src/sha256.h"

#include <string.h>
#include <sys/stat.h>

enum { PIECE_US = 50000, BATCH_BYTES = 16 << 20, BATCH_LETTERS = 2000 };

struct bz_importer {
	struct bz_store *store;
	struct bz_import_source source;
	char *title;
	struct bz_import_target target;
	/* the folder that is being filled */
	guint folder; /* of source.folders; G_MAXUINT = none yet */
	char *mbox, *name;
	GHashTable *there; /* digest -> how many of it are still to be left out */
	guint next;        /* letter */
	int64_t bytes;     /* of the letters before */
	guint imported, left_out;
	/* this step */
	const struct bz_job *job;
	int64_t until;
};

struct bz_importer *bz_importer_new(struct bz_store *store, const char *path, const char *title,
	const struct bz_import_target *target, struct bz_err *err)
{
	struct bz_importer *i = g_new0(struct bz_importer, 1);

	i->store = store;
	i->title = g_strdup(title);
	i->target = *target;
	i->folder = G_MAXUINT;
	if (bz_import_source_open(&i->source, path, err) != 0)
		bz_importer_free(&i);
	return i;
}

void bz_importer_free(struct bz_importer **importer)
{
	struct bz_importer *i = *importer;

	if (i == NULL)
		return;
	bz_import_source_close(&i->source);
	g_clear_pointer(&i->there, g_hash_table_unref);
	g_free(i->title);
	g_free(i->mbox);
	g_free(i->name);
	g_free(i);
	*importer = NULL;
}

bool bz_importer_is(const struct bz_importer *i, const char *path, const char *title)
{
	return strcmp(i->source.path, path) == 0 && strcmp(i->title, title) == 0;
}

static bool is_time_up(void *me)
{
	const struct bz_importer *i = me;

	return g_get_monotonic_time() > i->until || i->job->report->hurry(i->job->report->me);
}

/* --- the target ------------------------------------------------------------------------------- */

/* What the folder has, live, when its import begins: with what a killed import had written, too. */
static int load_there(struct bz_importer *i, struct bz_err *err)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct bz_local));
	int rc = bz_mail_begin(i->store, i->job->cancel, err);

	if (rc == 0) {
		rc = bz_store_local_all(i->store, i->name, all, err);
		bz_mail_end(i->store);
	}
	g_clear_pointer(&i->there, g_hash_table_unref);
	i->there = g_hash_table_new_full(bz_sha256_hash, bz_sha256_equal, g_free, NULL);
	for (guint k = 0; k < all->len && rc == 0; k++) {
		const struct bz_local *row = &g_array_index(all, struct bz_local, k);
		guint n = GPOINTER_TO_UINT(g_hash_table_lookup(i->there, row->digest));

		if (row->state == BZ_LOCAL_HERE)
			g_hash_table_insert(
				i->there, g_memdup2(row->digest, 32), GUINT_TO_POINTER(n + 1));
	}
	g_array_unref(all);
	return rc;
}

/* A folder's own file would grow while it is read. */
static int check_other_file(const struct bz_importer *i, struct bz_err *err)
{
	struct stat from, to;

	if (fstat(i->source.fd, &from) != 0 || stat(i->mbox, &to) != 0 ||
		from.st_dev != to.st_dev || from.st_ino != to.st_ino)
		return 0;
	return bz_err_set(err, BZ_ERR_USAGE, BZ_CODE_NONE,
		_("%s is the file of that folder itself; there is nothing to import."),
		i->source.path);
}

static int open_folder(struct bz_importer *i, guint folder, struct bz_err *err)
{
	const char *below = i->source.folders->pdata[folder];
	g_autofree char *title =
		below[0] != '\0' ? g_strdup_printf("%s/%s", i->title, below) : g_strdup(i->title);

	g_clear_pointer(&i->mbox, g_free);
	g_clear_pointer(&i->name, g_free);
	if (i->target.folder(i->target.me, i->job, title, &i->mbox, &i->name, err) != 0)
		return -1;
	i->folder = folder;
	if (check_other_file(i, err) != 0)
		return -1;
	return load_there(i, err);
}

/* --- a batch ---------------------------------------------------------------------------------- */

struct piece { /* of the batch, as bz_append asks for it */
	const struct bz_importer *importer;
	const struct bz_letter *letter;
};

static int give(void *me, bz_sink *sink, void *sink_me, struct bz_err *err)
{
	const struct piece *p = me;

	return bz_import_source_give(&p->importer->source, p->letter, sink, sink_me, err);
}

static int discard(void *me, const void *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	return g_cancellable_is_cancelled(me) ? -1 : 0;
}

/* Its identity once it is stored. */
static int digest_of(const struct bz_importer *i, const struct bz_letter *letter,
	uint8_t digest[32], struct bz_err *err)
{
	struct bz_encoder *e = bz_encoder_begin(0, letter->flags, true, discard, i->job->cancel);
	int64_t length;
	int rc = bz_import_source_give(&i->source, letter, bz_encoder_feed, e, err);

	(void)bz_encoder_end(&e, &length, digest);
	return rc;
}

/* Does the folder have it? As often as it does, it is left out. */
static bool is_there(struct bz_importer *i, const uint8_t digest[32])
{
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(i->there, digest));

	if (n == 0)
		return false;
	g_hash_table_insert(i->there, g_memdup2(digest, 32), GUINT_TO_POINTER(n - 1));
	return true;
}

static const struct bz_letter *letter_at(const struct bz_importer *i, guint n)
{
	return n < i->source.letters->len ? &g_array_index(i->source.letters, struct bz_letter, n)
					  : NULL;
}

static int take_letter(
	struct bz_importer *i, const struct bz_letter *letter, GArray *batch, struct bz_err *err)
{
	struct piece piece = {i, letter};
	uint8_t digest[32];

	if (digest_of(i, letter, digest, err) != 0)
		return -1;
	if (is_there(i, digest))
		i->left_out++;
	else
		g_array_append_val(batch, piece);
	i->next++;
	i->bytes += letter->length;
	return 0;
}

/* Letters of one folder, as many as the time and the batch have room for. */
static int collect(struct bz_importer *i, GArray *batch, struct bz_err *err)
{
	int64_t first = i->bytes;
	const struct bz_letter *letter;

	while ((letter = letter_at(i, i->next)) != NULL && letter->folder == i->folder) {
		bool fits = i->bytes == first || i->bytes + letter->length - first <= BATCH_BYTES;

		if (!fits || batch->len == BATCH_LETTERS)
			return 0;
		if (take_letter(i, letter, batch, err) != 0)
			return -1;
		if (is_time_up(i))
			return 0;
	}
	return 0;
}

static int write_batch(struct bz_importer *i, const GArray *batch, struct bz_err *err)
{
	g_autofree struct bz_append_item *items = g_new0(struct bz_append_item, batch->len);

	for (guint k = 0; k < batch->len; k++) {
		struct piece *piece = &g_array_index(batch, struct piece, k);

		items[k] = (struct bz_append_item){.give = give,
			.me = piece,
			.received = piece->letter->received,
			.flags = piece->letter->flags};
	}
	if (batch->len > 0 &&
		i->target.add(i->target.me, i->job, i->name, items, batch->len, err) != 0)
		return -1;
	i->imported += batch->len;
	return 0;
}

/* --- a step ----------------------------------------------------------------------------------- */

static int add_some(struct bz_importer *i, struct bz_err *err)
{
	GArray *batch = g_array_new(FALSE, FALSE, sizeof(struct piece));
	const struct bz_letter *letter = letter_at(i, i->next);
	int rc = 0;

	if (letter != NULL && letter->folder != i->folder)
		rc = open_folder(i, letter->folder, err);
	if (rc == 0)
		rc = collect(i, batch, err);
	if (rc == 0)
		rc = write_batch(i, batch, err);
	g_array_unref(batch);
	return rc;
}

static void tell_end(const struct bz_importer *i)
{
	g_autofree char *imported = bz_lang_number(i->imported);
	g_autofree char *left_out = bz_lang_number(i->left_out);
	g_autofree char *text = NULL;

	if (i->left_out == 0)
		text = g_strdup_printf(
			ngettext("%s imported", "%s imported", i->imported), imported);
	else
		text = g_strdup_printf(ngettext("%s imported, %s was there already",
					       "%s imported, %s were there already", i->left_out),
			imported, left_out);
	i->job->report->note(i->job->report->me, text);
}

static void tell(const struct bz_importer *i, bool over)
{
	const struct bz_report *report = i->job->report;

	if (over)
		report->progress(report->me, 0, 0, 0, 0);
	else
		report->progress(report->me, i->next, MAX(i->source.letters->len, 1),
			(uint64_t)i->bytes, (uint64_t)MAX(i->source.bytes, i->bytes));
}

static int step(struct bz_importer *i, bool *more, struct bz_err *err)
{
	if (!i->source.listed &&
		(bz_import_source_list(&i->source, i->job->cancel, is_time_up, i, more, err) != 0 ||
			*more))
		return *more ? 0 : -1;
	if (i->folder == G_MAXUINT && open_folder(i, 0, err) != 0)
		return -1;
	if (add_some(i, err) != 0)
		return -1;
	*more = i->next < i->source.letters->len;
	return 0;
}

int bz_importer_step(
	struct bz_importer *i, const struct bz_job *job, bool *more, struct bz_err *err)
{
	int rc;

	*more = false;
	i->job = job;
	i->until = g_get_monotonic_time() + PIECE_US;
	rc = step(i, more, err);
	if (rc == 0 && !*more)
		tell_end(i);
	tell(i, rc != 0 || !*more);
	return rc;
}
