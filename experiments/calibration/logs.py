"""Phones in the wild, re-enacted as far as a log tells what was on them; what it does not tell becomes other scenes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from experiments.calibration.bench import Changes
from experiments.calibration.wild import Victim, exit_times
from swapgym.phone import constants as k
from swapgym.workload import draw, empty
from swapgym.workload.apps import FILES, MAPPINGS, THREADS, exit_size
from swapgym.workload.builder import MIB, PhoneBuilder
from swapgym.workload.devices import PHONE_8GB, PHONE_16GB

SEEDS: Final = range(24)
TICK_US: Final = 250
LEI_PHONE: Final = replace(PHONE_16GB, name="lei-liu", ram_mib=12_288, n_reapers=0)
"""4 + 3 + 1 cores of 2025 and 12 GB; whether a reaper helped is not told."""


@dataclass(frozen=True)
class Footprint:
    """An app in front (KiB of VmSwap, RssAnon, RssFile)."""

    swap: int
    anon: int
    file: int


VIDEO: Final = Footprint(202_692, 247_348, 205_536)
GAME: Final = Footprint(546_584, 151_616, 281_672)
STAYS_ANON, STAYS_FILE = 0.16, 0.64
"""What paging out leaves resident, of all anonymous and of file memory: the video app's plateau after 15 minutes."""


# ---------------------------------------------------------------------------------------------------------------- exits
def add_app(board: PhoneBuilder, swap_mib: float, anon_mib: float, file_mib: float, released: float = 1.0) -> int:
    """Add a cached app whose threads, mappings and files go by its footprint; return its index.

    ``released`` leaves out swap that another has released before, at the same footprint.
    """
    footprint = swap_mib + anon_mib + file_mib
    return board.app(
        swap_mib * released, anon_mib, file_mib, threads=round(exit_size(THREADS, footprint)),
        mappings=round(exit_size(MAPPINGS, footprint)), files=round(exit_size(FILES, footprint)),
    )  # fmt: skip


def busy(board: PhoneBuilder, load: float) -> None:
    """Let four background threads want ``load`` of the largest CPU each."""
    for index in range(4 if load > 0 else 0):
        board.background_thread(index, load, period_us=4_000, phase_us=500 * index)


def exit_on_flagship(
    changes: Changes, others: int = 0, load: float = 0.0, swapped: bool = True, resident_mib: float = 200
) -> float:
    """Return kill to exit (ms) of an app with 400 MB swapped, beside ``others`` like it and four busy threads.

    ``swapped`` off: the same app, had somebody else released its swap before.
    """
    board = PhoneBuilder(LEI_PHONE, "mainline", kernel_changes=changes, tick_us=TICK_US)
    anon_mib, file_mib = 0.34 * resident_mib, 0.66 * resident_mib
    victims = [add_app(board, 400, anon_mib, file_mib, 1.0 if n or swapped else 0.0) for n in range(1 + others)]
    for victim in victims:
        board.kill(victim, ms=100)
    busy(board, load)
    board.run()
    return board.exit_ms(victims[0])


def entry_on_flagship(changes: Changes, others: int = 0, load: float = 0.0) -> float:
    """Return the wall time (ns) per entry of such an exit: what it takes longer than one with nothing swapped."""
    with_swap = exit_on_flagship(changes, others, load)
    return (with_swap - exit_on_flagship(changes, others, load, swapped=False)) * 1e6 / (400 * MIB)


def swap_share_of_exit(changes: Changes, others: int = 0, load: float = 0.0) -> float:
    """Return the share (%) of kill to exit that releasing swap takes: how much sooner the exit ends without it."""
    whole = exit_on_flagship(changes, others, load)
    return 100 * (1 - exit_on_flagship(changes, others, load, swapped=False) / whole)


def cpu_of_swap(swap_mib: float, whole: str, changes: Changes) -> float:
    """Return the share (%) of swap release in the CPU time of ``exit_mm`` or of all of ``do_exit``, uncontended."""
    used = []
    for mib in (swap_mib, 0.0):
        own = replace(PHONE_8GB, n_reapers=0, schedutil=False)
        board = PhoneBuilder(own, "mainline", kernel_changes=changes, tick_us=TICK_US)
        app = add_app(board, swap_mib, 70, 131, mib / swap_mib)
        row = board.scenario["apps"][app]
        if whole == "exit_mm":
            row["mappings"], row["files"], row["threads"] = 0, 0, 1
        board.kill(app)
        board.run()
        used.append(board.charged_ms(k.CHARGE_EXIT))
    return 100 * (1 - used[1] / used[0])


def traced_exit(changes: Changes, swap_mib: float = 366, others: int = 2, load: float = 0.9) -> float:
    """Return what releasing the swap of an app takes of its exit's wall time (ms) on a loaded 8 GB phone."""
    took = []
    for released in (1.0, 0.0):
        board = PhoneBuilder(replace(PHONE_8GB, n_reapers=0), "mainline", kernel_changes=changes, tick_us=TICK_US)
        victims = [add_app(board, swap_mib, 70, 131, 1.0 if n else released) for n in range(1 + others)]
        for victim in victims:
            board.kill(victim)
        busy(board, load)
        board.run()
        took.append(board.exit_ms(victims[0]))
    return took[0] - took[1]


def cpu_of_exits(changes: Changes, apart_ms: float = 100, swap_mib: float = 350) -> float:
    """Return the share (%) of all CPU time that ten exits take in the second of a camera's launch.

    lmkd kills one app at a time and waits at most its kill timeout (100 ms unless a vendor changes it) for the one
    before.
    """
    board = PhoneBuilder(LEI_PHONE, "mainline", kernel_changes=changes, ms=1_000, tick_us=TICK_US)
    for position in range(10):
        board.kill(add_app(board, swap_mib, 70, 131), ms=apart_ms * position)
    busy(board, 0.8)
    board.run()
    used_ms = board.charged_ms(k.CHARGE_EXIT) + board.charged_ms(k.CHARGE_LMKD_REAPER)
    return 100 * used_ms / (1_000 * len(LEI_PHONE.capacity))


