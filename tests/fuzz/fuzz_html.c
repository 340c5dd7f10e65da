/* HTML to text: UTF-8 comes out, and not much more than went in. */
#include "tests/fuzz/fuzz.h"

#include "src/lang.h"
#include "src/render.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_lang_init("en");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *utf8 = g_utf8_make_valid((const char *)data, (gssize)size);
	g_autofree char *text = bz_html_to_text(utf8, strlen(utf8), 80);

	FUZZ_CHECK(g_utf8_validate(text, -1, NULL));
	FUZZ_CHECK(strlen(text) <= 64 * size + 1024);
	return 0;
}
