#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BIN_DIR TREE: every way to use a ring, in the lab. Ends 0 if all held, 77 with the reason if this machine
# cannot run it. It must never fetch or build a kernel.
set -eu
bin=$1 tree=$2
export RINGFENCE_OFFLINE=1
command -v qemu-system-x86_64 >/dev/null || {
	echo "SKIP: no qemu-system-x86_64"
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$tree/tests/lab/kernel.sh" >/dev/null 2>"$work/why" || {
	echo "SKIP: no lab kernel in the cache: ./prove makes it ($(tail -n 1 "$work/why"))"
	exit 77
}
"$bin/ringfence" lab exec --timeout 170 --out "$work/out" "$bin/ringfence-rings" </dev/null
