#!/bin/sh
# SPDX-License-Identifier: MIT
# The table in docs/parents.md is what the lab's kernel answers: test.sh BIN_DIR TREE. Ends with 77 where the lab cannot
# run. It must never fetch or build anything.
set -u
bin=$1 tree=$2
export RINGFENCE_OFFLINE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

command -v qemu-system-x86_64 >/dev/null || { echo "SKIP: no qemu-system-x86_64"; exit 77; }
"$tree/tests/lab/kernel.sh" >/dev/null 2>stderr || { echo "SKIP: no lab kernel in the cache: ./prove makes it"; exit 77; }
"$bin/ringfence-lab" exec "$bin/ringfence-differences" --all >seen 2>stderr </dev/null || { cat seen stderr; exit 1; }
sed -n '/^```$/,/^```$/p' "$tree/docs/parents.md" | sed '1d;$d' >told
diff -u told seen
