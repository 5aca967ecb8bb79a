/* SPDX-License-Identifier: MIT */
/*
 * What both halves of the Linux test agree on: it is one program, PID 1 of the guest and the judge
 * outside. It must never run anywhere but in the lab and its guests.
 */
#ifndef TESTS_LINUX_LINUX_H
#define TESTS_LINUX_LINUX_H

/* A word of the guest's command line says what to do; these follow it. */
#define TEST_WORD "ringfence.test="

/* The address that the guest sets, and what it says when it has done a step. */
#define TEST_MAC                                                                                   \
	{                                                                                          \
		0x02, 0x52, 0x46, 0x01, 0x02, 0x03                                                 \
	}
#define TEST_SAYS "guest: "

/* The guest's side. Never returns. */
void guest_main(void) __attribute__((noreturn));

#endif
