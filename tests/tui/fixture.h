/* What most tests of accounts on the screen need: a server, or one that is played, a $HOME and
 * buzon in a terminal. Each is there only once it was started. */
#ifndef TESTS_TUI_FIXTURE_H
#define TESTS_TUI_FIXTURE_H

#include "tests/tui/server.h"
#include "tests/tui/term.h"

struct fixture {
	struct server *s;
	struct stopper fake;
	char *home;
	struct term *t;
};

/* For cmocka: an empty one, and the end of all that it has. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* buzon at that $HOME, in place of the one that runs; extra: as of term_start. Borrowed. */
struct term *fixture_start(struct fixture *f, int rows, int cols, const char *const *extra);
/* q, and then at most a second. */
void fixture_leave(struct term *t);

#endif
