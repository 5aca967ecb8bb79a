#!/bin/sh
# SPDX-License-Identifier: MIT
# The judges share nothing with what they judge: model*.[ch] include libc's headers and one another's only.
# Usage: independent.sh DIRECTORY
set -eu
seen=0
for file in "$1"/model*.[ch]; do
	seen=$((seen + 1))
	if sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*//p' "$file" |
		grep -vxE '"model\.h"|<std(bool|def|int)\.h>|<string\.h>'; then
		echo "$file: includes what a judge must not know" >&2
		exit 1
	fi
done
[ "$seen" -ge 7 ] || {
	echo "$1: only $seen files of the model found" >&2
	exit 1
}
