#!/bin/sh
# SPDX-License-Identifier: MIT
# style.sh format|tidy|words TREE BUILD: clang-format's and clang-tidy's opinion of each source (.clang-format, .clang-tidy),
# and words that must not stand in the tree. 77: the tool is not there.
set -eu
check=$1
tree=$2
build=$3
cd "$tree"

need() {
	command -v "$1" >/dev/null || {
		echo "SKIP: $1 is not installed"
		exit 77
	}
}

sources() {
	find guest tests vdpa virtio vmm \( -name '*.c' -o -name '*.h' \) | sort
}

case $check in
format)
	need clang-format
	sources | xargs clang-format --dry-run -Werror
	;;
tidy)
	need clang-tidy
	# One process per file and core; a file without a compile command (a header, another platform's) is not judged.
	sources | grep '\.c$' | while read -r file; do
		! grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json" || echo "$file"
	done >"$build/tidy.files"
	[ "$(wc -l <"$build/tidy.files")" -gt 60 ] || {
		echo "only $(wc -l <"$build/tidy.files") sources have a compile command: is this the build of this tree?"
		exit 1
	}
	xargs -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet <"$build/tidy.files" 2>/dev/null
	;;
words)
	# Unfinished work, and hosts: the mirror is the machine's own business.
	bad=$(
		grep -rnE 'TO''DO:|FIX''ME|\bX''XX\b|not imple''mented|for n''ow\b' guest tests vdpa virtio vmm README.md \
			HACKING.md --include='*.[chS]' --include='*.sh' --include='*.md' --include='*.cmake' || :
		grep -rnE 'https?://[a-z0-9.-]*(debian|kernel)[a-z0-9.-]*/' . --include='*.[chS]' --include='*.sh' \
			--include='*.md' --include='*.txt' --exclude-dir=.git --exclude-dir=build --exclude-dir=out || :
	)
	[ -z "$bad" ] || {
		echo "$bad"
		exit 1
	}
	;;
*)
	exit 64
	;;
esac
