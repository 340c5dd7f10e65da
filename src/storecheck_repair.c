/* buzon check --store --repair: nothing is deleted, and nothing is forgotten that is not written
 * down first. */
#include "src/deliver_private.h"
#include "src/lang.h"
#include "src/mbox.h"
#include "src/paths.h"
#include "src/sha256.h"
#include "src/store_tools.h"
#include "src/storecheck_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

/* --- fragments -------------------------------------------------------------------------------- */

/* Hand the bytes from..end to f, in pieces; -1 with err. */
static int each_piece(const struct bz_check_folder *folder, int64_t from, int64_t end,
	int (*f)(void *me, const void *bytes, size_t n, int64_t at), void *me, struct bz_err *err)
{
	g_autofree char *piece = g_malloc(PIECE);
	int fd = open(folder->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int64_t at = from;

	while (fd >= 0 && at < end) {
		ssize_t n = pread(fd, piece, (size_t)MIN(end - at, PIECE), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || f(me, piece, (size_t)n, at - from) != 0)
			break;
		at += n;
	}
	if (fd >= 0)
		close(fd);
	if (at == end)
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot read the mail file: %s."),
		g_strerror(errno));
}

static int into_checksum(void *me, const void *bytes, size_t n, int64_t at)
{
	(void)at;
	g_checksum_update(me, bytes, (gssize)n);
	return 0;
}

char *bz_check_copy_name(
	const struct bz_check_folder *folder, int64_t from, int64_t end, struct bz_err *err)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	char *name = NULL;

	if (each_piece(folder, from, end, into_checksum, sum, err) == 0)
		name = g_strdup_printf(
			"%s.salvage-%.16s", folder->path, g_checksum_get_string(sum));
	g_checksum_free(sum);
	return name;
}

static int into_file(void *me, const void *bytes, size_t n, int64_t at)
{
	return bz_deliver_write(*(const int *)me, bytes, n, at);
}

int bz_check_copy(const struct bz_check_folder *folder, int64_t from, int64_t end, const char *copy,
	struct bz_err *err)
{
	g_autofree char *temp = g_strconcat(copy, ".part", NULL);
	int fd = bz_open_private(temp, O_WRONLY | O_CREAT | O_TRUNC, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = each_piece(folder, from, end, into_file, &fd, err);
	if (rc == 0 &&
		(fsync(fd) != 0 || rename(temp, copy) != 0 || bz_deliver_sync_dir(copy) != 0))
		rc = bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."), copy,
			g_strerror(errno));
	close(fd);
	return rc;
}

/* --- the report of what is missing ------------------------------------------------------------ */

static int open_report(struct bz_check *c, struct bz_err *err)
{
	if (c->report >= 0)
		return 0;
	c->report_path =
		g_strdup_printf("%s/missing.salvage-%" G_GINT64_FORMAT, c->dir, g_get_real_time());
	c->report = bz_open_private(c->report_path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, err);
	return c->report >= 0 ? 0 : -1;
}

static int write_report(struct bz_check *c, const char *text, struct bz_err *err)
{
	if (open_report(c, err) != 0)
		return -1;
	if (write(c->report, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."), c->report_path,
		g_strerror(errno));
}

static int sync_report(const struct bz_check *c, struct bz_err *err)
{
	if (c->report < 0 || (fsync(c->report) == 0 && bz_deliver_sync_dir(c->report_path) == 0))
		return 0;
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot write %s: %s."), c->report_path,
		g_strerror(errno));
}

static void append_summary(const struct bz_check *c, const char *folder, uint32_t uid, GString *out)
{
	struct bz_summary row;
	struct bz_folder f;

	if (bz_store_folder_by_name(c->store, folder, &f, NULL) != 0)
		return;
	if (bz_store_by_uid(c->store, f.id, uid, &row, NULL) == 0) {
		g_string_append_printf(out, "From: %s <%s>\nSubject: %s\nMessage-ID: <%s>\n",
			row.from_name, row.from_addr, row.subject, row.message_id);
		bz_summary_clear(&row);
	}
	bz_folder_clear(&f);
}

