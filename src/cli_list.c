/* buzon list: rows as lines or as JSON. */
#include "src/cli_private.h"
#include "src/json.h"
#include "src/lang.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

enum { WIDTH_PIPED = 100, WINDOW = 200, SURE_ROWS = 500, PATIENCE_MS = 60000 };

int bz_cli_output_width(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
		size.ws_col >= 40)
		return size.ws_col;
	return WIDTH_PIPED;
}

static char *cleaned(const char *text, int cells)
{
	g_autofree char *clean = bz_text_clean(text, strlen(text), 0);

	return bz_text_fit(clean, cells, true);
}

static char *date_of(const struct bz_summary *row)
{
	int64_t when = row->date != INT64_MIN ? row->date : row->received;
	g_autoptr(GDateTime) t = when != INT64_MIN ? g_date_time_new_from_unix_local(when) : NULL;

	return t != NULL ? g_date_time_format(t, "%Y-%m-%d %H:%M") : g_strdup("                ");
}

static void print_row(const struct bz_summary *row, const char *ref, int width)
{
	g_autofree char *date = date_of(row);
	const char *who = row->from_name[0] != '\0' ? row->from_name : row->from_addr;
	g_autofree char *label = cleaned(ref, MAX(20, bz_text_width(ref)));
	g_autofree char *from = cleaned(who, 20);
	g_autofree char *subject =
		cleaned(row->subject, MAX(width - bz_text_width(label) - 16 - 20 - 7, 10));

	printf("%s %c%c %s  %s  %s\n", label, (row->flags & BZ_FLAG_SEEN) != 0 ? ' ' : 'N',
		(row->flags & BZ_FLAG_FLAGGED) != 0 ? '!' : ' ', date, from, g_strchomp(subject));
}

/* What is printed: rows of a folder, and all of it, where a FILE's messages have their numbers. */
struct shown {
	const struct bz_cli *cli;
	struct bz_session *session;
	struct bz_folder folder;
	struct bz_listing *all;
	struct bz_listing *rows; /* all, or those that --match means */
	uint32_t place;          /* in all, of the row last printed */
};

/* A FILE's messages are numbered from its beginning. */
static uint32_t number_of(struct shown *list, const struct bz_summary *row)
{
	while (list->place < bz_listing_size(list->all) &&
		bz_listing_row(list->all, list->place) != row->row)
		list->place++;
	return bz_listing_size(list->all) - list->place;
}

/* How a script names the row again. */
static char *ref_of(const struct shown *list, const struct bz_summary *row)
{
	const struct bz_account *account = list->session->account;

	if (account->protocol == BZ_PROTOCOL_FILE)
		return g_strdup_printf("%s:%u", account->mbox, row->uid);
	if (list->folder.role == BZ_ROLE_INBOX)
		return g_strdup_printf("%s:%u", account->id, row->uid);
	return g_strdup_printf("%s/%s:%u", account->id, list->folder.title, row->uid);
}

static void print_one(struct shown *list, struct bz_summary *row, int width)
{
	g_autofree char *ref = NULL, *json = NULL;

	if (list->session->account->protocol == BZ_PROTOCOL_FILE)
		row->uid = number_of(list, row);
	ref = ref_of(list, row);
	if (!list->cli->json) {
		print_row(row, ref, width);
		return;
	}
	json = bz_json_summary(row, ref);
	puts(json);
}

static int print_window(struct shown *list, uint32_t first, uint32_t n, struct bz_err *err)
{
	struct bz_summary rows[WINDOW];
	uint32_t ids[WINDOW];
	int width = bz_cli_output_width();

	for (uint32_t i = 0; i < n; i++)
		ids[i] = bz_listing_row(list->rows, first + i);
	if (bz_store_window(list->session->store, ids, n, rows, err) != 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if (rows[i].row != 0)
			print_one(list, &rows[i], width);
		bz_summary_clear(&rows[i]);
	}
	return 0;
}

