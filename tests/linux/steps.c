/* SPDX-License-Identifier: MIT */
/*
 * The list of steps; see steps.h. The commands that Linux's virtio_net makes of each are in
 * drivers/net/virtio_net.c; what they leave behind is written here by virtio 1.3 section 5.1.6.5.
 * It must never be fitted to what a device was seen to do.
 */
#include "steps.h"

#include "linux.h"

#include <linux/virtio_net.h>
#include <stddef.h>

/* Four pairs of queues, and a tap for its offloads. */
const char *const steps_device[] = {
    "--mac", "02:52:46:00:00:01", "--queue-pairs", "4", "--backend", "tap", NULL};

#define X4(text) text text text text
#define X16(text) X4(X4(text))
#define X32(text) X16(text) X16(text)

/* Tables of 128 queues: over and over one, or those of so many pairs
 * (ethtool_rxfh_indir_default()).
 */
#define ALL_0 X32(" 0 0 0 0")
#define ALL_3 X32(" 3 3 3 3")
#define OF_2 X32(" 0 1 0 1")
#define OF_3 X32(" 0 1 2") X4(" 0 1 2") X4(" 0 1 2") " 0 1 2 0 1 2 0 1"
#define OF_4 X32(" 0 1 2 3")
#define MIXED X32(" 2 0 2 1")

/* Section 5.1.6.5.7.1. What has no hash goes to the first pair: the driver never says otherwise. */
#define RSS(types, table) "rss types " types " unclassified 0 table" table "\n"
/* All that there are but those of IPv6 options: of IPv4 and IPv6, TCP and UDP on both. */
#define TYPES "0x3f"
#define NO_UDP4 "0x3b"

/* 40 bytes. The driver's own are random (netdev_rss_key_fill()): of those each digit is any. */
#define KEY(digits) "rss key " digits "\n"
#define RANDOM X16("?????")

/*
 * Section 5.1.6.5.1: promiscuous until told otherwise. The driver asks for a pair of queues for
 * each CPU, of which the guest has two, as soon as it has started the device (virtnet_probe()), by
 * RSS_CONFIG as it has negotiated RSS: that says how many pairs are in use as well (section
 * 5.1.6.5.7.1, max_tx_vq). Offloads that were negotiated are on (section 5.1.6.5.8.1): GUEST_CSUM,
 * GUEST_TSO4, GUEST_TSO6.
 */
const char steps_fresh[] = "mac 02:52:46:00:00:01\n"
			   "rx promisc\n"
			   "pairs 2\n" RSS(TYPES, OF_2) KEY(RANDOM) "offload 1\n"
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
    /* Where nobody has set a table, the driver has one for the pairs in use
     * (virtnet_rss_update_by_qpairs()). */
    {.name = "four pairs",
     .guest = "channels 4",
     .change = "-pairs 2\n-" RSS(TYPES, OF_2) "+pairs 4\n+" RSS(TYPES, OF_4)},
    {.name = "one pair",
     .guest = "channels 1",
     .change = "-pairs 4\n-" RSS(TYPES, OF_4) "+pairs 1\n+" RSS(TYPES, ALL_0)},
    {.name = "three pairs",
     .guest = "channels 3",
     .change = "-pairs 1\n-" RSS(TYPES, ALL_0) "+pairs 3\n+" RSS(TYPES, OF_3)},
    {.name = "a key", .guest = "key " TEST_KEY, .change = "-" KEY(RANDOM) "+" KEY(TEST_KEY)},
    {.name = "a table",
     .guest = "table 2 0 2 1",
     .change = "-" RSS(TYPES, OF_3) "+" RSS(TYPES, MIXED)},
    /* Off at first, though the types are all there (virtnet_init_default_rss()). */
    {.name = "hashes told",
     .guest = "feature rx-hashing on",
     .change = "",
     .seen = true,
     .class = VIRTIO_NET_CTRL_MQ,
     .cmd = VIRTIO_NET_CTRL_MQ_RSS_CONFIG},
    {.name = "UDP hashed by addresses",
     .guest = "flow-hash udp4 sd",
     .change = "-" RSS(TYPES, MIXED) "+" RSS(NO_UDP4, MIXED)},
    {.name = "no hashes",
     .guest = "feature rx-hashing off",
     .change = "-" RSS(NO_UDP4, MIXED) "+" RSS("0x0", MIXED)},
    {.name = "hashes again",
     .guest = "feature rx-hashing on",
     .change = "-" RSS("0x0", MIXED) "+" RSS(NO_UDP4, MIXED)},
    /* A table that was set is the user's to change: the driver sends VQ_PAIRS_SET, and with that
     * steering is automatic (section 5.1.6.5.5). */
    {.name = "four pairs beside a table",
     .guest = "channels 4",
     .change = "-pairs 3\n-" RSS(NO_UDP4, MIXED) "-" KEY(TEST_KEY) "+pairs 4\n"},
    {.name = "a table of one queue",
     .guest = "table 3 3 3 3",
     .change = "+" RSS(NO_UDP4, ALL_3) "+" KEY(TEST_KEY)},
    {.name = "no table",
     .guest = "table-default",
     .change = "-" RSS(NO_UDP4, ALL_3) "+" RSS(NO_UDP4, OF_4)},
    {.name = "three pairs again",
     .guest = "channels 3",
     .change = "-pairs 4\n-" RSS(NO_UDP4, OF_4) "+pairs 3\n+" RSS(NO_UDP4, OF_3)},
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
