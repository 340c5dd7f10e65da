#include "net/imap_live.h"
#include "net/imap_rows.h"
#include "net/imap_sparse.h"
#include "net/imap_uidset.h"
#include "src/lang.h"

enum {
	NOTED_MAX = 2000, /* marks and removals held at a time */
	LOOK_ROWS = 500   /* marks of so many newest are asked for where some were missed */
};

/* --- noting ----------------------------------------------------------------------------------- */

void imap_live_clear(struct bz_backend *b)
{
	struct imap_live *live = &b->live;

	g_clear_pointer(&live->uids, g_array_unref);
	g_clear_pointer(&live->flags, g_array_unref);
	g_clear_pointer(&live->doubted, g_array_unref);
	g_clear_pointer(&live->gone, g_array_unref);
	live->next_uid = 0;
	live->arrived = live->look = live->is_odd = live->lost = live->renumbered = false;
	live->is_part = false;
}

/* What was noted by UID stays right. */
static void lose(struct imap_live *live)
{
	g_clear_pointer(&live->uids, g_array_unref);
	live->lost = true;
}

static void note_expunge(struct imap_live *live, uint32_t number)
{
	uint32_t uid;

	if (live->uids == NULL || number == 0 || number > live->uids->len) {
		lose(live);
		return;
	}
	uid = g_array_index(live->uids, uint32_t, number - 1);
	g_array_remove_index(live->uids, number - 1);
	if (uid > 0)
		g_array_append_val(live->gone, uid);
	if (live->gone->len > NOTED_MAX)
		lose(live);
}

static void note_exists(struct imap_live *live, uint32_t number, uint32_t before)
{
	if (number == before)
		return;
	live->arrived = live->arrived || number > before;
	if (live->uids == NULL || number < before || number - before > IMAP_BATCH) {
		lose(live);
		return;
	}
	g_array_set_size(live->uids, number);
}

static void note_flags(struct imap_live *live, const struct imap_uid_flags *f)
{
	GArray *to = live->is_quiet ? live->flags : live->doubted;

	if (to->len < NOTED_MAX)
		g_array_append_val(to, *f);
	else
		live->look = true;
}

static void note_fetch(struct imap_live *live, const struct imap_resp *r)
{
	struct imap_item item;
	uint32_t *slot;

	imap_item(r->fetch, &item);
	if (live->uids == NULL || r->number == 0 || r->number > live->uids->len) {
		live->look = live->look || item.uid == 0; /* unasked: it says only the number */
		return;
	}
	slot = &g_array_index(live->uids, uint32_t, r->number - 1);
	if (*slot == 0)
		*slot = item.uid;
	if (item.uid != 0 && *slot != item.uid)
		lose(live);
	else if (item.has_flags && *slot > 0)
		note_flags(live, &(struct imap_uid_flags){*slot, item.flags});
}

/* Told once it is the folder's counts that are asked for: the words differ by the event. */
static void note_status(struct imap_live *live, const struct imap_resp *r)
{
	live->inbox_told =
		live->inbox_told || (live->notifies && g_ascii_strcasecmp(r->text, "INBOX") == 0);
}

void imap_live_note(struct bz_backend *b, const struct imap_resp *r)
{
	uint64_t validity;

	if (r->kind == IMAP_EXPUNGE) {
		note_expunge(&b->live, r->number);
	} else if (r->kind == IMAP_EXISTS) {
		note_exists(&b->live, r->number, b->box.exists);
	} else if (r->kind == IMAP_FETCH) {
		note_fetch(&b->live, r);
	} else if (r->kind == IMAP_STATUS) {
		note_status(&b->live, r);
	} else if (r->kind == IMAP_STATE) {
		if (g_ascii_strcasecmp(r->code, "NOTIFICATIONOVERFLOW") == 0)
			b->live.notifies = false;
		validity = imap_code_number(r->code, "UIDVALIDITY");
		b->live.renumbered =
			b->live.renumbered || (validity > 0 && validity != b->box.uidvalidity);
	}
}

void imap_live_vanished(struct bz_backend *b, const GArray *ranges)
{
	struct imap_live *live = &b->live;
	guint before, n = 0;
	uint32_t *uids;

	if (live->uids == NULL || ranges == NULL) {
		lose(live);
		return;
	}
	uids = (uint32_t *)(void *)live->uids->data;
	before = live->uids->len;
	for (guint i = 0, k = 0; i < before; i++) {
		while (uids[i] > 0 && k < ranges->len &&
			g_array_index(ranges, struct imap_range, k).high < uids[i])
			k++;
		if (uids[i] > 0 && k < ranges->len &&
			g_array_index(ranges, struct imap_range, k).low <= uids[i])
			g_array_append_val(live->gone, uids[i]);
		else
			uids[n++] = uids[i];
	}
	g_array_set_size(live->uids, n);
	if (before - n < imap_ranges_count(ranges, 1, UINT32_MAX) || live->gone->len > NOTED_MAX)
		lose(live); /* of some it is not known which number they had */
}

