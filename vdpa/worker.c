/* SPDX-License-Identifier: MIT */
/*
 * The thread that owns a device: every call that the kernel or the parent can delay is made here,
 * and the CVQ's commands are moved here, each with a deadline. It must never be waited for without
 * one.
 */
#include "device_impl.h"

#include "../virtio/check.h"
#include "breaks.h"
#include "canary.h"
#include "clock.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

void event_signal(int fd)
{
	/* This can only fail when the counter is full, and then the reader has been signalled
	 * already. */
	(void)eventfd_write(fd, 1);
}

void event_drain(int fd)
{
	eventfd_t n;

	(void)eventfd_read(fd, &n); /* EAGAIN: nothing was there */
}

/* Milliseconds until @t, rounded up, for poll(). */
static int ms_until(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ms =
	    (t->tv_sec - now.tv_sec) * 1000 + (t->tv_nsec - now.tv_nsec + 999999) / 1000000;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

/* Do what a step of the CVQ asks for. */
static void carry_out(struct device *d, unsigned todo)
{
	if (todo & CVQ_KICK) {
		d->deadline = clock_after(d->cfg.deadline_ms);
		event_signal(d->shadow_kick_fd);
	}
	if (todo & CVQ_INTERRUPT)
		event_signal(d->call_fd[d->cvq_index]);
	if (todo & CVQ_MORE)
		event_signal(d->kick_fd[d->cvq_index]);
	if (todo & CVQ_GUEST_BROKE) {
		d->cvq_live = false;
		device_failed_by(d, "the guest's control ring cannot be followed", d->cvq.broke);
	}
	if (todo & CVQ_DEVICE_BROKE)
		device_failed_by(
		    d, "a control command was not answered in time, or not as virtio asks",
		    d->cvq.broke);
}

/* The guest's own ring, for the control that shows what passing it on would mean. */
static void pass_cvq_through(struct device *d, struct attach_queue *out,
			     const struct device_queue *guest)
{
	unsigned cvq = d->cvq_index;
	uint64_t table =
	    guest->num *
	    16ull; /* bytes of descriptors; the upper half is canaries, as in the arena */

	*out = (struct attach_queue){true,
				     guest->num,
				     iova(guest->desc),
				     iova(guest->driver),
				     iova(guest->device),
				     d->kick_fd[cvq],
				     d->call_fd[cvq]};
	for (uint64_t n = 0, at = table / 2; at + CANARY_LINE <= table; n++, at += CANARY_LINE) {
		struct canary_line line = canary_make(d->arena.key, d->arena.magic, n);
		if (gmem_write(d->cfg.mem, gpa(guest->desc + at), &line, sizeof(line)))
			return;
	}
}

/* The shadow ring, in the arena, kicked and called by event fds of our own. */
static int shadow_cvq(struct device *d, struct attach_queue *out, const struct device_queue *data,
		      uint64_t features)
{
	const struct device_queue *guest = &data[d->cvq_index];
	struct ctrl_rules rules;

	ctrl_rules_read(&rules, features, d->attach.config, d->attach.config_len);
	rules.max_pairs = (uint16_t)ctrl_pairs(features, d->attach.pairs); /* as at the open */
	for (unsigned q = 0; q < 2 * CTRL_PAIRS_MAX; q++)
		rules.disabled |= (uint32_t)!data[q].ready << q;
	int ret = cvq_start(&d->cvq, d->cfg.mem, &d->arena, &rules, guest->num, gpa(guest->desc),
			    gpa(guest->driver), gpa(guest->device));
	if (ret)
		return ret;
	d->cvq.breaks = d->cfg.breaks;
	d->cvq.committed = tell_committed;
	d->cvq.answered = tell_answered;
	d->cvq.ctx = d;
	*out = (struct attach_queue){true,
				     SVQ_NUM,
				     svq_desc(&d->cvq.shadow),
				     svq_driver(&d->cvq.shadow),
				     svq_device(&d->cvq.shadow),
				     d->shadow_kick_fd,
				     d->shadow_call_fd};
	d->cvq_live = true;
	tell_state(d, &d->cvq.state);
	return 0;
}

static void start(struct device *d, uint64_t features, const struct device_queue *guest)
{
	struct attach_queue queues[DEVICE_QUEUES_MAX] = {0};
	unsigned cvq = attach_cvq_index(&d->attach, features);
	unsigned count = attach_queue_count(&d->attach, features);
	struct err e = {0};

	if (broken(d->cfg.breaks, BREAK_LEAK_FDS))
		(void)eventfd(0, EFD_CLOEXEC);
	trace_event(d->cfg.trace, "start", ",\"features\":\"0x%llx\",\"queues\":%u,\"cvq\":%u",
		    (unsigned long long)features, count, cvq);
	/*
	 * This wish may have come in the place of a reset. A device that is still at work would
	 * answer the last session's command into the rings that are laid out now for the next.
	 */
	if (d->attach.live && attach_reset(&d->attach, &e)) {
		device_failed(d, e.text);
		return;
	}
	tell_config_anew(d); /* it is what the state begins with */
	d->cvq_index = cvq;
	for (unsigned q = 0; q < count && q != cvq; q++)
		/* The guest's addresses go to the device as they are: its ASID has to hold, not a
		 * check here. */
		queues[q] = (struct attach_queue){guest[q].ready,	 guest[q].num,
						  iova(guest[q].desc),	 iova(guest[q].driver),
						  iova(guest[q].device), d->kick_fd[q],
						  d->call_fd[q]};
	/* Section 5.1.2: without CTRL_VQ there is no such queue, whatever its registers say. */
	if (cvq < count && guest[cvq].ready) {
		if (broken(d->cfg.breaks, BREAK_PASSTHROUGH)) {
			pass_cvq_through(d, &queues[cvq], &guest[cvq]);
		} else if (shadow_cvq(d, &queues[cvq], guest, features)) {
			device_failed_by(
			    d, "the guest's control ring is not in its RAM, or not a valid ring",
			    check_why());
			(void)attach_reset(&d->attach, &e);
			return;
		}
	}
	event_drain(d->shadow_kick_fd);
	event_drain(d->shadow_call_fd);
	event_drain(d->config_fd);
	d->attach.config_fd = d->config_fd;
	if (attach_start(&d->attach, features, queues, &e)) {
		d->cvq_live = false;
		device_failed(d, e.text);
		return;
	}
	trace_event(d->cfg.trace, "live", "%s", "");
	tell_config_anew(d);
	for (unsigned q = 0; q < count; q++)
		event_signal(
		    d->kick_fd[q]); /* what was notified before the queue was enabled is lost */
}

static void reset(struct device *d)
{
	struct err e = {0};
	int ret = attach_reset(&d->attach, &e);

	trace_event(d->cfg.trace, "reset", "%s", ret ? ",\"ok\":false" : "");
	if (ret)
		device_failed(d, e.text);
	tell_config_anew(d);
}

/* Take up the latest wish and carry it out. False: close. */
static bool serve_wish(struct device *d)
{
	struct device_queue queue[DEVICE_QUEUES_MAX];

	pthread_mutex_lock(&d->lock);
	enum wish wish = d->wish;
	uint64_t features = d->features;
	for (unsigned q = 0; q < DEVICE_QUEUES_MAX; q++)
		queue[q] = d->queue[q];
	d->wish = WISH_NOTHING;
	d->busy = wish != WISH_NOTHING;
	if (d->busy) {
		d->told = false;
		d->due = clock_after(d->cfg.wish_ms);
	}
	pthread_mutex_unlock(&d->lock);

	if (wish != WISH_NOTHING)
		d->cvq_live = false;
	if (wish == WISH_CLOSE)
		trace_event(d->cfg.trace, "close", "%s", "");
	if (wish == WISH_RESET || wish == WISH_CLOSE)
		reset(d);
	else if (wish == WISH_START)
		start(d, features, queue);

	pthread_mutex_lock(&d->lock);
	d->busy = false;
	pthread_cond_broadcast(&d->done);
	pthread_mutex_unlock(&d->lock);
	if (wish != WISH_NOTHING && d->cfg.idle)
		d->cfg.idle(d->cfg.ctx);
	return wish != WISH_CLOSE;
}

/* Whether a command is with the device, so that its deadline counts. */
static bool on_deadline(const struct device *d)
{
	return d->cvq_live && d->cvq.in_flight && !broken(d->cfg.breaks, BREAK_NO_DEADLINE);
}

/* Wait for a wish, the guest's control queue, the device's answer or its deadline. */
static bool serve(struct device *d)
{
	struct pollfd fds[] = {
	    {.fd = d->wake_fd, .events = POLLIN},
	    {.fd = d->cvq_live ? d->kick_fd[d->cvq_index] : -1, .events = POLLIN},
	    {.fd = d->cvq_live ? d->shadow_call_fd : -1, .events = POLLIN},
	    {.fd = d->config_fd, .events = POLLIN},
	};

	trace_flush(d->cfg.trace);
	if (poll(fds, 4, on_deadline(d) ? ms_until(&d->deadline) : -1) < 0)
		return true; /* a signal: look again */
	if (fds[0].revents) {
		event_drain(d->wake_fd);
		return serve_wish(d);
	}
	if (fds[3].revents) {
		event_drain(d->config_fd);
		tell_config_changed(d, true);
	}
	if (fds[2].revents) {
		event_drain(d->shadow_call_fd);
		carry_out(d, cvq_device_call(&d->cvq));
	}
	if (fds[1].revents && d->cvq_live) {
		event_drain(d->kick_fd[d->cvq_index]);
		carry_out(d, cvq_guest_kick(&d->cvq));
	}
	if (on_deadline(d) && ms_until(&d->deadline) == 0)
		carry_out(d, cvq_timeout(&d->cvq));
	return true;
}

void *worker_main(void *device)
{
	struct device *d = device;
	struct err e = {0};
	int ret = attach_open(&d->attach, d->cfg.path, d->cfg.mem, &d->arena, d->cfg.private_cvq,
			      d->cfg.breaks, &e);

	pthread_mutex_lock(&d->lock);
	d->open_error = e;
	d->busy = false;
	d->closed = ret != 0;
	pthread_cond_broadcast(&d->done);
	pthread_mutex_unlock(&d->lock);

	if (ret)
		return NULL;
	trace_event(d->cfg.trace, "open", ",\"class\":%u,\"features\":\"0x%llx\",\"pairs\":%u",
		    d->attach.device_id, (unsigned long long)d->attach.features, d->attach.pairs);
	while (serve(d))
		;
	attach_close(&d->attach);
	trace_flush(d->cfg.trace);
	pthread_mutex_lock(&d->lock);
	d->closed = true;
	pthread_cond_broadcast(&d->done);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}
