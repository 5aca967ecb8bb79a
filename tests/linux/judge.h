/* SPDX-License-Identifier: MIT */
/*
 * What the judge's parts share: the guest's files, the two processes, what they have written. It
 * must never be included by the guest's side.
 */
#ifndef TESTS_LINUX_JUDGE_H
#define TESTS_LINUX_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KERNEL "/tmp/kernel"
#define INITRD "/tmp/initrd"

/** Say which call failed on what, with errno, and end with 70. */
void fail(const char *what, const char *object) __attribute__((noreturn));

int64_t now_ms(void);

/** Lay out KERNEL and INITRD from what follows this program's own ELF; test.sh has put it there. */
void unpack(void);

/** Start a program with these as its standard input and both outputs. */
pid_t start(char *const argv[], int in, int out);

/** Open /out/NAME.WHAT anew; its name goes to @path. */
int open_out(const char *name, const char *what, char *path, size_t len);

/** A file's text, at most 1 MiB of it, with NULs shown as dots; "" if it cannot be read. The buffer
 * is the next call's too. */
char *read_text(const char *path);

/** The device's process; more of its options, up to a NULL, may be given. The node's path comes on
 * its first line. */
pid_t start_device(const char *name, const char *const *options, char node[64]);

/** SIGTERM and wait: whether it ended well. */
bool stop_device(pid_t pid);

/** The VMM on @node with console output to the file @out; what is typed goes to *@in. @cmdline is
 * added to what every guest is told. @state: a file, or NULL. */
struct vmm {
	const char *node, *cmdline;
	const char *state, *announce, *timeout; /* may be NULL */
	int out;
	int in; /* set by vmm_start(); the caller's to close */
	pid_t pid;
};
void vmm_start(struct vmm *v);
/** Wait for its end: its exit code, 128 + N for signal N. */
int vmm_wait(struct vmm *v);

/** Words of our own command line: for every guest's, vCPUs, seconds. */
extern char more[256];
extern const char *cpus, *timeout;

/** Whether the trace has an acknowledged command of @class and @cmd after its first @from bytes. */
bool device_saw(const char *trace, size_t from, int class, int cmd);

/** The list of steps.h, one TAP line each, from @number + 1 on; how many did not hold. */
unsigned walk(unsigned *number);

#endif
