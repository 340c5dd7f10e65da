/* HTML to plain paragraphs and numbered links, by libxml2's push parser: no tree, no network. */
#include "src/html_private.h"
#include "src/lang.h"
#include "src/render.h"

#include <libxml/HTMLparser.h>
#include <string.h>

enum { LINKS_MAX = 500, PIECE = 64 << 10, OUT_MAX = 5 << 20 };

struct link {
	char *href;
	char *host;
};

struct html {
	GString *out;
	bool blank;    /* a blank is due before the next word */
	int newlines;  /* line ends at the end of out (a big number at the start) */
	int depth;     /* of open elements */
	int hidden_at; /* depth of the outermost element that is not shown, 0 = none */
	int pre;
	int quote;
	int list_depth;
	int ordered[16];  /* next number, or 0 for a bullet list */
	GPtrArray *links; /* struct link * */
	char *href;       /* of the <a> that is open */
	gsize link_start; /* where its text begins in out */
	int images;       /* remote ones, not loaded */
};

static void link_free(void *data)
{
	struct link *link = data;

	g_free(link->href);
	g_free(link->host);
	g_free(link);
}

static void newline(struct html *h)
{
	g_string_append_c(h->out, '\n');
	h->newlines++;
	h->blank = false;
}

/* At least n line ends stand before what comes next. */
static void block(struct html *h, int n)
{
	while (h->newlines < n)
		newline(h);
	h->blank = false;
}

static void line_prefix(struct html *h)
{
	for (int i = 0; i < h->quote; i++)
		g_string_append(h->out, "> ");
}

static void put(struct html *h, const char *text, gsize n)
{
	if (h->newlines > 0 && h->quote > 0)
		line_prefix(h);
	if (h->blank && h->newlines == 0)
		g_string_append_c(h->out, ' ');
	g_string_append_len(h->out, text, (gssize)n);
	h->newlines = 0;
	h->blank = false;
}

/* Bytes of the blank at text[i], 0 = none. No-break spaces are what layouts are propped up with. */
static gsize blank_at(const char *text, gsize i, gsize len)
{
	if (i + 1 < len && text[i] == '\xc2' && text[i + 1] == '\xa0')
		return 2;
	return text[i] != '\0' && strchr(" \t\r\n\f", text[i]) != NULL;
}

/* A word of nothing but what has no width: newsletters fill the preview line with hundreds
 * of them. */
static bool is_padding(const char *word, gsize len)
{
	for (const char *p = word; p < word + len; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char_validated(p, word + len - p);

		if (c != 0x34f && c != 0xad && c != 0x2007 && c != 0xfeff &&
			(c < 0x200b || c > 0x200f))
			return false;
	}
	return true;
}

static void put_text(struct html *h, const char *text, gsize len)
{
	gsize start = 0;

	for (gsize i = 0; i <= len; i++) {
		gsize blank = i < len ? blank_at(text, i, len) : 1;

		if (blank == 0)
			continue;
		if (i > start && !is_padding(text + start, i - start))
			put(h, text + start, i - start);
		if (i < len)
			h->blank = true;
		start = i + blank;
		i = start - 1;
	}
}

static void put_pre(struct html *h, const char *text, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if (text[i] == '\n')
			newline(h);
		else
			put(h, text + i, 1);
}

/* --- attributes ------------------------------------------------------------------------------- */

static const char *attribute(const xmlChar **atts, const char *name)
{
	for (; atts != NULL && atts[0] != NULL; atts += 2)
		if (g_ascii_strcasecmp((const char *)atts[0], name) == 0)
			return (const char *)(atts[1] != NULL ? atts[1] : BAD_CAST "");
	return NULL;
}

static bool is_hidden(const xmlChar **atts)
{
	const char *style = attribute(atts, "style");
	g_autofree char *low = NULL;
	GString *tight;
	bool hidden;

	if (attribute(atts, "hidden") != NULL)
		return true;
	if (style == NULL)
		return false;
	tight = g_string_new(NULL);
	for (const char *p = style; *p != '\0' && tight->len < 4096; p++)
		if (!g_ascii_isspace(*p))
			g_string_append_c(tight, g_ascii_tolower(*p));
	low = g_string_free(tight, FALSE);
	hidden = strstr(low, "display:none") != NULL || strstr(low, "visibility:hidden") != NULL ||
		 strstr(low, "font-size:0;") != NULL || strstr(low, "font-size:0px") != NULL ||
		 strstr(low, "max-height:0;") != NULL || strstr(low, "max-height:0px") != NULL;
	return hidden;
}

