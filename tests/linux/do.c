/* SPDX-License-Identifier: MIT */
/*
 * The verbs that a guest knows: each makes the system calls that ip(8), vconfig(8) or ethtool(8)
 * make for it, and no other. It must never look at what the device made of them: the judge does.
 */
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One verb at work: the interface, and the words behind the verb. */
struct task {
	const char *name;
	char *const *word; /* as many as the verb takes */
};

static int control(unsigned long request, void *arg)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = s < 0 || ioctl(s, request, arg) ? errno : 0;

	if (s >= 0)
		close(s);
	return ret;
}

static struct ifreq request(const struct task *t)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", t->name);
	return r;
}

static bool take_mac(const char *text, void *to)
{
	uint8_t m[6];

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &m[0], &m[1], &m[2], &m[3], &m[4],
		   &m[5]) != 6)
		return false;
	memcpy(to, m, sizeof(m));
	return true;
}

static int do_address(const struct task *t)
{
	struct ifreq r = request(t);

	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	return take_mac(t->word[0], r.ifr_hwaddr.sa_data) ? control(SIOCSIFHWADDR, &r) : EINVAL;
}

/* up, promisc or allmulti: on or off. */
static int do_link(const struct task *t)
{
	static const struct {
		const char *name;
		short flag;
	} flags[] = {{"up", IFF_UP}, {"promisc", IFF_PROMISC}, {"allmulti", IFF_ALLMULTI}};
	struct ifreq r = request(t);
	int ret = control(SIOCGIFFLAGS, &r);

	for (unsigned i = 0; !ret && i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!strcmp(t->word[0], flags[i].name))
			r.ifr_flags =
			    (short)(!strcmp(t->word[1], "on") ? r.ifr_flags | flags[i].flag
							      : r.ifr_flags & ~flags[i].flag);
	return ret ? ret : control(SIOCSIFFLAGS, &r);
}

static int do_mtu(const struct task *t)
{
	struct ifreq r = request(t);

	r.ifr_mtu = atoi(t->word[0]);
	return control(SIOCSIFMTU, &r);
}

/* A link-layer address to listen to, added or taken away. */
static int do_listen(const struct task *t)
{
	struct ifreq r = request(t);

	if (!take_mac(t->word[1], r.ifr_hwaddr.sa_data))
		return EINVAL;
	r.ifr_hwaddr.sa_family = AF_UNSPEC;
	return control(strcmp(t->word[0], "add") ? SIOCDELMULTI : SIOCADDMULTI, &r);
}

static int do_vlan(const struct task *t)
{
	struct vlan_ioctl_args v = {.cmd = ADD_VLAN_CMD};

	if (!strcmp(t->word[0], "add")) {
		snprintf(v.device1, sizeof(v.device1), "%s", t->name);
		v.u.VID = atoi(t->word[1]);
	} else {
		v.cmd = DEL_VLAN_CMD;
		snprintf(v.device1, sizeof(v.device1), "%s.%s", t->name, t->word[1]);
	}
	return control(SIOCSIFVLAN, &v);
}

static int ethtool(const struct task *t, void *command)
{
	struct ifreq r = request(t);

	r.ifr_data = command;
	return control(SIOCETHTOOL, &r);
}

/* ethtool -C: microseconds and frames of receiving, then of sending. */
static void take_coalesce(const struct task *t, unsigned first, struct ethtool_coalesce *c)
{
	c->rx_coalesce_usecs = (uint32_t)atoi(t->word[first]);
	c->rx_max_coalesced_frames = (uint32_t)atoi(t->word[first + 1]);
	c->tx_coalesce_usecs = (uint32_t)atoi(t->word[first + 2]);
	c->tx_max_coalesced_frames = (uint32_t)atoi(t->word[first + 3]);
}

static int do_coalesce(const struct task *t)
{
	struct ethtool_coalesce c = {.cmd = ETHTOOL_GCOALESCE};
	int ret = ethtool(t, &c);

	if (ret)
		return ret;
	c.cmd = ETHTOOL_SCOALESCE;
	take_coalesce(t, 0, &c);
	return ethtool(t, &c);
}

/* ethtool -Q: the same for one pair of queues, whose number comes first. */
static int do_coalesce_pair(const struct task *t)
{
	_Alignas(struct ethtool_per_queue_op)
	    uint8_t bytes[sizeof(struct ethtool_per_queue_op) + sizeof(struct ethtool_coalesce)] = {
		0};
	struct ethtool_per_queue_op *op = (void *)bytes;
	struct ethtool_coalesce c = {.cmd = ETHTOOL_SCOALESCE};

	op->cmd = ETHTOOL_PERQUEUE;
	op->sub_command = ETHTOOL_SCOALESCE;
	op->queue_mask[0] = 1u << atoi(t->word[0]);
	take_coalesce(t, 1, &c);
	memcpy(op->data, &c, sizeof(c));
	return ethtool(t, op);
}

/* ethtool -X: what RSS steers by. Where it is too long for the device, the kernel says so. */
union rxfh {
	struct ethtool_rxfh head;
	uint8_t room[sizeof(struct ethtool_rxfh) + 1024];
};

/* How long the table and the key are, for a change of neither. */
static int ask_rxfh(const struct task *t, union rxfh *u)
{
	memset(u, 0, sizeof(*u));
	u->head.cmd = ETHTOOL_GRSSH;
	int ret = ethtool(t, &u->head); /* of sizes 0: it tells the sizes alone */
	if (!ret && (u->head.indir_size > 128 || u->head.key_size > 128))
		ret = E2BIG;
	u->head.cmd = ETHTOOL_SRSSH;
	u->head.hfunc = 0; /* as it is */
	return ret;
}

