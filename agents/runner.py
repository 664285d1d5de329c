"""Play policies on suites: every policy on the same scenarios, many episodes side by side, over worker processes.

An episode is a replayable record: the hash of its world, preset and seed, the policy, its actions and the
digest of the phone's final bytes. :func:`replay` runs one again from its actions.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.policies import Policy, make
from swapgym.envs import arguments
from swapgym.envs.lanes import Lanes
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.rewards import baseline_of, check_weights, scalar_reward
from swapgym.phone.constants import MS, ROUTE_NAMES
from swapgym.phone.state import phone_digest
from swapgym.workload import config_hash, draw

ENV_ID = "swapgym/SwapRelease-v0"
EPISODES_PER_JOB = 40


@dataclass(frozen=True)
class World:
    """What all policies of a comparison share: the environment's arguments, apart from preset and seed.

    Attributes:
        kernel: Kernel variant.
        device: Device profile; ``None`` lets each preset draw.
        routes: Names of the actions' routes.
        weights: Of lag and peak in the score.
        tick_us: Length of a tick.
        overrides: Fields of device and kernel replaced.
    """

    kernel: str = "vivo-async"
    device: str | None = None
    routes: tuple[str, ...] = ROUTE_NAMES
    weights: tuple[float, float] = (0.5, 0.5)
    tick_us: int = 1_000
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what the environment would check, and keep copies that cannot change."""
        object.__setattr__(self, "routes", arguments.check_routes(self.routes))
        object.__setattr__(self, "weights", check_weights(self.weights))
        object.__setattr__(self, "tick_us", arguments.check_tick(self.tick_us))
        object.__setattr__(self, "overrides", arguments.check_overrides(self.overrides))


@dataclass(frozen=True)
class Player:
    """A policy by name and parameters, so that worker processes can make it."""

    label: str
    policy: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def hold_ms(self) -> int:
        """How long its actions stand; 0: it is asked at every batch."""
        return 0

    def policy_for(self, world: World) -> Policy:
        """Return the policy for the routes of ``world``."""
        return make(self.policy, world.routes, **self.parameters)


Row = dict[str, Any]


def encode(routes: Sequence[int]) -> str:
    """Return routes as run lengths: ``"12I3K"`` is twelve inline and three to the kworker."""
    return "".join(f"{len(list(group))}{ROUTE_NAMES[route][0]}" for route, group in itertools.groupby(routes))


def decode(text: str) -> list[int]:
    """Return the routes that :func:`encode` wrote as ``text``."""
    letters = {name[0]: route for route, name in enumerate(ROUTE_NAMES)}
    routes: list[int] = []
    count = ""
    for character in text:
        if character.isdigit():
            count += character
        else:
            routes += [letters[character]] * int(count)
            count = ""
    return routes


def play(world: World, policy: Policy, label: str, episodes: Sequence[tuple[str, int]], hold_ms: int = 0) -> list[Row]:
    """Play ``episodes`` side by side.

    Args:
        world: What the episodes share.
        policy: Decides; asked for all waiting lanes at once. A recurrent one has its state in arrays of shape
            ``(layers, lanes, hidden)``, as sb3-contrib has, and starts all of them from ``None``.
        label: Name of the policy in the rows.
        episodes: Pairs of preset and scenario seed.
        hold_ms: How long an action stands, as the environment's argument has it; rows name the route of every batch.

    Returns:
        A row per episode: ``policy``, ``preset``, ``seed``, ``device``, ``decisions``, ``score``, metrics, ``actions``,
        ``digest`` and ``world`` (hash).
    """
    lanes = Lanes(len(episodes))
    drawn = [
        draw(
            preset,
            seed,
            device=world.device,
            kernel=world.kernel,
            overrides=world.overrides,
            tick_us=world.tick_us,
            out=lanes.scenarios[lane],
        )
        for lane, (preset, seed) in enumerate(episodes)
    ]
    codes = np.array(arguments.route_codes(world.routes, lanes.scenarios[0]), dtype=np.int64)
    taken: list[list[int]] = [[] for _ in episodes]
    routes = np.zeros(lanes.n, dtype=np.int64)
    held, until_us = np.zeros(lanes.n, dtype=np.int64), np.zeros(lanes.n, dtype=np.int64)
    lanes.begin()
    state, before = None, lanes.waiting()
    while len(waiting := lanes.waiting()):
        state, before = remaining(state, before, waiting), waiting
        actions, state = policy.predict(lanes.observations[waiting], state, deterministic=True)
        if hold_ms > 0:
            now_us = lanes.phones["now_us"][waiting]
            asked = now_us >= until_us[waiting]
            held[waiting[asked]] = np.asarray(actions)[asked]
            until_us[waiting[asked]] = now_us[asked] + hold_ms * MS
            actions = held[waiting]
        routes[waiting] = codes[actions]
        for lane in waiting.tolist():
            taken[lane].append(int(routes[lane]))
        lanes.step(routes, waiting)
    rows = []
    world_hash = config_hash(ENV_ID, world)
    for lane, (preset, seed) in enumerate(episodes):
        metrics = episode_metrics(lanes.phones[lane], lanes.scenarios[lane])
        score = -scalar_reward(metrics["lag_ms"], metrics["peak_mib"], world.weights, baseline_of(drawn[lane].preset))
        rows.append(
            {
                "policy": label,
                "preset": preset,
                "seed": seed,
                "device": drawn[lane].device,
                "kernel": world.kernel,
                "score": score,
                **metrics,
                "actions": encode(taken[lane]),
                "digest": phone_digest(lanes.phones[lane])[:16],
                "world": world_hash,
            }
        )
    return rows


