/* SPDX-License-Identifier: MIT */
/*
 * A machine's life: made, started, ended by whoever is first, taken down; see machine.h. It must
 * never wait for a guest, a device or a judge without a deadline.
 */
#include "machine_impl.h"
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAUSE_DEADLINE_MS 1000
/* A vCPU may just have begun to wait for the others and then for the judge. */
#define STOP_DEADLINE_MS (PAUSE_DEADLINE_MS + MONITOR_GO_DEADLINE_MS + 500)

/* The first end counts: what follows it, follows from it. */
static void end_machine(struct machine *m, const struct machine_end *end)
{
	pthread_mutex_lock(&m->lock);
	if (!m->ended) {
		m->ended = true;
		m->end = *end;
		(void)eventfd_write(m->end_fd, 1);
	}
	pthread_mutex_unlock(&m->lock);
}

static bool has_ended(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	bool ended = m->ended;
	pthread_mutex_unlock(&m->lock);
	return ended;
}

static void fail_machine(struct machine *m, const struct err *e)
{
	struct machine_end end = {.e = *e};

	end_machine(m, &end);
}

void machine_on_vcpu_ended(void *ctx, unsigned id, const char *why)
{
	struct machine_end end = {0};
	char name[16];

	snprintf(name, sizeof(name), "%u", id);
	err_set(&end.e, ERR_INTERNAL, 0, "vCPU", name, "%s", why);
	end_machine(ctx, &end);
}

/* Tell the judge; around an attempt's edges with every vCPU held outside the guest. */
static int tell_judge(struct machine *m, const struct report_record *r, struct err *e)
{
	if (!monitor_stops(r->type))
		return monitor_record(m->cfg.monitor_fd, r, e);

	bool paused = vcpus_pause(m->vcpus, PAUSE_DEADLINE_MS);
	int ret = paused ? monitor_record(m->cfg.monitor_fd, r, e)
			 : err_set(e, ERR_TIMEOUT, 0, "pause", "vCPUs",
				   "one did not leave the guest within %d ms", PAUSE_DEADLINE_MS);
	vcpus_resume(m->vcpus);
	return ret;
}

/* UNTRUSTED: guest */
void machine_on_record(void *ctx, const struct report_record *r)
{
	struct machine *m = ctx;
	struct err e = {0};

	if (has_ended(m))
		return;
	m->cfg.record(m->cfg.ctx, r);
	if (m->cfg.monitor_fd >= 0 && tell_judge(m, r, &e)) {
		fail_machine(m, &e);
		return;
	}
	if (r->type == REPORT_DONE) {
		struct machine_end end = {.done = true, .report = r->done};
		end_machine(m, &end);
	}
}

int machine_create(struct machine **out, const struct machine_config *cfg, struct err *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	int ret = 0;

	if (!m)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "machine", "out of memory");
	m->cfg = *cfg;
	m->vm = (struct vm)VM_CLOSED;
	pthread_mutex_init(&m->lock, NULL);
	m->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->end_fd < 0)
		ret = err_set(e, ERR_INTERNAL, errno, "eventfd", "machine",
			      "raise the limit on open files (ulimit -n)");
	if (!ret)
		ret = machine_assemble(m, e);
	if (!ret)
		*out = m;
	else if (!machine_destroy(m))
		cfg->log(cfg->ctx, "the device is stuck in the kernel");
	return ret;
}

int machine_start(struct machine *m, struct err *e)
{
	m->cfg.stage(m->cfg.ctx, "running the guest");
	return vcpus_start(m->vcpus, e);
}

bool machine_wait(struct machine *m, int stop_fd, struct machine_end *end)
{
	struct pollfd p[] = {{.fd = m->end_fd, .events = POLLIN},
			     {.fd = stop_fd, .events = POLLIN}};

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&m->lock);
	bool ended = m->ended;
	if (ended)
		*end = m->end;
	pthread_mutex_unlock(&m->lock);
	return ended;
}

/*
 * vCPUs first: their handlers reach everything else. Then the device, whose thread reaches the
 * registers and guest RAM; if that thread outlives the close, both have to stay.
 */
bool machine_destroy(struct machine *m)
{
	const struct machine_end stopped = {0};

	m->cfg.stage(m->cfg.ctx, "stopping the vCPUs");
	end_machine(m, &stopped); /* records that still come wait for nobody */
	if (m->vcpus && !vcpus_stop(m->vcpus, STOP_DEADLINE_MS))
		return false;
	m->cfg.stage(m->cfg.ctx, "closing the vDPA device");
	if (m->stuck || (m->dev && !device_close(m->dev)))
		return false;
	/*
	 * Not before: while the device's thread is in a map that the parent does not answer, no
	 * memory of ours can be unmapped (vhost_vdpa_va_map() holds the memory map's lock).
	 */
	vcpus_destroy(m->vcpus);
	m->cfg.stage(m->cfg.ctx, "taking the VM down");
	vm_close(&m->vm);
	if (m->report.mem)
		report_destroy(&m->report);
	net_destroy(&m->net);
	ram_destroy(&m->ram);
	if (m->end_fd >= 0)
		close(m->end_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
	return true;
}
