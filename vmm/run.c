/* SPDX-License-Identifier: MIT */
/*
 * `ringfence run`; see run.h. The main thread parses, then watches: the clock, signals, and a
 * second thread in which the machine is made, runs and is taken down. So nothing that hangs can
 * hang the watch.
 */
#include "run.h"

#include "../vdpa/breaks.h"
#include "../vdpa/clock.h"
#include "../vdpa/statefile.h"
#include "../vdpa/trace.h"
#include "../virtio/check.h"
#include "boot_image.h"
#include "console.h"
#include "machine.h"
#include "monitor.h"
#include "run_opts.h"
#include "tty.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GUEST_LINES_MAX 2000 /* on stdout */
#define LOG_LINES_MAX 500    /* on stderr */
/* For a clean end after a deadline or a signal: machine_where() takes 1 s at most,
 * machine_destroy() 6 s before it takes the VM down. */
#define GRACE_MS 10000

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_RESET = 3,
	EXIT_PANICKED = 5,
	EXIT_INTERNAL = 70,
	EXIT_DEADLINE = 124,
	EXIT_INTERRUPTED = 130
};

struct run {
	struct run_opts opts;
	struct boot_image image;
	struct machine_config cfg;
	struct console out, log;
	int64_t started;
	_Atomic(const char *) stage;
	atomic_uint records;
	bool state_failed; /* the device's thread's, as is the next */
	char state[CTRL_PRINT_MAX];
	struct trace *trace;
	int stop_fd;	  /* main thread -> machine's thread: end it */
	int over_fd;	  /* machine's thread -> main thread: wakes it to see @over */
	atomic_bool over; /* what follows is filled */
	bool ended;	  /* by itself */
	bool stuck;	  /* a thread is, which may still come back to what is here */
	struct machine_end end;
};

static void say(struct run *r, const char *text)
{
	console_line(&r->log, "ringfence: ", text);
}

static void say_last(struct run *r, const char *text)
{
	console_last(&r->log, "ringfence: ", text);
}

/* What only -v shows, with the time since the start. */
static void say_verbose(struct run *r, const char *text)
{
	char prefix[48];

	if (!r->opts.verbose)
		return;
	snprintf(prefix, sizeof(prefix),
		 "ringfence: %5lld ms: ", (long long)(clock_ms() - r->started));
	console_line(&r->log, prefix, text);
}

static void on_stage(void *ctx, const char *name)
{
	struct run *r = ctx;

	atomic_store(&r->stage, name);
	trace_text(r->trace, "stage", "stage", name);
	say_verbose(r, name);
}

static void on_log(void *ctx, const char *line)
{
	say(ctx, line);
}

static void on_record(void *ctx, const struct report_record *rec)
{
	char line[REPORT_PAYLOAD_MAX + 64];
	struct run *r = ctx;

	if (atomic_fetch_add(&r->records, 1) == 0)
		say_verbose(r, "first report");
	report_format(rec, line, sizeof(line));
	switch (rec->type) {
	case REPORT_BEGIN:
	case REPORT_END:
		say_verbose(r, line);
		break;
	default:
		if (!r->opts.quiet)
			console_line(&r->out, "", line);
		break;
	}
}

/* From the device's thread only. */
static void on_state(void *ctx, const struct ctrl_state *state)
{
	struct run *r = ctx;
	struct err e = {0};

	if (!r->opts.state || r->state_failed)
		return;
	if (statefile_is_json(r->opts.state))
		(void)ctrl_json(state, r->state, sizeof(r->state));
	else
		(void)ctrl_text(state, r->state, sizeof(r->state));
	r->state_failed = statefile_write(r->opts.state, r->state, &e) != 0;
	if (r->state_failed)
		say(r, e.text);
}

static int draw(void *buf, size_t len, struct err *e)
{
	if (getrandom(buf, len, 0) != (ssize_t)len)
		return err_set(e, ERR_INTERNAL, errno, "getrandom", "canary",
			       "give --canary-key and --canary-magic");
	return 0;
}

static int choose_canary(struct run *r, struct err *e)
{
	int ret = 0;

	if (!r->opts.has_key)
		ret = draw(r->opts.canary_key, sizeof(r->opts.canary_key), e);
	if (!ret && !r->opts.has_magic)
		ret = draw(&r->opts.canary_magic, sizeof(r->opts.canary_magic), e);
	return ret;
}

