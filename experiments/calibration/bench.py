"""Microbenchmarks, re-enacted: what was run, on which cores, and what was timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from swapgym.phone import constants as k
from swapgym.phone.device import DeviceProfile
from swapgym.workload.builder import MIB, PhoneBuilder
from swapgym.workload.devices import A72_BOARD

AT_ONCE: Final = {"exit_signal_us": 0, "exit_notify_us": 0, "thread_exit_memory_ns": 0.0, "thread_exit_core_ns": 0.0}
"""A thread that unmaps has no threads to wait for and no exit to finish."""
ALTERNATING: Final = 0.943
"""Exponent of the zspage law in the runs with turns of 256 pages: what gives 48 % back for 50 % of the entries."""
TICK_US: Final = 250
A55_SPEED: Final = 161 / 1024
"""A Cortex-A55 at 1.8 GHz beside a Cortex-X1 at 2.8 GHz: dmips per MHz of 250 against 1024 (gs101.dtsi), and clocks."""

Changes = Mapping[str, Any]


def cores(*capacities: int, speed: float) -> DeviceProfile:
    """Return the board with these cores at full clock, the largest of a speed, all of them in every cpuset."""
    every = tuple(range(len(capacities)))
    kinds = sorted(set(capacities))
    return replace(
        A72_BOARD, capacity=capacities, domain=tuple(map(kinds.index, capacities)), min_clock=(1.0,) * len(kinds),
        core_speed=speed, top_app_cpus=every, foreground_cpus=every, background_cpus=every,
    )  # fmt: skip


A55: Final = cores(1024, speed=A55_SPEED)
"""CPU 2 of an RK3588."""
SD845: Final = replace(
    cores(391, 391, 391, 391, 1024, 1024, 1024, 1024, speed=0.365),
    name="snapdragon-845", min_clock=(0.1875, 0.32),
)  # fmt: skip
"""611 against 1024 DMIPS per MHz (sdm845.dtsi), 0.3 to 1.6 and 0.8 to 2.5 GHz; the big core beside a Cortex-X1 by its
little core, a Cortex-A55 of the same dmips."""


def board(device: DeviceProfile, kernel: str, changes: Changes, ms: float = 6_000) -> PhoneBuilder:
    """Return a phone on which a thread unmaps at once."""
    own = {**changes, **AT_ONCE}
    return PhoneBuilder(device, kernel, kernel_changes=own, ms=ms, tick_us=TICK_US)


def unmap(
    kernel: str, processes: int, mib: float, changes: Changes, *, route: int = k.INLINE, on: DeviceProfile = A72_BOARD
) -> tuple[float, Any]:
    """Let ``processes`` unmap ``mib`` of swapped memory each, at once; return the time (ms) it takes, and the phone."""
    built = board(on, kernel, {**changes, "work_item_entries": 1 << 30})
    victims = [built.app(swap_mib=mib) for _ in range(processes)]
    for victim in victims:
        built.kill(victim)
    phone = built.run(route)
    return max(built.exit_ms(victim) for victim in victims), phone


def unmap_together(kernel: str, processes: int, mib: float, changes: Changes) -> float:
    """Return the time (ms) until all of ``processes`` have unmapped ``mib`` of swapped memory each, at once."""
    return unmap(kernel, processes, mib, changes)[0]


def entry_ns(kernel: str, on: DeviceProfile, changes: Changes, route: int = k.INLINE) -> float:
    """Return the time (ns) per entry of one process that unmaps 256 MB."""
    own = {**changes, "queue_capacity": 1 << 30} if route != k.INLINE else changes
    return unmap(kernel, 1, 256, own, route=route, on=on)[0] * 1e6 / (256 * MIB)


def unmap_deferred(mib: float, changes: Changes) -> float:
    """Return the time (ms) one process takes to unmap ``mib`` when all it frees is left to the worker."""
    return unmap("zsmalloc-deferred", 1, mib, {**changes, "queue_capacity": 1 << 30}, route=k.KWORKER)[0]


def free_resident(core: str, clock: float | None, changes: Changes, mib: float = 400) -> float:
    """Return MB/s of resident memory freed by one thread on a Snapdragon 845.

    Args:
        core: ``big`` or ``little``.
        clock: Its clock, held, over its full clock; ``None`` leaves it to schedutil, which begins at the lowest.
        changes: Kernel parameters to replace.
        mib: Resident memory of the process.
    """
    cpus = (4, 5, 6, 7) if core == "big" else (0, 1, 2, 3)
    device = replace(SD845, foreground_cpus=cpus, schedutil=clock is None)
    if clock is not None:
        capacity = round(clock * (1024 if core == "big" else 391))
        device = replace(device, capacity=(capacity,) * 8)
    built = board(device, "mainline", changes)
    victim = built.app(anon_mib=mib)
    built.kill(victim)
    built.run()
    return mib / built.exit_ms(victim) * 1_000


def memory_back(share: float, changes: Changes, exponent: float | None = None) -> float:
    """Return the share (%) of the pool that comes back when ``share`` of its entries are freed."""
    own = {} if exponent is None else {"zspage_return": exponent}
    built = board(A72_BOARD, "mainline", {**changes, **own})
    dying = built.app(swap_mib=400 * share)
    built.app(swap_mib=400 * (1 - share))
    built.kill(dying)
    before = int(built.scenario["pool_pages"])
    built.run()
    return 100 * (1 - float(built.phone["pool_pages"]) / before)


def drain_under_realtime(changes: Changes) -> float:
    """Return the CPU share (%) left to a worker in two seconds in which its CPU is under SCHED_FIFO, throttled."""
    used_ms = []
    for until_ms in (1_000, 3_000):
        built = board(cores(1024, speed=1.0), "vivo-async", changes, ms=until_ms)
        victim = built.app(swap_mib=2_000)
        built.kill(victim, ms=950)
        built.event(1_000, k.EVENT_RT, 1, 1_000)
        built.run(k.KWORKER)
        used_ms.append(built.charged_ms(k.CHARGE_KWORKER))
    return 100 * (used_ms[1] - used_ms[0]) / 2_000


def beside_a_reaper(waste: float, changes: Changes) -> tuple[float, float]:
    """Return CPU time (ms) of a victim and of the reaper that works on its address space from the other end."""
    device = replace(A72_BOARD, n_reapers=1, reaper_delay_us=0)
    built = board(device, "mainline-no-pool-lock", {**changes, "pte_waste": waste})
    built.kill(built.app(swap_mib=60, anon_mib=400))
    built.run()
    return built.charged_ms(k.CHARGE_EXIT), built.charged_ms(k.CHARGE_LMKD_REAPER)


def shared_waste(changes: Changes) -> float:
    """Return the CPU time of victim and reaper together before the mend, over that after it."""
    return sum(beside_a_reaper(0.20, changes)) / sum(beside_a_reaper(0.03, changes))


def share_of_victim(waste: float, changes: Changes) -> float:
    """Return the victim's share (%) of what victim and reaper do together."""
    victim, reaper = beside_a_reaper(waste, changes)
    return 100 * victim / (victim + reaper)


def swap_in(changes: Changes) -> float:
    """Return the time (us) to fault one page back in on a Cortex-A55."""
    built = PhoneBuilder(A55, "mainline", kernel_changes=changes, ms=4_000, tick_us=TICK_US)
    app = built.app(swap_mib=256)
    built.launch(process=app, swapin_pages=256 * MIB, gate_timeout_us=0)
    launch = built.run()["launches"][0]
    return float(launch["done_us"] - launch["burst_us"]) / (256 * MIB)
