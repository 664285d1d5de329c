"""The measured cases, re-enacted on the simulated machine: same processes, same kills, same burst.

Every function takes a case's settings as the payload was told them and returns metrics under the payload's names.
Measurement 4 has a room of its own, ``foreground.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from experiments.calibration.board import MIB, Board
from experiments.real_kernel.stage import (
    N_CPUS,
    NEVER_KILLED,
    Metrics,
    Settings,
    kill,
    last_exit_ms,
    machine,
    once_gone,
    play,
    victims,
)
from swapgym.phone import constants as k
from swapgym.phone import engine, memory

LEFT_FREE_MIB: Final = 64
COLD_MIB: Final = 512
BURST_MIB: Final = 352
N_VICTIMS: Final = 4
N_POOL: Final = 8
POOL_MIB: Final = 8
READ_MIB: Final = 224
"""As in payload/burst.c and payload/pool.c."""
LIMIT_MS: Final = 30_000
RT_PERIOD_MS: Final = k.RT_PERIOD_US / k.MS
ENOUGH_PS: Final = 1 << 60


def contention(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """Several processes unmap at once."""
    n = int(settings["processes"])
    board = machine(changes, ms=20_000)
    dying = victims(board, settings, n)
    for one in dying:
        board.kill(one)
    board.run()
    wall_ms = last_exit_ms(board, dying)
    pages = n * int(settings["mib"]) * MIB
    cpu_ms = float(board.phone["total"]["charged_ns"][k.CHARGE_EXIT]) / 1e6
    return {
        "entries_per_ms": pages / wall_ms,
        "wall_ms": wall_ms,
        "cpu_ms": cpu_ms,
        "cpu_ns_per_entry": cpu_ms * 1e6 / pages,
    }


def starve(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """A swapped process must exit while SCHED_FIFO spinners have every CPU.

    The throttling period begins with the first SCHED_FIFO task, which waits 50 ms before the spinners start. Who waits
    for the death is SCHED_FIFO too, and throttled with the spinners: it sees it when the next period begins.
    """
    board = machine(changes, ms=4_000)
    (alone,) = victims(board, settings, 1)
    board.kill(alone)
    board.run()
    alone_ms = board.exit_ms(alone)
    throttled = str(settings["runtime_us"]) != "-1"
    spin_ms = 3_000.0 + (alone_ms / 0.05 * 3.0 if throttled else 4 * alone_ms)
    board = machine(changes, ms=round(spin_ms) + 4_000, device={"rt_throttling": throttled})
    (starved,) = victims(board, settings, 1)
    everywhere = (1 << N_CPUS) - 1
    board.event(50, k.EVENT_RT, everywhere, 1_000)
    board.kill(starved, ms=550)
    board.event(50 + spin_ms, k.EVENT_RT, everywhere, 0)
    board.run()
    exit_ms = board.exit_ms(starved)
    if throttled and 550 + exit_ms < 50 + spin_ms:
        exit_ms = math.ceil((550 + exit_ms) / RT_PERIOD_MS) * RT_PERIOD_MS - 550
    return {
        "exit_alone_ms": alone_ms,
        "exit_ms": exit_ms,
        "times_slower": exit_ms / alone_ms,
        "ended_before_spinners": float(550 + exit_ms < 50 + spin_ms),
    }


def burst(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """A parent waits for the exits and then allocates on every CPU at full speed.

    What the payload's keepers give back late, one address space after the other, is a queue that one worker drains.
    """
    late = settings["way"] == "late"
    route = k.KWORKER if late else k.INLINE
    own = {**changes, "kworker_nice": int(settings.get("keeper_nice", 0)), "queue_capacity": 1 << 40}

    board = machine(own, LIMIT_MS)
    board.app(anon_mib=COLD_MIB, adj=NEVER_KILLED)
    dying = victims(board, {}, N_VICTIMS)
    leave_free(board, LEFT_FREE_MIB)
    killers = kill(board, dying, 0, settings["way"] == "one_by_one")
    for _ in range(N_CPUS):
        allocator(board, LIMIT_MS, BURST_MIB // N_CPUS)
    free = play(board, route, watchers=[*killers, once_gone(dying), until_allocated])
    dead_ms = last_exit_ms(board, dying)
    done_ms = max(float(board.phone["launches"][index]["done_us"]) / k.MS for index in range(N_CPUS))
    lowest = min(pages for ms, pages in free if ms <= done_ms)
    psi, total = board.phone["psi"], board.phone["total"]
    return {
        "dead_ms": dead_ms,
        "burst_ms": done_ms - dead_ms,
        "until_allocated_ms": done_ms,
        "lowest_free_mib": lowest / MIB,
        "put_out_pages": float(total["pswpout"]),
        **reclaimed_by(board.phone),
        "stall_some_ms": float(psi["some_us"]) / k.MS,
        "stall_full_ms": float(psi["full_us"]) / k.MS,
    }


def until_allocated(board: Board) -> bool:
    """End a board when the burst is allocated: what the payload counts, it counts then."""
    return not all(board.phone["launches"]["done_us"][:N_CPUS])


def reclaimed_by(phone: Any) -> Metrics:
    """Return who put out how many pages, by the CPU time of each: a page costs both the same."""
    charged, put_out = phone["total"]["charged_ns"], float(phone["total"]["pswpout"])
    direct, kswapd = float(charged[k.CHARGE_DIRECT_RECLAIM]), float(charged[k.CHARGE_KSWAPD])
    share = direct / max(1.0, direct + kswapd)
    return {"direct_reclaim_pages": share * put_out, "kswapd_pages": (1 - share) * put_out}


def allocator(board: Board, ms: float, mib: int) -> None:
    """Add a thread that allocates ``mib`` at ``ms`` as fast as it can."""
    index = int(board.scenario["n_launches"])
    spec = board.scenario["launches"][index]
    spec["process"] = board.app(adj=NEVER_KILLED)
    board.scenario["apps"][spec["process"]]["present"] = 0  # it comes with the launch
    spec["n_threads"] = 1
    spec["burst_anon_pages"] = mib * MIB
    spec["burst_us"] = 1
    board.scenario["n_launches"] = index + 1
    board.event(ms, k.EVENT_LAUNCH, index)


def leave_free(board: Board, mib: int) -> None:
    """Reserve so much of the machine that ``mib`` are free."""
    scenario = board.scenario
    scenario["file_cache_pages"] = scenario["device"]["file_floor_pages"]
    held = int(scenario["apps"]["anon_pages"].sum() + scenario["file_cache_pages"] + scenario["pool_pages"])
    scenario["device"]["reserved_pages"] = scenario["device"]["ram_pages"] - held - mib * MIB


def pool(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """Processes whose pages were put out in turns exit one by one: what share of the pool is back.

    Grain and data change nothing: the simulator has one exponent for all. A manual ``compact`` gives back all that is
    missing; under pressure, after every second exit, reclaim goes over the pool by the simulator's own rule.
    """
    n, mode = int(settings.get("processes", N_POOL)), settings["mode"]
    board = machine(changes, ms=1)
    for _ in range(n):
        board.app(swap_mib=POOL_MIB)
    engine.start(board.phones, board.scenarios, 0)
    phone, scenario = board.phones[0], board.scenarios[0]
    entries, whole = int(phone["pool_objects"]), int(phone["pool_pages"])
    found: Metrics = {}
    for gone in range(1, n + 1):
        for _ in range(entries // n // k.SWAP_CLUSTER_MAX):
            memory.free_objects(phone, scenario, k.SWAP_CLUSTER_MAX)
        found[f"entries_back_{gone}_of_{n}"] = 1 - float(phone["pool_objects"]) / entries
        found[f"pool_back_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
        if mode == "plain" or (mode == "pressure" and gone % 2):
            continue
        if mode == "compact":
            phone["pool_pages"] -= memory.fragmented_pages(phone, scenario)
        else:
            phone["file_pages"] = scenario["device"]["file_floor_pages"] + READ_MIB * MIB
            memory.reclaim(phone, scenario, READ_MIB * MIB, ENOUGH_PS, k.UNIT, k.UNIT)
        found[f"pool_back_then_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
    return found


MEASUREMENTS: Final[dict[str, Callable[[Settings, Mapping[str, Any]], Metrics]]] = {
    "contention": contention,
    "starve": starve,
    "burst": burst,
    "pool": pool,
}
