#!/bin/sh
# Every string for the person is translated: nothing missing, nothing fuzzy, formats agree.
set -u
cd "${SRCDIR:-.}" || exit 1
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT
echo "1..2"
xgettext --keyword=_ --keyword=N_ --keyword=ngettext:1,2 --from-code=UTF-8 -L C -o "$pot" \
	src/*.c net/*.c ui/*.c
if said=$(msgcmp po/es.po "$pot" 2>&1); then
	echo "ok 1 - po/es.po has every string"
else
	printf '%s\n' "$said" | sed 's/^/# /'
	echo "not ok 1 - po/es.po has every string (make update-po, then translate)"
fi
if said=$(msgfmt --check-format -o /dev/null po/es.po 2>&1); then
	echo "ok 2 - the formats agree"
else
	printf '%s\n' "$said" | sed 's/^/# /'
	echo "not ok 2 - the formats agree"
fi
