#include "src/render.h"
#include "src/lang.h"
#include "src/mime.h"
#include "src/retention.h"
#include "src/text.h"

#include <string.h>
#include <time.h>

enum {
	WIDTH_MAX = 100,
	TEXT_MAX = 5 << 20,
	LINES_MAX = 200000,
	HEADER_NAME = 9,
	ADDRESSES_SHOWN = 3
};

/* --- the document ----------------------------------------------------------------------------- */

static void line_free(void *data)
{
	struct bz_line *line = data;

	g_free(line->text);
	g_free(line->spans);
	g_free(line);
}

static struct bz_doc *doc_new(int width)
{
	struct bz_doc *doc = g_new(struct bz_doc, 1);

	doc->lines = g_ptr_array_new_with_free_func(line_free);
	doc->width = width;
	g_atomic_ref_count_init(&doc->refs);
	return doc;
}

struct bz_doc *bz_doc_ref(struct bz_doc *doc)
{
	g_atomic_ref_count_inc(&doc->refs);
	return doc;
}

void bz_doc_unref(struct bz_doc *doc)
{
	if (doc == NULL || !g_atomic_ref_count_dec(&doc->refs))
		return;
	g_ptr_array_unref(doc->lines);
	g_free(doc);
}

/* text is taken; head = bytes at the start with the role of a header's name. */
static void add_line(struct bz_doc *doc, char *text, enum bz_role role, uint32_t head)
{
	struct bz_line *line = g_new0(struct bz_line, 1);
	uint32_t len = (uint32_t)strlen(text);

	line->text = text;
	if (head > 0 || role != BZ_TEXT_NORMAL) {
		line->spans = g_new(struct bz_span, 2);
		if (head > 0)
			line->spans[line->nspans++] = (struct bz_span){0, head, BZ_TEXT_HEADER};
		if (role != BZ_TEXT_NORMAL && len > head)
			line->spans[line->nspans++] = (struct bz_span){head, len - head, role};
	}
	g_ptr_array_add(doc->lines, line);
}

/* --- wrapping --------------------------------------------------------------------------------- */

/* Bytes of the first line when cleaned text is cut to width at a blank if there is one. */
static size_t break_at(const char *text, int width)
{
	size_t fit = bz_text_prefix(text, width, NULL);
	size_t cut;

	if (text[fit] == '\0')
		return fit;
	for (cut = fit; cut > 0 && text[cut] != ' '; cut--)
		;
	if (cut > 0 && strspn(text, " ") < cut)
		return cut;
	return fit > 0 ? fit : (size_t)(g_utf8_next_char(text) - text);
}

/* Wrap one cleaned line; what follows the first is indented by prefix. */
static void add_wrapped(
	struct bz_doc *doc, const char *text, int width, const char *prefix, enum bz_role role)
{
	int indent = bz_text_width(prefix), rest;
	bool first = true;

	if (indent > width / 2) /* a hostile depth of quotes would repeat itself for ever */
		prefix = "", indent = 0;
	rest = width - indent;

	do {
		size_t n = width > 0 ? break_at(text, first ? width : rest) : strlen(text);

		add_line(
			doc, g_strdup_printf("%s%.*s", first ? "" : prefix, (int)n, text), role, 0);
		text += n;
		if (*text == ' ')
			text++;
		first = false;
	} while (*text != '\0');
}

/* Quote level of a line and where its text begins: "> > text", ">> text". */
static int quote_level(const char *line, size_t *text)
{
	int level = 0;
	size_t i = 0, end = 0;

	while (line[i] == '>' || (line[i] == ' ' && line[i + 1] == '>')) {
		if (line[i] == '>')
			level++;
		end = ++i;
	}
	*text = end;
	return level;
}

static enum bz_role quote_role(int level)
{
	if (level == 0)
		return BZ_TEXT_NORMAL;
	return level % 2 == 1 ? BZ_TEXT_QUOTE1 : BZ_TEXT_QUOTE2;
}

static void add_body_line(struct bz_doc *doc, const char *line, int width, bool signature)
{
	g_autofree char *prefix = NULL;
	size_t text;
	int level = quote_level(line, &text);

	if (level > 0)
		prefix = g_strdup_printf("%.*s ", (int)text, line);
	add_wrapped(doc, line, width, prefix != NULL ? prefix : "",
		signature ? BZ_TEXT_DIM : quote_role(level));
}

