/* Runs a fuzz target over files, as TAP: the files and folders that are named, else the target's
 * own seeds, $SRCDIR/tests/fuzz/seeds/NAME for fuzz_NAME. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_files(GPtrArray *files, const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	if (dir == NULL) {
		g_ptr_array_add(files, g_strdup(path));
		return;
	}
	while ((name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(files, g_build_filename(path, name, NULL));
	g_dir_close(dir);
	g_ptr_array_sort(files, by_name);
}

static void add_seeds(GPtrArray *files, const char *program)
{
	const char *source = g_getenv("SRCDIR"), *name = strrchr(program, '_');

	if (name != NULL) {
		g_autofree char *dir = g_build_filename(
			source != NULL ? source : ".", "tests", "fuzz", "seeds", name + 1, NULL);

		add_files(files, dir);
	}
}

static void replay(guint number, const char *path)
{
	g_autofree char *data = NULL;
	g_autofree char *name = g_path_get_basename(path);
	gsize n;

	if (!g_file_get_contents(path, &data, &n, NULL)) {
		printf("not ok %u - %s cannot be read\n", number, path);
		return;
	}
	LLVMFuzzerTestOneInput((const uint8_t *)data, n);
	printf("ok %u - %s\n", number, name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		add_files(files, argv[i]);
	if (argc == 1)
		add_seeds(files, argv[0]);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("1..%u\n", files->len + 1);
	printf("ok 1 - nothing\n");
	for (guint i = 0; i < files->len; i++)
		replay(i + 2, g_ptr_array_index(files, i));
	return 0;
}
