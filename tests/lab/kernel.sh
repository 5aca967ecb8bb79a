#!/bin/sh
# SPDX-License-Identifier: MIT
# The lab kernel: Debian's newest kernel source at or above 7.3, our patches, allnoconfig and kernel.config;
# or with --source DIR the user's own tree; with --kasan before either also kasan.config; with --cached before all
# only what is there already. With --mutant PATCH the lab kernel broken by PATCH, which may be "none". Each is built once for each mix of source, configuration, patches
# and compiler; prints the directory that holds bzImage, config and facts. It must never write into a user's tree.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$lab/apt.sh"
oldest=7.3
kind=lab
configs=$lab/kernel.config
steps=1900 minutes=5 # lines that a build of this configuration prints, and how long it takes, roughly

compile_steps() { # LOG
	echo "step $(grep -c '^  [A-Z]' "$1") of about $steps"
}

# Where to unpack and build: in the cache, unless its path has blanks or colons, which are more than the
# kernel's makefiles take.
make_scratch() {
	case $cache in
	*[[:space:]:]*) scratch=${TMPDIR:-/tmp}/ringfence-kernel-$(id -u) ;;
	*) scratch=$temp/scratch ;;
	esac
	rm -rf "$scratch"
	mkdir -m 700 "$scratch"
}

# CTRL_VQ is refused by one check; a tree without it needs no patch.
needs_patches() { # TREE
	sed -n '/^static bool features_is_valid/,/^}/p' "$1/drivers/vdpa/vdpa_user/vduse_dev.c" |
		grep -q VIRTIO_NET_F_CTRL_VQ
}

apply_patches() { # TREE
	for patch in "$lab"/patches/*.patch; do
		patch -d "$1" -p1 -s -f -i "$patch" >"$log_dir/patch.log" 2>&1 || {
			show_log "$log_dir/patch.log"
			fail 70 "${patch##*/} does not apply to this kernel"
		}
	done
}

patch_names() {
	(cd "$lab/patches" && echo *.patch)
}

# Every line of the configuration has to be in the outcome: one that vanished has a dependency that is not met.
check_config() { # OBJECTS
	lost=$(while IFS= read -r line; do
		case $line in
		CONFIG_*) grep -qxF "$line" "$1/.config" || echo "$line" ;;
		'# CONFIG_'*' is not set')
			name=${line#'# '}
			! grep -q "^${name%% *}=" "$1/.config" || echo "$line"
			;;
		esac
	done <"$1/wanted.new")
	[ -z "$lost" ] || fail 70 "this kernel does not take these lines of its configuration:
$lost"
}

# Nothing of when, where and by whom goes into an image.
export KBUILD_BUILD_TIMESTAMP='@0' KBUILD_BUILD_USER=ringfence KBUILD_BUILD_HOST=lab KBUILD_BUILD_VERSION=1

configure() { # TREE OBJECTS
	mkdir -p "$2"
	# shellcheck disable=SC2086
	cat $configs >"$2/wanted.new"
	with_progress "configuring the $kind kernel" '10 s' : "$log_dir/config.log" \
		make -C "$1" O="$2" KCONFIG_ALLCONFIG="$2/wanted.new" allnoconfig || {
		show_log "$log_dir/config.log"
		fail 70 "the $kind kernel cannot be configured"
	}
	check_config "$2"
	mv "$2/wanted.new" "$2/wanted.config"
}

compile() { # TREE OBJECTS WHAT USUALLY
	with_progress "building $3" "$4" compile_steps "$log_dir/build.log" make -C "$1" O="$2" -j"$(nproc)" bzImage || {
		show_log "$log_dir/build.log"
		fail 70 "$3 does not build; the whole log is $log_dir/build.log"
	}
}

build() { # TREE OBJECTS: bzImage, from a configuration that is the same every time
	configure "$1" "$2"
	compile "$1" "$2" "the $kind kernel" "$minutes min on two cores, once"
}

write_facts() { # OBJECTS DIR ORIGIN PATCHES
	cp "$1/arch/x86/boot/bzImage" "$1/.config" "$2"
	mv "$2/.config" "$2/config"
	{
		echo "kind=$kind"
		echo "origin=$3"
		echo "release=$(cat "$1/include/config/kernel.release")"
		echo "patches=$4"
		echo "compiler=$compiler"
		echo "sha256=$(sha256sum <"$2/bzImage" | cut -d' ' -f1)"
	} >"$2/facts"
}

