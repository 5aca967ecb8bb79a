/* SPDX-License-Identifier: MIT */
/*
 * The guest's device; see net.h.
 *
 * A data queue never passes through here: its notification is an ioeventfd that vhost-vDPA waits
 * on, its interrupt an irqfd that vhost-vDPA signals. So we cannot know which interrupt a driver
 * asks about, and mmio.c lets InterruptStatus always claim a used buffer (bit 0). That it has seen
 * one is nothing to us, so that this too stays in the kernel, in a counter that nobody reads.
 * Reading a register is no exit either: they are memory, in a page that the guest's CPUs can only
 * read, which shows what mmio.c answers and is brought up to date with whatever changes that. What
 * does pass are writes, and reads of the config space.
 */
#include "net.h"

#include "../virtio/check.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define REFUSALS_TOLD 100 /* writes; what else there is to say must find room in the log, too */

/* With @regs held. */
static bool resetting(struct net *n)
{
	if (n->reset == NET_RESET_ASKED && device_idle(n->dev))
		n->reset = NET_RESET_NONE;
	return n->reset != NET_RESET_NONE;
}

/*
 * A driver that resets must read status until it is 0 (virtio 1.3 section 4.2.2.1), so a reset that
 * is still going on shows as the status of before; when it is over, its config space has been told
 * (net_config()). Nothing of an earlier one is shown meanwhile, for a device may keep its own. One
 * that goes on without looking writes a new status and sees that; the device's thread carries out
 * its start after the reset.
 */
static uint32_t read_register(struct net *n, uint32_t offset)
{
	if (offset == VIRTIO_MMIO_STATUS && resetting(n) && !n->mmio.status)
		return n->old_status;
	return (uint32_t)mmio_read(&n->mmio, offset, 4);
}

/* A guest reads it at any time, without us. With @regs held. */
static void show(struct net *n, uint32_t offset)
{
	uint8_t *at = n->page + NET_PAGE - NET_REGISTERS + offset;

	__atomic_store_n((uint32_t *)(void *)at, htole32(read_register(n, offset)),
			 __ATOMIC_RELEASE);
}

/*
 * What the device can change at any time, also before net_init() and after its failure, when there
 * is nobody to see it. With @regs held.
 *
 * Section 4.2.2.2: a driver that reads the config space while it changes must be able to tell by
 * ConfigGeneration. Who has read a new byte, by net_access(), has waited for whoever changed it to
 * give @regs back, and so for this.
 */
static void show_status(struct net *n)
{
	static const uint32_t change[] = {VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_STATUS,
					  VIRTIO_MMIO_CONFIG_GENERATION};

	for (unsigned i = 0; n->page && i < sizeof(change) / sizeof(change[0]); i++)
		show(n, change[i]);
}

/* And what a write can. With @regs held. */
static void show_registers(struct net *n)
{
	static const uint32_t change[] = {VIRTIO_MMIO_DEVICE_FEATURES, VIRTIO_MMIO_QUEUE_NUM_MAX,
					  VIRTIO_MMIO_QUEUE_READY};

	for (unsigned i = 0; i < sizeof(change) / sizeof(change[0]); i++)
		show(n, change[i]);
	show_status(n);
}

static int make_page(struct net *n, struct err *e)
{
	void *page =
	    mmap(NULL, NET_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, errno, "mmap", "register page", "out of memory");
	n->page = page;
	return 0;
}

int net_init(struct net *n, struct device *dev, struct err *e)
{
	*n = (struct net){.dev = dev,
			  .config_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			  .seen_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			  .queues = device_queue_count(dev, device_features(dev)),
			  .old_status = VIRTIO_CONFIG_S_ACKNOWLEDGE};
	uint8_t config[MMIO_CONFIG_MAX];
	size_t len = device_read_config(dev, config, sizeof(config));

	if (n->config_fd < 0 || n->seen_fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "eventfd", "config interrupt",
			       "raise the limit on open files (ulimit -n)");
	int ret = make_page(n, e);
	if (ret)
		return ret;
	pthread_mutex_init(&n->order, NULL);
	pthread_mutex_init(&n->regs, NULL);
	mmio_init(&n->mmio, device_class(dev), device_features(dev), n->queues,
		  device_queue_max(dev), config, len < sizeof(config) ? len : sizeof(config));
	for (uint32_t offset = 0; offset < NET_REGISTERS; offset += 4)
		show(n, offset);
	return 0;
}

