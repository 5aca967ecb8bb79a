#!/bin/sh
# SPDX-License-Identifier: MIT
# style.sh format|tidy|words TREE BUILD: clang-format's and clang-tidy's opinion of each source (.clang-format, .clang-tidy),
# and words that must not stand in the tree. 77: the tool is not there.
set -eu
check=$1
tree=$2
build=$3
shift 3
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
	# Many are compiled for several programs: one command is enough to judge each by. A file without one (a
	# header, another platform's) is not judged.
	mkdir -p "$build/tidy"
	awk '/^  "directory"/ { directory = $0 }
		/^  "command"/ { command = $0 }
		/^  "file"/ && !seen[$0]++ { printf "%s{\n%s\n%s\n%s\n}", n++ ? ",\n" : "[\n", directory, command, $0 }
		END { print "\n]" }' "$build/compile_commands.json" >"$build/tidy/compile_commands.json"
	sources | grep '\.c$' | while read -r file; do
		! grep -qF "\"file\": \"$PWD/$file\"" "$build/tidy/compile_commands.json" || echo "$file"
	done >"$build/tidy/files"
	[ "$(wc -l <"$build/tidy/files")" -gt 60 ] || {
		echo "only $(wc -l <"$build/tidy/files") sources have a compile command: is this the build of this tree?"
		exit 1
	}
	{ clang-tidy --version && find . -name .clang-tidy -exec cat {} + && cat "$0"; } >"$build/tidy/judge"
	passed=${XDG_CACHE_HOME:-$HOME/.cache}/ringfence/tidy
	mkdir -p "$passed"
	find "$passed" -type f -mtime +30 -delete
	xargs -P "$(nproc)" -n 4 sh "$0" tidy-files "$PWD" "$build/tidy" "$passed" <"$build/tidy/files"
	;;
tidy-files)
	# A second or more for each. One that has passed is not judged again until a file of those it is made of and
	# judged by has changed.
	passed=$1
	shift
	bad=0
	for file in "$@"; do
		compile=$(sed -n "s,^  \"command\": \"\(.*\) -o [^ ]* -c $tree/$file\"\,\$,\1,p" "$build/compile_commands.json" |
			sed 's,\\\(.\),\1,g')
		eval "$compile -M -MF \"\$build/\$\$.d\" \"\$tree/\$file\""
		key=$({
			echo "$compile" | sed "s,$tree,,g"
			cat "$build/judge"
			sed -e 's,^[^ ]*:,,' -e 's, *\\$,,' "$build/$$.d" | xargs cat
		} | sha256sum | cut -d ' ' -f 1)
		[ ! -e "$passed/$key" ] || continue
		if clang-tidy -p "$build" --quiet "$file" 2>/dev/null; then
			: >"$passed/$key"
		else
			bad=1
		fi
	done
	rm -f "$build/$$.d"
	exit $bad
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
