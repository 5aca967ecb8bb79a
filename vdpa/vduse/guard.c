/* SPDX-License-Identifier: MIT */
/*
 * Surviving SIGBUS; see guard.h. The handler puts private zero pages in the place of the whole
 * mapping and returns, so that the access ends and its owner sees the flag. It must never do more
 * than that in a signal handler.
 *
 * The state is per thread and file-local, the one exception to "no globals": a signal handler has
 * no argument to find it by, and a thread touches one mapping at a time.
 */
#include "guard.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

struct guard {
	uintptr_t start, len;
	bool active, hit;
};

static _Thread_local volatile struct guard guard;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	(void)context;
	/* One that was sent (si_code <= 0), or is from elsewhere, is not ours: it kills us. */
	if (info->si_code > 0 && guard.active && at - guard.start < guard.len &&
	    mmap((void *)guard.start, guard.len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED) {
		guard.hit = true;
		errno = saved;
		return;
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

int guard_install(struct err *e)
{
	struct sigaction act = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGBUS, &act, NULL))
		return err_set(e, ERR_INTERNAL, errno, "sigaction", "SIGBUS", "%s", "");
	return 0;
}

void guard_enter(void *map, size_t len)
{
	assert(!guard.active);
	guard.start = (uintptr_t)map;
	guard.len = len;
	guard.hit = false;
	guard.active = true;
	atomic_signal_fence(
	    memory_order_seq_cst); /* the handler must not see the access before the guard */
}

bool guard_leave(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	guard.active = false;
	return !guard.hit;
}
