#include "net/guard.h"
#include "src/lang.h"

#include <string.h>

enum { READ_SIZE = 64 << 10 };

enum dot_state { DOT_START, DOT_TEXT, DOT_CR, DOT_DOT, DOT_DOT_CR };

struct bz_guard {
	struct bz_stream *stream;
	char *buf;
	size_t at, end;    /* buf[at..end) was read and not used yet */
	GString *out;      /* what is being put together */
	size_t line_start; /* in out: what was put there before is a literal */

	/* of the IMAP response in out */
	size_t line_bytes, literal_bytes;
	size_t literal_left;
	int depth;
	bool too_deep, started, whole;

	enum dot_state dots;
};

struct bz_guard *bz_guard_new(struct bz_stream *stream)
{
	struct bz_guard *g = g_new0(struct bz_guard, 1);

	g->stream = stream;
	g->buf = g_malloc(READ_SIZE);
	g->out = g_string_new(NULL);
	return g;
}

void bz_guard_free(struct bz_guard *g)
{
	if (g == NULL)
		return;
	g_free(g->buf);
	g_string_free(g->out, TRUE);
	g_free(g);
}

size_t bz_guard_held(const struct bz_guard *g)
{
	return g->end - g->at;
}

void bz_guard_start_deflate(struct bz_guard *g)
{
	bz_stream_start_deflate(g->stream, g->buf + g->at, g->end - g->at);
	g->at = g->end = 0;
}

static int bad(const struct bz_guard *g, enum bz_err_kind kind, const char *why, struct bz_err *err)
{
	return bz_err_set(err, kind, BZ_CODE_NONE,
		_("%s sent something buzon does not accept (%s); the connection was closed."),
		bz_stream_host(g->stream), why);
}

/* More bytes into an empty buffer. */
static int fill(struct bz_guard *g, struct bz_err *err)
{
	ssize_t n = bz_stream_read(g->stream, g->buf, READ_SIZE, err);

	if (n < 0)
		return -1;
	g->at = 0;
	g->end = (size_t)n;
	return 0;
}

/* Move bytes up to and with the next LF, at most to `limit` bytes in all, to out. 1 = a line end
 * came. */
