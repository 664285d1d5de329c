"""From runs to figures: every number that a verdict rests on, by name, with its 95 % interval.

Intervals are bootstrapped over seeds (or drawn apps); differences and ratios are paired on the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from experiments.letter.apps import SWAP_MIB, TUNING
from experiments.letter.runs import (
    BOOSTER,
    BURSTS_MIB,
    BURSTS_MS,
    FIFO_FROM_MS,
    FIFO_ROUTES,
    HOGS,
    PATCHED,
    PRODUCTS,
    ROUTES,
    SECONDS,
    TUNED_SECONDS,
    VICTIMS,
    Row,
    select,
)
from experiments.letter.scenes import DEVICE
from experiments.letter.verdict import Figures, flip
from swapgym.agents.statistics import Estimate, estimate
from swapgym.phone import constants as k
from swapgym.workload import device_profile
from swapgym.workload.kernels import MAINLINE, VIVO_ASYNC

Runs = Mapping[str, Sequence[Row]]
RATIO: Final = 3.0
"""Compression: the median of the workload."""


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean with its interval."""
    return estimate({"seeds": values}, mean=True)


def level(rows: Sequence[Row], column: str) -> Estimate:
    """Return the mean of a column."""
    return over_seeds([float(row[column]) for row in rows])


def by_seed(rows: Sequence[Row], column: str) -> dict[Any, float]:
    """Return a column by seed.

    Raises:
        ValueError: If a seed has several rows, which would pair what is not alike.
    """
    found = {row["seed"]: float(row[column]) for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"rows: {len(rows)} of {len(found)} seeds, must be one per seed")
    return found


def difference(rows: Sequence[Row], reference: Sequence[Row], column: str) -> Estimate:
    """Return the mean paired difference of a column."""
    here, there = by_seed(rows, column), by_seed(reference, column)
    return over_seeds([here[seed] - there[seed] for seed in here])


def percent(rows: Sequence[Row], reference: Sequence[Row], column: str) -> Estimate:
    """Return the mean paired change of a column, in percent of the reference's mean."""
    mean = sum(by_seed(reference, column).values()) / len(reference)
    change = difference(rows, reference, column)
    return Estimate(*(100 * value / mean for value in change))


def exactly(value: float) -> Estimate:
    """Return a figure without chance in it."""
    return Estimate(value, value, value)


def background(runs: Runs) -> Figures:
    """Swap share over time, and what each tuning does to it."""
    rows = runs["background"]
    shipped = {seconds: select(rows, tuning="as shipped", seconds=seconds) for seconds in SECONDS}
    found = {f"swap_share.{seconds}s": level(own, "swap_share") for seconds, own in shipped.items()}
    found["swap_share.growth_after_5s"] = difference(shipped[900], shipped[5], "swap_share")
    for name, tuning in TUNING.items():
        if tuning:
            for seconds in TUNED_SECONDS:
                own = select(rows, tuning=name, seconds=seconds)
                found[f"swap_share.{name}, {seconds}s - as shipped"] = difference(own, shipped[seconds], "swap_share")
    return found


def exits(runs: Runs) -> Figures:
    """What an exit's time goes into, and what the killer's treatment of the victim does to it."""
    rows = runs["exits"]

    def one(killer: str, busy: int, swap: int) -> list[Row]:
        return select(rows, killer=killer, busy=busy, swap_mib=swap)

    found: Figures = {}
    for killer, clocks in (("lmkd", "idle"), ("lmkd, clocks up", "clocks up")):
        whole = one(killer, 0, SWAP_MIB[-1])
        only_mm = one(f"{killer}, nothing but exit_mm", 0, SWAP_MIB[-1])
        found[f"exit.swap_share, {clocks}"] = flip(percent(one(killer, 0, 0), whole, "exit_ms"))
        found[f"exit.other_share, {clocks}"] = flip(percent(only_mm, whole, "exit_ms"))
        found[f"exit.were_it_resident, {clocks}"] = percent(one(killer, 0, -1), whole, "exit_ms")
        found[f"exit.ms, {clocks}"] = level(whole, "exit_ms")
    whole = one("lmkd", 0, SWAP_MIB[-1])
    found["exit.cpu_share_of_wall"] = over_seeds([100 * row["cpu_ms"] / row["exit_ms"] for row in whole])
    for swap in SWAP_MIB[1:]:
        found[f"exit.swap_share of {swap} MiB"] = flip(percent(one("lmkd", 0, 0), one("lmkd", 0, swap), "exit_ms"))
    for name, killer, busy in (
        ("background cpuset", "activity manager", 0),
        ("background cpuset and weight, busy", "activity manager", 1),
        ("foreground cpuset, busy", "lmkd", 1),
        ("foreground cpuset, idle", "activity manager, foreground cpuset", 0),
    ):
        found[f"exit.change in {name}"] = percent(one(killer, busy, SWAP_MIB[-1]), whole, "exit_ms")
    return found | path()


