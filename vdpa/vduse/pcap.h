/* SPDX-License-Identifier: MIT */
/*
 * A capture of frames in the classic pcap format (Ethernet, nanoseconds), as tcpdump and others
 * read it. Its file grows until the disk is full. It must never hold more than whole records.
 */
#ifndef VDUSE_PCAP_H
#define VDUSE_PCAP_H

#include "../err.h"

#include <stddef.h>
#include <stdint.h>

struct pcap {
	int fd; /* -1: no capture, or one that has come to its end */
	uint64_t size;
	const char *path; /* borrowed */
};

/**
 * Begin a capture in @path, whose old contents are lost; a regular file, so that writing it never
 * waits for a reader. A NULL @path is a capture of nothing.
 */
int pcap_open(struct pcap *p, const char *path, struct err *e);
void pcap_close(struct pcap *p);

/**
 * One frame, as of now. An error is told once: the capture has come to its end with the last frame
 * that went in whole.
 */
int pcap_frame(struct pcap *p, const void *frame, size_t len, struct err *e);

#endif
