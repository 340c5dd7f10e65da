/* JSON lines for scripts (json-glib). */
#ifndef BZ_JSON_H
#define BZ_JSON_H

#include "src/message.h"

/* One object, no line end: ref, uid, date, from, to, subject, flags, size, message_id. Valid UTF-8
 * whatever the mail holds. Caller frees. */
char *bz_json_summary(const struct bz_summary *summary, const char *ref);
/* One copy on a POP3 server: uid, size, stored, fate, until, from, subject. */
char *bz_json_copy(const struct bz_copy *copy);
/* subject, from, to, cc, date, message_id, parts, text (raw: NULL, or the source for --raw). */
char *bz_json_message(const struct bz_message *message, const char *text);

#endif
