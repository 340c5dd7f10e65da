/* Limit words: a limit or a fault with its column; matching ends, whatever the row holds. */
#include "tests/fuzz/fuzz.h"

#include "src/fold.h"
#include "src/lang.h"
#include "src/limit.h"

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
	g_autofree char *words = g_strndup((const char *)data, size);
	g_autofree char *folded = bz_fold(words);
	struct bz_summary row = {.row = 1,
		.from_name = words,
		.from_addr = words,
		.to = words,
		.subject = words,
		.message_id = words};
	struct bz_err err = {0};
	int column = 0;
	struct bz_limit *limit = bz_limit_parse(words, 1763000000, &column, &err);

	FUZZ_CHECK(g_utf8_validate(folded, -1, NULL));
	FUZZ_CHECK((limit == NULL) == (err.kind != BZ_ERR_NONE));
	FUZZ_CHECK(limit != NULL || (column >= 1 && (size_t)column <= strlen(words) + 1));
	if (limit != NULL)
		(void)bz_limit_match(limit, &row, NULL);
	bz_limit_free(limit);
	return 0;
}
