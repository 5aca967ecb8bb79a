/* SPDX-License-Identifier: MIT */
/*
 * A capture of frames; see pcap.h. The format is libpcap's pcap-savefile(5): a file header, then a
 * header of 16 bytes before each frame, all in the byte order of whoever writes. It must never
 * leave a record behind that is not whole.
 */
#include "pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_MAX 262144 /* of a frame; what readers take at most, and above ours */

struct file_header {
	uint32_t magic; /* of the format with nanoseconds */
	uint16_t major, minor;
	uint32_t zone, accuracy; /* both 0, always */
	uint32_t length_max, link_type;
};

struct record_header {
	uint32_t seconds, nanoseconds;
	uint32_t kept, length;
};

static const struct file_header file_header = {
    .magic = 0xa1b23c4d, .major = 2, .minor = 4, .length_max = LENGTH_MAX, .link_type = 1};

/* All of it or nothing. */
static int append(struct pcap *p, const struct iovec *part, int parts)
{
	size_t len = 0;

	for (int i = 0; i < parts; i++)
		len += part[i].iov_len;
	ssize_t n = writev(p->fd, part, parts);
	int code = n < 0 ? errno : (size_t)n < len ? ENOSPC : 0;
	if (code) /* what is left of it if that fails too, readers call a truncated record */
		return ftruncate(p->fd, (off_t)p->size) ? -EIO : -code;
	p->size += len;
	return 0;
}

static int stop(struct pcap *p, int ret, struct err *e)
{
	pcap_close(p);
	return err_set(e, ERR_HOST, -ret, "write", p->path,
		       "the capture ends here, the device goes on");
}

int pcap_open(struct pcap *p, const char *path, struct err *e)
{
	const struct iovec part = {(void *)(uintptr_t)&file_header, sizeof(file_header)};
	struct stat st;

	*p = (struct pcap){.fd = -1, .path = path};
	if (!path)
		return 0;
	/* Without O_NONBLOCK a FIFO would make us wait for its reader before we can see it is one.
	 */
	p->fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	int code = p->fd < 0 || fstat(p->fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	if (!code && ftruncate(p->fd, 0))
		code = errno;
	if (!code)
		code = -append(p, &part, 1);
	if (code) {
		pcap_close(p);
		return err_set(e, ERR_HOST, code, "open", path, "--pcap takes a regular file");
	}
	return 0;
}

void pcap_close(struct pcap *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int pcap_frame(struct pcap *p, const void *frame, size_t len, struct err *e)
{
	struct timespec t;

	if (p->fd < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &t);
	struct record_header h = {(uint32_t)t.tv_sec, (uint32_t)t.tv_nsec, (uint32_t)len,
				  (uint32_t)len};
	const struct iovec part[] = {{&h, sizeof(h)}, {(void *)(uintptr_t)frame, len}};
	int ret = append(p, part, 2);
	return ret ? stop(p, ret, e) : 0;
}
