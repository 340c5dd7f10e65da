/* What was read of IMAP messages, kept so that it opens again without a line: bodies.db in the
 * account's cache folder. A file of its own, beside cache.db: hundreds of MB of text would stand
 * between the rows that a list reads, and it may be thrown away alone.
 *
 * Messages are known by the wire name of their folder, UIDVALIDITY and UID, not by cache.db's
 * folder id: that file may be made anew. The file stays below its limit; what was not looked at for
 * longest goes first. A worker's thread alone; other processes may use the same file.
 *
 * Nothing here fails: a file that is damaged is made anew and empty, one that cannot be written
 * keeps nothing new; both are said in the log, and the message comes from the server. */
#ifndef BZ_BODIES_H
#define BZ_BODIES_H

#include "src/message.h"

struct bz_bodies;

/* limit: bytes of the file, 0 = the file is removed and nothing is kept. Never NULL. The folder of
 * path must exist; the file is 0600. */
struct bz_bodies *bz_bodies_open(const char *path, uint64_t limit);
void bz_bodies_close(struct bz_bodies **bodies);

/* folder: wire name; of ref uidvalidity and uid count. */
bool bz_bodies_has(struct bz_bodies *bodies, const char *folder, const struct bz_msgref *ref);
/* The message as it was put, with ref as its own; the caller's reference. NULL = not kept. It is
 * the one that was looked at last, then. */
struct bz_message *bz_bodies_get(
	struct bz_bodies *bodies, const char *folder, const struct bz_msgref *ref);
/* Keep headers, structure and every content that message has, but raw. One that is larger than a
 * quarter of the limit is not kept. What was kept of the folder under another UIDVALIDITY goes. */
void bz_bodies_put(struct bz_bodies *bodies, const char *folder, const struct bz_msgref *ref,
	const struct bz_message *message);
/* The same for one that nobody asked for: nothing goes for it, and it goes before all that is kept
 * already. False: there is no room, or nothing can be kept at all. */
bool bz_bodies_put_quiet(struct bz_bodies *bodies, const char *folder, const struct bz_msgref *ref,
	const struct bz_message *message);
/* Forget a message; uid 0 = all of the folder. */
void bz_bodies_drop(struct bz_bodies *bodies, const char *folder, uint32_t uid);

#endif
