/* The nouns that every layer shares: folders, message rows, flags, references. */
#ifndef BZ_MODEL_H
#define BZ_MODEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum bz_flag {
	BZ_FLAG_SEEN = 1 << 0,
	BZ_FLAG_ANSWERED = 1 << 1,
	BZ_FLAG_FLAGGED = 1 << 2,
	BZ_FLAG_DELETED = 1 << 3,
	BZ_FLAG_DRAFT = 1 << 4,
	BZ_FLAG_FORWARDED = 1 << 5,
	/* facts about the message, never sent to a server */
	BZ_FLAG_ATTACH = 1 << 8,     /* has an attachment worth an @ */
	BZ_FLAG_INCOMPLETE = 1 << 9, /* a fragment kept after a crash */
	BZ_FLAG_LEFT = 1 << 10,      /* POP: on the server only; opening it downloads it */
	BZ_FLAG_ARRIVED = 1 << 11,   /* POP, state.db alone: the rules have not seen it yet */
	BZ_FLAGS_REMOTE = 0xff,
	/* those for which an mbox has a letter */
	BZ_FLAGS_IN_FILE =
		BZ_FLAG_SEEN | BZ_FLAG_ANSWERED | BZ_FLAG_FLAGGED | BZ_FLAG_DELETED | BZ_FLAG_DRAFT
};

/* How the list of a folder is shown. */
enum bz_order {
	BZ_ORDER_NONE, /* as the settings say */
	BZ_ORDER_THREADS,
	BZ_ORDER_ARRIVAL /* newest first, one row a message */
};

enum bz_folder_role {
	BZ_ROLE_NONE = 0,
	BZ_ROLE_INBOX,
	BZ_ROLE_SENT,
	BZ_ROLE_DRAFTS,
	BZ_ROLE_TRASH,
	BZ_ROLE_ARCHIVE,
	BZ_ROLE_JUNK,
	BZ_ROLES
};

/* One folder as the store knows it. Strings are owned by the struct. */
struct bz_folder {
	uint32_t id;    /* store's id, > 0, stable while cache.db lives */
	char *name;     /* on the wire (IMAP: modified UTF-7 as sent) or local; unique */
	char *title;    /* UTF-8 for people, hierarchy with '/' ; not cleaned */
	char delimiter; /* 0 = none */
	enum bz_folder_role role;
	bool selectable;
	uint32_t uidvalidity; /* 0 = not known yet */
	uint32_t uidnext;     /* 0 = not known yet */
	uint32_t exists;      /* messages in the folder, known as rows or not */
	uint32_t unseen;
	enum bz_order order; /* the person's word; bz_store_folder_order alone changes it */
};
void bz_folder_clear(struct bz_folder *folder);
/* GDestroyNotify for GPtrArray of heap folders. */
void bz_folder_free(void *folder);

/* Names one message for a request; folder and validity make a late answer recognisable. */
struct bz_msgref {
	uint32_t folder; /* bz_folder.id */
	uint32_t uidvalidity;
	uint32_t uid;
};

/* One message row: what a list shows. Strings are decoded UTF-8 (never NULL after a read from the
 * store; "" = absent), owned by the struct, NOT cleaned for the screen (text.h does that). */
struct bz_summary {
	uint32_t row; /* store's row id, > 0, never reused */
	uint32_t folder;
	uint32_t uid;
	int64_t pos;      /* order of arrival in the folder: IMAP uid, mbox byte offset */
	int64_t date;     /* Date: as seconds UTC; INT64_MIN = none or unreadable */
	int date_zone;    /* minutes east of UTC as the sender wrote it */
	int64_t received; /* INTERNALDATE or From_ line, seconds UTC; INT64_MIN = unknown */
	uint64_t size;    /* bytes */
	unsigned flags;   /* enum bz_flag */
	char *from_name;
	char *from_addr;
	char *to; /* first recipient, for Sent and Drafts: name, else address */
	char *subject;
	char *message_id; /* without <> */
	/* Ids of what it answers, the nearest first, a blank between them, at most BZ_THREAD_REFS.
	 * The store keeps their hashes and does not read them back: NULL. */
	char *refs;
	/* local mail only; hints, verified before use */
	int64_t offset;     /* of the From_ line in the mbox */
	int64_t length;     /* From_ line and separating empty line included */
	uint8_t digest[32]; /* identity (DESIGN section 7); all zero = not computed */
};
/* Frees the strings, zeroes the struct. */
void bz_summary_clear(struct bz_summary *summary);

/* A message that has another place now: what undo needs. */
struct bz_moved {
	struct bz_msgref from, to;
};

/* One message on a POP3 server, as of the last listing. */
enum bz_copy_fate {
	BZ_COPY_STAYS,         /* leave-on-server = forever */
	BZ_COPY_GOES,          /* at .until */
	BZ_COPY_UNTIL_DELETED, /* once it is deleted here for ever */
	BZ_COPY_DUE,           /* at the next session; or waits for the person's agreement */
	BZ_COPY_LEFT,          /* not downloaded: larger than max-size */
	BZ_COPY_NEW            /* not downloaded yet */
};
struct bz_copy {
	uint32_t uid; /* local; 0 = none */
	uint64_t size;
	int64_t stored; /* seconds UTC; 0 = not stored */
	int64_t until;  /* seconds UTC; BZ_COPY_GOES */
	enum bz_copy_fate fate;
	char *from, *subject; /* "" = unknown; not cleaned */
};
void bz_copy_clear(void *copy); /* GArray clear function */
/* An array of them that clears what it drops. */
GArray *bz_copies_new(void);

/* Of uint32_t, ascending: for qsort, bsearch and g_array_sort. */
int bz_uid_compare(const void *a, const void *b);
/* uids: guint32, ascending; none is allowed. */
bool bz_uid_is_in(const GArray *uids, uint32_t uid);

#endif
