/* A message as an mbox holds it, in pieces, so that its size costs no memory: encoding, identity,
 * and the flags that stand in its Status lines. */
#include "src/mbox.h"
#include "src/sha256.h"

#include <string.h>

/* Name of a header line and its colon; what is longer is none of those left out. */
enum { FIELD_MAX = 16 };
enum { ENCODED_AT_ONCE = 8192 };

static bool is_left_out(const char *name, size_t len)
{
	static const char *const names[] = {"Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP",
		"X-IMAPbase", "X-UIDL", "Content-Length", "Lines"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (len == strlen(names[i]) && g_ascii_strncasecmp(name, names[i], len) == 0)
			return true;
	return false;
}

/* --- identity --------------------------------------------------------------------------------- */

enum place { LINE_START, NAME, KEPT, LEFT_OUT, BODY };

struct bz_digest {
	struct evp_md_ctx_st *sum; /* NULL: nobody wants it */
	enum place place;
	bool left_out;        /* the field that a continuation line would go on with */
	char name[FIELD_MAX]; /* NAME: what came of it */
	size_t held;
	/* what passes, and the place of the empty line behind the header; NULL = nobody listens */
	void (*pass)(void *me, const char *bytes, size_t n);
	void (*header_end)(void *me);
	void *me;
};

static void pass(struct bz_digest *d, const char *bytes, size_t n)
{
	if (d->sum != NULL)
		bz_sha256_feed(d->sum, bytes, n);
	if (d->pass != NULL)
		d->pass(d->me, bytes, n);
}

static void decide(struct bz_digest *d, bool left_out)
{
	d->left_out = left_out;
	d->place = left_out ? LEFT_OUT : KEPT;
	if (!left_out)
		pass(d, d->name, d->held);
	d->held = 0;
}

static void begin_line(struct bz_digest *d, char first)
{
	if (first == '\n') {
		d->place = BODY;
		if (d->header_end != NULL)
			d->header_end(d->me);
	} else if (first == ' ' || first == '\t') {
		d->place = d->left_out ? LEFT_OUT : KEPT;
	} else {
		d->place = NAME;
	}
}

/* One byte more of a field's name. */
static void take_name(struct bz_digest *d, char c)
{
	if (c == ':')
		decide(d, is_left_out(d->name, d->held));
	else if (c == '\n' || d->held == sizeof d->name)
		decide(d, false);
	else
		d->name[d->held++] = c;
}

/* Up to the end of a line of which is known whether it counts; how many bytes that was. */
static size_t take_line(struct bz_digest *d, const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);
	size_t k = nl != NULL ? (size_t)(nl - p) + 1 : n;

	if (d->place == KEPT)
		pass(d, p, k);
	if (nl != NULL)
		d->place = LINE_START;
	return k;
}

static void feed(struct bz_digest *d, const char *p, size_t n)
{
	while (n > 0) {
		size_t k = 0;

		if (d->place == LINE_START)
			begin_line(d, *p);
		while (d->place == NAME && k < n) {
			take_name(d, p[k]);
			k += d->place == NAME;
		}
		p += k;
		n -= k;
		if (d->place == BODY && n > 0) {
			pass(d, p, n);
			return;
		}
		if (n > 0) {
			k = take_line(d, p, n);
			p += k;
			n -= k;
		}
	}
}

static void finish(struct bz_digest *d, uint8_t digest[32])
{
	if (d->place == NAME)
		decide(d, false);
	if (d->sum != NULL)
		bz_sha256_end(&d->sum, digest);
}

struct bz_digest *bz_digest_begin(void)
{
	struct bz_digest *d = g_new0(struct bz_digest, 1);

	d->sum = bz_sha256_begin();
	return d;
}

int bz_digest_feed(void *digest, const void *bytes, size_t n)
{
	feed(digest, bytes, n);
	return 0;
}

void bz_digest_end(struct bz_digest **digest, uint8_t out[32])
{
	finish(*digest, out);
	g_free(*digest);
	*digest = NULL;
}

void bz_mbox_digest(const char *message, size_t len, uint8_t digest[32])
{
	struct bz_digest *d = bz_digest_begin();

	if (len > 0)
		feed(d, message, len);
	bz_digest_end(&d, digest);
}

/* --- encoding --------------------------------------------------------------------------------- */

