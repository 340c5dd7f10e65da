/* Times in limit words, counted where this computer is. */
#include "src/limit_private.h"

#include <stdio.h>
#include <string.h>

bool bz_limit_ago(const char *value, int64_t now, int64_t *when)
{
	char *unit;
	guint64 n = g_ascii_strtoull(value, &unit, 10);
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_local(now);
	g_autoptr(GDateTime) then = NULL;

	if (!g_ascii_isdigit(value[0]) || unit[0] == '\0' || unit[1] != '\0' || n > 9999 ||
		t == NULL)
		return false;
	switch (g_ascii_tolower(unit[0])) {
	case 'h':
		then = g_date_time_add_hours(t, -(int)n);
		break;
	case 'd':
		then = g_date_time_add_days(t, -(int)n);
		break;
	case 'w':
	case 's': /* semanas */
		then = g_date_time_add_weeks(t, -(int)n);
		break;
	case 'm':
		then = g_date_time_add_months(t, -(int)n);
		break;
	case 'y':
	case 'a': /* años */
		then = g_date_time_add_years(t, -(int)n);
		break;
	default:
		return false;
	}
	*when = then != NULL ? g_date_time_to_unix(then) : INT64_MIN + 1;
	return true;
}

/* A local day, month or year as [low, high). */
static bool span(int year, int month, int day, int64_t *low, int64_t *high)
{
	g_autoptr(GDateTime) first =
		g_date_time_new_local(year, month > 0 ? month : 1, day > 0 ? day : 1, 0, 0, 0);
	g_autoptr(GDateTime) end = NULL;

	if (first == NULL || year < 1000)
		return false;
	end = day > 0     ? g_date_time_add_days(first, 1)
	      : month > 0 ? g_date_time_add_months(first, 1)
			  : g_date_time_add_years(first, 1);
	if (end == NULL)
		return false;
	*low = g_date_time_to_unix(first);
	*high = g_date_time_to_unix(end);
	return true;
}

bool bz_limit_day(const char *value, int64_t now, int64_t *low, int64_t *high)
{
	int a = 0, b = 0, c = 0, end = 0;
	bool today = strcmp(value, "today") == 0 || strcmp(value, "hoy") == 0;
	bool yesterday = strcmp(value, "yesterday") == 0 || strcmp(value, "ayer") == 0;

	if (today || yesterday) {
		g_autoptr(GDateTime) t = g_date_time_new_from_unix_local(now);
		g_autoptr(GDateTime) day =
			t != NULL ? g_date_time_add_days(t, today ? 0 : -1) : NULL;

		if (day == NULL)
			return false;
		g_date_time_get_ymd(day, &a, &b, &c);
		return span(a, b, c, low, high);
	}
	if (strspn(value, "0123456789-/") != strlen(value) || strlen(value) > 10)
		return false;
	if (sscanf(value, "%4d-%2d-%2d%n", &a, &b, &c, &end) == 3 && value[end] == '\0')
		return b > 0 && c > 0 && span(a, b, c, low, high);
	if (sscanf(value, "%2d/%2d/%4d%n", &c, &b, &a, &end) == 3 && value[end] == '\0')
		return b > 0 && c > 0 && span(a, b, c, low, high);
	if (sscanf(value, "%4d-%2d%n", &a, &b, &end) == 2 && value[end] == '\0')
		return b > 0 && span(a, b, 0, low, high);
	return sscanf(value, "%4d%n", &a, &end) == 1 && value[end] == '\0' &&
	       span(a, 0, 0, low, high);
}