void net_destroy(struct net *n)
{
	if (!n->dev)
		return;
	if (n->page) {
		pthread_mutex_destroy(&n->order);
		pthread_mutex_destroy(&n->regs);
		munmap(n->page, NET_PAGE);
	}
	if (n->config_fd >= 0)
		close(n->config_fd);
	if (n->seen_fd >= 0)
		close(n->seen_fd);
	*n = (struct net){.config_fd = -1, .seen_fd = -1};
}

int net_wire(const struct net *n, struct vm *vm, gpa_t base, uint32_t gsi, struct err *e)
{
	int ret = vm_add_readable(vm, gpa(base.v + NET_REGISTERS - NET_PAGE), NET_PAGE, n->page, e);

	if (!ret)
		ret = vm_irqfd(vm, gsi, n->config_fd, e);
	if (!ret)
		ret = vm_ioeventfd(vm, gpa(base.v + VIRTIO_MMIO_INTERRUPT_ACK),
				   VIRTIO_MMIO_INT_VRING, n->seen_fd, e);
	for (unsigned q = 0; !ret && q < n->queues; q++) {
		ret = vm_ioeventfd(vm, gpa(base.v + MMIO_QUEUE_NOTIFY), q,
				   device_kick_fd(n->dev, q), e);
		if (!ret)
			ret = vm_irqfd(vm, gsi, device_call_fd(n->dev, q), e);
	}
	return ret;
}

/* With @order held, so @mmio's queues, which only writes change, can be read without @regs. */
static void start(struct net *n)
{
	struct device_queue queues[MMIO_QUEUES_MAX];

	for (unsigned q = 0; q < n->mmio.queues; q++) {
		const struct mmio_queue *from = &n->mmio.queue[q];
		queues[q] = (struct device_queue){
		    .ready = from->ready,
		    .num = (uint16_t)from->num, /* at most queue_max, as mmio.c sees to */
		    .desc = from->desc,
		    .driver = from->driver,
		    .device = from->device,
		};
	}
	device_start(n->dev, n->mmio.driver, queues, n->mmio.queues);
}

/*
 * With @order but not @regs held: device's thread may be in net_failed(), and must not wait for us.
 * A reset that comes while one is @late already waits no more, or CPUs that reset in turn would
 * wait for one another's waits.
 */
static void reset(struct net *n, bool late)
{
	bool done = device_reset(n->dev, late ? 0 : NET_RESET_MS);

	pthread_mutex_lock(&n->regs);
	n->reset = done ? NET_RESET_NONE : NET_RESET_ASKED;
	show_status(n);
	pthread_mutex_unlock(&n->regs);
}

static void notify(const struct net *n, unsigned q)
{
	uint64_t one = 1;

	/*
	 * mmio.c lets no other number come here; if it is made to (breaks.h), that ends at some
	 * queue and not in somebody else's memory. A full counter is a kick that is pending
	 * already.
	 */
	ssize_t written = write(device_kick_fd(n->dev, q % n->queues), &one, sizeof(one));
	(void)written;
}

/* Section 5.1.2: which queues there are is settled with the features. */
static void count_queues(struct net *n)
{
	struct mmio *m = &n->mmio;
	bool settled = m->status & VIRTIO_CONFIG_S_FEATURES_OK;

	m->queues = settled ? device_queue_count(n->dev, m->driver) : n->queues;
}

/* How many refusals it makes with this one; 0: none, or one that is not told any more. With @regs
 * held. */
static unsigned count_refusal(struct net *n, const struct mmio_result *r)
{
	return r->why && n->log && n->refusals <= REFUSALS_TOLD ? ++n->refusals : 0;
}

