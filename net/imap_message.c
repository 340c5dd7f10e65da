/* One message by its parts: header and structure, then the text that the reader shows; and flags.
 * (RFC 3501 sections 6.4.5, 6.4.6) */
#include "net/imap_box.h"
#include "src/lang.h"
#include "src/mime.h"

#include <string.h>

enum {
	PIECE = 256 << 10,  /* bytes of one partial FETCH */
	TEXT_MAX = 4 << 20, /* of a text part that the reader shows */
	RAW_MAX = 48 << 20
};

struct opening {
	struct imap_call call;
	uint32_t uid;
	const char *section; /* whose bytes are wanted; NULL = header and structure */
	GByteArray *bytes;   /* of section */
	struct bz_message *message;
	bool found, structured;
	bool whole; /* the end of section came */
	struct imap_result result;
};

static void on_header(struct opening *o, const struct mailimap_msg_att *att)
{
	struct imap_item item;
	const char *header;
	size_t len;

	imap_item(att, &item);
	header = imap_section(att, "HEADER", &len);
	if (header == NULL || o->found)
		return;
	bz_mime_parse_header(o->message, header, len);
	o->found = true;
	o->structured = item.structure != NULL && imap_structure(item.structure, o->message);
}

static void on_untagged(void *me, const struct imap_resp *r)
{
	struct opening *o = me;
	struct imap_item item;
	const char *bytes;
	size_t len;

	if (r->kind != IMAP_FETCH)
		return;
	imap_item(r->fetch, &item);
	if (item.uid != o->uid)
		return;
	if (o->section == NULL) {
		on_header(o, r->fetch);
		return;
	}
	bytes = imap_section(r->fetch, o->section, &len);
	if (bytes == NULL || o->found)
		return;  /* one answer a question */
	if (len > PIECE) /* a server that knows no pieces: this is all of it */
		g_byte_array_set_size(o->bytes, 0);
	o->whole = len != PIECE;
	g_byte_array_append(o->bytes, (const guint8 *)bytes, (guint)len);
	o->found = true;
}

static void on_end(void *me, enum imap_end end, const char *code, const char *text)
{
	struct opening *o = me;

	imap_on_end(&o->result, end, code, text);
}

static const struct imap_on on = {.untagged = on_untagged, .end = on_end};

static int gone(struct opening *o)
{
	return bz_err_set(o->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
		_("This message is no longer on the server."));
}

static bool is_stale(const struct opening *o)
{
	return o->call.err->kind == BZ_ERR_STALE;
}

static int finish(struct opening *o)
{
	o->found = false;
	if (imap_go(o->call.b, o->call.job, NULL, o->call.err) != 0 ||
		imap_check(&o->result, o->call.err, _("The server did not give the message.")) != 0)
		return -1;
	return o->found ? 0 : gone(o);
}

static int fetch_header(struct opening *o)
{
	o->section = NULL;
	if (imap_submit(o->call.b->conn, &on, o, NULL, o->call.err,
		    "UID FETCH %u (UID BODYSTRUCTURE BODY.PEEK[HEADER])", o->uid) != 0)
		return -1;
	return finish(o);
}

/* All bytes of a section, in pieces; at most max. *cut = there was more. */
static int fetch_section(struct opening *o, const char *section, size_t max, bool *cut)
{
	o->section = section;
	o->bytes = g_byte_array_new();
	do {
		if (imap_submit(o->call.b->conn, &on, o, NULL, o->call.err,
			    "UID FETCH %u (UID BODY.PEEK[%s]<%u.%u>)", o->uid, section,
			    o->bytes->len, (uint32_t)PIECE) != 0 ||
			finish(o) != 0)
			return -1;
	} while (!o->whole && o->bytes->len < max);
	*cut = !o->whole;
	return 0;
}

static int fetch_part(struct opening *o, struct bz_part *part)
{
	bool cut = false;
	int rc = fetch_section(o, part->path, TEXT_MAX, &cut);

	if (rc == 0) {
		part->content =
			bz_mime_decode(part->encoding, (const char *)o->bytes->data, o->bytes->len);
		part->size = cut ? part->size : g_bytes_get_size(part->content);
	}
	if (cut && o->message->limit == NULL)
		o->message->limit =
			g_strdup(_("This message is very long; only its beginning is shown."));
	g_byte_array_unref(o->bytes);
	return rc;
}

static int fetch_raw(struct opening *o, bool keep)
{
	bool cut = false;
	int rc = fetch_section(o, "", RAW_MAX, &cut);
	GBytes *raw = g_byte_array_free_to_bytes(o->bytes);

	if (rc == 0) {
		bz_message_unref(o->message);
		o->message = bz_mime_parse(raw, keep);
	}
	if (cut && o->message->limit == NULL)
		o->message->limit =
			g_strdup(_("This message is very long; only its beginning is shown."));
	g_bytes_unref(raw);
	return rc;
}

static int fetch_text(struct opening *o)
{
	int rc = fetch_header(o);

	/* Too odd to be told in parts, or told in a way that nobody understands: whole, read by
	 * ourselves. */
	if (rc == 0 ? !o->structured : is_stale(o))
		return fetch_raw(o, false);
	if (rc != 0)
		return -1;
	for (guint i = 0; i < o->message->parts->len; i++) {
		struct bz_part *part = g_ptr_array_index(o->message->parts, i);

		if ((part->flags & BZ_PART_TEXT) != 0 && fetch_part(o, part) != 0)
			return -1;
	}
	return 0;
}

