/* The application's state on screen: accounts, the folder and message in view, what is open above
 * them. Owned by the UI thread; nothing here waits for anything. */
#ifndef UI_APP_H
#define UI_APP_H

#include "src/undo.h"
#include "src/worker.h"
#include "ui/command.h"
#include "ui/history.h"
#include "ui/layout.h"
#include "ui/screen.h"

#include <wchar.h>

enum { UI_WINDOW = 200 }; /* rows read at once: the one disk read of this thread */

struct ui_app;

/* What lies above the main screen: help, picker, questions. The topmost gets the keys. */
struct ui_view {
	enum ui_context context;
	void (*draw)(struct ui_app *app, struct ui_view *view, const struct ui_rect *rect);
	/* A command of the table. */
	void (*command)(struct ui_app *app, struct ui_view *view, enum ui_command command);
	/* A character typed, where the view takes text; NULL elsewhere. */
	void (*text)(struct ui_app *app, struct ui_view *view, gunichar c);
	void (*free)(struct ui_view *view);
	/* It stands at the bottom of the main screen, which is drawn first; rect is all of it. */
	bool overlay;
};

struct ui_account {
	int number;
	const struct bz_account *account;
	struct bz_worker *worker;
	struct bz_store *store; /* READER */
	unsigned caps;
	GPtrArray *folders; /* struct bz_folder * */
	enum bz_line_state line;
	int64_t since, retry_at;
	struct bz_err err;    /* of the line */
	struct bz_cert cert;  /* waits for an answer */
	uint32_t done, total; /* a download; total 0 = none */
	uint64_t bytes, bytes_total;
	uint32_t came;        /* new in the Inbox since the last download was over */
	bool asked;           /* for mail, and was not told yet what came */
	uint32_t space_count; /* on the server */
	uint64_t space_bytes;
	uint64_t space_limit;   /* 0 = not known */
	uint32_t waiting;       /* changes that wait for the line */
	uint32_t leaving_count; /* copies that wait for the person's agreement; 0 = none */
	uint64_t leaving_bytes;
};

/* A message that something is done to. */
struct ui_target {
	uint32_t row;
	struct bz_msgref ref;
	unsigned flags;
};

/* Whether the server was asked for what the limit means. */
enum ui_asked {
	UI_ASKED_NOT,
	UI_ASKED_IN_VAIN, /* there was no line, and that was said */
	UI_ASKED
};

struct ui_index {
	struct ui_account *account;
	char *folder; /* wire name */
	uint32_t folder_id, uidvalidity;
	char *title; /* cleaned */
	enum bz_folder_role role;
	uint32_t exists, unseen;
	/* threads */
	enum bz_order order; /* the person's word for this folder */
	bool wants_threads, in_threads;
	bool touched; /* a key was pressed here: what is seen is not put in another order */
	bool regroup; /* but the person asked for it */
	bool line;    /* the selected message keeps its line, whatever moves above it */
	struct bz_listing *listing; /* NULL until the worker made it */
	char *limit;                /* words of limit.h; NULL = all messages */
	enum ui_asked asked;
	uint64_t open_request, listing_request, refresh_request, window_request;
	struct bz_window window; /* asked for last, and of how many positions */
	uint32_t window_size;
	uint32_t before; /* the refresh: how many there were */
	uint32_t pos, top;
	uint32_t row; /* the selected message; 0 = none or a hole */
	int page;     /* messages that fit, as drawn last */
	/* the rows in view */
	struct bz_summary rows[UI_WINDOW];
	uint32_t rows_first, rows_n;
	bool rows_valid;
};

/* What the worker was asked to find, and what it found. */
struct ui_find {
	uint64_t request; /* 0 = it has answered */
	struct ui_account *account;
	char *words;
	struct bz_listing *found;
	bool asks_server; /* it may know of more */
	uint32_t known;   /* messages that were looked at here */
	char *wrong;      /* why nothing could be looked for */
	void (*came)(struct ui_app *app);
};

/* The server being asked for what the rows here do not tell. */
struct ui_asking {
	uint64_t request; /* 0 = nothing is under way */
	struct ui_account *account;
	int64_t since;  /* monotonic us */
	uint32_t here;  /* found without it */
	uint32_t known; /* among so many */
	bool is_search; /* `/`; else the limit of the list */
};

