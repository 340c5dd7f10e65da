/* A byte stream to a server: socket + OpenSSL (+ inflate) + cancel + deadline + byte budget.
 * One thread at a time. EOF is an error. MSG_NOSIGNAL, TCP_NODELAY, TCP_QUICKACK before a wait. */
#ifndef BZ_STREAM_H
#define BZ_STREAM_H

#include "src/cert.h"
#include "src/err.h"
#include "src/settings.h"

#include <gio/gio.h>
#include <sys/types.h>

struct bz_stream;

/* Asked while nothing arrives: does the person want something that needs no line? Then the wait
 * ends with kind CANCELLED, code BZ_CODE_HURRY, after `patience` seconds of it. */
struct bz_hurry {
	bool (*f)(void *me); /* NULL = nobody ever is */
	void *me;
	double patience;
};

/* Whom to call and whom to trust. */
struct bz_dial {
	const char *host;
	uint16_t port;
	enum bz_security security;
	const char *ca_file;       /* PEM file, NULL = system trust (hashed directory) */
	const uint8_t *pin;        /* 32 bytes: this exact certificate, or nothing else; NULL */
	const uint8_t *trust_once; /* 32 bytes accepted by the person for this run; NULL */
	struct bz_hurry hurry;
};

/* The clock of every deadline: seconds of CLOCK_BOOTTIME. */
double bz_now(void);

/* Connect (GSocketClient async on a context of its own: happy eyeballs, DNS) and, with TLS, shake
 * hands; all before deadline. Security NONE is refused for other than loopback addresses. On TRUST
 * *cert is filled; nothing was sent but the handshake. A pinned certificate that changed is
 * CERT_CHANGED. NULL and err on failure. */
struct bz_stream *bz_stream_dial(const struct bz_dial *dial, double deadline, GCancellable *cancel,
	struct bz_cert *cert, struct bz_err *err);
/* The TLS handshake on a connected clear stream, after STARTTLS/STLS was answered. */
int bz_stream_start_tls(struct bz_stream *stream, const struct bz_dial *dial, double deadline,
	GCancellable *cancel, struct bz_cert *cert, struct bz_err *err);
/* From here on both ways are compressed (RFC 4978), above TLS. held: what was read of that already;
 * copied. Budgets count what bz_stream_read gives out, stall and hurry what comes on the wire. */
void bz_stream_start_deflate(struct bz_stream *stream, const void *held, size_t n);
/* Did the server's compression fail? */
bool bz_stream_is_deflate_broken(const struct bz_stream *stream);
/* For tests: a stream over a connected, non-blocking socket without TLS. Takes fd. */
struct bz_stream *bz_stream_from_fd(int fd);
/* Another answer than the dial's to whether somebody is in a hurry; copied. */
void bz_stream_set_hurry(struct bz_stream *stream, const struct bz_hurry *hurry);
/* Closes at once; close_notify is tried without waiting. */
void bz_stream_close(struct bz_stream **stream);

/* Bounds of what follows: total deadline (bz_now scale; 0 = none), no more than budget bytes in
 * (0 = no limit), stall: seconds without a byte (0 = none). cancel may be NULL. */
void bz_stream_limits(struct bz_stream *stream, double deadline, double stall, uint64_t budget,
	GCancellable *cancel);

/* Another cancel, another deadline; the other limits go on as they are. */
void bz_stream_set_cancel(struct bz_stream *stream, GCancellable *cancel);
void bz_stream_set_deadline(struct bz_stream *stream, double deadline);
/* Wait for bytes: 1 = some are there, also such that were read from the socket and not given out
 * yet; 0 = wake (a descriptor, -1 = none) is readable, or it is `until` (bz_now scale); -1 and err:
 * CANCELLED, LOCAL. Nothing is read, and no limit but cancel holds; stall counts from here. */
int bz_stream_wait(struct bz_stream *stream, int wake, double until, struct bz_err *err);

/* At least one byte, or -1 with err: CANCELLED, TIMEOUT, NET/CLOSED, TLS, LIMIT, PROTO. Never 0.
 * After BZ_CODE_HURRY the stream is as it was and may be read on; after anything else: close. */
ssize_t bz_stream_read(struct bz_stream *stream, void *buf, size_t n, struct bz_err *err);
/* All of it, or -1. */
int bz_stream_write(struct bz_stream *stream, const void *buf, size_t n, struct bz_err *err);
/* The server's name, for sentences. Borrowed. */
const char *bz_stream_host(const struct bz_stream *stream);

#endif
