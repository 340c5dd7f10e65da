/* What a fuzz target is: one function over hostile bytes, the shape that libFuzzer calls. replay.c
 * calls it for each file of a folder in `make check`. A target keeps no state from one call to the
 * next. */
#ifndef BZ_FUZZ_H
#define BZ_FUZZ_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input was; the sanitizers' kind of end where it does not. */
#define FUZZ_CHECK(what)                                                                           \
	do {                                                                                       \
		if (!(what))                                                                       \
			g_error("%s:%d: does not hold: %s", __FILE__, __LINE__, #what);            \
	} while (0)

#endif
