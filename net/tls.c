#include "net/tls.h"
#include "src/lang.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_address(const char *host)
{
	struct in6_addr out;

	return inet_pton(AF_INET, host, &out) == 1 || inet_pton(AF_INET6, host, &out) == 1;
}

/* The handshake goes on whatever is found: bz_tls_verdict decides, before anything else is sent. */
static int note_only(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static int set_trust(SSL_CTX *ctx, const char *ca_file)
{
	if (ca_file == NULL)
		return SSL_CTX_set_default_verify_dir(ctx);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return SSL_CTX_load_verify_file(ctx, ca_file);
}

/* NULL when the trust file cannot be read. */
static SSL_CTX *new_context(const char *ca_file)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1); /* one recv for many records */
	SSL_CTX_set_default_read_buffer_len(ctx, 64 << 10);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, note_only);
	if (set_trust(ctx, ca_file) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int set_name(SSL *ssl, const char *host)
{
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	SSL_set_hostflags(
		ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *bz_tls_new(const struct bz_dial *dial, BIO *bio, struct bz_err *err)
{
	SSL_CTX *ctx = new_context(dial->ca_file);
	SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

	SSL_CTX_free(ctx);
	ERR_clear_error();
	if (ssl == NULL || set_name(ssl, dial->host) != 1) {
		SSL_free(ssl);
		BIO_free(bio);
		bz_err_set(err, dial->ca_file != NULL ? BZ_ERR_LOCAL : BZ_ERR_TLS, BZ_CODE_IO,
			dial->ca_file != NULL ? _("Cannot read certificates from %s.")
					      : _("No TLS session could be made for %s."),
			dial->ca_file != NULL ? dial->ca_file : dial->host);
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	return ssl;
}

/* --- what the certificate says, for the person ------------------------------------------------ */

static void digest_of(const X509 *x, uint8_t out[32])
{
	unsigned n = 32;

	if (X509_digest(x, EVP_sha256(), out, &n) != 1)
		memset(out, 0, 32);
}

static int64_t seconds_of(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MIN;
}

static void name_of(const X509_NAME *name, char *out, size_t n)
{
	BIO *mem = BIO_new(BIO_s_mem());
	int k;

	out[0] = '\0';
	if (mem == NULL)
		return;
	(void)X509_NAME_print_ex(mem, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
	k = BIO_read(mem, out, (int)n - 1);
	out[k > 0 ? k : 0] = '\0';
	BIO_free(mem);
}

static void add_name(char *out, size_t n, const char *name, size_t len)
{
	size_t at = strlen(out);
	g_autofree char *shown = g_strndup(name, len);

	for (size_t i = 0; i < len; i++) /* a NUL must not hide what follows it */
		shown[i] = name[i] != '\0' ? name[i] : '?';
	(void)snprintf(out + at, n - at, "%s%s", at > 0 ? ", " : "", shown);
}

static void add_address(char *out, size_t n, const ASN1_OCTET_STRING *ip)
{
	char text[INET6_ADDRSTRLEN];
	int len = ASN1_STRING_length(ip);

	if ((len == 4 || len == 16) &&
		inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text,
			sizeof text) != NULL)
		add_name(out, n, text, strlen(text));
}

/* The names it is made for, by subjectAltName alone. */
static void alt_names(X509 *x, char *out, size_t n)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			add_name(out, n, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				(size_t)ASN1_STRING_length(name->d.dNSName));
		else if (name->type == GEN_IPADD)
			add_address(out, n, name->d.iPAddress);
	}
	GENERAL_NAMES_free(names);
}

static void add_link(struct bz_cert *cert, X509 *x)
{
	char subject[200], issuer[200], sum[81], dates[2][16] = {"?", "?"};
	int64_t ends[2] = {seconds_of(X509_get0_notBefore(x)), seconds_of(X509_get0_notAfter(x))};
	size_t at = strlen(cert->chain);
	uint8_t digest[32];

	name_of(X509_get_subject_name(x), subject, sizeof subject);
	name_of(X509_get_issuer_name(x), issuer, sizeof issuer);
	digest_of(x, digest);
	bz_cert_fingerprint(digest, sum);
	for (int i = 0; i < 2; i++) {
		time_t t = (time_t)ends[i];
		struct tm tm;

		if (ends[i] != INT64_MIN && gmtime_r(&t, &tm) != NULL)
			strftime(dates[i], sizeof dates[i], "%Y-%m-%d", &tm);
	}
	(void)snprintf(cert->chain + at, sizeof cert->chain - at, "%s | %s | %s..%s | %s\n",
		subject, issuer, dates[0], dates[1], sum);
}

static void describe(SSL *ssl, X509 *x, const struct bz_dial *dial, struct bz_cert *cert)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	int64_t now = (int64_t)time(NULL);

	*cert = (struct bz_cert){.not_before = seconds_of(X509_get0_notBefore(x)),
		.not_after = seconds_of(X509_get0_notAfter(x))};
	(void)snprintf(cert->host, sizeof cert->host, "%s", dial->host);
	alt_names(x, cert->names, sizeof cert->names);
	name_of(X509_get_issuer_name(x), cert->issuer, sizeof cert->issuer);
	cert->self_signed = X509_self_signed(x, 0) == 1;
	cert->name_matches = is_address(dial->host)
				     ? X509_check_ip_asc(x, dial->host, 0) == 1
				     : X509_check_host(x, dial->host, 0,
					       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
					       NULL) == 1;
	cert->in_force = cert->not_before <= now && now <= cert->not_after;
	digest_of(x, cert->sha256);
	for (int i = 0; i < sk_X509_num(chain); i++)
		add_link(cert, sk_X509_value(chain, i));
	if (dial->pin != NULL) {
		cert->had_pin = true;
		memcpy(cert->pinned, dial->pin, sizeof cert->pinned);
	}
}

/* --- the verdict ------------------------------------------------------------------------------ */

static enum bz_err_code reason(const SSL *ssl, const struct bz_cert *cert)
{
	if (cert->had_pin)
		return BZ_CODE_CERT_CHANGED;
	switch (SSL_get_verify_result(ssl)) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return BZ_CODE_CERT_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return BZ_CODE_CERT_NAME;
	default:
		return BZ_CODE_CERT_UNKNOWN;
	}
}

