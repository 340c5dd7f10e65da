/* Sections, keys and raw values line by line, each with its number; then what they mean. (GKeyFile
 * gives no line numbers and merges duplicates without a word, so it would only read again.) */
#include "src/lang.h"
#include "src/nearest.h"
#include "src/paths.h"
#include "src/secret.h"
#include "src/settings_private.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct key {
	int line;
	char *name;
	char *value; /* raw: blanks around it stripped, nothing unescaped */
};

struct section {
	int line;
	char *title;     /* inside the brackets */
	char *account;   /* NAME of [account "NAME"], or NULL */
	GPtrArray *keys; /* struct key * */
};

static const char *const account_keys[] = {"protocol", "server", "security", "user", "name",
	"address", "password", "password-command", "tls-ca-file", "mbox", "leave-on-server", "smtp",
	NULL};
static const char *const buzon_keys[] = {"language", "theme", "glyphs", "log", NULL};

static void key_free(void *data)
{
	struct key *k = data;

	g_free(k->name);
	explicit_bzero(k->value, strlen(k->value)); /* it may be a password */
	g_free(k->value);
	g_free(k);
}

static void section_free(void *data)
{
	struct section *s = data;

	g_free(s->title);
	g_free(s->account);
	g_ptr_array_unref(s->keys);
	g_free(s);
}

/* --- faults ----------------------------------------------------------------------------------- */

static void suggest(
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

static struct section *new_section(struct bz_reading *r, GPtrArray *sections, int line, char *title)
{
	static const char *const titles[] = {"buzon", "account \"NAME\"", NULL};
	struct section *s = g_new0(struct section, 1);
	size_t n = strlen(title);

	s->line = line;
	s->title = title;
	s->keys = g_ptr_array_new_with_free_func(key_free);
	if (g_str_has_prefix(title, "account \"") && n > 10 && title[n - 1] == '"')
		s->account = g_strndup(title + 9, n - 10);
	else if (strcmp(title, "buzon") != 0)
		suggest(r, line, g_strdup_printf(_("unknown section [%s]"), title), title, titles);
	for (guint i = 0; i < sections->len; i++) {
		const struct section *old = g_ptr_array_index(sections, i);

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

static void new_key(struct bz_reading *r, struct section *s, int line, const char *text)
{
	const char *eq = strchr(text, '=');
	struct key *k;

	if (eq == NULL) {
		bz_problem_add(r, line, _("no \"=\" in this line; write: key = value"));
		return;
	}
	if (s == NULL) {
		bz_problem_add(r, line, _("this stands before any [section]"));
		return;
	}
	k = g_new0(struct key, 1);
	k->line = line;
	k->name = g_strchomp(g_strndup(text, (gsize)(eq - text)));
	k->value = g_strchug(g_strdup(eq + 1));
	if (has_control(k->value))
		bz_problem_add(r, line, _("\"%s\" contains a control character"), k->name);
	for (guint i = 0; i < s->keys->len; i++) {
		const struct key *old = g_ptr_array_index(s->keys, i);

		if (strcmp(old->name, k->name) == 0)
			bz_problem_add(
				r, line, _("\"%s\" is already in line %d"), k->name, old->line);
	}
	g_ptr_array_add(s->keys, k);
}

static void read_line(
	struct bz_reading *r, GPtrArray *sections, struct section **s, int number, char *line)
{
	g_strstrip(line);
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (line[0] != '[') {
		new_key(r, *s, number, line);
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
	struct section *s = NULL;

	for (int i = 0; lines[i] != NULL; i++) {
		read_line(r, sections, &s, i + 1, lines[i]);
		explicit_bzero(lines[i], strlen(lines[i]));
	}
	return sections;
}

/* --- what they mean --------------------------------------------------------------------------- */

static const struct key *find(const struct section *s, const char *name)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const struct key *k = g_ptr_array_index(s->keys, i);

		if (strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

static char *value_of(const struct section *s, const char *name)
{
	const struct key *k = find(s, name);

	return k != NULL && k->value[0] != '\0' ? g_strdup(k->value) : NULL;
}

static char *path_of(const struct section *s, const char *name)
{
	g_autofree char *value = value_of(s, name);

	if (value == NULL)
		return NULL;
	if (g_str_has_prefix(value, "~/"))
		return g_canonicalize_filename(value + 2, g_get_home_dir());
	return g_canonicalize_filename(value, g_get_home_dir());
}

/* One of names, or -1 with the fault noted; def when the key is absent. */
static int choice(struct bz_reading *r, const struct section *s, const char *name,
	const char *const *names, int def)
{
	const struct key *k = find(s, name);

	if (k == NULL)
		return def;
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], k->value) == 0)
			return i;
	suggest(r, k->line, g_strdup_printf(_("\"%s\" cannot be \"%s\""), name, k->value), k->value,
		names);
	return -1;
}

/* A fault is noted already: reading goes on with the first. */
static int choice_or_first(
	struct bz_reading *r, const struct section *s, const char *key, const char *const *values)
{
	int chosen = choice(r, s, key, values, 0);

	return MAX(chosen, 0);
}

static void check_names(struct bz_reading *r, const struct section *s, const char *const *names)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const struct key *k = g_ptr_array_index(s->keys, i);

		if (g_strv_contains(names, k->name))
			continue;
		suggest(r, k->line,
			s->account != NULL
				? g_strdup_printf(_("unknown key \"%s\" in account \"%s\""),
					  k->name, s->account)
				: g_strdup_printf(
					  _("unknown key \"%s\" in [%s]"), k->name, s->title),
			k->name, names);
	}
}

