/* SPDX-License-Identifier: MIT */
/* `ringfence doctor`: one function per probe, a table of them, two ways to print; see doctor.h. */
#include "doctor.h"

#include "../vdpa/err.h"
#include "../vdpa/sim/probes.h"
#include "../vdpa/sim/sim.h"
#include "../vdpa/vduse/dev.h"
#include "opts.h"
#include "vm.h"

#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define VHOST_VDPA_DRIVER "/sys/bus/vdpa/drivers/vhost_vdpa"
#define AUTOPROBE "/sys/bus/vdpa/drivers_autoprobe"
#define PINNED_NEED (64ull << 20) /* guest RAM and arena, with room */
#define IN_LAB "or use the lab, which brings its own kernel: ./prove"

enum { EXIT_READY = 0, EXIT_CANNOT = 4, EXIT_USAGE = 64 };

/* What the probes share, so that VDUSE is tried once. */
struct host {
	struct vduse_facts vduse;
	struct err vduse_error;
};

static void set(struct doctor_check *c, enum doctor_state state, const char *detail,
		const char *fix)
{
	c->state = state;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
	snprintf(c->fix, sizeof(c->fix), "%s", fix);
}

static const char *kvm_fix(int code)
{
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "modprobe kvm_intel or kvm_amd (a kernel with CONFIG_KVM_INTEL or "
		       "CONFIG_KVM_AMD), with virtualisation enabled in the firmware, " IN_LAB;
	case EACCES:
	case EPERM:
		return "usermod -aG kvm USER and log in again, or run as root, " IN_LAB;
	default:
		return "boot a newer kernel, " IN_LAB;
	}
}

static void probe_kvm(const struct host *h, struct doctor_check *c)
{
	struct err e = {0};
	struct vm vm;

	(void)h;
	if (vm_open(&vm, &e)) {
		set(c, DOCTOR_FAIL, e.text, kvm_fix(e.code));
		return;
	}
	snprintf(c->detail, sizeof(c->detail),
		 "makes VMs, with irqfd and ioeventfd; up to %u vCPUs", vm.vcpus_max);
	vm_close(&vm);
}

static void probe_vduse(const struct host *h, struct doctor_check *c)
{
	if (h->vduse_error.kind != ERR_NONE)
		set(c, DOCTOR_FAIL, h->vduse_error.text, "run as root");
	else if (!h->vduse.present)
		set(c, DOCTOR_FAIL, "no /dev/vduse/control",
		    "modprobe vduse (a kernel with CONFIG_VDPA_USER), " IN_LAB);
	else if (h->vduse.api < 1)
		set(c, DOCTOR_FAIL, "VDUSE API 0: no groups, no address spaces",
		    "boot a kernel whose VDUSE has API 1 (7.0 or newer), " IN_LAB);
	else
		set(c, DOCTOR_PASS, "VDUSE API 1: groups and address spaces", "");
}

static void probe_ctrl_vq(const struct host *h, struct doctor_check *c)
{
	if (h->vduse.api < 1)
		set(c, DOCTOR_NOTE, "not tried: no VDUSE API 1", "");
	else if (!h->vduse.ctrl_vq_offered)
		set(c, DOCTOR_NOTE, "a VDUSE device may not offer VIRTIO_NET_F_CTRL_VQ here",
		    "none needed: VMM and device agree on the third queue privately, and every "
		    "output says so");
	else
		set(c, DOCTOR_PASS, "a VDUSE device may offer VIRTIO_NET_F_CTRL_VQ", "");
}

static void probe_vduse_extras(const struct host *h, struct doctor_check *c)
{
	snprintf(c->detail, sizeof(c->detail), "QUEUE_READY %s, SUSPEND %s",
		 h->vduse.queue_ready ? "yes" : "no", h->vduse.suspend ? "yes" : "no");
	c->state = h->vduse.queue_ready && h->vduse.suspend ? DOCTOR_PASS : DOCTOR_NOTE;
}

static void probe_vhost_vdpa(const struct host *h, struct doctor_check *c)
{
	(void)h;
	if (access(VHOST_VDPA_DRIVER, F_OK))
		set(c, DOCTOR_FAIL, "no " VHOST_VDPA_DRIVER,
		    "modprobe vhost_vdpa (a kernel with CONFIG_VHOST_VDPA), " IN_LAB);
	else
		set(c, DOCTOR_PASS, "driver vhost_vdpa is there", "");
}

