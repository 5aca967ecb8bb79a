#!/bin/sh
# SPDX-License-Identifier: MIT
# What the cache holds, and how to be rid of it: cache.sh status | clean. It must never remove anything
# but the cache's own directory.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"

status() {
	echo "cache    $cache ($(du -sh "$cache" | cut -f1))"
	for dir in "$cache"/kernel/[0-9]* "$cache"/source/*.kernel "$cache"/stock/[0-9]*; do
		[ -f "$dir/facts" ] || continue
		kind=$(sed -n 's/^kind=//p' "$dir/facts")
		printf '%-8s %s (%s; patches: %s)\n' "$kind" "$(sed -n 's/^release=//p' "$dir/facts")" \
			"$(sed -n 's/^origin=//p' "$dir/facts")" "$(sed -n 's/^patches=//p' "$dir/facts")"
		printf '         %s\n' "$dir/bzImage"
	done
	for dir in "$cache"/mutants/*; do
		[ -f "$dir/ready" ] || continue
		printf 'mutants  %s (%s kernels of %s)\n' "$(du -sh "$dir" | cut -f1)" \
			"$(find "$dir/kernel" -name facts | wc -l)" "$(cat "$dir/ready")"
	done
	uapi=$(newest "$cache"/uapi/debian-*)
	[ -z "$uapi" ] || echo "headers  $uapi"
}

case ${1:-} in
status) status ;;
clean)
	for name in kernel source stock mutants headers packages apt; do
		lock "$name"
	done
	size=$(du -sh "$cache" | cut -f1)
	rm -rf "$cache"
	say "removed $cache ($size)"
	;;
*) fail 64 "cache.sh: status or clean" ;;
esac
