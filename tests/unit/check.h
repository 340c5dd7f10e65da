/* What every unit test includes: cmocka, and a temporary folder. */
#ifndef BZ_CHECK_H
#define BZ_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* what stands above is what it wants before it */
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

/* A new private folder; the caller frees the name. */
static inline char *check_temp_dir(void)
{
	char *dir = g_dir_make_tmp("buzon-test-XXXXXX", NULL);

	assert_non_null(dir);
	return dir;
}

static inline void check_remove_dir(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *sub = g_build_filename(path, name, NULL);

		if (g_file_test(sub, G_FILE_TEST_IS_DIR) &&
			!g_file_test(sub, G_FILE_TEST_IS_SYMLINK))
			check_remove_dir(sub);
		else
			(void)g_unlink(sub);
	}
	if (dir != NULL)
		g_dir_close(dir);
	(void)g_rmdir(path);
}

#endif
