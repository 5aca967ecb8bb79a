/* SPDX-License-Identifier: MIT */
/*
 * A vhost-vDPA device taken into use; see attach.h.
 *
 * The stages of a start, in the only order that works on every parent tried, none skipped because
 * an earlier start did it: a reset keeps some of this state on one parent, and drops it on another.
 *
 *   reset -> backend features -> negotiate -> groups known -> groups into ASIDs -> mappings
 *         -> ASIDs apart
 *         -> rings -> enable -> DRIVER_OK -> status and groups again
 */
#include "attach.h"

#include "../virtio/blk.h"
#include "breaks.h"
#include "groups.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define BIT(n) (1ull << (n))

/* With one of these the CVQ comes after all pairs of data queues, else after the first (section
 * 5.1.2). */
#define PAIRS (BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_RSS))

/* The control queue and what is set through it. */
#define CONTROL                                                                                    \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_CTRL_VLAN) |                           \
	 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |                \
	 BIT(VIRTIO_NET_F_NOTF_COAL) | BIT(VIRTIO_NET_F_VQ_NOTF_COAL))

/* Between guest and device alone, but for what is switched by command. */
#define OFFLOADS                                                                                   \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |      \
	 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |                             \
	 BIT(VIRTIO_NET_F_GUEST_TSO6))

/* How the rings are used; the shadow ring is used as the guest's are. */
#define RINGS                                                                                      \
	(BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |                         \
	 BIT(VIRTIO_F_RING_PACKED))

/* Of every class of device. */
#define COMMON (BIT(VIRTIO_F_VERSION_1) | RINGS)

/* What this VMM can track of a network device, and so may offer to a guest. */
#define TRACKED                                                                                    \
	(COMMON | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | OFFLOADS | CONTROL | PAIRS |  \
	 BIT(VIRTIO_NET_F_HASH_REPORT) | BIT(VIRTIO_NET_F_DEVICE_STATS))

/* What a parent that keeps quiet about its CVQ is known to have behind it: our own device's control
 * features, and those that it has with more than one pair. */
#define PRIVATE CONTROL
#define PRIVATE_PAIRS (PAIRS | BIT(VIRTIO_NET_F_HASH_REPORT))

/* A missing fact, as an error: the check, the device, and what was found. */
#define MISSING(e, a, check, ...) err_set(e, ERR_HOST, ENOTSUP, check, (a)->vhost.path, __VA_ARGS__)

unsigned attach_cvq_index(const struct attach *a, uint64_t features)
{
	return a->device_id == VIRTIO_ID_BLOCK ? 1 : 2 * ctrl_pairs(features, a->pairs);
}

unsigned attach_queue_count(const struct attach *a, uint64_t features)
{
	bool has_cvq = a->has_cvq && (features & BIT(VIRTIO_NET_F_CTRL_VQ));

	return attach_cvq_index(a, features) + has_cvq;
}

static int ack_backend_features(const struct attach *a, struct err *e)
{
	uint64_t offered, want = VHOST_F_IOTLB_MSG_V2;
	int ret = vhost_get_backend_features(&a->vhost, &offered, e);

	if (ret)
		return ret;
	if (a->has_cvq && !broken(a->breaks, BREAK_NO_ASID_ACK))
		want |= VHOST_F_IOTLB_ASID;
	if (want & ~offered)
		return MISSING(e, a, "backend features",
			       "VHOST_BACKEND_F_IOTLB_ASID is not offered (0x%llx): the kernel "
			       "cannot tell the CVQ's "
			       "memory from the guest's, so the CVQ cannot be shadowed",
			       (unsigned long long)offered);
	return vhost_set_backend_features(&a->vhost, want, e);
}

/* Asked before and after DRIVER_OK. A CVQ that this driver does not use is kept apart as well. */
static int read_groups(const struct attach *a, uint64_t features, struct groups *g, struct err *e)
{
	unsigned cvq = attach_cvq_index(a, features);

	return groups_read(g, &a->vhost, cvq + a->has_cvq, cvq, e);
}

/* Whether a driver that takes MQ, or one that does not, can have its CVQ isolated. Which of them
 * the guest will be, nobody knows yet; a start asks again, for the one it is. */
