"""Measures the episodes that the baselines are means of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from swapgym.envs.lane import begin_lane, play_out
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.observations import N_PARTS
from swapgym.envs.rewards import N_TERMS, stored_baselines
from swapgym.phone.constants import INLINE
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.state import PHONE
from swapgym.workload import draw

KERNEL = "mainline"


class Episode(NamedTuple):
    """What one episode cost.

    Attributes:
        scenario_seed: Seed of its scenario.
        lag_ms: Its lag.
        peak_mib: Growth of its highest memory demand.
    """

    scenario_seed: int
    lag_ms: float
    peak_mib: float


def measure(preset: str, scenario_seeds: Iterable[int]) -> Iterator[Episode]:
    """Play the episodes of ``preset`` with these seeds, every batch inline; yield what each of them cost."""
    observations, paid = np.zeros((1, N_PARTS), np.float32), np.zeros((1, N_TERMS), np.int64)
    for scenario_seed in scenario_seeds:
        phones, scenarios = np.zeros(1, PHONE), np.zeros(1, SCENARIO)
        draw(preset, scenario_seed, kernel=KERNEL, out=scenarios[0])
        begin_lane(phones, scenarios, 0, observations, paid)
        play_out(phones, scenarios, 0, INLINE)
        metrics = episode_metrics(phones[0], scenarios[0])
        yield Episode(scenario_seed, metrics["lag_ms"], metrics["peak_mib"])


def stored_episodes(preset: str) -> list[Episode]:
    """Return the stored episodes of ``preset``."""
    return [Episode(*episode) for episode in stored_baselines()["presets"][preset]["episodes"]]
