"""One row per published figure: what was measured, how it is re-enacted, and whether a parameter was fitted on it.

Rows of kind ``bench`` come from microbenchmarks on named hardware; rows of kind ``log`` from phones in the wild, whose
load, cores and kernels are known only roughly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from experiments.calibration.board import MIB, Board
from swapgym.phone import constants as k
from swapgym.workload import draw, empty

PI: Final = "Hao and Chen, linux-mm, 26 to 30 Apr 2026, Raspberry Pi 4B, lzo-rle"
SD845: Final = "Baghdasaryan, RFC expedited memory reclaim, Apr 2019, Snapdragon 845"
LEI: Final = "Lei Liu, reply of Sep 2025, 12 GB phone"
VIVO: Final = "Zhiguo Jiang, v1 reply, 31 Jul 2024, 8 GB phone"
OWN: Final = "own runs, Linux 6.1, zram lzo-rle"
LOG: Final = "public device log, Samsung 3.77 GB"
LITTLE_845: Final = 0.382
"""Capacity of its little cores over its big ones: 611 against 1024 DMIPS per MHz (sdm845.dtsi), 1.6 against 2.5 GHz."""

AT_ONCE: Final = {"exit_signal_ms": 0.0, "exit_wait_ms": 0.0}
"""A thread that unmaps has no threads to wait for and no exit to finish."""

Changes = Mapping[str, float]


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
    """

    name: str
    what: str
    published: float
    unit: str
    kind: Literal["bench", "log"]
    source: str
    simulate: Callable[[Changes], float]
    fitted: str = ""


# ------------------------------------------------------------------------------------------------------- re-enactments
def unmap_together(kernel: str, processes: int, mib: float, route: int, changes: Changes) -> float:
    """Return the time (ms) until all of ``processes`` have unmapped ``mib`` of swapped memory each, at once."""
    board = Board("a72-board", kernel, kernel_changes={**changes, **AT_ONCE, "work_item_entries": 1 << 30})
    victims = [board.app(swap_mib=mib) for _ in range(processes)]
    for victim in victims:
        board.kill(victim)
    board.run(route)
    return max(board.exit_ms(victim) for victim in victims)


def unmap_deferred(mib: float, changes: Changes) -> float:
    """Return the time (ms) one process takes to unmap ``mib`` when all it frees is left to the worker."""
    unbounded = {**changes, "queue_capacity": 1 << 30}
    return unmap_together("zsmalloc-deferred", 1, mib, k.KWORKER, unbounded)


def free_present(capacity: float, changes: Changes) -> float:
    """Return MB/s of present memory freed by one thread on a core of ``capacity`` (1 = the largest at full clock)."""
    cores = {
        "capacity": [round(k.UNIT * capacity)],
        "top_app_cpus": [0],
        "foreground_cpus": [0],
        "background_cpus": [0],
    }
    board = Board("a72-board", "mainline", device_changes=cores, kernel_changes={**changes, **AT_ONCE})
    victim = board.app(anon_mib=400)
    board.kill(victim)
    board.run()
    return 400 / board.exit_ms(victim) * 1_000


def exit_on_flagship(others: int, load: float, changes: Changes) -> float:
    """Return kill to exit (ms) of an app with 400 MB swapped, beside ``others`` like it and four busy threads."""
    board = Board("phone-12gb", "mainline", device_changes={"n_reapers": 0}, kernel_changes=changes)
    victims = [board.app(400, 70, 131, other_ms=21) for _ in range(1 + others)]
    for victim in victims:
        board.kill(victim)
    if load > 0:
        board.noise(4, load)
    board.run()
    return board.exit_ms(victims[0])


def exit_of_the_log(changes: Changes) -> float:
    """Return kill to exit (ms) of the logged app (113 MB resident, 139 MB swapped), two others dying beside it."""
    board = Board("phone-4gb", "mainline", kernel_changes=changes)
    victims = [board.app(138.5, 40, 73, other_ms=21) for _ in range(3)]
    for victim in victims:
        board.kill(victim)
    board.noise(4, 0.5)
    board.run()
    return board.exit_ms(victims[0])


