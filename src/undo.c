#include "src/undo.h"

#include <string.h>

/* A message that some step knows, and where it is now. */
struct place {
	int account;
	struct bz_msgref ref;
	unsigned steps; /* how many hold it */
};

struct step {
	enum bz_undo_kind kind;
	int account;
	char *source, *target;
	unsigned add, remove;
	GPtrArray *messages; /* struct place * */
	GPtrArray *copies;   /* COPY: struct place *, one for each message */
};

struct bz_undo {
	GHashTable *places; /* struct place * -> itself, found by account and ref */
	GQueue steps[2];    /* struct step *, newest at the tail: [0] to undo, [1] to redo */
};

/* --- messages --------------------------------------------------------------------------------- */

static guint place_hash(gconstpointer key)
{
	const struct place *p = key;

	return p->ref.uid * 2654435761U ^ p->ref.folder << 8 ^ (guint)p->account;
}

static gboolean place_equal(gconstpointer a, gconstpointer b)
{
	const struct place *x = a, *y = b;

	return x->account == y->account && x->ref.folder == y->ref.folder &&
	       x->ref.uidvalidity == y->ref.uidvalidity && x->ref.uid == y->ref.uid;
}

static struct place *find(struct bz_undo *u, int account, const struct bz_msgref *ref)
{
	struct place key = {.account = account, .ref = *ref};

	return g_hash_table_lookup(u->places, &key);
}

static struct place *hold(struct bz_undo *u, int account, const struct bz_msgref *ref)
{
	struct place *p = find(u, account, ref);

	if (p == NULL) {
		p = g_new0(struct place, 1);
		p->account = account;
		p->ref = *ref;
		g_hash_table_add(u->places, p);
	}
	p->steps++;
	return p;
}

static void release(struct bz_undo *u, struct place *p)
{
	if (--p->steps > 0)
		return;
	if (g_hash_table_lookup(u->places, p) == p)
		g_hash_table_remove(u->places, p);
	g_free(p);
}

void bz_undo_follow(struct bz_undo *u, int account, const struct bz_moved *moved, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct place *p = find(u, account, &moved[i].from);

		if (p == NULL)
			continue;
		g_hash_table_remove(u->places, p);
		p->ref = moved[i].to;
		g_hash_table_add(u->places, p);
	}
}

/* --- steps ------------------------------------------------------------------------------------ */

static void release_all(struct bz_undo *u, GPtrArray *places)
{
	for (guint i = 0; places != NULL && i < places->len; i++)
		release(u, g_ptr_array_index(places, i));
	if (places != NULL)
		g_ptr_array_unref(places);
}

static void free_step(struct bz_undo *u, struct step *s)
{
	release_all(u, s->messages);
	release_all(u, s->copies);
	g_free(s->source);
	g_free(s->target);
	g_free(s);
}

static void clear(struct bz_undo *u, bool redo)
{
	struct step *s;

	while ((s = g_queue_pop_head(&u->steps[redo])) != NULL)
		free_step(u, s);
}

struct bz_undo *bz_undo_new(void)
{
	struct bz_undo *u = g_new0(struct bz_undo, 1);

	u->places = g_hash_table_new(place_hash, place_equal);
	return u;
}

void bz_undo_free(struct bz_undo *u)
{
	if (u == NULL)
		return;
	clear(u, false);
	clear(u, true);
	g_hash_table_unref(u->places);
	g_free(u);
}

void bz_undo_push(struct bz_undo *u, const struct bz_undo_act *act)
{
	struct step *s;

	if (act->n == 0)
		return;
	clear(u, true);
	s = g_new0(struct step, 1);
	*s = (struct step){.kind = act->kind,
		.account = act->account,
		.source = g_strdup(act->source),
		.target = g_strdup(act->target),
		.add = act->add,
		.remove = act->remove,
		.messages = g_ptr_array_new()};
	if (act->kind == BZ_UNDO_MOVE)
		bz_undo_follow(u, act->account, act->refs, act->n);
	if (act->kind == BZ_UNDO_COPY)
		s->copies = g_ptr_array_new();
	for (size_t i = 0; i < act->n; i++) {
		const struct bz_moved *m = &act->refs[i];

		g_ptr_array_add(s->messages,
			hold(u, act->account, act->kind == BZ_UNDO_MOVE ? &m->to : &m->from));
		if (s->copies != NULL)
			g_ptr_array_add(s->copies, hold(u, act->account, &m->to));
	}
	g_queue_push_tail(&u->steps[0], s);
	if (g_queue_get_length(&u->steps[0]) > BZ_UNDO_STEPS)
		free_step(u, g_queue_pop_head(&u->steps[0]));
}

