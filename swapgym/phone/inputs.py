"""What happens to a phone: :data:`SCENARIO`, everything exogenous of one episode. The simulator never writes it.

Pages of 4 KiB, swap entries, microseconds of wall time (``_us``), nanoseconds of CPU time on the reference CPU of the
device (``_ns``: its largest at full clock), shares over 1024.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.device import DEVICE
from swapgym.phone.kernel_variant import KERNEL
from swapgym.phone.records import Field, integer, nested, record, small, wide

APP_FIELDS: Final[tuple[Field, ...]] = (
    small("present", "0/1", "the slot holds a process at the start"),
    integer("oom_score_adj", "1", "-1000 to 1000 (ProcessList.java)", code="i2"),
    integer("anon_pages", "pages", "resident anonymous pages at the start"),
    integer("anon_hot_pages", "pages", "of which reclaim leaves alone while it finds others"),
    integer("file_pages", "pages", "mapped page-cache pages"),
    integer("file_hot_pages", "pages", "of which paging the app out leaves mapped (shared with others)"),
    integer("swap_entries", "entries", "swapped pages at the start"),
    integer("touch_pages_per_s", "pages/s", "pages it touches while it is cached and not frozen"),
    small("frozen", "0/1", "it has been cached for longer than the freezer waits"),
    integer("threads", "1", "threads that its exit must see off", code="i2"),
    integer("mappings", "1", "mappings that its exit must free"),
    integer("files", "1", "open files, sockets and buffers that its exit must close"),
    integer("relaunch_cost_us", "us", "probability of return by LRU depth times cold minus hot start"),
)
APP: Final[np.dtype[Any]] = record(*APP_FIELDS)

LAUNCH_SPEC_FIELDS: Final[tuple[Field, ...]] = (
    small("process", "index", "process that is launched (slot may be empty before: a cold start)"),
    small("foreground", "0/1", "1: top-app launch the person waits for; 0: a service restarting in the background"),
    small("n_threads", "1", "threads that share the CPU work (1 to 3)"),
    small("nice", "nice", "nice of these threads"),
    wide("start_ns", "ns", "CPU work before the gate, all threads together, on the reference CPU"),
    wide("work_ns", "ns", "CPU work after the gate, all threads together, on the reference CPU"),
    integer("gate_timeout_us", "us", "how long the gate waits for the victims' exits"),
    integer("burst_anon_pages", "pages", "anonymous memory allocated in the burst"),
    integer("burst_buffer_pages", "pages", "unreclaimable buffers (dma-buf) allocated in the burst"),
    integer("burst_file_pages", "pages", "page cache read in the burst"),
    integer("expected_pages", "pages", "what the system expects it to allocate: the average of earlier launches"),
    integer("burst_us", "us", "the burst's length when nothing stalls it: buffers at once, the rest linearly"),
    integer("swapin_pages", "pages", "pages of the process faulted back in (hot start)"),
    integer("nominal_us", "us", "launch time without gate, contention or stalls; delay counts from here"),
)
LAUNCH_SPEC: Final[np.dtype[Any]] = record(*LAUNCH_SPEC_FIELDS)

BACKGROUND_THREAD_FIELDS: Final[tuple[Field, ...]] = (
    integer("period_us", "us", "wake-up period of the background thread; 0: not there"),
    integer("phase_us", "us", "first wake-up"),
    integer("work_ns", "ns", "work per wake-up on the reference CPU"),
    small("nice", "nice", "its nice"),
    integer("mask", "bitmask", "its cpuset", code="i2"),
)
BACKGROUND_THREAD: Final[np.dtype[Any]] = record(*BACKGROUND_THREAD_FIELDS)

EVENT_FIELDS: Final[tuple[Field, ...]] = (
    wide("time_us", "us", "when it happens; events are sorted by it"),
    integer("kind", "code", "EVENT_* of constants", code="i2"),
    integer("a", "1", "first argument: a process, a launch, a mask of CPUs, pages", code="i2"),
    integer("b", "1", "second argument: a killer, a load in permille", code="i2"),
    integer("c", "index", "launch it belongs to; -1 none", code="i2"),
)
EVENT: Final[np.dtype[Any]] = record(*EVENT_FIELDS)

SCENARIO_FIELDS: Final[tuple[Field, ...]] = (
    nested("device", DEVICE, "hardware and its tuning"),
    nested("kernel", KERNEL, "kernel variant: costs, locks, queue, workers"),
    wide("duration_us", "us", "the episode's length; terminated at its end"),
    integer("tick_us", "us", "length of a tick (1000 by default)"),
    integer("n_processes", "1", "used slots of apps"),
    nested("apps", APP, "processes at the start, coldest (longest unused) first", k.MAX_PROCESSES),
    integer("foreground_process", "index", "the app in front at the start"),
    integer("n_launches", "1", "used slots of launches"),
    nested("launches", LAUNCH_SPEC, "launches and service restarts, started by events", k.MAX_LAUNCHES),
    nested("background_threads", BACKGROUND_THREAD, "the system's periodic threads", k.MAX_BACKGROUND_THREADS),
    integer("n_events", "1", "used slots of events"),
    nested("events", EVENT, "the timeline", k.MAX_EVENTS),
    integer("n_frame_costs", "1", "used slots of the frame costs; frames cycle through them"),
    integer("frame_ui_us", "us", "UI-thread work per frame on the reference CPU", k.MAX_FRAME_COSTS, code="u2"),
    integer("frame_render_us", "us", "render-thread work per frame on the reference CPU", k.MAX_FRAME_COSTS, code="u2"),
    integer("frame_alloc_pages", "pages", "transient allocation per frame: meets direct reclaim below min"),
    integer("frames_on", "0/1", "frames are drawn from the start"),
    integer("file_cache_pages", "pages", "page cache at the start, mapped pages included"),
    integer("buffer_pages", "pages", "unreclaimable buffers at the start"),
    integer("pool_pages", "pages", "physical pages of the zram pool at the start"),
    integer("compression", "1/1024", "swapped bytes per compressed byte"),
)
SCENARIO: Final[np.dtype[Any]] = record(*SCENARIO_FIELDS)
