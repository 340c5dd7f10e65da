/* The worker of the first account of $HOME's buzonrc, with no screen before it: told what the
 *person asks for by lines on stdin, and telling what happens by lines on stdout.
 *
 *	open|refresh FOLDER
 *	read FOLDER UID
 *	search FOLDER WORD
 *	flags FOLDER UIDS ADD REMOVE		UIDS: 4,7,9; numbers of bz_flag
 *	move|copy FOLDER UIDS TARGET
 *	expunge FOLDER UIDS
 *	create TITLE
 *	rename FOLDER TITLE
 *	undo|redo				the newest step of flags, move and copy
 *
 * Each is answered by "id N", and that, once it is over, by "done N KIND" (a number of bz_err_kind)
 * and what was said, behind "moved N UID" for each message that was moved or copied (its UID
 *before). With nothing to take back: "id 0". At any time: "line STATE", "waiting N", "note TEXT".
 *
 *	rows FOLDER				"row UID FLAGS MESSAGE-ID" each as the list has them
 *	folders					"folder NAME" each
 *
 * Both end with "end". No name holds a blank. It leaves, as buzon does, where stdin ends. */
#include "net/backends.h"
#include "src/cli_private.h"
#include "src/mime.h"
#include "src/paths.h"
#include "src/undo.h"
#include "src/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What was asked for and may be taken back. */
struct asked {
	uint64_t id;
	struct bz_undo_act act;
	bool takes_back, redo;
	char *source, *target;
	GArray *refs; /* struct bz_moved, of flags */
};

struct work {
	struct bz_mailbag *bag;
	struct bz_worker *worker;
	struct bz_store *rows; /* as the screen has it */
	struct bz_undo *undo;
	GPtrArray *asked;
};

static void free_asked(void *p)
{
	struct asked *a = p;

	g_free(a->source);
	g_free(a->target);
	if (a->refs != NULL)
		g_array_unref(a->refs);
	g_free(a);
}

/* --- what happens ----------------------------------------------------------------------------- */

static const struct bz_moved *moved_of(const struct bz_event *e)
{
	return e->moved != NULL ? (const struct bz_moved *)(void *)e->moved->data : NULL;
}

static size_t count_of(const struct bz_event *e)
{
	return e->moved != NULL ? e->moved->len : 0;
}

/* As ui/undoing.c. */
static void taken_back(struct work *w, const struct asked *a, const struct bz_event *e)
{
	enum bz_err_kind kind = e->err.kind;

	if (kind == BZ_ERR_NONE) {
		bz_undo_done(w->undo, a->redo, moved_of(e), count_of(e));
		return;
	}
	if (count_of(e) > 0)
		bz_undo_follow(w->undo, 0, moved_of(e), count_of(e));
	if (count_of(e) > 0 || kind == BZ_ERR_STALE || kind == BZ_ERR_UNSUPPORTED ||
		kind == BZ_ERR_REFUSED)
		bz_undo_drop(w->undo, a->redo);
}

/* As ui/act.c. */
static void was_done(struct work *w, struct asked *a, const struct bz_event *e)
{
	if (a->act.kind == BZ_UNDO_FLAGS) {
		if (e->err.kind == BZ_ERR_NONE)
			bz_undo_push(w->undo, &a->act);
	} else if (count_of(e) > 0) {
		a->act.refs = moved_of(e);
		a->act.n = count_of(e);
		bz_undo_push(w->undo, &a->act);
	}
}

static void on_done(struct work *w, const struct bz_event *e)
{
	for (guint i = 0; i < w->asked->len; i++) {
		struct asked *a = w->asked->pdata[i];

		if (a->id != e->request)
			continue;
		if (a->takes_back)
			taken_back(w, a, e);
		else
			was_done(w, a, e);
		g_ptr_array_remove_index(w->asked, i);
		break;
	}
	for (size_t i = 0; i < count_of(e); i++)
		printf("moved %lu %u\n", (unsigned long)e->request, moved_of(e)[i].from.uid);
	printf("done %lu %d %s\n", (unsigned long)e->request, (int)e->err.kind,
		e->err.kind != BZ_ERR_NONE ? e->err.text : "");
}

static void on_event(struct work *w, const struct bz_event *e)
{
	switch (e->kind) {
	case BZ_EVENT_DONE:
		on_done(w, e);
		break;
	case BZ_EVENT_LINE:
		printf("line %d %s\n", (int)e->line, e->err.text);
		break;
	case BZ_EVENT_NOTE:
		printf("note %s\n", e->text);
		break;
	case BZ_EVENT_WAITING:
		printf("waiting %u\n", e->done);
		break;
	case BZ_EVENT_MOVED:
		bz_undo_follow(w->undo, 0, moved_of(e), count_of(e));
		break;
	default:
		break;
	}
}

/* --- what is asked for ------------------------------------------------------------------------ */

