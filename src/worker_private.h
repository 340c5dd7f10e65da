/* What worker.c (queue, requests, the loop) and worker_line.c (the line to the server) share. */
#ifndef BZ_WORKER_PRIVATE_H
#define BZ_WORKER_PRIVATE_H

#include "src/bodies.h"
#include "src/worker.h"

#include <pthread.h>

/* How far texts were fetched unasked, in the folder in view: positions of rows (pos). */
struct bz_texts {
	int64_t at;        /* the next is the newest below */
	int64_t top;       /* the newest passed since it began at the top; INT64_MIN = none */
	int64_t low, high; /* between these, and at them, all were looked at; low > high: none */
	bool is_over;      /* there are no more */
	bool is_full;      /* there is no room for more */
	uint32_t failed;   /* UID: the line broke there */
	int64_t busy_until, rest_until; /* monotonic us */
};

struct bz_worker {
	/* set once, before the thread */
	int number;
	const struct bz_account *account;
	const struct bz_backend_ops *ops;
	struct bz_mailbag *bag;
	char *cache_path;
	char *state_path; /* NULL: a FILE */
	pthread_t thread;
	int wake_fd; /* eventfd: ends a watch */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	GQueue queue; /* struct bz_request *, the person's */
	uint64_t last_id;
	uint64_t running;     /* id of what was taken from the queue, 0 = background or nothing */
	bool stopped;         /* it was cancelled: so is every job of it */
	GCancellable *cancel; /* of the job that runs */
	bool quit;
	bool watching; /* the backend watches: woken by wake_fd, and not what Esc stops */

	/* the worker's thread alone */
	struct bz_store *store;
	struct bz_backend *backend;
	struct bz_report report;
	struct bz_bodies *bodies;  /* opened when first needed */
	struct bz_msgref ahead[2]; /* to be fetched before anybody asks */
	unsigned ahead_n;
	int64_t ahead_at; /* monotonic us: not before */
	struct bz_texts texts;
	char *in_view; /* folder to refresh after a reconnect */
	struct bz_window window;
	bool refresh_due; /* OPEN answered; its refresh is still to be done */
	bool looking;     /* look() has something left */
	bool more;        /* background() has something left */
	bool folders_known;
	bool is_opened;       /* somebody looks at it: a screen */
	bool is_current;      /* the last refresh of in_view worked */
	int64_t refreshed_at; /* monotonic us */
	double asleep;        /* seconds that the computer has slept since it started */
	enum bz_line_state line;
	int64_t retry_at;  /* monotonic us, 0 = none */
	int64_t check_at;  /* monotonic us: to look for new mail unasked; 0 = never */
	int64_t tidy_at;   /* monotonic us: nobody asked for anything until then; 0 = done */
	int failures;      /* in a row, for the back-off */
	char *password;    /* secret; the one to use */
	bool command_used; /* password-command ran and was not refused since */
	uint32_t pending;  /* changes that wait for the line */
	struct bz_halfway halfway; /* the job's */
	bool hurried;              /* the line was given up as too slow, and did not work since */
	const struct bz_request *current; /* handled now; NULL = none */
	int64_t change_since; /* monotonic us: a change that could be kept waits; 0 = none */
	struct bz_cert once;  /* accepted for this run */
	bool has_once;
	struct bz_found *found; /* the last SEARCH, for listings by its words */
};

/* What the server was asked to find, and said. */
struct bz_found {
	char *folder, *words;
	uint32_t uidvalidity;
	GArray *uids; /* guint32 ascending */
};

/* A listing by limit words being made. */
struct bz_sift {
	struct bz_limit *limit;
	uint32_t folder;
	uint32_t uidvalidity;
	uint32_t exists;
	GArray *ids;     /* guint32, all of the folder, newest first; NULL: not looked up yet */
	guint done;      /* of ids */
	GArray *matched; /* guint32, newest first */
	GArray *found;   /* guint32 ascending: UIDs that the server says fit; NULL = not asked */
	struct bz_search search;
	bool is_over;  /* SEARCH: the server has answered */
	int64_t began; /* monotonic us */
	int64_t took;
};

