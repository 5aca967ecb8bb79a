/* SPDX-License-Identifier: MIT */
/*
 * The channel between the launcher outside and the lab's PID 1 inside: frames over one
 * virtio-serial port. It is the only way in and out, so that the same works on every kernel with
 * virtio-console. It must never carry a frame that one side cannot hold: WIRE_MAX bounds each.
 */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PORT "ringfence.lab" /* the port's name, as QEMU and sysfs know it */
#define WIRE_MAX 65536u		  /* bytes of payload of one frame at most */

enum wire_type {
	WIRE_HELLO = 1, /* init: modules are loaded; payload: the kernel's release */
	WIRE_JOB,	/* launcher: what to run; payload: strings, see WIRE_JOB_* */
	WIRE_STDOUT,	/* init: bytes of the job's standard output */
	WIRE_STDERR,	/* init: bytes of its standard error */
	WIRE_FILE, /* init: part of a file below /out; payload: struct wire_file and what follows it
		    */
	WIRE_FAILED, /* init: the lab itself cannot go on; payload: why, for people. Nothing but BYE
			follows */
	WIRE_EXIT,   /* init: the job is over and all it wrote has been sent; payload: struct
			wire_exit */
	WIRE_BYE,    /* launcher: all received; power off */
	WIRE_PULSE,  /* launcher: nothing; that it comes is an interrupt, see pulse.c */
	WIRE_GATHERED, /* launcher: more bytes of what another lab has gathered, for the end of
			  WIRE_GATHERED_FILE */
};

/*
 * The payload of WIRE_JOB is a row of NUL-terminated strings, each led by one of these letters. A
 * job whose arguments hold WIRE_VDPA needs a device: the companion runs first, and the path it
 * reports takes that place.
 */
#define WIRE_JOB_ARG 'a'     /* the next argument of the job */
#define WIRE_JOB_ENV 'e'     /* NAME=VALUE */
#define WIRE_JOB_SECONDS 't' /* how long it may take, decimal */
#define WIRE_JOB_COMPANION                                                                         \
	'd' /* the next argument of the companion, which prints "ready PATH" when it serves */
#define WIRE_JOB_TERMINAL 'c' /* it is interactive: on /dev/hvc0 instead of two pipes */
#define WIRE_VDPA "@vdpa"

#define WIRE_GATHERED_FILE "/tmp/gathered"

struct wire_file {
	uint32_t anew;	   /* 1: the file starts afresh with these bytes; 0: they go to its end */
	uint32_t path_len; /* bytes of the path, without NUL, relative to /out; the file's bytes
			      follow it */
};

struct wire_exit {
	uint32_t code;	 /* the job's exit code, 124 past its time, 70 if a signal ended it */
	uint32_t signal; /* that signal, or 0 */
	uint32_t taint;	 /* /proc/sys/kernel/tainted */
	uint32_t stuck;	 /* processes that could not be killed */
	int32_t leaks;	 /* of the kernel's memory, or -1 if it has nobody who could tell */
};

struct wire_head {
	uint32_t magic;
	uint32_t type;
	uint32_t len;
};

struct wire_frame {
	enum wire_type type;
	uint32_t len;
	const uint8_t *payload; /* valid until the next wire_read() */
};

/** What came in and is not taken yet. Zero-initialise. */
struct wire_in {
	uint8_t buf[2 * (sizeof(struct wire_head) + WIRE_MAX)];
	size_t have, used;
};

/** Send one frame whose payload is @a followed by @b, whole, waiting as long as it takes. 0 or
 * -errno. */
int wire_send2(int fd, enum wire_type type, const void *a, size_t a_len, const void *b,
	       size_t b_len) __attribute__((warn_unused_result));
int wire_send(int fd, enum wire_type type, const void *payload, size_t len)
    __attribute__((warn_unused_result));
/** Make a frame of its own in @frame, whose payload is in place behind the head already, to be sent
 * by and by. Its length. */
size_t wire_frame(uint8_t *frame, enum wire_type type, size_t len);
/** Send a WIRE_PULSE if there is room for it, without waiting. @fd is a socket. */
void wire_pulse(int fd);

/** Read what is there, once. 1: bytes came; 0: the other side is gone; -EAGAIN; another -errno. */
int wire_read(struct wire_in *in, int fd) __attribute__((warn_unused_result));

/** Take the next whole frame. 1: @out holds it; 0: more must be read first; -EPROTO: not our
 * protocol. */
int wire_next(struct wire_in *in, struct wire_frame *out) __attribute__((warn_unused_result));

#endif