def swap_share_of_exit(changes: Changes) -> float:
    """Return the share of an exit's time that releasing swap entries takes: how much sooner it ends without them."""
    whole = exit_on_flagship(0, 0.0, changes)
    board = Board("phone-12gb", "mainline", device_changes={"n_reapers": 0}, kernel_changes=changes)
    victim = board.app(0, 70, 131, other_ms=21)
    board.kill(victim)
    board.run()
    return 100 * (1 - board.exit_ms(victim) / whole)


def cpu_of_exits(changes: Changes) -> float:
    """Return the share (%) of all CPU time that ten exits take in the first second, about a camera's launch."""
    board = Board("phone-12gb", "mainline", kernel_changes=changes, ms=1_000)
    victims = [board.app(350, 70, 131, other_ms=21) for _ in range(10)]
    for position, victim in enumerate(victims):
        board.kill(victim, ms=15 * position)
    board.noise(4, 0.8)
    board.run()
    charged = board.phone["total"]["charged_ns"]
    used_ms = float(charged[k.CHARGE_EXIT] + charged[k.CHARGE_LMKD_REAPER]) / 1e6
    return 100 * used_ms / (1_000 * int(board.scenario["device"]["n_cpus"]))


def memory_back(share: float, exponent: float, changes: Changes) -> float:
    """Return the share (%) of the pool that comes back when ``share`` of its entries are freed."""
    board = Board("a72-board", "mainline", kernel_changes={**changes, **AT_ONCE, "zspage_return": exponent})
    dying = board.app(swap_mib=400 * share)
    board.app(swap_mib=400 * (1 - share))
    board.kill(dying)
    before = int(board.scenario["pool_pages"])
    board.run()
    return 100 * (1 - float(board.phone["pool_pages"]) / before)


def swap_share(seconds: float, changes: Changes) -> float:
    """Return VmSwap over VmRSS + VmSwap (%) of the video app ``seconds`` after it went to the background.

    It starts with the memory it had in front; entering cached pages it out (CachedAppOptimizer) but for its hot pages.
    """
    board = Board("phone-8gb", "mainline", kernel_changes=changes, ms=round(max(1, seconds) * 1_000), tick_us=1_000)
    app = board.app(202_692 / 1_024, 247_348 / 1_024, 205_536 / 1_024, adj=700)
    row = board.scenario["apps"][app]
    row["anon_hot_pages"] = row["anon_pages"] * 16 // 55  # 84 % of anonymous memory is swapped in the end
    row["file_hot_pages"] = row["file_pages"] * 64 // 100
    board.scenario["file_cache_pages"] += 205 * MIB
    if seconds > 0:
        board.event(200, k.EVENT_COMPACT, app)
    board.run()
    process = board.phone["processes"][app]
    swapped, resident = float(process["swap_entries"]), float(process["anon_pages"] + process["file_pages"])
    return 100 * swapped / (swapped + resident)


def drain_under_realtime(changes: Changes) -> float:
    """Return the CPU share (%) left to a worker in two seconds in which its CPU is under SCHED_FIFO, throttled."""
    one = {"capacity": [1_024], "top_app_cpus": [0], "foreground_cpus": [0], "background_cpus": [0]}
    used_ms = []
    for until_ms in (1_000, 3_000):
        own = {**changes, **AT_ONCE}
        board = Board("a72-board", "vivo-async", device_changes=one, kernel_changes=own, ms=until_ms)
        victim = board.app(swap_mib=2_000)
        board.kill(victim, ms=950)
        board.event(1_000, k.EVENT_RT, 1, 1_000)
        board.run(k.KWORKER)
        used_ms.append(float(board.phone["total"]["charged_ns"][k.CHARGE_KWORKER]) / 1e6)
    return 100 * (used_ms[1] - used_ms[0]) / 2_000


