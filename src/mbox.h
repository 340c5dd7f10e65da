/* mbox files: where messages begin, reading and appending them, identity, locks.
 * The From_ rule: a line that begins "From " at byte 0 or just after an empty line (LF or CRLF) and
 * ends in a plausible date. Content-Length is ignored. mboxrd quoting. Read by pread in pieces of
 * 1 MiB, never mmap. Worker threads and the command line. */
#ifndef BZ_MBOX_H
#define BZ_MBOX_H

#include "src/err.h"
#include "src/model.h"

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
	int64_t header_at; /* in the file */
};

/* Walk the file from its end to its beginning: newest messages first. f returns false to stop.
 * start..end limits the walk (0, -1 = all). A file with no From_ line that holds anything calls f
 * not at all. 0, or -1 (CANCELLED, LOCAL). */
int bz_mbox_scan_back(int fd, int64_t start, int64_t end, GCancellable *cancel,
	bool (*f)(void *me, const struct bz_mbox_item *), void *me, struct bz_err *err);

/* Is the file an mbox? It begins with a From_ line (empty lines or a BOM before it allowed), or it
 * begins like no message and has a From_ line further on. */
bool bz_mbox_probe(int fd);

/* --- one message ------------------------------------------------------------------------------ */

/* Takes bytes, borrowed until it returns: 0, or -1 to stop. */
typedef int bz_sink(void *me, const void *bytes, size_t n);

/* The message at offset/length without its From_ line, mboxrd un-quoted, the separating empty line
 * taken off. STALE when no From_ line is at offset any more, or the file ends before it does. */
GBytes *bz_mbox_read(int fd, int64_t offset, int64_t length, struct bz_err *err);
/* The same to a sink, in pieces of at most 256 KiB: for messages of any size. 1 = the sink
 * stopped it. */
int bz_mbox_read_to(
	int fd, int64_t offset, int64_t length, bz_sink *sink, void *me, struct bz_err *err);
/* Its identity alone. */
int bz_mbox_digest_at(
	int fd, int64_t offset, int64_t length, uint8_t digest[32], struct bz_err *err);
/* Its header up to and including the empty line, at most room bytes of it, as it stands in the file
 * at *at. How many bytes, or -1. */
ssize_t bz_mbox_header_at(int fd, int64_t offset, int64_t length, char *buf, size_t room,
	int64_t *at, struct bz_err *err);

/* Identity (DESIGN section 7): SHA-256 of a stored message (un-quoted, LF line ends, no From_ line)
 * without Status X-Status X-Keywords X-UID X-IMAP X-IMAPbase X-UIDL Content-Length
 * Lines headers. */
void bz_mbox_digest(const char *message, size_t len, uint8_t digest[32]);
/* The same in pieces. feed is a bz_sink and never fails; end frees it and sets it to NULL. */
struct bz_digest;
struct bz_digest *bz_digest_begin(void);
int bz_digest_feed(void *digest, const void *bytes, size_t n);
void bz_digest_end(struct bz_digest **digest, uint8_t out[32]);

/* By what a message is known where its bytes are not at hand: SHA-256 of its Message-ID, From, Date
 * and Subject (unfolded, one blank for many). message: its header or more, CRLF or LF. All zero
 * when it has none of them. */
void bz_mbox_headkey(const char *message, size_t len, uint8_t key[32]);

/* RFC 5322 bytes (CRLF or LF) -> the bytes to append: From_ line, LF line ends, mboxrd quoting,
 * Status/X-Status slots of fixed width ("Status: RO\n", "X-Status:     \n") with these flags, one
 * separating empty line. */
GByteArray *bz_mbox_encode(const char *message, size_t len, int64_t received, unsigned flags);
/* The same in pieces of any size to a sink. feed is a bz_sink; both return -1 once the sink did.
 * end frees it and sets it to NULL; length: bytes in all; digest: the message's identity, where
 * begin was asked for it (NULL allowed). */
struct bz_encoder;
struct bz_encoder *bz_encoder_begin(
	int64_t received, unsigned flags, bool digest, bz_sink *sink, void *me);
int bz_encoder_feed(void *encoder, const void *bytes, size_t n);
int bz_encoder_end(struct bz_encoder **encoder, int64_t *length, uint8_t digest[32]);

/* The stored message inside such bytes, as bz_mbox_read gives it. */
GBytes *bz_mbox_decode(const void *encoded, size_t len);

/* --- flags in the file: Status (R O) and X-Status (A F D T), as mutt, Dovecot and Python do --- */

/* The flags that a header's lines say. */
unsigned bz_mbox_status(const char *header, size_t len);

/* Change those of BZ_FLAGS_IN_FILE of the message at offset/length in place: its lines keep their
 * length. A letter for which there is no line, or no room in it, stays out. *in_file: what they say
 * afterwards. The caller has the lock and syncs the file. STALE, LOCAL. */
int bz_mbox_set_flags(int fd, int64_t offset, int64_t length, unsigned add, unsigned remove,
	unsigned *in_file, struct bz_err *err);

/* The value of a Status or X-Status line, blanks up to room; old: with the O of a message that was
 * there before. False = it does not fit (out is untouched). */
bool bz_mbox_slot_text(unsigned flags, bool x_status, bool old, char *out, size_t room);

/* --- locks: OFD lock, then dotlock, both honoured (SECURITY C34) ------------------------------ */
struct bz_mbox_lock;
/* Opens path O_RDWR|O_NOFOLLOW (create: 0600), regular file of ours only, and locks it; waits at
 * most timeout_ms. LOCKED names who holds it if known. A dotlock is stale only when its owner is a
 * dead process of this host, or it is older than 10 minutes and no process holds the OFD lock. */
struct bz_mbox_lock *bz_mbox_lock_open(
	const char *path, bool create, int timeout_ms, GCancellable *cancel, struct bz_err *err);
int bz_mbox_lock_fd(const struct bz_mbox_lock *lock);
void bz_mbox_lock_close(struct bz_mbox_lock **lock);
/* A dotlock that a dead process of this computer left goes, also where its mbox has gone; other
 * programs would wait for it. */
void bz_mbox_lock_tidy(const char *path);

/* A lock file held for a whole session (fetch.lock of an account): OFD lock on path. */
int bz_session_lock(const char *path, struct bz_err *err); /* fd, or -1 with LOCKED */

#endif
