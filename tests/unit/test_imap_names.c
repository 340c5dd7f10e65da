/* What folders are called and for: prefixes, uses told, guessed and set. */
#include "tests/unit/check.h"

#include "net/imap_names.h"

#include <string.h>

/* A folder as LIST told it. */
static void add(GPtrArray *folders, const char *name, char delimiter, enum bz_folder_role role)
{
	struct bz_folder *f = g_new0(struct bz_folder, 1);

	f->name = g_strdup(name);
	f->title = imap_title(name, delimiter);
	f->delimiter = delimiter;
	f->selectable = true;
	f->role = strcmp(name, "INBOX") == 0 ? BZ_ROLE_INBOX : role;
	g_ptr_array_add(folders, f);
}

static GPtrArray *list(char delimiter, const char *const *names)
{
	GPtrArray *folders = g_ptr_array_new_with_free_func(bz_folder_free);

	add(folders, "INBOX", delimiter, BZ_ROLE_INBOX);
	for (; *names != NULL; names++)
		add(folders, *names, delimiter, BZ_ROLE_NONE);
	return folders;
}

static const struct bz_folder *at(const GPtrArray *folders, guint i)
{
	return g_ptr_array_index(folders, i);
}

/* The name of the folder of a role; "" = none has it. */
static const char *with_role(const GPtrArray *folders, enum bz_folder_role role)
{
	const char *found = "";

	for (guint i = 0; i < folders->len; i++)
		if (at(folders, i)->role == role) {
			assert_string_equal(found, "");
			found = at(folders, i)->name;
		}
	return found;
}

static const struct bz_account plain;

static void what_all_names_begin_with_is_not_shown(void **state)
{
	GPtrArray *folders =
		list('.', (const char *[]){"INBOX.Trash", "INBOX.Work.Old", "INBOX.A&APE-o", NULL});

	(void)state;
	imap_settle_names(folders, &plain);
	assert_string_equal(at(folders, 0)->title, "Inbox");
	assert_string_equal(at(folders, 1)->title, "Trash");
	assert_string_equal(at(folders, 2)->title, "Work/Old");
	assert_string_equal(at(folders, 3)->title, "A\303\261o");
	assert_string_equal(with_role(folders, BZ_ROLE_TRASH), "INBOX.Trash");
	g_ptr_array_unref(folders);
	folders = list('.', (const char *[]){"INBOX.Trash", "shared.Trash", NULL});
	imap_settle_names(folders, &plain);
	assert_string_equal(at(folders, 1)->title, "INBOX/Trash");
	g_ptr_array_unref(folders);
}

static void a_name_tells_the_use_where_the_server_does_not(void **state)
{
	GPtrArray *folders = list('/', (const char *[]){"PAPELERA", "Enviados", "Gesendet",
					       "Work/Drafts", "Entw&APw-rfe", NULL});

	(void)state;
	imap_settle_names(folders, &plain);
	assert_string_equal(with_role(folders, BZ_ROLE_TRASH), "PAPELERA");
	assert_string_equal(with_role(folders, BZ_ROLE_SENT), "Enviados");
	assert_string_equal(with_role(folders, BZ_ROLE_DRAFTS), "Entw&APw-rfe");
	assert_string_equal(with_role(folders, BZ_ROLE_JUNK), "");
	g_ptr_array_unref(folders);
}

static void what_the_server_tells_comes_before_names(void **state)
{
	GPtrArray *folders = list('/', (const char *[]){"Trash", "Sent", NULL});

	(void)state;
	add(folders, "Rubbish", '/', BZ_ROLE_TRASH);
	add(folders, "Archive", '/', BZ_ROLE_SENT);
	imap_settle_names(folders, &plain);
	assert_string_equal(with_role(folders, BZ_ROLE_TRASH), "Rubbish");
	assert_string_equal(with_role(folders, BZ_ROLE_SENT), "Archive");
	assert_string_equal(with_role(folders, BZ_ROLE_ARCHIVE), ""); /* it has a use already */
	g_ptr_array_unref(folders);
}

static void the_settings_come_before_both(void **state)
{
	struct bz_account account = {0};
	GPtrArray *folders = list('.', (const char *[]){"INBOX.Trash", "INBOX.Work.Old", NULL});

	(void)state;
	add(folders, "INBOX.Rubbish", '.', BZ_ROLE_TRASH);
	account.folders[BZ_ROLE_TRASH] = (char[]){"work/old"};
	account.folders[BZ_ROLE_ARCHIVE] = (char[]){"To be made"};
	imap_settle_names(folders, &account);
	assert_string_equal(with_role(folders, BZ_ROLE_TRASH), "INBOX.Work.Old");
	assert_string_equal(with_role(folders, BZ_ROLE_ARCHIVE), "");
	g_ptr_array_unref(folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_all_names_begin_with_is_not_shown),
		cmocka_unit_test(a_name_tells_the_use_where_the_server_does_not),
		cmocka_unit_test(what_the_server_tells_comes_before_names),
		cmocka_unit_test(the_settings_come_before_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
