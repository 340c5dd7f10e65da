/* The one table of commands: keys, hints and help come from it alone. UI thread. */
#ifndef UI_COMMAND_H
#define UI_COMMAND_H

#include <glib.h>
#include <stdbool.h>

/* Where keys go. */
enum ui_context {
	UI_IN_SIDEBAR = 1 << 0,
	UI_IN_INDEX = 1 << 1,
	UI_IN_READER = 1 << 2,
	UI_IN_PICKER = 1 << 3,
	UI_IN_HELP = 1 << 4,
	UI_IN_JOURNAL = 1 << 5,
	UI_IN_TRUST = 1 << 6,
	UI_IN_PASSWORD = 1 << 7,
	UI_IN_MAIN = UI_IN_SIDEBAR | UI_IN_INDEX | UI_IN_READER,
	UI_IN_LISTS = UI_IN_SIDEBAR | UI_IN_INDEX | UI_IN_PICKER | UI_IN_HELP | UI_IN_JOURNAL |
		      UI_IN_TRUST,
	UI_IN_ALL = 0xff,
	UI_NOT_IN_FILE = 1 << 8, /* needs an account: no hint, no help in `buzon FILE` */
	UI_ONLY_IN_FILE = 1 << 9
};

enum ui_command {
	UI_NOTHING,
	UI_UP,
	UI_DOWN,
	UI_PAGE_UP,
	UI_PAGE_DOWN,
	UI_HALF_UP,
	UI_HALF_DOWN,
	UI_FIRST,
	UI_LAST,
	UI_OPEN,
	UI_FORWARD, /* Space: open; page, then the next unread */
	UI_BACK,
	UI_LEFT,
	UI_CANCEL,
	UI_INTERRUPT,
	UI_NEXT_UNREAD,
	UI_PREVIOUS_UNREAD,
	UI_NEXT, /* folder or message */
	UI_PREVIOUS,
	UI_FOLDER,
	UI_SIDEBAR,
	UI_GO_INBOX,
	UI_GO_SENT,
	UI_GO_DRAFTS,
	UI_GO_ARCHIVE,
	UI_GO_TRASH,
	UI_HEADERS,
	UI_SOURCE,
	UI_READ,
	UI_FLAG,
	UI_GET_MAIL,
	UI_OFFLINE,
	UI_JOURNAL,
	UI_REDRAW,
	UI_HELP,
	UI_SUSPEND,
	UI_STOP,
	UI_ONCE,
	UI_TRUST,
	UI_CHAIN,
	UI_ACCEPT,
	UI_ERASE
};

struct ui_command_info {
	enum ui_command command;
	unsigned contexts;
	const char *name;  /* English, stable */
	const char *keys;  /* for people: "j, Down"; N_() where it has words */
	const char *hint;  /* one word for the hint bar, N_(); NULL = not there */
	const char *about; /* one line for help, N_() */
};

/* All of them, in the order of help. */
const struct ui_command_info *ui_commands(size_t *n);

/* What a key means in a context. key: a character, or a curses KEY_ code with is_function. prefix:
 * the 'g' typed before, or 0. */
enum ui_command ui_command_of(unsigned context, unsigned key, bool is_function, unsigned prefix);
/* Is this key the first of two here? */
bool ui_command_is_prefix(unsigned context, unsigned key, bool is_function);

/* Is this command of use here? */
bool ui_command_is_here(const struct ui_command_info *command, unsigned context, bool is_file);
/* "Enter read  c folder ..." of a context in at most w cells; the caller frees. */
char *ui_command_hints(unsigned context, bool is_file, int w);
/* "g first  i Inbox ...": what may follow the prefix here; the caller frees. */
char *ui_command_after_prefix(unsigned context, bool is_file);

#endif
