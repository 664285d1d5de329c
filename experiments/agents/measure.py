"""Play the runs of one group and all their baselines, and work out what of the gap to the bound they close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.agents import planners
from swapgym.agents.evaluate import play_runs
from swapgym.agents.play import Row
from swapgym.agents.statistics import Estimate, Indices, Scores, difference, over_seeds
from swapgym.agents.stored.agents import Group
from swapgym.agents.tables import BOUND, LEARNED, PLANNERS, by_policy
from swapgym.envs.spec import EnvSpec


@dataclass(frozen=True)
class Measured:
    """Scores of one group on the same episodes.

    Attributes:
        group: Kernel variant and rate.
        episodes: Pairs of preset and seed.
        rows: Replayable records of runs and fixed policies.
        scores: By policy, shape ``(seeds, episodes)``; the planners' too, as ``clairvoyant`` (the bound) and ``mpc``.
    """

    group: Group
    episodes: Sequence[tuple[str, int]]
    rows: Sequence[Row]
    scores: Mapping[str, Scores]

    @property
    def presets(self) -> list[str]:
        """Preset of each episode."""
        return [preset for preset, _ in self.episodes]

    def best_fixed(self) -> str:
        """Return the fixed policy of the lowest mean score."""
        fixed = [name for name in self.scores if name not in LEARNED and name not in PLANNERS]
        return min(fixed, key=lambda name: float(self.scores[name].mean()))

    def learned(self) -> list[str]:
        """Return the learned policies, best first."""
        return sorted(
            (name for name in self.scores if name in LEARNED), key=lambda name: float(self.scores[name].mean())
        )

    def over_best(self, name: str) -> Estimate:
        """Return the mean paired difference from the best fixed policy and its 95 % interval."""
        return difference(self.scores[name], self.scores[self.best_fixed()], self.presets)

    def gap_closed(self, name: str, to: str = BOUND, seed: int = 0) -> Estimate:
        """Return the share of the gap from the best fixed policy to a planner that is closed, with its 95 % interval.

        Training seeds are resampled as a whole and episodes within their preset, the same for all three.
        """
        own, best, bound = self.scores[name], self.scores[self.best_fixed()][0], self.scores[to][0]

        def closed(chosen: Indices, picked: Indices) -> float:
            return share(own[np.ix_(chosen, picked)], best[picked], bound[picked])

        return over_seeds(closed, len(own), self.presets, seed)


def share(own: Scores, best: Scores, bound: Scores) -> float:
    """Return what of the gap from ``best`` to ``bound`` is closed; 0 where there is none to close."""
    gap = float(best.mean() - bound.mean())
    return float(best.mean() - own.mean()) / gap if gap > 0 else 0.0


def measure(
    group: Group,
    spec: EnvSpec,
    folders: Sequence[Path],
    episodes: Sequence[tuple[str, int]],
    evaluations: int | None,
    progress: Callable[[], None],
    workers: int = 2,
) -> Measured:
    """Play runs, tuned policies and planners on ``episodes``.

    Args:
        group: What the runs share.
        spec: The decision process that they are compared in.
        folders: Their folders.
        episodes: Pairs of preset and seed.
        evaluations: Plans of the bound per episode, to search it now; None takes what is kept.
        progress: Called twice per episode where planners play.
        workers: Worker processes of the planners.

    Raises:
        ValueError: If what is kept of the planners does not replay, or nothing is kept.
    """
    rows = play_runs(folders, episodes)
    if evaluations is None:
        kept = planners.kept(planners.path_of(spec), spec, episodes)
        if kept is None:
            raise ValueError(
                f"{planners.path_of(spec)} has not all episodes; run python -m experiments.agents.planners --kernel"
                f" {group.kernel} --ms-per-mib {group.ms_per_mib:g}, or say --evaluations"
            )
    else:
        kept = planners.plan(spec, episodes, evaluations, planners.SETTINGS, progress, workers)
    rows += [{**row, "run": ""} for row in kept]
    scores = by_policy(rows, episodes)
    scores.pop("random", None)
    return Measured(group, episodes, rows, scores)
