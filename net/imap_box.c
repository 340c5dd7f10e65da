/* The selected folder: SELECT and EXAMINE, and what comes of itself (RFC 3501 sections 6.3, 7.3). */
#include "net/imap_box.h"
#include "src/lang.h"

#include <string.h>

static void note_code(struct imap_box *box, const char *code)
{
	uint64_t n;

	if ((n = imap_code_number(code, "UIDVALIDITY")) > 0 && n <= UINT32_MAX)
		box->uidvalidity = (uint32_t)n;
	else if ((n = imap_code_number(code, "UIDNEXT")) > 0 && n <= UINT32_MAX)
		box->uidnext = (uint32_t)n;
	else if ((n = imap_code_number(code, "HIGHESTMODSEQ")) > 0)
		box->modseq = n;
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

/* The folder's row in the store follows; a changed UIDVALIDITY drops its messages there. */
static int put_folder(struct imap_selecting *s)
{
	struct bz_backend *b = s->call->b;
	struct bz_folder folder;
	int known = bz_store_folder_by_name(b->store, s->name, &folder, s->call->err);

	if (known < 0)
		return -1;
	if (known == 1) {
		folder = (struct bz_folder){.name = g_strdup(s->name), .title = imap_title(s->name, 0),
			.selectable = true};
		if (g_ascii_strcasecmp(s->name, "INBOX") == 0)
			folder.role = BZ_ROLE_INBOX;
	}
	s->dropped = known == 0 && folder.uidvalidity != 0 && s->box.uidvalidity != 0 &&
		folder.uidvalidity != s->box.uidvalidity;
	folder.uidvalidity = s->box.uidvalidity;
	folder.uidnext = s->box.uidnext;
	folder.exists = s->box.exists;
	known = bz_store_folder_put(b->store, &folder, s->call->err);
	s->box.folder = folder.id;
	bz_folder_clear(&folder);
	return known;
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct imap_selecting *s = me;
	struct bz_backend *b = s->call->b;

	imap_on_end(&s->result, end, code, text);
	s->box.passing = end == IMAP_OK && b->box.passing && g_strcmp0(b->box.name, s->name) == 0;
	s->box.known_below = s->box.passing;
	g_clear_pointer(&b->box.name, g_free);
	b->box = (struct imap_box){0};
	if (end != IMAP_OK)
		return;
	s->box.writable = s->write && g_ascii_strncasecmp(code, "READ-ONLY", 9) != 0;
	s->call->rc = put_folder(s);
	if (s->call->rc != 0)
		return;
	b->box = s->box;
	b->box.name = g_strdup(s->name);
	b->box.next = b->box.exists;
	if (s->on_selected != NULL)
		s->on_selected(s->me);
}

int imap_submit_select(struct imap_selecting *s)
{
	static const struct imap_on on = {.untagged = on_untagged, .end = on_end};

	s->box = (struct imap_box){0};
	s->result = (struct imap_result){.end = IMAP_OK};
	return imap_submit(s->call->b->conn, &on, s, NULL, s->call->err, "%s %m",
		s->write ? "SELECT" : "EXAMINE", s->name);
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

void imap_note_untagged(struct bz_backend *b, const struct imap_resp *r)
{
	struct imap_box *box = &b->box;

	if (r->kind == IMAP_EXISTS && r->number != box->exists) {
		box->moved = box->moved || r->number > box->exists;
		box->exists = r->number;
	} else if (r->kind == IMAP_EXPUNGE && box->exists > 0) {
		box->exists--;
		if (r->number <= box->next)
			box->next--;
		else
			box->moved = true;
	}
}

/* Modified UTF-7 (RFC 3501 5.1.3) by iconv; a name that is none is shown as it is. */
char *imap_title(const char *name, char delimiter)
{
	char *title = g_convert(name, -1, "UTF-8", "UTF-7-IMAP", NULL, NULL, NULL);

	if (title == NULL)
		title = g_utf8_make_valid(name, -1);
	if (delimiter != '\0' && delimiter != '/')
		g_strdelimit(title, (char[]){delimiter, '\0'}, '/');
	if (g_ascii_strcasecmp(title, "INBOX") == 0) {
		g_free(title);
		title = g_strdup("Inbox"); /* shown in the language of the person by its role */
	}
	return title;
}
