/* SPDX-License-Identifier: MIT */
/*
 * The built-in guest, as guest/ builds it. It must never be taken on trust: load.c judges it like
 * any other.
 */
#ifndef VMM_GUEST_IMAGE_H
#define VMM_GUEST_IMAGE_H

#include <stdint.h>

extern const uint8_t guest_image[], guest_image_end[];

#endif
