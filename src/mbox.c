#include "src/mbox.h"
#include "src/lang.h"
#include "src/mime.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, HEADER_MAX = 256 << 10, FROM_MAX = 2048, READ_PIECE = 256 << 10 };

void bz_mbox_stamp(const struct stat *st, char out[96])
{
	g_snprintf(out, 96,
		"%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT
		".%09ld",
		(guint64)st->st_dev, (guint64)st->st_ino, (gint64)st->st_size,
		(gint64)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* --- the From_ rule --------------------------------------------------------------------------- */

bool bz_mbox_is_from(const char *line, size_t len, int64_t *received)
{
	char text[FROM_MAX];
	int64_t when;

	if (len < 20 || len >= sizeof text || memcmp(line, "From ", 5) != 0 ||
		memchr(line, 0, len) != NULL)
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	if (!bz_mime_parse_from_date(text + 4, &when))
		return false;
	if (received != NULL)
		*received = when;
	return true;
}

/* --- reading pieces --------------------------------------------------------------------------- */

/* Up to n bytes at offset; short only at the end of the file. */
static ssize_t read_at(int fd, char *buf, size_t n, int64_t offset, struct bz_err *err)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, buf + got, n - got, offset + (int64_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
				_("Cannot read the mail file: %s."), g_strerror(errno));
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

/* --- the walk from the end -------------------------------------------------------------------- */

struct scan {
	int fd;
	int64_t start; /* where the walk ends */
	int64_t at;    /* file offset of buf[0] */
	int64_t next; /* where the message behind this one begins: the end of the one we look for */
	char *buf;    /* the piece, then what its last header may need of the one behind */
	size_t piece; /* bytes of the piece */
	size_t have;  /* bytes in buf, the tail of the piece behind included */
	char *spill;  /* a header that needs reading again */
	bool stopped;
	bool (*f)(void *me, const struct bz_mbox_item *);
	void *me;
};

static size_t header_length(const char *p, size_t n)
{
	const char *end = p + n;

	for (const char *line = p; line < end;) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));

		if (nl == NULL)
			break;
		if (nl == line || (nl == line + 1 && *line == '\r'))
			return (size_t)(nl + 1 - p);
		line = nl + 1;
	}
	return n;
}

/* The From_ line at buf[i]: is it one, and where does its line end? 0 = no. */
static size_t from_line(const struct scan *s, size_t i, int64_t *received)
{
	const char *p = s->buf + i;
	const char *nl = memchr(p, '\n', MIN(s->have - i, FROM_MAX));
	size_t len;

	if (nl == NULL && s->at + (int64_t)s->have < s->next)
		return 0;
	len = nl != NULL ? (size_t)(nl - p) : s->have - i;
	if (len > 0 && p[len - 1] == '\r')
		len--;
	if (!bz_mbox_is_from(p, len, received))
		return 0;
	return nl != NULL ? (size_t)(nl - p) + 1 : s->have - i;
}

/* Is the line before buf[i] empty (or i the first byte of the file)? */
static bool after_empty_line(const struct scan *s, size_t i)
{
	if (s->at == 0 && i == 0)
		return true;
	if (i < 2 || s->buf[i - 1] != '\n')
		return s->at == 0 && ((i == 1 && s->buf[0] == '\n'));
	if (s->buf[i - 2] == '\n')
		return true;
	if (s->buf[i - 2] != '\r')
		return false;
	return i == 2 ? s->at == 0 : s->buf[i - 3] == '\n';
}

static int found(struct scan *s, size_t i, size_t line, int64_t received, struct bz_err *err)
{
	struct bz_mbox_item item = {
		.offset = s->at + (int64_t)i,
		.length = s->next - s->at - (int64_t)i,
		.received = received,
	};
	int64_t rest = item.length - (int64_t)line;
	size_t want = (size_t)MIN(rest, HEADER_MAX);

	item.header = s->buf + i + line;
	item.header_at = item.offset + (int64_t)line;
	if (want > s->have - i - line) {
		ssize_t n = read_at(s->fd, s->spill, want, item.offset + (int64_t)line, err);

		if (n < 0)
			return -1;
		item.header = s->spill;
		want = (size_t)n;
	}
	item.header_len = header_length(item.header, want);
	s->next = item.offset;
	s->stopped = !s->f(s->me, &item);
	return 0;
}