key() { # CONFIG...: of all that an image of Debian's source is made from
	{ cat "$@" "$lab"/patches/*.patch && echo "$compiler"; } | sha256sum | cut -c1-12
}

# $package, $version and $deb: what the lab kernel in the cache was made from while that is there, else Debian's
# newest, so that kernels which are compared are of one source.
find_source() {
	made=$(newest "$cache"/kernel/*-"$(key "$lab/kernel.config")")
	if [ -n "$made" ]; then
		origin=$(sed -n 's/^origin=//p' "$made/facts")
		package=${origin% *} version=${origin#* }
		deb=$cache/packages/${package}_${version}_all.deb
		[ ! -f "$deb" ] || return 0
	fi
	apt_refresh
	package=$(apt_newest 'linux-source-[0-9]+\.[0-9]+')
	printf '%s\n' "$oldest" "${package#linux-source-}" | sort -VC ||
		fail 4 "Debian's $suite has no kernel source at or above $oldest; give --kernel-source DIR"
	version=$(apt_field "$package" Version)
	apt_fetch "$package" "$cache/packages"
}

unpack() { # DIR
	with_progress "unpacking $package" '1 min' : "$log_dir/unpack.log" \
		sh -c 'dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | tar -xJ -C "$3"' \
		sh "$deb" "$package" "$1" || {
		rm -f "$deb"
		fail 70 "could not unpack $package: is the disk full? 3 GB are needed"
	}
	apply_patches "$1/$package"
}

from_debian() {
	# shellcheck disable=SC2086
	key=$(key $configs)
	answer=$(newest "$cache"/kernel/*-"$key")
	[ -z "$answer" ] || return 0
	[ -z "$cached" ] || fail 4 "no such kernel in the cache"
	[ -n "${RINGFENCE_OFFLINE:-}" ] || "$lab/packages.sh" kernel
	lock kernel
	answer=$(newest "$cache"/kernel/*-"$key")
	[ -z "$answer" ] || return 0
	find_source
	make_temp "$cache/kernel"
	make_scratch
	unpack "$scratch"
	build "$scratch/$package" "$scratch/objects"
	write_facts "$scratch/objects" "$temp" "$package $version" "$(patch_names)"
	# 80,000 files, which can take minutes: nobody has to wait for that. What is left of them the next one clears.
	case $scratch in
	"$temp"/*)
		junk=$(mktemp -d "$cache/kernel/tmp.XXXXXX")
		mv "$scratch" "$junk"
		;;
	*) junk=$scratch ;;
	esac
	answer=$cache/kernel/$version-$key
	publish "$answer"
	rm -rf "$junk" >/dev/null 2>&1 9>&- &
}

# The user's tree seen through a tree of symbolic links, in which patched files are files of their own. The
# objects stay, so that the next build makes only what changed.
from_tree() { # DIR
	[ -f "$1/drivers/vdpa/vdpa_user/vduse_dev.c" ] || fail 64 "--kernel-source $1: no Linux source with VDUSE there"
	source=$(CDPATH='' cd -- "$1" && pwd)
	[ ! -f "$source/.config" ] || fail 4 "$source was built in place, which keeps others from building it:" \
		"run make mrproper there, or give a clean checkout (git worktree add)"
	"$lab/packages.sh" kernel
	lock source
	own=$cache/source/$(printf %s "$source" | sha256sum | cut -c1-12)
	[ "$kind" = lab ] || own=$own-$kind
	mkdir -p "$own" "$own.kernel"
	rm -rf "$own/tree"
	mkdir "$own/tree"
	for entry in "$source"/* "$source"/.[!.]*; do
		[ "${entry##*/}" = .git ] || [ ! -e "$entry" ] || cp -as "$entry" "$own/tree/"
	done
	patches=none
	if needs_patches "$source"; then
		patches=$(patch_names)
		sed -n 's,^+++ b/,,p' "$lab"/patches/*.patch | while IFS= read -r file; do
			rm "$own/tree/$file"
			cp -p "$source/$file" "$own/tree/$file"
		done
		apply_patches "$own/tree"
		sed -n 's,^+++ b/,,p' "$lab"/patches/*.patch | while IFS= read -r file; do
			touch -r "$source/$file" "$own/tree/$file"
		done
	else
		say "this source lets VDUSE offer CTRL_VQ already: no patch applied"
	fi
	build "$own/tree" "$own/objects"
	make_temp "$cache/source"
	write_facts "$own/objects" "$temp" "$source" "$patches"
	answer=$own.kernel
	publish "$answer"
}

# Mutants are built one after another in one tree, so that each costs what it changes; a changed configuration, too.

# A file that a mutant touches is first put aside as it was. What the tree has to hold is made from those, so that it
# does not matter what an interrupted run has left in it.
mutate() { # PATCH, or none
	for file in $(sed -n 's,^+++ b/\([^[:space:]]*\).*,\1,p' "$1" 2>/dev/null); do
		[ ! -f "$own/pristine/$file" ] || continue
		[ -f "$tree/$file" ] || fail 70 "${1##*/}: there is no $file in $package"
		mkdir -p "$own/pristine/${file%/*}"
		cp "$tree/$file" "$own/pristine.new"
		mv "$own/pristine.new" "$own/pristine/$file"
	done
	rm -rf "$own/wanted"
	mkdir -p "$own/pristine"
	cp -R "$own/pristine" "$own/wanted"
	[ "$1" = none ] || patch -d "$own/wanted" -p1 -s -f -F0 -i "$1" >"$log_dir/patch.log" 2>&1 || {
		show_log "$log_dir/patch.log"
		fail 70 "${1##*/} does not apply to $package $version"
	}
	(cd "$own/pristine" && find . -type f) | while IFS= read -r file; do
		cmp -s "$own/wanted/$file" "$tree/$file" || cp "$own/wanted/$file" "$tree/$file"
	done
}

