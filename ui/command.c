#include "ui/command.h"
#include "src/lang.h"
#include "src/nearest.h"
#include "src/text.h"

#include <curses.h>
#include <string.h>

#define CTRL(c) ((c)&0x1f)

/* Keys as they come. typing: also where characters are text. */
static const struct {
	unsigned key;
	bool function, typing;
	unsigned contexts;
	enum ui_command command;
} keys[] = {
	{'\r', false, true, UI_IN_PASSWORD | UI_IN_PROMPT, UI_ACCEPT},
	{'\n', false, true, UI_IN_PASSWORD | UI_IN_PROMPT, UI_ACCEPT},
	{KEY_ENTER, true, true, UI_IN_PASSWORD | UI_IN_PROMPT, UI_ACCEPT},
	{'\t', false, true, UI_IN_PROMPT, UI_COMPLETE},
	{KEY_BTAB, true, true, UI_IN_PROMPT, UI_COMPLETE_BACK},
	{KEY_LEFT, true, true, UI_IN_PROMPT, UI_LEFT},
	{KEY_RIGHT, true, true, UI_IN_PROMPT, UI_RIGHT},
	{CTRL('A'), false, true, UI_IN_PROMPT, UI_FIRST},
	{CTRL('E'), false, true, UI_IN_PROMPT, UI_LAST},
	{CTRL('W'), false, true, UI_IN_PROMPT, UI_ERASE_WORD},
	{CTRL('K'), false, true, UI_IN_PROMPT, UI_ERASE_REST},
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
	{'\r', false, true, UI_IN_ALL, UI_OPEN},
	{'\n', false, true, UI_IN_ALL, UI_OPEN},
	{KEY_ENTER, true, true, UI_IN_ALL, UI_OPEN},
	{KEY_RIGHT, true, true, UI_IN_MAIN | UI_IN_PICKER, UI_OPEN},
	{KEY_LEFT, true, false, UI_IN_MAIN, UI_LEFT},
	{' ', false, false, UI_IN_INDEX | UI_IN_READER, UI_FORWARD},
	{' ', false, false, UI_IN_JOURNAL | UI_IN_TRUST | UI_IN_COPIES | UI_IN_QUOTA, UI_PAGE_DOWN},
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
	{'d', false, false, UI_IN_INDEX | UI_IN_READER, UI_TRASH},
	{KEY_DC, true, false, UI_IN_INDEX | UI_IN_READER, UI_TRASH},
	{'D', false, false, UI_IN_INDEX | UI_IN_READER, UI_DELETE},
	{'A', false, false, UI_IN_INDEX | UI_IN_READER, UI_ARCHIVE},
	{'s', false, false, UI_IN_INDEX | UI_IN_READER, UI_MOVE},
	{'C', false, false, UI_IN_INDEX | UI_IN_READER, UI_COPY},
	{'u', false, false, UI_IN_MAIN, UI_UNDO},
	{CTRL('R'), false, false, UI_IN_MAIN, UI_REDO},
	{'/', false, false, UI_IN_INDEX | UI_IN_READER, UI_SEARCH},
	{'n', false, false, UI_IN_INDEX | UI_IN_READER, UI_SEARCH_NEXT},
	{'N', false, false, UI_IN_INDEX | UI_IN_READER, UI_SEARCH_PREVIOUS},
	{'l', false, false, UI_IN_INDEX, UI_LIMIT},
	{'o', false, false, UI_IN_INDEX, UI_ORDER},
	{'z', false, false, UI_IN_INDEX, UI_FOLD},
	{'Z', false, false, UI_IN_INDEX, UI_FOLD_ALL},
	{':', false, false, UI_IN_MAIN, UI_PROMPT},
	{'$', false, false, UI_IN_MAIN | UI_IN_COPIES | UI_IN_QUOTA, UI_GET_MAIL},
	{KEY_F(5), true, false, UI_IN_MAIN | UI_IN_COPIES | UI_IN_QUOTA, UI_GET_MAIL},
	{'w', false, false, UI_IN_MAIN, UI_OFFLINE},
	{'E', false, false, UI_IN_MAIN, UI_JOURNAL},
	{'?', false, false, UI_IN_ALL, UI_HELP},
	{KEY_F(1), true, true, UI_IN_ALL, UI_HELP},
	{'s', false, false, UI_IN_TRUST, UI_STOP},
	{'o', false, false, UI_IN_TRUST, UI_ONCE},
	{'t', false, false, UI_IN_TRUST, UI_TRUST},
	{'x', false, false, UI_IN_TRUST, UI_CHAIN},
	{KEY_BACKSPACE, true, true, UI_IN_TEXT, UI_ERASE},
	{127, false, true, UI_IN_TEXT, UI_ERASE},
	{'\b', false, true, UI_IN_TEXT, UI_ERASE},
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

static bool is_typing(unsigned context)
{
	return (context & UI_IN_TEXT) != 0;
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
	return key == 'g' && !is_function && !is_typing(context) && context != UI_IN_QUESTION;
}

/* The first key alone: the bar is short. */
static void add_hint(GString *bar, const struct ui_command_info *c, int w)
{
	g_auto(GStrv) first = g_strsplit(_(c->keys), ",", 2);
	g_autofree char *hint = g_strdup_printf(" %s %s ", first[0], _(c->hint));

	if (bz_text_width(bar->str) + bz_text_width(hint) <= w)
		g_string_append(bar, hint);
}

bool ui_command_is_here(const struct ui_command_info *c, const struct ui_where *at)
{
	return (c->contexts & at->context) != 0 &&
	       (c->contexts & (at->is_file ? UI_NOT_IN_FILE : UI_ONLY_IN_FILE)) == 0 &&
	       (c->needs == 0 || (c->needs & at->caps) != 0);
}

char *ui_command_hints(const struct ui_where *at, int w)
{
	GString *bar = g_string_new(NULL);
	size_t n;
	const struct ui_command_info *all = ui_commands(&n);

	for (size_t i = 0; i < n; i++)
		if (ui_command_is_here(&all[i], at) && all[i].hint != NULL &&
			(all[i].command != UI_CANCEL || (at->context & UI_IN_MAIN) == 0))
			add_hint(bar, &all[i], w);
	return g_string_free(bar, FALSE);
}

char *ui_command_after_prefix(const struct ui_where *at)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(after_g); i++)
		if (after_g[i].command == UI_FIRST ||
			((at->context & UI_IN_MAIN) != 0 && !at->is_file))
			g_string_append_printf(
				out, " %c %s ", (int)after_g[i].key, _(after_g[i].label));
	return g_string_free(out, FALSE);
}

