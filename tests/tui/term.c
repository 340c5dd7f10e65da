#include "tests/tui/term.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

enum { PATIENCE_MS = 20000 };

struct term {
	VTerm *vt;
	VTermScreen *screen;
	GByteArray *raw;
	int fd, rows, cols;
	pid_t pid;
	int status; /* -1 = runs */
};

/* --- beginning and end ------------------------------------------------------------------------ */

static char **make_env(const char *home, const char *const *extra)
{
	char **env = NULL;
	const char *locales = g_getenv("BUZON_LOCALEDIR"), *asan = g_getenv("ASAN_OPTIONS");

	env = g_environ_setenv(env, "HOME", home, TRUE);
	env = g_environ_setenv(env, "PATH", g_getenv("PATH"), TRUE);
	env = g_environ_setenv(env, "TERM", "xterm-256color", TRUE);
	env = g_environ_setenv(env, "LANG", "C.UTF-8", TRUE);
	env = g_environ_setenv(env, "TZ", "UTC", TRUE);
	if (locales != NULL)
		env = g_environ_setenv(env, "BUZON_LOCALEDIR", locales, TRUE);
	if (asan != NULL)
		env = g_environ_setenv(env, "ASAN_OPTIONS", asan, TRUE);
	for (; extra != NULL && *extra != NULL; extra++) {
		g_auto(GStrv) pair = g_strsplit(*extra, "=", 2);

		env = pair[1] != NULL ? g_environ_setenv(env, pair[0], pair[1], TRUE)
				      : g_environ_unsetenv(env, pair[0]);
	}
	return env;
}

static void run_child(const char *const *args, char **env)
{
	const char *program = g_getenv("BUZON");
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, (gpointer)program);
	for (; *args != NULL; args++)
		g_ptr_array_add(argv, (gpointer)*args);
	g_ptr_array_add(argv, NULL);
	execve(program, (char **)argv->pdata, env);
	_exit(127);
}

struct term *term_start(
	int rows, int cols, const char *home, const char *const *args, const char *const *extra)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	struct term *t = g_new0(struct term, 1);
	char **env = make_env(home, extra);

	t->rows = rows;
	t->cols = cols;
	t->status = -1;
	t->raw = g_byte_array_new();
	t->vt = vterm_new(rows, cols);
	vterm_set_utf8(t->vt, 1);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_screen_enable_altscreen(t->screen, 1);
	vterm_screen_reset(t->screen, 1);
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		run_child(args, env);
	g_strfreev(env);
	return t;
}

