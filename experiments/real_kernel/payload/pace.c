/* How fast the machine is just now. An emulated CPU's speed changes by a factor of two within minutes, with what other
 * guests of the hypervisor below do to caches and cores: each case says beside what pace it was measured. */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PACE_MIB 32

void emit_pace(const char *metric)
{
	long pages = PACE_MIB * PAGES_PER_MIB;
	int64_t cpu;
	char *at;

	if (setting("icount", 0))
		return; /* there it never changes */
	at = map_pages(pages);
	pin(cpus() - 1);
	for (long page = 0; page < pages; page++)
		at[page * PAGE] = 1;
	cpu = own_cpu_ns();
	if (munmap(at, (size_t)(pages * PAGE)))
		fail("munmap: %s", strerror(errno));
	cpu = own_cpu_ns() - cpu;
	unpin();
	emit(metric, (double)cpu / (double)pages, "ns/page");
}
