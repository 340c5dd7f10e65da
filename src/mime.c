#include "src/mime.h"
#include "src/lang.h"
#include "src/mime_private.h"

#include <gmime/gmime.h>
#include <string.h>

enum { DEPTH_MAX = 50, PARTS_MAX = 10000, GROUPS_MAX = 500, TEXT_BYTES_MAX = 10 << 20 };

void bz_mime_init(void)
{
	g_mime_init();
}

/* --- the tree of parts ------------------------------------------------------------------------ */

struct walk {
	struct bz_message *message;
	uint16_t groups;      /* multipart/alternatives so far */
	uint16_t alternative; /* the innermost */
	bool nested;
	int depth;
};

static char *or_empty(const char *text)
{
	return text == NULL                      ? g_strdup("")
	       : g_utf8_validate(text, -1, NULL) ? g_strdup(text)
						 : g_utf8_make_valid(text, -1);
}

static char *lower(const char *text)
{
	g_autofree char *valid = or_empty(text);

	return g_ascii_strdown(valid, -1);
}

static GBytes *content_of(GMimePart *part)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeStream *mem;
	GByteArray *bytes;

	if (wrapper == NULL)
		return g_bytes_new_static("", 0);
	mem = g_mime_stream_mem_new();
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(mem), FALSE);
	g_mime_data_wrapper_write_to_stream(wrapper, mem);
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
	g_object_unref(mem);
	return g_byte_array_free_to_bytes(bytes);
}

/* RFC 2045 5.2: what does not parse is text/plain (GMime says application/octet-stream). */
static char *type_of(GMimeObject *object)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	const char *field = g_mime_object_get_header(object, "Content-Type");
	g_autofree char *mime = type != NULL ? g_mime_content_type_get_mime_type(type) : NULL;
	g_autofree char *low = field != NULL ? lower(field) : NULL;

	if (mime == NULL || (low != NULL && strcmp(mime, "application/octet-stream") == 0 &&
				    strstr(low, "octet-stream") == NULL))
		return g_strdup("text/plain");
	return lower(mime);
}

/* A charset's name, or nothing: a quote that was never closed leaves half a header here. */
static char *charset_of(GMimeObject *object)
{
	char *charset = or_empty(g_mime_object_get_content_type_parameter(object, "charset"));

	for (const char *p = charset; *p != '\0'; p++)
		if ((!g_ascii_isalnum(*p) && strchr("-_.:+", *p) == NULL) || p - charset > 40) {
			charset[0] = '\0';
			break;
		}
	return charset;
}

/* name="=?..?= =?..?=": encoded words have no place in a parameter, but people's programs put them
 * there and GMime keeps the first alone (SECURITY V42). NULL when that is not the case. */
static char *name_of_words(GMimeObject *object, const char *field, const char *name)
{
	const char *value = g_mime_object_get_header(object, field), *start, *end, *word;
	g_autofree char *key = g_strdup_printf("%s=\"", name), *low = NULL;

	if (value == NULL)
		return NULL;
	low = g_ascii_strdown(value, -1);
	start = strstr(low, key);
	if (start == NULL)
		return NULL;
	start = value + (start - low) + strlen(key);
	end = strchr(start, '"');
	word = g_strstr_len(start, end != NULL ? end - start : -1, "=?");
	if (end == NULL || word == NULL || g_strstr_len(word + 2, end - word - 2, " =?") == NULL)
		return NULL;
	return bz_mime_decode_header(start, (size_t)(end - start));
}

static char *filename_of(GMimeObject *object)
{
	char *name = name_of_words(object, "Content-Disposition", "filename");

	if (name == NULL && g_mime_object_get_content_disposition(object) == NULL)
		name = name_of_words(object, "Content-Type", "name");
	return name != NULL ? name : or_empty(g_mime_part_get_filename(GMIME_PART(object)));
}

/* What the object's own header fields say. */
static void describe(struct bz_part *p, GMimeObject *object)
{
	const char *format = g_mime_object_get_content_type_parameter(object, "format");
	const char *delsp = g_mime_object_get_content_type_parameter(object, "delsp");

	p->type = type_of(object);
	p->charset = charset_of(object);
	p->disposition = lower(g_mime_object_get_disposition(object));
	p->flowed = format != NULL && g_ascii_strcasecmp(format, "flowed") == 0;
	p->delsp = delsp != NULL && g_ascii_strcasecmp(delsp, "yes") == 0;
	if (GMIME_IS_PART(object))
		p->filename = filename_of(object);
}

static struct bz_part *new_part(struct walk *w, GMimeObject *object, const char *path)
{
	struct bz_part *p = g_new0(struct bz_part, 1);

	describe(p, object);
	p->path = g_strdup(path);
	p->content_id = or_empty(g_mime_object_get_content_id(object));
	p->alternative = w->alternative;
	p->flags = w->nested ? BZ_PART_NESTED : 0;
	g_ptr_array_add(w->message->parts, p);
	return p;
}