/* Four queues, over and over. */
static int do_table(const struct task *t)
{
	union rxfh u;
	int ret = ask_rxfh(t, &u);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < u.head.indir_size; i++)
		u.head.rss_config[i] = (uint32_t)atoi(t->word[i % 4]);
	u.head.key_size = 0;
	return ethtool(t, &u.head);
}

/* The kernel's own choice again. */
static int do_table_default(const struct task *t)
{
	union rxfh u;
	int ret = ask_rxfh(t, &u);

	if (ret)
		return ret;
	u.head.indir_size = u.head.key_size = 0;
	return ethtool(t, &u.head);
}

static int do_key(const struct task *t)
{
	union rxfh u;
	int ret = ask_rxfh(t, &u);

	if (ret)
		return ret;
	if (strlen(t->word[0]) != 2 * u.head.key_size)
		return EINVAL;
	u.head.indir_size = ETH_RXFH_INDIR_NO_CHANGE;
	for (uint32_t i = 0; i < u.head.key_size; i++)
		if (sscanf(t->word[0] + 2 * (size_t)i, "%2hhx", (uint8_t *)u.head.rss_config + i) !=
		    1)
			return EINVAL;
	return ethtool(t, &u.head);
}

/* ethtool -N rx-flow-hash: a kind of flow, hashed by addresses (sd), and by ports as well (sdfn).
 */
static int do_flow_hash(const struct task *t)
{
	static const struct {
		const char *name;
		uint32_t type;
	} flows[] = {{"tcp4", TCP_V4_FLOW},
		     {"udp4", UDP_V4_FLOW},
		     {"tcp6", TCP_V6_FLOW},
		     {"udp6", UDP_V6_FLOW}};
	struct ethtool_rxnfc c = {.cmd = ETHTOOL_SRXFH, .data = RXH_IP_SRC | RXH_IP_DST};

	for (unsigned i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		if (!strcmp(t->word[0], flows[i].name))
			c.flow_type = flows[i].type;
	if (!strcmp(t->word[1], "sdfn"))
		c.data |= RXH_L4_B_0_1 | RXH_L4_B_2_3;
	return ethtool(t, &c);
}

/* ethtool -L: pairs of queues. */
static int do_channels(const struct task *t)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
	int ret = ethtool(t, &c);

	if (ret)
		return ret;
	c.cmd = ETHTOOL_SCHANNELS;
	c.combined_count = (uint32_t)atoi(t->word[0]);
	return ethtool(t, &c);
}

/* The number of the feature that ethtool(8) calls @feature, and of how many; < 0: there is none. */
static int find_feature(const struct task *t, const char *feature, uint32_t *count)
{
	static union {
		struct ethtool_gstrings head;
		uint8_t room[sizeof(struct ethtool_gstrings) + 256 * ETH_GSTRING_LEN];
	} s;

	s.head = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS,
					   .string_set = ETH_SS_FEATURES}; /* some 70 */
	if (ethtool(t, &s))
		return -1;
	*count = s.head.len < 256 ? s.head.len : 256;
	for (uint32_t i = 0; i < *count; i++)
		if (!strncmp((const char *)s.head.data + i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			return (int)i;
	return -1;
}

/* ethtool -K: a feature on or off. */
static int do_feature(const struct task *t)
{
	static union {
		struct ethtool_sfeatures head;
		uint8_t room[sizeof(struct ethtool_sfeatures) +
			     8 * sizeof(struct ethtool_set_features_block)];
	} s;
	uint32_t count;
	int i = find_feature(t, t->word[0], &count);

	if (i < 0)
		return ENOENT;
	memset(&s, 0, sizeof(s));
	s.head.cmd = ETHTOOL_SFEATURES;
	s.head.size = (count + 31) / 32;
	s.head.features[i / 32].valid = 1u << i % 32;
	s.head.features[i / 32].requested = strcmp(t->word[1], "on") ? 0 : 1u << i % 32;
	return ethtool(t, &s); /* what is other than asked for is told by a positive answer */
}

/* Write @text to a file. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 || write(fd, text, strlen(text)) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

static int do_unbind(const struct task *t)
{
	(void)t;
	return put("/sys/bus/virtio/drivers/virtio_net/unbind", "virtio0");
}

static int do_bind(const struct task *t)
{
	(void)t;
	return put("/sys/bus/virtio/drivers/virtio_net/bind", "virtio0");
}

static int do_reset(const struct task *t)
{
	(void)t;
	return guest_end(1);
}

static int do_off(const struct task *t)
{
	(void)t;
	return guest_end(0);
}

static int do_nothing(const struct task *t)
{
	(void)t;
	return 0;
}

int guest_do(const char *name, char *const word[STEP_WORDS], unsigned n)
{
	static const struct {
		const char *verb;
		unsigned words;
		int (*run)(const struct task *t);
	} verbs[] = {
	    {"address", 1, do_address},
	    {"link", 2, do_link},
	    {"mtu", 1, do_mtu},
	    {"listen", 2, do_listen},
	    {"vlan", 2, do_vlan},
	    {"coalesce", 4, do_coalesce},
	    {"coalesce-pair", 5, do_coalesce_pair},
	    {"channels", 1, do_channels},
	    {"table", 4, do_table},
	    {"table-default", 0, do_table_default},
	    {"key", 1, do_key},
	    {"flow-hash", 2, do_flow_hash},
	    {"feature", 2, do_feature},
	    {"unbind", 0, do_unbind},
	    {"bind", 0, do_bind},
	    {"reset", 0, do_reset},
	    {"off", 0, do_off},
	    {"nothing", 0, do_nothing},
	};
	const struct task t = {name, word + 1};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(word[0], verbs[i].verb))
			return n == 1 + verbs[i].words ? verbs[i].run(&t) : EINVAL;
	return ENOSYS;
}
