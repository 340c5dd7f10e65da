/* MIME to parts and text: what independent readers agree on, and messages made to break a reader.
 * The corpora are read where $BUZON_CORPORA names them. */
#include "tests/unit/check.h"

#include "src/lang.h"
#include "src/mime.h"
#include "src/render.h"
#include "src/text.h"

#include <json-glib/json-glib.h>
#include <wchar.h>

static struct bz_message *parse(const char *text, size_t n)
{
	GBytes *raw = g_bytes_new(text, n);
	struct bz_message *m = bz_mime_parse(raw, false);

	g_bytes_unref(raw);
	return m;
}

#define PARSE(text) parse(text, sizeof(text) - 1)

/* --- by hand ---------------------------------------------------------------------------------- */

static void headers_are_decoded_and_addresses_are_not(void **state)
{
	struct bz_message *m =
		PARSE("From: =?utf-8?q?boss=40corp.example?= <=?utf-8?q?evil?=@evil.test>\r\n"
		      "To: Team: Ana <ana@example.org>, \"P., Pedro\" <pedro@example.org>;\r\n"
		      "Subject: =?iso-8859-1?q?caf=E9?= =?utf-8?b?IOKCrA==?=\r\n"
		      "Date: Tue, 3 Nov 2020 10:00:00 -0330\r\nMessage-ID: "
		      "<x@example.org>\r\n\r\nhi\r\n");
	const struct bz_address *from = g_ptr_array_index(m->from, 0);

	(void)state;
	assert_string_equal(from->name, "boss@corp.example");
	assert_non_null(strstr(from->addr, "evil.test"));
	assert_int_equal(m->to->len, 2);
	assert_string_equal(((struct bz_address *)g_ptr_array_index(m->to, 1))->name, "P., Pedro");
	assert_string_equal(m->subject, "café €");
	assert_string_equal(m->message_id, "x@example.org");
	assert_int_equal(m->date, 1604410200);
	assert_int_equal(m->date_zone, -210);
	bz_message_unref(m);
}

static void the_plain_half_is_read_unless_it_is_a_stub(void **state)
{
	static const char head[] =
		"Content-Type: multipart/alternative; boundary=B\n\n--B\n"
		"Content-Type: text/plain\n\n%s\n--B\nContent-Type: text/html\n\n%s\n--B--\n";
	g_autofree char *longer = g_strnfill(300, 'p'), *html = g_strnfill(9000, 'h');
	g_autofree char *fine = g_strdup_printf(head, longer, "<p>html</p>");
	g_autofree char *stub = g_strdup_printf(head, "see html", html);
	struct bz_message *a = parse(fine, strlen(fine)), *b = parse(stub, strlen(stub));
	g_autofree char *text_a = bz_render_text(a, 0), *text_b = bz_render_text(b, 0);

	(void)state;
	assert_non_null(strstr(text_a, "ppp"));
	assert_null(strstr(text_a, "html"));
	assert_non_null(strstr(text_b, "hhh"));
	bz_message_unref(a);
	bz_message_unref(b);
}

static void flowed_text_flows(void **state)
{
	struct bz_message *m =
		PARSE("Content-Type: text/plain; format=flowed\n\nOne line that \ngoes on.\n"
		      "> quoted \n> too\n-- \nAna\n");
	g_autofree char *text = bz_render_text(m, 0);

	(void)state;
	assert_non_null(strstr(text, "One line that goes on.\n"));
	assert_non_null(strstr(text, "> quoted too\n"));
	assert_non_null(strstr(text, "-- \nAna"));
	bz_message_unref(m);
	m = PARSE("Content-Type: text/plain; format=flowed\n\nopen \n-- \nAna\n");
	g_free(text);
	text = bz_render_text(m, 0);
	assert_string_equal(text, "open \n-- \nAna\n");
	bz_message_unref(m);
}