static uint32_t known_rows(const struct bz_listing *listing)
{
	uint32_t low = 0, high = bz_listing_size(listing);

	while (low < high) { /* known rows come first, holes behind them */
		uint32_t mid = low + (high - low) / 2;

		if (bz_listing_row(listing, mid) != 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A refresh of a server's folder makes sure of the newest SURE_ROWS alone; the rest is known when
 * all was looked through. */
static bool is_settled(const struct bz_session *s, const struct bz_listing *listing, uint32_t limit)
{
	uint32_t size = bz_listing_size(listing);

	if (s->progress_over || s->line_err.kind != BZ_ERR_NONE)
		return true;
	if ((bz_worker_caps(s->worker) & BZ_CAP_LIVE) != 0 && (limit == 0 || limit > SURE_ROWS))
		return false;
	return known_rows(listing) >= (limit > 0 ? MIN(size, limit) : size);
}

/* The listing, once as many rows as wanted are known for sure or nothing more comes. */
static struct bz_listing *wait_rows(
	struct bz_session *s, const char *name, uint32_t limit, bool online, struct bz_err *err)
{
	for (;;) {
		struct bz_listing *listing = bz_session_listing(s, name, NULL, err);

		if (listing == NULL || !online || is_settled(s, listing, limit) ||
			!bz_session_pump(s, PATIENCE_MS))
			return listing;
		bz_listing_free(listing);
	}
}

static int print_listing(struct shown *list, struct bz_err *err)
{
	uint32_t n = known_rows(list->rows), limit = (uint32_t)list->cli->limit;

	if (limit > 0)
		n = MIN(n, limit);
	for (uint32_t first = 0; first < n; first += WINDOW)
		if (print_window(list, first, MIN(n - first, WINDOW), err) != 0)
			return -1;
	return 0;
}

static const char *wire_name(const struct bz_session *s, const struct bz_folder *folder)
{
	if (folder->name != NULL)
		return folder->name;
	return s->account->protocol == BZ_PROTOCOL_FILE ? "FILE" : "INBOX";
}

static void free_rows(struct shown *list)
{
	if (list->rows != list->all)
		bz_listing_free(list->rows);
	bz_listing_free(list->all);
	list->rows = list->all = NULL;
}

/* A folder of downloaded mail that no server knows. */
static bool is_local(const struct shown *list)
{
	return list->session->account->protocol == BZ_PROTOCOL_POP &&
	       list->folder.role != BZ_ROLE_INBOX;
}

/* Look for what is new in the folder; a local one needs no server for that. */
static int refresh(struct shown *list, const char *name, uint32_t rows, struct bz_err *err)
{
	struct bz_request *offline;
	int rc;

	if (!is_local(list))
		return bz_session_refresh(list->session, name, rows, err);
	offline = bz_request_new(BZ_REQ_OFFLINE);
	offline->on = true;
	bz_event_free(bz_session_do(list->session, offline, NULL));
	rc = bz_session_refresh(list->session, name, rows, err);
	if (rc != 0 && err->kind == BZ_ERR_NET) /* the folder was looked at before */
		*err = (struct bz_err){0};
	return rc;
}

/* As many rows as wanted, from the server if it can be reached: what is kept here comes back even
 * when *err says that it cannot. None when nothing can be read. */
static void get_rows(struct shown *list, struct bz_err *err)
{
	struct bz_session *s = list->session;
	const char *name = wire_name(s, &list->folder), *match = list->cli->match;
	/* what is meant may be anywhere; a server is asked for it */
	bool asks = (bz_worker_caps(s->worker) & BZ_CAP_LIVE) != 0;
	uint32_t limit = match == NULL ? (uint32_t)list->cli->limit : asks ? WINDOW : 0;
	struct bz_err kept_err = {0};
	int rc;

	free_rows(list);
	s->line_err = *err = (struct bz_err){0};
	rc = refresh(list, name, limit > 0 ? limit : WINDOW, err);
	list->all = wait_rows(s, name, limit, rc == 0, &kept_err);
	list->rows = list->all == NULL || match == NULL
			     ? list->all
			     : bz_session_listing(s, name, match, &kept_err);
	if (list->rows == NULL || (rc == 0 && kept_err.kind != BZ_ERR_NONE))
		*err = kept_err;
	else if (rc == 0)
		*err = s->line_err;
}

/* A server may end a session that another device's changes have overtaken. */
static bool is_worth_another_try(const struct bz_err *err)
{
	return err->kind == BZ_ERR_NET && err->code == BZ_CODE_CLOSED;
}

/* The folder's rows, as new as can be had. What is kept here is printed even when the server cannot
 * be reached; the exit code says so. */
static int list_folder(const struct bz_cli *cli, struct bz_session *s, const char *title)
{
	struct shown list = {.cli = cli, .session = s, .folder = {.role = BZ_ROLE_INBOX}};
	struct bz_err err = {0}, print_err = {0};

	if (title != NULL && bz_session_folder(s, title, &list.folder, &err) != 0)
		return bz_session_fail(s, &err);
	get_rows(&list, &err);
	if (is_worth_another_try(&err))
		get_rows(&list, &err);
	if (list.rows != NULL)
		(void)print_listing(&list, &print_err);
	free_rows(&list);
	bz_folder_clear(&list.folder);
	if (err.kind != BZ_ERR_NONE)
		return bz_session_fail(s, &err);
	return print_err.kind == BZ_ERR_NONE ? EX_OK : bz_session_fail(s, &print_err);
}

static int list_one(struct bz_cli *cli, const struct bz_account *account, struct bz_account *own,
	const char *title)
{
	struct bz_session s;
	struct bz_err err;
	int code;

	if (bz_session_open(&s, cli, account, own, &err) != 0)
		return bz_cli_fail(&err);
	code = list_folder(cli, &s, title);
	bz_session_close(&s);
	return code;
}

/* --- without an argument: the folders of all accounts ----------------------------------------- */

static int list_folders(struct bz_cli *cli, const struct bz_account *account)
{
	struct bz_session s;
	struct bz_err err = {0};
	struct bz_event *event;
	GPtrArray *folders;
	int code = EX_OK;

	if (bz_session_open(&s, cli, account, NULL, &err) != 0)
		return bz_cli_fail(&err);
	event = bz_session_do(&s, bz_request_new(BZ_REQ_FOLDERS), &err);
	if (event == NULL)
		code = bz_session_fail(&s, &err);
	bz_event_free(event);
	folders = bz_store_folders(s.store, NULL);
	for (guint i = 0; folders != NULL && i < folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(folders, i);
		g_autofree char *name = g_strdup_printf("%s/%s", account->id, f->title);
		g_autofree char *clean = cleaned(name, MAX(40, bz_text_width(name)));

		printf("%s %6u %6u\n", clean, f->unseen, f->exists);
	}
	if (folders != NULL)
		g_ptr_array_unref(folders);
	bz_session_close(&s);
	return code;
}

int bz_cli_list(struct bz_cli *cli, const char *where)
{
	const struct bz_account *account;
	struct bz_account *own;
	const char *rest = "";
	int code = EX_OK;

	if (where == NULL && cli->account != NULL)
		where = cli->account;
	if (where == NULL) {
		for (guint i = 0; i < cli->settings->accounts->len; i++) {
			/* MAX is a macro: never around a call */
			int one = list_folders(cli, g_ptr_array_index(cli->settings->accounts, i));

			code = MAX(code, one);
		}
		return code;
	}
	account = bz_cli_account_of(cli, where, &rest);
	if (account != NULL && rest[0] != ':')
		return list_one(
			cli, account, NULL, rest[0] == '/' && rest[1] != '\0' ? rest + 1 : NULL);
	if (strcmp(where, "-") != 0 && access(where, F_OK) != 0) {
		fprintf(stderr, _("buzon: %s is neither an account nor a file\n"), where);
		return EX_NOINPUT;
	}
	own = bz_account_for_file(where);
	return list_one(cli, own, own, NULL);
}