static int take_line(struct bz_guard *g, size_t *taken, size_t limit, struct bz_err *err)
{
	for (;;) {
		const char *from = g->buf + g->at;
		const char *nl = g->at < g->end ? memchr(from, '\n', g->end - g->at) : NULL;
		size_t n = nl != NULL ? (size_t)(nl - from) + 1 : g->end - g->at;

		if (*taken + n > limit)
			return bad(g, BZ_ERR_LIMIT, "line too long", err);
		if (memchr(from, '\0', n) != NULL)
			return bad(g, BZ_ERR_PROTO, "NUL", err);
		g_string_append_len(g->out, from, (gssize)n);
		*taken += n;
		g->at += n;
		if (nl != NULL)
			return 0;
		if (fill(g, err) != 0)
			return -1;
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

int bz_guard_line(
	struct bz_guard *g, size_t max, const char **line, size_t *len, struct bz_err *err)
{
	if (g->whole || !g->started) {
		g_string_truncate(g->out, 0);
		g->line_bytes = 0;
		g->whole = false;
		g->started = true;
	}
	if (take_line(g, &g->line_bytes, max + 2, err) != 0)
		return -1;
	g->whole = true;
	g_string_truncate(g->out, g->out->len - 1);
	if (g->out->len > 0 && g->out->str[g->out->len - 1] == '\r')
		g_string_truncate(g->out, g->out->len - 1);
	*line = g->out->str;
	*len = g->out->len;
	return 0;
}

/* --- POP3's multi-line responses -------------------------------------------------------------- */

struct piece {
	struct bz_guard *g;
	int (*f)(void *me, const char *bytes, size_t n);
	void *me;
	size_t from; /* in buf: not yet given out */
};

static int give(struct piece *p, size_t to)
{
	size_t n = to - p->from;
	int rc = n > 0 ? p->f(p->me, p->g->buf + p->from, n) : 0;

	p->from = to;
	return rc;
}

/* One byte of the state machine; a held-back dot is dropped (stuffing) or given out. 1 =
 * the end. */
static int dot_step(struct piece *p, size_t i, char c)
{
	struct bz_guard *g = p->g;

	switch (g->dots) {
	case DOT_START:
		if (c == '.') {
			if (give(p, i) != 0)
				return -1;
			p->from = i + 1; /* held back */
			g->dots = DOT_DOT;
			return 0;
		}
		break;
	case DOT_DOT:
		if (c == '\r') {
			p->from = i + 1; /* held back as well */
			g->dots = DOT_DOT_CR;
			return 0;
		}
		break; /* stuffing undone: the dot is gone */
	case DOT_DOT_CR:
		if (c == '\n')
			return 1;
		if (p->f(p->me, "\r", 1) != 0) /* ".\r" and no LF: the dot was stuffing */
			return -1;
		break;
	case DOT_CR:
		if (c == '\n') {
			g->dots = DOT_START;
			return 0;
		}
		break;
	case DOT_TEXT:
		break;
	}
	g->dots = c == '\r' ? DOT_CR : DOT_TEXT;
	return 0;
}

/* Text between line ends goes by memchr. */
static size_t skip_text(const struct bz_guard *g, size_t i)
{
	const char *cr = memchr(g->buf + i, '\r', g->end - i);

	return cr != NULL ? (size_t)(cr - g->buf) : g->end;
}

static int dot_buffer(struct piece *p, bool *end)
{
	struct bz_guard *g = p->g;
	size_t i = g->at;

	p->from = g->at;
	while (i < g->end) {
		int rc;

		if (g->dots == DOT_TEXT && (i = skip_text(g, i)) == g->end)
			break;
		rc = dot_step(p, i, g->buf[i]);
		if (rc < 0)
			return -1;
		i++;
		if (rc == 1) {
			*end = true;
			g->at = i;
			g->dots = DOT_START;
			return 0;
		}
	}
	g->at = g->end;
	return give(p, g->end);
}

int bz_guard_dotted(struct bz_guard *g, int (*f)(void *me, const char *bytes, size_t n), void *me,
	struct bz_err *err)
{
	struct piece p = {.g = g, .f = f, .me = me};
	bool end = false;

	for (;;) {
		if (g->at < g->end && dot_buffer(&p, &end) != 0)
			return -1;
		if (end)
			return 0;
		if (fill(g, err) != 0)
			return -1;
	}
}

/* --- IMAP: what a line says ------------------------------------------------------------------- */

static bool begins_word(const char *p, const char *word)
{
	size_t n = strlen(word);

	return g_ascii_strncasecmp(p, word, n) == 0 && !g_ascii_isalnum(p[n]);
}

/* Status responses and continuations hold free text: no strings, no literals, no nesting. */
static bool is_text(const char *p)
{
	static const char *const words[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

	if (p[0] != '*' || p[1] != ' ')
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (begins_word(p + 2, words[i]))
			return true;
	return false;
}

/* The word before the digits at `at`, as in "UID 123" or "[UIDNEXT 5]". libetpan takes several
 * blanks for one, so they are here. */
static bool word_before(const char *start, const char *at, const char *word)
{
	size_t n = strlen(word);
	const char *end = at;

	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return end < at && (size_t)(end - start) >= n &&
	       g_ascii_strncasecmp(end - n, word, n) == 0 &&
	       (end - n == start || !g_ascii_isalnum(end[-1 - (long)n]));
}

static bool is_bounded_number(const char *start, const char *at)
{
	static const char *const words[] = {
		"UID", "UIDVALIDITY", "UIDNEXT", "UNSEEN", "MESSAGES", "RECENT"};

	if (at == start + 2 && start[0] == '*')
		return true; /* a message number */
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (word_before(start, at, words[i]))
			return true;
	return false;
}

/* A run of digits at `at` in out. Where 32 bits are the rule more is refused; sizes are lowered, in
 * place, for a line may hold very many. */
static int check_number(struct bz_guard *g, size_t at, size_t n, struct bz_err *err)
{
	static const char most[] = "4294967295";
	char *start = g->out->str;

	if (n < 10 || (n == 10 && memcmp(start + at, most, 10) <= 0))
		return 0;
	if (word_before(start, start + at, "RFC822.SIZE")) {
		memset(start + at, '0', n - 10);
		memcpy(start + at + n - 10, most, 10);
	} else if (is_bounded_number(start, start + at)) {
		return bad(g, BZ_ERR_PROTO, "number over 2^32-1", err);
	}
	return 0;
}

/* libetpan takes more for a literal than the rule allows: "{ 5}", a CR without LF behind it, quotes
 * it did not see. It sets memory aside for any number, so there none may be too large. */
static int check_brace(struct bz_guard *g, size_t at, bool in_quotes, struct bz_err *err)
{
	char *s = g->out->str + at;
	const char *digits = s + 1 + strspn(s + 1, " \t");

	if (!g_ascii_isdigit(*digits) || g_ascii_strtoull(digits, NULL, 10) <= BZ_GUARD_LITERAL_MAX)
		return 0;
	if (!in_quotes)
		return bad(g, BZ_ERR_LIMIT, "literal too long", err);
	*s = '['; /* of somebody's subject */
	return 0;
}

/* Walk the line that begins at `from` in out: quotes, nesting, numbers. A CR alone becomes
 * a blank. */
static int check_line(struct bz_guard *g, size_t from, bool *in_quotes, struct bz_err *err)
{
	bool text = is_text(g->out->str);

	*in_quotes = false;
	for (size_t i = from; i < g->out->len; i++) {
		char c = g->out->str[i];

		if (g_ascii_isdigit(c) && !*in_quotes &&
			(i == 0 || !g_ascii_isalnum(g->out->str[i - 1]))) {
			size_t n = strspn(g->out->str + i, "0123456789");

			if (check_number(g, i, n, err) != 0)
				return -1;
			i += n - 1;
		} else if (text) {
			continue;
		} else if (c == '{') {
			if (check_brace(g, i, *in_quotes, err) != 0)
				return -1;
		} else if (c == '\r' && g->out->str[i + 1] != '\n') {
			g->out->str[i] = ' ';
		} else if (*in_quotes && c == '\\') {
			i++;
		} else if (c == '"') {
			*in_quotes = !*in_quotes;
		} else if (!*in_quotes && c == '(') {
			g->too_deep = g->too_deep || ++g->depth > BZ_GUARD_DEPTH_MAX;
		} else if (!*in_quotes && c == ')') {
			g->depth--;
		}
	}
	return 0;
}

/* Does out end in "{123}" CRLF? The number may have a "+" (never from a server, but harmless). */
static int ends_in_literal(const struct bz_guard *g, size_t from, size_t *n, struct bz_err *err)
{
	const char *s = g->out->str;
	size_t i = g->out->len - 1;
	guint64 value = 0, factor = 1;
	size_t digits = 0;

	if (i > from && s[i - 1] == '\r')
		i--;
	if (i <= from || s[i - 1] != '}')
		return 0;
	i--;
	if (i > from && s[i - 1] == '+')
		i--;
	for (; i > from && g_ascii_isdigit(s[i - 1]); i--, digits++) {
		if (digits > 10)
			return bad(g, BZ_ERR_LIMIT, "literal too long", err);
		value += factor * (guint64)(s[i - 1] - '0');
		factor *= 10;
	}
	if (i > from && s[i - 1] == '-')
		return bad(g, BZ_ERR_PROTO, "literal", err);
	if (digits == 0 || i <= from || s[i - 1] != '{')
		return 0;
	if (value > BZ_GUARD_LITERAL_MAX || g->literal_bytes + value > BZ_GUARD_LITERAL_MAX)
		return bad(g, BZ_ERR_LIMIT, "literal too long", err);
	*n = (size_t)value;
	return 1;
}

/* --- IMAP: putting a response together -------------------------------------------------------- */

static void begin_response(struct bz_guard *g)
{
	g_string_truncate(g->out, 0);
	if (g->out->allocated_len > 4 << 20) { /* a big one came by: its memory goes back */
		g_string_free(g->out, TRUE);
		g->out = g_string_new(NULL);
	}
	g->line_bytes = g->literal_bytes = g->literal_left = 0;
	g->depth = 0;
	g->too_deep = g->whole = false;
	g->started = true;
	g->line_start = 0;
}

static int take_literal(struct bz_guard *g, struct bz_err *err)
{
	while (g->literal_left > 0) {
		size_t n = MIN(g->literal_left, g->end - g->at);

		g_string_append_len(g->out, g->buf + g->at, (gssize)n);
		g->at += n;
		g->literal_left -= n;
		if (g->literal_left > 0 && fill(g, err) != 0)
			return -1;
	}
	g->line_start = g->out->len;
	return 0;
}

/* One line, from where the last literal ended. 1 = the response is whole. */
static int take_response_line(struct bz_guard *g, struct bz_err *err)
{
	bool in_quotes;
	size_t n = 0;
	int literal = 0;

	if (take_line(g, &g->line_bytes, BZ_GUARD_LINE_MAX, err) != 0 ||
		check_line(g, g->line_start, &in_quotes, err) != 0)
		return -1;
	if (!in_quotes && !is_text(g->out->str))
		literal = ends_in_literal(g, g->line_start, &n, err);
	if (literal <= 0)
		return literal < 0 ? -1 : 1;
	g->literal_bytes += n;
	g->literal_left = n;
	return 0;
}

int bz_guard_imap(struct bz_guard *g, const char **response, size_t *len, struct bz_err *err)
{
	int rc = 0;

	if (g->whole || !g->started)
		begin_response(g);
	while (rc == 0) {
		if (take_literal(g, err) != 0)
			return -1;
		rc = take_response_line(g, err);
	}
	if (rc < 0)
		return -1;
	g->whole = true;
	if (g->too_deep)
		g_string_assign(g->out, "* OK\r\n");
	*response = g->out->str;
	*len = g->out->len;
	return 0;
}
