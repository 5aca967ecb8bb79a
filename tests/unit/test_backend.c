/* SPDX-License-Identifier: MIT */
/*
 * The parts behind a network device's backends: which frames a driver wants, what its header may
 * ask for, and a capture that others can read.
 */
#include "../../vdpa/vduse/filter.h"
#include "../../vdpa/vduse/offload.h"
#include "../../vdpa/vduse/pcap.h"
#include "test.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))

/* ---- filter ---- */

#define RX (BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA))
#define VLAN BIT(VIRTIO_NET_F_CTRL_VLAN)

static struct netctl ctl;

static void set_tables(void)
{
	memset(&ctl, 0, sizeof(ctl));
	memcpy(ctl.mac, "\2\0\0\0\0\1", 6);
	ctl.macs.count[0] = 1;
	ctl.macs.count[1] = 2;
	memcpy(ctl.macs.address, "\2\0\0\0\0\7\1\0\x5e\0\0\1\x33\x33\0\0\0\1", 18);
	ctl.vlan[0x123] = ctl.vlan[4095] = true;
}

static const char *refuses(uint64_t features, const char *to, unsigned tag)
{
	uint8_t frame[60] = {0};

	memcpy(frame, to, 6);
	if (tag) {
		frame[12] = 0x81;
		frame[14] = (uint8_t)((tag - 1) >> 8);
		frame[15] = (uint8_t)(tag - 1);
	}
	return filter_refuses(&ctl, features, frame, sizeof(frame));
}

#define ME "\2\0\0\0\0\1"
#define LISTED "\2\0\0\0\0\7"
#define STRANGER "\2\0\0\0\0\2"
#define GROUP "\1\0\x5e\0\0\1"
#define GROUP6 "\x33\x33\0\0\0\1"
#define NO_GROUP "\1\0\x5e\0\0\2"
#define ALL "\xff\xff\xff\xff\xff\xff"

/* By mode: who gets in of ME, LISTED, STRANGER, GROUP, GROUP6, NO_GROUP, ALL (section 5.1.6.5.1).
 */
static void modes_let_in_what_they_say(void **state)
{
	static const char *const to[] = {ME, LISTED, STRANGER, GROUP, GROUP6, NO_GROUP, ALL};
	static const struct {
		unsigned modes; /* bits by VIRTIO_NET_CTRL_RX_* */
		const char *in;
	} cases[] = {
	    {0, "yynyyny"},
	    {1u << VIRTIO_NET_CTRL_RX_PROMISC, "yyyyyyy"},
	    {1u << VIRTIO_NET_CTRL_RX_ALLMULTI, "yynyyyy"},
	    {1u << VIRTIO_NET_CTRL_RX_ALLUNI, "yyyyyny"},
	    {1u << VIRTIO_NET_CTRL_RX_NOMULTI, "yynnnny"},
	    {1u << VIRTIO_NET_CTRL_RX_NOUNI, "nnnyyny"},
	    {1u << VIRTIO_NET_CTRL_RX_NOBCAST, "yynyynn"},
	    {1u << VIRTIO_NET_CTRL_RX_NOMULTI | 1u << VIRTIO_NET_CTRL_RX_ALLMULTI, "yynnnny"},
	    {1u << VIRTIO_NET_CTRL_RX_NOUNI | 1u << VIRTIO_NET_CTRL_RX_ALLUNI, "nnnyyny"},
	    {0x3f, "yyyyyyy"}, /* all incoming packets, whatever else is on */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_tables();
		for (unsigned m = 0; m < 6; m++)
			ctl.rx_mode[m] = cases[i].modes >> m & 1;
		for (unsigned t = 0; t < 7; t++) {
			if ((refuses(RX, to[t], 0) == NULL) != (cases[i].in[t] == 'y'))
				fail_msg("modes 0x%x, destination %u", cases[i].modes, t);
			assert_null(refuses(0, to[t], 0)); /* nothing was negotiated */
		}
	}
}

static void refusals_are_named(void **state)
{
	(void)state;
	set_tables();
	assert_string_equal(refuses(RX, STRANGER, 0), "unicast");
	assert_string_equal(refuses(RX, NO_GROUP, 0), "multicast");
	ctl.rx_mode[VIRTIO_NET_CTRL_RX_NOBCAST] = true;
	assert_string_equal(refuses(RX, ALL, 0), "broadcast");
	assert_string_equal(refuses(RX | VLAN, ME, 2), "vlan");
	assert_string_equal(filter_refuses(&ctl, 0, (const uint8_t *)ME, 13), "short");
}