static int check_groups(const struct attach *a, struct err *e)
{
	struct err other = {0};
	struct groups groups;
	int ret = read_groups(a, 0, &groups, e);

	if (ret && a->pairs > 1 && !read_groups(a, a->features, &groups, &other)) {
		*e = (struct err){0};
		ret = 0;
	}
	return ret;
}

static int check_spaces(const struct attach *a, struct err *e)
{
	uint32_t groups, spaces;
	int ret = vhost_get_group_num(&a->vhost, &groups, e);

	if (!ret)
		ret = vhost_get_as_num(&a->vhost, &spaces, e);
	if (ret || !a->has_cvq)
		return ret;
	if (groups < 2 || spaces < 2)
		return MISSING(e, a, "address spaces",
			       "%u virtqueue group(s) and %u address space(s), 2 of each are "
			       "needed to isolate a CVQ: "
			       "a VDUSE parent must speak API version 1",
			       groups, spaces);
	return 0;
}

static int check_range(const struct attach *a, struct err *e)
{
	iova_t first, last;
	int ret = vhost_get_iova_range(&a->vhost, &first, &last, e);

	for (unsigned i = 0; !ret && i < a->iotlb.mem->count; i++) {
		const struct gmem_region *r = &a->iotlb.mem->region[i];
		if (r->start.v < first.v || r->start.v + r->size - 1 > last.v)
			ret = MISSING(e, a, "IOVA range",
				      "guest RAM up to 0x%llx is out of reach of the device",
				      (unsigned long long)(r->start.v + r->size - 1));
	}
	if (!ret && a->has_cvq &&
	    (a->iotlb.arena->iova.v < first.v || a->iotlb.arena->iova.v + ARENA_SIZE - 1 > last.v))
		ret = MISSING(e, a, "IOVA range", "the CVQ arena is out of reach of the device");
	return ret;
}

static int read_config(struct attach *a, struct err *e)
{
	uint32_t size;
	int ret = vhost_get_config_size(&a->vhost, &size, e);

	if (ret)
		return ret;
	a->config_len = size < ATTACH_CONFIG_MAX ? size : ATTACH_CONFIG_MAX;
	return a->config_len ? vhost_get_config(&a->vhost, a->config, (uint32_t)a->config_len, e)
			     : 0;
}

/*
 * With more pairs than can be tracked, or more than there are queues for, MQ and RSS are left to
 * nobody: with them the CVQ would be where nothing is. UNTRUSTED: device
 */
static void count_pairs(struct attach *a, uint32_t queues)
{
	struct virtio_net_config c = {0};

	memcpy(&c, a->config, a->config_len < sizeof(c) ? a->config_len : sizeof(c));
	unsigned pairs = le16toh(c.max_virtqueue_pairs);
	if (a->private_cvq && pairs > 1)
		a->features |= PRIVATE_PAIRS;
	if (pairs == 0 || pairs > CTRL_PAIRS_MAX || queues < 2 * pairs + a->has_cvq)
		a->features &= ~PAIRS;
	a->pairs = ctrl_pairs(a->features, pairs);
}

/* What a guest may be offered of a network device's features, and how many queues that takes. */
static unsigned take_net(struct attach *a, uint64_t offered, uint32_t queues)
{
	a->features = (offered & TRACKED) | (a->private_cvq ? PRIVATE : 0);
	a->has_cvq = a->features & BIT(VIRTIO_NET_F_CTRL_VQ);
	count_pairs(a, queues);
	return 2u + a->has_cvq;
}

/* The same of a block device, none of whose queues is a control queue. UNTRUSTED: device */
static unsigned take_blk(struct attach *a, uint64_t offered)
{
	a->features =
	    blk_features(offered & BLK_FEATURES, a->config, a->config_len) | (offered & COMMON);
	return 1;
}

static int read_facts(struct attach *a, uint64_t *offered, uint32_t *queues, struct err *e)
{
	int ret = vhost_get_device_id(&a->vhost, &a->device_id, e);

	if (!ret && a->device_id != VIRTIO_ID_NET && a->device_id != VIRTIO_ID_BLOCK)
		ret = MISSING(e, a, "device id",
			      "it is %u: only network (%u) and block devices "
			      "(%u) are driven",
			      a->device_id, VIRTIO_ID_NET, VIRTIO_ID_BLOCK);
	if (!ret)
		ret = vhost_get_features(&a->vhost, offered, e);
	if (!ret && !(*offered & BIT(VIRTIO_F_VERSION_1)))
		ret = MISSING(e, a, "features", "VIRTIO_F_VERSION_1 is not offered (0x%llx)",
			      (unsigned long long)*offered);
	if (!ret)
		ret = vhost_get_vqs_count(&a->vhost, queues, e);
	if (!ret)
		ret = read_config(a, e);
	if (!ret && a->device_id == VIRTIO_ID_BLOCK && !blk_config_good(a->config, a->config_len))
		ret = MISSING(e, a, "config space", "it has no capacity that can be one");
	return ret;
}

