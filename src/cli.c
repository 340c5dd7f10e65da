#include "config.h"

#include "src/cli.h"
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/mime.h"
#include "src/nearest.h"
#include "src/paths.h"
#include "src/secret.h"
#include "src/text.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	char *config, *account, *log, *color, *lang;
	gboolean ascii, json, raw, config_only, version;
	int limit;
	char **rest;
};

enum { NO_LIMIT = INT_MIN };

/* --- options ---------------------------------------------------------------------------------- */

static const char *const long_options[] = {"--config", "--account", "--log", "--color", "--ascii",
	"--lang", "--json", "--raw", "--limit", "--help", "--version", NULL};

/* Words on stderr, cleaned: they may come from a file's name. */
static void complain(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
static void complain(const char *fmt, ...)
{
	g_autofree char *text = NULL, *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	clean = bz_text_clean(text, strlen(text), 0);
	fprintf(stderr, "buzon: %s\n", clean);
}

static bool is_option(const char *word)
{
	return strcmp(word, "-h") == 0 || g_strv_contains(long_options, word);
}

/* GLib stops at the first option it does not know: that one is named, with the nearest. */
static void unknown_option(char **argv)
{
	for (char **a = argv + 1; *a != NULL && strcmp(*a, "--") != 0; a++) {
		g_autofree char *word = g_strndup(*a, strcspn(*a, "="));
		const char *near;

		if (word[0] != '-' || word[1] == '\0' || is_option(word))
			continue;
		near = word[1] == '-' ? bz_nearest(word, long_options) : NULL;
		if (near != NULL)
			complain(_("there is no option %s; did you mean %s?"), word, near);
		else
			complain(_("there is no option %s"), word);
		return;
	}
}

static int bad_option(char **argv, const GError *error)
{
	if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
		unknown_option(argv);
	else
		complain("%s", error->message);
	fputs(_("`buzon --help` shows what there is.\n"), stderr);
	return EX_USAGE;
}

static char *help_text(void)
{
	return g_strdup_printf("%s",
		_("buzon                          your accounts, full screen\n"
		  "buzon FILE                     an mbox or a message file; - is standard input\n"
		  "buzon list [ACCOUNT[/FOLDER]]  messages as lines (buzon list FILE, too)\n"
		  "buzon show ACCOUNT/FOLDER:UID  one message as text (FILE:N and FILE, too)\n"
		  "buzon fetch [ACCOUNT...]       download POP mail, no screen\n"
		  "buzon check --config           look for mistakes in buzonrc\n"
		  "\n"
		  "  --config FILE    another buzonrc        --account NAME   only this account\n"
		  "  --json           list, show: JSON       --limit N        list: the newest N\n"
		  "  --raw            show: the source       --log FILE       another log file\n"
		  "  --color WHEN     auto, always, never    --ascii          no drawing "
		  "characters\n"
		  "  --lang LL        en or es               --help --version\n"
		  "\n"
		  "Examples:\n"
		  "  buzon list casa --limit 5\n"
		  "  buzon show casa:1234\n"
		  "  buzon ~/Mail/old.mbox\n"
		  "\n"
		  "Manual: buzon(1), buzonrc(5). Keys: press ? inside.\n"));
}

/* Is this word among the first n of the command line? */
static bool names_command(char **argv, int n, const char *word)
{
	for (int i = 1; i < n; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

static int parse(int *argc, char ***argv, struct options *o)
{
	gboolean help = FALSE;
	const GOptionEntry entries[] = {
		{"config", 0, 0, G_OPTION_ARG_FILENAME, &o->config, NULL, NULL},
		{"account", 0, 0, G_OPTION_ARG_STRING, &o->account, NULL, NULL},
		{"log", 0, 0, G_OPTION_ARG_FILENAME, &o->log, NULL, NULL},
		{"color", 0, 0, G_OPTION_ARG_STRING, &o->color, NULL, NULL},
		{"lang", 0, 0, G_OPTION_ARG_STRING, &o->lang, NULL, NULL},
		{"ascii", 0, 0, G_OPTION_ARG_NONE, &o->ascii, NULL, NULL},
		{"json", 0, 0, G_OPTION_ARG_NONE, &o->json, NULL, NULL},
		{"raw", 0, 0, G_OPTION_ARG_NONE, &o->raw, NULL, NULL},
		{"limit", 0, 0, G_OPTION_ARG_INT, &o->limit, NULL, NULL},
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &o->version, NULL, NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL, NULL},
		G_OPTION_ENTRY_NULL};
	GOptionContext *context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) original = g_strdupv(*argv);
	int code = -1;

	/* `check --config` takes no file: told apart before GOption reads it as one */
	for (int i = 1; i < *argc; i++)
		if (strcmp((*argv)[i], "--config") == 0 &&
			(i + 1 == *argc || (*argv)[i + 1][0] == '-') && i > 1 &&
			names_command(*argv, i, "check")) {
			memmove(*argv + i, *argv + i + 1, sizeof **argv * (size_t)(*argc - i));
			(*argc)--;
			o->config_only = TRUE;
		}
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, &error))
		code = bad_option(original, error);
	g_option_context_free(context);
	if (code < 0 && help) {
		g_autofree char *text = help_text();

		fputs(text, stdout);
		code = EX_OK;
	} else if (code < 0 && o->version) {
		puts(PACKAGE_STRING);
		code = EX_OK;
	}
	return code;
}

