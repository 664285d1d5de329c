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
from experiments.calibration.bench import LITTLE_845, Changes
from experiments.calibration.logs import GAME, VIDEO

PI: Final = "Hao and Chen, linux-mm, 26 to 30 Apr 2026, Raspberry Pi 4B, lzo-rle"
SD845: Final = "Baghdasaryan, RFC expedited memory reclaim, Apr 2019, Snapdragon 845"
LEI: Final = "Lei Liu, reply of Sep 2025, 12 GB phone"
VIVO: Final = "Zhiguo Jiang, v1 reply, 31 Jul 2024, 8 GB phone"
OWN: Final = "own runs, Linux 6.1, zram lzo-rle"
PTE: Final = "5e1953dc71af, arm64, Sep 2025"
LOG: Final = "public device log, Samsung 3.77 GB"
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
    return [*swap_rows(), *present_rows(), *memory_rows(), *exit_rows(), *background_rows(), *foreground_rows()]


def swap_rows() -> list[Row]:
    """Return the microbenchmarks of swap release: one process and several, with and without the pool lock, deferred."""
    base, patched = "mainline", "mainline-no-pool-lock"
    return [
        *(
            Row(f"pool lock, {n} x 256 MB", "unmap together, pool lock", ms, "ms", "bench", PI,
                partial(bench.unmap_together, base, n, 256), fitted)
            for n, ms, fitted in (
                (1, 59.0, "entry_inline_a72_ns"), (2, 94.6, "entry_inline_lock_a72_ns"), (4, 202.9, "lock_handoff"),
            )
        ),
        *(
            Row(f"no pool lock, {n} x 256 MB", "unmap together, pool lock removed", ms, "ms", "bench", PI,
                partial(bench.unmap_together, patched, n, 256), fitted)
            for n, ms, fitted in (
                (1, 56.0, "no_pool_lock.entry_inline_a72_ns"), (2, 66.7, "no_pool_lock.entry_inline_lock_a72_ns"),
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
                partial(bench.unmap_deferred, mib), "deferred.entry_enqueue_a72_ns" if mib == 256 else "")
            for mib, ms in ((64, 4.3), (128, 8.5), (256, 17.3))
        ),
        Row("swap-in on a little core", "256 MB faulted back in, per page", 20.7, "us", "bench",
            "Barry Song, RFC, 12 Apr 2026, RK3588", bench.swap_in),
    ]  # fmt: skip


def present_rows() -> list[Row]:
    """Return the rows of present pages; under schedutil the clock is not known, so all clocks are its scenes."""
    full, little = 1.0, LITTLE_845
    slowest_big, slowest_little = 0.32, LITTLE_845 * 0.3 / 1.6
    return [
        *(
            Row(f"present pages, {core}", "freed per second after a kill", mbs, "MB/s", "bench", SD845,
                partial(bench.free_present, capacity), fitted)
            for core, capacity, mbs, fitted in (
                ("big, full clock", full, 14_656, "resident_anon_ns"),
                ("little, full clock", little, 5_602, ""),
                ("big, 0.8 of 2.5 GHz", slowest_big, 5_084, ""),
                ("little, 0.3 of 1.6 GHz", slowest_little, 856, ""),
            )
        ),
        *(
            Row(f"present pages, {core}, schedutil", "freed per second after a kill, at half the range of clocks", mbs,
                "MB/s", "log", SD845, partial(bench.free_present, (low + high) / 2),
                scenes=(partial(bench.free_present, low), partial(bench.free_present, high)))
            for core, low, high, mbs in (("big", slowest_big, full, 7_282), ("little", slowest_little, little, 2_386))
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
    """Return the rows of exits on phones."""
    return [
        Row("exit, 400 MB swapped, idle", "kill to exit, 200 to 300 ms", 250, "ms", "log", LEI,
            logs.exit_on_flagship, "exit_wait_ms", varied=True),
        Row("exit, 400 MB swapped, loaded", "kill to exit, 400 to 500 ms", 450, "ms", "log", LEI,
            partial(logs.exit_on_flagship, others=2, load=0.9), varied=True,
            scenes=(partial(logs.exit_on_flagship, others=1, load=0.5),
                    partial(logs.exit_on_flagship, others=5, load=0.9))),
        Row("swap share of exit", "free_swap_and_cache_nr, 33 to 50 %", 40, "%", "log", LEI, logs.swap_share_of_exit,
            varied=True),
        Row("swap share of exit's CPU time", "the same, were it of CPU time", 40, "%", "log", LEI,
            partial(logs.cpu_of_swap, 400, "do_exit"), varied=True),
        Row("swap share of exit_mm, 2024", "free_swap_and_cache of exit_mm: an older kernel", 75, "%", "log", VIVO,
            partial(logs.cpu_of_swap, 366, "exit_mm"), varied=True),
        Row("swap share of do_exit, 2024", "free_swap_and_cache of do_exit: an older kernel", 54.7, "%", "log", VIVO,
            partial(logs.cpu_of_swap, 366, "do_exit"), varied=True),
        Row("CPU of ten exits", "share of all CPU during a camera launch, 25 % and more", 25, "%", "log", LEI,
            logs.cpu_of_exits, varied=True,
            scenes=(partial(logs.cpu_of_exits, apart_ms=50), partial(logs.cpu_of_exits, apart_ms=15),
                    partial(logs.cpu_of_exits, swap_mib=200), partial(logs.cpu_of_exits, swap_mib=500))),
        Row("kill to exit in a log", "113 MB resident, 139 MB swapped", 230, "ms", "log", LOG, logs.exit_of_the_log,
            varied=True, scenes=(partial(logs.exit_of_the_log, load=0.0), partial(logs.exit_of_the_log, others=2),
                                 partial(logs.exit_of_the_log, others=5, load=0.8))),
        Row("exit per MB of swap", "wall time on a loaded phone, of the order of", 1.0, "ms/MB", "log",
            "public device logs", logs.exit_per_mib, varied=True,
            scenes=(partial(logs.exit_per_mib, swap_mib=139), partial(logs.exit_per_mib, swap_mib=500),
                    partial(logs.exit_per_mib, others=4))),
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
                partial(logs.frames, percentile))
            for percentile, ms in ((50, 6), (90, 18), (95, 21), (99, 28))
        ),
        Row("missed deadlines", "share of frames, unloaded", 1.2, "%", "log", GFXINFO, logs.missed_deadlines,
            scenes=(partial(logs.missed_deadlines, load=0.5),)),
    ]  # fmt: skip