/* HOST, HOST:PORT, [IPV6], [IPV6]:PORT. */
static bool split_server(const char *value, char **host, uint16_t *port)
{
	const char *rest;
	guint64 n;

	if (value[0] == '[') {
		const char *close = strchr(value, ']');

		if (close == NULL)
			return false;
		*host = g_strndup(value + 1, (gsize)(close - value - 1));
		rest = close + 1;
		if (strchr(*host, ':') == NULL || !g_hostname_is_ip_address(*host))
			return false;
	} else {
		size_t len = strcspn(value, ":");

		*host = g_strndup(value, len);
		rest = value + len;
	}
	if ((*host)[0] == '\0' || strpbrk(*host, " \t/@\"\\") != NULL)
		return false;
	if (rest[0] == '\0')
		return true;
	if (rest[0] != ':' || !g_ascii_string_to_unsigned(rest + 1, 10, 1, 65535, &n, NULL))
		return false;
	*port = (uint16_t)n;
	return true;
}

/* An address of this computer, not a name that begins like one. */
static bool is_loopback(const char *host)
{
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);

	return g_ascii_strcasecmp(host, "localhost") == 0 ||
	       (address != NULL && g_inet_address_get_is_loopback(address));
}

static void bad_server(struct bz_reading *r, const struct key *k)
{
	if (g_hostname_is_ip_address(k->value)) /* IPv6, or it would have been taken */
		bz_problem_add(r, k->line,
			_("\"%s\": write \"%s = [%s]\", an IPv6 address stands in brackets"),
			k->value, k->name, k->value);
	else
		bz_problem_add(
			r, k->line, _("\"%s\" is no server; write HOST or HOST:PORT"), k->value);
}

static void read_server(struct bz_reading *r, const struct section *s, struct bz_account *a)
{
	static const uint16_t ports[2][2] = {{993, 143}, {995, 110}}; /* protocol, in clear first */
	const struct key *k = find(s, "server");
	g_autofree char *smtp = value_of(s, "smtp");
	g_autofree char *smtp_host = NULL;
	uint16_t smtp_port = 465;

	a->port = ports[a->protocol == BZ_PROTOCOL_POP][a->security != BZ_SECURITY_TLS];
	if (k == NULL || k->value[0] == '\0')
		bz_problem_add(r, s->line, _("account \"%s\" names no server; add: server = HOST"),
			s->account);
	else if (!split_server(k->value, &a->host, &a->port))
		bad_server(r, k);
	else if (a->security == BZ_SECURITY_NONE && !is_loopback(a->host))
		bz_problem_add(r, find(s, "security")->line,
			_("\"security = none\" is for servers on this computer only"));
	if (smtp != NULL && !split_server(smtp, &smtp_host, &smtp_port))
		bad_server(r, find(s, "smtp"));
}

static void read_password(struct bz_reading *r, const struct section *s, struct bz_account *a)
{
	const struct key *k = find(s, "password");

	a->password_command = value_of(s, "password-command");
	if (k == NULL)
		return;
	if (!r->private)
		bz_problem_add(r, k->line,
			_("others may read this file and it holds a password; run: chmod 600 %s"),
			r->path);
	else if (a->password_command != NULL)
		bz_problem_add(
			r, k->line, _("give \"password\" or \"password-command\", not both"));
	a->password = bz_secret_new(k->value, -1);
}

static void read_user(struct bz_reading *r, const struct section *s, struct bz_account *a)
{
	a->name = value_of(s, "name");
	a->address = value_of(s, "address");
	a->user = value_of(s, "user");
	if (a->user == NULL && a->address != NULL)
		a->user = g_strdup(a->address);
	if (a->user == NULL)
		bz_problem_add(r, s->line,
			_("account \"%s\" names no user; add: address = YOU@HOST, or: user = NAME"),
			s->account);
	else if (strlen(a->user) > 255)
		bz_problem_add(
			r, s->line, _("the user name of account \"%s\" is too long"), s->account);
}

