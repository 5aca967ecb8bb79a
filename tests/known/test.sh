#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh PROGRAM TREE: what can be tested of `ringfence known` without a device: its command line, and that each
# finding has its page and its line in the index. It must never run a finding.
set -eu
known=$1
pages=$2/docs/kernel-findings
bad=0

ends() { # CODE ARGS
	want=$1
	shift
	code=0
	"$known" "$@" >/dev/null 2>&1 || code=$?
	[ "$code" = "$want" ] || {
		echo "ringfence-known $*: ended with $code, not $want"
		bad=1
	}
}

ends 0 --help
ends 0 --version
ends 0 --list --filter 'k1*'
ends 64 --nonsense
ends 64 --filter
ends 64 --filter nothing-of-that-name --list
ends 64 --timeout 0
ends 64 --timeout 5x
ends 64 --format json
ends 64 argument

[ "$("$known" --list --filter k1 | wc -l)" = 1 ] || {
	echo "--filter k1 does not select one finding"
	bad=1
}
for name in $("$known" --list | cut -d ' ' -f 1); do
	page=K${name#k}.md
	[ -f "$pages/$page" ] || {
		echo "$name has no page $pages/$page"
		bad=1
	}
	grep -qF "($page)" "$pages/README.md" || {
		echo "$pages/README.md does not name $page"
		bad=1
	}
done
for page in "$pages"/K*.md; do
	name=k$(basename "$page" .md | cut -c 2-)
	"$known" --list --filter "$name" | grep -q . || {
		echo "$page has no reproducer"
		bad=1
	}
done
exit $bad
