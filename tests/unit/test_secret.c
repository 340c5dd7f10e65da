/* password-command: its first line, and no longer than its time, whatever it leaves behind. */
#include "tests/unit/check.h"

#include "src/secret.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { LONG = 600 }; /* seconds that nobody waits for */

static char *ask(const char *command, int seconds, enum bz_err_code *code)
{
	struct bz_err err = {0};
	char *secret = bz_secret_from_command(command, seconds, NULL, &err);

	*code = err.code;
	return secret;
}

static void the_first_line_is_the_password(void **state)
{
	enum bz_err_code code;
	char *secret = ask("printf 'one two\\r\\nmore\\n'", LONG, &code);

	(void)state;
	assert_string_equal(secret, "one two");
	bz_secret_free(secret);
	secret = ask("printf '%s' '$(id);`id`'", LONG, &code);
	assert_string_equal(secret, "$(id);`id`"); /* no shell */
	bz_secret_free(secret);
}

static void what_is_no_password_is_refused(void **state)
{
	static const char *const commands[] = {"true", "printf '\\nlate'", "printf 'a\\0b'",
		"/does/not/exist", "printf 'unfinished", "head -c 4097 /dev/zero",
		"printf '%05000d' 1"};
	enum bz_err_code code;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		assert_null(ask(commands[i], LONG, &code));
		assert_int_equal(code, BZ_CODE_NO_PASSWORD);
	}
}

static void a_line_of_4096_bytes_is_whole(void **state)
{
	enum bz_err_code code;
	char *secret = ask("printf '%04096d\\n' 1", LONG, &code);

	(void)state;
	assert_non_null(secret);
	assert_int_equal(strlen(secret), 4096);
	bz_secret_free(secret);
}

/* The pipe stays open in a grandchild: its end is not waited for. */
static void a_grandchild_does_not_outlast_the_limit(void **state)
{
	enum bz_err_code code;

	(void)state;
	assert_null(ask("sh -c 'sleep 30 & sleep 30'", 1, &code));
	assert_int_equal(code, BZ_CODE_NO_PASSWORD);
}

static void *cancel_soon(void *cancel)
{
	g_usleep(100000);
	g_cancellable_cancel(cancel);
	return NULL;
}

static void a_cancel_ends_it(void **state)
{
	GCancellable *cancel = g_cancellable_new();
	struct bz_err err = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, cancel), 0);
	assert_null(bz_secret_from_command("sh -c 'sleep 30 & sleep 30'", LONG, cancel, &err));
	assert_int_equal(err.kind, BZ_ERR_CANCELLED);
	pthread_join(thread, NULL);
	g_object_unref(cancel);
}

static void the_process_leaves_no_core(void **state)
{
	struct rlimit limit;

	(void)state;
	bz_secret_protect_process();
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_int_equal(limit.rlim_cur, 0);
	assert_int_equal(limit.rlim_max, 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(what_is_no_password_is_refused),
		cmocka_unit_test(a_line_of_4096_bytes_is_whole),
		cmocka_unit_test(a_grandchild_does_not_outlast_the_limit),
		cmocka_unit_test(a_cancel_ends_it),
		cmocka_unit_test(the_process_leaves_no_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
