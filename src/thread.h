/* Which message answers which, and the order of a list of threads: newest thread first, replies
 * under what they answer, oldest first. By keyed hashes of ids and references alone (store.h),
 * never by subject. Pure; any thread; linear in messages and references, without recursion. */
#ifndef BZ_THREAD_H
#define BZ_THREAD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* References of one message that are kept: the nearest, and the first of all. */
enum { BZ_THREAD_REFS = 8 };

/* A message's place in a list of threads: its depth (0 = it begins a thread; deeper ones all count
 * as the greatest), and what is true of it. */
enum bz_thread_place {
	BZ_PLACE_DEPTH = 0xffff,
	BZ_PLACE_LAST = 1 << 16, /* no reply to the same message comes behind it */
	BZ_PLACE_UNREAD = 1 << 17,
	BZ_PLACE_FOLDED = 1 << 18 /* depth 0: what follows of its thread is not shown */
};

/* What is being put in order; n: about how many messages. */
struct bz_threads *bz_threads_new(guint n);
void bz_threads_free(struct bz_threads *threads);

/* The next message, newest first. id: 0 = none. refs: hashes, the nearest first; at most
 * BZ_THREAD_REFS count. Of several with one id the oldest is the one that is answered. */
void bz_threads_add(struct bz_threads *threads, uint32_t row, bool unread, uint64_t id,
	const uint64_t *refs, unsigned n);

/* The list: *rows and *places (guint32, enum bz_thread_place), as many as were added; the caller's.
 * What answers messages that are not there stands below the oldest that answers the same. Takes
 * threads. */
void bz_threads_order(struct bz_threads **threads, GArray **rows, GArray **places);

#endif
