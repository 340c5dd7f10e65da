/* Wires the three parts together: protocols, screen, command line. */
#include "src/cli.h"
#include "src/localbox.h"

int main(int argc, char **argv)
{
	struct bz_cli_wiring wiring = {
		.file = &bz_file_backend,
	};

	return bz_cli_main(argc, argv, &wiring);
}