static void html_becomes_paragraphs_and_numbered_links(void **state)
{
	static const char html[] =
		"<html><head><style>p{}</style><title>t</title></head><body><h1>Offers</"
		"h1><p>Hello "
		"<a href='https://shop.example.test/x'>see here</a></p><script>alert(1)</script>"
		"<ul><li>one<li>two</ul><img src='https://track.test/p.gif'>&eacute;</body></html>";
	g_autofree char *text = bz_html_to_text(html, sizeof html - 1, 80);

	(void)state;
	assert_null(strstr(text, "alert"));
	assert_null(strstr(text, "p{}"));
	assert_null(strchr(text, '<'));
	assert_non_null(strstr(text, "see here[1]"));
	assert_non_null(strstr(text, "[1] https://shop.example.test/x"));
	assert_non_null(strstr(text, "é"));
}

static void what_crashed_others_is_survived(void **state)
{
	GString *deep = g_string_new(NULL), *parens = g_string_new("To: "),
		*groups = g_string_new("To: ");
	struct bz_message *m;

	(void)state;
	m = PARSE("Content-Type: multipart/mixed; boundary=\"\\\"\"\n\n--\"\n\nx\n--\"--\n");
	bz_message_unref(m);
	for (int i = 0; i < 30000; i++)
		g_string_append(deep, "Content-Type: message/rfc822\n\n");
	for (int i = 0; i < 1000000; i++)
		g_string_append_c(parens, '(');
	for (int i = 0; i < 50000; i++)
		g_string_append(groups, "g:");
	g_string_append(parens, "\n\nbody\n");
	g_string_append(groups, "\n\nbody\n");
	m = parse(deep->str, deep->len);
	assert_true(m->limit != NULL || m->parts->len <= 64);
	bz_message_unref(m);
	bz_message_unref(parse(parens->str, parens->len));
	bz_message_unref(parse(groups->str, groups->len));
	bz_message_unref(parse("", 0));
	g_string_free(deep, TRUE);
	g_string_free(parens, TRUE);
	g_string_free(groups, TRUE);
}

static void dates_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
		int zone;
	} dates[] = {
		{"Tue, 3 Nov 2020 10:00:00 +0000", 1604397600, 0},
		{"3 Nov 20 10:00 GMT", 1604397600, 0},
		{"Tue, 03 Nov 2020 12:00:00 +0200 (CEST)", 1604397600, 120},
		{"Thu, 1 Jan 1970 00:00:00 +0000", 0, 0},
	};
	int64_t when;
	int zone;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
		assert_true(bz_mime_parse_date(dates[i].text, &when, &zone));
		assert_int_equal(when, dates[i].want);
		assert_int_equal(zone, dates[i].zone);
	}
	assert_false(bz_mime_parse_date("yesterday", &when, &zone));
	assert_false(bz_mime_parse_date("99 Foo 2020 99:99:99", &when, &zone));
}

static const struct bz_part *part_of(const struct bz_message *m, guint i)
{
	assert_true(i < m->parts->len);
	return g_ptr_array_index(m->parts, i);
}

static void parts_have_their_paths_types_and_names(void **state)
{
	struct bz_message *m =
		PARSE("Content-Type: message/rfc822; name=a.eml\n\nSubject: inner\n\nbody\n");

	(void)state;
	assert_string_equal(part_of(m, 0)->path, "1");
	assert_string_equal(part_of(m, 0)->filename, "a.eml");
	assert_string_equal(part_of(m, 0)->title, "inner");
	assert_string_equal(part_of(m, 1)->path, "1.1");
	bz_message_unref(m);
	m = PARSE("Content-Type: text; charset=\"utf-8\nX: y\n\nbody\n");
	assert_string_equal(part_of(m, 0)->type, "text/plain");
	assert_string_equal(part_of(m, 0)->charset, "");
	bz_message_unref(m);
	m = PARSE("Content-Type: application/octet-stream\nContent-Disposition: attachment;\n"
		  " filename=\"=?utf-8?q?one_?=\n =?utf-8?q?two.pdf?=\"\n\nx\n");
	assert_string_equal(part_of(m, 0)->type, "application/octet-stream");
	assert_string_equal(part_of(m, 0)->filename, "one two.pdf");
	bz_message_unref(m);
}

static void a_text_with_a_name_is_read_and_saved(void **state)
{
	struct bz_message *m = PARSE(
		"Content-Type: text/plain\nContent-Disposition: inline; filename=a.patch\n\n+x\n");
	g_autofree char *text = bz_render_text(m, 0);

	(void)state;
	assert_string_equal(text, "+x\n");
	assert_true((part_of(m, 0)->flags & BZ_PART_ATTACHMENT) != 0);
	bz_message_unref(m);
}

