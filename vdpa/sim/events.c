/* SPDX-License-Identifier: MIT */
/*
 * Events of vdpa_sim; see events.h. Offsets into struct vhost_iotlb_map
 * (include/linux/vhost_iotlb.h) are the one thing here that a kernel may change without a word:
 * follow.c checks every map by its size. It must never take a function that is not exported: it may
 * not be there, or be inlined.
 */
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* vhost_iotlb_itree_first() is called in every thread that has to do with any device. */
#define AT_ONCE 64

const struct probe sim_probes[SIM_KINDS] = {
    [SIM_SPACE] = {"rf_space", "vhost_iotlb_init", "iotlb=$arg1", 0},
    [SIM_DEVICE] = {"rf_device", "_vdpa_register_device", "vdev=$arg1", 0},
    [SIM_ASSIGN] = {"rf_assign", "vringh_set_iotlb", "vring=$arg1 iotlb=$arg2 lock=$arg3", 0},
    [SIM_RESET] = {"rf_reset", "vringh_init_iotlb", "vring=$arg1", 0},
    [SIM_READY] = {"rf_ready", "vringh_init_iotlb_va", "vring=$arg1 num=$arg3:x32", 0},
    [SIM_STATUS] = {"rf_status", "vdpa_set_status", "vdev=$arg1 status=$arg2:x8", 0},
    [SIM_GET] = {"rf_get", "vringh_getdesc_iotlb", "vring=$arg1", 0},
    [SIM_GOT] = {"rf_got", "vringh_getdesc_iotlb", "vring=$arg1 ret=$retval:x32", AT_ONCE},
    [SIM_PULL] = {"rf_pull", "vringh_iov_pull_iotlb", "vring=$arg1", 0},
    [SIM_PUSH] = {"rf_push", "vringh_iov_push_iotlb", "vring=$arg1", 0},
    [SIM_COMPLETE] = {"rf_complete", "vringh_complete_iotlb", "vring=$arg1", 0},
    [SIM_NOTIFY] = {"rf_notify", "vringh_need_notify_iotlb", "vring=$arg1", 0},
    [SIM_FIND] = {"rf_find", "vhost_iotlb_itree_first",
		  "iotlb=$arg1 start=$arg2 last=$arg3 map=$retval m_start=+40($retval):x64 "
		  "m_last=+48($retval):x64 m_size=+56($retval):x64 m_addr=+64($retval):x64 "
		  "m_perm=+72($retval):x32",
		  AT_ONCE},
};

static unsigned arguments(const struct probe *p)
{
	unsigned n = 0;

	for (const char *c = p->fetch; *c; c++)
		n += *c == '=';
	return n;
}

/* "NAME: (" at @text: which event it is, and where its arguments begin. */
static const char *find_kind(enum sim_event_kind *kind, const char *text)
{
	for (int k = SIM_LOST + 1; k < SIM_KINDS; k++) {
		size_t len = strlen(sim_probes[k].event);

		if (strncmp(text, sim_probes[k].event, len) || strncmp(text + len, ": (", 3))
			continue;
		*kind = (enum sim_event_kind)k;
		const char *end = strchr(text + len, ')');
		return end ? end + 1 : NULL;
	}
	return NULL;
}

/* " name=0x1 name=0x2": just as many as the probe fetches. */
static bool read_arguments(struct sim_event *ev, const char *text)
{
	unsigned n = arguments(&sim_probes[ev->kind]);
	char *end;

	for (unsigned i = 0; i < n; i++) {
		const char *eq = *text == ' ' ? strchr(text, '=') : NULL;

		if (!eq || strncmp(eq, "=0x", 3))
			return false;
		errno = 0;
		ev->arg[i] = strtoull(eq + 1, &end, 16);
		if (errno || end == eq + 3)
			return false;
		text = end;
	}
	return *text == '\0';
}

/*
 * "COMM-PID [CPU] FLAGS SECONDS.MICROSECONDS: ", up to @end. A thread may be called anything, so
 * this is read from its end.
 */
static bool read_context(struct sim_event *ev, const char *line, const char *end)
{
	const char *bracket = NULL, *p;
	char *after;

	for (p = line; p < end; p++)
		if (*p == '[')
			bracket = p;
	for (p = end; p > line && p[-1] != ' '; p--)
		;
	unsigned long long s = strtoull(p, &after, 10);
	if (after == p || *after != '.' || s > UINT32_MAX)
		return false;
	const char *fraction = after + 1;
	unsigned long long us = strtoull(fraction, &after, 10);
	if (after != end || after - fraction != 6)
		return false;
	ev->t = (s * 1000000 + us) * 1000;
	while (bracket && bracket > line && bracket[-1] == ' ')
		bracket--;
	for (p = bracket; p && p > line && p[-1] >= '0' && p[-1] <= '9'; p--)
		;
	if (!p || p == bracket || p == line || p[-1] != '-')
		return false;
	ev->pid = atoi(p);
	return true;
}

bool sim_event_parse(struct sim_event *ev, const char *line)
{
	const char *name = line, *arguments_at = NULL;

	*ev = (struct sim_event){0};
	if (!strncmp(line, "CPU:", 4) && strstr(line, " [LOST "))
		return true;
	while (!arguments_at && (name = strstr(name, ": "))) {
		name += 2;
		arguments_at = find_kind(&ev->kind, name);
	}
	return arguments_at && read_context(ev, line, name - 2) && read_arguments(ev, arguments_at);
}
