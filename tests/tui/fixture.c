#include "tests/tui/fixture.h"

int fixture_setup(void **state)
{
	*state = g_new0(struct fixture, 1);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->t != NULL)
		term_free(f->t);
	if (f->s != NULL)
		server_stop(f->s);
	stopper_end(&f->fake);
	if (f->home != NULL)
		check_remove_dir(f->home);
	g_free(f->home);
	g_free(f);
	return 0;
}

struct term *fixture_start(struct fixture *f, int rows, int cols, const char *const *extra)
{
	const char *none[] = {NULL};

	if (f->t != NULL)
		term_free(f->t);
	f->t = term_start(rows, cols, f->home, none, extra);
	return f->t;
}

void fixture_leave(struct term *t)
{
	term_type(t, "q");
	assert_int_equal(term_exit(t, 1000), 0);
}
