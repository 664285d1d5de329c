"""Play the runs of one group and all their rivals, and work out what of the gap to the bound they close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.evaluate import LEARNED, by_policy, difference, play_runs
from agents.planning import search_all
from agents.runner import Row, World, play
from agents.train import ROUTES
from agents.trained import Group
from swapgym.envs.arguments import route_codes
from swapgym.workload import draw, empty

Scores = npt.NDArray[np.float64]
BOUND: Final = "clairvoyant"
RESAMPLES: Final = 2_000


@dataclass(frozen=True)
class Measured:
    """Scores of one group on the same episodes.

    Attributes:
        group: Kernel variant and preference weight.
        episodes: Pairs of preset and seed.
        rows: Replayable records of runs and fixed policies.
        scores: By policy, shape ``(seeds, episodes)``; the bound's too, as ``clairvoyant``.
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
        fixed = [name for name in self.scores if name not in LEARNED and name != BOUND]
        return min(fixed, key=lambda name: float(self.scores[name].mean()))

    def learned(self) -> list[str]:
        """Return the learned policies, best first."""
        return sorted(
            (name for name in self.scores if name in LEARNED), key=lambda name: float(self.scores[name].mean())
        )

    def over_best(self, name: str) -> tuple[float, float, float]:
        """Return the mean paired difference from the best fixed policy and its 95 % interval."""
        return difference(self.scores[name], self.scores[self.best_fixed()], self.presets)

    def gap_closed(self, name: str, seed: int = 0) -> tuple[float, float, float]:
        """Return the share of the gap between best fixed policy and bound that is closed, with its 95 % interval.

        Training seeds are resampled as a whole and episodes within their preset, the same for all three.
        """
        own, best, bound = self.scores[name], self.scores[self.best_fixed()][0], self.scores[BOUND][0]
        rng = np.random.default_rng(seed)
        strata = [np.flatnonzero(np.array(self.presets) == preset) for preset in dict.fromkeys(self.presets)]
        shares = np.empty(RESAMPLES)
        for sample in range(RESAMPLES):
            chosen = rng.integers(len(own), size=len(own))
            picked = np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata])
            shares[sample] = share(own[np.ix_(chosen, picked)], best[picked], bound[picked])
        low, high = np.percentile(shares, [2.5, 97.5])
        return share(own, best, bound), float(low), float(high)


def share(own: Scores, best: Scores, bound: Scores) -> float:
    """Return what of the gap from ``best`` to ``bound`` is closed."""
    return float((best.mean() - own.mean()) / (best.mean() - bound.mean()))


def measure(
    group: Group,
    folders: Sequence[Path],
    episodes: Sequence[tuple[str, int]],
    evaluations: int,
    progress: Callable[[], None],
) -> Measured:
    """Play runs, tuned policies and the clairvoyant planner on ``episodes``."""
    rows, weight, kernel = play_runs(folders, episodes)
    scores = by_policy(rows, episodes)
    scores.pop("random", None)
    world = World(kernel=kernel, routes=ROUTES, weights=(weight, 1 - weight))
    found = search_all(episodes, world, evaluations, progress=progress)
    scores[BOUND] = np.array([[one.score for one in found]])
    rows = rows + [
        {**row, "run": ""}
        for one in found
        for row in play(world, Recorded(one.routes, world), BOUND, [(one.preset, one.seed)])
    ]
    return Measured(group, episodes, rows, scores)


class Recorded:
    """Takes the routes of a plan, one after the other."""

    def __init__(self, routes: Sequence[int], world: World) -> None:
        """Take a plan's routes in the episode's order."""
        codes = route_codes(world.routes, kernel_record(world))
        self.actions = iter([codes.index(route) for route in routes])

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[npt.NDArray[np.int64], Any]:
        """Return the next action, as a batch of one."""
        return np.array([next(self.actions)], dtype=np.int64), state


def kernel_record(world: World) -> Any:
    """Return a SCENARIO record with the world's kernel, which says what a deferral's route is."""
    scenario = empty(1)[0]
    draw("camera_launch", 0, kernel=world.kernel, overrides=world.overrides, out=scenario)
    return scenario
