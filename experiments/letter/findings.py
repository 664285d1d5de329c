"""From runs to figures: every number that a verdict rests on, by name, with its 95 % interval.

Intervals are bootstrapped over seeds (or drawn apps); differences and ratios are paired on the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from experiments.letter.runs import (
    BURSTS_MIB,
    BURSTS_MS,
    FIFO_FROM_MS,
    PATCHED,
    ROUTES,
    SECONDS,
    SWAP_MIB,
    TUNED_SECONDS,
    VICTIMS,
    Row,
    select,
)
from experiments.letter.scenes import TUNING
from experiments.letter.verdict import Figures
from experiments.statistics import Estimate, estimate
from swapgym.phone import constants as k
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
    whole, bare = one("lmkd", 0, SWAP_MIB[-1]), one("lmkd", 0, 0)
    for name, column in (("wall", "exit_ms"), ("cpu", "cpu_ms")):
        less = percent(bare, whole, column)
        found[f"exit.swap_share_of_{name}"] = Estimate(-less.value, -less.high, -less.low)
    other = percent(one("lmkd, nothing but exit_mm", 0, SWAP_MIB[-1]), whole, "cpu_ms")
    found["exit.other_share_of_cpu"] = Estimate(-other.value, -other.high, -other.low)
    for swap in SWAP_MIB:
        found[f"exit.ms with {swap} MiB swapped"] = level(one("lmkd", 0, swap), "exit_ms")
    found["exit.were_it_present"] = percent(one("lmkd", 0, -1), whole, "exit_ms")
    for name, killer, busy in (
        ("background cpuset", "activity manager", 0),
        ("background cpuset and weight, busy", "activity manager", 1),
        ("foreground cpuset, idle", "activity manager, foreground cpuset", 0),
    ):
        found[f"exit.change in {name}"] = percent(one(killer, busy, SWAP_MIB[-1]), whole, "exit_ms")
    entry_ns = MAINLINE.to_record()["entry_inline_ps"] / k.PS_PER_NS
    found["path.entry_over_present_page"] = exactly(float(entry_ns / MAINLINE.resident_anon_ns))
    found["path.memory_per_cpu_present_over_entry"] = exactly(float(RATIO * entry_ns / MAINLINE.resident_anon_ns))
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
    unreaped = {name: select(rows, route=name, victims=8, reapers=0) for name in ("inline", "kworker")}
    found["work.kworker over inline, %: entries"] = percent(unreaped["kworker"], unreaped["inline"], "entries")
    found["work.kworker - inline: spin_ms"] = difference(unreaped["kworker"], unreaped["inline"], "spin_ms")
    costs = VIVO_ASYNC
    deferred = costs.entry_enqueue_a72_ns + costs.entry_drain_a72_ns
    found["work.cost of a deferred entry over inline, %"] = exactly(100 * (deferred / costs.entry_inline_a72_ns - 1))
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
    for route in ("inline", "kworker", "child"):
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


def products(runs: Runs) -> Figures:
    """Launch times under vivo's rule beside mainline's."""
    found: Figures = {}
    for preset in ("camera_launch", "app_switching"):
        vivo, inline = (select(runs["products"], policy=name, preset=preset) for name in ("vivo", "always_inline"))
        found[f"products.{preset}, %: launch_ms"] = percent(vivo, inline, "launch_ms")
    return found


def findings(runs: Runs) -> Figures:
    """Return all figures of all families."""
    found: Figures = {}
    for family in (background, exits, crowd, routes, patched, pressure, bursts, fifo, products):
        found |= family(runs)
    return found
