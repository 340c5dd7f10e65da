/* RFC 5322 dates and what programs write instead. Words in any order are sorted by what they are:
 * GMime drops dates before 1970 and reads "PM" as AM (SECURITY V42). */
#include "src/mime.h"

#include <stdlib.h>
#include <string.h>

struct date {
	int year, month, day; /* month 1..12; 0 = not seen */
	int hour, minute, second;
	bool has_time, pm, am;
	int zone; /* minutes east */
	bool has_zone;
};

static const char weekdays[] = "sunmontuewedthufrisat";
static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

static int month_of(const char *word)
{
	char low[4] = "";

	for (int i = 0; i < 3 && word[i] != '\0'; i++)
		low[i] = g_ascii_tolower(word[i]);
	for (int i = 0; i < 12 && strlen(low) == 3; i++)
		if (memcmp(months + 3 * i, low, 3) == 0)
			return i + 1;
	return 0;
}

/* RFC 5322 4.3: the old names; others mean nothing certain. */
static bool zone_of(const char *word, int *minutes)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = {{"UT", 0}, {"UTC", 0}, {"GMT", 0}, {"Z", 0}, {"EST", -5}, {"EDT", -4},
		{"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
		{"CET", 1}, {"CEST", 2}, {"MET", 1}, {"MEST", 2}, {"BST", 1}, {"JST", 9}};

	for (size_t i = 0; i < G_N_ELEMENTS(zones); i++)
		if (g_ascii_strcasecmp(word, zones[i].name) == 0) {
			*minutes = zones[i].hours * 60;
			return true;
		}
	return false;
}

static bool read_numeric_zone(const char *word, struct date *d)
{
	int n = 0, digits = 0;

	for (const char *p = word + 1; *p != '\0'; p++) {
		if (*p == ':')
			continue;
		if (!g_ascii_isdigit(*p) || ++digits > 4)
			return false;
		n = n * 10 + (*p - '0');
	}
	if (digits == 2)
		n *= 100;
	else if (digits != 4)
		return false;
	if (n / 100 > 14 || n % 100 > 59)
		return false;
	d->zone = (n / 100 * 60 + n % 100) * (*word == '-' ? -1 : 1);
	d->has_zone = true;
	return true;
}

static bool read_time(const char *word, struct date *d)
{
	char *end;
	long v[3] = {0, 0, 0};
	int n = 0;

	do {
		v[n++] = strtol(word, &end, 10);
		if (end == word || (*end != ':' && *end != '\0' && *end != '.'))
			break;
		word = end + 1;
	} while (*end == ':' && n < 3);
	if (n < 2 || v[0] < 0 || v[0] > 24 || v[1] < 0 || v[1] > 59 || v[2] < 0 || v[2] > 60)
		return false;
	d->hour = (int)v[0];
	d->minute = (int)v[1];
	d->second = (int)v[2];
	d->has_time = true;
	if (*end != '\0' && g_ascii_strcasecmp(end, "pm") == 0)
		d->pm = true;
	return true;
}

/* RFC 5322 4.3: years of two and three digits. */
static int full_year(const char *digits, int n)
{
	return strlen(digits) >= 4 ? n : n < 50 ? n + 2000 : n + 1900;
}

/* 2026-11-24, 24-Nov-2026 */
static bool read_dashed(const char *word, struct date *d)
{
	g_auto(GStrv) p = g_strsplit(word, "-", 4);
	int a, c;

	if (g_strv_length(p) != 3)
		return false;
	a = atoi(p[0]);
	c = atoi(p[2]);
	if (a > 31) {
		d->year = a;
		d->month = atoi(p[1]);
		d->day = c;
		return true;
	}
	d->day = a;
	d->month = month_of(p[1]);
	d->year = full_year(p[2], c);
	return d->month != 0;
}

static void read_number(const char *word, struct date *d)
{
	size_t digits = strlen(word);
	int n = atoi(word);

	if (digits <= 2 && d->day == 0 && n >= 1 && n <= 31)
		d->day = n;
	else if (digits <= 4 && d->year == 0)
		d->year = full_year(word, n);
}

