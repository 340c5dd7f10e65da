/* OFD lock first, then the dotlock that procmail, mutt and Dovecot honour. */
#include "src/lang.h"
#include "src/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STALE_SECONDS = 600, STEP_MS = 50 };

struct bz_mbox_lock {
	int fd;
	char *dotlock; /* NULL: not ours to remove */
};

static int ofd_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static int open_mbox(const char *path, bool create, struct bz_err *err)
{
	int fd = open(
		path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (create ? O_CREAT : 0), 0600);
	struct stat st;

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL,
			errno == ENOENT   ? BZ_CODE_NOT_FOUND
			: errno == ENOSPC ? BZ_CODE_DISK_FULL
					  : BZ_CODE_IO,
			_("Cannot open %s: %s."), path, g_strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		st.st_nlink == 1)
		return fd;
	close(fd);
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO,
		_("%s is not a plain file of yours alone; buzon does not write to it."), path);
}

/* The process named in a dotlock: "PID", or "PID:HOST" and "PID HOST" as some write it. 0 where it
 * is none of this computer's: another host's processes are not ours to judge. */
static long local_owner(const char *text)
{
	char *host;
	long pid = strtol(text, &host, 10);

	host += strspn(host, ": \t\n");
	if (*host != '\0' && !g_str_has_prefix(host, g_get_host_name()))
		return 0;
	return pid > 1 ? pid : 0;
}

static bool is_dead(long pid)
{
	return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Does the dotlock's owner live? Unknown counts as alive until it is old. */
static bool is_stale(const char *path)
{
	char text[320] = "";
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	if (read(fd, text, sizeof text - 1) > 0 && is_dead(local_owner(text))) {
		close(fd);
		return true;
	}
	close(fd);
	return time(NULL) - st.st_mtime > STALE_SECONDS;
}

static void write_owner(int fd)
{
	char text[32];

	g_snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (write(fd, text, strlen(text)) < 0)
		errno = 0; /* the file itself is the lock */
}

/* A file without a name that is given one when its owner stands in it: a kill in between leaves no
 * lock that nobody can tell dead from alive. -1 with errno, EEXIST too. */
static int link_dotlock(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	int fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	char name[40];
	int rc, saved;

	if (fd < 0)
		return -1;
	write_owner(fd);
	g_snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	rc = linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* 0 made, 1 somebody holds it, -1 cannot be made here (a folder we may not write: go without). */
static int make_dotlock(const char *path)
{
	int fd;

	if (link_dotlock(path) == 0)
		return 0;
	if (errno == EEXIST)
		return 1;
	/* a file system without nameless files */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 1 : -1;
	write_owner(fd);
	close(fd);
	return 0;
}

/* --- waiting, and who has it ------------------------------------------------------------------ */

static long dotlock_owner(const char *dot)
{
	int fd = open(dot, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char text[320] = "";
	long pid = 0;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) > 0)
		pid = local_owner(text);
	close(fd);
	return pid;
}

/* The process that holds the file's own lock; of an open file's (OFD) nobody knows the process. */
static long lock_owner(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	long pid = 0;

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		pid = lock.l_pid;
	close(fd);
	return pid;
}

/* "mutt", as the kernel names the process; NULL when it is gone. */
static char *process_name(long pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%ld/comm", pid);
	char *name = NULL;

	if (pid <= 0 || !g_file_get_contents(path, &name, NULL, NULL))
		return NULL;
	return g_strchomp(name);
}

static int in_use(const char *path, struct bz_err *err)
{
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);
	g_autofree char *file = g_path_get_basename(path), *name = NULL;
	long pid = lock_owner(path);

	if (pid == 0)
		pid = dotlock_owner(dot);
	name = process_name(pid);
	if (name == NULL)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
			_("Another program is using %s. Reading is fine; changes wait."), file);
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
		_("Another program is using %s (%s, process %ld). Reading is fine; changes wait."),
		file, name, pid);
}

static int wait_a_little(int64_t until, GCancellable *cancel, const char *path, struct bz_err *err)
{
	if (g_cancellable_is_cancelled(cancel))
		return bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	if (g_get_monotonic_time() >= until)
		return in_use(path, err);
	g_usleep(STEP_MS * 1000);
	return 0;
}

/* The file may have been replaced while we waited for its lock. */
static bool still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

struct bz_mbox_lock *bz_mbox_lock_open(
	const char *path, bool create, int timeout_ms, GCancellable *cancel, struct bz_err *err)
{
	int64_t until = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;
	struct bz_mbox_lock *lock = g_new0(struct bz_mbox_lock, 1);
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);

	lock->fd = -1;
	for (;;) {
		int rc;

		if (lock->fd < 0 && (lock->fd = open_mbox(path, create, err)) < 0)
			break;
		if (ofd_lock(lock->fd) == 0) {
			rc = make_dotlock(dot);
			if (rc <= 0 && still_there(lock->fd, path)) {
				lock->dotlock = rc == 0 ? g_steal_pointer(&dot) : NULL;
				return lock;
			}
			if (rc == 0)
				(void)unlink(dot);
			else if (rc == 1 && is_stale(dot))
				(void)unlink(dot);
			close(lock->fd);
			lock->fd = -1;
		}
		if (wait_a_little(until, cancel, path, err) != 0)
			break;
	}
	bz_mbox_lock_close(&lock);
	return NULL;
}

int bz_mbox_lock_fd(const struct bz_mbox_lock *lock)
{
	return lock->fd;
}

void bz_mbox_lock_close(struct bz_mbox_lock **lock)
{
	if (*lock == NULL)
		return;
	if ((*lock)->dotlock != NULL)
		(void)unlink((*lock)->dotlock);
	if ((*lock)->fd >= 0)
		close((*lock)->fd);
	g_free((*lock)->dotlock);
	g_free(*lock);
	*lock = NULL;
}

void bz_mbox_lock_tidy(const char *path)
{
	g_autofree char *dot = g_strconcat(path, ".lock", NULL);
	struct bz_mbox_lock *lock;

	if (access(dot, F_OK) != 0 || !is_stale(dot))
		return;
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		(void)unlink(dot);
		return;
	}
	lock = bz_mbox_lock_open(path, false, 4 * STEP_MS, NULL, NULL);
	bz_mbox_lock_close(&lock);
}

int bz_session_lock(const char *path, struct bz_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot open %s: %s."), path,
			g_strerror(errno));
	if (ofd_lock(fd) == 0)
		return fd;
	close(fd);
	return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_LOCKED,
		_("Another buzon is getting the mail of this account."));
}
