#include "src/secret.h"
#include "src/lang.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SECRET_MAX = 4096, COMMAND_SECONDS = 10 };

/* A secret lives alone on pages of its own; the mapped length stands in front of it. */
char *bz_secret_new(const char *text, long len)
{
	size_t n = len < 0 ? strlen(text) : (size_t)len;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (n + 1 + sizeof(size_t) + page - 1) / page * page;
	char *area = mmap(
		NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	(void)mlock(area, mapped);
	(void)madvise(area, mapped, MADV_DONTDUMP);
	memcpy(area, &mapped, sizeof mapped);
	memcpy(area + sizeof mapped, text, n);
	return area + sizeof mapped;
}

void bz_secret_free(char *secret)
{
	size_t mapped;
	char *area;

	if (secret == NULL)
		return;
	area = secret - sizeof mapped;
	memcpy(&mapped, area, sizeof mapped);
	explicit_bzero(area, mapped);
	munmap(area, mapped);
}

void bz_secret_protect_process(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* --- password-command --------------------------------------------------------------------------- */

struct wait {
	GMainLoop *loop;
	GSubprocess *child;
	char buffer[SECRET_MAX + 1];
	gsize got;
	bool late;
	GError *error;
};

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct wait *w = data;

	g_input_stream_read_all_finish(G_INPUT_STREAM(source), result, &w->got, &w->error);
	g_main_loop_quit(w->loop);
}

static gboolean on_late(gpointer data)
{
	struct wait *w = data;

	w->late = true;
	g_subprocess_force_exit(w->child);
	return G_SOURCE_REMOVE;
}

static char *first_line(struct wait *w, struct bz_err *err)
{
	char *end = memchr(w->buffer, '\n', w->got);
	char *secret = NULL;
	size_t n = end != NULL ? (size_t)(end - w->buffer) : w->got;

	if (n > 0 && w->buffer[n - 1] == '\r')
		n--;
	if (w->late)
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command gave no answer within %d seconds."), COMMAND_SECONDS);
	else if (w->error != NULL)
		bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	else if (n == 0 || memchr(w->buffer, 0, n) != NULL)
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command printed no password."));
	else
		secret = bz_secret_new(w->buffer, (long)n);
	explicit_bzero(w->buffer, sizeof w->buffer);
	return secret;
}

static char *run(char **argv, GCancellable *cancel, struct bz_err *err)
{
	struct wait *w = g_new0(struct wait, 1);
	GMainContext *context = g_main_context_new();
	g_autoptr(GError) error = NULL;
	char *secret = NULL;
	GSource *timer;

	g_main_context_push_thread_default(context);
	w->loop = g_main_loop_new(context, FALSE);
	w->child = g_subprocess_newv((const char *const *)argv,
		G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
	if (w->child == NULL) {
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command cannot be run: %s."), error->message);
	} else {
		timer = g_timeout_source_new_seconds(COMMAND_SECONDS);
		g_source_set_callback(timer, on_late, w, NULL);
		g_source_attach(timer, context);
		g_input_stream_read_all_async(g_subprocess_get_stdout_pipe(w->child), w->buffer,
			SECRET_MAX, G_PRIORITY_DEFAULT, cancel, on_read, w);
		g_main_loop_run(w->loop);
		g_source_destroy(timer);
		g_source_unref(timer);
		g_subprocess_force_exit(w->child);
		g_object_unref(w->child);
		secret = first_line(w, err);
	}
	g_clear_error(&w->error);
	g_main_loop_unref(w->loop);
	g_main_context_pop_thread_default(context);
	g_main_context_unref(context);
	g_free(w);
	return secret;
}

char *bz_secret_from_command(const char *command, GCancellable *cancel, struct bz_err *err)
{
	g_auto(GStrv) argv = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_shell_parse_argv(command, NULL, &argv, &error)) {
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command cannot be read: %s."), error->message);
		return NULL;
	}
	return run(argv, cancel, err);
}
