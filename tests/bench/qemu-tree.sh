#!/bin/sh
# SPDX-License-Identifier: MIT
# qemu-tree.sh DIR: this machine's QEMU, its libraries and the firmware of its microvm, as a tree for the root of the
# lab: ringfence lab bench --take DIR. It must never take more along than what a guest under KVM needs.
set -eu
[ $# = 1 ] || {
	echo "usage: qemu-tree.sh DIR" >&2
	exit 64
}
qemu=$(command -v qemu-system-x86_64) || {
	echo "qemu-tree.sh: no qemu-system-x86_64" >&2
	exit 4
}
mkdir -p "$1/usr/bin" "$1/usr/share/qemu"
cp -L "$qemu" "$1/usr/bin/qemu-system-x86_64"
ldd "$qemu" | grep -o '/[^ ]*' | while read -r library; do
	mkdir -p "$1$(dirname "$library")"
	cp -L "$library" "$1$library"
done
# The first two start the kernel, the others are what QEMU wants to see.
for file in bios-microvm.bin qboot.rom linuxboot_dma.bin linuxboot.bin pvh.bin kvmvapic.bin; do
	for directory in /usr/share/qemu /usr/share/seabios /usr/share/qboot; do
		[ ! -e "$directory/$file" ] || cp -L "$directory/$file" "$1/usr/share/qemu/"
	done
done