static void add_body(struct bz_doc *doc, const char *text, int width)
{
	g_autofree char *clean = bz_text_clean_lines(text, strlen(text));
	bool signature = false;

	for (char *line = clean, *next; line != NULL; line = next) {
		if (doc->lines->len >= LINES_MAX) {
			add_line(doc, g_strdup_printf("[%s]", _("shown: the first 200,000 lines")),
				BZ_TEXT_WARN, 0);
			break;
		}
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		else if (*line == '\0')
			break;
		if (strcmp(line, "-- ") == 0)
			signature = true;
		add_body_line(doc, line, width, signature);
	}
}

/* --- format=flowed (RFC 3676) ----------------------------------------------------------------- */

struct flow {
	GString *out;
	int level;
	bool open; /* the last line ended soft */
};

static void flow_line(struct flow *f, char *line, bool delsp)
{
	size_t len;
	int level = 0;
	bool soft;

	while (line[level] == '>')
		level++;
	line += level;
	if (*line == ' ')
		line++;
	len = strlen(line);
	soft = len > 0 && line[len - 1] == ' ' && strcmp(line, "-- ") != 0;
	if (f->open && (level != f->level || strcmp(line, "-- ") == 0)) {
		g_string_append_c(f->out, '\n');
		f->open = false;
	}
	if (!f->open) {
		for (int i = 0; i < level; i++)
			g_string_append_c(f->out, '>');
		if (level > 0)
			g_string_append_c(f->out, ' ');
	}
	if (soft && delsp)
		line[len - 1] = '\0';
	g_string_append(f->out, line);
	if (!soft)
		g_string_append_c(f->out, '\n');
	f->open = soft;
	f->level = level;
}

static char *unflow(char *text, bool delsp)
{
	struct flow f = {.out = g_string_new(NULL)};

	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		flow_line(&f, line, delsp);
	}
	if (f.open)
		g_string_append_c(f.out, '\n');
	return g_string_free(f.out, FALSE);
}

/* --- the text of a message -------------------------------------------------------------------- */

/* One part's text, neither cleaned nor wrapped. */
static char *part_text(const struct bz_part *part)
{
	char *text = bz_mime_text(part, NULL), *shown = text;

	if (strcmp(part->type, "text/html") == 0)
		shown = bz_html_to_text(text, strlen(text), 0);
	else if (part->flowed)
		shown = unflow(text, part->delsp);
	if (shown != text)
		g_free(text);
	return shown;
}

static char *message_text(const struct bz_message *message)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < message->parts->len; i++) {
		const struct bz_part *part = g_ptr_array_index(message->parts, i);
		g_autofree char *text = NULL;

		if ((part->flags & BZ_PART_TEXT) == 0 || part->content == NULL)
			continue;
		text = part_text(part);
		if (out->len > 0)
			g_string_append(out, "\n");
		g_string_append(out, text);
		if (out->len > 0 && out->str[out->len - 1] != '\n')
			g_string_append_c(out, '\n');
		if (out->len > TEXT_MAX)
			break;
	}
	if (out->len > TEXT_MAX) {
		g_string_truncate(out, TEXT_MAX);
		g_string_append_printf(out, "\n\n[%s]\n", _("shown: the first 5 MB"));
	}
	return g_string_free(out, FALSE);
}

char *bz_render_text(const struct bz_message *message, int width)
{
	g_autofree char *text = message_text(message);
	struct bz_doc *doc = doc_new(width);
	GString *out = g_string_new(NULL);

	add_body(doc, text, width);
	for (guint i = 0; i < doc->lines->len; i++) {
		const struct bz_line *line = g_ptr_array_index(doc->lines, i);

		g_string_append(out, line->text);
		g_string_append_c(out, '\n');
	}
	bz_doc_unref(doc);
	return g_string_free(out, FALSE);
}

/* --- headers ---------------------------------------------------------------------------------- */

