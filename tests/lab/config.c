/* SPDX-License-Identifier: MIT */
/* What a kernel needs built in; see config.h. Must never depend on a version. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (1u << 20)

enum need {
	NEED_LAB,   /* or the lab does not come up, or says nothing */
	NEED_PROOF, /* to run a VMM or the proof in it */
	NEED_ROWS,  /* or some rows are skipped */
};

/* Of the alternatives in @or one will do. Modules will not: a given kernel comes without any. */
static const struct {
	const char *option, * or, *what;
	enum need need;
} needs[] = {
    {"BINFMT_ELF", NULL, "programs", NEED_LAB},
    {"BLK_DEV_INITRD", NULL, "the initramfs", NEED_LAB},
    {"PRINTK", NULL, "the kernel's complaints", NEED_LAB},
    {"SERIAL_8250_CONSOLE", NULL, "the console", NEED_LAB},
    {"DEVTMPFS", NULL, "/dev", NEED_LAB},
    {"PROC_FS", NULL, "/proc", NEED_LAB},
    {"SYSFS", NULL, "/sys", NEED_LAB},
    {"TMPFS", NULL, "/out, where results are put", NEED_LAB},
    {"PCI", NULL, "the lab's devices", NEED_LAB},
    {"VIRTIO_PCI", NULL, "the lab's devices", NEED_LAB},
    {"VIRTIO_CONSOLE", NULL, "the lab's channel", NEED_LAB},
    {"MEMFD_CREATE", NULL, "memory to share", NEED_PROOF},
    {"EPOLL", NULL, "the VMM", NEED_PROOF},
    {"EVENTFD", NULL, "kicks and calls", NEED_PROOF},
    {"SIGNALFD", NULL, "the runner", NEED_PROOF},
    {"TIMERFD", NULL, "deadlines", NEED_PROOF},
    {"KVM", NULL, "/dev/kvm", NEED_PROOF},
    {"KVM_AMD", "KVM_INTEL", "/dev/kvm", NEED_PROOF},
    {"KVM_IOAPIC", NULL, "interrupts of the guest", NEED_PROOF},
    {"VDPA", NULL, "vDPA devices", NEED_PROOF},
    {"VDPA_USER", NULL, "VDUSE", NEED_PROOF},
    {"VHOST_VDPA", NULL, "/dev/vhost-vdpa-N", NEED_PROOF},
    {"VDPA_SIM_NET", NULL, "rows on vdpa_sim", NEED_ROWS},
    {"KPROBE_EVENTS", NULL, "rows on vdpa_sim", NEED_ROWS},
};

/* 'y', 'm', or 0. */
static char value_of(const char *config, const char *option)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "CONFIG_%s=", option);

	for (const char *at = config; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, (size_t)len) == 0)
			return at[len];
	}
	return 0;
}

unsigned config_missing(const char *config, enum lab_command wanted)
{
	bool proof = wanted == LAB_PROVE || wanted == LAB_RUN || wanted == LAB_DEVICE;
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		char have = value_of(config, needs[i].option);
		if (have != 'y' && needs[i].or)
			have = value_of(config, needs[i].or) ? value_of(config, needs[i].or) : have;
		if (have == 'y' || (needs[i].need == NEED_PROOF && !proof) ||
		    (needs[i].need == NEED_ROWS && wanted != LAB_PROVE))
			continue;
		fprintf(stderr, "ringfence lab: CONFIG_%s%s%s is %s (%s)%s\n", needs[i].option,
			needs[i].or ? " or CONFIG_" : "", needs[i].or ? needs[i].or : "",
			have == 'm' ? "a module, and must be built in" : "not set", needs[i].what,
			needs[i].need == NEED_ROWS ? ": they are skipped" : "");
		count += needs[i].need != NEED_ROWS;
	}
	return count;
}

int config_check(const struct lab_kernel *k, enum lab_command wanted, struct err *e)
{
	char script[PATH_MAX], image[PATH_MAX], release[sizeof(k->release)];
	char *config = malloc(CONFIG_MAX);
	unsigned missing = 0;

	snprintf(script, sizeof(script), "%s/config.sh", lab_source_dir());
	snprintf(image, sizeof(image), "%s", k->image);
	snprintf(release, sizeof(release), "%s", k->release);
	if (config &&
	    lab_capture((char *const[]){script, image, release, NULL}, config, CONFIG_MAX) == 0)
		missing = config_missing(config, wanted);
	free(config);
	return missing ? err_set(e, ERR_HOST, 0, "--kernel", k->image,
				 "it lacks what is named above; tests/lab/kernel.config has a "
				 "configuration that works")
		       : 0;
}