void term_hang_up(struct term *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void term_free(struct term *t)
{
	if (t->status < 0) {
		kill(t->pid, SIGKILL);
		(void)waitpid(t->pid, NULL, 0);
	}
	term_hang_up(t);
	vterm_free(t->vt);
	g_byte_array_unref(t->raw);
	g_free(t);
}

char *term_home(const char *buzonrc)
{
	char *home = check_temp_dir();
	g_autofree char *dir = g_build_filename(home, ".config", "buzon", NULL);
	g_autofree char *path = g_build_filename(dir, "buzonrc", NULL);

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	if (buzonrc != NULL) {
		assert_true(g_file_set_contents(path, buzonrc, -1, NULL));
		assert_int_equal(g_chmod(path, 0600), 0);
	}
	return home;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What the terminal answers (device attributes, cursor reports) goes back. */
static void answer(struct term *t)
{
	char out[256];
	size_t n = vterm_output_read(t->vt, out, sizeof out);

	if (n > 0 && t->fd >= 0)
		(void)!write(t->fd, out, n);
}

/* One read, waiting at most ms. False at the end of the program's output. */
static bool read_some(struct term *t, int ms)
{
	struct pollfd p = {t->fd, POLLIN, 0};
	char buf[16384];
	ssize_t n;

	if (t->fd < 0)
		return false;
	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(t->fd, buf, sizeof buf);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	g_byte_array_append(t->raw, (const guint8 *)buf, (guint)n);
	vterm_input_write(t->vt, buf, (size_t)n);
	answer(t);
	return true;
}

static int ms_left(gint64 end)
{
	return (int)MAX((end - g_get_monotonic_time()) / 1000, 0);
}

void term_pump(struct term *t, int ms)
{
	gint64 end = g_get_monotonic_time() + ms * 1000L;

	while (ms_left(end) > 0 && read_some(t, ms_left(end)))
		;
}

static bool wait_until(struct term *t, const char *text, bool there, int ms)
{
	gint64 end = g_get_monotonic_time() + ms * 1000L;

	while ((term_find(t, text) >= 0) != there) {
		if (ms_left(end) == 0)
			return false;
		if (!read_some(t, MIN(ms_left(end), 100)))
			return (term_find(t, text) >= 0) == there;
	}
	return true;
}

bool term_wait_for(struct term *t, const char *text, int ms)
{
	return wait_until(t, text, true, ms);
}

static void must(struct term *t, bool ok, const char *what, const char *text)
{
	g_autofree char *screen = ok ? NULL : term_screen(t);

	if (!ok)
		fail_msg("%s: %s\n%s", what, text, screen);
}

void term_wait(struct term *t, const char *text)
{
	must(t, wait_until(t, text, true, PATIENCE_MS), "never seen", text);
}

void term_wait_gone(struct term *t, const char *text)
{
	must(t, wait_until(t, text, false, PATIENCE_MS), "never went", text);
}

void term_wait_cursor_at(struct term *t, int row, int left, int right)
{
	gint64 end = g_get_monotonic_time() + PATIENCE_MS * 1000L;
	g_autofree char *want = g_strdup_printf("row %d, column %d to %d", row, left, right);
	int y, x;

	for (term_cursor(t, &y, &x); (y != row || x < left || x > right) && ms_left(end) > 0;
		term_cursor(t, &y, &x))
		if (!read_some(t, 100))
			break;
	must(t, y == row && x >= left && x <= right, "the cursor never came to", want);
}

void term_wait_cursor(struct term *t, int row)
{
	term_wait_cursor_at(t, row, 0, INT_MAX);
}

static bool row_has(struct term *t, int y, const char *text)
{
	g_autofree char *row = term_row(t, y);

	return strstr(row, text) != NULL;
}

void term_wait_row(struct term *t, int y, const char *text)
{
	gint64 end = g_get_monotonic_time() + PATIENCE_MS * 1000L;
	g_autofree char *want = g_strdup_printf("\"%s\" in row %d", text, y);

	while (!row_has(t, y, text) && ms_left(end) > 0)
		if (!read_some(t, 100))
			break;
	must(t, row_has(t, y, text), "never on screen", want);
}

void term_type(struct term *t, const char *keys)
{
	assert_int_equal(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* --- the screen ------------------------------------------------------------------------------- */

char *term_row(struct term *t, int y)
{
	GString *out = g_string_new(NULL);

	for (int x = 0; x < t->cols; x++) {
		VTermScreenCell cell;

		vterm_screen_get_cell(t->screen, (VTermPos){y, x}, &cell);
		if (cell.chars[0] == 0)
			g_string_append_c(out, ' ');
		for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i] != 0; i++)
			if (cell.chars[i] != (uint32_t)-1)
				g_string_append_unichar(out, cell.chars[i]);
		if (cell.width == 2)
			x++;
	}
	return g_strchomp(g_string_free(out, FALSE));
}

char *term_screen(struct term *t)
{
	GString *out = g_string_new(NULL);

	for (int y = 0; y < t->rows; y++) {
		g_autofree char *row = term_row(t, y);

		g_string_append_printf(out, "%s\n", row);
	}
	return g_string_free(out, FALSE);
}

int term_find(struct term *t, const char *text)
{
	for (int y = 0; y < t->rows; y++) {
		g_autofree char *row = term_row(t, y);

		if (strstr(row, text) != NULL)
			return y;
	}
	return -1;
}

void term_cursor(struct term *t, int *y, int *x)
{
	VTermPos pos;

	vterm_state_get_cursorpos(vterm_obtain_state(t->vt), &pos);
	*y = pos.row;
	*x = pos.col;
}

bool term_is_reverse(struct term *t, int y, int x)
{
	VTermScreenCell cell;

	vterm_screen_get_cell(t->screen, (VTermPos){y, x}, &cell);
	return cell.attrs.reverse != 0;
}

void term_resize(struct term *t, int rows, int cols)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	t->rows = rows;
	t->cols = cols;
	vterm_set_size(t->vt, rows, cols);
	assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

const GByteArray *term_raw(const struct term *t)
{
	return t->raw;
}

int term_pid(const struct term *t)
{
	return t->pid;
}

int term_exit(struct term *t, int ms)
{
	gint64 end = g_get_monotonic_time() + ms * 1000L;
	int status;

	while (t->status < 0 && ms_left(end) > 0) {
		if (waitpid(t->pid, &status, WNOHANG) == t->pid)
			t->status =
				WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		else if (!read_some(t, MIN(ms_left(end), 20)))
			g_usleep(5000); /* its output ended; the process is about to */
	}
	return t->status;
}
