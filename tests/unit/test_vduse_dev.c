/* SPDX-License-Identifier: MIT */
/*
 * A VDUSE device's life and its answers to the kernel: what is asked of it out of turn or out of
 * range is refused, and a device that could not be made leaves nothing behind.
 */
#include "../../vdpa/breaks.h"
#include "test.h"
#include "vduse_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OK VDUSE_REQ_RESULT_OK
#define FAILED VDUSE_REQ_RESULT_FAILED

static struct client c;

static int setup(void **state)
{
	(void)state;
	fake_vduse_reset();
	return client_map(&c) || client_open(&c, 1, false);
}

static int setup_none(void **state)
{
	(void)state;
	c = (struct client){0};
	fake_vduse_reset();
	return client_map(&c);
}

static int teardown(void **state)
{
	(void)state;
	return client_close(&c);
}

static void the_kernel_is_told_what_it_is(void **state)
{
	const struct vduse_dev_config *m = &fake_vduse.made;

	(void)state;
	assert_string_equal(m->name, "unit");
	assert_int_equal(m->device_id, 1);
	assert_int_equal(m->features, CLIENT_OFFERED);
	assert_int_equal(m->vq_num, 3);
	assert_int_equal(m->ngroups, 2);
	assert_int_equal(m->nas, 2);
	assert_int_equal(m->config_size, sizeof(struct virtio_net_config));
	assert_memory_equal(fake_vduse.config, CLIENT_MAC, 6);
	assert_int_equal(fake_vduse.config[6], VIRTIO_NET_S_LINK_UP);
	for (unsigned q = 0; q < NET_QUEUES; q++) {
		assert_int_equal(fake_vduse.setup[q].group, q == NET_CVQ);
		assert_int_equal(fake_vduse.setup[q].max_size, 256);
	}
}

static void api_0_has_no_groups(void **state)
{
	(void)state;
	fake_vduse.api = 0;
	assert_int_equal(client_open(&c, 0, false), 0);
	assert_int_equal(fake_vduse.made.ngroups, 0);
	assert_int_equal(fake_vduse.made.nas, 0);
	for (unsigned q = 0; q < NET_QUEUES; q++)
		assert_int_equal(fake_vduse.setup[q].group, 0);
	assert_int_equal(c.dev->as.spaces, 1);
	assert_int_equal(client_asid(0, 1), FAILED);
}

