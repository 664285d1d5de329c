/* Measurement 5: SCHED_FIFO spinners on every CPU while a swapped process must exit. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPINNER 10
#define WITNESS 80             /* who waits for the death: before the spinners, so that it sees it */
#define FAIR_SHARE 0.05        /* what throttling leaves to others */
#define TIMES 3.0              /* spin that many times longer than the exit should take */
#define LONGEST_NS 90000000000LL

static int64_t exit_ns(struct victim *victim)
{
	int64_t began = now_ns();

	kill(victim->pid, SIGKILL);
	waitpid(victim->pid, NULL, 0);
	return now_ns() - began;
}

void measure_starve(void)
{
	long mib = setting("mib", 64);
	int percent = (int)setting("percent", 100), n = cpus();
	bool throttled = !setting_is("runtime_us", "-1");
	struct victim *victims;
	int64_t alone, starved, spin, began;
	pid_t spinners[CPUS_MAX];

	/* the same exit without spinners says how long to spin */
	victims = start_victims(1, mib, percent, false);
	wait_ready(victims, 1);
	emit_pace("pace_before_ns");
	alone = exit_ns(&victims[0]);
	emit("exit_alone_ms", (double)alone / 1e6, "ms");
	spin = throttled ? (int64_t)((double)alone / FAIR_SHARE * TIMES) + 3000000000LL : 3000000000LL + 4 * alone;
	if (spin > LONGEST_NS)
		fail("the exit takes %lld ms alone: spinning would have to last %lld s", (long long)(alone / 1000000),
		     (long long)(spin / 1000000000));

	victims = start_victims(1, mib, percent, false);
	wait_ready(victims, 1);
	write_file("/proc/sys/kernel/sched_rt_runtime_us", setting_text("runtime_us", "950000"));
	be_fifo(WITNESS);
	began = now_ns() + 50000000;
	for (int cpu = 0; cpu < n; cpu++) {
		spinners[cpu] = fork();
		if (spinners[cpu] < 0)
			fail("fork: %s", strerror(errno));
		if (spinners[cpu] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pin(cpu);
			be_fifo(SPINNER);
			sleep_until_ns(began);
			while (now_ns() < began + spin)
				;
			_exit(0);
		}
	}
	/* all have been spinning for a while: it is not the start that is measured */
	sleep_until_ns(began + 500000000);
	starved = exit_ns(&victims[0]);
	emit("exit_ms", (double)starved / 1e6, "ms");
	emit("spin_ms", (double)(spin - 500000000) / 1e6, "ms");
	emit("ended_before_spinners", now_ns() < began + spin, "1");
	emit("times_slower", (double)starved / (double)alone, "1");
	for (int cpu = 0; cpu < n; cpu++)
		waitpid(spinners[cpu], NULL, 0);
	be_fifo(0);
	write_file("/proc/sys/kernel/sched_rt_runtime_us", "950000");
	emit_pace("pace_after_ns");
}
