/* Measurement 3: how much of the compressed pool comes back as processes exit whose pages lie between each other's. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEFT_FREE_MIB 160  /* under pressure */
#define READ_MIB 224       /* read through the page cache after every second exit: more than is free */

/* All pages of all processes, `grain` of each in turn: neighbours in time are neighbours in the pool. */
static void put_out_in_turns(struct victim *victims, int n, long grain)
{
	int pidfd[VICTIMS_MAX];

	for (int i = 0; i < n; i++) {
		pidfd[i] = (int)syscall(SYS_pidfd_open, victims[i].pid, 0);
		if (pidfd[i] < 0)
			fail("pidfd_open: %s", strerror(errno));
	}
	for (long first = 0; first < victims[0].pages; first += grain)
		for (int i = 0; i < n; i++) {
			long pages = victims[i].pages - first < grain ? victims[i].pages - first : grain;
			struct iovec range = {victims[i].at + first * PAGE, (size_t)(pages * PAGE)};

			if (syscall(SYS_process_madvise, pidfd[i], &range, 1UL, MADV_PAGEOUT, 0) < 0)
				fail("process_madvise: %s", strerror(errno));
		}
	for (int i = 0; i < n; i++) {
		close(pidfd[i]);
		verify_swapped("victim", victims[i].pid, victims[i].pages);
	}
}

/* Clean page cache of a second, empty zram device is the pressure: reclaim has work, and nothing more is put out. */
static void press(void)
{
	static char buffer[1 << 18];
	static off_t at;
	int file = open("/dev/zram1", O_RDONLY | O_CLOEXEC);

	if (file < 0)
		fail("/dev/zram1: %s", strerror(errno));
	for (long read = 0; read < READ_MIB * MIB; read += (long)sizeof buffer, at += (long)sizeof buffer)
		if (pread(file, buffer, sizeof buffer, at % (1024 * MIB)) != (ssize_t)sizeof buffer)
			fail("read of /dev/zram1: %s", strerror(errno));
	close(file);
}

void measure_pool(void)
{
	int n = (int)setting("processes", 8);
	long mib = setting("mib", 8);
	bool compact = setting_is("mode", "compact"), pressure = setting_is("mode", "pressure");
	struct pool empty = pool_now(), full, is;
	struct victim *victims = start_victims(n, mib, 0, setting_is("data", "varied"));
	char name[64];

	wait_ready(victims, n);
	put_out_in_turns(victims, n, setting("grain", 1));
	if (pressure) {
		write_file("/proc/sys/vm/swappiness", "0");
		write_file("/sys/block/zram1/disksize", "1024M");
		leave_free(LEFT_FREE_MIB);
		press();
	}
	full = pool_now();
	emit("compression", (double)(full.stored - empty.stored) / (double)(full.used - empty.used), "1");
	emit("pool_mib", (double)(full.used - empty.used) / MIB, "MiB");
	for (int i = 0; i < n; i++) {
		kill_and_wait(&victims[i], 1);
		sleep_ns(20000000);
		is = pool_now();
		snprintf(name, sizeof name, "entries_back_%d_of_%d", i + 1, n);
		emit(name, (double)(full.stored - is.stored) / (double)(full.stored - empty.stored), "1");
		snprintf(name, sizeof name, "pool_back_%d_of_%d", i + 1, n);
		emit(name, (double)(full.used - is.used) / (double)(full.used - empty.used), "1");
		if (!compact && !(pressure && i % 2))
			continue;
		if (compact)
			write_file("/sys/block/zram0/compact", "1");
		else
			press();
		is = pool_now();
		snprintf(name, sizeof name, "pool_back_then_%d_of_%d", i + 1, n);
		emit(name, (double)(full.used - is.used) / (double)(full.used - empty.used), "1");
	}
	emit("compacted_pages", (double)(is.compacted_pages - full.compacted_pages), "1");
	if (pressure) {
		write_file("/sys/block/zram1/reset", "1");
		write_file("/proc/sys/vm/swappiness", "60");
	}
}