/* --- links ------------------------------------------------------------------------------------ */

static char *host_of(const char *url)
{
	const char *p = strstr(url, "://");
	const char *end, *at;

	if (p == NULL)
		return g_strdup(g_ascii_strncasecmp(url, "mailto:", 7) == 0 ? url + 7 : "");
	p += 3;
	end = p + strcspn(p, "/?#\\");
	at = g_strrstr_len(p, end - p, "@");
	if (at != NULL)
		p = at + 1;
	return g_ascii_strdown(p, end - p);
}

/* Does the visible text name a host that is not the link's (or a parent of it)? */
static bool deceives(const char *text, const char *host)
{
	g_autofree char *low = g_ascii_strdown(text, -1);
	const char *p = low;
	gsize n, h = strlen(host);

	g_strstrip(low);
	if (g_str_has_prefix(p, "https://"))
		p += 8;
	else if (g_str_has_prefix(p, "http://"))
		p += 7;
	else if (!g_str_has_prefix(p, "www."))
		return false;
	n = strcspn(p, "/?#: ");
	if (n > 4 && strncmp(p, "www.", 4) == 0) {
		p += 4;
		n -= 4;
	}
	if (h == 0 || n == 0)
		return false;
	return !(h >= n && strncmp(host + h - n, p, n) == 0 && (h == n || host[h - n - 1] == '.'));
}

static guint link_number(struct html *h, const char *href)
{
	struct link *link;

	for (guint i = 0; i < h->links->len; i++)
		if (strcmp(((struct link *)g_ptr_array_index(h->links, i))->href, href) == 0)
			return i + 1;
	link = g_new(struct link, 1);
	link->href = g_strdup(href);
	link->host = host_of(href);
	g_ptr_array_add(h->links, link);
	return h->links->len;
}

static void end_link(struct html *h)
{
	g_autofree char *href = g_steal_pointer(&h->href);
	const struct link *link;
	const char *text;
	guint n;

	if (href == NULL || h->link_start >= h->out->len || h->links->len >= LINKS_MAX)
		return;
	if (href[0] == '#' || g_ascii_strncasecmp(href, "javascript:", 11) == 0)
		return;
	text = h->out->str + h->link_start;
	n = link_number(h, href);
	link = g_ptr_array_index(h->links, n - 1);
	if (deceives(text, link->host))
		g_string_append_printf(h->out, "[%u! %s]", n, link->host);
	else
		g_string_append_printf(h->out, "[%u]", n);
}

/* --- elements --------------------------------------------------------------------------------- */

enum kind { INLINE, BLOCK, PARAGRAPH, SKIP };

static enum kind kind_of(const char *name)
{
	static const char *const skip[] = {"script", "style", "head", "title", "noscript",
		"template", "object", "iframe", "svg", "math", "select", "textarea", NULL};
	static const char *const paragraph[] = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol",
		"blockquote", "pre", "table", "hr", "dl", NULL};
	static const char *const blocks[] = {"div", "tr", "td", "th", "li", "section", "article",
		"header", "footer", "center", "form", "dt", "dd", "address", "caption", "figure",
		"main", "nav", "fieldset", NULL};

	if (g_strv_contains(skip, name))
		return SKIP;
	if (g_strv_contains(paragraph, name))
		return PARAGRAPH;
	return g_strv_contains(blocks, name) ? BLOCK : INLINE;
}

static void start_item(struct html *h)
{
	int level = CLAMP(h->list_depth - 1, 0, 15);

	block(h, 1);
	put(h, "      ", (gsize)MIN(2 * level, 6));
	if (h->ordered[level] > 0) {
		g_autofree char *n = g_strdup_printf("%d. ", h->ordered[level]++);

		put(h, n, strlen(n));
	} else {
		put(h, "* ", 2);
	}
	h->newlines = 0;
}

static void start_image(struct html *h, const xmlChar **atts)
{
	const char *alt = attribute(atts, "alt"), *src = attribute(atts, "src");

	if (src != NULL && g_ascii_strncasecmp(src, "http", 4) == 0)
		h->images++;
	if (alt != NULL && alt[0] != '\0')
		put_text(h, alt, strlen(alt));
}

