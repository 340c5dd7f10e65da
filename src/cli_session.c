/* The application without a screen: one worker, and waiting for its answers. */
#include "src/cli_private.h"
#include "src/lang.h"
#include "src/text.h"

#include <stdio.h>
#include <string.h>

enum { COUNTED = 100 };

static const struct bz_backend_ops *ops_for(
	const struct bz_cli_wiring *wiring, enum bz_protocol protocol)
{
	switch (protocol) {
	case BZ_PROTOCOL_IMAP:
		return wiring->imap;
	case BZ_PROTOCOL_POP:
		return wiring->pop;
	default:
		return wiring->file;
	}
}

int bz_session_open(struct bz_session *s, const struct bz_cli *cli,
	const struct bz_account *account, struct bz_account *own, struct bz_err *err)
{
	*s = (struct bz_session){.account = account, .own = own, .bag = bz_mailbag_new()};
	s->worker = bz_worker_new(0, account, ops_for(cli->wiring, account->protocol), s->bag, err);
	if (s->worker != NULL)
		s->store =
			bz_store_open(bz_worker_cache_path(s->worker), NULL, BZ_STORE_READER, err);
	if (s->store != NULL)
		return 0;
	bz_session_close(s);
	return -1;
}

void bz_session_close(struct bz_session *s)
{
	bz_store_close(&s->store);
	bz_worker_destroy(&s->worker);
	bz_mailbag_free(s->bag);
	g_free(s->noted);
	bz_account_destroy(&s->own);
}

/* --- events ----------------------------------------------------------------------------------- */

/* It may hold a folder's name, so it is cleaned like all that comes from a server. */
static void print_note(struct bz_session *s, const char *text)
{
	g_autofree char *clean = bz_text_clean(text, strlen(text), 0);

	g_free(s->noted);
	s->noted = g_strdup(text);
	if (s->notes != NULL)
		fprintf(s->notes, "%s\n", clean);
	else
		fprintf(stderr, "buzon: %s\n", clean);
}

/* New rows, and those among them that stand for what is on the server only. */
static void count_rows(struct bz_session *s, const GArray *ids)
{
	struct bz_summary rows[COUNTED];

	for (guint i = 0; i < ids->len; i += COUNTED) {
		guint n = MIN(ids->len - i, COUNTED);

		(void)bz_store_window(s->store, &g_array_index(ids, uint32_t, i), n, rows, NULL);
		for (guint k = 0; k < n; k++) {
			bool left = (rows[k].flags & BZ_FLAG_LEFT) != 0;

			s->left += left;
			s->arrived += !left;
			s->stored += left ? 0 : rows[k].size;
			s->moved_on += rows[k].row == 0;
			bz_summary_clear(&rows[k]);
		}
	}
}

static uint32_t inbox_of(struct bz_session *s)
{
	struct bz_folder folder;

	if (s->inbox == 0 && bz_store_folder_by_name(s->store, "INBOX", &folder, NULL) == 0) {
		s->inbox = folder.id;
		bz_folder_clear(&folder);
	}
	return s->inbox;
}

static void note_event(struct bz_session *s, const struct bz_event *event)
{
	switch (event->kind) {
	case BZ_EVENT_LINE:
		if (event->err.kind != BZ_ERR_NONE)
			s->line_err = event->err;
		if (event->cert != NULL)
			s->cert = *event->cert;
		break;
	case BZ_EVENT_ROWS: /* in other folders they were only filed */
		if (event->change->kind == BZ_CHANGE_NEWER && event->change->folder == inbox_of(s))
			count_rows(s, event->change->ids);
		break;
	case BZ_EVENT_PROGRESS:
		s->progress_over = event->total == 0;
		s->bytes = MAX(s->bytes, event->bytes);
		if (s->progress != NULL)
			bz_progress_update(s->progress, event);
		break;
	case BZ_EVENT_NOTE:
		if (s->progress != NULL)
			bz_progress_erase(s->progress);
		print_note(s, event->text);
		break;
	default:
		break;
	}
}

static void stop_now(struct bz_session *s)
{
	s->stopped = true;
	bz_worker_destroy(&s->worker);
}

/* NULL after timeout_ms; or stopped, then the worker ended: it told all it did and answered all. */
static struct bz_event *next_event(struct bz_session *s, int timeout_ms)
{
	struct bz_event *event = bz_mailbag_take(s->bag);

