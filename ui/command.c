#include "ui/command.h"
#include "src/lang.h"
#include "src/text.h"

#include <curses.h>

#define CTRL(c) ((c)&0x1f)

static const struct ui_command_info table[] = {
	{UI_OPEN, UI_IN_INDEX, "open", N_("Enter, Right"), N_("read"),
		N_("read the selected message")},
	{UI_OPEN, UI_IN_SIDEBAR | UI_IN_PICKER, "open-folder", N_("Enter, Right"), N_("open"),
		N_("open the selected folder")},
	{UI_FORWARD, UI_IN_READER, "forward", N_("Space"), N_("more"),
		N_("a page on; at the end the next unread message")},
	{UI_FORWARD, UI_IN_INDEX, "open-space", N_("Space"), NULL, N_("read the selected message")},
	{UI_PAGE_UP, UI_IN_READER, "page-back", "-, b", NULL, N_("a page back")},
	{UI_STOP, UI_IN_TRUST, "stop", "s", N_("stop"), N_("stop: nothing is sent")},
	{UI_ONCE, UI_IN_TRUST, "once", "o", N_("once"),
		N_("trust this certificate for this run only")},
	{UI_TRUST, UI_IN_TRUST, "trust", "t", N_("trust"),
		N_("trust this exact certificate for this account from now on")},
	{UI_CHAIN, UI_IN_TRUST, "chain", "x", N_("whole chain"),
		N_("show every certificate of the chain")},
	{UI_ACCEPT, UI_IN_PASSWORD, "accept", N_("Enter"), N_("log in"),
		N_("log in with this password")},
	{UI_BACK, UI_IN_READER | UI_IN_SIDEBAR | UI_IN_JOURNAL | UI_IN_HELP, "back", "q",
		N_("back"), N_("back one level")},
	{UI_BACK, UI_IN_INDEX, "quit", "q", N_("quit"), N_("leave buzon")},
	{UI_NEXT_UNREAD, UI_IN_INDEX | UI_IN_READER, "next-unread", "Tab", N_("next unread"),
		N_("next unread message")},
	{UI_FOLDER, UI_IN_MAIN | UI_NOT_IN_FILE, "folder", "c", N_("folder"),
		N_("change folder: type a part of its name")},
	{UI_GET_MAIL, UI_IN_MAIN | UI_NOT_IN_FILE, "get-mail", "$, F5", N_("get mail"),
		N_("get mail, bring the list up to date")},
	{UI_GET_MAIL, UI_IN_MAIN | UI_ONLY_IN_FILE, "look-again", "$, F5", N_("look again"),
		N_("look for changes in the file")},
	{UI_READ, UI_IN_INDEX | UI_IN_READER | UI_NOT_IN_FILE, "read-unread", "U",
		N_("read/unread"), N_("mark as read or as unread")},
	{UI_FLAG, UI_IN_INDEX | UI_IN_READER | UI_NOT_IN_FILE, "flag", "F", N_("flag"),
		N_("flag, or take the flag away")},
	{UI_SIDEBAR, UI_IN_MAIN | UI_NOT_IN_FILE, "sidebar", "B", N_("folders"),
		N_("show or hide the folders")},
	{UI_HEADERS, UI_IN_READER, "headers", "h", N_("all headers"),
		N_("all headers, or the usual ones")},
	{UI_SOURCE, UI_IN_READER, "source", "H", N_("source"), N_("the source of the message")},
	{UI_NEXT, UI_IN_READER, "next", "J", NULL, N_("next message")},
	{UI_PREVIOUS, UI_IN_READER, "previous", "K", NULL, N_("previous message")},
	{UI_NEXT, UI_IN_INDEX | UI_IN_SIDEBAR | UI_NOT_IN_FILE, "next-folder", "J", NULL,
		N_("next folder")},
	{UI_PREVIOUS, UI_IN_INDEX | UI_IN_SIDEBAR | UI_NOT_IN_FILE, "previous-folder", "K", NULL,
		N_("previous folder")},
	{UI_PREVIOUS_UNREAD, UI_IN_INDEX | UI_IN_READER, "previous-unread", N_("Shift-Tab"), NULL,
		N_("previous unread message")},
	{UI_OFFLINE, UI_IN_MAIN | UI_NOT_IN_FILE, "offline", "w", N_("offline"),
		N_("work offline, or go online again")},
	{UI_JOURNAL, UI_IN_MAIN, "messages", "E", NULL, N_("messages and errors of this session")},
	{UI_DOWN, UI_IN_LISTS | UI_IN_READER, "down", N_("j, Down"), NULL, N_("down")},
	{UI_UP, UI_IN_LISTS | UI_IN_READER, "up", N_("k, Up"), NULL, N_("up")},
	{UI_PAGE_DOWN, UI_IN_LISTS | UI_IN_READER, "page-down", N_("PgDn"), NULL,
		N_("a page down")},
	{UI_PAGE_UP, UI_IN_LISTS | UI_IN_READER, "page-up", N_("PgUp"), NULL, N_("a page up")},
	{UI_HALF_DOWN, UI_IN_LISTS | UI_IN_READER, "half-down", "Ctrl-D", NULL,
		N_("half a page down")},
	{UI_HALF_UP, UI_IN_LISTS | UI_IN_READER, "half-up", "Ctrl-U", NULL, N_("half a page up")},
	{UI_FIRST, UI_IN_LISTS | UI_IN_READER, "first", N_("gg, Home"), NULL, N_("first")},
	{UI_LAST, UI_IN_LISTS | UI_IN_READER, "last", N_("G, End"), NULL, N_("last")},
	{UI_GO_INBOX, UI_IN_MAIN | UI_NOT_IN_FILE, "go-inbox", "gi", NULL, N_("go to Inbox")},
	{UI_GO_SENT, UI_IN_MAIN | UI_NOT_IN_FILE, "go-sent", "gs", NULL, N_("go to Sent")},
	{UI_GO_DRAFTS, UI_IN_MAIN | UI_NOT_IN_FILE, "go-drafts", "gd", NULL, N_("go to Drafts")},
	{UI_GO_ARCHIVE, UI_IN_MAIN | UI_NOT_IN_FILE, "go-archive", "ga", NULL, N_("go to Archive")},
	{UI_GO_TRASH, UI_IN_MAIN | UI_NOT_IN_FILE, "go-trash", "gt", NULL, N_("go to Trash")},
	{UI_LEFT, UI_IN_MAIN, "left", N_("Left"), NULL,
		N_("back one level; from the list to the folders; never leaves")},
	{UI_CANCEL, UI_IN_ALL, "cancel", "Esc, Ctrl-G", N_("cancel"),
		N_("cancel a question, an error or what the network is doing")},
	{UI_INTERRUPT, UI_IN_ALL, "interrupt", "Ctrl-C", NULL,
		N_("cancel what the network is doing; twice: leave")},
	{UI_REDRAW, UI_IN_ALL, "redraw", "Ctrl-L", NULL, N_("draw the screen again")},
	{UI_SUSPEND, UI_IN_ALL, "suspend", "Ctrl-Z", NULL, N_("back to the shell; fg returns")},
	{UI_HELP, UI_IN_MAIN | UI_IN_JOURNAL | UI_IN_TRUST, "help", "?, F1", NULL,
		N_("this list; type to filter")},
	{UI_HELP, UI_IN_PICKER | UI_IN_PASSWORD, "help-typing", "F1", NULL,
		N_("this list; type to filter")},
};