static int read_features(struct attach *a, struct err *e)
{
	uint64_t offered;
	uint32_t count;
	int ret = read_facts(a, &offered, &count, e);

	if (ret)
		return ret;
	unsigned need =
	    a->device_id == VIRTIO_ID_BLOCK ? take_blk(a, offered) : take_net(a, offered, count);
	if (count < need)
		return MISSING(e, a, "virtqueues", "it has %u, %u are needed", count, need);
	return vhost_get_vring_max(&a->vhost, &a->queue_max, e);
}

/* A block device's config space goes to the driver as it is only where it bears out the features
 * that the driver was offered. */
static bool believable(const struct attach *a, const uint8_t *config)
{
	return a->device_id != VIRTIO_ID_BLOCK ||
	       (blk_config_good(config, a->config_len) &&
		blk_features(a->features, config, a->config_len) == a->features);
}

bool attach_config_changed(struct attach *a)
{
	uint8_t now[ATTACH_CONFIG_MAX];
	struct err ignored = {0}; /* then it is as it was */

	if (!a->config_len || vhost_get_config(&a->vhost, now, (uint32_t)a->config_len, &ignored) ||
	    !memcmp(now, a->config, a->config_len) || !believable(a, now))
		return false;
	memcpy(a->config, now, a->config_len); /* UNTRUSTED: device */
	return true;
}

int attach_open(struct attach *a, const char *path, const struct gmem *mem,
		const struct arena *arena, bool private_cvq, uint32_t breaks, struct err *e)
{
	*a = (struct attach){.private_cvq = private_cvq, .breaks = breaks};
	int ret = vhost_open(&a->vhost, path, e);
	if (ret)
		return ret;
	a->iotlb = (struct iotlb){.v = &a->vhost, .mem = mem, .arena = arena, .breaks = breaks};

	ret = vhost_set_owner(&a->vhost, e);
	if (!ret)
		ret = read_features(a, e);
	if (!ret && !a->has_cvq)
		a->iotlb.arena = NULL;
	if (!ret)
		ret = ack_backend_features(a, e);
	if (!ret)
		ret = check_spaces(a, e);
	if (!ret)
		ret = check_groups(a, e);
	if (!ret)
		ret = check_range(a, e);
	if (ret)
		attach_close(a);
	return ret;
}

/*
 * A parent may keep what its last client had mapped, for its daemon to read (VDUSE: finding K2), so
 * that goes first, once nothing is at work on it any more. What fails here is left to the close.
 */
void attach_close(struct attach *a)
{
	struct err ignored = {0};

	if ((a->iotlb.mapped[DATA_ASID] || a->iotlb.mapped[CVQ_ASID]) && !attach_reset(a, &ignored))
		(void)iotlb_clear(&a->iotlb, &ignored);
	vhost_close(&a->vhost);
}

int attach_reset(struct attach *a, struct err *e)
{
	int ret = vhost_set_status(&a->vhost, 0, e);

	a->live = a->live && ret;
	return ret;
}

/* SET_STATUS returns 0 even if the parent refused (vduse_vdpa_set_status), so the status is read
 * back. */
static int set_status(const struct attach *a, uint8_t status, const char *stage, struct err *e)
{
	uint8_t now;
	int ret = vhost_set_status(&a->vhost, status, e);

	if (!ret)
		ret = vhost_get_status(&a->vhost, &now, e);
	if (!ret && now != status)
		ret = err_set(e, ERR_HOST, EIO, stage, a->vhost.path,
			      "status 0x%02x was written and 0x%02x is read: the parent refused it",
			      status, now);
	return ret;
}

