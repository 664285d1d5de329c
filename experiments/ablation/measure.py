"""Play both routes on many scenarios, and ask a boosted tree for the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.statistics import over_seeds
from swapgym.envs.costs import weighted
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec

FIRST_SEED: Final = 100_000
"""Train seeds from here on."""
GROUPS: Final = {
    "launch_need": ("launch_need",),
    "victim_last_pss": ("victim_last_pss",),
    "measured speeds": ("release_ns", "drain_ns"),
    "clocks": ("clock_little", "clock_big", "victim_cpu_capacity"),
}
"""What the second edition added to the observation."""
ERRORS: Final = {"exact": 0.0, "wrong by 2": 0.69}
"""Errors of ``launch_need`` beside the default: sd of the logarithm."""
LANES: Final = 500

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choices:
    """Episodes played by both routes.

    Attributes:
        parts: Names of the observed parts.
        observations: Of the first decisions, shape ``(episodes, parts)``.
        scores: Of always inline and always defer, shape ``(episodes, 2)``.
    """

    parts: tuple[str, ...]
    observations: Floats
    scores: Floats


def play(error: float | None, episodes: int) -> Choices:
    """Play the default task by both routes; ``error`` is that of ``launch_need``, its default where ``None``."""
    changes: dict[str, Any] = {} if error is None else {"overrides": {"device": {"launch_history_sigma": error}}}
    spec = EnvSpec(**changes)
    actions = spec.actions()
    seen, scores = [], []
    for first in range(FIRST_SEED, FIRST_SEED + episodes, LANES):
        part = []
        for route in range(2):
            lanes = Lanes(min(LANES, FIRST_SEED + episodes - first), spec)
            for lane in range(lanes.n):
                lanes.draw(lane, first + lane)
            lanes.begin()
            if route == 0:
                seen.append(lanes.observations.astype(np.float64))
            lanes.actions[:] = actions[route]
            while len(waiting := lanes.waiting()):
                lanes.step(waiting)
            part.append([weighted(row["costs"], row["weights"]) for row in lanes.lanes])
        scores.append(np.array(part).T)
    return Choices(tuple(spec.parts), np.concatenate(seen), np.concatenate(scores))


def job(task: tuple[float | None, int]) -> Choices:
    """Play for one error; at module level so that worker processes can be sent it."""
    return play(*task)


def closed(choices: Choices, without: Sequence[str] = (), folds: int = 5) -> tuple[float, float, float]:
    """Return the share of the hindsight gap that a boosted tree's choice closes, cross-validated, with its interval.

    Args:
        choices: Episodes played by both routes.
        without: Parts it does not see.
        folds: Episodes are predicted by trees that have not seen them, in so many folds.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import KFold

    columns = [place for place, name in enumerate(choices.parts) if name not in without]
    features = choices.observations[:, columns]
    target = choices.scores[:, 1] - choices.scores[:, 0]
    predicted = np.zeros(len(target))
    for train, test in KFold(folds, shuffle=True, random_state=0).split(features):
        tree = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.05, max_leaf_nodes=15, random_state=0)
        tree.fit(features[train], np.clip(target[train], -1.0, 1.0))
        predicted[test] = tree.predict(features[test])
    chosen = np.where(predicted < 0.0, choices.scores[:, 1], choices.scores[:, 0])
    everybody = ["all"] * len(target)
    return over_seeds(lambda _, picked: share(choices.scores, chosen, picked), 1, everybody)


def share(scores: Floats, chosen: Floats, episodes: npt.NDArray[np.int64]) -> float:
    """Return the share of the gap between the better route for all and the better one for each that a choice closes."""
    single = float(scores[episodes].mean(axis=0).min())
    each = float(scores[episodes].min(axis=1).mean())
    return (single - float(chosen[episodes].mean())) / (single - each)