def exit_in_a_log(victim: Victim, percentile: float, changes: Changes) -> float:
    """Return a percentile of kill to exit (ms) of an app whose size a log tells, over drawn phones of its class."""
    return float(np.percentile(exit_times(victim, 48, changes={"kernel": dict(changes)}), percentile))


# -------------------------------------------------------------------------------------------------------- backgrounding
def swap_share(app: Footprint, seconds: float, changes: Changes, touch_mib_per_s: float = 2.0) -> float:
    """Return VmSwap over VmRSS + VmSwap (%) of an app ``seconds`` after it went to the background.

    It starts with the memory it had in front. Entering cached pages it out (CachedAppOptimizer) but for its hot pages;
    what it touches comes back until the freezer stops it after 10 s.
    """
    board = PhoneBuilder("phone-8gb", "mainline", kernel_changes=changes, ms=round(max(1, seconds) * 1_000))
    index = board.app(
        app.swap / 1_024, app.anon / 1_024, app.file / 1_024, adj=700,
        anon_hot_pages=round(STAYS_ANON * (app.anon + app.swap) / 4), file_hot_pages=round(STAYS_FILE * app.file / 4),
        touch_pages_per_s=round(touch_mib_per_s * MIB),
    )  # fmt: skip
    board.scenario["file_cache_pages"] += app.file // 4
    if seconds > 0:
        board.event(200, k.EVENT_COMPACT, index)
    process = board.run()["processes"][index]
    swapped, resident = float(process["swap_entries"]), float(process["anon_pages"] + process["file_pages"])
    return 100 * swapped / (swapped + resident)


# ----------------------------------------------------------------------------------------------------------- foreground
def launch_times(preset: str, changes: Changes, load: bool = False) -> list[float]:
    """Return the times (ms) of a preset's launches on an idle 8 GB phone: no kills, no SCHED_FIFO load, no services."""
    took = []
    for seed in SEEDS:
        board = calm_phone(preset, seed, changes, load)
        events = board.scenario["events"][: int(board.scenario["n_events"])]
        board.scenario["launches"]["gate_timeout_us"] = 0
        board.scenario["events"][0] = events[events["kind"] == k.EVENT_LAUNCH][0].copy()
        board.scenario["n_events"] = 1
        launch = board.run()["launches"][0]
        if launch["phase"] == k.LAUNCH_DONE:
            took.append(float(launch["done_us"] - launch["start_us"]) / k.MS)
    return took


def launch_time(preset: str, changes: Changes) -> float:
    """Return the mean time (ms) of a preset's launches on an idle phone."""
    return float(np.mean(launch_times(preset, changes)))


def launch_percentile(preset: str, percentile: float, changes: Changes) -> float:
    """Return a percentile of these times (ms): a log is of one app, not of the mean one."""
    return float(np.percentile(launch_times(preset, changes), percentile))


def calm_phone(preset: str, seed: int, changes: Changes, load: bool = True) -> PhoneBuilder:
    """Return a drawn scenario of an 8 GB phone, with or without its background threads."""
    board = PhoneBuilder("phone-8gb", "mainline", tick_us=TICK_US)
    draw(preset, seed, device="phone-8gb", kernel="mainline", overrides={"kernel": dict(changes)}, tick_us=TICK_US,
         out=board.scenario)  # fmt: skip
    if not load:
        board.scenario["background_threads"]["period_us"] = 0
    return board


def compression(changes: Changes) -> float:
    """Return the median compression ratio of drawn scenarios."""
    drawn = []
    for seed in range(64):
        scenarios = empty(1)
        draw("mixed", seed, out=scenarios[0])
        drawn.append(float(scenarios[0]["compression"]) / k.UNIT)
    return float(np.median(drawn))


def scroll(changes: Changes, load: bool = True) -> tuple[Any, float]:
    """Return the times (ms) of frames on an 8 GB phone that only draws, and the share (%) that miss their deadline."""
    times: list[float] = []
    late = drawn = 0
    for seed in SEEDS:
        board = calm_phone("app_switching", seed, changes, load)
        board.scenario["n_events"] = 0
        times += frame_times(board)
        late += int(board.phone["total"]["frames_janky"])
        drawn += int(board.phone["total"]["frames"])
    return np.array(times), 100 * late / drawn


def frame_times(board: PhoneBuilder) -> list[float]:
    """Run a phone to its end; return its frames' times from their vsync until they were drawn (ms)."""
    board.start()
    started: list[int] = []
    times: list[float] = []
    end_ms = float(board.scenario["duration_us"]) / k.MS
    while float(board.phone["now_us"]) / k.MS < end_ms:
        phone = board.go_on(until_ms=float(board.phone["now_us"] + TICK_US) / k.MS)
        if phone["frame"]["index"] > len(started):
            started.append(int(phone["frame"]["ui_start_us"]))
        while phone["total"]["frames"] > len(times):
            times.append(float(phone["now_us"] - started[len(times)]) / k.MS)
    return times


def frame_percentile(percentile: float, changes: Changes) -> float:
    """Return a percentile of frame times (ms)."""
    return float(np.percentile(scroll(changes)[0], percentile))


def missed_deadlines(changes: Changes, load: bool = True) -> float:
    """Return the share (%) of frames that miss their deadline."""
    return scroll(changes, load)[1]
