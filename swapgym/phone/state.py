"""How a phone stands now: :data:`PHONE`, everything that moves.

Units as in :mod:`swapgym.phone.inputs`; picoseconds of work (``_ps``) where nanoseconds are too coarse. Counts and
times of a tick are 32-bit integers, codes and indices 8-bit ones; times since the start, sums and work are 64-bit.
Integers make a trajectory's bits the same on every machine.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.records import Field, arrays, index, integer, nested, record, small, wide

TASK_FIELDS: Final[tuple[Field, ...]] = (
    integer("requested", "ticks", "number of the last tick in which it asked for CPU"),
    # what it is in this tick
    integer("weight", "1", "nice-to-weight of the kernel"),
    integer("mask", "bitmask", "cpuset", code="i2"),
    integer("boost", "1/1024", "uclamp.min: the utilisation it counts as having at least"),
    integer("demand_ns", "ns", "work it can do in this tick on the reference CPU; -1 more than any CPU gives"),
    # what the scheduler makes of it
    small("placed", "0/1", "has its CPU in this tick"),
    small("ran_before", "0/1", "it asked for CPU in the tick before too"),
    index("cpu", "CPU it is placed on; MAX_CPUS not yet"),
    integer("util", "1/65536", "PELT utilisation, of capacity 1024 at full clock"),
    integer("wanted_ns", "ns", "CPU time it wants on its own CPU"),
    integer("granted_ns", "ns", "CPU time granted in this tick"),
    # the contended lock
    small("lock_user", "0/1", "takes the contended lock in this tick"),
    integer("lock_share", "1/1024", "share of the tick it is on a CPU"),
    integer("lock_free_ps", "ps", "time per operation outside the lock, on its CPU"),
    integer("lock_hold_ps", "ps", "time per operation under the lock, on its CPU"),
    integer("lock_cost_ps", "ps", "cost of an operation without contention, on its CPU"),
    integer("lock_bare_ps", "ps", "of which the hold"),
    integer("lock_wait_ps", "ps", "time per operation from asking for the lock until it is given back"),
    integer("lock_factor", "1/1024", "cost multiplier of lock-taking work in this tick"),
)
TASK: Final[np.dtype[Any]] = record(*TASK_FIELDS)
"""64 bytes, so that a place in the table is a shift and a record is as long as a cache line."""

WALK_FIELDS: Final[tuple[Field, ...]] = (
    wide("credit_ps", "ps", "CPU time paid towards the next page"),
    small("stage", "code", "WALK_* of constants"),
    integer("anon", "pages", "resident anonymous pages left of the segment in hand"),
    integer("file", "pages", "mapped file pages left of the segment in hand"),
    integer("entries", "entries", "swap entries left of the batch in hand"),
)
WALK: Final[np.dtype[Any]] = record(*WALK_FIELDS)

PROCESS_FIELDS: Final[tuple[Field, ...]] = (
    small("state", "code", "PROCESS_* of constants"),
    integer("oom_score_adj", "1", "now", code="i2"),
    integer("anon_pages", "pages", "resident anonymous pages, those in a walker's hand included"),
    integer("anon_unclaimed", "pages", "of which no walker has in hand"),
    integer("anon_hot_pages", "pages", "pages that reclaim leaves for last"),
    integer("file_pages", "pages", "mapped page-cache pages no walker has in hand (memory counts in PHONE.file_pages)"),
    integer("file_hot_pages", "pages", "mapped page-cache pages that paging out leaves"),
    wide("cached_us", "us", "when it entered cached"),
    integer("touch_due", "pages", "pages it wants to touch now"),
    integer("swap_entries", "entries", "swapped pages, those in a walker's hand included, queued ones not"),
    integer("swap_unclaimed", "entries", "of which no walker has in hand"),
    integer("queued_kworker", "entries", "deferred and not yet drained by the kworker"),
    integer("queued_child", "entries", "deferred and not yet drained by the USERSPACE child"),
    integer("gathered", "entries", "of queued_kworker, cached and not yet queued as a work item"),
    integer("evicted_entries", "entries", "of all its entries, those swapped out since the start"),
    small("killer", "code", "KILLER_* of constants; -1 alive"),
    small("prescribed", "0/1", "the scenario kills it anyway: no collateral kill, should lmkd come first"),
    small("gate_launch", "index", "launch whose gate waits for this exit; -1 none"),
    # its exit
    small("exit_stage", "code", "EXIT_* of constants"),
    integer("threads_left", "1", "threads still to go", code="i2"),
    integer("mappings_left", "1", "mappings still to be freed"),
    integer("files_left", "1", "files still to be closed"),
    wide("kill_us", "us", "when SIGKILL was sent"),
    wide("exit_ready_us", "us", "when its parent has been notified"),
    wide("exit_us", "us", "when its parent was notified"),
    small("reaper", "index", "lmkd reaper working on it; -1 none"),
    small("route", "code", "route of its last batch"),
    integer("decisions", "1", "batches decided so far"),
    small("forked", "0/1", "the USERSPACE child exists"),
    wide("child_credit_ps", "ps", "CPU time its child has paid towards the next entry"),
    nested("walk", WALK, "its exiting thread's walk"),
)
PROCESS: Final[np.dtype[Any]] = record(*PROCESS_FIELDS)

LAUNCH_FIELDS: Final[tuple[Field, ...]] = (
    small("phase", "code", "LAUNCH_* of constants"),
    small("process", "index", "process it brings up"),
    wide("start_us", "us", "when it started"),
    wide("gate_us", "us", "when it reached its gate"),
    wide("burst_us", "us", "when its burst began"),
    integer("burst_total", "pages", "pages the burst wants in all"),
    integer("burst_done", "pages", "pages the burst has got"),
    wide("done_us", "us", "when it was drawn"),
    small("gate_pending", "1", "victims it still waits for"),
    small("gate_timed_out", "0/1", "it stopped waiting"),
    wide("work_left_ns", "ns", "CPU work left per thread in this phase, on the reference CPU", k.THREADS_PER_LAUNCH),
    integer("anon_left", "pages", "burst left"),
    integer("buffer_left", "pages", "burst left"),
    integer("file_left", "pages", "burst left"),
    integer("swapin_left", "pages", "faults left"),
    wide("credit_ps", "ps", "CPU time paid towards the next page"),
)
LAUNCH: Final[np.dtype[Any]] = record(*LAUNCH_FIELDS)

FRAME_FIELDS: Final[tuple[Field, ...]] = (
    small("on", "0/1", "frames are being drawn"),
    integer("index", "1", "frames started"),
    integer("ui_left_ns", "ns", "UI work left, on the reference CPU"),
    integer("render_left_ns", "ns", "render work left"),
    integer("render_pending_ns", "ns", "render work of the frame the UI thread has in hand"),
    integer("ui_pending_work_ns", "ns", "costs of a finished UI frame that waits for the render thread"),
    integer("stall_left_us", "us", "UI thread blocked on refaults"),
    integer("alloc_left", "pages", "pages the UI thread must find by direct reclaim before it goes on"),
    wide("next_vsync_us", "us", "next vsync"),
    wide("ui_start_us", "us", "vsync of the frame on the UI thread"),
    wide("render_start_us", "us", "when the render thread was handed its frame"),
    wide("ui_deadline_us", "us", "deadline of the frame on the UI thread; 0 none"),
    wide("render_deadline_us", "us", "deadline of the frame on the render thread; 0 none"),
    wide("ui_pending_deadline_us", "us", "deadline of the frame that waits for the render thread; 0 none"),
)
FRAME: Final[np.dtype[Any]] = record(*FRAME_FIELDS)

REAPER_FIELDS: Final[tuple[Field, ...]] = (
    small("victim", "index", "process it was handed; -1 idle"),
    small("reaping", "0/1", "its process_mrelease has found the address space"),
    nested("walk", WALK, "its walk, from the other end of the address space"),
)
REAPER: Final[np.dtype[Any]] = record(*REAPER_FIELDS)

PSI_FIELDS: Final[tuple[Field, ...]] = (
    wide("some_ns", "ns", "total time some task stalled on memory"),
    wide("full_ns", "ns", "total time all non-idle tasks stalled"),
    wide("full_avg10", "1/1024 %", "running average of full over 10 s, in percent times 1024"),
    wide("last_avg_us", "us", "when the average was last updated"),
    wide("last_full_ns", "ns", "full_ns then"),
    wide("window_start_us", "us", "start of the trigger window"),
    wide("window_some_us", "us", "some at the window's start"),
    wide("window_full_us", "us", "full at the window's start"),
    wide("previous_some_us", "us", "growth of the window before"),
    wide("previous_full_us", "us", "growth of the window before"),
    wide("some_growth_us", "us", "stall in the last second, as the trigger estimates it"),
    wide("full_growth_us", "us", "stall in the last second, as the trigger estimates it"),
    wide("next_update_us", "us", "next look at the triggers"),
    wide("last_some_event_us", "us", "last event given out (one per window)"),
    wide("last_full_event_us", "us", "last event given out (one per window)"),
)
PSI: Final[np.dtype[Any]] = record(*PSI_FIELDS)

LMKD_FIELDS: Final[tuple[Field, ...]] = (
    wide("polling_until_us", "us", "end of the polling window"),
    wide("next_poll_us", "us", "next poll"),
    wide("waiting_until_us", "us", "kill_timeout"),
    wide("thrash_window_us", "us", "start of the thrashing window"),
    wide("thrash_refaults", "pages", "refaults at its start"),
    wide("seen_refaults", "pages", "refaults at its last look"),
    integer("fast_poll", "0/1", "10 ms instead of 100 ms"),
    integer("waiting_for", "index", "victim whose exit it waits for; -1 none"),
    integer("thrash_file", "pages", "file LRU at the window's start"),
    integer("thrash_previous_percent", "%", "growth of the windows before, halved per window"),
    integer("thrash_limit_percent", "%", "current limit (decays with kills)"),
    integer("reclaiming", "0/1", "somebody has reclaimed since its last look"),
    integer("reclaiming_directly", "0/1", "somebody has reclaimed directly since its last look"),
    integer("killed", "0/1", "its last look ended in a kill"),
    integer("checks_filecache", "0/1", "it has killed for thrashing and the page cache has been small since"),
)
LMKD: Final[np.dtype[Any]] = record(*LMKD_FIELDS)

TOTAL_FIELDS: Final[tuple[Field, ...]] = (
    wide("frame_late_us", "us", "lateness of frames, as it accrues"),
    wide("frames", "1", "frames finished"),
    wide("frames_janky", "1", "frames that missed their deadline"),
    wide("frames_frozen", "1", "frames 700 ms and more after their vsync"),
    wide("frame_late_max_us", "us", "worst lateness"),
    integer("late_histogram", "1", "late frames by lateness: bin i holds [i, i + 1) ms; the last is open", k.LATE_BINS),
    wide("launch_delay_us", "us", "time foreground launches took beyond their nominal, as it accrues"),
    wide("launch_us", "us", "time foreground launches took"),
    wide("launches_done", "1", "foreground launches finished"),
    wide("stall_us", "us", "foreground time blocked in direct reclaim, swap-in and refault"),
    wide("direct_reclaim_us", "us", "of which direct reclaim"),
    wide("relaunch_cost_us", "us", "expected relaunch cost of collateral kills"),
    wide("kills", "1", "processes killed"),
    wide("collateral_kills", "1", "of which lmkd's own decisions"),
    wide("kill_timeouts", "1", "kills lmkd stopped waiting for"),
    wide("exits", "1", "kills that ended in an exit"),
    wide("reaps_late", "1", "process_mrelease calls that found no address space any more"),
    wide("exit_latency_us", "us", "kill to exit, summed"),
    wide("exit_latency_max_us", "us", "kill to exit, longest"),
    wide("gate_wait_us", "us", "time launches waited for exits"),
    wide("demand_peak_pages", "pages", "growth of the highest memory demand above its level at the start"),
    wide("in_use_peak_pages", "pages", "highest memory in use"),
    wide("free_min_pages", "pages", "lowest free memory"),
    wide("pswpout", "pages", "pages swapped out"),
    wide("pswpin", "pages", "pages swapped in"),
    wide("file_reclaimed", "pages", "clean page cache reclaimed"),
    wide("refaults", "pages", "page cache read back"),
    wide("compacted", "pages", "pages zs_compact gave back"),
    wide("zombie_peak_pages", "pages", "highest memory held by processes already gone"),
    wide("zombie_page_us", "pages x us", "integral of that memory"),
    wide("backlog_peak", "entries", "highest backlog"),
    wide("backlog_entry_us", "entries x us", "integral of the backlog"),
    wide("starved_us", "us", "time the kworker had work and got no CPU"),
    wide("starved_max_us", "us", "longest such stretch"),
    wide("starved_now_us", "us", "the present stretch"),
    wide("batches_inline", "1", "batches released inline"),
    wide("batches_kworker", "1", "batches queued for the kworker"),
    wide("batches_child", "1", "batches left to the child"),
    wide("fallbacks", "1", "batches released inline because the queue was full"),
    wide("entries_inline", "entries", "released by the victims themselves"),
    wide("entries_reaped", "entries", "released by lmkd's reapers"),
    wide("entries_kworker", "entries", "released by the kworker"),
    wide("entries_child", "entries", "released by the child"),
    wide("spin_ns", "ns", "CPU time spun on contended locks, in whoever's charge"),
    wide("charged_ns", "ns", "CPU time by who paid: CHARGE_* of constants", k.N_CHARGES),
)
TOTAL: Final[np.dtype[Any]] = record(*TOTAL_FIELDS)

CPUS_FIELDS: Final[tuple[Field, ...]] = arrays(
    k.MAX_CPUS,
    integer("rt_permille", "1/1000", "SCHED_FIFO load wanted"),
    integer("rt_used_ns", "ns", "SCHED_FIFO time used in this throttling period"),
    integer("fair_ns", "ns", "CPU time left to fair tasks in this tick"),
    integer("available", "1/1024", "capacity that SCHED_FIFO leaves in this tick (capacity_of)"),
    integer("speed", "1/1024", "capacity that the clock gives now"),
    integer("weight", "1", "sum of weights placed in this tick"),
    integer("tasks", "1", "fair tasks placed in this tick"),
    integer("boost", "1/1024", "largest uclamp.min among them"),
    integer("used_ns", "ns", "fair CPU time used in this tick"),
    integer("stall_ns", "ns", "memory-stalled time in this tick"),
    integer("reclaim_ns", "ns", "of which spent on the CPU, reclaiming"),
    integer("util", "1/65536", "PELT utilisation of its fair tasks, those asleep included"),
    integer("lock_share", "1/1024", "share of the tick it runs users of the contended lock"),
    integer("lock_queue_ps", "ps", "what users elsewhere have to wait for those here on average"),
    integer("busy_decay", "1/2**20", "what a utilisation is multiplied by in a tick without idle time, at this clock"),
    integer("busy_gain", "1/2**36 per ns", "what running gains in such a tick"),
    integer("part_gain", "1/2**36 per ns", "what running gains in a tick with idle time, at this clock"),
    integer("decay", "1/2**20", "what a utilisation there is multiplied by in this tick"),
    integer("gain", "1/2**36 per ns", "what running there gains in this tick"),
    integer("rt_util", "1/65536", "PELT utilisation of its SCHED_FIFO tasks"),
)
CPUS: Final[np.dtype[Any]] = record(*CPUS_FIELDS)
"""All CPUs, an array by field."""

DOMAIN_FIELDS: Final[tuple[Field, ...]] = (
    wide("next_us", "us", "when schedutil may change its clock again"),
    integer("asked", "1/1024", "capacity asked of it now"),
    integer("clock", "1/1024", "its clock, over its full clock"),
    integer("capacity", "1/1024", "capacity of its CPUs"),
)
DOMAIN: Final[np.dtype[Any]] = record(*DOMAIN_FIELDS)

PHONE_FIELDS: Final[tuple[Field, ...]] = (
    wide("now_us", "us", "time at the start of the tick"),
    integer("tick", "1", "ticks done"),
    integer("tick_us", "us", "length of a tick"),
    integer("phase", "code", "where advance() goes on: 0 tick start, 1 exits, 2 over"),
    integer("cursor", "1", "position in the list of exiting processes within phase 1"),
    integer("pending", "index", "process whose batch awaits a decision; -1 none"),
    integer("resuming", "0/1", "a decision has just been given"),
    wide("budget_ps", "ps", "rest of the exiting thread's grant while it awaits the decision"),
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
    integer("drain_pace", "code", "PACE_* of constants: how fast kworkers and children drain"),
    integer("drain_kworker", "index", "position in the kill order the kworker drains"),
    wide("queue_since_us", "us", "when the kworker queue last became non-empty"),
    integer("release_ps", "ps", "running average: cost of an entry released inline, waits included"),
    integer("drain_ps", "ps", "running average: cost of an entry drained, waits included"),
    integer("evicted_pages", "pages", "net pages evicted since the start, until their entry is released"),
    integer("demand_start_pages", "pages", "memory demand at the start"),
    integer("kswapd_awake", "0/1", "kswapd runs"),
    wide("kswapd_credit_ps", "ps", "CPU time paid towards its next page"),
    integer("reclaim_round", "1", "batches reclaimed so far (every fourth asks zs_compact)"),
    integer("reclaim_cursor", "index", "process reclaim takes anonymous pages from"),
    integer("compact_target", "index", "process being compacted; -1 none"),
    wide("compact_credit_ps", "ps", "CPU time paid towards its next page"),
    wide("compact_queue", "bitmask", "processes that wait for compaction"),
    wide("cached_next_us", "us", "next look at unfrozen cached apps"),
    integer("cached_due", "pages", "pages that unfrozen cached apps want to touch now"),
    wide("cached_credit_ps", "ps", "CPU time paid towards the next of them"),
    wide("kworker_credit_ps", "ps", "CPU time paid towards the next entry, per worker", k.MAX_KWORKERS),
    integer("anon_debt", "1/1024 pages", "anonymous pages that reclaim owes to swappiness"),
    wide("refault_debt", "1", "fraction of a refault owed, over page cache x us"),
    wide("last_direct_us", "us", "when somebody last reclaimed directly; -1 never"),
    integer("n_exiting", "1", "processes exiting now"),
    index("exiting", "their indices, in kill order", k.MAX_PROCESSES),
    integer("n_killed", "1", "processes killed so far"),
    index("kill_order", "their indices, in kill order", k.MAX_PROCESSES),
    wide("rt_period_end_us", "us", "end of the throttling period"),
    wide("next_balance_us", "us", "next load balance"),
    integer("n_runnable", "1", "fair tasks that want CPU in this tick"),
    index("runnable", "their task ids, heaviest first", k.N_TASKS),
    integer("n_lock_users", "1", "tasks that take the contended lock in this tick"),
    index("lock_users", "their task ids", k.N_TASKS),
    integer("idle_decay", "1/2**20", "what a utilisation is multiplied by in a tick of the wall clock"),
    integer("background_left_ns", "ns", "work left per background thread", k.MAX_BACKGROUND_THREADS),
    wide("background_next_us", "us", "next wake-up per background thread", k.MAX_BACKGROUND_THREADS),
    nested("cpus", CPUS, "CPUs in this tick"),
    nested("domains", DOMAIN, "performance domains", k.MAX_DOMAINS),
    nested("frame", FRAME, "the frame pipeline"),
    nested("psi", PSI, "pressure stall information"),
    nested("lmkd", LMKD, "low-memory killer daemon"),
    nested("reapers", REAPER, "lmkd's reaper threads", k.MAX_REAPERS),
    nested("launches", LAUNCH, "launches", k.MAX_LAUNCHES),
    nested("tasks", TASK, "schedulable tasks", k.N_TASKS),
    nested("processes", PROCESS, "processes", k.MAX_PROCESSES),
    nested("total", TOTAL, "what the episode is judged by"),
)
PHONE: Final[np.dtype[Any]] = record(*PHONE_FIELDS)


def phone_digest(phone: Any) -> str:
    """Return the SHA-256 of one PHONE record (or an array of one), in hexadecimal."""
    return hashlib.sha256(phone.tobytes()).hexdigest()