static void the_version_is_the_kernels_or_the_users(void **state)
{
	static const struct {
		uint64_t kernel;
		int asked, want; /* -1: refused */
	} cases[] = {{1, -1, 1}, {0, -1, 0}, {1, 0, 0}, {7, -1, 1}, {7, 1, 1}, {0, 1, -1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_vduse.api = cases[i].kernel;
		int ret = client_open(&c, cases[i].asked, false);
		if (cases[i].want >= 0) {
			assert_int_equal(ret, 0);
			assert_int_equal(c.dev->as.api, cases[i].want);
			assert_int_equal(net_stop(c.net, &c.e), 0);
			assert_int_equal(vduse_destroy(c.dev, &c.e), 0);
		} else {
			assert_int_equal(c.e.kind, ERR_HOST);
			assert_non_null(strstr(c.e.text, "API 0 only"));
		}
		c.dev = NULL;
		c.net = NULL;
	}
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void any_failing_call_leaves_nothing_behind(void **state)
{
	static const struct {
		unsigned long request;
		const char *name;
		unsigned skip;
		bool made;
	} cases[] = {
	    {VDUSE_GET_API_VERSION, "VDUSE_GET_API_VERSION", 0, false},
	    {VDUSE_SET_API_VERSION, "VDUSE_SET_API_VERSION", 0, false},
	    {VDUSE_CREATE_DEV, "VDUSE_CREATE_DEV", 0, false},
	    {VDUSE_VQ_SETUP, "VDUSE_VQ_SETUP", 0, true},
	    {VDUSE_VQ_SETUP, "VDUSE_VQ_SETUP", 1, true},
	    {VDUSE_VQ_SETUP, "VDUSE_VQ_SETUP", 2, true},
	};

	(void)state;
	unsigned before = open_fds();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_vduse_reset();
		fake_vduse.fail_request = cases[i].request;
		fake_vduse.fail_skip = cases[i].skip;
		fake_vduse.fail_errno = EIO;
		fake_vduse.fail_times = 1;
		assert_true(client_open(&c, 1, false) < 0);
		assert_int_equal(c.e.kind, ERR_HOST);
		assert_non_null(strstr(c.e.text, cases[i].name));
		assert_non_null(strstr(c.e.text, "EIO"));
		assert_null(c.dev);
		assert_int_equal(fake_vduse.destroyed, cases[i].made);
		fake_vduse_reset();
		assert_int_equal(open_fds(), before);
	}
	static const char *const nodes[] = {"control", "unit"};
	for (unsigned i = 0; i < 2; i++) {
		fake_vduse.fail_open = nodes[i];
		assert_true(client_open(&c, 1, false) < 0);
		assert_int_equal(c.e.kind, ERR_HOST);
		assert_non_null(strstr(c.e.text, nodes[i]));
		assert_int_equal(fake_vduse.destroyed, i == 1);
		assert_int_equal(open_fds(), before);
	}
}

static void a_device_that_ended_leaves_nothing_open(void **state)
{
	(void)state;
	unsigned before = open_fds();
	assert_int_equal(client_open(&c, 1, false), 0);
	client_start(CLIENT_FEATURES);
	assert_true(open_fds() > before);
	assert_int_equal(net_stop(c.net, &c.e), 0);
	assert_int_equal(vduse_destroy(c.dev, &c.e), 0);
	c.net = NULL;
	c.dev = NULL;
	assert_true(fake_vduse.destroyed);
	fake_vduse_reset();
	assert_int_equal(open_fds(), before);
}

static void config_changes_stay_in_the_config(void **state)
{
	const size_t len = sizeof(struct virtio_net_config);
	static uint8_t bytes[256];
	static const struct {
		size_t from_end, len; /* where it begins, and how much it is */
		bool good;
	} cases[] = {
	    {0, 0, true},
	    {0, 1, false},
	    {1, 1, true},
	    {1, 2, false},
	    {6, 6, true},
	    {6, 7, false},
	    {(size_t)-1, 0, false},
	    {(size_t)-1, 1, false},
	    {6, SIZE_MAX, false},
	    {6, 65, false},
	    {6, SIZE_MAX - 5, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vduse_lock(c.dev);
		int ret = vduse_set_config(c.dev, len - cases[i].from_end, bytes, cases[i].len);
		vduse_unlock(c.dev);
		if (ret != (cases[i].good ? 0 : -EINVAL))
			fail_msg("case %u: %d", i, ret);
	}
}

static void a_refused_cvq_is_explained(void **state)
{
	static const struct {
		int code;
		bool private_cvq;
		const char *says;
	} cases[] = {{EINVAL, false, "--private-cvq"},
		     {EINVAL, true, "EINVAL"},
		     {EPERM, false, "CAP_NET_ADMIN"},
		     {EEXIST, false, "--name"}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		fake_vduse.fail_request = VDUSE_CREATE_DEV;
		fake_vduse.fail_errno = cases[i].code;
		fake_vduse.fail_times = 1;
		assert_true(client_open(&c, 1, cases[i].private_cvq) < 0);
		assert_non_null(strstr(c.e.text, cases[i].says));
		assert_int_equal(!!strstr(c.e.text, "private"), !!strstr(cases[i].says, "private"));
	}
}

static void names_are_ones_that_a_node_can_have(void **state)
{
	static const char *const bad[] = {"",	  ".",	 "..",	".x",	    "control", "a/b",
					  "../x", "a b", "a\n", "\xc3\xa4", "a,b"};
	char name[VDUSE_NAME_LEN + 1];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(vduse_name_ok(bad[i]));
	assert_true(vduse_name_ok("a"));
	assert_true(vduse_name_ok("controls"));
	assert_true(vduse_name_ok("A-z_0.9"));
	memset(name, 'x', sizeof(name));
	name[VDUSE_NAME_LEN] = '\0';
	assert_false(vduse_name_ok(name));
	name[VDUSE_NAME_LEN - 1] = '\0';
	assert_true(vduse_name_ok(name));
}

/* Negotiate @features; whether FEATURES_OK was taken. */
static bool negotiate(uint64_t features)
{
	assert_int_equal(client_status(0), OK);
	client_features(features);
	assert_int_equal(client_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER), OK);
	return client_status(CLIENT_STATUS) == OK;
}

static void only_what_is_offered_is_accepted(void **state)
{
	const uint64_t need = 1ull << VIRTIO_F_VERSION_1;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(negotiate(need | 1ull << bit), CLIENT_OFFERED >> bit & 1);
	assert_true(negotiate(CLIENT_OFFERED));
	assert_false(negotiate(CLIENT_FEATURES & ~need));
	assert_false(negotiate(0));
	assert_false(negotiate(~0ull));
}

static void a_private_cvq_is_accepted_but_not_offered(void **state)
{
	(void)state;
	assert_int_equal(client_open(&c, 1, true), 0);
	assert_int_equal(fake_vduse.made.features, CLIENT_OFFERED & ~CLIENT_CONTROL);
	assert_true(negotiate(CLIENT_FEATURES));
	assert_true(negotiate(CLIENT_FEATURES & ~CLIENT_CONTROL));
	assert_false(negotiate(CLIENT_FEATURES | 1ull << VIRTIO_NET_F_MQ));
}

static void features_stay_as_they_were_agreed(void **state)
{
	const uint8_t live = CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK;

	(void)state;
	assert_true(negotiate(CLIENT_FEATURES));
	client_features(CLIENT_FEATURES & ~CLIENT_CONTROL);
	assert_int_equal(client_status(live), FAILED);
	client_features(CLIENT_FEATURES);
	assert_int_equal(client_status(live), OK);
	assert_int_equal(client_status(0), OK);
	assert_int_equal(client_status(live & 0xf7), FAILED); /* no FEATURES_OK */
	client_features(0);
	assert_int_equal(client_status(live), FAILED); /* both at once, and no VERSION_1 */
	client_features(CLIENT_FEATURES);
	assert_int_equal(client_status(live), OK);
}

static void a_live_device_needs_its_kicks(void **state)
{
	(void)state;
	assert_true(negotiate(CLIENT_FEATURES));
	fake_vduse_lock();
	memset(fake_vduse.kick_fd, 0xff, sizeof(fake_vduse.kick_fd));
	fake_vduse.fail_request = VDUSE_VQ_SETUP_KICKFD;
	fake_vduse.fail_errno = EPERM;
	fake_vduse.fail_times = 1;
	fake_vduse_unlock();
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), FAILED);
	assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), OK);
	for (unsigned q = 0; q < NET_QUEUES; q++)
		assert_int_equal(fake_vduse.kick_fd[q], c.dev->kick_fd[q]);
}

