"""Microbenchmarks, re-enacted: what was run, on which cores, and what was timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from experiments.calibration.board import MIB, Board
from swapgym.phone import constants as k

AT_ONCE: Final = {"exit_signal_ms": 0.0, "exit_wait_ms": 0.0}
"""A thread that unmaps has no threads to wait for and no exit to finish."""
LITTLE_845: Final = 0.382
"""Capacity of its little cores over its big ones: 611 against 1024 DMIPS per MHz (sdm845.dtsi), 1.6 against 2.5 GHz."""
ALTERNATING: Final = 0.943
"""Exponent of the zspage law in the runs with turns of 256 pages: what gives 48 % back for 50 % of the entries."""

Changes = Mapping[str, float]


def cores(*capacities: int) -> dict[str, Any]:
    """Return device changes for these cores, all of them in every cpuset."""
    every = list(range(len(capacities)))
    return {"capacity": capacities, "top_app_cpus": every, "foreground_cpus": every, "background_cpus": every}


def unmap(
    kernel: str,
    processes: int,
    mib: float,
    changes: Changes,
    *,
    route: int = k.INLINE,
    on: Mapping[str, Any] | None = None,
) -> tuple[float, Any]:
    """Let ``processes`` unmap ``mib`` of swapped memory each, at once; return the time (ms) it takes, and the phone."""
    board = Board(
        "a72-board",
        kernel,
        device_changes=on,
        kernel_changes={**changes, **AT_ONCE, "work_item_entries": 1 << 30},
        ms=6_000,
    )
    victims = [board.app(swap_mib=mib) for _ in range(processes)]
    for victim in victims:
        board.kill(victim)
    phone = board.run(route)
    return max(board.exit_ms(victim) for victim in victims), phone


def unmap_together(kernel: str, processes: int, mib: float, changes: Changes) -> float:
    """Return the time (ms) until all of ``processes`` have unmapped ``mib`` of swapped memory each, at once."""
    return unmap(kernel, processes, mib, changes)[0]


def unmap_deferred(mib: float, changes: Changes) -> float:
    """Return the time (ms) one process takes to unmap ``mib`` when all it frees is left to the worker."""
    return unmap("zsmalloc-deferred", 1, mib, {**changes, "queue_capacity": 1 << 30}, route=k.KWORKER)[0]


def free_present(capacity: float, changes: Changes) -> float:
    """Return MB/s of present memory freed by one thread on a core of ``capacity`` (1 = the largest at full clock)."""
    one = cores(round(k.UNIT * capacity))
    board = Board("a72-board", "mainline", device_changes=one, kernel_changes={**changes, **AT_ONCE})
    victim = board.app(anon_mib=400)
    board.kill(victim)
    board.run()
    return 400 / board.exit_ms(victim) * 1_000


def memory_back(share: float, changes: Changes, exponent: float | None = None) -> float:
    """Return the share (%) of the pool that comes back when ``share`` of its entries are freed."""
    own = {} if exponent is None else {"zspage_return": exponent}
    board = Board("a72-board", "mainline", kernel_changes={**changes, **AT_ONCE, **own})
    dying = board.app(swap_mib=400 * share)
    board.app(swap_mib=400 * (1 - share))
    board.kill(dying)
    before = int(board.scenario["pool_pages"])
    board.run()
    return 100 * (1 - float(board.phone["pool_pages"]) / before)


def drain_under_realtime(changes: Changes) -> float:
    """Return the CPU share (%) left to a worker in two seconds in which its CPU is under SCHED_FIFO, throttled."""
    used_ms = []
    for until_ms in (1_000, 3_000):
        own = {**changes, **AT_ONCE}
        board = Board("a72-board", "vivo-async", device_changes=cores(k.UNIT), kernel_changes=own, ms=until_ms)
        victim = board.app(swap_mib=2_000)
        board.kill(victim, ms=950)
        board.event(1_000, k.EVENT_RT, 1, 1_000)
        board.run(k.KWORKER)
        used_ms.append(float(board.phone["total"]["charged_ns"][k.CHARGE_KWORKER]) / 1e6)
    return 100 * (used_ms[1] - used_ms[0]) / 2_000


def beside_a_reaper(waste: float, changes: Changes) -> tuple[float, float]:
    """Return CPU time (ms) of a victim and of the reaper that works on its address space from the other end."""
    own = {**changes, **AT_ONCE, "pte_waste": waste}
    board = Board("a72-board", "mainline-no-pool-lock", device_changes={"n_reapers": 1}, kernel_changes=own)
    board.kill(board.app(swap_mib=60, anon_mib=400))
    charged = board.run()["total"]["charged_ns"]
    return float(charged[k.CHARGE_EXIT]) / 1e6, float(charged[k.CHARGE_LMKD_REAPER]) / 1e6


def shared_waste(changes: Changes) -> float:
    """Return the CPU time of victim and reaper together before the mend, over that after it."""
    return sum(beside_a_reaper(0.20, changes)) / sum(beside_a_reaper(0.03, changes))


def share_of_victim(waste: float, changes: Changes) -> float:
    """Return the victim's share (%) of what victim and reaper do together."""
    victim, reaper = beside_a_reaper(waste, changes)
    return 100 * victim / (victim + reaper)


def swap_in(changes: Changes) -> float:
    """Return the time (us) to fault one page back in on a little core of capacity 250."""
    board = Board("a72-board", "mainline", device_changes=cores(250), kernel_changes=changes, ms=4_000)
    app = board.app(swap_mib=256)
    board.scenario["launches"][0] = (app, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 256 * MIB, 0)
    board.scenario["n_launches"] = 1
    board.event(0, k.EVENT_LAUNCH, 0)
    launch = board.run()["launches"][0]
    return float(launch["done_us"] - launch["burst_us"]) / (256 * MIB)
