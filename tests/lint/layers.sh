#!/bin/sh
# Who may include whom, and what libcore may pull in: src knows neither net nor ui (main.c wires
# them), and these two do not know each other.
set -u
cd "$SRCDIR" || exit 1

n=0
failed=0
report() { # name, offending lines
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		printf '%s\n' "$2" | sed 's/^/# /'
		echo "not ok $n - $1"
		failed=1
	fi
}

echo "1..6"
report "src includes neither net nor ui, save main.c" \
	"$(grep -nE '#include "(net|ui)/' src/*.c src/*.h | grep -v '^src/main.c:')"
report "net does not include ui" "$(grep -nE '#include "ui/' net/*.c net/*.h)"
report "ui does not include net" "$(grep -nE '#include "net/' ui/*.c ui/*.h)"
report "libcore pulls in no TLS, no IMAP parser, no curses" \
	"$(nm -u "$BUILDDIR/libcore.a" | grep -E ' (SSL_|X509_|mailimap_|mailstream_|wgetch|initscr)')"
report "libui pulls in no network and opens no mail" \
	"$(nm -u "$BUILDDIR/libui.a" | grep -E ' (SSL_|mailimap_|connect|bz_mbox_|bz_stream_)')"
report "libetpan's TLS, login, POP3, MIME and mbox code stays unused" \
	"$(nm -u "$BUILDDIR/libnet.a" |
		grep -E ' (mailimap_(ssl_|login|authenticate|socket_starttls|connect)|mailpop3_|mailsmtp_|mailmime_|mailmbox_|maillock_|mailstream_ssl)')"
exit $failed
