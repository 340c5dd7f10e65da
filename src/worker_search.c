/* What the rows here do not tell, the server is asked: piece by piece, between the person's
 * requests. */
#include "src/lang.h"
#include "src/worker_private.h"

#include <string.h>

void bz_found_free(struct bz_found *found)
{
	if (found == NULL)
		return;
	g_free(found->folder);
	g_free(found->words);
	g_array_unref(found->uids);
	g_free(found);
}

GArray *bz_worker_found(
	const struct bz_worker *w, const char *folder, uint32_t uidvalidity, const char *words)
{
	const struct bz_found *f = w->found;

	if (f == NULL || f->uidvalidity != uidvalidity || strcmp(f->folder, folder) != 0 ||
		strcmp(f->words, words) != 0)
		return NULL;
	return g_array_ref(f->uids);
}

static void keep(struct bz_worker *w, struct bz_request *r)
{
	struct bz_search *s = &r->sift->search;
	struct bz_found *f = g_new0(struct bz_found, 1);

	f->folder = g_strdup(r->folder);
	f->words = g_strdup(r->limit);
	f->uidvalidity = s->uidvalidity;
	f->uids = s->uids != NULL ? g_steal_pointer(&s->uids)
				  : g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_array_sort(f->uids, bz_uid_compare);
	bz_found_free(w->found);
	w->found = f;
}

struct asking {
	struct bz_request *request;
	bool more; /* out */
};

static int step(struct bz_worker *w, const struct bz_job *job, void *arg, struct bz_err *err)
{
	struct asking *a = arg;
	struct bz_sift *sift = a->request->sift;

	return w->ops->search(
		w->backend, job, a->request->folder, sift->limit, &sift->search, &a->more, err);
}

/* It gave way before it was asked: a line that was slow to come. */
static bool gave_way(const struct bz_err *err)
{
	return err->kind == BZ_ERR_CANCELLED && err->code == BZ_CODE_HURRY;
}

bool bz_worker_search(struct bz_worker *w, struct bz_request *r)
{
	struct asking a = {.request = r, .more = true};
	struct bz_err err = {0};

	while (a.more) {
		if (bz_worker_on_line(w, step, &a, &err) != 0 && !gave_way(&err)) {
			bz_worker_complete(w, r, &err, NULL);
			return false;
		}
		if (gave_way(&err) ||
			(a.more && (g_cancellable_is_cancelled(w->cancel) || w->report.hurry(w)))) {
			bz_worker_again(w, r, NULL);
			return false;
		}
	}
	r->sift->is_over = true;
	r->sift->took = g_get_monotonic_time() - r->sift->began;
	keep(w, r);
	return true;
}
