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

/* A key for RSS that the guest sets: 40 bytes. */
#define TEST_KEY                                                                                   \
	"6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4"                                         \
	"77cb2da38030f20c6a42b73bbeac01fa"

/*
 * In the mode "steps" the guest does what it is told at its console, a line each: a number, a verb
 * (do.c) and its words. It answers TEST_SAYS "step NUMBER ok" or "step NUMBER FAILED: why".
 */
#define STEP_WORDS 8
#define STEP_LINE 160

/* The guest's side. Never returns. */
void guest_main(void) __attribute__((noreturn));

/** Find the interface whose driver is virtio_net. 0 or an errno value. */
int guest_interface(char name[16]);

/** Do the verb word[0] with @n words in all on interface @name: 0 or an errno value. */
int guest_do(const char *name, char *const word[STEP_WORDS], unsigned n);

/** Switch off, or reset for @again. Returns on failure only: an errno value. */
int guest_end(int again);

#endif
