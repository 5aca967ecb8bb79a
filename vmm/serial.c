/* SPDX-License-Identifier: MIT */
/*
 * The 16550A; see serial.h. Its interrupt is an edge: the line goes up with the first reason and
 * down with the last, as drivers of ISA serial ports expect; registers are named as in
 * <linux/serial_reg.h>.
 */
#include "serial.h"

#include <linux/serial_reg.h>
#include <string.h>

#define IER_BITS (UART_IER_MSI | UART_IER_RLSI | UART_IER_THRI | UART_IER_RDI)
#define IIR_FIFOS 0xc0
#define MSR_CONNECTED (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

void serial_init(struct serial *s, const struct serial_config *cfg)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	pthread_mutex_init(&s->lock, NULL);
}

void serial_destroy(struct serial *s)
{
	pthread_mutex_destroy(&s->lock);
}

static bool can_send(const struct serial *s)
{
	return s->sent_count < SERIAL_SENT;
}

/* The reason that stands in IIR, highest priority first. */
static uint8_t reason(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->overrun)
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->typed_count)
		return UART_IIR_RDI;
	if ((s->ier & UART_IER_THRI) && !s->empty_told && can_send(s))
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_line(struct serial *s)
{
	bool up = reason(s) != UART_IIR_NO_INT;

	if (up && !s->line)
		s->cfg.interrupt(s->cfg.ctx);
	s->line = up;
}

static void give_one(struct serial *s, uint8_t c)
{
	if (s->typed_count == SERIAL_TYPED) {
		s->overrun = true;
		return;
	}
	s->typed[(s->typed_at + s->typed_count++) % SERIAL_TYPED] = c;
}

static uint8_t receive(struct serial *s)
{
	if (!s->typed_count)
		return 0;
	uint8_t c = s->typed[s->typed_at];
	if (s->typed_count-- == SERIAL_TYPED)
		s->cfg.wake(s->cfg.ctx);
	s->typed_at = (s->typed_at + 1) % SERIAL_TYPED;
	return c;
}

static void transmit(struct serial *s, uint8_t c)
{
	/* Empty again at once; whoever saw that it was has let the line fall, and it rises anew. */
	s->empty_told = false;
	if (s->mcr & UART_MCR_LOOP) {
		give_one(s, c);
		return;
	}
	s->cfg.sent(s->cfg.ctx, c);
	if (!can_send(s))
		return;
	s->sent[(s->sent_at + s->sent_count) % SERIAL_SENT] = c;
	if (s->sent_count++ == 0)
		s->cfg.wake(s->cfg.ctx);
}

static uint8_t line_status(struct serial *s)
{
	uint8_t v = s->typed_count ? UART_LSR_DR : 0;

	if (can_send(s))
		v |= UART_LSR_THRE | UART_LSR_TEMT;
	if (s->overrun)
		v |= UART_LSR_OE;
	s->overrun = false;
	return v;
}

/* In loopback the modem's outputs are its inputs. */
static uint8_t modem_status(const struct serial *s)
{
	uint8_t v = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	v |= s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0;
	v |= s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0;
	v |= s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0;
	v |= s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	return v;
}

static uint8_t identify(struct serial *s)
{
	uint8_t v = reason(s);

	if (v == UART_IIR_THRI)
		s->empty_told = true;
	return v | (s->fifos ? IIR_FIFOS : 0);
}

static uint8_t read_register(struct serial *s, uint64_t offset)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return dlab ? (uint8_t)s->divisor : receive(s);
	case UART_IER:
		return dlab ? (uint8_t)(s->divisor >> 8) : s->ier;
	case UART_IIR:
		return identify(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return line_status(s);
	case UART_MSR:
		return modem_status(s);
	default:
		return s->scr;
	}
}

static void set_fifos(struct serial *s, uint8_t v)
{
	s->fifos = v & UART_FCR_ENABLE_FIFO;
	if (v & UART_FCR_CLEAR_RCVR) {
		if (s->typed_count == SERIAL_TYPED)
			s->cfg.wake(s->cfg.ctx);
		s->typed_count = 0;
	}
}

static void write_register(struct serial *s, uint64_t offset, uint8_t v)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (dlab)
			s->divisor = (uint16_t)((s->divisor & 0xff00) | v);
		else
			transmit(s, v);
		break;
	case UART_IER:
		if (dlab) {
			s->divisor = (uint16_t)((s->divisor & 0xff) | v << 8);
			break;
		}
		/* Asking to be told of an empty transmitter tells of one that is. */
		if (v & ~s->ier & UART_IER_THRI)
			s->empty_told = false;
		s->ier = v & IER_BITS;
		break;
	case UART_FCR:
		set_fifos(s, v);
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		s->mcr = v & (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 | UART_MCR_RTS |
			      UART_MCR_DTR);
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default:
		break; /* the status registers */
	}
}

/* UNTRUSTED: guest. Ports are bytes: of a wider access only the first is ours. */
void serial_access(void *ctx, struct bus_access *a)
{
	struct serial *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (a->write)
		write_register(s, a->offset, (uint8_t)a->value);
	else
		a->value = ~0xffull | read_register(s, a->offset);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_take(struct serial *s, uint8_t *buf, size_t len)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (; n < len && s->sent_count; n++, s->sent_count--) {
		buf[n] = s->sent[s->sent_at];
		s->sent_at = (s->sent_at + 1) % SERIAL_SENT;
	}
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void serial_give(struct serial *s, const uint8_t *buf, size_t len)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < len; i++)
		give_one(s, buf[i]);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_room(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	size_t room = SERIAL_TYPED - s->typed_count;
	pthread_mutex_unlock(&s->lock);
	return room;
}
