/* Measurement 4: a foreground task that must finish a frame in time, while victims are killed in different ways. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PERIOD_NS 16666667LL
#define WORK_NS 6000000LL
#define FRAMES_BEFORE 12 /* before the kill: the task has settled, and its lateness without exits is known */
#define FRAMES_AFTER 12  /* after the last death */
#define FRAMES_MAX 4096
#define WITNESS 80       /* who kills and waits: before everybody, and nearly always asleep */
/* So long before the kill everybody sleeps, since the task has drawn its frame; the CPU that looks has then been idle for
 * longer than the kernel's load balancer remembers when it kills. */
#define LOOK_NS (13 * PERIOD_NS / 2)
#define TICK_NS 4000000LL       /* HZ of the measured kernel is 250, its ticks fall on multiples (tick_setup_device) */
#define BACK 0.95        /* share of the memory that must be back: the rest is in per-CPU lists and slot caches */

struct frames {
	atomic_int stop;
	int64_t first, cpu;
	int n, skipped;
	int64_t vsync[FRAMES_MAX];
	int64_t took_ns[FRAMES_MAX]; /* from its vsync until it is done */
	int64_t looked[FRAMES_MAX];
	long free_pages[FRAMES_MAX]; /* when it looked */
	long rounds[FRAMES_MAX];     /* of its work, and the CPU time they took */
	int64_t spun_ns[FRAMES_MAX];
};

/* A frame starts at a vsync; a vsync that finds the task still busy is skipped, as Android's Choreographer does and as the
 * simulated phone does. Lateness is given against the next vsync and against the one after (`_two`: double buffering).
 * Free memory is looked at by the task itself, as part of a frame's work: a process of its own that did so, real-time and
 * every 2 ms, took a sixth of a CPU, the turn of whom it interrupted, and with both the balance of the CPUs. */
static _Noreturn void draw(struct frames *frames, int nice_value)
{
	int64_t done = 0, began, used;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	be_nice(0, nice_value);
	began = own_cpu_ns();
	for (int64_t vsync = frames->first; !frames->stop && frames->n < FRAMES_MAX; vsync += PERIOD_NS) {
		if (done > vsync) {
			frames->skipped++;
			continue;
		}
		sleep_until_ns(vsync);
		used = own_cpu_ns();
		frames->free_pages[frames->n] = free_pages();
		frames->looked[frames->n] = now_ns();
		frames->spun_ns[frames->n] = WORK_NS - (own_cpu_ns() - used);
		frames->rounds[frames->n] = spin_cpu_ns(frames->spun_ns[frames->n]);
		frames->vsync[frames->n] = vsync;
		done = now_ns();
		frames->took_ns[frames->n++] = done - vsync;
	}
	frames->cpu = own_cpu_ns() - began;
	_exit(0);
}

/* The helper of process_mrelease: waits for the kill, then takes one address space after the other. */
static _Noreturn void release(struct victim *victims, int n, int nice_value, const atomic_int *killed, int64_t *cpu)
{
	int pidfd[VICTIMS_MAX];
	int64_t began;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < n; i++) {
		pidfd[i] = (int)syscall(SYS_pidfd_open, victims[i].pid, 0);
		if (pidfd[i] < 0)
			fail("pidfd_open: %s", strerror(errno));
	}
	be_nice(0, nice_value);
	kill(getpid(), SIGSTOP); /* until it is woken with the kill: polling would be one more load */
	began = own_cpu_ns();
	while (!*killed)
		sleep_ns(100000);
	for (int i = 0; i < n; i++)
		/* ESRCH: the victim was faster; EAGAIN: it holds the address space, and is at it itself */
		while (syscall(SYS_process_mrelease, pidfd[i], 0) && errno != ESRCH) {
			if (errno != EAGAIN)
				fail("process_mrelease: %s", strerror(errno));
			sleep_ns(1000000);
		}
	*cpu = own_cpu_ns() - began;
	_exit(0);
}

static int64_t wait_cpu(pid_t pid)
{
	struct rusage usage;
	int status;

	if (wait4(pid, &status, 0, &usage) != pid)
		fail("wait4: %s", strerror(errno));
	return usage_ns(&usage);
}

