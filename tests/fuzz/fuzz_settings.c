/* buzonrc: either settings or problems, each with its line. */
#include "tests/fuzz/fuzz.h"

#include "src/lang.h"
#include "src/settings.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_lang_init("en");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("buzonrc", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	g_autoptr(GPtrArray) problems = NULL;
	struct bz_settings *s;
	struct bz_err err = {0};

	FUZZ_CHECK(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size);
	s = bz_settings_load(path, &problems, &err);
	FUZZ_CHECK((s == NULL) == (err.kind != BZ_ERR_NONE));
	FUZZ_CHECK(s == NULL || (problems->len == 0 && s->accounts->len > 0));
	for (guint i = 0; i < problems->len; i++)
		FUZZ_CHECK(strchr(g_ptr_array_index(problems, i), ':') != NULL);
	bz_settings_destroy(&s);
	close(fd);
	return 0;
}
