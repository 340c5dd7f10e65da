/* One message by its parts: header and structure, then the text that the reader shows; and flags.
 * (RFC 3501 sections 6.4.5, 6.4.6) */
#include "net/imap_box.h"
#include "net/imap_move.h"
#include "src/lang.h"
#include "src/mime.h"

#include <string.h>

enum {
	PIECE = 256 << 10,        /* bytes of one partial FETCH */
	FLIGHT = 512 << 10,       /* asked for at once, as far as is known before */
	FLIGHT_MAX = 32,          /* commands */
	UNASKED = 64 << 10,       /* a piece, and a flight, of what nobody waits for */
	TEXT_MAX = 4 << 20,       /* of a text part that the reader shows */
	TEXTS_MAX = 8 << 20,      /* of all of them together */
	ATTACHED_MAX = 256 << 10, /* a text that is attached, too: up to here it is read whole, */
	ATTACHED_PART = 48 << 10, /* of a longer one this much */
	RAW_MAX = 100 * 1000 * 1000
};

struct opening {
	struct imap_call call;
	uint32_t uid;
	struct bz_message *message;
	bool unasked; /* gives way where anything is asked for */
	bool found, structured;
	struct imap_result result;
};

/* The bytes of one section, piece by piece. */
struct section {
	struct opening *o;
	const char *name;
	struct bz_part *part; /* NULL: the whole message */
	GByteArray *bytes;
	size_t max;    /* no more than this */
	size_t expect; /* about as much is left */
	uint32_t want; /* bytes asked for */
	bool asked, found;
	bool whole; /* its end came */
	struct imap_result result;
};

static int gone(const struct opening *o)
{
	return bz_err_set(o->call.err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
		_("This message is no longer on the server."));
}

static int check(const struct opening *o, const struct imap_result *result, bool found)
{
	if (imap_check(result, o->call.err, _("The server did not give the message.")) != 0)
		return -1;
	return found ? 0 : gone(o);
}

/* --- header and structure --------------------------------------------------------------------- */

static void on_header(void *me, const struct imap_resp *r)
{
	struct opening *o = me;
	struct imap_item item;
	const char *header;
	size_t len;

	if (r->kind != IMAP_FETCH)
		return;
	imap_item(r->fetch, &item);
	header = imap_section(r->fetch, "HEADER", &len);
	if (item.uid != o->uid || header == NULL || o->found)
		return;
	bz_mime_parse_header(o->message, header, len);
	o->found = true;
	o->structured = item.structure != NULL && imap_structure(item.structure, o->message);
}

static void on_header_end(void *me, enum imap_end end, const char *code, const char *text)
{
	imap_on_end(&((struct opening *)me)->result, end, code, text);
}

static int fetch_header(struct opening *o)
{
	static const struct imap_on on = {.untagged = on_header, .end = on_header_end};

	if (imap_submit(o->call.b->conn, &on, o, NULL, o->call.err,
		    "UID FETCH %u (UID BODYSTRUCTURE BODY.PEEK[HEADER])", o->uid) != 0 ||
		imap_go(o->call.b, o->call.job, NULL, o->call.err) != 0)
		return -1;
	return check(o, &o->result, o->found);
}

/* --- sections --------------------------------------------------------------------------------- */

static void on_section(void *me, const struct imap_resp *r)
{
	struct section *s = me;
	struct imap_item item;
	const char *bytes;
	size_t len;

	if (r->kind != IMAP_FETCH || s->found)
		return; /* one answer a question */
	imap_item(r->fetch, &item);
	bytes = item.uid == s->o->uid ? imap_section(r->fetch, s->name, &len) : NULL;
	if (bytes == NULL)
		return;
	if (len > s->want) /* a server that knows no pieces: this is all of it */
		g_byte_array_set_size(s->bytes, 0);
	s->whole = len != s->want;
	g_byte_array_append(s->bytes, (const guint8 *)bytes, (guint)len);
	s->found = true;
}

static void on_section_end(void *me, enum imap_end end, const char *code, const char *text)
{
	imap_on_end(&((struct section *)me)->result, end, code, text);
}

static bool gives_way(const struct opening *o)
{
	const struct bz_report *report = o->call.job->report;

	return o->unasked && report->hurry(report->me);
}

static size_t piece_of(const struct opening *o)
{
	return o->unasked ? UNASKED : PIECE;
}

static bool is_done(const struct section *s)
{
	return s->whole || s->bytes->len >= s->max;
}

static int submit_piece(struct section *s)
{
	static const struct imap_on on = {.untagged = on_section, .end = on_section_end};
	size_t left = s->max - s->bytes->len;

	s->want = (uint32_t)MIN(left, piece_of(s->o));
	s->asked = true;
	s->found = false;
	return imap_submit(s->o->call.b->conn, &on, s, NULL, s->o->call.err,
		"UID FETCH %u (UID BODY.PEEK[%s]<%u.%u>)", s->o->uid, s->name,
		(uint32_t)s->bytes->len, s->want);
}

