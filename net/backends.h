/* The protocols that net/ offers to src/main.c. */
#ifndef BZ_BACKENDS_H
#define BZ_BACKENDS_H

#include "src/backend.h"

extern const struct bz_backend_ops bz_imap_backend;
extern const struct bz_backend_ops bz_pop_backend;

#endif