/* All that is known of it; *uidl is set where the ledger has it as stored. */
static int report_missing(struct bz_check *c, const struct bz_check_folder *folder,
	const struct bz_local *row, char uidl[71], struct bz_err *err)
{
	GString *out = g_string_new(NULL);
	struct bz_ledger known;
	int rc = bz_store_ledger_by_local(c->store, row->uid, &known, err);

	uidl[0] = '\0';
	g_string_append_printf(out, "Folder: %s\nUID: %u\nFlags: %x\nSHA-256: ", folder->title,
		row->uid, row->flags);
	for (size_t i = 0; i < sizeof row->digest; i++)
		g_string_append_printf(out, "%02x", row->digest[i]);
	g_string_append_c(out, '\n');
	if (rc == 0) {
		g_string_append_printf(
			out, "UIDL: %s\nSize: %" G_GUINT64_FORMAT "\n", known.uidl, known.size);
		if (known.state == BZ_LEDGER_STORED)
			g_strlcpy(uidl, known.uidl, 71);
	}
	append_summary(c, folder->name, row->uid, out);
	g_string_append_c(out, '\n');
	if (rc >= 0)
		rc = write_report(c, out->str, err);
	g_string_free(out, TRUE);
	return rc;
}

/* --- folders ---------------------------------------------------------------------------------- */

struct gone { /* a missing message, noted in the report */
	uint32_t uid;
	char uidl[71];
};

struct sorting {
	struct bz_check *check;
	GHashTable *unknown; /* digest -> struct place *: a message that nobody knows */
	GArray *gone;        /* struct gone */
	guint moved;
};

struct place {
	struct bz_boxmap_item *item;
	const struct bz_check_folder *folder;
};

static void collect_unknown(struct sorting *s, const struct bz_check_folder *f)
{
	for (guint i = 0; f->unknown > 0 && i < f->map.items->len; i++) {
		struct bz_boxmap_item *item =
			&g_array_index(f->map.items, struct bz_boxmap_item, i);
		struct place *place;

		if (item->uid != 0)
			continue;
		place = g_new(struct place, 1);
		*place = (struct place){item, f};
		g_hash_table_insert(s->unknown, item->digest, place);
	}
}

/* It is the one that another program took to another folder, or it is gone. */
static int sort_out(struct sorting *s, const struct bz_check_folder *f, const struct bz_local *row,
	struct bz_err *err)
{
	const struct place *place = g_hash_table_lookup(s->unknown, row->digest);
	struct gone one = {.uid = row->uid};

	if (place != NULL && place->item->uid == 0) {
		place->item->uid = row->uid;
		s->moved++;
		if (bz_store_local_set_state(s->check->store, row->uid, BZ_LOCAL_HERE, err) != 0)
			return -1;
		return bz_store_local_refile(s->check->store, row->uid, place->folder->name, err);
	}
	if (report_missing(s->check, f, row, one.uidl, err) != 0)
		return -1;
	g_array_append_val(s->gone, one);
	return 0;
}

static int sort_out_folder(struct sorting *s, const struct bz_check_folder *f, struct bz_err *err)
{
	for (guint i = 0; i < f->map.missing->len; i++) {
		const struct bz_local *row = &g_array_index(f->map.missing, struct bz_local, i);

		if (!bz_boxmap_is_removed(row->state) && sort_out(s, f, row, err) != 0)
			return -1;
	}
	return 0;
}

static int sort_out_missing(struct sorting *s, struct bz_err *err)
{
	const GPtrArray *folders = s->check->folders;

	for (guint i = 0; i < folders->len; i++)
		collect_unknown(s, folders->pdata[i]);
	for (guint i = 0; i < folders->len; i++)
		if (sort_out_folder(s, folders->pdata[i], err) != 0)
			return -1;
	return sync_report(s->check, err);
}

