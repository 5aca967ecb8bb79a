#!/bin/sh
# SPDX-License-Identifier: MIT
# Our own code, broken in one place at a time: each NAME.patch beside this script takes out one thing that isolation
# rests on, and the unit tests must fail. Checks that virtio/check.h names need no patch: `ringfence enum --controls`
# leaves out each of them. mutants.sh SOURCE UAPI [NAME...]; ends 0 if every mutant was caught. It must never change
# SOURCE, nor call a mutant caught that did not build.
set -u
source=$1 uapi=$2
shift 2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

fail() { # CODE TEXT...
	code=$1
	shift
	echo "mutants: $*" >&2
	exit "$code"
}

build() {
	cmake --build "$work/build" --target unit_tests >"$work/log" 2>&1
}

# Run the tests whose names begin like that, and set $failed to the names of those that failed. That ctest and this list
# agree is asked each time: a list that cannot be read must not look like tests that passed.
run_tests() { # REGEX
	ctest --test-dir "$work/build" -R "^unit\\.test_$1" -j"$(nproc)" --timeout 60 >"$work/log" 2>&1
	code=$?
	grep -q 'tests passed' "$work/log" || fail 70 "no test was run"
	failed=$(sed -n 's/^[[:space:]]*[0-9]* - unit\.\(test_[a-z0-9_]*\) .*/\1/p' "$work/log" | tr '\n' ' ')
	[ "$code" = 0 ] && [ -z "$failed" ] || { [ "$code" != 0 ] && [ -n "$failed" ]; } ||
		fail 70 "ctest ended with $code, and these failed: $failed"
}

# Those that are most likely to catch it first; the others take minutes. What fails once and not again was the
# machine's fault, not the mutant's.
test_mutant() { # PATCH
	for tests in "($(basename "$(sed -n 's/^+++ //p' "$1")" .c)|attach|device|vduse_dev)\$" ''; do
		run_tests "$tests"
		[ -n "$failed" ] || continue
		run_tests "($(printf %s "$failed" | sed 's/ *$//; s/test_//g; s/ /|/g'))\$"
		[ -z "$failed" ] || return 0
	done
	return 1
}

mkdir "$work/tree"
(cd "$source" && tar -cf - CMakeLists.txt virtio vdpa guest vmm tests) | tar -xf - -C "$work/tree"
# What a mutant leaves unused is no error.
unused='-Wno-unused-function -Wno-unused-parameter -Wno-unused-variable -Wno-unused-but-set-variable'
cmake -G Ninja -S "$work/tree" -B "$work/build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS="$unused" \
	-DRINGFENCE_UAPI="$uapi" >"$work/log" 2>&1 ||
	{ cat "$work/log" && fail 70 "the tree cannot be configured"; }
build || { tail -n 30 "$work/log" && fail 70 "the tree does not build"; }
run_tests ''
[ -z "$failed" ] || fail 70 "the tests fail on the tree as it is: $failed"

total=0 caught=0
for patch in "$here"/*.patch; do
	name=$(basename "$patch" .patch)
	case " $* " in
	'  ' | *" $name "*) ;;
	*) continue ;;
	esac
	patch -d "$work/tree" -p1 -s -f -F0 -i "$patch" >"$work/log" 2>&1 || fail 70 "$name does not apply"
	total=$((total + 1))
	failed=
	if ! build; then
		tail -n 20 "$work/log" >&2
		printf 'NO BUILD  %s\n' "$name"
	elif test_mutant "$patch"; then
		caught=$((caught + 1))
		printf 'caught    %-28s %s\n' "$name" "$failed"
	else
		printf 'SURVIVED  %-28s %s\n' "$name" "$(sed -n 's/^Mutant: //p' "$patch")"
	fi
	patch -d "$work/tree" -p1 -s -f -R -i "$patch" >"$work/log" 2>&1 || fail 70 "$name cannot be taken back"
done
echo "$total mutants, $caught caught, $((total - caught)) not"
[ "$total" -gt 0 ] && [ "$caught" = "$total" ]
