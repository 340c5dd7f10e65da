/* The seam between the application and the protocols.
 *
 * One ops table a protocol. Every function is called on the account's worker thread alone, one at a
 * time. A backend never asks the person: it fails with TRUST or AUTH and the worker tells the UI.
 * Strings and structs given to an op are borrowed until it returns; results are the caller's. A
 * slot that is NULL is answered UNSUPPORTED by the worker. Ops return 0, or -1 with *err set. After
 * any error but REFUSED, STALE, UNSUPPORTED and CANCELLED with LINE_KEPT the worker calls
 * disconnect before anything else. */
#ifndef BZ_BACKEND_H
#define BZ_BACKEND_H

#include "src/cert.h"
#include "src/err.h"
#include "src/limit.h"
#include "src/listing.h"
#include "src/message.h"
#include "src/settings.h"
#include "src/store.h"
#include "src/usage.h"

#include <gio/gio.h>

enum bz_cap {
	BZ_CAP_REMOTE = 1 << 0, /* has a line that can be up or down */
	BZ_CAP_LIVE = 1 << 1,   /* folders are the server's (IMAP); else downloads (POP) */
	BZ_CAP_FLAGS = 1 << 2,  /* set_flags works */
	BZ_CAP_MOVE = 1 << 3,   /* move, copy, delete for ever */
	BZ_CAP_FOLDERS = 1 << 4 /* folders can be made, renamed and deleted */
};

/* What a backend may tell while it works; the worker's, thread of the call. Arguments are borrowed
 * except where "taken" is said. */
struct bz_report {
	void *me;
	/* Folders or their counts in the store changed. */
	void (*folders)(void *me);
	/* Rows changed in the store (after the commit); change is taken. */
	void (*rows)(void *me, struct bz_change *change);
	/* Download progress; 0,0,0,0 = over. */
	void (*progress)(
		void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total);
	/* What the server holds now: messages (POP3 STAT; else 0), bytes, and how many bytes it may
	 * be (IMAP QUOTA; 0 = not said). */
	void (*space)(void *me, uint32_t count, uint64_t bytes, uint64_t limit);
	/* Copies would go from the server for the first time ever: n of them, that many bytes. They
	 * stay until the person agrees (agree below). */
	void (*removals)(void *me, uint32_t n, uint64_t bytes);
	/* A sentence for the person (translated) that is no failure of this request. */
	void (*note)(void *me, const char *text);
	/* Is a request of the person waiting? Asked between pieces of background work. */
	bool (*hurry)(void *me);
	/* Is one waiting that needs no line (another folder, a downloaded message, leaving)? Then a
	 * silent line is not waited for. */
	bool (*urgent)(void *me);
};

/* Positions from the newest (0) that are on screen: fetched before anything else. */
struct bz_window {
	uint32_t first;
	uint32_t count;
};

/* A move that was kept while the line was down, and may have been begun by a run that ended in its
 * midst. Of at most BZ_FILING_MAX messages; the refs' UIDs ascend. */
enum { BZ_FILING_MAX = 300 };
enum bz_fate {
	BZ_FATE_WAITS,   /* it is where it was */
	BZ_FATE_ARRIVED, /* it is in the target, and no longer where it was */
	BZ_FATE_GONE     /* in neither: somebody else's doing */
};
struct bz_filing {
	const struct bz_summary *const *rows; /* one a ref: what it is known by */
	bool begun;                           /* then the target had these numbers before: */
	uint32_t uidvalidity, uidnext;        /* 0 = not told */
	enum bz_fate *fates;                  /* out, also where the move fails; at first WAITS */
	/* Just before the command goes: to be kept durably. -1 with *err: it does not go. */
	int (*begin)(void *me, uint32_t uidvalidity, uint32_t uidnext, struct bz_err *err);
	void *me;
};

/* A move that failed may have been done on the server, in part or whole. */
struct bz_halfway {
	bool is;
	uint32_t uidvalidity, uidnext; /* the target's before it began: with them another job can
					* find out (bz_filing); 0 = not told */
};