static int forget(struct bz_check *c, const GArray *gone, struct bz_err *err)
{
	for (guint i = 0; i < gone->len; i++) {
		const struct gone *one = &g_array_index(gone, struct gone, i);

		if (one->uidl[0] != '\0' && bz_store_ledger_drop(c->store, one->uidl, err) != 0)
			return -1;
		if (bz_store_local_forget(c->store, one->uid, err) != 0)
			return -1;
	}
	return 0;
}

static int adopt(struct bz_check *c, struct bz_err *err)
{
	for (guint i = 0; i < c->folders->len; i++) {
		const struct bz_check_folder *f = c->folders->pdata[i];

		for (guint k = 0; k < f->map.items->len; k++) {
			const struct bz_boxmap_item *item =
				&g_array_index(f->map.items, struct bz_boxmap_item, k);
			uint32_t uid;

			if (item->uid == 0 && bz_store_local_adopt(c->store, f->name, item->digest,
						      item->status, item->status, &uid, err) != 0)
				return -1;
		}
	}
	return 0;
}

/* What is listed of the folders is to be looked at again. */
static int invalidate(struct bz_check *c, struct bz_err *err)
{
	for (guint i = 0; i < c->folders->len; i++) {
		const struct bz_check_folder *f = c->folders->pdata[i];
		struct bz_folder known;
		int rc = bz_store_folder_by_name(c->store, f->name, &known, err);

		if (rc == 0) {
			rc = bz_store_folder_note(c->store, known.id, "", err);
			bz_folder_clear(&known);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static void say_sorted(const struct sorting *s)
{
	if (s->moved > 0)
		bz_check_say(s->check, NULL,
			ngettext("%u of them is in another folder now",
				"%u of them are in another folder now", s->moved),
			s->moved);
	if (s->gone->len > 0)
		bz_check_say(s->check, NULL,
			ngettext("%u message was forgotten, what is known of it is in %s; if the "
				 "server still has it, it is downloaded again",
				"%u messages were forgotten, what is known of them is in %s; those "
				"that the server still has are downloaded again",
				s->gone->len),
			s->gone->len, s->check->report_path);
}

int bz_check_repair_folders(struct bz_check *c, struct bz_err *err)
{
	struct sorting s = {.check = c};
	int rc = bz_store_state_begin(c->store, err);

	s.gone = g_array_new(FALSE, TRUE, sizeof(struct gone));
	s.unknown = g_hash_table_new_full(bz_sha256_hash, bz_sha256_equal, NULL, g_free);
	if (rc == 0)
		rc = bz_store_state_end(c->store,
			sort_out_missing(&s, err) == 0 && forget(c, s.gone, err) == 0 &&
				adopt(c, err) == 0,
			err);
	if (rc == 0)
		rc = invalidate(c, err);
	if (rc == 0)
		say_sorted(&s);
	g_array_unref(s.gone);
	g_hash_table_unref(s.unknown);
	return rc;
}

/* --- the ledger ------------------------------------------------------------------------------- */

static int drop_orphans(struct bz_check *c, const GArray *orphans, struct bz_err *err)
{
	for (guint i = 0; i < orphans->len; i++) {
		const struct bz_ledger *row = &g_array_index(orphans, struct bz_ledger, i);
		g_autofree char *text = g_strdup_printf(
			"UIDL: %s\nSize: %" G_GUINT64_FORMAT "\n\n", row->uidl, row->size);

		if (write_report(c, text, err) != 0 ||
			bz_store_ledger_drop(c->store, row->uidl, err) != 0)
			return -1;
	}
	return sync_report(c, err);
}

int bz_check_repair_ledger(struct bz_check *c, const GArray *orphans, struct bz_err *err)
{
	if (orphans->len == 0)
		return 0;
	if (bz_store_state_begin(c->store, err) != 0)
		return -1;
	return bz_store_state_end(c->store, drop_orphans(c, orphans, err) == 0, err);
}
