/* From a message to lines for the reader: cleaned, wrapped, with roles. Runs on the render worker
 * (or in the command line's only thread); the result is immutable. */
#ifndef BZ_RENDER_H
#define BZ_RENDER_H

#include "src/message.h"

enum bz_role { /* UX section 9; ui/ maps them to attributes */
	BZ_TEXT_NORMAL,
	BZ_TEXT_DIM,
	BZ_TEXT_HEADER, /* header name */
	BZ_TEXT_STRONG,
	BZ_TEXT_QUOTE1, /* odd quote levels */
	BZ_TEXT_QUOTE2, /* even ones */
	BZ_TEXT_LINK,
	BZ_TEXT_WARN
};

/* A span of a line: bytes [start, start+len) of the line's text. Outside spans: NORMAL. */
struct bz_span {
	uint32_t start, len;
	enum bz_role role;
};

struct bz_line {
	char *text; /* cleaned UTF-8, no line end, at most the asked width in cells */
	struct bz_span *spans;
	uint16_t nspans;
};

struct bz_doc {
	GPtrArray *lines; /* struct bz_line * */
	int width;
	gatomicrefcount refs;
};
struct bz_doc *bz_doc_ref(struct bz_doc *doc);
void bz_doc_unref(struct bz_doc *doc);

enum bz_render_flag {
	BZ_RENDER_HEADERS = 1 << 0, /* Subject, From, Date, To, warnings, attachment list first */
	BZ_RENDER_ALL_HEADERS = 1 << 1, /* `h` */
	BZ_RENDER_RAW = 1 << 2          /* `H`: the source (needs message->raw) */
};

/* width in cells, 20 or more; text is wrapped at min(width, 100). now = for "3 hours ago".
 * Never NULL. */
struct bz_doc *bz_render(const struct bz_message *message, int width, unsigned flags, int64_t now);

/* The text part(s) alone as one UTF-8 string with LF, as the reader would show them, wrapped at
 * width (0 = not wrapped). For `buzon show`. Caller frees. */
char *bz_render_text(const struct bz_message *message, int width);

/* HTML -> plain paragraphs and numbered links ("[1] host" list at the end), by libxml2's SAX push
 * parser. utf8 in, UTF-8 out (not cleaned). Nothing is loaded from anywhere. Caller frees. */
char *bz_html_to_text(const char *utf8, size_t len, int width);

#endif
