/* `:`: every command by its name, with what may follow it. */
#include "src/fold.h"
#include "src/lang.h"
#include "src/text.h"
#include "ui/prompt.h"

#include <string.h>

static struct ui_where here(struct ui_app *app)
{
	return ui_app_where(app, app->focus);
}

/* --- names of commands ------------------------------------------------------------------------ */

/* Begun by what is typed, then holding it. */
static bool name_fits(const char *name, const char *typed, bool begins)
{
	bool prefix = g_ascii_strncasecmp(name, typed, strlen(typed)) == 0;
	g_autofree char *low = g_ascii_strdown(typed, -1);

	return begins ? prefix : !prefix && strstr(name, low) != NULL;
}

static void offer_command(GPtrArray *offers, const struct ui_command_info *c, const char *name)
{
	g_autofree char *text = g_strconcat(name, c->usage != NULL ? " " : "", NULL);
	g_autofree char *label = g_strconcat(
		name, c->usage != NULL ? " " : "", c->usage != NULL ? _(c->usage) : "", NULL);

	ui_prompt_offer(offers, text, label, c->keys != NULL ? _(c->keys) : NULL, _(c->about));
}

static void offer_commands(struct ui_app *app, const char *typed, GPtrArray *offers)
{
	struct ui_where at = here(app);
	size_t n;
	const struct ui_command_info *all = ui_commands(&n);

	for (int begins = 1; begins >= 0; begins--)
		for (size_t i = 0; i < n; i++) {
			const char *own = _(all[i].name) + 1, *english = all[i].name + 1;

			if (!ui_command_is_here(&all[i], &at) || all[i].command == UI_PROMPT)
				continue;
			if (name_fits(own, typed, begins != 0))
				offer_command(offers, &all[i], own);
			else if (typed[0] != '\0' && name_fits(english, typed, begins != 0) &&
				 !name_fits(own, typed, begins == 0))
				offer_command(offers, &all[i], english);
		}
}

/* --- what follows them ------------------------------------------------------------------------ */

static bool begins_folded(const char *name, const char *typed)
{
	g_autofree char *a = bz_fold(name), *b = bz_fold(typed);

	return g_str_has_prefix(a, b);
}

static void offer_folders(const struct ui_account *a, const char *command, const char *typed,
	bool with_account, GPtrArray *offers)
{
	for (guint i = 0; a->folders != NULL && i < a->folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(a->folders, i);
		g_autofree char *title = ui_app_folder_title(f);
		g_autofree char *name = with_account
						? g_strdup_printf("%s > %s", a->account->id, title)
						: g_strdup(title);
		g_autofree char *text = g_strdup_printf("%s %s", command, name);

		if (f->selectable && (begins_folded(name, typed) || begins_folded(title, typed)))
			ui_prompt_offer(offers, text, name, NULL, NULL);
	}
}

static void offer_accounts(
	struct ui_app *app, const char *command, const char *typed, GPtrArray *offers)
{
	for (int i = 0; i < app->n; i++) {
		const char *id = app->accounts[i].account->id;
		g_autofree char *text = g_strdup_printf("%s %s", command, id);

		if (begins_folded(id, typed))
			ui_prompt_offer(offers, text, id, NULL, NULL);
	}
}

/* As :import reads it: a backslash before what would end a word. */
static char *escaped(const char *name)
{
	GString *out = g_string_new(NULL);

	for (; *name != '\0'; name++) {
		if (strchr(" \t\"'\\#", *name) != NULL)
			g_string_append_c(out, '\\');
		g_string_append_c(out, *name);
	}
	return g_string_free(out, FALSE);
}

static char *unescaped(const char *typed)
{
	GString *out = g_string_new(NULL);

	for (; *typed != '\0'; typed++) {
		if (*typed == '\\' && typed[1] != '\0')
			typed++;
		g_string_append_c(out, *typed);
	}
	return g_string_free(out, FALSE);
}

static void offer_paths(
	struct ui_app *app, const char *command, const char *typed, GPtrArray *offers)
{
	g_autofree char *begun = unescaped(typed);
	const GPtrArray *names = ui_paths_find(app->paths, begun);

	for (guint i = 0; names != NULL && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);
		g_autofree char *word = escaped(name);
		g_autofree char *text = g_strdup_printf("%s %s", command, word);

		ui_prompt_offer(offers, text, name, NULL, NULL);
	}
}

static void offer_argument(struct ui_app *app, const struct ui_command_info *c, const char *command,
	const char *typed, GPtrArray *offers)
{
	switch (c->argument) {
	case UI_ARGUMENT_FOLDER:
		offer_folders(app->index.account, command, typed, false, offers);
		break;
	case UI_ARGUMENT_ANY_FOLDER:
		for (int i = 0; i < app->n; i++)
			offer_folders(&app->accounts[i], command, typed, app->n > 1, offers);
		break;
	case UI_ARGUMENT_ACCOUNT:
		offer_accounts(app, command, typed, offers);
		break;
	case UI_ARGUMENT_PATH:
		offer_paths(app, command, typed, offers);
		break;
	default:
		break;
	}
}

static void offer(struct ui_app *app, const char *text, GPtrArray *offers)
{
	const char *blank = strchr(text, ' ');
	g_autofree char *name =
		g_strndup(text, blank != NULL ? (gsize)(blank - text) : strlen(text));
	struct ui_where at = here(app);
	const struct ui_command_info *c;

	if (blank == NULL) {
		offer_commands(app, text, offers);
		return;
	}
	c = ui_command_by_name(name, &at);
	if (c != NULL)
		offer_argument(app, c, name, blank + strspn(blank, " "), offers);
}

/* --- running ---------------------------------------------------------------------------------- */

static void accept(struct ui_app *app, const char *text)
{
	const char *typed = text + strspn(text, " :");
	const char *blank = strchr(typed, ' ');
	g_autofree char *name =
		g_strndup(typed, blank != NULL ? (gsize)(blank - typed) : strlen(typed));
	const char *argument = blank != NULL ? blank + strspn(blank, " ") : NULL;
	struct ui_where at = here(app);
	const struct ui_command_info *c = ui_command_by_name(name, &at);
	const char *nearest;

	if (name[0] == '\0')
		return;
	if (c != NULL) {
		ui_run(app, c->command, argument != NULL && argument[0] != '\0' ? argument : NULL);
		return;
	}
	nearest = ui_command_nearest(name, &at);
	if (nearest != NULL)
		ui_say(app, _("There is no command :%s. Did you mean :%s?"), name, nearest);
	else
		ui_say(app, _("There is no command :%s. : and Tab list them."), name);
}

struct ui_view *ui_palette_new(struct ui_app *app, const char *text)
{
	static const struct ui_prompt_kind kind = {
		.mark = ':', .label = ":", .offer = offer, .accept = accept};

	ui_paths_free(app->paths); /* what files there are is looked up again */
	app->paths = ui_paths_new(app->bag);
	return ui_prompt_new(app, &kind, text);
}
