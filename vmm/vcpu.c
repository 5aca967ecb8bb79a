/* SPDX-License-Identifier: MIT */
/*
 * The vCPU threads; see vcpu.h.
 *
 * A vCPU enters the guest only with the lock's consent (enter()), which nobody gets while a pause
 * is held or the end is near. To get one out, whoever holds the lock sets its immediate_exit, so
 * that its next KVM_RUN returns at once, and signals it, so that the present one does. The flag is
 * cleared under the same lock, so no request is lost. A vCPU in a bus handler is outside the guest
 * and counts as paused.
 */
#include "vcpu.h"

#include "../vdpa/clock.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct vcpu {
	struct vcpus *all;
	unsigned id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	bool in_guest, finished; /* under the lock */
};

struct vcpus {
	struct vcpus_config cfg;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* any of what follows */
	unsigned pauses;
	bool stop;
	struct vcpu vcpu[VCPUS_MAX];
};

static void on_kick(int sig)
{
	(void)sig; /* its arrival alone ends KVM_RUN with EINTR */
}

/*
 * Whether the vCPU may run its guest now; waits while a pause holds, whose holder has deadlines of
 * its own.
 */
static bool enter(struct vcpu *v)
{
	struct vcpus *all = v->all;

	pthread_mutex_lock(&all->lock);
	while (all->pauses && !all->stop)
		pthread_cond_wait(&all->changed, &all->lock);
	v->in_guest = !all->stop;
	if (v->in_guest)
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELAXED);
	bool go = v->in_guest;
	pthread_mutex_unlock(&all->lock);
	return go;
}

static void leave(struct vcpu *v)
{
	pthread_mutex_lock(&v->all->lock);
	v->in_guest = false;
	if (v->all->pauses || v->all->stop)
		pthread_cond_broadcast(&v->all->changed);
	pthread_mutex_unlock(&v->all->lock);
}

/* With the lock held. */
static void kick_all(struct vcpus *all)
{
	for (unsigned i = 0; i < all->cfg.count; i++) {
		struct vcpu *v = &all->vcpu[i];
		if (!v->in_guest)
			continue;
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELAXED);
		pthread_kill(v->thread, SIGRTMIN);
	}
}

static bool any_in_guest(const struct vcpus *all)
{
	for (unsigned i = 0; i < all->cfg.count; i++)
		if (all->vcpu[i].in_guest)
			return true;
	return false;
}

/* UNTRUSTED: guest */
static void mmio(const struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t value = 0;
	unsigned len =
	    run->mmio.len <= sizeof(run->mmio.data) ? run->mmio.len : sizeof(run->mmio.data);

	if (run->mmio.is_write)
		memcpy(&value, run->mmio.data, len);
	bus_access(v->all->cfg.bus, gpa(run->mmio.phys_addr), len, run->mmio.is_write, &value);
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &value, len);
}

/* One stay in the guest and what ended it. 0, or -errno with @why filled. */
static int run_once(struct vcpu *v, char *why, size_t len)
{
	int ret = ioctl(v->fd, KVM_RUN, 0) ? -errno : 0;

	leave(v);
	if (ret == -EINTR || ret == -EAGAIN)
		return 0;
	if (ret) {
		snprintf(why, len, "KVM_RUN: %s", strerrordesc_np(-ret));
		return ret;
	}
	switch (v->run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio(v);
		return 0;
	case KVM_EXIT_INTR:
		return 0;
	default:
		return arch_vcpu_exit(v->fd, v->run, v->all->cfg.ports, why, len);
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	char name[16], why[160] = "";

	snprintf(name, sizeof(name), "vcpu%u", v->id);
	pthread_setname_np(pthread_self(), name);
	while (enter(v)) {
		int ret = run_once(v, why, sizeof(why));
		if (ret) {
			v->all->cfg.ended(v->all->cfg.ctx, v->id, ret, why);
			break;
		}
	}
	pthread_mutex_lock(&v->all->lock);
	v->finished = true;
	pthread_cond_broadcast(&v->all->changed);
	pthread_mutex_unlock(&v->all->lock);
	return NULL;
}

static int create_one(struct vcpus *all, unsigned id, struct err *e)
{
	const struct vm *vm = all->cfg.vm;
	struct vcpu *v = &all->vcpu[id];

	v->all = all;
	v->id = id;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		return err_set(e, ERR_HOST, errno, "KVM_CREATE_VCPU", "VM", "vCPU %u", id);
	void *run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, errno, "mmap", "vCPU", "vCPU %u", id);
	v->run = run;
	return arch_vcpu_init(vm, v->fd, id, all->cfg.count, &all->cfg.start, e);
}

