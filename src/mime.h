/* MIME through GMime, under limits: 32 KiB of header for addresses and encoded words, 50 levels,
 * 10,000 parts (SECURITY V41, V42). Worker threads only; never the UI thread. */
#ifndef BZ_MIME_H
#define BZ_MIME_H

#include "src/err.h"
#include "src/message.h"

/* Once, before threads. */
void bz_mime_init(void);

/* Parse a whole message (no From_ line; LF or CRLF). Never NULL: what cannot be parsed becomes one
 * text/plain part. raw is referenced by the result when keep_raw. */
struct bz_message *bz_mime_parse(GBytes *raw, bool keep_raw);

/* Parse header bytes alone (up to the empty line, or all of it) into message's header fields,
 * addresses, date... The parts stay as they are (IMAP fills them from BODYSTRUCTURE). */
void bz_mime_parse_header(struct bz_message *message, const char *bytes, size_t len);

/* A part by the values of its Content-Type and Content-Disposition (NULL = none) fields: type,
 * charset, disposition, filename, flowed, delsp. The other members are the caller's to fill. */
struct bz_part *bz_mime_part(const char *type, const char *disposition);

/* Fill a list row (date, from, to, subject, message_id, refs, BZ_FLAG_ATTACH guess from Content-Type)
 * from header bytes; 1-2 microseconds a field: finds headers itself, decodes single fields only.
 * Other members are untouched. */
void bz_mime_summarize(struct bz_summary *summary, const char *header, size_t len);

/* Undo a transfer encoding ("base64", "quoted-printable", else as is). Lenient. New GBytes. */
GBytes *bz_mime_decode(const char *encoding, const char *bytes, size_t len);

/* Text of a part as UTF-8 with LF line ends: declared charset, else UTF-8 if valid, else
 * windows-1252 (*guessed set). Bad sequences become U+FFFD. At most 10 MiB of it. Caller frees. */
char *bz_mime_text(const struct bz_part *part, bool *guessed);

/* RFC 2047 decode of one raw header value, raw 8-bit as UTF-8 else windows-1252. Caller frees. */
char *bz_mime_decode_header(const char *value, size_t len);

/* RFC 5322 date -> seconds UTC and zone in minutes; false when unreadable. Our own reader. */
bool bz_mime_parse_date(const char *value, int64_t *date, int *zone);

/* Does a From_ line (without its line end) end in a plausible date? The rule of mbox.h; the date as
 * seconds UTC, an unknown zone as UTC. */
bool bz_mime_parse_from_date(const char *line, int64_t *date);

#endif
