/* One row of the index (UX section 10). */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>
#include <time.h>

enum { DATE_W = 6, FIXED_W = 13, DAY = 86400 };

/* --- dates ------------------------------------------------------------------------------------ */

static const char *const days[] = {
	N_("Sun"), N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat")};
static const char *const months[] = {N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"),
	N_("Jun"), N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")};

void ui_index_date(int64_t date, int64_t received, int64_t now, char out[32])
{
	time_t when = (time_t)(date != INT64_MIN ? date : received), today = (time_t)now;
	struct tm t, n;

	out[0] = '\0';
	if (date == INT64_MIN && received == INT64_MIN)
		return;
	if (when > today + DAY) {
		g_strlcpy(out, "?", 32);
		return;
	}
	if (localtime_r(&when, &t) == NULL || localtime_r(&today, &n) == NULL)
		return;
	if (t.tm_year == n.tm_year && t.tm_yday == n.tm_yday)
		(void)g_snprintf(out, 32, "%02d:%02d", t.tm_hour, t.tm_min);
	else if (today - when < 6 * DAY)
		g_strlcpy(out, _(days[t.tm_wday % 7]), 32);
	else if (today - when < 335 * (int64_t)DAY)
		(void)g_snprintf(out, 32, "%d %s", t.tm_mday, _(months[t.tm_mon % 12]));
	else
		(void)g_snprintf(out, 32, "%d", t.tm_year + 1900);
}

/* --- the columns ------------------------------------------------------------------------------ */

static char state_letter(unsigned flags)
{
	if ((flags & BZ_FLAG_DELETED) != 0)
		return 'x';
	if ((flags & BZ_FLAG_ANSWERED) != 0)
		return 'r';
	if ((flags & BZ_FLAG_FORWARDED) != 0)
		return 'f';
	return (flags & BZ_FLAG_DRAFT) != 0 ? 'd' : ' ';
}

static const char *who(const struct bz_summary *row, enum bz_folder_role role)
{
	if ((role == BZ_ROLE_SENT || role == BZ_ROLE_DRAFTS) && row->to[0] != '\0')
		return row->to;
	if (row->from_name[0] != '\0')
		return row->from_name;
	return row->from_addr[0] != '\0' ? row->from_addr : _("(no sender)");
}

/* Before the subject of what is on the server only: it says so, and how it comes. */
static char *what(const struct bz_summary *row)
{
	const char *subject = row->subject[0] != '\0' ? row->subject : _("(no subject)");
	g_autofree char *size = NULL;

	if ((row->flags & BZ_FLAG_LEFT) == 0)
		return g_strdup(subject);
	size = bz_lang_size(row->size);
	return g_strdup_printf(_("%s, Enter downloads it: %s"), size, subject);
}

static void right_aligned(int y, int x, int w, enum ui_role role, const char *text)
{
	int n = MIN(bz_text_width(text), w);

	ui_draw_text(y, x, w - n, role, "");
	ui_draw_text(y, x + w - n, n, role, text);
}

/* Subject, and in front of it how the message hangs in its thread. */
static void draw_subject(const struct ui_index_row *line, int y, int x, int w, enum ui_role role)
{
	g_autofree char *tree = line->threads != NULL
					? ui_index_tree(line->threads, line->position, w)
					: g_strdup("");
	g_autofree char *subject = what(line->row);
	int n = MIN(bz_text_width(tree), w);

	ui_draw_text(y, x, n, role, tree);
	if (line->repeats && !line->selected && role == UI_TEXT)
		role = UI_DIM;
	ui_draw_foreign(y, x + n, w - n, role, subject);
}

static void draw_wide(const struct ui_index_row *line, const struct ui_rect *r, enum ui_role role,
	const char *date)
{
	const struct bz_summary *row = line->row;
	int sender = CLAMP(r->w * 22 / 100, 16, 28), rest = r->w - FIXED_W - sender - 2;
	int y = r->y, x = r->x;
	char marks[8];

	(void)g_snprintf(marks, sizeof marks, " %c%c%c ",
		(row->flags & BZ_FLAG_SEEN) != 0 ? ' ' : 'N',
		(row->flags & BZ_FLAG_FLAGGED) != 0 ? '!' : ' ', state_letter(row->flags));
	ui_draw_text(y, x, 5, role, marks);
	right_aligned(y, x + 5, DATE_W, role, date);
	ui_draw_text(y, x + 11, 2, role, "");
	ui_draw_foreign(y, x + FIXED_W, sender, role, who(row, line->role));
	ui_draw_text(
		y, x + FIXED_W + sender, 2, role, (row->flags & BZ_FLAG_ATTACH) != 0 ? "@" : "");
	draw_subject(line, y, x + FIXED_W + sender + 2, rest, role);
}

static void draw_narrow(const struct ui_index_row *line, const struct ui_rect *r, enum ui_role role,
	const char *date)
{
	const struct bz_summary *row = line->row;
	int y = r->y, x = r->x, w = r->w;
	int at = (row->flags & BZ_FLAG_ATTACH) != 0 ? 5 : 3;
	char marks[4];

	(void)g_snprintf(marks, sizeof marks, " %c ",
		(row->flags & BZ_FLAG_SEEN) == 0      ? 'N'
		: (row->flags & BZ_FLAG_FLAGGED) != 0 ? '!'
						      : state_letter(row->flags));
	ui_draw_text(y, x, 3, role, marks);
	ui_draw_foreign(y, x + 3, w - 3 - DATE_W - 2, role, who(row, line->role));
	ui_draw_text(y, x + w - DATE_W - 2, 1, role, "");
	right_aligned(y, x + w - DATE_W - 1, DATE_W, role, date);
	ui_draw_text(y, x + w - 1, 1, role, "");
	ui_draw_text(y + 1, x, 3, role, "");
	if (at > 3)
		ui_draw_text(y + 1, x + 3, 2, role, "@");
	draw_subject(line, y + 1, x + at, w - at, role);
}

void ui_index_line(const struct ui_index_row *line, const struct ui_rect *rect)
{
	const struct bz_summary *row = line->row;
	enum ui_role role = line->selected                     ? UI_SELECTION
			    : (row->flags & BZ_FLAG_LEFT) != 0 ? UI_DIM
			    : (row->flags & BZ_FLAG_SEEN) == 0 ? UI_UNREAD
							       : UI_TEXT;
	char date[32];

	ui_index_date(row->date, row->received, line->now, date);
	if (rect->h == 2)
		draw_narrow(line, rect, role, date);
	else
		draw_wide(line, rect, role, date);
}
