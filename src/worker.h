/* One thread an account: takes requests, runs the backend, posts events. One more thread renders.
 *
 * Every request submitted gets exactly one event of kind BZ_EVENT_DONE with its id, also when it
 * was cancelled and at shutdown; worker.c alone posts it. Requests of the person overtake
 * background work. Lost lines are retried by the worker with back-off 5, 10, 20, 40, 60 s. An
 * account with check_every is refreshed by itself that long after the last time. Where the backend
 * can watch, the folder of the last OPEN is watched while the queue is empty, and the clock looks
 * at the folders' counts alone. After a sleep of the computer a line is dialled anew at once. FLAGS
 * and MOVE of a server's account that find no line are kept (pending.h), answered as done, and made
 * on the server as soon as there is a line, before anything else. */
#ifndef BZ_WORKER_H
#define BZ_WORKER_H

#include "src/backend.h"
#include "src/render.h"

enum bz_request_kind {
	BZ_REQ_OPEN,     /* folder name + window: answers at once with the listing the store has
			    (result: listing), then goes on as REFRESH without the person waiting */
	BZ_REQ_LISTING,  /* folder name: the listing from the store, no network */
	BZ_REQ_REFRESH,  /* folder name + window: get mail / sync now; dry_run: result copies */
	BZ_REQ_FOLDERS,  /* list_folders */
	BZ_REQ_WINDOW,   /* folder in view + window: rows that the store lacks there are fetched
			    (result: listing, which shows them; NULL: not yet, the folder is still
			    to be refreshed) */
	BZ_REQ_FETCH,    /* ref + fetch: result message; from what is kept here, where it is */
	BZ_REQ_FLAGS,    /* refs + add/remove */
	BZ_REQ_TRUST,    /* cert + pin: accepted by the person; then reconnects */
	BZ_REQ_PASSWORD, /* typed by the person: used, kept for the run once it worked */
	BZ_REQ_OFFLINE,  /* on != 0: drop the line and stay off; else come back */
	BZ_REQ_SEARCH,  /* folder + limit: what a listing by it holds when the server was asked, too
			   (result: listing); listings by the same words hold it from then on */
	BZ_REQ_MOVE,    /* refs + folder (the target) + copy: result moved */
	BZ_REQ_EXPUNGE, /* refs, or folder = all of it: deleted for ever */
	BZ_REQ_FOLDER_CREATE, /* title */
	BZ_REQ_FOLDER_RENAME, /* folder + title */
	BZ_REQ_FOLDER_DELETE, /* folder */
	BZ_REQ_QUOTA,         /* folder (the one open): result usage */
	BZ_REQ_COMPACT,       /* folder, NULL = all */
	BZ_REQ_IMPORT,        /* path + title (of the folder) */
	BZ_REQ_COPIES,        /* result copies */
	BZ_REQ_AGREE,         /* on: copies may go from the server */
	BZ_REQ_RENDER         /* message + width + flags: result doc (render worker only) */
};

enum bz_threading {
	BZ_THREADS_NO,
	BZ_THREADS_IF_WHOLE, /* where all rows of the folder are known */
	BZ_THREADS_KEEP      /* they are on screen: also while some rows are still to come */
};

struct bz_request {
	enum bz_request_kind kind;
	uint64_t id;  /* set by submit */
	char *folder; /* wire name */
	/* OPEN, LISTING: only what these words mean (limit.h), NULL = all. The listing has no holes
	 * and is as of its making: what changes in the folder is asked for again. cancel, not drop,
	 * what is no longer wanted. */
	char *limit;
	struct bz_sift *sift; /* the worker's: how far it came */
	/* OPEN, LISTING of all: in threads, or newest first. order: kept for the folder (NONE: as
	 * it is). */
	enum bz_threading threads;
	enum bz_order order;
	char *title; /* UTF-8, of a folder to be */
	char *path;
	bool copy;
	struct bz_window window;
	GArray *refs; /* struct bz_msgref */
	enum bz_fetch fetch;
	bool is_kept, is_looked_up; /* FETCH; the worker's: no line is needed */
	unsigned add, remove;
	bool on;
	bool dry_run; /* REFRESH of POP: say what would come and go (bz_job.forecast) */
	bool pin;
	struct bz_cert cert;
	char *secret; /* secret.h memory */
	struct bz_message *message;
	int width;
	unsigned render_flags;
};
struct bz_request *bz_request_new(enum bz_request_kind kind);
void bz_request_free(struct bz_request *request);

enum bz_line_state {        /* of an account, always with a word on screen */
	BZ_LINE_NONE,       /* local account, or nothing tried yet */
	BZ_LINE_CONNECTING, /* since = when it began */
	BZ_LINE_ONLINE,
	BZ_LINE_OFFLINE,   /* lost: since, retry_at */
	BZ_LINE_CHOICE,    /* offline because the person said so */
	BZ_LINE_ASK_TRUST, /* waits for BZ_REQ_TRUST; cert is in the event */
	BZ_LINE_ASK_PASSWORD,
	BZ_LINE_ERROR /* will not be retried by itself; err says why */
};

