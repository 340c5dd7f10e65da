/* Errors are values: a kind that decides, a text that explains, the server's own words. */
#ifndef BZ_ERR_H
#define BZ_ERR_H

/* What the caller does next follows from the kind alone (DESIGN: the seam). */
enum bz_err_kind {
	BZ_ERR_NONE = 0,
	BZ_ERR_CANCELLED,   /* the person or shutdown asked for it */
	BZ_ERR_TIMEOUT,     /* retry with back-off */
	BZ_ERR_NET,         /* retry with back-off */
	BZ_ERR_TLS,         /* drop the connection */
	BZ_ERR_TRUST,       /* ask: certificate not trusted (details travel as struct bz_cert) */
	BZ_ERR_AUTH,        /* ask: password missing or refused */
	BZ_ERR_REFUSED,     /* the server said no to this one request; the session goes on */
	BZ_ERR_PROTO,       /* the server broke the protocol: drop the connection */
	BZ_ERR_STALE,       /* UIDVALIDITY changed or the message is gone: list again */
	BZ_ERR_LIMIT,       /* a bound of ours was reached */
	BZ_ERR_LOCAL,       /* this computer: disk, lock, file; stop writing */
	BZ_ERR_UNSUPPORTED, /* this backend has no such operation */
	BZ_ERR_USAGE        /* command line or configuration */
};

/* Finer cause, for exit codes and for what the screen offers next. */
enum bz_err_code {
	BZ_CODE_NONE = 0,
	BZ_CODE_DNS,           /* NET: no such host */
	BZ_CODE_CONN_REFUSED,  /* NET: nothing answers on that port */
	BZ_CODE_CLOSED,        /* NET: the peer closed or reset */
	BZ_CODE_CERT_UNKNOWN,  /* TRUST: nobody trusted signed it */
	BZ_CODE_CERT_EXPIRED,  /* TRUST: outside its dates */
	BZ_CODE_CERT_NAME,     /* TRUST: made for another host */
	BZ_CODE_CERT_CHANGED,  /* TRUST: not the pinned one: a full stop */
	BZ_CODE_NO_STARTTLS,   /* TLS: STARTTLS not offered, refused or tampered with */
	BZ_CODE_NO_PASSWORD,   /* AUTH: none configured, none typed yet */
	BZ_CODE_LOGIN_REFUSED, /* AUTH: the server did not take it */
	BZ_CODE_NOT_FOUND,     /* STALE/LOCAL/USAGE: no such message, folder or file */
	BZ_CODE_DISK_FULL,     /* LOCAL */
	BZ_CODE_IO,            /* LOCAL */
	BZ_CODE_LOCKED,        /* LOCAL: another program holds the lock */
	BZ_CODE_READ_ONLY,     /* UNSUPPORTED/REFUSED: this folder takes no changes */
	BZ_CODE_CONFIG,        /* USAGE: buzonrc */
	BZ_CODE_HURRY,    /* CANCELLED: the line was slow and the person wants what needs none */
	BZ_CODE_LINE_KEPT /* CANCELLED: the line is as it was */
};

/* A value: copied freely, owns nothing. text is translated, UTF-8, one sentence or two; server is
 * what the server said, raw but bounded: clean it (text.h) before showing it. */
struct bz_err {
	enum bz_err_kind kind;
	enum bz_err_code code;
	char text[400];
	char server[240];
};

/* Fill *err (NULL allowed) and return -1, so that a caller can write return bz_err_set(...). */
int bz_err_set(struct bz_err *err, enum bz_err_kind kind, enum bz_err_code code, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* The same with the server's words; len -1 = NUL-terminated. Long words are cut at a character. */
int bz_err_server(struct bz_err *err, enum bz_err_kind kind, enum bz_err_code code,
	const char *server, int len, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* sysexits(3) number for an error: 0 for NONE, else 64..78 (UX: command line). */
int bz_err_exit_code(const struct bz_err *err);

#endif
