"""How cost grows: with processes, with CPUs, with an episode's length, with the size of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from experiments.benchmark.interleave import Lap, Play, measure, rate
from experiments.benchmark.lanes import ns_per_tick
from experiments.benchmark.single import Spread
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload.memory import FIRST_APP

PROCESSES: Final = (8, 16, 24, 32, 40, 48)
CPUS: Final = (2, 4, 6, 8)
LENGTHS: Final = (0.5, 1.0, 2.0, 4.0)
BATCHES: Final = (64, 128, 256, 510, 1_024, 4_096)
LANES: Final = 16
CHOSEN: Final = 4_096
ROUTED: Final = ("batches_inline", "batches_kworker", "batches_child")
"""Counters of batches, by where they went."""


def playing(batch: Lanes, count_batches: bool) -> Play:
    """Return a play of whole episodes on all lanes, random actions; its steps are ticks, or batches."""
    codes = batch.spec.actions()
    drawn = codes[np.random.default_rng(0).integers(len(codes), size=(CHOSEN, batch.n))]

    def play() -> tuple[int, float]:
        batch.begin()
        step = 0
        while len(waiting := batch.waiting()):
            batch.actions[:] = drawn[step % CHOSEN]
            batch.step(waiting)
            step += 1
        passed_us = int(batch.phones["now_us"].sum())
        batches = sum(int(batch.phones["total"][name].sum()) for name in ROUTED)
        return batches if count_batches else passed_us // batch.spec.tick_us, passed_us / 1e6

    return play


def lanes_with(change: Callable[[Any], None] | None = None, overrides: Mapping[str, Any] | None = None) -> Lanes:
    """Return lanes of camera launches on a 12 GB phone, each scenario changed."""
    batch = Lanes(LANES, EnvSpec(preset="camera_launch", device="phone-12gb", overrides=overrides))
    for lane in range(LANES):
        batch.draw(lane, lane)
        if change:
            change(batch.scenarios[lane])
    return batch


def with_processes(n: int) -> Callable[[Any], None]:
    """Return a change that leaves or makes ``n`` processes; what it takes away becomes reserved memory, and back."""

    def change(scenario: Any) -> None:
        apps = scenario["apps"]
        kinds = scenario["events"]["kind"][: scenario["n_events"]]
        named = set(scenario["events"]["a"][: scenario["n_events"]][kinds == k.EVENT_KILL].tolist())
        present = [slot for slot in range(k.MAX_PROCESSES) if apps[slot]["present"]]
        spare = [slot for slot in present if slot >= FIRST_APP and slot not in named]
        for slot in spare[: max(0, len(present) - n)]:
            entries = int(apps[slot]["swap_entries"])
            pool = entries * k.UNIT // int(scenario["compression"])
            scenario["device"]["reserved_pages"] += int(apps[slot]["anon_pages"]) + pool
            scenario["pool_pages"] -= pool
            apps[slot] = np.zeros(1, apps.dtype)[0]
        for slot in range(int(scenario["n_processes"]), min(k.MAX_PROCESSES, n)):
            apps[slot]["present"] = 1
            apps[slot]["oom_score_adj"] = k.CACHED_APP_ADJ
            apps[slot]["anon_pages"] = k.PAGES_PER_MIB
            scenario["device"]["reserved_pages"] -= k.PAGES_PER_MIB
        scenario["n_processes"] = max(int(scenario["n_processes"]), n)

    return change


def with_length(factor: float) -> Callable[[Any], None]:
    """Return a change of an episode's length."""

    def change(scenario: Any) -> None:
        scenario["duration_us"] = int(scenario["duration_us"] * factor) // k.MS * k.MS

    return change


def with_cpus(n: int) -> dict[str, Any]:
    """Return overrides that give a device ``n`` CPUs, all alike, with one clock."""
    everywhere = tuple(range(n))
    masks = {f"{name}_cpus": everywhere for name in ("top_app", "foreground", "background")}
    return {"device": {"capacity": (k.UNIT,) * n, "domain": (0,) * n, "min_clock": (0.25,), **masks}}


def run(rounds: int, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Measure all in turns."""
    contestants: dict[str, Play] = {}
    for n in PROCESSES:
        contestants[f"{n} processes"] = playing(lanes_with(with_processes(n)), False)
    for n in CPUS:
        contestants[f"{n} CPUs"] = playing(lanes_with(None, with_cpus(n)), False)
    for factor in LENGTHS:
        contestants[f"length x {factor:g}"] = playing(lanes_with(with_length(factor)), False)
    for entries in BATCHES:
        overrides = {"kernel": {"batch_entries": entries}}
        contestants[f"batches of {entries}"] = playing(lanes_with(None, overrides), True)
    return measure(contestants, rounds, progress)


def us_per_lap_step(lap: Lap) -> float:
    """Return microseconds of wall time per step."""
    return 1e6 * lap.wall_s / lap.steps


def ms_per_episode(lap: Lap) -> float:
    """Return milliseconds of wall time per episode."""
    return 1e3 * lap.wall_s / LANES


def table(laps: Sequence[Lap]) -> list[dict[str, Any]]:
    """Return a row per variation: what was varied, time per tick (or per batch), and per episode."""
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(lap.name for lap in laps):
        batches = name.startswith("batches")
        figure: Spread = rate(laps, name, us_per_lap_step if batches else ns_per_tick)
        rows.append(
            {
                "varied": name,
                "per": "batch, us" if batches else "tick, ns",
                "time": figure,
                "ms_per_episode": rate(laps, name, ms_per_episode),
                "steps_per_episode": next(lap.steps for lap in laps if lap.name == name) / LANES,
            }
        )
    return rows


def summary(laps: Sequence[Lap]) -> dict[str, float]:
    """Return what eight times the processes, four times the CPUs and eight times the length cost, flat."""
    few, many = (rate(laps, f"{n} processes", ns_per_tick).median for n in (PROCESSES[0], PROCESSES[-1]))
    least, most = (rate(laps, f"{n} CPUs", ns_per_tick).median for n in (CPUS[0], CPUS[-1]))
    short, long = (rate(laps, f"length x {f:g}", ns_per_tick).median for f in (LENGTHS[0], LENGTHS[-1]))
    return {
        "tick_48_over_8_processes": many / few,
        "tick_8_over_2_cpus": most / least,
        "tick_long_over_short_episode": long / short,
    }