/* A line's beginning: any number of '>', then "From ". */
struct from_watch {
	bool active;
	size_t marks;   /* '>' held back */
	size_t matched; /* bytes of "From " held back */
};

struct bz_encoder {
	struct bz_digest digest; /* says what stays of the header */
	struct from_watch from;
	bz_sink *sink;
	void *me;
	unsigned flags;
	bool failed;
	bool cr;          /* held back: it counts only where no line end follows */
	bool inside_line; /* something came since the last line end */
	int64_t length;
};

static void emit(struct bz_encoder *e, const char *bytes, size_t n)
{
	e->length += (int64_t)n;
	e->failed = e->failed || (n > 0 && e->sink(e->me, bytes, n) != 0);
}

static void emit_marks(struct bz_encoder *e, size_t n)
{
	static const char marks[] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";

	for (; n > 0; n -= MIN(n, sizeof marks - 1))
		emit(e, marks, MIN(n, sizeof marks - 1));
}

static const char from[] = "From ";

/* It is no From_ line, or it is one and has its mark: what was held back goes on. */
static void release(struct bz_encoder *e, bool quote)
{
	emit_marks(e, e->from.marks + (quote ? 1 : 0));
	emit(e, from, e->from.matched);
	e->from = (struct from_watch){0};
}

/* One byte at the beginning of a line; false = it does not belong to "From ". */
static bool watch(struct bz_encoder *e, char c)
{
	if (c == '>' && e->from.matched == 0) {
		e->from.marks++;
		return true;
	}
	if (c != from[e->from.matched]) {
		release(e, false);
		return false;
	}
	if (++e->from.matched == sizeof from - 1)
		release(e, true);
	return true;
}

/* Up to and with the line end behind which a From_ line may begin; all, where there is none. */
static size_t plain_lines(const char *p, size_t n)
{
	const char *at = p, *nl;

	while ((nl = memchr(at, '\n', n - (size_t)(at - p))) != NULL) {
		at = nl + 1;
		if (at == p + n || *at == '>' || *at == *from)
			return (size_t)(at - p);
	}
	return n;
}

/* What passed the digest: quoted and on to the sink. */
static void quote(void *me, const char *p, size_t n)
{
	struct bz_encoder *e = me;

	while (n > 0) {
		size_t k;

		while (n > 0 && e->from.active && watch(e, *p)) {
			p++;
			n--;
		}
		if (n == 0)
			return;
		k = plain_lines(p, n);
		emit(e, p, k);
		e->from.active = p[k - 1] == '\n';
		p += k;
		n -= k;
	}
}

/* Where mutt, Dovecot and we keep flags: fixed width, so that one pwrite changes them in place. */
static void put_slots(void *me)
{
	struct bz_encoder *e = me;
	char slots[] = "Status:   \nX-Status:     \n";

	bz_mbox_slot_text(e->flags, false, false, slots + 7, 3);
	bz_mbox_slot_text(e->flags, true, false, slots + 20, 5);
	emit(e, slots, sizeof slots - 1);
}

/* bz_mbox_is_from must know it again: a year of four digits. No sender is named. */
static void put_from_line(struct bz_encoder *e, int64_t received)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(received < 0 ? 0 : MIN(received, INT64_C(253402300799)));
	struct tm tm;
	char line[80];

	gmtime_r(&t, &tm);
	g_snprintf(line, sizeof line, "From MAILER-DAEMON %.3s %.3s %2d %02d:%02d:%02d %04d\n",
		days + 3 * tm.tm_wday, months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
		tm.tm_sec, tm.tm_year + 1900);
	emit(e, line, strlen(line));
}

struct bz_encoder *bz_encoder_begin(
	int64_t received, unsigned flags, bool digest, bz_sink *sink, void *me)
{
	struct bz_encoder *e = g_new0(struct bz_encoder, 1);

	e->sink = sink;
	e->me = me;
	e->flags = flags;
	e->digest.sum = digest ? bz_sha256_begin() : NULL;
	e->digest.pass = quote;
	e->digest.header_end = put_slots;
	e->digest.me = e;
	put_from_line(e, received);
	e->from.active = true;
	return e;
}

