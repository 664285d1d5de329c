"""The clairvoyant bound and the online planner against fixed policies, on the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapgym.agents.planning import Found, Played, mpc, search_all
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.statistics import Estimate, difference, estimate
from swapgym.agents.stored.tuned import baselines
from swapgym.envs.spec import EnvSpec

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """Scores of the same episodes.

    Attributes:
        episodes: Pairs of preset and seed.
        found: What the clairvoyant planner found, in that order.
        planned: What the online planner came to.
        fixed: Scores of fixed policies by name, in that order.
        about: What these are: tuned, or with their defaults.
    """

    episodes: Sequence[tuple[str, int]]
    found: Sequence[Found]
    planned: Sequence[Played]
    fixed: Mapping[str, Scores]
    about: str

    @property
    def scores(self) -> Scores:
        """Scores of the bound."""
        return np.array([one.score for one in self.found])

    @property
    def planner(self) -> Scores:
        """Scores of the online planner."""
        return np.array([one.score for one in self.planned])

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

    def gap(self, preset: str | None = None, scores: Scores | None = None) -> Estimate:
        """Return the mean paired difference of ``scores`` (the bound's) from the best fixed policy of all presets."""
        mask = self.of(preset)
        strata = [one for (one, _), chosen in zip(self.episodes, mask, strict=True) if chosen]
        best = self.fixed[self.best_fixed()][mask]
        own = (self.scores if scores is None else scores)[mask]
        return difference(own[None], best[None], strata)

    def margin(self, preset: str) -> Estimate:
        """Return by how much the preset's own best fixed policy betters the best of all presets there."""
        mask = self.of(preset)
        gaps = self.fixed[self.best_fixed(preset)][mask] - self.fixed[self.best_fixed()][mask]
        return estimate({preset: gaps.tolist()}, mean=True)


def measure(
    episodes: Sequence[tuple[str, int]],
    evaluations: int,
    spec: EnvSpec,
    progress: Callable[[], None],
    settings: mpc.Settings | None = None,
    workers: int = 2,
) -> Bound:
    """Let both planners play every episode, and the fixed policies: tuned ones, where there are.

    Args:
        episodes: Pairs of preset and seed.
        evaluations: Plans of the bound per episode.
        spec: The decision process.
        progress: Called twice per episode.
        settings: Of the online planner.
        workers: Worker processes of the planners.
    """
    found = search_all(episodes, spec, evaluations, workers=workers, progress=progress)
    planned = mpc.play_all(episodes, spec, settings, workers=workers, progress=progress)
    policies, about = baselines(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset)
    fixed = {}
    for name, policy in {**policies, "always_inline": make("always_inline", spec.route_names, spec.parts)}.items():
        if name != "random":
            fixed[name] = np.array([row["score"] for row in play(spec, policy, name, episodes)])
    return Bound(episodes, found, planned, fixed, about)
