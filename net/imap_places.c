/* Where messages went, where the server does not say so (no UIDPLUS) or could not (the line was
 * lost): what arrived in the target since, by Message-ID. */
#include "net/imap_box.h"
#include "net/imap_move.h"
#include "net/imap_rows.h"
#include "src/lang.h"

#include <string.h>

enum { ARRIVED_MAX = 1500 }; /* UIDs since it was begun */

/* --- what arrived ----------------------------------------------------------------------------- */

/* A copy has the size of what it was copied from. */
static bool is_same(const struct bz_summary *a, const struct bz_summary *b)
{
	if (a->row == 0 || a->size != b->size || g_strcmp0(a->message_id, b->message_id) != 0)
		return false;
	return (a->message_id != NULL && a->message_id[0] != '\0') ||
	       (a->date == b->date && g_strcmp0(a->subject, b->subject) == 0);
}

/* Each arrival stands for one message, in the order of both. */
static void pair_up(struct imap_moving *m, struct imap_intake *in)
{
	for (guint k = in->rows->len; k > 0; k--) { /* newest first */
		const struct bz_summary *row = &g_array_index(in->rows, struct bz_summary, k - 1);
		size_t i = 0;

		while (i < m->n && (m->places[i] != 0 || !is_same(&m->riders[i].row, row)))
			i++;
		if (i < m->n)
			m->places[i] = row->uid;
	}
}

static int ask_rows(struct imap_moving *m, struct imap_intake *in)
{
	imap_intake_ask(in, true, m->uidnext, UINT32_MAX);
	if (imap_submit(in->b->conn, &imap_intake_on, in, NULL, m->call.err, "UID FETCH %u:* %s",
		    m->uidnext, IMAP_ROW_ITEMS) != 0 ||
		imap_intake_wait(in, m->call.job, m->call.err) != 0)
		return -1;
	pair_up(m, in);
	return 0;
}

int imap_find_places(struct imap_moving *m, bool *any)
{
	struct bz_backend *b = m->call.b;
	struct imap_intake in;
	int rc;

	*any = true;
	if (imap_select(b, m->call.job, m->to.name, false, m->call.err) != 0)
		return -1;
	m->uidvalidity = b->box.uidvalidity;
	if (m->to.uidvalidity != 0 && m->to.uidvalidity != m->uidvalidity)
		return 0; /* made anew meanwhile: its numbers say nothing */
	*any = b->box.uidnext == 0 || b->box.uidnext > m->uidnext;
	if (!*any)
		return 0;
	imap_intake_init(&in, b);
	rc = ask_rows(m, &in);
	imap_intake_clear(&in);
	return rc;
}

/* --- after a cut ------------------------------------------------------------------------------ */

static int ask_left(struct imap_moving *m, struct imap_intake *in)
{
	struct bz_msgref ref = {m->from.id, m->from.uidvalidity, m->uids[0]};

	if (imap_enter(in->b, m->call.job, &ref, false, m->call.err) != 0)
		return -1;
	return imap_intake_flags(in, m->call.job, m->uids, m->n, m->call.err);
}

/* What is in neither folder went as it was asked to, if that was MOVE. */
static void judge(struct imap_moving *m, const struct imap_intake *in)
{
	m->left = m->by_move;
	for (size_t i = 0, k = 0; i < m->n; i++) {
		bool here;

		while (k < in->uids->len && g_array_index(in->uids, uint32_t, k) < m->uids[i])
			k++;
		here = k < in->uids->len && g_array_index(in->uids, uint32_t, k) == m->uids[i];
		m->riders[i].fate = m->places[i] != 0 ? IMAP_ARRIVED
				    : here            ? IMAP_WAITS
				    : m->by_move      ? IMAP_ARRIVED
						      : IMAP_VANISHED;
		m->left = m->left && (m->places[i] == 0 || !here);
	}
}

static int look(struct imap_moving *m)
{
	struct imap_intake in;
	bool any;
	int rc;

	if (imap_find_places(m, &any) != 0)
		return -1;
	if (m->to.uidvalidity != 0 && m->to.uidvalidity != m->uidvalidity)
		return bz_err_set(m->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
			_("The folder changed on the server; it is listed again."));
	imap_intake_init(&in, m->call.b);
	rc = ask_left(m, &in);
	if (rc == 0)
		judge(m, &in);
	imap_intake_clear(&in);
	return rc;
}

static char *unknown_words(const struct imap_moving *m)
{
	return g_strdup_printf(
		_("The line broke while messages went to %s; whether they are there is not known. "
		  "Look there before you send them again."),
		m->to.title);
}

static int unknown(struct imap_moving *m)
{
	g_autofree char *text = unknown_words(m);

	if (!imap_filing_interrupted(m))
		m->call.job->report->note(m->call.job->report->me, text);
	g_strlcpy(m->call.err->text, text, sizeof m->call.err->text);
	return -1;
}

int imap_look_after_cut(struct imap_moving *m)
{
	enum bz_err_kind kind = m->call.err->kind;

	memset(m->places, 0, sizeof m->places);
	if (kind == BZ_ERR_CANCELLED || kind == BZ_ERR_LOCAL || m->uidnext == 0)
		return unknown(m);
	imap_disconnect(m->call.b);
	return look(m) == 0 ? 0 : unknown(m);
}

/* So much arrived since that not all of it can be looked through: neither is it sent again. */
int imap_look_at_begun(struct imap_moving *m)
{
	struct bz_backend *b = m->call.b;
	g_autofree char *text = unknown_words(m);

	memset(m->places, 0, sizeof m->places);
	if (imap_select(b, m->call.job, m->to.name, false, m->call.err) != 0)
		return -1;
	if (m->uidnext == 0 || b->box.uidnext > m->uidnext + ARRIVED_MAX)
		return bz_err_set(m->call.err, BZ_ERR_REFUSED, BZ_CODE_NONE, "%s", text);
	return look(m);
}
