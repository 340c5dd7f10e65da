/* Headers found by ourselves; single fields decoded by GMime, each cut to 32 KiB first. */
#include "src/mime.h"
#include "src/mime_private.h"
#include "src/thread.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <string.h>

enum { FIELD_MAX = 32 << 10, HEADERS_MAX = 10000, GROUPS_MAX = 500 };

/* What a charset's name means in mail as it is written (as browsers read it too): its superset. */
static const char *real_charset(const char *name)
{
	static const char *const wider[][2] = {{"iso-8859-1", "windows-1252"},
		{"latin1", "windows-1252"}, {"iso-8859-9", "windows-1254"}, {"gb2312", "gb18030"},
		{"gbk", "gb18030"}, {"ks_c_5601-1987", "cp949"}, {"euc-kr", "cp949"},
		{"shift_jis", "cp932"}, {"iso-8859-8-i", "iso-8859-8"},
		{"unicode-1-1-utf-7", "utf-7"}, {"utf8", "utf-8"}, {"ascii", "us-ascii"}};

	for (size_t i = 0; i < G_N_ELEMENTS(wider); i++)
		if (g_ascii_strcasecmp(name, wider[i][0]) == 0)
			return wider[i][1];
	return name;
}

/* To UTF-8 with U+FFFD for each byte that means nothing there; NULL when the charset is unknown. */
static char *convert(const char *bytes, size_t len, const char *charset)
{
	GIConv cd = g_iconv_open("UTF-8", charset);
	char *in = (char *)(uintptr_t)bytes;
	GString *out;
	char piece[4096];
	gsize left = len;

	if (cd == (GIConv)-1)
		return NULL;
	out = g_string_sized_new(len + len / 2);
	while (left > 0) {
		gsize room = sizeof piece, before = left;
		char *to = piece;
		gsize rc = g_iconv(cd, &in, &left, &to, &room);

		g_string_append_len(out, piece, (gssize)(sizeof piece - room));
		if (rc != (gsize)-1 || (errno == E2BIG && left < before) || left == 0)
			continue;
		g_string_append(out, "\xef\xbf\xbd");
		in++;
		left--;
	}
	g_iconv_close(cd);
	return g_string_free(out, FALSE);
}

char *bz_mime_to_utf8(const char *bytes, size_t len, const char *charset, bool *guessed)
{
	char *text = NULL;

	if (len == 0) /* bytes may be NULL then */
		return g_strdup("");
	if (charset != NULL)
		charset = real_charset(charset);
	if (charset != NULL && charset[0] != '\0' && g_ascii_strcasecmp(charset, "us-ascii") != 0 &&
		g_ascii_strcasecmp(charset, "utf-8") != 0)
		text = convert(bytes, len, charset);
	if (text != NULL && g_utf8_validate(text, -1, NULL))
		return text;
	g_free(text);
	if (g_utf8_validate_len(bytes, len, NULL))
		return g_strndup(bytes, len);
	if (charset != NULL && g_ascii_strcasecmp(charset, "utf-8") == 0)
		return g_utf8_make_valid(bytes, (gssize)len);
	if (guessed != NULL)
		*guessed = true;
	text = convert(bytes, len, "windows-1252");
	return text != NULL ? text : g_utf8_make_valid(bytes, (gssize)len);
}

/* Unfold (RFC 5322 2.2.3), cut, make valid UTF-8 of raw 8-bit. */
static char *unfolded(const char *value, size_t len)
{
	GString *s = g_string_sized_new(MIN(len, FIELD_MAX));
	char *text;

	for (size_t i = 0; i < len && s->len < FIELD_MAX; i++) {
		size_t plain = i;

		while (plain < len && value[plain] != '\r' && value[plain] != '\n' &&
			value[plain] != '\0')
			plain++;
		g_string_append_len(s, value + i, (gssize)MIN(plain - i, FIELD_MAX - s->len));
		i = plain;
		if (i < len && value[i] == '\0')
			g_string_append_c(s, '?');
	}
	text = bz_mime_to_utf8(s->str, s->len, NULL, NULL);
	g_string_free(s, TRUE);
	return g_strstrip(text);
}

static char *decode_unfolded(const char *text)
{
	char *decoded;

	if (strstr(text, "=?") == NULL)
		return g_strdup(text);
	decoded = g_mime_utils_header_decode_text(NULL, text);
	if (decoded != NULL && g_utf8_validate(decoded, -1, NULL))
		return decoded;
	g_free(decoded);
	return g_strdup(text);
}