static void add_header(struct bz_doc *doc, const char *name, const char *value, enum bz_role role)
{
	g_autofree char *clean_name = bz_text_clean(name, strlen(name), 0);
	g_autofree char *clean = bz_text_clean(value, strlen(value), 0);
	g_autofree char *head =
		bz_text_fit(clean_name, MAX(HEADER_NAME - 1, bz_text_width(clean_name)), true);
	g_autofree char *whole = g_strdup_printf("%s %s", head, clean);
	guint first = doc->lines->len;
	struct bz_line *line;

	add_wrapped(doc, whole, doc->width, "         ", role);
	line = g_ptr_array_index(doc->lines, first);
	g_free(line->spans);
	line->spans = g_new(struct bz_span, 2);
	line->spans[0] = (struct bz_span){
		0, (uint32_t)MIN(strlen(head), strlen(line->text)), BZ_TEXT_HEADER};
	line->nspans = 1;
	if (role != BZ_TEXT_NORMAL && strlen(line->text) > strlen(head))
		line->spans[line->nspans++] = (struct bz_span){(uint32_t)strlen(head),
			(uint32_t)(strlen(line->text) - strlen(head)), role};
}

/* Name <address>: the address is always seen. */
static char *address_text(const struct bz_address *a)
{
	if (a->name[0] == '\0')
		return g_strdup(a->addr);
	return g_strdup_printf("%s <%s>", a->name, a->addr);
}

static char *address_list(const GPtrArray *list, guint most)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < MIN(list->len, most); i++) {
		g_autofree char *one = address_text(g_ptr_array_index(list, i));

		g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", one);
	}
	if (list->len > most)
		g_string_append_printf(out, " +%u", list->len - most);
	return g_string_free(out, FALSE);
}

static void add_addresses(struct bz_doc *doc, const char *name, const GPtrArray *list)
{
	g_autofree char *text = NULL;

	if (list->len == 0)
		return;
	text = address_list(list, ADDRESSES_SHOWN);
	add_header(doc, name, text, BZ_TEXT_NORMAL);
}

static const char *ago_form(int64_t s, int *n)
{
	static const struct {
		int64_t below;
		int unit;
		const char *one, *many;
	} steps[] = {
		{3600, 60, N_("%d minute ago"), N_("%d minutes ago")},
		{86400, 3600, N_("%d hour ago"), N_("%d hours ago")},
		{86400 * 60LL, 86400, N_("%d day ago"), N_("%d days ago")},
		{86400 * 730LL, 86400 * 30, N_("%d month ago"), N_("%d months ago")},
		{INT64_MAX, 86400 * 365, N_("%d year ago"), N_("%d years ago")},
	};

	for (size_t i = 0;; i++)
		if (s < steps[i].below) {
			*n = (int)(s / steps[i].unit);
			return *n == 1 ? _(steps[i].one)
				       : _(steps[i].many); /* no literals: no plural entry */
		}
}

static char *ago(int64_t then, int64_t now)
{
	const char *form;
	int n;

	if (then > now + 60)
		return g_strdup(_("in the future"));
	if (now - then < 60)
		return g_strdup(_("just now"));
	form = ago_form(now - then, &n);
	return g_strdup_printf(form, n);
}

