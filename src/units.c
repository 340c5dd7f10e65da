#include "src/units.h"

#include <glib.h>
#include <string.h>

/* The number that text begins with, a point or a comma before its decimals; *rest behind it and
 * blanks. Negative where there is none. */
static double number(const char *text, const char **rest)
{
	double value = 0, place = 0.1;
	const char *p = text;

	for (; g_ascii_isdigit(*p) && p - text < 18; p++)
		value = value * 10 + (*p - '0');
	if (p == text)
		return -1;
	if ((*p == '.' || *p == ',') && g_ascii_isdigit(p[1]))
		for (p++; g_ascii_isdigit(*p); p++, place /= 10)
			value += (*p - '0') * place;
	while (*p == ' ')
		p++;
	*rest = p;
	return value;
}

bool bz_units_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "kmg";
	const char *rest, *unit;
	double value = number(text, &rest);

	if (value < 0)
		return false;
	unit = *rest != '\0' ? strchr(units, g_ascii_tolower(*rest)) : NULL;
	if (unit != NULL) {
		rest++;
		for (const char *u = units; u <= unit; u++)
			value *= 1000;
	}
	if (g_ascii_tolower(*rest) == 'b')
		rest++;
	if (*rest != '\0' || value > (double)(1LL << 53))
		return false;
	*bytes = (uint64_t)(value + 0.5);
	return true;
}

bool bz_units_interval(const char *text, unsigned *seconds)
{
	static const struct {
		char unit;
		unsigned seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *rest;
	double value = number(text, &rest);

	for (size_t i = 0; i < G_N_ELEMENTS(units) && value > 0; i++)
		if (*rest == units[i].unit && rest[1] == '\0') {
			value *= units[i].seconds;
			if (value < 1 || value > 365 * 86400.0)
				return false;
			*seconds = (unsigned)value;
			return true;
		}
	return false;
}

bool bz_units_days(const char *text, unsigned *days)
{
	char *rest;
	guint64 n = g_ascii_strtoull(text, &rest, 10);

	if (!g_ascii_isdigit(text[0]) || strcmp(rest, "d") != 0 || n < 1 || n > 36500)
		return false;
	*days = (unsigned)n;
	return true;
}
