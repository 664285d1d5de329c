/* Measurement 4: a foreground task that must finish a frame in time, while victims are killed in different ways. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
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
#define BACK 0.95        /* share of the memory that must be back: the rest is in per-CPU lists and slot caches */

struct frames {
	atomic_int stop;
	int64_t first, cpu;
	int n, skipped;
	int64_t vsync[FRAMES_MAX];
	int64_t took_ns[FRAMES_MAX]; /* from its vsync until it is done */
	int64_t looked[FRAMES_MAX];
	long free_pages[FRAMES_MAX]; /* when it looked */
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
		spin_cpu_ns(WORK_NS - (own_cpu_ns() - used));
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

void measure_foreground(void)
{
	int n = (int)setting("victims", 1);
	bool mrelease = setting_is("way", "mrelease"), one_by_one = setting_is("way", "one_by_one");
	struct victim *victims = start_victims(n, setting("mib", 256), (int)setting("percent", 100), false);
	struct frames *frames = shared(sizeof *frames);
	atomic_int *killed = shared(sizeof *killed);
	int64_t *helper_cpu = shared(sizeof *helper_cpu), cpu = 0, used = 0, kill_at, dead;
	struct kthreads before, after;
	pid_t drawer, helper = 0;

	find_kthreads();
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
	before = kthreads_now();
	be_fifo(WITNESS);
	frames->first = now_ns() + 2 * PERIOD_NS;
	drawer = fork();
	if (drawer == 0) {
		be_fifo(0);
		draw(frames, (int)setting("nice", 0));
	}
	kill_at = frames->first + FRAMES_BEFORE * PERIOD_NS;
	sleep_until_ns(kill_at);
	for (int i = 0; i < n; i++) {
		kill(victims[i].pid, SIGKILL);
		if (one_by_one)
			cpu += wait_cpu(victims[i].pid);
	}
	*killed = 1;
	if (helper)
		kill(helper, SIGCONT);
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
	emit("frames", frames->n, "1");
	emit("frame_cpu_ms", (double)frames->cpu / 1e6 / frames->n, "ms");
	emit("vsyncs_skipped", frames->skipped, "1");
	emit_frames(frames, kill_at, 1, "");
	emit_frames(frames, kill_at, 2, "_two");
	if (n) {
		emit("dead_ms", (double)(dead - kill_at) / 1e6, "ms");
		emit("back_ms", (double)back_ns(frames, kill_at) / 1e6, "ms");
		emit("victims_cpu_ms", (double)(cpu - used) / 1e6, "ms");
		emit("kthread_runs", (double)(after.runs - before.runs), "1");
		emit("kthread_cpu_ms", (double)(after.cpu_ns - before.cpu_ns) / 1e6, "ms");
		emit("helper_cpu_ms", (double)*helper_cpu / 1e6, "ms");
		emit("swapped", (double)victims[0].out / (double)victims[0].pages, "1");
	}
}
