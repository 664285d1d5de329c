/* Pages that compress about three times, put out to zram, and processes that hold them. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 640      /* pages; of each block the first `percent` go out, so that shares are exact and mixed */
#define RANDOM_BYTES 1288 /* of a page, the rest is zeros: lzo-rle and lz4 make three pages one */
#define RANDOM_SPREAD 904 /* varied data: RANDOM_BYTES plus or minus up to this */

char *map_pages(long pages)
{
	char *at = mmap(NULL, (size_t)(pages * PAGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap of %ld pages: %s", pages, strerror(errno));
	return at;
}

void *shared(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap of %zu shared bytes: %s", bytes, strerror(errno));
	/* what a measurement itself uses must never be put out */
	if (mlock(at, bytes))
		fail("mlock of %zu shared bytes: %s", bytes, strerror(errno));
	return at;
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void fill(char *at, long pages, bool varied, uint64_t seed)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ULL;

	for (long page = 0; page < pages; page++) {
		uint64_t *words = (uint64_t *)(void *)(at + page * PAGE);
		long bytes = RANDOM_BYTES;

		if (varied)
			bytes += (long)(next(&state) % (2 * RANDOM_SPREAD + 1)) - RANDOM_SPREAD;
		for (long word = 0; word < bytes / 8; word++)
			words[word] = next(&state);
	}
}

long put_out(char *at, long pages, int percent)
{
	long out = 0;

	if (percent == 0)
		return 0;
	for (long first = 0; first < pages; first += BLOCK) {
		long block = pages - first < BLOCK ? pages - first : BLOCK;
		long n = block * percent / 100;

		if (percent == 100) { /* in one go */
			block = n = pages;
		}
		if (n && madvise(at + first * PAGE, (size_t)(n * PAGE), MADV_PAGEOUT))
			fail("MADV_PAGEOUT: %s", strerror(errno));
		out += n;
		if (percent == 100)
			break;
	}
	return out;
}

long swapped_pages(pid_t pid)
{
	char path[64];
	long kib;

	snprintf(path, sizeof path, "/proc/%d/status", (int)(pid ? pid : getpid()));
	kib = counter(path, "VmSwap");
	if (kib < 0)
		fail("%s has no VmSwap", path);
	return kib * 1024 / PAGE;
}

void verify_swapped(const char *who, pid_t pid, long pages)
{
	long is = swapped_pages(pid);

	/* a page may be on its way through a per-CPU list; a resident victim may have put out a page or two of itself */
	if (is < pages - pages / 100 - 1 || is > pages + pages / 100 + 64)
		fail("%s: VmSwap is %ld pages and should be %ld", who, is, pages);
}

static _Noreturn void live(struct victim *victim, bool varied, int percent, uint64_t seed)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill(victim->at, victim->pages, varied, seed);
	victim->out = put_out(victim->at, victim->pages, percent);
	if (swapped_pages(0) < victim->out - victim->out / 100)
		put_out(victim->at, victim->pages, percent);
	verify_swapped("victim", 0, victim->out);
	victim->ready = 1;
	for (;;)
		pause();
}

struct victim *start_victims(int n, long mib, int percent, bool varied)
{
	struct victim *victims = shared(VICTIMS_MAX * sizeof *victims);

	if (n > VICTIMS_MAX)
		fail("%d victims: at most %d", n, VICTIMS_MAX);
	for (int i = 0; i < n; i++) {
		victims[i].pages = mib * PAGES_PER_MIB;
		victims[i].at = map_pages(victims[i].pages);
		/* the table is shared: a child must not write its own 0 over what the parent knows it by */
		pid_t pid = fork();

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (pid == 0)
			live(&victims[i], varied, percent, (uint64_t)i);
		victims[i].pid = pid;
		/* only the victim has pages there */
		munmap(victims[i].at, (size_t)(victims[i].pages * PAGE));
	}
	return victims;
}

void wait_ready(struct victim *victims, int n)
{
	for (int i = 0; i < n; i++)
		while (!victims[i].ready) {
			int status;

			if (waitpid(victims[i].pid, &status, WNOHANG) == victims[i].pid)
				fail("victim %d died before it was ready: status %#x", i, (unsigned)status);
			sleep_ns(2000000);
		}
	sleep_ns(20000000); /* the last of them has gone to sleep */
}

void kill_and_wait(struct victim *victims, int n)
{
	for (int i = 0; i < n; i++)
		kill(victims[i].pid, SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(victims[i].pid, NULL, 0);
}