static void senders_without_an_address_are_named(void **state)
{
	struct bz_message *m =
		PARSE("From: MAILER-DAEMON <>\nTo: ana@example.org <ana@example.org>\n"
		      "Cc: A. B <a.b@Example.ORG>, c@d.test\nReply-To: <>\n\nx\n");
	const struct bz_address *from = g_ptr_array_index(m->from, 0),
				*to = g_ptr_array_index(m->to, 0);

	(void)state;
	assert_string_equal(from->addr, "MAILER-DAEMON");
	assert_string_equal(to->name, "");
	assert_string_equal(to->addr, "ana@example.org");
	assert_int_equal(m->cc->len, 2);
	assert_string_equal(
		((struct bz_address *)g_ptr_array_index(m->cc, 0))->addr, "a.b@example.org");
	assert_int_equal(m->reply_to->len, 0);
	bz_message_unref(m);
}

/* One bad byte must not turn the rest into another alphabet, nor a narrow name lose letters. */
static void charsets_are_read_as_they_are_used(void **state)
{
	static const struct {
		const char *message, *want;
	} cases[] = {
		{"Content-Type: text/plain; charset=koi8-r\n\n\xd0\xd2\xc9", "при"},
		{"Content-Type: text/plain; charset=iso-2022-jp\n\n\033$B%K%c\033(B \xff x",
			"ニャ \xef\xbf\xbd x"},
		{"Content-Type: text/plain; charset=iso-8859-1\n\n\x93q\x94 \x80", "“q” €"},
		{"Content-Type: text/plain; charset=gb2312\n\n\xe9"
		 "F",
			"镕"},
		{"Content-Type: text/plain; charset=utf8\n\n\xc3\xa9", "é"},
		{"Content-Type: text/plain; charset=nonsense\n\n\xe9", "é"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct bz_message *m = parse(cases[i].message, strlen(cases[i].message));
		g_autofree char *text = bz_mime_text(part_of(m, 0), NULL);

		assert_string_equal(text, cases[i].want);
		bz_message_unref(m);
	}
}

static void dates_of_other_programs(void **state)
{
	int64_t when;
	int zone;

	(void)state;
	assert_true(bz_mime_parse_date("Tue, 3-Nov-20 10:00:00 GMT", &when, &zone));
	assert_int_equal(when, 1604397600);
	assert_true(bz_mime_parse_date("Tue, 3 Nov 2020 10:00:00 PM +0000", &when, &zone));
	assert_int_equal(when, 1604397600 + 12 * 3600);
	assert_true(bz_mime_parse_date("Mon, 1 Jan 1900 00:00:00 +0000", &when, &zone));
	assert_int_equal(when, -2208988800);
}

/* What would take minutes or gigabytes, were it followed. */
static void what_would_take_for_ever_is_bounded(void **state)
{
	GString *html = g_string_new("Content-Type: text/html\n\n<p "),
		*quotes = g_string_new("\n");
	g_autofree char *marks = g_strnfill(50000, '>'), *words = g_strnfill(500000, 'w');
	gint64 start = g_get_monotonic_time();
	struct bz_message *m;
	struct bz_doc *doc;
	size_t bytes = 0;

	(void)state;
	for (int i = 0; i < 60000; i++)
		g_string_append_printf(html, "a%d=1 ", i);
	g_string_append(html, ">shown</p>\n");
	m = parse(html->str, html->len);
	g_autofree char *text = bz_render_text(m, 0);
	assert_string_equal(text, "shown\n\n");
	bz_message_unref(m);
	g_string_append_printf(quotes, "%s %s\n", marks, words);
	m = parse(quotes->str, quotes->len);
	doc = bz_render(m, 80, 0, 0);
	for (guint i = 0; i < doc->lines->len; i++)
		bytes += strlen(((struct bz_line *)g_ptr_array_index(doc->lines, i))->text);
	assert_true(bytes < 2000000);
	assert_true(g_get_monotonic_time() - start < 20 * G_USEC_PER_SEC);
	bz_doc_unref(doc);
	bz_message_unref(m);
	g_string_free(html, TRUE);
	g_string_free(quotes, TRUE);
}

static void padding_of_newsletters_is_left_out(void **state)
{
	static const char html[] = "<td>&nbsp;</td><p>&#847; &zwnj; &nbsp; "
				   "&#847;&shy;</p><p>10&nbsp;&euro; a\xe2\x80\x8c"
				   "b</p>";
	g_autofree char *text = bz_html_to_text(html, sizeof html - 1, 80);

	(void)state;
	assert_string_equal(text, "10 € a\xe2\x80\x8c"
				  "b\n\n");
}

/* --- the corpora ------------------------------------------------------------------------------ */

static const char *corpora(void)
{
	const char *dir = g_getenv("BUZON_CORPORA");

	return dir != NULL && g_file_test(dir, G_FILE_TEST_IS_DIR) ? dir : NULL;
}

struct tally {
	int subject[2], date[2], from[2], parts[2]; /* agreed, compared */
};

static bool is_disputed(JsonObject *o, const char *field)
{
	JsonArray *list = json_object_get_array_member(o, "disputed");

	for (guint i = 0; i < json_array_get_length(list); i++)
		if (g_str_has_prefix(json_array_get_string_element(list, i), field))
			return true;
	return false;
}

static char *collapse(const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \t\n\r", 0);
	GString *out = g_string_new(NULL);

	for (char **w = words; *w != NULL; w++)
		if (**w != '\0')
			g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", *w);
	return g_string_free(out, FALSE);
}

static void count(int field[2], bool same)
{
	field[0] += same;
	field[1]++;
}

static void compare_subject(struct tally *t, JsonObject *o, const struct bz_message *m)
{
	const char *want = json_object_get_null_member(o, "subject")
				   ? ""
				   : json_object_get_string_member(o, "subject");
	g_autofree char *got = collapse(m->subject);

	count(t->subject, strcmp(got, want) == 0);
}

static void compare_date(struct tally *t, JsonObject *o, const struct bz_message *m)
{
	g_autoptr(GDateTime) want =
		json_object_get_null_member(o, "date_utc")
			? NULL
			: g_date_time_new_from_iso8601(
				  json_object_get_string_member(o, "date_utc"), NULL);

	count(t->date, want != NULL ? m->date == g_date_time_to_unix(want) : m->date == INT64_MIN);
}

static void compare_from(struct tally *t, JsonObject *o, const struct bz_message *m)
{
	JsonArray *want = json_object_get_array_member(o, "from");
	bool same = json_array_get_length(want) == m->from->len;

	for (guint i = 0; same && i < m->from->len; i++) {
		JsonObject *a = json_array_get_object_element(want, i);
		const struct bz_address *b = g_ptr_array_index(m->from, i);

		same = g_ascii_strcasecmp(json_object_get_string_member(a, "addr"), b->addr) == 0;
	}
	count(t->from, same);
}

static void compare_parts(struct tally *t, JsonObject *o, const struct bz_message *m)
{
	JsonArray *want = json_object_get_array_member(o, "parts");
	bool same = json_array_get_length(want) == m->parts->len;

	for (guint i = 0; same && i < m->parts->len; i++) {
		JsonObject *a = json_array_get_object_element(want, i);
		const struct bz_part *b = g_ptr_array_index(m->parts, i);

		same = strcmp(json_object_get_string_member(a, "path"), b->path) == 0 &&
		       strcmp(json_object_get_string_member(a, "type"), b->type) == 0;
	}
	count(t->parts, same);
}

static void compare_line(struct tally *t, const char *dir, const char *json)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *path = NULL, *text = NULL;
	struct bz_message *m;
	JsonObject *o;
	gsize n;

	assert_true(json_parser_load_from_data(parser, json, -1, NULL));
	o = json_node_get_object(json_parser_get_root(parser));
	path = g_build_filename(dir, json_object_get_string_member(o, "file"), NULL);
	if (strstr(path, "sisimai-mac") != NULL || !g_file_get_contents(path, &text, &n, NULL))
		return;
	m = parse(text, n);
	if (!is_disputed(o, "subject"))
		compare_subject(t, o, m);
	if (!is_disputed(o, "date_utc"))
		compare_date(t, o, m);
	if (!is_disputed(o, "from"))
		compare_from(t, o, m);
	if (!is_disputed(o, "parts"))
		compare_parts(t, o, m);
	bz_message_unref(m);
}