char *bz_mime_decode_header(const char *value, size_t len)
{
	g_autofree char *text = unfolded(value, len);

	return decode_unfolded(text);
}

/* --- addresses -------------------------------------------------------------------------------- */

static void add_address(GPtrArray *out, const char *name, const char *addr)
{
	struct bz_address *a = g_new(struct bz_address, 1);
	const char *at = strrchr(addr, '@');

	a->name = decode_unfolded(name != NULL ? name : "");
	g_strstrip(a->name);
	if (g_ascii_strcasecmp(a->name, addr) == 0) /* said twice is no name */
		a->name[0] = '\0';
	if (at != NULL) {
		g_autofree char *domain = g_ascii_strdown(at, -1);

		a->addr = g_strdup_printf("%.*s%s", (int)(at - addr), addr, domain);
	} else {
		a->addr = g_strdup(addr);
	}
	g_ptr_array_add(out, a);
}

static void flatten(InternetAddressList *list, GPtrArray *out, int depth)
{
	int n = internet_address_list_length(list);

	for (int i = 0; i < n && depth < 4; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);

		if (INTERNET_ADDRESS_IS_GROUP(a))
			flatten(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)), out,
				depth + 1);
		else if (INTERNET_ADDRESS_IS_MAILBOX(a))
			add_address(out, internet_address_get_name(a),
				internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
	}
}

/* "Ana Ruiz <ana@example.org>" and "ana@example.org": what most fields hold, read without GMime's
 * machinery. False for all else: quotes, lists,
 * comments, encodings. */
static bool add_simple(const char *text, GPtrArray *out)
{
	static const char atom[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-";
	size_t words = strspn(text, atom), local, domain;
	g_autofree char *name = NULL, *addr = NULL;
	const char *start = text;

	while (text[words] == ' ' && strspn(text + words + 1, atom) > 0)
		words += 1 + strspn(text + words + 1, atom);
	if (words > 0 && text[words] == ' ' && text[words + 1] == '<')
		start = text + words + 2;
	local = strspn(start, atom);
	while (local > 0 && start[local] == '.' && strspn(start + local + 1, atom) > 0)
		local += 1 + strspn(start + local + 1, atom);
	if (local == 0 || start[local] != '@')
		return false;
	domain = strspn(start + local + 1, atom);
	while (domain > 0 && start[local + 1 + domain] == '.' &&
		strspn(start + local + domain + 2, atom) > 0)
		domain += 1 + strspn(start + local + domain + 2, atom);
	if (domain == 0 || strcmp(start + local + 1 + domain, start == text ? "" : ">") != 0)
		return false;
	name = start == text ? g_strdup("") : g_strndup(text, words);
	addr = g_strndup(start, local + 1 + domain);
	add_address(out, name, addr);
	return true;
}

/* Where GMime finds nothing (From: <MAILER-DAEMON>): the word itself. */
static void lone_word(const char *text, GPtrArray *out)
{
	const char *open = strrchr(text, '<'), *close = open != NULL ? strchr(open, '>') : NULL;
	g_autofree char *addr = NULL;
	g_autofree char *name = NULL;

	if (close != NULL && close > open + 1) {
		addr = g_strndup(open + 1, (size_t)(close - open - 1));
		name = g_strndup(text, (size_t)(open - text));
		g_strstrip(name);
		add_address(out, name, addr);
	} else if (close != NULL && open > text) { /* MAILER-DAEMON <> */
		addr = g_strndup(text, (size_t)(open - text));
		add_address(out, "", g_strstrip(addr));
	} else if (close == NULL && text[0] != '\0' && strchr(text, ' ') == NULL &&
		   strchr(text, ':') == NULL) {
		add_address(out, "", text);
	}
}

static bool has_many_groups(const char *text)
{
	int colons = 0;

	while ((text = strchr(text, ':')) != NULL && colons <= GROUPS_MAX) {
		colons++;
		text++;
	}
	return colons > GROUPS_MAX;
}

void bz_mime_addresses(const char *text, GPtrArray *out)
{
	InternetAddressList *list;
	guint before = out->len;

	if (has_many_groups(text)) /* GMime's stack grows with them (SECURITY V41) */
		return;
	if (add_simple(text, out))
		return;
	list = internet_address_list_parse(NULL, text);

	if (list != NULL) {
		flatten(list, out, 0);
		g_object_unref(list);
	}
	if (out->len == before)
		lone_word(text, out);
}

/* --- the header block ------------------------------------------------------------------------- */

/* Next field: name and value as they stand (folded). False at the end. */
static bool next_field(const char **at, const char *end, const char **name, size_t *name_len,
	const char **value, size_t *value_len)
{
	while (*at < end) {
		const char *line = *at, *p, *nl, *colon;

		do {
			nl = memchr(*at, '\n', (size_t)(end - *at));
			*at = nl != NULL ? nl + 1 : end;
		} while (nl != NULL && *at < end && (**at == ' ' || **at == '\t'));
		if (*line == '\n' || (*line == '\r' && line + 1 < end && line[1] == '\n'))
			return false;
		colon = memchr(line, ':', (size_t)(*at - line));
		if (colon == NULL || colon == line)
			continue;
		for (p = colon; p > line && (p[-1] == ' ' || p[-1] == '\t'); p--)
			;
		*name = line;
		*name_len = (size_t)(p - line);
		*value = colon + 1;
		*value_len = (size_t)(*at - colon - 1);
		if (memchr(line, ' ', *name_len) == NULL)
			return true;
	}
	return false;
}

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && g_ascii_strncasecmp(name, wanted, len) == 0;
}