void imap_live_keep(struct bz_backend *b)
{
	b->live.look = true;
}

/* --- following -------------------------------------------------------------------------------- */

/* Where the store holds the whole folder, or all of it from a message on (keep), its UIDs are those
 * of the sequence numbers. */
static int follow(struct bz_backend *b, struct bz_err *err)
{
	struct imap_live *live = &b->live;
	const struct imap_box *box = &b->box;
	GArray *uids;

	if (live->uids != NULL || box->passing || live->lost || live->is_odd)
		return 0;
	uids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
	if (box->is_cut)
		g_array_set_size(uids, box->next);
	if (bz_store_uids(b->store, box->folder, box->is_cut ? box->low_uid : 0, UINT32_MAX, uids,
		    err) != 0) {
		g_array_unref(uids);
		return -1;
	}
	live->is_odd = uids->len != box->exists;
	if (live->is_odd) {
		g_array_unref(uids);
		return 0;
	}
	live->is_part = box->is_cut;
	live->next_uid = box->uidnext;
	if (uids->len > 0)
		live->next_uid =
			MAX(live->next_uid, g_array_index(uids, uint32_t, uids->len - 1) + 1);
	live->uids = uids;
	live->flags = g_array_new(FALSE, FALSE, sizeof(struct imap_uid_flags));
	live->doubted = g_array_new(FALSE, FALSE, sizeof(struct imap_uid_flags));
	live->gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return 0;
}

static bool is_any(const GArray *array)
{
	return array != NULL && array->len > 0;
}

bool imap_live_is_due(const struct bz_backend *b)
{
	const struct imap_live *live = &b->live;

	return live->arrived || live->look || live->lost || live->renumbered ||
	       is_any(live->flags) || is_any(live->doubted) || is_any(live->gone);
}

/* --- into the store --------------------------------------------------------------------------- */

/* Marks of rows; of those that have none they come with the row. */
static int put_flags(
	struct bz_backend *b, const struct bz_job *job, GArray *flags, struct bz_err *err)
{
	GArray *unknown = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct imap_intake in;
	int rc;

	imap_intake_init(&in, b);
	g_array_append_vals(in.flags, flags->data, flags->len);
	rc = imap_put_flags(&in, job, unknown, err);
	imap_intake_clear(&in);
	g_array_unref(unknown);
	return rc;
}

/* Needed of a folder that is listed in part alone. */
static int count_unread(struct bz_backend *b, uint32_t *unread, struct bz_err *err)
{
	uint32_t known;

	*unread = 0;
	if (!b->live.is_part)
		return 0;
	return bz_store_count(b->store, b->box.folder, &known, unread, err);
}

/* Of a folder that is listed in part the unread messages are as many more, or fewer, as of
 * its rows. */
static int move_unseen(struct bz_backend *b, uint32_t before, struct bz_err *err)
{
	struct bz_folder folder;
	uint32_t now;
	int64_t unseen;
	int rc;

	if (count_unread(b, &now, err) != 0)
		return -1;
	if (now == before)
		return 0;
	if (bz_store_folder_by_id(b->store, b->box.folder, &folder, err) != 0)
		return -1;
	unseen = (int64_t)folder.unseen + now - before;
	folder.unseen = (uint32_t)CLAMP(unseen, 0, (int64_t)b->box.exists);
	rc = bz_store_folder_put(b->store, &folder, err);
	bz_folder_clear(&folder);
	return rc;
}

/* before: unread rows, then. */
static int put_counts(
	struct bz_backend *b, const struct bz_job *job, uint32_t before, struct bz_err *err)
{
	if (b->live.is_part && move_unseen(b, before, err) != 0)
		return -1;
	return imap_put_counts(b, job, b->live.uids != NULL && !b->live.is_part, err);
}

