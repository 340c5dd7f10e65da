#include "net/starttls.h"
#include "net/guard.h"
#include "src/lang.h"

#include <string.h>

enum { LINES_MAX = 20, LINE_MAX_BYTES = 8192 };

/* The dialogue in clear, one line at a time, before any parser. */
struct clear {
	struct bz_stream *stream;
	struct bz_guard *guard;
	struct bz_err *err;
};

static int refuse(struct clear *c, const char *words)
{
	return bz_err_server(c->err, BZ_ERR_TLS, BZ_CODE_NO_STARTTLS, words, -1,
		_("%s does not start TLS as it should. buzon stopped before sending your "
		  "password."),
		bz_stream_host(c->stream));
}

static int next_line(struct clear *c, const char **line)
{
	size_t n;

	return bz_guard_line(c->guard, LINE_MAX_BYTES, line, &n, c->err);
}

static bool begins(const char *line, const char *word)
{
	size_t n = strlen(word);

	return g_ascii_strncasecmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\0');
}

/* What is there already was sent before it was asked for. */
static int nothing_ahead(struct clear *c)
{
	return bz_guard_held(c->guard) == 0
		       ? 0
		       : refuse(c, _("bytes came before TLS that nobody asked for"));
}

static int expect(struct clear *c, const char *word)
{
	const char *line;

	if (next_line(c, &line) != 0)
		return -1;
	return begins(line, word) ? nothing_ahead(c) : refuse(c, line);
}

static int say(struct clear *c, const char *command)
{
	return bz_stream_write(c->stream, command, strlen(command), c->err);
}

/* RFC 3501 6.2.1. What comes untagged meanwhile is read and forgotten. */
static int imap_dialogue(struct clear *c)
{
	const char *line = "";

	if (expect(c, "* OK") != 0 || say(c, "s STARTTLS\r\n") != 0)
		return -1;
	for (int i = 0; i < LINES_MAX; i++) {
		if (next_line(c, &line) != 0)
			return -1;
		if (begins(line, "s OK"))
			return nothing_ahead(c);
		if (line[0] != '*' || begins(line, "* BYE"))
			break;
	}
	return refuse(c, line);
}

/* RFC 2595 section 4. */
static int pop3_dialogue(struct clear *c)
{
	return expect(c, "+OK") != 0 || say(c, "STLS\r\n") != 0 || expect(c, "+OK") != 0 ? -1 : 0;
}

static int start(struct bz_stream *stream, int (*dialogue)(struct clear *),
	const struct bz_dial *dial, double deadline, GCancellable *cancel, struct bz_cert *cert,
	struct bz_err *err)
{
	struct clear c = {.stream = stream, .guard = bz_guard_new(stream), .err = err};
	int rc;

	bz_stream_limits(stream, deadline, 0, LINES_MAX * LINE_MAX_BYTES, cancel);
	rc = dialogue(&c);
	bz_guard_free(c.guard);
	return rc == 0 ? bz_stream_start_tls(stream, dial, deadline, cancel, cert, err) : -1;
}

int bz_starttls_imap(struct bz_stream *stream, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err)
{
	return start(stream, imap_dialogue, dial, deadline, cancel, cert, err);
}

int bz_starttls_pop3(struct bz_stream *stream, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err)
{
	return start(stream, pop3_dialogue, dial, deadline, cancel, cert, err);
}