static char *date_text(const struct bz_message *m, int64_t now)
{
	static const char *const days[] = {
		N_("Sun"), N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat")};
	static const char *const months[] = {N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"),
		N_("Jun"), N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")};
	g_autofree char *since = NULL;
	time_t t = (time_t)m->date;
	struct tm tm;

	if (m->date == INT64_MIN || localtime_r(&t, &tm) == NULL)
		return g_strdup(_("unknown"));
	since = ago(m->date, now);
	return g_strdup_printf("%s %d %s %d %02d:%02d (%s)", _(days[tm.tm_wday]), tm.tm_mday,
		_(months[tm.tm_mon]), tm.tm_year + 1900, tm.tm_hour, tm.tm_min, since);
}

static const char *domain_of(const char *addr)
{
	const char *at = strrchr(addr, '@');

	return at != NULL ? at + 1 : "";
}

/* Mailsploit and reply traps: say so, never hide. */
static void add_warnings(struct bz_doc *doc, const struct bz_message *m)
{
	const struct bz_address *from, *reply;
	const char *at;

	if (m->from->len == 0)
		return;
	from = g_ptr_array_index(m->from, 0);
	at = strchr(from->name, '@');
	if (at != NULL && strstr(from->name, from->addr) == NULL)
		add_header(doc, _("Warning"),
			_("the sender's name contains another address; the real one stands in < >"),
			BZ_TEXT_WARN);
	if (m->from->len > 1)
		add_header(doc, _("Warning"), _("this message names more than one sender"),
			BZ_TEXT_WARN);
	if (m->reply_to->len == 0)
		return;
	reply = g_ptr_array_index(m->reply_to, 0);
	if (g_ascii_strcasecmp(domain_of(reply->addr), domain_of(from->addr)) != 0) {
		g_autofree char *text =
			g_strdup_printf(_("answers would go elsewhere: %s"), reply->addr);

		add_header(doc, _("Warning"), text, BZ_TEXT_WARN);
	}
}

static void add_attachments(struct bz_doc *doc, const struct bz_message *m)
{
	guint n = 0;

	for (guint i = 0; i < m->parts->len; i++) {
		const struct bz_part *p = g_ptr_array_index(m->parts, i);
		g_autofree char *size = NULL, *name = NULL, *label = NULL, *text = NULL;
		const char *shown;

		if ((p->flags & BZ_PART_ATTACHMENT) == 0)
			continue;
		size = bz_lang_size(p->size);
		shown = p->filename[0] == '\0' && p->title != NULL ? p->title : p->filename;
		name = bz_text_clean(shown, strlen(shown), 1024);
		text = g_strdup_printf("%u %s  %s%s%s", ++n,
			name[0] != '\0' ? name : _("(no name)"), p->type, p->size > 0 ? "  " : "",
			p->size > 0 ? size : "");
		label = g_strdup(n == 1 ? _("Attached") : "");
		add_header(doc, label, text, BZ_TEXT_NORMAL);
	}
}

static void add_all_headers(struct bz_doc *doc, const struct bz_message *m)
{
	for (guint i = 0; i < m->headers->len; i++) {
		const struct bz_header *h = g_ptr_array_index(m->headers, i);

		add_header(doc, h->name, h->value, BZ_TEXT_NORMAL);
	}
}

/* What becomes of the copy on a POP server; NULL = there is none, or nobody knows. */
static char *server_text(const struct bz_message *m, int64_t now)
{
	g_autofree char *day = NULL;

	if (m->server_until == INT64_MIN || m->server_until == 0)
		return NULL;
	switch (m->server_fate) {
	case BZ_COPY_GOES:
		day = bz_retention_day(m->server_until, now);
		return g_strdup_printf(_("on the server until %s"), day);
	case BZ_COPY_UNTIL_DELETED:
		return g_strdup(_("on the server until it is deleted here"));
	case BZ_COPY_DUE:
		return g_strdup(_("on the server until mail is fetched next"));
	default:
		return g_strdup(_("on the server, too"));
	}
}

static void add_headers(struct bz_doc *doc, const struct bz_message *m, int64_t now)
{
	g_autofree char *date = date_text(m, now), *server = server_text(m, now);

	add_header(doc, _("Subject"), m->subject, BZ_TEXT_STRONG);
	add_addresses(doc, _("From"), m->from);
	add_header(doc, _("Date"), date, BZ_TEXT_NORMAL);
	add_addresses(doc, _("To"), m->to);
	add_addresses(doc, _("Cc"), m->cc);
	if (server != NULL)
		add_header(doc, _("Server"), server, BZ_TEXT_NORMAL);
}

struct bz_doc *bz_render(const struct bz_message *message, int width, unsigned flags, int64_t now)
{
	struct bz_doc *doc = doc_new(MAX(MIN(width, WIDTH_MAX), 20));
	g_autofree char *text = NULL;

	if ((flags & BZ_RENDER_RAW) != 0 && message->raw != NULL) {
		gsize len;
		const char *raw = g_bytes_get_data(message->raw, &len);
		char *clean = bz_text_clean_lines(raw, MIN(len, (gsize)TEXT_MAX));

		add_body(doc, clean, doc->width);
		g_free(clean);
		return doc;
	}
	if ((flags & BZ_RENDER_ALL_HEADERS) != 0)
		add_all_headers(doc, message);
	else if ((flags & BZ_RENDER_HEADERS) != 0)
		add_headers(doc, message, now);
	if ((flags & (BZ_RENDER_HEADERS | BZ_RENDER_ALL_HEADERS)) != 0) {
		add_warnings(doc, message);
		add_attachments(doc, message);
		add_line(doc, g_strdup(""), BZ_TEXT_NORMAL, 0);
	}
	text = message_text(message);
	add_body(doc, text, doc->width);
	if (message->limit != NULL)
		add_wrapped(doc, message->limit, doc->width, "", BZ_TEXT_WARN);
	return doc;
}