static uint32_t asid_of(unsigned group)
{
	vduse_lock(c.dev);
	uint32_t asid = c.dev->as.group_asid[group];
	vduse_unlock(c.dev);
	return asid;
}

static void groups_move_between_the_spaces_there_are(void **state)
{
	static const uint32_t v[] = {0, 1, 2, 3, 0x80000000, 0xffffffff};

	(void)state;
	for (unsigned g = 0; g < 6; g++)
		for (unsigned a = 0; a < 6; a++) {
			bool good = v[g] < 2 && v[a] < 2;
			assert_int_equal(client_asid(v[g], v[a]), good ? OK : FAILED);
			if (good)
				assert_int_equal(asid_of(v[g]), v[a]);
		}
	assert_int_equal(asid_of(0), 1);
	assert_int_equal(asid_of(1), 1);
}

static void groups_rest_while_queues_run(void **state)
{
	(void)state;
	client_start(CLIENT_FEATURES);
	assert_int_equal(client_asid(NET_GROUP_CVQ, 0), FAILED);
	assert_int_equal(asid_of(NET_GROUP_CVQ), 1);
	assert_int_equal(client_status(0), OK);
	assert_int_equal(asid_of(NET_GROUP_CVQ), 1); /* a reset does not move them either */
	assert_int_equal(client_asid(NET_GROUP_CVQ, 0), OK);
	assert_int_equal(asid_of(NET_GROUP_CVQ), 0);
}

