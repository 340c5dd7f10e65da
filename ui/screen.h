/* The full-screen interface. */
#ifndef BZ_SCREEN_H
#define BZ_SCREEN_H

#include "src/cli.h"

/* Runs until the person leaves; returns an exit code. Called on the main thread, which becomes the
 * UI thread; it waits only in its poll. The signature is bz_cli_wiring.screen's. */
int bz_screen_run(const struct bz_settings *settings, const struct bz_account *const *accounts,
	size_t n, size_t start, const struct bz_cli_wiring *wiring);

#endif
