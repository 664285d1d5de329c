"""Where deferring helps, hurts, or does not matter: by what is in a scenario.

Every episode is played twice on the same scenario, all inline and all deferred; a cell of the map is the mean
difference of those whose scenario falls into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.planning.plans import Stage, constant, stack
from swapgym.agents.statistics import Estimate, estimate
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k

FACTORS: Final[dict[str, tuple[float, ...]]] = {
    "swapped share of the victims": (0.0, 0.82, 0.835, 0.85, 1.01),
    "victims": (0, 3, 6, 10, 99),
    "memory over demand": (-9.0, 0.7, 1.0, 1.4, 99.0),
    "SCHED_FIFO load": (-0.01, 0.02, 0.05, 0.2, 1.01),
}
"""What a scenario is sorted by, and the edges of the cells: about the quartiles of the train suite's scenarios.

``memory over demand`` is what is free above the low watermark plus what the victims' exits give back, over what the
launches allocate; the SCHED_FIFO load is the mean over CPUs and the episode. Swapped shares of anonymous memory vary
little, as they do on phones once apps have been cached for a minute.
"""
MAPS: Final = (("victims", "swapped share of the victims"), ("SCHED_FIFO load", "memory over demand"))
LEAST: Final = 12
"""Episodes a cell must have to be shown."""


@dataclass(frozen=True)
class Sorted:
    """Episodes with what they are sorted by, and what deferring did.

    Attributes:
        factors: Value of each factor per episode.
        gain: Score of always deferring less that of always inline; below 0 deferring helps.
    """

    factors: dict[str, npt.NDArray[np.float64]]
    gain: npt.NDArray[np.float64]

    def cell(self, within: Mapping[str, tuple[float, ...]]) -> npt.NDArray[np.bool_]:
        """Return the episodes whose factors lie within these half-open ranges."""
        mask = np.ones(len(self.gain), dtype=bool)
        for name, (low, high) in within.items():
            mask &= (self.factors[name] >= low) & (self.factors[name] < high)
        return mask

    def effect(self, mask: npt.NDArray[np.bool_]) -> Estimate | None:
        """Return the mean effect of deferring with its interval; None where there are too few episodes."""
        if int(mask.sum()) < LEAST:
            return None
        return estimate({"cell": self.gain[mask].tolist()}, mean=True)


def factors_of(scenario: Any) -> dict[str, float]:
    """Return what a scenario is sorted by."""
    events = scenario["events"][: scenario["n_events"]]
    victims = np.unique(events["a"][events["kind"] == k.EVENT_KILL])
    apps = scenario["apps"][victims]
    swapped, resident = float(apps["swap_entries"].sum()), float(apps["anon_pages"].sum())
    launches = scenario["launches"][: scenario["n_launches"]]
    wanted = float((launches["burst_anon_pages"] + launches["burst_buffer_pages"] + launches["burst_file_pages"]).sum())
    device = scenario["device"]
    held = float(scenario["apps"]["anon_pages"].sum() + scenario["file_cache_pages"] + scenario["pool_pages"])
    free = float(device["ram_pages"]) - held - float(device["reserved_pages"]) - float(device["watermark_low"])
    back = resident + swapped * k.UNIT / float(scenario["compression"])
    return {
        "swapped share of the victims": swapped / max(1.0, swapped + resident),
        "victims": float(len(victims)),
        "memory over demand": (free + back) / max(1.0, wanted),
        "SCHED_FIFO load": realtime_load(scenario, events),
    }


def realtime_load(scenario: Any, events: Any) -> float:
    """Return the SCHED_FIFO load a scenario asks for: mean over CPUs and the episode."""
    n = int(scenario["device"]["n_cpus"])
    load = np.zeros(n)
    total = 0.0
    now = 0
    for event in [*events[events["kind"] == k.EVENT_RT].tolist(), (int(scenario["duration_us"]), 0, 0, 0, 0)]:
        total += float(load.mean()) * (min(event[0], int(scenario["duration_us"])) - now)
        now = event[0]
        for cpu in range(n):
            if event[2] >> cpu & 1:
                load[cpu] = event[3] / 1_000
    return total / float(scenario["duration_us"])


def measure(episodes: Sequence[tuple[str, int]], spec: EnvSpec, progress: Callable[[], None]) -> Sorted:
    """Play every episode inline and deferred."""
    found: dict[str, list[float]] = {name: [] for name in FACTORS}
    gain = []
    for preset, seed in episodes:
        stage = Stage(preset, seed, spec, width=2)
        inline, deferred = stage.scores(stack([constant(route) for route in stage.routes]))
        gain.append(deferred - inline)
        for name, value in factors_of(stage.scenarios[0]).items():
            found[name].append(value)
        progress()
    return Sorted({name: np.array(values) for name, values in found.items()}, np.array(gain))
