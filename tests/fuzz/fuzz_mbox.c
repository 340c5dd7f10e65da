/* Walking an mbox from its end: each message is read, has an identity, and is found again. The
 * input is used twice: as the file, and as one message to be stored. */
#include "tests/fuzz/fuzz.h"

#include "src/mbox.h"
#include "src/mime.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_mime_init();
	return 0;
}

struct walk {
	int fd;
	int64_t end;
};

static bool on_item(void *me, const struct bz_mbox_item *item)
{
	struct walk *w = me;
	struct bz_summary row = {0};
	GBytes *bytes = bz_mbox_read(w->fd, item->offset, item->length, NULL);

	FUZZ_CHECK(bytes != NULL);
	FUZZ_CHECK(item->length > 0 && item->offset + item->length == w->end);
	bz_mime_summarize(&row, item->header, item->header_len);
	bz_summary_clear(&row);
	g_bytes_unref(bytes);
	w->end = item->offset;
	return true;
}

static void walk(const uint8_t *data, size_t size)
{
	struct walk w = {.fd = memfd_create("fuzz", MFD_CLOEXEC), .end = (int64_t)size};

	FUZZ_CHECK(w.fd >= 0 && write(w.fd, data, size) == (ssize_t)size);
	(void)bz_mbox_probe(w.fd);
	FUZZ_CHECK(bz_mbox_scan_back(w.fd, 0, -1, NULL, on_item, &w, NULL) == 0);
	close(w.fd);
}

static void digest_of(GBytes *bytes, uint8_t digest[32])
{
	bz_mbox_digest(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
}

/* What is appended is one message of the file, and the same as when it was encoded. */
static void store(const uint8_t *data, size_t size)
{
	GByteArray *encoded = bz_mbox_encode((const char *)data, size, 1604397600, 0);
	GBytes *stored = bz_mbox_decode(encoded->data, encoded->len), *read;
	struct walk w = {.fd = memfd_create("fuzz", MFD_CLOEXEC), .end = encoded->len};
	uint8_t a[32], b[32];

	FUZZ_CHECK(w.fd >= 0 && write(w.fd, encoded->data, encoded->len) == (ssize_t)encoded->len);
	read = bz_mbox_read(w.fd, 0, encoded->len, NULL);
	FUZZ_CHECK(read != NULL);
	digest_of(stored, a);
	digest_of(read, b);
	FUZZ_CHECK(memcmp(a, b, sizeof a) == 0);
	FUZZ_CHECK(bz_mbox_scan_back(w.fd, 0, -1, NULL, on_item, &w, NULL) == 0 && w.end == 0);
	close(w.fd);
	g_byte_array_unref(encoded);
	g_bytes_unref(stored);
	g_bytes_unref(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(data, size);
	store(data, size);
	return 0;
}
