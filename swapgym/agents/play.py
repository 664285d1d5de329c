"""Play policies on suites: every policy on the same scenarios, many episodes side by side, over worker processes.

An episode is a replayable record: the hash of its decision process, preset and seed, the policy, its actions and the
digest of the phone's final bytes. :func:`replay` runs one again from its actions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.parallel import spread
from swapgym.agents.policies import FixedPolicy, Policy, make
from swapgym.agents.policies.compiled import compiled
from swapgym.envs.costs import costs_of
from swapgym.envs.lanes import Lanes
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.spec import EnvSpec
from swapgym.phone.state import phone_digest
from swapgym.workload import config_hash

EPISODES_PER_JOB: Final = 40
FIRST_LETTER: Final = ord("a")


@dataclass(frozen=True)
class Player:
    """A policy by name and parameters, so that worker processes can make it."""

    label: str
    policy: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    def policy_for(self, spec: EnvSpec) -> Policy:
        """Return the policy for the routes and the observation of ``spec``."""
        return make(self.policy, spec.route_names, spec.parts, **self.parameters)


Row = dict[str, Any]


def encode(actions: Sequence[int]) -> str:
    """Return flat actions as run lengths: ``"12a3b"`` is twelve times action 0 and three times action 1."""
    return "".join(f"{len(list(group))}{chr(FIRST_LETTER + action)}" for action, group in itertools.groupby(actions))


def decode(text: str) -> list[int]:
    """Return the flat actions that :func:`encode` wrote as ``text``.

    Raises:
        ValueError: If it is nothing that :func:`encode` writes.
    """
    if re.fullmatch(r"(\d+[a-z])*", text) is None:
        raise ValueError(f"actions: {text!r}, must be run lengths such as '12a3b'")
    found = re.findall(r"(\d+)([a-z])", text)
    return [ord(letter) - FIRST_LETTER for count, letter in found for _ in range(int(count))]


def check(spec: EnvSpec, policy: Policy) -> None:
    """Check that a policy can be played in a decision process.

    Raises:
        ValueError: If it sets no pace where actions have one, or the spec truncates, which the runner does not.
    """
    if isinstance(policy, FixedPolicy) and spec.pace_names:
        raise ValueError(f"policy: {policy.name!r} names routes only, must be played with paces=0 ({spec.pace_names})")
    if spec.max_decisions is not None:
        raise ValueError(f"max_decisions: {spec.max_decisions!r}, must be None: episodes are played to their end")


def play(spec: EnvSpec, policy: Policy, label: str, episodes: Sequence[tuple[str, int]], threads: int = 1) -> list[Row]:
    """Play ``episodes`` side by side.

    Args:
        spec: The decision process; the episodes name their presets.
        policy: Decides; asked for all waiting lanes at once, or by the kernels themselves where it is compiled
            (:func:`swapgym.agents.policies.compiled.compiled`). A recurrent one has its state in arrays of shape
            ``(layers, lanes, hidden)``, as sb3-contrib has, and starts all of them from ``None``.
        label: Name of the policy in the rows.
        episodes: Pairs of preset and scenario seed.
        threads: Threads that share the episodes; no bit depends on it.

    Returns:
        A row per episode: ``policy``, ``preset``, ``seed``, ``device``, ``kernel``, ``score``, metrics, ``decisions``,
        ``actions``, ``digest`` and ``world`` (hash).
    """
    check(spec, policy)
    lanes = Lanes(len(episodes), spec, threads)
    drawn = [lanes.draw(lane, seed, preset) for lane, (preset, seed) in enumerate(episodes)]
    lanes.begin()
    decider = compiled(policy, spec)
    taken = asked(lanes, policy) if decider is None else [row.tolist() for row in lanes.play(decider)]
    rows = []
    world = config_hash(spec.as_dict())
    for lane, (preset, seed) in enumerate(episodes):
        metrics = episode_metrics(lanes.phones[lane], lanes.scenarios[lane])
        rows.append(
            {
                "policy": label,
                "preset": preset,
                "seed": seed,
                "device": drawn[lane].device,
                "kernel": spec.kernel,
                "score": spec.rates.score(drawn[lane], costs_of(lanes.phones[lane])),
                **metrics,
                "decisions": len(taken[lane]),
                "actions": encode(taken[lane]),
                "digest": phone_digest(lanes.phones[lane])[:16],
                "world": world,
            }
        )
    return rows


def asked(lanes: Lanes, policy: Policy) -> list[list[int]]:
    """Play begun lanes to their ends, asking ``policy`` for all that wait at once; return each lane's flat actions."""
    codes = lanes.spec.actions()
    taken: list[list[int]] = [[] for _ in range(lanes.n)]
    state, before = None, lanes.waiting()
    while len(waiting := lanes.waiting()):
        state, before = remaining(state, before, waiting), waiting
        answers, state = policy.predict(lanes.observations[waiting], state, deterministic=True)
        actions = lanes.spec.flat_actions(answers)
        lanes.actions[waiting] = codes[actions]
        for lane, action in zip(waiting.tolist(), actions.tolist(), strict=True):
            taken[lane].append(action)
        lanes.step(waiting)
    return taken


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


def replay(spec: EnvSpec, preset: str, seed: int, actions: str) -> str:
    """Run one stored episode again from its actions; return the digest of its end.

    Raises:
        ValueError: If the actions are more or fewer than the episode asks for, or there is no such action.
    """
    lanes = Lanes(1, spec)
    lanes.draw(0, seed, preset)
    lanes.begin()
    codes = spec.actions()
    answers = decode(actions)
    if answers and max(answers) >= len(codes):
        raise ValueError(f"actions: {actions!r}, there are only {len(codes)} of them")
    for step, action in enumerate(answers):
        if len(lanes.waiting()) == 0:
            raise ValueError(f"actions: {len(answers)} of them, the episode of {preset} {seed} ended after {step}")
        lanes.actions[0] = codes[action]
        lanes.step()
    if len(lanes.waiting()) > 0:
        raise ValueError(f"actions: {len(answers)} of them, the episode of {preset} {seed} asks for more")
    return phone_digest(lanes.phones[0])[:16]


def play_job(job: tuple[EnvSpec, Player, Sequence[tuple[str, int]]]) -> list[Row]:
    """Play one job; at module level so that worker processes can be sent it."""
    spec, player, episodes = job
    return play(spec, player.policy_for(spec), player.label, episodes)


def play_all(
    players: Iterable[tuple[EnvSpec, Player]],
    episodes: Sequence[tuple[str, int]],
    *,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Row]:
    """Play every player on every episode; the rows come in the order of players and episodes, whatever the workers do.

    Args:
        players: Each with its decision process.
        episodes: Pairs of preset and scenario seed, the same for all.
        workers: Worker processes; 1 plays in this one.
        progress: Called with the number of episodes just finished.
    """
    chunks = [episodes[i : i + EPISODES_PER_JOB] for i in range(0, len(episodes), EPISODES_PER_JOB)]
    jobs = [(spec, player, chunk) for spec, player in players for chunk in chunks]
    note = None if progress is None else lambda number, _: progress(len(jobs[number][2]))
    return [row for rows in spread(play_job, jobs, workers, note) for row in rows]
