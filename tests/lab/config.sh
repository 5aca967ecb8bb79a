#!/bin/sh
# SPDX-License-Identifier: MIT
# The configuration that a kernel image was built with: config.sh BZIMAGE [RELEASE] prints its lines that switch
# something on. It is the image's own where that holds one (CONFIG_IKCONFIG), else the one that lies beside it under
# a usual name. Ends 1 if there is neither. It must never take another kernel's for it without a reason in the name.
# config.sh --vmlinux BZIMAGE prints the kernel proper, an ELF, as the image holds it packed.
set -eu
export LC_ALL=C
vmlinux=''
[ "$1" != --vmlinux ] || { vmlinux=1 && shift; }
image=$1 release=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

field() { # OFFSET WIDTH: of the set-up header (Documentation/arch/x86/boot.rst)
	od -An -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '
}

# A decompressor's complaint about the length that follows a payload, or its end, means nothing.
unpack() { # FILE
	# shellcheck disable=SC2094
	case $(od -An -t x1 -N 4 "$1" | tr -d ' ') in
	1f8b*) gzip -dc ;;
	fd377a58) xz -dc ;;
	28b52ffd) zstd -dc ;;
	02214c18) lz4 -dc ;;
	425a68*) bzip2 -dc ;;
	5d0000*) xz --format=lzma -dc ;;
	*) cat ;;
	esac <"$1" 2>/dev/null || :
}

# The kernel proper is what the header calls the payload.
payload() {
	sectors=$(field 497 1)
	[ "$sectors" != 0 ] || sectors=4
	tail -c "+$(((sectors + 1) * 512 + $(field 584 4) + 1))" "$image" 2>/dev/null | head -c "$(field 588 4)"
}

# kernel/configs.c puts it between two marks, compressed.
own() {
	payload >"$work/payload"
	unpack "$work/payload" >"$work/vmlinux"
	at=$(grep -abom 1 'IKCFG_ST' "$work/vmlinux" | cut -d: -f1)
	[ -n "$at" ] || return 1
	tail -c "+$((at + 9))" "$work/vmlinux" | gzip -dc 2>/dev/null >"$work/config" || :
	grep -q '^CONFIG_' "$work/config"
}

# Beside it, as this tree's cache, a distribution and the kernel's own build leave it.
beside() {
	for place in config .config "config-${release:-?}" ../../../.config; do
		file=$(dirname -- "$image")/$place
		if [ -f "$file" ]; then
			cp "$file" "$work/config"
			return 0
		fi
	done
	return 1
}

if [ -n "$vmlinux" ]; then
	payload >"$work/payload"
	unpack "$work/payload"
	exit 0
fi
own || beside || exit 1
grep -E '^CONFIG_[A-Z0-9_]+=[ym]' "$work/config"
