/* What ends a command early: Ctrl-C and its like, and the time that it may take. */
#include "src/cli_private.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int wake_fd = -1;

static void on_signal(int number)
{
	int saved = errno;

	caught = number;
	(void)eventfd_write(wake_fd, 1);
	errno = saved;
}

/* What the caller ignores stays ignored (nohup). */
static void catch (int number)
{
	struct sigaction action = {.sa_handler = on_signal}, old;

	if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		(void)sigaction(number, &action, NULL);
}

void bz_stop_begin(struct bz_stop *stop, int seconds)
{
	if (wake_fd < 0)
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*stop = (struct bz_stop){.fd = wake_fd,
		.deadline = seconds > 0 ? g_get_monotonic_time() + (int64_t)seconds * G_USEC_PER_SEC
					: 0};
	catch (SIGINT);
	catch (SIGTERM);
	catch (SIGHUP);
}

int bz_stop_signal(void)
{
	return caught;
}

bool bz_stop_is_due(const struct bz_stop *stop)
{
	return caught != 0 || (stop->deadline > 0 && g_get_monotonic_time() >= stop->deadline);
}

/* Milliseconds to wait: no longer than to the deadline. */
static int patience(const struct bz_stop *stop, int timeout_ms)
{
	int64_t left;

	if (stop == NULL || stop->deadline == 0)
		return timeout_ms;
	left = (stop->deadline - g_get_monotonic_time() + 999) / 1000;
	left = MAX(left, 0);
	return timeout_ms < 0 ? (int)left : (int)MIN(left, timeout_ms);
}

bool bz_stop_wait(const struct bz_stop *stop, int fd, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
		{.fd = stop != NULL ? stop->fd : -1, .events = POLLIN}};

	return poll(fds, 2, patience(stop, timeout_ms)) > 0 && fds[0].revents != 0;
}

/* --- held back -------------------------------------------------------------------------------- */

static const int holdable[BZ_HOLD_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
static volatile sig_atomic_t held;
static int hold_fd = -1;

static void on_held(int number)
{
	int saved = errno;

	held = number;
	(void)eventfd_write(hold_fd, 1);
	errno = saved;
}

void bz_hold_begin(struct bz_hold *hold)
{
	struct sigaction action = {.sa_handler = on_held};

	if (hold_fd < 0)
		hold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	held = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(holdable); i++) {
		(void)sigaction(holdable[i], NULL, &hold->old[i]);
		if (hold->old[i].sa_handler != SIG_IGN)
			(void)sigaction(holdable[i], &action, NULL);
	}
}

bool bz_hold_wait(const struct bz_stop *stop, int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = hold_fd, .events = POLLIN}};
	int n;

	do
		n = poll(fds, 2, patience(stop, -1));
	while (n < 0 && errno == EINTR && held == 0);
	return n > 0 && held == 0;
}

int bz_hold_end(struct bz_hold *hold)
{
	eventfd_t n;

	for (size_t i = 0; i < G_N_ELEMENTS(holdable); i++)
		(void)sigaction(holdable[i], &hold->old[i], NULL);
	(void)eventfd_read(hold_fd, &n);
	if (held != 0)
		(void)raise(held);
	return held;
}
