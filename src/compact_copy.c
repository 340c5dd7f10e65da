/* The new file's bytes: what is live is copied as it is; a message without room for flags gets it.
 */
#include "src/compact_private.h"
#include "src/deliver_private.h"
#include "src/lang.h"
#include "src/mbox.h"
#include "src/store_tools.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = BZ_COMPACT_PIECE, HEADER_MAX = 256 << 10 };

static int put(struct bz_compactor *c, const char *bytes, size_t n, struct bz_err *err)
{
	if (bz_deliver_write(c->out, bytes, n, c->written) != 0)
		return bz_compact_io_error(c->path, err);
	c->written += (int64_t)n;
	return 0;
}

/* One piece of the bytes from..end; how many, or -1. */
static ssize_t copy_piece(struct bz_compactor *c, int64_t from, int64_t end, struct bz_err *err)
{
	ssize_t n;

	do
		n = pread(c->fd, c->piece, (size_t)MIN(end - from, PIECE), from);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."), c->path,
			g_strerror(n < 0 ? errno : EIO));
	return put(c, c->piece, (size_t)n, err) == 0 ? n : -1;
}

static bool has_field(const char *header, size_t len, const char *name)
{
	const char *p = header, *end = header + len;

	while (p != NULL && p < end) {
		if ((size_t)(end - p) >= strlen(name) &&
			g_ascii_strncasecmp(p, name, strlen(name)) == 0)
			return true;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p != NULL ? p + 1 : NULL;
	}
	return false;
}

/* Where the empty line behind the header begins; -1 where it has none in sight. */
static ssize_t empty_line(const char *header, ssize_t n)
{
	if (n >= 1 && header[n - 1] == '\n' && (n == 1 || header[n - 2] == '\n'))
		return n - 1;
	return n >= 3 && memcmp(header + n - 3, "\n\r\n", 3) == 0 ? n - 2 : -1;
}

static void note_slotted(struct bz_compactor *c, const struct bz_boxmap_item *item)
{
	struct bz_local row = {
		.uid = item->uid, .in_file = item->flags & (unsigned)BZ_FLAGS_IN_FILE};

	g_array_append_val(c->slotted, row);
}

/* The Status lines that the message lacks, with its flags; "" where nothing is to be put in. */
static void missing_slots(const char *header, size_t n, unsigned flags, char out[40])
{
	char status[] = "Status:   \n", x_status[] = "X-Status:     \n";

	(void)bz_mbox_slot_text(flags, false, false, status + 7, 3);
	(void)bz_mbox_slot_text(flags, true, false, x_status + 9, 5);
	g_snprintf(out, 40, "%s%s", has_field(header, n, "Status:") ? "" : status,
		has_field(header, n, "X-Status:") ? "" : x_status);
}

/* The header of a message that has no room for flags: copied with it. Nothing happens where it has
 * room, or where nobody knows the message: then its bytes are copied as they are. */
static int copy_header(
	struct bz_compactor *c, const struct bz_boxmap_item *item, struct bz_err *err)
{
	g_autofree char *header = g_malloc(HEADER_MAX);
	char slots[40];
	int64_t at;
	ssize_t n, gap;

	if (item->uid == 0)
		return 0;
	n = bz_mbox_header_at(c->fd, item->offset, item->length, header, HEADER_MAX, &at, err);
	if (n < 0)
		return -1;
	gap = empty_line(header, n);
	missing_slots(header, (size_t)n, item->flags, slots);
	if (gap < 0 || slots[0] == '\0')
		return 0;
	while (c->at < at + gap - item->offset) {
		ssize_t k = copy_piece(c, item->offset + c->at, at + gap, err);

		if (k < 0)
			return -1;
		c->at += k;
	}
	note_slotted(c, item);
	return put(c, slots, strlen(slots), err);
}

static void note_place(struct bz_compactor *c, const struct bz_boxmap_item *item)
{
	struct bz_place place = {item->uid, c->start, c->written - c->start};

	if (item->uid != 0)
		g_array_append_val(c->places, place);
	c->at = 0;
}

/* Begin a live message, or go on with it; *more = the time was up before its end. */
static int copy_item(
	struct bz_compactor *c, const struct bz_boxmap_item *item, bool *more, struct bz_err *err)
{
	if (c->at == 0) {
		c->start = c->written;
		if (copy_header(c, item, err) != 0)
			return -1;
	}
	while (c->at < item->length && !*more) {
		ssize_t n = copy_piece(c, item->offset + c->at, item->offset + item->length, err);

		if (n < 0 || bz_compact_is_cancelled(c, err) != 0)
			return -1;
		c->at += n;
		*more = c->at < item->length && bz_compact_is_time_up(c);
	}
	if (!*more)
		note_place(c, item);
	return 0;
}

/* What stands before the first message is no mail of ours to throw away. */
static int copy_junk(struct bz_compactor *c, struct bz_err *err)
{
	int64_t end = bz_boxmap_junk(&c->map, c->fd, c->path, err);

	for (int64_t at = 0; at < end;) {
		ssize_t n = copy_piece(c, at, end, err);

		if (n < 0)
			return -1;
		at += n;
	}
	return end < 0 ? -1 : 0;
}

int bz_compact_copy(struct bz_compactor *c, bool *more, struct bz_err *err)
{
	*more = false;
	if (c->written == 0 && copy_junk(c, err) != 0)
		return -1;
	while (c->next < c->map.items->len && !*more) {
		const struct bz_boxmap_item *item = bz_compact_item(c, c->next);

		bz_compact_tell(c, c->map.size + item->offset + c->at);
		if (bz_compact_is_cancelled(c, err) != 0 ||
			(!bz_compact_is_dead(item) && copy_item(c, item, more, err) != 0))
			return -1;
		c->next += !*more;
		*more = *more || (c->next < c->map.items->len && bz_compact_is_time_up(c));
	}
	return 0;
}
