/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the data tests over the network: ping, streams that are checked byte for
 * byte, and which frames its interface is given. It must never trust that silence means a frame was
 * kept back: an answer that comes after it has to.
 */
#include "data.h"
#include "linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PINGS 20
#define TRIES 60 /* of 50 ms: the driver sends receive modes from a thread of its own */
#define SINK_FRAMES 100

static char name[IFNAMSIZ];
static int control; /* a socket for ioctls */

static void say(const char *what, int code)
{
	printf(TEST_SAYS "%s %s%s\n", what, code ? "FAILED: " : "ok", code ? strerror(code) : "");
	fflush(stdout);
}

static struct sockaddr_in host(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, DATA_HOST, &a.sin_addr);
	return a;
}

/* Nothing here waits for longer. */
static void limit(int fd)
{
	const struct timeval t = {10, 0};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* ---- ping ---- */

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint16_t *w = bytes;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *w++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

static int ping_once(int s, uint16_t n)
{
	struct {
		struct icmphdr h;
		uint8_t data[56];
	} out = {.h = {.type = ICMP_ECHO, .un.echo = {.id = htons(0x5246), .sequence = n}}};
	uint8_t in[256];
	struct sockaddr_in to = host(0);

	data_fill(out.data, sizeof(out.data), 9, n);
	out.h.checksum = checksum(&out, sizeof(out));
	if (sendto(s, &out, sizeof(out), 0, (void *)&to, sizeof(to)) < 0)
		return errno;
	for (unsigned i = 0; i < 8; i++) {
		ssize_t len = recv(s, in, sizeof(in), 0);
		const struct icmphdr *h = (const void *)(in + 20);
		if (len < 0)
			return errno;
		if (len == 20 + (ssize_t)sizeof(out) && h->type == ICMP_ECHOREPLY &&
		    h->un.echo.sequence == n)
			return memcmp(in + 28, out.data, sizeof(out.data)) ? EBADMSG : 0;
	}
	return ETIMEDOUT;
}

int data_ping(void)
{
	int s = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	int ret = s < 0 ? errno : 0;

	if (!ret)
		limit(s);
	for (uint16_t n = 0; !ret && n < PINGS; n++)
		ret = ping_once(s, n);
	if (s >= 0)
		close(s);
	return ret;
}

/* ---- streams ---- */

static int stream(char way)
{
	struct sockaddr_in to = host(DATA_STREAM_PORT);
	struct timespec from, end;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	limit(s);
	clock_gettime(CLOCK_MONOTONIC, &from);
	int ret = connect(s, (void *)&to, sizeof(to)) || write(s, &way, 1) != 1 ? errno : 0;
	if (!ret)
		ret = way == 'u' ? data_send(s, DATA_STREAM_LEN, 1)
				 : data_check(s, DATA_STREAM_LEN, 2);
	/* The host's word on what it has got, or the end of what it had. */
	char word = 'x';
	if (!ret && way == 'u' && (read(s, &word, 1) != 1 || word != 'y'))
		ret = EBADMSG;
	clock_gettime(CLOCK_MONOTONIC, &end);
	close(s);
	long ms = (end.tv_sec - from.tv_sec) * 1000 + (end.tv_nsec - from.tv_nsec) / 1000000;
	printf(TEST_SAYS "%s %u bytes in %ld ms\n", way == 'u' ? "sent" : "received",
	       DATA_STREAM_LEN, ms);
	return ret;
}

/* ---- which frames come in ---- */

static int packet_socket(void)
{
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_ALL),
				.sll_ifindex = (int)if_nametoindex(name)};

	if (bind(s, (void *)&a, sizeof(a)))
		say("packet socket", errno);
	return s;
}

struct probe {
	int frames, asking;
	uint32_t number;
	uint8_t mac[6]; /* our own */
};

/* Whether frame @number has come; what else has is forgotten. */
static bool has_come(const struct probe *p)
{
	uint8_t got[2048];
	bool found = false;

	for (ssize_t n; (n = recv(p->frames, got, sizeof(got), 0)) > 0;) {
		size_t at = got[12] == 0x81 && got[13] == 0 ? 16 : 12;
		uint32_t number;
		memcpy(&number, got + at + 2, 4);
		found |= n >= 60 && got[at] == DATA_TYPE >> 8 &&
			 got[at + 1] == (DATA_TYPE & 0xff) && number == p->number;
	}
	return found;
}

/*
 * Have the host send a frame to @to, tagged if @vlan isn't 0. Its answer to us comes by the same
 * way after the frame, which has therefore come by then or does not come. 1, 0, or a negative errno
 * value.
 */
static int passes(struct probe *p, const uint8_t to[6], unsigned vlan)
{
	uint8_t frame[64] = {0};
	struct sockaddr_in a = host(DATA_FRAME_PORT);
	size_t at = 12;
	char answer;

	memcpy(frame, to, 6);
	memcpy(frame + 6, "\2\0\0\0\0\x99", 6);
	if (vlan) {
		memcpy(frame + 12, (const uint8_t[]){0x81, 0, 0, (uint8_t)vlan}, 4);
		at = 16;
	}
	frame[at] = DATA_TYPE >> 8;
	frame[at + 1] = DATA_TYPE & 0xff;
	p->number++;
	memcpy(frame + at + 2, &p->number, 4);
	(void)has_come(p);
	if (sendto(p->asking, frame, sizeof(frame), 0, (void *)&a, sizeof(a)) < 0 ||
	    recv(p->asking, &answer, 1, 0) != 1)
		return -errno;
	return has_come(p);
}

