/* What the kernel traces: how long a function runs (kprobes at its entry and its return, timed by the time stamp counter),
 * on which CPU processes wake, and when CPUs balance. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"

/* Opened like this the trace is emptied; writing to it would not. */
static void empty_trace(void)
{
	int file = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (file < 0)
		fail("cannot empty the trace: %s", strerror(errno));
	close(file);
}

static void define(const char *probe)
{
	int file = open(TRACING "kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (file < 0 || write(file, probe, strlen(probe)) < 0)
		fail("cannot add the kprobe %s: %s", probe, strerror(errno));
	close(file);
}

static void mount_tracefs(void)
{
	if (mount("tracefs", TRACING, "tracefs", 0, "") && errno != EBUSY)
		fail("mount of tracefs: %s", strerror(errno));
}

void probe_on(const char *function)
{
	char probe[128];

	mount_tracefs();
	snprintf(probe, sizeof probe, "p:entered %s\n", function);
	define(probe);
	snprintf(probe, sizeof probe, "r:left %s\n", function);
	define(probe);
	write_file(TRACING "trace_clock", "x86-tsc");
	write_file(TRACING "events/kprobes/entered/enable", "1");
	write_file(TRACING "events/kprobes/left/enable", "1");
	empty_trace();
	write_file(TRACING "tracing_on", "1");
}

/* The number before `event` on its line: "... <time>: <event>: (...". */
static int64_t time_before(const char *line, const char *event)
{
	const char *digit = event - 2; /* over the colon and the space */

	while (digit > line && digit[-1] >= '0' && digit[-1] <= '9')
		digit--;
	return strtoll(digit, NULL, 10);
}

struct probed probe_off(void)
{
	static char text[1 << 20];
	struct probed probed = {0, 0};
	int64_t entered = -1;
	const char *at;

	write_file(TRACING "tracing_on", "0");
	write_file(TRACING "events/kprobes/entered/enable", "0");
	write_file(TRACING "events/kprobes/left/enable", "0");
	if (!read_file(TRACING "trace", text, sizeof text))
		fail("cannot read the trace");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if ((at = strstr(line, " entered: ("))) {
			entered = time_before(line, at + 1);
		} else if ((at = strstr(line, " left: (")) && entered >= 0) {
			probed.ticks += time_before(line, at + 1) - entered;
			probed.calls++;
			entered = -1;
		}
	}
	define("-:entered\n");
	define("-:left\n");
	return probed;
}

#define SCHED TRACING "events/sched/"

static char wakes[1 << 19];

/* Once in a boot, and for the rest of it: to switch an event on or off the kernel patches its own text, and an emulated CPU
 * that runs there just then may keep on running what it has translated before, for ever. */
void wakes_ready(void)
{
	mount_tracefs();
	write_file(TRACING "tracing_on", "0");
	write_file(TRACING "trace_clock", "mono");
	if (access(TRACING "events/kprobes/balanced", F_OK)) {
		/* all userland is called so; the kernel's threads wake far more often */
		write_file(SCHED "sched_wakeup/filter", "comm == \"init\"");
		write_file(SCHED "sched_switch/filter", "next_comm == \"init\"");
		write_file(SCHED "sched_wakeup/enable", "1");
		write_file(SCHED "sched_switch/enable", "1");
		/* load_balance(this_cpu, this_rq, sd, idle, ...): CPU_NEWLY_IDLE does not count as one (rebalance_domains) */
		define("p:balanced load_balance cpu=%di:s32 idle=%cx:s32\n");
		write_file(TRACING "events/kprobes/balanced/filter", "idle != 2");
		write_file(TRACING "events/kprobes/balanced/enable", "1");
	}
	empty_trace();
}

void wakes_on(void)
{
	write_file(TRACING "tracing_on", "1");
}

void wakes_off(void)
{
	write_file(TRACING "tracing_on", "0");
	if (!read_file(TRACING "trace", wakes, sizeof wakes))
		fail("cannot read the trace");
}

/* Microseconds in a line "<comm>-<pid> [<cpu>] <flags> <seconds>.<microseconds>: <event>: ..." that holds `at`. */
static int64_t us_of(const char *at, const char *event)
{
	const char *digit;
	long seconds, us;

	while (at > wakes && at[-1] != '\n')
		at--;
	digit = strstr(at, event);
	if (!digit)
		fail("the trace has no time before %s", event);
	for (digit -= 2; digit > at && digit[-1] != ' '; digit--)
		;
	if (sscanf(digit, "%ld.%ld", &seconds, &us) != 2)
		fail("the trace has no time before %s", event);
	return seconds * 1000000LL + us;
}

/* "balanced: (load_balance+0x0/0xe50) cpu=<cpu> idle=<0 or 1>" */
int64_t balanced_us(int cpu, int64_t until_us)
{
	int64_t last = -1, us;
	char own[32];

	snprintf(own, sizeof own, ") cpu=%d ", cpu);
	for (const char *at = wakes; (at = strstr(at, " balanced: (")); at++) {
		const char *end = strchr(at, '\n'), *found = strstr(at, own);

		if (!found || (end && found > end))
			continue;
		us = us_of(at, "balanced:");
		if (us >= until_us)
			break;
		last = us;
	}
	return last;
}

/* "sched_wakeup: comm=<comm> pid=<pid> prio=<prio> target_cpu=<cpu>", "sched_switch: ... next_pid=<pid> next_prio=..." */
struct wake wake_of(pid_t pid)
{
	char woke[32], ran[32];
	const char *at, *cpu;
	struct wake found;

	snprintf(woke, sizeof woke, "=init pid=%d ", (int)pid);
	snprintf(ran, sizeof ran, " next_pid=%d ", (int)pid);
	at = strstr(wakes, woke);
	cpu = at ? strstr(at, "target_cpu=") : NULL;
	if (!cpu)
		fail("process %d did not wake", (int)pid);
	found.cpu = atoi(cpu + strlen("target_cpu="));
	found.us = us_of(at, "sched_wakeup:");
	at = strstr(at, ran);
	if (!at)
		fail("process %d did not run", (int)pid);
	found.waited_us = us_of(at, "sched_switch:") - found.us;
	return found;
}