/* Keys as they come. typing: also where characters are text. */
static const struct {
	unsigned key;
	bool function, typing;
	unsigned contexts;
	enum ui_command command;
} keys[] = {
	{'j', false, false, UI_IN_ALL, UI_DOWN},
	{KEY_DOWN, true, true, UI_IN_ALL, UI_DOWN},
	{'k', false, false, UI_IN_ALL, UI_UP},
	{KEY_UP, true, true, UI_IN_ALL, UI_UP},
	{KEY_NPAGE, true, true, UI_IN_ALL, UI_PAGE_DOWN},
	{KEY_PPAGE, true, true, UI_IN_ALL, UI_PAGE_UP},
	{CTRL('D'), false, true, UI_IN_ALL, UI_HALF_DOWN},
	{CTRL('U'), false, true, UI_IN_ALL, UI_HALF_UP},
	{KEY_HOME, true, true, UI_IN_ALL, UI_FIRST},
	{KEY_END, true, true, UI_IN_ALL, UI_LAST},
	{'G', false, false, UI_IN_ALL, UI_LAST},
	{'\r', false, true, UI_IN_PASSWORD, UI_ACCEPT},
	{'\n', false, true, UI_IN_PASSWORD, UI_ACCEPT},
	{KEY_ENTER, true, true, UI_IN_PASSWORD, UI_ACCEPT},
	{'\r', false, true, UI_IN_ALL, UI_OPEN},
	{'\n', false, true, UI_IN_ALL, UI_OPEN},
	{KEY_ENTER, true, true, UI_IN_ALL, UI_OPEN},
	{KEY_RIGHT, true, true, UI_IN_MAIN | UI_IN_PICKER, UI_OPEN},
	{KEY_LEFT, true, false, UI_IN_MAIN, UI_LEFT},
	{' ', false, false, UI_IN_INDEX | UI_IN_READER, UI_FORWARD},
	{' ', false, false, UI_IN_JOURNAL | UI_IN_TRUST, UI_PAGE_DOWN},
	{'-', false, false, UI_IN_READER, UI_PAGE_UP},
	{'b', false, false, UI_IN_READER, UI_PAGE_UP},
	{'q', false, false, UI_IN_ALL, UI_BACK},
	{27, false, true, UI_IN_ALL, UI_CANCEL},
	{CTRL('G'), false, true, UI_IN_ALL, UI_CANCEL},
	{CTRL('C'), false, true, UI_IN_ALL, UI_INTERRUPT},
	{CTRL('L'), false, true, UI_IN_ALL, UI_REDRAW},
	{CTRL('Z'), false, true, UI_IN_ALL, UI_SUSPEND},
	{'\t', false, false, UI_IN_INDEX | UI_IN_READER, UI_NEXT_UNREAD},
	{KEY_BTAB, true, false, UI_IN_INDEX | UI_IN_READER, UI_PREVIOUS_UNREAD},
	{'J', false, false, UI_IN_MAIN, UI_NEXT},
	{'K', false, false, UI_IN_MAIN, UI_PREVIOUS},
	{'c', false, false, UI_IN_MAIN, UI_FOLDER},
	{'B', false, false, UI_IN_MAIN, UI_SIDEBAR},
	{'h', false, false, UI_IN_READER, UI_HEADERS},
	{'H', false, false, UI_IN_READER, UI_SOURCE},
	{'U', false, false, UI_IN_INDEX | UI_IN_READER, UI_READ},
	{'F', false, false, UI_IN_INDEX | UI_IN_READER, UI_FLAG},
	{'$', false, false, UI_IN_MAIN, UI_GET_MAIL},
	{KEY_F(5), true, false, UI_IN_MAIN, UI_GET_MAIL},
	{'w', false, false, UI_IN_MAIN, UI_OFFLINE},
	{'E', false, false, UI_IN_MAIN, UI_JOURNAL},
	{'?', false, false, UI_IN_ALL, UI_HELP},
	{KEY_F(1), true, true, UI_IN_ALL, UI_HELP},
	{'s', false, false, UI_IN_TRUST, UI_STOP},
	{'o', false, false, UI_IN_TRUST, UI_ONCE},
	{'t', false, false, UI_IN_TRUST, UI_TRUST},
	{'x', false, false, UI_IN_TRUST, UI_CHAIN},
	{KEY_BACKSPACE, true, true, UI_IN_PICKER | UI_IN_HELP | UI_IN_PASSWORD, UI_ERASE},
	{127, false, true, UI_IN_PICKER | UI_IN_HELP | UI_IN_PASSWORD, UI_ERASE},
	{'\b', false, true, UI_IN_PICKER | UI_IN_HELP | UI_IN_PASSWORD, UI_ERASE},
};

