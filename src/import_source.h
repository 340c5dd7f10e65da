/* Mail of another program, read and never written to: an mbox, or a Maildir with its subfolders
 * (".Name", Maildir++). Worker threads. */
#ifndef BZ_IMPORT_SOURCE_H
#define BZ_IMPORT_SOURCE_H

#include "src/mbox.h"

struct bz_letter {        /* one message of it */
	char *file;       /* Maildir: below the root; NULL in an mbox */
	int64_t offset;   /* mbox: of its From_ line */
	int64_t length;   /* bytes it takes */
	int64_t received; /* INT64_MIN = unknown */
	unsigned flags;
	guint folder; /* of source->folders */
};

struct bz_import_source {
	char *path;
	int fd; /* the mbox, or the Maildir's root */
	bool maildir;
	bool listed;
	int64_t end;        /* mbox: what lies before is still to be looked at */
	int64_t bytes;      /* of all letters */
	GArray *letters;    /* struct bz_letter, by folder, oldest first, once listed */
	GPtrArray *folders; /* titles below the root's (UTF-8, '/' between levels); "" = the root */
};

/* LOCAL NOT_FOUND when path is neither. Closed in any case. */
int bz_import_source_open(struct bz_import_source *source, const char *path, struct bz_err *err);
void bz_import_source_close(struct bz_import_source *source);

/* Find the messages, until stop (asked now and then) says to come again: *more. Marks of messages
 * to be deleted are not taken over: they are mail yet. */
int bz_import_source_list(struct bz_import_source *source, GCancellable *cancel,
	bool (*stop)(void *me), void *me, bool *more, struct bz_err *err);

/* The message to a sink, whole, in pieces. -1 with err, also when the sink stopped it. STALE when
 * the mail changed since it was listed. */
int bz_import_source_give(const struct bz_import_source *source, const struct bz_letter *letter,
	bz_sink *sink, void *me, struct bz_err *err);

#endif