	while (event == NULL && s->worker != NULL) {
		bool came = bz_stop_wait(s->stop, bz_mailbag_fd(s->bag), timeout_ms);

		if (s->stop != NULL && bz_stop_is_due(s->stop)) {
			stop_now(s);
		} else if (!came && timeout_ms >= 0) {
			return NULL;
		}
		event = bz_mailbag_take(s->bag);
	}
	return event;
}

bool bz_session_pump(struct bz_session *s, int timeout_ms)
{
	struct bz_event *event = next_event(s, timeout_ms);

	if (event == NULL)
		return false;
	note_event(s, event);
	bz_event_free(event);
	return true;
}

static struct bz_event *wait_for(struct bz_session *s, uint64_t id)
{
	for (;;) {
		struct bz_event *event = next_event(s, -1);

		if (event == NULL)
			return NULL;
		if (event->kind == BZ_EVENT_DONE && event->request == id)
			return event;
		note_event(s, event);
		bz_event_free(event);
	}
}

/* --- requests --------------------------------------------------------------------------------- */

static struct bz_request *copy_request(const struct bz_request *r)
{
	struct bz_request *copy = bz_request_new(r->kind);

	copy->folder = g_strdup(r->folder);
	copy->limit = g_strdup(r->limit);
	copy->window = r->window;
	copy->dry_run = r->dry_run;
	copy->refs = r->refs != NULL ? g_array_ref(r->refs) : NULL;
	copy->fetch = r->fetch;
	return copy;
}

/* Its answer; NULL when it was stopped before. request is taken. */
static struct bz_event *submit(struct bz_session *s, struct bz_request *request)
{
	if (s->worker == NULL) {
		bz_request_free(request);
		return NULL;
	}
	return wait_for(s, bz_worker_submit(s->worker, request));
}

/* Give the password to the worker. False when there is none to give. */
static bool give_password(struct bz_session *s)
{
	struct bz_request *request;
	char *secret;

	if (s->progress != NULL)
		bz_progress_erase(s->progress);
	secret = bz_cli_ask_password(s->account, s->stop);
	if (s->stop != NULL && bz_stop_is_due(s->stop))
		stop_now(s);
	if (secret == NULL)
		return false;
	request = bz_request_new(BZ_REQ_PASSWORD);
	request->secret = secret;
	bz_event_free(submit(s, request));
	s->line_err = (struct bz_err){0}; /* that there was none */
	return true;
}

struct bz_event *bz_session_do(struct bz_session *s, struct bz_request *request, struct bz_err *err)
{
	struct bz_request *again = copy_request(request);
	struct bz_event *event = submit(s, request);

	if (event != NULL && event->err.kind == BZ_ERR_AUTH &&
		event->err.code == BZ_CODE_NO_PASSWORD && give_password(s)) {
		bz_event_free(event);
		event = submit(s, g_steal_pointer(&again));
	}
	bz_request_free(again);
	if (event != NULL && event->err.kind == BZ_ERR_NONE)
		return event;
	if (event != NULL && err != NULL)
		*err = event->err;
	else
		bz_err_set(err, BZ_ERR_CANCELLED, BZ_CODE_NONE, _("Stopped."));
	bz_event_free(event);
	return NULL;
}

int bz_session_refresh(struct bz_session *s, const char *folder, uint32_t rows, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_REFRESH);
	struct bz_event *event;

	request->folder = g_strdup(folder);
	request->window = (struct bz_window){0, rows};
	s->progress_over = false;
	event = bz_session_do(s, request, err);
	bz_event_free(event);
	return event != NULL ? 0 : -1;
}

/* What is known here is no answer where the server cannot be asked, but it stays. */
static void ask_server(struct bz_session *s, const char *folder, const char *match,
	struct bz_listing **listing, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_SEARCH);
	struct bz_event *event;

	request->folder = g_strdup(folder);
	request->limit = g_strdup(match);
	event = bz_session_do(s, request, err);
	if (event == NULL)
		return;
	bz_listing_free(*listing);
	*listing = g_steal_pointer(&event->listing);
	if (event->is_cut)
		print_note(s, _("There are more on the server; these are the newest."));
	if (event->is_plain)
		print_note(s, _("The server compares letters without accents (a to z) alone."));
	bz_event_free(event);
}