/* The next piece of as many sections as make one flight; *some = there were any. */
static int submit_flight(const struct opening *o, GArray *sections, bool *some)
{
	size_t bytes = 0, n = 0, most = o->unasked ? UNASKED : FLIGHT;

	for (guint i = 0; i < sections->len; i++) {
		struct section *s = &g_array_index(sections, struct section, i);
		size_t about = MIN(s->expect, piece_of(o));

		s->asked = false;
		if (is_done(s) || n >= FLIGHT_MAX || (n > 0 && bytes + about > most))
			continue;
		if (submit_piece(s) != 0)
			return -1;
		bytes += about;
		n++;
	}
	*some = n > 0;
	return 0;
}

/* 0, or 1: it gave way. */
static int fetch_sections(struct opening *o, GArray *sections)
{
	bool some = true;

	while (some) {
		if (gives_way(o))
			return 1;
		if (submit_flight(o, sections, &some) != 0)
			return -1;
		if (some && imap_go(o->call.b, o->call.job, NULL, o->call.err) != 0)
			return -1;
		for (guint i = 0; i < sections->len; i++) {
			const struct section *s = &g_array_index(sections, struct section, i);

			if (s->asked && check(o, &s->result, s->found) != 0)
				return -1;
		}
	}
	return 0;
}

static void free_section(void *me)
{
	g_byte_array_unref(((struct section *)me)->bytes);
}

static GArray *new_sections(void)
{
	GArray *sections = g_array_new(FALSE, FALSE, sizeof(struct section));

	g_array_set_clear_func(sections, free_section);
	return sections;
}

static void add_section(
	GArray *sections, struct opening *o, const char *name, struct bz_part *part, size_t max)
{
	struct section s = {.o = o,
		.name = name,
		.part = part,
		.bytes = g_byte_array_new(),
		.max = max,
		.expect = part != NULL ? MIN(part->size, TEXT_MAX) * 3 / 2 + 256 : max};

	g_array_append_val(sections, s);
}

static void say_cut(struct bz_message *message)
{
	if (message->limit == NULL)
		message->limit =
			g_strdup(_("This message is very long; only its beginning is shown."));
}

/* --- the whole -------------------------------------------------------------------------------- */

static int fetch_raw(struct opening *o, size_t max, bool keep)
{
	g_autoptr(GArray) sections = new_sections();
	const struct section *s;
	GBytes *raw;

	add_section(sections, o, "", NULL, max);
	if (fetch_sections(o, sections) != 0)
		return -1;
	s = &g_array_index(sections, struct section, 0);
	raw = g_byte_array_free_to_bytes(g_byte_array_ref(s->bytes));
	bz_message_unref(o->message);
	o->message = bz_mime_parse(raw, keep);
	if (!s->whole)
		say_cut(o->message);
	g_bytes_unref(raw);
	return 0;
}

/* --- the text --------------------------------------------------------------------------------- */

static size_t most_of(const struct bz_part *p)
{
	return (p->flags & BZ_PART_ATTACHMENT) != 0 && p->size > ATTACHED_MAX ? ATTACHED_PART
									      : TEXT_MAX;
}

static GArray *text_sections(struct opening *o)
{
	GArray *sections = new_sections();
	size_t left = TEXTS_MAX;

	for (guint i = 0; i < o->message->parts->len; i++) {
		struct bz_part *p = g_ptr_array_index(o->message->parts, i);
		size_t max = MIN(most_of(p), left);

		if ((p->flags & BZ_PART_TEXT) == 0)
			continue;
		if (max == 0)
			say_cut(o->message);
		else
			add_section(sections, o, p->path, p, max);
		left -= MIN(max, p->size * 3 / 2 + 256);
	}
	return sections;
}

static void take_text(const struct section *s)
{
	struct bz_part *p = s->part;

	p->content = bz_mime_decode(p->encoding, (const char *)s->bytes->data, s->bytes->len);
	if (s->whole)
		p->size = g_bytes_get_size(p->content);
	else
		say_cut(s->o->message);
}

static int fetch_texts(struct opening *o)
{
	g_autoptr(GArray) sections = text_sections(o);
	int rc = fetch_sections(o, sections);

	if (rc != 0)
		return rc;
	for (guint i = 0; i < sections->len; i++)
		take_text(&g_array_index(sections, struct section, i));
	return 0;
}

static bool is_small(const struct opening *o)
{
	uint64_t bytes = 0;

	for (guint i = 0; i < o->message->parts->len; i++) {
		const struct bz_part *p = g_ptr_array_index(o->message->parts, i);

		if ((p->flags & BZ_PART_TEXT) != 0)
			bytes += MIN(most_of(p), p->size);
	}
	return bytes <= BZ_QUIET_MAX;
}

