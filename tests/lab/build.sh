#!/bin/sh
# SPDX-License-Identifier: MIT
# Configures and builds one CMake preset of this tree and prints its build directory:
# build.sh PRESET TARGET [UAPI]. It must never configure again what is configured, and never write into a
# tree that is read-only.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"
tree=${lab%/tests/lab}
preset=$1 target=$2
export RINGFENCE_UAPI="${3:-}"
# What has been compiled before, in whatever clone, is not compiled again.
launcher=''
! command -v ccache >/dev/null || launcher=ccache
export CCACHE_DIR="$cache/ccache" CCACHE_BASEDIR="$tree" CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=2G

# "[12/80] Building ..." is how Ninja counts.
ninja_steps() { # LOG
	sed -n 's,^\[\([0-9]*\)/\([0-9]*\)\].*,step \1 of \2,p' "$1" | tail -n 1
}

# Configured for these headers and that launcher, and, where everything is wanted, with the libraries that tests need found.
configured() {
	[ -f "$dir/build.ninja" ] && grep -qxF "RINGFENCE_UAPI:PATH=$RINGFENCE_UAPI" "$dir/CMakeCache.txt" || return 1
	grep -qx "CMAKE_C_COMPILER_LAUNCHER:[A-Z]*=$launcher" "$dir/CMakeCache.txt" || return 1
	[ "$target" != all ] || ! grep -q -e '-NOTFOUND$' "$dir/CMakeCache.txt"
}

if [ -w "$tree" ]; then
	dir=$tree/build/$preset
else
	dir=$cache/build/$(printf %s "$tree" | sha256sum | cut -c1-12)/$preset
fi
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
if ! configured; then
	cd "$tree" || exit 70
	with_progress "configuring ($preset)" '5 s' : "$dir/configure.log" \
		cmake --preset "$preset" -B "$dir" -D "CMAKE_C_COMPILER_LAUNCHER=$launcher" || {
		rm -f "$dir/build.ninja"
		show_log "$dir/configure.log"
		fail 70 "CMake cannot configure $tree"
	}
fi
with_progress "building ($preset)" '1 min' ninja_steps "$dir/build.log" cmake --build "$dir" --target "$target" || {
	show_log "$dir/build.log"
	fail 70 "this tree does not build; by hand: cmake --build $dir"
}
printf '%s\n' "$dir"