static void read_local(struct bz_reading *r, const struct section *s, struct bz_account *a)
{
	static const char *const kept[] = {"forever", NULL};
	static const char *const pop_only[] = {"mbox", "leave-on-server"};

	if (a->protocol == BZ_PROTOCOL_POP) {
		const struct key *k = find(s, "leave-on-server");

		a->mbox = path_of(s, "mbox");
		if (a->mbox == NULL)
			a->mbox = bz_path(BZ_DIR_DATA, a->dirname, "inbox.mbox", NULL);
		if (k != NULL && !g_strv_contains(kept, k->value))
			bz_problem_add(r, k->line,
				_("\"leave-on-server = %s\" is not possible yet: this version "
				  "never deletes anything on the server; write: leave-on-server "
				  "= forever"),
				k->value);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(pop_only); i++) {
		const struct key *k = find(s, pop_only[i]);

		if (k != NULL)
			bz_problem_add(r, k->line, _("\"%s\" is for POP accounts only"), k->name);
	}
}

/* A folder's name for the account: letters, digits, . _ - of it, and never the same twice. */
static char *safe_dirname(const struct bz_reading *r, const char *id)
{
	GString *out = g_string_new(NULL);
	bool same = true;

	for (const char *p = id; *p != '\0' && out->len < 60; p++) {
		bool plain = g_ascii_isalnum(*p) || strchr("_-", *p) != NULL ||
			     (*p == '.' && out->len > 0);

		g_string_append_c(out, plain ? g_ascii_tolower(*p) : '_');
		same = same && plain;
	}
	for (guint i = 0; i < r->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(r->settings->accounts, i);

		same = same && strcmp(a->dirname, out->str) != 0;
	}
	if (!same) {
		g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);

		g_string_append_printf(out, "-%.8s", sum);
	}
	return g_string_free(out, FALSE);
}

/* The path with the links of its folder followed: the file itself may not be there yet. */
static char *resolved(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
	g_autofree char *real = realpath(dir, NULL); /* GLib's g_free is free */

	return g_build_filename(real != NULL ? real : dir, name, NULL);
}

static bool is_same_mbox(const char *one, const char *other)
{
	g_autofree char *a = resolved(one), *b = resolved(other);
	struct stat x, y;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void check_mboxes(struct bz_reading *r, const struct section *s, const struct bz_account *a)
{
	for (guint i = 0; i < r->settings->accounts->len && a->mbox != NULL; i++) {
		const struct bz_account *old = g_ptr_array_index(r->settings->accounts, i);
		const struct key *k = find(s, "mbox");

		if (old->mbox != NULL && is_same_mbox(old->mbox, a->mbox))
			bz_problem_add(r, k != NULL ? k->line : s->line,
				_("accounts \"%s\" and \"%s\" have the same mbox"), old->id, a->id);
	}
}

static void read_account(struct bz_reading *r, const struct section *s)
{
	static const char *const protocols[] = {"imap", "pop", NULL};
	static const char *const securities[] = {"tls", "starttls", "none", NULL};
	struct bz_account *a = g_new0(struct bz_account, 1);
	int protocol = choice(r, s, "protocol", protocols, -2);

	check_names(r, s, account_keys);
	if (protocol == -2)
		bz_problem_add(r, s->line,
			_("account \"%s\" names no protocol; add: protocol = imap, or: protocol = "
			  "pop"),
			s->account);
	a->id = g_strdup(s->account);
	a->dirname = safe_dirname(r, a->id);
	a->protocol = protocol == 1 ? BZ_PROTOCOL_POP : BZ_PROTOCOL_IMAP;
	a->security = (enum bz_security)choice_or_first(r, s, "security", securities);
	a->tls_ca_file = path_of(s, "tls-ca-file");
	read_server(r, s, a);
	read_user(r, s, a);
	read_password(r, s, a);
	if (protocol >= 0) {
		read_local(r, s, a);
		check_mboxes(r, s, a);
	}
	g_ptr_array_add(r->settings->accounts, a);
}

static void read_buzon(struct bz_reading *r, const struct section *s)
{
	static const char *const languages[] = {"en", "es", NULL};
	static const char *const themes[] = {"auto", "mono", NULL};
	static const char *const glyphs[] = {"auto", "unicode", "ascii", NULL};
	int language = choice(r, s, "language", languages, -1);

	check_names(r, s, buzon_keys);
	g_free(r->settings->language); /* of a section twice there, a fault told already */
	g_free(r->settings->log);
	r->settings->language = language >= 0 ? g_strdup(languages[language]) : NULL;
	r->settings->theme = (enum bz_theme)choice_or_first(r, s, "theme", themes);
	r->settings->glyphs = (enum bz_glyphs)choice_or_first(r, s, "glyphs", glyphs);
	r->settings->log = path_of(s, "log");
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
		const struct section *s = g_ptr_array_index(sections, i);

		if (s->account != NULL)
			read_account(r, s);
		else if (strcmp(s->title, "buzon") == 0)
			read_buzon(r, s);
	}
	if (r->settings->accounts->len == 0 && r->problems->len == 0)
		bz_problem_add(r, 1, _("no account here; add a section [account \"NAME\"]"));
	g_ptr_array_unref(sections);
}
