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
	const struct bz_cli *cli, const struct bz_cli_options *o, struct bz_cli_wiring *wiring)
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

/* The words that a command line may begin with. */
struct command {
	const char *name;
	int most;   /* words that may follow it */
	bool files; /* they may name a file, which needs no account */
	int (*run)(struct bz_cli *cli, char **words);
};
static const struct command *find_command(const char *word);
static const char *const *command_names(void);

/* Neither a command nor a file. */
static int unknown_word(const char *word)
{
	const char *near = bz_nearest(word, command_names());

	if (near != NULL)
		bz_cli_complain(
			_("there is no file and no command %s; did you mean %s?"), word, near);
	else
		bz_cli_complain(
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

static int run_list(struct bz_cli *cli, char **words)
{
	return cli->server ? bz_cli_copies(cli, words[0]) : bz_cli_list(cli, words[0]);
}

static int run_show(struct bz_cli *cli, char **words)
{
	if (words[0] != NULL)
		return bz_cli_show(cli, words[0]);
	fputs(_("buzon: show what? Write: buzon show ACCOUNT:UID\n"), stderr);
	return EX_USAGE;
}

static int run_check(struct bz_cli *cli, char **words)
{
	if (cli->store)
		return bz_cli_check_store(cli, words, cli->repair);
	if (!cli->config_only) {
		fputs(_("buzon: check what? Write: buzon check --config or --store\n"), stderr);
		return EX_USAGE;
	}
	printf(ngettext("%s: %u account, no mistake found\n", "%s: %u accounts, no mistake found\n",
		       cli->settings->accounts->len),
		cli->config, cli->settings->accounts->len);
	return EX_OK;
}

static const struct command commands[] = {
	{"list", 1, true, run_list},
	{"show", 1, true, run_show},
	{"fetch", INT_MAX, false, bz_cli_fetch},
	{"check", INT_MAX, false, run_check},
	{"import", 2, false, bz_cli_import},
};

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; word != NULL && i < G_N_ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	return NULL;
}

static const char *const *command_names(void)
{
	static const char *names[G_N_ELEMENTS(commands) + 1];

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		names[i] = commands[i].name;
	return names;
}

static int too_many(const char *command)
{
	fprintf(stderr, _("buzon: too many words for %s; `buzon --help` shows what there is\n"),
		command);
	return EX_USAGE;
}

/* Does this command line name a file, so that no account is needed? */
static bool names_file(char **rest)
{
	const struct command *command = rest != NULL ? find_command(rest[0]) : NULL;
	const char *word = rest == NULL ? NULL : command != NULL ? rest[1] : rest[0];
	const char *colon;
	g_autofree char *path = NULL;

	if (command != NULL && !command->files)
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
	return rest != NULL && find_command(rest[0]) == NULL;
}

static int run_command(struct bz_cli *cli, char **rest)
{
	const struct command *command = rest != NULL ? find_command(rest[0]) : NULL;

	if (rest == NULL)
		return screen_accounts(cli);
	if (command != NULL) {
		int n = (int)g_strv_length(rest) - 1;

		return n > command->most ? too_many(rest[0]) : command->run(cli, rest + 1);
	}
	if (rest[1] != NULL && access(rest[0], F_OK) != 0)
		return unknown_word(rest[0]);
	return rest[1] != NULL ? too_many(rest[0]) : screen_file(cli, rest[0]);
}

static void set_options(struct bz_cli *cli, const struct bz_cli_options *o)
{
	cli->account = o->account;
	cli->match = o->match;
	cli->limit = MAX(o->limit, 0);
	cli->timeout = MAX(o->timeout, 0);
	cli->json = o->json;
	cli->raw = o->raw;
	cli->quiet = o->quiet;
	cli->dry_run = o->dry_run;
	cli->server = o->server;
	cli->store = o->store;
	cli->repair = o->repair;
}

int bz_cli_main(int argc, char **argv, struct bz_cli_wiring *wiring)
{
	struct bz_cli_options o;
	g_autofree char *config = NULL;
	struct bz_cli cli = {.wiring = wiring};
	int code;

	bz_secret_protect_process();
	signal(SIGPIPE, SIG_IGN);
	bz_lang_init(NULL);
	code = bz_cli_options_parse(&argc, &argv, &o);
	if (code >= 0) {
		bz_cli_options_clear(&o);
		return code;
	}
	config = o.config != NULL ? g_strdup(o.config) : bz_path(BZ_DIR_CONFIG, "buzonrc", NULL);
	cli.config = config;
	set_options(&cli, &o);
	cli.config_only = o.config_only ||
			  (o.rest != NULL && strcmp(o.rest[0], "check") == 0 && o.config != NULL);
	bz_mime_init();
	code = load_settings(&cli, !names_file(o.rest) && !is_unknown(o.rest));
	if (code == EX_OK) {
		apply_settings(&cli, &o, wiring);
		code = run_command(&cli, o.rest);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		bz_cli_complain(_("cannot write the output: %s"), g_strerror(errno));
		code = EX_IOERR;
	}
	bz_settings_destroy(&cli.settings);
	bz_log_close();
	bz_cli_options_clear(&o);
	return code;
}