static char *strip_brackets(char *id)
{
	char *open = strchr(id, '<'), *close = open != NULL ? strchr(open, '>') : NULL;

	if (close != NULL) {
		char *inner = g_strndup(open + 1, (size_t)(close - open - 1));

		g_free(id);
		return inner;
	}
	return id;
}

static void add_header(struct bz_message *m, const char *name, size_t name_len, char *raw)
{
	struct bz_header *h = g_new(struct bz_header, 1);

	h->name = g_utf8_make_valid(name, (gssize)name_len);
	h->value = decode_unfolded(raw);
	g_ptr_array_add(m->headers, h);
}

/* Date, subject, Message-ID: the first one counts; address fields add up. */
static void note_field(struct bz_message *m, const char *name, size_t n, char *raw)
{
	if (is_name(name, n, "from") && m->from->len == 0)
		bz_mime_addresses(raw, m->from);
	else if (is_name(name, n, "to"))
		bz_mime_addresses(raw, m->to);
	else if (is_name(name, n, "cc"))
		bz_mime_addresses(raw, m->cc);
	else if (is_name(name, n, "reply-to"))
		bz_mime_addresses(raw, m->reply_to);
	else if (is_name(name, n, "subject") && m->subject[0] == '\0') {
		g_free(m->subject);
		m->subject = decode_unfolded(raw);
	} else if (is_name(name, n, "date") && m->date == INT64_MIN) {
		bz_mime_parse_date(raw, &m->date, &m->date_zone);
	} else if (is_name(name, n, "message-id") && m->message_id[0] == '\0') {
		g_free(m->message_id);
		m->message_id = strip_brackets(g_strdup(raw));
	}
}

void bz_mime_parse_header(struct bz_message *message, const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len, *name, *value;
	size_t name_len, value_len;

	while (message->headers->len < HEADERS_MAX &&
		next_field(&at, end, &name, &name_len, &value, &value_len)) {
		g_autofree char *raw = unfolded(value, value_len);

		add_header(message, name, name_len, raw);
		note_field(message, name, name_len, raw);
	}
}

/* --- what a message answers --------------------------------------------------------------------
 */

enum { ID_MAX = 998 }; /* a line's */

struct id {
	const char *at;
	size_t len;
};

/* The next <id> of a raw value. */
static bool next_id(const char **at, const char *end, struct id *id)
{
	while (*at < end) {
		const char *open = memchr(*at, '<', (size_t)(end - *at));
		const char *close = open != NULL ? memchr(open, '>', (size_t)(end - open)) : NULL;

		if (close == NULL)
			return false;
		while ((*at = memchr(open + 1, '<', (size_t)(close - open - 1))) != NULL)
			open = *at;
		*at = close + 1;
		*id = (struct id){open + 1, (size_t)(close - open - 1)};
		if (id->len > 0 && id->len <= ID_MAX)
			return true;
	}
	return false;
}

/* Without the blanks of folded lines. */
static void add_id(GString *out, const struct id *id)
{
	if (out->len > 0)
		g_string_append_c(out, ' ');
	for (size_t i = 0; i < id->len; i++)
		if ((unsigned char)id->at[i] > ' ')
			g_string_append_c(out, id->at[i]);
}

