/* buzon import: another program's mail into a local folder. */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The only account that has local mail; NULL when there are none or several. */
static const struct bz_account *only_account(const struct bz_cli *cli)
{
	const struct bz_account *only = NULL;

	for (guint i = 0; i < cli->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(cli->settings->accounts, i);

		if (a->protocol == BZ_PROTOCOL_POP && only != NULL)
			return NULL;
		if (a->protocol == BZ_PROTOCOL_POP)
			only = a;
	}
	return only;
}

/* "ACCOUNT/FOLDER"; *folder is what stands behind the account's name, "" = nothing. NULL: said. */
static const struct bz_account *find_target(
	const struct bz_cli *cli, const char *where, const char **folder)
{
	const struct bz_account *account;

	*folder = "";
	if (where != NULL)
		account = bz_cli_account_of(cli, where, folder);
	else if (cli->account != NULL)
		account = bz_settings_account(cli->settings, cli->account);
	else
		account = only_account(cli);
	if (account == NULL && (where != NULL || cli->account != NULL))
		fprintf(stderr, _("buzon: there is no account %s in %s\n"),
			where != NULL ? where : cli->account, cli->config);
	else if (account == NULL)
		fputs(_("buzon: into which account? Write: buzon import PATH ACCOUNT/FOLDER\n"),
			stderr);
	else if (account->protocol != BZ_PROTOCOL_POP)
		fprintf(stderr, _("buzon: %s is an IMAP account: its mail stays on the server\n"),
			account->id);
	else
		return account;
	return NULL;
}

/* The folder is called as the file is. */
static char *title_of(const char *path, const char *folder)
{
	g_autofree char *base = NULL;
	char *dot;

	if (folder[0] == '/' && folder[1] != '\0')
		return g_strdup(folder + 1);
	base = g_path_get_basename(path);
	dot = strrchr(base, '.');
	if (dot != NULL && dot != base)
		*dot = '\0';
	return g_utf8_make_valid(base, -1);
}

static int import_into(struct bz_cli *cli, struct bz_session *s, const char *path, char *title)
{
	struct bz_request *request = bz_request_new(BZ_REQ_IMPORT);
	struct bz_progress progress;
	struct bz_event *event;
	struct bz_err err = {0};
	struct bz_stop stop;

	request->path = g_strdup(path);
	request->title = title;
	bz_stop_begin(&stop, cli->timeout);
	bz_progress_begin(&progress, s->account->id, !cli->quiet);
	s->progress = &progress;
	s->stop = &stop;
	s->notes = stdout;
	event = bz_session_do(s, request, &err);
	bz_progress_erase(&progress);
	if (s->stopped) {
		bz_event_free(event);
		return bz_stop_signal() != 0 ? 128 + bz_stop_signal() : EX_TEMPFAIL;
	}
	if (event == NULL)
		return bz_cli_fail(&err);
	bz_event_free(event);
	return EX_OK;
}

int bz_cli_import(struct bz_cli *cli, char **words)
{
	const struct bz_account *account;
	const char *folder;
	struct bz_session s;
	struct bz_err err = {0};
	int code;

	if (words[0] == NULL) {
		fputs(_("buzon: import what? Write: buzon import PATH ACCOUNT/FOLDER\n"), stderr);
		return EX_USAGE;
	}
	account = find_target(cli, words[1], &folder);
	if (account == NULL)
		return EX_USAGE;
	if (bz_session_open(&s, cli, account, NULL, &err) != 0)
		return bz_cli_fail(&err);
	code = import_into(cli, &s, words[0], title_of(words[0], folder));
	bz_session_close(&s);
	return code;
}
