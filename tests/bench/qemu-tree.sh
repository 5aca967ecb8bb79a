#!/bin/sh
# SPDX-License-Identifier: MIT
# qemu-tree.sh DIR [shadow]: makes DIR a tree for the root of the lab, of this machine's QEMU, its libraries and the
# firmware of its microvm, and prints the command that --vs takes for it:
#     ringfence lab bench --take DIR --vs "$(qemu-tree.sh DIR)"
# With "shadow" that QEMU shadows all queues (x-svq), which QEMU 7.2 can do on a simulator only: --device '--parent
# vdpa_sim'. Its CVQ stops at the 64th command: --commands 50. It must never take more along than a guest under KVM needs.
set -eu
case $#${2:-} in
1 | 2shadow) ;;
*)
	echo "usage: qemu-tree.sh DIR [shadow]" >&2
	exit 64
	;;
esac
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
for file in bios-microvm.bin qboot.rom linuxboot_dma.bin linuxboot.bin pvh.bin kvmvapic.bin; do
	for directory in /usr/share/qemu /usr/share/seabios /usr/share/qboot; do
		[ ! -e "$directory/$file" ] || cp -L "$directory/$file" "$1/usr/share/qemu/"
	done
done
echo "/usr/bin/qemu-system-x86_64 -M microvm,acpi=off -accel kvm -cpu host -m 128 -nodefaults -no-user-config" \
	"-nographic -serial stdio -no-reboot -kernel @kernel -initrd @initrd -append @cmdline" \
	"-global virtio-mmio.force-legacy=false -netdev vhost-vdpa,id=net,vhostdev=@vdpa${2:+,x-svq=on}" \
	"-device virtio-net-device,netdev=net"
