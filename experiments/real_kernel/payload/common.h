/* What the measurements share: settings of a case, lines of results, clocks, pages, victims.
 *
 * The payload is the only userland of the measured kernel. It reads /plan, a line per case
 *
 *     <case> <measurement> key=value ...
 *
 * and writes to the console lines that start with "@swapgym," (see experiments/real_kernel/records.py):
 *
 *     @swapgym,info,<key>,<value>
 *     @swapgym,begin,<case>
 *     @swapgym,value,<case>,<metric>,<number>,<unit>
 *     @swapgym,end,<case>,<number of values>      or     @swapgym,fail,<case>,<message>
 *     @swapgym,done,<number of cases>
 */
#ifndef SWAPGYM_COMMON_H
#define SWAPGYM_COMMON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define PAGE 4096L
#define MIB (1L << 20)
#define PAGES_PER_MIB (MIB / PAGE)
#define CPUS_MAX 16
#define VICTIMS_MAX 16

/* ---- settings and results (report.c) ---- */

void parse_settings(char *words);
long setting(const char *key, long otherwise);
const char *setting_text(const char *key, const char *otherwise);
bool setting_is(const char *key, const char *value);

void begin_case(const char *name);
void end_case(void);
void emit(const char *metric, double value, const char *unit);
void info(const char *key, const char *value);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the kernel's files and counters (kernel.c) ---- */

struct pool { /* of /sys/block/zram0/mm_stat; bytes, but for the last */
	long stored, compressed, used, compacted_pages;
};

struct kthreads { /* those that end others' turns while memory is freed */
	struct runs {
		long times;
		int64_t cpu_ns;
	} rcu, softirqs; /* rcu_preempt; ksoftirqd of all CPUs together */
};


void write_file(const char *path, const char *text);
bool read_file(const char *path, char *buffer, size_t size);
long counter(const char *path, const char *name); /* the number after `name` on its line; -1: no such line */
long vmstat(const char *prefix);                  /* sum of all counters of /proc/vmstat that start with it */
long free_pages(void);
long pressure_us(const char *kind);               /* total of /proc/pressure/memory, "some" or "full" */
struct pool pool_now(void);
void find_kthreads(void);
pid_t rcu_preempt(void);                          /* once they were found */
struct kthreads kthreads_now(void);               /* since the boot; of those that were found */
int cpu_of(pid_t pid);       /* where it runs, or went to sleep */
double util_est(pid_t pid); /* share of a CPU that the scheduler expects it to use when it wakes */
void load_modules(void);
void zram_on(const char *algorithm, long mib);
void zram_off(void);
void leave_free(long mib); /* takes the rest of free memory away, until leave_all_free() */
void leave_all_free(void);

/* ---- clocks (clocks.c) ---- */

int64_t now_ns(void);
int64_t own_cpu_ns(void);
int64_t usage_ns(const struct rusage *usage);
uint64_t ticks(void); /* time stamp counter: with -icount shift=0 it counts instructions */
void sleep_ns(int64_t ns);
void sleep_until_ns(int64_t at);
long spin_cpu_ns(int64_t ns); /* until the thread has had this much CPU time; returns how many rounds that took */
int cpus(void);
void pin(int cpu);
void unpin(void);
void be_fifo(int priority); /* 0: back to SCHED_OTHER */
void be_nice(pid_t pid, int value);

/* ---- pages and victims (pages.c) ---- */

char *map_pages(long pages);
void fill(char *at, long pages, bool varied, uint64_t seed);
long put_out(char *at, long pages, int percent);             /* returns how many pages should now be out */
long swapped_pages(pid_t pid);                               /* VmSwap; 0: the caller's own */
void verify_swapped(const char *who, pid_t pid, long pages); /* else the case fails */
void *shared(size_t bytes);                                  /* zeroed memory that children share */

struct victim {
	pid_t pid;
	char *at; /* same address in the victim and in who started it */
	long pages, out;
	atomic_int ready;
};

struct victim *start_victims(int n, long mib, int percent, bool varied);
void wait_ready(struct victim *victims, int n);
void kill_and_wait(struct victim *victims, int n);

/* ---- how fast the machine is just now (pace.c): ns to unmap a present page, by a thread alone, over all CPUs ---- */

void emit_pace(const char *metric);

/* ---- a kernel function's duration, without its callees being told (probe.c) ---- */

struct probed {
	long calls;
	int64_t ticks; /* as of ticks(), from entry to return, over all calls */
};

void probe_on(const char *function);
struct probed probe_off(void);

/* ---- how processes of the payload wake, and when CPUs balance (probe.c) ---- */

struct wake {
	int cpu;
	int64_t us; /* when, by CLOCK_MONOTONIC */
	int64_t waited_us; /* until it first ran */
};

void wakes_ready(void); /* what takes long */
void wakes_on(void);
void wakes_off(void);
struct wake wake_of(pid_t pid); /* the first since wakes_on() */
int64_t balanced_us(int cpu, int64_t until_us); /* when it last balanced before, by CLOCK_MONOTONIC; -1: not since wakes_on() */

/* ---- free memory, watched (watch.c) ---- */

struct watch {
	atomic_int stop;
	pid_t pid;
	int n;
	struct {
		int64_t at;
		long free_pages;
	} sample[1 << 16];
};

struct watch *watch_start(int64_t every_ns);
void watch_stop(struct watch *watch);
long watch_lowest_free(const struct watch *watch, int64_t from, int64_t to);

/* ---- the measurements ---- */

void measure_unmap(void);
void measure_contention(void);
void measure_pool(void);
void measure_foreground(void);
void measure_starve(void);
void measure_burst(void);

#endif