static int64_t cpu_so_far(pid_t pid)
{
	clockid_t clock = (clockid_t)((~(unsigned)pid << 3) | 2);
	struct timespec time;

	if (clock_gettime(clock, &time))
		fail("CPU clock of %d: %s", (int)pid, strerror(errno));
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Lateness of the frames that were due after the kill, and of those before it: what the machine does by itself. */
static void emit_frames(const struct frames *frames, int64_t killed, int periods, const char *suffix)
{
	double sum = 0, worst = 0, before = 0;
	int late = 0;
	char name[64];

	for (int i = 0; i < frames->n; i++) {
		double ms = (double)(frames->took_ns[i] - periods * PERIOD_NS) / 1e6;

		if (ms <= 0)
			continue;
		if (frames->vsync[i] + frames->took_ns[i] <= killed) {
			before += ms;
			continue;
		}
		late++;
		sum += ms;
		worst = ms > worst ? ms : worst;
	}
	snprintf(name, sizeof name, "late_frames%s", suffix);
	emit(name, late, "1");
	snprintf(name, sizeof name, "late_sum%s_ms", suffix);
	emit(name, sum, "ms");
	snprintf(name, sizeof name, "late_worst%s_ms", suffix);
	emit(name, worst, "ms");
	snprintf(name, sizeof name, "late_before%s_ms", suffix);
	emit(name, before, "ms");
}

/* How fast the machine was, as the task's own work shows it: between the kill and the last death, and otherwise. */
static void emit_rounds(const struct frames *frames, int64_t killed, int64_t dead)
{
	double ns[2] = {0, 0}, rounds[2] = {0, 0};

	for (int i = 0; i < frames->n; i++) {
		bool during = frames->vsync[i] + frames->took_ns[i] > killed && frames->vsync[i] < dead;

		ns[during] += (double)frames->spun_ns[i];
		rounds[during] += (double)frames->rounds[i];
	}
	emit("round_else_ns", ns[false] / rounds[false], "ns");
	if (dead)
		emit("round_dying_ns", ns[true] / rounds[true], "ns");
}

/* How long after the kill most of the memory that comes back is back: known to a vsync period. */
static int64_t back_ns(const struct frames *frames, int64_t killed)
{
	long before = 0, after = frames->free_pages[frames->n - 1];

	for (int i = 0; i < frames->n; i++) {
		if (frames->looked[i] <= killed)
			before = frames->free_pages[i];
		else if ((double)(frames->free_pages[i] - before) >= BACK * (double)(after - before))
			return frames->looked[i] - killed;
	}
	fail("no memory came back: %ld pages free before, %ld after", before, after);
}

/* What a case begins from, which no two repeats have in common. */
static void emit_begin(const struct victim *victims, int n, pid_t drawer, pid_t helper)
{
	char name[64];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "victim_%d_util_est", i);
		emit(name, util_est(victims[i].pid), "1");
	}
	if (helper)
		emit("helper_util_est", util_est(helper), "1");
	emit("task_on_cpu", cpu_of(drawer), "1");
	emit("rcu_on_cpu", cpu_of(rcu_preempt()), "1");
}

static void emit_wakes(const struct victim *victims, int n, pid_t helper, int64_t killed_at, bool one_by_one)
{
	char name[64];
	int on_1 = 0;

	for (int i = 0; i < n; i++) {
		struct wake wake = wake_of(victims[i].pid);

		on_1 |= (wake.cpu == 1) << i;
		snprintf(name, sizeof name, "victim_%d_woke_us", i);
		if (!one_by_one)
			emit(name, (double)(wake.us - killed_at / 1000), "us");
	}
	if (n)
		emit("victims_on_cpu_1", on_1, "bits");
	if (helper) {
		struct wake wake = wake_of(helper);

		emit("helper_on_cpu", wake.cpu, "1");
		emit("helper_woke_us", (double)(wake.us - killed_at / 1000), "us");
		emit("helper_waited_us", (double)wake.waited_us, "us");
	}
}

/* When each CPU last looked whether to take tasks from others, within the time that is traced. */
static void emit_balances(int64_t killed_at)
{
	char name[64];

	for (int cpu = 0; cpu < cpus(); cpu++) {
		int64_t us = balanced_us(cpu, killed_at / 1000);

		snprintf(name, sizeof name, "cpu_%d_balanced_us_before", cpu);
		if (us >= 0)
			emit(name, (double)(killed_at / 1000 - us), "us");
	}
}

