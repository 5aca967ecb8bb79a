#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes go one way: tests, vmm -> vdpa -> virtio -> libc and UAPI; guest/abi.h is for all. And each kernel
# interface is spoken in one place. Usage: include_rule.sh TREE
set -eu
tree=$1
set --
for room in virtio vdpa vdpa/sim vdpa/vduse vmm guest; do
	for file in "$tree/$room"/*.c "$tree/$room"/*.h; do
		[ ! -e "$file" ] || set -- "$@" "$file"
	done
done
[ $# -gt 20 ] || {
	echo "$tree: only $# source files found: is this the tree?" >&2
	exit 1
}
exec awk -v tree="$tree/" '
BEGIN {
	split("virtio:virtio vdpa:vdpa vdpa:virtio vdpa:abi guest:guest guest:abi sim:sim sim:vdpa vduse:vduse " \
	      "vduse:sim vduse:vdpa vduse:virtio vduse:abi vmm:vmm vmm:vduse vmm:sim vmm:vdpa vmm:virtio vmm:abi", pair, " ")
	for (i in pair)
		allowed[pair[i]] = 1
}

function complain(what) {
	print FILENAME ": " what > "/dev/stderr"
	bad = 1
}

# The room a quoted include leads to, from the room of the file that includes it.
function room_of(inc, from) {
	if (inc ~ /^(\.\.\/)?\.\.\/guest\/abi\.h$/) return "abi"
	if (inc ~ /^(\.\.\/)?\.\.\/virtio\//) return "virtio"
	if (inc ~ /^((\.\.\/)?\.\.\/vdpa\/|\.\.\/)?vduse\//) return "vduse"
	if (inc ~ /^((\.\.\/)?\.\.\/vdpa\/|\.\.\/)?sim\//) return "sim"
	if (inc ~ /^(\.\.\/)?\.\.\/(vdpa|vmm|guest|tests)\//) {
		sub(/^(\.\.\/)+/, "", inc)
		sub(/\/.*/, "", inc)
		return inc
	}
	if (inc ~ /^\.\.\//) return from == "vduse" || from == "sim" ? "vdpa" : "unknown"
	return from
}

function is_spoken_here(inc, rel) {
	if (inc ~ /^linux\/kvm.*\.h$/) return rel ~ /^vmm\//
	if (inc ~ /^linux\/vhost.*\.h$/) return rel ~ /^vdpa\/vhost\.[ch]$/
	if (inc == "linux/vduse.h") return rel ~ /^vdpa\/vduse\//
	if (inc == "libfdt.h") return rel == "vmm/fdt.c" || rel ~ /^guest\//
	return 1
}

!/^[ \t]*#[ \t]*include[ \t]*["<]/ { next }
{
	rel = substr(FILENAME, length(tree) + 1)
	name = rel
	sub(/\/[^\/]*$/, "", name)
	sub(/.*\//, "", name)
	inc = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", inc)
	quoted = inc ~ /^"/
	inc = substr(inc, 2)
	sub(/[">].*/, "", inc)
}
quoted {
	to = room_of(inc, name)
	if (!((name ":" to) in allowed))
		complain("includes \"" inc "\" (" name " may not use " to ")")
	next
}
!is_spoken_here(inc, rel) { complain("includes <" inc ">, which is spoken elsewhere") }
inc ~ /^linux\// && rel ~ /^guest\// { complain("includes <" inc ">: the guest is no Linux program") }
END { exit bad }
' "$@"
