/* SPDX-License-Identifier: MIT */
/*
 * Every control command, through the shadow CVQ and a real kernel to the VDUSE device and back: the
 * answers, and after each of them the state that both ends have written down, byte for byte. Then
 * the state is replayed on the device after a reset, and at the end both ends' traces must have the
 * same commands and states in the same order. On a device with one pair of queues, and on one with
 * four. It must never take a time-out for an answer.
 */
#include "../../vdpa/device.h"
#include "../../virtio/ctrl.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_SIZE (4u << 20)
#define RING_NUM 16u
#define RINGS 0x10000u /* each queue's: table, available and used ring, a page each */
#define COMMAND 0x40000u
#define ANSWER 0x50000u
#define CVQ (2 * t.pairs)
#define PAIRS 4u
#define WAIT_MS 3000
#define DEVICE_STATE "/tmp/device.json"
#define DEVICE_TRACE "/tmp/device.trace"
#define VMM_TRACE "/tmp/vmm.trace"
#define F(name) (1ull << VIRTIO_NET_F_##name)

static struct {
	unsigned pairs;
	unsigned disabled; /* queues that the driver does not enable, a bit each */
	uint8_t *ram;
	struct gmem mem;
	struct device *dev;
	struct ctrl_state state;
	char json[CTRL_PRINT_MAX];
	uint16_t offered;
	atomic_uint interrupts;
	atomic_uint status; /* of the config space */
	unsigned bad, done;
	pid_t child;
} t;

static void check(bool good, const char *what)
{
	printf("%s: %s\n", good ? "ok" : "FAILED", what);
	t.done++;
	t.bad += !good;
}

static void on_log(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "trip: %s\n", line);
}

static void on_failed(void *ctx, const char *why)
{
	(void)ctx;
	(void)why; /* the log has it */
	t.bad++;
}

/* Before the answer can be seen, so whoever has seen it may read this. */
static void on_state(void *ctx, const struct ctrl_state *s)
{
	(void)ctx;
	t.state = *s;
	ctrl_json(s, t.json, sizeof(t.json));
}

static void on_config(void *ctx, const void *config, size_t len, bool interrupt)
{
	struct virtio_net_config c = {0};

	(void)ctx;
	memcpy(&c, config, len < sizeof(c) ? len : sizeof(c));
	atomic_store(&t.status, c.status);
	atomic_fetch_add(&t.interrupts, interrupt);
}

/* ---- the device ---- */