static int check_values(const struct options *o)
{
	static const char *const colors[] = {"auto", "always", "never", NULL};
	static const char *const langs[] = {"en", "es", NULL};

	if (o->color != NULL && !g_strv_contains(colors, o->color))
		complain(_("--color takes auto, always or never, not %s"), o->color);
	else if (o->lang != NULL && !g_strv_contains(langs, o->lang))
		complain(_("--lang takes en or es, not %s"), o->lang);
	else if (o->limit < 1 && o->limit != NO_LIMIT)
		complain(_("--limit takes a number above 0"));
	else
		return -1;
	return EX_USAGE;
}

/* --- buzonrc ---------------------------------------------------------------------------------- */

static void explain_first_config(const char *path)
{
	fprintf(stderr,
		_("buzon has no account yet. Write one or more of these to\n"
		  "%s\n"
		  "\n"
		  "# the mail stays on the server, all your devices in step:\n"
		  "[account \"Home\"]\n"
		  "protocol = imap\n"
		  "server = imap.example.org\n"
		  "address = you@example.org\n"
		  "\n"
		  "# the mail is downloaded to this computer:\n"
		  "[account \"Work\"]\n"
		  "protocol = pop\n"
		  "server = pop.example.org\n"
		  "address = you@work.example.org\n"
		  "\n"
		  "Then: buzon check --config, and: buzon. More: man buzonrc.\n"
		  "A mail file needs no account: buzon FILE\n"),
		path);
}

static int load_settings(struct bz_cli *cli, bool needed)
{
	g_autoptr(GPtrArray) problems = NULL;
	struct bz_err err = {0};

	cli->settings = bz_settings_load(cli->config, &problems, &err);
	if (cli->settings != NULL)
		return EX_OK;
	if (err.code == BZ_CODE_NOT_FOUND && !needed)
		return EX_OK;
	if (err.code == BZ_CODE_NOT_FOUND) {
		explain_first_config(cli->config);
		return EX_CONFIG;
	}
	for (guint i = 0; i < problems->len; i++) {
		const char *line = g_ptr_array_index(problems, i);
		g_autofree char *clean = bz_text_clean(line, strlen(line), 0);

		fprintf(stderr, "%s\n", clean);
	}
	if (problems->len == 0)
		bz_cli_fail(&err);
	return needed ? EX_CONFIG : EX_OK;
}

static void apply_settings(
	const struct bz_cli *cli, const struct options *o, struct bz_cli_wiring *wiring)
{
	const struct bz_settings *s = cli->settings;
	enum bz_glyphs glyphs = s != NULL ? s->glyphs : BZ_GLYPHS_AUTO;

	if (o->lang == NULL && s != NULL && s->language != NULL)
		bz_lang_init(s->language);
	wiring->ascii = o->ascii || glyphs == BZ_GLYPHS_ASCII ||
			(glyphs == BZ_GLYPHS_AUTO && strcmp(nl_langinfo(CODESET), "UTF-8") != 0);
	wiring->color = o->color != NULL                         ? o->color
			: s != NULL && s->theme == BZ_THEME_MONO ? "never"
								 : "auto";
	bz_text_set_ascii(wiring->ascii);
	bz_log_open(o->log != NULL ? o->log : s != NULL ? s->log : NULL);
}

/* --- the screen ------------------------------------------------------------------------------- */

static const char *const commands[] = {"list", "show", "fetch", "check", NULL};

/* Neither a command nor a file. */
static int unknown_word(const char *word)
{
	const char *near = bz_nearest(word, commands);

	if (near != NULL)
		complain(_("there is no file and no command %s; did you mean %s?"), word, near);
	else
		complain(
			_("there is no file and no command %s; `buzon --help` shows what there is"),
			word);
	return EX_NOINPUT;
}

static int screen_file(const struct bz_cli *cli, const char *path)
{
	struct bz_account *account;
	int code;

	if (strcmp(path, "-") != 0 && access(path, F_OK) != 0)
		return unknown_word(path);
	if (strcmp(path, "-") != 0 && access(path, R_OK) != 0) {
		fprintf(stderr, _("buzon: cannot read %s: %s\n"), path, g_strerror(errno));
		return EX_NOINPUT;
	}
	account = bz_account_for_file(path);
	code = cli->wiring->screen(
		cli->settings, (const struct bz_account *const *)&account, 1, 0, cli->wiring);
	bz_account_destroy(&account);
	return code;
}

