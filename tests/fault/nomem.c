/* nomem.so: preloaded, it lets the FAULT_AT-th allocation and FAULT_FOR - 1 after it fail, and
 * writes the number of all into FAULT_COUNT. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);

static _Atomic long count;
static long at, last;

__attribute__((constructor)) static void begin(void)
{
	const char *first = getenv("FAULT_AT"), *run = getenv("FAULT_FOR");

	at = first != NULL ? atol(first) : 0;
	last = at + (run != NULL ? atol(run) : 1) - 1;
	atomic_store(&count, 0);
	unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	long n = atomic_load(&count);
	FILE *f;

	at = 0;
	f = path != NULL ? fopen(path, "w") : NULL;
	if (f != NULL) {
		fwrite(&n, sizeof n, 1, f);
		fclose(f);
	}
}

static int fails(void)
{
	long now = atomic_fetch_add(&count, 1) + 1;

	if (at == 0 || now < at || now > last)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n)
{
	return fails() ? NULL : __libc_realloc(old, n);
}
