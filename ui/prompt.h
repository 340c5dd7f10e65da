/* A line typed at the bottom of the screen, with what it may become listed above it. The main
 * screen stays in view. UI thread. */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include "ui/app.h"
#include "ui/line.h"

/* One line of the list. Strings are owned, cleaned but for text. */
struct ui_offer {
	char *text;  /* what the prompt holds when it is taken */
	char *label; /* "archive" */
	char *keys;  /* "A" */
	char *about; /* "move to Archive" */
};

struct ui_prompt;

/* What a prompt is for. */
struct ui_prompt_kind {
	char mark;         /* in the history; ':' also stands before the text */
	const char *label; /* before the text, N_() */
	/* The text changed (not by recalling history through the list): act on it. NULL allowed. */
	void (*changed)(struct ui_app *app, const char *text);
	/* What the text may become: struct ui_offer appended. NULL allowed. */
	void (*offer)(struct ui_app *app, const char *text, GPtrArray *offers);
	/* Enter; the prompt is gone already. */
	void (*accept)(struct ui_app *app, const char *text);
	/* Esc; the prompt is gone already. NULL allowed. */
	void (*cancel)(struct ui_app *app);
	/* A few words at the right end: "17 found". NULL allowed; the caller frees. */
	char *(*state)(struct ui_app *app, const char *text);
};

/* kind is borrowed for as long as the prompt is there. */
struct ui_view *ui_prompt_new(
	struct ui_app *app, const struct ui_prompt_kind *kind, const char *text);
/* An offer; strings are copied. keys and about may be NULL. */
void ui_prompt_offer(GPtrArray *offers, const char *text, const char *label, const char *keys,
	const char *about);
/* What is offered changed by itself (file names came): ask again. */
void ui_prompt_renew(struct ui_app *app);

/* --- palette.c: the ':' prompt ---------------------------------------------------------------- */

/* text: what stands there at first. */
struct ui_view *ui_palette_new(struct ui_app *app, const char *text);

/* --- paths.c: names of files, looked up beside the UI ----------------------------------------- */

struct ui_paths;
struct ui_paths *ui_paths_new(struct bz_mailbag *bag);
void ui_paths_free(struct ui_paths *paths);
/* The files whose path begins with text ("~/" allowed), folders with '/' at their end, sorted. What
 * is known now: NULL while they are being looked up; then ui_prompt_renew follows. Borrowed until
 * the next call. */
const GPtrArray *ui_paths_find(struct ui_paths *paths, const char *text);
/* "~/x" made whole; the caller frees. */
char *ui_paths_expand(const char *text);

#endif
