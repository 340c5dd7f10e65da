/* The rules of buzonrc: what becomes of new POP mail, since no server files it for us. Each message
 * is looked at once: BZ_FLAG_ARRIVED is committed with it (bz_append_item.flags) and goes when its
 * rules are done, so a crash between the two loses no message and no rule. Worker thread. */
#ifndef BZ_RULES_H
#define BZ_RULES_H

#include "src/localmail.h"

/* Has the account any? Then its downloads are stored with BZ_FLAG_ARRIVED. */
bool bz_rules_exist(const struct bz_account *account);

/* Every rule that means a message marks it; the first that names a folder moves it there from the
 * Inbox (made where there is none). Messages whose rows are not there yet wait for the next call. A
 * rule that cannot be carried out (a folder that cannot be made) leaves its messages in the Inbox,
 * is told by report->note, and is not tried again. 0, or -1: LOCAL, CANCELLED. */
int bz_rules_run(struct bz_localmail *mail, struct bz_store *store,
	const struct bz_account *account, const struct bz_job *job, struct bz_err *err);

#endif
