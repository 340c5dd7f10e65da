/* Messages into another folder of the server, and for ever out of theirs: MOVE (RFC 6851), else
 * COPY and then, once that said OK, \Deleted and UID EXPUNGE (RFC 4315). EXPUNGE alone is never
 * sent: it would take what others have marked. */
#include "net/imap_move.h"
#include "src/lang.h"

#include <stdio.h>
#include <string.h>

/* --- commands --------------------------------------------------------------------------------- */

/* UIDNEXT of the target: what arrives there is looked for from it on. A server that does not tell
 * is taken as it is. */
static void on_status(void *me, const struct imap_resp *r)
{
	struct imap_moving *m = me;

	if (r->kind != IMAP_STATUS)
		return;
	imap_status(r->status, MAILIMAP_STATUS_ATT_UIDNEXT, &m->uidnext);
	imap_status(r->status, MAILIMAP_STATUS_ATT_UIDVALIDITY, &m->to.uidvalidity);
}

static int ask_uidnext(struct imap_moving *m)
{
	static const struct imap_on on = {.untagged = on_status};
	struct bz_backend *b = m->call.b;

	m->uidnext = 0;
	if (imap_submit(b->conn, &on, m, NULL, m->call.err, "STATUS %m (UIDNEXT UIDVALIDITY)",
		    m->to.name) != 0)
		return -1;
	return imap_go(b, m->call.job, NULL, m->call.err);
}

struct copying {
	struct imap_result result;
	struct imap_copied copied;
};

static void on_copied(void *me, const struct imap_resp *r)
{
	if (r->kind == IMAP_STATE && strcmp(r->word, "OK") == 0)
		imap_copied_note(&((struct copying *)me)->copied, r->code);
}

static void on_copy_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct copying *c = me;

	imap_on_end(&c->result, end, code, text);
	if (end == IMAP_OK)
		imap_copied_note(&c->copied, code);
}

/* MOVE or COPY: 0 answered, -1 the line failed. */
static int send_copy(struct imap_moving *m, struct copying *c)
{
	static const struct imap_on on = {.untagged = on_copied, .end = on_copy_end};
	struct bz_backend *b = m->call.b;
	GString *set = g_string_new(NULL);
	int rc;

	memset(m->places, 0, sizeof m->places);
	*c = (struct copying){.copied = {.asked = m->uids, .n = m->n, .to = m->places}};
	(void)imap_uidset_add(set, m->uids, m->n);
	rc = imap_submit(b->conn, &on, c, NULL, m->call.err, "UID %s %s %m",
		m->by_move ? "MOVE" : "COPY", set->str, m->to.name);
	g_string_free(set, TRUE);
	return rc == 0 ? imap_go(b, m->call.job, NULL, m->call.err) : -1;
}

/* --- to the target ---------------------------------------------------------------------------- */

