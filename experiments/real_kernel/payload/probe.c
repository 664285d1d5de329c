/* How long a function of the kernel runs: kprobes at its entry and its return, timed by the time stamp counter. */
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

void probe_on(const char *function)
{
	char probe[128];

	if (mount("tracefs", TRACING, "tracefs", 0, "") && errno != EBUSY)
		fail("mount of tracefs: %s", strerror(errno));
	snprintf(probe, sizeof probe, "p:entered %s\n", function);
	define(probe);
	snprintf(probe, sizeof probe, "r:left %s\n", function);
	define(probe);
	write_file(TRACING "trace_clock", "x86-tsc");
	write_file(TRACING "events/kprobes/enable", "1");
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
	write_file(TRACING "events/kprobes/enable", "0");
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