def path() -> Figures:
    """What an entry and a resident page cost, on the smallest and on the largest core at full clock."""
    profile = device_profile(DEVICE)
    costs = MAINLINE.to_record(profile)
    found: Figures = {}
    for name, capacity in (("little", min(profile.capacity)), ("big", max(profile.capacity))):
        entry, page = (
            costs["memory_ps"][operation] + costs["core_ps"][operation] * k.UNIT / capacity
            for operation in (k.COST_ENTRY_INLINE, k.COST_RESIDENT_ANON)
        )
        found[f"path.entry_over_resident_page, {name} core"] = exactly(float(entry / page))
        found[f"path.memory_per_cpu_resident_over_entry, {name} core"] = exactly(float(RATIO * entry / page))
    return found


def crowd(runs: Runs) -> Figures:
    """Foreground lag by number of victims."""
    rows = runs["crowd"]
    found: Figures = {}
    for killer in ("lmkd", "activity manager"):
        for gated, how in ((0, "beside"), (1, "waiting")):
            nobody = select(rows, victims=0, killer=killer, gated=gated)
            for victims in VICTIMS[1:]:
                own = select(rows, victims=victims, killer=killer, gated=gated)
                name = f"crowd.{killer}, {how}, {victims}"
                found[f"{name}: launch_delay_ms"] = difference(own, nobody, "launch_delay_ms")
                found[f"{name}: frame_late_ms"] = difference(own, nobody, "frame_late_ms")
    return found


def routes(runs: Runs) -> Figures:
    """Every route beside inline: CPU, lock, exits, memory, lag, accounts."""
    rows = runs["routes"]
    found: Figures = {}
    columns = ("release_cpu_ms", "spin_ms", "last_exit_ms", "memory_back_ms", "held_mib_s", "lag_ms", "launch_delay_ms",
               "frame_late_ms", "peak_mib", "direct_reclaim_ms", "collateral_kills")  # fmt: skip
    inline = select(rows, route="inline", victims=8, reapers=2)
    for column in columns:
        found[f"routes.inline: {column}"] = level(inline, column)
    for name in ROUTES:
        own = select(rows, route=name, victims=8, reapers=2)
        found[f"routes.{name}: unaccounted_cpu_ms"] = level(own, "unaccounted_cpu_ms")
        found[f"routes.{name}: cpu_child_ms"] = level(own, "cpu_child_ms")
        found[f"routes.{name}: held_at_exit_mib"] = level(own, "held_at_exit_mib")
        found[f"routes.{name}: kworker_starved_max_ms"] = level(own, "kworker_starved_max_ms")
        if name != "inline":
            for column in columns:
                found[f"routes.{name} - inline: {column}"] = difference(own, inline, column)
            alone = select(rows, route=name, victims=1, reapers=0)
            reference = select(rows, route="inline", victims=1, reapers=0)
            found[f"alone.{name} - inline, %: release_cpu_ms"] = percent(alone, reference, "release_cpu_ms")
            found[f"routes.{name} - inline, %: release_cpu_ms"] = percent(own, inline, "release_cpu_ms")
    child, kworker = (select(rows, route=name, victims=8, reapers=2) for name in ("child", "kworker"))
    for column in columns:
        found[f"routes.child - kworker: {column}"] = difference(child, kworker, column)
    # the same work: without reapers, so that nothing else is shared, and without what was spun
    for row in rows:
        row["entries"] = sum(row[f"entries_{who}"] for who in ("inline", "reaped", "kworker", "child"))
    unreaped = {name: select(rows, route=name, victims=8, reapers=0) for name in ("inline", "kworker", "4 kworkers")}
    found["work.kworker over inline, %: entries"] = percent(unreaped["kworker"], unreaped["inline"], "entries")
    for name in ("kworker", "4 kworkers"):
        found[f"work.{name} - inline: spin_ms"] = difference(unreaped[name], unreaped["inline"], "spin_ms")
    inline_ns, enqueue_ns, drain_ns = (
        getattr(VIVO_ASYNC, f"entry_{what}_memory_ns") + getattr(VIVO_ASYNC, f"entry_{what}_core_ns")
        for what in ("inline", "enqueue", "drain")
    )
    found["work.cost of a deferred entry over inline, %"] = exactly(100 * ((enqueue_ns + drain_ns) / inline_ns - 1))
    return found