struct bz_part *bz_mime_part(const char *type, const char *disposition)
{
	struct bz_part *p = g_new0(struct bz_part, 1);
	GMimeObject *object = GMIME_OBJECT(g_mime_part_new());

	g_mime_object_set_header(object, "Content-Type", type, NULL);
	if (disposition != NULL)
		g_mime_object_set_header(object, "Content-Disposition", disposition, NULL);
	describe(p, object);
	g_object_unref(object);
	return p;
}

static void walk_leaf(struct walk *w, GMimePart *part, const char *path)
{
	struct bz_part *p = new_part(w, GMIME_OBJECT(part), path);

	p->encoding =
		lower(g_mime_content_encoding_to_string(g_mime_part_get_content_encoding(part)));
	p->content = content_of(part);
	p->size = g_bytes_get_size(p->content);
}

static void walk_object(struct walk *w, GMimeObject *object, const char *path);

static void walk_multipart(struct walk *w, GMimeMultipart *multi, const char *path)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(multi));
	uint16_t outer = w->alternative;
	int n = g_mime_multipart_get_count(multi);

	if (type != NULL && g_mime_content_type_is_type(type, "multipart", "alternative"))
		w->alternative = ++w->groups;
	else if (type == NULL || !g_mime_content_type_is_type(type, "multipart", "related"))
		w->alternative = 0; /* a mixed inside an alternative is no single form any more */
	if (n == 0) {
		struct bz_part *p = new_part(w, GMIME_OBJECT(multi), path[0] != '\0' ? path : "1");

		p->filename = g_strdup("");
		p->encoding = g_strdup("");
	}
	for (int i = 0; i < n && w->message->limit == NULL; i++) {
		g_autofree char *sub =
			g_strdup_printf("%s%s%d", path, path[0] != '\0' ? "." : "", i + 1);

		walk_object(w, g_mime_multipart_get_part(multi, i), sub);
	}
	w->alternative = outer;
}

/* The message inside: the parts of a multipart count below the container itself (RFC
 * 3501, 6.4.5). */
static void walk_inner(struct walk *w, GMimeObject *body, const char *path)
{
	g_autofree char *sub = g_strdup_printf("%s.1", path);
	uint16_t outer = w->alternative;
	bool was = w->nested;
	bool has_parts =
		GMIME_IS_MULTIPART(body) && g_mime_multipart_get_count(GMIME_MULTIPART(body)) > 0;

	w->nested = true;
	w->alternative = 0;
	walk_object(w, body, has_parts ? path : sub);
	w->nested = was;
	w->alternative = outer;
}

static void walk_nested(struct walk *w, GMimeMessagePart *part, const char *path)
{
	struct bz_part *p = new_part(w, GMIME_OBJECT(part), path);
	GMimeMessage *inner = g_mime_message_part_get_message(part);
	GMimeObject *body = inner != NULL ? g_mime_message_get_mime_part(inner) : NULL;
	const char *name =
		g_mime_object_get_content_disposition_parameter(GMIME_OBJECT(part), "filename");

	if (name == NULL)
		name = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "name");
	p->filename = or_empty(name);
	p->encoding = g_strdup("");
	p->flags |= BZ_PART_CONTAINER;
	if (inner != NULL && g_mime_message_get_subject(inner) != NULL)
		p->title = or_empty(g_mime_message_get_subject(inner));
	if (body != NULL)
		walk_inner(w, body, path);
}

static void walk_object(struct walk *w, GMimeObject *object, const char *path)
{
	if (w->depth >= DEPTH_MAX || w->message->parts->len >= PARTS_MAX) {
		if (w->message->limit == NULL)
			w->message->limit = g_strdup(
				_("This message has too many parts; the rest is not shown."));
		return;
	}
	w->depth++;
	if (GMIME_IS_MULTIPART(object))
		walk_multipart(w, GMIME_MULTIPART(object), path);
	else if (GMIME_IS_MESSAGE_PART(object))
		walk_nested(w, GMIME_MESSAGE_PART(object), path[0] != '\0' ? path : "1");
	else if (GMIME_IS_PART(object))
		walk_leaf(w, GMIME_PART(object), path[0] != '\0' ? path : "1");
	w->depth--;
}

/* --- a whole message -------------------------------------------------------------------------- */

/* Offset of the body: behind the first empty line, or len. */
static size_t body_offset(const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n'))
			return (size_t)(nl - bytes) + 1;
		if (nl == NULL)
			break;
		p = nl + 1;
	}
	return len;
}

static void add_plain(struct bz_message *message, GBytes *content)
{
	struct bz_part *p = g_new0(struct bz_part, 1);

	p->path = g_strdup("1");
	p->type = g_strdup("text/plain");
	p->charset = g_strdup("");
	p->disposition = g_strdup("");
	p->filename = g_strdup("");
	p->content_id = g_strdup("");
	p->encoding = g_strdup("");
	p->content = content;
	p->size = g_bytes_get_size(content);
	g_ptr_array_add(message->parts, p);
}