#if RINGFENCE_BREAKS
static void trust_reset_forgets_the_spaces(void **state)
{
	(void)state;
	c.dev->setup.breaks = 1u << BREAK_TRUST_RESET;
	assert_int_equal(client_asid(NET_GROUP_CVQ, 1), OK);
	assert_int_equal(client_asid(NET_GROUP_DATA, 1), OK);
	assert_int_equal(client_status(0), OK);
	assert_int_equal(asid_of(NET_GROUP_CVQ), 0);
	assert_int_equal(asid_of(NET_GROUP_DATA), 0);
}
#endif

static void what_is_out_of_range_is_refused(void **state)
{
	static const uint32_t far[] = {3, 4, 0x80000000, 0xffffffff};
	struct vduse_dev_request req = {0};

	(void)state;
	client_start(CLIENT_FEATURES);
	for (unsigned i = 0; i < 4; i++) {
		struct vduse_dev_request ready = {.vq_ready = {far[i], 1}};
		assert_int_equal(client_state(far[i]), -1);
		assert_int_equal(client_ask(VDUSE_SET_VQ_READY, &ready), FAILED);
		assert_int_equal(client_iotlb(far[i]), FAILED);
	}
	assert_int_equal(client_iotlb(2), FAILED);
	assert_int_equal(client_iotlb(1), OK);
	for (uint32_t type = VDUSE_SUSPEND + 1; type < 40; type++)
		assert_int_equal(client_ask(type, &req), FAILED);
	assert_int_equal(client_ask(~0u, &req), FAILED);
}

/* An indirect table is a chain where it was negotiated, and a bad one where it was not. */
static void tables_are_as_negotiated(void **state)
{
	const uint64_t indirect = 1ull << VIRTIO_RING_F_INDIRECT_DESC;
	struct guest_ring *r = &c.ring[NET_CVQ];
	const uint64_t base = client_base[NET_CVQ];
	const struct vring_desc table[] = {{base + 0x4000, 8, VRING_DESC_F_NEXT, 1},
					   {base + 0x5000, 1, VRING_DESC_F_WRITE, 0}};

	(void)state;
	for (unsigned yes = 0; yes < 2; yes++) {
		/* Before the start: the device looks at the ring at once. */
		ring_avail(r)->idx = ring_used(r)->idx = r->avail_idx = 0;
		memcpy(r->ram + 0x6000, table, sizeof(table));
		ring_set(r, 0, base + 0x6000, sizeof(table), VRING_DESC_F_INDIRECT, 0);
		client_start(yes ? CLIENT_FEATURES : CLIENT_FEATURES & ~indirect);
		ring_offer(r, 0);
		client_kick(NET_CVQ);
		client_used(&c, NET_CVQ, 1);
		assert_int_equal(ring_used(r)->ring[0].len, yes);
		assert_int_equal(client_status(0), OK);
	}
}

