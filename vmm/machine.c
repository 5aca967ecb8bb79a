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
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PAUSE_DEADLINE_MS 1000
/* A vCPU may just have begun to wait for the others and then for the judge. */
#define STOP_DEADLINE_MS (PAUSE_DEADLINE_MS + MONITOR_GO_DEADLINE_MS + 500)
#define PANIC_MS 5000	/* from a panic's last words to its reset (panic=-1), or the end without */
#define CONSOLE_MS 1000 /* for the last of a console's bytes to be taken by whoever reads them */

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

/* A reset after a panic is how the panic ends. */
static void end_by(struct machine *m, enum machine_how how, const char *by)
{
	struct machine_end end = {.how = how, .by = by};

	pthread_mutex_lock(&m->lock);
	if (how == MACHINE_RESET && m->panicked)
		end.how = MACHINE_PANICKED;
	pthread_mutex_unlock(&m->lock);
	end_machine(m, &end);
}

/* The time runs anew with each byte that the guest sends: a trace takes a while on a slow machine.
 */
static void await_reset(struct machine *m)
{
	const struct itimerspec after = {.it_value = {.tv_sec = PANIC_MS / 1000}};

	(void)timerfd_settime(m->panic_fd, 0, &after, NULL);
}

static void note_panic(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->panicked = true;
	pthread_mutex_unlock(&m->lock);
	await_reset(m);
}

/* UNTRUSTED: guest */
void machine_on_power(void *ctx, enum power_event what, const char *by)
{
	switch (what) {
	case POWER_OFF:
		end_by(ctx, MACHINE_OFF, by);
		break;
	case POWER_RESET:
		end_by(ctx, MACHINE_RESET, by);
		break;
	case POWER_PANIC:
		note_panic(ctx);
		break;
	}
}

/*
 * A kernel that has no driver for the panic event says it in words. A guest may lie, and is then
 * taken at its word: whether it has panicked is its own affair. UNTRUSTED: guest
 */
void machine_on_console(void *ctx, uint8_t c)
{
	static const char words[] = "Kernel panic - not syncing";
	struct machine *m = ctx;

	pthread_mutex_lock(&m->lock);
	bool panicked = m->panicked;
	pthread_mutex_unlock(&m->lock);
	if (panicked) {
		await_reset(m);
		return;
	}
	/* The first letter comes only once, so a mismatch can only be the start of another try. */
	m->panic_seen = c == (uint8_t)words[m->panic_seen] ? m->panic_seen + 1 : c == 'K';
	if (words[m->panic_seen])
		return;
	m->panic_seen = 0;
	note_panic(m);
}

void machine_on_quit(void *ctx)
{
	end_by(ctx, MACHINE_QUIT, "console");
}

void machine_on_vcpu_ended(void *ctx, unsigned id, int code, const char *why)
{
	struct machine *m = ctx;
	struct machine_end end = {0};
	char name[16];

	if (code == -ESHUTDOWN && boot_is_linux(m->cfg.image)) {
		end_by(m, MACHINE_RESET, "triple fault");
		return;
	}
	snprintf(name, sizeof(name), "%u", id);
	err_set(&end.e, ERR_INTERNAL, 0, "vCPU", name, "%s", why);
	end_machine(m, &end);
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
		struct machine_end end = {.how = MACHINE_DONE, .report = r->done};
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
	m->serial_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->panic_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->end_fd < 0 || m->serial_fd < 0 || m->panic_fd < 0)
		ret = err_set(e, ERR_INTERNAL, errno, "eventfd", "machine",
			      "raise the limit on open files (ulimit -n)");
	if (!ret)
		ret = machine_assemble(m, e);
	if (!ret)
		*out = m;
	else if (!machine_destroy(m)) {
		cfg->log(cfg->ctx, "the device is stuck in the kernel");
		e->kind = ERR_TIMEOUT; /* a thread of it is still there, and uses what @cfg names */
	}
	return ret;
}

int machine_start(struct machine *m, struct err *e)
{
	const struct tty_config tc = {
	    .serial = &m->serial,
	    .in = m->cfg.console_in,
	    .out = m->cfg.console_out,
	    .raw = m->cfg.console_raw,
	    .quit = machine_on_quit,
	    .ctx = m,
	};

	m->cfg.stage(m->cfg.ctx, "running the guest");
	int ret = m->tty ? tty_start(m->tty, &tc, e) : 0;
	return ret ? ret : vcpus_start(m->vcpus, e);
}

bool machine_wait(struct machine *m, int stop_fd, struct machine_end *end)
{
	struct pollfd p[] = {{.fd = m->end_fd, .events = POLLIN},
			     {.fd = stop_fd, .events = POLLIN},
			     {.fd = m->panic_fd, .events = POLLIN}};

	while (poll(p, 3, -1) < 0 && errno == EINTR)
		;
	if (p[2].revents)
		end_by(m, MACHINE_PANICKED, "no reset after it");
	pthread_mutex_lock(&m->lock);
	bool ended = m->ended;
	if (ended)
		*end = m->end;
	pthread_mutex_unlock(&m->lock);
	return ended;
}

void machine_where(struct machine *m)
{
	vcpus_where(m->vcpus, PAUSE_DEADLINE_MS, m->cfg.log, m->cfg.ctx);
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
	if (!tty_stop(m->tty, CONSOLE_MS))
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
	if (m->tty)
		serial_destroy(&m->serial);
	if (m->end_fd >= 0)
		close(m->end_fd);
	if (m->serial_fd >= 0)
		close(m->serial_fd);
	if (m->panic_fd >= 0)
		close(m->panic_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
	return true;
}
