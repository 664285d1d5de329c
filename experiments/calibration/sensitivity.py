"""Does the ranking of the fixed policies hold over each parameter's plausible range?

Each parameter alone at both ends of its range, and all together by Latin hypercube; the ranking is compared with the
default's by Kendall's tau of the mean scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from scipy import stats

from experiments.calibration.ranges import RANGES, hypercube, overriding
from swapgym.agents.play import Player, play_job
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite

POLICIES: Final = ("always_inline", "always_defer", "vivo", "bounded_pool", "userspace_reaper", "free_memory")


@dataclass(frozen=True)
class Variation:
    """One world beside the default.

    Attributes:
        name: What was changed.
        tau: Kendall's tau of the policies' mean scores against the default's.
        best: The best policy there.
        scores: Mean score by policy.
    """

    name: str
    tau: float
    best: str
    scores: Mapping[str, float]


def scores_of(overrides: dict[str, Any], episodes: list[tuple[str, int]]) -> dict[str, float]:
    """Return each policy's mean score under ``overrides``."""
    spec = EnvSpec(device=None, overrides=overrides, routes=3)
    return {p: fmean(row["score"] for row in play_job((spec, Player(p, p), episodes))) for p in POLICIES}


def variations(samples: int, episodes_per_preset: int, progress: Callable[[], None]) -> Iterator[Variation]:
    """Yield the default, each parameter at both ends, and ``samples`` points of a Latin hypercube (seed 0)."""
    episodes = list(suite("validation").first(episodes_per_preset))
    default = scores_of({}, episodes)

    def compare(name: str, overrides: dict[str, Any]) -> Variation:
        scores = scores_of(overrides, episodes)
        tau = float(stats.kendalltau([default[p] for p in POLICIES], [scores[p] for p in POLICIES]).statistic)
        progress()
        return Variation(name, tau, min(scores, key=scores.__getitem__), scores)

    yield compare("default", {})
    for key, ends in RANGES.items():
        for value in ends:
            yield compare(f"{key[1]} = {value:g}", overriding({key: value}))
    for number, values in enumerate(hypercube(RANGES, samples, seed=0)):
        yield compare(f"hypercube {number}", overriding(values))