int vcpus_create(struct vcpus **out, const struct vcpus_config *cfg, struct err *e)
{
	struct sigaction kick = {.sa_handler = on_kick}; /* no SA_RESTART: KVM_RUN shall return */
	unsigned max = cfg->vm->vcpus_max < VCPUS_MAX ? cfg->vm->vcpus_max : VCPUS_MAX;

	if (cfg->count < 1 || cfg->count > max)
		return err_set(e, ERR_USAGE, 0, "--cpus", "vCPUs", "%u; 1 to %u here", cfg->count,
			       max);
	struct vcpus *all = calloc(1, sizeof(*all));
	if (!all)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "vCPUs", "out of memory");
	all->cfg = *cfg;
	pthread_mutex_init(&all->lock, NULL);
	clock_cond_init(&all->changed);
	for (unsigned i = 0; i < VCPUS_MAX; i++)
		all->vcpu[i].fd = -1;
	int ret = sigaction(SIGRTMIN, &kick, NULL)
		      ? err_set(e, ERR_INTERNAL, errno, "sigaction", "SIGRTMIN",
				"a bug of ours: please report it")
		      : 0;
	for (unsigned i = 0; !ret && i < cfg->count; i++)
		ret = create_one(all, i, e);
	if (ret) {
		vcpus_destroy(all);
		return ret;
	}
	*out = all;
	return 0;
}

int vcpus_start(struct vcpus *all, struct err *e)
{
	sigset_t all_but_kick, old;
	int ret = 0;

	/*
	 * Signals to end the process are for the main thread; a vCPU thread takes its kick and
	 * nothing else.
	 */
	sigfillset(&all_but_kick);
	sigdelset(&all_but_kick, SIGRTMIN);
	pthread_sigmask(SIG_SETMASK, &all_but_kick, &old);
	pthread_mutex_lock(
	    &all->lock); /* enter() waits for it: no vCPU runs before its thread is known */
	for (unsigned i = 0; !ret && i < all->cfg.count; i++) {
		struct vcpu *v = &all->vcpu[i];
		ret = pthread_create(&v->thread, NULL, vcpu_thread, v);
		v->has_thread = !ret;
	}
	pthread_mutex_unlock(&all->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret ? err_set(e, ERR_INTERNAL, ret, "pthread_create", "vCPU",
			     "raise the limit on processes (ulimit -u)")
		   : 0;
}

bool vcpus_pause(struct vcpus *all, unsigned deadline_ms)
{
	struct timespec until = clock_after(deadline_ms);
	int timeout = 0;

	pthread_mutex_lock(&all->lock);
	all->pauses++;
	kick_all(all);
	while (any_in_guest(all) && !timeout)
		timeout = pthread_cond_timedwait(&all->changed, &all->lock, &until);
	bool out = !any_in_guest(all);
	pthread_mutex_unlock(&all->lock);
	return out;
}

void vcpus_resume(struct vcpus *all)
{
	pthread_mutex_lock(&all->lock);
	assert(all->pauses > 0);
	all->pauses--;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

void vcpus_where(struct vcpus *all, unsigned deadline_ms, void (*say)(void *ctx, const char *line),
		 void *ctx)
{
	char where[240], line[272];

	(void)!vcpus_pause(all, deadline_ms);
	for (unsigned i = 0; i < all->cfg.count; i++) {
		pthread_mutex_lock(&all->lock);
		bool in_guest = all->vcpu[i].in_guest;
		pthread_mutex_unlock(&all->lock);
		/* KVM_RUN holds what KVM_GET_REGS would wait for. */
		if (in_guest)
			snprintf(where, sizeof(where), "does not leave the guest");
		else
			arch_vcpu_where(all->vcpu[i].fd, where, sizeof(where));
		snprintf(line, sizeof(line), "vCPU %u: %s", i, where);
		say(ctx, line);
	}
	vcpus_resume(all);
}

static bool all_finished(const struct vcpus *all)
{
	for (unsigned i = 0; i < all->cfg.count; i++)
		if (all->vcpu[i].has_thread && !all->vcpu[i].finished)
			return false;
	return true;
}

bool vcpus_stop(struct vcpus *all, unsigned deadline_ms)
{
	struct timespec until = clock_after(deadline_ms);
	int timeout = 0;

	pthread_mutex_lock(&all->lock);
	all->stop = true;
	kick_all(all);
	pthread_cond_broadcast(&all->changed);
	while (!all_finished(all) && !timeout)
		timeout = pthread_cond_timedwait(&all->changed, &all->lock, &until);
	bool finished = all_finished(all);
	pthread_mutex_unlock(&all->lock);

	for (unsigned i = 0; finished && i < all->cfg.count; i++) {
		struct vcpu *v = &all->vcpu[i];
		if (v->has_thread)
			pthread_join(v->thread, NULL); /* it has nothing left to do but to return */
		v->has_thread = false;
	}
	return finished;
}

void vcpus_destroy(struct vcpus *all)
{
	if (!all)
		return;
	for (unsigned i = 0; i < all->cfg.count; i++) {
		struct vcpu *v = &all->vcpu[i];
		assert(!v->has_thread);
		if (v->run)
			munmap(v->run, all->cfg.vm->run_size);
		if (v->fd >= 0)
			close(v->fd);
	}
	pthread_cond_destroy(&all->changed);
	pthread_mutex_destroy(&all->lock);
	free(all);
}
