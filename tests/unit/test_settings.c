/* buzonrc: every mistake is named with its line, all at once; nothing odd is accepted. */
#include "tests/unit/check.h"

#include "src/lang.h"
#include "src/settings.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char *dir, *path;
};

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = check_temp_dir();
	f->path = g_build_filename(f->dir, "buzonrc", NULL);
	g_setenv("HOME", f->dir, TRUE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	check_remove_dir(f->dir);
	g_free(f->dir);
	g_free(f->path);
	g_free(f);
	return 0;
}

/* The problems as one text, "" = none. */
static char *problems_of(struct fixture *f, const char *text, mode_t mode)
{
	g_autoptr(GPtrArray) problems = NULL;
	struct bz_settings *s;
	struct bz_err err = {0};
	GString *out = g_string_new(NULL);

	assert_true(g_file_set_contents(f->path, text, -1, NULL));
	assert_int_equal(chmod(f->path, mode), 0);
	s = bz_settings_load(f->path, &problems, &err);
	assert_non_null(problems);
	assert_true((s == NULL) == (problems->len > 0));
	for (guint i = 0; i < problems->len; i++)
		g_string_append_printf(out, "%s\n", (char *)g_ptr_array_index(problems, i));
	bz_settings_destroy(&s);
	return g_string_free(out, FALSE);
}

static void check_problem(struct fixture *f, const char *text, const char *want)
{
	g_autofree char *got = problems_of(f, text, 0600);

	if (want == NULL ? got[0] != '\0' : strstr(got, want) == NULL)
		fail_msg("wanted %s\ngot %s", want != NULL ? want : "nothing", got);
}

#define GOOD                                                                                       \
	"[account \"casa\"]\nprotocol = imap\nserver = imap.example.org\naddress = "               \
	"ana@example.org\n"

static void a_good_file_is_read(void **state)
{
	struct fixture *f = *state;
	g_autoptr(GPtrArray) problems = NULL;
	struct bz_settings *s;
	struct bz_err err = {0};
	const struct bz_account *a;

	assert_true(g_file_set_contents(f->path,
		"# mine\n" GOOD "password-command = pass show x ; y # not a comment\n\n[account "
		"\"T\303\255a/work\"]\n"
		"protocol = pop\nserver = [::1]:1110\nsecurity = none\nuser = "
		"bob\n[buzon]\nlanguage = es\n"
		"theme = mono\n",
		-1, NULL));
	assert_int_equal(chmod(f->path, 0600), 0);
	s = bz_settings_load(f->path, &problems, &err);
	assert_non_null(s);
	assert_int_equal(s->accounts->len, 2);
	a = bz_settings_account(s, "CASA");
	assert_non_null(a);
	assert_int_equal(a->port, 993);
	assert_string_equal(a->user, "ana@example.org");
	assert_string_equal(a->password_command, "pass show x ; y # not a comment");
	a = g_ptr_array_index(s->accounts, 1);
	assert_string_equal(a->host, "::1");
	assert_int_equal(a->port, 1110);
	assert_null(strchr(a->dirname, '/'));
	assert_true(g_path_is_absolute(a->mbox));
	assert_string_equal(s->language, "es");
	assert_int_equal(s->theme, BZ_THEME_MONO);
	bz_settings_destroy(&s);
}

static void mistakes_name_line_key_and_the_nearest(void **state)
{
	struct fixture *f = *state;

	check_problem(f, GOOD, NULL);
	check_problem(
		f, GOOD "prot = imap\n", "buzonrc:5: unknown key \"prot\" in account \"casa\"");
	check_problem(f, GOOD "pasword-command = x\n", "did you mean \"password-command\"?");
	check_problem(f, "[acount \"x\"]\n" GOOD, "buzonrc:1: unknown section");
	check_problem(f, GOOD "protocol = pop\n", "already in line 2");
	check_problem(f, GOOD GOOD, "already in line 1");
	check_problem(f, GOOD "security = tlss\n", "did you mean \"tls\"?");
	check_problem(f, GOOD "security = none\n", "servers on this computer only");
	check_problem(f, GOOD "just words\n", "buzonrc:5: ");
	check_problem(f, "server = x\n" GOOD, "buzonrc:1: ");
	check_problem(
		f, "[account \"a\"]\nprotocol = imap\naddress = a@b.test\n", "names no server");
	check_problem(
		f, "[account \"a\"]\nserver = x.test\naddress = a@b.test\n", "names no protocol");
	check_problem(f, "[account \"a\"]\nprotocol = pop\nserver = x.test\n", "names no user");
	check_problem(f, GOOD "leave-on-server = forever\n", "for POP accounts only");
	check_problem(f, GOOD "server = :99999\n", "buzonrc:5: ");
	check_problem(f, GOOD "user = a\tb\033\n", "control character");
	check_problem(f, "", "no account");
}