enum bz_event_kind {
	BZ_EVENT_DONE,
	BZ_EVENT_LINE,
	BZ_EVENT_FOLDERS,
	BZ_EVENT_ROWS,
	BZ_EVENT_SPACE,    /* done messages, bytes on the server, of bytes_total (0 = not known) */
	BZ_EVENT_REMOVALS, /* done messages, bytes would go from the server: waits for AGREE */
	BZ_EVENT_PROGRESS, /* done and total 0: nothing is under way any longer */
	BZ_EVENT_NOTE,
	BZ_EVENT_WAITING, /* done changes wait for the line */
	BZ_EVENT_MOVED    /* moved: messages that were on their way are there (pending.h) */
};

struct bz_event {
	enum bz_event_kind kind;
	int account; /* number given to bz_worker_new */
	/* DONE */
	uint64_t request;
	enum bz_request_kind request_kind;
	struct bz_err err; /* DONE, LINE */
	struct bz_listing *listing;
	struct bz_message *message;
	struct bz_doc *doc;
	GArray *moved;  /* struct bz_moved */
	GArray *copies; /* struct bz_copy */
	/* SEARCH; LISTING and OPEN by limit words */
	bool asks_server; /* the server may know of more: SEARCH tells */
	uint32_t known;   /* messages of the folder that were looked at here */
	bool is_cut;      /* SEARCH: more fit; the listing holds the newest */
	bool is_plain;    /* SEARCH: the server compares ASCII alone; accents were left out */
	int64_t took;     /* SEARCH: us */
	struct bz_usage *usage;
	/* LINE */
	enum bz_line_state line;
	int64_t since, retry_at; /* CLOCK_REALTIME seconds; 0 = none */
	struct bz_cert *cert;    /* ASK_TRUST */
	/* ROWS */
	struct bz_change *change;
	/* PROGRESS */
	uint32_t done, total;
	uint64_t bytes, bytes_total; /* SPACE, REMOVALS: done and bytes */
	/* NOTE */
	char *text;
};
void bz_event_free(struct bz_event *event);
/* Take listing/message/doc/change/moved/copies/usage out of an event by copying the pointer and
 * setting it to NULL. */

/* The queue from all workers to one reader: pthread mutex and condition, and an eventfd to poll. */
struct bz_mailbag;
struct bz_mailbag *bz_mailbag_new(void);
void bz_mailbag_free(struct bz_mailbag *bag);
int bz_mailbag_fd(const struct bz_mailbag *bag);
/* Any thread; event is taken. */
void bz_mailbag_post(struct bz_mailbag *bag, struct bz_event *event);
/* Reader: the oldest event, or NULL when there is none. The caller frees it. */
struct bz_event *bz_mailbag_take(struct bz_mailbag *bag);
/* Reader: wait for one, timeout in ms (-1 = for ever). For the command line. */
struct bz_event *bz_mailbag_wait(struct bz_mailbag *bag, int timeout_ms);

struct bz_worker;

/* Starts the thread; opens the store at paths derived from account (paths.h): mail and state.db in
 * DATA/<dirname>/, cache.db in CACHE/<dirname>/; a FILE: CACHE/files/<hash of path>.db, no
 * state.db. account outlives the worker. NULL and err when local files cannot be had. */
struct bz_worker *bz_worker_new(int number, const struct bz_account *account,
	const struct bz_backend_ops *ops, struct bz_mailbag *bag, struct bz_err *err);
/* Cancels everything, answers every request CANCELLED, joins. < 1 s with a dead server. */
void bz_worker_destroy(struct bz_worker **worker);

/* UI thread. request is taken. Returns its id, never 0. */
uint64_t bz_worker_submit(struct bz_worker *worker, struct bz_request *request);
/* Cancel one request (0 = whatever runs or waits). */
void bz_worker_cancel(struct bz_worker *worker, uint64_t id);
/* Its answer is no longer wanted: cancelled while it waits, left alone once it runs, for stopping
 * it would cost the line. */
void bz_worker_drop(struct bz_worker *worker, uint64_t id);
/* Path of cache.db, for the UI's READER store. Borrowed. */
const char *bz_worker_cache_path(const struct bz_worker *worker);
unsigned bz_worker_caps(const struct bz_worker *worker);

/* The render worker: takes BZ_REQ_RENDER alone. A newer request for the same bag does not cancel an
 * older one; use bz_renderer_cancel. */
struct bz_renderer;
struct bz_renderer *bz_renderer_new(struct bz_mailbag *bag);
void bz_renderer_destroy(struct bz_renderer **renderer);
uint64_t bz_renderer_submit(struct bz_renderer *renderer, struct bz_request *request);
void bz_renderer_cancel(struct bz_renderer *renderer, uint64_t id);

#endif
