/* A message parsed, summarized, rendered in every way and told as JSON: nothing that a terminal
 * obeys comes out, no line is wider than asked, the JSON is UTF-8. */
#include "tests/fuzz/fuzz.h"

#include "src/json.h"
#include "src/lang.h"
#include "src/mime.h"
#include "src/render.h"
#include "src/text.h"

#include <json-glib/json-glib.h>
#include <string.h>

enum { WIDTH = 40 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bz_lang_init("en");
	bz_mime_init();
	return 0;
}

static void check_line(const struct bz_line *line)
{
	FUZZ_CHECK(g_utf8_validate(line->text, -1, NULL));
	FUZZ_CHECK(bz_text_width(line->text) <= WIDTH);
	for (const char *p = line->text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		FUZZ_CHECK(c >= 0x20 && (c < 0x7f || c >= 0xa0));
	}
	for (int i = 0; i < line->nspans; i++)
		FUZZ_CHECK((size_t)line->spans[i].start + line->spans[i].len <= strlen(line->text));
}

static void render(const struct bz_message *m, unsigned flags)
{
	struct bz_doc *doc = bz_render(m, WIDTH, flags, 1604397600);

	for (guint i = 0; i < doc->lines->len; i++)
		check_line(g_ptr_array_index(doc->lines, i));
	bz_doc_unref(doc);
}

static void check_json(const struct bz_message *m)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *text = bz_render_text(m, 0);
	g_autofree char *json = bz_json_message(m, text);

	FUZZ_CHECK(g_utf8_validate(json, -1, NULL));
	FUZZ_CHECK(strchr(json, '\n') == NULL);
	FUZZ_CHECK(json_parser_load_from_data(parser, json, -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GBytes *raw = g_bytes_new(data, size);
	struct bz_message *m = bz_mime_parse(raw, true);
	struct bz_summary row = {0};

	render(m, 0);
	render(m, BZ_RENDER_HEADERS);
	render(m, BZ_RENDER_ALL_HEADERS);
	render(m, BZ_RENDER_RAW);
	check_json(m);
	bz_mime_summarize(&row, (const char *)data, size);
	bz_summary_clear(&row);
	bz_message_unref(m);
	g_bytes_unref(raw);
	return 0;
}
