#!/bin/sh
# SPDX-License-Identifier: MIT
# The lab kernel: Debian's newest kernel source at or above 7.3, our patches, allnoconfig and kernel.config;
# or with --source DIR the user's own tree. Built once for each mix of source, configuration, patches and
# compiler; prints the directory that holds bzImage and facts. It must never write into a user's tree.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$lab/apt.sh"
oldest=7.3
steps=1900 # lines that a build of this configuration prints, roughly

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

# Every line of kernel.config has to be in the outcome: one that vanished has a dependency that is not met.
check_config() { # OBJECTS
	lost=$(while IFS= read -r line; do
		case $line in
		CONFIG_*) grep -qxF "$line" "$1/.config" || echo "$line" ;;
		'# CONFIG_'*' is not set')
			name=${line#'# '}
			! grep -q "^${name%% *}=" "$1/.config" || echo "$line"
			;;
		esac
	done <"$lab/kernel.config")
	[ -z "$lost" ] || fail 70 "this kernel does not take these lines of kernel.config:
$lost"
}

build() { # TREE OBJECTS: bzImage, from a configuration that is the same every time
	export KBUILD_BUILD_TIMESTAMP='@0' KBUILD_BUILD_USER=ringfence KBUILD_BUILD_HOST=lab KBUILD_BUILD_VERSION=1
	mkdir -p "$2"
	with_progress 'configuring the lab kernel' '10 s' : "$log_dir/config.log" \
		make -C "$1" O="$2" KCONFIG_ALLCONFIG="$lab/kernel.config" allnoconfig || {
		show_log "$log_dir/config.log"
		fail 70 "the lab kernel cannot be configured"
	}
	check_config "$2"
	with_progress 'building the lab kernel' '5 min on two cores, once' compile_steps "$log_dir/build.log" \
		make -C "$1" O="$2" -j"$(nproc)" bzImage || {
		show_log "$log_dir/build.log"
		fail 70 "the lab kernel does not build; the whole log is $log_dir/build.log"
	}
}

write_facts() { # OBJECTS DIR ORIGIN PATCHES
	cp "$1/arch/x86/boot/bzImage" "$1/.config" "$2"
	mv "$2/.config" "$2/config"
	{
		echo "kind=lab"
		echo "origin=$3"
		echo "release=$(cat "$1/include/config/kernel.release")"
		echo "patches=$4"
		echo "compiler=$compiler"
		echo "sha256=$(sha256sum <"$2/bzImage" | cut -d' ' -f1)"
	} >"$2/facts"
}

from_debian() {
	key=$({ cat "$lab/kernel.config" "$lab"/patches/*.patch && echo "$compiler"; } | sha256sum | cut -c1-12)
	answer=$(newest "$cache"/kernel/*-"$key")
	[ -z "$answer" ] || return 0
	[ -n "${RINGFENCE_OFFLINE:-}" ] || "$lab/packages.sh" kernel
	lock kernel
	answer=$(newest "$cache"/kernel/*-"$key")
	[ -z "$answer" ] || return 0
	apt_refresh
	package=$(apt_newest 'linux-source-[0-9]+\.[0-9]+')
	printf '%s\n' "$oldest" "${package#linux-source-}" | sort -VC ||
		fail 4 "Debian's $suite has no kernel source at or above $oldest; give --kernel-source DIR"
	version=$(apt_field "$package" Version)
	apt_fetch "$package" "$cache/packages"
	make_temp "$cache/kernel"
	make_scratch
	with_progress "unpacking $package" '1 min' : "$log_dir/unpack.log" \
		sh -c 'dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | tar -xJ -C "$3"' \
		sh "$deb" "$package" "$scratch" || {
		rm -f "$deb"
		fail 70 "could not unpack $package: is the disk full? 3 GB are needed"
	}
	apply_patches "$scratch/$package"
	build "$scratch/$package" "$scratch/objects"
	write_facts "$scratch/objects" "$temp" "$package $version" "$(patch_names)"
	rm -rf "$scratch"
	answer=$cache/kernel/$version-$key
	publish "$answer"
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

log_dir=$cache/log
mkdir -p "$log_dir"
compiler=$(gcc --version 2>/dev/null | head -n 1)
case ${1:-} in
'') from_debian ;;
--source) from_tree "${2:?--source needs a directory}" ;;
*) fail 64 "kernel.sh: unknown argument $1" ;;
esac
printf '%s\n' "$answer"
