/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of the guest: finds the virtio_net interface, changes its address and its receive modes
 * with the ioctls that ip(8) stands for, tells each step on the console, and ends as it was told
 * to. The stock driver is what is put to work; it must never talk to the device by itself.
 */
#include "data.h"
#include "linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *step, int code)
{
	if (code)
		printf(TEST_SAYS "%s FAILED: %s\n", step, strerror(code));
	else
		printf(TEST_SAYS "%s ok\n", step);
	fflush(stdout);
}

static void mount_all(void)
{
	static const char *const types[][2] = {
	    {"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};

	for (unsigned i = 0; i < 3; i++) {
		(void)mkdir(types[i][1], 0755);
		(void)mount(types[i][0], types[i][1], types[i][0], 0, NULL);
	}
}

/* What to do, from the command line, which is told; "" if it does not say. */
static void read_mode(char mode[32])
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");

	*mode = '\0';
	if (f && fgets(line, sizeof(line), f)) {
		printf(TEST_SAYS "told %s", line);
		const char *at = strstr(line, TEST_WORD);
		if (at)
			sscanf(at + strlen(TEST_WORD), "%31[a-z-]", mode);
	}
	if (f)
		fclose(f);
}

/* The interface whose driver is virtio_net. */
int guest_interface(char name[IFNAMSIZ])
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *d;
	int ret = ENODEV;

	while (dir && ret && (d = readdir(dir))) {
		char path[300], target[300];
		snprintf(path, sizeof(path), "/sys/class/net/%.200s/device/driver", d->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (!strstr(target, "/virtio_net"))
			continue;
		snprintf(name, IFNAMSIZ, "%.15s", d->d_name);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

static int set_flags(int s, const char *name, short on, short off)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(s, SIOCGIFFLAGS, &r))
		return errno;
	r.ifr_flags = (short)((r.ifr_flags | on) & ~off);
	return ioctl(s, SIOCSIFFLAGS, &r) ? errno : 0;
}

static int set_mac(int s, const char *name)
{
	static const unsigned char mac[] = TEST_MAC;
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, sizeof(mac));
	if (ioctl(s, SIOCSIFHWADDR, &r))
		return errno;
	memset(&r.ifr_hwaddr, 0, sizeof(r.ifr_hwaddr));
	if (ioctl(s, SIOCGIFHWADDR, &r))
		return errno;
	return memcmp(r.ifr_hwaddr.sa_data, mac, sizeof(mac)) ? EIO : 0;
}

static void network(void)
{
	char name[IFNAMSIZ] = "";
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = guest_interface(name);

	say("interface", ret);
	if (ret)
		return;
	say("address", set_mac(s, name));
	say("up", set_flags(s, name, IFF_UP, 0));
	say("promiscuous", set_flags(s, name, IFF_PROMISC, 0));
	say("all-multicast", set_flags(s, name, IFF_ALLMULTI, IFF_PROMISC));
	usleep(200000); /* receive modes are sent by the driver's own thread */
	say("down", set_flags(s, name, 0, IFF_UP));
	close(s);
}

static void count_cpus(void)
{
	printf(TEST_SAYS "cpus %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	fflush(stdout);
}

static void no_echo(void)
{
	struct termios t;

	if (tcgetattr(0, &t))
		return;
	t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(0, TCSANOW, &t);
}

/* What is typed comes back. */
static void echo(void)
{
	char line[128] = "";

	no_echo();
	say("listening", 0);
	if (!fgets(line, sizeof(line), stdin))
		return;
	line[strcspn(line, "\r\n")] = '\0';
	printf(TEST_SAYS "heard \"%s\"\n", line);
	fflush(stdout);
}

/* Many bytes at once: the port's queue and its interrupts. */
static void flood(void)
{
	for (unsigned i = 0; i < 150; i++)
		printf(TEST_SAYS "line %u of a flood that fills the port's queue and more\n", i);
	fflush(stdout);
}

static void panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "c", 1) != 1)
		say("panic", errno);
}

/* A line of the judge's: 0 or an errno value. */
static int do_line(char *line, unsigned *number)
{
	char *word[STEP_WORDS], name[IFNAMSIZ] = "", *rest;
	unsigned n = 0;

	*number = (unsigned)strtoul(line, &rest, 10);
	for (char *w = strtok(rest, " \r\n"); w && n < STEP_WORDS; w = strtok(NULL, " \r\n"))
		word[n++] = w;
	if (n == 0)
		return EINVAL;
	(void)guest_interface(name); /* there is none between unbind and bind */
	return guest_do(name, word, n);
}

static void steps(void)
{
	char line[STEP_LINE], what[32];
	unsigned number;

	no_echo();
	say("listening", 0);
	while (fgets(line, sizeof(line), stdin)) {
		int ret = do_line(line, &number);
		snprintf(what, sizeof(what), "step %u", number);
		say(what, ret);
	}
}

int guest_end(int again)
{
	tcdrain(1);
	return reboot(again ? RB_AUTOBOOT : RB_POWER_OFF) ? errno : 0;
}

/* How this kernel was told of its device: by what it has made of it. */
static void say_whose_device(void)
{
	static const struct {
		const char *path, *what;
	} ways[] = {
	    {"/sys/bus/acpi/devices/LNRO0005:00/physical_node", "device of ACPI"},
	    {"/sys/bus/platform/devices/d0000f00.virtio_mmio/of_node", "device of device tree"},
	    {"/sys/bus/platform/devices/virtio-mmio.0/virtio0", "device of command line"},
	};

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!access(ways[i].path, F_OK))
			say(ways[i].what, 0);
}

void guest_main(void)
{
	char mode[32];

	mount_all();
	read_mode(mode);
	say("started", 0);
	count_cpus();
	say_whose_device();
	if (!strcmp(mode, "plain"))
		say("nothing", 0);
	else if (!strcmp(mode, "echo"))
		echo();
	else if (!strcmp(mode, "flood"))
		flood();
	else if (!strncmp(mode, "panic", 5))
		panic();
	else if (!strcmp(mode, "steps"))
		steps();
	else if (!data_iperf(mode) && !data_guest(mode))
		network();
	say("end", guest_end(!strcmp(mode, "reset")));
	for (;;)
		pause();
}
