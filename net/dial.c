#include "net/dial.h"
#include "src/lang.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { TICK_MS = 50 };

struct dialing {
	GMainContext *context;
	GCancellable *inner; /* cancelled by the person, the deadline or hurry */
	GCancellable *outer; /* the person's; may be NULL */
	const struct bz_dial *dial;
	double deadline, hurried; /* since when somebody is in a hurry, 0 = nobody */
	bool late, hurry;
	bool done;
	GSocketConnection *connection;
	GError *error;
};

static void on_connected(GObject *client, GAsyncResult *result, gpointer me)
{
	struct dialing *d = me;

	d->connection =
		g_socket_client_connect_to_host_finish(G_SOCKET_CLIENT(client), result, &d->error);
	d->done = true;
}

/* A look at everything that may end the wait; 50 ms apart. */
static gboolean on_tick(gpointer me)
{
	struct dialing *d = me;
	double now = bz_now();

	d->late = d->deadline > 0 && now >= d->deadline;
	if (d->dial->hurry.f != NULL && d->dial->hurry.f(d->dial->hurry.me)) {
		d->hurried = d->hurried > 0 ? d->hurried : now;
		d->hurry = now - d->hurried >= d->dial->hurry.patience;
	}
	if (d->late || d->hurry || g_cancellable_is_cancelled(d->outer))
		g_cancellable_cancel(d->inner);
	return G_SOURCE_CONTINUE;
}

static int explain(const struct dialing *d, struct bz_err *err)
{
	const char *host = d->dial->host;

	if (g_cancellable_is_cancelled(d->outer) || d->hurry)
		return bz_err_set(err, BZ_ERR_CANCELLED, d->hurry ? BZ_CODE_HURRY : BZ_CODE_NONE,
			_("Stopped."));
	if (d->late || g_error_matches(d->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return bz_err_set(err, BZ_ERR_TIMEOUT, BZ_CODE_NONE,
			_("%s has not answered. Check your connection."), host);
	if (d->error != NULL && d->error->domain == G_RESOLVER_ERROR)
		return bz_err_set(err, BZ_ERR_NET, BZ_CODE_DNS,
			_("There is no server called %s. Check the name, or your connection."),
			host);
	if (g_error_matches(d->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
		return bz_err_set(err, BZ_ERR_NET, BZ_CODE_CONN_REFUSED,
			_("%s is up but nothing answers on port %u."), host, d->dial->port);
	return bz_err_set(err, BZ_ERR_NET, BZ_CODE_NONE, _("Cannot reach %s: %s."), host,
		d->error != NULL ? d->error->message : "");
}

static int take_socket(GSocketConnection *connection)
{
	GSocket *socket = g_socket_connection_get_socket(connection);
	int fd = fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0);
	int one = 1, keep_ms = 30000;

	if (fd >= 0) {
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &keep_ms, sizeof keep_ms);
	}
	return fd;
}

static void run(struct dialing *d)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	GSource *tick = g_timeout_source_new(TICK_MS);

	g_socket_client_set_enable_proxy(client, FALSE);
	g_source_set_callback(tick, on_tick, d, NULL);
	g_source_attach(tick, d->context);
	g_socket_client_connect_to_host_async(
		client, d->dial->host, d->dial->port, d->inner, on_connected, d);
	while (!d->done)
		g_main_context_iteration(d->context, TRUE);
	g_source_destroy(tick);
	g_source_unref(tick);
	/* what the other address families left behind ends on this context too */
	while (g_main_context_iteration(d->context, FALSE))
		;
}

int bz_dial_socket(
	const struct bz_dial *dial, double deadline, GCancellable *cancel, struct bz_err *err)
{
	struct dialing d = {
		.context = g_main_context_new(),
		.inner = g_cancellable_new(),
		.outer = cancel,
		.dial = dial,
		.deadline = deadline,
	};
	int fd = -1;

	g_main_context_push_thread_default(d.context);
	run(&d);
	g_main_context_pop_thread_default(d.context);
	if (d.connection == NULL)
		explain(&d, err);
	else if ((fd = take_socket(d.connection)) < 0)
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Too many open files."));
	g_clear_object(&d.connection);
	g_clear_error(&d.error);
	g_object_unref(d.inner);
	g_main_context_unref(d.context);
	return fd;
}