# With nothing to tell what a killed build wrote in half from what it finished, all that it wrote goes.
clear_half_built() {
	[ ! -e "$own/building" ] || find "$own/objects" -type f -newer "$own/building" -delete
}

compile_mutant() { # NAME USUALLY
	touch "$own/building"
	compile "$tree" "$own/objects" "$1" "$2"
	rm "$own/building"
}

mutants_begin() {
	say "building the kernel that mutants are made of: it needs 2.5 GB below $cache/mutants"
	rm -rf "$own"
	mkdir -p "$own/source"
	unpack "$own/source"
	echo "$package $version" >"$own/ready"
}

mutant_name() { # PATCH, or none: its own, and the mark of what it is made of
	echo "$(basename "$1" .patch)-$(cat "$configs" "$1" 2>/dev/null | sha256sum | cut -c1-12)"
}

from_mutant() { # PATCH, or none
	case $cache in
	*[[:space:]:]*) fail 4 "the kernel's makefiles take no blanks or colons: set XDG_CACHE_HOME to a path without" ;;
	esac
	[ "$1" = none ] || [ -f "$1" ] || fail 64 "--mutant $1: no such patch"
	[ -n "${RINGFENCE_OFFLINE:-}" ] || "$lab/packages.sh" kernel
	lock mutants
	key=$(key)
	ready=$(newest "$cache"/mutants/*-"$key"/ready)
	if [ -n "$ready" ]; then
		read -r package version <"$ready"
	else
		find_source
	fi
	own=$cache/mutants/$version-$key tree=$cache/mutants/$version-$key/source/$package
	name=$(mutant_name "$1")
	answer=$own/kernel/$name
	[ ! -d "$answer" ] || return 0
	[ -n "$ready" ] || mutants_begin
	clear_half_built
	mutate "$1"
	if cmp -s "$configs" "$own/objects/wanted.config"; then
		steps=30
		compile_mutant "${name%-*}" '20 s'
	else
		configure "$tree" "$own/objects"
		compile_mutant "the lab kernel for mutants" "$minutes min on two cores, once"
	fi
	! cmp -s "$own/objects/arch/x86/boot/bzImage" "$own/kernel/$(mutant_name none)/bzImage" ||
		fail 70 "${1##*/} changes nothing in the lab kernel"
	kind=mutant
	make_temp "$own/kernel"
	write_facts "$own/objects" "$temp" "$package $version" "$(patch_names) $name"
	publish "$answer"
}

log_dir=$cache/log
mkdir -p "$log_dir"
compiler=$(gcc --version 2>/dev/null | head -n 1)
cached=
if [ "${1:-}" = --cached ]; then
	cached=1
	shift
fi
if [ "${1:-}" = --kasan ]; then
	kind=kasan steps=1970 minutes=10
	configs="$configs $lab/kasan.config"
	shift
fi
case ${1:-} in
'') from_debian ;;
--source) from_tree "${2:?--source needs a directory}" ;;
--mutant)
	case ${2:?--mutant needs a patch, or none} in
	none | /*) from_mutant "$2" ;;
	*) from_mutant "$PWD/$2" ;;
	esac
	;;
*) fail 64 "kernel.sh: unknown argument $1" ;;
esac
printf '%s\n' "$answer"
