#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes go one way: tests, vmm -> vdpa -> virtio -> libc and UAPI; guest/abi.h is for all. And each kernel
# interface is spoken in one place. Usage: include_rule.sh TREE
set -eu
tree=$1
bad=0

complain() {
	echo "$1: $2" >&2
	bad=1
}

# The room a quoted include leads to, from the room of the file that includes it.
room_of() {
	case $1 in
	../../guest/abi.h | ../guest/abi.h) echo abi ;;
	../../virtio/* | ../virtio/*) echo virtio ;;
	../../vdpa/vduse/* | ../vdpa/vduse/* | vduse/*) echo vduse ;;
	../../vdpa/sim/* | ../vdpa/sim/* | sim/*) echo sim ;;
	../../vdpa/* | ../vdpa/*) echo vdpa ;;
	../../vmm/* | ../vmm/*) echo vmm ;;
	../../guest/* | ../guest/*) echo guest ;;
	../../tests/* | ../tests/*) echo tests ;;
	../sim/*) echo sim ;;
	../vduse/*) echo vduse ;;
	../*) [ "$2" = vduse ] || [ "$2" = sim ] && echo vdpa || echo unknown ;;
	*) echo "$2" ;;
	esac
}

allowed() { # from to
	case $1:$2 in
	virtio:virtio | vdpa:vdpa | vdpa:virtio | vdpa:abi | guest:guest | guest:abi) return 0 ;;
	sim:sim | sim:vdpa) return 0 ;;
	vduse:vduse | vduse:sim | vduse:vdpa | vduse:virtio | vduse:abi) return 0 ;;
	vmm:vmm | vmm:vduse | vmm:sim | vmm:vdpa | vmm:virtio | vmm:abi) return 0 ;;
	esac
	return 1
}

seen=0
for room in virtio vdpa vdpa/sim vdpa/vduse vmm guest; do
	name=${room##*/}
	for file in "$tree/$room"/*.c "$tree/$room"/*.h; do
		[ -e "$file" ] || continue
		seen=$((seen + 1))
		for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
			to=$(room_of "$inc" "$name")
			allowed "$name" "$to" || complain "$file" "includes \"$inc\" ($name may not use $to)"
		done
		for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$file"); do
			rel=${file#"$tree"/}
			case $inc:$rel in
			linux/kvm*.h:vmm/* | linux/vhost*.h:vdpa/vhost.[ch] | linux/vduse.h:vdpa/vduse/*) ;;
			libfdt.h:vmm/fdt.c | libfdt.h:guest/*) ;;
			linux/kvm*.h:* | linux/vhost*.h:* | linux/vduse.h:* | libfdt.h:*)
				complain "$file" "includes <$inc>, which is spoken elsewhere" ;;
			linux/*:guest/*) complain "$file" "includes <$inc>: the guest is no Linux program" ;;
			esac
		done
	done
done
[ "$seen" -gt 20 ] || complain "$tree" "only $seen source files found: is this the tree?"
exit $bad