def shared_waste(changes: Changes) -> float:
    """Return the CPU time of victim and reaper on one address space, over what it is without most of the waste."""
    used = []
    for waste in (0.20, 0.03):
        own = {**changes, **AT_ONCE, "pte_waste": waste}
        board = Board("a72-board", "mainline-no-pool-lock", device_changes={"n_reapers": 1}, kernel_changes=own)
        board.kill(board.app(swap_mib=60, anon_mib=400))
        charged = board.run()["total"]["charged_ns"]
        used.append(float(charged[k.CHARGE_EXIT] + charged[k.CHARGE_LMKD_REAPER]))
    return used[0] / used[1]


def swap_in(changes: Changes) -> float:
    """Return the time (us) to fault one page back in on a little core of capacity 250."""
    one = {"capacity": [250], "top_app_cpus": [0], "foreground_cpus": [0], "background_cpus": [0]}
    board = Board("a72-board", "mainline", device_changes=one, kernel_changes=changes, ms=4_000)
    app = board.app(swap_mib=256)
    board.scenario["launches"][0] = (app, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 256 * MIB, 0)
    board.scenario["n_launches"] = 1
    board.event(0, k.EVENT_LAUNCH, 0)
    launch = board.run()["launches"][0]
    return float(launch["done_us"] - launch["burst_us"]) / (256 * MIB)


def launch_time(preset: str, changes: Changes) -> float:
    """Return the mean time (ms) of a preset's launches on an idle phone: no kills, no SCHED_FIFO load, no services."""
    took = []
    for seed in range(24):
        board = Board("phone-8gb", "mainline", kernel_changes=changes)
        draw(preset, seed, device="phone-8gb", kernel="mainline", out=board.scenario)
        events = board.scenario["events"][: int(board.scenario["n_events"])]
        board.scenario["launches"]["gate_timeout_us"] = 0
        board.scenario["noise"]["period_us"] = 0
        kept = events[(events["kind"] == k.EVENT_LAUNCH)][:1].copy()
        board.scenario["events"][0] = kept[0]
        board.scenario["n_events"] = 1
        launch = board.run()["launches"][0]
        if launch["phase"] == k.LAUNCH_DONE:
            took.append(float(launch["done_us"] - launch["start_us"]) / k.MS)
    return float(np.mean(took))


def compression(changes: Changes) -> float:
    """Return the median compression ratio of drawn scenarios."""
    drawn = []
    for seed in range(64):
        scenarios = empty(1)
        draw("mixed", seed, out=scenarios[0])
        drawn.append(float(scenarios[0]["compression"]) / k.UNIT)
    return float(np.median(drawn))


def frames(percentile: float, changes: Changes) -> float:
    """Return a percentile of a frame's CPU time (ms) on a core of capacity 620, of an unloaded foreground at 60 Hz."""
    costs = []
    for seed in range(8):
        scenarios = empty(1)
        draw("app_switching", seed, device="phone-8gb", out=scenarios[0])
        costs.append(scenarios[0]["frame_ui_us"] + scenarios[0]["frame_render_us"])
    return float(np.percentile(np.concatenate(costs), percentile)) / 1_000 * k.UNIT / 620