#define POP "[account \"a\"]\nprotocol = pop\nserver = x.test\nuser = u\n"

/* The first account of a good file; the caller destroys the settings. */
static const struct bz_account *load(
	struct fixture *f, const char *text, struct bz_settings **settings)
{
	g_autoptr(GPtrArray) problems = NULL;

	assert_true(g_file_set_contents(f->path, text, -1, NULL));
	assert_int_equal(chmod(f->path, 0600), 0);
	*settings = bz_settings_load(f->path, &problems, NULL);
	assert_non_null(*settings);
	return g_ptr_array_index((*settings)->accounts, 0);
}

static void a_pop_account_says_how_it_downloads(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;
	const struct bz_account *a = load(f, POP, &s);

	assert_int_equal(a->leave, BZ_LEAVE_FOREVER);
	assert_false(a->leave_given);
	assert_int_equal(a->check_every, 300);
	assert_int_equal(a->max_size, 0);
	assert_false(a->newest_first);
	bz_settings_destroy(&s);
	a = load(f,
		POP
		"leave-on-server = 30d\ncheck-every = 1h\nfetch-order = newest\nmax-size = 10M\n",
		&s);
	assert_int_equal(a->leave, BZ_LEAVE_DAYS);
	assert_int_equal(a->leave_days, 30);
	assert_true(a->leave_given);
	assert_int_equal(a->check_every, 3600);
	assert_int_equal(a->max_size, 10000000);
	assert_true(a->newest_first);
	bz_settings_destroy(&s);
	a = load(
		f, POP "leave-on-server = until-deleted\ncheck-every = off\nmax-size = none\n", &s);
	assert_int_equal(a->leave, BZ_LEAVE_UNTIL_DELETED);
	assert_int_equal(a->check_every, 0);
	assert_int_equal(a->max_size, 0);
	bz_settings_destroy(&s);
	a = load(f, POP "leave-on-server = none\n", &s);
	assert_int_equal(a->leave, BZ_LEAVE_NONE);
	bz_settings_destroy(&s);
}

static void what_is_no_value_names_one(void **state)
{
	struct fixture *f = *state;

	check_problem(f, POP "leave-on-server = forevr\n", "did you mean \"forever\"?");
	check_problem(f, POP "leave-on-server = 30\n", "buzonrc:5: \"leave-on-server\" cannot be");
	check_problem(f, POP "leave-on-server = 0d\n", "days: 30d");
	check_problem(f, POP "leave-on-server = -1d\n", "days: 30d");
	check_problem(f, POP "leave-on-server =\n", "days: 30d");
	check_problem(f, POP "check-every = 5\n", "buzonrc:5: \"check-every\" cannot be \"5\"");
	check_problem(f, POP "check-every = 5s\n", "the least is 30s");
	check_problem(f, POP "max-size = big\n", "10M, or: none");
	check_problem(f, POP "max-size = 0\n", "10M, or: none");
	check_problem(f, POP "fetch-order = newst\n", "did you mean \"newest\"?");
	check_problem(f, GOOD "check-every = 5m\n", NULL);
	check_problem(
		f, GOOD "max-size = 1M\n", "buzonrc:5: \"max-size\" is for POP accounts only");
	check_problem(f, GOOD "fetch-order = oldest\n", "buzonrc:5: \"fetch-order\" is for POP");
}