def remaining(state: Any, before: npt.NDArray[np.int64], waiting: npt.NDArray[np.int64]) -> Any:
    """Return a recurrent policy's state without the lanes that have ended.

    Args:
        state: ``None``, or arrays of shape ``(layers, len(before), hidden)``.
        before: Lanes that the state is of, ascending.
        waiting: Those of them that go on, ascending.
    """
    if state is None or len(before) == len(waiting):
        return state
    places = np.searchsorted(before, waiting)
    return tuple(part[:, places] for part in state)


def replay(world: World, preset: str, seed: int, actions: str) -> str:
    """Run one stored episode again from its actions; return the digest of its end.

    Raises:
        ValueError: If the actions are more or fewer than the episode asks for.
    """
    lanes = Lanes(1)
    draw(
        preset,
        seed,
        device=world.device,
        kernel=world.kernel,
        overrides=world.overrides,
        tick_us=world.tick_us,
        out=lanes.scenarios[0],
    )
    lanes.begin()
    routes = decode(actions)
    for step, route in enumerate(routes):
        if len(lanes.waiting()) == 0:
            raise ValueError(f"actions: {len(routes)} of them, the episode of {preset} {seed} ended after {step}")
        lanes.step(np.array([route], dtype=np.int64))
    if len(lanes.waiting()) > 0:
        raise ValueError(f"actions: {len(routes)} of them, the episode of {preset} {seed} asks for more")
    return phone_digest(lanes.phones[0])[:16]


def play_job(job: tuple[World, Player, Sequence[tuple[str, int]]]) -> list[Row]:
    """Play one job; at module level so that worker processes can be sent it."""
    world, player, episodes = job
    return play(world, player.policy_for(world), player.label, episodes, player.hold_ms)


def play_all(
    players: Iterable[tuple[World, Player]],
    episodes: Sequence[tuple[str, int]],
    *,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Row]:
    """Play every player on every episode; the rows come in the order of players and episodes, whatever the workers do.

    Args:
        players: Each with its world.
        episodes: Pairs of preset and scenario seed, the same for all.
        workers: Worker processes; 1 plays in this one.
        progress: Called with the number of episodes just finished.
    """
    chunks = [episodes[i : i + EPISODES_PER_JOB] for i in range(0, len(episodes), EPISODES_PER_JOB)]
    jobs = [(world, player, chunk) for world, player in players for chunk in chunks]
    done: dict[int, list[Row]] = {}
    if workers == 1:
        for index, job in enumerate(jobs):
            done[index] = play_job(job)
            if progress:
                progress(len(job[2]))
    else:
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = {pool.submit(play_job, job): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                index = futures[future]
                done[index] = future.result()
                if progress:
                    progress(len(jobs[index][2]))
    return [row for index in range(len(jobs)) for row in done[index]]
