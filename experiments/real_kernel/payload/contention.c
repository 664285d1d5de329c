/* Measurement 2: several processes unmap at once. What is lost to each other, and is it lost spinning or waiting? */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct lane {
	pid_t pid;
	int64_t began, ended, cpu;
	long out, switched;
};

static _Noreturn void unmap_at(struct lane *lane, const atomic_llong *start, long pages, int percent, uint64_t seed)
{
	char *at = map_pages(pages);
	struct rusage before, after;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill(at, pages, setting_is("data", "varied"), seed);
	lane->out = put_out(at, pages, percent);
	verify_swapped("a process", 0, lane->out);
	kill(getpid(), SIGSTOP); /* until all are ready: polling would decide who sits where */
	sleep_until_ns(*start);
	getrusage(RUSAGE_SELF, &before);
	lane->cpu = own_cpu_ns();
	lane->began = now_ns();
	if (munmap(at, (size_t)(pages * PAGE)))
		fail("munmap: %s", strerror(errno));
	lane->ended = now_ns();
	lane->cpu = own_cpu_ns() - lane->cpu;
	getrusage(RUSAGE_SELF, &after);
	lane->switched = after.ru_nivcsw - before.ru_nivcsw + after.ru_nvcsw - before.ru_nvcsw;
	_exit(0);
}

void measure_contention(void)
{
	int n = (int)setting("processes", 1), percent = (int)setting("percent", 100);
	long pages = setting("mib", 128) * PAGES_PER_MIB;
	struct lane *lanes = shared(VICTIMS_MAX * sizeof *lanes);
	atomic_llong *start = shared(sizeof *start);
	int64_t first = INT64_MAX, last = 0, cpu = 0;
	long entries = 0, switched = 0;
	int status;

	if (n > VICTIMS_MAX)
		fail("processes=%d: at most %d", n, VICTIMS_MAX);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (pid == 0)
			unmap_at(&lanes[i], start, pages, percent, (uint64_t)i);
		lanes[i].pid = pid;
	}
	for (int i = 0; i < n; i++)
		if (waitpid(lanes[i].pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
			fail("a process died before it was ready");
	emit_pace("pace_before_ns");
	*start = now_ns() + 200000000;
	for (int i = 0; i < n; i++)
		kill(lanes[i].pid, SIGCONT);
	for (int i = 0; i < n; i++)
		if (wait(&status) < 0 || status)
			fail("a process did not unmap: status %d", status);
	emit_pace("pace_after_ns");
	for (int i = 0; i < n; i++) {
		first = lanes[i].began < first ? lanes[i].began : first;
		last = lanes[i].ended > last ? lanes[i].ended : last;
		cpu += lanes[i].cpu;
		switched += lanes[i].switched;
		entries += pages;
	}
	emit("entries_per_ms", (double)entries / ((double)(last - first) / 1e6), "1/ms");
	emit("wall_ms", (double)(last - first) / 1e6, "ms");
	emit("cpu_ms", (double)cpu / 1e6, "ms");
	emit("cpu_ns_per_entry", (double)cpu / (double)entries, "ns");
	emit("switches", (double)switched, "1");
	emit("swapped", (double)lanes[0].out / (double)pages, "1");
}