/* --- by name ---------------------------------------------------------------------------------- */

/* Is name the beginning of one of the command's names? *whole: all of it. */
static bool is_name_of(const struct ui_command_info *c, const char *name, bool *whole)
{
	const char *names[] = {c->name + 1, _(c->name) + 1};
	size_t len = strlen(name);
	bool begins = false;

	*whole = false;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (g_ascii_strncasecmp(names[i], name, len) != 0)
			continue;
		begins = true;
		*whole = *whole || names[i][len] == '\0';
	}
	return begins;
}

const struct ui_command_info *ui_command_by_name(const char *name, const struct ui_where *at)
{
	const struct ui_command_info *only = NULL, *elsewhere = NULL;
	size_t n, begun = 0;
	const struct ui_command_info *all = ui_commands(&n);

	for (size_t i = 0; i < n; i++) {
		bool whole, here = ui_command_is_here(&all[i], at);

		if ((all[i].contexts & UI_IN_MAIN) == 0 || !is_name_of(&all[i], name, &whole))
			continue;
		if (whole && here)
			return &all[i];
		if (whole && elsewhere == NULL)
			elsewhere = &all[i]; /* it says itself why it does nothing here */
		if (here) {
			only = &all[i];
			begun++;
		}
	}
	return elsewhere != NULL ? elsewhere : begun == 1 && name[0] != '\0' ? only : NULL;
}

const char *ui_command_nearest(const char *name, const struct ui_where *at)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	size_t n;
	const struct ui_command_info *all = ui_commands(&n);

	for (size_t i = 0; i < n; i++)
		if (ui_command_is_here(&all[i], at)) {
			g_ptr_array_add(names, (gpointer)(_(all[i].name) + 1));
			g_ptr_array_add(names, (gpointer)(all[i].name + 1));
		}
	g_ptr_array_add(names, NULL);
	return bz_nearest(name, (const char *const *)(void *)names->pdata);
}
