/* SPDX-License-Identifier: MIT */
/*
 * The judge's side of the data tests over the network: the other end of a tap, and what a capture
 * has of it. It must never use the device's own code to read what the device wrote.
 */
#include "data.h"
#include "judge.h"
#include "linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP "rf0" /* as test_tap() has it made */

/* ---- the host behind the tap: a process of its own ---- */

static int bind_socket(int type, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (void *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(s, 4)))
		fail("bind", "the host's port");
	return s;
}

static void serve_stream(int listener)
{
	const struct timeval t = {20, 0};
	int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char way;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	if (s < 0 || read(s, &way, 1) != 1)
		fail("accept", "a stream");
	int ret = way == 'u' ? data_check(s, DATA_STREAM_LEN, 1) : data_send(s, DATA_STREAM_LEN, 2);
	if (way == 'u' && write(s, ret ? "n" : "y", 1) != 1)
		ret = EPIPE;
	if (ret)
		fprintf(stderr, "host: stream: %s\n", strerror(ret));
	close(s);
}

static void serve_frame(int asked, int frames)
{
	uint8_t frame[2048];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(asked, frame, sizeof(frame), 0, (void *)&from, &len);

	if (n > 0 && (write(frames, frame, (size_t)n) != n ||
		      sendto(asked, "y", 1, 0, (void *)&from, len) != 1))
		fprintf(stderr, "host: frame: %s\n", strerror(errno));
}

static void serve_host(void)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(TAP)};
	int frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct pollfd fd[2] = {{bind_socket(SOCK_STREAM, DATA_STREAM_PORT), POLLIN, 0},
			       {bind_socket(SOCK_DGRAM, DATA_FRAME_PORT), POLLIN, 0}};

	if (bind(frames, (void *)&a, sizeof(a)))
		fail("bind", TAP);
	while (poll(fd, 2, -1) > 0) {
		if (fd[0].revents)
			serve_stream(fd[0].fd);
		if (fd[1].revents)
			serve_frame(fd[1].fd, frames);
	}
	_exit(0);
}

static pid_t start_host(void)
{
	int ret = data_interface(TAP, DATA_HOST);

	if (ret) {
		errno = ret;
		fail("address", TAP);
	}
	pid_t pid = fork();
	if (pid == 0)
		serve_host();
	return pid;
}

/* ---- a capture, read by the format's manual page ---- */

struct capture {
	unsigned frames[2]; /* to the guest; from it, or from nobody known */
	uint32_t longest[2];
	unsigned marked; /* of DATA_TYPE */
};

static const char *read_record(FILE *f, struct capture *c)
{
	static uint8_t frame[262144];
	uint32_t head[4];
	size_t n = fread(head, 1, sizeof(head), f);

	if (n != sizeof(head))
		return n ? "it ends within a record's header" : NULL;
	if (head[2] != head[3] || head[2] < 14 || head[2] > sizeof(frame) || head[1] >= 1000000000)
		return "a record's header makes no sense";
	if (fread(frame, 1, head[2], f) != head[2])
		return "it ends within a frame";
	/* The guest's own address is the device's default. */
	bool from_guest = !memcmp(frame + 6, "\2\x52\x46\0\0\1", 6);
	c->frames[from_guest]++;
	if (head[2] > c->longest[from_guest])
		c->longest[from_guest] = head[2];
	c->marked += frame[12] == DATA_TYPE >> 8 && frame[13] == (DATA_TYPE & 0xff);
	return "";
}

/* NULL, or what is wrong with it. */
static const char *read_capture(const char *path, struct capture *c)
{
	static const uint32_t head[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1};
	uint32_t got[6];
	const char *why = "";
	FILE *f = fopen(path, "re");

	*c = (struct capture){0};
	if (!f)
		return "there is no capture";
	if (fread(got, 1, sizeof(got), f) != sizeof(got) || memcmp(got, head, sizeof(got)))
		why = "its header is another";
	while (why && !*why)
		why = read_record(f, c);
	fclose(f);
	return why;
}

/* ---- the tests ---- */

