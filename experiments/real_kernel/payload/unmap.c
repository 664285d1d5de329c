/* Measurement 1: what it takes to unmap a page, resident or swapped. With it, what the pages cost to come there. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Emit per page: time, or instructions where the time stamp counter counts them. */
static void per_page(const char *metric, int64_t ns, uint64_t ticked, long pages)
{
	char name[64] = "";

	strncat(name, metric, sizeof name - 20);
	if (setting("icount", 0))
		emit(strcat(name, "_instructions"), (double)ticked / (double)pages, "1/page");
	else
		emit(strcat(name, "_ns"), (double)ns / (double)pages, "ns/page");
}

void measure_unmap(void)
{
	long pages = setting("mib", 64) * PAGES_PER_MIB, out;
	int percent = (int)setting("percent", 0);
	const char *probe = setting_text("probe", "");
	char *at = map_pages(pages);
	int64_t began, cpu;
	uint64_t ticked;
	struct pool empty = pool_now(), full;
	struct kthreads kthreads;

	find_kthreads();
	pin(cpus() - 1);
	began = now_ns(), ticked = ticks();
	for (long page = 0; page < pages; page++)
		at[page * PAGE] = 1;
	per_page("touch", now_ns() - began, ticks() - ticked, pages);

	fill(at, pages, setting_is("data", "varied"), 1);
	began = now_ns(), ticked = ticks();
	out = put_out(at, pages, percent);
	if (out)
		per_page("put_out", now_ns() - began, ticks() - ticked, out);
	verify_swapped("the mapping", 0, out);
	full = pool_now();
	if (out)
		emit("compression", (double)(full.stored - empty.stored) / (double)(full.used - empty.used), "1");

	sleep_ns(100000000);
	emit_pace("pace_before_ns");
	pin(cpus() - 1);
	kthreads = kthreads_now();
	if (*probe)
		probe_on(probe);
	began = now_ns(), ticked = ticks(), cpu = own_cpu_ns();
	if (munmap(at, (size_t)(pages * PAGE)))
		fail("munmap: %s", strerror(errno));
	cpu = own_cpu_ns() - cpu;
	ticked = ticks() - ticked, began = now_ns() - began;
	if (*probe) {
		struct probed probed = probe_off(); /* most of what probes cost falls outside of what they time */
		long batch = setting("batch", 0);   /* pages per call, where all calls but the last have as many */

		if (!probed.calls || (batch && labs(probed.calls * batch - pages) > pages / 20))
			fail("%ld calls of %s were seen for %ld pages", probed.calls, probe, pages);
		per_page("probed", 0, (uint64_t)probed.ticks, pages);
		emit("probed_pages", (double)pages / (double)probed.calls, "1/call");
	} else {
		per_page("unmap", began, ticked, pages);
		emit("rcu_runs", (double)(kthreads_now().rcu.times - kthreads.rcu.times), "1");
	}
	if (!setting("icount", 0))
		emit("unmap_cpu_ns", (double)cpu / (double)pages, "ns/page");
	emit("swapped", (double)out / (double)pages, "1");
	unpin();
	emit_pace("pace_after_ns");
}
