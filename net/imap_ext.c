/* Responses of extensions that libetpan does not know, or reads wrongly. */
#include "net/imap_parse.h"

#include <string.h>

enum { DIGITS_MAX = 15, UNIT = 1024 };

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

/* Behind a number and the blanks that follow; NULL where there is none that may be one. */
static const char *take_number(const char *at, const char *end, uint64_t *number)
{
	const char *from = at;

	for (*number = 0; at < end && g_ascii_isdigit(*at); at++) {
		if (at - from == DIGITS_MAX)
			return NULL;
		*number = *number * 10 + (uint64_t)(*at - '0');
	}
	return at > from ? skip_blanks(at, end) : NULL;
}

/* Behind a word that is that one, and its blanks if there are any; else NULL. */
static const char *take_word(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) > n && g_ascii_strncasecmp(at, word, n) == 0 &&
			       (at[n] == ' ' || at[n] == '\r')
		       ? skip_blanks(at + n, end)
		       : NULL;
}

/* One resource: a name, what is used, the limit. Those of space, in units of 1,024 bytes, and of
 * messages count. */
static const char *take_resource(const char *at, const char *end, struct imap_quota *quota)
{
	const char *storage = take_word(at, end, "STORAGE");
	const char *messages = take_word(at, end, "MESSAGE");
	uint64_t used, limit;

	at = storage != NULL ? storage : messages != NULL ? messages : imap_skip_string(at, end);
	at = at != NULL ? take_number(skip_blanks(at, end), end, &used) : NULL;
	at = at != NULL ? take_number(at, end, &limit) : NULL;
	if (at != NULL && storage != NULL) {
		quota->used = used * UNIT;
		quota->limit = limit * UNIT;
	} else if (at != NULL && messages != NULL) {
		quota->messages = used;
		quota->messages_limit = limit;
	}
	return at;
}

bool imap_quota(const char *at, const char *end, struct imap_quota *quota)
{
	*quota = (struct imap_quota){0};
	at = imap_skip_string(at, end); /* the root's name */
	at = at != NULL ? skip_blanks(at, end) : NULL;
	if (at == NULL || at >= end || *at != '(')
		return false;
	at = skip_blanks(at + 1, end);
	while (at != NULL && at < end && *at != ')')
		at = take_resource(at, end, quota);
	return at != NULL && at < end;
}

static double fullness(const struct imap_quota *q)
{
	return q->limit > 0 ? (double)q->used / (double)q->limit : -1;
}

void imap_quota_keep_fullest(struct imap_quota *fullest, const struct imap_quota *quota)
{
	if (fullness(quota) > fullness(fullest))
		*fullest = *quota;
}

/* Where it is the last, the blank in front of it goes with it. */
static const char *size_begins(const char *word, const char *behind)
{
	return *behind == ')' && word[-1] == ' ' ? word - 1 : word;
}

bool imap_status_size(
	const char *at, const char *end, uint64_t *size, const char **from, const char **to)
{
	const char *behind;
	uint64_t other;

	at = imap_skip_string(at, end); /* the folder's name */
	at = at != NULL ? skip_blanks(at, end) : NULL;
	if (at == NULL || at >= end || *at != '(')
		return false;
	for (at = skip_blanks(at + 1, end); at < end && *at != ')'; at = behind) {
		const char *is_size = take_word(at, end, "SIZE");
		const char *value = is_size != NULL ? is_size : imap_skip_string(at, end);

		behind = value != NULL ? take_number(skip_blanks(value, end), end, &other) : NULL;
		if (behind == NULL || behind >= end)
			return false;
		if (is_size != NULL) {
			*size = other;
			*from = size_begins(at, behind);
			*to = behind;
			return true;
		}
	}
	return false;
}

char *imap_vanished(const char *at, const char *end, bool *earlier)
{
	const char *behind = take_word(at, end, "(EARLIER)");

	*earlier = behind != NULL;
	at = behind != NULL ? behind : at;
	return g_strndup(at, strcspn(at, "\r\n"));
}

uint64_t imap_modseq(const char *code, const char *word)
{
	size_t n = strlen(word);
	uint64_t value = 0;

	if (g_ascii_strncasecmp(code, word, n) != 0 || code[n] != ' ')
		return 0;
	for (const char *at = code + n + 1; *at != '\0'; at++) {
		if (!g_ascii_isdigit(*at) || value > (INT64_MAX - (uint64_t)(*at - '0')) / 10)
			return 0;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	return value;
}

/* --- ESEARCH ---------------------------------------------------------------------------------- */

/* Behind brackets and what they hold; NULL where they do not close. */
static const char *skip_list(const char *at, const char *end)
{
	int depth = 0;

	while (at != NULL && at < end && *at != '\r') {
		depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
		if (depth == 0)
			return at + 1;
		at = *at == '"' ? imap_skip_string(at, end) : at + 1;
	}
	return NULL;
}

static const char *skip_value(const char *at, const char *end)
{
	return at < end && *at == '(' ? skip_list(at, end) : imap_skip_string(at, end);
}

char *imap_esearch(const char *at, const char *end)
{
	g_autofree char *set = g_strdup("");

	if (at < end && *at == '(') /* the tag */
		at = skip_list(at, end);
	at = at != NULL ? take_word(skip_blanks(at, end), end, "UID") : NULL;
	while (at != NULL && at < end && *at != '\r') {
		const char *all = take_word(at, end, "ALL"), *value, *behind;

		value = all != NULL ? all : imap_skip_string(at, end);
		value = value != NULL ? skip_blanks(value, end) : NULL;
		behind = value != NULL && value < end ? skip_value(value, end) : NULL;
		if (behind == NULL || behind == value)
			return NULL;
		if (all != NULL) {
			g_free(set);
			set = g_strndup(value, (gsize)(behind - value));
		}
		at = skip_blanks(behind, end);
	}
	return at != NULL ? g_steal_pointer(&set) : NULL;
}