/* An event of this account; the caller fills and posts it. */
struct bz_event *bz_worker_event(const struct bz_worker *worker, enum bz_event_kind kind);

/* The one place that answers a request; takes both. event: a DONE with the results, or NULL. */
void bz_worker_complete(struct bz_worker *worker, struct bz_request *request,
	const struct bz_err *err, struct bz_event *event);
/* It goes on once what the person asked meanwhile is done; takes both. */
void bz_worker_again(struct bz_worker *worker, struct bz_request *request, struct bz_event *event);

/* --- worker_report.c: struct bz_report; me is the worker -------------------------------------- */

void bz_worker_on_folders(void *me);
void bz_worker_on_rows(void *me, struct bz_change *change);
void bz_worker_on_progress(
	void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total);
void bz_worker_on_space(void *me, uint32_t count, uint64_t bytes, uint64_t limit);
void bz_worker_on_removals(void *me, uint32_t n, uint64_t bytes);
void bz_worker_on_note(void *me, const char *text);

/* --- worker_mail.c: the worker's thread alone ------------------------------------------------- */

bool bz_worker_mail_is_supported(const struct bz_worker *worker, enum bz_request_kind kind);
bool bz_worker_mail_needs_line(const struct bz_worker *worker, enum bz_request_kind kind);
/* BZ_REQ_MOVE to BZ_REQ_AGREE. */
void bz_worker_do_mail(struct bz_worker *worker, struct bz_request *request);

/* --- worker_listing.c: the worker's thread alone ---------------------------------------------- */

/* BZ_REQ_LISTING and OPEN: answered, or by limit words begun. */
void bz_worker_do_listing(struct bz_worker *worker, struct bz_request *request);
/* BZ_REQ_WINDOW: answered. */
void bz_worker_do_window(struct bz_worker *worker, struct bz_request *request);

/* --- worker_limit.c: the worker's thread alone ------------------------------------------------ */

/* The next piece (<= 50 ms) of a listing by request->limit; answers it or comes again. */
void bz_worker_do_limit(struct bz_worker *worker, struct bz_request *request);
void bz_sift_free(struct bz_sift *sift);

/* --- worker_search.c: the worker's thread alone ----------------------------------------------- */

/* Ask the server for request->sift; false: it was answered with an error, or comes again. */
bool bz_worker_search(struct bz_worker *worker, struct bz_request *request);
/* What a SEARCH by these words said, or NULL; the caller's reference. */
GArray *bz_worker_found(const struct bz_worker *worker, const char *folder, uint32_t uidvalidity,
	const char *words);
void bz_found_free(struct bz_found *found);

/* --- worker_pending.c: the worker's thread alone -----------------------------------------------
 */

/* Once, before anything is asked for: the lists show what waits. */
void bz_worker_begin_pending(struct bz_worker *worker);
/* Is this a change that can wait for the line, which is down and not tried before its time; or one
 * that takes back what waits? */
bool bz_worker_is_to_wait(struct bz_worker *worker, const struct bz_request *request);
/* It failed for want of a line, and waits now: *err is as after a success then. moved: struct
 * bz_moved appended, NULL where none are wanted. Where nothing is known here of its messages it
 * cannot wait, and has failed. */
int bz_worker_wait_instead(struct bz_worker *worker, const struct bz_request *request,
	GArray *moved, int rc, struct bz_err *err);
/* Under lock: has a change that could be kept been waiting for the line for too long? */
bool bz_worker_change_is_urgent(struct bz_worker *worker);
/* Answer it by letting it wait (or by taking back what waits); taken then. false: nothing is known
 * here of its messages, the line alone can tell. */
bool bz_worker_do_pending(struct bz_worker *worker, struct bz_request *request);
/* On the line: make what waits. */
int bz_worker_replay(struct bz_worker *worker, const struct bz_job *job, struct bz_err *err);

/* --- worker_watch.c --------------------------------------------------------------------------- */

