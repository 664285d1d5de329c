"""Measures the episodes that the reference costs are means of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from swapgym.envs.costs import costs_of, stored_reference
from swapgym.envs.lane import play_out
from swapgym.phone.constants import INLINE
from swapgym.phone.engine import start
from swapgym.phone.state import PHONE
from swapgym.workload import draw, empty

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


def measure(preset: str, device: str, scenario_seeds: Iterable[int]) -> Iterator[Episode]:
    """Play the episodes of ``preset`` with these seeds, every batch inline; yield what each of them cost."""
    for scenario_seed in scenario_seeds:
        phones, scenarios = np.zeros(1, PHONE), empty(1)
        draw(preset, scenario_seed, device=device, kernel=KERNEL, out=scenarios[0])
        start(phones, scenarios, 0)
        play_out(phones, scenarios, 0, INLINE)
        # microseconds and pages: sums of terms in ms and MiB are them but for the last bits
        lag_ms, peak_mib, _ = costs_of(phones[0]).round(8).tolist()
        yield Episode(scenario_seed, lag_ms, peak_mib)


def stored_episodes(preset: str, device: str) -> list[Episode]:
    """Return the stored episodes of ``preset`` on ``device``; none where it is not stored."""
    entry = stored_reference()["presets"].get(preset, {}).get(device, {"first": ()})
    return [Episode(*episode) for episode in entry["first"]]
