"""One row per published figure: what was measured, how it is re-enacted, and whether a parameter was fitted on it.

Rows of kind ``bench`` come from microbenchmarks on named hardware; rows of kind ``log`` from phones in the wild, whose
load, cores and kernels are known only roughly: their ``scenes`` are other readings of what was on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from experiments.calibration import bench, logs
from experiments.calibration.bench import A55, Changes
from experiments.calibration.logs import GAME, VIDEO
from experiments.calibration.wild import Victim
from swapgym.phone import constants as k
from swapgym.workload.devices import A72_BOARD

PI: Final = "Hao and Chen, linux-mm, 26 to 30 Apr 2026, Raspberry Pi 4B, lzo-rle"
SD845: Final = "Baghdasaryan, RFC expedited memory reclaim, Apr 2019, Snapdragon 845"
LEI: Final = "Lei Liu, reply of Sep 2025, 12 GB phone"
VIVO: Final = "Zhiguo Jiang, v1 reply, 31 Jul 2024, 8 GB phone"
OWN: Final = "own runs, Linux 6.1, zram lzo-rle"
PTE: Final = "5e1953dc71af, arm64, Sep 2025"
RK: Final = "linux-mm, 2026, RK3588 CPU 2 (Cortex-A55)"
LOG: Final = "public device log"
GFXINFO: Final = "public gfxinfo dump, 987 frames"

Simulate = Callable[[Changes], float]


@dataclass(frozen=True)
class Row:
    """One published figure.

    Attributes:
        name: Short name, unique.
        what: What was measured.
        published: The figure.
        unit: Its unit.
        kind: ``bench`` or ``log``.
        source: Where it was published.
        simulate: Re-enacts it, with kernel parameters replaced.
        fitted: The parameter fitted on it; empty for a prediction.
        scenes: Other readings of what the source leaves open, for the interval; the mechanism is the same.
        varied: Whether the interval also spans plausible kernels (where the row hangs on the kernel's costs).
    """

    name: str
    what: str
    published: float
    unit: str
    kind: Literal["bench", "log"]
    source: str
    simulate: Simulate
    fitted: str = ""
    scenes: tuple[Simulate, ...] = ()
    varied: bool = False


def rows() -> list[Row]:
    """Return all rows."""
    return [*swap_rows(), *resident_rows(), *memory_rows(), *exit_rows(), *background_rows(), *foreground_rows()]


def swap_rows() -> list[Row]:
    """Return the microbenchmarks of swap release: one process and several, with and without the pool lock, deferred."""
    base, patched = "mainline", "mainline-no-pool-lock"
    return [
        *(
            Row(f"pool lock, {n} x 256 MB", "unmap together, pool lock", ms, "ms", "bench", PI,
                partial(bench.unmap_together, base, n, 256), fitted)
            for n, ms, fitted in (
                (1, 59.0, "entry_inline_memory_ns"), (2, 94.6, "entry_inline_lock_share"), (4, 202.9, "lock_handoff"),
            )
        ),
        *(
            Row(f"no pool lock, {n} x 256 MB", "unmap together, pool lock removed", ms, "ms", "bench", PI,
                partial(bench.unmap_together, patched, n, 256), fitted)
            for n, ms, fitted in (
                (1, 56.0, "no_pool_lock.entry_inline_memory_ns"),
                (2, 66.7, "no_pool_lock.entry_inline_lock_share"),
                (4, 110.6, ""),
            )
        ),
        *(
            Row(f"synchronous, {mib} MB", "unmap alone, synchronous", ms, "ms", "bench", PI,
                partial(bench.unmap_together, base, 1, mib))
            for mib, ms in ((64, 15.0), (128, 28.7), (256, 57.0))
        ),
        *(
            Row(f"deferred, {mib} MB", "unmap alone, zsmalloc part deferred", ms, "ms", "bench", PI,
                partial(bench.unmap_deferred, mib), "deferred.entry_enqueue_memory_ns" if mib == 256 else "")
            for mib, ms in ((64, 4.3), (128, 8.5), (256, 17.3))
        ),
        Row("one entry, Cortex-A72", "256 MB, munmap, per entry", 900, "ns", "bench", PI,
            partial(bench.entry_ns, base, A72_BOARD)),
        Row("one entry, Cortex-A55", "256 MB, munmap, per entry", 963, "ns", "bench", RK,
            partial(bench.entry_ns, base, A55), "entry_inline_core_ns"),
        Row("one entry deferred, Cortex-A55", "inline remainder", 283, "ns", "bench", RK,
            lambda changes: bench.entry_ns("zsmalloc-deferred", A55, changes, k.KWORKER)),
        Row("swap-in on a little core", "256 MB faulted back in, per page", 20.7, "us", "bench",
            "Barry Song, RFC, 12 Apr 2026, RK3588", bench.swap_in, "swapin_core_ns"),
    ]  # fmt: skip


def resident_rows() -> list[Row]:
    """Return the rows of resident pages: at held clocks, and under schedutil, whose clock is a prediction."""
    return [
        *(
            Row(f"resident pages, {core}, {at}", "freed per second after a kill", mbs, "MB/s", "bench", SD845,
                partial(bench.free_resident, core, clock), fitted)
            for core, at, clock, mbs, fitted in (
                ("big", "full clock", 1.0, 14_656, "resident_anon_core_ns"), ("little", "full clock", 1.0, 5_602, ""),
                ("big", "0.8 of 2.5 GHz", 0.32, 5_084, ""), ("little", "0.3 of 1.6 GHz", 0.1875, 856, ""),
            )
        ),
        *(
            Row(f"resident pages, {core}, schedutil", "freed per second after a kill, from idle; 100 MB to 1.5 GB", mbs,
                "MB/s", "log", SD845, partial(bench.free_resident, core, None),
                scenes=tuple(partial(bench.free_resident, core, None, mib=mib) for mib in (100, 1_500)))
            for core, mbs in (("big", 7_282), ("little", 2_386))
        ),
        Row("reaper and victim on one address space", "CPU time over that after the mend", 167.1 / 132.6, "1", "bench",
            PTE, bench.shared_waste),
        *(
            Row(f"victim's share {when} the mend", "of the CPU time of victim and reaper", share, "%", "bench", PTE,
                partial(bench.share_of_victim, waste))
            for when, share, waste in (("before", 100 * 90.7 / 167.1, 0.20), ("after", 100 * 72.4 / 132.6, 0.03))
        ),
    ]  # fmt: skip


def memory_rows() -> list[Row]:
    """Return the rows of what comes back of the pool, and of the floor that SCHED_FIFO leaves to others."""
    return [
        *(
            Row(f"memory back, {share} % freed", "share of the pool, turns of 256 pages", back, "%", "bench", OWN,
                partial(bench.memory_back, share / 100, exponent=bench.ALTERNATING))
            for share, back in ((25, 23), (75, 73), (100, 100))
        ),
        Row("memory back, 50 % freed", "median of four runs in turns of 1 to 256 pages, 14 to 48 %", 25, "%", "log", OWN,
            partial(bench.memory_back, 0.5),
            scenes=tuple(partial(bench.memory_back, 0.5, exponent=e) for e in (0.2, 0.95))),
        Row("SCHED_FIFO floor", "CPU left to a worker, throttling on", 5.0, "%", "bench",
            "Documentation/scheduler/sched-rt-group.rst", bench.drain_under_realtime),
        Row("compression", "swapped over physical, median of eleven dumps", 3.3, "1", "log", "public dumpsys extracts",
            logs.compression),
    ]  # fmt: skip


def exit_rows() -> list[Row]:
    """Return the rows of exits on phones, beside the 180 of :mod:`experiments.calibration.exits`."""
    busy = (partial(logs.entry_on_flagship, others=1, load=0.9), partial(logs.entry_on_flagship, others=5, load=0.9))
    return [
        Row("exit, 400 MB swapped, idle", "kill to exit, 200 to 300 ms", 250, "ms", "log", LEI,
            logs.exit_on_flagship, varied=True),
        Row("exit, 400 MB swapped, loaded", "kill to exit, 400 to 500 ms", 450, "ms", "log", LEI,
            partial(logs.exit_on_flagship, others=2, load=0.9), varied=True,
            scenes=(partial(logs.exit_on_flagship, others=1, load=0.5),
                    partial(logs.exit_on_flagship, others=5, load=0.9))),
        Row("an entry in it, idle", "33 % of 200 to 300 ms: 650 to 970 ns", 810, "ns", "log", LEI,
            logs.entry_on_flagship, varied=True),
        Row("an entry in it, loaded", "33 to 50 % of 400 to 500 ms: 1,300 to 2,400 ns", 1_850, "ns", "log", LEI,
            partial(logs.entry_on_flagship, others=2, load=0.9), scenes=busy, varied=True),
        Row("swap share of exit", "33 to 50 % (Lei Liu), 55 % of do_exit (2024), 75 % (logs)", 53, "%", "log",
            "three sources", logs.swap_share_of_exit, varied=True),
        Row("swap share of exit_mm, 2024", "free_swap_and_cache of exit_mm: an older kernel", 75, "%", "log", VIVO,
            partial(logs.cpu_of_swap, 366, "exit_mm"), varied=True),
        Row("swap share of do_exit, 2024", "free_swap_and_cache of do_exit: an older kernel", 54.7, "%", "log", VIVO,
            partial(logs.cpu_of_swap, 366, "do_exit"), varied=True),
        Row("the 2024 profile's swap release", "433 of 792 ms, 366 or 566 MB, traced, loaded: an upper end", 433, "ms",
            "log", VIVO, partial(logs.traced_exit, swap_mib=566), varied=True,
            scenes=(logs.traced_exit, partial(logs.traced_exit, swap_mib=566, others=4))),
        Row("CPU of ten exits", "share of all CPU during a camera launch, 25 % and more", 25, "%", "log", LEI,
            partial(logs.cpu_of_exits, apart_ms=50), varied=True,
            scenes=(logs.cpu_of_exits, partial(logs.cpu_of_exits, apart_ms=15),
                    partial(logs.cpu_of_exits, swap_mib=200), partial(logs.cpu_of_exits, swap_mib=500))),
        *(
            Row(f"kill to exit, {name}", f"{victim.rss_mib:g} MB resident, {victim.swap_mib:g} MB swapped", ms, "ms", "log",
                LOG, partial(logs.exit_in_a_log, victim, 50),
                scenes=tuple(partial(logs.exit_in_a_log, victim, q) for q in (5, 95)))
            for name, victim, ms in (
                ("Samsung 3.8 GB", Victim("low", 111, 135, 1), 230), ("custom ROM", Victim("mid", 183, 35, 0), 48),
                ("custom ROM, small", Victim("mid", 54, 101, 0), 36), ("1.5 GB app", Victim("high", 1_500, 34, 0), 77),
            )
        ),
    ]  # fmt: skip


def background_rows() -> list[Row]:
    """Return vivo's tables of swap shares over time: of a video app, whose plateau gave what stays, and of a game."""
    more, less = 8.0, 0.0
    return [
        Row(f"swap share of a {name}, {label}", "VmSwap over VmRSS + VmSwap", share, "%", "log", VIVO,
            partial(logs.swap_share, app, seconds),
            scenes=tuple(partial(logs.swap_share, app, seconds, touch_mib_per_s=t) for t in (more, less)))
        for name, app, shares in (
            ("video app", VIDEO, (("front", 0, 30.87), ("5 s", 5, 57.03), ("1 min", 60, 63.56), ("3 min", 180, 63.69),
                                  ("5 min", 300, 63.97), ("10 min", 600, 64.69), ("15 min", 900, 64.72))),
            ("game", GAME, (("front", 0, 55.66), ("5 s", 5, 58.11), ("1 min", 60, 58.14), ("15 min", 900, 58.84))),
        )
        for label, seconds, share in shares
    ]  # fmt: skip


def foreground_rows() -> list[Row]:
    """Return the rows of launches and frames on an unloaded phone."""
    camera, app = "camera_launch", "app_switching"
    return [
        *(
            Row(name, what, ms, "ms", "log", "public device log", partial(logs.launch_time, preset),
                scenes=(partial(logs.launch_percentile, preset, 10), partial(logs.launch_percentile, preset, 90)))
            for name, what, ms, preset in (
                ("camera launch, idle", "time to display", 773, camera), ("app launch, idle", "Settings, cold", 439, app),
            )
        ),
        *(
            Row(f"frame time, p{percentile}", "gfxinfo of a store app", ms, "ms", "log", GFXINFO,
                partial(logs.frame_percentile, percentile), fitted)
            for percentile, ms, fitted in ((50, 6, "frame_median_us"), (90, 18, ""), (95, 21, ""), (99, 28, ""))
        ),
        Row("missed deadlines", "share of frames", 1.2, "%", "log", GFXINFO, logs.missed_deadlines, "uclamp_frames",
            scenes=(partial(logs.missed_deadlines, load=False),)),
    ]  # fmt: skip