static void start_shown(struct html *h, const char *name, const xmlChar **atts)
{
	enum kind kind = kind_of(name);
	const char *href;

	if (kind == PARAGRAPH)
		block(h, 2);
	else if (kind == BLOCK)
		block(h, 1);
	if (strcmp(name, "br") == 0)
		newline(h);
	else if (strcmp(name, "hr") == 0)
		put(h, "----", 4);
	else if (strcmp(name, "li") == 0)
		start_item(h);
	else if (strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0) {
		h->ordered[CLAMP(h->list_depth, 0, 15)] = name[0] == 'o';
		h->list_depth++;
	} else if (strcmp(name, "blockquote") == 0) {
		h->quote = MIN(h->quote + 1, 8);
	} else if (strcmp(name, "pre") == 0) {
		h->pre++;
	} else if (strcmp(name, "img") == 0) {
		start_image(h, atts);
	} else if (strcmp(name, "a") == 0 && (href = attribute(atts, "href")) != NULL) {
		end_link(h);
		if (h->blank && h->newlines == 0)
			put(h, "", 0);
		h->href = g_strdup(href);
		h->link_start = h->out->len;
	}
}

static void on_start(void *me, const xmlChar *tag, const xmlChar **atts)
{
	struct html *h = me;
	g_autofree char *name = g_ascii_strdown((const char *)tag, -1);

	h->depth++;
	if (h->hidden_at > 0 || h->out->len > OUT_MAX)
		return;
	if (kind_of(name) == SKIP || is_hidden(atts))
		h->hidden_at = h->depth;
	else
		start_shown(h, name, atts);
}

static void on_end(void *me, const xmlChar *tag)
{
	struct html *h = me;
	g_autofree char *name = g_ascii_strdown((const char *)tag, -1);
	enum kind kind = kind_of(name);
	bool hidden = h->hidden_at > 0;

	if (h->hidden_at == h->depth)
		h->hidden_at = 0;
	h->depth = MAX(h->depth - 1, 0);
	if (hidden)
		return;
	if (strcmp(name, "a") == 0)
		end_link(h);
	else if ((strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0) && h->list_depth > 0)
		h->list_depth--;
	else if (strcmp(name, "blockquote") == 0 && h->quote > 0)
		h->quote--;
	else if (strcmp(name, "pre") == 0 && h->pre > 0)
		h->pre--;
	if (kind == PARAGRAPH)
		block(h, 2);
	else if (kind == BLOCK)
		block(h, 1);
}

static void on_text(void *me, const xmlChar *text, int len)
{
	struct html *h = me;

	if (h->hidden_at > 0 || h->out->len > OUT_MAX)
		return;
	if (h->pre > 0)
		put_pre(h, (const char *)text, (gsize)len);
	else
		put_text(h, (const char *)text, (gsize)len);
}

static void on_nothing(void *me, const xmlChar *text, int len)
{
	(void)me;
	(void)text;
	(void)len;
}

static void on_error(void *me, const char *fmt, ...)
{
	(void)me;
	(void)fmt;
}

static void add_link_list(struct html *h)
{
	block(h, 2);
	for (guint i = 0; i < h->links->len; i++) {
		const struct link *link = g_ptr_array_index(h->links, i);

		g_string_append_printf(h->out, "[%u] %s\n", i + 1, link->href);
	}
}

static void parse(struct html *h, const char *utf8, size_t len)
{
	htmlSAXHandler sax = {
		.startElement = on_start,
		.endElement = on_end,
		.characters = on_text,
		.cdataBlock = on_nothing,
		.error = on_error,
		.warning = on_error,
	};
	htmlParserCtxtPtr ctx =
		htmlCreatePushParserCtxt(&sax, h, "", 0, NULL, XML_CHAR_ENCODING_UTF8);

	if (ctx == NULL)
		return;
	htmlCtxtUseOptions(ctx, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
					HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
	for (size_t at = 0; at < len; at += PIECE)
		htmlParseChunk(ctx, utf8 + at, (int)MIN(len - at, PIECE), 0);
	htmlParseChunk(ctx, "", 0, 1);
	htmlFreeParserCtxt(ctx);
}

char *bz_html_to_text(const char *utf8, size_t len, int width)
{
	struct html h = {.out = g_string_new(NULL), .newlines = 99};
	g_autofree char *cut = bz_html_without_long_tags(utf8, len);

	(void)width;
	h.links = g_ptr_array_new_with_free_func(link_free);
	parse(&h, cut != NULL ? cut : utf8, len);
	end_link(&h);
	if (h.links->len > 0)
		add_link_list(&h);
	if (h.images > 0) {
		block(&h, 2);
		g_string_append_printf(h.out,
			ngettext("%d remote picture not loaded", "%d remote pictures not loaded",
				(unsigned long)h.images),
			h.images);
		g_string_append_c(h.out, '\n');
	}
	g_ptr_array_unref(h.links);
	g_free(h.href);
	return g_string_free(h.out, FALSE);
}
