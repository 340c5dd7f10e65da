/* What the person does with mail: filing, deleting, folders; and with local mail alone: compacting,
 * importing, what the server still has. */
#include "src/lang.h"
#include "src/worker_private.h"

#include <string.h>

struct outcome {
	const struct bz_request *request;
	struct bz_event *event; /* results go here */
	bool more;
};

static const struct bz_msgref *refs_of(const struct bz_request *r)
{
	return (const struct bz_msgref *)(void *)r->refs->data;
}

bool bz_worker_mail_is_supported(const struct bz_worker *w, enum bz_request_kind kind)
{
	const struct bz_backend_ops *ops = w->ops;

	switch (kind) {
	case BZ_REQ_MOVE:
		return ops->move != NULL;
	case BZ_REQ_EXPUNGE:
		return ops->expunge != NULL;
	case BZ_REQ_FOLDER_CREATE:
		return ops->create_folder != NULL;
	case BZ_REQ_FOLDER_RENAME:
		return ops->rename_folder != NULL;
	case BZ_REQ_FOLDER_DELETE:
		return ops->delete_folder != NULL;
	case BZ_REQ_QUOTA:
		return ops->quota != NULL;
	case BZ_REQ_COMPACT:
		return ops->compact != NULL;
	case BZ_REQ_IMPORT:
		return ops->import != NULL;
	case BZ_REQ_COPIES:
		return ops->copies != NULL;
	case BZ_REQ_AGREE:
		return ops->agree != NULL;
	default:
		return false;
	}
}

bool bz_worker_mail_needs_line(const struct bz_worker *w, enum bz_request_kind kind)
{
	return (w->ops->caps & BZ_CAP_LIVE) != 0 && kind >= BZ_REQ_MOVE && kind <= BZ_REQ_QUOTA;
}

/* Those that are in the folder now. */
static int refs_of_folder(struct bz_worker *w, const char *name, GArray *refs, struct bz_err *err)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct bz_folder folder;
	int rc = bz_store_folder_need(w->store, name, &folder, err);

	if (rc != 0)
		return -1;
	rc = bz_store_uids(w->store, folder.id, 0, UINT32_MAX, uids, err);
	for (guint i = 0; rc == 0 && i < uids->len; i++) {
		struct bz_msgref ref = {
			folder.id, folder.uidvalidity, g_array_index(uids, uint32_t, i)};

		g_array_append_val(refs, ref);
	}
	bz_folder_clear(&folder);
	return rc;
}

/* A server's folder that is to be emptied: all of it must be known first. */
static int know_all(
	struct bz_worker *w, const struct bz_job *job, const char *name, struct bz_err *err)
{
	bool more = w->ops->background != NULL;
	struct bz_job whole = *job;
	int rc = w->ops->refresh(w->backend, job, name, (struct bz_window){0}, err);

	whole.window = (struct bz_window){0, UINT32_MAX};
	while (rc == 0 && more)
		rc = w->ops->background(w->backend, &whole, &more, err);
	return rc;
}

static int expunge(struct bz_worker *w, const struct bz_job *job, const struct bz_request *r,
	struct bz_err *err)
{
	g_autoptr(GArray) all = NULL;

	if (r->refs != NULL)
		return w->ops->expunge(w->backend, job, refs_of(r), r->refs->len, err);
	if ((w->ops->caps & BZ_CAP_LIVE) != 0 && know_all(w, job, r->folder, err) != 0)
		return -1;
	all = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));
	if (refs_of_folder(w, r->folder, all, err) != 0)
		return -1;
	return all->len == 0 ? 0
			     : w->ops->expunge(w->backend, job,
				       (const struct bz_msgref *)(void *)all->data, all->len, err);
}

