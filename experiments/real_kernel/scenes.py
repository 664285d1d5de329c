"""The measured cases, re-enacted on the simulated machine: same processes, same kills, same burst.

Every function takes a case's settings as the payload was told them, and a kernel, and returns metrics under the
payload's names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from experiments.real_kernel.emulated import (
    N_CPUS,
    NEVER_KILLED,
    kill,
    last_exit_ms,
    machine,
    now_ms,
    run_until,
    victims,
)
from swapgym.phone import constants as k
from swapgym.phone.kernel_variant import UNBOUNDED, KernelVariant
from swapgym.phone.mm.pages import fragmented_pages, free_objects
from swapgym.phone.mm.reclaim import reclaim
from swapgym.workload.builder import MIB

Settings = Mapping[str, int | str]
Metrics = dict[str, float]

VICTIM_MIB: Final = 256
LEFT_FREE_MIB: Final = 64
COLD_MIB: Final = 512
BURST_MIB: Final = 352
N_VICTIMS: Final = 4
N_POOL: Final = 8
POOL_MIB: Final = 8
READ_MIB: Final = 224
"""As in payload/burst.c and payload/pool.c."""
FRAME_WORK_MS: Final = 6.26
"""As in payload/foreground.c: its 6 ms, and what waking and sleeping cost (``frame_cpu_ms`` where nobody dies)."""
KILLED_MS: Final = 200.0
"""Twelve frames after the start, likewise."""
LIMIT_MS: Final = 30_000
EVERYWHERE: Final = (1 << N_CPUS) - 1
RT_PERIOD_MS: Final = k.RT_PERIOD_US / k.MS
ENOUGH_PS: Final = 1 << 60


def contention(settings: Settings, kernel: KernelVariant) -> Metrics:
    """Several processes unmap at once."""
    n, mib = int(settings["processes"]), int(settings["mib"])
    phone = machine(kernel, LIMIT_MS)
    dying = victims(phone, n, mib, int(settings["percent"]))
    phone.start()
    kill(phone, dying)
    wall_ms, cpu_ms = last_exit_ms(phone, dying), phone.charged_ms(k.CHARGE_EXIT)
    pages = n * mib * MIB
    return {"entries_per_ms": pages / wall_ms, "cpu_ns_per_entry": cpu_ms * 1e6 / pages}


def foreground(settings: Settings, kernel: KernelVariant) -> Metrics:
    """Victims die beside a task that draws frames: until all are dead.

    The helper of process_mrelease is left out: whether it finds an address space hangs on who runs first.
    """
    nices = {"ui_nice": int(settings["nice"]), "victim_nice": int(settings.get("victim_nice", 0))}
    phone = machine(kernel, LIMIT_MS, **nices)
    phone.scenario["frames_on"] = 1
    phone.scenario["frame_ui_us"] = round(FRAME_WORK_MS * k.MS)
    dying = victims(phone, int(settings["victims"]), int(settings["mib"]), int(settings["percent"]))
    phone.start()
    phone.go_on(until_ms=KILLED_MS)
    kill(phone, dying, in_turn=settings["way"] == "one_by_one")
    return {"dead_ms": last_exit_ms(phone, dying) - KILLED_MS}


def starve(settings: Settings, kernel: KernelVariant) -> Metrics:
    """A swapped process must exit while SCHED_FIFO spinners have every CPU.

    The throttling period begins with the first SCHED_FIFO task, which waits 50 ms before the spinners start. Who waits
    for the death is SCHED_FIFO too, and throttled with the spinners: it sees it when the next period begins.
    """
    phone = machine(kernel, LIMIT_MS)
    alone = victims(phone, 1, int(settings["mib"]), 100)
    phone.start()
    kill(phone, alone)
    alone_ms = last_exit_ms(phone, alone)
    throttled = str(settings["runtime_us"]) != "-1"
    spun_ms = 50 + 3_000 + (alone_ms / 0.05 * 3 if throttled else 4 * alone_ms)
    phone = machine(kernel, LIMIT_MS, rt_throttling=throttled)
    starved = victims(phone, 1, int(settings["mib"]), 100)
    phone.event(50, k.EVENT_RT, EVERYWHERE, 1_000)
    phone.kill(starved[0], 550)
    phone.event(spun_ms, k.EVENT_RT, EVERYWHERE, 0)
    phone.run()
    dead_ms = last_exit_ms(phone, starved)
    if throttled and dead_ms < spun_ms:
        dead_ms = math.ceil(dead_ms / RT_PERIOD_MS) * RT_PERIOD_MS
    return {
        "exit_alone_ms": alone_ms,
        "exit_ms": dead_ms - 550,
        "times_slower": (dead_ms - 550) / alone_ms,
        "ended_before_spinners": float(dead_ms < spun_ms),
    }


def burst(settings: Settings, kernel: KernelVariant) -> Metrics:
    """A parent waits for the exits and then allocates on every CPU at full speed.

    What the payload's keepers give back late, one address space after the other, is a queue that one worker drains.
    """
    nice = int(settings.get("keeper_nice", 0))
    phone = machine(replace(kernel, kworker_nice=nice, queue_capacity=UNBOUNDED), LIMIT_MS)
    route = k.KWORKER if settings["way"] == "late" else k.INLINE
    phone.app(anon_mib=COLD_MIB, adj=NEVER_KILLED)
    dying = victims(phone, N_VICTIMS, VICTIM_MIB, 100)
    phone.scenario["file_cache_pages"] = phone.device["file_floor_pages"]
    phone.leave_free(LEFT_FREE_MIB * MIB)
    phone.start()
    kill(phone, dying, settings["way"] == "one_by_one", route)
    dead_ms = last_exit_ms(phone, dying)
    for _ in range(N_CPUS):
        phone.launch(now_ms(phone), foreground=0, burst_anon_pages=BURST_MIB // N_CPUS * MIB)
    launches = phone.phone["launches"][:N_CPUS]
    run_until(phone, lambda: all(launches["phase"] == k.LAUNCH_DONE), route)
    psi, total = phone.phone["psi"], phone.phone["total"]
    return {
        "dead_ms": dead_ms,
        "burst_ms": float(launches["done_us"].max()) / k.MS - dead_ms,
        "lowest_free_mib": float(total["free_min_pages"]) / MIB,
        "put_out_pages": float(total["pswpout"]),
        "stall_some_ms": float(psi["some_ns"]) / 1e6,
        "stall_full_ms": float(psi["full_ns"]) / 1e6,
    }


def pool(settings: Settings, kernel: KernelVariant) -> Metrics:
    """Processes whose pages were put out in turns exit one by one: what share of the pool is back.

    Grain and data change nothing: the simulator has one exponent for all. A manual ``compact`` gives back all that is
    missing; under pressure, after every second exit, reclaim goes over the pool by the simulator's own rule.
    """
    n, mode = int(settings["processes"]), settings["mode"]
    built = machine(kernel, ms=1)
    victims(built, n, POOL_MIB, 100)
    built.start()
    phone, scenario = built.phone, built.scenario
    entries, whole = int(phone["pool_objects"]), int(phone["pool_pages"])
    found: Metrics = {}
    for gone in range(1, n + 1):
        for _ in range(entries // n // k.SWAP_CLUSTER_MAX):
            free_objects(phone, scenario, k.SWAP_CLUSTER_MAX)
        found[f"entries_back_{gone}_of_{n}"] = 1 - float(phone["pool_objects"]) / entries
        found[f"pool_back_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
        if mode == "plain" or (mode == "pressure" and gone % 2):
            continue
        if mode == "compact":
            phone["pool_pages"] -= fragmented_pages(phone, scenario)
        else:
            phone["file_pages"] = scenario["device"]["file_floor_pages"] + READ_MIB * MIB
            reclaim(phone, scenario, READ_MIB * MIB, ENOUGH_PS, k.UNIT, k.UNIT)
        found[f"pool_back_then_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
    return found


SCENES: Final[dict[str, Callable[[Settings, KernelVariant], Metrics]]] = {
    "contention": contention,
    "foreground": foreground,
    "starve": starve,
    "burst": burst,
    "pool": pool,
}
"""By measurement."""