static void vlans_are_let_in_by_table(void **state)
{
	(void)state;
	set_tables();
	for (unsigned id = 0; id < 4096; id++) {
		bool in = id == 0x123 || id == 4095;
		/* With a priority, too: the tag's upper bits are none of the VLAN's. */
		assert_int_equal(refuses(VLAN, ME, 1 + id) == NULL, in);
		assert_int_equal(refuses(VLAN, ME, 1 + (id | 0xf000)) == NULL, in);
		assert_null(refuses(RX, ME, 1 + id));
	}
	assert_null(refuses(VLAN, ME, 0));
	ctl.rx_mode[VIRTIO_NET_CTRL_RX_PROMISC] = true;
	assert_null(refuses(RX | VLAN, ME, 2));
}

/* Every length, in a block of its own size: the sanitizer watches its end. */
static void short_frames_are_read_to_their_end_only(void **state)
{
	(void)state;
	set_tables();
	for (size_t len = 0; len < 20; len++) {
		uint8_t *frame = calloc(1, len + !len);
		static const uint8_t tagged[20] = {2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x81};
		memcpy(frame, tagged, len);
		const char *why = filter_refuses(&ctl, RX | VLAN, frame, len);
		assert_int_equal(why != NULL, len < 14 || len >= 16);
		free(frame);
	}
}

/* ---- offloads ---- */

#define CSUM BIT(VIRTIO_NET_F_CSUM)
#define TSO4 BIT(VIRTIO_NET_F_HOST_TSO4)
#define TSO6 BIT(VIRTIO_NET_F_HOST_TSO6)

static const char *sent(uint64_t features, struct virtio_net_hdr_v1 h)
{
	return offload_sent(&h, features, 1000);
}

static void a_sender_may_ask_for_what_it_has_negotiated(void **state)
{
	struct virtio_net_hdr_v1 h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .csum_start = htole16(34),
				      .csum_offset = htole16(16)};

	(void)state;
	assert_string_equal(sent(0, h), "checksum");
	assert_null(sent(CSUM, h));
	for (unsigned type = 1; type < 256; type++) {
		h.gso_type = (uint8_t)type;
		h.gso_size = htole16(1448);
		for (unsigned has = 0; has < 4; has++) {
			uint64_t f = CSUM | (has & 1 ? TSO4 : 0) | (has & 2 ? TSO6 : 0);
			bool good = (type == VIRTIO_NET_HDR_GSO_TCPV4 && (has & 1)) ||
				    (type == VIRTIO_NET_HDR_GSO_TCPV6 && (has & 2));
			assert_int_equal(sent(f, h) == NULL, good);
		}
	}
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 0;
	assert_string_equal(sent(CSUM | TSO4, h), "segment");
	h.gso_size = 1;
	h.flags = 0;
	assert_string_equal(sent(CSUM | TSO4, h), "segment");
}

static void a_checksum_lies_in_the_frame(void **state)
{
	struct virtio_net_hdr_v1 h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM};

	(void)state;
	h.csum_start = htole16(990);
	h.csum_offset = htole16(8);
	assert_null(sent(CSUM, h));
	h.csum_offset = htole16(9);
	assert_non_null(sent(CSUM, h));
	h.csum_start = h.csum_offset = htole16(0xffff);
	assert_non_null(sent(CSUM, h));
}

/* What was not asked for is not passed on, whatever is in the header. */
static void the_rest_of_a_header_is_cleared(void **state)
{
	struct virtio_net_hdr_v1 h, none = {0};

	(void)state;
	memset(&h, 0xff, sizeof(h));
	h.flags = (uint8_t)~VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	assert_null(offload_sent(&h, CSUM | TSO4, 60));
	assert_memory_equal(&h, &none, sizeof(h));
}

static void a_receiver_sees_what_is_on(void **state)
{
	const uint64_t csum = BIT(VIRTIO_NET_F_GUEST_CSUM), tso4 = BIT(VIRTIO_NET_F_GUEST_TSO4),
		       tso6 = BIT(VIRTIO_NET_F_GUEST_TSO6);
	struct virtio_net_hdr_v1 h = {.flags = 0xff};

	(void)state;
	assert_null(offload_received(&h, csum));
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(le16toh(h.num_buffers), 1);
	assert_string_equal(offload_received(&h, 0), "checksum");
	h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_null(offload_received(&h, 0));
	assert_int_equal(h.flags, 0);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_string_equal(offload_received(&h, csum | tso6), "segmentation");
	assert_null(offload_received(&h, csum | tso4));
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_string_equal(offload_received(&h, csum | tso4), "segmentation");
	assert_null(offload_received(&h, csum | tso6));
	assert_int_equal(offload_initial(~0ull), csum | tso4 | tso6);
	assert_int_equal(offload_initial(TSO4 | csum), csum);
}

