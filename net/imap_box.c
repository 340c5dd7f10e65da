/* The selected folder: SELECT and EXAMINE, and what comes of itself (RFC 3501 sections
 * 6.3, 7.3). */
#include "net/imap_box.h"
#include "net/imap_changes.h"
#include "net/imap_keep.h"
#include "net/imap_live.h"
#include "net/imap_names.h"
#include "net/imap_sparse.h"
#include "net/imap_uidset.h"
#include "src/lang.h"

#include <string.h>

/* CLOSED: what came before is of the folder that was. */
static bool tells_modseq(const char *code)
{
	return g_ascii_strncasecmp(code, "HIGHESTMODSEQ ", strlen("HIGHESTMODSEQ ")) == 0 ||
	       g_ascii_strcasecmp(code, "NOMODSEQ") == 0 || g_ascii_strcasecmp(code, "CLOSED") == 0;
}

static void note_code(struct imap_box *box, const char *code)
{
	uint64_t n;

	if ((n = imap_code_number(code, "UIDVALIDITY")) > 0 && n <= UINT32_MAX)
		box->uidvalidity = (uint32_t)n;
	else if ((n = imap_code_number(code, "UIDNEXT")) > 0 && n <= UINT32_MAX)
		box->uidnext = (uint32_t)n;
	else if (tells_modseq(code))
		box->modseq = imap_modseq(code, "HIGHESTMODSEQ");
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct imap_selecting *s = me;

	if (r->kind == IMAP_EXISTS) {
		s->box.exists = r->number;
		if (s->on_exists != NULL)
			s->on_exists(s->me, r->number);
	} else if (r->kind == IMAP_STATE && strcmp(r->word, "OK") == 0) {
		note_code(&s->box, r->code);
	}
}

/* The folder's row in the store follows; a changed UIDVALIDITY drops its messages there. One that
 * the server does not tell is taken for the one before. */
static int put_folder(struct imap_selecting *s)
{
	struct bz_backend *b = s->call->b;
	struct bz_folder folder;
	int known = bz_store_folder_by_name(b->store, s->name, &folder, s->call->err);

	if (known < 0)
		return -1;
	if (known == 1) {
		folder = (struct bz_folder){.name = g_strdup(s->name),
			.title = imap_title(s->name, 0),
			.selectable = true};
		if (g_ascii_strcasecmp(s->name, "INBOX") == 0)
			folder.role = BZ_ROLE_INBOX;
	}
	if (s->box.uidvalidity == 0)
		s->box.uidvalidity = folder.uidvalidity;
	s->dropped =
		known == 0 && folder.uidvalidity != 0 && folder.uidvalidity != s->box.uidvalidity;
	folder.uidvalidity = s->box.uidvalidity;
	folder.uidnext = s->box.uidnext;
	folder.exists = s->box.exists;
	known = bz_store_folder_put(b->store, &folder, s->call->err);
	s->box.folder = folder.id;
	bz_folder_clear(&folder);
	return known;
}

/* As many messages as before, none new: so none is gone, and they have the same numbers. */
static bool is_same(const struct imap_selecting *s)
{
	const struct imap_live *live = &s->call->b->live;

	return live->uids != NULL && !live->arrived && live->next_uid > 0 && s->before.exists > 0 &&
	       s->before.exists == s->box.exists && s->before.uidvalidity == s->box.uidvalidity &&
	       live->next_uid == s->box.uidnext;
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct imap_selecting *s = me;
	struct bz_backend *b = s->call->b;

	imap_on_end(&s->result, end, code, text);
	if (end != IMAP_OK)
		return;
	s->box.passing = s->box.known_below = s->was_passing;
	s->box.writable = s->write && g_ascii_strncasecmp(code, "READ-ONLY", 9) != 0;
	s->call->rc = put_folder(s);
	if (s->call->rc != 0)
		return;
	b->box = s->box;
	b->box.name = g_strdup(s->name);
	b->box.next = b->box.exists;
	imap_sparse_selected(b);
	if (b->box.passing)
		imap_changes_begin_noted(b);
	if (is_same(s)) {
		imap_live_keep(b);
		imap_keep_as_before(b, &s->before);
	} else {
		imap_live_clear(b);
	}
	if (s->on_selected != NULL)
		s->on_selected(s->me);
}

