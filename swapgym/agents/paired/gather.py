"""Paired rollouts: states of train episodes, played on by both routes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.paired.network import Network, PairedPolicy
from swapgym.agents.parallel import spread
from swapgym.agents.rollouts import Rollouts
from swapgym.envs.costs import N_OBJECTIVES, Rates, reference
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.files import write

STATES: Final = 24
"""States per episode, at most: evenly spaced from a first one that is drawn, so that none is preferred."""
CHUNK: Final = 50
"""Episodes per job of a worker process."""


@dataclass(frozen=True)
class States:
    """States of episodes.

    Attributes:
        observations: float32, shape ``(n, parts)``.
        advantages: What deferring costs more than inline by objective, float64, shape ``(n, N_OBJECTIVES)``: below 0
            deferring was better.
        references: What the reference costs in the episode of each, by objective, of the same shape.
        episodes: Number of the episode of each, int64, shape ``(n,)``.
    """

    observations: npt.NDArray[np.float32]
    advantages: npt.NDArray[np.float64]
    references: npt.NDArray[np.float64]
    episodes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.episodes)

    def scores(self, rates: Rates) -> npt.NDArray[np.float64]:
        """Return what deferring costs more than inline as a score, shape ``(n,)``."""
        scores: npt.NDArray[np.float64] = (self.advantages @ rates.vector) / (self.references @ rates.vector)
        return scores

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **vars(self))
        write(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> States:
        """Read what :meth:`save` wrote."""
        with np.load(path) as stored:
            return cls(**stored)


def together(parts: Sequence[States], renumbered: bool = True) -> States:
    """Return several states as one; those of several gatherings have their episodes numbered on."""
    episodes, before = [], 0
    for part in parts:
        episodes.append(part.episodes + before)
        before += renumbered * (int(part.episodes.max(initial=-1)) + 1)
    return States(
        np.concatenate([part.observations for part in parts]),
        np.concatenate([part.advantages for part in parts]),
        np.concatenate([part.references for part in parts]),
        np.concatenate(episodes),
    )


class Pairs:
    """Plays episodes by a policy, and goes on from their states by both actions, side by side."""

    def __init__(self, spec: EnvSpec, policy: PairedPolicy, keep_us: int) -> None:
        """Make ready; a rollout keeps its action for ``keep_us``."""
        self.policy, self.keep_us = policy, keep_us
        self.codes = spec.actions()
        self.rollouts = Rollouts(policy, spec)
        self.episode, self.pairs = Lanes(1, spec), Lanes(2 * STATES, spec)

    def play(self, preset: str, seed: int, number: int) -> States:
        """Play an episode, and return its states."""
        episode = self.episode
        drawn = episode.draw(0, seed, preset)
        episode.begin()
        decisions = []
        while len(episode.waiting()):
            decisions.append((*episode.take(0), episode.observations.copy()))
            episode.actions[:] = self.codes[self.policy.predict(episode.observations)[0]]
            episode.step()
        spacing = max(1, -(-len(decisions) // STATES))
        chosen = decisions[int(np.random.default_rng(seed).integers(spacing)) :: spacing]
        advantages = np.zeros((len(chosen), N_OBJECTIVES))
        if chosen:
            advantages = self.go_on([np.concatenate(records) for records in zip(*chosen, strict=True)])
        seen = [observations for *_, observations in chosen] or [episode.observations[:0]]
        references = np.tile(reference(drawn.preset, drawn.device), (len(chosen), 1))
        return States(np.concatenate(seen), advantages, references, np.full(len(chosen), number))

    def go_on(self, states: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """Return what deferring costs more than inline at each state, by objective.

        Args:
            states: PHONE, SCENARIO and LANE records, and observations, of as many states.
        """
        pairs, n = self.pairs, len(states[0])
        for rows, there in zip((pairs.phones, pairs.scenarios, pairs.lanes, pairs.observations), states, strict=True):
            rows[: 2 * n] = np.repeat(there, 2, axis=0)
        for lane in range(2 * n):
            self.rollouts.play_on(pairs, lane, lane % 2, self.keep_us)
        costs: npt.NDArray[np.float64] = pairs.lanes["costs"][: 2 * n]
        return costs[1::2] - costs[::2]


def gather_job(job: tuple[EnvSpec, Network, Sequence[tuple[str, int]], int, int]) -> States:
    """Gather from some episodes; at module level so that worker processes can be sent it."""
    spec, network, episodes, keep_us, first = job
    pairs = Pairs(spec, PairedPolicy(network, spec.parts), keep_us)
    found = [pairs.play(preset, seed, number) for number, (preset, seed) in enumerate(episodes, start=first)]
    return together(found, renumbered=False)


def gather(
    spec: EnvSpec,
    network: Network,
    episodes: Sequence[tuple[str, int]],
    keep_us: int,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> States:
    """Gather states of episodes that the policy ``network`` plays.

    Args:
        spec: The decision process, of two actions; its rates do not matter here.
        network: The policy.
        episodes: Pairs of preset and scenario seed.
        keep_us: How long a rollout keeps its action.
        workers: Worker processes; no bit depends on their number.
        progress: Called with the number of episodes just done.

    Raises:
        ValueError: If the actions are not two.
    """
    if len(spec.actions()) != 2:
        raise ValueError(f"routes: {spec.routes!r}, must be two: paired rollouts compare one with the other")
    jobs = [(spec, network, episodes[i : i + CHUNK], keep_us, i) for i in range(0, len(episodes), CHUNK)]
    parts = spread(gather_job, jobs, workers, lambda number, _: progress(len(jobs[number][2])))
    return together(parts, renumbered=False)