static int distrust(const struct bz_cert *cert, struct bz_err *err)
{
	switch (cert->why) {
	case BZ_CODE_CERT_CHANGED:
		return bz_err_set(err, BZ_ERR_TRUST, cert->why,
			_("The certificate of %s is not the one you trusted. Nothing was sent."),
			cert->host);
	case BZ_CODE_CERT_EXPIRED:
		return bz_err_set(err, BZ_ERR_TRUST, cert->why,
			_("The certificate of %s is outside its dates. Nothing was sent."),
			cert->host);
	case BZ_CODE_CERT_NAME:
		return bz_err_set(err, BZ_ERR_TRUST, cert->why,
			_("This server says it is %s, not %s. Nothing was sent."),
			cert->names[0] != '\0' ? cert->names : "?", cert->host);
	default:
		return bz_err_set(err, BZ_ERR_TRUST, cert->why,
			_("Nobody buzon trusts has signed the certificate of %s. Nothing was "
			  "sent."),
			cert->host);
	}
}

int bz_tls_verdict(SSL *ssl, const struct bz_dial *dial, struct bz_cert *cert, struct bz_err *err)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	struct bz_cert own;
	uint8_t digest[32];

	if (cert == NULL)
		cert = &own;
	if (x == NULL)
		return bz_tls_broken(dial->host, err);
	digest_of(x, digest);
	if (dial->pin != NULL ? memcmp(digest, dial->pin, sizeof digest) == 0
			      : SSL_get_verify_result(ssl) == X509_V_OK)
		return 0;
	if (dial->pin == NULL && dial->trust_once != NULL &&
		memcmp(digest, dial->trust_once, sizeof digest) == 0)
		return 0;
	describe(ssl, x, dial, cert);
	cert->why = reason(ssl, cert);
	return distrust(cert, err);
}

int bz_tls_broken(const char *host, struct bz_err *err)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return bz_err_set(err, BZ_ERR_TLS, BZ_CODE_NONE,
		_("No safe connection to %s could be made (%s). Nothing was sent."), host,
		why != NULL ? why : "TLS");
}
