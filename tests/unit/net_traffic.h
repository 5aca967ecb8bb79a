/* SPDX-License-Identifier: MIT */
/* What tests of the running network device do over and over: set it up, send, command, wait. */
#ifndef NET_TRAFFIC_H
#define NET_TRAFFIC_H

#include "test.h"
#include "vduse_client.h"

#define HEADER 12u
#define OUT 0x4000u /* where buffers lie in a ring's memory */
#define IN 0x5000u

static struct client c;

static inline int setup(void **state)
{
	(void)state;
	fake_vduse_reset();
	return client_map(&c) || client_open(&c, 1, false);
}

static inline int setup_started(void **state)
{
	if (setup(state))
		return -1;
	client_start(CLIENT_FEATURES);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	return client_close(&c);
}

static inline uint8_t *ram(unsigned q, uint32_t at)
{
	return c.ring[q].ram + at;
}

static inline void give_buffer_to(unsigned rx, uint32_t len)
{
	client_offer(&c, rx, IN, len, VRING_DESC_F_WRITE);
}

static inline void give_buffer(uint32_t len)
{
	give_buffer_to(NET_RX, len);
}

/* Send HEADER + @len bytes, all @fill, and wait for their completion; gives its used length. */
static inline uint32_t send_frame_on(unsigned tx, uint32_t len, int fill)
{
	uint16_t used = ring_used(&c.ring[tx])->idx;

	memset(ram(tx, OUT), fill, HEADER + len);
	client_offer(&c, tx, OUT, HEADER + len, 0);
	client_kick(tx);
	client_used(&c, tx, (uint16_t)(used + 1));
	return client_last(&c, tx)->len;
}

static inline uint32_t send_frame(uint32_t len, int fill)
{
	return send_frame_on(NET_TX, len, fill);
}

static inline void came_back_on(unsigned rx, uint16_t used, uint32_t len, int fill)
{
	static const uint8_t header[HEADER] = {[10] = 1}; /* one buffer, and nothing else said */

	client_used(&c, rx, used);
	assert_int_equal(client_last(&c, rx)->len, HEADER + len);
	assert_memory_equal(ram(rx, IN), header, HEADER);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(*ram(rx, IN + HEADER + i), fill);
}

static inline void came_back(uint16_t used, uint32_t len, int fill)
{
	came_back_on(NET_RX, used, len, fill);
}

static inline unsigned irqs(unsigned q)
{
	fake_vduse_lock();
	unsigned n = fake_vduse.irqs[q];
	fake_vduse_unlock();
	return n;
}

/* Calls come after completions: wait for one more than @before. */
static inline void called(unsigned q, unsigned before)
{
	for (unsigned i = 0; i < 15000 && irqs(q) == before; i++)
		client_pause();
	assert_true(irqs(q) > before);
}

/* Have the CVQ do @len bytes of @cmd; gives the ack, or -1 if it was completed without one. */
static inline int control(const void *cmd, uint32_t len)
{
	struct guest_ring *r = &c.ring[client_cvq];
	uint16_t used = ring_used(r)->idx;

	memcpy(ram(client_cvq, OUT), cmd, len);
	*ram(client_cvq, IN) = 0xee;
	ring_set(r, 0, client_base[client_cvq] + OUT, len, VRING_DESC_F_NEXT, 1);
	ring_set(r, 1, client_base[client_cvq] + IN, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(r, 0);
	client_kick(client_cvq);
	client_used(&c, client_cvq, (uint16_t)(used + 1));
	uint32_t wrote = client_last(&c, client_cvq)->len;
	assert_int_equal(*ram(client_cvq, IN) != 0xee, wrote);
	return wrote ? *ram(client_cvq, IN) : -1;
}

/* What was kicked for before the first of two commands has been looked at after the second. */
static inline void settle(void)
{
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(control("\0\0\1", 3), VIRTIO_NET_OK);
}

static inline void config_mac_is(const char *mac)
{
	fake_vduse_lock();
	assert_memory_equal(fake_vduse.config, mac, 6);
	fake_vduse_unlock();
}

/* VQ_PAIRS_SET */
static inline int use_pairs(uint16_t pairs)
{
	const uint8_t cmd[] = {4, 0, (uint8_t)pairs, (uint8_t)(pairs >> 8)};

	return control(cmd, sizeof(cmd));
}

#endif
