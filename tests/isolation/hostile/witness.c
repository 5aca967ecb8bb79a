/* SPDX-License-Identifier: MIT */
/* The witness, see witness.h. It must never be the load that it measures. */
#include "witness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 2000000
#define USUAL_NS 1000000 /* by which a nap may be longer without anything standing still */
#define PRIORITY 1	 /* above all that is not real-time, the VMM (session.c) too */

struct post {
	struct witness *witness;
	unsigned cpu;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *nap(void *arg)
{
	const struct post *post = arg;
	const struct timespec t = {0, NAP_NS};

	for (;;) {
		uint64_t before = now(), took;
		nanosleep(&t, NULL);
		took = now() - before;
		if (took > NAP_NS + USUAL_NS)
			atomic_fetch_add(&post->witness->lost_ns[post->cpu % WITNESS_SLOTS],
					 took - NAP_NS);
	}
	return NULL;
}

static void start_nap(struct witness *w, unsigned cpu)
{
	static struct post posts[WITNESS_CPUS];
	const struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	posts[cpu] = (struct post){w, cpu};
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_RR);
	pthread_attr_setschedparam(&attr, &priority);
	/* A CPU without a witness has lost nothing: what is judged is judged the harder. */
	if (!pthread_create(&thread, &attr, nap, &posts[cpu]))
		pthread_detach(thread);
	pthread_attr_destroy(&attr);
}

pid_t witness_start(struct witness *w)
{
	pid_t parent = getpid(), pid = fork();
	cpu_set_t mine;

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || sched_getaffinity(0, sizeof(mine), &mine))
		_exit(1);
	for (unsigned cpu = 0; cpu < WITNESS_CPUS; cpu++)
		if (CPU_ISSET(cpu, &mine))
			start_nap(w, cpu);
	for (;;)
		pause();
}

void witness_lost(const struct witness *w, uint64_t lost_ns[WITNESS_SLOTS])
{
	for (unsigned i = 0; i < WITNESS_SLOTS; i++)
		lost_ns[i] = atomic_load(&w->lost_ns[i]);
}
