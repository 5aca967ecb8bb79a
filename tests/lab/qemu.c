/* SPDX-License-Identifier: MIT */
/* Starts and ends QEMU for the lab; see qemu.h. Must never leave it running without its launcher.
 */
#include "qemu.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QEMU_ARGS 64

/* loglevel=5 lets warnings out, and with them every WARN(), which "quiet" would hold back. */
#define COMMAND_LINE "console=ttyS0 loglevel=5 panic=-1 oops=panic"
/* An emulator translates a program again for each address that it is loaded at. */
#define EMULATED " norandmaps"

/*
 * With five-level page tables KASAN reports one access that is none very early: "wild-memory-access
 * in do_raw_spin_lock". And mm/slub.c leaves in its sheaves the addresses of objects it has handed
 * out, where kmemleak finds them: a lost object would count as reachable. A cache with any
 * debugging on has no sheaves.
 */
#define SANITIZED " no5lvl slab_debug=F"

static bool module_nests(const char *module)
{
	char path[128], answer = 'N';

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/nested", module);
	FILE *f = fopen(path, "re");
	if (f) {
		if (fread(&answer, 1, 1, f) != 1)
			answer = 'N';
		fclose(f);
	}
	return answer == 'Y' || answer == '1';
}

int qemu_choose_accel(enum lab_accel accel, bool *kvm, const char **why_not, struct err *e)
{
	*kvm = false;
	*why_not = NULL;
	if (accel == ACCEL_TCG)
		return 0;
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		*why_not = errno == ENOENT ? "there is no /dev/kvm"
					   : "/dev/kvm cannot be opened by this user";
	else if (!module_nests("kvm_intel") && !module_nests("kvm_amd"))
		*why_not = "this host's KVM does not nest (kvm_intel or kvm_amd with nested=1)";
	*kvm = !*why_not;
	if (accel == ACCEL_KVM && *why_not)
		return err_set(e, ERR_HOST, 0, "--accel", "kvm", "%s; --accel tcg needs neither",
			       *why_not);
	return 0;
}

/* One thread for all vCPUs: with one each, QEMU 7.2 now and then breaks a CPU that has run nested
 * guests (seen: a double fault on the way into a system call, a CPU deaf even to NMIs, a triple
 * fault of a sound guest), and two threads were no faster on two cores, which the host's side of
 * the devices wants as well. */
#define TCG "tcg,thread=single"

/* Five levels of page tables are one more to walk for each entry of an emulator's TLB, twice in a
 * guest's guest. */
#define TCG_CPU "max,la57=off"

struct command {
	const char *arg[QEMU_ARGS + 1];
	unsigned count;
	char console[64], wire[64], monitor[64], initrd[64], line[1024];
};

static void add(struct command *c, const char *a, const char *b)
{
	if (c->count + 2 <= QEMU_ARGS) {
		c->arg[c->count++] = a;
		if (b)
			c->arg[c->count++] = b;
	}
}

/* The far ends of the sockets, and the initramfs: what QEMU inherits. */
enum { CONSOLE, WIRE, MONITOR, INITRD, INHERITED };

static void build_command(struct command *c, const struct qemu *q, const struct qemu_setup *s,
			  const int fd[INHERITED])
{
	const char *program = getenv("RINGFENCE_QEMU");

	snprintf(c->console, sizeof(c->console), "socket,id=console,fd=%d", fd[CONSOLE]);
	snprintf(c->wire, sizeof(c->wire), "socket,id=wire,fd=%d", fd[WIRE]);
	snprintf(c->monitor, sizeof(c->monitor), "socket,id=monitor,fd=%d", fd[MONITOR]);
	snprintf(c->initrd, sizeof(c->initrd), "/proc/self/fd/%d", fd[INITRD]);
	snprintf(c->line, sizeof(c->line), "%s%s%s%s%s", COMMAND_LINE, q->kvm ? "" : EMULATED,
		 s->sanitized ? SANITIZED : "", s->append ? " " : "", s->append ? s->append : "");

	add(c, program ? program : "qemu-system-x86_64", NULL);
	add(c, "-accel", q->kvm ? "kvm" : TCG);
	add(c, "-cpu", q->kvm ? "host" : TCG_CPU);
	add(c, "-machine", "q35");
	add(c, "-smp", s->one_cpu ? "1" : s->three_cpus ? "3" : "2");
	add(c, "-m", s->sanitized ? "2048" : "1024");
	add(c, "-nodefaults", "-no-user-config");
	add(c, "-display", "none");
	add(c, "-no-reboot", NULL);
	add(c, "-kernel", s->kernel);
	add(c, "-initrd", c->initrd);
	add(c, "-append", c->line);
	add(c, "-chardev", c->console);
	add(c, "-serial", "chardev:console");
	add(c, "-device", "virtio-serial-pci");
	add(c, "-chardev", c->wire);
	add(c, "-device", "virtserialport,chardev=wire,name=" WIRE_PORT);
	add(c, "-chardev", c->monitor);
	add(c, "-mon", "chardev=monitor,mode=readline");
	if (s->terminal) {
		add(c, "-chardev", "stdio,id=terminal,signal=off");
		add(c, "-device", "virtconsole,chardev=terminal");
	}
}

