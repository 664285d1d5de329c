"""The records of one simulated phone.

What it is: :data:`DEVICE`, :data:`KERNEL`. What will happen to it: :data:`SCENARIO`. How it stands now: :data:`PHONE`.

All fields are 64-bit integers: pages of 4 KiB, swap entries, microseconds of wall time (``_us``), nanoseconds of CPU
time on the CPU that ran (``_ns``), picoseconds of work per page on a CPU of capacity 1024 (``_ps``), shares over 1024.
Integers make a trajectory's bits the same on every machine.

``SCENARIO`` is everything exogenous and is never written by the simulator; ``PHONE`` is everything that moves.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.records import Field, integer, nested, record
from swapgym.phone.tasks import PAGE_LOCKING, RUN_QUEUE, SCHED_ENTITY, TASK

# --------------------------------------------------------------------------------------------------------------- DEVICE
DEVICE_FIELDS: Final[tuple[Field, ...]] = (
    integer("n_cpus", "1", "CPUs that exist (at most 8)"),
    integer("capacity", "1/1024", "compute capacity of each CPU (capacity-dmips-mhz normalised)", k.MAX_CPUS),
    integer("mem_speed", "1/1024", "speed of memory-bound kernel work (unmap, free, compress) per CPU", k.MAX_CPUS),
    integer("top_app_mask", "bitmask", "cpuset top-app"),
    integer("foreground_mask", "bitmask", "cpuset foreground: where lmkd moves its victims and runs its reapers"),
    integer("background_mask", "bitmask", "cpuset background"),
    integer("vsync_us", "us", "vsync period: 16667, 11111 or 8333"),
    integer("deadline_vsyncs", "1", "vsync periods from a frame's start to its deadline (2: double buffering)"),
    integer("ui_nice", "nice", "nice of the UI and render threads of the app in front"),
    integer("ram_pages", "pages", "physical memory"),
    integer("reserved_pages", "pages", "kernel, GPU, modem and persistent system memory that nobody reclaims"),
    integer("swap_slots", "entries", "zram disksize"),
    integer("watermark_min", "pages", "below it an allocator reclaims directly"),
    integer("watermark_low", "pages", "below it kswapd wakes"),
    integer("watermark_high", "pages", "kswapd sleeps above it"),
    integer("swappiness", "1", "vm.swappiness, 0 to 200"),
    integer("file_floor_pages", "pages", "page cache that reclaim never gets (mlocked, executable hot text)"),
    integer("file_workingset_pages", "pages", "page cache the foreground uses; below it, refaults"),
    integer("rt_throttling", "0/1", "sched_rt_runtime_us = 950000 (1) or -1 (0)"),
    integer("sched_latency_us", "us", "period in which every task runs once; 0: CPUs are shared as a fluid"),
    integer("sched_min_granularity_us", "us", "shortest slice"),
    integer("sched_wakeup_granularity_us", "us", "how far behind the current a waker of nice 0 must be to preempt it"),
    integer("sched_tick_us", "us", "period of the scheduler tick: 1 s / HZ"),
    integer("low_ram", "0/1", "ro.config.low_ram: lmkd's low-RAM defaults"),
    integer("psi_partial_stall_us", "us per s", "lmkd's medium event: PSI some"),
    integer("psi_complete_stall_us", "us per s", "lmkd's critical event: PSI full"),
    integer("kill_timeout_us", "us", "how long lmkd waits for a victim before it may kill the next"),
    integer("swap_free_low_percent", "%", "lmkd's swap_free_low_percentage"),
    integer("thrashing_limit_percent", "%", "lmkd's thrashing_limit"),
    integer("thrashing_decay_percent", "%", "lmkd's thrashing_limit_decay"),
    integer("victim_nice", "nice", "nice of a victim that lmkd has promoted"),
    integer("n_reapers", "1", "lmkd's reaper threads (0 to 2)"),
    integer("reaper_nice", "nice", "their nice"),
    integer("reapers_queue", "0/1", "reapers look for victims by themselves (1), or are handed them by the kill (0)"),
    integer("reaper_call_us", "us", "CPU time until a reaper that looks for victims by itself first gets one"),
    integer("kill_heaviest", "0/1", "lmkd's kill_heaviest_task"),
    integer("compaction", "0/1", "an app that enters cached is paged out (CachedAppOptimizer, full compaction)"),
    integer("freezer", "0/1", "cached apps are frozen"),
    integer("freezer_us", "us", "how long after it entered cached an app is frozen"),
)
DEVICE: Final[np.dtype[Any]] = record(*DEVICE_FIELDS)

# --------------------------------------------------------------------------------------------------------------- KERNEL
KERNEL_FIELDS: Final[tuple[Field, ...]] = (
    integer("batch_entries", "entries", "swap entries gathered before a decision"),
    integer(
        "work_item_entries", "entries", "deferred entries of one process cached before they are queued as a work item"
    ),
    integer("defer_route", "code", "route of the binary action 'defer': KWORKER or USERSPACE"),
    integer("queue_capacity", "entries", "backlog bound of the kworker queue; a full queue falls back to inline"),
    integer("hold_slot", "0/1", "a deferred entry keeps its swap slot until drained (whole entry) or frees it at once"),
    integer("n_kworkers", "1", "concurrent drain workers (1 to 4)"),
    integer("kworker_nice", "nice", "-20 for WQ_HIGHPRI, 0 for the normal pool"),
    integer("kworker_mask", "bitmask", "CPUs the unbound worker may use"),
    integer("kworker_wakeup_us", "us", "latency from queue_work on an idle worker until it can run"),
    integer("child_nice", "nice", "nice of the USERSPACE child"),
    integer("child_queue_capacity", "entries", "backlog bound of the USERSPACE route"),
    integer("child_fork_ns", "ns", "overhead per process of forking the child that inherits the address space"),
    integer("resident_anon_ps", "ps", "unmap and free one present anonymous page"),
    integer("resident_anon_lru_lock_ps", "ps", "of which under lru_lock"),
    integer("resident_anon_zone_lock_ps", "ps", "of which under zone->lock"),
    integer("resident_file_ps", "ps", "unmap one mapped file page (it stays in the page cache)"),
    integer("entry_inline_ps", "ps", "free one swap entry inline, uncontended, lock hold included"),
    integer("entry_inline_lock_ps", "ps", "of which under the contended lock"),
    integer("entry_enqueue_ps", "ps", "inline remainder of a deferred entry, USERSPACE excepted"),
    integer("entry_drain_ps", "ps", "release one deferred entry from the queue, uncontended"),
    integer("entry_drain_lock_ps", "ps", "of which under the contended lock"),
    integer("entry_child_enqueue_ps", "ps", "inline remainder of an entry left to the USERSPACE child"),
    integer("compress_ps", "ps", "reclaim one anonymous page: unmap, compress, store"),
    integer("compress_lock_ps", "ps", "of which under the contended lock (zs_malloc)"),
    integer("swapin_ps", "ps", "fault one page back in: decompress, map, free the entry"),
    integer("swapin_lock_ps", "ps", "of which under the contended lock (zs_free)"),
    integer("file_reclaim_ps", "ps", "reclaim one clean page-cache page"),
    integer("compaction_ps", "ps", "zs_compact: give back one physical page of the pool"),
    integer("alloc_ps", "ps", "fault in and zero one new page"),
    integer("lock_handoff", "1/1024", "growth of a lock hold per further contender (cache-line transfer)"),
    integer(
        "zspage_return", "1/1024", "exponent g of pool ~ objects**g: 1024 memory returns linearly, 0 not until the end"
    ),
    integer("pte_waste", "1/1024", "extra cost when the lmkd reaper and the victim work on one address space"),
    integer("exit_signal_us", "us", "from SIGKILL until the last thread is gone and exit_mm starts (off-CPU)"),
    integer("exit_wait_us", "us", "off-CPU part of do_exit after exit_mm: locks, RCU, drivers that give memory back"),
    integer("refault_io_us", "us", "stall of one refault from storage, read-ahead included"),
)
KERNEL: Final[np.dtype[Any]] = record(*KERNEL_FIELDS)

# ------------------------------------------------------------------------------------------------------------- SCENARIO
APP_FIELDS: Final[tuple[Field, ...]] = (
    integer("present", "0/1", "the slot holds a process at the start"),
    integer("oom_score_adj", "1", "-1000 to 1000 (ProcessList.java)"),
    integer("anon_pages", "pages", "resident anonymous pages at the start"),
    integer("anon_hot_pages", "pages", "of which reclaim leaves alone while it finds others"),
    integer("file_pages", "pages", "mapped page-cache pages"),
    integer("file_hot_pages", "pages", "of which paging the app out leaves mapped (shared with others)"),
    integer("swap_entries", "entries", "swapped pages at the start"),
    integer("touch_pages_per_s", "pages/s", "pages it touches while it is cached and not frozen"),
    integer("frozen", "0/1", "it has been cached for longer than the freezer waits"),
    integer("exit_other_ns", "ns", "CPU work of do_exit outside exit_mm, on a CPU of capacity 1024"),
    integer("relaunch_cost_us", "us", "probability of return by LRU depth times cold minus hot start"),
)
APP: Final[np.dtype[Any]] = record(*APP_FIELDS)

LAUNCH_SPEC_FIELDS: Final[tuple[Field, ...]] = (
    integer("process", "index", "process that is launched (slot may be empty before: a cold start)"),
    integer("foreground", "0/1", "1: top-app launch the person waits for; 0: a service restarting in the background"),
    integer("n_threads", "1", "threads that share the CPU work (1 to 4)"),
    integer("nice", "nice", "nice of these threads"),
    integer("start_ns", "ns", "CPU work before the gate, all threads together, on capacity 1024"),
    integer("work_ns", "ns", "CPU work after the gate, all threads together, on capacity 1024"),
    integer("gate_timeout_us", "us", "how long the gate waits for the victims' exits"),
    integer("burst_anon_pages", "pages", "anonymous memory allocated in the burst"),
    integer("burst_buffer_pages", "pages", "unreclaimable buffers (dma-buf) allocated in the burst"),
    integer("burst_file_pages", "pages", "page cache read in the burst"),
    integer("burst_us", "us", "the burst's length when nothing stalls it: buffers at once, the rest linearly"),
    integer("swapin_pages", "pages", "pages of the process faulted back in (hot start)"),
    integer("nominal_us", "us", "launch time without gate, contention or stalls; delay counts from here"),
)
LAUNCH_SPEC: Final[np.dtype[Any]] = record(*LAUNCH_SPEC_FIELDS)

NOISE_SPEC_FIELDS: Final[tuple[Field, ...]] = (
    integer("period_us", "us", "wake-up period of the background thread; 0: not there"),
    integer("phase_us", "us", "first wake-up"),
    integer("work_ns", "ns", "work per wake-up on capacity 1024"),
    integer("nice", "nice", "its nice"),
    integer("mask", "bitmask", "its cpuset"),
    integer("beside_swap_free", "0/1", "it wakes only while swap entries are being freed: RCU's grace-period kthread"),
)
NOISE_SPEC: Final[np.dtype[Any]] = record(*NOISE_SPEC_FIELDS)

EVENT_FIELDS: Final[tuple[Field, ...]] = (
    integer("time_us", "us", "when it happens; events are sorted by it"),
    integer("kind", "code", "EVENT_* of constants"),
    integer("a", "1", "first argument"),
    integer("b", "1", "second argument"),
    integer("c", "1", "third argument"),
)
EVENT: Final[np.dtype[Any]] = record(*EVENT_FIELDS)

SCENARIO_FIELDS: Final[tuple[Field, ...]] = (
    nested("device", DEVICE, "hardware and its tuning"),
    nested("kernel", KERNEL, "kernel variant: costs, locks, queue, workers"),
    integer("duration_us", "us", "the episode's length; terminated at its end"),
    integer("tick_us", "us", "length of a tick (1000 by default)"),
    integer("n_processes", "1", "used slots of apps"),
    nested("apps", APP, "processes at the start, coldest (longest unused) first", k.MAX_PROCESSES),
    integer("foreground_process", "index", "the app in front at the start"),
    integer("n_launches", "1", "used slots of launches"),
    nested("launches", LAUNCH_SPEC, "launches and service restarts, started by events", k.MAX_LAUNCHES),
    nested("noise", NOISE_SPEC, "periodic background threads", k.MAX_NOISE),
    integer("n_events", "1", "used slots of events"),
    nested("events", EVENT, "the timeline", k.MAX_EVENTS),
    integer("n_frame_costs", "1", "used slots of the frame costs; frames cycle through them"),
    integer("frame_ui_us", "us", "UI-thread work per frame on capacity 1024", k.MAX_FRAME_COSTS),
    integer("frame_render_us", "us", "render-thread work per frame on capacity 1024", k.MAX_FRAME_COSTS),
    integer("frame_alloc_pages", "pages", "transient allocation per frame: meets direct reclaim below min"),
    integer("frames_on", "0/1", "frames are drawn from the start"),
    integer("file_cache_pages", "pages", "page cache at the start, mapped pages included"),
    integer("buffer_pages", "pages", "unreclaimable buffers at the start"),
    integer("pool_pages", "pages", "physical pages of the zram pool at the start"),
    integer("compression", "1/1024", "swapped bytes per compressed byte"),
)
SCENARIO: Final[np.dtype[Any]] = record(*SCENARIO_FIELDS)

# ---------------------------------------------------------------------------------------------------------------- PHONE
WALK_FIELDS: Final[tuple[Field, ...]] = (
    integer("stage", "code", "WALK_* of constants"),
    integer("anon", "pages", "present anonymous pages left of the segment in hand"),
    integer("file", "pages", "mapped file pages left of the segment in hand"),
    integer("entries", "entries", "swap entries left of the batch in hand"),
    integer("batch", "entries", "the batch's size when it was gathered"),
    integer("credit_ps", "ps", "CPU time paid towards the next page"),
)
WALK: Final[np.dtype[Any]] = record(*WALK_FIELDS)

PROCESS_FIELDS: Final[tuple[Field, ...]] = (
    integer("state", "code", "PROCESS_* of constants"),
    integer("oom_score_adj", "1", "now"),
    integer("anon_pages", "pages", "resident anonymous pages, those in a walker's hand included"),
    integer("anon_unclaimed", "pages", "of which no walker has in hand"),
    integer("anon_hot_pages", "pages", "pages that reclaim leaves for last"),
    integer("file_pages", "pages", "mapped page-cache pages no walker has in hand (memory counts in PHONE.file_pages)"),
    integer("file_hot_pages", "pages", "mapped page-cache pages that paging out leaves"),
    integer("cached_us", "us", "when it entered cached"),
    integer("touch_due", "pages", "pages it wants to touch now"),
    integer("swap_entries", "entries", "swapped pages, those in a walker's hand included, queued ones not"),
    integer("swap_unclaimed", "entries", "of which no walker has in hand"),
    integer("queued_kworker", "entries", "deferred and not yet drained by the kworker"),
    integer("queued_child", "entries", "deferred and not yet drained by the USERSPACE child"),
    integer("gathered", "entries", "of queued_kworker, cached and not yet queued as a work item"),
    integer("evicted_entries", "entries", "of all its entries, those swapped out since the start"),
    integer("killer", "code", "KILLER_* of constants; -1 alive"),
    integer("prescribed", "0/1", "the scenario kills it anyway: no innocent, should lmkd come first"),
    integer("gate_launch", "index", "launch whose gate waits for this exit; -1 none"),
    integer("exit_stage", "code", "EXIT_* of constants"),
    integer("exit_other_left_ps", "ps", "work left of do_exit outside exit_mm"),
    integer("kill_us", "us", "when SIGKILL was sent"),
    integer("exit_ready_us", "us", "when the off-CPU part of its exit ends"),
    integer("exit_us", "us", "when its parent was notified"),
    integer("timed_out", "0/1", "lmkd stopped waiting for it"),
    integer("reaper", "index", "lmkd reaper working on it; -1 none"),
    integer("route", "code", "route of its last batch"),
    integer("decisions", "1", "batches decided so far"),
    integer("swap_at_kill", "entries", "swap entries when it was killed"),
    integer("forked", "0/1", "the USERSPACE child exists"),
    integer("child_credit_ps", "ps", "CPU time its child has paid towards the next entry"),
    nested("walk", WALK, "its exiting thread's walk"),
)
PROCESS: Final[np.dtype[Any]] = record(*PROCESS_FIELDS)

LAUNCH_FIELDS: Final[tuple[Field, ...]] = (
    integer("phase", "code", "LAUNCH_* of constants"),
    integer("process", "index", "process it brings up"),
    integer("start_us", "us", "when it started"),
    integer("gate_us", "us", "when it reached its gate"),
    integer("burst_us", "us", "when its burst began"),
    integer("burst_total", "pages", "pages the burst wants in all"),
    integer("burst_done", "pages", "pages the burst has got"),
    integer("done_us", "us", "when it was drawn"),
    integer("gate_pending", "1", "victims it still waits for"),
    integer("gate_timed_out", "0/1", "it stopped waiting"),
    integer("work_left_ns", "ns", "CPU work left per thread in this phase, on capacity 1024", k.THREADS_PER_LAUNCH),
    integer("anon_left", "pages", "burst left"),
    integer("buffer_left", "pages", "burst left"),
    integer("file_left", "pages", "burst left"),
    integer("swapin_left", "pages", "faults left"),
    integer("credit_ps", "ps", "CPU time paid towards the next page"),
)
LAUNCH: Final[np.dtype[Any]] = record(*LAUNCH_FIELDS)

FRAME_FIELDS: Final[tuple[Field, ...]] = (
    integer("on", "0/1", "frames are being drawn"),
    integer("next_vsync_us", "us", "next vsync"),
    integer("index", "1", "frames started"),
    integer("ui_left_ns", "ns", "UI work left, on capacity 1024"),
    integer("ui_start_us", "us", "vsync of the frame on the UI thread"),
    integer("render_start_us", "us", "when the render thread was handed its frame"),
    integer("ui_deadline_us", "us", "deadline of the frame on the UI thread; 0 none"),
    integer("render_left_ns", "ns", "render work left"),
    integer("render_deadline_us", "us", "deadline of the frame on the render thread; 0 none"),
    integer("render_pending_ns", "ns", "render work of the frame the UI thread has in hand"),
    integer("stall_left_us", "us", "UI thread blocked on refaults"),
    integer("alloc_left", "pages", "pages the UI thread must find by direct reclaim before it goes on"),
    integer("ui_pending_work_ns", "ns", "costs of a finished UI frame that waits for the render thread"),
    integer("ui_pending_deadline_us", "us", "its deadline; 0 none"),
)
FRAME: Final[np.dtype[Any]] = record(*FRAME_FIELDS)

REAPER_FIELDS: Final[tuple[Field, ...]] = (
    integer("victim", "index", "process it reaps; -1 idle"),
    nested("walk", WALK, "its walk, from the other end of the address space"),
)
REAPER: Final[np.dtype[Any]] = record(*REAPER_FIELDS)

PSI_FIELDS: Final[tuple[Field, ...]] = (
    integer("some_ns", "ns", "total time some task stalled on memory"),
    integer("full_ns", "ns", "total time all non-idle tasks stalled"),
    integer("some_us", "us", "total time some task stalled on memory"),
    integer("full_us", "us", "total time all non-idle tasks stalled"),
    integer("some_avg10", "1/1024 %", "running average over 10 s, in percent times 1024"),
    integer("full_avg10", "1/1024 %", "running average over 10 s, in percent times 1024"),
    integer("last_avg_us", "us", "when the averages were last updated"),
    integer("last_some_us", "us", "some_us then"),
    integer("last_full_us", "us", "full_us then"),
    integer("window_start_us", "us", "start of the trigger window"),
    integer("window_some_us", "us", "some_us at the window's start"),
    integer("window_full_us", "us", "full_us at the window's start"),
    integer("previous_some_us", "us", "growth of the window before"),
    integer("previous_full_us", "us", "growth of the window before"),
    integer("some_growth_us", "us", "stall in the last second, as the trigger estimates it"),
    integer("full_growth_us", "us", "stall in the last second, as the trigger estimates it"),
    integer("next_update_us", "us", "next look at the triggers"),
    integer("last_some_event_us", "us", "last event given out (one per window)"),
    integer("last_full_event_us", "us", "last event given out (one per window)"),
)
PSI: Final[np.dtype[Any]] = record(*PSI_FIELDS)

LMKD_FIELDS: Final[tuple[Field, ...]] = (
    integer("polling_until_us", "us", "end of the polling window"),
    integer("next_poll_us", "us", "next poll"),
    integer("fast_poll", "0/1", "10 ms instead of 100 ms"),
    integer("waiting_for", "index", "victim whose exit it waits for; -1 none"),
    integer("waiting_until_us", "us", "kill_timeout"),
    integer("thrash_window_us", "us", "start of the thrashing window"),
    integer("thrash_refaults", "pages", "refaults at its start"),
    integer("thrash_file", "pages", "file LRU at its start"),
    integer("thrash_previous_percent", "%", "growth of the windows before, halved per window"),
    integer("thrash_limit_percent", "%", "current limit (decays with kills)"),
    integer("reclaiming", "0/1", "somebody has reclaimed since its last look"),
    integer("reclaiming_directly", "0/1", "somebody has reclaimed directly since its last look"),
    integer("killed", "0/1", "its last look ended in a kill"),
    integer("seen_refaults", "pages", "refaults at its last look"),
)
LMKD: Final[np.dtype[Any]] = record(*LMKD_FIELDS)

TOTAL_FIELDS: Final[tuple[Field, ...]] = (
    integer("frame_late_us", "us", "lateness of frames, as it accrues"),
    integer("frames", "1", "frames finished"),
    integer("frames_janky", "1", "frames that missed their deadline"),
    integer("frames_frozen", "1", "frames 700 ms and more after their vsync"),
    integer("frame_late_max_us", "us", "worst lateness"),
    integer("late_histogram", "1", "late frames by lateness: bin i holds [i, i + 1) ms; the last is open", k.LATE_BINS),
    integer("launch_delay_us", "us", "time foreground launches took beyond their nominal, as it accrues"),
    integer("launch_us", "us", "time foreground launches took"),
    integer("launches_done", "1", "foreground launches finished"),
    integer("stall_us", "us", "foreground time blocked in direct reclaim, swap-in and refault"),
    integer("direct_reclaim_us", "us", "of which direct reclaim"),
    integer("relaunch_cost_us", "us", "expected relaunch cost of the innocents killed"),
    integer("kills", "1", "processes killed"),
    integer("innocents", "1", "of which lmkd's own decisions"),
    integer("kill_timeouts", "1", "kills lmkd stopped waiting for"),
    integer("exits", "1", "kills that ended in an exit"),
    integer("exit_latency_us", "us", "kill to exit, summed"),
    integer("exit_latency_max_us", "us", "kill to exit, longest"),
    integer("gate_wait_us", "us", "time launches waited for exits"),
    integer("demand_peak_pages", "pages", "growth of the highest memory demand above its level at the start"),
    integer("in_use_peak_pages", "pages", "highest memory in use"),
    integer("free_min_pages", "pages", "lowest free memory"),
    integer("pswpout", "pages", "pages swapped out"),
    integer("pswpin", "pages", "pages swapped in"),
    integer("file_reclaimed", "pages", "clean page cache reclaimed"),
    integer("refaults", "pages", "page cache read back"),
    integer("compacted", "pages", "pages zs_compact gave back"),
    integer("zombie_peak_pages", "pages", "highest memory held by processes already gone"),
    integer("zombie_page_us", "pages x us", "integral of that memory"),
    integer("backlog_peak", "entries", "highest backlog"),
    integer("backlog_entry_us", "entries x us", "integral of the backlog"),
    integer("starved_us", "us", "time the kworker had work and got no CPU"),
    integer("starved_max_us", "us", "longest such stretch"),
    integer("starved_now_us", "us", "the present stretch"),
    integer("batches_inline", "1", "batches released inline"),
    integer("batches_kworker", "1", "batches queued for the kworker"),
    integer("batches_child", "1", "batches left to the child"),
    integer("fallbacks", "1", "batches released inline because the queue was full"),
    integer("entries_inline", "entries", "released by the victims themselves"),
    integer("entries_reaped", "entries", "released by lmkd's reapers"),
    integer("entries_kworker", "entries", "released by the kworker"),
    integer("entries_child", "entries", "released by the child"),
    integer("spin_ns", "ns", "CPU time spun on contended locks, in whoever's charge"),
    integer("charged_ns", "ns", "CPU time by who paid: CHARGE_* of constants", k.N_CHARGES),
)
TOTAL: Final[np.dtype[Any]] = record(*TOTAL_FIELDS)

PHONE_FIELDS: Final[tuple[Field, ...]] = (
    integer("now_us", "us", "time at the start of the tick"),
    integer("tick_us", "us", "length of a tick"),
    integer("phase", "code", "where advance() goes on: 0 tick start, 1 exits, 2 over"),
    integer("cursor", "1", "position in the list of exiting processes within phase 1"),
    integer("pending", "index", "process whose batch awaits a decision; -1 none"),
    integer("resuming", "0/1", "a decision has just been given"),
    integer("budget_ps", "ps", "rest of the exiting thread's grant while it awaits the decision"),
    integer("next_event", "index", "next scenario event"),
    integer("foreground", "index", "process in front"),
    # memory: ram = free + file + reserved + buffers + pool + anon
    integer("free_pages", "pages", "free memory"),
    integer("file_pages", "pages", "page cache, mapped pages included"),
    integer("buffer_pages", "pages", "unreclaimable buffers"),
    integer("pool_pages", "pages", "physical pages of the zram pool"),
    integer("anon_pages", "pages", "resident anonymous pages of all processes"),
    # swap: slots = free + entries (+ backlog where the slot is held)
    integer("slots_free", "entries", "free swap slots"),
    integer("pool_objects", "entries", "compressed objects in the pool: entries and backlog"),
    integer("pool_remainder", "1", "fraction of a page owed by the zspage law"),
    integer("swapout_remainder", "1", "fraction of a page owed to the pool by swap-outs"),
    integer("backlog_kworker", "entries", "queued for the kworker"),
    integer("backlog_child", "entries", "left to forked children"),
    integer("children", "1", "forked children that run: those with entries left, at most MAX_CHILDREN"),
    integer("child_parent", "index", "whose children they are", k.MAX_CHILDREN),
    integer("ready_kworker", "entries", "of backlog_kworker, queued as work items"),
    integer("zombie_entries", "entries", "backlog of processes already gone"),
    integer("drain_kworker", "index", "position in the kill order the kworker drains"),
    integer("queue_since_us", "us", "when the kworker queue last became non-empty"),
    integer(
        "evicted_pages",
        "pages",
        "net pages evicted since the start, until their entry is released",
    ),
    integer("demand_start_pages", "pages", "memory demand at the start"),
    integer("kswapd_awake", "0/1", "kswapd runs"),
    integer("kswapd_credit_ps", "ps", "CPU time paid towards its next page"),
    integer("reclaim_round", "1", "batches reclaimed so far (every fourth asks zs_compact)"),
    integer("reclaim_cursor", "index", "process reclaim takes anonymous pages from"),
    integer("compact_target", "index", "process being compacted; -1 none"),
    integer("compact_credit_ps", "ps", "CPU time paid towards its next page"),
    integer("compact_queue", "bitmask", "processes that wait for compaction"),
    integer("cached_next_us", "us", "next look at unfrozen cached apps"),
    integer("cached_due", "pages", "pages that unfrozen cached apps want to touch now"),
    integer("cached_credit_ps", "ps", "CPU time paid towards the next of them"),
    integer("kworker_credit_ps", "ps", "CPU time paid towards the next entry, per worker", k.MAX_KWORKERS),
    integer("anon_debt", "1/1024 pages", "anonymous pages that reclaim owes to swappiness"),
    integer("refault_debt", "1", "fraction of a refault owed, over page cache x us"),
    integer("last_direct_us", "us", "when somebody last reclaimed directly; -1 never"),
    integer("last_kill_us", "us", "when the last process was killed; -1 never"),
    integer("n_exiting", "1", "processes exiting now"),
    integer("exiting", "index", "their indices, in kill order", k.MAX_PROCESSES),
    integer("n_killed", "1", "processes killed so far"),
    integer("kill_order", "index", "their indices, in kill order", k.MAX_PROCESSES),
    integer("rt_permille", "1/1000", "SCHED_FIFO load wanted per CPU", k.MAX_CPUS),
    integer("rt_used_ns", "ns", "SCHED_FIFO time used in this throttling period, per CPU", k.MAX_CPUS),
    integer("rt_period_end_us", "us", "end of the throttling period"),
    integer("fair_ns", "ns", "CPU time left to fair tasks in this tick, per CPU", k.MAX_CPUS),
    integer(
        "cpu_available", "1/1024", "capacity that SCHED_FIFO leaves in this tick (capacity_of), per CPU", k.MAX_CPUS
    ),
    integer("cpu_weight", "1", "sum of weights placed per CPU in this tick", k.MAX_CPUS),
    integer("cpu_tasks", "1", "fair tasks placed per CPU in this tick", k.MAX_CPUS),
    integer("cpu_used_ns", "ns", "fair CPU time used per CPU in this tick", k.MAX_CPUS),
    integer("cpu_stall_ns", "ns", "memory-stalled time per CPU in this tick", k.MAX_CPUS),
    integer("cpu_reclaim_ns", "ns", "of which spent on the CPU, reclaiming", k.MAX_CPUS),
    integer("next_balance_us", "us", "next load balance"),
    integer("n_runnable", "1", "fair tasks that want CPU in this tick"),
    integer("runnable", "index", "their task ids, heaviest first", k.N_TASKS),
    integer("noise_left_ns", "ns", "work left per background thread", k.MAX_NOISE),
    integer("noise_next_us", "us", "next wake-up per background thread", k.MAX_NOISE),
    nested("frame", FRAME, "the frame pipeline"),
    nested("psi", PSI, "pressure stall information"),
    nested("lmkd", LMKD, "low-memory killer daemon"),
    nested("reapers", REAPER, "lmkd's reaper threads", k.MAX_REAPERS),
    nested("launches", LAUNCH, "launches", k.MAX_LAUNCHES),
    nested("tasks", TASK, "schedulable tasks", k.N_TASKS),
    nested("processes", PROCESS, "processes", k.MAX_PROCESSES),
    nested("total", TOTAL, "what the episode is judged by"),
    # time slices and locks of present pages: zero where CPUs are shared as a fluid and no hold of these locks is known,
    # and last, so that such a phone's digest is that of the rest
    nested("run_queues", RUN_QUEUE, "run queue per CPU (cfs_rq)", k.MAX_CPUS),
    nested("entities", SCHED_ENTITY, "tasks as the run queues see them (sched_entity)", k.N_TASKS),
    nested("page_locks", PAGE_LOCKING, "tasks as they take the locks of present pages", k.N_TASKS),
    integer("noise_freed", "entries", "swap entries freed when such a background thread last asked", k.MAX_NOISE),
    integer("noise_spread", "1/1024", "where the length of its last grace period lies, from the shortest", k.MAX_NOISE),
    integer(
        "reaper_called_ns", "ns", "CPU time of reapers that look for victims, up to their first call", k.MAX_REAPERS
    ),
)
PHONE: Final[np.dtype[Any]] = record(*PHONE_FIELDS)
EXTRAS_OFFSET: Final[int] = PHONE.fields["run_queues"][1]  # type: ignore[index]
"""Where the state begins that most phones have not, in bytes."""


def phone_digest(phone: Any) -> str:
    """Return the SHA-256 of one PHONE record (or an array of one), in hexadecimal.

    The state of time slices and of the locks of present pages counts where there is any: phones have none.
    """
    data = phone.tobytes()
    return hashlib.sha256(data if any(data[EXTRAS_OFFSET:]) else data[:EXTRAS_OFFSET]).hexdigest()
