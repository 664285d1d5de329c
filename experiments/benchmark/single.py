"""Measure single environments in turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import gymnasium as gym
import numpy as np

from experiments.benchmark.null import NULL_ID, register_null

OURS: Final = "swapgym/SwapRelease-v1"
PEER: Final = "CartPole-v1"
ENV_IDS: Final = (PEER, "Acrobot-v1", NULL_ID, OURS)


class Round(NamedTuple):
    """One measurement of one environment.

    Attributes:
        env: Environment id.
        round: Which turn, from 0.
        steps: Steps taken.
        episodes: Episodes finished, each followed by a reset.
        step_s: Seconds of wall time in the steps and the loop around them.
        reset_s: Seconds of wall time in the resets.
    """

    env: str
    round: int
    steps: int
    episodes: int
    step_s: float
    reset_s: float

    @property
    def rate(self) -> float:
        """Steps per second, resets included."""
        return self.steps / (self.step_s + self.reset_s)

    @property
    def step_rate(self) -> float:
        """Steps per second, resets left out."""
        return self.steps / self.step_s


def make(env_id: str) -> gym.Env[Any, Any]:
    """Return an environment as a user gets it, with Gymnasium's default wrappers."""
    register_null()
    return gym.make(f"swapgym:{env_id}" if env_id == OURS else env_id)


def play(env: gym.Env[Any, Any], actions: Sequence[int]) -> tuple[int, float, float]:
    """Take ``actions`` in turn, resetting wherever an episode ends; ``env`` has been reset before.

    Returns:
        Episodes finished, seconds in steps, seconds in resets.
    """
    episodes = 0
    reset_s = 0.0
    step = env.step
    clock = time.perf_counter
    began = clock()
    for action in actions:
        _, _, terminated, truncated, _ = step(action)
        if terminated or truncated:
            paused = clock()
            env.reset()
            reset_s += clock() - paused
            episodes += 1
    return episodes, clock() - began - reset_s, reset_s


def measure(
    rounds: int,
    steps: int,
    env_ids: Sequence[str] = ENV_IDS,
    progress: Callable[[], None] | None = None,
) -> list[Round]:
    """Measure every environment once per round, after one round that only warms up.

    The order rotates from round to round. Actions are drawn beforehand, uniformly, with the round as seed; each
    environment keeps its generator over all rounds.

    Args:
        rounds: Rounds that count.
        steps: Steps per environment and round.
        env_ids: What to measure.
        progress: Called after every measurement that counts.
    """
    envs = {env_id: make(env_id) for env_id in env_ids}
    for env in envs.values():
        env.reset(seed=0)
    measured = []
    for turn in range(-1, rounds):
        first = turn % len(envs)
        for env_id in (*env_ids[first:], *env_ids[:first]):
            env = envs[env_id]
            n_actions = env.action_space.n  # type: ignore[attr-defined]
            actions = np.random.default_rng(turn + 1).integers(n_actions, size=steps).tolist()
            gc.collect()
            episodes, step_s, reset_s = play(env, actions)
            if turn >= 0:
                measured.append(Round(env_id, turn, steps, episodes, step_s, reset_s))
                if progress:
                    progress()
    for env in envs.values():
        env.close()
    return measured


class Spread(NamedTuple):
    """Median and quartiles over the rounds."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles."""
    low, high = np.percentile(values, [25, 75])
    return Spread(median(values), float(low), float(high))


def table(measured: Sequence[Round]) -> dict[str, dict[str, Spread]]:
    """Return the figures of each environment.

    ``steps_per_s`` counts resets, ``steps_only_per_s`` leaves them out, ``reset_ms`` is one reset, and ``vs_cartpole``
    the ratio of ``steps_per_s`` to CartPole's in the same round (``steps_only_vs_cartpole`` likewise).
    """
    peer = {r.round: r for r in measured if r.env == PEER}
    result = {}
    for env_id in dict.fromkeys(r.env for r in measured):
        own = [r for r in measured if r.env == env_id]
        result[env_id] = {
            "steps_per_s": spread([r.rate for r in own]),
            "steps_only_per_s": spread([r.step_rate for r in own]),
            "reset_ms": spread([1e3 * r.reset_s / max(1, r.episodes) for r in own]),
            "steps_per_episode": spread([r.steps / max(1, r.episodes) for r in own]),
            "vs_cartpole": spread([r.rate / peer[r.round].rate for r in own]),
            "steps_only_vs_cartpole": spread([r.step_rate / peer[r.round].step_rate for r in own]),
        }
    return result


def summary(figures: dict[str, dict[str, Spread]]) -> dict[str, float]:
    """Return the main numbers, flat."""
    ours = figures[OURS]
    flat = {f"{env_id}.steps_per_s": row["steps_per_s"].median for env_id, row in figures.items()}
    return flat | {
        "single_vs_cartpole": ours["vs_cartpole"].median,
        "single_vs_cartpole_low": ours["vs_cartpole"].low,
        "single_vs_cartpole_high": ours["vs_cartpole"].high,
        "single_vs_cartpole_steps_only": ours["steps_only_vs_cartpole"].median,
        "single_vs_null": ours["steps_per_s"].median / figures[NULL_ID]["steps_per_s"].median,
        "single_reset_ms": ours["reset_ms"].median,
    }