/* `/` in the list. */
struct ui_search {
	GHashTable *rows; /* of those found; NULL = nothing was searched for */
	int64_t from;     /* the position where it began */
	bool is_due;      /* the server answered; the list with what it found is on its way */
	int64_t took;     /* us, to be said once; 0 = was not asked, or it was said */
	bool is_cut;      /* there are more on the server */
};

struct ui_reader {
	bool open; /* by Enter: has the keys; else a preview */
	struct ui_account *account;
	struct bz_msgref ref;
	uint32_t row;               /* whose message it is */
	struct bz_message *message; /* NULL = not here yet */
	struct bz_doc *doc;
	struct bz_err err; /* it did not come */
	uint64_t fetch_request, render_request;
	int64_t asked;      /* monotonic us */
	int64_t preview_at; /* when a preview is to be asked for; 0 = not */
	bool is_looked_up;  /* it was, of what is kept here alone */
	int top, height, width;
	int found;      /* the line that was searched for */
	unsigned flags; /* enum bz_render_flag */
};

struct ui_app {
	struct bz_mailbag *bag;
	struct bz_renderer *renderer;
	struct ui_account *accounts;
	int n;
	bool threads; /* the setting */
	bool is_file; /* `buzon FILE`: one account, reading only */
	struct ui_index index;
	struct ui_reader reader;
	enum ui_context focus; /* UI_IN_SIDEBAR, UI_IN_INDEX or UI_IN_READER */
	bool want_sidebar;
	int sidebar_pos, sidebar_top;
	GPtrArray *views; /* struct ui_view *, bottom to top */
	GPtrArray *acts;  /* struct ui_act *: what is under way */
	struct bz_undo *undo;
	int undo_due; /* how often undo (redo: below 0) was asked for and not begun */
	struct ui_history history;
	struct ui_find find;
	struct ui_search search;
	struct ui_asking asking;
	char *needle;   /* folded: what was searched for in a message; NULL = nothing */
	int search_top; /* where the reader stood then */
	struct ui_paths *paths;
	bool pasting; /* what comes is text from the clipboard, no keys */
	struct ui_layout layout;
	/* the line that speaks */
	char *message;                            /* cleaned; NULL = nothing */
	bool message_is_error;                    /* stays until Esc */
	const struct ui_account *message_account; /* whose error; NULL = nobody's */
	GPtrArray *journal;                       /* char *: "18:40  text" */
	unsigned journal_count;                   /* of all lines ever written */
	unsigned prefix;                          /* 'g' was typed */
	int64_t interrupted;                      /* monotonic us of the last Ctrl-C */
	bool dirty, full_redraw;
	bool draw_now; /* what the person asked for has come: not one of the 10 drawings a second */
	bool quit;
	int exit_code;
};

/* app.c: accounts and what the workers say */
int ui_app_init(struct ui_app *app, const struct bz_account *const *accounts, size_t n,
	const struct bz_cli_wiring *wiring, struct bz_err *err);
void ui_app_clear(struct ui_app *app);
void ui_app_event(struct ui_app *app, struct bz_event *event);
struct ui_account *ui_app_current(struct ui_app *app);
/* Read the account's folders again. */
void ui_app_load_folders(struct ui_account *account);
const struct bz_folder *ui_app_folder(const struct ui_account *account, const char *name);
/* The folder of a role, or NULL. */
const struct bz_folder *ui_app_role(const struct ui_account *account, enum bz_folder_role role);
/* What can be done there, by context. */
struct ui_where ui_app_where(const struct ui_app *app, unsigned context);
/* It has a line, and the line is not up. */
bool ui_app_is_away(const struct ui_account *account);
/* Its question about a certificate or a password comes up, if it is in view and has one. */
void ui_app_ask(struct ui_app *app, struct ui_account *account);
/* Whether copies may go from its server, if that is to be asked of the account in view and nothing
 * else is. */
void ui_app_ask_leaving(struct ui_app *app);
/* What a folder is called: its role's name in the person's language, else its own, cleaned. */
char *ui_app_folder_title(const struct bz_folder *folder);

