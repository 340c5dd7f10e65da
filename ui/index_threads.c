/* Threads in the list: when they are shown, folding, the tree in front of a subject (UX
 * section 10). */
#include "src/lang.h"
#include "src/text.h"
#include "ui/app.h"

#include <string.h>

/* --- when they are shown ---------------------------------------------------------------------- */

enum bz_threading ui_index_threading(const struct ui_index *x)
{
	if (!x->wants_threads)
		return BZ_THREADS_NO;
	if (x->in_threads)
		return BZ_THREADS_KEEP;
	return !x->touched || x->regroup || x->listing == NULL ? BZ_THREADS_IF_WHOLE : BZ_THREADS_NO;
}

void ui_index_regroup(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	if (x->in_threads || x->limit != NULL || x->listing == NULL || x->listing_request != 0 ||
		bz_listing_size(x->listing) == 0 || bz_listing_has_holes(x->listing) ||
		ui_index_threading(x) != BZ_THREADS_IF_WHOLE)
		return;
	x->line = x->touched;
	ui_index_relist(app);
}

bool ui_index_note_flags(struct ui_index *x, const GArray *ids)
{
	struct bz_summary rows[UI_WINDOW];

	if (ids->len > UI_WINDOW ||
		bz_store_window(x->account->store, (const uint32_t *)(void *)ids->data, ids->len,
			rows, NULL) != 0)
		return false;
	bz_listing_set_unread(x->listing, rows, ids->len);
	for (guint i = 0; i < ids->len; i++)
		bz_summary_clear(&rows[i]);
	return true;
}

/* --- the tree --------------------------------------------------------------------------------- */

enum { LEVEL_W = 3, LEVELS_MAX = 40 };

static char *folded_words(const struct bz_branch *branch)
{
	if (branch->unread == 0)
		return g_strdup_printf("[%u] ", branch->messages);
	return g_strdup_printf(_("[%u, %u new] "), branch->messages, branch->unread);
}

static const char *rail(bool last, bool own)
{
	if (bz_text_ascii())
		return own ? (last ? "`- " : "|- ") : last ? "   " : "|  ";
	return own ? (last ? "└─ " : "├─ ") : last ? "   " : "│  ";
}

char *ui_index_tree(const struct bz_listing *listing, uint32_t position, int w)
{
	bool last[LEVELS_MAX];
	struct bz_branch branch;
	GString *out;

	bz_listing_branch(listing, position, &branch);
	if (branch.folded)
		return folded_words(&branch);
	if (branch.depth > LEVELS_MAX || (int)branch.depth * LEVEL_W > w / 3)
		return g_strdup_printf("%s%u ", bz_text_ascii() ? ">" : "»", branch.depth);
	out = g_string_new(NULL);
	bz_listing_rails(listing, position, branch.depth, last);
	for (uint32_t i = 0; i < branch.depth; i++)
		g_string_append(out, rail(last[i], i + 1 == branch.depth));
	return g_string_free(out, FALSE);
}

/* Behind "Re:", "Fwd: Re[2]:", "RV:": what languages put in front of a subject. */
static const char *bare(const char *subject)
{
	static const char *const marks[] = {"re", "fwd", "fw", "rv", "aw", "wg", "sv", "vs", "r"};

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		size_t n = strlen(marks[i]);
		const char *at = subject + n;

		if (g_ascii_strncasecmp(subject, marks[i], n) != 0)
			continue;
		if (*at == '[')
			at += 1 + strspn(at + 1, "0123456789") + 1;
		if (at > subject + n && at[-1] != ']')
			continue;
		if (*at != ':')
			continue;
		subject = at + 1 + strspn(at + 1, " ");
		i = SIZE_MAX; /* from the first mark on again */
	}
	return subject;
}

bool ui_index_repeats(const char *subject, const char *above)
{
	return subject[0] != '\0' && strcmp(bare(subject), bare(above)) == 0;
}

/* --- commands --------------------------------------------------------------------------------- */

static bool has_threads(struct ui_app *app)
{
	const struct ui_index *x = &app->index;

	if (x->listing != NULL && bz_listing_is_threads(x->listing))
		return true;
	ui_say(app, x->limit != NULL ? _("A limited list is in no threads. Esc shows all.")
				     : _("The list is in no threads. o shows them."));
	return false;
}

static void fold(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	if (!has_threads(app))
		return;
	if (bz_listing_fold(x->listing, x->pos))
		ui_index_changed(app);
	else
		ui_say(app, _("This thread is one message."));
}

static void fold_all(struct ui_app *app)
{
	if (!has_threads(app))
		return;
	if (bz_listing_fold_all(app->index.listing))
		ui_index_changed(app);
	else
		ui_say(app, _("Every thread here is one message."));
}

static void change_order(struct ui_app *app)
{
	struct ui_index *x = &app->index;

	if (x->limit != NULL) {
		ui_say(app, _("A limited list is in no threads. Esc shows all."));
		return;
	}
	x->wants_threads = !x->in_threads;
	x->order = x->wants_threads ? BZ_ORDER_THREADS : BZ_ORDER_ARRIVAL;
	x->in_threads = false;
	x->regroup = x->wants_threads;
	x->line = true;
	ui_index_relist(app);
	if (!x->wants_threads)
		ui_say(app, _("One row a message, newest first.  o threads"));
	else if (x->listing != NULL && bz_listing_has_holes(x->listing))
		ui_say(app, _("Threads come once all of this folder is known."));
	else
		ui_say(app, _("Threads, newest first.  o one row a message"));
}

bool ui_index_threads_command(struct ui_app *app, enum ui_command command)
{
	if (command == UI_FOLD)
		fold(app);
	else if (command == UI_FOLD_ALL)
		fold_all(app);
	else if (command == UI_ORDER)
		change_order(app);
	else
		return false;
	return true;
}
