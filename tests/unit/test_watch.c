/* SPDX-License-Identifier: MIT */
/*
 * The judge's end of the monitor socket, against a VMM and a guest that say what they like. Built
 * with tests/isolation/{watch,oracle_arena,oracle_canary,evidence,child}.c, vdpa/canary.c and
 * vdpa/err.c.
 */
#include "test.h"

#include "../../vdpa/canary.h"
#include "../isolation/watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u
#define ATTACK 6

static struct evidence ev;
static struct watch w;
static int vmm; /* the other end */

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ev = (struct evidence){0};
	w = (struct watch){.fd = pair[0], .attack = ATTACK, .ev = &ev, .events = tmpfile()};
	vmm = pair[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	watch_end(&w);
	evidence_free(&ev);
	close(w.fd);
	close(vmm);
	return 0;
}

static int sealed(const char *name, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	return fd;
}

static void send_bytes(const void *bytes, size_t len)
{
	assert_int_equal(send(vmm, bytes, len, 0), len);
}

static void send_hello(unsigned files, uint32_t len)
{
	struct monitor_msg msg = {.type = MONITOR_HELLO, .len = len};
	int fds[4];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(fds))];
	} ctl = {0};
	struct iovec iov = {&msg, 8 + sizeof(msg.hello)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	msg.hello = (struct monitor_hello){.ram_size = 16 * PAGE,
					   .arena_iova = 0x40000000,
					   .arena_readable = 4 * PAGE,
					   .arena_writable = 2 * PAGE,
					   .cvq_index = 2,
					   .cvq_asid = 1};
	for (unsigned i = 0; i < files; i++)
		fds[i] = sealed("x", i == 0 ? 16 * PAGE : i == 1 ? 4 * PAGE : 2 * PAGE);
	if (files) {
		mh.msg_control = ctl.buf;
		mh.msg_controllen = CMSG_SPACE(files * sizeof(int));
		ctl.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
					     .cmsg_type = SCM_RIGHTS,
					     .cmsg_len = CMSG_LEN(files * sizeof(int))};
		memcpy(CMSG_DATA(&ctl.align), fds, files * sizeof(int));
	}
	assert_true(sendmsg(vmm, &mh, 0) > 0);
	for (unsigned i = 0; i < files; i++)
		close(fds[i]);
}

static enum watch_result record(uint32_t type, const void *payload, uint32_t len)
{
	struct monitor_msg msg = {.type = MONITOR_RECORD,
				  .len = (uint32_t)sizeof(struct report) + len};
	const struct report head = {type, len};

	memcpy(msg.record, &head, sizeof(head));
	memcpy(msg.record + sizeof(head), payload, len);
	send_bytes(&msg, 8 + msg.len);
	return watch_take(&w);
}

/* Whether the VMM has been answered, with a GO and nothing else. */
static bool went(void)
{
	uint32_t go[4];
	ssize_t n = recv(vmm, go, sizeof(go), MSG_DONTWAIT);

	if (n < 0)
		return false;
	assert_int_equal(n, 8);
	assert_int_equal(go[0], MONITOR_GO);
	assert_int_equal(go[1], 0);
	return true;
}

static struct report_mark mark(uint32_t attempt)
{
	return (struct report_mark){
	    .attack = ATTACK, .attempt = attempt, .queue = 1, .address = 0x40000000, .length = 64};
}

static void greet(void)
{
	send_hello(3, sizeof(struct monitor_hello));
	assert_int_equal(watch_take(&w), WATCH_HELLO);
}

