"""One app on a phone put together by hand: how it exits, and what becomes of it in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from experiments.letter.scenes import DEVICE
from swapgym.phone import constants as k
from swapgym.workload import PhoneBuilder
from swapgym.workload.apps import FILES, MAPPINGS, THREADS, exit_size
from swapgym.workload.kernels import LITTLE_CPUS, MAINLINE
from swapgym.workload.uncertain import draw_phone

MIB: Final = k.PAGES_PER_MIB
SWAP_MIB: Final = (0, 100, 200, 400)
"""What is left of an app's swapped memory when it is killed."""
FILE_MIB: Final = 131.0
SPREAD: Final = np.array([MAINLINE.phone_sigma, MAINLINE.entry_sigma, MAINLINE.contention_sigma])
BUSY: Final = 0.95
"""What a thread on each little core wants of it on a busy phone."""
STAYS_ANON, STAYS_FILE = 0.16, 0.64
"""What paging out leaves resident, of all anonymous and of file memory: the plateau of vivo's video app after 15
minutes (v1 reply, 31 Jul 2024)."""

TUNING: Final[dict[str, dict[str, Any]]] = {
    "as shipped": {},
    "no compaction": {"compaction": False},
    "no freezer": {"freezer": False},
    "swappiness 0": {"swappiness": 0},
    "swappiness 200": {"swappiness": 200},
    "no background cpuset": {"background_cpus": tuple(range(8))},
    "no compaction, no freezer": {"compaction": False, "freezer": False},
    "no compaction, swappiness 0": {"compaction": False, "swappiness": 0},
    "no compaction, swappiness 0, no freezer": {"compaction": False, "swappiness": 0, "freezer": False},
}
"""What Android does to a cached app, and each of it left out. Swappiness is the system's, not the app's."""


def one_exit(
    swap: float, resident: float, killer: int, seed: int, *, busy: bool = False, only_mm: bool = False,
    device: Mapping[str, Any] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Kill one app on a phone drawn from ``seed``, without a reaper; return exit latency and CPU time (ms).

    Args:
        swap: Its memory in swap (MiB).
        resident: Its resident anonymous memory (MiB).
        killer: KILLER_SCENARIO_LMKD or KILLER_ACTIVITY_MANAGER.
        seed: Draws the phone's own costs.
        busy: Background threads keep the little cores busy.
        only_mm: It has an address space and no threads, mappings and files to see off.
        device: Device fields replaced.
    """
    board = PhoneBuilder(DEVICE, MAINLINE, device_changes={"n_reapers": 0, **(device or {})}, ms=6_000, tick_us=250)
    draw_phone(board.scenario, SPREAD, seed)
    # an app keeps its threads, mappings and files, however much of its memory is swapped
    footprint = resident + FILE_MIB + max(SWAP_MIB)
    threads, mappings, files = (
        0 if only_mm else round(exit_size(law, footprint)) for law in (THREADS, MAPPINGS, FILES)
    )
    victim = board.app(swap, resident, FILE_MIB, threads=threads, mappings=mappings, files=files)
    board.kill(victim, killer=killer)
    if busy:
        capacity = int(board.device["capacity"][0]) / k.UNIT
        for thread in range(k.MAX_BACKGROUND_THREADS):
            board.background_thread(
                thread, BUSY * capacity, mask=LITTLE_CPUS, period_us=4 * k.MS, phase_us=500 * thread
            )
    board.run()
    return {"exit_ms": board.exit_ms(victim), "cpu_ms": board.charged_ms(k.CHARGE_EXIT)}


def swap_share_after(seconds: float, tuning: Mapping[str, Any], seed: int) -> float:
    """Return VmSwap over VmRSS + VmSwap (%) of an app ``seconds`` after it left the front, on a phone in use.

    The app is drawn (anonymous memory log-normal around 450 MB, of which 25 to 45 % was swapped in front, as of vivo's
    two apps; file pages 150 to 280 MB; 0.2 to 4 MB/s touched until something freezes it). Every 40 s, eight times
    in all, another app of 300 MB is started, so that the phone must reclaim.
    """
    rng = np.random.default_rng(seed)
    anon = float(np.clip(450 * np.exp(0.4 * rng.standard_normal()), 150, 1_200))
    swapped = anon * rng.uniform(0.25, 0.45)
    file = rng.uniform(150, 280)
    board = PhoneBuilder(DEVICE, MAINLINE, device_changes=tuning, ms=max(0.2, seconds) * 1_000)
    for _ in range(12):  # colder: reclaim and lmkd come to them first
        board.app(150, 120, 60, anon_hot_pages=60 * MIB, frozen=1)
    index = board.app(
        swapped, anon - swapped, file, adj=k.PREVIOUS_APP_ADJ, anon_hot_pages=round(STAYS_ANON * anon * MIB),
        file_hot_pages=round(STAYS_FILE * file * MIB), touch_pages_per_s=round(rng.uniform(0.2, 4.0) * MIB),
    )  # fmt: skip
    board.leave_free(250 * MIB)
    board.event(100, k.EVENT_COMPACT, index)
    for launch in range(min(k.MAX_LAUNCHES, int(seconds / 40 + 0.5))):
        board.launch(
            20_000 + 40_000 * launch, foreground=0, nice=10, work_ns=100_000_000, burst_anon_pages=300 * MIB,
            burst_us=1_000_000,
        )  # fmt: skip
    process = board.run()["processes"][index]
    swap, resident = float(process["swap_entries"]), float(process["anon_pages"] + process["file_pages"])
    return 100 * swap / (swap + resident)
