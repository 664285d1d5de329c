/* Measurement 6: a parent waits for exits and then allocates a burst. Does the memory come back in time? */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEFT_FREE_MIB 64 /* beside the cold process and the victims */
#define STACK_BYTES 65536
#define WATCH_NS 10000000LL /* it is real-time and costs a third of a millisecond each time */

/* Who keeps the address space of a victim after its death and gives it back: one at a time, in the order of death. */
struct keeper {
	struct victim *victims;
	int index, nice_value;
	atomic_int *turn, *pid;
	int64_t *ended;
};

static int keep(void *given)
{
	struct keeper *keeper = given;
	struct victim *victim = &keeper->victims[keeper->index];

	prctl(PR_SET_PDEATHSIG, 0);
	be_nice(0, keeper->nice_value);
	while (*keeper->turn != keeper->index)
		sleep_ns(500000);
	munmap(victim->at, (size_t)(victim->pages * PAGE));
	*keeper->ended = now_ns();
	(*keeper->turn)++;
	_exit(0);
}

/* A victim, and in the late mode beside it a process that shares its address space and outlives it. */
static _Noreturn void live(struct victim *victim, int percent, struct keeper *keeper)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill(victim->at, victim->pages, false, (uint64_t)(victim->at - (char *)0));
	victim->out = put_out(victim->at, victim->pages, percent);
	verify_swapped("victim", 0, victim->out);
	if (keeper) {
		*keeper->pid = clone(keep, stack + STACK_BYTES, CLONE_VM | SIGCHLD, keeper);
		if (*keeper->pid < 0)
			fail("clone: %s", strerror(errno));
	}
	victim->ready = 1;
	for (;;)
		pause();
}

/* A cached app that nobody uses: what reclaim can take. */
static void start_cold(long mib)
{
	atomic_int *ready = shared(sizeof *ready);
	pid_t pid = fork();

	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fill(map_pages(mib * PAGES_PER_MIB), mib * PAGES_PER_MIB, false, 99);
		*ready = 1;
		for (;;)
			pause();
	}
	while (!*ready) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			fail("the cold app died");
		sleep_ns(5000000);
	}
}

/* A burst on every CPU, as the threads of a launch make one. Populated in one call: nothing but allocation, at full speed.
 * It saves no time under emulation (13 us a page with nobody dying; the faults of measurement 1 take 10). */
static void allocate(long pages)
{
	atomic_int *done = shared(sizeof *done);
	int n = cpus();

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (madvise(map_pages(pages / n), (size_t)(pages / n * PAGE), MADV_POPULATE_WRITE))
				fail("MADV_POPULATE_WRITE: %s", strerror(errno));
			(*done)++;
			for (;;)
				pause();
		}
	}
	while (*done < n) {
		if (waitpid(-1, NULL, WNOHANG) > 0 && *done < n)
			fail("who was to allocate died");
		sleep_ns(1000000);
	}
}

void measure_burst(void)
{
	int n = (int)setting("victims", 4), percent = (int)setting("percent", 100);
	long burst = setting("burst_mib", 352) * PAGES_PER_MIB, total, lowest;
	bool late = setting_is("way", "late"), one_by_one = setting_is("way", "one_by_one");
	struct victim *victims = shared(VICTIMS_MAX * sizeof *victims);
	struct keeper keepers[VICTIMS_MAX];
	atomic_int *turn = shared(sizeof *turn), *pids = shared(VICTIMS_MAX * sizeof *pids);
	int64_t *back = shared(VICTIMS_MAX * sizeof *back), began, dead, ended;
	long direct, kswapd, out, stalls, some, full;
	struct watch *watch;
	struct sysinfo is;

	*turn = -1;
	start_cold(setting("cold_mib", 512));
	for (int i = 0; i < n; i++) {
		victims[i].pages = setting("mib", 256) * PAGES_PER_MIB;
		victims[i].at = map_pages(victims[i].pages);
		keepers[i] = (struct keeper){victims, i, (int)setting("keeper_nice", 0), turn, &pids[i], &back[i]};
		pid_t pid = fork(); /* the table is shared, see start_victims() */

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (pid == 0)
			live(&victims[i], percent, late ? &keepers[i] : NULL);
		victims[i].pid = pid;
		munmap(victims[i].at, (size_t)(victims[i].pages * PAGE));
	}
	wait_ready(victims, n);
	leave_free(LEFT_FREE_MIB);
	mlockall(MCL_CURRENT);
	sleep_ns(300000000);

	watch = watch_start(WATCH_NS);
	sysinfo(&is);
	total = (long)(is.totalram * is.mem_unit / PAGE);
	direct = vmstat("pgsteal_direct"), kswapd = vmstat("pgsteal_kswapd"), out = vmstat("pswpout");
	stalls = vmstat("allocstall"), some = pressure_us("some"), full = pressure_us("full");
	began = now_ns();
	for (int i = 0; i < n; i++) {
		kill(victims[i].pid, SIGKILL);
		if (one_by_one)
			waitpid(victims[i].pid, NULL, 0);
	}
	for (int i = 0; i < n && !one_by_one; i++)
		waitpid(victims[i].pid, NULL, 0);
	*turn = 0;
	dead = now_ns();
	allocate(burst);
	ended = now_ns();
	direct = vmstat("pgsteal_direct") - direct, kswapd = vmstat("pgsteal_kswapd") - kswapd;
	out = vmstat("pswpout") - out, stalls = vmstat("allocstall") - stalls;
	some = pressure_us("some") - some, full = pressure_us("full") - full;
	if (late)
		while (*turn < n)
			sleep_ns(1000000);
	watch_stop(watch);
	lowest = watch_lowest_free(watch, began, ended);
	emit("dead_ms", (double)(dead - began) / 1e6, "ms");
	emit("burst_ms", (double)(ended - dead) / 1e6, "ms");
	emit("until_allocated_ms", (double)(ended - began) / 1e6, "ms");
	emit("highest_use_mib", (double)(total - lowest) / PAGES_PER_MIB, "MiB");
	emit("lowest_free_mib", (double)lowest / PAGES_PER_MIB, "MiB");
	emit("direct_reclaim_pages", (double)direct, "pages");
	emit("kswapd_pages", (double)kswapd, "pages");
	emit("put_out_pages", (double)out, "pages");
	emit("allocstalls", (double)stalls, "1");
	emit("stall_some_ms", (double)some / 1e3, "ms");
	emit("stall_full_ms", (double)full / 1e3, "ms");
	emit("back_late_ms", late ? (double)(back[n - 1] - dead) / 1e6 : 0.0, "ms");
}