static const struct {
	unsigned key;
	enum ui_command command;
	const char *label;
} after_g[] = {
	{'g', UI_FIRST, N_("first")},
	{'i', UI_GO_INBOX, N_("Inbox")},
	{'s', UI_GO_SENT, N_("Sent")},
	{'d', UI_GO_DRAFTS, N_("Drafts")},
	{'a', UI_GO_ARCHIVE, N_("Archive")},
	{'t', UI_GO_TRASH, N_("Trash")},
};

const struct ui_command_info *ui_commands(size_t *n)
{
	*n = G_N_ELEMENTS(table);
	return table;
}

static bool is_typing(unsigned context)
{
	return (context & (UI_IN_PICKER | UI_IN_HELP | UI_IN_PASSWORD)) != 0;
}

static enum ui_command after_prefix(unsigned context, unsigned key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(after_g); i++)
		if (after_g[i].key == key &&
			(after_g[i].command == UI_FIRST || (context & UI_IN_MAIN) != 0))
			return after_g[i].command;
	return UI_NOTHING;
}

enum ui_command ui_command_of(unsigned context, unsigned key, bool is_function, unsigned prefix)
{
	if (prefix != 0 && !is_function)
		return after_prefix(context, key);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].key == key && keys[i].function == is_function &&
			(keys[i].contexts & context) != 0 &&
			(keys[i].typing || !is_typing(context)))
			return keys[i].command;
	return UI_NOTHING;
}

bool ui_command_is_prefix(unsigned context, unsigned key, bool is_function)
{
	return key == 'g' && !is_function && !is_typing(context);
}

/* The first key alone: the bar is short. */
static void add_hint(GString *bar, const struct ui_command_info *c, int w)
{
	g_auto(GStrv) first = g_strsplit(_(c->keys), ",", 2);
	g_autofree char *hint = g_strdup_printf(" %s %s ", first[0], _(c->hint));

	if (bz_text_width(bar->str) + bz_text_width(hint) <= w)
		g_string_append(bar, hint);
}

bool ui_command_is_here(const struct ui_command_info *c, unsigned context, bool is_file)
{
	return (c->contexts & context) != 0 &&
	       (c->contexts & (is_file ? UI_NOT_IN_FILE : UI_ONLY_IN_FILE)) == 0;
}

char *ui_command_hints(unsigned context, bool is_file, int w)
{
	GString *bar = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (ui_command_is_here(&table[i], context, is_file) && table[i].hint != NULL &&
			(table[i].command != UI_CANCEL || (context & UI_IN_MAIN) == 0))
			add_hint(bar, &table[i], w);
	return g_string_free(bar, FALSE);
}

char *ui_command_after_prefix(unsigned context, bool is_file)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(after_g); i++)
		if (after_g[i].command == UI_FIRST || ((context & UI_IN_MAIN) != 0 && !is_file))
			g_string_append_printf(
				out, " %c %s ", (int)after_g[i].key, _(after_g[i].label));
	return g_string_free(out, FALSE);
}
