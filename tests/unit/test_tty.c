/* SPDX-License-Identifier: MIT */
/* A console's bytes: both ways, the escapes of a raw terminal, and a reader that has stopped. */
#include "../../vmm/tty.h"
#include "test.h"

#include <fcntl.h>
#include <linux/serial_reg.h>
#include <stdatomic.h>
#include <unistd.h>

#define PATIENCE_US 5000000u

static struct serial s;
static struct tty *t;
static int in[2], out[2];
static atomic_uint quits;

static void nothing(void *ctx)
{
	(void)ctx;
}

static void sent(void *ctx, uint8_t c)
{
	(void)ctx;
	(void)c;
}

static void wake(void *ctx)
{
	(void)ctx;
	tty_wake(t);
}

static void quit(void *ctx)
{
	(void)ctx;
	quits++;
}

static void start(bool raw)
{
	const struct serial_config sc = {nothing, wake, sent, NULL};
	const struct tty_config tc = {&s, in[0], out[1], raw, quit, NULL};
	struct err e = {0};

	quits = 0;
	t = tty_new();
	assert_non_null(t);
	serial_init(&s, &sc);
	assert_int_equal(tty_start(t, &tc, &e), 0);
}

static int setup(void **state)
{
	(void)state;
	return pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC);
}

static int teardown(void **state)
{
	(void)state;
	serial_destroy(&s);
	for (unsigned i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	return 0;
}

static uint8_t reg(unsigned at, bool write, uint8_t v)
{
	struct bus_access a = {.offset = at, .len = 1, .write = write, .value = v};

	serial_access(&s, &a);
	return (uint8_t)a.value;
}

static void type(const char *text)
{
	assert_int_equal(write(in[1], text, strlen(text)), strlen(text));
}

/* The next byte that the guest gets; 0 if none comes. */
static char next(void)
{
	for (unsigned us = 0; us < PATIENCE_US; us += 1000, usleep(1000))
		if (reg(UART_LSR, false, 0) & UART_LSR_DR)
			return (char)reg(UART_RX, false, 0);
	return 0;
}

static void guest_gets(const char *text)
{
	for (; *text; text++)
		assert_int_equal(next(), *text);
}

static void both_ways(void **state)
{
	char buf[16] = "";

	(void)state;
	start(false);
	type("a\001x\003");
	guest_gets("a\001x\003"); /* no terminal: no escapes */
	for (const char *p = "hello"; *p; p++)
		reg(UART_TX, true, (uint8_t)*p);
	assert_true(tty_stop(t, 5000)); /* which writes the rest */
	assert_int_equal(read(out[0], buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(quits, 0);
}

static void escapes_of_a_terminal(void **state)
{
	(void)state;
	start(true);
	type("\003\001");
	guest_gets("\003");
	type("\001b\001cd");
	guest_gets("\001bcd");
	assert_int_equal(quits, 0);
	type("\001x!");
	guest_gets("!");
	assert_int_equal(quits, 1);
	assert_true(tty_stop(t, 5000));
}

/* More than the port holds: it waits outside, and comes when there is room. */
static void typing_ahead(void **state)
{
	char text[4 * SERIAL_TYPED + 1];

	(void)state;
	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('A' + i % 26);
	text[sizeof(text) - 1] = '\0';
	start(false);
	type(text);
	guest_gets(text);
	assert_false(reg(UART_LSR, false, 0) & UART_LSR_OE);
	close(in[1]); /* the end of what is typed is not the end */
	in[1] = -1;
	reg(UART_TX, true, 'z');
	assert_true(tty_stop(t, 5000));
}

/* It is not waited for beyond the deadline, and takes nothing with it that it may still use. */
static void a_reader_that_stopped(void **state)
{
	static char rest[1 << 16];

	(void)state;
	fcntl(out[1], F_SETPIPE_SZ, 4096);
	start(false);
	for (unsigned i = 0; i < 30000; i++)
		reg(UART_TX, true, 'x');
	assert_false(tty_stop(t, 200));
	for (unsigned got = 0; got < 30000;) {
		ssize_t n = read(out[0], rest, sizeof(rest));
		assert_true(n > 0);
		got += (unsigned)n;
	}
	assert_true(tty_stop(t, 5000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(both_ways),
	    TEST(escapes_of_a_terminal),
	    TEST(typing_ahead),
	    TEST(a_reader_that_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
