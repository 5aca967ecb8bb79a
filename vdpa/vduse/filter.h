/* SPDX-License-Identifier: MIT */
/*
 * Which frames a driver wants to receive, by what its control commands have set (virtio 1.3 section
 * 5.1.6.5). Pure. It must never look past a frame's end.
 */
#ifndef VDUSE_FILTER_H
#define VDUSE_FILTER_H

#include "netctl.h"

/**
 * NULL if @frame, @len bytes from the destination address on, is to be received under the
 * negotiated @features, or what keeps it out. A driver that has not negotiated CTRL_RX receives
 * whatever its destination, one without CTRL_VLAN whatever its VLAN.
 */
const char *filter_refuses(const struct netctl *c, uint64_t features, const uint8_t *frame,
			   size_t len);

#endif
