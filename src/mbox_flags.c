/* The flags that an mbox has for other programs: letters in a message's Status and X-Status lines,
 * changed in place. */
#include "src/lang.h"
#include "src/mbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_MAX = 64 << 10 };

static const struct {
	char letter;
	bool x; /* in X-Status */
	unsigned flag;
} letters[] = {{'R', false, BZ_FLAG_SEEN}, {'A', true, BZ_FLAG_ANSWERED},
	{'F', true, BZ_FLAG_FLAGGED}, {'D', true, BZ_FLAG_DELETED}, {'T', true, BZ_FLAG_DRAFT}};

/* One such line. */
struct line {
	bool x;
	const char *value; /* behind the colon */
	size_t room;
};

/* The next Status or X-Status line of the header; *p moves behind it. */
static bool next_line(const char **p, const char *end, struct line *out)
{
	while (*p < end) {
		const char *line = *p, *nl = memchr(line, '\n', (size_t)(end - line));
		size_t n = nl != NULL ? (size_t)(nl - line) : (size_t)(end - line);
		size_t name;

		*p = line + n + (nl != NULL);
		if (n > 0 && line[n - 1] == '\r')
			n--;
		out->x = n >= 9 && g_ascii_strncasecmp(line, "X-Status:", 9) == 0;
		name = out->x ? 9 : n >= 7 && g_ascii_strncasecmp(line, "Status:", 7) == 0 ? 7 : 0;
		out->value = line + name;
		out->room = n - name;
		if (name > 0)
			return true;
	}
	return false;
}

unsigned bz_mbox_status(const char *header, size_t len)
{
	const char *p = header;
	unsigned flags = 0;
	struct line line;

	while (next_line(&p, header + len, &line))
		for (size_t i = 0; i < G_N_ELEMENTS(letters); i++)
			if (memchr(line.value, letters[i].letter, line.room) != NULL)
				flags |= letters[i].flag;
	return flags;
}

bool bz_mbox_slot_text(unsigned flags, bool x_status, bool old, char *out, size_t room)
{
	char text[8] = " ";
	size_t n = 1;

	for (size_t i = 0; i < G_N_ELEMENTS(letters); i++)
		if (letters[i].x == x_status && (flags & letters[i].flag) != 0)
			text[n++] = letters[i].letter;
	if (!x_status && (old || (flags & BZ_FLAG_SEEN) != 0) && n < room)
		text[n++] = 'O'; /* the least of them */
	if (n > 1 && n > room)
		return false;
	memset(out, ' ', room);
	memcpy(out, text, MIN(n, room));
	return true;
}

/* Letters of another program stand twice, or in a line longer than all of ours: not to be touched.
 */
static bool is_slot(const char *header, size_t len, const struct line *slot)
{
	enum { ROOM_MAX = 64 };
	const char *p = header;
	struct line line;
	int n = 0;

	while (next_line(&p, header + len, &line))
		n += line.x == slot->x;
	return n == 1 && slot->room <= ROOM_MAX;
}

/* header is changed as the file is. */
static int write_slot(int fd, int64_t at, char *header, const struct line *slot, unsigned flags)
{
	char *value = header + (slot->value - header);
	g_autofree char *text = g_malloc(slot->room + 1);
	bool old = memchr(slot->value, 'O', slot->room) != NULL;
	ssize_t n;

	if (!bz_mbox_slot_text(flags, slot->x, old, text, slot->room) ||
		memcmp(text, value, slot->room) == 0)
		return 0;
	do
		n = pwrite(fd, text, slot->room, at + (value - header));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)slot->room)
		return -1;
	memcpy(value, text, slot->room);
	return 0;
}

int bz_mbox_set_flags(int fd, int64_t offset, int64_t length, unsigned add, unsigned remove,
	unsigned *in_file, struct bz_err *err)
{
	g_autofree char *header = g_malloc(HEADER_MAX);
	int64_t at;
	ssize_t len = bz_mbox_header_at(fd, offset, length, header, HEADER_MAX, &at, err);
	const char *p = header;
	struct line line;
	unsigned flags;

	if (len < 0)
		return -1;
	flags = (bz_mbox_status(header, (size_t)len) & ~remove) | add;
	while (next_line(&p, header + len, &line))
		if (is_slot(header, (size_t)len, &line) &&
			write_slot(fd, at, header, &line, flags) != 0)
			return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
				_("Cannot write to the mail file: %s."), g_strerror(errno));
	*in_file = bz_mbox_status(header, (size_t)len);
	return 0;
}
