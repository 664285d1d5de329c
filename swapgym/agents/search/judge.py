"""A judge: plays one compiled policy after another on the same episodes, which it has begun once.

What happens before the first decision does not depend on who decides, so that it is simulated once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from swapgym.envs.costs import N_OBJECTIVES, Rates, costs_of, reference
from swapgym.envs.deciders import Decider
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec

Costs = npt.NDArray[np.float64]


class Judge:
    """Plays deciders on episodes that are the same for all.

    Attributes:
        spec: The decision process.
        episodes: Pairs of preset and scenario seed.
        references: What the reference costs there, by objective, shape ``(episodes, N_OBJECTIVES)``.
    """

    def __init__(self, spec: EnvSpec, episodes: Sequence[tuple[str, int]], threads: int = 1) -> None:
        """Draw the episodes and run each to its first decision.

        Args:
            spec: The decision process; the episodes name their presets.
            episodes: Pairs of preset and scenario seed.
            threads: Threads that share them.

        Raises:
            ValueError: If there is no episode.
        """
        self.spec = spec
        self.episodes = tuple(episodes)
        self._lanes = Lanes(len(self.episodes), spec, threads)
        drawn = [self._lanes.draw(lane, seed, preset) for lane, (preset, seed) in enumerate(self.episodes)]
        self.references: Costs = np.array([reference(one.preset, one.device) for one in drawn])
        self._lanes.begin()
        lanes = self._lanes
        self._places: tuple[npt.NDArray[Any], ...] = (lanes.phones, lanes.lanes, lanes.observations, lanes.statuses)
        self._begun = tuple(array.copy() for array in self._places)

    def costs(self, decider: Decider) -> Costs:
        """Return what the episodes cost under ``decider``, by objective, shape ``(episodes, N_OBJECTIVES)``.

        Raises:
            ValueError: If the decider does not fit the decision process.
        """
        for place, begun in zip(self._places, self._begun, strict=True):
            place[...] = begun
        self._lanes.play(decider)
        return np.array([costs_of(phone) for phone in self._lanes.phones]).reshape(-1, N_OBJECTIVES)

    def scores(self, costs: Costs, ms_per_mib: float) -> npt.NDArray[np.float64]:
        """Return the scores of episodes at a rate, lower is better, shape ``(episodes,)``."""
        worth = Rates(ms_per_mib).vector
        return np.asarray((costs @ worth) / (self.references @ worth))

    def close(self) -> None:
        """End the threads."""
        self._lanes.close()
