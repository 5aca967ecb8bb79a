/* SPDX-License-Identifier: MIT */
/*
 * The callers' side of a device; see device.h. Whatever the kernel or the parent can delay is left
 * to the device's thread (worker.c) as a wish, and waited for, if at all, with the caller's
 * deadline.
 *
 * Data queues never come here: their kicks go from KVM to vhost-vDPA and their calls from there to
 * KVM, by event fds that are only made here.
 */
#include "breaks.h"
#include "clock.h"
#include "device_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OPEN_DEADLINE_MS 5000
#define CLOSE_DEADLINE_MS 1000
#define BROKEN_WAIT_MS 1000
#define BROKEN_CLOSE_MS 600000
#define ARENA_IN_HOLE 0x40000000ull
#define ARENA_ALIASED 0x01000000ull

static int make_event_fds(struct device *d, struct err *e)
{
	int *fds[4 + 2 * DEVICE_QUEUES_MAX] = {&d->shadow_kick_fd, &d->shadow_call_fd, &d->wake_fd,
					       &d->config_fd};

	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++) {
		fds[4 + q] = &d->kick_fd[q];
		fds[4 + DEVICE_QUEUES_MAX + q] = &d->call_fd[q];
	}
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		*fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (*fds[i] < 0)
			return err_set(e, ERR_INTERNAL, errno, "eventfd", "queue notification",
				       "raise the limit on open files");
	}
	return 0;
}

static void free_device(struct device *d)
{
	int fds[] = {d->shadow_kick_fd, d->shadow_call_fd, d->wake_fd, d->config_fd};

	for (unsigned i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++) {
		if (d->kick_fd[q] >= 0)
			close(d->kick_fd[q]);
		if (d->call_fd[q] >= 0)
			close(d->call_fd[q]);
	}
	arena_destroy(&d->arena);
	pthread_cond_destroy(&d->done);
	pthread_mutex_destroy(&d->lock);
	free(d->print);
	free(d);
}

static struct device *new_device(const struct device_config *cfg)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->cfg = *cfg;
	d->print = cfg->trace ? malloc(CTRL_PRINT_MAX) : NULL;
	if (cfg->trace && !d->print) {
		free(d);
		return NULL;
	}
	d->arena = (struct arena){.readable_fd = -1, .writable_fd = -1};
	d->shadow_kick_fd = d->shadow_call_fd = d->wake_fd = d->config_fd = -1;
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++)
		d->kick_fd[q] = d->call_fd[q] = -1;
	pthread_mutex_init(&d->lock, NULL);
	clock_cond_init(&d->done);
	d->told = true;
	return d;
}

/* Wait, with d->lock held, until no wish is open; false if @ms pass first. */
static bool wait_idle(struct device *d, unsigned ms)
{
	struct timespec until = clock_after(ms);

	while ((d->busy || d->wish != WISH_NOTHING) && !d->closed)
		if (pthread_cond_timedwait(&d->done, &d->lock, &until) == ETIMEDOUT)
			return !d->busy && d->wish == WISH_NOTHING;
	return true;
}

/* Start the thread, whose first act is the open, and wait for that. */
static int open_in_thread(struct device *d, struct err *e)
{
	d->busy = true;
	int code = pthread_create(&d->thread, NULL, worker_main, d);
	if (code) {
		watchdog_stop(d);
		free_device(d);
		return err_set(e, ERR_INTERNAL, code, "pthread_create", "device thread",
			       "out of memory or processes");
	}
	pthread_mutex_lock(&d->lock);
	bool answered = wait_idle(d, OPEN_DEADLINE_MS);
	struct err result = d->open_error;
	pthread_mutex_unlock(&d->lock);

	if (!answered || result.kind != ERR_NONE)
		watchdog_stop(d);
	if (!answered) {
		/* The thread sits in the kernel and holds the device: both stay until the process
		 * ends. */
		pthread_detach(d->thread);
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "open", d->cfg.path,
			       "the parent did not answer within %u ms: is its process alive?",
			       OPEN_DEADLINE_MS);
	}
	if (result.kind != ERR_NONE) {
		pthread_join(d->thread, NULL);
		free_device(d);
		if (e->kind == ERR_NONE)
			*e = result;
		return result.code ? -result.code : -EINVAL;
	}
	return 0;
}

static int make_arena(struct device *d, iova_t at, struct err *e)
{
	const struct device_config *c = &d->cfg;

	if (broken(c->breaks, BREAK_SHARED_MEMFD))
		return arena_create_within(&d->arena, c->ram_fd, c->ram_end, at, c->canary_key,
					   c->canary_magic, e);
	return arena_create(&d->arena, at, c->canary_key, c->canary_magic, c->breaks, e);
}