/* One call's circumstances. */
struct bz_job {
	GCancellable *cancel; /* latched; ends a blocked call within 200 ms */
	const struct bz_report *report;
	const char *password;             /* to log in with: secret memory, NULL = none known */
	const struct bz_cert *trust_once; /* certificate accepted for this run, or NULL */
	struct bz_cert *cert;             /* out: filled when the error kind is TRUST */
	/* refresh: not NULL = only say what it would do; nothing changes here or on the server, and
	 * nothing is left for background. Appended: a struct bz_copy for each message that would
	 * come (BZ_COPY_NEW), stay there for its size (LEFT) or go from there (DUE). */
	GArray *forecast;
	struct bz_window window;    /* background: positions on screen, listed in any case */
	struct bz_filing *filing;   /* move: not NULL = of one that was kept */
	struct bz_halfway *halfway; /* out, zero at first; NULL = nobody keeps the move then */
};

enum { BZ_QUIET_MAX = 256 << 10 };

enum bz_fetch {
	BZ_FETCH_TEXT,  /* headers, structure, and the text that the reader shows; no attachment */
	BZ_FETCH_RAW,   /* the whole source in message->raw too */
	BZ_FETCH_AHEAD, /* as TEXT, unasked: it gives up (*out NULL) where anything is asked for */
	BZ_FETCH_QUIET, /* as AHEAD, and only where its texts are BZ_QUIET_MAX bytes at most */
	BZ_FETCH_KEPT   /* of a worker alone: as TEXT, if no line is needed for it */
};

/* Where the rows of a folder stand that is not known whole. */
struct bz_stand {
	uint32_t uid, position;
};
struct bz_layout {
	uint32_t from;   /* rows of this UID and greater ones stand side by side from the newest on;
			    0 = all rows do, and the rest says nothing */
	uint32_t exists; /* messages that positions were counted among */
	GArray *apart;   /* struct bz_stand, UIDs ascending, all below from; the caller's */
};

/* What is watched, and until when. */
struct bz_watch {
	const char *name; /* the folder's wire name */
	int wake;         /* descriptor: readable = the line is wanted for something else */
	int64_t until;    /* monotonic us */
};

/* What a server was asked to find, from piece to piece: all zero at first, then bz_search_clear. */
struct bz_search {
	GArray *uids;  /* guint32 of those that fit, as the server sees it; not sorted */
	bool is_cut;   /* more fit than are brought here: these are the newest */
	bool is_plain; /* the server knows ASCII alone: looked for without accents */
	/* the backend's own */
	bool is_begun;
	uint32_t uidvalidity;
	uint64_t ticket;  /* of the command on its way; 0 = none */
	uint32_t low;     /* sequence numbers below are still to be asked about */
	GArray *missing;  /* guint32 ascending: those of uids whose rows are to be fetched */
	uint32_t fetched; /* rows */
};
void bz_search_clear(struct bz_search *search); /* request.c */

struct bz_backend; /* each implementation's own struct */

struct bz_backend_ops {
	const char *name; /* "imap", "pop", "file" */
	unsigned caps;    /* enum bz_cap */

	/* No I/O but local files. account and store outlive the backend. NULL and err
	 * on failure. */
	struct bz_backend *(*create)(
		const struct bz_account *account, struct bz_store *store, struct bz_err *err);
	void (*destroy)(struct bz_backend **backend);

	/* Local files alone, no line: bring their rows up to date, one piece of <= 50 ms; *more =
	 * come again. Called when a folder is opened and before each refresh. */
	int (*look)(struct bz_backend *, const struct bz_job *, bool *more, struct bz_err *);

	/* Close the line; never blocks longer than 200 ms. */
	void (*disconnect)(struct bz_backend *);

