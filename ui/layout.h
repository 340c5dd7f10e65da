/* Who stands where, by the size of the window alone (UX section 8). Pure. */
#ifndef UI_LAYOUT_H
#define UI_LAYOUT_H

#include "ui/draw.h"

#include <stdbool.h>

struct ui_layout {
	bool too_small;     /* under 20x6: one line */
	bool two_lines;     /* a message takes two lines */
	bool has_hints;     /* a line of hints at the bottom */
	bool has_rule;      /* the message line is a rule over the body's end */
	bool reader_shares; /* index and reader are seen together */
	struct ui_rect title, sidebar, index, reader, message, status, hints; /* w 0 = not there */
};

/* want_sidebar: as the person toggled it; reading: the reader is open; message_lines 1..3. */
struct ui_layout ui_layout_make(
	int h, int w, bool want_sidebar, bool sidebar_focus, bool reading, int message_lines);

#endif
