/* What the files of the IMAP backend share. */
#ifndef BZ_IMAP_PRIVATE_H
#define BZ_IMAP_PRIVATE_H

#include "net/imap_conn.h"
#include "src/backend.h"

/* For a command that answers shortly, and for one piece of a transfer. */
#define IMAP_SECONDS 60.0
#define IMAP_STALL_SECONDS 30.0 /* without a byte */

enum {
	IMAP_BATCH = 500, /* messages of one background FETCH */
	IMAP_PASSES = 4,  /* over one folder in a row, where it does not stop changing */
	IMAP_AHEAD = 200  /* arrivals that a FETCH written ahead still covers */
};

/* How a command ended, kept by on_end. */
struct imap_result {
	enum imap_end end;
	char code[80];
	char text[240];
};

/* The folder that is selected, and how far its rows were brought up to date in this pass. Sequence
 * numbers count from the oldest. */
struct imap_box {
	char *name;      /* NULL = none */
	bool writable;   /* SELECT, not EXAMINE */
	uint32_t folder; /* the store's id */
	uint32_t exists, uidvalidity, uidnext;
	uint64_t modseq;
	uint32_t next;    /* sequence numbers above it were looked at in this pass; 0 = all were */
	uint32_t low_uid; /* the lowest UID seen in this pass; 0 = none yet */
	bool passing;     /* a pass is under way, or changes are asked for */
	bool known_below; /* the store has rows older than low_uid: flags first, then what is
			     missing */
	uint32_t known_n; /* so many, as of the last look */
	bool is_cut;      /* the pass ended at next and low_uid: what is older is not listed */
	bool moved;       /* arrivals or removals since: pass again */
	unsigned passes;  /* begun since the last refresh */
};

/* What the server tells of the selected folder unasked (imap_live.c). */
struct imap_live {
	GArray *uids;      /* guint32 by sequence number - 1, 0 = not known; NULL: not followed */
	GArray *flags;     /* struct imap_uid_flags, told while nothing else was going on */
	GArray *doubted;   /* the same, told beside a command of ours: either may be the older */
	GArray *gone;      /* guint32 UIDs */
	uint32_t next_uid; /* of the next arrival, at least */
	bool is_quiet;     /* no command of ours is under way but IDLE or NOOP */
	bool arrived;      /* messages that have no row yet */
	bool is_part;      /* the first of uids have no rows, and are not to get any */
	bool look;         /* marks changed of which it is not known whose */
	bool is_odd;       /* the store does not hold what the server says: no following */
	bool lost;         /* something changed that cannot be followed */
	bool renumbered;   /* UIDVALIDITY changed */
	/* imap_watch.c */
	bool no_idle;      /* refused, or ended by the server itself */
	double poll_at;    /* bz_now scale: NOOP; 0 = not set */
	double inbox_seen; /* bz_now scale: the last STATUS of the Inbox */
	bool inbox_due;    /* something came since the last */
	bool inbox_told;   /* the server said that something changed there */
	bool notify_asked; /* NOTIFY (RFC 5465), once a connection */
	bool notifies;     /* agreed to, and not given up since */
	struct imap_result idle;
};

/* Changes of the selected folder being asked for (imap_changes.c). */
struct imap_changes {
	uint64_t since;  /* the store has everything up to this mod-sequence; 0 = not asked for */
	GArray *bounds;  /* guint32: where pieces but the oldest begin, descending; NULL: not begun
			  */
	guint piece;     /* of the next command */
	uint32_t high;   /* UIDs above it were asked about; 0 = all were */
	GArray *missing; /* guint32: UIDs told that have no row yet */
	bool checking;   /* which are there, not what changed */
};

/* What is known of a folder that is not known whole (imap_sparse.c). */
struct imap_sparse {
	uint32_t folder; /* the store's id */
	uint32_t uidvalidity, uidnext, exists;
	uint32_t from;  /* rows of this UID and greater ones stand side by side from the newest on;
			   0 = nothing here is known */
	GArray *places; /* of rows below: their numbers, UIDs ascending */
	uint32_t doubted; /* places of lower UIDs have guessed numbers */
	GArray *gone;     /* guint32 UIDs: removed by others, their rows still there */
	bool is_shifted;  /* places moved, or some are new, since a list was made of them */
};

struct bz_backend {
	const struct bz_account *account;
	struct bz_store *store;
	struct bz_stream *stream;
	struct imap_conn *conn; /* NULL = no line */
	bool caps_asked;        /* logged in, by CAPABILITY */
	bool qresync;           /* enabled: VANISHED comes in place of EXPUNGE */
	bool compress_asked;    /* on this line */
	bool no_compress;       /* the server's failed on an earlier line */
	struct imap_box box;
	struct imap_changes changes;
	struct imap_live live;
	struct imap_sparse sparse;
	struct imap_finding *finding; /* imap_search.c: asked, and perhaps not answered */
	uint64_t last_finding;
};

