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

/* Behind a word that is that one, and its blanks; else NULL. */
static const char *take_word(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) > n && g_ascii_strncasecmp(at, word, n) == 0 && at[n] == ' '
		       ? skip_blanks(at + n, end)
		       : NULL;
}

/* One resource: a name, what is used, the limit. Only that of space, in units of 1,024 bytes,
 * counts. */
static const char *take_resource(const char *at, const char *end, struct imap_quota *quota)
{
	const char *storage = take_word(at, end, "STORAGE");
	uint64_t used, limit;

	at = storage != NULL ? storage : imap_skip_string(at, end);
	at = at != NULL ? take_number(skip_blanks(at, end), end, &used) : NULL;
	at = at != NULL ? take_number(at, end, &limit) : NULL;
	if (at != NULL && storage != NULL)
		*quota = (struct imap_quota){used * UNIT, limit * UNIT};
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
