/* Clocks, CPUs and priorities. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t own_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t usage_ns(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000LL +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000LL;
}

uint64_t ticks(void)
{
	return __rdtsc();
}

void sleep_ns(int64_t ns)
{
	sleep_until_ns(now_ns() + ns);
}

void sleep_until_ns(int64_t at)
{
	struct timespec time = {at / 1000000000LL, at % 1000000000LL};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

long spin_cpu_ns(int64_t ns)
{
	int64_t until = own_cpu_ns() + ns;
	long rounds = 0;

	for (; own_cpu_ns() < until; rounds++)
		for (volatile int i = 0; i < 500; i++)
			;
	return rounds;
}

int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void allow(int first, int last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = first; cpu <= last; cpu++)
		CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fail("sched_setaffinity to CPUs %d to %d: %s", first, last, strerror(errno));
}

void pin(int cpu)
{
	allow(cpu, cpu);
}

void unpin(void)
{
	allow(0, cpus() - 1);
}

void be_fifo(int priority)
{
	struct sched_param parameter = {.sched_priority = priority};

	if (sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &parameter))
		fail("sched_setscheduler priority %d: %s", priority, strerror(errno));
}

void be_nice(pid_t pid, int value)
{
	if (setpriority(PRIO_PROCESS, (id_t)pid, value))
		fail("setpriority of %d to %d: %s", (int)pid, value, strerror(errno));
}
