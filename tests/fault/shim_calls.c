/* The calls themselves, under every name that libc gives them. Raw system calls below: nothing is
 * looked up, nothing is allocated. */
#include "tests/fault/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The names are libc's own: its headers declare some of them, with attributes. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"

#define ALIAS(of) __attribute__((alias(#of)))

/* --- open and close --------------------------------------------------------------------------- */

static bool exists(const char *path)
{
	return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static void record_open(int fd, const char *path, int flags, bool fresh)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		shim_record('T', fd, 0, "", NULL, 0);
	else if (fresh)
		shim_record('C', fd, 0, path, NULL, 0);
	else if ((flags & O_TRUNC) != 0)
		shim_record('Z', fd, 0, path, NULL, 0);
}

static int open_any(int dir, const char *name, int flags, mode_t mode)
{
	const char *path = shim_watched(dir, name);
	bool makes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
	bool fresh;
	int fd;

	if (path == NULL)
		return (int)syscall(SYS_openat, dir, name, flags, mode);
	if (!shim_before(makes ? SHIM_CREATE : SHIM_LOOK, &(size_t){0}, &(bool){0}))
		return -1;
	shim_lock();
	fresh = (flags & O_CREAT) != 0 && !exists(path);
	fd = (int)syscall(SYS_openat, dir, name, flags, mode);
	if (fd >= 0) {
		shim_opened(fd, path);
		record_open(fd, path, flags, fresh);
	}
	shim_unlock();
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t)
									  : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return open_any(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) ALIAS(open);

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return open_any(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) ALIAS(openat);

int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) ALIAS(__open_2);

int creat(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) ALIAS(creat);

int close(int fd)
{
	bool fine = shim_path(fd) == NULL || shim_before(SHIM_CLOSE, &(size_t){0}, &(bool){0});
	int rc, saved = errno;

	shim_closed(fd);
	rc = (int)syscall(SYS_close, fd); /* whatever it says, Linux has closed it */
	if (fine)
		return rc;
	errno = saved;
	return -1;
}

/* --- which file it is ------------------------------------------------------------------------- */

static int told(struct stat *st, int rc)
{
	if (rc == 0)
		st->st_ino = shim_inode(st->st_ino);
	return rc;
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return told(st, (int)syscall(SYS_newfstatat, dir, path, st, flags));
}
int fstatat64(int dir, const char *path, struct stat64 *st, int flags) ALIAS(fstatat);

int stat(const char *path, struct stat *st)
{
	return told(st, (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, 0));
}
int stat64(const char *path, struct stat64 *st) ALIAS(stat);

int lstat(const char *path, struct stat *st)
{
	return told(st, (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW));
}
int lstat64(const char *path, struct stat64 *st) ALIAS(lstat);

int fstat(int fd, struct stat *st)
{
	return told(st, (int)syscall(SYS_fstat, fd, st));
}
int fstat64(int fd, struct stat64 *st) ALIAS(fstat);

/* --- reading ---------------------------------------------------------------------------------- */

ssize_t read(int fd, void *buf, size_t n)
{
	if (shim_path(fd) != NULL && !shim_before(SHIM_READ, &n, &(bool){0}))
		return -1;
	return syscall(SYS_read, fd, buf, n);
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	if (shim_path(fd) != NULL && !shim_before(SHIM_READ, &n, &(bool){0}))
		return -1;
	return syscall(SYS_pread64, fd, buf, n, off);
}
ssize_t pread64(int fd, void *buf, size_t n, off64_t off) ALIAS(pread);

ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	(void)room;
	return read(fd, buf, n);
}

ssize_t __pread_chk(int fd, void *buf, size_t n, off_t off, size_t room)
{
	(void)room;
	return pread(fd, buf, n, off);
}
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t off, size_t room) ALIAS(__pread_chk);

/* --- writing ---------------------------------------------------------------------------------- */

static ssize_t wrote(int fd, const void *buf, ssize_t done, off_t off, bool torn)
{
	if (done > 0 && shim_recording())
		shim_record('W', fd, off >= 0 ? off : syscall(SYS_lseek, fd, 0, SEEK_CUR) - done,
			shim_path(fd), buf, (size_t)done);
	shim_unlock();
	if (torn)
		shim_end();
	return done;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	bool torn = false;

	if (shim_path(fd) == NULL)
		return syscall(SYS_write, fd, buf, n);
	if (!shim_before(SHIM_WRITE, &n, &torn))
		return -1;
	shim_lock();
	return wrote(fd, buf, syscall(SYS_write, fd, buf, n), -1, torn);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	bool torn = false;

	if (shim_path(fd) == NULL)
		return syscall(SYS_pwrite64, fd, buf, n, off);
	if (!shim_before(SHIM_WRITE, &n, &torn))
		return -1;
	shim_lock();
	return wrote(fd, buf, syscall(SYS_pwrite64, fd, buf, n, off), off, torn);
}
ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t off) ALIAS(pwrite);