/* What only a Linux guest needs: other defaults, and a console. */
static void prepare_linux(struct run *r)
{
	run_opts_for_linux(&r->opts);
	r->cfg.ram_size = r->opts.memory;
	r->cfg.by_acpi = r->opts.by_acpi;
	r->cfg.by_cmdline = r->opts.by_cmdline;
	r->cfg.by_fdt = r->opts.by_fdt;
	r->cfg.console_in = STDIN_FILENO;
	r->cfg.console_out = STDOUT_FILENO;
	r->cfg.console_raw = tty_raw(STDIN_FILENO) == 0;
}

static int prepare(struct run *r, struct err *e)
{
	const struct run_opts *o = &r->opts;
	const struct boot_files files = {o->kernel, o->initrd, o->cmdline};
	int ret = choose_canary(r, e);

	if (!ret)
		ret = trace_open(&r->trace, o->trace, e);
	if (!ret && o->monitor_fd >= 0)
		ret = monitor_check(o->monitor_fd, e);
	if (ret)
		return ret;
	r->cfg = (struct machine_config){
	    .vdpa = o->vdpa,
	    .image = &r->image,
	    .cpus = o->cpus,
	    .ram_size = o->memory,
	    .placement = o->placement,
	    .private_cvq = o->private_cvq,
	    .breaks = o->breaks,
	    .attack = o->attack,
	    .driver = o->driver,
	    .scan_stride = o->scan_stride,
	    .expect_offered = o->expect_offered,
	    .canary_magic = o->canary_magic,
	    .monitor_fd = o->monitor_fd,
	    .trace = r->trace,
	    .stage = on_stage,
	    .log = on_log,
	    .record = on_record,
	    .state = on_state,
	    .ctx = r,
	};
	memcpy(r->cfg.canary_key, o->canary_key, sizeof(r->cfg.canary_key));
	ret = boot_image_open(&r->image, &files, e);
	if (!ret && boot_is_linux(&r->image))
		prepare_linux(r);
	r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->over_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ret && (r->stop_fd < 0 || r->over_fd < 0))
		ret = err_set(e, ERR_INTERNAL, errno, "eventfd", "run",
			      "raise the limit on open files (ulimit -n)");
	return ret;
}

static void shout_breaks(struct run *r)
{
	char line[256];

	for (int i = 0; i < BREAK_COUNT; i++) {
		if (!broken(r->opts.breaks, (enum break_id)i))
			continue;
		snprintf(line, sizeof(line), "%s: %s", break_table[i].name, break_table[i].effect);
		console_alarm(&r->log, "BREAK ", line);
	}
	if (r->opts.skip_check == CHECK_NONE)
		return;
	const struct check_info *check = &check_table[r->opts.skip_check];
	snprintf(line, sizeof(line), "skip-check=%s: what refuses %s is left out", check->name,
		 check->refuses);
	console_alarm(&r->log, "BREAK ", line);
}

/* The machine's thread: its whole life. */
static void *machine_thread(void *arg)
{
	struct run *r = arg;
	struct machine *m = NULL;
	struct machine_end end = {0};

	if (machine_create(&m, &r->cfg, &end.e)) {
		r->ended = true;
		r->stuck = end.e.kind == ERR_TIMEOUT; /* the device's thread, in its open */
	} else {
		r->ended = machine_start(m, &end.e) || machine_wait(m, r->stop_fd, &end);
		if (!r->ended && r->opts.verbose)
			machine_where(m);
		r->stuck = !machine_destroy(m);
	}
	if (m && r->stuck)
		say(r, "a thread is stuck in the kernel; the end of the process cleans up");
	r->end = end;
	atomic_store(&r->over, true);
	(void)eventfd_write(r->over_fd, 1);
	return NULL;
}

/* How a Linux guest ended: a line that says which, and its code. */
static int end_code_linux(struct run *r)
{
	static const struct {
		const char *what;
		int code;
	} ends[] = {
	    [MACHINE_OFF] = {"the guest switched off", EXIT_DONE},
	    [MACHINE_RESET] = {"the guest asked for a reset", EXIT_RESET},
	    [MACHINE_PANICKED] = {"the guest's kernel panicked", EXIT_PANICKED},
	    [MACHINE_QUIT] = {"ended", EXIT_INTERRUPTED},
	};
	char line[160];

	snprintf(line, sizeof(line), "%s (%s) after %lld ms", ends[r->end.how].what, r->end.by,
		 (long long)(clock_ms() - r->started));
	if (!r->opts.quiet || r->end.how != MACHINE_OFF)
		say_last(r, line);
	return ends[r->end.how].code;
}

