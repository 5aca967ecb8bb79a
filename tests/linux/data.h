/* SPDX-License-Identifier: MIT */
/*
 * What both halves of the data tests agree on: addresses, ports, and the streams of bytes that each
 * side can make and check by itself. It must never hold what only one of them needs.
 */
#ifndef TESTS_LINUX_DATA_H
#define TESTS_LINUX_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_HOST "10.77.0.1"
#define DATA_GUEST "10.77.0.2"
#define DATA_MASK "255.255.255.0"
#define DATA_STREAM_PORT 7001 /* TCP: 'u' and the guest sends a stream, 'd' and it gets one */
#define DATA_FRAME_PORT 7002  /* UDP: a frame that the host is to send as it is */
#define DATA_STREAM_LEN (6u << 20)
#define DATA_TYPE 0x88b5 /* a frame's EtherType, of those for local experiments */

#define DATA_DISK_NAME "linuxdisk" /* the device's, which is its serial number as well */
#define DATA_DISK_LEN (8u << 20)
#define DATA_DISK_SEED 3
#define DATA_DISCARD_AT (2u << 20)
#define DATA_ZERO_AT (5u << 20)
#define DATA_HOLE_LEN (1u << 20)
#define DATA_BLOCK 4096u
#define DATA_FLUSHED "flushed block " /* its number follows */
#define DATA_COUNT "ringfence.count=" /* on the guest's command line */

/** Bytes [@at, @at + @len) of stream @seed. */
void data_fill(uint8_t *out, size_t len, uint64_t seed, uint64_t at);

/** Send @len bytes of stream @seed, or receive and compare them. 0 or an errno value; EBADMSG:
 * there was another byte, or the stream ended early. */
int data_send(int fd, size_t len, uint64_t seed);
int data_check(int fd, size_t len, uint64_t seed);

/** Give @name an address and set it up. 0 or an errno value. */
int data_interface(const char *name, const char *address);

/** The guest's side: ping DATA_HOST, so many times, and compare what comes back; 0 or an errno
 * value.
 */
#define DATA_PINGS 20
int data_ping(void);

/** Have RSS send what comes in on @name to one queue after another, and look where it comes. */
void data_steer(const char *name);

/** The guest's side: what the mode says ("tap", "sink", "iperf", "disk"...). False: it is none of
 * ours. */
bool data_guest(const char *mode);
bool data_disk(const char *mode);
bool data_iperf(const char *mode);

/** The judge's: one TAP line if there is a test of that name; how many did not hold. */
unsigned data_judge(const char *name, unsigned *number);

/** NULL, or what did not hold: console of /out/NAME.console, @says up to a NULL. @words: for the
 * guest's command line. */
const char *data_run_guest(const char *name, const char *node, const char *words,
			   const char *const *says);
const char *data_judge_console(const char *console, int code, const char *const *says);
const char *data_test_iperf(void);
const char *data_test_disk(void);
const char *data_test_death(void);

#endif