static int refuse(const struct imap_moving *m, const struct imap_result *result)
{
	if (g_ascii_strcasecmp(result->code, "EXPUNGEISSUED") == 0)
		return bz_err_set(m->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer there."));
	return imap_refused(result, m->call.err,
		m->copy ? _("The server did not copy the messages.")
			: _("The server did not move the messages; they are where they were."));
}

static bool is_of_request(const struct bz_err *err)
{
	return err->kind == BZ_ERR_REFUSED || err->kind == BZ_ERR_STALE;
}

/* The answer was OK: who arrived, and where. That the latter is not found out fails nothing. */
static void take_places(struct imap_moving *m, const struct imap_copied *copied)
{
	bool any = true;

	m->left = m->by_move;
	m->uidvalidity = copied->uidvalidity;
	if (m->uidvalidity == 0 && m->uidnext > 0 && imap_find_places(m, &any) != 0) {
		any = true;
		if (!is_of_request(m->call.err))
			imap_disconnect(m->call.b);
	}
	for (size_t i = 0; i < m->n; i++)
		m->riders[i].fate = !any || (copied->uidvalidity != 0 && m->places[i] == 0)
					    ? IMAP_VANISHED
					    : IMAP_ARRIVED;
}

static bool may_make(const struct imap_moving *m, const struct imap_result *result)
{
	return result->end == IMAP_NO && g_ascii_strcasecmp(result->code, "TRYCREATE") == 0 &&
	       (m->to.role == BZ_ROLE_TRASH || m->to.role == BZ_ROLE_ARCHIVE);
}

static int carry(struct imap_moving *m)
{
	struct copying c;

	m->by_move = !m->copy && (imap_caps(m->call.b->conn) & IMAP_CAP_MOVE) != 0;
	if (imap_filing_begin(m) != 0)
		return -1;
	if (send_copy(m, &c) != 0)
		return imap_look_after_cut(m);
	if (may_make(m, &c.result)) {
		if (imap_make_again(m->call.b, m->call.job, &m->to, m->call.err) != 0)
			return -1;
		m->uidnext = 1;
		m->to.uidvalidity = 0;
		if (imap_filing_begin(m) != 0)
			return -1;
		if (send_copy(m, &c) != 0)
			return imap_look_after_cut(m);
	}
	if (c.result.end != IMAP_OK)
		return refuse(m, &c.result);
	take_places(m, &c.copied);
	return 0;
}

/* --- out of the source ------------------------------------------------------------------------ */

static int enter_source(struct imap_moving *m, bool write)
{
	struct bz_msgref ref = {m->from.id, m->from.uidvalidity, m->uids[0]};

	if (imap_enter(m->call.b, m->call.job, &ref, write, m->call.err) != 0)
		return -1;
	if (write && !m->call.b->box.writable)
		return bz_err_set(m->call.err, BZ_ERR_REFUSED, BZ_CODE_READ_ONLY,
			_("The server lets this folder be read only."));
	return 0;
}

static bool is_of_line(const struct bz_err *err)
{
	return err->kind == BZ_ERR_NET || err->kind == BZ_ERR_TIMEOUT;
}

/* What may be repeated: once more where the line was lost. */
static int erase_surely(struct imap_moving *m, const uint32_t *uids, size_t n)
{
	int rc = enter_source(m, true);

	if (rc == 0)
		rc = imap_erase(&m->call, uids, n, &m->marked);
	if (rc == 0 || !is_of_line(m->call.err))
		return rc;
	imap_disconnect(m->call.b);
	rc = enter_source(m, true);
	return rc == 0 ? imap_erase(&m->call, uids, n, &m->marked) : -1;
}

static int is_in_both(struct imap_moving *m)
{
	struct bz_err *err = m->call.err;
	bool is_kept = imap_filing_interrupted(m);

	(void)snprintf(err->text, sizeof err->text,
		_("The messages are in %s, but could not be removed from %s: they are in both."),
		m->to.title, m->from.title);
	if (!is_kept && err->kind == BZ_ERR_CANCELLED) /* nothing is said of those */
		m->call.job->report->note(m->call.job->report->me, err->text);
	return -1;
}

static int leave_source(struct imap_moving *m)
{
	uint32_t uids[IMAP_SET_UIDS];
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->riders[i].fate == IMAP_ARRIVED)
			uids[n++] = m->uids[i];
	if (n == 0 || erase_surely(m, uids, n) == 0) {
		m->left = true;
		return 0;
	}
	return is_in_both(m);
}

/* --- what the store and the caller learn ------------------------------------------------------ */

static void tell_places(const struct imap_moving *m)
{
	unsigned lost = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct bz_moved moved = {{m->from.id, m->from.uidvalidity, m->uids[i]},
			{m->to.id, m->uidvalidity, m->places[i]}};

		if (m->riders[i].fate != IMAP_ARRIVED)
			continue;
		if (m->places[i] == 0)
			lost++;
		else if (m->moved != NULL)
			g_array_append_val(m->moved, moved);
	}
	if (lost > 0) {
		g_autofree char *text = g_strdup_printf(
			ngettext("%u message is in %s; where there the server does not say, so u "
				 "cannot undo it.",
				"%u messages are in %s; where there the server does not say, so u "
				"cannot undo it.",
				lost),
			lost, m->to.title);

		m->call.job->report->note(m->call.job->report->me, text);
	}
}