static int screen_accounts(const struct bz_cli *cli)
{
	const GPtrArray *all = cli->settings->accounts;
	const struct bz_account *one = NULL;

	if (cli->account != NULL) {
		one = bz_settings_account(cli->settings, cli->account);
		if (one == NULL) {
			fprintf(stderr, _("buzon: there is no account %s in %s\n"), cli->account,
				cli->config);
			return EX_USAGE;
		}
		return cli->wiring->screen(cli->settings, &one, 1, 0, cli->wiring);
	}
	return cli->wiring->screen(cli->settings, (const struct bz_account *const *)all->pdata,
		all->len, 0, cli->wiring);
}

/* --- commands --------------------------------------------------------------------------------- */

static int check_config(const struct bz_cli *cli)
{
	printf(ngettext("%s: %u account, no mistake found\n", "%s: %u accounts, no mistake found\n",
		       cli->settings->accounts->len),
		cli->config, cli->settings->accounts->len);
	return EX_OK;
}

static int too_many(const char *command)
{
	fprintf(stderr, _("buzon: too many words for %s; `buzon --help` shows what there is\n"),
		command);
	return EX_USAGE;
}

static bool is_command(const char *word)
{
	return word != NULL && g_strv_contains(commands, word);
}

/* Does this command line name a file, so that no account is needed? */
static bool names_file(char **rest)
{
	const char *word = rest == NULL ? NULL : is_command(rest[0]) ? rest[1] : rest[0];
	const char *colon;
	g_autofree char *path = NULL;

	if (rest != NULL && (strcmp(rest[0], "fetch") == 0 || strcmp(rest[0], "check") == 0))
		return false;
	if (word == NULL || strcmp(word, "-") == 0)
		return word != NULL;
	if (access(word, F_OK) == 0)
		return true;
	colon = strrchr(word, ':');
	path = colon != NULL ? g_strndup(word, (gsize)(colon - word)) : NULL;
	return path != NULL && access(path, F_OK) == 0;
}

/* A word that no configuration could give a meaning. */
static bool is_unknown(char **rest)
{
	return rest != NULL && !is_command(rest[0]);
}

static int run_command(struct bz_cli *cli, char **rest)
{
	static char *none[] = {NULL};

	if (rest == NULL)
		return screen_accounts(cli);
	if (strcmp(rest[0], "fetch") == 0)
		return bz_cli_fetch(cli, rest[1] != NULL ? rest + 1 : none);
	if (!is_command(rest[0]) && rest[1] != NULL && access(rest[0], F_OK) != 0)
		return unknown_word(rest[0]);
	if (rest[1] != NULL && rest[2] != NULL)
		return too_many(rest[0]);
	if (strcmp(rest[0], "list") == 0)
		return bz_cli_list(cli, rest[1]);
	if (strcmp(rest[0], "show") == 0 && rest[1] != NULL)
		return bz_cli_show(cli, rest[1]);
	if (strcmp(rest[0], "show") == 0) {
		fputs(_("buzon: show what? Write: buzon show ACCOUNT:UID\n"), stderr);
		return EX_USAGE;
	}
	if (strcmp(rest[0], "check") == 0 && cli->config_only)
		return check_config(cli);
	if (strcmp(rest[0], "check") == 0) {
		fputs(_("buzon: check what? Write: buzon check --config\n"), stderr);
		return EX_USAGE;
	}
	return rest[1] != NULL ? too_many(rest[0]) : screen_file(cli, rest[0]);
}

static void free_options(struct options *o)
{
	g_free(o->config);
	g_free(o->account);
	g_free(o->log);
	g_free(o->color);
	g_free(o->lang);
	g_strfreev(o->rest);
}

int bz_cli_main(int argc, char **argv, struct bz_cli_wiring *wiring)
{
	struct options o = {.limit = NO_LIMIT};
	g_autofree char *config = NULL;
	struct bz_cli cli = {.wiring = wiring};
	int code;

	bz_secret_protect_process();
	signal(SIGPIPE, SIG_IGN);
	bz_lang_init(NULL);
	code = parse(&argc, &argv, &o);
	if (code < 0 && o.lang != NULL)
		bz_lang_init(o.lang);
	if (code < 0)
		code = check_values(&o);
	if (code >= 0) {
		free_options(&o);
		return code;
	}
	config = o.config != NULL ? g_strdup(o.config) : bz_path(BZ_DIR_CONFIG, "buzonrc", NULL);
	cli.config = config;
	cli.account = o.account;
	cli.limit = MAX(o.limit, 0);
	cli.json = o.json;
	cli.raw = o.raw;
	cli.config_only = o.config_only ||
			  (o.rest != NULL && strcmp(o.rest[0], "check") == 0 && o.config != NULL);
	bz_mime_init();
	code = load_settings(&cli, !names_file(o.rest) && !is_unknown(o.rest));
	if (code == EX_OK) {
		apply_settings(&cli, &o, wiring);
		code = run_command(&cli, o.rest);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain(_("cannot write the output: %s"), g_strerror(errno));
		code = EX_IOERR;
	}
	bz_settings_destroy(&cli.settings);
	bz_log_close();
	free_options(&o);
	return code;
}