struct bz_listing *bz_session_listing(
	struct bz_session *s, const char *folder, const char *match, struct bz_err *err)
{
	struct bz_request *request = bz_request_new(BZ_REQ_LISTING);
	struct bz_listing *listing = NULL;
	struct bz_event *event;

	request->folder = g_strdup(folder);
	request->limit = g_strdup(match);
	event = bz_session_do(s, request, err);
	if (event != NULL)
		listing = g_steal_pointer(&event->listing);
	if (event != NULL && event->asks_server && s->line_err.kind == BZ_ERR_NONE)
		ask_server(s, folder, match, &listing, err);
	bz_event_free(event);
	return listing;
}

/* --- folders ---------------------------------------------------------------------------------- */

static int find_folder(struct bz_store *store, const char *title, struct bz_folder *out)
{
	GPtrArray *folders = bz_store_folders(store, NULL);
	int found = -1;

	for (guint i = 0; folders != NULL && i < folders->len && found != 0; i++) {
		struct bz_folder *f = g_ptr_array_index(folders, i);

		if (title == NULL ? f->role == BZ_ROLE_INBOX
				  : g_utf8_collate(f->title, title) == 0 ||
					    strcmp(f->name, title) == 0 ||
					    (f->role == BZ_ROLE_INBOX &&
						    g_ascii_strcasecmp(title, "inbox") == 0)) {
			*out = *f;
			memset(f, 0, sizeof *f);
			found = 0;
		}
	}
	if (folders != NULL)
		g_ptr_array_unref(folders);
	return found;
}

int bz_session_folder(
	struct bz_session *s, const char *title, struct bz_folder *out, struct bz_err *err)
{
	struct bz_event *event;

	if (find_folder(s->store, title, out) == 0)
		return 0;
	event = bz_session_do(s, bz_request_new(BZ_REQ_FOLDERS), err);
	if (event == NULL)
		return -1;
	bz_event_free(event);
	if (find_folder(s->store, title, out) == 0)
		return 0;
	return bz_err_set(err, BZ_ERR_STALE, BZ_CODE_NOT_FOUND,
		_("There is no folder %s in account %s."), title != NULL ? title : "Inbox",
		s->account->id);
}

/* --- telling failures ------------------------------------------------------------------------- */

int bz_cli_fail(const struct bz_err *err)
{
	g_autofree char *text = bz_text_clean(err->text, strlen(err->text), 0);

	fprintf(stderr, "buzon: %s\n", text);
	if (err->server[0] != '\0') {
		g_autofree char *server = bz_text_clean(err->server, strlen(err->server), 0);

		fprintf(stderr, _("the server said: \"%s\"\n"), server);
	}
	return bz_err_exit_code(err);
}

bool bz_session_told(const struct bz_session *s, const struct bz_err *err)
{
	return g_strcmp0(s->noted, err->text) == 0;
}

int bz_session_fail(const struct bz_session *s, const struct bz_err *err)
{
	int code = bz_session_told(s, err) ? bz_err_exit_code(err) : bz_cli_fail(err);
	char sum[81];

	if (err->kind == BZ_ERR_TRUST) {
		bz_cert_fingerprint(s->cert.sha256, sum);
		fprintf(stderr,
			_("its SHA-256: %s\nOpen this account in buzon to look at it and "
			  "decide.\n"),
			sum);
	}
	return code;
}

const struct bz_account *bz_cli_pop_account(const struct bz_cli *cli, const char *name)
{
	const struct bz_account *account = bz_settings_account(cli->settings, name);

	if (account == NULL)
		fprintf(stderr, _("buzon: there is no account %s in %s\n"), name, cli->config);
	else if (account->protocol != BZ_PROTOCOL_POP)
		fprintf(stderr, _("buzon: %s is an IMAP account: its mail stays on the server\n"),
			name);
	else
		return account;
	return NULL;
}

const struct bz_account *bz_cli_account_of(
	const struct bz_cli *cli, const char *ref, const char **rest)
{
	const struct bz_account *best = NULL;
	size_t longest = 0;

	for (guint i = 0; cli->settings != NULL && i < cli->settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(cli->settings->accounts, i);
		size_t n = strlen(a->id);

		if (n > longest && g_ascii_strncasecmp(ref, a->id, n) == 0 &&
			(ref[n] == '\0' || ref[n] == '/' || ref[n] == ':')) {
			best = a;
			longest = n;
		}
	}
	*rest = ref + longest;
	return best;
}