static void a_queues_state_is_ours_once_it_ran(void **state)
{
	(void)state;
	fake_vduse_lock();
	fake_vduse.vq[NET_RX].split.avail_index = 77;
	fake_vduse.vq[NET_CVQ].split.avail_index = 0xffff;
	ring_avail(&c.ring[NET_CVQ])->idx = 0xffff;
	ring_used(&c.ring[NET_CVQ])->idx = 0xffff;
	c.ring[NET_CVQ].avail_idx = 0xffff;
	fake_vduse_unlock();
	assert_int_equal(client_state(NET_RX), 77); /* the kernel's, until then */
	client_start(CLIENT_FEATURES);
	ring_set(&c.ring[NET_CVQ], 0, client_base[NET_CVQ] + 0x4000, 1, VRING_DESC_F_WRITE, 0);
	ring_offer(&c.ring[NET_CVQ], 0);
	client_kick(NET_CVQ);
	client_used(&c, NET_CVQ, 0); /* it goes on after 0xffff */
	assert_int_equal(ring_used(&c.ring[NET_CVQ])->ring[7].len, 1);
	assert_int_equal(client_state(NET_CVQ), 0);
	assert_int_equal(client_status(0), OK);
	assert_int_equal(client_state(NET_CVQ), 0xffff); /* the kernel's again */
}

static void an_answer_does_not_wait_for_the_data_thread(void **state)
{
	struct timespec from, to;

	(void)state;
	vduse_lock(c.dev); /* as if it were stuck in a client's memory */
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(client_asid(0, 0), FAILED);
	clock_gettime(CLOCK_MONOTONIC, &to);
	vduse_unlock(c.dev);
	long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_true(ms >= VDUSE_ANSWER_MS / 2 && ms < 2 * VDUSE_ANSWER_MS);
	assert_int_equal(client_asid(0, 0), OK);
}

static void a_device_in_use_is_not_destroyed_in_silence(void **state)
{
	(void)state;
	assert_int_equal(client_open(&c, 1, false), 0);
	assert_int_equal(net_stop(c.net, &c.e), 0);
	c.net = NULL;
	fake_vduse.fail_request = VDUSE_DESTROY_DEV;
	fake_vduse.fail_errno = EBUSY;
	fake_vduse.fail_times = 1000;
	assert_int_equal(vduse_destroy(c.dev, &c.e), -EBUSY);
	c.dev = NULL;
	assert_int_equal(c.e.kind, ERR_HOST);
	assert_non_null(strstr(c.e.text, "vdpa dev del unit"));
	c.e = (struct err){0};

	fake_vduse.fail_times = 3; /* its last user is just going */
	assert_int_equal(vduse_delete(0, "unit"), 0);
	assert_true(fake_vduse.destroyed);
	fake_vduse.fail_errno = EPERM;
	fake_vduse.fail_times = 1;
	assert_int_equal(vduse_delete(0, "unit"), -EPERM);
	assert_int_equal(fake_vduse.fail_times, 0);
}

/* The kernel gives a device up by an error on its node (vduse_dev_broken). */
static void a_broken_device_rests(void **state)
{
	struct vduse_dev_request req = {.type = VDUSE_SET_STATUS, .request_id = 1};

	(void)state;
	client_start(CLIENT_FEATURES);
	assert_int_equal(write(fake_vduse.peer, &req, sizeof(req)), sizeof(req));
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	close(fake_vduse.peer); /* with its answer unread: that is an error at the other end */
	fake_vduse.peer = -1;
	for (unsigned i = 0; i < 10000 && !atomic_load(&c.dev->broken); i++)
		client_pause();
	assert_true(atomic_load(&c.dev->broken));
	bool fresh;
	vduse_lock(c.dev);
	assert_false(vduse_queue_ready(c.dev, NET_CVQ, &fresh));
	assert_false(vduse_unsettled(c.dev));
	vduse_unlock(c.dev);
}

static bool traced(const char *path, const char *what)
{
	static char text[1 << 16];
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return strstr(text, what);
}