/* ---- pcap ---- */

static char path[] = "/tmp/test_backend.XXXXXX";
static struct pcap p;
static struct err e;

static int make_file(void **state)
{
	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);
	e = (struct err){0};
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	pcap_close(&p);
	return unlink(path);
}

static size_t contents(uint8_t *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, room);

	close(fd);
	assert_true(n >= 0);
	return (size_t)n;
}

/* The format as its manual page has it, read without our own structures. */
static void a_capture_reads_as_the_format_says(void **state)
{
	static const uint32_t head[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1};
	uint8_t frame[3000], got[8192];
	uint32_t word[4];
	size_t at = 24;

	(void)state;
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	assert_int_equal(pcap_open(&p, path, &e), 0);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(pcap_frame(&p, frame, 14 + n * 1000, &e), 0);
	assert_int_equal(contents(got, sizeof(got)), 24 + 3 * 16 + 3 * 14 + 3000);
	assert_memory_equal(got, head, sizeof(head));
	for (unsigned n = 0; n < 3; n++) {
		memcpy(word, got + at, 16);
		assert_in_range(word[0], 1700000000, 4100000000u);
		assert_in_range(word[1], 0, 999999999);
		assert_int_equal(word[2], 14 + n * 1000);
		assert_int_equal(word[3], word[2]);
		assert_memory_equal(got + at + 16, frame, word[2]);
		at += 16 + word[2];
	}
	assert_int_equal(pcap_open(&p, path, &e), 0); /* what was there is gone */
	assert_int_equal(contents(got, sizeof(got)), 24);
}

static void no_path_is_no_capture(void **state)
{
	(void)state;
	assert_int_equal(pcap_open(&p, NULL, &e), 0);
	assert_int_equal(pcap_frame(&p, "x", 1, &e), 0);
	assert_int_equal(e.kind, ERR_NONE);
}

/* A full disk, by the limit on a file's size: the record that does not fit is taken back. */
static void a_full_disk_ends_the_capture(void **state)
{
	struct rlimit old, limit;
	uint8_t frame[1000] = {0}, got[4096];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(pcap_open(&p, path, &e), 0);
	assert_int_equal(pcap_frame(&p, frame, 100, &e), 0);
	limit = old;
	limit.rlim_cur = 300;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int ret = pcap_frame(&p, frame, sizeof(frame), &e);
	int again = pcap_frame(&p, frame, 1, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_not_equal(ret, 0);
	assert_non_null(strstr(e.text, path));
	assert_int_equal(again, 0); /* told once */
	assert_int_equal(contents(got, sizeof(got)), 24 + 16 + 100);
}

static void only_a_regular_file_is_taken(void **state)
{
	(void)state;
	assert_int_not_equal(pcap_open(&p, "/dev/null", &e), 0);
	assert_non_null(strstr(e.text, "/dev/null"));
	e = (struct err){0};
	assert_int_not_equal(pcap_open(&p, "/nowhere/at/all", &e), 0);
	assert_non_null(strstr(e.text, "/nowhere"));
	char fifo[64];
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	e = (struct err){0};
	assert_int_not_equal(pcap_open(&p, fifo, &e), 0); /* and nobody waits for its reader */
	unlink(fifo);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modes_let_in_what_they_say),
	    cmocka_unit_test(refusals_are_named),
	    cmocka_unit_test(vlans_are_let_in_by_table),
	    cmocka_unit_test(short_frames_are_read_to_their_end_only),
	    cmocka_unit_test(a_sender_may_ask_for_what_it_has_negotiated),
	    cmocka_unit_test(a_checksum_lies_in_the_frame),
	    cmocka_unit_test(the_rest_of_a_header_is_cleared),
	    cmocka_unit_test(a_receiver_sees_what_is_on),
	    FILE_TEST(a_capture_reads_as_the_format_says),
	    FILE_TEST(no_path_is_no_capture),
	    FILE_TEST(a_full_disk_ends_the_capture),
	    FILE_TEST(only_a_regular_file_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
