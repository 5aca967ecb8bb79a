/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the kernel's side of VDUSE: open() and ioctl() on its nodes come here, and its
 * messages go over a socket. So the device under test is what runs in earnest, but for the kernel.
 * What a client would map, and what its rings are, is a test's to say.
 */
#ifndef FAKE_VDUSE_H
#define FAKE_VDUSE_H

#include <linux/ioctl.h>
#include <linux/vduse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_QUEUES 17
#define FAKE_SPACES 2

/** What a client has mapped. */
struct fake_region {
	uint32_t asid;
	uint64_t start, last, offset;
	uint8_t perm;
	int fd; /* borrowed */
};

struct fake_vduse {
	/* Knobs. Once a device's threads run they are under the lock, as all of this. */
	uint64_t api;
	bool has_features;	    /* VDUSE_F_QUEUE_READY and VDUSE_F_SUSPEND */
	bool lies;		    /* GET_FD2 answers the first region, whatever was asked for */
	unsigned long fail_request; /* this ioctl fails ... */
	int fail_errno;		    /* ... with this */
	unsigned fail_skip, fail_times; /* ... after so many good ones, so often */
	const char *fail_open;		/* opening this node fails with EACCES */
	struct fake_region *region;
	unsigned regions;
	struct vduse_vq_info vq[FAKE_QUEUES];
	uint64_t features;

	/* What happened. */
	unsigned asked; /* GET_FD and GET_FD2 */
	struct vduse_iotlb_entry_v2 ask;
	bool created, destroyed;
	uint8_t config[256]; /* as CREATE_DEV and SET_CONFIG left it */
	struct vduse_vq_config setup[FAKE_QUEUES];
	int kick_fd[FAKE_QUEUES];
	unsigned irqs[FAKE_QUEUES];
	unsigned config_irqs;
	unsigned long offloads;	      /* what TUNSETOFFLOAD has switched on, of any tap */
	int header;		      /* what TUNSETVNETHDRSZ has set, of any tap */
	int peer;		      /* the kernel's end of the messages, or -1 */
	struct vduse_dev_config made; /* but for its config; last, as it ends with an open array */
};

extern struct fake_vduse fake_vduse;

/** API 1 with all features, nothing mapped, queues of no size. Closes what the last test left. */
void fake_vduse_reset(void);

void fake_vduse_lock(void);
void fake_vduse_unlock(void);

/** Map [@start, @start + @size) of @asid to @fd from @offset on. */
void fake_vduse_map(uint32_t asid, uint64_t start, uint64_t size, uint8_t perm, int fd,
		    uint64_t offset);

/** A memory file of a client's, and how the client sees it. */
struct fake_memory {
	int fd;
	uint8_t *at;
	size_t size;
	unsigned long long ino;
};

/** Make one, every byte @fill; 0 or -1. @at: where to map it (page-aligned), or NULL: anywhere. */
int fake_memory_make(struct fake_memory *m, size_t size, int fill, void *at);
void fake_memory_drop(struct fake_memory *m);

/** Send @req to the device. Its answer's result (VDUSE_REQ_RESULT_...), or -1 if none comes. */
int fake_vduse_ask(struct vduse_dev_request *req, struct vduse_dev_response *resp);

#endif
