/* buzon show: one message as text, source or JSON. */
#include "src/cli_private.h"
#include "src/json.h"
#include "src/lang.h"
#include "src/render.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { TEXT_WIDTH = 80 };

static void print_text(const struct bz_message *message)
{
	struct bz_doc *doc = bz_render(
		message, TEXT_WIDTH, BZ_RENDER_HEADERS, g_get_real_time() / G_USEC_PER_SEC);

	for (guint i = 0; i < doc->lines->len; i++)
		puts(((const struct bz_line *)g_ptr_array_index(doc->lines, i))->text);
	bz_doc_unref(doc);
}

static void print_message(const struct bz_cli *cli, const struct bz_message *message)
{
	if (cli->raw) {
		gsize len;
		const char *raw = g_bytes_get_data(message->raw, &len);

		fwrite(raw, 1, len, stdout);
	} else if (cli->json) {
		g_autofree char *text = bz_render_text(message, 0);
		g_autofree char *json = bz_json_message(message, text);

		puts(json);
	} else {
		print_text(message);
	}
}

static int fetch_and_print(const struct bz_cli *cli, struct bz_session *s,
	const struct bz_msgref *ref, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_FETCH);
	struct bz_event *event;

	request->refs = g_array_new(FALSE, FALSE, sizeof *ref);
	g_array_append_val(request->refs, *ref);
	request->fetch = cli->raw ? BZ_FETCH_RAW : BZ_FETCH_TEXT;
	event = bz_session_do(s, request, err);
	if (event == NULL)
		return -1;
	print_message(cli, event->message);
	bz_event_free(event);
	return 0;
}

static int not_there(struct bz_err *err)
{
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND, _("There is no such message."));
}

/* --- in a file -------------------------------------------------------------------------------- */

/* The n-th message from the start of the file (1 = first). */
static int find_nth(struct bz_session *s, guint64 n, struct bz_msgref *ref, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_LISTING);
	struct bz_summary row = {0};
	struct bz_event *event;
	uint32_t id = 0, size;

	request->folder = g_strdup("FILE");
	event = bz_session_do(s, request, err);
	if (event == NULL)
		return -1;
	size = bz_listing_size(event->listing);
	if (n >= 1 && n <= size)
		id = bz_listing_row(event->listing, (uint32_t)(size - n));
	bz_event_free(event);
	if (id == 0 || bz_store_window(s->store, &id, 1, &row, err) != 0 || row.row == 0)
		return not_there(err);
	*ref = (struct bz_msgref){row.folder, 1, row.uid};
	bz_summary_clear(&row);
	return 0;
}

static int show_file(struct bz_cli *cli, const char *path, guint64 n)
{
	struct bz_account *account = bz_account_for_file(path);
	struct bz_session s;
	struct bz_msgref ref;
	struct bz_err err = {0};
	int code;

	if (bz_session_open(&s, cli, account, account, &err) != 0)
		return bz_cli_fail(&err);
	if (bz_session_refresh(&s, "FILE", 1, &err) != 0 || find_nth(&s, n, &ref, &err) != 0 ||
		fetch_and_print(cli, &s, &ref, &err) != 0)
		code = bz_cli_fail(&err);
	else
		code = EX_OK;
	bz_session_close(&s);
	return code;
}

/* --- in an account ---------------------------------------------------------------------------- */

static int find_uid(struct bz_session *s, const char *title, guint64 uid, struct bz_msgref *ref,
	struct bz_err *err)
{
	struct bz_folder folder;

	if (bz_session_folder(s, title, &folder, err) != 0)
		return -1;
	*ref = (struct bz_msgref){folder.id, folder.uidvalidity, (uint32_t)uid};
	bz_folder_clear(&folder);
	return 0;
}

static int show_in_account(
	struct bz_cli *cli, const struct bz_account *account, const char *title, guint64 uid)
{
	struct bz_session s;
	struct bz_msgref ref;
	struct bz_err err = {0};
	int code = EX_OK;

	if (bz_session_open(&s, cli, account, NULL, &err) != 0)
		return bz_cli_fail(&err);
	if (find_uid(&s, title, uid, &ref, &err) != 0 || fetch_and_print(cli, &s, &ref, &err) != 0)
		code = bz_session_fail(&s, &err);
	bz_session_close(&s);
	return code;
}

/* --- which ------------------------------------------------------------------------------------ */

int bz_cli_show(struct bz_cli *cli, const char *ref)
{
	const char *colon = strrchr(ref, ':'), *rest;
	const struct bz_account *account = bz_cli_account_of(cli, ref, &rest);
	g_autofree char *path = colon != NULL ? g_strndup(ref, (gsize)(colon - ref)) : NULL;
	guint64 n = 0;
	bool number = colon != NULL &&
		      g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT32, &n, NULL);

	if (account != NULL && number && rest <= colon) {
		g_autofree char *title =
			*rest == '/' ? g_strndup(rest + 1, (gsize)(colon - rest - 1)) : NULL;

		return show_in_account(cli, account, title, n);
	}
	if (number && access(path, F_OK) == 0)
		return show_file(cli, path, n);
	if (strcmp(ref, "-") == 0 || access(ref, F_OK) == 0)
		return show_file(cli, ref, 1);
	fprintf(stderr,
		_("buzon: %s names no message; write ACCOUNT:UID, ACCOUNT/FOLDER:UID, FILE:N or "
		  "FILE\n"),
		ref);
	return EX_NOINPUT;
}