int device_open(struct device **out, const struct device_config *cfg, struct err *e)
{
	struct device *d = new_device(cfg);
	iova_t at = iova(cfg->placement == PLACE_ALIASED ? ARENA_ALIASED : ARENA_IN_HOLE);

	if (!d)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "device", "out of memory");
	if (gmem_contains(cfg->mem, gpa(at.v), ARENA_SIZE) != (cfg->placement == PLACE_ALIASED)) {
		free_device(d);
		return err_set(e, ERR_USAGE, 0, "placement",
			       cfg->placement == PLACE_ALIASED ? "aliased" : "hole",
			       "guest RAM must %s IOVA 0x%llx: choose another memory size",
			       cfg->placement == PLACE_ALIASED ? "cover" : "end below",
			       (unsigned long long)at.v);
	}
	int ret = make_event_fds(d, e);
	if (!ret)
		ret = make_arena(d, at, e);
	if (!ret)
		ret = watchdog_start(d, e);
	if (ret) {
		free_device(d);
		return ret;
	}
	ret = open_in_thread(d, e);
	if (!ret)
		*out = d;
	return ret;
}

/*
 * A wish has its time from here on, and again from when the thread takes it up. One that comes
 * while another is open has no more than that one, or a guest that asks again and again would never
 * be told.
 */
static void make_wish(struct device *d, enum wish wish)
{
	if (d->told || (!d->busy && d->wish == WISH_NOTHING)) {
		d->told = false;
		d->due = clock_after(d->cfg.wish_ms);
		pthread_cond_broadcast(&d->done);
	}
	d->wish = wish;
	event_signal(d->wake_fd);
}

bool device_close(struct device *d)
{
	bool patient = broken(d->cfg.breaks, BREAK_NO_CLOSE_DEADLINE);
	struct timespec until = clock_after(patient ? BROKEN_CLOSE_MS : CLOSE_DEADLINE_MS);

	watchdog_stop(d);
	pthread_mutex_lock(&d->lock);
	make_wish(d, WISH_CLOSE);
	while (!d->closed)
		if (pthread_cond_timedwait(&d->done, &d->lock, &until) == ETIMEDOUT)
			break;
	bool closed = d->closed;
	pthread_mutex_unlock(&d->lock);

	if (!closed) {
		pthread_detach(d->thread);
		return false;
	}
	pthread_join(d->thread, NULL);
	free_device(d);
	return true;
}

uint32_t device_class(const struct device *d)
{
	return d->attach.device_id;
}

uint64_t device_features(const struct device *d)
{
	return d->attach.features;
}

unsigned device_queue_count(const struct device *d, uint64_t features)
{
	return attach_queue_count(&d->attach, features);
}

uint16_t device_queue_max(const struct device *d)
{
	return d->attach.queue_max < QUEUE_NUM_MAX ? d->attach.queue_max : QUEUE_NUM_MAX;
}

size_t device_read_config(const struct device *d, void *buf, size_t len)
{
	size_t n = d->attach.config_len < len ? d->attach.config_len : len;

	memcpy(buf, d->attach.config, n);
	return d->attach.config_len;
}

int device_kick_fd(const struct device *d, unsigned q)
{
	return d->kick_fd[q];
}

int device_call_fd(const struct device *d, unsigned q)
{
	return d->call_fd[q];
}

struct device_arena device_arena(const struct device *d)
{
	return (struct device_arena){.iova = d->arena.iova,
				     .readable = ARENA_READABLE,
				     .writable = ARENA_WRITABLE,
				     .readable_fd = d->arena.readable_fd,
				     .writable_fd = d->arena.writable_fd,
				     .offset = {d->arena.offset[0], d->arena.offset[1]},
				     .readable_host = d->arena.readable,
				     .writable_host = d->arena.writable,
				     .cvq_index = attach_cvq_index(&d->attach, d->attach.features),
				     .asid = iotlb_cvq_asid(&d->attach.iotlb)};
}

void device_start(struct device *d, uint64_t features, const struct device_queue *queues,
		  unsigned count)
{
	pthread_mutex_lock(&d->lock);
	d->features = features;
	memset(d->queue, 0, sizeof(d->queue));
	memcpy(d->queue, queues,
	       sizeof(*queues) * (count < DEVICE_QUEUES_MAX ? count : DEVICE_QUEUES_MAX));
	make_wish(d, WISH_START);
	pthread_mutex_unlock(&d->lock);
}

bool device_reset(struct device *d, unsigned wait_ms)
{
	pthread_mutex_lock(&d->lock);
	make_wish(d, WISH_RESET);
	bool idle =
	    wait_idle(d, broken(d->cfg.breaks, BREAK_STALL_VCPU) ? BROKEN_WAIT_MS : wait_ms);
	pthread_mutex_unlock(&d->lock);
	return idle;
}

bool device_idle(struct device *d)
{
	pthread_mutex_lock(&d->lock);
	bool idle = !d->busy && d->wish == WISH_NOTHING;
	pthread_mutex_unlock(&d->lock);
	return idle;
}