/* Where it is not enabled already: some tell mod-sequences only to those who ask. */
static const char *asks_condstore(const struct bz_backend *b)
{
	unsigned caps = imap_caps(b->conn);

	return (caps & IMAP_CAP_CONDSTORE) != 0 && (caps & IMAP_CAP_ENABLE) == 0 ? " (CONDSTORE)"
										 : "";
}

int imap_submit_select(struct imap_selecting *s)
{
	static const struct imap_on on = {.untagged = on_untagged, .end = on_end};
	struct imap_box *old = &s->call->b->box;

	s->box = (struct imap_box){0};
	s->was_passing = old->passing && g_strcmp0(old->name, s->name) == 0;
	s->before = g_strcmp0(old->name, s->name) == 0 ? *old : (struct imap_box){0};
	s->before.name = NULL;
	s->result = (struct imap_result){.end = IMAP_OK};
	imap_changes_clear(s->call->b);
	g_free(old->name); /* what comes now is of neither folder until the answer */
	*old = (struct imap_box){0};
	return imap_submit(s->call->b->conn, &on, s, NULL, s->call->err, "%s %m%s",
		s->write ? "SELECT" : "EXAMINE", s->name, asks_condstore(s->call->b));
}

int imap_selected(const struct imap_selecting *s)
{
	g_autofree char *title = NULL;

	if (s->result.end == IMAP_OK)
		return s->call->rc;
	title = imap_title(s->name, 0);
	return bz_err_server(s->call->err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, s->result.text, -1,
		_("The folder %s cannot be opened on the server."), title);
}

int imap_select(struct bz_backend *b, const struct bz_job *job, const char *name, bool write,
	struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	struct imap_selecting s = {.call = &call, .name = name, .write = write};
	struct imap_result login;

	if (b->conn != NULL && g_strcmp0(b->box.name, name) == 0 && (!write || b->box.writable))
		return 0;
	if (imap_open(b, job, &login, err) != 0 || imap_submit_select(&s) != 0 ||
		imap_go(b, job, &login, err) != 0)
		return -1;
	return imap_selected(&s);
}

static void note_expunge(struct imap_box *box, uint32_t number)
{
	if (number == 0 || number > box->exists)
		return; /* there is no such message */
	box->exists--;
	if (number <= box->next)
		box->next--;
	else
		box->moved = true;
}

/* By UID. What this pass has still to look at is below low_uid. */
static void note_vanished(struct bz_backend *b, const char *set)
{
	struct imap_box *box = &b->box;
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct imap_range));
	bool is_set = imap_ranges_read(set, ranges);
	uint64_t all, below;

	if (is_set)
		imap_ranges_tidy(ranges);
	else
		g_array_set_size(ranges, 0);
	imap_live_vanished(b, is_set ? ranges : NULL);
	imap_sparse_vanished(b, ranges);
	all = imap_ranges_count(ranges, 1, UINT32_MAX);
	below = box->low_uid > 0 ? imap_ranges_count(ranges, 1, box->low_uid - 1) : all;
	box->moved = box->moved || !is_set || below < all || imap_changes_are_asked(b);
	box->exists -= (uint32_t)MIN(box->exists, all);
	box->next = MIN(box->exists, box->next - (uint32_t)MIN(box->next, below));
	g_array_unref(ranges);
}

void imap_note_untagged(void *backend, const struct imap_resp *r)
{
	struct bz_backend *b = backend;
	struct imap_box *box = &b->box;

	if (box->name == NULL)
		return;
	imap_live_note(b, r);
	if (r->kind == IMAP_EXPUNGE) {
		imap_sparse_expunged(b, r->number);
		note_expunge(box, r->number);
	} else if (r->kind == IMAP_VANISHED_UIDS && !r->earlier && b->qresync) {
		note_vanished(b, r->text);
	} else if (r->kind == IMAP_EXISTS && r->number != box->exists) {
		box->moved = true;
		box->exists = r->number;
		box->next = MIN(box->next, r->number);
	}
	imap_sparse_follow(b);
}