/* The second parent of the proof: without it, `prove` has the first. */
static void probe_sim(const struct host *h, struct doctor_check *c)
{
	struct err e = {0};

	(void)h;
	if (sim_possible(&e))
		set(c, DOCTOR_NOTE, "no vdpa_sim_net, the proof's second parent",
		    "modprobe vdpa_sim_net (a kernel with CONFIG_VDPA_SIM_NET), " IN_LAB);
	else if (probes_possible(&e))
		set(c, DOCTOR_NOTE, "vdpa_sim_net is there, but cannot be traced",
		    "boot a kernel with CONFIG_KPROBE_EVENTS, as root, " IN_LAB);
	else
		set(c, DOCTOR_PASS, "vdpa_sim_net is there, and can be traced", "");
}

static bool has_net_admin(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &head, data))
		return false;
	return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

static void probe_privilege(const struct host *h, struct doctor_check *c)
{
	(void)h;
	if (!has_net_admin())
		set(c, DOCTOR_FAIL, "no CAP_NET_ADMIN: cannot make vDPA devices",
		    "run as root, " IN_LAB);
	else if (access(AUTOPROBE, W_OK) && errno != ENOENT)
		set(c, DOCTOR_FAIL, AUTOPROBE " is not writable: cannot bind vDPA devices",
		    "run as root with a writable /sys, " IN_LAB);
	else
		set(c, DOCTOR_PASS, "may make and bind vDPA devices", "");
}

/* VDUSE maps memory files and pins nothing; hardware and vdpa_sim without use_va pin guest RAM. */
static void probe_memlock(const struct host *h, struct doctor_check *c)
{
	struct rlimit r;

	(void)h;
	if (getrlimit(RLIMIT_MEMLOCK, &r))
		set(c, DOCTOR_NOTE, "RLIMIT_MEMLOCK cannot be read", "");
	else if (r.rlim_cur == RLIM_INFINITY)
		set(c, DOCTOR_PASS, "unlimited", "");
	else if (r.rlim_cur >= PINNED_NEED)
		snprintf(c->detail, sizeof(c->detail), "%llu MiB",
			 (unsigned long long)r.rlim_cur >> 20);
	else {
		set(c, DOCTOR_NOTE, "", "ulimit -l unlimited");
		snprintf(c->detail, sizeof(c->detail),
			 "%llu MiB: enough for VDUSE, not for a parent that pins guest memory",
			 (unsigned long long)r.rlim_cur >> 20);
	}
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	char full[512];

	while (path && *path) {
		int len = (int)strcspn(path, ":");
		int n = snprintf(full, sizeof(full), "%.*s/%s", len, path, program);
		if (n > 0 && (size_t)n < sizeof(full) && !access(full, X_OK))
			return true;
		path += len;
		path += *path == ':';
	}
	return false;
}

static void probe_qemu(const struct host *h, struct doctor_check *c)
{
	(void)h;
	if (in_path("qemu-system-x86_64"))
		set(c, DOCTOR_PASS, "qemu-system-x86_64 is in PATH, for the lab", "");
	else
		set(c, DOCTOR_NOTE, "no qemu-system-x86_64 in PATH: no lab here",
		    "apt-get install qemu-system-x86, or let ./prove do it");
}

static const struct {
	const char *name;
	void (*run)(const struct host *h, struct doctor_check *c);
} probes[] = {
    {"kvm", probe_kvm},
    {"vduse", probe_vduse},
    {"vduse-ctrl-vq", probe_ctrl_vq},
    {"vduse-extras", probe_vduse_extras},
    {"vhost-vdpa", probe_vhost_vdpa},
    {"vdpa-sim", probe_sim},
    {"privilege", probe_privilege},
    {"memlock", probe_memlock},
    {"qemu", probe_qemu},
};

#define PROBES (sizeof(probes) / sizeof(probes[0]))

static const char *const state_names[] = {
    [DOCTOR_PASS] = "PASS", [DOCTOR_NOTE] = "NOTE", [DOCTOR_FAIL] = "FAIL"};

