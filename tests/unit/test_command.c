/* The table of commands by name, the line that is typed, and what was typed before. */
#include "tests/unit/check.h"

#include "src/backend.h"
#include "ui/history.h"
#include "ui/line.h"

static const struct ui_where everywhere = {UI_IN_INDEX, false,
	BZ_CAP_REMOTE | BZ_CAP_FLAGS | BZ_CAP_MOVE | BZ_CAP_FOLDERS | UI_CAP_DOWNLOADS};

/* --- names ------------------------------------------------------------------------------------ */

static enum ui_command named(const char *name, const struct ui_where *at)
{
	const struct ui_command_info *c = ui_command_by_name(name, at);

	return c != NULL ? c->command : UI_NOTHING;
}

static void every_name_of_the_main_screen_runs_its_command(void **state)
{
	static const unsigned contexts[] = {UI_IN_INDEX, UI_IN_READER, UI_IN_SIDEBAR};
	size_t n;
	const struct ui_command_info *all = ui_commands(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(all[i].name[0], ':');
		assert_int_equal((all[i].usage != NULL), all[i].argument != UI_NO_ARGUMENT);
		for (size_t k = 0; k < G_N_ELEMENTS(contexts); k++) {
			struct ui_where at = {contexts[k], (all[i].contexts & UI_ONLY_IN_FILE) != 0,
				everywhere.caps};

			if (ui_command_is_here(&all[i], &at))
				assert_int_equal(named(all[i].name + 1, &at), all[i].command);
		}
	}
}

static void the_beginning_of_one_name_is_enough(void **state)
{
	(void)state;
	assert_int_equal(named("arch", &everywhere), UI_ARCHIVE);
	assert_int_equal(named("ARCHIVE", &everywhere), UI_ARCHIVE);
	assert_int_equal(named("delete", &everywhere), UI_TRASH); /* not delete-folder */
	assert_int_equal(named("delete-", &everywhere), UI_NOTHING);
	assert_int_equal(named("", &everywhere), UI_NOTHING);
	assert_int_equal(named("archivee", &everywhere), UI_NOTHING);
}

static void what_cannot_work_is_not_shown(void **state)
{
	struct ui_where poor = {UI_IN_INDEX, false, BZ_CAP_REMOTE | BZ_CAP_LIVE | BZ_CAP_FLAGS};
	g_autofree char *hints = ui_command_hints(&poor, 200);
	g_autofree char *all = ui_command_hints(&everywhere, 200);

	(void)state;
	assert_null(strstr(hints, "d delete"));
	assert_non_null(strstr(hints, "u undo"));
	assert_non_null(strstr(all, "d delete  u undo"));
	assert_int_equal(named("arch", &poor), UI_NOTHING);
	assert_int_equal(named("archive", &poor), UI_ARCHIVE); /* it says why not */
}

static void a_mistyped_name_has_a_nearest_one(void **state)
{
	(void)state;
	assert_string_equal(ui_command_nearest("archvie", &everywhere), "archive");
	assert_null(ui_command_nearest("xyzxyzxyz", &everywhere));
}

/* --- the line --------------------------------------------------------------------------------- */

static void type(struct ui_line *l, const char *text)
{
	for (; *text != '\0'; text = g_utf8_next_char(text))
		ui_line_insert(l, g_utf8_get_char(text));
}

static void a_line_is_edited_by_graphemes(void **state)
{
	struct ui_line l;

	(void)state;
	ui_line_init(&l);
	type(&l, "a\303\261oe\314\201\360\237\207\252\360\237\207\270"); /* año é(2) flag(2) */
	ui_line_command(&l, UI_ERASE);
	assert_string_equal(l.text->str, "a\303\261oe\314\201");
	ui_line_command(&l, UI_ERASE);
	assert_string_equal(l.text->str, "a\303\261o");
	ui_line_command(&l, UI_LEFT);
	ui_line_command(&l, UI_LEFT);
	type(&l, "X");
	assert_string_equal(l.text->str, "aX\303\261o");
	ui_line_command(&l, UI_HALF_DOWN);
	assert_string_equal(l.text->str, "aXo");
	ui_line_clear(&l);
}