/* The target's numbers; how many there are is known better where it is selected itself. Its rows
 * come when it is looked at. */
static int count_arrivals(const struct imap_moving *m)
{
	struct bz_backend *b = m->call.b;
	bool selected = b->box.name != NULL && b->box.folder == m->to.id;
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(b->store, m->to.id, &folder, m->call.err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	for (size_t i = 0; i < m->n; i++) {
		if (m->riders[i].fate != IMAP_ARRIVED)
			continue;
		folder.exists += !selected;
		folder.unseen +=
			m->riders[i].row.row != 0 && (m->riders[i].row.flags & BZ_FLAG_SEEN) == 0;
	}
	rc = bz_store_folder_put(b->store, &folder, m->call.err);
	bz_folder_clear(&folder);
	return rc;
}

static int settle(struct imap_moving *m)
{
	uint32_t uids[IMAP_SET_UIDS];
	size_t n = 0;

	if (m->copy || m->left)
		tell_places(m);
	if (count_arrivals(m) != 0)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (m->riders[i].fate == IMAP_VANISHED ||
			(m->riders[i].fate == IMAP_ARRIVED && m->left && !m->copy))
			uids[n++] = m->uids[i];
	if (n > 0)
		return imap_drop_rows(&m->call, m->from.id, uids, n, m->marked);
	m->call.job->report->folders(m->call.job->report->me);
	return 0;
}

/* --- as many as one command takes ------------------------------------------------------------- */

static size_t count(const struct imap_moving *m, enum imap_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->riders[i].fate == fate;
	return n;
}

static int conclude(const struct imap_moving *m)
{
	size_t waits = count(m, IMAP_WAITS);

	if (m->call.job->filing != NULL)
		return 0;
	if (waits > 0)
		return bz_err_set(m->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			ngettext("The line broke; %u message did not go to %s and is where it was.",
				"The line broke; %u messages did not go to %s and are where they "
				"were.",
				waits),
			(unsigned)waits, m->to.title);
	if (count(m, IMAP_VANISHED) == m->n)
		return bz_err_set(m->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("This message is no longer there."));
	return 0;
}

static int board(struct imap_moving *m)
{
	const struct bz_filing *filing = m->call.job->filing;

	for (size_t i = 0; i < m->n; i++) {
		struct imap_rider *r = &m->riders[i];
		int known;

		bz_summary_clear(&r->row);
		r->fate = IMAP_WAITS;
		if (filing != NULL) {
			imap_filing_board(r, filing->rows[i]);
			continue;
		}
		known = bz_store_by_uid(
			m->call.b->store, m->from.id, m->uids[i], &r->row, m->call.err);
		if (known < 0)
			return -1;
		r->row.uid = m->uids[i];
	}
	return 0;
}

/* A run ended in its midst: what it did is found out first. Without the target's numbers MOVE may
 * be repeated all the same. */
static int take_up(struct imap_moving *m)
{
	const struct bz_filing *filing = m->call.job->filing;

	m->by_move = (imap_caps(m->call.b->conn) & IMAP_CAP_MOVE) != 0;
	if (filing->uidnext == 0 && m->by_move)
		return ask_uidnext(m) == 0 ? carry(m) : -1;
	m->to.uidvalidity = filing->uidvalidity;
	m->uidnext = filing->uidnext;
	return imap_look_at_begun(m);
}

static int carry_first(struct imap_moving *m)
{
	const struct bz_filing *filing = m->call.job->filing;

	if (filing != NULL && filing->begun)
		return take_up(m);
	return ask_uidnext(m) == 0 ? carry(m) : -1;
}

static int move_some(struct imap_moving *m)
{
	struct bz_err failed = {0};

	m->left = m->marked = false;
	if (board(m) != 0 || enter_source(m, !m->copy) != 0 || carry_first(m) != 0)
		return -1;
	if (!m->copy && !m->left && leave_source(m) != 0)
		failed = *m->call.err;
	if (settle(m) != 0)
		return -1;
	if (m->call.job->filing != NULL)
		imap_filing_tell(m);
	if (failed.kind == BZ_ERR_NONE)
		return conclude(m);
	*m->call.err = failed;
	return -1;
}

/* Where messages can only be marked, those that are went before: they would be there twice. */
static int leave_out_marked(struct imap_moving *m, uint32_t *uids, size_t *n)
{
	size_t kept = 0;

	m->uids = uids;
	if (m->copy)
		return 0;
	if (enter_source(m, true) != 0 ||
		imap_know_caps(&m->call, IMAP_CAP_MOVE | IMAP_CAP_UIDPLUS) != 0)
		return -1;
	if ((imap_caps(m->call.b->conn) & (IMAP_CAP_MOVE | IMAP_CAP_UIDPLUS)) != 0 ||
		m->call.job->filing != NULL)
		return 0;
	for (size_t i = 0; i < *n; i++) {
		struct bz_summary row = {0};
		unsigned flags;

		if (bz_store_by_uid(m->call.b->store, m->from.id, uids[i], &row, m->call.err) < 0)
			return -1;
		flags = row.flags;
		bz_summary_clear(&row);
		if ((flags & BZ_FLAG_DELETED) == 0)
			uids[kept++] = uids[i];
	}
	*n = kept;
	if (kept > 0)
		return 0;
	return bz_err_set(m->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("They are marked as deleted already; this server cannot do more with them."));
}

static int move_all(struct imap_moving *m, const uint32_t *uids, size_t n)
{
	int rc = 0;

	for (size_t done = 0; done < n && rc == 0; done += m->n) {
		m->uids = uids + done;
		m->n = MIN(n - done, (size_t)IMAP_SET_UIDS);
		rc = move_some(m);
	}
	for (size_t i = 0; i < IMAP_SET_UIDS; i++)
		bz_summary_clear(&m->riders[i].row);
	return rc;
}

/* --- the op ----------------------------------------------------------------------------------- */

/* The target by its name; Trash and Archive are made where there is none. */
static int find_target(struct imap_moving *m, const char *name)
{
	struct bz_backend *b = m->call.b;
	int known = bz_store_folder_by_name(b->store, name, &m->to, m->call.err);

	if (known == 1 && strcmp(name, bz_account_makes(b->account, BZ_ROLE_TRASH)) == 0)
		known = imap_need_role(b, m->call.job, BZ_ROLE_TRASH, &m->to, m->call.err);
	else if (known == 1 && strcmp(name, bz_account_makes(b->account, BZ_ROLE_ARCHIVE)) == 0)
		known = imap_need_role(b, m->call.job, BZ_ROLE_ARCHIVE, &m->to, m->call.err);
	else if (known == 1)
		return bz_err_set(m->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("There is no folder %s here."), name);
	if (known != 0)
		return -1;
	if (m->to.id == m->from.id)
		return bz_err_set(m->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("That is the folder in which they are."));
	return 0;
}

static int find_source(struct imap_moving *m, const struct bz_msgref *ref)
{
	int known = bz_store_folder_by_id(m->call.b->store, ref->folder, &m->from, m->call.err);

	m->from.uidvalidity = ref->uidvalidity;
	if (known == 1)
		return bz_err_set(m->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("The folder changed on the server; it is listed again."));
	return known;
}

int imap_move(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, const char *target, bool copy, GArray *moved, struct bz_err *err)
{
	struct imap_moving *m;
	struct bz_err own;
	uint32_t *uids;
	int rc;

	if (n == 0)
		return 0;
	err = err != NULL ? err : &own;
	uids = imap_uids_of(refs, &n, err);
	if (uids == NULL)
		return -1;
	m = g_new0(struct imap_moving, 1);
	*m = (struct imap_moving){.call = {b, job, err, 0}, .copy = copy, .moved = moved};
	rc = find_source(m, &refs[0]);
	if (rc == 0)
		rc = find_target(m, target);
	if (rc == 0)
		rc = leave_out_marked(m, uids, &n);
	if (rc == 0)
		rc = move_all(m, uids, n);
	if (m->marked)
		imap_say_marked(&m->call);
	bz_folder_clear(&m->from);
	bz_folder_clear(&m->to);
	g_free(m);
	g_free(uids);
	return rc;
}
