/* SPDX-License-Identifier: MIT */
/*
 * A tap; see tap.h. Rules are tun_set_iff()'s, set_offload()'s and tun_get_user()'s in
 * drivers/net/tun.c. It must never take a header of the guest's for checked: the kernel checks its
 * offsets, offload.c whether it may ask for that at all.
 */
#include "tap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NODE "/dev/net/tun"
#define BIT(n) (1ull << (n))

/* What the driver lets the tap do, and what that means for the other direction. */
static const struct {
	unsigned flag, guest, host;
} offload[] = {
    {TUN_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_CSUM},
    {TUN_F_TSO4, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_HOST_TSO4},
    {TUN_F_TSO6, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_TSO6},
};

int tap_set_offloads(const struct tap *t, uint64_t offloads)
{
	unsigned long flags = 0;

	for (unsigned i = 0; i < sizeof(offload) / sizeof(offload[0]); i++)
		if (offloads & BIT(offload[i].guest))
			flags |= offload[i].flag;
	if (!(flags & TUN_F_CSUM)) /* set_offload(): no segmentation without checksums */
		flags = 0;
	return ioctl(t->fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

/* An offload that it does not know is EINVAL. */
static void find_features(struct tap *t)
{
	for (unsigned i = 0; i < sizeof(offload) / sizeof(offload[0]); i++)
		if (!tap_set_offloads(t, BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(offload[i].guest)))
			t->features |= BIT(offload[i].guest) | BIT(offload[i].host);
	(void)tap_set_offloads(t, 0);
}

int tap_set_header(const struct tap *t, size_t len)
{
	const int header = (int)len;

	return ioctl(t->fd, TUNSETVNETHDRSZ, &header) ? -errno : 0;
}

static int set_up(struct tap *t, const char *name)
{
	const int little_endian = 1;
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (name)
		snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(t->fd, TUNSETIFF, &r) || tap_set_header(t, sizeof(struct virtio_net_hdr_v1)) ||
	    ioctl(t->fd, TUNSETVNETLE, &little_endian))
		return -errno;
	static_assert(TAP_NAME_LEN == IFNAMSIZ, "a name is a name");
	memcpy(t->name, r.ifr_name, sizeof(t->name));
	t->name[sizeof(t->name) - 1] = '\0';
	find_features(t);
	return 0;
}

int tap_open(struct tap *t, const char *name, struct err *e)
{
	*t = (struct tap){.fd = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
	if (t->fd < 0)
		return err_set(e, ERR_HOST, errno, "open", NODE,
			       "this kernel has no taps (CONFIG_TUN), or this user may not have "
			       "one");
	int ret = set_up(t, name);
	if (ret) {
		tap_close(t);
		return err_set(e, ERR_HOST, -ret, "TUNSETIFF", name ? name : "a new tap",
			       "a tap needs CAP_NET_ADMIN, and a name that no other interface has");
	}
	return 0;
}

void tap_close(struct tap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

ssize_t tap_send(const struct tap *t, const void *frame, size_t len)
{
	ssize_t n = write(t->fd, frame, len);

	return n < 0 ? -errno : n;
}

ssize_t tap_receive(const struct tap *t, void *frame, size_t room)
{
	ssize_t n = read(t->fd, frame, room);

	return n < 0 ? -errno : n;
}
