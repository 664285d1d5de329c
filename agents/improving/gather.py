"""Paired continuations: moments of train episodes, played on by both routes."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.improving.network import HIDDEN, Network, worth
from agents.training.runs import put
from swapgym.envs.costs import N_OBJECTIVES, Rates, objective_costs
from swapgym.envs.lane import begin_lane, step_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

MOMENTS: Final = 24
"""Moments per episode, at most: evenly spaced from a first one that is drawn, so that none is preferred."""
CHUNK: Final = 50
"""Episodes per job of a worker process."""


@kernel
def choose(network: Any, observation: Any, layers: Any) -> int:
    """Return the action of the policy: 1 defers."""
    first, second = layers
    return 1 if worth(network, observation, first, second) < 0.0 else 0


@kernel
def step(phones: Any, scenarios: Any, lanes: Any, lane: int, action: int, asked: Any, observations: Any) -> int:
    """Take an action and run on to the next decision; return the status."""
    actions, epochs, parts = asked
    return step_lane(phones, scenarios, lanes, lane, actions[action], epochs, parts, observations)


@kernel
def count(phones: Any, scenarios: Any, lanes: Any, network: Any, layers: Any, asked: Any, observations: Any) -> int:
    """Play an episode by the policy; return its number of decisions."""
    _, epochs, parts = asked
    decisions = 0
    status = begin_lane(phones, scenarios, lanes, 0, epochs, parts, observations)
    while status == k.RUN_DECISION:
        decisions += 1
        status = step(phones, scenarios, lanes, 0, choose(network, observations[0], layers), asked, observations)
    return decisions


@kernel
def play_on(
    phones: Any, scenarios: Any, lanes: Any, lane: int, until_us: int, action: int, network: Any, layers: Any,
    asked: Any, observations: Any,
) -> None:  # fmt: skip
    """Play a lane that awaits a decision to its end: by ``action`` before ``until_us``, by the policy after it."""
    while True:
        taken = action
        if phones[lane].now_us >= until_us:
            taken = choose(network, observations[lane], layers)
        if step(phones, scenarios, lanes, lane, taken, asked, observations) != k.RUN_DECISION:
            return


@kernel
def pair(
    phones: Any, scenarios: Any, lanes: Any, chosen: Any, keep_us: int, network: Any, layers: Any, asked: Any,
    observations: Any, noted: Any, paid: Any,
) -> None:  # fmt: skip
    """Play an episode by the policy; at the ``chosen`` decisions note the observation and what both actions come to.

    Args:
        phones: Three PHONE records: the episode, and two that go on from its moments.
        scenarios: The same SCENARIO three times.
        lanes: Three LANE records.
        chosen: Numbers of decisions, ascending, int64.
        keep_us: How long a continuation keeps its action before the policy goes on.
        network: The policy: a :class:`agents.improving.network.Network`.
        layers: Scratch for the network's two layers.
        asked: Both actions, the epochs and the places of the observed parts, as kernels of lanes take them.
        observations: float32, shape ``(3, parts)``; worked in.
        noted: float32, shape ``(len(chosen), parts)``. Written: the observations.
        paid: float64, shape ``(len(chosen), 2, N_OBJECTIVES)``. Written: what the episode costs by objective if all is
            released inline for ``keep_us``, and if it is deferred.
    """
    _, epochs, parts = asked
    row = 0
    decisions = 0
    begin_lane(phones, scenarios, lanes, 0, epochs, parts, observations)
    while row < len(chosen):
        if decisions == chosen[row]:
            noted[row] = observations[0]
            until_us = phones[0].now_us + keep_us
            for action in range(2):
                lane = 1 + action
                phones[lane], lanes[lane], observations[lane] = phones[0], lanes[0], observations[0]
                play_on(phones, scenarios, lanes, lane, until_us, action, network, layers, asked, observations)
                objective_costs(phones, lane, paid[row, action])
            row += 1
        step(phones, scenarios, lanes, 0, choose(network, observations[0], layers), asked, observations)
        decisions += 1


@dataclass(frozen=True)
class Moments:
    """Moments of episodes.

    Attributes:
        observations: float32, shape ``(n, parts)``.
        worths: What deferring costs more than inline by objective, float64, shape ``(n, N_OBJECTIVES)``: below 0
            deferring was better.
        presets: Preset that the episode of each was drawn from, text, shape ``(n,)``.
        episodes: Number of the episode of each, int64, shape ``(n,)``.
    """

    observations: npt.NDArray[np.float32]
    worths: npt.NDArray[np.float64]
    presets: npt.NDArray[np.str_]
    episodes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.episodes)

    def scores(self, rates: Rates) -> npt.NDArray[np.float64]:
        """Return what deferring costs more than inline as a score, shape ``(n,)``."""
        weights = np.array([rates.weights(preset) for preset in self.presets.tolist()])
        scores: npt.NDArray[np.float64] = (self.worths * weights).sum(axis=1)
        return scores

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **vars(self))
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Moments:
        """Read what :meth:`save` wrote."""
        with np.load(path) as stored:
            return cls(**stored)


def together(parts: Sequence[Moments], renumbered: bool = True) -> Moments:
    """Return several moments as one; those of several gatherings have their episodes numbered on."""
    episodes, before = [], 0
    for part in parts:
        episodes.append(part.episodes + before)
        before += renumbered * (int(part.episodes.max(initial=-1)) + 1)
    return Moments(
        np.concatenate([part.observations for part in parts]),
        np.concatenate([part.worths for part in parts]),
        np.concatenate([part.presets for part in parts]),
        np.concatenate(episodes),
    )


def gather_job(job: tuple[EnvSpec, Network, Sequence[tuple[str, int]], int, int]) -> Moments:
    """Gather from some episodes; at module level so that worker processes can be sent it."""
    spec, network, episodes, keep_us, first = job
    lanes = Lanes(3, spec)
    records = (lanes.phones, lanes.scenarios, lanes.lanes)
    layers = (np.zeros(HIDDEN[0]), np.zeros(HIDDEN[1]))
    asked = (spec.actions(), lanes.epochs, lanes.parts)
    found: list[Moments] = []
    for number, (preset, seed) in enumerate(episodes, start=first):
        drawn = lanes.draw(0, seed, preset)
        lanes.scenarios[1:] = lanes.scenarios[0]
        decisions = count(*records, network, layers, asked, lanes.observations)
        spacing = max(1, -(-decisions // MOMENTS))
        begun = int(np.random.default_rng(seed).integers(spacing))
        chosen = np.arange(begun, decisions, spacing, dtype=np.int64)
        noted = np.zeros((len(chosen), len(spec.parts)), dtype=np.float32)
        paid = np.zeros((len(chosen), 2, N_OBJECTIVES))
        pair(*records, chosen, keep_us, network, layers, asked, lanes.observations, noted, paid)
        presets = np.full(len(chosen), drawn.preset)
        found.append(Moments(noted, paid[:, 1] - paid[:, 0], presets, np.full(len(chosen), number)))
    return together(found, renumbered=False)


def gather(
    spec: EnvSpec,
    network: Network,
    episodes: Sequence[tuple[str, int]],
    keep_us: int,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Moments:
    """Gather moments of episodes that the policy ``network`` plays.

    Args:
        spec: The decision process, of two actions; its rates do not matter here.
        network: The policy.
        episodes: Pairs of preset and scenario seed.
        keep_us: How long a continuation keeps its action.
        workers: Worker processes; no bit depends on their number.
        progress: Called with the number of episodes just done.

    Raises:
        ValueError: If the actions are not two.
    """
    if len(spec.actions()) != 2:
        raise ValueError(f"routes: {spec.routes!r}, must be two: paired continuations compare one with the other")
    jobs = [(spec, network, episodes[i : i + CHUNK], keep_us, i) for i in range(0, len(episodes), CHUNK)]
    parts: list[Moments] = []
    if workers == 1:
        for job in jobs:
            parts.append(gather_job(job))
            progress(len(job[2]))
    else:
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for job, part in zip(jobs, pool.map(gather_job, jobs), strict=True):
                parts.append(part)
                progress(len(job[2]))
    return together(parts, renumbered=False)