/* Every From_ line that begins in the piece, last first. The first `margin` bytes are the piece
 * before: they only tell whether an empty line stands in front. */
static int scan_piece(struct scan *s, size_t margin, struct bz_err *err)
{
	size_t end = s->piece;

	while (end > margin && !s->stopped) {
		char *p = memrchr(s->buf + margin, 'F', end - margin);
		int64_t received;
		size_t i, line;

		if (p == NULL)
			break;
		end = i = (size_t)(p - s->buf);
		if (s->have - i < 5 || memcmp(p, "From ", 5) != 0 || !after_empty_line(s, i))
			continue;
		line = from_line(s, i, &received);
		if (line > 0 && found(s, i, line, received, err) != 0)
			return -1;
	}
	return 0;
}

enum { MARGIN = 4, TAIL = 16 << 10 };

/* Read the piece that ends at `end`, keeping the first bytes of the piece behind it as its tail. */
static int load_piece(struct scan *s, int64_t end, size_t *margin, struct bz_err *err)
{
	int64_t first = MAX(end - PIECE, s->start);
	int64_t from = MAX(first - MARGIN, 0);
	size_t tail = (size_t)MIN(s->at + (int64_t)s->have - end, TAIL);
	size_t n = (size_t)(end - from);
	ssize_t got;

	if (s->have == 0)
		tail = 0;
	memmove(s->buf + n, s->buf + (size_t)(end - s->at), tail);
	got = read_at(s->fd, s->buf, n, from, err);
	if (got < 0)
		return -1;
	if ((size_t)got < n)
		return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
			_("Another program changed the mail file; it is read again."));
	s->at = from;
	s->piece = n;
	s->have = n + tail;
	*margin = (size_t)(first - from);
	return 0;
}

static int scan_all(struct scan *s, int64_t end, GCancellable *cancel, struct bz_err *err)
{
	while (end > s->start && !s->stopped) {
		size_t margin = 0;

		if (g_cancellable_is_cancelled(cancel))
			return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
		if (load_piece(s, end, &margin, err) != 0 || scan_piece(s, margin, err) != 0)
			return -1;
		end = s->at + (int64_t)margin;
	}
	return 0;
}

int bz_mbox_scan_back(int fd, int64_t start, int64_t end, GCancellable *cancel,
	bool (*f)(void *me, const struct bz_mbox_item *), void *me, struct bz_err *err)
{
	struct scan s = {.fd = fd, .start = start, .f = f, .me = me};
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
			_("Cannot read the mail file: %s."), g_strerror(errno));
	if (end < 0 || end > st.st_size)
		end = st.st_size;
	s.next = s.at = end;
	s.buf = g_malloc(PIECE + MARGIN + TAIL);
	s.spill = g_malloc(HEADER_MAX);
	rc = scan_all(&s, end, cancel, err);
	g_free(s.buf);
	g_free(s.spill);
	return rc;
}

/* --- what kind of file ------------------------------------------------------------------------ */

/* "Name: value" as a message begins? */
static bool is_field(const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	for (const char *p = line; colon != NULL && p < colon; p++)
		if (!g_ascii_isgraph(*p))
			return false;
	return colon != NULL && colon > line;
}

static bool stop_at_first(void *me, const struct bz_mbox_item *item)
{
	(void)item;
	*(bool *)me = true;
	return false;
}

bool bz_mbox_probe(int fd)
{
	char text[FROM_MAX];
	ssize_t n = read_at(fd, text, sizeof text, 0, NULL);
	ssize_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	bool found = false;
	char *end;
	size_t len;

	while (at < n && (text[at] == '\n' || text[at] == '\r'))
		at++;
	if (n <= at)
		return false;
	end = memchr(text + at, '\n', (size_t)(n - at));
	len = (size_t)((end != NULL ? end : text + n) - text - at);
	if (len > 0 && text[at + (ssize_t)len - 1] == '\r')
		len--;
	if (bz_mbox_is_from(text + at, len, NULL))
		return true;
	if (is_field(text + at, len))
		return false;
	return bz_mbox_scan_back(fd, 0, -1, NULL, stop_at_first, &found, NULL) == 0 && found;
}

