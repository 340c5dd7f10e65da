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

enum { SECRET_MAX = 4096, TICK_MS = 50 };

/* A secret lives alone on pages of its own; the mapped length stands in front of it. */
char *bz_secret_new(const char *text, long len)
{
	size_t n = len < 0 ? strlen(text) : (size_t)len;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (n + 1 + sizeof(size_t) + page - 1) / page * page;
	char *area = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

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

/* --- password-command ------------------------------------------------------------------------- */

struct wait {
	bool done;
	GSubprocess *child;
	GCancellable *inner; /* ends the reading: its pipe may outlive the child, in a grandchild */
	GCancellable *outer; /* the person's; may be NULL */
	char buffer[SECRET_MAX + 2]; /* with one byte too many */
	gsize got;
	int64_t until; /* monotonic us */
	bool late;
	GError *error;
};

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct wait *w = data;

	g_input_stream_read_all_finish(G_INPUT_STREAM(source), result, &w->got, &w->error);
	w->done = true;
}

static gboolean on_tick(gpointer data)
{
	struct wait *w = data;

	w->late = w->late || g_get_monotonic_time() >= w->until;
	if (w->late || g_cancellable_is_cancelled(w->outer))
		g_cancellable_cancel(w->inner);
	return G_SOURCE_CONTINUE;
}

static char *first_line(struct wait *w, int seconds, struct bz_err *err)
{
	char *end = memchr(w->buffer, '\n', w->got);
	char *secret = NULL;
	size_t n = end != NULL ? (size_t)(end - w->buffer) : w->got;

	if (n > 0 && w->buffer[n - 1] == '\r')
		n--;
	if (w->late)
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command gave no answer within %d seconds."), seconds);
	else if (w->error != NULL)
		bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	else if (n == 0 || memchr(w->buffer, 0, n) != NULL)
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command printed no password."));
	else if (n > SECRET_MAX)
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command printed a line of more than %d bytes."),
			SECRET_MAX);
	else
		secret = bz_secret_new(w->buffer, (long)n);
	explicit_bzero(w->buffer, sizeof w->buffer);
	return secret;
}

static void wait_for(struct wait *w, GMainContext *context)
{
	GSource *tick = g_timeout_source_new(TICK_MS);

	g_source_set_callback(tick, on_tick, w, NULL);
	g_source_attach(tick, context);
	g_input_stream_read_all_async(g_subprocess_get_stdout_pipe(w->child), w->buffer,
		SECRET_MAX + 2, G_PRIORITY_DEFAULT, w->inner, on_read, w);
	while (!w->done)
		g_main_context_iteration(context, TRUE);
	g_source_destroy(tick);
	g_source_unref(tick);
	g_subprocess_force_exit(w->child);
}

static char *run(char **argv, int seconds, GCancellable *cancel, struct bz_err *err)
{
	struct wait *w = g_new0(struct wait, 1);
	GMainContext *context = g_main_context_new();
	g_autoptr(GError) error = NULL;
	char *secret = NULL;

	g_main_context_push_thread_default(context);
	w->inner = g_cancellable_new();
	w->outer = cancel;
	w->until = g_get_monotonic_time() + (int64_t)seconds * G_USEC_PER_SEC;
	w->child = g_subprocess_newv((const char *const *)argv,
		G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
	if (w->child == NULL) {
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command cannot be run: %s."), error->message);
	} else {
		wait_for(w, context);
		secret = first_line(w, seconds, err);
	}
	g_clear_object(&w->child);
	g_clear_error(&w->error);
	g_object_unref(w->inner);
	g_main_context_pop_thread_default(context);
	g_main_context_unref(context);
	g_free(w);
	return secret;
}

char *bz_secret_from_command(
	const char *command, int seconds, GCancellable *cancel, struct bz_err *err)
{
	g_auto(GStrv) argv = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_shell_parse_argv(command, NULL, &argv, &error)) {
		bz_err_set(err, BZ_ERR_AUTH, BZ_CODE_NO_PASSWORD,
			_("The password command cannot be read: %s."), error->message);
		return NULL;
	}
	return run(argv, seconds, cancel, err);
}
