#include "src/err.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Copy at most size-1 bytes, cut back to a whole UTF-8 character. */
static void copy_cut(char *out, size_t size, const char *in, size_t len)
{
	size_t n = MIN(len, size - 1);

	while (n < len && n > 0 && ((unsigned char)in[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, in, n);
	out[n] = '\0';
}

static void set_text(struct bz_err *err, const char *fmt, va_list ap)
{
	char *text = g_strdup_vprintf(fmt, ap);

	copy_cut(err->text, sizeof err->text, text, strlen(text));
	g_free(text);
}

int bz_err_set(
	struct bz_err *err, enum bz_err_kind kind, enum bz_err_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	*err = (struct bz_err){.kind = kind, .code = code};
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	return -1;
}

int bz_err_server(struct bz_err *err, enum bz_err_kind kind, enum bz_err_code code,
	const char *server, int len, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	*err = (struct bz_err){.kind = kind, .code = code};
	copy_cut(err->server, sizeof err->server, server, len < 0 ? strlen(server) : (size_t)len);
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	return -1;
}

static int net_exit_code(enum bz_err_code code)
{
	switch (code) {
	case BZ_CODE_DNS:
		return EX_NOHOST;
	case BZ_CODE_CONN_REFUSED:
		return EX_UNAVAILABLE;
	default:
		return EX_TEMPFAIL;
	}
}

static int local_exit_code(enum bz_err_code code)
{
	switch (code) {
	case BZ_CODE_NOT_FOUND:
		return EX_NOINPUT;
	case BZ_CODE_DISK_FULL:
	case BZ_CODE_IO:
		return EX_IOERR;
	case BZ_CODE_LOCKED:
		return EX_TEMPFAIL;
	default:
		return EX_CANTCREAT;
	}
}

int bz_err_exit_code(const struct bz_err *err)
{
	switch (err->kind) {
	case BZ_ERR_NONE:
		return EX_OK;
	case BZ_ERR_CANCELLED:
	case BZ_ERR_TIMEOUT:
		return EX_TEMPFAIL;
	case BZ_ERR_NET:
		return net_exit_code(err->code);
	case BZ_ERR_TLS:
	case BZ_ERR_TRUST:
	case BZ_ERR_PROTO:
	case BZ_ERR_LIMIT:
		return EX_PROTOCOL;
	case BZ_ERR_AUTH:
		return EX_NOPERM;
	case BZ_ERR_STALE: /* another program is at the file: come again */
		return err->code == BZ_CODE_NOT_FOUND ? EX_NOINPUT : EX_TEMPFAIL;
	case BZ_ERR_REFUSED:
		return err->code == BZ_CODE_NOT_FOUND ? EX_NOINPUT : EX_UNAVAILABLE;
	case BZ_ERR_LOCAL:
		return local_exit_code(err->code);
	case BZ_ERR_UNSUPPORTED:
		return EX_USAGE;
	case BZ_ERR_USAGE:
		if (err->code == BZ_CODE_CONFIG)
			return EX_CONFIG;
		return err->code == BZ_CODE_NOT_FOUND ? EX_NOINPUT : EX_USAGE;
	}
	return EX_SOFTWARE;
}
