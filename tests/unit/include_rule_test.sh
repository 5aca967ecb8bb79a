#!/bin/sh
# SPDX-License-Identifier: MIT
# The include rule holds in this tree, and the check of it notices each kind of offence in a copy.
set -eu
here=$(dirname "$0")
tree=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

sh "$here/include_rule.sh" "$tree"

offend() { # file, line
	rm -rf "$copy/t"
	mkdir "$copy/t"
	cp -r "$tree/virtio" "$tree/vdpa" "$tree/vmm" "$tree/guest" "$copy/t/"
	echo "$2" >>"$copy/t/$1"
	if sh "$here/include_rule.sh" "$copy/t" 2>/dev/null; then
		echo "not noticed: $2 in $1" >&2
		exit 1
	fi
}
offend virtio/queue.c '#include "../vdpa/err.h"'
offend virtio/queue.c '#include "../vmm/bus.h"'
offend vdpa/cvq.c '#include "../vmm/bus.h"'
offend vdpa/cvq.c '#include "vduse/dev.h"'
offend vdpa/cvq.c '#include "sim/sim.h"'
offend vdpa/sim/follow.c '#include "../vduse/dev.h"'
offend vdpa/sim/follow.c '#include "../../virtio/gmem.h"'
offend vdpa/vduse/net.c '#include "../../vmm/bus.h"'
offend vmm/bus.c '#include "../tests/isolation/oracle.h"'
offend guest/main.c '#include "../virtio/addr.h"'
offend vdpa/cvq.c '#include <linux/kvm.h>'
offend vdpa/cvq.c '#include <linux/vhost_types.h>'
offend vdpa/attach.c '#include <linux/vduse.h>'
offend vmm/main.c '#include <libfdt.h>'
offend guest/main.c '#include <linux/virtio_ring.h>'