static void what_is_kept_of_imap_has_a_size(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;

	assert_int_equal(load(f, GOOD, &s)->body_cache, 200000000);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "body-cache = 1.5G\n", &s)->body_cache, 1500000000);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "body-cache = off\n", &s)->body_cache, 0);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "body-cache = 0\n", &s)->body_cache, 0);
	bz_settings_destroy(&s);
	check_problem(f, GOOD "body-cache = much\n",
		"buzonrc:5: \"body-cache\" cannot be \"much\"; write a size, 50M or 1G, or: off");
	check_problem(
		f, GOOD "body-cache = 10k\n", "buzonrc:5: \"body-cache\" is 10k; the least is 1M");
	check_problem(
		f, POP "body-cache = 10M\n", "buzonrc:5: \"body-cache\" is for IMAP accounts only");
}

static void how_far_down_a_folder_is_listed(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;
	const struct bz_account *a = load(f, GOOD, &s);

	assert_int_equal(a->keep, BZ_KEEP_ALL);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "keep = all\n", &s)->keep, BZ_KEEP_ALL);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "keep = seen\n", &s)->keep, BZ_KEEP_SEEN);
	bz_settings_destroy(&s);
	a = load(f, GOOD "keep = 90d\n", &s);
	assert_int_equal(a->keep, BZ_KEEP_DAYS);
	assert_int_equal(a->keep_days, 90);
	bz_settings_destroy(&s);
	check_problem(f, GOOD "keep = sen\n",
		"buzonrc:5: \"keep\" cannot be \"sen\"; did you mean \"seen\"?");
	check_problem(f, GOOD "keep = 90\n",
		"buzonrc:5: \"keep\" cannot be \"90\"; write all, seen, or days: 90d");
	check_problem(f, GOOD "keep = 0d\n", "days: 90d");
	check_problem(f, GOOD "keep =\n", "days: 90d");
	check_problem(f, POP "keep = all\n", "buzonrc:5: \"keep\" is for IMAP accounts only");
}

static void whose_texts_are_kept(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;
	const struct bz_account *a = load(f, GOOD, &s);

	assert_int_equal(a->keep_bodies, BZ_KEEP_BODIES_SEEN);
	bz_settings_destroy(&s);
	assert_int_equal(
		load(f, GOOD "keep-bodies = seen\n", &s)->keep_bodies, BZ_KEEP_BODIES_SEEN);
	bz_settings_destroy(&s);
	assert_int_equal(load(f, GOOD "keep-bodies = all\n", &s)->keep_bodies, BZ_KEEP_BODIES_ALL);
	bz_settings_destroy(&s);
	a = load(f, GOOD "keep-bodies = 30d\n", &s);
	assert_int_equal(a->keep_bodies, BZ_KEEP_BODIES_DAYS);
	assert_int_equal(a->keep_bodies_days, 30);
	bz_settings_destroy(&s);
	check_problem(f, GOOD "keep-bodies = al\n",
		"buzonrc:5: \"keep-bodies\" cannot be \"al\"; did you mean \"all\"?");
	check_problem(f, GOOD "keep-bodies = 30\n",
		"buzonrc:5: \"keep-bodies\" cannot be \"30\"; write seen, all, or days: 30d");
	check_problem(f, GOOD "body-cache = off\nkeep-bodies = all\n",
		"buzonrc:6: \"keep-bodies\" has no room: \"body-cache\" is off");
	check_problem(f, POP "keep-bodies = all\n",
		"buzonrc:5: \"keep-bodies\" is for IMAP accounts only");
}

static void folders_have_uses(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;
	const struct bz_account *a =
		load(f, GOOD "trash = Papelera\narchive = Work/Old mail\n", &s);

	assert_string_equal(a->folders[BZ_ROLE_TRASH], "Papelera");
	assert_string_equal(a->folders[BZ_ROLE_ARCHIVE], "Work/Old mail");
	assert_null(a->folders[BZ_ROLE_SENT]);
	bz_settings_destroy(&s);
	check_problem(f, GOOD "trash = Old\narchive = Old\n",
		"buzonrc:6: \"trash\" and \"archive\" are the same folder");
	check_problem(f, GOOD "trash = INBOX\n",
		"buzonrc:5: \"trash\" names no folder; write its name as buzon shows it");
	check_problem(f, POP "junk = Spam\n", "buzonrc:5: \"junk\" is for IMAP accounts only");
}