static void start_child(const struct command *c, const int keep[INHERITED], int log_fd,
			bool terminal, pid_t launcher)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		_exit(127); /* it died before the line above */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A group of its own: a terminal's Ctrl-C is for the launcher to judge. A shell needs the
	 * terminal. */
	if (!terminal) {
		setpgid(0, 0);
		dup2(nothing, STDIN_FILENO);
		dup2(nothing, STDOUT_FILENO);
	}
	dup2(log_fd, STDERR_FILENO);
	for (int i = 0; i < INHERITED; i++)
		fcntl(keep[i], F_SETFD, 0);
	execvp(c->arg[0], (char *const *)c->arg);
	dprintf(STDERR_FILENO, "exec(%s): %s\n", c->arg[0], strerror(errno));
	_exit(127);
}

static int open_sockets(int near[INITRD], int far[INHERITED])
{
	for (int i = 0; i < INITRD; i++) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return -errno;
		near[i] = pair[0];
		far[i] = pair[1];
	}
	return 0;
}

int qemu_start(struct qemu *q, const struct qemu_setup *setup, const struct out *out, struct err *e)
{
	struct command c = {.count = 0};
	int near[INITRD] = {0}, far[INHERITED] = {[INITRD] = setup->initrd_fd};
	int ret = open_sockets(near, far);

	if (ret < 0)
		return err_set(e, ERR_INTERNAL, -ret, "socketpair", "lab", "%s", "");
	int log_fd = openat(out->fd, "qemu.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (log_fd < 0)
		return err_set(e, ERR_HOST, errno, "open", "qemu.log", "%s", "");
	build_command(&c, q, setup, far);

	pid_t launcher = getpid();
	q->pid = fork();
	if (q->pid == 0)
		start_child(&c, far, log_fd, setup->terminal, launcher);
	for (int i = 0; i < INITRD; i++)
		close(far[i]);
	close(log_fd);
	q->console_fd = near[CONSOLE];
	q->wire_fd = near[WIRE];
	q->monitor_fd = near[MONITOR];
	if (q->pid < 0)
		return err_set(e, ERR_INTERNAL, errno, "fork", "qemu", "%s", "");
	return 0;
}

void qemu_dump(struct qemu *q, const struct out *out)
{
	static const char questions[] =
	    "info cpus\ninfo registers -a\ninfo lapic 0\ninfo lapic 1\ninfo lapic 2\n";
	struct pollfd p = {.fd = q->monitor_fd, .events = POLLIN};
	char bytes[4096];
	int fd = openat(out->fd, "cpus.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return;
	if (send(q->monitor_fd, questions, strlen(questions), MSG_NOSIGNAL) > 0) {
		/* The answer ends when nothing more comes; a QEMU that is itself stuck gives none.
		 */
		for (ssize_t n = 1; n > 0 && poll(&p, 1, 500) > 0;) {
			n = read(q->monitor_fd, bytes, sizeof(bytes));
			if (n > 0 && write(fd, bytes, (size_t)n) != n)
				break;
		}
	}
	close(fd);
}

int qemu_stop(struct qemu *q)
{
	int status = 0;

	if (q->pid > 0) {
		kill(q->pid, SIGKILL);
		while (waitpid(q->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	q->pid = 0;
	close(q->console_fd);
	close(q->wire_fd);
	close(q->monitor_fd);
	return status;
}