static void read_word(const char *word, struct date *d)
{
	int month;

	if ((*word == '+' || *word == '-') && read_numeric_zone(word, d))
		return;
	if (strchr(word, ':') != NULL && g_ascii_isdigit(*word))
		read_time(word, d);
	else if (strchr(word, '-') != NULL && g_ascii_isdigit(*word))
		read_dashed(word, d);
	else if (g_ascii_isdigit(*word))
		read_number(word, d);
	else if (g_ascii_strcasecmp(word, "PM") == 0)
		d->pm = true;
	else if (g_ascii_strcasecmp(word, "AM") == 0)
		d->am = true;
	else if (d->month == 0 && (month = month_of(word)) != 0)
		d->month = month;
	else if (!d->has_zone && zone_of(word, &d->zone))
		d->has_zone = true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static int64_t days_from_civil(int y, int m, int d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

/* --- the two forms that nearly all programs write, read without copying
 * ---------------------------- */

/* Each returns where it stopped, or NULL. */
static const char *skip_blanks(const char *p)
{
	return p != NULL && *p == ' ' ? p + strspn(p, " ") : NULL;
}

static const char *take_number(const char *p, int least, int most, int *value)
{
	int digits = 0;

	for (*value = 0; p != NULL && g_ascii_isdigit(p[digits]) && digits < most; digits++)
		*value = *value * 10 + (p[digits] - '0');
	return digits >= least && !g_ascii_isdigit(p[digits]) ? p + digits : NULL;
}

static const char *take_name(const char *p, const char *names, int *number)
{
	if (p == NULL || !g_ascii_isalpha(p[0]) || !g_ascii_isalpha(p[1]) || !g_ascii_isalpha(p[2]))
		return NULL;
	for (int i = 0; names[3 * i] != '\0'; i++)
		if (g_ascii_strncasecmp(p, names + 3 * i, 3) == 0) {
			*number = i + 1;
			return p + 3;
		}
	return NULL;
}

static const char *take_clock(const char *p, struct date *d)
{
	p = take_number(p, 1, 2, &d->hour);
	if (p == NULL || *p != ':')
		return NULL;
	p = take_number(p + 1, 2, 2, &d->minute);
	if (p != NULL && *p == ':')
		p = take_number(p + 1, 2, 2, &d->second);
	d->has_time = true;
	return p != NULL && d->hour <= 24 && d->minute <= 59 && d->second <= 60 ? p : NULL;
}

/* "+0100" or a name of one to five letters, known or not. */
static const char *take_zone(const char *p, struct date *d)
{
	char word[8] = "";
	size_t n;

	if (p == NULL)
		return NULL;
	n = *p == '+' || *p == '-' ? 1 + strspn(p + 1, "0123456789") : 0;
	while (n < 6 && (n == 0 || g_ascii_isalpha(p[0])) && g_ascii_isalpha(p[n]))
		n++;
	if (n == 0 || n > 5 || (!g_ascii_isalpha(*p) && n != 5))
		return NULL;
	memcpy(word, p, n);
	if (*word == '+' || *word == '-' ? !read_numeric_zone(word, d) : !zone_of(word, &d->zone))
		d->zone = 0;
	return p + n;
}

static int64_t seconds_of(const struct date *d)
{
	return days_from_civil(d->year, d->month, d->day) * 86400 + d->hour * 3600 +
	       d->minute * 60 + d->second - d->zone * 60;
}

/* RFC 5322 3.3 without its obsolete forms. */
static bool read_standard(const char *p, struct date *d)
{
	int weekday;

	p += strspn(p, " ");
	if (g_ascii_isalpha(*p)) {
		p = take_name(p, weekdays, &weekday);
		p = p != NULL && *p == ',' ? skip_blanks(p + 1) : NULL;
	}
	p = skip_blanks(take_number(p, 1, 2, &d->day));
	p = skip_blanks(take_name(p, months, &d->month));
	p = skip_blanks(take_number(p, 4, 4, &d->year));
	p = skip_blanks(take_clock(p, d));
	if (p == NULL || (*p != '+' && *p != '-'))
		return false;
	p = take_zone(p, d);
	return p != NULL && (*p == '\0' || *p == ' ') && d->day >= 1 && d->day <= 31 &&
	       d->year >= 1;
}

/* What may stand between the clock and the year, and the year. */
static const char *take_year(const char *p, struct date *d)
{
	const char *next, *zone;

	while ((next = skip_blanks(p)) != NULL && (zone = take_zone(next, d)) != NULL)
		p = zone;
	return take_number(next, 4, 4, &d->year);
}

/* "Tue Nov 24 10:00[:00] [zone] 2026 [zone] [remote from host]" and nothing behind it. */
static bool read_from_date(const char *p, struct date *d)
{
	const char *next;
	int weekday;

	p = take_name(p, weekdays, &weekday);
	p = skip_blanks(p != NULL && *p == ',' ? p + 1 : p);
	p = skip_blanks(take_name(p, months, &d->month));
	p = skip_blanks(take_number(p, 1, 2, &d->day));
	p = take_year(take_clock(p, d), d);
	if (p == NULL || d->day < 1 || d->day > 31 || d->year < 1)
		return false;
	next = take_zone(skip_blanks(p), d);
	p = next != NULL ? next : p;
	next = skip_blanks(p);
	if (next != NULL && g_str_has_prefix(next, "remote from ") && next[12] > ' ')
		p = next + 12 + strcspn(next + 12, " \t");
	return p[strspn(p, " \t")] == '\0';
}

bool bz_mime_parse_from_date(const char *line, int64_t *date)
{
	for (const char *p = line; (p = strchr(p, ' ')) != NULL; p++) {
		struct date d = {0};

		if (read_from_date(p + 1, &d)) {
			*date = seconds_of(&d);
			return true;
		}
	}
	return false;
}

/* --- words in any order
 * ------------------------------------------------------------------------------ */

/* Words without comments and commas. */
static char *plain_words(const char *value)
{
	GString *out = g_string_new(NULL);
	int depth = 0;

	for (const char *p = value; *p != '\0' && out->len < 200; p++) {
		if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (depth == 0)
			g_string_append_c(out, g_ascii_isspace(*p) || *p == ',' ? ' ' : *p);
	}
	return g_string_free(out, FALSE);
}

bool bz_mime_parse_date(const char *value, int64_t *date, int *zone)
{
	struct date d = {0};
	g_autofree char *words = NULL;
	g_auto(GStrv) list = NULL;

	if (read_standard(value, &d)) {
		*date = seconds_of(&d);
		*zone = d.zone;
		return true;
	}
	d = (struct date){0};
	words = plain_words(value);
	list = g_strsplit(words, " ", 40);
	for (char **w = list; *w != NULL; w++)
		if (**w != '\0')
			read_word(*w, &d);
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.year < 1 || d.year > 9999)
		return false;
	if (d.pm && d.hour < 12)
		d.hour += 12;
	else if (d.am && d.hour == 12)
		d.hour = 0;
	*date = seconds_of(&d);
	*zone = d.zone;
	return true;
}
