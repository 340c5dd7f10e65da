/* Sections, keys and raw values line by line, each with its number; then what they mean. (GKeyFile
 * gives no line numbers and merges duplicates without a word, so it would only read again.) */
#include "src/lang.h"
#include "src/nearest.h"
#include "src/settings_private.h"

#include <string.h>

static const char *const buzon_keys[] = {"language", "theme", "glyphs", "threads", "log", NULL};

static void key_free(void *data)
{
	struct bz_key *k = data;

	g_free(k->name);
	explicit_bzero(k->value, strlen(k->value)); /* it may be a password */
	g_free(k->value);
	g_free(k);
}

static void section_free(void *data)
{
	struct bz_section *s = data;

	g_free(s->title);
	g_free(s->account);
	g_free(s->rule);
	g_ptr_array_unref(s->keys);
	g_free(s);
}

/* --- faults ----------------------------------------------------------------------------------- */

void bz_problem_suggest(
	struct bz_reading *r, int line, char *text, const char *word, const char *const *names)
{
	const char *near = bz_nearest(word, names);

	if (near != NULL)
		bz_problem_add(r, line, _("%s; did you mean \"%s\"?"), text, near);
	else
		bz_problem_add(r, line, "%s", text);
	g_free(text);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* NAME of `KIND "NAME"`, begin being the text up to it; NULL when it is another title. */
static char *name_in(const char *title, const char *begin)
{
	size_t from = strlen(begin), n = strlen(title);

	if (!g_str_has_prefix(title, begin) || n < from + 2 || title[n - 1] != '"')
		return NULL;
	return g_strndup(title + from, n - from - 1);
}

static struct bz_section *new_section(
	struct bz_reading *r, GPtrArray *sections, int line, char *title)
{
	static const char *const titles[] = {"buzon", "account \"NAME\"", "rule \"NAME\"", NULL};
	struct bz_section *s = g_new0(struct bz_section, 1);

	s->line = line;
	s->title = title;
	s->keys = g_ptr_array_new_with_free_func(key_free);
	s->account = name_in(title, "account \"");
	s->rule = name_in(title, "rule \"");
	if (s->account == NULL && s->rule == NULL && strcmp(title, "buzon") != 0)
		bz_problem_suggest(
			r, line, g_strdup_printf(_("unknown section [%s]"), title), title, titles);
	for (guint i = 0; i < sections->len; i++) {
		const struct bz_section *old = g_ptr_array_index(sections, i);

		if (g_ascii_strcasecmp(old->title, title) == 0)
			bz_problem_add(
				r, line, _("section [%s] is already in line %d"), title, old->line);
	}
	g_ptr_array_add(sections, s);
	return s;
}

static bool has_control(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return true;
	return false;
}

static void new_key(
	struct bz_reading *r, struct bz_section *s, int line, int indent, const char *text)
{
	const char *eq = strchr(text, '=');
	struct bz_key *k;

	if (eq == NULL) {
		bz_problem_add(r, line, _("no \"=\" in this line; write: key = value"));
		return;
	}
	if (s == NULL) {
		bz_problem_add(r, line, _("this stands before any [section]"));
		return;
	}
	k = g_new0(struct bz_key, 1);
	k->line = line;
	k->name = g_strchomp(g_strndup(text, (gsize)(eq - text)));
	k->value = g_strchug(g_strdup(eq + 1));
	k->column =
		indent + 1 + (int)g_utf8_strlen(text, (gssize)(strlen(text) - strlen(k->value)));
	if (has_control(k->value))
		bz_problem_add(r, line, _("\"%s\" contains a control character"), k->name);
	for (guint i = 0; i < s->keys->len; i++) {
		const struct bz_key *old = g_ptr_array_index(s->keys, i);

		if (strcmp(old->name, k->name) == 0)
			bz_problem_add(
				r, line, _("\"%s\" is already in line %d"), k->name, old->line);
	}
	g_ptr_array_add(s->keys, k);
}

static void read_line(
	struct bz_reading *r, GPtrArray *sections, struct bz_section **s, int number, char *line)
{
	int indent = (int)strspn(line, " \t");

	g_strstrip(line);
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (line[0] != '[') {
		new_key(r, *s, number, indent, line);
		return;
	}
	if (line[strlen(line) - 1] != ']') {
		bz_problem_add(r, number, _("no \"]\" at the end of this line"));
		return;
	}
	*s = new_section(r, sections, number, g_strndup(line + 1, strlen(line) - 2));
}

static GPtrArray *read_lines(struct bz_reading *r, const char *text)
{
	GPtrArray *sections = g_ptr_array_new_with_free_func(section_free);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	struct bz_section *s = NULL;

	for (int i = 0; lines[i] != NULL; i++) {
		read_line(r, sections, &s, i + 1, lines[i]);
		explicit_bzero(lines[i], strlen(lines[i]));
	}
	return sections;
}

/* --- what they mean --------------------------------------------------------------------------- */

const struct bz_key *bz_section_find(const struct bz_section *s, const char *name)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const struct bz_key *k = g_ptr_array_index(s->keys, i);

