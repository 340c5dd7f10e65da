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
	UI_IN_PROMPT = 1 << 8,
	UI_IN_QUESTION = 1 << 9,
	UI_IN_COPIES = 1 << 10,
	UI_IN_QUOTA = 1 << 11,
	UI_IN_MAIN = UI_IN_SIDEBAR | UI_IN_INDEX | UI_IN_READER,
	UI_IN_LISTS = UI_IN_SIDEBAR | UI_IN_INDEX | UI_IN_PICKER | UI_IN_HELP | UI_IN_JOURNAL |
		      UI_IN_TRUST | UI_IN_COPIES | UI_IN_QUOTA,
	UI_IN_TEXT = UI_IN_PICKER | UI_IN_HELP | UI_IN_PASSWORD | UI_IN_PROMPT,
	UI_IN_ALL = 0xffff,
	UI_NOT_IN_FILE = 1 << 16, /* needs an account: no hint, no help in `buzon FILE` */
	UI_ONLY_IN_FILE = 1 << 17
};

/* Keys that the terminal makes of a bracketed paste; above curses' own. */
enum { UI_KEY_PASTE = 0x1001, UI_KEY_PASTED = 0x1002 };

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
	UI_ERASE,
	/* a line that is typed */
	UI_RIGHT,
	UI_ERASE_WORD,
	UI_ERASE_REST,
	UI_COMPLETE,
	UI_COMPLETE_BACK,
	/* acting */
	UI_TRASH,
	UI_DELETE,
	UI_ARCHIVE,
	UI_MOVE,
	UI_COPY,
	UI_UNDO,
	UI_REDO,
	/* finding */
	UI_SEARCH,
	UI_SEARCH_NEXT,
	UI_SEARCH_PREVIOUS,
	UI_LIMIT,
	/* threads */
	UI_ORDER,
	UI_FOLD,
	UI_FOLD_ALL,
	/* by name */
	UI_PROMPT,
	UI_QUIT,
	UI_ACCOUNT,
	UI_CREATE_FOLDER,
	UI_RENAME_FOLDER,
	UI_DELETE_FOLDER,
	UI_EMPTY_TRASH,
	UI_COMPACT,
	UI_IMPORT,
	UI_COPIES,
	UI_QUOTA
};

/* What follows a command's name in the prompt. */
enum ui_argument {
	UI_NO_ARGUMENT,
	UI_ARGUMENT_FOLDER,     /* of the account in view */
	UI_ARGUMENT_ANY_FOLDER, /* "Casa > Inbox" of any account */
	UI_ARGUMENT_NAME,       /* of a folder to be */
	UI_ARGUMENT_PATH,       /* of a file, then a folder */
	UI_ARGUMENT_ACCOUNT,
	UI_ARGUMENT_WORDS /* to search for */
};

/* Beside enum bz_cap: mail of the account is downloaded and filed here. */
enum { UI_CAP_DOWNLOADS = 1 << 16 };

/* Where a command would be run. */
struct ui_where {
	unsigned context;
	bool is_file;
	unsigned caps; /* of the account in view */
};

struct ui_command_info {
	enum ui_command command;
	unsigned contexts;
	const char *name;  /* ":archive", N_(): its translation is a name, too */
	const char *keys;  /* for people: "j, Down"; N_() where it has words; NULL = none */
	const char *hint;  /* one word for the hint bar, N_(); NULL = not there */
	const char *about; /* one line for help, N_() */
	unsigned needs;    /* one of these caps; 0 = nothing */
	enum ui_argument argument;
	const char *usage; /* "FOLDER", N_(); NULL = no argument */
};

/* All of them, in the order of help. */
const struct ui_command_info *ui_commands(size_t *n);

/* What a key means in a context. key: a character, or a curses KEY_ code with is_function. prefix:
 * the 'g' typed before, or 0. */
enum ui_command ui_command_of(unsigned context, unsigned key, bool is_function, unsigned prefix);
/* Is this key the first of two here? */
bool ui_command_is_prefix(unsigned context, unsigned key, bool is_function);

/* Is this command of use here? */
bool ui_command_is_here(const struct ui_command_info *command, const struct ui_where *where);
/* "Enter read  c folder ..." in at most w cells; the caller frees. */
char *ui_command_hints(const struct ui_where *where, int w);
/* "g first  i Inbox ...": what may follow the prefix here; the caller frees. */
char *ui_command_after_prefix(const struct ui_where *where);

/* The command a person means by a name without ':', English or translated, case ignored, or by the
 * beginning of only one name of those that are of use here. NULL when there is none. */
const struct ui_command_info *ui_command_by_name(const char *name, const struct ui_where *where);
/* The name nearest to a mistyped one, without ':'; NULL when none is near. Borrowed. */
const char *ui_command_nearest(const char *name, const struct ui_where *where);

#endif
