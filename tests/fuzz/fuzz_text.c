/* The cleaner: whatever goes in, no control comes out, and what is cut fits its cells. */
#include "tests/fuzz/fuzz.h"

#include "src/lang.h"
#include "src/mime.h"
#include "src/text.h"

#include <string.h>
#include <wchar.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_lang_init("en");
	bz_mime_init();
	return 0;
}

static void check(const char *text, bool lines)
{
	FUZZ_CHECK(g_utf8_validate(text, -1, NULL));
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		FUZZ_CHECK(c >= 0x20 || (lines && c == '\n'));
		FUZZ_CHECK(c < 0x7f || c >= 0xa0);
		FUZZ_CHECK(c < 0x202a || c > 0x202e);
		FUZZ_CHECK(c == '\n' || wcwidth((wchar_t)c) >= 0);
	}
}

static void check_fit(const char *text, int cells)
{
	g_autofree char *cut = bz_text_fit(text, cells, false);
	g_autofree char *padded = bz_text_fit(text, cells, true);

	FUZZ_CHECK(g_utf8_validate(cut, -1, NULL));
	FUZZ_CHECK(bz_text_width(cut) <= cells);
	FUZZ_CHECK(bz_text_width(padded) == cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *one = bz_text_clean((const char *)data, size, 0);
	g_autofree char *many = bz_text_clean_lines((const char *)data, size);
	g_autofree char *again = bz_text_clean(one, strlen(one), G_MAXINT);
	g_autofree char *header = bz_mime_decode_header((const char *)data, size);
	g_autofree char *clean_header = bz_text_clean(header, strlen(header), 0);
	int64_t date;
	int zone;

	check(one, false);
	check(many, true);
	check(clean_header, false);
	FUZZ_CHECK(strcmp(one, again) == 0);
	check_fit(one, 0);
	check_fit(one, 1);
	check_fit(one, 7);
	(void)bz_mime_parse_date(header, &date, &zone);
	return 0;
}
