#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's own newest packaged cloud kernel at or above 7.0, as it is: its image, and the modules the proof
# needs with all they depend on, in loading order. Prints the directory that holds bzImage, modules and facts.
# It must never patch or compile a kernel.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$lab/apt.sh"
wanted='kvm-amd kvm-intel vduse vhost_vdpa'

# Of the image packages of the newest version take the signed one if there is one: it is the same image.
find_packages() {
	modules=$(apt_newest 'linux-modules-([7-9]|[1-9][0-9]+)\.[0-9.]+[^ ]*-cloud-amd64')
	[ -n "$modules" ] || fail 4 "Debian's $suite has no cloud kernel at or above 7.0"
	release=${modules#linux-modules-}
	image=''
	for kind in linux-binary linux-binary-unsigned linux-image linux-image-unsigned; do
		[ -z "$(apt_field "$kind-$release" Version 2>/dev/null)" ] || image=${image:-$kind-$release}
	done
	[ -n "$image" ] || fail 4 "Debian's $suite has modules for $release but no image"
}

depends_of() { # MODULE FILE
	tr '\0' '\n' <"$1" | sed -n 's/^depends=//p' | tr ',' ' '
}

# Depth first, so that each module comes after what it needs; built-in ones have no file and need none.
add_module() ( # NAME
	packed=$(find "$tree" -name "$(echo "$1" | sed 's/[-_]/[-_]/g').ko*" | head -n 1)
	! grep -qxF "$1.ko" "$temp/modules/order" || exit 0
	[ -n "$packed" ] || fail 4 "$release has no module $1, which the proof needs"
	case $packed in
	*.xz) xz -dc "$packed" ;;
	*.zst) zstd -qdc "$packed" ;;
	*) cat "$packed" ;;
	esac >"$temp/modules/$1.ko"
	for needed in $(depends_of "$temp/modules/$1.ko"); do
		add_module "$needed"
	done
	echo "$1.ko" >>"$temp/modules/order"
)

unpack() {
	make_temp "$cache/stock"
	for package in "$image" "$modules"; do
		apt_fetch "$package" "$temp/packages"
		dpkg-deb -x "$deb" "$temp/tree" || fail 70 "could not unpack $deb"
	done
	tree=$temp/tree
	vmlinuz=$(find "$tree" -name 'vmlinuz*' -type f | head -n 1)
	[ -n "$vmlinuz" ] || fail 70 "$image holds no vmlinuz"
	cp "$vmlinuz" "$temp/bzImage"
	mkdir "$temp/modules"
	: >"$temp/modules/order"
	for module in $wanted; do
		add_module "$module"
	done
	{
		echo "kind=stock"
		echo "origin=$image $(apt_field "$image" Version)"
		echo "release=$release"
		echo "patches=none"
		echo "sha256=$(sha256sum <"$temp/bzImage" | cut -d' ' -f1)"
	} >"$temp/facts"
	rm -rf "$temp/tree" "$temp/packages"
}

answer=$(newest "$cache"/stock/[0-9]*)
if [ -z "$answer" ]; then
	[ -n "${RINGFENCE_OFFLINE:-}" ] || "$lab/packages.sh" stock
	lock stock
	answer=$(newest "$cache"/stock/[0-9]*)
fi
if [ -z "$answer" ]; then
	apt_refresh
	find_packages
	unpack
	answer=$cache/stock/$release
	publish "$answer"
fi
printf '%s\n' "$answer"
