/* [account "NAME"]: what its keys mean. */
#include "src/lang.h"
#include "src/nearest.h"
#include "src/paths.h"
#include "src/secret.h"
#include "src/settings_private.h"
#include "src/units.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const account_keys[] = {"protocol", "server", "security", "user", "name",
	"address", "password", "password-command", "tls-ca-file", "mbox", "check-every",
	"leave-on-server", "fetch-order", "max-size", "body-cache", "keep", "keep-bodies", "sent",
	"drafts", "trash", "archive", "junk", "smtp", NULL};
/* Where the mail stays on the server these mean nothing. */
static const char *const role_keys[BZ_ROLES] = {[BZ_ROLE_SENT] = "sent",
	[BZ_ROLE_DRAFTS] = "drafts",
	[BZ_ROLE_TRASH] = "trash",
	[BZ_ROLE_ARCHIVE] = "archive",
	[BZ_ROLE_JUNK] = "junk"};
static const char *const pop_keys[] = {"mbox", "leave-on-server", "fetch-order", "max-size"};

enum { CHECK_EVERY = 300, CHECK_LEAST = 30, BODY_CACHE = 200000000, BODY_CACHE_LEAST = 1000000 };

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

static void bad_server(struct bz_reading *r, const struct bz_key *k)
{
	if (g_hostname_is_ip_address(k->value)) /* IPv6, or it would have been taken */
		bz_problem_add(r, k->line,
			_("\"%s\": write \"%s = [%s]\", an IPv6 address stands in brackets"),
			k->value, k->name, k->value);
	else
		bz_problem_add(
			r, k->line, _("\"%s\" is no server; write HOST or HOST:PORT"), k->value);
}

static void read_server(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	static const uint16_t ports[2][2] = {{993, 143}, {995, 110}}; /* protocol, in clear first */
	const struct bz_key *k = bz_section_find(s, "server");
	g_autofree char *smtp = bz_section_value(s, "smtp");
	g_autofree char *smtp_host = NULL;
	uint16_t smtp_port = 465;

	a->port = ports[a->protocol == BZ_PROTOCOL_POP][a->security != BZ_SECURITY_TLS];
	if (k == NULL || k->value[0] == '\0')
		bz_problem_add(r, s->line, _("account \"%s\" names no server; add: server = HOST"),
			s->account);
	else if (!split_server(k->value, &a->host, &a->port))
		bad_server(r, k);
	else if (a->security == BZ_SECURITY_NONE && !is_loopback(a->host))
		bz_problem_add(r, bz_section_find(s, "security")->line,
			_("\"security = none\" is for servers on this computer only"));
	if (smtp != NULL && !split_server(smtp, &smtp_host, &smtp_port))
		bad_server(r, bz_section_find(s, "smtp"));
}

