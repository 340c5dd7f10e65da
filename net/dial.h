/* From a host name to a connected socket. */
#ifndef BZ_DIAL_H
#define BZ_DIAL_H

#include "net/stream.h"

/* DNS and TCP by GSocketClient (happy eyeballs) on a context of its own, no proxy. A connected,
 * non-blocking, close-on-exec socket, or -1: CANCELLED, TIMEOUT, NET. */
int bz_dial_socket(
	const struct bz_dial *dial, double deadline, GCancellable *cancel, struct bz_err *err);

#endif
