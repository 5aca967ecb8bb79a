#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernel's userspace headers with VDUSE API 1. Prints nothing where the system's own will do, else the
# root of an unpacked linux-libc-dev of Debian's newer suite, or of headers installed from --source DIR.
# It must never install anything into the system.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$lab/apt.sh"

system_has_them() {
	printf '#include <linux/vduse.h>\nint v = VDUSE_API_VERSION_1 + VDUSE_F_SUSPEND;\n' |
		gcc -fsyntax-only -xc - 2>/dev/null
}

from_source() { # DIR
	"$lab/packages.sh" kernel
	lock headers
	make_temp "$cache/uapi"
	with_progress 'installing the headers of the kernel source' '20 s' : "$cache/uapi/log" \
		make -C "$1" O="$temp/objects" INSTALL_HDR_PATH="$temp/usr" headers_install || {
		show_log "$cache/uapi/log"
		fail 70 "headers_install fails in $1"
	}
	rm -rf "$temp/objects"
	answer=$cache/uapi/source-$(printf %s "$1" | sha256sum | cut -c1-12)
	publish "$answer"
}

from_debian() {
	lock headers
	answer=$(newest "$cache"/uapi/debian-*)
	[ -z "$answer" ] || return 0
	apt_refresh
	version=$(apt_field linux-libc-dev Version)
	make_temp "$cache/uapi"
	apt_fetch linux-libc-dev "$temp/packages"
	dpkg-deb -x "$deb" "$temp" || fail 70 "could not unpack $deb"
	rm -rf "$temp/packages"
	answer=$cache/uapi/debian-$version
	publish "$answer"
}

answer=$(newest "$cache"/uapi/debian-*)
if [ -n "${RINGFENCE_UAPI:-}" ]; then
	answer=$RINGFENCE_UAPI
elif system_has_them; then
	answer=''
elif [ -n "$answer" ]; then
	:
elif [ "${1:-}" = --source ] && ! command -v apt-get >/dev/null; then
	from_source "$(CDPATH='' cd -- "$2" && pwd)"
else
	from_debian
fi
printf '%s\n' "$answer"
