/* The thread that turns messages into lines: parsing hostile text never holds up a screen or a
 * line. */
#include "src/lang.h"
#include "src/worker.h"

#include <pthread.h>

struct bz_renderer {
	struct bz_mailbag *bag; /* set once */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	GQueue queue; /* struct bz_request * */
	uint64_t last_id;
	bool quit;
};

static void answer(struct bz_renderer *r, struct bz_request *request, struct bz_doc *doc)
{
	struct bz_event *event = g_new0(struct bz_event, 1);

	event->kind = BZ_EVENT_DONE;
	event->account = -1;
	event->request = request->id;
	event->request_kind = request->kind;
	event->doc = doc;
	if (doc == NULL)
		bz_err_set(&event->err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	bz_mailbag_post(r->bag, event);
	bz_request_free(request);
}

static void *run(void *me)
{
	struct bz_renderer *r = me;

	for (;;) {
		struct bz_request *request;
		bool quit;

		pthread_mutex_lock(&r->lock);
		while (g_queue_is_empty(&r->queue) && !r->quit)
			pthread_cond_wait(&r->wake, &r->lock);
		request = g_queue_pop_head(&r->queue);
		quit = r->quit;
		pthread_mutex_unlock(&r->lock);
		if (request == NULL)
			return NULL;
		answer(r, request,
			quit ? NULL
			     : bz_render(request->message, request->width, request->render_flags,
				       g_get_real_time() / G_USEC_PER_SEC));
	}
}

struct bz_renderer *bz_renderer_new(struct bz_mailbag *bag)
{
	struct bz_renderer *r = g_new0(struct bz_renderer, 1);

	r->bag = bag;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	g_queue_init(&r->queue);
	pthread_create(&r->thread, NULL, run, r);
	return r;
}

void bz_renderer_destroy(struct bz_renderer **renderer)
{
	struct bz_renderer *r = *renderer;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	g_free(r);
	*renderer = NULL;
}

/* Ids share no counter with the workers': the reader tells them apart by the event's
 * account, -1. */
uint64_t bz_renderer_submit(struct bz_renderer *r, struct bz_request *request)
{
	uint64_t id;

	pthread_mutex_lock(&r->lock);
	id = request->id = ++r->last_id;
	g_queue_push_tail(&r->queue, request);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return id;
}

void bz_renderer_cancel(struct bz_renderer *r, uint64_t id)
{
	struct bz_request *request = NULL;

	pthread_mutex_lock(&r->lock);
	for (GList *l = r->queue.head; l != NULL && request == NULL; l = l->next)
		if (((struct bz_request *)l->data)->id == id) {
			request = l->data;
			g_queue_delete_link(&r->queue, l);
			break;
		}
	pthread_mutex_unlock(&r->lock);
	if (request != NULL)
		answer(r, request, NULL);
}
