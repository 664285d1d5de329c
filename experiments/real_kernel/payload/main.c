/* Init of the measured kernel: mounts, modules, then every case of /plan in a process of its own with a fresh zram. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const struct {
	const char *name;
	void (*measure)(void);
} measurements[] = {
	{"unmap", measure_unmap},           {"contention", measure_contention}, {"pool", measure_pool},
	{"foreground", measure_foreground}, {"starve", measure_starve},         {"burst", measure_burst},
};

static void prepare(void)
{
	static const char *const mounts[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
	struct utsname name;
	char number[16];

	for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
		mkdir(mounts[i][1], 0755);
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, "") && errno != EBUSY)
			fail("mount of %s: %s", mounts[i][1], strerror(errno));
	}
	printf("\n"); /* the firmware leaves the console in the middle of a line */
	fflush(stdout);
	load_modules();
	uname(&name);
	info("kernel", name.release);
	snprintf(number, sizeof number, "%d", cpus());
	info("cpus", number);
	/* faults bring in the page asked for and no others; the counters say what a case itself did */
	write_file("/proc/sys/vm/page-cluster", "0");
	write_file("/proc/sys/vm/overcommit_memory", "1");
}

static _Noreturn void run(const char *measurement)
{
	alarm((unsigned)setting("timeout", 300));
	for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++)
		if (!strcmp(measurements[i].name, measurement)) {
			zram_on(setting_text("algorithm", "lzo-rle"), setting("zram_mib", 3072));
			measurements[i].measure();
			end_case();
			_exit(0);
		}
	fail("measurement %s is unknown", measurement);
}

/* Everything that a case has left behind goes, before the next begins. */
static void sweep(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	write_file("/proc/sys/kernel/sched_rt_runtime_us", "950000");
	write_file("/proc/sys/vm/swappiness", "60");
	leave_all_free();
	zram_off();
	write_file("/sys/block/zram1/reset", "1");
	write_file("/proc/sys/vm/drop_caches", "1");
	sleep_ns(100000000);
}

int main(void)
{
	static char plan[1 << 16];
	char *place = NULL;
	int cases = 0;

	if (getpid() != 1) {
		fprintf(stderr, "this is the init of a kernel under measurement (see experiments/real_kernel)\n");
		return 2;
	}
	prepare();
	if (!read_file("/plan", plan, sizeof plan))
		fail("cannot read /plan");
	for (char *line = strtok_r(plan, "\n", &place); line; line = strtok_r(NULL, "\n", &place), cases++) {
		char *measurement = strchr(line, ' '), *words;
		int status = 0;
		pid_t pid;

		if (!measurement)
			fail("line %s of the plan names no measurement", line);
		*measurement++ = '\0';
		words = strchr(measurement, ' ');
		if (words)
			*words++ = '\0';
		pid = fork();
		if (pid == 0) {
			begin_case(line);
			if (words)
				parse_settings(words);
			run(measurement);
		}
		if (waitpid(pid, &status, 0) != pid)
			fail("waitpid: %s", strerror(errno));
		if (WIFSIGNALED(status)) {
			char message[192];

			snprintf(message, sizeof message, "@swapgym,fail,%s,ended by signal %d (14: its time was up)\n", line,
				 WTERMSIG(status));
			if (write(STDOUT_FILENO, message, strlen(message)) < 0)
				break;
		}
		sweep();
	}
	printf("@swapgym,done,%d\n", cases);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 0;
}
