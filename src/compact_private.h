/* What compact.c (the steps) and compact_copy.c (the new file's bytes) share. */
#ifndef BZ_COMPACT_PRIVATE_H
#define BZ_COMPACT_PRIVATE_H

#include "src/boxmap.h"
#include "src/compact.h"

enum { BZ_COMPACT_PIECE = 1 << 20 };
enum bz_compact_stage { BZ_COMPACT_BEGIN, BZ_COMPACT_READ, BZ_COMPACT_COPY };

struct bz_compactor {
	struct bz_store *store;
	char *path, *temp;
	uint32_t folder;
	char *name;
	enum bz_compact_stage stage;
	struct bz_boxmap map;
	bool settled;     /* the file was old enough for its stamp to tell any change since */
	uint8_t rows[32]; /* of state.db, as they were matched */
	int64_t dead;     /* bytes */
	/* the new file */
	int out;
	int64_t written;
	guint next;    /* item to copy */
	int64_t at;    /* bytes of it that are copied */
	int64_t start; /* where it begins in the new file */
	char *piece;
	GArray *places;  /* struct bz_place of the live messages */
	GArray *slotted; /* struct bz_local: got Status lines */
	int64_t told;    /* monotonic us: the progress */
	/* this step */
	const struct bz_job *job;
	int fd;
	int64_t until;
};

/* Whether to let go of the locks (a struct bz_compactor). */
bool bz_compact_is_time_up(void *me);
int bz_compact_is_cancelled(const struct bz_compactor *compactor, struct bz_err *err);
/* LOCAL for errno: -1. */
int bz_compact_io_error(const char *path, struct bz_err *err);
bool bz_compact_is_dead(const struct bz_boxmap_item *item);
const struct bz_boxmap_item *bz_compact_item(const struct bz_compactor *compactor, guint i);
/* Progress: bytes of twice the file's size. */
void bz_compact_tell(struct bz_compactor *compactor, int64_t bytes);

/* compact_copy.c: copy live messages until the time is up: *more. */
int bz_compact_copy(struct bz_compactor *compactor, bool *more, struct bz_err *err);

#endif