static bool start_device(char node[64])
{
	const char pairs[2] = {(char)('0' + t.pairs)};
	int out[2];

	if (pipe(out))
		return false;
	t.child = fork();
	if (t.child == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl("/bin/ringfence", "ringfence", "device", "--name", "trip", "--state",
		      DEVICE_STATE, "--trace", DEVICE_TRACE, "--timeout", "120", "--queue-pairs",
		      pairs, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	FILE *f = fdopen(out[0], "r");
	return t.child > 0 && f && fscanf(f, "ready %63s", node) == 1;
}

static bool device_agrees(void)
{
	static char theirs[CTRL_PRINT_MAX];
	FILE *f = fopen(DEVICE_STATE, "r");

	if (!f)
		return false;
	theirs[fread(theirs, 1, sizeof(theirs) - 1, f)] = '\0';
	fclose(f);
	if (!strcmp(theirs, t.json))
		return true;
	printf("# the VMM:    %s\n# the device: %s\n", t.json, theirs);
	return false;
}

/* ---- the driver ---- */

static void start(uint64_t features)
{
	struct device_queue q[2 * PAIRS + 1];

	memset(t.ram + RINGS, 0, COMMAND - RINGS);
	t.offered = 0;
	for (unsigned i = 0; i <= CVQ; i++) {
		uint64_t at = RINGS + i * 0x3000;
		q[i] = (struct device_queue){!(t.disabled >> i & 1), RING_NUM, at, at + 0x1000,
					     at + 0x2000};
	}
	device_start(t.dev, features, q, CVQ + 1);
	for (unsigned i = 0; i < WAIT_MS && !device_idle(t.dev); i++)
		poll(NULL, 0, 1);
	check(device_idle(t.dev), "the device starts");
}

/* Send a command with room for @room bytes behind its ack; the used length, 0 if none came. */
static uint32_t send_command(const void *cmd, uint32_t len, uint32_t room)
{
	uint8_t *ring = t.ram + RINGS + CVQ * 0x3000;
	struct vring_desc *desc = (void *)ring;
	struct vring_avail *avail = (void *)(ring + 0x1000);
	const volatile struct vring_used *used = (void *)(ring + 0x2000);
	struct pollfd p = {.fd = device_call_fd(t.dev, CVQ), .events = POLLIN};
	eventfd_t n;

	memcpy(t.ram + COMMAND, cmd, len);
	memset(t.ram + ANSWER, 0xee, 64);
	desc[0] = (struct vring_desc){COMMAND, len, VRING_DESC_F_NEXT, 1};
	desc[1] = (struct vring_desc){ANSWER, 1 + room, VRING_DESC_F_WRITE, 0};
	avail->ring[t.offered % RING_NUM] = 0;
	__atomic_store_n(&avail->idx, ++t.offered, __ATOMIC_RELEASE);
	(void)eventfd_write(device_kick_fd(t.dev, CVQ), 1);
	while (used->idx != t.offered) {
		if (poll(&p, 1, WAIT_MS) != 1)
			return 0;
		(void)eventfd_read(p.fd, &n);
	}
	return used->ring[(t.offered - 1) % RING_NUM].len;
}

struct command {
	const char *name;
	uint8_t len, bytes[32];
	uint8_t ack;
};

static const struct command commands[] = {
    {"promiscuous off", 3, {0, 0, 0}, 0},
    {"all multicast", 3, {0, 1, 1}, 0},
    {"all unicast", 3, {0, 2, 1}, 0},
    {"no multicast", 3, {0, 3, 1}, 0},
    {"no unicast", 3, {0, 4, 1}, 0},
    {"no broadcast", 3, {0, 5, 1}, 0},
    {"a mode that is none", 3, {0, 6, 1}, 1},
    {"a mode that is neither on nor off", 3, {0, 5, 2}, 1},
    {"an address", 8, {1, 1, 2, 0, 0, 9, 9, 9}, 0},
    {"a MAC table",
     28,
     {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 2},
     0},
    {"a MAC table of too many", 16, {1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {"VLAN 5", 4, {2, 0, 5, 0}, 0},
    {"VLAN 4095", 4, {2, 0, 0xff, 0xf}, 0},
    {"VLAN 4096", 4, {2, 0, 0, 0x10}, 1},
    {"no VLAN 5", 4, {2, 1, 5, 0}, 0},
    {"an announcement heard", 2, {3, 0}, 0},
    {"no offloads", 10, {5, 0}, 0},
    {"an offload that was not negotiated", 10, {5, 0, 0x80}, 1},
    {"receive coalescing", 10, {6, 1, 8, 0, 0, 0, 50, 0, 0, 0}, 0},
    {"transmit coalescing", 10, {6, 0, 4, 0, 0, 0, 20, 0, 0, 0}, 0},
    {"coalescing of queue 1", 14, {6, 2, 1, 0, 0, 0, 2, 0, 0, 0, 7, 1, 0, 0}, 0},
    {"tunnels' hash, which was not negotiated", 3, {7, 0, 1}, 1},
    {"statistics, which were not negotiated", 2, {8, 0}, 1},
    {"a class that is none", 3, {0xff, 0xff, 1}, 1},
    {"", 0, {0}, 0},
};

static const struct command of_one_pair[] = {
    {"queue pairs, which were not negotiated", 4, {4, 0, 1, 0}, 1},
    {"RSS, which was not negotiated", 15, {4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 1},
    {"a hash, which was not negotiated", 15, {4, 2}, 1},
    {"coalescing of queue 2", 14, {6, 2, 2, 0, 0, 0, 2, 0, 0, 0, 7, 1, 0, 0}, 1},
    {"", 0, {0}, 0},
};

static const struct command of_pairs[] = {
    {"three pairs", 4, {4, 0, 3, 0}, 0},
    {"five pairs", 4, {4, 0, 5, 0}, 1},
    {"coalescing of queue 7", 14, {6, 2, 7, 0, 0, 0, 2, 0, 0, 0, 7, 1, 0, 0}, 0},
    {"coalescing of queue 8", 14, {6, 2, 8, 0, 0, 0, 2, 0, 0, 0, 7, 1, 0, 0}, 1},
    {"a hash", 17, {4, 2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9}, 0},
    {"a hash of IPv6 options, which is none", 15, {4, 2, 0x40}, 1},
    {"a hash with something reserved", 15, {4, 2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 1},
    {"RSS", 19, {4, 1, 0x3f, 0, 0, 0, 1, 0, 2, 0, 3, 0, 1, 0, 4, 0, 2, 8, 9}, 0},
    {"RSS with a byte behind it, as Linux has it",
     18,
     {4, 1, 1, 0, 0, 0, 1, 0, 2, 0, 3, 0, 1, 0, 4, 0, 0, 9},
     0},
    {"RSS with two", 19, {4, 1, 1, 0, 0, 0, 1, 0, 2, 0, 3, 0, 1, 0, 4, 0, 0, 9, 9}, 1},
    {"RSS with a queue that is none", 17, {4, 1, 1, 0, 0, 0, 1, 0, 2, 0, 4, 0, 1, 0, 4}, 1},
    {"RSS with another for the rest", 17, {4, 1, 1, 0, 0, 0, 1, 0, 4, 0, 3, 0, 1, 0, 4}, 1},
    {"RSS of IPv6 options", 17, {4, 1, 0x80, 0, 0, 0, 1, 0, 2, 0, 3, 0, 1, 0, 4}, 1},
    {"pairs in the place of RSS", 4, {4, 0, 2, 0}, 0},
    {"RSS once more", 17, {4, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0, 4}, 0},
    {"", 0, {0}, 0},
};

static void every_command(const struct command *c)
{
	char what[120];

	for (; c->len; c++) {
		uint32_t wrote = send_command(c->bytes, c->len, 0);
		snprintf(what, sizeof(what), "%s is %s", c->name, c->ack ? "refused" : "done");
		check(wrote == 1 && t.ram[ANSWER] == c->ack, what);
		snprintf(what, sizeof(what), "both ends agree after it");
		check(device_agrees(), what);
	}
}

static void results(void)
{
	static const uint8_t get[] = {6, 3, 1, 0, 0, 0};
	static const uint8_t want[] = {0, 2, 0, 0, 0, 7, 1, 0, 0, 0xee};

	check(send_command(get, sizeof(get), 20) == 9 &&
		  !memcmp(t.ram + ANSWER, want, sizeof(want)),
	      "a result comes back behind the ack");
	check(send_command(get, sizeof(get), 7) == 1 && t.ram[ANSWER] == 1 &&
		  t.ram[ANSWER + 1] == 0xee,
	      "a result without room is an error");
}

static void announce(void)
{
	static const uint8_t ack[] = {3, 0};
	unsigned before = atomic_load(&t.interrupts);

	kill(t.child, SIGUSR2);
	for (unsigned i = 0; i < WAIT_MS && atomic_load(&t.interrupts) == before; i++)
		poll(NULL, 0, 1);
	check(atomic_load(&t.interrupts) == before + 1 &&
		  atomic_load(&t.status) == (VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE),
	      "the device asks for an announcement, by an interrupt");
	check(send_command(ack, sizeof(ack), 0) == 1 && t.ram[ANSWER] == 0 &&
		  atomic_load(&t.status) == VIRTIO_NET_S_LINK_UP,
	      "and no more once it was heard");
}

/* A driver that takes less than there is: no address, and the first pair of queues. */
static void modest(uint64_t features)
{
	static const struct command coalescing[] = {
	    {"coalescing of queue 1", 14, {6, 2, 1, 0, 0, 0, 3, 0, 0, 0, 7, 1, 0, 0}, 0},
	    {"coalescing of queue 7, which is not enabled", 14, {6, 2, 7}, 1},
	    {"the question after it", 6, {6, 3, 7}, 1},
	    {"receive coalescing", 10, {6, 1, 8, 0, 0, 0, 50, 0, 0, 0}, 0},
	    {"", 0, {0}, 0},
	};

	check(device_reset(t.dev, WAIT_MS), "a reset before a modest driver");
	t.disabled = ((1u << CVQ) - 1) & ~3u;
	start(features & ~F(MAC));
	every_command(coalescing);
}

static void replay(uint64_t features)
{
	static char before[CTRL_PRINT_MAX];
	uint8_t config[64], cmd[CTRL_COMMAND_MAX];
	struct ctrl_state s = t.state;
	struct ctrl_rules rules;
	unsigned next = 0, sent = 0;
	bool good = true;

	memcpy(before, t.json, sizeof(before));
	check(device_reset(t.dev, WAIT_MS), "a reset");
	start(features);
	check(send_command("\0\0\1", 3, 0) == 1 && strcmp(t.json, before) && device_agrees(),
	      "leaves a fresh state at both ends");
	ctrl_rules_read(&rules, features, config,
			device_read_config(t.dev, config, sizeof(config)));
	for (size_t len; (len = ctrl_replay(&s, &rules, &next, cmd)); sent++)
		good &= send_command(cmd, (uint32_t)len, 0) == 1 && t.ram[ANSWER] == 0;
	check(good && sent > 10, "every command of a replay is done");
	check(!strcmp(t.json, before) && device_agrees(), "and leads to the state of before");
}

/* ---- the traces ---- */

/* The next state of a trace, as it is written there, into @line; NULL: there is no more. */
static const char *next_state(FILE *f, char **line, size_t *room)
{
	while (f && getline(line, room, f) > 0) {
		const char *at = strstr(*line, "\"ev\":\"state\",\"state\":");
		if (at)
			return at;
	}
	return NULL;
}

/* Whether the two have the same states in the same order, and how many. */
static bool same_states(unsigned *count)
{
	FILE *f[2] = {fopen(DEVICE_TRACE, "r"), fopen(VMM_TRACE, "r")};
	char *line[2] = {NULL, NULL};
	size_t room[2] = {0, 0};
	bool same = true;

	for (*count = 0; same; ++*count) {
		const char *a = next_state(f[0], &line[0], &room[0]),
			   *b = next_state(f[1], &line[1], &room[1]);
		if (!a && !b)
			break;
		same = a && b && !strcmp(a, b);
		if (!same)
			printf("# state %u, the device: %s# the VMM: %s", *count, a ? a : "none\n",
			       b ? b : "none\n");
	}
	for (unsigned i = 0; i < 2; i++) {
		free(line[i]);
		if (f[i])
			fclose(f[i]);
	}
	return same;
}

/* Whether the VMM's trace says why of each command that was refused. */
static bool says_why(void)
{
	FILE *f = fopen(VMM_TRACE, "r");
	char *line = NULL;
	size_t room = 0;
	unsigned refused = 0, reasons = 0;

	while (f && getline(&line, &room, f) > 0) {
		bool cvq = strstr(line, "\"ev\":\"cvq\"");
		refused += cvq && strstr(line, "\"ack\":1");
		reasons += cvq && strstr(line, "\"why\":\"");
	}
	free(line);
	if (f)
		fclose(f);
	return refused > 10 && refused == reasons;
}

static void stop_device(void)
{
	kill(t.child, SIGTERM);
	waitpid(t.child, NULL, 0);
	t.child = 0;
}

static void traces(struct trace *trace)
{
	struct err e = {0};
	unsigned count;

	check(!trace_close(trace, &e), "the VMM's trace is whole");
	stop_device();
	check(same_states(&count) && count > 30, "both traces have the same states");
	check(says_why(), "the VMM's says of each refusal why");
}

static int trip(void)
{
	struct err e = {0};
	struct trace *trace;
	char node[64];
	int fd = memfd_create("ram", MFD_CLOEXEC);

	t.ram = ftruncate(fd, RAM_SIZE)
		    ? MAP_FAILED
		    : mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t.ram == MAP_FAILED || gmem_add(&t.mem, gpa(0), RAM_SIZE, t.ram) || !start_device(node))
		return 70;
	if (trace_open(&trace, VMM_TRACE, &e)) {
		fprintf(stderr, "trip: %s\n", e.text);
		return err_exit_code(e.kind);
	}
	const struct device_config cfg = {.path = node,
					  .mem = &t.mem,
					  .placement = PLACE_HOLE,
					  .canary_key = "a key of 16 byte",
					  .canary_magic = 1,
					  .deadline_ms = 1000,
					  .wish_ms = 2000,
					  .log = on_log,
					  .trace = trace,
					  .failed = on_failed,
					  .state = on_state,
					  .config = on_config};
	int ret = device_open(&t.dev, &cfg, &e);
	if (ret) {
		fprintf(stderr, "trip: %s\n", e.text);
		return err_exit_code(e.kind);
	}
	/* This driver's ring is split, and it wants to hear of everything. */
	uint64_t features = device_features(t.dev) &
			    ~(1ull << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_RING_F_EVENT_IDX);
	check(!(~features & ((t.pairs > 1 ? F(MQ) | F(RSS) | F(HASH_REPORT) : 0) |
			     F(CTRL_RX_EXTRA) | F(CTRL_VLAN) | F(GUEST_ANNOUNCE) |
			     F(CTRL_GUEST_OFFLOADS) | F(NOTF_COAL) | F(VQ_NOTF_COAL))),
	      "the kernel lets every feature through");
	start(features);
	every_command(commands);
	every_command(t.pairs > 1 ? of_pairs : of_one_pair);
	results();
	announce();
	replay(features);
	modest(features);
	bool closed = device_close(t.dev);
	check(closed, "the device is closed");
	if (closed) /* else a thread may still write to it */
		traces(trace);
	return 0;
}

int main(void)
{
	unsigned done = 0, bad = 0;
	int ret = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned pairs = 1; !ret && pairs <= PAIRS; pairs += PAIRS - 1) {
		memset(&t, 0, sizeof(t));
		t.pairs = pairs;
		ret = trip();
		if (t.child > 0)
			stop_device();
		done += t.done;
		bad += t.bad;
	}
	printf("%u checks, %u failed\n", done, bad);
	return ret ? ret : bad > 0;
}
