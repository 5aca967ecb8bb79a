/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of the lab: mounts what a program expects, loads a packaged kernel's modules, runs the one
 * job that the launcher sends and powers off. It must never outlive a launcher that has gone
 * silent.
 */
#include "init.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LAUNCHER_MS 30000 /* how long the launcher may take to send the job, or to say goodbye */

static void mount_at(const char *type, const char *dir)
{
	(void)mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL) < 0 && errno != EBUSY)
		fprintf(stderr, "ringfence-init: mount(%s): %s\n", dir, strerror(errno));
}

/* The kernel makes the directory if it has the file system. */
static void mount_if(const char *type, const char *dir)
{
	if (access(dir, F_OK) == 0)
		mount_at(type, dir);
}

static void mount_all(void)
{
	mount_at("devtmpfs", "/dev");
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_if("debugfs", "/sys/kernel/debug");
	mount_if("tracefs", "/sys/kernel/tracing");
	mount_at("tmpfs", "/tmp");
	mount_at("tmpfs", OUT_DIR);
	mount_at("tmpfs", "/dev/shm");
	(void)symlink("/proc/self/fd", "/dev/fd");
}

/* The kernel writes messages of its own about modules to the console; only what it refuses is told
 * here. */
static int load_module(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/modules/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int ret = syscall(SYS_finit_module, fd, "", 0) < 0 ? -errno : 0;
	close(fd);
	/* kvm-amd on an Intel CPU, and the reverse. */
	if (ret == -EOPNOTSUPP || ret == -ENODEV || ret == -EIO)
		ret = strncmp(name, "kvm-", 4) ? ret : 0;
	return ret == -EEXIST ? 0 : ret;
}

/* /modules/order names one module a line, each after those it needs; there is none for a kernel
 * without. */
static int load_modules(char *which, size_t len)
{
	FILE *order = fopen("/modules/order", "re");
	int ret = 0;

	if (!order)
		return 0;
	while (ret == 0 && fgets(which, (int)len, order)) {
		which[strcspn(which, "\n")] = '\0';
		ret = load_module(which);
	}
	fclose(order);
	return ret;
}

/* The port's number depends on what else QEMU was given; its name does not. */
static int open_port(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	char path[600], name[64];
	int port = -1;

	while (dir && port < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) &&
		    strncmp(name, WIRE_PORT, strlen(WIRE_PORT)) == 0) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			port = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return port;
}

static int wait_for_port(void)
{
	for (int tries = 0; tries < 100; tries++) {
		int port = open_port();
		if (port >= 0)
			return port;
		usleep(100 * 1000);
	}
	return -1;
}

/* The next frame of @type, within LAUNCHER_MS of silence. */
static int wait_frame(struct wire_in *in, int port, enum wire_type type, struct wire_frame *frame)
{
	for (;;) {
		int ret = wire_next(in, frame);
		if (ret < 0 || (ret > 0 && frame->type == type))
			return ret;
		if (ret > 0)
			continue;
		struct pollfd p = {.fd = port, .events = POLLIN};
		if (poll(&p, 1, LAUNCHER_MS) <= 0)
			return -ETIMEDOUT;
		ret = wire_read(in, port);
		if (ret <= 0 && ret != -EAGAIN)
			return ret ? ret : -EPIPE;
	}
}

static uint32_t read_taint(void)
{
	unsigned taint = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (f) {
		if (fscanf(f, "%u", &taint) != 1)
			taint = 0;
		fclose(f);
	}
	return taint;
}

void lab_failed(int port, const char *what, const char *object, int code)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s(%s): %s", what, object, strerror(code));

	fprintf(stderr, "ringfence-init: %s\n", text);
	if (wire_send(port, WIRE_FAILED, text, (size_t)n) < 0)
		fprintf(stderr, "ringfence-init: and the launcher does not listen\n");
}

static void serve(int port)
{
	static struct wire_in in;
	static struct job job;
	struct wire_frame frame;
	struct utsname uts;
	char module[256] = "";

	int ret = load_modules(module, sizeof(module));
	if (ret < 0) {
		lab_failed(port, "finit_module", module, -ret);
		(void)wait_frame(&in, port, WIRE_BYE, &frame);
		return;
	}
	uname(&uts);
	if (wire_send(port, WIRE_HELLO, uts.release, strlen(uts.release)) < 0)
		return;
	ret = wait_frame(&in, port, WIRE_JOB, &frame);
	if (ret > 0)
		ret = job_parse(&job, frame.payload, frame.len);
	if (ret < 0) {
		lab_failed(port, "read", "the job", -ret);
	} else {
		leaks_begin();
		struct wire_exit result = job_run(&job, port, &in);
		result.leaks = result.stuck ? -1 : leaks_end();
		outfiles_send(port, true);
		result.taint = read_taint();
		if (wire_send(port, WIRE_EXIT, &result, sizeof(result)) < 0)
			return;
	}
	(void)wait_frame(&in, port, WIRE_BYE, &frame);
}

int main(void)
{
	if (getpid() != 1) {
		fprintf(stderr, "ringfence-init: only for the lab, as its first process\n");
		return 64;
	}
	mount_all();
	umask(022);
	pulse_start();
	int port = wait_for_port();
	if (port < 0)
		fprintf(stderr, "ringfence-init: no virtio port named " WIRE_PORT "\n");
	else
		serve(port);
	sync();
	/* Without ACPI power-off returns; then a restart ends QEMU as well, which runs with
	 * -no-reboot. */
	(void)reboot(RB_POWER_OFF);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