/* It must become @want, and then say so twice. */
static void expect(struct probe *p, const char *what, int want, const uint8_t to[6], unsigned vlan)
{
	int is = -1;

	for (unsigned i = 0; i < TRIES && (is = passes(p, to, vlan)) != want; i++)
		usleep(50000);
	if (is == want)
		is = passes(p, to, vlan);
	say(what, is == want ? 0 : is < 0 ? -is : EBADMSG);
}

static void flag(short which, bool on)
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, name, sizeof(name));
	if (!ioctl(control, SIOCGIFFLAGS, &r)) {
		r.ifr_flags = (short)(on ? r.ifr_flags | which : r.ifr_flags & ~which);
		if (!ioctl(control, SIOCSIFFLAGS, &r))
			return;
	}
	say("flags", errno);
}

/* Until the kernel has made the link known to itself, it drops what is sent without a word. */
static int wait_for_link(void)
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, name, sizeof(name));
	for (unsigned i = 0; i < TRIES && !(r.ifr_flags & IFF_RUNNING); i++) {
		usleep(50000);
		if (ioctl(control, SIOCGIFFLAGS, &r))
			return errno;
	}
	return r.ifr_flags & IFF_RUNNING ? 0 : ENETDOWN;
}

static void group(unsigned long request, const uint8_t mac[6])
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, name, sizeof(name));
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(control, request, &r))
		say("group", errno);
}

static void vlan(int cmd, unsigned id)
{
	struct vlan_ioctl_args a = {.cmd = cmd};

	if (cmd == ADD_VLAN_CMD) {
		memcpy(a.device1, name, sizeof(name));
		a.u.VID = (int)id;
	} else {
		snprintf(a.device1, sizeof(a.device1), "%.8s.%u", name, id);
	}
	struct vlan_ioctl_args kind = {.cmd = SET_VLAN_NAME_TYPE_CMD,
				       .u.name_type = VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD};
	if (ioctl(control, SIOCSIFVLAN, &kind) || ioctl(control, SIOCSIFVLAN, &a))
		say("vlan", errno);
}

static void walk_filters(struct probe *p)
{
	static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 0x42}, multi[6] = {1, 0, 0x5e, 1, 2, 3};

	expect(p, "own address passes", 1, p->mac, 0);
	expect(p, "a stranger's does not", 0, stranger, 0);
	flag(IFF_PROMISC, true);
	expect(p, "promiscuous: it does", 1, stranger, 0);
	expect(p, "promiscuous: any VLAN", 1, stranger, 7);
	flag(IFF_PROMISC, false);
	expect(p, "no more: it does not", 0, stranger, 0);
	expect(p, "a group does not", 0, multi, 0);
	group(SIOCADDMULTI, multi);
	expect(p, "joined: it does", 1, multi, 0);
	group(SIOCDELMULTI, multi);
	expect(p, "left: it does not", 0, multi, 0);
	flag(IFF_ALLMULTI, true);
	expect(p, "all groups: it does", 1, multi, 0);
	flag(IFF_ALLMULTI, false);
	expect(p, "a VLAN does not", 0, p->mac, 5);
	vlan(ADD_VLAN_CMD, 5);
	expect(p, "VLAN added: it does", 1, p->mac, 5);
	expect(p, "another VLAN does not", 0, p->mac, 6);
	vlan(DEL_VLAN_CMD, 5);
	expect(p, "VLAN removed: it does not", 0, p->mac, 5);
}

static void filters(void)
{
	struct probe p = {.frames = packet_socket(),
			  .asking = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	struct ifreq r = {0};

	limit(p.asking);
	memcpy(r.ifr_name, name, sizeof(name));
	if (ioctl(control, SIOCGIFHWADDR, &r))
		say("address", errno);
	memcpy(p.mac, r.ifr_hwaddr.sa_data, 6);
	walk_filters(&p);
	close(p.frames);
	close(p.asking);
}

/* Frames that nobody answers: not even they come back. */
static void sink(void)
{
	uint8_t frame[1000] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x99};
	int ret = 0;

	flag(IFF_UP, true);
	say("link", wait_for_link());
	int s = packet_socket();
	struct probe p = {.frames = s};
	frame[12] = DATA_TYPE >> 8;
	frame[13] = DATA_TYPE & 0xff;
	for (uint32_t n = 1; !ret && n <= SINK_FRAMES; n++) {
		memcpy(frame + 14, &n, 4);
		if (write(s, frame, sizeof(frame)) < 0)
			ret = errno;
		usleep(1000);
	}
	say("frames sent", ret);
	usleep(200000);
	/* A packet socket sees what goes out as well, but not its own. */
	p.number = SINK_FRAMES;
	say("nothing came back", has_come(&p) ? EBADMSG : 0);
	close(s);
}

bool data_guest(const char *mode)
{
	bool tap = !strcmp(mode, "tap");

	if (!tap && strcmp(mode, "sink"))
		return data_disk(mode);
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	say("interface", guest_interface(name));
	if (!tap) {
		sink();
		return true;
	}
	say("address", data_interface(name, DATA_GUEST));
	say("ping", data_ping());
	say("stream to the host", stream('u'));
	say("stream from the host", stream('d'));
	filters();
	say("ping again", data_ping());
	return true;
}
