#include "src/log.h"
#include "src/paths.h"
#include "src/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <libxml/xmlerror.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROTATE_AT = 1 << 20, LINE_MAX_BYTES = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1; /* under lock, and log_path */
static char *log_path;

static void rotate(void)
{
	struct stat st;
	g_autofree char *old = NULL;

	if (fstat(log_fd, &st) != 0 || st.st_size < ROTATE_AT)
		return;
	old = g_strconcat(log_path, ".1", NULL);
	if (rename(log_path, old) != 0)
		return;
	close(log_fd);
	log_fd = bz_open_private(log_path, O_WRONLY | O_CREAT | O_APPEND, NULL);
}

static void write_line(enum bz_log_level level, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *when = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
	g_autofree char *clean = bz_text_clean(text, strlen(text), LINE_MAX_BYTES);
	g_autofree char *line = g_strdup_printf("%s %-5s %s\n", when, names[level], clean);

	pthread_mutex_lock(&lock);
	if (log_fd >= 0)
		rotate();
	if (log_fd >= 0 && write(log_fd, line, strlen(line)) < 0)
		errno = 0; /* a full disk must not stop the program for its log */
	pthread_mutex_unlock(&lock);
}

void bz_log(enum bz_log_level level, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	write_line(level, text);
}

static GLogWriterOutput from_glib(
	GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	bool is_news =
		(level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0;

	(void)data;
	for (gsize i = 0; i < n && is_news; i++)
		if (strcmp(fields[i].key, "MESSAGE") == 0)
			bz_log((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0
					? BZ_LOG_ERROR
					: BZ_LOG_WARN,
				"glib: %s", (const char *)fields[i].value);
	return G_LOG_WRITER_HANDLED;
}

static void from_xml(void *me, const char *fmt, ...)
{
	(void)me;
	(void)fmt;
}

int bz_log_open(const char *path)
{
	static bool taken;
	g_autofree char *dir = NULL;

	bz_log_close();
	if (!taken) /* GLib allows it once */
		g_log_set_writer_func(from_glib, NULL, NULL);
	taken = true;
	xmlSetGenericErrorFunc(NULL, from_xml);
	log_path = path != NULL ? g_strdup(path) : bz_path(BZ_DIR_STATE, "log", NULL);
	dir = g_path_get_dirname(log_path);
	if (path == NULL && bz_path_ensure(dir, NULL) != 0)
		return -1;
	log_fd = bz_open_private(log_path, O_WRONLY | O_CREAT | O_APPEND, NULL);
	return log_fd >= 0 ? 0 : -1;
}

void bz_log_close(void)
{
	pthread_mutex_lock(&lock);
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
	g_clear_pointer(&log_path, g_free);
	pthread_mutex_unlock(&lock);
}