static void what_happens_is_traced(void **state)
{
	static const char *const lines[] = {
	    "\"ev\":\"reset\"}",
	    "\"ev\":\"status\",\"status\":3}",
	    "\"ev\":\"status\",\"status\":15}",
	    "\"ev\":\"status\",\"status\":79,\"ok\":false}", /* no VERSION_1 */
	    "\"ev\":\"asid\",\"group\":1,\"asid\":1}",
	    "\"ev\":\"asid\",\"group\":1,\"asid\":0,\"ok\":false}",
	    "\"ev\":\"ready\",\"q\":2,\"ready\":1}",
	    "\"ev\":\"ready\",\"q\":0,\"ready\":0}",
	    "\"ev\":\"iotlb\",\"asid\":1,\"start\":\"0x0\",\"last\":\"0xffffffffffffffff\"}",
	    ("\"ev\":\"start\",\"q\":2,\"num\":8,\"avail\":0,\"desc\":\"0x101000\","
	     "\"driver\":\"0x102000\",\"device\":\"0x103000\"}"),
	    "\"ev\":\"cvq\",\"class\":1,\"cmd\":7,\"len\":2,\"ack\":1}",
	    "\"ev\":\"cvq\",\"class\":-1,\"cmd\":-1,\"len\":1,\"ack\":1}",
	    ("\"ev\":\"translate\",\"q\":2,\"group\":1,\"asid\":1,\"iova\":\"0x104000\",\"len\":2,"
	     "\"dir\":\"r\","),
	    "\"ev\":\"state\",\"q\":2,\"avail\":4}",
	    "\"ev\":\"drop\",\"q\":0,\"why\":\"no buffer\"}",
	    "\"ev\":\"bad\",\"q\":2,\"why\":\"no ack\"}",
	    "\"ev\":\"bad\",\"q\":1,\"why\":\"writable\"}",
	    "\"ev\":\"bad\",\"q\":1,\"why\":\"empty\"}",
	    "\"ev\":\"stop\",\"q\":1,\"why\":\"available index\"}",
	    "\"ev\":\"suspend\"}",
	};
	static const char stopped[] = "\"ev\":\"stop\",\"q\":1,";
	char features[64];
	char path[] = "/tmp/ringfence-test-XXXXXX";
	int fd = mkstemp(path);
	struct vduse_dev_request req = {0};
	struct guest_ring *cvq = &c.ring[NET_CVQ];

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trace_open(&c.trace, path, &c.e), 0);
	assert_int_equal(client_open(&c, 1, false), 0);
	client_start(CLIENT_FEATURES);
	assert_int_equal(client_asid(1, 0), FAILED);
	assert_int_equal(client_iotlb(1), OK);
	memcpy(cvq->ram + 0x4000, "\1\7", 2);
	for (unsigned i = 0; i < 4;
	     i++) { /* two commands, one half, and one that wants no answer */
		static const uint32_t len[] = {2, 2, 1, 2};
		unsigned more = i == 3 ? 0 : VRING_DESC_F_NEXT;
		ring_set(cvq, 0, client_base[NET_CVQ] + 0x4000, len[i], more, 1);
		ring_set(cvq, 1, client_base[NET_CVQ] + 0x5000, 1, VRING_DESC_F_WRITE, 0);
		ring_offer(cvq, 0);
		client_kick(NET_CVQ);
		client_used(&c, NET_CVQ, (uint16_t)(i + 1));
	}
	static const struct {
		uint32_t len;
		unsigned flags;
	} frames[] = {{100, 0}, {100, VRING_DESC_F_WRITE}, {0, 0}};
	for (uint16_t i = 0; i < 3; i++) {
		client_offer(&c, NET_TX, 0x4000, frames[i].len, frames[i].flags);
		client_kick(NET_TX);
		client_used(&c, NET_TX, (uint16_t)(i + 1));
	}
	ring_avail(&c.ring[NET_TX])->idx = 0x4000;
	client_kick(NET_TX);
	/* Else the queue may be stopped before the data's thread has looked. */
	for (unsigned tries = 200; !traced(path, stopped) && tries > 0; tries--)
		client_pause();
	assert_int_equal(client_state(NET_CVQ), 4);
	assert_int_equal(client_ready(NET_RX, false), OK);
	assert_int_equal(client_status(15 | 64), OK);
	client_features(0);
	assert_int_equal(client_status(3), OK);
	assert_int_equal(client_status(79), FAILED);
	assert_int_equal(client_ask(VDUSE_SUSPEND, &req), OK);

	/* A device that has come to rest has written all of it, should it be killed now. */
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		unsigned tries = 200;
		while (!traced(path, lines[i]) && tries-- > 0)
			client_pause();
		if (!traced(path, lines[i]))
			fail_msg("%s", lines[i]);
	}
	snprintf(features, sizeof(features), "\"ev\":\"features\",\"features\":\"0x%llx\"}",
		 (unsigned long long)(CLIENT_FEATURES));
	assert_true(traced(path, features));
	assert_false(traced(path, "\"features\":\"0x0\"")); /* what was refused is not told */
	assert_int_equal(client_close(&c), 0);
	assert_int_equal(trace_close(c.trace, &c.e), 0);
	c.trace = NULL;
	assert_true(traced(path, "\"ev\":\"end\"}"));
	unlink(path);
}

