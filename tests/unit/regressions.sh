#!/bin/sh
# SPDX-License-Identifier: MIT
# What docs/regressions.md names has to exist. Usage: regressions.sh TREE RINGFENCE-ENUM. It must never pass for having
# found nothing to look for.
set -eu
tree=$1 enum=$2
rows=$("$enum" --list)
seen=0 bad=0

# shellcheck disable=SC2016 # backticks of Markdown
for name in $(sed -n '/^| [a-z]/p' "$tree/docs/regressions.md" | grep -o '`[a-z]* [a-z0-9_-]*`' | tr -d '`' | tr ' ' :); do
	seen=$((seen + 1))
	what=${name#*:}
	case $name in
	row:*) echo "$rows" | grep -q "[0-9] *$what " ;;
	check:*) grep -q "\"$what\"" "$tree/virtio/check.h" ;;
	test:*) grep -qr "cmocka_unit_test.*($what\|TEST($what)" "$tree/tests/unit" ;;
	*) false ;;
	esac || {
		echo "docs/regressions.md: there is no $name" >&2
		bad=1
	}
done
[ "$seen" -ge 15 ] || {
	echo "docs/regressions.md names $seen of them" >&2
	bad=1
}
exit $bad