def rows() -> list[Row]:
    """Return all rows."""
    together = functools.partial
    inline = k.INLINE
    base, patched = "mainline", "mainline-no-pool-lock"
    listed = [
        *(
            Row(f"pool lock, {n} x 256 MB", "unmap together, pool lock", ms, "ms", "bench", PI,
                together(unmap_together, base, n, 256, inline), fitted)
            for n, ms, fitted in (
                (1, 59.0, "entry_inline_a72_ns"), (2, 94.6, "entry_inline_lock_a72_ns"), (4, 202.9, "lock_handoff"),
            )
        ),
        *(
            Row(f"no pool lock, {n} x 256 MB", "unmap together, pool lock removed", ms, "ms", "bench", PI,
                together(unmap_together, patched, n, 256, inline), fitted)
            for n, ms, fitted in (
                (1, 56.0, "no_pool_lock.entry_inline_a72_ns"), (2, 66.7, "no_pool_lock.entry_inline_lock_a72_ns"),
                (4, 110.6, ""),
            )
        ),
        *(
            Row(f"synchronous, {mib} MB", "unmap alone, synchronous", ms, "ms", "bench", PI,
                together(unmap_together, base, 1, mib, inline))
            for mib, ms in ((64, 15.0), (128, 28.7), (256, 57.0))
        ),
        *(
            Row(f"deferred, {mib} MB", "unmap alone, zsmalloc part deferred", ms, "ms", "bench", PI,
                together(unmap_deferred, mib),
                "deferred.entry_enqueue_a72_ns" if mib == 256 else "")
            for mib, ms in ((64, 4.3), (128, 8.5), (256, 17.3))
        ),
        *(
            Row(f"present pages, {core}", "freed per second after a kill", mbs, "MB/s", "bench", SD845,
                together(free_present, capacity), fitted)
            for core, capacity, mbs, fitted in (
                ("big, full clock", 1.0, 14_656, "resident_anon_ns"),
                ("little, full clock", LITTLE_845, 5_602, ""),
                ("big, 0.8 of 2.5 GHz", 0.32, 5_084, ""),
                ("little, 0.3 of 1.6 GHz", LITTLE_845 * 0.3 / 1.6, 856, ""),
            )
        ),
        *(
            Row(f"memory back, {share} % freed", "share of the pool, grain of 256 pages", back, "%", "bench", OWN,
                together(memory_back, share / 100, 0.943))
            for share, back in ((25, 23), (75, 73), (100, 100))
        ),
        Row("SCHED_FIFO floor", "CPU left to a worker, throttling on", 5.0, "%", "bench",
            "Documentation/scheduler/sched-rt-group.rst", drain_under_realtime),
        Row("exit, 400 MB swapped, idle", "kill to exit, 200 to 300 ms", 250, "ms", "log", LEI,
            together(exit_on_flagship, 0, 0.0), "exit_wait_ms"),
        Row("exit, 400 MB swapped, loaded", "kill to exit, 400 to 500 ms", 450, "ms", "log", LEI,
            together(exit_on_flagship, 2, 0.9)),
        Row("swap share of exit", "free_swap_and_cache_nr, 33 to 50 %", 40, "%", "log", LEI, swap_share_of_exit),
        Row("CPU of ten exits", "share of all CPU during a camera launch, 25 % and more", 25, "%", "log", LEI, cpu_of_exits),
        Row("kill to exit in a log", "113 MB resident, 139 MB swapped", 230, "ms", "log", LOG, exit_of_the_log),
        *(
            Row(f"swap share, {label}", "VmSwap over VmRSS + VmSwap, video app", share, "%", "log", VIVO,
                together(swap_share, seconds))
            for label, seconds, share in (("front", 0, 30.9), ("5 s", 5, 57.0), ("1 min", 60, 63.6), ("15 min", 900, 64.7))
        ),
        Row("reaper and victim on one address space", "CPU time over that after the mend", 167.1 / 132.6, "1", "bench",
            "5e1953dc71af, arm64, Sep 2025", shared_waste),
        Row("swap-in on a little core", "256 MB faulted back in, per page", 20.7, "us", "bench",
            "Barry Song, RFC, 12 Apr 2026, RK3588", swap_in),
        Row("camera launch, idle", "time to display", 773, "ms", "log", "public device log",
            together(launch_time, "camera_launch")),
        Row("app launch, idle", "Settings, cold", 439, "ms", "log", "public device log",
            together(launch_time, "app_switching")),
        Row("compression", "swapped over physical, median of nine dumps", 3.3, "1", "log", "public dumpsys extracts",
            compression),
        *(
            Row(f"frame time, p{percentile}", "gfxinfo of a store app", ms, "ms", "log", "public gfxinfo dump, 987 frames",
                together(frames, percentile))
            for percentile, ms in ((50, 6), (90, 18), (95, 21), (99, 28))
        ),
    ]  # fmt: skip
    return listed