/* --- what to do ------------------------------------------------------------------------------- */

static GArray *refs_of(const GPtrArray *places)
{
	GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bz_msgref));

	for (guint i = 0; i < places->len; i++) {
		const struct place *p = g_ptr_array_index(places, i);

		g_array_append_val(refs, p->ref);
	}
	return refs;
}

bool bz_undo_next(const struct bz_undo *u, bool redo, struct bz_undo_task *task)
{
	const struct step *s = g_queue_peek_tail((GQueue *)&u->steps[redo]);
	bool copies = s != NULL && s->kind == BZ_UNDO_COPY && !redo;

	if (s == NULL)
		return false;
	*task = (struct bz_undo_task){.verb = BZ_UNDO_DO_FLAGS,
		.kind = s->kind,
		.account = s->account,
		.add = redo ? s->add : s->remove,
		.remove = redo ? s->remove : s->add,
		.refs = refs_of(copies ? s->copies : s->messages)};
	if (s->kind != BZ_UNDO_FLAGS)
		task->folder = redo ? s->target : s->source;
	if (s->kind == BZ_UNDO_MOVE)
		task->verb = BZ_UNDO_DO_MOVE;
	else if (s->kind == BZ_UNDO_COPY)
		task->verb = redo ? BZ_UNDO_DO_COPY : BZ_UNDO_DO_EXPUNGE;
	return true;
}

/* The copies are others now. */
static void take_copies(struct bz_undo *u, struct step *s, const struct bz_moved *moved, size_t n)
{
	release_all(u, s->copies);
	s->copies = g_ptr_array_new();
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(s->copies, hold(u, s->account, &moved[i].to));
}

void bz_undo_done(struct bz_undo *u, bool redo, const struct bz_moved *moved, size_t n)
{
	struct step *s = g_queue_pop_tail(&u->steps[redo]);

	if (s == NULL)
		return;
	if (s->kind == BZ_UNDO_MOVE)
		bz_undo_follow(u, s->account, moved, n);
	else if (s->kind == BZ_UNDO_COPY && redo)
		take_copies(u, s, moved, n);
	g_queue_push_tail(&u->steps[!redo], s);
}

void bz_undo_drop(struct bz_undo *u, bool redo)
{
	struct step *s = g_queue_pop_tail(&u->steps[redo]);

	if (s != NULL)
		free_step(u, s);
}

static void rename_in(char **name, const char *from, const char *to)
{
	size_t len = strlen(from);
	char *old = *name;

	if (old == NULL || strncmp(old, from, len) != 0 || (old[len] != '\0' && old[len] != '/'))
		return;
	*name = g_strconcat(to, old + len, NULL);
	g_free(old);
}

static void rename_steps(GQueue *steps, int account, const char *from, const char *to)
{
	for (GList *l = steps->head; l != NULL; l = l->next) {
		struct step *s = l->data;

		if (s->account != account)
			continue;
		rename_in(&s->source, from, to);
		rename_in(&s->target, from, to);
	}
}

void bz_undo_renamed(
	struct bz_undo *u, int account, const struct bz_folder *from, const struct bz_folder *to)
{
	GList *places = g_hash_table_get_keys(u->places);

	rename_steps(&u->steps[0], account, from->name, to->name);
	rename_steps(&u->steps[1], account, from->name, to->name);
	for (GList *l = places; l != NULL; l = l->next) {
		struct place *p = l->data;

		if (p->account != account || p->ref.folder != from->id)
			continue;
		g_hash_table_remove(u->places, p);
		p->ref.folder = to->id;
		if (to->uidvalidity != 0)
			p->ref.uidvalidity = to->uidvalidity;
		g_hash_table_add(u->places, p);
	}
	g_list_free(places);
}

size_t bz_undo_count(const struct bz_undo *u, bool redo)
{
	return g_queue_get_length((GQueue *)&u->steps[redo]);
}
