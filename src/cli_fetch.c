/* buzon fetch: POP download without a screen, silent and exact. */
#include "src/cli_private.h"
#include "src/lang.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void report(const struct bz_session *s)
{
	g_autofree char *size = bz_lang_size(s->bytes);

	if (s->arrived > 0)
		printf(ngettext("%s: %u new, %s\n", "%s: %u new, %s\n", s->arrived), s->account->id,
			s->arrived, size);
}

static int fetch_one(struct bz_cli *cli, const struct bz_account *account)
{
	struct bz_session s;
	struct bz_err err = {0};
	int rc, code = EX_OK;

	if (bz_session_open(&s, cli, account, NULL, &err) != 0)
		return bz_cli_fail(&err);
	rc = bz_session_refresh(&s, "INBOX", 1, &err);
	while (rc == 0 && !s.progress_over && s.line_err.kind == BZ_ERR_NONE)
		bz_session_pump(&s, -1);
	if (rc == 0 && s.line_err.kind != BZ_ERR_NONE) {
		err = s.line_err;
		rc = -1;
	}
	report(&s);
	if (rc != 0)
		code = bz_session_fail(&s, &err);
	bz_session_close(&s);
	return code;
}

static int fetch_named(struct bz_cli *cli, const char *name)
{
	const struct bz_account *account = bz_settings_account(cli->settings, name);

	if (account == NULL) {
		fprintf(stderr, _("buzon: there is no account %s in %s\n"), name, cli->config);
		return EX_USAGE;
	}
	if (account->protocol != BZ_PROTOCOL_POP) {
		fprintf(stderr, _("buzon: %s is an IMAP account: its mail stays on the server\n"),
			name);
		return EX_USAGE;
	}
	return fetch_one(cli, account);
}

/* Several accounts: the largest code. (MAX is a macro: never around a call.) */
static void add_code(int *code, int one)
{
	*code = MAX(*code, one);
}

int bz_cli_fetch(struct bz_cli *cli, char **names)
{
	int code = EX_OK;

	if (names[0] == NULL && cli->account != NULL)
		return fetch_named(cli, cli->account);
	for (char **name = names; *name != NULL; name++)
		add_code(&code, fetch_named(cli, *name));
	for (guint i = 0; names[0] == NULL && i < cli->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(cli->settings->accounts, i);

		if (a->protocol == BZ_PROTOCOL_POP)
			add_code(&code, fetch_one(cli, a));
	}
	return code;
}