static void test_good_run(void **state)
{
	struct report_step step = {.phase = 0, .ok = 1, .name = "reset"};
	struct report_mark m = mark(0);
	struct report_leak leak = {.address = 1};
	struct report_done done = {.attempts = 1};

	(void)state;
	assert_int_equal(watch_take(&w), WATCH_NOTHING);
	greet();
	assert_true(ev.hello_seen && ev.arena.seen && !ev.arena.files_bad[0]);
	watch_go(&w);
	assert_false(went());
	assert_int_equal(record(REPORT_TEXT, "hi", 2), WATCH_RECORD);
	assert_int_equal(record(REPORT_TEXT, "", 0), WATCH_RECORD);
	assert_int_equal(record(REPORT_STEP, &step, sizeof(step)), WATCH_RECORD);
	watch_go(&w);
	assert_false(went());
	assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_RECORD);
	assert_false(went()); /* not before it is told to */
	watch_go(&w);
	assert_true(went());
	assert_int_equal(record(REPORT_LEAK, &leak, sizeof(leak)), WATCH_RECORD);
	m.outcome = 1;
	m.touched = 9;
	m.hits = 3;
	assert_int_equal(record(REPORT_END, &m, sizeof(m)), WATCH_RECORD);
	watch_go(&w);
	watch_go(&w);
	assert_true(went());
	assert_false(went());
	step.phase = 1;
	step.ok = 0;
	assert_int_equal(record(REPORT_STEP, &step, sizeof(step)), WATCH_RECORD);
	assert_int_equal(record(REPORT_DONE, &done, sizeof(done)), WATCH_RECORD);
	close(vmm);
	assert_int_equal(watch_take(&w), WATCH_CLOSED);
	vmm = -1;

	assert_int_equal(ev.attempts, 1);
	assert_int_equal(ev.attempt[0].mark.touched, 9);
	assert_int_equal(ev.attempt[0].mark.hits, 3);
	assert_true(ev.attempt[0].from_ns <= ev.attempt[0].to_ns && ev.attempt[0].from_ns);
	assert_int_equal(ev.steps_ok[0], 1);
	assert_int_equal(ev.steps_failed[1], 1);
	assert_string_equal(ev.failed_step, "reset");
	assert_int_equal(ev.canary.lies, 1);
	assert_true(ev.done_seen);
}

/* The last line of the arena is one of its secrets, too; and what happened is told in JSON. */
static void test_leak_and_events(void **state)
{
	struct canary_line line = canary_make(w.seed.key, w.seed.magic, 383);
	struct report_leak leak = {.address = 1};
	char text[300];
	int lines = 0;

	(void)state;
	memcpy(leak.line, &line, sizeof(line));
	greet();
	assert_int_equal(record(REPORT_LEAK, &leak, sizeof(leak)), WATCH_RECORD);
	assert_int_equal(ev.canary.secrets, 1);
	rewind(w.events);
	while (fgets(text, sizeof(text), w.events)) {
		assert_memory_equal(text, "{\"t\":", 5);
		assert_string_equal(text + strlen(text) - 2, "}\n");
		lines++;
	}
	assert_int_equal(lines, 2);
	fclose(w.events);
	w.events = NULL;
	assert_int_equal(record(REPORT_LEAK, &leak, sizeof(leak)), WATCH_RECORD);
}

static void test_hello_files(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		send_hello(n, sizeof(struct monitor_hello));
		assert_int_equal(watch_take(&w), WATCH_BAD);
		assert_false(ev.hello_seen);
	}
	send_hello(3, sizeof(struct monitor_hello) - 1);
	assert_int_equal(watch_take(&w), WATCH_BAD);
	greet();
	send_hello(3, sizeof(struct monitor_hello));
	assert_int_equal(watch_take(&w), WATCH_BAD);
}

/* Descriptors that come along with anything are not kept. */
static void test_files_are_closed(void **state)
{
	int before = dup(0), after;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		send_hello(i % 5, sizeof(struct monitor_hello));
		watch_take(&w);
	}
	after = dup(0);
	assert_int_equal(after, before + 1);
	close(before);
	close(after);
}

static void test_messages_that_cannot_be(void **state)
{
	const uint32_t lying[] = {MONITOR_RECORD, 100, 1, 0}, unknown[] = {9, 0},
		       lone[] = {MONITOR_RECORD, 0};

	(void)state;
	send_bytes(lying, sizeof(lying));
	assert_int_equal(watch_take(&w), WATCH_BAD);
	send_bytes(lying, 5);
	assert_int_equal(watch_take(&w), WATCH_BAD);
	send_bytes(unknown, sizeof(unknown));
	assert_int_equal(watch_take(&w), WATCH_BAD);
	send_bytes(lone, sizeof(lone));
	assert_int_equal(watch_take(&w), WATCH_BAD);
}

