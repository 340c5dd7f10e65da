/* [rule "NAME"]: what becomes of new POP mail. */
#include "src/lang.h"
#include "src/limit.h"
#include "src/settings_private.h"

#include <string.h>

static const char *const rule_keys[] = {"account", "match", "folder", "flag", "read", NULL};

/* Where nothing is said, for the line of the section. */
static void read_match(struct bz_reading *r, const struct bz_section *s, struct bz_rule *rule)
{
	const struct bz_key *k = bz_section_find(s, "match");
	struct bz_err err = {0};
	struct bz_limit *limit;
	int column = 0;

	if (k == NULL || k->value[0] == '\0') {
		bz_problem_add(r, s->line,
			_("rule \"%s\" says no messages; add: match = from:NAME, or other words"),
			s->rule);
		return;
	}
	rule->match = g_strdup(k->value);
	limit = bz_limit_parse(rule->match, g_get_real_time() / G_USEC_PER_SEC, &column, &err);
	if (limit == NULL)
		bz_problem_add_at(r, k->line, k->column + column - 1, err.text);
	bz_limit_free(limit);
}

static void read_folder(struct bz_reading *r, const struct bz_section *s, struct bz_rule *rule)
{
	const struct bz_key *k = bz_section_find(s, "folder");

	rule->folder = bz_section_value(s, "folder");
	rule->flag = bz_section_yes(r, s, "flag");
	rule->read = bz_section_yes(r, s, "read");
	if (rule->folder != NULL && g_ascii_strcasecmp(rule->folder, "inbox") == 0)
		bz_problem_add(
			r, k->line, _("new mail is in the Inbox already; name another folder"));
	if (rule->folder == NULL && !rule->flag && !rule->read)
		bz_problem_add(r, s->line,
			_("rule \"%s\" does nothing; add: folder = NAME, flag = yes, or read = yes"),
			s->rule);
}

static const struct bz_account *find_account(struct bz_reading *r, const struct bz_key *k)
{
	const struct bz_account *a = bz_settings_account(r->settings, k->value);
	GPtrArray *names;

	if (a != NULL && a->protocol != BZ_PROTOCOL_POP)
		bz_problem_add(r, k->line,
			_("\"%s\" is an IMAP account; rules file mail that POP downloads"), a->id);
	if (a != NULL)
		return a;
	names = g_ptr_array_new();
	for (guint i = 0; i < r->settings->accounts->len; i++)
		g_ptr_array_add(names,
			((struct bz_account *)g_ptr_array_index(r->settings->accounts, i))->id);
	g_ptr_array_add(names, NULL);
	bz_problem_suggest(r, k->line, g_strdup_printf(_("there is no account \"%s\""), k->value),
		k->value, (const char *const *)names->pdata);
	g_ptr_array_unref(names);
	return NULL;
}

static void add_to(struct bz_account *a, struct bz_rule *rule)
{
	if (a->rules == NULL)
		a->rules = g_ptr_array_new();
	g_ptr_array_add(a->rules, rule);
}

void bz_settings_read_rule(struct bz_reading *r, const struct bz_section *s)
{
	const struct bz_key *k = bz_section_find(s, "account");
	const struct bz_account *only = NULL;
	struct bz_rule *rule = g_new0(struct bz_rule, 1);

	bz_section_check(r, s, rule_keys);
	rule->name = g_strdup(s->rule);
	read_match(r, s, rule);
	read_folder(r, s, rule);
	if (k != NULL)
		only = find_account(r, k);
	rule->account = only != NULL ? g_strdup(only->id) : NULL;
	for (guint i = 0; i < r->settings->accounts->len; i++) {
		struct bz_account *a = g_ptr_array_index(r->settings->accounts, i);

		if (a->protocol == BZ_PROTOCOL_POP && (k == NULL || a == only))
			add_to(a, rule);
	}
	g_ptr_array_add(r->settings->rules, rule);
}