/* The bytes without the CRs that stand before LF; how many that are. to has room for n + 1. */
static size_t without_cr(struct bz_encoder *e, const char *p, size_t n, char *to)
{
	const char *end = p + n;
	size_t len = 0;

	while (p < end) {
		const char *cr;
		size_t k;

		if (e->cr && *p != '\n')
			to[len++] = '\r';
		cr = memchr(p, '\r', (size_t)(end - p));
		k = cr != NULL ? (size_t)(cr - p) : (size_t)(end - p);
		memcpy(to + len, p, k);
		len += k;
		p += k + (cr != NULL);
		e->cr = cr != NULL;
	}
	return len;
}

/* LF alone ends a line; CR before it goes, any other stays. */
int bz_encoder_feed(void *encoder, const void *bytes, size_t n)
{
	struct bz_encoder *e = encoder;
	const char *p = bytes;
	char block[ENCODED_AT_ONCE + 1];

	while (n > 0 && !e->failed) {
		size_t k = MIN(n, (size_t)ENCODED_AT_ONCE), len = without_cr(e, p, k, block);

		e->inside_line = p[k - 1] != '\n';
		if (len > 0)
			feed(&e->digest, block, len);
		p += k;
		n -= k;
	}
	return e->failed ? -1 : 0;
}

int bz_encoder_end(struct bz_encoder **encoder, int64_t *length, uint8_t digest[32])
{
	struct bz_encoder *e = *encoder;
	int rc;

	if (e->cr)
		feed(&e->digest, "\r", 1);
	if (e->inside_line)
		feed(&e->digest, "\n", 1);
	if (e->digest.place != BODY)
		feed(&e->digest, "\n", 1);
	emit(e, "\n", 1);
	finish(&e->digest, digest);
	*length = e->length;
	rc = e->failed ? -1 : 0;
	g_free(e);
	*encoder = NULL;
	return rc;
}

static int into_array(void *me, const void *bytes, size_t n)
{
	g_byte_array_append(me, bytes, (guint)n);
	return 0;
}

GByteArray *bz_mbox_encode(const char *message, size_t len, int64_t received, unsigned flags)
{
	GByteArray *out = g_byte_array_sized_new((guint)(len + 256));
	struct bz_encoder *e = bz_encoder_begin(received, flags, false, into_array, out);
	int64_t length;

	if (len > 0)
		(void)bz_encoder_feed(e, message, len);
	(void)bz_encoder_end(&e, &length, NULL);
	return out;
}

/* --- what a header says ----------------------------------------------------------------------- */

/* The next header line, continuation lines not joined; false at the empty line or the end. */
static bool next_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *nl;
	size_t n;

	if (*p >= end)
		return false;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	n = nl != NULL ? (size_t)(nl - *p) : (size_t)(end - *p);
	*line = *p;
	*p += n + (nl != NULL);
	if (n > 0 && (*line)[n - 1] == '\r')
		n--;
	*len = n;
	return n > 0;
}

static bool is_field(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[n] == ':' && g_ascii_strncasecmp(line, name, n) == 0;
}

/* Append the words, one blank between them. */
static void append_words(GString *out, size_t begin, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != ' ' && p[i] != '\t') {
			g_string_append_c(out, p[i]);
			continue;
		}
		if (out->len > begin && out->str[out->len - 1] != ' ')
			g_string_append_c(out, ' ');
	}
}

/* The first field of that name, unfolded and trimmed; false = there is none. */
static bool append_field(GString *out, const char *header, size_t len, const char *name)
{
	const char *p = header, *line;
	size_t n, begin = out->len;
	bool inside = false, found = false;

	while (next_line(&p, header + len, &line, &n)) {
		if (inside && (*line == ' ' || *line == '\t')) {
			append_words(out, begin, line, n);
			continue;
		}
		if (found)
			break;
		found = inside = is_field(line, n, name);
		if (found)
			append_words(out, begin, line + strlen(name) + 1, n - strlen(name) - 1);
	}
	if (out->len > begin && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	return found;
}

void bz_mbox_headkey(const char *message, size_t len, uint8_t key[32])
{
	static const char *const names[] = {"Message-ID", "From", "Date", "Subject"};
	struct evp_md_ctx_st *sum = bz_sha256_begin();
	GString *text = g_string_new(NULL);
	bool any = false;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		any = (len > 0 && append_field(text, message, len, names[i])) || any;
		g_string_append_c(text, '\n');
	}
	memset(key, 0, 32);
	bz_sha256_feed(sum, text->str, text->len);
	bz_sha256_end(&sum, any ? key : NULL);
	g_string_free(text, TRUE);
}
