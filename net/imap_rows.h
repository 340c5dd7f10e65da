/* From FETCH responses to rows in the store. */
#ifndef BZ_IMAP_ROWS_H
#define BZ_IMAP_ROWS_H

#include "net/imap_private.h"

/* What a list row needs; 36 of them are about 15 KB. */
#define IMAP_ROW_ITEMS                                                                             \
	"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS "                             \
	"(DATE FROM TO SUBJECT MESSAGE-ID CONTENT-TYPE REFERENCES IN-REPLY-TO)])"

/* Collects what the FETCH responses of a command say of the messages low to high; of others they
 * are ignored, and nothing is written until asked. */
struct imap_intake {
	struct bz_backend *b;
	bool by_uid; /* low and high are UIDs; else sequence numbers */
	uint32_t low, high;
	GArray *rows;  /* struct bz_summary, of IMAP_ROW_ITEMS */
	GArray *uids;  /* guint32: all that were told; imap_intake_sort: ascending, each once */
	GArray *flags; /* struct imap_uid_flags */
	uint32_t first, last; /* the least and greatest sequence number told */
	guint most;           /* responses that are taken */
	bool over;            /* there were more */
	struct imap_result result;
};
struct imap_uid_flags {
	uint32_t uid;
	unsigned flags;
};
void imap_intake_init(struct imap_intake *in, struct bz_backend *b);
/* Empty again, for the messages low to high. */
void imap_intake_ask(struct imap_intake *in, bool by_uid, uint32_t low, uint32_t high);
/* Until what was asked for is answered, then sorted: 0 or -1. */
int imap_intake_wait(struct imap_intake *in, const struct bz_job *job, struct bz_err *err);
/* The flags of n <= IMAP_SET_UIDS messages of the selected folder (UIDs ascending, each once):
 * asked for and waited for, as above. Of those that are gone nothing is told (RFC 3501
 * section 6.4.8). */
int imap_intake_flags(struct imap_intake *in, const struct bz_job *job, const uint32_t *uids,
	size_t n, struct bz_err *err);
void imap_intake_clear(struct imap_intake *in);
/* Handler of a FETCH; me = the intake. */
extern const struct imap_on imap_intake_on;
void imap_intake_sort(struct imap_intake *in);
/* Sorted: were all messages told from `first` to the folder's newest? */
bool imap_intake_is_top(const struct imap_intake *in);
/* Sorted: the lowest UID told, or 0. */
uint32_t imap_intake_lowest(const struct imap_intake *in);

/* Write the rows in one transaction and tell the screen. kind: how new rows stand to
 * those known. */
int imap_put_rows(struct imap_intake *in, const struct bz_job *job, enum bz_change_kind kind,
	struct bz_err *err);
/* Tell the screen that its list is to be made anew. */
int imap_tell_anew(struct bz_backend *b, const struct bz_job *job, struct bz_err *err);
/* Bring flags of known rows up to date and tell; UIDs without a row are appended to unknown. */
int imap_put_flags(
	struct imap_intake *in, const struct bz_job *job, GArray *unknown, struct bz_err *err);
/* Remove the store's rows with low <= uid <= high that the intake did not see. */
int imap_drop_gone(struct imap_intake *in, const struct bz_job *job, uint32_t low, uint32_t high,
	struct bz_err *err);
/* Remove the rows of these UIDs (guint32), where there are such, and tell. */
int imap_remove_rows(
	struct bz_backend *b, const struct bz_job *job, const GArray *uids, struct bz_err *err);
/* exists and unseen into the folder's row (unseen counted from its rows where recount); tell. */
int imap_put_counts(
	struct bz_backend *b, const struct bz_job *job, bool recount, struct bz_err *err);

#endif
