/* The one cleaner: whatever comes in, only harmless text of a known width goes out (C26, C27). */
#include "tests/unit/check.h"

#include "src/lang.h"
#include "src/text.h"

#include <wchar.h>

static void check_clean(const char *in, size_t n, const char *want)
{
	g_autofree char *got = bz_text_clean(in, n, 0);

	assert_string_equal(got, want);
}

#define CLEAN(in, want) check_clean(in, sizeof(in) - 1, want)

static void controls_become_visible(void **state)
{
	(void)state;
	CLEAN("a\033[31mb", "a␛[31mb");
	CLEAN("a\007b\177c", "a␇b␡c");
	CLEAN("one\r\ntwo\tthree", "one  two three");
	CLEAN("nul\0here", "nul␀here");
	CLEAN("rlo \xe2\x80\xae x", "rlo ‹RLO› x");
	CLEAN("zero\xe2\x80\x8bwidth", "zero‹ZW›width");
	CLEAN("bad \xff\xfe utf", "bad �� utf");
	CLEAN("cut \xe2\x80", "cut ��");
}

static void ascii_has_marks_of_its_own(void **state)
{
	g_autofree char *fit = NULL;

	(void)state;
	bz_text_set_ascii(true);
	CLEAN("a\033b", "a^[b");
	fit = bz_text_fit("abcdefgh", 4, false);
	bz_text_set_ascii(false);
	assert_string_equal(fit, "abc~");
}

/* No byte that a terminal could take for a command, and no cell that it counts otherwise. */
static bool is_harmless(const char *text)
{
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
			(c >= 0x2066 && c <= 0x2069) || c == 0x200b || c == 0xfeff)
			return false;
		if (wcwidth((wchar_t)c) < 0)
			return false;
	}
	return g_utf8_validate(text, -1, NULL);
}

static void no_bytes_get_through(void **state)
{
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char in[64];
		g_autofree char *out = NULL, *fit = NULL;
		int w;

		for (size_t i = 0; i < sizeof in; i++) {
			seed = seed * 1103515245u + 12345u;
			in[i] = (char)(seed >> 16);
			if (round % 3 == 0)
				in[i] = (char)(in[i] & 0x1f);
		}
		out = bz_text_clean(in, sizeof in, 0);
		assert_true(is_harmless(out));
		w = round % 40 + 1;
		fit = bz_text_fit(out, w, true);
		assert_int_equal(bz_text_width(fit), w);
		assert_true(is_harmless(fit));
	}
}

static void every_code_point_is_harmless(void **state)
{
	(void)state;
	for (gunichar c = 1; c < 0x30000; c++) {
		char utf8[8];
		g_autofree char *out = NULL;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		out = bz_text_clean(utf8, (size_t)g_unichar_to_utf8(c, utf8), 0);
		if (!is_harmless(out))
			fail_msg("U+%04X", c);
	}
}

static void wide_characters_are_never_split(void **state)
{
	g_autofree char *odd = bz_text_fit("日本語", 5, true),
			*even = bz_text_fit("日本語", 6, true);
	g_autofree char *padded = bz_text_fit("日本", 8, true);

	(void)state;
	assert_int_equal(bz_text_width("日本語"), 6);
	assert_int_equal(bz_text_width(odd), 5);
	assert_string_equal(even, "日本語");
	assert_string_equal(padded, "日本    ");
	assert_int_equal(bz_text_width("e\xcc\x81"), 1);
}

static void many_marks_on_one_letter_are_cut(void **state)
{
	GString *zalgo = g_string_new("z");
	g_autofree char *out = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		g_string_append(zalgo, "\xcc\x81");
	out = bz_text_clean(zalgo->str, zalgo->len, 0);
	assert_true(strlen(out) < 200);
	g_string_free(zalgo, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_become_visible),
		cmocka_unit_test(ascii_has_marks_of_its_own),
		cmocka_unit_test(no_bytes_get_through),
		cmocka_unit_test(every_code_point_is_harmless),
		cmocka_unit_test(wide_characters_are_never_split),
		cmocka_unit_test(many_marks_on_one_letter_are_cut),
	};

	bz_lang_init("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