static void test_records_that_cannot_be(void **state)
{
	uint8_t payload[REPORT_PAYLOAD_MAX] = {0};

	(void)state;
	greet();
	for (uint32_t type = 0; type < 9; type++) {
		static const uint32_t right[] = {0, 0, 64, 48, 48, 72, 8, 0, 0};

		for (uint32_t len = 0; len <= 80; len += 4) {
			if (type == REPORT_TEXT || (type <= REPORT_DONE && len == right[type]))
				continue;
			assert_int_equal(record(type, payload, len), WATCH_BAD);
		}
	}
	/* A length that the message does not bear out. */
	const uint32_t liar[] = {MONITOR_RECORD, 16, REPORT_DONE, 8, 0};
	send_bytes(liar, sizeof(liar));
	assert_int_equal(watch_take(&w), WATCH_BAD);
	assert_false(ev.done_seen);
}

static void test_out_of_turn(void **state)
{
	struct report_mark m = mark(0), other = mark(1), foreign = mark(0), kind = mark(0);
	struct report_done done = {0};
	struct report_leak leak = {0};

	(void)state;
	assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_BAD); /* no hello yet */
	assert_int_equal(record(REPORT_LEAK, &leak, sizeof(leak)), WATCH_BAD);
	greet();
	assert_int_equal(record(REPORT_END, &m, sizeof(m)), WATCH_BAD);
	foreign.attack = ATTACK + 1;
	assert_int_equal(record(REPORT_BEGIN, &foreign, sizeof(foreign)), WATCH_BAD);
	assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_RECORD);
	assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_BAD);
	assert_int_equal(record(REPORT_END, &other, sizeof(other)), WATCH_BAD);
	kind.shape = 1;
	assert_int_equal(record(REPORT_END, &kind, sizeof(kind)), WATCH_BAD);
	assert_int_equal(record(REPORT_DONE, &done, sizeof(done)), WATCH_BAD);
	assert_int_equal(record(REPORT_END, &m, sizeof(m)), WATCH_RECORD);
	assert_int_equal(record(REPORT_DONE, &done, sizeof(done)), WATCH_RECORD);
	assert_int_equal(record(REPORT_DONE, &done, sizeof(done)), WATCH_BAD);
	assert_int_equal(ev.attempts, 1);
}

static void test_too_many_attempts(void **state)
{
	(void)state;
	greet();
	for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
		struct report_mark m = mark(i);

		assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_RECORD);
		assert_int_equal(record(REPORT_END, &m, sizeof(m)), WATCH_RECORD);
	}
	struct report_mark m = mark(ATTEMPTS_MAX);
	assert_int_equal(record(REPORT_BEGIN, &m, sizeof(m)), WATCH_BAD);
	assert_int_equal(ev.attempts, ATTEMPTS_MAX);
}

static void test_names_are_cleaned(void **state)
{
	struct report_step step = {.phase = 7};

	(void)state;
	memset(step.name, 'x', sizeof(step.name)); /* and no NUL */
	memcpy(step.name, "a\n\"\\\033\xff ~", 8);
	assert_int_equal(record(REPORT_STEP, &step, sizeof(step)), WATCH_RECORD);
	assert_int_equal(ev.steps_failed[1], 1);
	assert_memory_equal(ev.failed_step, "a????? ~x", 9);
	assert_int_equal(strlen(ev.failed_step), sizeof(step.name) - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_good_run),
	    TEST(test_leak_and_events),
	    TEST(test_hello_files),
	    TEST(test_files_are_closed),
	    TEST(test_messages_that_cannot_be),
	    TEST(test_records_that_cannot_be),
	    TEST(test_out_of_turn),
	    TEST(test_too_many_attempts),
	    TEST(test_names_are_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