		if (strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

char *bz_section_value(const struct bz_section *s, const char *name)
{
	const struct bz_key *k = bz_section_find(s, name);

	return k != NULL && k->value[0] != '\0' ? g_strdup(k->value) : NULL;
}

char *bz_section_path(const struct bz_section *s, const char *name)
{
	g_autofree char *value = bz_section_value(s, name);

	if (value == NULL)
		return NULL;
	if (g_str_has_prefix(value, "~/"))
		return g_canonicalize_filename(value + 2, g_get_home_dir());
	return g_canonicalize_filename(value, g_get_home_dir());
}

int bz_section_choice(struct bz_reading *r, const struct bz_section *s, const char *name,
	const char *const *names, int def)
{
	const struct bz_key *k = bz_section_find(s, name);

	if (k == NULL)
		return def;
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], k->value) == 0)
			return i;
	bz_problem_suggest(r, k->line,
		g_strdup_printf(_("\"%s\" cannot be \"%s\""), name, k->value), k->value, names);
	return -1;
}

int bz_section_choose(struct bz_reading *r, const struct bz_section *s, const char *key,
	const char *const *values)
{
	int chosen = bz_section_choice(r, s, key, values, 0);

	return MAX(chosen, 0);
}

bool bz_section_yes(struct bz_reading *r, const struct bz_section *s, const char *name)
{
	static const char *const answers[] = {"no", "yes", NULL};

	return bz_section_choose(r, s, name, answers) == 1;
}

void bz_section_check(struct bz_reading *r, const struct bz_section *s, const char *const *names)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const struct bz_key *k = g_ptr_array_index(s->keys, i);

		if (g_strv_contains(names, k->name))
			continue;
		bz_problem_suggest(r, k->line,
			s->account != NULL
				? g_strdup_printf(_("unknown key \"%s\" in account \"%s\""),
					  k->name, s->account)
				: g_strdup_printf(
					  _("unknown key \"%s\" in [%s]"), k->name, s->title),
			k->name, names);
	}
}

static void read_buzon(struct bz_reading *r, const struct bz_section *s)
{
	static const char *const languages[] = {"en", "es", NULL};
	static const char *const themes[] = {"auto", "mono", NULL};
	static const char *const glyphs[] = {"auto", "unicode", "ascii", NULL};
	static const char *const answers[] = {"yes", "no", NULL};
	int language = bz_section_choice(r, s, "language", languages, -1);

	bz_section_check(r, s, buzon_keys);
	g_free(r->settings->language); /* of a section twice there, a fault told already */
	g_free(r->settings->log);
	r->settings->language = language >= 0 ? g_strdup(languages[language]) : NULL;
	r->settings->theme = (enum bz_theme)bz_section_choose(r, s, "theme", themes);
	r->settings->glyphs = (enum bz_glyphs)bz_section_choose(r, s, "glyphs", glyphs);
	r->settings->threads = bz_section_choose(r, s, "threads", answers) == 0;
	r->settings->log = bz_section_path(s, "log");
}

static int line_of(const char *text, const char *place)
{
	int line = 1;

	for (const char *p = text; p < place; p++)
		line += *p == '\n';
	return line;
}

void bz_settings_read(struct bz_reading *r, const char *text)
{
	GPtrArray *sections;
	const char *bad;

	if (g_str_has_prefix(text, "\xef\xbb\xbf"))
		text += 3;
	if (!g_utf8_validate(text, -1, &bad)) {
		bz_problem_add(r, line_of(text, bad), _("this line is not UTF-8"));
		return;
	}
	sections = read_lines(r, text);
	for (guint i = 0; i < sections->len; i++) {
		const struct bz_section *s = g_ptr_array_index(sections, i);

		if (s->account != NULL)
			bz_settings_read_account(r, s);
		else if (strcmp(s->title, "buzon") == 0)
			read_buzon(r, s);
	}
	for (guint i = 0; i < sections->len; i++) { /* they name accounts */
		const struct bz_section *s = g_ptr_array_index(sections, i);

		if (s->rule != NULL)
			bz_settings_read_rule(r, s);
	}
	if (r->settings->accounts->len == 0 && r->problems->len == 0)
		bz_problem_add(r, 1, _("no account here; add a section [account \"NAME\"]"));
	g_ptr_array_unref(sections);
}
