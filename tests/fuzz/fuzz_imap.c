/* What an IMAP server may send: through the cutter, libetpan's parser and what we make of it. */
#include "net/guard.h"
#include "net/imap_box.h"
#include "net/imap_names.h"
#include "net/imap_uidset.h"
#include "src/mime.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 64 << 10, RESPONSES_MAX = 200 };

const char *__lsan_default_suppressions(void);

/* libetpan 1.9.4 loses a few bytes where a section does not parse; the limits of a command bound
 * them. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libetpan";
}

/* A socket that holds the bytes and then ends; -1 when there is none. */
static int pipe_of(const uint8_t *data, size_t size)
{
	int fds[2], room = 4 * INPUT_MAX;
	ssize_t n;

	if (size > INPUT_MAX ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	n = send(fds[1], data, size, MSG_NOSIGNAL);
	close(fds[1]);
	if (n == (ssize_t)size)
		return fds[0];
	close(fds[0]);
	return -1;
}

static void look_at_fetch(const struct mailimap_msg_att *att)
{
	static const char *const sections[] = {
		"", "HEADER", "HEADER.FIELDS", "1", "1.2.MIME", "1.TEXT"};
	struct bz_message *message = bz_message_new();
	struct imap_item item;
	size_t len, sum = 0;

	imap_item(att, &item);
	for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
		const char *bytes = imap_section(att, sections[i], &len);

		for (size_t k = 0; bytes != NULL && k < len; k++)
			sum += (unsigned char)bytes[k];
	}
	if (item.structure != NULL)
		(void)imap_structure(item.structure, message);
	message->limit = sum == 1 ? g_strdup("") : NULL; /* so that the reads are not left out */
	bz_message_unref(message);
}

/* The places are within what was asked for, or none is told. */
static void look_at_copyuid(const char *code)
{
	static const uint32_t asked[] = {1, 2, 3, 7, 4294967295};
	uint32_t to[G_N_ELEMENTS(asked)] = {0};
	struct imap_copied copied = {.asked = asked, .n = G_N_ELEMENTS(asked), .to = to};

	imap_copied_note(&copied, code);
	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++)
		if (to[i] != 0 && (copied.odd || copied.uidvalidity == 0))
			abort();
}

static void look_at(const struct imap_resp *r)
{
	if (r->fetch != NULL)
		look_at_fetch(r->fetch);
	if (r->list != NULL)
		g_free(imap_title(r->list->mb_name, r->list->mb_delimiter));
	if (r->code != NULL) {
		(void)imap_code_number(r->code, "UIDVALIDITY");
		look_at_copyuid(r->code);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_mime_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = pipe_of(data, size);
	struct bz_stream *stream = fd >= 0 ? bz_stream_from_fd(fd) : NULL;
	struct imap_parser *parser;
	struct bz_guard *guard;
	const char *response;
	size_t len;

	if (stream == NULL)
		return 0;
	guard = bz_guard_new(stream);
	parser = imap_parser_new();
	for (int i = 0; i < RESPONSES_MAX; i++) {
		struct bz_err err;

		if (bz_guard_imap(guard, &response, &len, &err) != 0)
			break;
		look_at(imap_parse(parser, response, len));
	}
	imap_parser_free(parser);
	bz_guard_free(guard);
	bz_stream_close(&stream);
	return 0;
}
