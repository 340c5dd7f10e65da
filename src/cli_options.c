/* The options of the command line, and the help. */
#include "config.h"

#include "src/cli_private.h"
#include "src/lang.h"
#include "src/limit.h"
#include "src/nearest.h"
#include "src/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { NOT_GIVEN = INT_MIN };

static const char *const long_options[] = {"--config", "--account", "--log", "--color", "--ascii",
	"--lang", "--json", "--raw", "--limit", "--match", "--quiet", "--timeout", "--dry-run",
	"--server", "--store", "--repair", "--help", "--version", NULL};

void bz_cli_complain(const char *fmt, ...)
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
			bz_cli_complain(_("there is no option %s; did you mean %s?"), word, near);
		else
			bz_cli_complain(_("there is no option %s"), word);
		return;
	}
}

static int bad_option(char **argv, const GError *error)
{
	if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
		unknown_option(argv);
	else
		bz_cli_complain("%s", error->message);
	fputs(_("`buzon --help` shows what there is.\n"), stderr);
	return EX_USAGE;
}

static char *help_text(void)
{
	return g_strdup(_(
		"buzon                            your accounts, full screen\n"
		"buzon FILE                       an mbox or a message file; - is standard input\n"
		"buzon list [ACCOUNT[/FOLDER]]    messages as lines (buzon list FILE, too)\n"
		"buzon list --server ACCOUNT      what a POP server has, and what becomes of it\n"
		"buzon show ACCOUNT/FOLDER:UID    one message as text (FILE:N and FILE, too)\n"
		"buzon fetch [ACCOUNT...]         download POP mail, no screen\n"
		"buzon import PATH [ACCOUNT/FOLDER]  an mbox or Maildir into a local folder\n"
		"buzon check --config             look for mistakes in buzonrc\n"
		"buzon check --store [--repair]   look whether all downloaded mail is there\n"
		"\n"
		"  --config FILE    another buzonrc        --account NAME   only this account\n"
		"  --json           list, show: JSON       --limit N        list: the newest N\n"
		"  --raw            show: the source       --match WORDS    list: is:unread ana\n"
		"  --quiet          fetch: not a word      --timeout S      fetch: S seconds\n"
		"  --dry-run        fetch: only say what   --log FILE       another log file\n"
		"  --color WHEN     auto, always, never    --ascii          no line drawing\n"
		"  --lang LL        en or es               --help --version\n"
		"\n"
		"Examples:\n"
		"  buzon list casa --limit 5\n"
		"  buzon fetch --quiet --timeout 300\n"
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

/* `check --config` takes no file: told apart before GOption reads it as one. */
static void take_config_only(int *argc, char **argv, struct bz_cli_options *o)
{
	for (int i = 2; i < *argc; i++)
		if (strcmp(argv[i], "--config") == 0 && (i + 1 == *argc || argv[i + 1][0] == '-') &&
			names_command(argv, i, "check")) {
			memmove(argv + i, argv + i + 1, sizeof *argv * (size_t)(*argc - i));
			(*argc)--;
			o->config_only = TRUE;
		}
}

static int parse(int *argc, char ***argv, struct bz_cli_options *o)
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
		{"server", 0, 0, G_OPTION_ARG_NONE, &o->server, NULL, NULL},
		{"limit", 0, 0, G_OPTION_ARG_INT, &o->limit, NULL, NULL},
		{"match", 0, 0, G_OPTION_ARG_STRING, &o->match, NULL, NULL},
		{"quiet", 0, 0, G_OPTION_ARG_NONE, &o->quiet, NULL, NULL},
		{"timeout", 0, 0, G_OPTION_ARG_INT, &o->timeout, NULL, NULL},
		{"dry-run", 0, 0, G_OPTION_ARG_NONE, &o->dry_run, NULL, NULL},
		{"store", 0, 0, G_OPTION_ARG_NONE, &o->store, NULL, NULL},
		{"repair", 0, 0, G_OPTION_ARG_NONE, &o->repair, NULL, NULL},
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &o->version, NULL, NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL, NULL},
		G_OPTION_ENTRY_NULL};
	GOptionContext *context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) original = g_strdupv(*argv);
	int code = -1;

	take_config_only(argc, *argv, o);
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

/* Words of --match; a fault is told with its place. */
static bool is_limit(const char *words)
{
	struct bz_err err;
	int column;
	struct bz_limit *limit =
		bz_limit_parse(words, g_get_real_time() / G_USEC_PER_SEC, &column, &err);
	bool good = limit != NULL;

	if (!good)
		bz_cli_complain(_("--match, character %d: %s"), column, err.text);
	bz_limit_free(limit);
	return good;
}

static int check_values(const struct bz_cli_options *o)
{
	static const char *const colors[] = {"auto", "always", "never", NULL};
	static const char *const langs[] = {"en", "es", NULL};

	if (o->color != NULL && !g_strv_contains(colors, o->color))
		bz_cli_complain(_("--color takes auto, always or never, not %s"), o->color);
	else if (o->lang != NULL && !g_strv_contains(langs, o->lang))
		bz_cli_complain(_("--lang takes en or es, not %s"), o->lang);
	else if (o->limit < 1 && o->limit != NOT_GIVEN)
		bz_cli_complain(_("--limit takes a number above 0"));
	else if (o->timeout < 1 && o->timeout != NOT_GIVEN)
		bz_cli_complain(_("--timeout takes seconds, a number above 0"));
	else if (o->match != NULL && !is_limit(o->match))
		return EX_USAGE;
	else
		return -1;
	return EX_USAGE;
}

int bz_cli_options_parse(int *argc, char ***argv, struct bz_cli_options *o)
{
	int code;

	*o = (struct bz_cli_options){.limit = NOT_GIVEN, .timeout = NOT_GIVEN};
	code = parse(argc, argv, o);
	if (code < 0 && o->lang != NULL)
		bz_lang_init(o->lang);
	return code < 0 ? check_values(o) : code;
}

void bz_cli_options_clear(struct bz_cli_options *o)
{
	g_free(o->config);
	g_free(o->account);
	g_free(o->log);
	g_free(o->color);
	g_free(o->lang);
	g_free(o->match);
	g_strfreev(o->rest);
}
