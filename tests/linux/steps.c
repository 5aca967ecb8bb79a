/* SPDX-License-Identifier: MIT */
/*
 * The list of steps; see steps.h. The commands that Linux's virtio_net makes of each are in
 * drivers/net/virtio_net.c; what they leave behind is written here by virtio 1.3 section 5.1.6.5.
 * It must never be fitted to what a device was seen to do.
 */
#include "steps.h"

#include <linux/virtio_net.h>
#include <stddef.h>

/* Four pairs of queues, and a tap for its offloads. */
const char *const steps_device[] = {
    "--mac", "02:52:46:00:00:01", "--queue-pairs", "4", "--backend", "tap", NULL};

/*
 * Section 5.1.6.5.1: promiscuous until told otherwise. The driver asks for a pair of queues for
 * each CPU, of which the guest has two, as soon as it has started the device (virtnet_probe()).
 * Offloads that were negotiated are on (section 5.1.6.5.6): GUEST_CSUM, GUEST_TSO4, GUEST_TSO6.
 */
const char steps_fresh[] = "mac 02:52:46:00:00:01\n"
			   "rx promisc\n"
			   "pairs 2\n"
			   "offload 1\n"
			   "offload 7\n"
			   "offload 8\n";

/*
 * An interface that comes up sets its receive modes and filters: promiscuous no more, VLAN 0
 * (untagged with a priority, net/8021q) and the group of all IPv4 hosts (net/ipv4/igmp.c).
 */
#define UP                                                                                         \
	"-rx promisc\n"                                                                            \
	"+vlan 0\n"                                                                                \
	"+multicast 01:00:5e:00:00:01\n"

const struct step steps[] = {
    {.name = "started", .guest = "nothing"},
    {.name = "interface up", .guest = "link up on", .change = UP},
    {.name = "address",
     .guest = "address 02:52:46:01:02:03",
     .change = "-mac 02:52:46:00:00:01\n+mac 02:52:46:01:02:03\n"},
    {.name = "promiscuous", .guest = "link promisc on", .change = "+rx promisc\n"},
    {.name = "promiscuous no more", .guest = "link promisc off", .change = "-rx promisc\n"},
    {.name = "all multicast", .guest = "link allmulti on", .change = "+rx allmulti\n"},
    {.name = "all multicast no more", .guest = "link allmulti off", .change = "-rx allmulti\n"},
    /* No command: what comes after it shows whether one was sent all the same. */
    {.name = "mtu", .guest = "mtu 1400", .change = ""},
    {.name = "a VLAN", .guest = "vlan add 5", .change = "+vlan 5\n"},
    {.name = "the last VLAN", .guest = "vlan add 4094", .change = "+vlan 4094\n"},
    {.name = "a VLAN less", .guest = "vlan del 5", .change = "-vlan 5\n"},
    {.name = "a multicast address",
     .guest = "listen add 01:00:5e:00:00:fb",
     .change = "+multicast 01:00:5e:00:00:fb\n"},
    {.name = "another",
     .guest = "listen add 33:33:00:00:00:05",
     .change = "+multicast 33:33:00:00:00:05\n"},
    {.name = "one less",
     .guest = "listen del 01:00:5e:00:00:fb",
     .change = "-multicast 01:00:5e:00:00:fb\n"},
    {.name = "four pairs", .guest = "channels 4", .change = "-pairs 2\n+pairs 4\n"},
    {.name = "one pair", .guest = "channels 1", .change = "-pairs 4\n+pairs 1\n"},
    {.name = "three pairs", .guest = "channels 3", .change = "-pairs 1\n+pairs 3\n"},
    {.name = "receive offloads off",
     .guest = "feature rx-gro-hw off",
     .change = "-offload 7\n-offload 8\n"},
    {.name = "receive offloads on",
     .guest = "feature rx-gro-hw on",
     .change = "+offload 7\n+offload 8\n"},
    /* All queues of a kind; each of them has it then (section 5.1.6.5.8). */
    {.name = "coalescing",
     .guest = "coalesce 50 8 20 4",
     .change = "+coalesce rx packets 8 usecs 50\n"
	       "+coalesce tx packets 4 usecs 20\n"
	       "+coalesce 0 packets 8 usecs 50\n"
	       "+coalesce 1 packets 4 usecs 20\n"
	       "+coalesce 2 packets 8 usecs 50\n"
	       "+coalesce 3 packets 4 usecs 20\n"
	       "+coalesce 4 packets 8 usecs 50\n"
	       "+coalesce 5 packets 4 usecs 20\n"
	       "+coalesce 6 packets 8 usecs 50\n"
	       "+coalesce 7 packets 4 usecs 20\n"},
    {.name = "coalescing of the third pair",
     .guest = "coalesce-pair 2 70 2 30 6",
     .change = "-coalesce 4 packets 8 usecs 50\n"
	       "-coalesce 5 packets 4 usecs 20\n"
	       "+coalesce 4 packets 2 usecs 70\n"
	       "+coalesce 5 packets 6 usecs 30\n"},
    {.name = "announcement",
     .announce = true,
     .change = "",
     .seen = true,
     .class = VIRTIO_NET_CTRL_ANNOUNCE,
     .cmd = VIRTIO_NET_CTRL_ANNOUNCE_ACK},
    /* The kernel takes back what it has added by itself, and adds it again. */
    {.name = "interface down",
     .guest = "link up off",
     .change = "-vlan 0\n"
	       "-multicast 01:00:5e:00:00:01\n"},
    {.name = "interface up again",
     .guest = "link up on",
     .change = "+vlan 0\n"
	       "+multicast 01:00:5e:00:00:01\n"},
    /* The driver lets go of receive modes and MAC filters first (virtnet_remove()), so only VLANs
     * are still taken back; the rest stands until a driver starts the device again. */
    {.name = "driver unbound", .guest = "unbind", .change = "-vlan 0\n-vlan 4094\n"},
    {.name = "driver bound", .guest = "bind"},
    {.name = "up with a new driver", .guest = "link up on", .change = UP},
    {.name = "address from a new driver",
     .guest = "address 02:52:46:04:05:06",
     .change = "-mac 02:52:46:00:00:01\n+mac 02:52:46:04:05:06\n"},
    {.name = "reboot", .guest = "reset", .change = "", .ends = 1 + 3},
    {.name = "started after a reboot", .guest = "nothing"},
    {.name = "up after a reboot", .guest = "link up on", .change = UP},
    {.name = "a VLAN after a reboot", .guest = "vlan add 7", .change = "+vlan 7\n"},
    {.name = "power-off", .guest = "off", .change = "", .ends = 1 + 0},
};
const unsigned steps_count = sizeof(steps) / sizeof(steps[0]);
