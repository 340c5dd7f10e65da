/* One message opened for reading: headers, parts and the text of those that were fetched.
 * Immutable after building and reference-counted: may be read from any thread. */
#ifndef BZ_MESSAGE_H
#define BZ_MESSAGE_H

#include "src/model.h"

#include <glib.h>

enum bz_part_flag {
	BZ_PART_ATTACHMENT = 1 << 0, /* listed as an attachment */
	BZ_PART_TEXT = 1 << 1,       /* what the reader shows comes from here */
	BZ_PART_CONTAINER = 1 << 2,  /* message/rfc822; multiparts are not listed */
	BZ_PART_NESTED = 1 << 3      /* inside a message/rfc822 */
};

/* A leaf or container in reading order. path as IMAP numbers sections ("1", "2.1"). Strings are
 * UTF-8, decoded, never NULL ("" = absent), not cleaned. */
struct bz_part {
	char *path;
	char *type;        /* lower case "text/plain" */
	char *charset;     /* as declared, "" = none */
	char *disposition; /* "inline", "attachment" or "" */
	char *filename;    /* RFC 2231/2047 decoded; not safe as a path */
	char *title;       /* subject of a message/rfc822, or NULL */
	char *content_id;
	char *encoding; /* transfer encoding, lower case */
	bool flowed;    /* text/plain; format=flowed */
	bool delsp;
	uint16_t
		alternative; /* number of the innermost multipart/alternative around it, 0 = none */
	uint64_t size;   /* bytes: of the decoded content if we have it, else as the server says */
	unsigned flags;  /* enum bz_part_flag */
	GBytes *content; /* transfer encoding undone, charset untouched; NULL = not fetched */
};
void bz_part_free(void *part);

struct bz_header {
	char *name;
	char *value; /* unfolded, RFC 2047 decoded UTF-8; not cleaned */
};

struct bz_address {
	char *name; /* "" = none */
	char *addr; /* never decoded by RFC 2047 */
};
void bz_address_free(void *address);

struct bz_message {
	struct bz_msgref ref;
	GPtrArray *headers; /* struct bz_header *, in order */
	GPtrArray *from;    /* struct bz_address *, groups flattened; likewise below */
	GPtrArray *to;
	GPtrArray *cc;
	GPtrArray *reply_to;
	char *subject;
	char *message_id; /* without <>, "" = none */
	int64_t date;     /* seconds UTC, INT64_MIN = none */
	int date_zone;    /* minutes east of UTC */
	GPtrArray *parts; /* struct bz_part * */
	char *limit;      /* NULL, or a sentence: which bound cut the parsing short */
	/* POP: when the server's copy goes, seconds UTC; 0 = it has none, INT64_MAX = no time is set,
	 * INT64_MIN = unknown or not POP. If it has one: what becomes of it. */
	int64_t server_until;
	enum bz_copy_fate server_fate;
	GBytes *raw; /* the whole source, or NULL when it was not asked for */
	/* private */
	_Atomic int refs;
};

struct bz_message *bz_message_new(void);
struct bz_message *bz_message_ref(struct bz_message *message);
void bz_message_unref(struct bz_message *message);

/* Which parts the reader shows and which count as attachments: sets BZ_PART_TEXT and
 * BZ_PART_ATTACHMENT on every part by the rules of UX section 14 (plain preferred unless a stub).
 * Called by bz_mime_parse; IMAP calls it after BODYSTRUCTURE to know what to fetch. */
void bz_message_classify(struct bz_message *message);

#endif