/* Without the locks: a log that nobody reads takes a few milliseconds of this CPU's time
 * (console.c). */
static void log_refusal(const struct net *n, const struct bus_access *a,
			const struct check_info *why, unsigned nth)
{
	char line[160];

	snprintf(line, sizeof(line),
		 "register write refused: offset 0x%03llx, %u bytes, value 0x%llx: %s: %s",
		 (unsigned long long)a->offset, a->len, (unsigned long long)a->value, why->name,
		 why->refuses);
	n->log(n->ctx, nth <= REFUSALS_TOLD
			   ? line
			   : "more register writes are refused, which is not told any more");
}

static void write_register(struct net *n, const struct bus_access *a)
{
	pthread_mutex_lock(&n->order);
	pthread_mutex_lock(&n->regs);
	uint32_t old_status = n->mmio.status;
	bool late = resetting(n);
	struct mmio_result todo = mmio_write(&n->mmio, a->offset, a->len, a->value);
	if (todo.action == MMIO_RESET) {
		n->reset =
		    NET_RESET_ASKING; /* from now on, so that no other CPU reads 0 too early */
		n->old_status = old_status ? old_status : n->old_status;
	}
	count_queues(n);
	show_registers(n);
	unsigned refusal = count_refusal(n, &todo);
	pthread_mutex_unlock(&n->regs);

	switch (todo.action) {
	case MMIO_START:
		start(n);
		break;
	case MMIO_RESET:
		reset(n, late);
		break;
	case MMIO_NOTIFY:
		notify(n, todo.notify);
		break;
	case MMIO_NOTHING:
		break;
	}
	pthread_mutex_unlock(&n->order);
	if (refusal)
		log_refusal(n, a, todo.why, refusal);
}

/* UNTRUSTED: guest */
void net_access(void *ctx, struct bus_access *a)
{
	struct net *n = ctx;

	if (a->write) {
		write_register(n, a);
		return;
	}
	pthread_mutex_lock(&n->regs);
	a->value = mmio_read(&n->mmio, a->offset, a->len);
	pthread_mutex_unlock(&n->regs);
}

/* Section 5.1.6.5.2.1: the config space shows a new address before its command is consumed. */
void net_state(struct net *n, const struct ctrl_state *state)
{
	const size_t at = offsetof(struct virtio_net_config, mac);

	pthread_mutex_lock(&n->regs);
	/* What the driver has reset since is no longer so. */
	if (state->mac_set && !resetting(n) && at + sizeof(state->mac) <= n->mmio.config_len)
		mmio_set_config(&n->mmio, at, state->mac, sizeof(state->mac));
	show_status(n);
	pthread_mutex_unlock(&n->regs);
}

/* UNTRUSTED: device. A driver sees these bytes; what bounds its commands stays as it was at the
 * start. */
void net_config(struct net *n, const void *config, size_t len, bool interrupt)
{
	uint64_t one = 1;

	pthread_mutex_lock(&n->regs);
	mmio_set_config(&n->mmio, 0, config, len < n->mmio.config_len ? len : n->mmio.config_len);
	bool tell = interrupt && mmio_config_interrupt(&n->mmio);
	show_status(n);
	pthread_mutex_unlock(&n->regs);
	if (tell && write(n->config_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: the interrupt is pending already */
}

void net_idle(struct net *n)
{
	pthread_mutex_lock(&n->regs);
	show_status(n);
	pthread_mutex_unlock(&n->regs);
}

void net_failed(struct net *n)
{
	uint64_t one = 1;

	pthread_mutex_lock(&n->regs);
	/* A failure of what the driver has reset since is no news to it. */
	bool tell = n->mmio.status & VIRTIO_CONFIG_S_DRIVER_OK;
	if (tell)
		mmio_needs_reset(&n->mmio);
	else if (resetting(n)) /* but that the reset itself does not come to an end, is */
		n->old_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	show_status(n);
	pthread_mutex_unlock(&n->regs);
	if (tell && write(n->config_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: the interrupt is pending already */
}
