/* How fast the machine is just now. An emulated CPU's speed changes by a factor of two within seconds to minutes, with
 * what other guests of the hypervisor below do to caches and cores: a case says beside what pace it was measured. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#define PACE_MIB 32 /* per CPU */

void emit_pace(const char *metric)
{
	long pages = PACE_MIB * PAGES_PER_MIB;
	int64_t cpu_ns = 0;
	int home = sched_getcpu();

	if (setting("icount", 0))
		return; /* there it never changes */
	for (int cpu = 0; cpu < cpus(); cpu++) {
		char *at = map_pages(pages);
		int64_t began;

		pin(cpu);
		for (long page = 0; page < pages; page++)
			at[page * PAGE] = 1;
		began = own_cpu_ns();
		if (munmap(at, (size_t)(pages * PAGE)))
			fail("munmap: %s", strerror(errno));
		cpu_ns += own_cpu_ns() - began;
	}
	/* where it was before: much hangs on who sits where */
	pin(home);
	unpin();
	emit(metric, (double)cpu_ns / (double)(pages * cpus()), "ns/page");
}
