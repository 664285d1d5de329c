"""The clairvoyant bound against fixed policies, on the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.evaluate import difference
from agents.planning import Found, search_all
from agents.policies import make
from agents.runner import World, play
from agents.train import ROUTES
from agents.tune import rivals
from experiments.statistics import Estimate, estimate

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """Scores of the same episodes.

    Attributes:
        episodes: Pairs of preset and seed.
        found: What the planner found, in that order.
        fixed: Scores of fixed policies by name, in that order.
        about: What these are: tuned, or with their defaults.
    """

    episodes: Sequence[tuple[str, int]]
    found: Sequence[Found]
    fixed: Mapping[str, Scores]
    about: str

    @property
    def scores(self) -> Scores:
        """Scores of the bound."""
        return np.array([one.score for one in self.found])

    def presets(self) -> list[str]:
        """Return the presets, in order."""
        return list(dict.fromkeys(preset for preset, _ in self.episodes))

    def of(self, preset: str | None) -> npt.NDArray[np.bool_]:
        """Return which episodes are of a preset; all for None."""
        return np.array([preset is None or one == preset for one, _ in self.episodes])

    def best_fixed(self, preset: str | None = None) -> str:
        """Return the fixed policy of the lowest mean score."""
        mask = self.of(preset)
        return min(self.fixed, key=lambda name: float(self.fixed[name][mask].mean()))

    def gap(self, preset: str | None = None) -> Estimate:
        """Return the bound's mean paired difference from the best fixed policy of all presets."""
        mask = self.of(preset)
        strata = [one for (one, _), chosen in zip(self.episodes, mask, strict=True) if chosen]
        best = self.fixed[self.best_fixed()][mask]
        return Estimate(*difference(self.scores[mask][None], best[None], strata))

    def margin(self, preset: str) -> Estimate:
        """Return by how much the preset's own best fixed policy betters the best of all presets there."""
        mask = self.of(preset)
        gaps = self.fixed[self.best_fixed(preset)][mask] - self.fixed[self.best_fixed()][mask]
        return estimate({preset: gaps.tolist()}, mean=True)


def measure(
    episodes: Sequence[tuple[str, int]], evaluations: int, lag_weight: float, progress: Callable[[], None]
) -> Bound:
    """Search the bound of every episode, and play the fixed policies on it: tuned ones, where there are."""
    world = World(routes=ROUTES, weights=(lag_weight, 1 - lag_weight))
    found = search_all(episodes, world, evaluations, progress=progress)
    policies, about = rivals(lag_weight)
    fixed = {}
    for name, policy in {**policies, "always_inline": make("always_inline", ROUTES)}.items():
        if name != "random":
            fixed[name] = np.array([row["score"] for row in play(world, policy, name, episodes)])
            progress()
    return Bound(episodes, found, fixed, about)
