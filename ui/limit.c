/* `l`: only the messages that are meant stay in the list. */
#include "src/lang.h"
#include "ui/find.h"

#include <string.h>

static void changed(struct ui_app *app, const char *text)
{
	ui_find_ask(app, text, NULL);
}

static char *state(struct ui_app *app, const char *text)
{
	(void)text;
	return ui_find_words(app);
}

void ui_limit_set(struct ui_app *app, const char *words)
{
	struct ui_index *x = &app->index;

	ui_find_clear(app);
	ui_asking_stop(app, false);
	x->asked = UI_ASKED_NOT;
	g_free(x->limit);
	x->limit = words != NULL && words[strspn(words, " ")] != '\0' ? g_strdup(words) : NULL;
	ui_index_relist(app);
	if (x->limit == NULL)
		ui_say(app, _("All messages are shown."));
}

static void accept(struct ui_app *app, const char *text)
{
	if (app->find.wrong != NULL)
		ui_say(app, "%s", app->find.wrong);
	else
		ui_limit_set(app, text);
}

static void cancel(struct ui_app *app)
{
	ui_find_clear(app);
}

/* What limits the list already stands there: a word more narrows it. */
static char *begun(const struct ui_index *x)
{
	if (x->limit == NULL)
		return g_strdup("");
	return strstr(x->limit, " or ") != NULL || strstr(x->limit, " o ") != NULL
		       ? g_strdup_printf("(%s) ", x->limit)
		       : g_strdup_printf("%s ", x->limit);
}

void ui_limit_prompt(struct ui_app *app)
{
	static const struct ui_prompt_kind kind = {.mark = 'l',
		.label = N_("limit: "),
		.changed = changed,
		.accept = accept,
		.cancel = cancel,
		.state = state};
	g_autofree char *text = begun(&app->index);

	ui_find_clear(app);
	ui_push(app, ui_prompt_new(app, &kind, text));
}
