#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BIN_DIR TREE: that `ringfence lab bench` runs and its table is whole; with tiny counts, so that no figure of it
# means anything. Ends 77 with the reason if this machine cannot run it. It must never judge a time.
set -eu
bin=$1 tree=$2
export RINGFENCE_OFFLINE=1
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-${HOME:-}/.cache}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v qemu-system-x86_64 >/dev/null || {
	echo "SKIP: no qemu-system-x86_64"
	exit 77
}
"$tree/tests/lab/kernel.sh" >/dev/null 2>"$work/why" || {
	echo "SKIP: no lab kernel in the cache: ./prove makes it ($(tail -n 1 "$work/why"))"
	exit 77
}
# The other VMM is our own, told in another way: every ratio is there, and the words are filled in.
"$bin/ringfence" lab bench --runs 1 --commands 20 --packets 64 --json --timeout 240 --out "$work/out" \
	--vs 'ringfence run --vdpa path=@vdpa -k @kernel --initrd @initrd --cmdline @cmdline -c 1' >"$work/table"
cat "$work/table"
for row in boot memory cvq-p50 cvq-p99 cvq-rate cvq-rate-full cvq-exits packets-rate packets-exits boot-ram-32M \
	memory-ram-512M time-commands-x4 memory-commands-x4 linux-init linux-init-exits linux-memory linux-cvq-p50 \
	linux-cvq-p99 linux-packets-rate linux-packets-exits linux-init-pairs-8 linux-memory-pairs-1 vs-init-theirs \
	vs-init vs-init-exits-theirs vs-cvq-p50-theirs vs-cvq-p50 vs-memory-theirs; do
	grep -qE "^\{\"name\":\"$row\",.*\"median\":-?[0-9.]+.*\"samples\":\[[^]]" "$work/table" || {
		echo "FAIL: the table lacks $row"
		exit 1
	}
done
if grep '"median":null' "$work/table"; then
	echo "FAIL: not measured"
	exit 1
fi
"$bin/ringfence" bench --runs 0 2>"$work/why" && exit 1
[ $? = 64 ] || exit 1