static int negotiate(const struct attach *a, uint64_t features, struct err *e)
{
	const uint8_t found = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	int ret = set_status(a, found, "ACKNOWLEDGE | DRIVER", e);

	/* The device gets IOVAs, so ACCESS_PLATFORM is ours to accept, whatever the guest was
	 * offered. */
	if (!ret)
		ret = vhost_set_features(&a->vhost, features | BIT(VIRTIO_F_ACCESS_PLATFORM), e);
	if (!ret)
		ret = set_status(a, found | VIRTIO_CONFIG_S_FEATURES_OK, "FEATURES_OK", e);
	return ret;
}

static int assign_groups(const struct attach *a, const struct groups *g, struct err *e)
{
	uint32_t cvq_asid = iotlb_cvq_asid(&a->iotlb);

	return a->has_cvq ? groups_assign(g, &a->vhost, cvq_asid, a->breaks, e) : 0;
}

static int map_memory(struct attach *a, struct err *e)
{
	int ret = iotlb_clear(&a->iotlb, e);

	if (!ret)
		ret = iotlb_map_guest(&a->iotlb, e);
	if (!ret && a->has_cvq)
		ret = iotlb_map_arena(&a->iotlb, e);
	if (!ret && a->has_cvq)
		ret = iotlb_confirm_apart(&a->iotlb, e);
	return ret;
}

static int set_up_queue(const struct attach *a, unsigned q, uint64_t features,
			const struct attach_queue *s, struct err *e)
{
	/* The beginning; a packed ring's has both wrap counters set (section 2.8.1). */
	const uint32_t base = features & BIT(VIRTIO_F_RING_PACKED) ? 0x80008000 : 0;
	int ret = vhost_set_vring_num(&a->vhost, q, s->num, e);

	if (!ret)
		ret = vhost_set_vring_base(&a->vhost, q, base, e);
	if (!ret)
		ret = vhost_set_vring_addr(&a->vhost, q, s->desc, s->driver, s->device, e);
	if (!ret)
		ret = vhost_set_vring_kick(&a->vhost, q, s->kick_fd, e);
	/*
	 * Once per start and before DRIVER_OK: replacing a live one frees the old eventfd before
	 * the parent has let go of it (vhost_vdpa_vring_ioctl, set_vq_cb), which races an
	 * interrupt.
	 */
	if (!ret)
		ret = vhost_set_vring_call(&a->vhost, q, s->call_fd, e);
	/* Before DRIVER_OK, since not every parent can enable after it; none waits for another
	 * queue. */
	if (!ret)
		ret = vhost_set_vring_enable(&a->vhost, q, true, e);
	return ret;
}

static int go_live(const struct attach *a, uint64_t features, const struct groups *before,
		   struct err *e)
{
	struct groups now;
	int ret = set_status(a,
			     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK,
			     "DRIVER_OK", e);

	/* A VDUSE parent may move a queue to another group until it has answered DRIVER_OK
	 * (VDUSE_VQ_SETUP). */
	if (!ret)
		ret = read_groups(a, features, &now, e);
	if (!ret)
		ret = groups_same(before, &now, &a->vhost, e);
	return ret;
}

static int run_stages(struct attach *a, uint64_t features, const struct attach_queue *queues,
		      struct err *e)
{
	struct groups groups;
	bool again = a->started && broken(a->breaks, BREAK_TRUST_RESET);
	int ret = attach_reset(a, e);

	if (!ret)
		ret = ack_backend_features(a, e);
	if (!ret)
		ret = negotiate(a, features, e);
	if (!ret)
		ret = read_groups(a, features, &groups, e);
	if (!ret && !again)
		ret = assign_groups(a, &groups, e);
	if (!ret && !again)
		ret = map_memory(a, e);
	for (unsigned q = 0; !ret && q < attach_queue_count(a, features); q++)
		if (queues[q].used)
			ret = set_up_queue(a, q, features, &queues[q], e);
	if (!ret) /* once per start as well: a reset drops it (vduse_dev_reset) */
		ret = vhost_set_config_call(&a->vhost, a->config_fd, e);
	a->live |= !ret; /* whatever it says to DRIVER_OK */
	if (!ret)
		ret = go_live(a, features, &groups, e);
	a->started |= !ret;
	return ret;
}

int attach_start(struct attach *a, uint64_t features, const struct attach_queue *queues,
		 struct err *e)
{
	int ret = run_stages(a, features, queues, e);

	if (ret) {
		struct err ignored = {0};
		(void)attach_reset(a, &ignored); /* the first error is the one to tell */
	}
	return ret;
}
