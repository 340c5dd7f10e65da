#include "src/paths.h"
#include "src/lang.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *base(enum bz_dir dir)
{
	static const struct {
		const char *variable, *below_home;
	} dirs[] = {
		[BZ_DIR_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
		[BZ_DIR_DATA] = {"XDG_DATA_HOME", ".local/share"},
		[BZ_DIR_STATE] = {"XDG_STATE_HOME", ".local/state"},
		[BZ_DIR_CACHE] = {"XDG_CACHE_HOME", ".cache"},
	};
	const char *value = g_getenv(dirs[dir].variable);

	if (value != NULL && g_path_is_absolute(value))
		return g_build_filename(value, "buzon", NULL);
	return g_build_filename(g_get_home_dir(), dirs[dir].below_home, "buzon", NULL);
}

char *bz_path(enum bz_dir dir, const char *first, ...)
{
	char *path = base(dir);
	va_list ap;

	va_start(ap, first);
	for (const char *part = first; part != NULL; part = va_arg(ap, const char *)) {
		char *longer = g_build_filename(path, part, NULL);

		g_free(path);
		path = longer;
	}
	va_end(ap);
	return path;
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* With its parents. What was made is there after a power loss, too: mail that goes from a server
 * may lie in no folder that has no name yet. */
static int make_folder(const char *path)
{
	g_autofree char *parent = g_path_get_dirname(path);
	int rc = mkdir(path, 0700);

	if (rc != 0 && errno == ENOENT && strcmp(parent, path) != 0 && make_folder(parent) == 0)
		rc = mkdir(path, 0700);
	if (rc != 0)
		return errno == EEXIST ? 0 : -1;
	return sync_folder(parent);
}

int bz_path_ensure(const char *path, struct bz_err *err)
{
	struct stat st;
	mode_t mask = umask(077);
	int rc = make_folder(path);

	umask(mask);
	if (rc != 0 || stat(path, &st) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE,
			_("Cannot make the folder %s: %s."), path, g_strerror(errno));
	if (st.st_uid != geteuid())
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE,
			_("The folder %s belongs to another user."), path);
	if ((st.st_mode & 077) != 0 && chmod(path, 0700) != 0)
		return bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_NONE,
			_("Others may read the folder %s, and that cannot be changed: %s."), path,
			g_strerror(errno));
	return 0;
}

int bz_open_private(const char *path, int flags, struct bz_err *err)
{
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bz_err_set(err, BZ_ERR_LOCAL,
			errno == ENOSPC || errno == EDQUOT ? BZ_CODE_DISK_FULL : BZ_CODE_NONE,
			_("Cannot open %s: %s."), path, g_strerror(errno));
	if ((flags & O_CREAT) != 0)
		(void)fchmod(fd, 0600);
	return fd;
}