const char *data_judge_console(const char *console, int code, const char *const *says)
{
	static char why[160];
	const char *text = read_text(console);

	for (; *says; says++)
		if (!strstr(text, *says)) {
			snprintf(why, sizeof(why), "exit code %d; not said: %s", code, *says);
			return why;
		}
	if (strstr(text, "FAILED"))
		return "the guest says that a step failed";
	return code ? "the VMM did not end with 0" : NULL;
}

const char *data_run_guest(const char *name, const char *node, const char *words,
			   const char *const *says)
{
	char console[128], cmdline[128];
	struct vmm v = {.node = node, .cmdline = cmdline};

	snprintf(cmdline, sizeof(cmdline), TEST_WORD "%s %s", name, words);
	v.out = open_out(name, "console", console, sizeof(console));
	vmm_start(&v);
	int code = vmm_wait(&v);
	close(v.in);
	close(v.out);
	return data_judge_console(console, code, says);
}

/* Frames longer than an MTU's can only be segments that were left whole: both ways. */
static const char *judge_tap(const struct capture *c)
{
	static char why[160];

	snprintf(why, sizeof(why), "%u frames in, longest %u; %u out, longest %u", c->frames[0],
		 c->longest[0], c->frames[1], c->longest[1]);
	printf("# %s\n", why);
	return c->longest[0] > 1514 && c->longest[1] > 1514 && c->marked >= 8 ? NULL : why;
}

static const char *test_tap(void)
{
	static const char *const options[] = {"--backend", "tap,rf0", "--pcap", "/tmp/tap.pcap",
					      NULL};
	static const char *const says[] = {TEST_SAYS "ping ok",
					   TEST_SAYS "stream to the host ok",
					   TEST_SAYS "stream from the host ok",
					   TEST_SAYS "VLAN removed: it does not ok",
					   TEST_SAYS "ping again ok",
					   NULL};
	struct capture c;
	char node[64];
	pid_t device = start_device("tap", options, node), host = start_host();
	const char *why = data_run_guest("tap", node, "", says);

	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	if (!stop_device(device) && !why)
		why = "the device did not end well";
	if (!why)
		why = read_capture("/tmp/tap.pcap", &c);
	return why ? why : judge_tap(&c);
}

static const char *test_steer(void)
{
	static const char *const options[] = {"--backend", "tap,rf0", "--queue-pairs", "4", NULL};
	static const char *const says[] = {TEST_SAYS "steered to 3 ok", TEST_SAYS "steered to 0 ok",
					   TEST_SAYS "steered to 2 ok", TEST_SAYS "steered to 1 ok",
					   NULL};
	char node[64];
	pid_t device = start_device("steer", options, node), host = start_host();
	const char *why = data_run_guest("steer", node, "", says);

	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	return !stop_device(device) && !why ? "the device did not end well" : why;
}

static const char *test_sink(void)
{
	static const char *const options[] = {"--backend", "sink", "--pcap", "/out/sink.pcap",
					      NULL};
	static const char *const says[] = {TEST_SAYS "frames sent ok",
					   TEST_SAYS "nothing came back ok", NULL};
	struct capture c;
	char node[64];
	pid_t device = start_device("sink", options, node);
	const char *why = data_run_guest("sink", node, "", says);

	if (!stop_device(device) && !why)
		why = "the device did not end well";
	if (!why)
		why = read_capture("/out/sink.pcap", &c);
	return why ? why : c.marked == 100 ? NULL : "the capture lacks frames";
}

unsigned data_judge(const char *name, unsigned *number)
{
	static const struct {
		const char *name;
		const char *(*run)(void);
	} tests[] = {{"tap", test_tap},	       {"steer", test_steer},
		     {"sink", test_sink},      {"iperf", data_test_iperf},
		     {"disk", data_test_disk}, {"disk-death", data_test_death}};
	unsigned failed = 0;

	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(name, tests[i].name))
			continue;
		int64_t started = now_ms();
		const char *why = tests[i].run();
		printf("%s %u %s # time=%lldms\n", why ? "not ok" : "ok", ++*number, name,
		       (long long)(now_ms() - started));
		if (why)
			printf("# %s\n", why);
		fflush(stdout);
		failed += why != NULL;
	}
	return failed;
}
