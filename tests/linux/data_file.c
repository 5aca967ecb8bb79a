/* SPDX-License-Identifier: MIT */
/*
 * The judge's side of the data tests on a disk: the file behind it is looked at from the outside,
 * and its daemon is killed. It must never take the guest's word for what is on the disk.
 */
#include "data.h"
#include "judge.h"
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "/tmp/disk"
#define WORK_BLOCKS 40 /* flushed before the daemon dies */
#define WORK_MS 60000

static void make_file(void)
{
	int fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, DATA_DISK_LEN) || close(fd))
		fail("make", FILE_NAME);
}

static pid_t start_disk(const char *name, const char *rings, char node[64])
{
	const char *const options[] = {"--name",  DATA_DISK_NAME,    "--class", "blk", "--file",
				       FILE_NAME, "--ring-features", rings,	NULL};

	return start_device(name, options, node);
}

/* The first @len bytes, but for zeroes where the guest has made @holes. */
static const char *judge_file(uint64_t len, bool holes)
{
	static uint8_t got[DATA_BLOCK], want[DATA_BLOCK];
	int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;

	for (uint64_t at = 0; !why && at < len; at += DATA_BLOCK) {
		bool hole = holes && (at - DATA_DISCARD_AT < DATA_HOLE_LEN ||
				      at - DATA_ZERO_AT < DATA_HOLE_LEN);
		data_fill(want, DATA_BLOCK, DATA_DISK_SEED, at);
		if (hole)
			memset(want, 0, DATA_BLOCK);
		if (pread(fd, got, DATA_BLOCK, (off_t)at) != DATA_BLOCK)
			why = "the file is too short";
		else if (memcmp(got, want, DATA_BLOCK))
			why = hole ? "there are no zeroes where they should be"
				   : "the file holds something else";
	}
	close(fd);
	return why;
}

/* What was discarded takes no room. */
static const char *judge_holes(void)
{
	struct stat st;

	if (stat(FILE_NAME, &st))
		return "there is no file";
	return (uint64_t)st.st_blocks * 512 <= DATA_DISK_LEN - DATA_HOLE_LEN
		   ? NULL
		   : "what was discarded still takes room";
}

/* Every type of request has been carried out: the trace says so, line by line, as it is long. */
static const char *judge_trace(void)
{
	static const struct {
		int type;
		const char *missing;
	} wants[] = {{0, "no read"},	 {1, "no write"},
		     {4, "no flush"},	 {8, "nobody asked for its serial"},
		     {11, "no discard"}, {13, "no write of zeroes"}};
	bool seen[14] = {false};
	char line[512];
	FILE *f = fopen("/out/disk.trace", "re");

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "\"ev\":\"blk\",\"type\":");
		int type;
		if (at && sscanf(at, "\"ev\":\"blk\",\"type\":%d", &type) == 1 && type >= 0 &&
		    type < 14 && strstr(line, "\"status\":0"))
			seen[type] = true;
	}
	if (f)
		fclose(f);
	for (unsigned i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		if (!seen[wants[i].type])
			return wants[i].missing;
	return NULL;
}

const char *data_test_disk(void)
{
	static const char *const says[] = {TEST_SAYS "write ok",      TEST_SAYS "read ok",
					   TEST_SAYS "discard ok",    TEST_SAYS "write zeroes ok",
					   TEST_SAYS "read again ok", NULL};
	char node[64];

	make_file();
	pid_t device = start_disk("disk", "packed,indirect,event_idx", node);
	const char *why = data_run_guest("disk", node, "", says);
	if (!stop_device(device) && !why)
		why = "the device did not end well";
	if (!why)
		why = judge_file(DATA_DISK_LEN, true);
	if (!why)
		why = judge_holes();
	return why ? why : judge_trace();
}

/* The number of blocks that the guest says are flushed. */
static unsigned flushed(const char *console)
{
	unsigned n = 0, last = 0;

	for (const char *at = read_text(console); (at = strstr(at, TEST_SAYS DATA_FLUSHED)); at++)
		if (sscanf(at, TEST_SAYS DATA_FLUSHED "%u", &n) == 1)
			last = n + 1;
	return last;
}

/* Kill the daemon amid a guest's writes, then the machine, as when a power cord is pulled. */
static unsigned work_until_death(const char *node, pid_t device)
{
	char console[128];
	struct vmm v = {.node = node, .cmdline = TEST_WORD "disk-work"};

	v.out = open_out("disk-work", "console", console, sizeof(console));
	vmm_start(&v);
	for (int64_t until = now_ms() + WORK_MS;
	     now_ms() < until && flushed(console) < WORK_BLOCKS;)
		usleep(20000);
	kill(device, SIGKILL);
	waitpid(device, NULL, 0);
	usleep(100000);
	kill(v.pid, SIGTERM);
	(void)vmm_wait(&v);
	close(v.in);
	close(v.out);
	return flushed(console);
}

const char *data_test_death(void)
{
	static const char *const says[] = {TEST_SAYS "check ok", NULL};
	char node[64], count[64];

	make_file();
	pid_t device = start_disk("disk-work", "indirect", node);
	unsigned blocks = work_until_death(node, device);
	printf("# killed after %u blocks\n", blocks);
	if (blocks < WORK_BLOCKS)
		return "the guest did not write";
	device =
	    start_disk("disk-check", "event_idx", node); /* of the same name, on the same file */
	snprintf(count, sizeof(count), DATA_COUNT "%u", blocks);
	const char *why = data_run_guest("disk-check", node, count, says);
	if (!stop_device(device) && !why)
		why = "the device did not end well";
	return why ? why : judge_file((uint64_t)blocks * DATA_BLOCK, false);
}