static int end_code(struct run *r)
{
	char line[128];

	switch (r->end.how) {
	case MACHINE_DONE:
		snprintf(line, sizeof(line), "done after %lld ms",
			 (long long)(clock_ms() - r->started));
		say_verbose(r, line);
		return r->end.report.failed ? EXIT_FAILED : EXIT_DONE;
	case MACHINE_FAILED:
		say_last(r, r->end.e.text);
		return err_exit_code(r->end.e.kind);
	default:
		return end_code_linux(r);
	}
}

/* Without a deadline until a signal comes. */
#define NEVER INT64_MAX

static bool wait_over(struct run *r, int signal_fd, int64_t until, bool *interrupted)
{
	struct pollfd p[] = {{.fd = r->over_fd, .events = POLLIN},
			     {.fd = signal_fd, .events = POLLIN}};
	int n;

	do
		n = poll(p, 2, until == NEVER ? -1 : clock_left(until));
	while (n < 0 && errno == EINTR);
	struct signalfd_siginfo info;
	*interrupted = p[1].revents && read(signal_fd, &info, sizeof(info)) == sizeof(info);
	return atomic_load(&r->over);
}

/*
 * Watch the machine's thread until it is over, the deadline passes or a signal comes; the latter
 * two stop it.
 */
static int watch(struct run *r, int signal_fd)
{
	bool interrupted, again;
	char line[160];

	int64_t until = r->opts.timeout_ms ? r->started + r->opts.timeout_ms : NEVER;
	if (wait_over(r, signal_fd, until, &interrupted))
		return end_code(r);
	const char *stage = atomic_load(&r->stage);
	snprintf(line, sizeof(line), "%s while %s, after %lld ms and %u reports of the guest",
		 interrupted ? "interrupted" : "deadline passed", stage,
		 (long long)(clock_ms() - r->started), atomic_load(&r->records));
	say_last(r, line);
	(void)eventfd_write(r->stop_fd, 1);
	if (!wait_over(r, signal_fd, clock_ms() + GRACE_MS, &again))
		say_last(r, again ? "interrupted again: no clean end"
				  : "no clean end: a thread does not come back from the kernel");
	return interrupted ? EXIT_INTERRUPTED : EXIT_DEADLINE;
}

static int supervise(struct run *r, struct err *e)
{
	pthread_t thread;
	sigset_t ends;

	/*
	 * Before the first thread, so that all inherit the mask and these signals come to signal_fd
	 * only.
	 */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	int signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return err_set(e, ERR_INTERNAL, errno, "signalfd", "run",
			       "raise the limit on open files (ulimit -n)");
	int ret = pthread_create(&thread, NULL, machine_thread, r);
	if (ret)
		return err_set(e, ERR_INTERNAL, ret, "pthread_create", "run",
			       "raise the limit on processes (ulimit -u)");
	pthread_detach(thread);
	return watch(r, signal_fd);
}

/* The trace's end, unless somebody may still write to it. What it lacks is a failure of the run's.
 */
static int end_trace(struct run *r, struct err *e)
{
	if (atomic_load(&r->over) && !r->stuck)
		return trace_close(r->trace, e);
	trace_flush(r->trace);
	return 0;
}

int run_main(int argc, char **argv)
{
	/* Static: a thread that is stuck may look at it until the very end of the process. */
	static struct run r;
	struct err e = {0};

	r.started = clock_ms();
	r.stage = "starting";
	int ret = run_parse(&r.opts, argc, argv, &e);
	bool color = opts_color(r.opts.color, getenv("NO_COLOR"), isatty(STDERR_FILENO));
	console_init(&r.out, STDOUT_FILENO, GUEST_LINES_MAX, false);
	console_init(&r.log, STDERR_FILENO, LOG_LINES_MAX, color);
	if (!ret && r.opts.help)
		return fputs(run_usage, stdout) < 0 ? EXIT_INTERNAL : 0;
	if (!ret && r.opts.version)
		return puts("ringfence " RINGFENCE_VERSION) < 0 ? EXIT_INTERNAL : 0;
	if (!ret)
		ret = prepare(&r, &e);
	if (!ret) {
		shout_breaks(&r);
		check_leave_out(r.opts.skip_check);
		ret = supervise(&r, &e);
		tty_restore();
		int closed = end_trace(&r, &e);
		if (closed && ret > 0)
			say_last(&r, e.text);
		ret = ret ? ret : closed;
	}
	if (ret >= 0)
		return ret;
	say_last(&r, e.text);
	return err_exit_code(e.kind);
}
