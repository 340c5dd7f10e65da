/* Import: the messages of an mbox or a Maildir into local folders, each once. What the target has
 * already is left out, as often as it has it: so a second run adds nothing, and one that was killed
 * is gone on with. Worker threads. */
#ifndef BZ_IMPORT_H
#define BZ_IMPORT_H

#include "src/backend.h"
#include "src/deliver.h"

/* Where the messages go. */
struct bz_import_target {
	void *me;
	/* The folder of that title, made when there is none: its mbox and its wire name, both the
	 * importer's. */
	int (*folder)(void *me, const struct bz_job *job, const char *title, char **mbox,
		char **name, struct bz_err *err);
	/* A batch for the folder of that wire name, all or nothing. */
	int (*add)(void *me, const struct bz_job *job, const char *name,
		struct bz_append_item *items, size_t n, struct bz_err *err);
};

struct bz_importer;
/* path: what to read; title: of the folder that takes it (a Maildir's subfolders go below). NULL
 * and err when there is nothing to read. */
struct bz_importer *bz_importer_new(struct bz_store *store, const char *path, const char *title,
	const struct bz_import_target *target, struct bz_err *err);
void bz_importer_free(struct bz_importer **importer);

/* One piece: what 50 ms read, at most 16 MiB of it (or one larger message), is written as one
 * batch. *more = come again. At the end a note says how many came and how many were there. */
int bz_importer_step(
	struct bz_importer *importer, const struct bz_job *job, bool *more, struct bz_err *err);
/* Is this the import of that? */
bool bz_importer_is(const struct bz_importer *importer, const char *path, const char *title);

#endif
