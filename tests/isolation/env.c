/* SPDX-License-Identifier: MIT */
/* Facts of this host; see env.h. It must never compare version strings: what matters is tried. */
#include "env.h"

#include "../../vdpa/sim/probes.h"
#include "../../vdpa/sim/sim.h"
#include "../../vdpa/vduse/dev.h"
#include "../../vdpa/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Both modules may be built in; the CPU decides which one is at work. */
static const char *kvm_module(void)
{
	char line[4096];
	const char *name = "kvm";
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		if (strstr(line, " svm "))
			name = "kvm_amd";
		else if (strstr(line, " vmx "))
			name = "kvm_intel";
		break;
	}
	if (f)
		fclose(f);
	return name;
}

void env_header(struct env *env)
{
	char api[16] = "unknown";

	if (env->vduse_api >= 0)
		snprintf(api, sizeof(api), "%d", env->vduse_api);
	snprintf(env->header, sizeof(env->header), "ringfence %s · %s · %s · %s%s%s · VDUSE API %s",
		 RINGFENCE_VERSION, env->lab ? "lab" : "native", env->kernel, env->kvm,
		 env->accel[0] ? " on " : "", env->accel, api);
}

static void copy_variable(char *to, size_t len, const char *name)
{
	const char *value = getenv(name);

	snprintf(to, len, "%s", value ? value : "");
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

void env_gather(struct env *env)
{
	struct utsname u = {0};

	*env = (struct env){.lab = is_set("RINGFENCE_LAB"), .vduse_api = -1};
	uname(&u);
	snprintf(env->release, sizeof(env->release), "%s", u.release);
	snprintf(env->machine, sizeof(env->machine), "%s", u.machine);
	snprintf(env->kvm, sizeof(env->kvm), "%s", kvm_module());
	copy_variable(env->kernel, sizeof(env->kernel), "RINGFENCE_ENV_KERNEL");
	copy_variable(env->accel, sizeof(env->accel), "RINGFENCE_ENV_ACCEL");
	copy_variable(env->out, sizeof(env->out), "RINGFENCE_ENV_OUT");
	if (!env->kernel[0])
		snprintf(env->kernel, sizeof(env->kernel), "linux %s", env->release);
	env_header(env);
}

int env_ringfence(char *path, size_t len, struct err *e)
{
	char self[300] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return err_set(e, ERR_INTERNAL, errno, "readlink", "/proc/self/exe", "%s", "");
	snprintf(path, len, "%s/ringfence", dirname(self));
	if (access(path, X_OK))
		return err_set(e, ERR_INTERNAL, errno, "access", path,
			       "it belongs beside this program");
	return 0;
}

static int need_open(const char *path, const char *remedy, struct err *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_HOST, errno, "open", path, "%s", remedy);
	close(fd);
	return 0;
}

static int need_vduse(struct env *env, struct err *e)
{
	static const char control[] = "/dev/vduse/control";
	struct vduse_facts facts = {0};
	int ret = vduse_probe(&facts, e);

	if (ret)
		return ret;
	if (!facts.present)
		return err_set(e, ERR_HOST, ENOENT, "open", control,
			       "needs CONFIG_VDPA_USER (modprobe vduse), or `ringfence lab prove`");
	env->vduse_api = (int)facts.api;
	env_header(env);
	if (facts.api < 1)
		return err_set(e, ERR_HOST, ENOTSUP, "VDUSE_GET_API_VERSION", control,
			       "this kernel has no address spaces: Linux 7.0 or newer, or "
			       "`ringfence lab prove`");
	env->stock = !facts.ctrl_vq_offered;
	return 0;
}

/* Not having it is no reason not to run: rows say what they miss. */
static void look_at_sim(struct env *env)
{
	struct err missing = {0}, untraced = {0};

	if (sim_possible(&missing))
		snprintf(env->sim_missing, sizeof(env->sim_missing), "%.199s", missing.text);
	if (probes_possible(&untraced))
		snprintf(env->sim_untraced, sizeof(env->sim_untraced),
			 "only a trace could show that its queues tried: %.150s", untraced.text);
}

static int need_given(const char *node, struct err *e)
{
	struct vhost v;
	uint64_t features;
	int ret = vhost_open(&v, node, e);

	if (ret)
		return ret;
	ret = vhost_get_features(&v, &features, e);
	vhost_close(&v);
	if (!ret && !(features >> VIRTIO_NET_F_CTRL_VQ & 1))
		ret = err_set(e, ERR_HOST, ENOTSUP, "VHOST_GET_FEATURES", node,
			      "VIRTIO_NET_F_CTRL_VQ is not offered: it has no CVQ to isolate");
	return ret;
}

int env_missing_for(struct env *env, const struct env_wants *wants, struct err *e)
{
	static const char bus[] = "/sys/bus/vdpa/drivers/vhost_vdpa";
	int ret =
	    need_open("/dev/kvm", "load kvm_amd or kvm_intel, or run `ringfence lab prove`", e);

	if (!ret && wants->vduse)
		ret = need_vduse(env, e);
	if (!ret && access(bus, F_OK))
		ret = err_set(e, ERR_HOST, errno, "access", bus, "modprobe vhost_vdpa");
	if (!ret && wants->given)
		ret = need_given(wants->given, e);
	if (!ret && wants->sim)
		look_at_sim(env);
	return ret;
}

int env_missing(struct env *env, struct err *e)
{
	return env_missing_for(env, &(struct env_wants){.vduse = true}, e);
}
