/* A process that looks at free memory every few milliseconds, before everything else that runs. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRIORITY 90

static void look(struct watch *watch)
{
	watch->sample[watch->n].at = now_ns();
	watch->sample[watch->n].free_pages = free_pages();
	watch->n++;
}

struct watch *watch_start(int64_t every_ns)
{
	struct watch *watch = shared(sizeof *watch);
	int room = (int)(sizeof watch->sample / sizeof watch->sample[0]);

	pid_t pid = fork(); /* *watch is shared: the child must not write its own 0 into it */

	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		mlockall(MCL_CURRENT | MCL_FUTURE);
		be_fifo(PRIORITY);
		for (int64_t at = now_ns(); !watch->stop && watch->n < room; sleep_until_ns(at += every_ns))
			look(watch);
		_exit(0);
	}
	watch->pid = pid;
	while (watch->n == 0)
		sleep_ns(1000000);
	return watch;
}

void watch_stop(struct watch *watch)
{
	watch->stop = 1;
	waitpid(watch->pid, NULL, 0);
}

long watch_lowest_free(const struct watch *watch, int64_t from, int64_t to)
{
	long lowest = -1;

	for (int i = 0; i < watch->n; i++)
		if (watch->sample[i].at >= from && watch->sample[i].at <= to &&
		    (lowest < 0 || watch->sample[i].free_pages < lowest))
			lowest = watch->sample[i].free_pages;
	if (lowest < 0)
		fail("nobody looked at free memory for %.1f ms", (double)(to - from) / 1e6);
	return lowest;
}
