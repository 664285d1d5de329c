"""The same decision problem as a plain SimPy process model, as a user would write it without this project.

It reads the same SCENARIO records and works at the same resolution of 1 ms: every thread asks for a CPU by its nice
value, holds it for a slice, and asks again. There are exits with their batches and decisions, inline release under a lock,
a kworker, frames, launches with gates and bursts, background threads, SCHED_FIFO load, kswapd and an lmkd.

Left out, which only makes it faster: placement and unlike cores (all have the mean capacity), clocks (all at full
clock), fair shares (priorities instead), swap-in, zspages, PSI, thrashing, the page cache's working set, reapers, the
cached apps' own threads.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import simpy

from swapgym.phone import constants as k

SLICE_MS: Final = 1.0
FIFO_PRIORITY: Final = -100
POLL_MS: Final = 10.0
KILL_BATCH_MS: Final = 100.0
Process = Generator[Any, Any, None]


class SimpyPhone:
    """One phone on one scenario.

    Attributes:
        scenario: The SCENARIO record it plays.
        free: Free pages.
        held: Pages held by everybody else; ``free + held`` never changes.
        decisions: Batches routed so far.
        late_ms: Lateness of frames, summed.
        launch_ms: Launch times, summed.
    """

    def __init__(self, scenario: Any) -> None:
        """Start at the scenario's beginning."""
        self.scenario = scenario
        self.env = simpy.Environment()
        device = scenario["device"]
        n = int(device["n_cpus"])
        self.cpus = simpy.PriorityResource(self.env, n)
        self.lock = simpy.Resource(self.env, 1)
        self.speed = float(device["capacity"][:n].mean()) / k.UNIT
        self.until_ms = float(scenario["duration_us"]) / k.MS
        apps = scenario["apps"]
        self.swap = apps["swap_entries"].astype(int).tolist()
        self.anon = apps["anon_pages"].astype(int).tolist()
        self.mapped = apps["file_pages"].astype(int).tolist()
        self.alive = [bool(present) for present in apps["present"]]
        self.ratio = float(scenario["compression"]) / k.UNIT
        self.held = int(apps["anon_pages"].sum() + scenario["file_cache_pages"] + scenario["pool_pages"])
        self.held += int(device["reserved_pages"])
        self.free = int(device["ram_pages"]) - self.held
        self.file = int(scenario["file_cache_pages"]) - int(device["file_floor_pages"])
        self.queue: simpy.Store = simpy.Store(self.env)
        self.waiting = [0] * int(scenario["n_launches"])
        self.gates = [self.env.event() for _ in self.waiting]
        self.asked = self.env.event()
        self.answer = self.env.event()
        self.pending = 0
        self.asking = simpy.Resource(self.env, 1)
        self.decisions = 0
        self.late_ms = self.launch_ms = 0.0
        self.over = False
        for event in scenario["events"][: scenario["n_events"]]:
            if event["kind"] == k.EVENT_KILL and event["c"] >= 0:
                self.waiting[event["c"]] += 1
        for process in (self.timeline(), self.frames(), self.kworker(), self.kswapd(), self.lmkd()):
            self.env.process(process)
        for thread in scenario["background_threads"]:
            if thread["period_us"] > 0:
                self.env.process(self.background_thread(thread))

    # ---------------------------------------------------------------------------------------------------- who asks
    def to_decision(self) -> bool:
        """Run to the next batch that awaits a route; return False at the scenario's end."""
        end = self.env.timeout(max(0.0, self.until_ms - self.env.now))
        self.env.run(until=self.asked | end)
        self.over = not self.asked.triggered
        return not self.over

    def decide(self, defer: bool) -> None:
        """Route the pending batch."""
        self.decisions += 1
        self.asked = self.env.event()
        self.answer.succeed(defer)

    # --------------------------------------------------------------------------------------------------- the threads
    def work(self, ms: float, priority: int) -> Process:
        """Use ``ms`` of a CPU, slice by slice."""
        while ms > 0:
            with self.cpus.request(priority=priority) as cpu:
                yield cpu
                slice_ms = min(SLICE_MS, ms)
                yield self.env.timeout(slice_ms)
                ms -= slice_ms

    def cost_ms(self, operation: int) -> float:
        """Return what an operation (COST_*) takes on a core of mean capacity: its memory part and its core part."""
        costs = self.scenario["kernel"]
        return (float(costs["memory_ps"][operation]) + float(costs["core_ps"][operation]) / self.speed) / 1e9

    def release(self, entries: int, operation: int, lock_share: float, priority: int) -> Process:
        """Release swap entries, a slice at a time, the lock's share of it under the lock, spinning while it waits."""
        each_ms = self.cost_ms(operation)
        while entries > 0:
            count = min(entries, max(1, int(SLICE_MS / each_ms)))
            with self.cpus.request(priority=priority) as cpu:
                yield cpu
                with self.lock.request() as lock:
                    yield lock
                    yield self.env.timeout(count * each_ms * lock_share)
                yield self.env.timeout(count * each_ms * (1 - lock_share))
            entries -= count
            self.give(int(count / self.ratio))

    def give(self, pages: int) -> None:
        """Return pages to the free list."""
        self.free += pages
        self.held -= pages

    def exit(self, index: int, priority: int, gate: int) -> Process:
        """Let a process die: its threads, its address space batch by batch, each with a decision, and the rest."""
        costs, app = self.scenario["kernel"], self.scenario["apps"][index]
        yield self.env.timeout(float(costs["exit_signal_us"]) / k.MS)
        yield from self.work(int(app["threads"]) * self.cost_ms(k.COST_THREAD_EXIT), priority)
        batch = int(costs["batch_entries"])
        while self.swap[index] > 0 or self.anon[index] > 0 or self.mapped[index] > 0:
            entries = min(batch, self.swap[index])
            segments = max(1, -(-self.swap[index] // batch))
            resident, mapped = self.anon[index] // segments, self.mapped[index] // segments
            self.anon[index] -= resident
            self.mapped[index] -= mapped
            work_ms = resident * self.cost_ms(k.COST_RESIDENT_ANON) + mapped * self.cost_ms(k.COST_RESIDENT_FILE)
            yield from self.work(work_ms, priority)
            self.give(resident)
            if entries:
                self.swap[index] -= entries
                with self.asking.request() as turn:
                    yield turn
                    self.answer = self.env.event()
                    self.pending = index
                    self.asked.succeed()
                    defer = yield self.answer
                if defer:
                    yield self.queue.put(entries)
                else:
                    lock_share = float(costs["entry_inline_lock"]) / k.UNIT
                    yield from self.release(entries, k.COST_ENTRY_INLINE, lock_share, priority)
        rest_ms = int(app["mappings"]) * self.cost_ms(k.COST_MAPPING_FREE)
        yield from self.work(rest_ms + int(app["files"]) * self.cost_ms(k.COST_FILE_CLOSE), priority)
        yield self.env.timeout(float(costs["exit_notify_us"]) / k.MS)
        self.exited(gate)

    def exited(self, gate: int) -> None:
        """Notify who waits."""
        if gate >= 0:
            self.waiting[gate] -= 1
            if self.waiting[gate] == 0 and not self.gates[gate].triggered:
                self.gates[gate].succeed()

    def kill(self, index: int, promoted: bool, gate: int) -> None:
        """Kill a process, or let its gate go if it is gone."""
        if self.alive[index]:
            self.alive[index] = False
            self.env.process(self.exit(index, 0 if promoted else 10, gate))
        else:
            self.exited(gate)

    def kworker(self) -> Process:
        """Drain what was deferred."""
        costs = self.scenario["kernel"]
        while True:
            entries = yield self.queue.get()
            lock_share = float(costs["entry_drain_lock"]) / k.UNIT
            yield from self.release(entries, k.COST_ENTRY_DRAIN, lock_share, int(costs["kworker_nice"]))

    def frames(self) -> Process:
        """Draw a frame per vsync, while the one before is done."""
        vsync = float(self.scenario["device"]["vsync_us"]) / k.MS
        index = 0
        while True:
            began = self.env.now
            for costs in (self.scenario["frame_ui_us"], self.scenario["frame_render_us"]):
                yield from self.work(float(costs[index % k.MAX_FRAME_COSTS]) / k.MS / self.speed, -10)
            index += 1
            self.late_ms += max(0.0, self.env.now - began - 2 * vsync)
            yield self.env.timeout(vsync - (self.env.now - began) % vsync)

    def background_thread(self, spec: Any) -> Process:
        """Run one of the system's periodic threads."""
        yield self.env.timeout(float(spec["phase_us"]) / k.MS)
        while True:
            began = self.env.now
            yield from self.work(float(spec["work_ns"]) / 1e6 / self.speed, int(spec["nice"]))
            yield self.env.timeout(max(0.1, float(spec["period_us"]) / k.MS - (self.env.now - began)))

    def launch(self, index: int) -> Process:
        """Launch an app: work, gate, burst."""
        spec = self.scenario["launches"][index]
        began = self.env.now
        yield from self.work(float(spec["start_ns"]) / 1e6 / self.speed / int(spec["n_threads"]), 0)
        if self.waiting[index] > 0:
            yield self.gates[index] | self.env.timeout(float(spec["gate_timeout_us"]) / k.MS)
        threads = [self.env.process(self.allocate(spec))]
        share_ms = float(spec["work_ns"]) / 1e6 / self.speed / int(spec["n_threads"])
        threads += [self.env.process(self.work(share_ms, 0)) for _ in range(int(spec["n_threads"]))]
        yield simpy.AllOf(self.env, threads)
        self.launch_ms += self.env.now - began

    def allocate(self, spec: Any) -> Process:
        """Allocate the burst, millisecond by millisecond, reclaiming below the min watermark."""
        left = int(spec["burst_buffer_pages"] + spec["burst_anon_pages"] + spec["burst_file_pages"])
        each = max(1, left * k.MS // max(1, int(spec["burst_us"])))
        while left > 0:
            room = self.free - int(self.scenario["device"]["watermark_min"])
            if room <= 0:
                yield from self.reclaim(k.SWAP_CLUSTER_MAX)
            pages = max(0, min(left, each, room))
            self.give(-pages)
            left -= pages
            yield from self.work(SLICE_MS, 0)

    def reclaim(self, pages: int) -> Process:
        """Reclaim page cache while there is, else compress."""
        clean = self.file > 0
        yield from self.work(pages * self.cost_ms(k.COST_FILE_RECLAIM if clean else k.COST_COMPRESS), 0)
        if clean:
            pages = min(pages, self.file)
            self.file -= pages
            self.give(pages)
        else:
            self.give(int(pages * (1 - 1 / self.ratio)))

    def kswapd(self) -> Process:
        """Reclaim below the low watermark, up to the high one."""
        device = self.scenario["device"]
        while True:
            if self.free < device["watermark_low"]:
                while self.free < device["watermark_high"]:
                    yield from self.reclaim(16 * k.SWAP_CLUSTER_MAX)
            yield self.env.timeout(SLICE_MS)

    def lmkd(self) -> Process:
        """Kill the coldest cached app below the min watermark."""
        while True:
            yield self.env.timeout(POLL_MS)
            if self.free < self.scenario["device"]["watermark_min"]:
                adj = self.scenario["apps"]["oom_score_adj"]
                cached = [index for index, alive in enumerate(self.alive) if alive and adj[index] >= k.CACHED_APP_ADJ]
                if cached:
                    self.kill(cached[0], True, -1)
                    yield self.env.timeout(KILL_BATCH_MS)

    def fifo(self, permille: int, until: simpy.Event) -> Process:
        """Take a share of one CPU before everybody else."""
        while not until.triggered:
            yield from self.work(permille / 100, FIFO_PRIORITY)
            yield self.env.timeout(max(0.1, 10 - permille / 100))

    def timeline(self) -> Process:
        """Let the scenario's events happen."""
        stop = self.env.event()
        for event in self.scenario["events"][: self.scenario["n_events"]]:
            yield self.env.timeout(max(0.0, float(event["time_us"]) / k.MS - self.env.now))
            if event["kind"] == k.EVENT_KILL:
                self.kill(int(event["a"]), event["b"] != k.KILLER_ACTIVITY_MANAGER, int(event["c"]))
            elif event["kind"] == k.EVENT_LAUNCH:
                self.env.process(self.launch(int(event["a"])))
            elif event["kind"] == k.EVENT_RT:
                stop.succeed()
                stop = self.env.event()
                for _ in range(int(event["a"]).bit_count() if event["b"] else 0):
                    self.env.process(self.fifo(int(event["b"]), stop))
