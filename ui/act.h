/* What the person does to mail: asked of a worker, told when it was done, taken back by undo. Many
 * may be under way; the list on screen shows at once what they will have done. UI thread. */
#ifndef UI_ACT_H
#define UI_ACT_H

#include "ui/app.h"

/* One request under way. */
struct ui_act {
	uint64_t request;
	struct ui_account *account;
	/* Its answer; failures were said already. */
	void (*done)(struct ui_app *app, struct ui_act *act, struct bz_event *event);
	bool orders; /* undo waits for it */
	bool hides;  /* rows were taken from the list before the answer */
	/* what is known of it, for done */
	struct bz_undo_act did; /* borrows the strings below */
	GArray *refs;           /* struct bz_moved: FLAGS, from == to */
	char *source, *target, *title;
	uint32_t folder_id;
	unsigned n; /* messages */
	bool redo;
};

/* request is taken; done may be NULL. Fill in the rest at once. */
struct ui_act *ui_act_submit(struct ui_app *app, struct ui_account *account,
	struct bz_request *request,
	void (*done)(struct ui_app *app, struct ui_act *act, struct bz_event *event));
void ui_act_free(void *act);
/* Is something under way that undo has to wait for? */
bool ui_act_is_busy(const struct ui_app *app);

/* undoing.c: undo or redo as often as asked for, one after the other. */
void ui_undo_go_on(struct ui_app *app);

/* What a question about a folder was about. */
struct ui_doomed {
	struct ui_account *account;
	char *folder, *title;
};
struct ui_doomed *ui_doom(struct ui_account *account, const struct bz_folder *folder);
void ui_doomed_free(void *doomed);

/* chores.c */
void ui_chore_empty_trash(struct ui_app *app);
void ui_chore_compact(struct ui_app *app);
/* typed: a path, then perhaps a folder; NULL = nothing. */
void ui_chore_import(struct ui_app *app, const char *typed);
void ui_chore_copies(struct ui_app *app);
void ui_chore_quota(struct ui_app *app);

#endif
