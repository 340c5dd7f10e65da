/* One IMAP response at a time, as libetpan's parser or a few lines of ours understand it
 * (RFC 3501 section 7; DESIGN section 6). Nothing here reads a socket. */
#ifndef BZ_IMAP_PARSE_H
#define BZ_IMAP_PARSE_H

#include "src/message.h"

#include <libetpan/libetpan.h>

enum imap_kind {
	IMAP_SKIP,  /* neither libetpan nor we know it: no error */
	IMAP_STATE, /* untagged OK NO BAD BYE PREAUTH */
	IMAP_TAGGED,
	IMAP_CONTINUE, /* + */
	IMAP_CAPABILITY,
	IMAP_EXISTS,
	IMAP_EXPUNGE,
	IMAP_FETCH,
	IMAP_LIST,
	IMAP_STATUS,
	IMAP_QUOTA,
	IMAP_ENABLED,       /* RFC 5161 */
	IMAP_VANISHED_UIDS, /* RFC 7162 */
	IMAP_SEARCH         /* SEARCH, and ESEARCH with UIDs */
};

/* Space in bytes; limit 0 = nothing is said of space, or of messages. */
struct imap_quota {
	uint64_t used, limit;
	uint64_t messages, messages_limit;
};

/* Valid until the next response is parsed. Strings are never NULL, not cleaned. */
struct imap_resp {
	enum imap_kind kind;
	uint32_t number; /* EXISTS, EXPUNGE, FETCH */
	char *tag;       /* TAGGED */
	char *word;      /* STATE, TAGGED: "OK", "NO", "BAD", "BYE", "PREAUTH" */
	char *code;      /* STATE, TAGGED: what stood in [], or "" */
	char *text;      /* STATE, TAGGED: for people; CAPABILITY, ENABLED: the words; STATUS: the
			    folder; QUOTA: the root; VANISHED: the set; SEARCH: the numbers,
			    ESEARCH: their set */
	uint64_t size;   /* STATUS: SIZE (RFC 8438) in bytes, where has_size */
	bool has_size;
	bool earlier; /* VANISHED: before the command that asks */
	const struct mailimap_msg_att *fetch;
	const struct mailimap_mailbox_list *list;
	const struct mailimap_mailbox_data_status *status;
	struct imap_quota quota;
};

struct imap_parser;
struct imap_parser *imap_parser_new(void);
void imap_parser_free(struct imap_parser *parser);
/* response: whole, as the guard gives it. */
const struct imap_resp *imap_parse(struct imap_parser *parser, const char *response, size_t len);

/* The string or atom at `at`, whole: what it says, the caller's. */
char *imap_unquote(const char *at, const char *end);
/* Behind the string or atom at `at`; NULL where it has no end. */
const char *imap_skip_string(const char *at, const char *end);

/* imap_ext.c, what libetpan does not know. QUOTA (RFC 9208 section 5.1): what stands behind that
 * word; false = it cannot be understood. */
bool imap_quota(const char *at, const char *end, struct imap_quota *quota);
/* SIZE (RFC 8438) in what stands behind the word STATUS, and where: from..to may be left out; false
 * = it says none. */
bool imap_status_size(
	const char *at, const char *end, uint64_t *size, const char **from, const char **to);
/* The fuller of both by its space stays in *fullest. */
void imap_quota_keep_fullest(struct imap_quota *fullest, const struct imap_quota *quota);
/* VANISHED (RFC 7162 section 3.2.10): the set that stands behind that word, unread; the
 * caller's. */
char *imap_vanished(const char *at, const char *end, bool *earlier);
/* The mod-sequence behind WORD in a response code, or 0: none, or not of 63 bits (RFC 7162
 * section 7). */
uint64_t imap_modseq(const char *code, const char *word);

/* ESEARCH (RFC 4731 section 3.1), what stands behind that word: the set of ALL, "" where none is
 * told, the caller's; NULL: it is not of UIDs, or cannot be understood. */
char *imap_esearch(const char *at, const char *end);

/* The number after WORD in a response code ("UIDVALIDITY 7"), or 0. */
uint64_t imap_code_number(const char *code, const char *word);

/* What a FETCH says of a message, for its row; uid 0 = it said no UID. */
struct imap_item {
	uint32_t uid;
	bool has_flags, has_size;
	unsigned flags; /* enum bz_flag */
	uint32_t size;
	int64_t received; /* INT64_MIN = not said */
	const struct mailimap_body *structure;
};
void imap_item(const struct mailimap_msg_att *att, struct imap_item *item);

/* One number of a STATUS (MAILIMAP_STATUS_ATT_...); where it was not told *value stays. */
void imap_status(const struct mailimap_mailbox_data_status *status, int att, uint32_t *value);

/* The bytes of section NAME ("1.2", "HEADER", "" = all; "HEADER.FIELDS" whatever the fields), whole
 * or a piece of it, or NULL. Borrowed. */
const char *imap_section(const struct mailimap_msg_att *att, const char *name, size_t *len);

/* BODYSTRUCTURE into message->parts, classified; false when it is too deep or odd to be of use. */
bool imap_structure(const struct mailimap_body *body, struct bz_message *message);

#endif
