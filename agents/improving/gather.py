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
from agents.runner import World
from agents.training.runs import put
from swapgym.envs import arguments
from swapgym.envs.observations import N_PARTS, observe
from swapgym.envs.rewards import baseline_of
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import draw, drawn_preset, empty

MOMENTS: Final = 24
"""Moments per episode, at most."""
SPACING: Final = (6, 36)
"""Decisions between two moments of an episode; drawn per episode, so that no place in an episode is preferred."""
CHUNK: Final = 50
"""Episodes per job of a worker process."""


@kernel
def costs(phone: Any, out: Any) -> None:
    """Write lag (ms) and peak (MiB) of a phone's episode so far into ``out``."""
    total = phone.total
    out[0] = (total.frame_late_us + total.launch_delay_us + total.stall_us + total.relaunch_cost_us) / k.MS
    out[1] = total.demand_peak_pages / k.PAGES_PER_MIB


@kernel
def choose(phone: Any, scenario: Any, network: Any, deferred: int, seen: Any, first: Any, second: Any) -> int:
    """Return the route that the policy takes for the pending batch."""
    observe(phone, scenario, seen)
    return deferred if worth(network, seen, first, second) < 0.0 else k.INLINE


@kernel
def play_on(
    phones: Any, scenarios: Any, lane: int, until_us: int, route: int, network: Any, deferred: int, scratch: Any
) -> None:
    """Play a lane that awaits a decision to its end: on ``route`` before ``until_us``, by the policy after it."""
    seen, first, second = scratch
    while True:
        phone = phones[lane]
        taken = route
        if phone.now_us >= until_us:
            taken = choose(phone, scenarios[lane], network, deferred, seen, first, second)
        decide(phones, scenarios, lane, taken)
        if advance(phones, scenarios, lane) != k.RUN_DECISION:
            return


@kernel
def pair(
    phones: Any, scenarios: Any, chosen: Any, hold_us: int, network: Any, deferred: int, scratch: Any,
    observations: Any, paid: Any,
) -> int:  # fmt: skip
    """Play an episode by the policy; at the ``chosen`` decisions note the observation and what both routes come to.

    Args:
        phones: Three PHONE records: the episode, and two that go on from its moments. All zeros.
        scenarios: The same SCENARIO three times.
        chosen: Numbers of decisions, ascending, int64.
        hold_us: How long a continuation keeps its route before the policy goes on.
        network: The policy: a :class:`agents.improving.network.Network`.
        deferred: Route of action 1.
        scratch: An observation (float32) and the network's two layers.
        observations: float32, shape ``(n, N_PARTS)``. Written.
        paid: float64, shape ``(n, 2, 2)``. Written: lag and peak of the episode if all is released inline for
            ``hold_us``, and if it is deferred.

    Returns:
        How many moments were noted.
    """
    seen, first, second = scratch
    noted = 0
    decisions = 0
    start(phones, scenarios, 0)
    status = advance(phones, scenarios, 0)
    while status == k.RUN_DECISION and noted < len(chosen):
        if decisions == chosen[noted]:
            observe(phones[0], scenarios[0], observations[noted])
            until_us = phones[0].now_us + hold_us
            for branch in range(2):
                lane = 1 + branch
                phones[lane] = phones[0]
                route = k.INLINE if branch == 0 else deferred
                play_on(phones, scenarios, lane, until_us, route, network, deferred, scratch)
                costs(phones[lane], paid[noted, branch])
            noted += 1
        decide(phones, scenarios, 0, choose(phones[0], scenarios[0], network, deferred, seen, first, second))
        status = advance(phones, scenarios, 0)
        decisions += 1
    return noted


@dataclass(frozen=True)
class Moments:
    """Moments of episodes.

    Attributes:
        observations: float32, shape ``(n, N_PARTS)``.
        worths: What deferring costs more than inline in lag and in peak, each over the baseline of the episode's
            preset, float64, shape ``(n, 2)``: below 0 deferring was better.
        episodes: Number of the episode of each, int64, shape ``(n,)``.
    """

    observations: npt.NDArray[np.float32]
    worths: npt.NDArray[np.float64]
    episodes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.episodes)

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, observations=self.observations, worths=self.worths, episodes=self.episodes)
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Moments:
        """Read what :meth:`save` wrote."""
        with np.load(path) as stored:
            return cls(stored["observations"], stored["worths"], stored["episodes"])


def together(parts: Sequence[Moments]) -> Moments:
    """Return moments of several gatherings as one; their episodes are numbered on."""
    episodes, before = [], 0
    for part in parts:
        episodes.append(part.episodes + before)
        before += int(part.episodes.max(initial=-1)) + 1
    return Moments(
        np.concatenate([part.observations for part in parts]),
        np.concatenate([part.worths for part in parts]),
        np.concatenate(episodes),
    )


def gather_job(job: tuple[World, Network, Sequence[tuple[str, int]], int, int]) -> Moments:
    """Gather from some episodes; at module level so that worker processes can be sent it."""
    world, network, episodes, hold_us, first = job
    scenarios, phones = empty(3), np.zeros(3, PHONE)
    observations = np.zeros((MOMENTS, N_PARTS), dtype=np.float32)
    paid = np.zeros((MOMENTS, 2, 2))
    scratch = (np.zeros(N_PARTS, np.float32), np.zeros(HIDDEN[0]), np.zeros(HIDDEN[1]))
    found: list[Moments] = []
    for number, (preset, seed) in enumerate(episodes, start=first):
        draw(
            preset, seed, device=world.device, kernel=world.kernel, overrides=world.overrides, tick_us=world.tick_us,
            out=scenarios[0],
        )  # fmt: skip
        scenarios[1:] = scenarios[0]
        deferred = arguments.route_codes(world.routes, scenarios[0])[1]
        rng = np.random.default_rng(seed)
        step = int(rng.integers(*SPACING))
        chosen = int(rng.integers(step)) + step * np.arange(MOMENTS, dtype=np.int64)
        phones[:] = np.zeros(1, PHONE)
        noted = pair(phones, scenarios, chosen, hold_us, network, deferred, scratch, observations, paid)
        baseline = baseline_of(drawn_preset(preset, seed))
        more = (paid[:noted, 1] - paid[:noted, 0]) / np.array([baseline.lag_ms, baseline.peak_mib])
        found.append(Moments(observations[:noted].copy(), more, np.full(noted, number)))
    return Moments(
        np.concatenate([one.observations for one in found]),
        np.concatenate([one.worths for one in found]),
        np.concatenate([one.episodes for one in found]),
    )


def gather(
    world: World,
    network: Network,
    episodes: Sequence[tuple[str, int]],
    hold_us: int,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Moments:
    """Gather moments of episodes that the policy ``network`` plays.

    Args:
        world: Of two routes; its weights do not matter here.
        network: The policy.
        episodes: Pairs of preset and scenario seed.
        hold_us: How long a continuation keeps its route.
        workers: Worker processes; no bit depends on their number.
        progress: Called with the number of episodes just done.

    Raises:
        ValueError: If the world has not two routes.
    """
    if len(world.routes) != 2:
        raise ValueError(f"routes: {world.routes!r}, must be two: paired continuations compare one with the other")
    jobs = [(world, network, episodes[i : i + CHUNK], hold_us, i) for i in range(0, len(episodes), CHUNK)]
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
    return Moments(
        np.concatenate([part.observations for part in parts]),
        np.concatenate([part.worths for part in parts]),
        np.concatenate([part.episodes for part in parts]),
    )
