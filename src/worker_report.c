/* What a backend tells while it works, as events for the UI. */
#include "src/worker_private.h"

void bz_worker_on_folders(void *me)
{
	struct bz_worker *w = me;

	bz_mailbag_post(w->bag, bz_worker_event(w, BZ_EVENT_FOLDERS));
}

void bz_worker_on_rows(void *me, struct bz_change *change)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_ROWS);

	bz_worker_texts_note(w, change);
	event->change = change;
	bz_mailbag_post(w->bag, event);
}

void bz_worker_on_progress(
	void *me, uint32_t done, uint32_t total, uint64_t bytes, uint64_t bytes_total)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_PROGRESS);

	event->done = done;
	event->total = total;
	event->bytes = bytes;
	event->bytes_total = bytes_total;
	bz_mailbag_post(w->bag, event);
}

void bz_worker_on_space(void *me, uint32_t count, uint64_t bytes, uint64_t limit)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_SPACE);

	event->done = count;
	event->bytes = bytes;
	event->bytes_total = limit;
	bz_mailbag_post(w->bag, event);
}

void bz_worker_on_removals(void *me, uint32_t n, uint64_t bytes)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_REMOVALS);

	event->done = n;
	event->bytes = bytes;
	bz_mailbag_post(w->bag, event);
}

void bz_worker_on_note(void *me, const char *text)
{
	struct bz_worker *w = me;
	struct bz_event *event = bz_worker_event(w, BZ_EVENT_NOTE);

	event->text = g_strdup(text);
	bz_mailbag_post(w->bag, event);
}
