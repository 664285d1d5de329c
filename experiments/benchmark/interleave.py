"""Measure contestants in turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from experiments.benchmark.single import Spread, spread

Play = Callable[[], tuple[int, float]]
"""One lap: plays, and returns the steps taken and the seconds simulated (0 where nothing is)."""


class Lap(NamedTuple):
    """One measurement of one contestant.

    Attributes:
        name: Contestant.
        round: Which turn, from 0.
        steps: Steps taken: of an environment, frames of training, or ticks.
        simulated_s: Seconds of phone (or traffic) simulated.
        wall_s: Seconds of wall time.
        cpu_s: Seconds of CPU time, of all threads of this process.
    """

    name: str
    round: int
    steps: int
    simulated_s: float
    wall_s: float
    cpu_s: float


Figure = Callable[[Lap], float]


def steps_per_s(lap: Lap) -> float:
    """Return steps per second of wall time."""
    return lap.steps / lap.wall_s


def simulated_per_cpu(lap: Lap) -> float:
    """Return seconds simulated per second of CPU time."""
    return lap.simulated_s / lap.cpu_s


def measure(contestants: Mapping[str, Play], rounds: int, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Let every contestant play one lap per round, after one round that only warms up; the order rotates.

    Args:
        contestants: Play by name.
        rounds: Rounds that count.
        progress: Called after every lap, warm-up included.
    """
    names = list(contestants)
    laps = []
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            steps, simulated_s = contestants[name]()
            lap = Lap(name, turn, steps, simulated_s, time.perf_counter() - wall, time.process_time() - cpu)
            if turn >= 0:
                laps.append(lap)
            if progress:
                progress()
    return laps


def of(laps: Sequence[Lap], name: str) -> list[Lap]:
    """Return one contestant's laps, by round.

    Raises:
        KeyError: If it has none.
    """
    own = [lap for lap in laps if lap.name == name]
    if not own:
        raise KeyError(f"{name!r} has no laps")
    return own


def rate(laps: Sequence[Lap], name: str, figure: Figure) -> Spread:
    """Return median and quartiles of a figure over a contestant's laps."""
    return spread([figure(lap) for lap in of(laps, name)])


def ratio(laps: Sequence[Lap], name: str, other: str, figure: Figure) -> Spread:
    """Return median and quartiles of the ratio of two contestants within rounds."""
    reference = {lap.round: figure(lap) for lap in of(laps, other)}
    return spread([figure(lap) / reference[lap.round] for lap in of(laps, name)])


def flat(name: str, figure: Spread) -> dict[str, float]:
    """Return a figure as three entries of a summary: median, and quartiles as ``_low`` and ``_high``."""
    return {name: figure.median, f"{name}_low": figure.low, f"{name}_high": figure.high}
