#include "tests/fault/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 1024, PATH_LEN = 512, INODES = 64 };

static const struct fault {
	const char *name;
	int error;
	unsigned calls; /* 1 << enum shim_call */
} faults[] = {
	{"kill", 0, ~0u << SHIM_SEND | 1 << SHIM_LOCK | 1 << SHIM_UNLOCK},
	{"stop", 0, ~0u << SHIM_SEND},
	{"torn", 0, 1 << SHIM_WRITE | 1 << SHIM_SEND},
	{"short", 0, 1 << SHIM_WRITE | 1 << SHIM_SEND | 1 << SHIM_READ | 1 << SHIM_RECV},
	{"eio", EIO, ~(1u << SHIM_RECV | 1u << SHIM_SEND | 1u << SHIM_LOCK | 1u << SHIM_UNLOCK)},
	{"enospc", ENOSPC, ~0u << SHIM_CREATE},
	{"edquot", EDQUOT, ~0u << SHIM_CREATE},
	{"eintr", EINTR, ~(1u << SHIM_NAME | 1u << SHIM_CLOSE | 1u << SHIM_UNLOCK)},
};

static struct {
	const char *under;
	size_t under_len;
	const struct fault *fault;
	unsigned calls;
	long at;
	bool sticky;
	_Atomic long *count; /* in FAULT_COUNT's file, so that a kill leaves it right */
	int record;
	unsigned long inodes[INODES][2]; /* there, told; 0 = the end */
	char paths[FDS][PATH_LEN];       /* "" = not watched; a descriptor is its opener's alone */
} shim = {.record = -1};
static _Atomic long own_count;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static void choose_fault(const char *name)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (strcmp(faults[i].name, name) == 0)
			shim.fault = &faults[i];
	if (shim.fault != NULL)
		shim.calls = getenv("FAULT_ALL") != NULL ? ~0u : shim.fault->calls;
}

static void share_count(const char *path)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map;

	shim.count = &own_count;
	if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof(long)) != 0)
		return;
	map = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (map != MAP_FAILED)
		shim.count = map;
}

static void read_inodes(const char *list)
{
	int n;

	for (size_t i = 0; i < INODES - 1; i++, list += n)
		if (sscanf(list, "%lu=%lu %n", &shim.inodes[i][0], &shim.inodes[i][1], &n) != 2)
			return;
}

static bool find_inode(uint64_t ino, int from, uint64_t *other)
{
	size_t i = 0;

	while (shim.inodes[i][0] != 0 && shim.inodes[i][from] != ino)
		i++;
	*other = shim.inodes[i][!from];
	return shim.inodes[i][0] != 0;
}

/* Each number stands for one file: a new file that really has the number which an old one is told to
 * have is told the number that is free for it. */
uint64_t shim_inode(uint64_t ino)
{
	uint64_t told;

	if (find_inode(ino, 0, &told))
		return told;
	while (find_inode(ino, 1, &told))
		ino = told;
	return ino;
}

__attribute__((constructor)) static void begin(void)
{
	const char *record = env("FAULT_RECORD");

	read_inodes(env("FAULT_INODES"));
	choose_fault(env("FAULT_DO"));
	share_count(env("FAULT_COUNT"));
	shim.at = atol(env("FAULT_AT"));
	shim.sticky = getenv("FAULT_STICKY") != NULL;
	if (record[0] != '\0')
		shim.record = (int)syscall(
			SYS_openat, AT_FDCWD, record, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	shim.under = env("FAULT_UNDER");
	shim.under_len = strlen(shim.under);
	unsetenv("LD_PRELOAD"); /* what the program starts is not its own */
}

/* --- the fault -------------------------------------------------------------------------------- */

_Noreturn void shim_end(void)
{
	for (;;)
		syscall(SYS_kill, getpid(), SIGKILL);
}

/* EIO and the like cannot happen to a call that moves no bytes between others: each has its own. */
bool shim_before(enum shim_call call, size_t *n, bool *torn)
{
	long now;

	if (shim.fault == NULL || (shim.calls & 1u << call) == 0)
		return true;
	now = atomic_fetch_add(shim.count, 1) + 1;
	if (shim.at == 0 || (shim.sticky ? now < shim.at : now != shim.at))
		return true;
	if (strcmp(shim.fault->name, "kill") == 0)
		shim_end();
	if (strcmp(shim.fault->name, "stop") == 0) {
		syscall(SYS_kill, getpid(), SIGSTOP);
		return true;
	}
	if (shim.fault->error != 0) {
		errno = shim.fault->error;
		return false;
	}
	*torn = strcmp(shim.fault->name, "torn") == 0;
	*n = *n > 1 ? *n / 2 : *n;
	return true;
}

/* --- paths and descriptors -------------------------------------------------------------------- */

const char *shim_watched(int dir, const char *path)
{
	static _Thread_local char whole[2][PATH_LEN];
	static _Thread_local unsigned turn;
	char *out = whole[turn++ % 2];
	const char *base = dir != AT_FDCWD ? shim_path(dir) : NULL;
	int n;

	if (shim.under_len == 0 || path == NULL)
		return NULL;
	n = path[0] == '/' || base == NULL ? snprintf(out, PATH_LEN, "%s", path)
					   : snprintf(out, PATH_LEN, "%s/%s", base, path);
	if (n <= 0 || n >= PATH_LEN || strncmp(out, shim.under, shim.under_len) != 0)
		return NULL;
	return out;
}

const char *shim_path(int fd)
{
	return fd >= 0 && fd < FDS && shim.paths[fd][0] != '\0' ? shim.paths[fd] : NULL;
}

void shim_opened(int fd, const char *path)
{
	if (fd >= 0 && fd < FDS)
		snprintf(shim.paths[fd], PATH_LEN, "%s", path);
}

void shim_closed(int fd)
{
	if (fd >= 0 && fd < FDS)
		shim.paths[fd][0] = '\0';
}

/* --- the record ------------------------------------------------------------------------------- */

bool shim_recording(void)
{
	return shim.record >= 0;
}

void shim_lock(void)
{
	if (shim.record >= 0)
		pthread_mutex_lock(&order);
}

void shim_unlock(void)
{
	if (shim.record >= 0)
		pthread_mutex_unlock(&order);
}

static void put(const void *bytes, size_t n)
{
	if (syscall(SYS_write, shim.record, bytes, n) != (long)n)
		abort();
}

void shim_record(char op, int fd, int64_t off, const char *path, const void *data, size_t n)
{
	struct __attribute__((packed)) {
		char op;
		uint64_t ino;
		int64_t off;
		uint32_t path_len, n;
	} head = {op, 0, off, (uint32_t)strlen(path != NULL ? path : ""), (uint32_t)n};
	int saved = errno;
	struct stat st;

	if (shim.record < 0)
		return;
	if (fd >= 0 && fstat(fd, &st) == 0)
		head.ino = st.st_ino;
	put(&head, sizeof head);
	put(path, head.path_len);
	put(data, n);
	errno = saved;
}
