/* SPDX-License-Identifier: MIT */
/* Calls as they are; see raw.h. It must never judge what they answer. */
#include "raw.h"

#include "../../vdpa/clock.h"
#include "../../vdpa/vduse/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "ringfence-test"
#define STEP_MS 5

int raw_message(int vhost_fd, int type, uint32_t asid, uint64_t at, uint64_t size, const void *host,
		int perm)
{
	const struct vhost_msg_v2 m = {.type = VHOST_IOTLB_MSG_V2,
				       .asid = asid,
				       .iotlb = {.iova = at,
						 .size = size,
						 .uaddr = (uintptr_t)host,
						 .perm = (uint8_t)perm,
						 .type = (uint8_t)type}};

	return write(vhost_fd, &m, sizeof(m)) == (ssize_t)sizeof(m) ? 0 : -errno;
}

int raw_get_fd(int vduse_fd, uint32_t asid, uint64_t at, struct region *region)
{
	struct vduse_iotlb_entry_v2 v2 = {.start = at, .last = at, .asid = asid};
	int fd = ioctl(vduse_fd, VDUSE_IOTLB_GET_FD2, &v2);

	if (fd < 0)
		return -errno;
	*region = (struct region){v2.offset, v2.start, v2.last, v2.perm};
	return fd;
}

void raw_fix_layout(char **argv)
{
	int now = personality(0xffffffff);

	if (now >= 0 && !(now & ADDR_NO_RANDOMIZE) &&
	    personality((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0)
		execv("/proc/self/exe", argv); /* else it is left to chance, which is mostly kind */
}

int memory_make_at(struct memory *m, size_t len, void *where, struct err *e)
{
	int fixed = where ? MAP_FIXED_NOREPLACE : 0;

	*m = (struct memory){.fd = memfd_create(NAME, MFD_CLOEXEC), .len = len};
	if (m->fd >= 0 && !ftruncate(m->fd, (off_t)len))
		m->at = mmap(where, len, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, m->fd, 0);
	if (m->at && m->at != MAP_FAILED)
		return 0;
	int code = errno;
	m->at = NULL;
	memory_drop(m);
	return err_set(e, ERR_INTERNAL, code, "memfd_create, mmap", NAME, "%s", "");
}

void memory_drop(struct memory *m)
{
	if (m->at)
		munmap(m->at, m->len);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct memory){.fd = -1};
}

int raw_wait(pid_t pid, unsigned ms)
{
	int status;

	for (int64_t until = clock_ms() + ms; clock_ms() < until; wait_ms(STEP_MS)) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (got < 0)
			return -errno;
	}
	return -ETIMEDOUT;
}