static void check_share(const char *what, const int field[2], int least)
{
	print_message("# %s: %d of %d as independent readers agree\n", what, field[0], field[1]);
	assert_true(field[1] > 0 && field[0] * 1000 >= field[1] * least);
}

static void independent_readers_agree(void **state)
{
	const char *dir = corpora(), *name;
	g_autofree char *ref = NULL;
	struct tally t = {0};
	GDir *files;

	(void)state;
	if (dir == NULL)
		skip();
	ref = g_build_filename(dir, "ref", NULL);
	files = g_dir_open(ref, 0, NULL);
	assert_non_null(files);
	while ((name = g_dir_read_name(files)) != NULL) {
		g_autofree char *path = g_build_filename(ref, name, NULL), *text = NULL;
		g_auto(GStrv) lines = NULL;

		assert_true(g_file_get_contents(path, &text, NULL, NULL));
		lines = g_strsplit(text, "\n", 0);
		for (char **l = lines; *l != NULL; l++)
			if (**l != '\0')
				compare_line(&t, dir, *l);
	}
	g_dir_close(files);
	check_share("subjects", t.subject, 998);
	check_share("dates", t.date, 1000);
	check_share("senders", t.from, 998);
	check_share("parts", t.parts, 980);
}

/* --- hostile messages: parsed and rendered in every way, nothing gets through ----------------- */

