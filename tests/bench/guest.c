/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of the Linux guest that `ringfence bench` boots, under our VMM or another: says that it is
 * there, then times what its command line asks for. It must never ask anything of the VMM that not
 * every VMM has.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 16u
#define ETHERTYPE 0x88b5 /* IEEE 802: for local experiments */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say_failed(const char *what)
{
	printf(GUEST_FAILED " %s: %s\n", what, strerror(errno));
}

static void mount_all(void)
{
	static const char *const types[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}};

	for (unsigned i = 0; i < 2; i++) {
		(void)mkdir(types[i][1], 0755);
		(void)mount(types[i][0], types[i][1], types[i][0], 0, NULL);
	}
}

/* The number behind @word on the command line, 0 if it is not there. */
static unsigned asked(const char *word)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");
	const char *at = f && fgets(line, sizeof(line), f) ? strstr(line, word) : NULL;
	unsigned n = at ? (unsigned)strtoul(at + strlen(word), NULL, 10) : 0;

	if (f)
		fclose(f);
	return n;
}

static bool find_interface(char name[IFNAMSIZ])
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *d;
	char path[300];
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/net/%.200s/device/driver", d->d_name);
		found = access(path, F_OK) == 0;
		if (found)
			snprintf(name, IFNAMSIZ, "%.15s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Each is one command on the CVQ: MAC_ADDR_SET. */
static bool set_addresses(int s, const char *name, unsigned count)
{
	int64_t *took = calloc(count, sizeof(*took));
	struct ifreq r = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
	int64_t all = now_ns();

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	for (unsigned i = 0; took && i < count; i++) {
		const uint8_t mac[6] = {
		    0x02, 0x52, 0x46, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		memcpy(r.ifr_hwaddr.sa_data, mac, sizeof(mac));
		int64_t begun = now_ns();
		if (ioctl(s, SIOCSIFHWADDR, &r))
			return false;
		took[i] = now_ns() - begun;
	}
	if (!took)
		return false;
	all = now_ns() - all;
	qsort(took, count, sizeof(took[0]), by_size);
	printf(GUEST_SET " %u %lld %lld %lld\n", count, (long long)all, (long long)took[count / 2],
	       (long long)took[(uint64_t)count * 99 / 100]);
	free(took);
	return true;
}

static bool bring_up(int s, const char *name)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(s, SIOCGIFFLAGS, &r))
		return false;
	r.ifr_flags |= IFF_UP;
	return !ioctl(s, SIOCSIFFLAGS, &r);
}

static int open_packets(const char *name)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETHERTYPE),
				.sll_ifindex = (int)if_nametoindex(name)};
	const struct timeval patience = {.tv_sec = 20};
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));

	if (s >= 0 && (bind(s, (const struct sockaddr *)&a, sizeof(a)) ||
		       setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))) {
		close(s);
		return -1;
	}
	return s;
}

/* What came in from outside; a packet socket also sees some of what goes out. */
static bool take_one(int s)
{
	uint8_t frame[2048];
	struct sockaddr_ll from = {0};

	do {
		socklen_t len = sizeof(from);
		if (recvfrom(s, frame, sizeof(frame), 0, (struct sockaddr *)&from, &len) < 0)
			return false;
	} while (from.sll_pkttype == PACKET_OUTGOING);
	return true;
}

/* To everyone and back by the device's loopback, WINDOW under way. */
static bool send_frames(int control, const char *name, unsigned count)
{
	uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
			     0x52, 0x46, 0,    0,    1,	   0x88, 0xb5};
	int s = bring_up(control, name) ? open_packets(name) : -1;
	unsigned sent = 0, back = 0;

	printf(GUEST_SENDING "\n");
	int64_t begun = now_ns();
	while (s >= 0 && back < count) {
		for (; sent < count && sent - back < WINDOW; sent++)
			if (send(s, frame, sizeof(frame), 0) < 0)
				return false;
		if (!take_one(s))
			return false;
		back++;
	}
	if (s < 0)
		return false;
	printf(GUEST_SENT " %u %lld\n", count, (long long)(now_ns() - begun));
	close(s);
	return true;
}

static void work(void)
{
	unsigned addresses = asked(GUEST_ADDRESSES), frames = asked(GUEST_FRAMES);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[IFNAMSIZ];

	if (!addresses && !frames)
		return;
	if (s < 0 || !find_interface(name)) {
		say_failed("no interface with a driver");
		return;
	}
	if (addresses && !set_addresses(s, name, addresses))
		say_failed("set an address");
	if (frames && !send_frames(s, name, frames))
		say_failed("send and receive");
}

void guest_main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf(GUEST_INIT "\n");
	mount_all();
	work();
	printf(GUEST_DONE "\n");
	for (;;)
		pause(); /* whoever listens ends the VMM */
}
