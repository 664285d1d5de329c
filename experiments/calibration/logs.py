"""Phones in the wild, re-enacted as far as a log tells what was on them; what it does not tell becomes other scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from experiments.calibration.bench import Changes, cores
from experiments.calibration.board import MIB, Board
from swapgym.phone import constants as k
from swapgym.workload import draw, empty

OTHER_MS: Final = 21.0
"""CPU time of do_exit outside exit_mm: the middle of what the workload draws."""
SEEDS: Final = range(24)
FRAME_CAPACITY: Final = 620
"""Cores of the phone whose frames were dumped: a middle core (capacity-dmips-mhz of gs101.dtsi), as its model is not
known."""


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
def exit_on_flagship(changes: Changes, others: int = 0, load: float = 0.0, swap_mib: float = 400) -> float:
    """Return kill to exit (ms) of an app with 400 MB swapped, beside ``others`` like it and four busy threads."""
    board = Board("phone-12gb", "mainline", device_changes={"n_reapers": 0}, kernel_changes=changes)
    victims = [board.app(swap_mib, 70, 131, other_ms=OTHER_MS) for _ in range(1 + others)]
    for victim in victims:
        board.kill(victim)
    if load > 0:
        board.noise(4, load)
    board.run()
    return board.exit_ms(victims[0])


def swap_share_of_exit(changes: Changes) -> float:
    """Return the share (%) of kill to exit that releasing swap takes: how much sooner the exit ends without it."""
    return 100 * (1 - exit_on_flagship(changes, swap_mib=0) / exit_on_flagship(changes))


def cpu_of_swap(swap_mib: float, whole: str, changes: Changes) -> float:
    """Return the share (%) of swap release in the CPU time of ``exit_mm`` or of all of ``do_exit``, uncontended."""
    used = []
    for mib in (swap_mib, 0.0):
        board = Board(
            "phone-12gb", "mainline", device_changes={**cores(*[760] * 8), "n_reapers": 0}, kernel_changes=changes
        )
        board.kill(board.app(mib, 70, 131, other_ms=OTHER_MS if whole == "do_exit" else 0))
        used.append(float(board.run()["total"]["charged_ns"][k.CHARGE_EXIT]))
    return 100 * (1 - used[1] / used[0])


def cpu_of_exits(changes: Changes, apart_ms: float = 100, swap_mib: float = 350) -> float:
    """Return the share (%) of all CPU time that ten exits take in the second of a camera's launch.

    lmkd kills one app at a time and waits at most its kill timeout (100 ms unless a vendor changes it) for the one
    before.
    """
    board = Board("phone-12gb", "mainline", kernel_changes=changes, ms=1_000)
    for position in range(10):
        board.kill(board.app(swap_mib, 70, 131, other_ms=OTHER_MS), ms=apart_ms * position)
    board.noise(4, 0.8)
    charged = board.run()["total"]["charged_ns"]
    used_ms = float(charged[k.CHARGE_EXIT] + charged[k.CHARGE_LMKD_REAPER]) / 1e6
    return 100 * used_ms / (1_000 * int(board.scenario["device"]["n_cpus"]))


def exit_of_the_log(changes: Changes, others: int = 0, load: float = 0.5) -> float:
    """Return kill to exit (ms) of the logged app (113 MB resident, 139 MB swapped) while the camera works."""
    board = Board("phone-4gb", "mainline", kernel_changes=changes)
    victims = [board.app(138.5, 40, 73, other_ms=OTHER_MS) for _ in range(1 + others)]
    for victim in victims:
        board.kill(victim)
    board.noise(4, load)
    board.run()
    return board.exit_ms(victims[0])


def exit_per_mib(changes: Changes, swap_mib: float = 300, others: int = 1) -> float:
    """Return kill to exit (ms) per MB of swap on a loaded 4 GB phone."""
    board = Board("phone-4gb", "mainline", kernel_changes=changes, ms=6_000)
    victims = [board.app(swap_mib, 40, 73, other_ms=OTHER_MS) for _ in range(1 + others)]
    for victim in victims:
        board.kill(victim)
    board.noise(4, 0.7)
    board.run()
    return board.exit_ms(victims[0]) / swap_mib


# -------------------------------------------------------------------------------------------------------- backgrounding
def swap_share(app: Footprint, seconds: float, changes: Changes, touch_mib_per_s: float = 2.0) -> float:
    """Return VmSwap over VmRSS + VmSwap (%) of an app ``seconds`` after it went to the background.

    It starts with the memory it had in front. Entering cached pages it out (CachedAppOptimizer) but for its hot pages;
    what it touches comes back until the freezer stops it after 10 s.
    """
    board = Board("phone-8gb", "mainline", kernel_changes=changes, ms=round(max(1, seconds) * 1_000), tick_us=1_000)
    index = board.app(app.swap / 1_024, app.anon / 1_024, app.file / 1_024, adj=700)
    row = board.scenario["apps"][index]
    row["anon_hot_pages"] = round(STAYS_ANON * (app.anon + app.swap) / 4)
    row["file_hot_pages"] = round(STAYS_FILE * app.file / 4)
    row["touch_pages_per_s"] = round(touch_mib_per_s * MIB)
    board.scenario["file_cache_pages"] += app.file // 4
    if seconds > 0:
        board.event(200, k.EVENT_COMPACT, index)
    process = board.run()["processes"][index]
    swapped, resident = float(process["swap_entries"]), float(process["anon_pages"] + process["file_pages"])
    return 100 * swapped / (swapped + resident)


# ----------------------------------------------------------------------------------------------------------- foreground
def launch_times(preset: str, changes: Changes) -> list[float]:
    """Return the times (ms) of a preset's launches on an idle phone: no kills, no SCHED_FIFO load, no services."""
    took = []
    for seed in SEEDS:
        board = idle_phone(preset, seed, changes)
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


