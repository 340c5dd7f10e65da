/* mbox files: where messages begin, reading and appending them, identity, locks.
 * The From_ rule: a line that begins "From " at byte 0 or just after an empty line (LF or CRLF) and
 * ends in a plausible date. Content-Length is ignored. mboxrd quoting. Read by pread in pieces of
 * 1 MiB, never mmap. Worker threads and the command line. */
#ifndef BZ_MBOX_H
#define BZ_MBOX_H

#include "src/err.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* "dev:ino:size:mtime_ns": equal stamps mean nothing changed. */
void bz_mbox_stamp(const struct stat *st, char out[96]);

/* Is this whole line (without its line end) a From_ line? received: its date as seconds UTC. */
bool bz_mbox_is_from(const char *line, size_t len, int64_t *received);

/* One message found by a scan. header points into the scanner's buffer until the next call: the
 * bytes after the From_ line up to and including the empty line (or as much as 256 KiB of it). */
struct bz_mbox_item {
	int64_t offset;
	int64_t length;   /* to the next From_ line or the end of the file */
	int64_t received; /* INT64_MIN = none */
	const char *header;
	size_t header_len;
};

/* Walk the file from its end to its beginning: newest messages first. f returns false to stop.
 * start..end limits the walk (0, -1 = all). A file with no From_ line that holds anything calls f
 * not at all. 0, or -1 (CANCELLED, LOCAL). */
int bz_mbox_scan_back(int fd, int64_t start, int64_t end, GCancellable *cancel,
	bool (*f)(void *me, const struct bz_mbox_item *), void *me, struct bz_err *err);

/* Is the file an mbox? It begins with a From_ line (empty lines or a BOM before it allowed), or it
 * begins like no message and has a From_ line further on. */
bool bz_mbox_probe(int fd);

/* The message at offset/length without its From_ line, mboxrd un-quoted, the separating empty line
 * taken off. STALE when no From_ line is at offset any more. */
GBytes *bz_mbox_read(int fd, int64_t offset, int64_t length, struct bz_err *err);

/* Identity (DESIGN section 7): SHA-256 of a stored message (un-quoted, LF line ends, no From_ line)
 * without Status X-Status X-Keywords X-UID X-IMAP X-IMAPbase X-UIDL Content-Length
 * Lines headers. */
void bz_mbox_digest(const char *message, size_t len, uint8_t digest[32]);

/* RFC 5322 bytes (CRLF or LF) -> the bytes to append: From_ line, LF line ends, mboxrd quoting,
 * Status/X-Status slots of fixed width ("Status:   \n", two blanks), one separating empty line. */
GByteArray *bz_mbox_encode(const char *message, size_t len, int64_t received);

/* The stored message inside such bytes, as bz_mbox_read gives it. */
GBytes *bz_mbox_decode(const void *encoded, size_t len);

/* --- locks: OFD lock, then dotlock, both honoured (SECURITY C34) ------------------------------ */
struct bz_mbox_lock;
/* Opens path O_RDWR|O_NOFOLLOW (create: 0600), regular file of ours only, and locks it; waits at
 * most timeout_ms. LOCKED names who holds it if known. A dotlock is stale only when its owner is a
 * dead process of this host, or it is older than 10 minutes and no process holds the OFD lock. */
struct bz_mbox_lock *bz_mbox_lock_open(
	const char *path, bool create, int timeout_ms, GCancellable *cancel, struct bz_err *err);
int bz_mbox_lock_fd(const struct bz_mbox_lock *lock);
void bz_mbox_lock_close(struct bz_mbox_lock **lock);

/* A lock file held for a whole session (fetch.lock of an account): OFD lock on path. */
int bz_session_lock(const char *path, struct bz_err *err); /* fd, or -1 with LOCKED */

#endif