/* 0, or 1: it gave way, or is none to be had unasked. */
static int fetch_text(struct opening *o, enum bz_fetch what)
{
	int rc = fetch_header(o);

	if (rc != 0 && o->call.err->kind != BZ_ERR_STALE)
		return -1;
	if (o->unasked && (rc != 0 || !o->structured))
		return 1;
	if (what == BZ_FETCH_QUIET && !is_small(o))
		return 1;
	/* Too odd to be told in parts, or told in a way that nobody understands: its beginning,
	 * read by ourselves. */
	if (rc != 0 || !o->structured)
		return fetch_raw(o, TEXT_MAX, false);
	return fetch_texts(o);
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
	struct opening o = {.call = {b, job, err, 0},
		.uid = ref->uid,
		.unasked = what == BZ_FETCH_AHEAD || what == BZ_FETCH_QUIET};
	int rc;

	if (imap_enter(b, job, ref, false, err) != 0)
		return -1;
	o.message = bz_message_new();
	rc = what == BZ_FETCH_RAW ? fetch_raw(&o, RAW_MAX, true) : fetch_text(&o, what);
	o.message->ref = *ref;
	if (rc == 0)
		*out = o.message;
	else
		bz_message_unref(o.message);
	return rc < 0 ? -1 : 0;
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

static int store_flags(struct imap_call *call, const char *uids, char sign, unsigned flags,
	struct imap_result *result)
{
	static const struct imap_on store_on = {.end = imap_on_end};
	GString *names;
	int rc;

	*result = (struct imap_result){.end = IMAP_OK};
	if (flags == 0)
		return 0;
	names = g_string_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++)
		if ((flags & flag_names[i].flag) != 0)
			g_string_append_printf(
				names, "%s%s", names->len > 0 ? " " : "", flag_names[i].name);
	rc = imap_submit(call->b->conn, &store_on, result, NULL, call->err,
		"UID STORE %s %sFLAGS.SILENT (%s)", uids, sign == '+' ? "+" : "-", names->str);
	g_string_free(names, TRUE);
	return rc;
}

/* One row, and the folder's count of unread. */
static int put_flags(
	struct imap_call *call, uint32_t uid, unsigned add, unsigned rem, struct bz_change *change)
{
	struct bz_summary row;
	unsigned flags;
	int known = bz_store_by_uid(call->b->store, change->folder, uid, &row, call->err);

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
	return bz_store_set_flags(call->b->store, change->folder, uid, flags, call->err);
}

static int put_all_flags(
	struct imap_call *call, const uint32_t *uids, size_t n, unsigned add, unsigned rem)
{
	struct bz_store *store = call->b->store;
	struct bz_change *change = g_new0(struct bz_change, 1);
	struct bz_folder folder;
	int rc = bz_store_folder_by_id(store, call->b->box.folder, &folder, call->err);

	*change = (struct bz_change){.folder = call->b->box.folder, .kind = BZ_CHANGE_UPDATED};
	change->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	if (rc == 0) {
		change->exists = folder.exists;
		change->unseen = folder.unseen;
		rc = bz_store_begin(store, call->err);
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = put_flags(call, uids[i], add, rem, change);
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

/* As many as one command takes. */
static int set_some(
	struct imap_call *call, const uint32_t *uids, size_t n, unsigned add, unsigned rem)
{
	struct imap_result added, removed;
	GString *set = g_string_new(NULL);
	int rc;

	(void)imap_uidset_add(set, uids, n);
	rc = store_flags(call, set->str, '+', add & BZ_FLAGS_REMOTE, &added);
	if (rc == 0)
		rc = store_flags(call, set->str, '-', rem & BZ_FLAGS_REMOTE, &removed);
	g_string_free(set, TRUE);
	if (rc != 0 || imap_go(call->b, call->job, NULL, call->err) != 0 ||
		imap_check(&added, call->err, _("The server did not change the marks.")) != 0 ||
		imap_check(&removed, call->err, _("The server did not change the marks.")) != 0)
		return -1;
	return put_all_flags(call, uids, n, add, rem);
}

int imap_set_flags(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *refs,
	size_t n, unsigned add, unsigned remove, struct bz_err *err)
{
	struct imap_call call = {b, job, err, 0};
	uint32_t *uids;
	int rc = 0;

	if (n == 0)
		return 0;
	if (imap_enter(b, job, &refs[0], true, err) != 0)
		return -1;
	if (!b->box.writable)
		return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_READ_ONLY,
			_("The server lets this folder be read only."));
	uids = imap_uids_of(refs, &n, err);
	if (uids == NULL)
		return -1;
	for (size_t done = 0, some; done < n && rc == 0; done += some) {
		some = MIN(n - done, (size_t)IMAP_SET_UIDS);
		rc = set_some(&call, uids + done, some, add, remove);
	}
	g_free(uids);
	return rc;
}