int imap_enter(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	bool write, struct bz_err *err)
{
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(b->store, ref->folder, &folder, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		rc = imap_select(b, job, folder.name, write, err);
		bz_folder_clear(&folder);
		if (rc != 0 || b->box.uidvalidity == ref->uidvalidity)
			return rc;
	}
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
		_("The folder changed on the server; it is listed again."));
}

int imap_fetch(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	enum bz_fetch what, struct bz_message **out, struct bz_err *err)
{
	struct opening o = {.call = {b, job, err, 0}, .uid = ref->uid};
	int rc;

	if (imap_enter(b, job, ref, false, err) != 0)
		return -1;
	o.message = bz_message_new();
	rc = what == BZ_FETCH_RAW ? fetch_raw(&o, true) : fetch_text(&o);
	o.message->ref = *ref;
	if (rc == 0)
		*out = o.message;
	else
		bz_message_unref(o.message);
	return rc;
}

/* --- flags ------------------------------------------------------------------------------------ */

static const struct {
	unsigned flag;
	const char *name;
} flag_names[] = {
	{BZ_FLAG_SEEN, "\\Seen"},
	{BZ_FLAG_ANSWERED, "\\Answered"},
	{BZ_FLAG_FLAGGED, "\\Flagged"},
	{BZ_FLAG_DELETED, "\\Deleted"},
	{BZ_FLAG_DRAFT, "\\Draft"},
	{BZ_FLAG_FORWARDED, "$Forwarded"},
};

static int store_flags(struct imap_call *call, const struct bz_msgref *refs, size_t n, char sign,
	unsigned flags, struct imap_result *result)
{
	static const struct imap_on store_on = {.end = imap_on_end};
	GString *names, *uids;
	int rc;

	*result = (struct imap_result){.end = IMAP_OK};
	if (flags == 0)
		return 0;
	names = g_string_new(NULL);
	uids = g_string_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++)
		if ((flags & flag_names[i].flag) != 0)
			g_string_append_printf(
				names, "%s%s", names->len > 0 ? " " : "", flag_names[i].name);
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(uids, "%s%u", i > 0 ? "," : "", refs[i].uid);
	rc = imap_submit(call->b->conn, &store_on, result, NULL, call->err,
		"UID STORE %s %sFLAGS.SILENT (%s)", uids->str, sign == '+' ? "+" : "-", names->str);
	g_string_free(names, TRUE);
	g_string_free(uids, TRUE);
	return rc;
}

/* One row, and the folder's count of unread. */
static int put_flags(struct imap_call *call, const struct bz_msgref *ref, unsigned add,
	unsigned rem, struct bz_change *change)
{
	struct bz_summary row;
	unsigned flags;
	int known = bz_store_by_uid(call->b->store, ref->folder, ref->uid, &row, call->err);
	int rc;

	if (known != 0)
		return known < 0 ? -1 : 0;
	flags = (row.flags | add) & ~rem;
	if (((flags ^ row.flags) & BZ_FLAG_SEEN) != 0) {
		if ((flags & BZ_FLAG_SEEN) == 0)
			change->unseen++;
		else if (change->unseen > 0)
			change->unseen--;
	}
	g_array_append_val(change->ids, row.row);
	bz_summary_clear(&row);
	rc = bz_store_set_flags(call->b->store, ref->folder, ref->uid, flags, call->err);
	return rc;
}

static int put_all_flags(
	struct imap_call *call, const struct bz_msgref *refs, size_t n, unsigned add, unsigned rem)
{
	struct bz_store *store = call->b->store;
	struct bz_change *change = g_new0(struct bz_change, 1);
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(store, refs[0].folder, &folder, call->err);

	*change = (struct bz_change){.folder = refs[0].folder, .kind = BZ_CHANGE_UPDATED};
	change->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	if (rc == 0) {
		change->exists = folder.exists;
		change->unseen = folder.unseen;
		rc = bz_store_begin(store, call->err);
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = put_flags(call, &refs[i], add, rem, change);
		folder.unseen = change->unseen;
		if (rc == 0)
			rc = bz_store_folder_put(store, &folder, call->err);
		if (rc == 0)
			rc = bz_store_commit(store, call->err);
		if (rc != 0)
			bz_store_rollback(store);
		bz_folder_clear(&folder);
	}
	if (rc != 0) {
		bz_change_free(change);
		return -1;
	}
	call->job->report->rows(call->job->report->me, change);
	call->job->report->folders(call->job->report->me);
	return 0;
}

int imap_set_flags(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	struct imap_result added, removed;

	if (n == 0)
		return 0;
	if (imap_enter(b, job, &refs[0], true, err) != 0)
		return -1;
	if (!b->box.writable)
		return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_READ_ONLY,
			_("The server lets this folder be read only."));
	if (store_flags(&call, refs, n, '+', add & BZ_FLAGS_REMOTE, &added) != 0 ||
		store_flags(&call, refs, n, '-', remove & BZ_FLAGS_REMOTE, &removed) != 0 ||
		imap_go(b, job, NULL, err) != 0 ||
		imap_check(&added, err, _("The server did not change the marks.")) != 0 ||
		imap_check(&removed, err, _("The server did not change the marks.")) != 0)
		return -1;
	return put_all_flags(&call, refs, n, add, remove);
}
