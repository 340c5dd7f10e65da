/* fault.so: preloaded into buzon, it stands between the program and the system calls that change
 * files or talk (64-bit Linux). It counts them, lets the n-th fail, or ends the program there; or
 * it keeps a record of them, from which powerloss.py builds what a crash may leave.
 *
 *	FAULT_UNDER	files below this folder, and all sockets, are watched
 *	FAULT_DO	kill (before the call), stop (SIGSTOP there), torn (killed in the midst of
 *			it), short, or an error: eio enospc edquot eintr; calls to which that cannot
 *			happen are not counted
 *	FAULT_AT	to which call, from 1 on; none: only count
 *	FAULT_STICKY	and to all that follow
 *	FAULT_ALL	kill: count the calls that change nothing too
 *	FAULT_COUNT	a file into which the number of calls is written, 8 bytes
 *	FAULT_RECORD	the file for the record
 *	FAULT_INODES	"new=old new=old ...": files that are told to have another number than they
 *have, for those that a crash left would have kept theirs; no two are told the same */
#ifndef BZ_FAULT_SHIM_H
#define BZ_FAULT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum shim_call {   /* what a call does: decides which faults it can have */
	SHIM_LOOK, /* opens what is there */
	SHIM_READ,
	SHIM_LOCK,
	SHIM_UNLOCK, /* never fails on a local file */
	SHIM_CLOSE,
	SHIM_RECV,
	SHIM_SEND, /* from here on something changes */
	SHIM_CREATE,
	SHIM_WRITE,
	SHIM_SYNC,
	SHIM_TRUNCATE,
	SHIM_NAME /* rename, link, unlink, mkdir */
};

/* Before a call of n bytes (0: not a matter of bytes). False: it fails, errno is set. *n may come
 * back smaller: a short one. A torn one writes *n bytes and then calls shim_torn. */
bool shim_before(enum shim_call call, size_t *n, bool *torn);
_Noreturn void shim_end(void);

/* Is this path watched? dir: as openat's. The whole path, in a buffer of this thread; or NULL. */
const char *shim_watched(int dir, const char *path);
/* What a descriptor stands for; NULL: nothing watched. */
const char *shim_path(int fd);
void shim_opened(int fd, const char *path);
void shim_closed(int fd);
/* The number that a file is told to have. */
uint64_t shim_inode(uint64_t ino);

/* The record: nothing happens without FAULT_RECORD. Around each call that changes something, so
 * that their order is the true one. */
bool shim_recording(void);
void shim_lock(void);
void shim_unlock(void);
/* op: see powerloss.py. ino of fd where fd >= 0. */
void shim_record(char op, int fd, int64_t off, const char *path, const void *data, size_t n);

#endif