/* Length of the field that begins at p, its folded lines included. */
static size_t field_length(const char *p, const char *end)
{
	const char *at = p;

	do {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		at = nl != NULL ? nl + 1 : end;
	} while (at < end && (*at == ' ' || *at == '\t'));
	return (size_t)(at - p);
}

static bool is_address_field(const char *p, const char *end)
{
	static const char *const names[] = {
		"from:", "to:", "cc:", "bcc:", "sender:", "reply-to:", "resent-"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if ((size_t)(end - p) > strlen(names[i]) &&
			g_ascii_strncasecmp(p, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool has_many_groups(const char *p, size_t n)
{
	size_t colons = 0;

	for (const char *end = p + n; (p = memchr(p, ':', (size_t)(end - p))) != NULL; p++)
		colons++;
	return colons > GROUPS_MAX;
}

/* GMime's stack grows with the groups of an address field (SECURITY V41), in messages within
 * messages too: a field with more of them than anybody writes is given to it under another name.
 * The reader's own header comes from bz_mime_parse_header, which has limits of its own. */
static GBytes *without_traps(GBytes *raw)
{
	gsize len;
	const char *bytes = g_bytes_get_data(raw, &len), *end;
	char *copy = NULL;

	if (len == 0) /* bytes is NULL then */
		return g_bytes_ref(raw);
	end = bytes + len;
	for (const char *p = bytes; p < end;) {
		const char *nl;

		if (is_address_field(p, end) && has_many_groups(p, field_length(p, end))) {
			copy = copy != NULL ? copy : g_memdup2(bytes, len);
			copy[p - bytes] = 'X';
		}
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl != NULL ? nl + 1 : end;
	}
	return copy != NULL ? g_bytes_new_take(copy, len) : g_bytes_ref(raw);
}

struct bz_message *bz_mime_parse(GBytes *original, bool keep_raw)
{
	struct bz_message *message = bz_message_new();
	GBytes *raw = without_traps(original);
	gsize len;
	const char *bytes = g_bytes_get_data(raw, &len), *source = g_bytes_get_data(original, NULL);
	size_t body = len > 0 ? body_offset(bytes, len) : 0;
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(len > 0 ? bytes : "", len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *parsed = len > 0 ? g_mime_parser_construct_message(parser, NULL) : NULL;
	struct walk w = {.message = message};

	bz_mime_parse_header(message, source != NULL ? source : "", body);
	if (parsed != NULL && g_mime_message_get_mime_part(parsed) != NULL)
		walk_object(&w, g_mime_message_get_mime_part(parsed), "");
	if (message->parts->len == 0)
		add_plain(message, message->headers->len > 0
					   ? g_bytes_new_from_bytes(raw, body, len - body)
					   : g_bytes_ref(raw));
	bz_message_classify(message);
	if (keep_raw)
		message->raw = g_bytes_ref(original);
	if (parsed != NULL)
		g_object_unref(parsed);
	g_object_unref(parser);
	g_object_unref(stream);
	g_bytes_unref(raw);
	return message;
}

/* --- one part --------------------------------------------------------------------------------- */

GBytes *bz_mime_decode(const char *encoding, const char *bytes, size_t len)
{
	GMimeContentEncoding kind = g_mime_content_encoding_from_string(encoding);
	GMimeEncoding state;
	char *out;
	size_t n;

	if (kind != GMIME_CONTENT_ENCODING_BASE64 &&
		kind != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
		kind != GMIME_CONTENT_ENCODING_UUENCODE)
		return g_bytes_new(bytes, len);
	g_mime_encoding_init_decode(&state, kind);
	out = g_malloc(g_mime_encoding_outlen(&state, len));
	n = g_mime_encoding_flush(&state, bytes, len, out);
	return g_bytes_new_take(out, n);
}

static char *lf_only(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
	return text;
}

/* NUL would end the string: shown as a mark. */
static char *without_nul(const char *bytes, size_t len)
{
	char *copy = g_malloc(len + 1);

	memcpy(copy, bytes, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\0')
			copy[i] = '\x01';
	return copy;
}

char *bz_mime_text(const struct bz_part *part, bool *guessed)
{
	g_autofree char *copy = NULL;
	bool wide = g_ascii_strncasecmp(part->charset, "utf-16", 6) == 0 ||
		    g_ascii_strncasecmp(part->charset, "utf-32", 6) == 0 ||
		    g_ascii_strncasecmp(part->charset, "ucs-", 4) == 0;
	const char *bytes;
	gsize len;

	if (guessed != NULL)
		*guessed = false;
	if (part->content == NULL)
		return g_strdup("");
	bytes = g_bytes_get_data(part->content, &len);
	len = MIN(len, (gsize)TEXT_BYTES_MAX);
	if (!wide && len > 0 && memchr(bytes, 0, len) != NULL)
		bytes = copy = without_nul(bytes, len);
	return lf_only(bz_mime_to_utf8(bytes, len, part->charset, guessed));
}
