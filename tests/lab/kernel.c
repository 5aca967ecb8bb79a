/* SPDX-License-Identifier: MIT */
/*
 * Which kernel is booted, and what is known of it: the set-up scripts find or make it, their facts
 * are read. It must never claim of a kernel what those facts, or the kernel's own image, do not
 * say.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int script_failed(const char *script, int code, struct err *e)
{
	/* The script has told why; its exit codes are ours. */
	if (code == 4)
		return err_set(e, ERR_HOST, 0, "set-up", script,
			       "the lab has no kernel; see above");
	if (code == 64)
		return err_set(e, ERR_USAGE, 0, "set-up", script, "see above");
	return err_set(e, ERR_INTERNAL, 0, "set-up", script, "failed with code %d; see above",
		       code);
}

static int ask_script(struct lab_kernel *k, const char *script, const char *const arg[3],
		      struct err *e)
{
	char path[PATH_MAX];
	const char *argv[5] = {path};
	unsigned args = 1;

	for (unsigned i = 0; i < 3; i++)
		if (arg[i])
			argv[args++] = arg[i];
	snprintf(path, sizeof(path), "%s/%s", lab_source_dir(), script);
	int code = lab_capture((char *const *)argv, k->dir, sizeof(k->dir));
	if (code != 0 || !*k->dir)
		return script_failed(path, code, e);
	int n = snprintf(k->image, sizeof(k->image), "%s/bzImage", k->dir);
	return n < (int)sizeof(k->image)
		   ? 0
		   : err_set(e, ERR_INTERNAL, ENAMETOOLONG, "open", k->dir, "%s", "");
}

static void take_fact(struct lab_kernel *k, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *to;
		size_t len;
	} known[] = {
	    {"kind", k->kind, sizeof(k->kind)},
	    {"origin", k->origin, sizeof(k->origin)},
	    {"release", k->release, sizeof(k->release)},
	    {"patches", k->patches, sizeof(k->patches)},
	    {"sha256", k->sha256, sizeof(k->sha256)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(name, known[i].name) == 0)
			snprintf(known[i].to, known[i].len, "%s", value);
}

static int read_facts(struct lab_kernel *k, struct err *e)
{
	char path[PATH_MAX + 8], line[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/facts", k->dir);
	FILE *f = fopen(path, "re");
	if (!f)
		return err_set(e, ERR_INTERNAL, errno, "open", path,
			       "ringfence lab clean, then again");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		take_fact(k, line, value);
	}
	fclose(f);
	return 0;
}

/* The x86 boot protocol (Documentation/arch/x86/boot.rst): "HdrS" at 0x202, and at 0x20e where,
 * less 0x200, the release's text lies. */
static int read_image(struct lab_kernel *k, struct err *e)
{
	unsigned char head[0x210];
	char text[128] = "", sha[128] = "";
	int fd = open(k->image, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_USAGE, errno, "--kernel", k->image,
			       "give a bzImage that exists");
	bool good = pread(fd, head, sizeof(head), 0) == sizeof(head) &&
		    memcmp(head + 0x202, "HdrS", 4) == 0;
	if (good)
		good =
		    pread(fd, text, sizeof(text) - 1, 0x200 + (head[0x20e] | head[0x20f] << 8)) > 0;
	close(fd);
	if (!good)
		return err_set(e, ERR_HOST, ENOEXEC, "read", k->image, "not an x86 bzImage");
	text[strcspn(text, " ")] = '\0';
	snprintf(k->release, sizeof(k->release), "%s", text);
	if (lab_capture((char *const[]){(char[]){"sha256sum"}, k->image, NULL}, sha, sizeof(sha)) ==
	    0)
		snprintf(k->sha256, sizeof(k->sha256), "%.64s", sha);
	return 0;
}

int kernel_find(struct lab_kernel *k, const struct lab_opts *o, struct err *e)
{
	int ret;

	*k = (struct lab_kernel){.kind = "given", .patches = "unknown"};
	if (o->kernel) {
		if (snprintf(k->image, sizeof(k->image), "%s", o->kernel) >= (int)sizeof(k->image))
			return err_set(e, ERR_USAGE, ENAMETOOLONG, "--kernel", o->kernel, "%s", "");
		snprintf(k->origin, sizeof(k->origin), "%s", o->kernel);
		ret = read_image(k, e);
		return ret < 0 ? ret : config_check(k, o->command, e);
	}
	if (o->stock)
		ret = ask_script(k, "stock.sh", (const char *[3]){NULL}, e);
	else
		ret = ask_script(k, "kernel.sh",
				 (const char *[]){o->kasan ? "--kasan" : NULL,
						  o->kernel_source ? "--source" : NULL,
						  o->kernel_source},
				 e);
	return ret < 0 ? ret : read_facts(k, e);
}

void kernel_describe(const struct lab_kernel *k, const char *release, char *text, size_t len)
{
	int version = (int)strcspn(release, "+");
	const char *ours = strstr(release, "-ringfence");

	if (strcmp(k->kind, "stock") == 0)
		snprintf(text, len, "linux %.*s Debian cloud, unpatched", version, release);
	else if (strcmp(k->kind, "given") == 0)
		snprintf(text, len, "linux %s given by --kernel", release);
	else
		snprintf(text, len, "linux %.*s%s%s",
			 ours ? (int)(ours - release) : (int)strlen(release), release,
			 strcmp(k->patches, "none") == 0 ? "" : " + ctrl-vq patch",
			 strcmp(k->kind, "kasan") == 0 ? ", sanitized" : "");
}
