/* Requests and events: made, freed, and carried from the workers to their one reader. */
#include "src/secret.h"
#include "src/worker_private.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

void bz_search_clear(struct bz_search *search)
{
	g_clear_pointer(&search->uids, g_array_unref);
	g_clear_pointer(&search->missing, g_array_unref);
}

struct bz_request *bz_request_new(enum bz_request_kind kind)
{
	struct bz_request *request = g_new0(struct bz_request, 1);

	request->kind = kind;
	return request;
}

void bz_request_free(struct bz_request *request)
{
	if (request == NULL)
		return;
	g_free(request->folder);
	g_free(request->limit);
	bz_sift_free(request->sift);
	g_free(request->title);
	g_free(request->path);
	if (request->refs != NULL)
		g_array_unref(request->refs);
	bz_secret_free(request->secret);
	bz_message_unref(request->message);
	g_free(request);
}

void bz_event_free(struct bz_event *event)
{
	if (event == NULL)
		return;
	bz_listing_free(event->listing);
	bz_message_unref(event->message);
	bz_doc_unref(event->doc);
	if (event->moved != NULL)
		g_array_unref(event->moved);
	if (event->copies != NULL)
		g_array_unref(event->copies);
	bz_usage_free(event->usage);
	bz_change_free(event->change);
	g_free(event->cert);
	g_free(event->text);
	g_free(event);
}

/* pthread primitives, so that the thread sanitizer sees them. */
struct bz_mailbag {
	pthread_mutex_t lock;
	GQueue events; /* under lock */
	int fd;        /* readable while events waits */
};

struct bz_mailbag *bz_mailbag_new(void)
{
	struct bz_mailbag *bag = g_new0(struct bz_mailbag, 1);

	pthread_mutex_init(&bag->lock, NULL);
	g_queue_init(&bag->events);
	bag->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bag;
}

void bz_mailbag_free(struct bz_mailbag *bag)
{
	struct bz_event *event;

	if (bag == NULL)
		return;
	while ((event = g_queue_pop_head(&bag->events)) != NULL)
		bz_event_free(event);
	pthread_mutex_destroy(&bag->lock);
	close(bag->fd);
	g_free(bag);
}

int bz_mailbag_fd(const struct bz_mailbag *bag)
{
	return bag->fd;
}

void bz_mailbag_post(struct bz_mailbag *bag, struct bz_event *event)
{
	pthread_mutex_lock(&bag->lock);
	g_queue_push_tail(&bag->events, event);
	(void)eventfd_write(bag->fd, 1);
	pthread_mutex_unlock(&bag->lock);
}

struct bz_event *bz_mailbag_take(struct bz_mailbag *bag)
{
	struct bz_event *event;
	eventfd_t n;

	pthread_mutex_lock(&bag->lock);
	event = g_queue_pop_head(&bag->events);
	if (g_queue_is_empty(&bag->events))
		(void)eventfd_read(bag->fd, &n);
	pthread_mutex_unlock(&bag->lock);
	return event;
}

struct bz_event *bz_mailbag_wait(struct bz_mailbag *bag, int timeout_ms)
{
	GPollFD fd = {.fd = bag->fd, .events = G_IO_IN};
	struct bz_event *event = bz_mailbag_take(bag);

	if (event == NULL && g_poll(&fd, 1, timeout_ms) > 0)
		event = bz_mailbag_take(bag);
	return event;
}