void doctor_json_string(const char *text, char *buf, size_t len)
{
	size_t at = 0;

	if (len < 3)
		return;
	buf[at++] = '"';
	for (; *text && at + 8 < len; text++) {
		unsigned char ch = (unsigned char)*text;
		if (ch == '"' || ch == '\\')
			buf[at++] = '\\';
		if (ch < 0x20)
			at += (size_t)snprintf(buf + at, len - at, "\\u%04x", ch);
		else
			buf[at++] = (char)ch;
	}
	buf[at++] = '"';
	buf[at] = '\0';
}

static void print_json(const struct doctor_check *checks, bool ready, const char *release)
{
	char name[64], detail[1100], fix[600];

	doctor_json_string(release, detail, sizeof(detail));
	printf("{\"schema\":%d,\"ringfence\":\"" RINGFENCE_VERSION
	       "\",\"kernel\":%s,\"native_prove\":%s,"
	       "\"checks\":[",
	       DOCTOR_SCHEMA, detail, ready ? "true" : "false");
	for (size_t i = 0; i < PROBES; i++) {
		doctor_json_string(checks[i].name, name, sizeof(name));
		doctor_json_string(checks[i].detail, detail, sizeof(detail));
		doctor_json_string(checks[i].fix, fix, sizeof(fix));
		printf("%s{\"name\":%s,\"state\":\"%s\",\"detail\":%s,\"fix\":%s}", i ? "," : "",
		       name, state_names[checks[i].state], detail, fix);
	}
	puts("]}");
}

static void print_human(const struct doctor_check *checks, bool ready, const char *release,
			bool color)
{
	static const char *const paint[] = {
	    [DOCTOR_PASS] = "\033[32m", [DOCTOR_NOTE] = "\033[33m", [DOCTOR_FAIL] = "\033[31m"};

	printf("ringfence " RINGFENCE_VERSION " doctor: linux %s\n", release);
	for (size_t i = 0; i < PROBES; i++) {
		const struct doctor_check *c = &checks[i];
		printf(" %s%s%s  %-14s %s\n", color ? paint[c->state] : "", state_names[c->state],
		       color ? "\033[0m" : "", c->name, c->detail);
		if (*c->fix)
			printf("                      -> %s\n", c->fix);
	}
	puts(ready ? "this host can run `ringfence prove` natively"
		   : "this host cannot run `ringfence prove` natively; the lab can: ./prove");
}

static const char usage[] =
    "usage: ringfence doctor [--json] [--color=auto|always|never] [-h] [-V]\n"
    "Tries what the proof needs of this host. Exit: 0 it can run `ringfence prove`, 4 it cannot.\n";

struct doctor_opts {
	bool json;
	const char *print; /* this and nothing else */
	enum opts_color color;
};

static int parse(struct doctor_opts *o, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"color", required_argument, NULL, 'c'},
						{"verbose", no_argument, NULL, 'v'},
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'V'},
						{0}};
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "vqhV", options, NULL)) != -1) {
		if (opt == 'j')
			o->json = true;
		else if (opt == 'h')
			o->print = usage;
		else if (opt == 'V')
			o->print = "ringfence " RINGFENCE_VERSION "\n";
		else if (opt == 'c')
			ret = opts_color_mode(optarg, &o->color);
		else if (opt == '?')
			ret = -EINVAL; /* getopt has said what it did not like */
	}
	return ret ? ret : optind < argc ? -EINVAL : 0;
}

int doctor_main(int argc, char **argv)
{
	struct doctor_opts o = {.color = OPTS_COLOR_AUTO};
	struct doctor_check checks[PROBES] = {0};
	struct host host = {0};
	struct utsname uts;
	bool ready = true;

	if (parse(&o, argc, argv)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (o.print) {
		fputs(o.print, stdout);
		return EXIT_READY;
	}
	(void)vduse_probe(&host.vduse, &host.vduse_error); /* judged by the probes */
	for (size_t i = 0; i < PROBES; i++) {
		checks[i].name = probes[i].name;
		probes[i].run(&host, &checks[i]);
		ready = ready && checks[i].state != DOCTOR_FAIL;
	}
	const char *release = uname(&uts) ? "?" : uts.release;
	if (o.json)
		print_json(checks, ready, release);
	else
		print_human(checks, ready, release,
			    opts_color(o.color, getenv("NO_COLOR"), isatty(STDOUT_FILENO)));
	return ready ? EXIT_READY : EXIT_CANNOT;
}