def missed_deadlines(changes: Changes, load: float = 0.0) -> float:
    """Return the share (%) of frames that miss their deadline while a phone of :data:`FRAME_CAPACITY` only draws."""
    late = drawn = 0
    for seed in SEEDS:
        board = idle_phone("app_switching", seed, changes)
        board.scenario["device"]["capacity"] = np.minimum(board.scenario["device"]["capacity"], FRAME_CAPACITY)
        board.scenario["n_events"] = 0
        if load > 0:
            board.noise(4, load)
        total = board.run()["total"]
        late += int(total["frames_janky"])
        drawn += int(total["frames"])
    return 100 * late / drawn


def idle_phone(preset: str, seed: int, changes: Changes) -> Board:
    """Return a drawn scenario of an 8 GB phone without background threads."""
    board = Board("phone-8gb", "mainline", kernel_changes=changes)
    draw(preset, seed, device="phone-8gb", kernel="mainline", out=board.scenario)
    board.change_kernel("mainline", changes)
    board.scenario["noise"]["period_us"] = 0
    return board


def compression(changes: Changes) -> float:
    """Return the median compression ratio of drawn scenarios."""
    drawn = []
    for seed in range(64):
        scenarios = empty(1)
        draw("mixed", seed, out=scenarios[0])
        drawn.append(float(scenarios[0]["compression"]) / k.UNIT)
    return float(np.median(drawn))


def frames(percentile: float, changes: Changes) -> float:
    """Return a percentile of a frame's CPU time (ms) on a middle core, of an unloaded foreground at 60 Hz."""
    costs = []
    for seed in range(8):
        scenarios = empty(1)
        draw("app_switching", seed, device="phone-8gb", out=scenarios[0])
        costs.append(scenarios[0]["frame_ui_us"] + scenarios[0]["frame_render_us"])
    return float(np.percentile(np.concatenate(costs), percentile)) / 1_000 * k.UNIT / FRAME_CAPACITY
