/* The command line: options, and the commands that need no screen. */
#ifndef BZ_CLI_H
#define BZ_CLI_H

#include "src/backend.h"

/* What main.c wires in: the three backends and the screen. */
struct bz_cli_wiring {
	const struct bz_backend_ops *imap, *pop, *file;
	/* Full screen on these accounts; returns an exit code. start = account to show first. */
	int (*screen)(const struct bz_settings *settings, const struct bz_account *const *accounts,
		size_t n, size_t start, const struct bz_cli_wiring *wiring);
	bool ascii;        /* --ascii or glyphs = ascii */
	const char *color; /* "auto", "always", "never" */
};

/* Runs the whole program; returns a sysexits code. */
int bz_cli_main(int argc, char **argv, struct bz_cli_wiring *wiring);

#endif