static GArray *refs_of(struct work *w, const char *name, const char *uids)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	g_auto(GStrv) each = g_strsplit(uids, ",", -1);
	struct bz_folder folder = {0};

	(void)bz_store_folder_by_name(w->rows, name, &folder, NULL);
	for (char **uid = each; *uid != NULL; uid++) {
		struct bz_msgref ref = {
			folder.id, folder.uidvalidity, (uint32_t)strtoul(*uid, NULL, 10)};

		g_array_append_val(refs, ref);
	}
	bz_folder_clear(&folder);
	return refs;
}

static struct asked *submit(struct work *w, struct bz_request *r)
{
	struct asked *a = g_new0(struct asked, 1);

	a->id = bz_worker_submit(w->worker, r);
	g_ptr_array_add(w->asked, a);
	printf("id %lu\n", (unsigned long)a->id);
	return a;
}

/* Not to be taken back. */
static void submit_only(struct work *w, struct bz_request *r)
{
	printf("id %lu\n", (unsigned long)bz_worker_submit(w->worker, r));
}

static void ask_about_folder(struct work *w, enum bz_request_kind kind, char **args)
{
	struct bz_request *r = bz_request_new(kind);

	r->folder = kind != BZ_REQ_FOLDER_CREATE ? g_strdup(args[1]) : NULL;
	if (kind == BZ_REQ_FOLDER_CREATE)
		r->title = g_strdup(args[1]);
	else if (kind == BZ_REQ_FOLDER_RENAME)
		r->title = g_strdup(args[2]);
	else if (kind == BZ_REQ_SEARCH)
		r->limit = g_strdup(args[2]);
	r->window = (struct bz_window){0, 20};
	submit_only(w, r);
}

static void ask_about_messages(struct work *w, enum bz_request_kind kind, char **args)
{
	struct bz_request *r = bz_request_new(kind);

	r->refs = refs_of(w, args[1], args[2]);
	submit_only(w, r);
}

static void flag(struct work *w, char **args)
{
	struct bz_request *r = bz_request_new(BZ_REQ_FLAGS);
	GArray *moved = g_array_new(FALSE, FALSE, sizeof(struct bz_moved));
	struct asked *a;

	r->refs = refs_of(w, args[1], args[2]);
	r->add = (unsigned)atoi(args[3]);
	r->remove = (unsigned)atoi(args[4]);
	for (guint i = 0; i < r->refs->len; i++) {
		struct bz_msgref ref = g_array_index(r->refs, struct bz_msgref, i);
		struct bz_moved m = {ref, ref};

		g_array_append_val(moved, m);
	}
	a = submit(w, r);
	a->source = g_strdup(args[1]);
	a->refs = moved;
	a->act = (struct bz_undo_act){.kind = BZ_UNDO_FLAGS,
		.source = a->source,
		.add = (unsigned)atoi(args[3]),
		.remove = (unsigned)atoi(args[4]),
		.refs = (const struct bz_moved *)(void *)moved->data,
		.n = moved->len};
}

static void file(struct work *w, char **args, bool copy)
{
	struct bz_request *r = bz_request_new(BZ_REQ_MOVE);
	struct asked *a;

	r->refs = refs_of(w, args[1], args[2]);
	r->folder = g_strdup(args[3]);
	r->copy = copy;
	a = submit(w, r);
	a->source = g_strdup(args[1]);
	a->target = g_strdup(args[3]);
	a->act = (struct bz_undo_act){.kind = copy ? BZ_UNDO_COPY : BZ_UNDO_MOVE,
		.source = a->source,
		.target = a->target};
}

static void take_back(struct work *w, bool redo)
{
	static const enum bz_request_kind kinds[] = {[BZ_UNDO_DO_MOVE] = BZ_REQ_MOVE,
		[BZ_UNDO_DO_COPY] = BZ_REQ_MOVE,
		[BZ_UNDO_DO_EXPUNGE] = BZ_REQ_EXPUNGE,
		[BZ_UNDO_DO_FLAGS] = BZ_REQ_FLAGS};
	struct bz_undo_task task;
	struct bz_request *r;
	struct asked *a;

	if (!bz_undo_next(w->undo, redo, &task)) {
		puts("id 0");
		return;
	}
	r = bz_request_new(kinds[task.verb]);
	r->refs = task.refs;
	r->folder = task.verb != BZ_UNDO_DO_EXPUNGE ? g_strdup(task.folder) : NULL;
	r->copy = task.verb == BZ_UNDO_DO_COPY;
	r->add = task.add;
	r->remove = task.remove;
	a = submit(w, r);
	a->takes_back = true;
	a->redo = redo;
}

/* --- what the screen would show --------------------------------------------------------------- */

static void print_rows(struct work *w, const char *name)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder = {0};

	if (bz_store_folder_by_name(w->rows, name, &folder, NULL) == 0)
		(void)bz_store_uids(w->rows, folder.id, 0, UINT32_MAX, uids, NULL);
	for (guint i = 0; i < uids->len; i++) {
		struct bz_summary row = {0};

		if (bz_store_by_uid(
			    w->rows, folder.id, g_array_index(uids, uint32_t, i), &row, NULL) == 0)
			printf("row %u %u %s\n", row.uid, row.flags, row.message_id);
		bz_summary_clear(&row);
	}
	bz_folder_clear(&folder);
	puts("end");
}

