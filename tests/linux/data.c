/* SPDX-License-Identifier: MIT */
/* Streams and addresses of the data tests; see data.h. It must never judge. */
#include "data.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* splitmix64's mixing step: a byte can be told without those before it. */
static uint64_t mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

void data_fill(uint8_t *out, size_t len, uint64_t seed, uint64_t at)
{
	uint64_t word = mix(seed << 40 ^ at / 8);

	for (size_t i = 0; i < len; i++, at++) {
		if (at % 8 == 0)
			word = mix(seed << 40 ^ at / 8);
		out[i] = (uint8_t)(word >> at % 8 * 8);
	}
}

int data_send(int fd, size_t len, uint64_t seed)
{
	uint8_t bytes[16384];

	for (size_t at = 0; at < len;) {
		size_t want = len - at < sizeof(bytes) ? len - at : sizeof(bytes);
		data_fill(bytes, want, seed, at);
		ssize_t n = send(fd, bytes, want, MSG_NOSIGNAL);
		if (n <= 0)
			return errno;
		at += (size_t)n;
	}
	return 0;
}

int data_check(int fd, size_t len, uint64_t seed)
{
	uint8_t bytes[16384], want[16384];

	for (size_t at = 0; at < len;) {
		size_t room = len - at < sizeof(bytes) ? len - at : sizeof(bytes);
		ssize_t n = recv(fd, bytes, room, 0);
		if (n < 0)
			return errno;
		data_fill(want, (size_t)n, seed, at);
		if (n == 0 || memcmp(bytes, want, (size_t)n))
			return EBADMSG;
		at += (size_t)n;
	}
	return 0;
}

static int set_address(int s, const char *name, unsigned long request, const char *text)
{
	struct ifreq r = {0};
	struct sockaddr_in a = {.sin_family = AF_INET};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	inet_pton(AF_INET, text, &a.sin_addr);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	return ioctl(s, request, &r) ? errno : 0;
}

int data_interface(const char *name, const char *address)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};
	int ret = s < 0 ? errno : set_address(s, name, SIOCSIFADDR, address);

	if (!ret)
		ret = set_address(s, name, SIOCSIFNETMASK, DATA_MASK);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (!ret && ioctl(s, SIOCGIFFLAGS, &r))
		ret = errno;
	r.ifr_flags |= IFF_UP;
	if (!ret && ioctl(s, SIOCSIFFLAGS, &r))
		ret = errno;
	if (s >= 0)
		close(s);
	return ret;
}