static void rules_belong_to_accounts(void **state)
{
	struct fixture *f = *state;
	struct bz_settings *s;
	const struct bz_account *a = load(f,
		POP "[rule \"lists\"]\naccount = A\nmatch = to:list@example.org\nfolder = Lists\n"
		    "read = yes\n" GOOD
		    "[account \"b\"]\nprotocol = pop\nserver = y.test\nuser = v\n"
		    "[rule \"all\"]\nmatch = from:ana\nflag = yes\nread = no\n",
		&s);
	const struct bz_rule *rule;

	assert_int_equal(s->rules->len, 2);
	assert_int_equal(a->rules->len, 2);
	rule = g_ptr_array_index(a->rules, 0);
	assert_string_equal(rule->name, "lists");
	assert_string_equal(rule->account, "a");
	assert_string_equal(rule->match, "to:list@example.org");
	assert_string_equal(rule->folder, "Lists");
	assert_true(rule->read);
	assert_false(rule->flag);
	assert_null(bz_settings_account(s, "casa")->rules);
	a = bz_settings_account(s, "b");
	assert_int_equal(a->rules->len, 1);
	rule = g_ptr_array_index(a->rules, 0);
	assert_null(rule->folder);
	assert_true(rule->flag);
	assert_false(rule->read);
	bz_settings_destroy(&s);
}

static void a_wrong_rule_names_line_and_column(void **state)
{
	struct fixture *f = *state;

	check_problem(f, POP "[rule \"r\"]\n  match = a is:unred\nflag = yes\n",
		"buzonrc:6:16: \"is:unred\"");
	check_problem(f, POP "[rule \"r\"]\nmatch = a (b\nflag = yes\n", "buzonrc:6:11: no \")\"");
	check_problem(
		f, POP "[rule \"r\"]\nflag = yes\n", "buzonrc:5: rule \"r\" says no messages");
	check_problem(f, POP "[rule \"r\"]\nmatch = a\n", "buzonrc:5: rule \"r\" does nothing");
	check_problem(f, POP "[rule \"r\"]\nmatch = a\nfolder = INBOX\n", "in the Inbox already");
	check_problem(f, POP "[rule \"r\"]\nmatch = a\nflag = maybe\n", "cannot be \"maybe\"");
	check_problem(f, POP "[rule \"r\"]\nmatch = a\nfolders = x\n", "did you mean \"folder\"?");
	check_problem(f, POP "[rule \"r\"]\nmatch = a\nflag = yes\naccount = c\n",
		"buzonrc:8: there is no account \"c\"");
	check_problem(f, GOOD "[rule \"r\"]\nmatch = a\nflag = yes\naccount = casa\n",
		"buzonrc:8: \"casa\" is an IMAP account");
	check_problem(f, POP "[rule \"\"]\nmatch = a\nflag = yes\n", "unknown section");
}

#define SERVER(of) "[account \"a\"]\nprotocol = imap\nuser = u\n" of "\n"

static void servers_are_hosts_and_addresses(void **state)
{
	struct fixture *f = *state;

	check_problem(f, SERVER("server = [2001:db8::1]:993"), NULL);
	check_problem(f, SERVER("server = ::1\n"), "write \"server = [::1]\"");
	check_problem(f, SERVER("server = [mail.test]"), "is no server");
	check_problem(f, SERVER("server = x.test\nsmtp = x.test:0"), "buzonrc:5: ");
	check_problem(f, SERVER("server = 127.0.0.2\nsecurity = none"), NULL);
	check_problem(f, SERVER("server = [::1]\nsecurity = none"), NULL);
	check_problem(
		f, SERVER("server = 127.evil.test\nsecurity = none"), "on this computer only");
	check_problem(f, SERVER("server = 128.0.0.1\nsecurity = none"), "on this computer only");
}