static void check_line(const char *file, const struct bz_line *line, int width)
{
	for (const char *p = line->text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
			wcwidth((wchar_t)c) < 0)
			fail_msg("%s: U+%04X came through", file, c);
	}
	if (bz_text_width(line->text) > width)
		fail_msg("%s: a line of %d cells in %d", file, bz_text_width(line->text), width);
}

static void check_file(const char *path)
{
	static const unsigned flags[] = {
		0, BZ_RENDER_HEADERS, BZ_RENDER_HEADERS | BZ_RENDER_ALL_HEADERS, BZ_RENDER_RAW};
	g_autofree char *text = NULL;
	gsize n;
	GBytes *raw;
	struct bz_message *m;

	if (!g_file_get_contents(path, &text, &n, NULL))
		return;
	raw = g_bytes_new(text, n);
	m = bz_mime_parse(raw, true);
	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		struct bz_doc *doc = bz_render(m, 60, flags[i], 1604397600);

		for (guint k = 0; k < doc->lines->len; k++)
			check_line(path, g_ptr_array_index(doc->lines, k), 60);
		bz_doc_unref(doc);
	}
	bz_message_unref(m);
	g_bytes_unref(raw);
}

static void hostile_messages_are_harmless(void **state)
{
	const char *dir = corpora(), *name;
	g_autofree char *hostile = NULL;
	GDir *files;

	(void)state;
	if (dir == NULL)
		skip();
	hostile = g_build_filename(dir, "hostile", NULL);
	files = g_dir_open(hostile, 0, NULL);
	assert_non_null(files);
	while ((name = g_dir_read_name(files)) != NULL) {
		g_autofree char *path = g_build_filename(hostile, name, NULL);

		if (g_str_has_suffix(name, ".eml"))
			check_file(path);
	}
	g_dir_close(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_decoded_and_addresses_are_not),
		cmocka_unit_test(the_plain_half_is_read_unless_it_is_a_stub),
		cmocka_unit_test(flowed_text_flows),
		cmocka_unit_test(html_becomes_paragraphs_and_numbered_links),
		cmocka_unit_test(what_crashed_others_is_survived),
		cmocka_unit_test(dates_are_read_as_people_write_them),
		cmocka_unit_test(parts_have_their_paths_types_and_names),
		cmocka_unit_test(a_text_with_a_name_is_read_and_saved),
		cmocka_unit_test(senders_without_an_address_are_named),
		cmocka_unit_test(charsets_are_read_as_they_are_used),
		cmocka_unit_test(dates_of_other_programs),
		cmocka_unit_test(what_would_take_for_ever_is_bounded),
		cmocka_unit_test(padding_of_newsletters_is_left_out),
		cmocka_unit_test(independent_readers_agree),
		cmocka_unit_test(hostile_messages_are_harmless),
	};

	bz_lang_init("en");
	bz_mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