	/* Bring the folder table up to date. Every op that needs the line dials and logs in by
	 * itself. */
	int (*list_folders)(struct bz_backend *, const struct bz_job *, struct bz_err *);
	/* Make the folder current: window first. name is the wire name, so that a folder not yet in
	 * the store can be opened ("INBOX"). POP: looks for and downloads new mail. May leave more
	 * for background(). */
	int (*refresh)(struct bz_backend *, const struct bz_job *, const char *name,
		struct bz_window window, struct bz_err *);
	/* Fetch the rows of this window and of what is around it, in a folder that refresh made
	 * current; nobody is told of them: see layout. */
	int (*window)(struct bz_backend *, const struct bz_job *, const char *name,
		struct bz_window window, struct bz_err *);
	/* Where the rows of that folder stand, as far as is known; no line. apart is empty. */
	void (*layout)(
		struct bz_backend *, const struct bz_folder *folder, struct bz_layout *layout);
	/* On the line as it is, with nothing else to do: bring what the server tells of the folder
	 * that refresh made current into the store as it comes. Ends within milliseconds once
	 * wake is readable (it stays so), and at `until`; *again: what came cannot be followed
	 * one by one, refresh it. */
	int (*watch)(struct bz_backend *, const struct bz_job *, const struct bz_watch *,
		bool *again, struct bz_err *);
	/* One message; *out is the caller's reference. Does not mark as read. 0 with *out NULL:
	 * something more urgent came between, come again. A message that was on the server only
	 * (BZ_UID_LEFT) is downloaded first and comes with the ref that it has then. */
	int (*fetch)(struct bz_backend *, const struct bz_job *, const struct bz_msgref *,
		enum bz_fetch, struct bz_message **out, struct bz_err *);
	/* Ask the server which messages of the folder of that wire name fit limit, by words and
	 * marks as it sees them: those that do, and perhaps more where it has no words for the
	 * limit. Rows that the store lacks are fetched, newest first. One piece; *more: come again
	 * with the same search. Cancelled while the server looks it keeps the line (LINE_KEPT). */
	int (*search)(struct bz_backend *, const struct bz_job *, const char *name,
		const struct bz_limit *limit, struct bz_search *search, bool *more,
		struct bz_err *);
	/* Add and remove flags (enum bz_flag) on n messages of one folder; the store's
	 * rows follow. */
	int (*set_flags)(struct bz_backend *, const struct bz_job *, const struct bz_msgref *refs,
		size_t n, unsigned add, unsigned remove, struct bz_err *);
	/* Which of n messages of one folder, UIDs ascending, does the server have? flags (enum
	 * bz_flag of each that is there) and there are filled. */
	int (*are_there)(struct bz_backend *, const struct bz_job *, const struct bz_msgref *refs,
		size_t n, bool *there, unsigned *flags, struct bz_err *);
	/* One piece (<= 200 ms) of what refresh left over; *more says whether to come again. */
	int (*background)(struct bz_backend *, const struct bz_job *, bool *more, struct bz_err *);

	/* Move, or with copy add, n messages of one folder to the folder of that wire name. moved
	 * (NULL allowed): a struct bz_moved for each, appended. Once each, killed at any moment. */
	int (*move)(struct bz_backend *, const struct bz_job *, const struct bz_msgref *refs,
		size_t n, const char *target, bool copy, GArray *moved, struct bz_err *);
	/* Delete n messages of one folder for ever. */
	int (*expunge)(struct bz_backend *, const struct bz_job *, const struct bz_msgref *refs,
		size_t n, struct bz_err *);
	/* title: UTF-8, '/' between levels. delete_folder takes its messages with it. */
	int (*create_folder)(
		struct bz_backend *, const struct bz_job *, const char *title, struct bz_err *);
	int (*rename_folder)(struct bz_backend *, const struct bz_job *, const char *name,
		const char *title, struct bz_err *);
	int (*delete_folder)(
		struct bz_backend *, const struct bz_job *, const char *name, struct bz_err *);

	/* What the server's space is taken up by, with the largest messages known of the folder of
	 * that wire name, into an empty usage. */
	int (*quota)(struct bz_backend *, const struct bz_job *, const char *folder,
		struct bz_usage *usage, struct bz_err *);

	/* Local mail alone. One piece each, as look; progress is told.
	 * compact: give back the space of what was removed in a folder (NULL = all). */
	int (*compact)(struct bz_backend *, const struct bz_job *, const char *name, bool *more,
		struct bz_err *);
	/* Unasked, once nothing was asked for tidy_after ms: one piece of what is worth it. */
	int (*tidy)(struct bz_backend *, const struct bz_job *, bool *more, struct bz_err *);
	unsigned tidy_after;
	/* The messages of an mbox or Maildir at path, once each, into the folder of that title. */
	int (*import)(struct bz_backend *, const struct bz_job *, const char *path,
		const char *title, bool *more, struct bz_err *);
	/* What the server has: struct bz_copy appended, newest first; no line. */
	int (*copies)(struct bz_backend *, const struct bz_job *, GArray *copies, struct bz_err *);
	/* The person's answer to report->removals, kept. */
	int (*agree)(struct bz_backend *, const struct bz_job *, bool yes, struct bz_err *);
};

#endif