static void read_password(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	const struct bz_key *k = bz_section_find(s, "password");

	a->password_command = bz_section_value(s, "password-command");
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

static void read_user(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	a->name = bz_section_value(s, "name");
	a->address = bz_section_value(s, "address");
	a->user = bz_section_value(s, "user");
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

enum { NO_WORD = -1 };

/* One of names (NULL at the end), or how many they are where it is a number of days; else NO_WORD,
 * and the fault is noted: by the one of names that is near, or by may_be, a format for the key's
 * name and value. */
static int word_or_days(struct bz_reading *r, const struct bz_key *k, const char *const *names,
	unsigned *days, const char *may_be)
{
	const char *near;
	int i = 0;

	for (; names[i] != NULL; i++)
		if (strcmp(k->value, names[i]) == 0)
			return i;
	if (bz_units_days(k->value, days))
		return i;
	near = bz_nearest(k->value, names);
	if (near != NULL)
		bz_problem_add(r, k->line, _("\"%s\" cannot be \"%s\"; did you mean \"%s\"?"),
			k->name, k->value, near);
	else
		bz_problem_add(r, k->line, may_be, k->name, k->value);
	return NO_WORD;
}

static void read_leave(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	static const char *const names[] = {"forever", "until-deleted", "none", NULL};
	static const enum bz_leave means[] = {
		BZ_LEAVE_FOREVER, BZ_LEAVE_UNTIL_DELETED, BZ_LEAVE_NONE, BZ_LEAVE_DAYS};
	const struct bz_key *k = bz_section_find(s, "leave-on-server");
	int i;

	a->leave_given = k != NULL;
	if (k == NULL)
		return;
	i = word_or_days(r, k, names, &a->leave_days,
		_("\"%s\" cannot be \"%s\"; write forever, until-deleted, none, or days: "
		  "30d"));
	if (i != NO_WORD)
		a->leave = means[i];
}

static void read_check(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	const struct bz_key *k = bz_section_find(s, "check-every");

	a->check_every = CHECK_EVERY;
	if (k == NULL)
		return;
	if (strcmp(k->value, "off") == 0)
		a->check_every = 0;
	else if (!bz_units_interval(k->value, &a->check_every))
		bz_problem_add(r, k->line,
			_("\"%s\" cannot be \"%s\"; write a time, 90s, 5m or 1h, or: off"), k->name,
			k->value);
	else if (a->check_every < CHECK_LEAST)
		bz_problem_add(r, k->line, _("\"%s\" is %s; the least is %ds"), k->name, k->value,
			CHECK_LEAST);
}

static void read_size(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	const struct bz_key *k = bz_section_find(s, "max-size");

	if (k == NULL || strcmp(k->value, "none") == 0)
		return;
	if (!bz_units_size(k->value, &a->max_size) || a->max_size == 0)
		bz_problem_add(r, k->line,
			_("\"%s\" cannot be \"%s\"; write a size, 500k or 10M, or: none"), k->name,
			k->value);
}

static void read_body_cache(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	const struct bz_key *k = bz_section_find(s, "body-cache");

	a->body_cache = BODY_CACHE;
	if (k == NULL)
		return;
	if (strcmp(k->value, "off") == 0)
		a->body_cache = 0;
	else if (!bz_units_size(k->value, &a->body_cache))
		bz_problem_add(r, k->line,
			_("\"%s\" cannot be \"%s\"; write a size, 50M or 1G, or: off"), k->name,
			k->value);
	else if (a->body_cache > 0 && a->body_cache < BODY_CACHE_LEAST)
		bz_problem_add(
			r, k->line, _("\"%s\" is %s; the least is 1M, or: off"), k->name, k->value);
}

static void read_keep(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	static const char *const names[] = {"all", "seen", NULL};
	static const enum bz_keep means[] = {BZ_KEEP_ALL, BZ_KEEP_SEEN, BZ_KEEP_DAYS};
	const struct bz_key *k = bz_section_find(s, "keep");
	int i;

	if (k == NULL)
		return;
	i = word_or_days(r, k, names, &a->keep_days,
		_("\"%s\" cannot be \"%s\"; write all, seen, or days: 90d"));
	if (i != NO_WORD)
		a->keep = means[i];
}

static void read_keep_bodies(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	static const char *const names[] = {"seen", "all", NULL};
	static const enum bz_keep_bodies means[] = {
		BZ_KEEP_BODIES_SEEN, BZ_KEEP_BODIES_ALL, BZ_KEEP_BODIES_DAYS};
	const struct bz_key *k = bz_section_find(s, "keep-bodies");
	int i;

	if (k == NULL)
		return;
	i = word_or_days(r, k, names, &a->keep_bodies_days,
		_("\"%s\" cannot be \"%s\"; write seen, all, or days: 30d"));
	if (i != NO_WORD)
		a->keep_bodies = means[i];
	if (a->keep_bodies != BZ_KEEP_BODIES_SEEN && a->body_cache == 0)
		bz_problem_add(r, k->line, _("\"%s\" has no room: \"body-cache\" is off"), k->name);
}

/* Which folders are used for what. */
static void read_roles(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	for (int role = BZ_ROLE_SENT; role < BZ_ROLES; role++) {
		const struct bz_key *k = bz_section_find(s, role_keys[role]);

		if (k == NULL)
			continue;
		a->folders[role] = g_strdup(k->value);
		for (int other = BZ_ROLE_SENT; other < role; other++)
			if (g_strcmp0(a->folders[other], k->value) == 0)
				bz_problem_add(r, k->line,
					_("\"%s\" and \"%s\" are the same folder"),
					role_keys[other], k->name);
		if (k->value[0] == '\0' || g_ascii_strcasecmp(k->value, "inbox") == 0)
			bz_problem_add(r, k->line,
				_("\"%s\" names no folder; write its name as buzon "
				  "shows it"),
				k->name);
	}
}

static void read_pop(struct bz_reading *r, const struct bz_section *s, struct bz_account *a)
{
	static const char *const orders[] = {"oldest", "newest", NULL};

	a->mbox = bz_section_path(s, "mbox");
	if (a->mbox == NULL)
		a->mbox = bz_path(BZ_DIR_DATA, a->dirname, "inbox.mbox", NULL);
	read_leave(r, s, a);
	read_size(r, s, a);
	a->newest_first = bz_section_choose(r, s, "fetch-order", orders) == 1;
}

static void refuse_key(
	struct bz_reading *r, const struct bz_section *s, const char *name, enum bz_protocol whose)
{
	const struct bz_key *k = bz_section_find(s, name);

	if (k != NULL)
		bz_problem_add(r, k->line,
			whose == BZ_PROTOCOL_POP ? _("\"%s\" is for POP accounts only")
						 : _("\"%s\" is for IMAP accounts only"),
			k->name);
}

static void refuse_pop_keys(struct bz_reading *r, const struct bz_section *s)
{
	for (size_t i = 0; i < G_N_ELEMENTS(pop_keys); i++)
		refuse_key(r, s, pop_keys[i], BZ_PROTOCOL_POP);
}

/* Downloaded mail is kept as it is. */
static void refuse_imap_keys(struct bz_reading *r, const struct bz_section *s)
{
	refuse_key(r, s, "body-cache", BZ_PROTOCOL_IMAP);
	refuse_key(r, s, "keep", BZ_PROTOCOL_IMAP);
	refuse_key(r, s, "keep-bodies", BZ_PROTOCOL_IMAP);
	for (int role = BZ_ROLE_SENT; role < BZ_ROLES; role++)
		refuse_key(r, s, role_keys[role], BZ_PROTOCOL_IMAP);
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

static void check_mboxes(
	struct bz_reading *r, const struct bz_section *s, const struct bz_account *a)
{
	for (guint i = 0; i < r->settings->accounts->len; i++) {
		const struct bz_account *old = g_ptr_array_index(r->settings->accounts, i);
		const struct bz_key *k = bz_section_find(s, "mbox");

		if (old->mbox != NULL && is_same_mbox(old->mbox, a->mbox))
			bz_problem_add(r, k != NULL ? k->line : s->line,
				_("accounts \"%s\" and \"%s\" have the same mbox"), old->id, a->id);
	}
}

void bz_settings_read_account(struct bz_reading *r, const struct bz_section *s)
{
	static const char *const protocols[] = {"imap", "pop", NULL};
	static const char *const securities[] = {"tls", "starttls", "none", NULL};
	struct bz_account *a = g_new0(struct bz_account, 1);
	int protocol = bz_section_choice(r, s, "protocol", protocols, -2);

	bz_section_check(r, s, account_keys);
	if (protocol == -2)
		bz_problem_add(r, s->line,
			_("account \"%s\" names no protocol; add: protocol = imap, or: protocol = "
			  "pop"),
			s->account);
	a->id = g_strdup(s->account);
	a->dirname = safe_dirname(r, a->id);
	a->protocol = protocol == 1 ? BZ_PROTOCOL_POP : BZ_PROTOCOL_IMAP;
	a->security = (enum bz_security)bz_section_choose(r, s, "security", securities);
	a->tls_ca_file = bz_section_path(s, "tls-ca-file");
	read_server(r, s, a);
	read_user(r, s, a);
	read_password(r, s, a);
	read_check(r, s, a);
	if (protocol == 0) {
		refuse_pop_keys(r, s);
		read_body_cache(r, s, a);
		read_keep(r, s, a);
		read_keep_bodies(r, s, a);
		read_roles(r, s, a);
	}
	if (protocol == 1) {
		refuse_imap_keys(r, s);
		read_pop(r, s, a);
		check_mboxes(r, s, a);
	}
	g_ptr_array_add(r->settings->accounts, a);
}
