/* SPDX-License-Identifier: MIT */
/* Writes env.json: what ran, on what, and how it ended. Must never hold a secret: it is made to be
 * passed on. */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define ENV_SCHEMA 1

static json_t *arguments(const struct lab_opts *o)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < o->inners; i++)
		json_array_append_new(list, json_string(o->inner[i]));
	return list;
}

/* A first line of a program's answer, or null where there is no such program. */
static json_t *ask(char *const argv[])
{
	char text[512];

	if (lab_capture(argv, text, sizeof(text)) != 0)
		return json_null();
	text[strcspn(text, "\n")] = '\0';
	return json_string(text);
}

static json_t *git_version(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", lab_source_dir());
	return ask((char *const[]){(char[]){"sh"}, (char[]){"-c"},
				   (char[]){"git -C \"$1\" describe --always --dirty 2>/dev/null"},
				   (char[]){"sh"}, dir, NULL});
}

static json_t *host_facts(const char *qemu)
{
	struct utsname uts;
	char program[PATH_MAX];

	uname(&uts);
	snprintf(program, sizeof(program), "%s", qemu);
	return json_pack("{s:s, s:s, s:o}", "kernel", uts.release, "machine", uts.machine, "qemu",
			 ask((char *const[]){program, (char[]){"--version"}, NULL}));
}

static json_t *kernel_facts(const struct lab_kernel *k, const struct lab_result *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "release",
			 r && *r->release ? r->release : k->release, "kind", k->kind, "origin",
			 k->origin, "patches", k->patches, "sha256", k->sha256, "image", k->image);
}

static json_t *result_facts(const struct lab_result *r)
{
	return json_pack("{s:b, s:i, s:i, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:s, s:s}",
			 "finished", r->finished, "code", r->code, "signal", r->signal,
			 "interrupted", r->interrupted, "hung", r->hung, "panicked", r->panicked,
			 "taint", (int)r->taint, "stuck", (int)r->stuck, "leaks", r->leaks,
			 "kernel_complaints", (int)r->complaints, "announced_warnings",
			 (int)r->announced, "first_complaint", r->complaint, "lab_failure",
			 r->failed);
}

static int store(const struct out *out, json_t *root)
{
	int fd = openat(out->fd, ".env.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	int bad = json_dumpfd(root, fd, JSON_INDENT(2)) < 0 || write(fd, "\n", 1) != 1;
	close(fd);
	if (bad)
		return -EIO;
	return renameat(out->fd, ".env.json.new", out->fd, "env.json") < 0 ? -errno : 0;
}

int env_write(const struct out *out, const struct lab_opts *o, const struct lab_kernel *k,
	      const char *accel, const struct lab_result *r, struct err *e)
{
	const char *qemu = getenv("RINGFENCE_QEMU");
	json_t *root = json_pack(
	    "{s:i, s:{s:s, s:o}, s:o, s:o, s:s, s:s, s:o, s:I, s:o}", "schema", ENV_SCHEMA,
	    "ringfence", "version", RINGFENCE_VERSION, "git", git_version(), "host",
	    host_facts(qemu ? qemu : "qemu-system-x86_64"), "kernel", kernel_facts(k, r), "accel",
	    accel, "command", opts_command_name(o->command), "arguments", arguments(o), "time",
	    (json_int_t)time(NULL), "result", r ? result_facts(r) : json_null());
	int ret = root ? store(out, root) : -ENOMEM;

	json_decref(root);
	return ret < 0 ? err_set(e, ERR_HOST, -ret, "write", "env.json", "is the disk full?") : 0;
}
