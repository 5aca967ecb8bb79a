/* SPDX-License-Identifier: MIT */
/* The 16550A: what drivers probe, both queues, and each interrupt's rise and fall. */
#include "../../vmm/serial.h"
#include "test.h"

#include <linux/serial_reg.h>

static struct serial s;
static unsigned interrupts, wakes, sent;
static uint8_t last;

static void on_interrupt(void *ctx)
{
	assert_ptr_equal(ctx, &s);
	interrupts++;
}

static void on_wake(void *ctx)
{
	assert_ptr_equal(ctx, &s);
	wakes++;
}

static void on_sent(void *ctx, uint8_t c)
{
	assert_ptr_equal(ctx, &s);
	last = c;
	sent++;
}

static int setup(void **state)
{
	const struct serial_config cfg = {on_interrupt, on_wake, on_sent, &s};

	(void)state;
	interrupts = wakes = sent = 0;
	serial_init(&s, &cfg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serial_destroy(&s);
	return 0;
}

static uint8_t get(unsigned reg)
{
	struct bus_access a = {.offset = reg, .len = 1};

	serial_access(&s, &a);
	return (uint8_t)a.value;
}

static void set(unsigned reg, uint8_t v)
{
	struct bus_access a = {.offset = reg, .len = 1, .write = true, .value = v};

	serial_access(&s, &a);
}

static void type(const char *text)
{
	serial_give(&s, (const uint8_t *)text, strlen(text));
}

/* What Linux's autoconfig() tells a 16550A by. */
static void it_is_found(void **state)
{
	(void)state;
	set(UART_IER, 0);
	assert_int_equal(get(UART_IER), 0);
	set(UART_IER, 0xff);
	assert_int_equal(get(UART_IER), 0x0f);
	set(UART_IER, 0);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	assert_int_equal(get(UART_MSR) & 0xf0, UART_MSR_RI | UART_MSR_DSR);
	set(UART_MCR, 0);
	assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(get(UART_IIR), 0xc0 | UART_IIR_NO_INT);
	set(UART_SCR, 0x5a);
	assert_int_equal(get(UART_SCR), 0x5a);
}

static void the_divisor_hides_two_registers(void **state)
{
	(void)state;
	set(UART_IER, UART_IER_RDI);
	set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(UART_DLL, 0x34);
	set(UART_DLM, 0x12);
	assert_int_equal(get(UART_DLL), 0x34);
	assert_int_equal(get(UART_DLM), 0x12);
	set(UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(get(UART_IER), UART_IER_RDI);
	assert_int_equal(sent, 0);
}

static void what_is_sent_arrives_in_order(void **state)
{
	uint8_t buf[8];

	(void)state;
	set(UART_TX, 'a');
	set(UART_TX, 'b');
	assert_int_equal(wakes, 1); /* who is awake takes all */
	assert_int_equal(sent, 2);
	assert_int_equal(last, 'b');
	assert_int_equal(serial_take(&s, buf, 1), 1);
	assert_int_equal(buf[0], 'a');
	assert_int_equal(serial_take(&s, buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], 'b');
	assert_int_equal(serial_take(&s, buf, sizeof(buf)), 0);
	set(UART_TX, 'c');
	assert_int_equal(wakes, 2);
}

/* A reader that stopped: the guest sees it, and loses what it sends all the same. */
static void a_full_queue_shows(void **state)
{
	static uint8_t buf[SERIAL_SENT + 8];

	(void)state;
	for (unsigned i = 0; i < SERIAL_SENT; i++) {
		assert_true(get(UART_LSR) & UART_LSR_THRE);
		set(UART_TX, (uint8_t)i);
	}
	assert_false(get(UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT));
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(interrupts, 0);
	set(UART_TX, 'x');
	assert_int_equal(serial_take(&s, buf, 1), 1);
	assert_int_equal(interrupts, 1); /* there is room again */
	assert_true(get(UART_LSR) & UART_LSR_THRE);
	assert_int_equal(serial_take(&s, buf, sizeof(buf)), SERIAL_SENT - 1);
	for (unsigned i = 0; i < SERIAL_SENT - 1; i++)
		assert_int_equal(buf[i], (uint8_t)(i + 1));
}

static void an_empty_transmitter_is_told_once(void **state)
{
	(void)state;
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(interrupts, 1);
	assert_int_equal(get(UART_IIR), UART_IIR_THRI);
	assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
	set(UART_TX, 'a'); /* it is empty again */
	assert_int_equal(interrupts, 2);
	for (unsigned i = 0; i < 15; i++)
		set(UART_TX, 'b'); /* the rest of a FIFO: not told yet, so not told again */
	assert_int_equal(interrupts, 2);
	assert_int_equal(get(UART_IIR), UART_IIR_THRI);
	set(UART_IER, 0);
	set(UART_TX, 'c');
	assert_int_equal(interrupts, 2);
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(interrupts, 3);
}

static void what_is_typed_arrives(void **state)
{
	(void)state;
	type("x"); /* before anybody asked to be told */
	assert_int_equal(interrupts, 0);
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(interrupts, 1);
	type("yz");
	assert_int_equal(interrupts, 1); /* the line is up */
	assert_int_equal(get(UART_IIR), UART_IIR_RDI);
	assert_true(get(UART_LSR) & UART_LSR_DR);
	assert_int_equal(get(UART_RX), 'x');
	assert_int_equal(get(UART_RX), 'y');
	assert_int_equal(get(UART_RX), 'z');
	assert_false(get(UART_LSR) & UART_LSR_DR);
	assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(get(UART_RX), 0);
	type("w");
	assert_int_equal(interrupts, 2);
}

static void typing_has_room_and_an_end(void **state)
{
	char text[SERIAL_TYPED + 1];

	(void)state;
	memset(text, 'k', SERIAL_TYPED);
	text[SERIAL_TYPED] = '\0';
	assert_int_equal(serial_room(&s), SERIAL_TYPED);
	type(text);
	assert_int_equal(serial_room(&s), 0);
	type("!");
	set(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(get(UART_IIR), UART_IIR_RLSI);
	assert_true(get(UART_LSR) & UART_LSR_OE);
	assert_false(get(UART_LSR) & UART_LSR_OE);
	assert_int_equal(wakes, 0);
	assert_int_equal(get(UART_RX), 'k');
	assert_int_equal(wakes, 1); /* room, which there was none of */
	assert_int_equal(serial_room(&s), 1);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(serial_room(&s), SERIAL_TYPED);
}

static void loopback_sends_nothing(void **state)
{
	(void)state;
	set(UART_MCR, UART_MCR_LOOP);
	set(UART_TX, 'q');
	assert_int_equal(sent, 0);
	assert_int_equal(get(UART_RX), 'q');
}

/* Of a wider access one byte is ours, and the rest of a read is open bus. */
static void wide_accesses(void **state)
{
	struct bus_access a = {.offset = UART_SCR, .len = 1, .write = true, .value = 0xffffff77};

	(void)state;
	serial_access(&s, &a);
	a = (struct bus_access){.offset = UART_SCR, .len = 1};
	serial_access(&s, &a);
	assert_int_equal(a.value, ~0xffull | 0x77);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_is_found),
	    TEST(the_divisor_hides_two_registers),
	    TEST(what_is_sent_arrives_in_order),
	    TEST(a_full_queue_shows),
	    TEST(an_empty_transmitter_is_told_once),
	    TEST(what_is_typed_arrives),
	    TEST(typing_has_room_and_an_end),
	    TEST(loopback_sends_nothing),
	    TEST(wide_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