static void print_folders(struct work *w)
{
	GPtrArray *folders = bz_store_folders(w->rows, NULL);

	for (guint i = 0; folders != NULL && i < folders->len; i++)
		printf("folder %s\n", ((struct bz_folder *)folders->pdata[i])->name);
	puts("end");
	if (folders != NULL)
		g_ptr_array_unref(folders);
}

/* --- the loop --------------------------------------------------------------------------------- */

static const struct word {
	const char *name;
	guint args;
} words[] = {{"open", 1}, {"refresh", 1}, {"read", 2}, {"search", 2}, {"flags", 4}, {"move", 3},
	{"copy", 3}, {"expunge", 2}, {"create", 1}, {"rename", 2}, {"undo", 0}, {"redo", 0},
	{"rows", 1}, {"folders", 0}};

static bool is_word(char **args)
{
	for (size_t i = 0; args[0] != NULL && i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i].name, args[0]) == 0)
			return g_strv_length(args) == words[i].args + 1;
	return false;
}

static void ask(struct work *w, char **args)
{
	if (strcmp(args[0], "open") == 0)
		ask_about_folder(w, BZ_REQ_OPEN, args);
	else if (strcmp(args[0], "refresh") == 0)
		ask_about_folder(w, BZ_REQ_REFRESH, args);
	else if (strcmp(args[0], "read") == 0)
		ask_about_messages(w, BZ_REQ_FETCH, args);
	else if (strcmp(args[0], "search") == 0)
		ask_about_folder(w, BZ_REQ_SEARCH, args);
	else if (strcmp(args[0], "flags") == 0)
		flag(w, args);
	else if (strcmp(args[0], "move") == 0 || strcmp(args[0], "copy") == 0)
		file(w, args, args[0][0] == 'c');
	else if (strcmp(args[0], "expunge") == 0)
		ask_about_messages(w, BZ_REQ_EXPUNGE, args);
	else if (strcmp(args[0], "create") == 0)
		ask_about_folder(w, BZ_REQ_FOLDER_CREATE, args);
	else if (strcmp(args[0], "rename") == 0)
		ask_about_folder(w, BZ_REQ_FOLDER_RENAME, args);
	else if (strcmp(args[0], "rows") == 0)
		print_rows(w, args[1]);
	else if (strcmp(args[0], "folders") == 0)
		print_folders(w);
	else
		take_back(w, args[0][0] == 'r');
}

/* One line of stdin; false at its end. */
static bool listen_once(struct work *w)
{
	char line[4096];
	g_auto(GStrv) args = NULL;

	if (fgets(line, sizeof line, stdin) == NULL)
		return false;
	args = g_strsplit(g_strchomp(line), " ", -1);
	if (!is_word(args))
		exit(EX_USAGE);
	ask(w, args);
	return true;
}

static void take_events(struct work *w)
{
	struct bz_event *e;

	while ((e = bz_mailbag_take(w->bag)) != NULL) {
		on_event(w, e);
		bz_event_free(e);
	}
	(void)fflush(stdout);
}

static void run(struct work *w)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN}, {bz_mailbag_fd(w->bag), POLLIN, 0}};
	bool more = true;

	setvbuf(stdin, NULL, _IONBF, 0); /* poll must see what is not read yet */
	while (more) {
		(void)poll(fds, 2, -1);
		if (fds[0].revents != 0)
			more = listen_once(w);
		take_events(w);
	}
}

int main(void)
{
	g_autofree char *path = bz_path(BZ_DIR_CONFIG, "buzonrc", NULL);
	struct work w = {.bag = bz_mailbag_new(), .undo = bz_undo_new()};
	GPtrArray *problems = NULL;
	struct bz_err err = {0};
	struct bz_settings *settings = bz_settings_load(path, &problems, &err);

	signal(SIGPIPE, SIG_IGN);
	bz_mime_init();
	g_ptr_array_unref(problems);
	if (settings == NULL)
		return bz_cli_fail(&err);
	w.asked = g_ptr_array_new_with_free_func(free_asked);
	w.worker = bz_worker_new(
		0, g_ptr_array_index(settings->accounts, 0), &bz_imap_backend, w.bag, &err);
	if (w.worker != NULL)
		w.rows = bz_store_open(bz_worker_cache_path(w.worker), NULL, BZ_STORE_READER, &err);
	if (w.rows == NULL)
		return bz_cli_fail(&err);
	run(&w);
	bz_worker_destroy(&w.worker);
	take_events(&w);
	bz_store_close(&w.rows);
	g_ptr_array_unref(w.asked);
	bz_undo_free(w.undo);
	bz_mailbag_free(w.bag);
	bz_settings_destroy(&settings);
	return EX_OK;
}
