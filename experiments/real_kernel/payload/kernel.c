/* The kernel's files: counters, modules, zram. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"
#define HUGE_MIB 2
#define KTHREADS_LAST 256 /* those of the boot have the first numbers */
#define STAT_CPU 39       /* `processor` in proc(5) */
#define SCHED_CAPACITY_SCALE 1024.0
#define UTIL_AVG_UNCHANGED 0x80000000L /* a flag in it (kernel/sched/pelt.h) */

static pid_t rcu, softirqs[CPUS_MAX];
static int n_softirqs;

void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		fail("cannot write %s to %s: %s", text, path, strerror(errno));
	close(file);
}

bool read_file(const char *path, char *buffer, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (file < 0)
		return false;
	while (length < size - 1 && (got = read(file, buffer + length, size - 1 - length)) > 0)
		length += (size_t)got;
	buffer[length] = '\0';
	close(file);
	return true;
}

long counter(const char *path, const char *name)
{
	static char text[1 << 16];
	size_t length = strlen(name);

	if (!read_file(path, text, sizeof text))
		fail("cannot read %s", path);
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && strchr(" :\t", line[length]))
			return strtol(line + length + strspn(line + length, " :\t"), NULL, 10);
	}
	return -1;
}

/* Who they are is found out once: reading the names of all takes milliseconds, which others must not have to wait for. */
void find_kthreads(void)
{
	char path[64], text[128];

	rcu = n_softirqs = 0;
	for (int pid = 2; pid < KTHREADS_LAST; pid++) {
		snprintf(path, sizeof path, "/proc/%d/comm", pid);
		if (!read_file(path, text, sizeof text))
			continue;
		if (!strcmp(text, "rcu_preempt\n"))
			rcu = pid;
		if (!strncmp(text, "ksoftirqd/", 10) && n_softirqs < CPUS_MAX)
			softirqs[n_softirqs++] = pid;
	}
	if (!rcu || n_softirqs != cpus())
		fail("rcu_preempt is process %d, and %d CPUs have %d ksoftirqd", (int)rcu, cpus(), n_softirqs);
}

pid_t rcu_preempt(void)
{
	return rcu;
}

static void add_runs(struct runs *runs, pid_t pid)
{
	char path[64], text[128];
	long long ran, waited;
	long times;

	snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
	if (!read_file(path, text, sizeof text) || sscanf(text, "%lld %lld %ld", &ran, &waited, &times) != 3)
		fail("cannot read %s", path);
	runs->times += times;
	runs->cpu_ns += ran;
}

struct kthreads kthreads_now(void)
{
	struct kthreads all = {0};

	add_runs(&all.rcu, rcu);
	for (int i = 0; i < n_softirqs; i++)
		add_runs(&all.softirqs, softirqs[i]);
	return all;
}

int cpu_of(pid_t pid)
{
	char path[64], text[1024], *at;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	at = read_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
	for (int field = 2; at && field < STAT_CPU; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		fail("%s has no field %d", path, STAT_CPU);
	return atoi(at);
}

double util_est(pid_t pid)
{
	char path[64];
	long ewma, enqueued;

	snprintf(path, sizeof path, "/proc/%d/sched", (int)pid);
	ewma = counter(path, "se.avg.util_est.ewma"), enqueued = counter(path, "se.avg.util_est.enqueued");
	if (ewma < 0 || enqueued < 0)
		fail("%s has no util_est: the kernel must be built with SCHED_DEBUG", path);
	enqueued &= ~UTIL_AVG_UNCHANGED;
	return (double)(ewma > enqueued ? ewma : enqueued) / SCHED_CAPACITY_SCALE;
}

long vmstat(const char *prefix)
{
	static char text[1 << 16];
	size_t length = strlen(prefix);
	long sum = 0;

	if (!read_file("/proc/vmstat", text, sizeof text))
		fail("cannot read /proc/vmstat");
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, prefix, length)) {
			char *number = strchr(line, ' ');

			if (number)
				sum += strtol(number, NULL, 10);
		}
	}
	return sum;
}

long pressure_us(const char *kind)
{
	char text[512], *line, *total;

	if (!read_file("/proc/pressure/memory", text, sizeof text))
		fail("no /proc/pressure/memory: the kernel must be booted with psi=1");
	line = strstr(text, kind);
	total = line ? strstr(line, "total=") : NULL;
	if (!total)
		fail("/proc/pressure/memory has no total of %s", kind);
	return strtol(total + strlen("total="), NULL, 10);
}

