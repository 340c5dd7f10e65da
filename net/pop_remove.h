/* What goes from a POP3 server at the end of a session (DESIGN section 7, steps 7 and 8): DELE for
 * what retention.h says, once the person agreed. Nothing is taken for gone because the server said
 * so: it is gone when the next listing does not have it. */
#ifndef BZ_POP_REMOVE_H
#define BZ_POP_REMOVE_H

#include "src/backend.h"

struct pop_removal; /* of one session; NULL = not begun */

/* One piece (<= 0.2 s), between the last download's being stored and QUIT; *more = come again. The
 * first one compares the whole listing with the ledger. -1: the line or the disk failed (close), or
 * HURRY (the line is as it was; come again). Copies that the server would not let go, or that do
 * not read back, stay for the next session. Uses b's conn, listing, job and removal. */
int pop_remove_piece(struct bz_backend *b, bool *more, struct bz_err *err);
/* Are answers under way? Then no other command may be written. */
bool pop_remove_is_in_flight(const struct bz_backend *b);
/* QUIT, which makes deletions final, and close. What the server kept is spoken of. */
void pop_remove_quit(struct bz_backend *b);
void pop_remove_free(struct pop_removal **removal);

#endif
