/* One line that changes on a terminal: how far a download is. */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 20, WIDTH = 80, LEAST_US = 100 * 1000, RATE_US = 500 * 1000 };

void bz_progress_begin(struct bz_progress *p, const char *name, bool shown)
{
	*p = (struct bz_progress){.name = name,
		.shown = shown && isatty(STDERR_FILENO),
		.begun = g_get_monotonic_time()};
}

static int width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH;
}

/* "[####------]" */
static char *bar_of(const struct bz_event *e)
{
	uint64_t whole = MAX(e->bytes_total, 1);
	size_t full = (size_t)(MIN((double)e->bytes / (double)whole, 1.0) * BAR);
	g_autofree char *done = g_strnfill(full, '#'), *left = g_strnfill(BAR - full, '-');

	return g_strdup_printf("[%s%s]", done, left);
}

static char *time_left(uint64_t bytes, double rate)
{
	unsigned s = (unsigned)MIN((double)bytes / rate + 0.5, 359999.0);

	if (s >= 3600)
		return g_strdup_printf(_("%u:%02u:%02u left"), s / 3600, s / 60 % 60, s % 60);
	return g_strdup_printf(_("%u:%02u left"), s / 60, s % 60);
}

/* Rate and time left, "" as long as they would be a guess. */
static char *speed(const struct bz_progress *p, const struct bz_event *e)
{
	int64_t took = g_get_monotonic_time() - p->begun;
	double rate = (double)e->bytes * G_USEC_PER_SEC / (double)MAX(took, 1);
	uint64_t left = e->bytes_total > e->bytes ? e->bytes_total - e->bytes : 0;
	g_autofree char *size = NULL, *time = NULL;

	if (took < RATE_US || rate < 1)
		return g_strdup("");
	size = bz_lang_size((uint64_t)rate);
	time = time_left(left, rate);
	return g_strdup_printf(_("  %s/s  %s"), size, time);
}

char *bz_progress_line(const struct bz_progress *p, const struct bz_event *e, int cells)
{
	g_autofree char *name = bz_text_clean(p->name, strlen(p->name), 0);
	g_autofree char *bar = bar_of(e);
	g_autofree char *done = bz_lang_size(e->bytes), *all = bz_lang_size(e->bytes_total);
	g_autofree char *counts = g_strdup_printf(_("%u of %u"), e->done, e->total);
	g_autofree char *sizes = g_strdup_printf(_("  %s of %s"), done, all);
	g_autofree char *rest = speed(p, e);
	const char *names[] = {name, "  ", bar, "  ", counts, sizes, rest};
	/* what matters least is left out first where the line is narrow: bits of names */
	static const unsigned forms[] = {0x7f, 0x73, 0x33, 0x13, 0x10};

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		g_autoptr(GString) line = g_string_new(NULL);

		for (size_t k = 0; k < G_N_ELEMENTS(names); k++)
			if ((forms[i] & 1U << k) != 0)
				g_string_append(line, names[k]);
		if (bz_text_width(line->str) < cells)
			return g_strdup(line->str);
	}
	return bz_text_fit(counts, MAX(cells - 1, 1), false);
}

static void put(struct bz_progress *p, const char *line)
{
	int now = bz_text_width(line);
	g_autofree char *blank = g_strnfill((gsize)MAX(p->cells - now, 0), ' ');

	fprintf(stderr, "\r%s%s\r%s", line, blank, line);
	fflush(stderr);
	p->cells = now;
}

void bz_progress_update(struct bz_progress *p, const struct bz_event *e)
{
	int64_t now = g_get_monotonic_time();
	g_autofree char *line = NULL;

	if (!p->shown || e->total == 0 || now - p->told < LEAST_US)
		return;
	p->told = now;
	line = bz_progress_line(p, e, width());
	put(p, line);
}

void bz_progress_erase(struct bz_progress *p)
{
	if (p->cells > 0)
		put(p, "");
}
