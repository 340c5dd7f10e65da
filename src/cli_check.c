/* buzon check --store: is all the mail of the POP accounts there, and is it what was stored? */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/storecheck.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { PROBLEMS = 1 }; /* exit code */

static void say(void *me, const char *folder, const char *text)
{
	const struct bz_account *account = me;
	g_autofree char *line = folder != NULL
					? g_strdup_printf("%s/%s: %s", account->id, folder, text)
					: g_strdup_printf("%s: %s", account->id, text);
	g_autofree char *clean = bz_text_clean(line, strlen(line), 0);

	puts(clean);
}

static void sum_up(const struct bz_account *account, const struct bz_storecheck *check)
{
	g_autofree char *messages = bz_lang_number(check->messages);

	printf("%s: ", account->id);
	printf(ngettext("%s message", "%s messages", check->messages), messages);
	printf(", ");
	printf(ngettext("%u folder", "%u folders", check->folders), check->folders);
	printf(", ");
	printf(ngettext("%u problem\n", "%u problems\n", check->problems), check->problems);
}

static int check_one(const struct bz_account *account, bool repair)
{
	struct bz_storecheck check = {.repair = repair, .say = say, .me = (void *)account};
	struct bz_err err = {0};

	if (bz_storecheck_run(&check, account, &err) != 0)
		return bz_cli_fail(&err);
	sum_up(account, &check);
	return check.problems > 0 ? PROBLEMS : EX_OK;
}

static int check_named(const struct bz_cli *cli, const char *name, bool repair)
{
	const struct bz_account *account = bz_cli_pop_account(cli, name);

	return account != NULL ? check_one(account, repair) : EX_USAGE;
}

/* Several accounts: the largest code. */
int bz_cli_check_store(struct bz_cli *cli, char **names, bool repair)
{
	int code = EX_OK, one;

	if (names[0] == NULL && cli->account != NULL)
		return check_named(cli, cli->account, repair);
	for (char **name = names; *name != NULL; name++) {
		one = check_named(cli, *name, repair);
		code = MAX(code, one);
	}
	for (guint i = 0; names[0] == NULL && i < cli->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(cli->settings->accounts, i);

		if (a->protocol != BZ_PROTOCOL_POP)
			continue;
		one = check_one(a, repair);
		code = MAX(code, one);
	}
	return code;
}
