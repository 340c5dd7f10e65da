/* Looking for messages: `l` shows only those that are meant, `/` goes from one to the next. The
 * worker looks; the screen goes on. UI thread. */
#ifndef UI_FIND_H
#define UI_FIND_H

#include "ui/prompt.h"

/* Ask which messages of the folder in view these limit words (limit.h) mean; what was asked before
 * is no longer wanted. came: the answer is in app->find. */
void ui_find_ask(struct ui_app *app, const char *words, void (*came)(struct ui_app *app));
/* "17 found", "looking", or what is wrong with the words; the caller frees. */
char *ui_find_words(const struct ui_app *app);

/* limit.c */
void ui_limit_prompt(struct ui_app *app);
/* NULL or "": all messages. */
void ui_limit_set(struct ui_app *app, const char *words);

/* search.c */
void ui_search_prompt(struct ui_app *app);
void ui_search_for(struct ui_app *app, const char *text);
void ui_search_step(struct ui_app *app, bool backwards);
/* The server answered as well: event's listing is of what was found there and here. */
void ui_search_found(struct ui_app *app, const struct bz_event *event);

/* reader_search.c: the same in the text of the message */
void ui_reader_search_prompt(struct ui_app *app);
void ui_reader_search_for(struct ui_app *app, const char *text);
void ui_reader_search_step(struct ui_app *app, bool backwards);

#endif