/* The nearest stands last in the field, and the first of all may be all that others have, too. */
static char *nearest_ids(const char *value, size_t len)
{
	struct id last[BZ_THREAD_REFS], first = {0}, id;
	const char *at = value, *end = value + len;
	GString *out = g_string_new(NULL);
	size_t n = 0;

	for (; next_id(&at, end, &id); n++) {
		first = n == 0 ? id : first;
		last[n % BZ_THREAD_REFS] = id;
	}
	for (size_t k = 1; k <= n && k < BZ_THREAD_REFS; k++)
		add_id(out, &last[(n - k) % BZ_THREAD_REFS]);
	if (n >= BZ_THREAD_REFS)
		add_id(out, &first);
	return g_string_free(out, FALSE);
}

/* In-Reply-To counts where there are no References (RFC 5256), and of several in it the last: those
 * in front of it may be an address. */
static bool summarize_refs(
	struct bz_summary *row, const char *name, size_t n, const char *value, size_t len)
{
	bool references = is_name(name, n, "references");
	g_autofree char *refs = NULL;

	if (!references && !is_name(name, n, "in-reply-to"))
		return false;
	if (!references && row->refs != NULL)
		return true;
	refs = nearest_ids(value, len);
	if (!references)
		refs[strcspn(refs, " ")] = '\0';
	if (refs[0] != '\0') {
		g_free(row->refs);
		row->refs = g_steal_pointer(&refs);
	}
	return true;
}

/* --- a list row ------------------------------------------------------------------------------- */

static void take_first(GPtrArray *list, char **name, char **addr)
{
	struct bz_address *a;

	if (list->len == 0)
		return;
	a = g_ptr_array_index(list, 0);
	*name = g_steal_pointer(&a->name);
	*addr = g_steal_pointer(&a->addr);
}

static void summarize_from(struct bz_summary *row, const char *raw)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(bz_address_free);

	bz_mime_addresses(raw, list);
	take_first(list, &row->from_name, &row->from_addr);
}

static void summarize_to(struct bz_summary *row, const char *raw)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(bz_address_free);
	const struct bz_address *a;

	bz_mime_addresses(raw, list);
	if (list->len == 0)
		return;
	a = g_ptr_array_index(list, 0);
	row->to = g_strdup(a->name[0] != '\0' ? a->name : a->addr);
}

static void summarize_field(
	struct bz_summary *row, const char *name, size_t n, const char *value, size_t value_len)
{
	g_autofree char *raw = NULL;

	if (n < 2 || strchr("fFtTsSdDmMcCrRiI", name[0]) == NULL ||
		summarize_refs(row, name, n, value, value_len) || strchr("rRiI", name[0]) != NULL)
		return;
	raw = unfolded(value, value_len);
	if (is_name(name, n, "from") && row->from_addr == NULL)
		summarize_from(row, raw);
	else if (is_name(name, n, "to") && row->to == NULL)
		summarize_to(row, raw);
	else if (is_name(name, n, "subject") && row->subject == NULL)
		row->subject = decode_unfolded(raw);
	else if (is_name(name, n, "date") && row->date == INT64_MIN)
		bz_mime_parse_date(raw, &row->date, &row->date_zone);
	else if (is_name(name, n, "message-id") && row->message_id == NULL)
		row->message_id = strip_brackets(g_steal_pointer(&raw));
	else if (is_name(name, n, "content-type") &&
		 (g_ascii_strncasecmp(raw, "multipart/mixed", 15) == 0 ||
			 g_ascii_strncasecmp(raw, "application/", 12) == 0))
		row->flags |= BZ_FLAG_ATTACH;
}

void bz_mime_summarize(struct bz_summary *row, const char *header, size_t len)
{
	const char *at = header, *end = header + len, *name, *value;
	size_t name_len, value_len;

	g_clear_pointer(&row->from_name, g_free);
	g_clear_pointer(&row->from_addr, g_free);
	g_clear_pointer(&row->to, g_free);
	g_clear_pointer(&row->subject, g_free);
	g_clear_pointer(&row->message_id, g_free);
	g_clear_pointer(&row->refs, g_free);
	row->date = INT64_MIN;
	row->date_zone = 0;
	for (int i = 0; i < HEADERS_MAX; i++) {
		if (!next_field(&at, end, &name, &name_len, &value, &value_len))
			break;
		summarize_field(row, name, name_len, value, value_len);
	}
}