/* --- one message ------------------------------------------------------------------------------ */

/* mboxrd un-quoting in pieces: of ">From ", ">>From "... at a line's beginning the first '>' goes.
 */
struct unquoter {
	bool active;    /* at a line's beginning */
	size_t marks;   /* '>' held back */
	size_t matched; /* bytes of "From " held back */
	bz_sink *sink;
	void *me;
};

static int release(struct unquoter *u, size_t marks)
{
	size_t matched = u->matched;
	int rc = 0;

	u->active = false;
	u->marks = u->matched = 0;
	for (; marks > 0 && rc == 0; marks--)
		rc = u->sink(u->me, ">", 1);
	return rc == 0 && matched > 0 ? u->sink(u->me, "From ", matched) : rc;
}

/* One byte while active; *taken = it is held back. */
static int watch(struct unquoter *u, char c, bool *taken)
{
	*taken = true;
	if (c == '>' && u->matched == 0) {
		u->marks++;
		return 0;
	}
	*taken = c == "From "[u->matched];
	if (!*taken)
		return release(u, u->marks);
	if (++u->matched < 5)
		return 0;
	return release(u, u->marks > 0 ? u->marks - 1 : 0);
}

static int unquote(struct unquoter *u, const char *p, size_t n)
{
	while (n > 0) {
		const char *nl;
		size_t k;
		bool taken = true;

		for (; n > 0 && u->active; p += taken, n -= taken)
			if (watch(u, *p, &taken) != 0)
				return -1;
		if (n == 0)
			return 0;
		for (k = 0, nl = p; nl != NULL && k < n;) { /* whole lines that begin harmlessly */
			nl = memchr(p + k, '\n', n - k);
			k = nl != NULL ? (size_t)(nl - p) + 1 : n;
			if (k < n && (p[k] == '>'))
				break;
		}
		if (u->sink(u->me, p, k) != 0)
			return -1;
		u->active = nl != NULL;
		p += k;
		n -= k;
	}
	return 0;
}

/* How much of the empty line that separates this message from the next, which belongs to neither,
 * stands at the end of these bytes (4 are enough; less = the whole body). */
static size_t separator(const char *p, size_t len)
{
	if (len >= 2 && p[len - 1] == '\n' && p[len - 2] == '\n')
		return 1;
	if (len >= 4 && memcmp(p + len - 4, "\r\n\r\n", 4) == 0)
		return 2;
	return len == 1 && p[0] == '\n' ? 1 : 0;
}

static int changed(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NONE,
		_("Another program changed the mail file; it is read again."));
}

/* Where the message behind the From_ line at offset begins and ends, its separator not counted. */
static int bounds(
	int fd, int64_t offset, int64_t length, int64_t *start, int64_t *end, struct bz_err *err)
{
	char text[FROM_MAX], tail[4];
	ssize_t n = read_at(fd, text, (size_t)MIN(length, FROM_MAX), offset, err);
	const char *nl = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
	size_t line, last;

	if (n < 0)
		return -1;
	line = nl != NULL ? (size_t)(nl - text) : (size_t)n;
	if (!bz_mbox_is_from(text, line > 0 && text[line - 1] == '\r' ? line - 1 : line, NULL))
		return changed(err);
	*start = offset + (int64_t)line + (nl != NULL);
	*end = offset + length;
	last = (size_t)MIN(*end - *start, (int64_t)sizeof tail);
	n = read_at(fd, tail, last, *end - (int64_t)last, err);
	if (n < 0)
		return -1;
	if ((size_t)n < last)
		return changed(err);
	*end -= (int64_t)separator(tail, last);
	return 0;
}

