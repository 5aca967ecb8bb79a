#!/bin/sh
# SPDX-License-Identifier: MIT
# Sees to it that the tools of the named groups are there: build, lab, kernel, check. On Debian what is
# missing is installed, with root's rights or sudo's; elsewhere it is named. It must never ask anything.
lab=$(dirname -- "$0")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lab/common.sh"

packages() { # GROUP
	case $1 in
	build) echo gcc libc6-dev cmake ninja-build libfdt-dev libnl-3-dev libnl-genl-3-dev libjansson-dev ;;
	lab) echo qemu-system-x86 ;;
	kernel) echo gcc libc6-dev make flex bison bc perl libelf-dev libssl-dev xz-utils patch ;;
	stock) echo xz-utils ;;
	check) echo ccache libcmocka-dev clang clang-format clang-tidy shellcheck iperf3 tcpdump ;;
	*) fail 64 "packages.sh: unknown group '$1'; known: build lab kernel stock check" ;;
	esac
}

tools() { # GROUP: what stands for the packages where there is no dpkg
	case $1 in
	build) echo gcc cmake ninja ;;
	lab) echo qemu-system-x86_64 ;;
	kernel) echo gcc make flex bison bc perl xz patch ;;
	stock) echo xz ;;
	check) echo clang ;;
	esac
}

missing_packages() {
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
		?i*) ;;
		*) echo "$package" ;;
		esac
	done
}

missing_tools() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || echo "$tool"
	done
}

# What apt and dpkg have said so far; "N newly installed" comes before all else.
installed_so_far() { # LOG
	awk '/ newly installed/ { all = $3 } /^Get:/ { got++ } /^Unpacking / { unpacked++ } /^Setting up / { set_up++ }
		END { printf "%d fetched, %d unpacked, %d set up of %d", got, unpacked, set_up, all }' "$1"
}

install() { # PACKAGE...
	if [ "$(id -u)" = 0 ]; then
		root=''
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		root='sudo -n'
	else
		fail 4 "missing packages; as root run: apt-get install --no-install-recommends $*"
	fi
	say "installing packages: $*"
	# shellcheck disable=SC2086
	with_progress 'reading package lists' '10 s' : "$cache/packages.log" $root apt-get update ||
		{ show_log "$log" && fail 4 "apt-get update failed"; }
	# shellcheck disable=SC2086
	with_progress 'installing packages' '1 min' installed_so_far "$cache/packages.log" \
		$root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ||
		{ show_log "$log" && fail 4 "could not install; as root run: apt-get install $*"; }
}

[ "$(uname -m)" = x86_64 ] || fail 4 "this machine is $(uname -m): Ringfence runs on x86-64 so far"
debian=false
! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null || debian=true
wanted=''
for group in "$@"; do
	if $debian; then
		wanted="$wanted $(packages "$group")"
	else
		wanted="$wanted $(tools "$group")"
	fi
done
if $debian; then
	# shellcheck disable=SC2086
	missing=$(missing_packages $wanted | sort -u | tr '\n' ' ')
	# shellcheck disable=SC2086
	[ -z "$missing" ] || { lock packages && install $missing; }
else
	# shellcheck disable=SC2086
	missing=$(missing_tools $wanted | sort -u | tr '\n' ' ')
	[ -z "$missing" ] || fail 4 "not a Debian system, so install these yourself: ${missing}(and the" \
		"development files of libfdt, libnl-genl-3 and jansson, static libraries included)." \
		"For the kernel under test give --kernel-source DIR (Linux 7.3 or newer) or --kernel BZIMAGE."
fi