int imap_live_put(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_live *live = &b->live;
	uint32_t unread;
	int rc;

	if (!is_any(live->flags) && !is_any(live->gone))
		return 0;
	rc = count_unread(b, &unread, err);
	if (rc == 0 && live->flags->len > 0)
		rc = put_flags(b, job, live->flags, err);
	if (rc == 0 && live->gone->len > 0)
		rc = imap_remove_rows(b, job, live->gone, err);
	g_array_set_size(live->flags, 0);
	g_array_set_size(live->gone, 0);
	return rc == 0 ? put_counts(b, job, unread, err) : -1;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int ask(struct imap_intake *in, const struct bz_job *job, const char *items, const char *set,
	struct bz_err *err)
{
	struct bz_backend *b = in->b;

	if (imap_submit(b->conn, &imap_intake_on, in, NULL, err, "UID FETCH %s %s", set, items) !=
		0)
		return -1;
	return imap_intake_wait(in, job, err);
}

static int fetch_arrived(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_live *live = &b->live;
	g_autofree char *set = g_strdup_printf("%u:*", live->next_uid);
	struct imap_intake in;
	int rc;

	imap_intake_init(&in, b);
	imap_intake_ask(&in, true, live->next_uid, UINT32_MAX);
	rc = ask(&in, job, IMAP_ROW_ITEMS, set, err);
	if (rc == 0 && in.uids->len > 0)
		live->next_uid = g_array_index(in.uids, uint32_t, in.uids->len - 1) + 1;
	if (rc == 0)
		rc = imap_put_rows(&in, job, BZ_CHANGE_NEWER, err);
	imap_intake_clear(&in);
	return rc;
}

int imap_live_fetch(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_live *live = &b->live;

	if (!live->arrived)
		return 0;
	live->arrived = false;
	live->next_uid = MAX(live->next_uid, b->box.uidnext);
	return live->next_uid > 0 ? fetch_arrived(b, job, err) : 0;
}

/* Those of the doubted whose row says something else. */
static char *doubted_set(struct bz_backend *b)
{
	GString *set = g_string_new(NULL);

	for (guint i = 0; i < b->live.doubted->len; i++) {
		const struct imap_uid_flags *f =
			&g_array_index(b->live.doubted, struct imap_uid_flags, i);
		struct bz_summary row;

		if (bz_store_by_uid(b->store, b->box.folder, f->uid, &row, NULL) != 0)
			continue;
		if (((row.flags ^ f->flags) & BZ_FLAGS_REMOTE) != 0)
			g_string_append_printf(set, "%s%u", set->len > 0 ? "," : "", f->uid);
		bz_summary_clear(&row);
	}
	g_array_set_size(b->live.doubted, 0);
	return g_string_free(set, FALSE);
}

/* The newest rows' UIDs on, as far back as marks are looked at. */
static char *look_set(const struct imap_live *live)
{
	guint i = live->uids->len > LOOK_ROWS ? live->uids->len - LOOK_ROWS : 0;

	while (i + 1 < live->uids->len && g_array_index(live->uids, uint32_t, i) == 0)
		i++;
	return live->uids->len > 0 ? g_strdup_printf("%u:*", g_array_index(live->uids, uint32_t, i))
				   : g_strdup("");
}

static int ask_flags(
	struct bz_backend *b, const struct bz_job *job, const char *set, struct bz_err *err)
{
	struct imap_intake in;
	int rc = 0;

	if (set[0] == '\0')
		return 0;
	imap_intake_init(&in, b);
	imap_intake_ask(&in, true, 1, UINT32_MAX);
	rc = ask(&in, job, "(UID FLAGS)", set, err);
	if (rc == 0)
		rc = put_flags(b, job, in.flags, err);
	imap_intake_clear(&in);
	return rc;
}

static int ask_marks(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_live *live = &b->live;
	g_autofree char *doubted = doubted_set(b), *look = NULL;

	if (live->look)
		look = look_set(live);
	live->look = false;
	if (ask_flags(b, job, doubted, err) != 0)
		return -1;
	if (look != NULL && ask_flags(b, job, look, err) != 0)
		return -1;
	g_array_set_size(live->doubted, 0); /* the answers, seen on their way */
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int settle(struct bz_backend *b, const struct bz_job *job, struct bz_err *err)
{
	struct imap_live *live = &b->live;
	bool counts = live->arrived || live->look || live->doubted->len > 0;
	uint32_t unread;

	if (imap_live_put(b, job, err) != 0 || count_unread(b, &unread, err) != 0 ||
		imap_live_fetch(b, job, err) != 0 || ask_marks(b, job, err) != 0)
		return -1;
	/* who tells of messages and then has none */
	if (live->uids != NULL && !live->arrived && live->uids->len > 0 &&
		g_array_index(live->uids, uint32_t, live->uids->len - 1) == 0)
		lose(live);
	return counts ? put_counts(b, job, unread, err) : 0;
}

int imap_live_settle(
	struct bz_backend *b, const struct bz_job *job, bool *again, struct bz_err *err)
{
	struct imap_live *live = &b->live;

	if (live->renumbered)
		return bz_err_set(err, BZ_ERR_NET, BZ_CODE_CLOSED,
			_("%s numbered the messages of this folder anew; it is listed again."),
			b->account->host);
	if (follow(b, err) != 0 || (b->box.is_cut && imap_sparse_step(b, job, err) != 0))
		return -1;
	if (live->uids != NULL)
		return imap_live_is_due(b) ? settle(b, job, err) : 0;
	*again = live->lost;
	if (imap_live_put(b, job, err) != 0)
		return -1;
	live->lost = live->look = live->arrived = false;
	return 0;
}
