/* The application's state on screen: accounts, the folder and message in view, what is open above
 * them. Owned by the UI thread; nothing here waits for anything. */
#ifndef UI_APP_H
#define UI_APP_H

#include "src/worker.h"
#include "ui/command.h"
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
	uint32_t space_count; /* on the server */
	uint64_t space_bytes;
};

struct ui_index {
	struct ui_account *account;
	char *folder; /* wire name */
	uint32_t folder_id, uidvalidity;
	char *title; /* cleaned */
	enum bz_folder_role role;
	uint32_t exists, unseen;
	struct bz_listing *listing; /* NULL until the worker made it */
	uint64_t open_request, listing_request, refresh_request;
	uint32_t before; /* the refresh: how many there were */
	uint32_t pos, top;
	uint32_t row; /* the selected message; 0 = none or a hole */
	int page;     /* messages that fit, as drawn last */
	/* the rows in view */
	struct bz_summary rows[UI_WINDOW];
	uint32_t rows_first, rows_n;
	bool rows_valid;
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
	int top, height, width;
	unsigned flags; /* enum bz_render_flag */
};

struct ui_app {
	struct bz_mailbag *bag;
	struct bz_renderer *renderer;
	struct ui_account *accounts;
	int n;
	bool is_file; /* `buzon FILE`: one account, reading only */
	struct ui_index index;
	struct ui_reader reader;
	enum ui_context focus; /* UI_IN_SIDEBAR, UI_IN_INDEX or UI_IN_READER */
	bool want_sidebar;
	int sidebar_pos, sidebar_top;
	GPtrArray *views; /* struct ui_view *, bottom to top */
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
/* It has a line, and the line is not up. */
bool ui_app_is_away(const struct ui_account *account);
/* Its question about a certificate or a password comes up, if it is in view and has one. */
void ui_app_ask(struct ui_app *app, struct ui_account *account);
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
bool ui_index_event(struct ui_app *app, struct bz_event *event);
void ui_index_draw(struct ui_app *app, const struct ui_rect *rect);
void ui_index_command(struct ui_app *app, enum ui_command command);
void ui_index_clear(struct ui_index *index);
/* Move the selection to the next (or previous) unread message; false when there is none near. */
bool ui_index_next_unread(struct ui_app *app, bool above);
bool ui_index_step(struct ui_app *app, int by);
const struct bz_summary *ui_index_selected(struct ui_app *app);
void ui_index_toggle(struct ui_app *app, unsigned flag);

/* index_line.c: one row; two_lines: rect is two lines high */
void ui_index_line(const struct bz_summary *row, enum bz_folder_role role, int y, int x, int w,
	bool two_lines, bool selected, int64_t now);
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
void ui_main_draw(struct ui_app *app);

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
struct ui_view *ui_picker_new(struct ui_app *app);
struct ui_view *ui_journal_new(struct ui_app *app);
struct ui_view *ui_trust_new(struct ui_account *account);
struct ui_view *ui_password_new(struct ui_account *account);

#endif