/* Under lock, any thread: whatever the worker waits in ends. */
void bz_worker_wake(struct bz_worker *worker);
/* The worker's thread: may the folder in view be watched until something is due? */
bool bz_worker_can_watch(const struct bz_worker *worker);
/* Watch it, at most until `when` (monotonic us, -1 = nothing is due) and for some seconds. */
void bz_worker_watch(struct bz_worker *worker, int64_t when);
/* Not longer than sleep of the computer may go unnoticed where that matters. */
int64_t bz_worker_slice(const struct bz_worker *worker, int64_t when);
/* After a sleep of the computer: a line that was up is no longer, one that waits is tried. */
void bz_worker_note_sleep(struct bz_worker *worker);

/* --- worker_bodies.c: the worker's thread alone ----------------------------------------------- */

/* Answer a FETCH from what is kept here; false: it needs the line, and is still the caller's. */
bool bz_worker_do_kept(struct bz_worker *worker, struct bz_request *request);
/* Look up which of the waiting FETCHes need no line: is_kept. */
void bz_worker_look_up_kept(struct bz_worker *worker);
/* A message came for the person: it is kept, and its neighbours are fetched in a quiet moment. */
void bz_worker_keep(struct bz_worker *worker, enum bz_fetch what, const struct bz_message *message);
/* When there is something to fetch ahead: monotonic us, 0 = now, -1 = there is not. */
int64_t bz_worker_ahead_due(const struct bz_worker *worker);
void bz_worker_ahead(struct bz_worker *worker);
/* Borrowed; opened when first needed. */
struct bz_bodies *bz_worker_bodies(struct bz_worker *worker);
void bz_worker_close_bodies(struct bz_worker *worker);
/* bz_store_on_gone's; me is the worker. */
void bz_worker_on_gone(void *me, uint32_t folder, uint32_t uid);

/* --- worker_texts.c: the worker's thread alone ------------------------------------------------ */

/* A folder is in view; same: it was before. */
void bz_worker_texts_open(struct bz_worker *worker, bool same);
/* Its rows changed. */
void bz_worker_texts_note(struct bz_worker *worker, const struct bz_change *change);
/* When there is a text to be fetched, or looked for: as bz_worker_ahead_due. */
int64_t bz_worker_texts_due(const struct bz_worker *worker);
/* Look for one, for milliseconds, and fetch it. */
void bz_worker_texts(struct bz_worker *worker);

/* --- worker_line.c: the worker's thread alone ------------------------------------------------- */

bool bz_worker_is_remote(const struct bz_worker *worker);
/* May the line not be used before the person has done something? */
bool bz_worker_line_is_blocked(const struct bz_worker *worker);
/* Tell the UI, where it changed or err says why. retry_in: seconds, 0 = none. */
void bz_worker_tell_line(struct bz_worker *worker, enum bz_line_state line,
	const struct bz_err *err, const struct bz_cert *cert, int64_t retry_in);

/* A new cancel for what starts now, and the circumstances of its call. cert may be NULL. */
void bz_worker_begin_job(struct bz_worker *worker, struct bz_job *job, struct bz_cert *cert);

/* One call of the backend; arg is the step's own. */
typedef int bz_worker_step(
	struct bz_worker *worker, const struct bz_job *job, void *arg, struct bz_err *err);
/* Run f as one job: password first, then the backend, then what the outcome means for the line. */
int bz_worker_on_line(struct bz_worker *worker, bz_worker_step *f, void *arg, struct bz_err *err);

struct bz_worker_fetch {
	const struct bz_request *request;
	struct bz_message *message; /* out */
};
/* check-every counts from now. */
void bz_worker_arm_check(struct bz_worker *worker);
bz_worker_step bz_worker_step_refresh;    /* arg: const char *, the folder's name */
bz_worker_step bz_worker_step_folders;    /* arg: NULL */
bz_worker_step bz_worker_step_fetch;      /* arg: struct bz_worker_fetch */
bz_worker_step bz_worker_step_flags;      /* arg: struct bz_request */
bz_worker_step bz_worker_step_background; /* arg: NULL */

#endif
