/* buzon list --server: what a POP account's server still has, and what becomes of it. No line. */
#include "src/cli_private.h"
#include "src/json.h"
#include "src/lang.h"
#include "src/retention.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { DAY = 86400, SIZE_CELLS = 10, AGE_CELLS = 9, FATE_CELLS = 21, FROM_CELLS = 20 };

static char *age_of(const struct bz_copy *copy, int64_t now)
{
	int64_t days = copy->stored != 0 ? (now - copy->stored) / DAY : -1;
	unsigned n = (unsigned)CLAMP(days, 0, 99999);

	if (days < 0)
		return g_strdup("-");
	return n == 0 ? g_strdup(_("today")) : g_strdup_printf(ngettext("%u day", "%u days", n), n);
}

static char *fate_of(const struct bz_copy *copy, int64_t now)
{
	g_autofree char *day = NULL;

	switch (copy->fate) {
	case BZ_COPY_GOES:
		day = bz_retention_day(copy->until, now);
		return g_strdup_printf(_("until %s"), day);
	case BZ_COPY_UNTIL_DELETED:
		return g_strdup(_("until deleted here"));
	case BZ_COPY_DUE:
		return g_strdup(_("goes next"));
	case BZ_COPY_LEFT:
		return g_strdup(_("not downloaded"));
	case BZ_COPY_NEW:
		return g_strdup(_("new"));
	default:
		return g_strdup(_("stays"));
	}
}

static char *cleaned(const char *text, int cells)
{
	g_autofree char *clean = bz_text_clean(text, strlen(text), 0);

	return bz_text_fit(clean, cells, true);
}

static void print_copy(const struct bz_copy *copy, int64_t now, int width)
{
	g_autofree char *size = bz_lang_size(copy->size), *age = age_of(copy, now);
	g_autofree char *fate = fate_of(copy, now);
	g_autofree char *fate_cells = cleaned(fate, FATE_CELLS);
	g_autofree char *from = cleaned(copy->from, FROM_CELLS);
	int rest = width - SIZE_CELLS - AGE_CELLS - FATE_CELLS - FROM_CELLS - 8;
	g_autofree char *subject = cleaned(copy->subject, MAX(rest, 10));
	int size_pad = SIZE_CELLS - bz_text_width(size), age_pad = AGE_CELLS - bz_text_width(age);

	printf("%*s%s  %*s%s  %s  %s  %s\n", MAX(size_pad, 0), "", size, MAX(age_pad, 0), "", age,
		fate_cells, from, g_strchomp(subject));
}

static void print_copies(const struct bz_cli *cli, const GArray *copies)
{
	int64_t now = g_get_real_time() / G_USEC_PER_SEC;
	int width = bz_cli_output_width();

	for (guint i = 0; i < copies->len && (cli->limit == 0 || i < (guint)cli->limit); i++) {
		const struct bz_copy *copy = &g_array_index(copies, struct bz_copy, i);

		if (cli->json) {
			g_autofree char *json = bz_json_copy(copy);

			puts(json);
		} else {
			print_copy(copy, now, width);
		}
	}
	if (!cli->json) {
		g_autofree char *sum = bz_retention_sum(copies, now);

		puts(sum);
	}
}

static int list_copies(const struct bz_cli *cli, const struct bz_account *account)
{
	struct bz_session s;
	struct bz_err err = {0};
	struct bz_event *event;
	int code = EX_OK;

	if (bz_session_open(&s, cli, account, NULL, &err) != 0)
		return bz_cli_fail(&err);
	event = bz_session_do(&s, bz_request_new(BZ_REQ_COPIES), &err);
	if (event != NULL)
		print_copies(cli, event->copies);
	else
		code = bz_session_fail(&s, &err);
	bz_event_free(event);
	bz_session_close(&s);
	return code;
}

int bz_cli_copies(struct bz_cli *cli, const char *name)
{
	const struct bz_account *account;

	if (name == NULL)
		name = cli->account;
	if (name == NULL) {
		fputs(_("buzon: the mail on which server? Write: buzon list --server ACCOUNT\n"),
			stderr);
		return EX_USAGE;
	}
	account = bz_cli_pop_account(cli, name);
	return account != NULL ? list_copies(cli, account) : EX_USAGE;
}