static void line_ends_and_odd_bytes(void **state)
{
	struct fixture *f = *state;
	g_auto(GStrv) lines = g_strsplit(GOOD, "\n", 0);
	g_autofree char *crlf = g_strjoinv("\r\n", lines);
	g_autofree char *bom = g_strconcat("\xef\xbb\xbf", crlf, NULL);
	static const char nul[] = GOOD "name = a\0b\nfoo = 1\n";
	g_autoptr(GPtrArray) problems = NULL;

	check_problem(f, bom, NULL);
	check_problem(f, GOOD "# fine\nname = \xff\n", "buzonrc:6: ");
	check_problem(f, "[buzon]\nlanguage = es\n[buzon]\nlanguage = en\n", "already in line 1");
	assert_true(g_file_set_contents(f->path, nul, sizeof nul - 1, NULL));
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_null(bz_settings_load(f->path, &problems, NULL));
	assert_int_equal(problems->len, 2);
}

static void all_mistakes_come_at_once(void **state)
{
	struct fixture *f = *state;
	g_autofree char *got = problems_of(f,
		"[account \"a\"]\nprotocol = imp\nserver = x.test\nuser = u\nfoo = 1\n[nope]\nx = "
		"1\n",
		0600);

	assert_non_null(strstr(got, "buzonrc:2: "));
	assert_non_null(strstr(got, "buzonrc:5: "));
	assert_non_null(strstr(got, "buzonrc:6: "));
}

static void two_accounts_with_one_mbox_are_refused(void **state)
{
	struct fixture *f = *state;

	check_problem(f,
		"[account \"a\"]\nprotocol = pop\nserver = x.test\nuser = u\nmbox = ~/m\n"
		"[account \"b\"]\nprotocol = pop\nserver = y.test\nuser = v\nmbox = ~/m\n",
		"have the same mbox");
}

/* One file under two names: by "..", by a link to its folder, by the account's own default. */
static void one_mbox_spelled_twice_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const pairs[][2] = {{"m", "x/../m"}, {"real/m", "link/m"}, {"./m", "m"}};
	g_autofree char *real = g_build_filename(f->dir, "real", NULL);
	g_autofree char *link = g_build_filename(f->dir, "link", NULL);

	assert_int_equal(g_mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", link), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		g_autofree char *text = g_strdup_printf(
			"[account \"a\"]\nprotocol = pop\nserver = x.test\nuser = u\nmbox = %s/%s\n"
			"[account \"b\"]\nprotocol = pop\nserver = y.test\nuser = v\nmbox = "
			"%s/%s\n",
			f->dir, pairs[i][0], f->dir, pairs[i][1]);

		check_problem(f, text, "have the same mbox");
	}
}

static void a_password_wants_a_private_file(void **state)
{
	struct fixture *f = *state;
	g_autofree char *open = problems_of(f, GOOD "password = secret\n", 0644);
	g_autofree char *closed = problems_of(f, GOOD "password = secret\n", 0600);

	assert_non_null(strstr(open, "chmod 600"));
	assert_null(strstr(open, "secret"));
	assert_string_equal(closed, "");
}

static void a_missing_file_is_told_apart(void **state)
{
	struct fixture *f = *state;
	g_autoptr(GPtrArray) problems = NULL;
	struct bz_err err = {0};

	assert_null(bz_settings_load(f->path, &problems, &err));
	assert_int_equal(err.code, BZ_CODE_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_good_file_is_read),
		CASE(mistakes_name_line_key_and_the_nearest),
		CASE(all_mistakes_come_at_once),
		CASE(a_pop_account_says_how_it_downloads),
		CASE(what_is_no_value_names_one),
		CASE(what_is_kept_of_imap_has_a_size),
		CASE(how_far_down_a_folder_is_listed),
		CASE(whose_texts_are_kept),
		CASE(folders_have_uses),
		CASE(rules_belong_to_accounts),
		CASE(a_wrong_rule_names_line_and_column),
		CASE(two_accounts_with_one_mbox_are_refused),
		CASE(one_mbox_spelled_twice_is_refused),
		CASE(servers_are_hosts_and_addresses),
		CASE(line_ends_and_odd_bytes),
		CASE(a_password_wants_a_private_file),
		CASE(a_missing_file_is_told_apart),
	};

	bz_lang_init("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
