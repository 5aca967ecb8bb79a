/* SPDX-License-Identifier: MIT */
/*
 * What a device tells of: its failures, its config space, the guest's commands and the state that
 * they leave, each to those of the guest, the log and the trace that are to know. It must never let
 * a guest fill the log, nor do more for a command that succeeds than it is asked for.
 */
#include "device_impl.h"

#include "../virtio/check.h"

#include <linux/virtio_net.h>
#include <stdio.h>

#define REFUSALS_TOLD 100 /* commands; what else there is to say must find room in the log, too */

static void say(const struct device *d, const char *line)
{
	if (d->cfg.log)
		d->cfg.log(d->cfg.ctx, line);
}

void device_failed(struct device *d, const char *why)
{
	trace_text(d->cfg.trace, "failed", "why", why);
	say(d, why);
	if (d->cfg.failed)
		d->cfg.failed(d->cfg.ctx, why);
}

void device_failed_by(struct device *d, const char *what, const struct check_info *check)
{
	char line[200];

	snprintf(line, sizeof(line), "%s: %s: %s", what, check ? check->name : "?",
		 check ? check->refuses : "?");
	device_failed(d, line);
}

/* ---- the config space ---- */

static void tell_config(const struct device *d, bool interrupt)
{
	if (d->cfg.config)
		d->cfg.config(d->cfg.ctx, d->attach.config, d->attach.config_len, interrupt);
}

static bool read_config(struct device *d, bool interrupt)
{
	char hex[2 * ATTACH_CONFIG_MAX + 1] = "";

	if (!attach_config_changed(&d->attach))
		return false;
	for (size_t i = 0; d->cfg.trace && i < d->attach.config_len; i++)
		snprintf(hex + 2 * i, 3, "%02x", d->attach.config[i]);
	trace_event(d->cfg.trace, "config", ",\"config\":\"%s\",\"interrupt\":%s", hex,
		    interrupt ? "true" : "false");
	return true;
}

void tell_config_changed(struct device *d, bool interrupt)
{
	/* The device's word that something has changed is passed on even where what has was read,
	 * and told without an interrupt, before that word was heard. */
	if (read_config(d, interrupt) || interrupt)
		tell_config(d, interrupt);
}

/*
 * What a reset or a start leaves of the config space is the device's to say: one has what was set
 * before it, another keeps it (vdpa_sim). So it is told, changed or not, after each of them.
 */
void tell_config_anew(struct device *d)
{
	(void)read_config(d, false);
	tell_config(d, false);
}

/* ---- control commands ---- */

void tell_state(struct device *d, const struct ctrl_state *state)
{
	if (d->cfg.trace) {
		(void)ctrl_json(state, d->print, CTRL_PRINT_MAX);
		trace_json(d->cfg.trace, "state", "state", d->print);
	}
	if (d->cfg.state)
		d->cfg.state(d->cfg.ctx, state);
}

/*
 * Two commands change the config space: it shows a new address, and an announcement that was heard,
 * before the driver sees the answer (sections 5.1.6.5.2 and 5.1.6.5.4).
 */
void tell_committed(void *device, const struct ctrl_state *state)
{
	struct device *d = device;
	uint8_t class = d->cvq.command[0];

	if (class == VIRTIO_NET_CTRL_MAC || class == VIRTIO_NET_CTRL_ANNOUNCE)
		tell_config_changed(d, false);
	tell_state(d, state);
}

/* The guest's bytes, as far as they are a command's header. */
struct header {
	uint64_t len;
	int class, code; /* -1: there is none */
};

static struct header header_of(const struct cvq *c)
{
	uint64_t len = c->chain.readable_len;

	return (struct header){len, len < 2 ? -1 : c->command[0], len < 2 ? -1 : c->command[1]};
}

static void log_refused(struct device *d, const struct cvq *c)
{
	struct header h = header_of(c);
	char header[32], line[200];

	if (d->refusals > REFUSALS_TOLD)
		return;
	if (d->refusals++ == REFUSALS_TOLD) {
		say(d, "more control commands are refused, which is not told any more");
		return;
	}
	if (h.class < 0)
		snprintf(header, sizeof(header), "no header");
	else
		snprintf(header, sizeof(header), "class %d command %d", h.class, h.code);
	snprintf(line, sizeof(line), "control command refused: %s, %llu bytes: %s: %s", header,
		 (unsigned long long)h.len, c->why ? c->why->name : "?",
		 c->why ? c->why->refuses : "?");
	say(d, line);
}

void tell_answered(void *device, const struct cvq *c, uint8_t ack)
{
	struct device *d = device;
	const char *why = c->why ? c->why->name : "?";
	bool ok = ack == VIRTIO_NET_OK;

	if (d->cfg.trace) {
		struct header h = header_of(c);
		trace_event(d->cfg.trace, "cvq",
			    ",\"class\":%d,\"cmd\":%d,\"len\":%llu,\"ack\":%u%s%s%s", h.class,
			    h.code, (unsigned long long)h.len, ack, ok ? "" : ",\"why\":\"",
			    ok ? "" : why, ok ? "" : "\"");
	}
	if (!ok)
		log_refused(d, c);
}