/* What handlers of one call share: its job, and the first thing that went wrong in the store. */
struct imap_call {
	struct bz_backend *b;
	const struct bz_job *job;
	struct bz_err *err;
	int rc; /* -1: err is set */
};

void imap_on_end(void *result, enum imap_end end, const char *code, const char *text);
/* Result -> error: 0 for OK, and where some of the messages are gone (RFC 5530 EXPUNGEISSUED); else
 * REFUSED with what failed (a translated sentence) and their words. */
int imap_check(const struct imap_result *result, struct bz_err *err, const char *sentence);

/* imap_login.c: a line, logged in; submits LOGIN without waiting where that is safe, so that what
 * the caller submits next travels with it. *login tells how it ended once imap_run returned. */
int imap_open(struct bz_backend *b, const struct bz_job *job, struct imap_result *login,
	struct bz_err *err);
/* Ask what the server can, where not all of that (enum imap_cap) is known, once a session: some
 * tell less before the login, and nothing after it by themselves. */
int imap_know_caps(struct imap_call *call, unsigned wanted);
/* imap_run under the limits of one command; a refused login comes first, as AUTH. */
int imap_go(struct bz_backend *b, const struct bz_job *job, const struct imap_result *login,
	struct bz_err *err);
void imap_disconnect(struct bz_backend *b);
/* imap_compress.c: compressed from here on, where the server offers it; asked once a line. A turn:
 * behind the rows that the person waits for. -1: the line is of no use. */
int imap_compress_once(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);
/* imap_search.c: the line is gone, and with it what was asked. */
void imap_search_forget(struct bz_backend *b);
/* Was one given up that the server has not answered yet? */
bool imap_search_is_open(const struct bz_backend *b);

/* imap_box.c: select name (EXAMINE, or SELECT to write) if it is not, and nothing else. */
int imap_select(struct bz_backend *b, const struct bz_job *job, const char *name, bool write,
	struct bz_err *err);

/* imap_message.c: select a message's folder; its validity must be the one that the reference was
 * made under, else STALE. */
int imap_enter(struct bz_backend *b, const struct bz_job *job, const struct bz_msgref *ref,
	bool write, struct bz_err *err);

/* imap_manage.c: a REFUSED (STALE: the folder is not there) for what was not OK, in words of its
 * code or with that sentence (translated). -1. */
int imap_refused(const struct imap_result *result, struct bz_err *err, const char *sentence);
/* The account's folder of that role, Trash or Archive, into *out (bz_folder_clear): made if there
 * is none. */
int imap_need_role(struct bz_backend *b, const struct bz_job *job, enum bz_folder_role role,
	struct bz_folder *out, struct bz_err *err);
/* One that the server does not have any longer is made again, under its name. */
int imap_make_again(struct bz_backend *b, const struct bz_job *job, const struct bz_folder *folder,
	struct bz_err *err);

/* imap_sync.c, imap_search.c, imap_folders.c, imap_message.c, imap_are_there.c, imap_move.c,
 * imap_manage.c: the ops. */
int imap_refresh(struct bz_backend *, const struct bz_job *, const char *name, struct bz_window,
	struct bz_err *);
int imap_watch(struct bz_backend *, const struct bz_job *, const struct bz_watch *, bool *again,
	struct bz_err *);
int imap_background(struct bz_backend *, const struct bz_job *, bool *more, struct bz_err *);
int imap_list_folders(struct bz_backend *, const struct bz_job *, struct bz_err *);
int imap_fetch(struct bz_backend *, const struct bz_job *, const struct bz_msgref *, enum bz_fetch,
	struct bz_message **, struct bz_err *);
int imap_search(struct bz_backend *, const struct bz_job *, const char *name,
	const struct bz_limit *, struct bz_search *, bool *more, struct bz_err *);
int imap_set_flags(struct bz_backend *, const struct bz_job *, const struct bz_msgref *, size_t n,
	unsigned add, unsigned remove, struct bz_err *);
int imap_are_there(struct bz_backend *, const struct bz_job *, const struct bz_msgref *, size_t n,
	bool *there, unsigned *flags, struct bz_err *);
int imap_move(struct bz_backend *, const struct bz_job *, const struct bz_msgref *, size_t n,
	const char *target, bool copy, GArray *moved, struct bz_err *);
int imap_expunge(struct bz_backend *, const struct bz_job *, const struct bz_msgref *, size_t n,
	struct bz_err *);
/* imap_quota.c */
int imap_quota_usage(struct bz_backend *, const struct bz_job *, const char *folder,
	struct bz_usage *, struct bz_err *);
int imap_create_folder(
	struct bz_backend *, const struct bz_job *, const char *title, struct bz_err *);
int imap_rename_folder(struct bz_backend *, const struct bz_job *, const char *name,
	const char *title, struct bz_err *);
int imap_delete_folder(
	struct bz_backend *, const struct bz_job *, const char *name, struct bz_err *);

#endif
