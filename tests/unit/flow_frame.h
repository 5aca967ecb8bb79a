/* SPDX-License-Identifier: MIT */
/*
 * Frames with the addresses and ports of the published verification suite for the Toeplitz hash of
 * receive-side scaling, its key, and its values.
 */
#ifndef FLOW_FRAME_H
#define FLOW_FRAME_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define FLOW_KEY_LEN 40u
static const uint8_t flow_key[FLOW_KEY_LEN] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct flow_vector {
	const char *from, *to;
	uint16_t from_port, to_port;
	uint32_t by_address, by_port;
};

static const struct flow_vector flow_v4[] = {
    {"66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
    {"199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
    {"24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
    {"38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
    {"153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2}};

static const struct flow_vector flow_v6[] = {
    {"3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d},
    {"3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf},
    {"3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985,
     0x02d1feef}};

#define FLOW_ETHER 14u
#define FLOW_V4 20u
#define FLOW_V6 40u
#define FLOW_REST 24u /* room for TCP's header, and some */
#define FLOW_MAX (FLOW_ETHER + FLOW_V6 + FLOW_REST)

static inline void flow_be16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void flow_ports(uint8_t *at, const struct flow_vector *v)
{
	flow_be16(at, v->from_port);
	flow_be16(at + 2, v->to_port);
}

/** A datagram of @protocol in a frame; its length. */
static inline size_t flow_frame_v4(uint8_t frame[FLOW_MAX], const struct flow_vector *v,
				   uint8_t protocol)
{
	uint8_t *ip = frame + FLOW_ETHER;

	memset(frame, 0, FLOW_MAX);
	memset(frame, 0xff, 6);
	flow_be16(frame + 12, 0x0800);
	ip[0] = 0x45;
	flow_be16(ip + 2, FLOW_V4 + FLOW_REST);
	ip[9] = protocol;
	inet_pton(AF_INET, v->from, ip + 12);
	inet_pton(AF_INET, v->to, ip + 16);
	flow_ports(ip + FLOW_V4, v);
	return FLOW_ETHER + FLOW_V4 + FLOW_REST;
}

static inline size_t flow_frame_v6(uint8_t frame[FLOW_MAX], const struct flow_vector *v,
				   uint8_t protocol)
{
	uint8_t *ip = frame + FLOW_ETHER;

	memset(frame, 0, FLOW_MAX);
	memset(frame, 0xff, 6);
	flow_be16(frame + 12, 0x86dd);
	ip[0] = 0x60;
	flow_be16(ip + 4, FLOW_REST);
	ip[6] = protocol;
	inet_pton(AF_INET6, v->from, ip + 8);
	inet_pton(AF_INET6, v->to, ip + 24);
	flow_ports(ip + FLOW_V6, v);
	return FLOW_ETHER + FLOW_V6 + FLOW_REST;
}

#endif