/* message.c: what is said to the person */
void ui_say(struct ui_app *app, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ui_say_error(struct ui_app *app, const struct ui_account *account, const struct bz_err *err);
void ui_say_nothing(struct ui_app *app, bool errors_too);
int ui_message_lines(const struct ui_app *app, int h, int w);
void ui_draw_title(struct ui_app *app);
void ui_draw_status(struct ui_app *app);
void ui_draw_hints(struct ui_app *app);
/* Does something on screen change with time alone? */
bool ui_is_ticking(const struct ui_app *app);

/* index.c */
void ui_index_open(struct ui_app *app, struct ui_account *account, const struct bz_folder *folder);
void ui_index_refresh(struct ui_app *app);
/* So many new messages came. */
void ui_index_say_new(struct ui_app *app, uint32_t n);
bool ui_index_event(struct ui_app *app, struct bz_event *event);
void ui_index_draw(struct ui_app *app, const struct ui_rect *rect);
void ui_index_command(struct ui_app *app, enum ui_command command);
void ui_index_clear(struct ui_index *index);
/* Move the selection to the next (or previous) unread message; false when there is none near. */
bool ui_index_next_unread(struct ui_app *app, bool above);
bool ui_index_step(struct ui_app *app, int by);
const struct bz_summary *ui_index_selected(struct ui_app *app);
/* What an action is for: the selected message, if there is one; struct ui_target, the caller's. */
GArray *ui_index_targets(struct ui_app *app);
/* They are gone from the list before the worker says so. */
void ui_index_hide(struct ui_app *app, const GArray *targets);
/* Ask for the list anew. */
void ui_index_relist(struct ui_app *app);
/* Another listing of the folder in view is shown, the selection kept; taken. */
void ui_index_take(struct ui_app *app, struct bz_listing *listing);

/* The listing changed: the same message is selected, on the same line where that can be. */
void ui_index_changed(struct ui_app *app);

/* index_threads.c */
/* How the list is to be asked for. */
enum bz_threading ui_index_threading(const struct ui_index *index);
/* The worker said that something ended: threads are shown once all of the folder is known. */
void ui_index_regroup(struct ui_app *app);
/* In threads: rows with other flags; false: too many of them to be read here. */
bool ui_index_note_flags(struct ui_index *index, const GArray *ids);
/* What stands before a subject in at most w cells: how it hangs in its thread, what is folded away.
 * The caller frees. */
char *ui_index_tree(const struct bz_listing *listing, uint32_t position, int w);
/* Is it the subject that was said just above, but for "Re:"? */
bool ui_index_repeats(const char *subject, const char *above);
/* UI_ORDER, UI_FOLD, UI_FOLD_ALL; false: another one. */
bool ui_index_threads_command(struct ui_app *app, enum ui_command command);

/* index_holes.c */
/* The n positions from x->top on are in view: rows that are not known are asked for, once. */
void ui_index_ask_rows(struct ui_index *index, uint32_t n);
/* The answer to that; false: it is another's. */
bool ui_index_rows_came(struct ui_app *app, struct bz_event *event);

/* index_line.c: one row; rect is one or two lines high */
struct ui_index_row {
	const struct bz_summary *row;
	enum bz_folder_role role;
	const struct bz_listing *threads; /* NULL: the list is in none */
	uint32_t position;
	bool repeats; /* its subject was said just above */
	bool selected;
	int64_t now;
};
void ui_index_line(const struct ui_index_row *line, const struct ui_rect *rect);
/* "21:37", "Mon", "8 Nov", "2023", "?"; at most 6 cells. */
void ui_index_date(int64_t date, int64_t received, int64_t now, char out[32]);

/* reader.c */
void ui_reader_open(struct ui_app *app);
void ui_reader_preview(struct ui_app *app);
/* Would a message be asked for now? */
bool ui_reader_can_fetch(const struct ui_account *account);
void ui_reader_tick(struct ui_app *app);
void ui_reader_close(struct ui_app *app);
/* The account is online again: what did not come is asked for once more. */
void ui_reader_online(struct ui_app *app, const struct ui_account *account);
bool ui_reader_event(struct ui_app *app, struct bz_event *event);
void ui_reader_draw(struct ui_app *app, const struct ui_rect *rect);
void ui_reader_command(struct ui_app *app, enum ui_command command);
void ui_reader_clear(struct ui_reader *reader);

/* Select the message at a position, or the last one. */
void ui_index_select(struct ui_app *app, uint32_t pos);
/* Select the message of a uid, if it is among the newest; false: it is not. */
bool ui_index_select_uid(struct ui_app *app, uint32_t uid);

/* find.c */
bool ui_find_event(struct ui_app *app, struct bz_event *event);
void ui_find_clear(struct ui_app *app);
/* search.c: a list has come; what the server found may be in it */
void ui_search_listed(struct ui_app *app);
/* asking.c */
/* A listing by the limit of the list came: the server is asked for the rest, where there may be
 * one. */
void ui_asking_limit(struct ui_app *app, const struct bz_event *event);
/* The same after `/`, what was found here being in app->find. */
void ui_asking_search(struct ui_app *app);
bool ui_asking_event(struct ui_app *app, struct bz_event *event);
/* Stop, and say so where that is asked for. */
void ui_asking_stop(struct ui_app *app, bool say);
/* Can it be asked at all now? */
bool ui_asking_can(const struct ui_account *account);
/* reader_search.c: show what was searched for in a line of the reader drawn at y, x */
void ui_reader_mark_found(const struct ui_app *app, guint line, int y, int x, int w);

/* act.c, undoing.c: what is done to messages */
bool ui_act_event(struct ui_app *app, struct bz_event *event);
void ui_act_file(struct ui_app *app, const struct bz_folder *folder, bool copy);
void ui_act_file_role(struct ui_app *app, enum bz_folder_role role);
void ui_act_trash(struct ui_app *app);
void ui_act_delete(struct ui_app *app);
void ui_act_flag(struct ui_app *app, unsigned flag);
/* Mark one as read because it was seen: no step to undo. */
void ui_act_seen(struct ui_app *app, const struct bz_msgref *ref);
void ui_act_undo(struct ui_app *app, bool redo);

/* folders.c: commands that take words */
bool ui_folders_command(struct ui_app *app, enum ui_command command, const char *argument);
/* A folder of the account by what a person calls it; NULL (said so) when there is none. */
const struct bz_folder *ui_folders_named(
	struct ui_app *app, struct ui_account *account, const char *name);

/* sidebar.c */
void ui_sidebar_draw(struct ui_app *app, const struct ui_rect *rect);
void ui_sidebar_command(struct ui_app *app, enum ui_command command);
/* Put the sidebar's cursor on the folder in view. */
void ui_sidebar_follow(struct ui_app *app);
/* Back to what was in front of it. */
void ui_sidebar_leave(struct ui_app *app);
void ui_sidebar_next_folder(struct ui_app *app, int by);

/* main_view.c: keys of the main screen, and drawing all of it */
void ui_main_key(struct ui_app *app, unsigned key, bool is_function);
/* A command of the main screen; argument as typed in the prompt, or NULL. */
void ui_run(struct ui_app *app, enum ui_command command, const char *argument);
void ui_main_draw(struct ui_app *app);

/* screen.c: ask the terminal to mark pasted text, or no longer to */
void ui_screen_paste(bool on);

/* view.c */
void ui_push(struct ui_app *app, struct ui_view *view);
void ui_pop(struct ui_app *app);
struct ui_view *ui_top(const struct ui_app *app);

/* A list that moves: the same keys everywhere. True when the command was one of them. */
bool ui_move(enum ui_command command, int n, int page, int *pos);
/* top so that pos is inside page. */
int ui_scroll(int top, int pos, int n, int page);

/* The views above the main screen. */
struct ui_view *ui_help_new(unsigned context);
/* What a picked folder is for; of every account, or with only of that one. */
typedef void ui_picked(
	struct ui_app *app, struct ui_account *account, const struct bz_folder *folder);
struct ui_view *ui_picker_new(
	struct ui_app *app, const char *label, struct ui_account *only, ui_picked *picked);
struct ui_view *ui_copies_new(struct ui_app *app);
struct ui_view *ui_quota_new(struct ui_app *app);
struct ui_view *ui_leaving_new(struct ui_account *account);
/* text is a question without its "y/n"; answer gets data, which is freed after it. Esc and Enter:
 * no. */
typedef void ui_answer(struct ui_app *app, void *data, bool yes);
struct ui_view *ui_question_new(
	const char *text, ui_answer *answer, void *data, GDestroyNotify free_data);
/* What a question says in a window that does not hold all of its text. */
void ui_question_brief(struct ui_view *question, const char *text);
struct ui_view *ui_journal_new(struct ui_app *app);
struct ui_view *ui_trust_new(struct ui_account *account);
struct ui_view *ui_password_new(struct ui_account *account);

#endif
