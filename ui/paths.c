/* A folder is read by a thread of its own: it may be on a disk that sleeps or a server that is
 * gone. */
#include "ui/prompt.h"

#include <pthread.h>
#include <string.h>

enum { NAMES_MAX = 2000 };

/* One folder's names; shared by the UI and the thread that reads it. */
struct lookup {
	gatomicrefcount refs;
	char *dir;
	struct bz_mailbag *bag;
	pthread_mutex_t lock;
	GPtrArray *names; /* under lock; NULL = not read yet */
	bool orphan;      /* under lock: nobody waits, bag may be gone */
};

struct ui_paths {
	struct bz_mailbag *bag;
	struct lookup *lookup; /* the last folder asked for */
	GPtrArray *found;      /* what was returned */
};

static void unref(struct lookup *l)
{
	if (!g_atomic_ref_count_dec(&l->refs))
		return;
	if (l->names != NULL)
		g_ptr_array_unref(l->names);
	pthread_mutex_destroy(&l->lock);
	g_free(l->dir);
	g_free(l);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *read_dir(const char *path)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && names->len < NAMES_MAX && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *whole = g_build_filename(path, name, NULL);

		if (g_utf8_validate(name, -1, NULL))
			g_ptr_array_add(names,
				g_strconcat(name, g_file_test(whole, G_FILE_TEST_IS_DIR) ? "/" : "",
					NULL));
	}
	if (dir != NULL)
		g_dir_close(dir);
	g_ptr_array_sort(names, by_name);
	return names;
}

static void *run(void *me)
{
	struct lookup *l = me;
	GPtrArray *names = read_dir(l->dir);
	struct bz_event *event = g_new0(struct bz_event, 1);

	event->kind = BZ_EVENT_NOTE;
	event->account = -1; /* nobody's: it wakes the UI */
	pthread_mutex_lock(&l->lock);
	l->names = names;
	if (!l->orphan)
		bz_mailbag_post(l->bag, g_steal_pointer(&event));
	pthread_mutex_unlock(&l->lock);
	bz_event_free(event);
	unref(l);
	return NULL;
}

static void abandon(struct ui_paths *p)
{
	if (p->lookup == NULL)
		return;
	pthread_mutex_lock(&p->lookup->lock);
	p->lookup->orphan = true;
	pthread_mutex_unlock(&p->lookup->lock);
	unref(p->lookup);
	p->lookup = NULL;
}

static void begin(struct ui_paths *p, const char *dir)
{
	struct lookup *l = g_new0(struct lookup, 1);
	pthread_attr_t attr;
	pthread_t thread;

	abandon(p);
	g_atomic_ref_count_init(&l->refs);
	g_atomic_ref_count_inc(&l->refs);
	l->dir = g_strdup(dir);
	l->bag = p->bag;
	pthread_mutex_init(&l->lock, NULL);
	p->lookup = l;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, run, l) != 0)
		unref(l);
	pthread_attr_destroy(&attr);
}

struct ui_paths *ui_paths_new(struct bz_mailbag *bag)
{
	struct ui_paths *p = g_new0(struct ui_paths, 1);

	p->bag = bag;
	p->found = g_ptr_array_new_with_free_func(g_free);
	return p;
}

void ui_paths_free(struct ui_paths *p)
{
	if (p == NULL)
		return;
	abandon(p);
	g_ptr_array_unref(p->found);
	g_free(p);
}

char *ui_paths_expand(const char *text)
{
	return g_str_has_prefix(text, "~/") ? g_build_filename(g_get_home_dir(), text + 2, NULL)
					    : g_strdup(text);
}

static void fill(struct ui_paths *p, const char *before, const char *begun)
{
	for (guint i = 0; i < p->lookup->names->len; i++) {
		const char *name = g_ptr_array_index(p->lookup->names, i);

		if (g_str_has_prefix(name, begun) && (name[0] != '.' || begun[0] == '.'))
			g_ptr_array_add(p->found, g_strconcat(before, name, NULL));
	}
}

const GPtrArray *ui_paths_find(struct ui_paths *p, const char *text)
{
	const char *slash = strrchr(text, '/');
	g_autofree char *before = g_strndup(text, slash != NULL ? (gsize)(slash + 1 - text) : 0);
	g_autofree char *dir = ui_paths_expand(before[0] != '\0' ? before : ".");
	bool ready;

	g_ptr_array_set_size(p->found, 0);
	if (p->lookup == NULL || strcmp(p->lookup->dir, dir) != 0)
		begin(p, dir);
	pthread_mutex_lock(&p->lookup->lock);
	ready = p->lookup->names != NULL;
	if (ready)
		fill(p, before, text + strlen(before));
	pthread_mutex_unlock(&p->lookup->lock);
	return ready ? p->found : NULL;
}