/* Up to READ_PIECE: one read, for most messages are small and there are many. */
static int read_small(struct unquoter *u, int fd, int64_t offset, size_t length, struct bz_err *err)
{
	g_autofree char *text = g_malloc(length + 1);
	ssize_t n = read_at(fd, text, length, offset, err);
	const char *nl = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
	size_t line = nl != NULL ? (size_t)(nl - text) : length, start = line + (nl != NULL);

	if (n < 0)
		return -1;
	if ((size_t)n < length ||
		!bz_mbox_is_from(text, line > 0 && text[line - 1] == '\r' ? line - 1 : line, NULL))
		return changed(err);
	length -= start;
	length -= separator(text + start, length);
	return unquote(u, text + start, length) != 0 || release(u, u->marks) != 0 ? 1 : 0;
}

static int read_large(
	struct unquoter *u, int fd, int64_t offset, int64_t length, struct bz_err *err)
{
	g_autofree char *piece = g_malloc(READ_PIECE);
	int64_t at, end;

	if (bounds(fd, offset, length, &at, &end, err) != 0)
		return -1;
	while (at < end) {
		size_t want = (size_t)MIN(end - at, READ_PIECE);
		ssize_t n = read_at(fd, piece, want, at, err);

		if (n < 0)
			return -1;
		if ((size_t)n < want)
			return changed(err);
		if (unquote(u, piece, want) != 0)
			return 1;
		at += n;
	}
	return release(u, u->marks) != 0 ? 1 : 0;
}

int bz_mbox_read_to(
	int fd, int64_t offset, int64_t length, bz_sink *sink, void *me, struct bz_err *err)
{
	struct unquoter u = {.active = true, .sink = sink, .me = me};

	if (length < 0)
		return changed(err);
	return length <= READ_PIECE ? read_small(&u, fd, offset, (size_t)length, err)
				    : read_large(&u, fd, offset, length, err);
}

static int into_array(void *me, const void *bytes, size_t n)
{
	g_byte_array_append(me, bytes, (guint)n);
	return 0;
}

GBytes *bz_mbox_read(int fd, int64_t offset, int64_t length, struct bz_err *err)
{
	GByteArray *out;

	if (length < 0 || length > G_MAXUINT32 / 2) {
		bz_err_set(err, BZ_ERR_LIMIT, BZ_CODE_NONE,
			_("This message is too big to be opened."));
		return NULL;
	}
	out = g_byte_array_sized_new((guint)length);
	if (bz_mbox_read_to(fd, offset, length, into_array, out, err) == 0)
		return g_byte_array_free_to_bytes(out);
	g_byte_array_unref(out);
	return NULL;
}

int bz_mbox_digest_at(
	int fd, int64_t offset, int64_t length, uint8_t digest[32], struct bz_err *err)
{
	struct bz_digest *d = bz_digest_begin();
	int rc = bz_mbox_read_to(fd, offset, length, bz_digest_feed, d, err);

	bz_digest_end(&d, digest);
	return rc;
}

ssize_t bz_mbox_header_at(int fd, int64_t offset, int64_t length, char *buf, size_t room,
	int64_t *at, struct bz_err *err)
{
	int64_t end;
	ssize_t n;

	if (length < 0)
		return changed(err);
	if (bounds(fd, offset, length, at, &end, err) != 0)
		return -1;
	n = read_at(fd, buf, (size_t)MIN(end - *at, (int64_t)room), *at, err);
	return n < 0 ? -1 : (ssize_t)header_length(buf, (size_t)n);
}

GBytes *bz_mbox_decode(const void *encoded, size_t len)
{
	const char *text = encoded, *nl = memchr(text, '\n', len);
	const char *body = nl == NULL ? text + len : nl + 1;
	size_t n = (size_t)(text + len - body);
	GByteArray *out = g_byte_array_sized_new((guint)n);
	struct unquoter u = {.active = true, .sink = into_array, .me = out};

	(void)unquote(&u, body, n - separator(body, n));
	(void)release(&u, u.marks);
	return g_byte_array_free_to_bytes(out);
}