static int step(struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	const struct bz_backend_ops *ops = w->ops;
	struct bz_backend *b = w->backend;
	struct outcome *o = arg;
	const struct bz_request *r = o->request;

	switch (r->kind) {
	case BZ_REQ_MOVE:
		return ops->move(
			b, job, refs_of(r), r->refs->len, r->folder, r->copy, o->event->moved, err);
	case BZ_REQ_EXPUNGE:
		return expunge(w, job, r, err);
	case BZ_REQ_FOLDER_CREATE:
		return ops->create_folder(b, job, r->title, err);
	case BZ_REQ_FOLDER_RENAME:
		return ops->rename_folder(b, job, r->folder, r->title, err);
	case BZ_REQ_FOLDER_DELETE:
		return ops->delete_folder(b, job, r->folder, err);
	case BZ_REQ_QUOTA:
		return ops->quota(b, job, r->folder, o->event->usage, err);
	case BZ_REQ_COMPACT:
		return ops->compact(b, job, r->folder, &o->more, err);
	case BZ_REQ_IMPORT:
		return ops->import(b, job, r->path, r->title, &o->more, err);
	case BZ_REQ_COPIES:
		return ops->copies(b, job, o->event->copies, err);
	default:
		return ops->agree(b, job, r->on, err);
	}
}

/* Local files alone: the line's state is not touched. */
static int on_local(struct bz_worker *w, struct outcome *o, struct bz_err *err)
{
	struct bz_job job;

	bz_worker_begin_job(w, &job, NULL);
	return step(w, &job, o, err);
}

static bool is_in_view(struct bz_worker *w, uint32_t id)
{
	struct bz_folder folder;
	bool same;

	if (bz_store_folder_by_name(w->store, w->in_view, &folder, NULL) != 0)
		return false;
	same = folder.id == id;
	bz_folder_clear(&folder);
	return same;
}

/* Does the folder in view want a look: because messages went there, or because the line was used
 * for another? */
static bool is_look_due(struct bz_worker *w, const struct bz_request *r)
{
	if (w->in_view == NULL || (r->kind != BZ_REQ_MOVE && r->kind != BZ_REQ_EXPUNGE))
		return false;
	if (r->folder != NULL && (strcmp(r->folder, w->in_view) == 0) == (r->kind == BZ_REQ_MOVE))
		return true;
	return r->refs != NULL && r->refs->len > 0 &&
	       !is_in_view(w, g_array_index(r->refs, struct bz_msgref, 0).folder);
}

/* A folder that has another name, or none, is not looked at again before it was opened. */
static void forget_view(struct bz_worker *w, const struct bz_request *r)
{
	if (w->in_view == NULL || !g_str_has_prefix(w->in_view, r->folder))
		return;
	g_clear_pointer(&w->in_view, g_free);
	w->more = false;
}

static int do_on_line(struct bz_worker *w, struct outcome *o, struct bz_err *err)
{
	const struct bz_request *r = o->request;
	int rc = bz_worker_on_line(w, step, o, err);
	bool answered;

	rc = bz_worker_wait_instead(w, r, o->event->moved, rc, err);
	answered = rc == 0 || err->kind == BZ_ERR_REFUSED || err->kind == BZ_ERR_STALE;

	if (rc == 0 && (r->kind == BZ_REQ_FOLDER_RENAME || r->kind == BZ_REQ_FOLDER_DELETE))
		forget_view(w, r);
	if (rc != 0 && err->kind == BZ_ERR_STALE)
		w->refresh_due = true;
	else if (answered && is_look_due(w, r))
		w->refresh_due = true;
	return rc;
}

void bz_worker_do_mail(struct bz_worker *w, struct bz_request *r)
{
	struct outcome o = {.request = r, .event = bz_worker_event(w, BZ_EVENT_DONE)};
	struct bz_err err = {0};
	int rc;

	if (r->kind == BZ_REQ_MOVE)
		o.event->moved = g_array_new(FALSE, TRUE, sizeof(struct bz_moved));
	if (r->kind == BZ_REQ_COPIES)
		o.event->copies = bz_copies_new();
	if (r->kind == BZ_REQ_QUOTA)
		o.event->usage = bz_usage_new();
	if (bz_worker_mail_needs_line(w, r->kind)) {
		rc = do_on_line(w, &o, &err);
	} else {
		do
			rc = on_local(w, &o, &err);
		while (rc == 0 && o.more && !w->report.hurry(w));
		w->looking = w->ops->look != NULL; /* a folder renamed, a file changed meanwhile */
	}
	if (rc == 0 && o.more)
		bz_worker_again(w, r, o.event);
	else
		bz_worker_complete(w, r, rc == 0 ? NULL : &err, o.event);
}