/* One piece at a time: a short write, which the caller must expect. */
ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	if (shim_path(fd) == NULL || count == 0)
		return syscall(SYS_writev, fd, pieces, count);
	return write(fd, pieces[0].iov_base, pieces[0].iov_len);
}

/* Programs that use these must be able to do without: files are then copied by read and write. */
ssize_t copy_file_range(
	int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned flags)
{
	if (shim_path(in) == NULL && shim_path(out) == NULL)
		return syscall(SYS_copy_file_range, in, in_off, out, out_off, n, flags);
	errno = ENOSYS;
	return -1;
}

ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	if (shim_path(in) == NULL && shim_path(out) == NULL)
		return syscall(SYS_sendfile, out, in, off, n);
	errno = ENOSYS;
	return -1;
}
ssize_t sendfile64(int out, int in, off64_t *off, size_t n) ALIAS(sendfile);

int ftruncate(int fd, off_t size)
{
	int rc;

	if (shim_path(fd) == NULL)
		return (int)syscall(SYS_ftruncate, fd, size);
	if (!shim_before(SHIM_TRUNCATE, &(size_t){0}, &(bool){0}))
		return -1;
	shim_lock();
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		shim_record('Z', fd, size, shim_path(fd), NULL, 0);
	shim_unlock();
	return rc;
}
int ftruncate64(int fd, off64_t size) ALIAS(ftruncate);

static int sync_any(long call, int fd)
{
	int rc;

	if (shim_path(fd) == NULL)
		return (int)syscall(call, fd);
	if (!shim_before(SHIM_SYNC, &(size_t){0}, &(bool){0}))
		return -1;
	shim_lock();
	rc = (int)syscall(call, fd);
	if (rc == 0)
		shim_record('S', fd, 0, shim_path(fd), NULL, 0);
	shim_unlock();
	return rc;
}

int fsync(int fd)
{
	return sync_any(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_any(SYS_fdatasync, fd);
}

/* --- names ------------------------------------------------------------------------------------ */

/* fd: of the file that gets a name by link; else -1. */
static int named(char op, int fd, const char *from, const char *to, int rc)
{
	if (rc == 0)
		shim_record(op, fd, 0, from, to, to != NULL ? strlen(to) : 0);
	shim_unlock();
	return rc;
}

static bool may_name(void)
{
	if (!shim_before(SHIM_NAME, &(size_t){0}, &(bool){0}))
		return false;
	shim_lock();
	return true;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	const char *a = shim_watched(from_dir, from), *b = shim_watched(to_dir, to);

	if (a == NULL && b == NULL)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (!may_name())
		return -1;
	return named('R', -1, a, b, (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* /proc/self/fd/N is a file that has no name yet. */
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	const char *b = shim_watched(to_dir, to);
	int fd = -1;

	if (b == NULL)
		return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (!may_name())
		return -1;
	if (sscanf(from, "/proc/self/fd/%d", &fd) != 1)
		fd = -1;
	return named('L', fd, fd < 0 ? shim_watched(from_dir, from) : "", b,
		(int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *name, int flags)
{
	const char *path = shim_watched(dir, name);

	if (path == NULL)
		return (int)syscall(SYS_unlinkat, dir, name, flags);
	if (!may_name())
		return -1;
	return named('U', -1, path, NULL, (int)syscall(SYS_unlinkat, dir, name, flags));
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
	int rc = unlinkat(AT_FDCWD, path, 0);

	return rc != 0 && errno == EISDIR ? rmdir(path) : rc;
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	const char *path = shim_watched(dir, name);

	if (path == NULL)
		return (int)syscall(SYS_mkdirat, dir, name, mode);
	if (!may_name())
		return -1;
	return named('D', -1, path, NULL, (int)syscall(SYS_mkdirat, dir, name, mode));
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* --- locks ------------------------------------------------------------------------------------ */

static bool is_locking(int command)
{
	return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
	       command == F_OFD_SETLKW;
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long value;

	va_start(args, command);
	value = va_arg(args, long);
	va_end(args);
	if (shim_path(fd) != NULL && is_locking(command) &&
		!shim_before(((const struct flock *)value)->l_type == F_UNLCK ? SHIM_UNLOCK
									      : SHIM_LOCK,
			&(size_t){0}, &(bool){0}))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, value);
}
int fcntl64(int fd, int command, ...) ALIAS(fcntl);

/* --- the line --------------------------------------------------------------------------------- */

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	bool torn = false;
	ssize_t done;

	if (!shim_before(SHIM_SEND, &n, &torn))
		return -1;
	shim_lock();
	done = syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
	if (done > 0)
		shim_record('N', -1, 0, "", buf, (size_t)done);
	shim_unlock();
	if (torn)
		shim_end();
	return done;
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	if (!shim_before(SHIM_RECV, &n, &(bool){0}))
		return -1;
	return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags)
{
	(void)room;
	return recv(fd, buf, n, flags);
}