void measure_foreground(void)
{
	int n = (int)setting("victims", 1);
	bool mrelease = setting_is("way", "mrelease"), one_by_one = setting_is("way", "one_by_one");
	struct victim *victims = start_victims(n, setting("mib", 256), (int)setting("percent", 100), false);
	struct frames *frames = shared(sizeof *frames);
	atomic_int *killed = shared(sizeof *killed);
	int64_t *helper_cpu = shared(sizeof *helper_cpu), cpu = 0, used = 0, kill_at, killed_at, dead;
	int64_t kills_ended;
	struct kthreads before, after;
	pid_t drawer, helper = 0;
	int killer_cpu;

	find_kthreads();
	wakes_ready();
	wait_ready(victims, n);
	emit_pace("pace_before_ns");
	for (int i = 0; i < n; i++) {
		be_nice(victims[i].pid, (int)setting("victim_nice", 0));
		used += cpu_so_far(victims[i].pid);
	}
	if (mrelease && (helper = fork()) == 0)
		release(victims, n, (int)setting("helper_nice", 0), killed, helper_cpu);
	if (helper)
		waitpid(helper, NULL, WUNTRACED);
	be_fifo(WITNESS);
	frames->first = now_ns() + 2 * PERIOD_NS;
	drawer = fork();
	if (drawer == 0) {
		be_fifo(0);
		draw(frames, (int)setting("nice", 0));
	}
	kill_at = frames->first + FRAMES_BEFORE * PERIOD_NS;
	sleep_until_ns(kill_at - LOOK_NS);
	emit_begin(victims, n, drawer, helper);
	before = kthreads_now();
	wakes_on();
	sleep_until_ns(kill_at);
	killer_cpu = sched_getcpu(), killed_at = now_ns();
	for (int i = 0; i < n; i++) {
		kill(victims[i].pid, SIGKILL);
		if (one_by_one)
			cpu += wait_cpu(victims[i].pid);
	}
	*killed = 1;
	if (helper)
		kill(helper, SIGCONT);
	kills_ended = now_ns();
	for (int i = 0; i < n && !one_by_one; i++)
		cpu += wait_cpu(victims[i].pid);
	dead = now_ns();
	after = kthreads_now();
	if (helper)
		waitpid(helper, NULL, 0);
	sleep_until_ns((helper ? now_ns() : dead) + FRAMES_AFTER * PERIOD_NS);
	frames->stop = 1;
	waitpid(drawer, NULL, 0);
	be_fifo(0);
	emit_pace("pace_after_ns");
	wakes_off();
	emit_wakes(victims, n, helper, killed_at, one_by_one);
	emit_balances(killed_at);
	emit("killer_on_cpu", killer_cpu, "1");
	emit("killed_us_after_tick", (double)(killed_at % TICK_NS) / 1e3, "us");
	emit("killed_us_after_vsync", (double)(killed_at - kill_at) / 1e3, "us");
	if (n && !one_by_one)
		emit("kills_took_us", (double)(kills_ended - killed_at) / 1e3, "us");
	emit("frames", frames->n, "1");
	emit("frame_cpu_ms", (double)frames->cpu / 1e6 / frames->n, "ms");
	emit("vsyncs_skipped", frames->skipped, "1");
	emit_rounds(frames, kill_at, n ? dead : 0);
	emit_frames(frames, kill_at, 1, "");
	emit_frames(frames, kill_at, 2, "_two");
	if (n) {
		emit("dead_ms", (double)(dead - kill_at) / 1e6, "ms");
		emit("back_ms", (double)back_ns(frames, kill_at) / 1e6, "ms");
		emit("victims_cpu_ms", (double)(cpu - used) / 1e6, "ms");
		emit("rcu_runs", (double)(after.rcu.times - before.rcu.times), "1");
		emit("rcu_cpu_ms", (double)(after.rcu.cpu_ns - before.rcu.cpu_ns) / 1e6, "ms");
		emit("softirq_runs", (double)(after.softirqs.times - before.softirqs.times), "1");
		emit("softirq_cpu_ms", (double)(after.softirqs.cpu_ns - before.softirqs.cpu_ns) / 1e6, "ms");
		emit("helper_cpu_ms", (double)*helper_cpu / 1e6, "ms");
		emit("swapped", (double)victims[0].out / (double)victims[0].pages, "1");
	}
}
