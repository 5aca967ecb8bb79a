/* SPDX-License-Identifier: MIT */
/*
 * What the launcher's parts hand to one another: the options, the kernel to boot, the directory of
 * results. Nothing here may need root, a network or /dev/kvm.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include "../../vdpa/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lab_command {
	LAB_PROVE,
	LAB_RUN,
	LAB_DEVICE,
	LAB_DOCTOR,
	LAB_BENCH,
	LAB_SHELL,
	LAB_EXEC,
	LAB_BUILD,
	LAB_MUTANTS,
	LAB_STATUS,
	LAB_CLEAN,
	LAB_COMMANDS,
};

enum lab_accel { ACCEL_TCG, ACCEL_KVM, ACCEL_AUTO };

/** The command line. Strings are borrowed from argv. */
struct lab_opts {
	enum lab_command command;
	const char *kernel;	   /* --kernel */
	const char *kernel_source; /* --kernel-source */
	const char *out;	   /* --out */
	const char *junit;	   /* --junit, of prove: where its copy goes on this side */
	const char *initrd;	   /* --initrd, of build: also write the initramfs there */
	const char *filter;	   /* --filter, of mutants */
	const char *take; /* --take, of bench and exec: a directory tree for the lab's root */
	enum lab_accel accel;
	const char *append; /* --append: more of the kernel's command line */
	bool stock, kasan, verbose, quiet, help;
	bool known;	    /* --known, of prove: ringfence-known is the job */
	const char *gather; /* --gather, of prove: this is a second lab, whose results go there */
	unsigned labs;	    /* --labs, of prove: how many; 0: not given */
	bool list;	    /* --list, of mutants */
	unsigned seconds;   /* how long the job may take */
	char **inner;	    /* what is left for the job; the array is the caller's */
	unsigned inners;
};

/** Parse argv[1..]; @inner has room for @argc pointers. -EINVAL with @e set: usage. */
int opts_parse(struct lab_opts *o, int argc, char **argv, char **inner, struct err *e)
    __attribute__((warn_unused_result));
const char *opts_command_name(enum lab_command c);
/** Whether the command takes --timeout itself, and so must have the chance to end by it. */
bool opts_keeps_time(const struct lab_opts *o);
/** Whether an argument for the job is there, as NAME or NAME=VALUE. */
bool opts_inner_has(const struct lab_opts *o, const char *name);
void opts_help(void);

/** The kernel to boot, and what is known of it. */
struct lab_kernel {
	char dir[PATH_MAX]; /* holds image, facts, perhaps modules; "" for --kernel */
	char image[PATH_MAX];
	char kind[16]; /* "lab", "kasan", "stock", "given" */
	char origin[PATH_MAX], release[128], patches[256], sha256[65];
};

/** Have the set-up scripts find or make the kernel that @o asks for. */
int kernel_find(struct lab_kernel *k, const struct lab_opts *o, struct err *e)
    __attribute__((warn_unused_result));
/** What to call it in a header, "linux 7.3.4 + ctrl-vq patch", given the release it reports. */
void kernel_describe(const struct lab_kernel *k, const char *release, char *text, size_t len);

/** The directory of results. */
struct out {
	char path[PATH_MAX];
	int fd;
	bool temporary; /* removed at the end unless kept */
};

/** Make the directory that @o asks for, or the default one of its command. */
int out_open(struct out *out, const struct lab_opts *o, struct err *e)
    __attribute__((warn_unused_result));
/** Copy the file @name of the directory to @path on the host. */
int out_export(const struct out *out, const char *name, const char *path, struct err *e)
    __attribute__((warn_unused_result));
/** Store a WIRE_FILE frame. UNTRUSTED: the path must stay below the directory. 0 or -errno. */
int out_store(struct out *out, const void *payload, size_t len) __attribute__((warn_unused_result));
/** Remove a directory and all in it, as far as that can be done; links are not followed. */
void out_remove(const char *path);
/** Close it; a temporary one is removed unless @keep. */
void out_close(struct out *out, bool keep);

/** How the run went; what the verdict and env.json are made of. */
struct lab_result {
	char release[128]; /* as the booted kernel reports it */
	bool finished;	   /* the job ended and said so */
	bool interrupted;  /* by a signal to the launcher */
	bool hung;	   /* no sign of life within the deadline */
	bool panicked;
	int code;   /* the job's exit code, if finished */
	int signal; /* what killed the job, or 0 */
	uint32_t taint;
	unsigned stuck;	     /* processes that could not be killed */
	int leaks;	     /* objects of the kernel's, or -1: it could not tell */
	int qemu_status;     /* of waitpid() */
	char failed[512];    /* why the lab itself could not go on, or "" */
	char complaint[256]; /* the first line of the kernel's that fails a run, or "" */
	unsigned complaints;
	unsigned announced; /* warnings that the finding which ran had announced */
};

/** Bits of /proc/sys/kernel/tainted that fail a run: bad page, died, warned, soft lock-up. */
#define TAINT_WARNED (1u << 9)
#define TAINT_FATAL (1u << 5 | 1u << 7 | TAINT_WARNED | 1u << 14)

/** Write env.json: what ran on what; with @r NULL before the run, else with its result. */
int env_write(const struct out *out, const struct lab_opts *o, const struct lab_kernel *k,
	      const char *accel, const struct lab_result *r, struct err *e)
    __attribute__((warn_unused_result));

/** Copy what @fd holds from its beginning to a new file at @path. */
int lab_copy(int fd, const char *path, struct err *e) __attribute__((warn_unused_result));

/** Directory of this program, where the others of its family lie, and of the tree's tests/lab. */
const char *lab_bin_dir(void);
const char *lab_source_dir(void);

/**
 * Run a program to its end with its standard output in @answer (at most @len - 1 bytes, without the
 * last newline). Returns its exit code, 127 if it cannot be started, 128 + N for signal N.
 */
int lab_capture(char *const argv[], char *answer, size_t len);

#endif