def patched(runs: Runs) -> Figures:
    """What is left to gain once the pool lock is gone."""
    inline = select(runs["patched"], route="inline")
    found = {"patched.inline: spin_ms": level(inline, "spin_ms")}
    for name in PATCHED:
        if name != "inline":
            own = select(runs["patched"], route=name)
            for column in ("spin_ms", "release_cpu_ms", "launch_delay_ms", "lag_ms", "peak_mib"):
                found[f"patched.{name} - inline: {column}"] = difference(own, inline, column)
    return found


def pressure(runs: Runs) -> Figures:
    """What lmkd does by itself."""
    found: Figures = {}
    for mib in BURSTS_MIB:
        own = select(runs["pressure"], burst_mib=mib)
        found[f"pressure.{mib} MiB: kills"] = level(own, "collateral_kills")
        found[f"pressure.{mib} MiB: exiting_at_once"] = level(own, "exiting_at_once")
    own = select(runs["pressure"], burst_mib=BOOSTER)
    found[f"pressure.{BOOSTER}: kills"] = level(own, "kills")
    found[f"pressure.{BOOSTER}: exiting_at_once"] = level(own, "exiting_at_once")
    return found


def bursts(runs: Runs) -> Figures:
    """Peaks, stalls and kills by size and speed of the burst."""
    found: Figures = {}
    for mib in BURSTS_MIB:
        for ms in BURSTS_MS:
            inline = select(runs["bursts"], burst_mib=mib, burst_ms=ms, route="inline")
            for name in ROUTES:
                if name != "inline":
                    own = select(runs["bursts"], burst_mib=mib, burst_ms=ms, route=name)
                    for column in ("peak_mib", "direct_reclaim_ms", "collateral_kills", "stall_ms"):
                        found[f"bursts.{mib} MiB in {ms} ms, {name} - inline: {column}"] = difference(
                            own, inline, column
                        )
    return found


def fifo(runs: Runs) -> Figures:
    """How long the work starves, and what is held meanwhile."""
    found: Figures = {}
    for route in FIFO_ROUTES:
        for throttling, how in ((1, "throttled"), (0, "unthrottled")):
            for from_ms in FIFO_FROM_MS:
                own = select(runs["fifo"], route=route, throttling=throttling, from_ms=from_ms)
                for column in (
                    "exits",
                    "back",
                    "memory_back_ms",
                    "kworker_starved_max_ms",
                    "held_mib_s",
                    "zombie_peak_mib",
                ):
                    found[f"fifo.{route}, {how}, from {from_ms} ms: {column}"] = level(own, column)
    return found


def hogs(runs: Runs) -> Figures:
    """What a SCHED_FIFO hog does to workers while throttling is on: by whether runtime is borrowed."""
    found: Figures = {}
    for case in HOGS:
        for shared, how in ((0, "own runtime"), (1, "borrowed")):
            own = select(runs["hogs"], case=case, shared=shared)
            for column in ("back", "memory_back_ms", "kworker_starved_max_ms"):
                found[f"hog.{case}, {how}: {column}"] = level(own, column)
    return found


def products(runs: Runs) -> Figures:
    """Launch times under vivo's rule beside mainline's."""
    found: Figures = {}
    for preset in PRODUCTS:
        vivo, inline = (select(runs["products"], policy=name, preset=preset) for name in ("vivo", "always_inline"))
        found[f"products.{preset}, %: launch_ms"] = percent(vivo, inline, "launch_ms")
    return found


def findings(runs: Runs) -> Figures:
    """Return all figures of all families."""
    found: Figures = {}
    for family in (background, exits, crowd, routes, patched, pressure, bursts, fifo, hogs, products):
        found |= family(runs)
    return found