struct pool pool_now(void)
{
	char text[512];
	struct pool pool;

	/* orig_data_size compr_data_size mem_used_total mem_limit mem_used_max same_pages pages_compacted ... */
	if (!read_file("/sys/block/zram0/mm_stat", text, sizeof text) ||
	    sscanf(text, "%ld %ld %ld %*d %*d %*d %ld", &pool.stored, &pool.compressed, &pool.used, &pool.compacted_pages) != 4)
		fail("cannot read /sys/block/zram0/mm_stat");
	return pool;
}

/* /modules/order names them, one a line, what is needed first first: modules.dep was resolved when it was built. */
void load_modules(void)
{
	char names[4096], *place = NULL;

	if (!read_file("/modules/order", names, sizeof names))
		fail("cannot read /modules/order");
	for (char *line = strtok_r(names, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		char path[256], *parameters = strchr(line, ' ');
		int file;

		if (parameters)
			*parameters++ = '\0';
		snprintf(path, sizeof path, "/modules/%s", line);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0 || syscall(SYS_finit_module, file, parameters ? parameters : "", 0))
			fail("cannot load module %s: %s", line, strerror(errno));
		close(file);
	}
}

static void make_swap(const char *path, long pages)
{
	/* union swap_header of include/linux/swap.h: version, last page and bad pages at 1024, magic at the end */
	static union {
		char bytes[PAGE];
		uint32_t words[PAGE / 4];
	} header;
	int file = open(path, O_WRONLY | O_CLOEXEC);

	header.words[256] = 1;
	header.words[257] = (uint32_t)(pages - 1);
	memcpy(header.bytes + PAGE - 10, "SWAPSPACE2", 10);
	if (file < 0 || write(file, &header, sizeof header) != (ssize_t)sizeof header || fsync(file))
		fail("cannot write a swap header to %s: %s", path, strerror(errno));
	close(file);
}

void zram_on(const char *algorithm, long mib)
{
	char size[32];

	write_file("/sys/block/zram0/reset", "1");
	write_file("/sys/block/zram0/comp_algorithm", algorithm);
	snprintf(size, sizeof size, "%ldM", mib);
	write_file("/sys/block/zram0/disksize", size);
	make_swap("/dev/zram0", mib * PAGES_PER_MIB);
	if (swapon("/dev/zram0", 0))
		fail("swapon: %s", strerror(errno));
}

void zram_off(void)
{
	if (swapoff("/dev/zram0") && errno != EINVAL)
		fail("swapoff: %s", strerror(errno));
	write_file("/sys/block/zram0/reset", "1");
}

long free_pages(void)
{
	struct sysinfo is;

	if (sysinfo(&is))
		fail("sysinfo: %s", strerror(errno));
	return (long)(is.freeram * is.mem_unit / PAGE);
}

static long free_mib(void)
{
	return free_pages() / PAGES_PER_MIB;
}

/* Huge pages take memory that nobody can reclaim, without a fault or a byte written; what is too scattered for them a
 * process of its own locks (pages locked by the measuring process itself would be copied by its children that lock theirs). */
void leave_free(long mib)
{
	char number[32];
	long rest;

	snprintf(number, sizeof number, "%ld", (free_mib() - mib) / HUGE_MIB);
	write_file(HUGE_PAGES, number);
	rest = free_mib() - mib;
	if (rest > 0) {
		atomic_int *ready = shared(sizeof *ready);
		pid_t pid = fork();

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (mlock(map_pages(rest * PAGES_PER_MIB), (size_t)(rest * MIB)))
				fail("locking %ld MiB: %s", rest, strerror(errno));
			*ready = 1;
			for (;;)
				pause();
		}
		while (!*ready) {
			if (waitpid(pid, NULL, WNOHANG) == pid)
				fail("who was to lock %ld MiB died", rest);
			sleep_ns(5000000);
		}
	}
	if (free_mib() < mib - mib / 4 || free_mib() > mib + mib / 4)
		fail("%ld MiB are free instead of %ld", free_mib(), mib);
	snprintf(number, sizeof number, "%ld", rest);
	info("locked_mib", number);
}

void leave_all_free(void)
{
	write_file(HUGE_PAGES, "0");
}
