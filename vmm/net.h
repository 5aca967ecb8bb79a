/* SPDX-License-Identifier: MIT */
/*
 * The guest's device, for the network or, as it has no control queue, a disk: virtio-mmio registers
 * in front of a vhost-vDPA device, and the event fds that connect both without us. It must never
 * make a vCPU wait for the device longer than NET_RESET_MS.
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include "../vdpa/device.h"
#include "../virtio/mmio.h"
#include "bus.h"
#include "vm.h"

#include <pthread.h>
#include <stdint.h>

#define NET_RESET_MS 5
#define NET_PAGE 0x1000u
#define NET_REGISTERS 0x100u /* bytes, and the config space after them */

/** Where a reset is: none, not yet handed to the device, or handed over and to be asked after. */
enum net_reset { NET_RESET_NONE, NET_RESET_ASKING, NET_RESET_ASKED };

struct net {
	struct device *dev;
	/* Told of a write that was refused, from a vCPU's thread; may be set after net_init(). */
	void (*log)(void *ctx, const char *line);
	void *ctx;
	int config_fd; /* an irqfd of ours, for what the device itself has to say */
	int seen_fd;   /* an ioeventfd of ours: the driver has seen a used buffer */
	pthread_mutex_t
	    order; /* held over a write and the start or reset it causes, so that they keep order */
	pthread_mutex_t regs; /* the registers below; @order comes first */
	struct mmio mmio;
	uint8_t *page;	 /* whose last NET_REGISTERS bytes the guest sees of them; ours to write */
	unsigned queues; /* with the control queue, which is there only if CTRL_VQ was negotiated */
	enum net_reset reset;
	unsigned refusals;   /* writes that the log was told of */
	uint32_t old_status; /* before the reset that is going on; never 0 */
};

/** Registers in front of @dev, which is borrowed. */
int net_init(struct net *n, struct device *dev, struct err *e);
/** The device must be closed, for it may call net_failed() until then, and the VM gone. Takes a
 * zeroed struct, too. */
void net_destroy(struct net *n);

/** Show the registers at @base, which must be NET_REGISTERS before a page's end, so that the config
 * space is on the next, where a read is an exit; tie QueueNotify there to the queues' kick fds and
 * their call fds to @gsi. */
int net_wire(const struct net *n, struct vm *vm, gpa_t base, uint32_t gsi, struct err *e);

/** A struct bus_device's access function for MMIO_SIZE bytes; @ctx is the struct net. Registers are
 * only written by it. */
void net_access(void *ctx, struct bus_access *a);

/** Control commands have left the device in @state: from its thread (device_config.state). */
void net_state(struct net *n, const struct ctrl_state *state);

/** The device's config space is now this, after a reset too, and the device may interrupt for it:
 * from its thread (device_config.config). */
void net_config(struct net *n, const void *config, size_t len, bool interrupt);

/** The device has nothing to do any more, so a reset that it was asked for is over: from its thread
 * (device_config.idle). */
void net_idle(struct net *n);

/** The device has failed, or does not come back from a reset: tell the driver (DEVICE_NEEDS_RESET).
 * From any thread. */
void net_failed(struct net *n);

#endif