static void words_and_ends_are_erased(void **state)
{
	struct ui_line l;

	(void)state;
	ui_line_init(&l);
	type(&l, "move to the  end");
	ui_line_command(&l, UI_ERASE_WORD);
	assert_string_equal(l.text->str, "move to the  ");
	ui_line_command(&l, UI_ERASE_WORD);
	assert_string_equal(l.text->str, "move to ");
	ui_line_command(&l, UI_FIRST);
	ui_line_command(&l, UI_RIGHT);
	ui_line_command(&l, UI_HALF_UP);
	assert_string_equal(l.text->str, "ove to ");
	ui_line_command(&l, UI_ERASE_REST);
	assert_string_equal(l.text->str, "");
	ui_line_command(&l, UI_ERASE);
	ui_line_command(&l, UI_LEFT);
	ui_line_insert(&l, 0x1b);
	ui_line_insert(&l, 0x9b);
	assert_string_equal(l.text->str, "");
	for (int i = 0; i < 3000; i++)
		ui_line_insert(&l, 'x');
	assert_int_equal(l.text->len, UI_LINE_MAX);
	ui_line_clear(&l);
}

/* --- the history ------------------------------------------------------------------------------ */

static void history_is_kept_from_run_to_run(void **state)
{
	g_autofree char *home = check_temp_dir();
	g_autofree char *path = g_build_filename(home, ".local", "state", "buzon", "history", NULL);
	struct ui_history one = {0}, two = {0};
	guint place;
	GStatBuf st;

	(void)state;
	g_setenv("HOME", home, TRUE);
	g_unsetenv("XDG_STATE_HOME");
	ui_history_load(&one);
	ui_history_load(&two); /* another run at the same time */
	ui_history_add(&one, ':', "archive");
	ui_history_add(&one, '/', "garc\303\255a");
	ui_history_add(&one, ':', "undo");
	ui_history_add(&two, ':', "compact");
	ui_history_save(&one);
	ui_history_save(&two);
	ui_history_clear(&one);
	ui_history_clear(&two);
	assert_int_equal(g_stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ui_history_load(&one);
	place = one.lines->len;
	assert_string_equal(ui_history_step(&one, ':', FALSE, &place), "compact");
	assert_string_equal(ui_history_step(&one, ':', FALSE, &place), "undo");
	assert_string_equal(ui_history_step(&one, ':', FALSE, &place), "archive");
	assert_null(ui_history_step(&one, ':', FALSE, &place));
	assert_string_equal(ui_history_step(&one, ':', TRUE, &place), "undo");
	place = one.lines->len;
	assert_string_equal(ui_history_step(&one, '/', FALSE, &place), "garc\303\255a");
	ui_history_clear(&one);
	check_remove_dir(home);
}

static void history_has_an_end_and_no_doubles(void **state)
{
	g_autofree char *home = check_temp_dir();
	struct ui_history h = {0};
	guint place;

	(void)state;
	g_setenv("HOME", home, TRUE);
	ui_history_load(&h);
	for (int i = 0; i < UI_HISTORY_MAX + 100; i++) {
		g_autofree char *text = g_strdup_printf("number %d", i);

		ui_history_add(&h, ':', text);
	}
	ui_history_add(&h, ':', "number 500");
	ui_history_save(&h);
	ui_history_clear(&h);
	ui_history_load(&h);
	assert_int_equal(h.lines->len, UI_HISTORY_MAX);
	place = h.lines->len;
	assert_string_equal(ui_history_step(&h, ':', FALSE, &place), "number 500");
	assert_string_equal(ui_history_step(&h, ':', FALSE, &place), "number 599");
	ui_history_clear(&h);
	check_remove_dir(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_of_the_main_screen_runs_its_command),
		cmocka_unit_test(the_beginning_of_one_name_is_enough),
		cmocka_unit_test(what_cannot_work_is_not_shown),
		cmocka_unit_test(a_mistyped_name_has_a_nearest_one),
		cmocka_unit_test(a_line_is_edited_by_graphemes),
		cmocka_unit_test(words_and_ends_are_erased),
		cmocka_unit_test(history_is_kept_from_run_to_run),
		cmocka_unit_test(history_has_an_end_and_no_doubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
