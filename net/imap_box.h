/* The selected folder. */
#ifndef BZ_IMAP_BOX_H
#define BZ_IMAP_BOX_H

#include "net/imap_private.h"

/* A SELECT or EXAMINE on its way. Fill call, name and write, and the slots that are wanted. */
struct imap_selecting {
	struct imap_call *call;
	const char *name;
	bool write;
	void (*on_exists)(void *me, uint32_t exists); /* as soon as it is told */
	void (*on_selected)(void *me);                /* OK came, b->box is set */
	void *me;
	/* out */
	struct imap_box box;
	bool was_passing;       /* this folder was selected, and a pass under way */
	struct imap_box before; /* this folder, as it was selected; exists 0 = it was not */
	struct imap_result result;
	bool dropped; /* UIDVALIDITY changed: the store's rows went */
};
int imap_submit_select(struct imap_selecting *s);
/* After imap_run: 0, or -1 with why not. */
int imap_selected(const struct imap_selecting *s);

/* The connection's watcher: EXISTS and EXPUNGE, whatever command they come with. backend: struct
 * bz_backend *. */
void imap_note_untagged(void *backend, const struct imap_resp *r);

#endif