/* Section 2.8.1: a place and a wrap counter, for what is available and for what is used. */
static void a_packed_ring_goes_on_where_the_kernel_says(void **state)
{
	const struct vduse_vq_state_packed from = {1, 3, 1, 3};
	struct vduse_dev_request req = {.type = VDUSE_GET_VQ_STATE, .vq_state.index = NET_TX};
	struct vduse_dev_response resp;

	(void)state;
	fake_vduse.vq[NET_TX].packed = from;
	assert_true(negotiate(CLIENT_OFFERED));
	for (unsigned ready = 0; ready < 2; ready++) { /* the kernel's word, and then our own */
		assert_int_equal(fake_vduse_ask(&req, &resp), OK);
		assert_memory_equal(&resp.vq_state.packed, &from, sizeof(from));
		if (ready)
			break;
		assert_int_equal(client_ready(NET_TX, true), OK);
		assert_int_equal(client_status(CLIENT_STATUS | VIRTIO_CONFIG_S_DRIVER_OK), OK);
	}
	for (unsigned i = 0; i < 15000 && !c.dev->queue[NET_TX].known; i++)
		client_pause();
	vduse_lock(c.dev);
	assert_int_equal(c.dev->queue[NET_TX].ring.last_avail, 0x8003);
	assert_int_equal(c.dev->queue[NET_TX].ring.used_idx, 0x8003);
	assert_null(c.dev->queue[NET_TX].ring.stopped);
	vduse_unlock(c.dev);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define NONE(f) cmocka_unit_test_setup_teardown(f, setup_none, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_is_told_what_it_is),
		NONE(api_0_has_no_groups),
		NONE(the_version_is_the_kernels_or_the_users),
		NONE(any_failing_call_leaves_nothing_behind),
		NONE(a_device_that_ended_leaves_nothing_open),
		TEST(config_changes_stay_in_the_config),
		NONE(a_refused_cvq_is_explained),
		cmocka_unit_test(names_are_ones_that_a_node_can_have),
		TEST(only_what_is_offered_is_accepted),
		NONE(a_private_cvq_is_accepted_but_not_offered),
		TEST(features_stay_as_they_were_agreed),
		TEST(a_live_device_needs_its_kicks),
		TEST(groups_move_between_the_spaces_there_are),
		TEST(groups_rest_while_queues_run),
#if RINGFENCE_BREAKS
		TEST(trust_reset_forgets_the_spaces),
#endif
		TEST(what_is_out_of_range_is_refused),
		TEST(tables_are_as_negotiated),
		TEST(a_queues_state_is_ours_once_it_ran),
		TEST(a_packed_ring_goes_on_where_the_kernel_says),
		TEST(a_broken_device_rests),
		cmocka_unit_test_setup(what_happens_is_traced, setup_none),
		TEST(an_answer_does_not_wait_for_the_data_thread),
		NONE(a_device_in_use_is_not_destroyed_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
