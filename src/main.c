/* Wires the three parts together: protocols, screen, command line. */
#include "net/backends.h"
#include "src/cli.h"
#include "src/localbox.h"
#include "ui/screen.h"

int main(int argc, char **argv)
{
	struct bz_cli_wiring wiring = {
		.imap = &bz_imap_backend,
		.pop = &bz_pop_backend,
		.file = &bz_file_backend,
		.screen = bz_screen_run,
	};

	return bz_cli_main(argc, argv, &wiring);
}
