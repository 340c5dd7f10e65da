/* The full screen's beginning, its one place to wait, and its end. */
#include "ui/screen.h"
#include "src/lang.h"
#include "ui/app.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	DRAW_MS = 100,     /* between drawings that no key asked for */
	EVENTS_US = 20000, /* of one round: keys come between */
	TICK_MS = 250,
	ESCAPE_MS = 25
};

static int signal_pipe[2] = {-1, -1};

static void on_signal(int number)
{
	unsigned char byte = (unsigned char)number;
	int saved = errno;

	(void)!write(signal_pipe[1], &byte, 1);
	errno = saved;
}

/* --- the terminal ----------------------------------------------------------------------------- */

struct terminal {
	FILE *in; /* own, where standard input is mail */
	SCREEN *screen;
	int fd;
};

static int no_screen(const char *term)
{
	fprintf(stderr,
		_("buzon: this terminal (TERM=%s) cannot show a full screen. `buzon list` and "
		  "`buzon show` print plain lines.\n"),
		term != NULL ? term : "");
	return EX_USAGE;
}

/* Not in every terminal's description, and harmless to those that do not know it. */
void ui_screen_paste(bool on)
{
	const char *mode = on ? "\033[?2004h" : "\033[?2004l";

	(void)!write(STDOUT_FILENO, mode, strlen(mode)); /* a terminal that went away is no error */
}

static int open_terminal(struct terminal *t)
{
	const char *term = getenv("TERM");

	if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0 ||
		strcmp(term, "unknown") == 0 || !isatty(STDOUT_FILENO))
		return no_screen(term);
	t->in = isatty(STDIN_FILENO) ? stdin : fopen("/dev/tty", "re");
	t->screen = t->in != NULL ? newterm(NULL, stdout, t->in) : NULL;
	if (t->screen == NULL)
		return no_screen(term);
	t->fd = fileno(t->in);
	(void)raw();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	(void)define_key("\033[200~", UI_KEY_PASTE);
	(void)define_key("\033[201~", UI_KEY_PASTED);
	ui_screen_paste(true);
	return 0;
}

static void close_terminal(struct terminal *t)
{
	if (t->screen != NULL) {
		ui_screen_paste(false);
		(void)endwin();
		delscreen(t->screen);
	}
	if (t->in != NULL && t->in != stdin)
		(void)fclose(t->in);
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

/* --- one round -------------------------------------------------------------------------------- */

static void resize(struct ui_app *app, int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		(void)resizeterm(size.ws_row, size.ws_col);
	app->full_redraw = app->dirty = true;
}

static void take_signals(struct ui_app *app, int fd)
{
	unsigned char number;

	while (read(signal_pipe[0], &number, 1) == 1) {
		if (number == SIGWINCH)
			resize(app, fd);
		else
			app->quit = true;
	}
}

static bool take_keys(struct ui_app *app)
{
	bool any = false;
	wint_t key;
	int rc;

	while (!app->quit && (rc = get_wch(&key)) != ERR) {
		if (rc == KEY_CODE_YES && key == KEY_RESIZE)
			continue; /* the signal says it */
		ui_main_key(app, key, rc == KEY_CODE_YES);
		any = true;
	}
	return any;
}

static void take_events(struct ui_app *app)
{
	int64_t end = g_get_monotonic_time() + EVENTS_US;
	struct bz_event *event;

	while (g_get_monotonic_time() < end && (event = bz_mailbag_take(app->bag)) != NULL) {
		ui_app_event(app, event);
		bz_event_free(event);
	}
}

static void draw(struct ui_app *app)
{
	if (app->full_redraw) {
		(void)clearok(stdscr, TRUE);
		(void)erase();
	}
	app->full_redraw = app->dirty = app->draw_now = false;
	ui_main_draw(app);
	ui_draw_place_cursor();
	(void)refresh();
}

static int patience(const struct ui_app *app, int64_t drawn)
{
	int64_t since = (g_get_monotonic_time() - drawn) / 1000;

	if (app->dirty)
		return since >= DRAW_MS ? 0 : (int)(DRAW_MS - since);
	return ui_is_ticking(app) ? TICK_MS : -1;
}

static void loop(struct ui_app *app, int fd)
{
	int64_t drawn = 0;
	bool by_key = true;

	while (!app->quit) {
		struct pollfd p[3] = {{fd, POLLIN, 0}, {bz_mailbag_fd(app->bag), POLLIN, 0},
			{signal_pipe[0], POLLIN, 0}};

		if (app->dirty && (by_key || app->draw_now ||
					  g_get_monotonic_time() - drawn >= DRAW_MS * 1000)) {
			draw(app);
			drawn = g_get_monotonic_time();
			by_key = false;
		}
		if (poll(p, 3, patience(app, drawn)) == 0)
			app->dirty = app->dirty || ui_is_ticking(app);
		take_signals(app, fd);
		if ((p[0].revents & POLLIN) != 0)
			by_key = take_keys(app);
		if ((p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
			app->quit = true; /* the terminal went away */
		take_events(app);
		ui_reader_tick(app);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The account to begin with opens its Inbox; the others look for mail beside it. */
static void begin(struct ui_app *app, size_t start)
{
	struct ui_account *first = &app->accounts[start];

	ui_index_open(app, first, g_ptr_array_index(first->folders, 0));
	for (int i = 0; i < app->n; i++) {
		struct bz_request *r;

		if (i == (int)start || (app->accounts[i].caps & BZ_CAP_REMOTE) == 0)
			continue;
		r = bz_request_new(BZ_REQ_REFRESH);
		r->folder = g_strdup("INBOX");
		bz_worker_submit(app->accounts[i].worker, r);
	}
}

int bz_screen_run(const struct bz_settings *settings, const struct bz_account *const *accounts,
	size_t n, size_t start, const struct bz_cli_wiring *wiring)
{
	struct terminal terminal = {0};
	struct bz_err err = {0};
	struct ui_app *app;
	int code;

	code = open_terminal(&terminal);
	if (code != 0)
		return code;
	app = g_new0(struct ui_app, 1);
	if (ui_app_init(app, accounts, n, wiring, &err) == 0) {
		app->threads = settings == NULL || settings->threads;
		ui_theme_init(wiring->color);
		catch_signals();
		begin(app, start);
		loop(app, terminal.fd);
	}
	close_terminal(&terminal);
	ui_app_clear(app);
	g_free(app);
	if (err.kind != BZ_ERR_NONE)
		fprintf(stderr, "buzon: %s\n", err.text);
	return bz_err_exit_code(&err);
}
