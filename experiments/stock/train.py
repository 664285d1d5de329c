"""Train one stock algorithm and score it as it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import gymnasium as gym

from swapgym.agents.play import play
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite

ENV_ID: Final = "swapgym/SwapRelease-v1"
N_ENVS: Final = 8
SEED_STEP: Final = 1_000
"""make_vec_env seeds lane i with seed + i: runs must not share lanes."""


class Way(NamedTuple):
    """One way to train.

    Attributes:
        algo: ``ppo`` or ``dqn``.
        arguments: Of the environment.
        relative: Whether rewards are differences to always inline.
    """

    algo: str
    arguments: Mapping[str, Any]
    relative: bool = False


WAYS: Final = {
    "stock_ppo": Way("ppo", {}),
    "stock_dqn": Way("dqn", {}),
    "ppo_relative": Way("ppo", {}, relative=True),
    "ppo_uncentered": Way("ppo", {"centered": False}),
}


class Run(NamedTuple):
    """What came of one run.

    Attributes:
        way: Key of :data:`WAYS`.
        seed: Of the run.
        frames: Frames of training at each look, 0 first.
        scores: Mean score on the validation scenarios then.
        lag_ms: Mean lag then.
        peak_mib: Mean peak then.
        test: Score of each scenario of the test suite at the end.
        test_lag_ms: Lag likewise.
        test_peak_mib: Peak likewise.
        seconds: What training took, looks included.
    """

    way: str
    seed: int
    frames: list[int]
    scores: list[float]
    lag_ms: list[float]
    peak_mib: list[float]
    test: list[float]
    test_lag_ms: list[float]
    test_peak_mib: list[float]
    seconds: float


def train(way: str, seed: int, timesteps: int, look_every: int, test_episodes: int) -> Run:
    """Train one run from nothing; imports Stable-Baselines3 only here.

    Args:
        way: Key of :data:`WAYS`.
        seed: Of the run.
        timesteps: Frames of training.
        look_every: Frames between two looks.
        test_episodes: Scenarios per preset of the test suite.
    """
    import torch
    from stable_baselines3 import DQN, PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env

    import swapgym  # noqa: F401 (registers the environments)
    from swapgym.wrappers import RelativeReward

    torch.set_num_threads(1)
    chosen = WAYS[way]
    spec = EnvSpec(**chosen.arguments)
    validation = suite("validation").of(spec.preset)
    looks: list[tuple[int, float, float, float]] = []

    class Look(BaseCallback):
        """Scores the policy now and then."""

        def look(self) -> None:
            rows = play(spec, policy, way, validation)
            means = [sum(row[name] for row in rows) / len(rows) for name in ("score", "lag_ms", "peak_mib")]
            looks.append((self.num_timesteps, means[0], means[1], means[2]))

        def _on_training_start(self) -> None:
            self.look()

        def _on_rollout_start(self) -> None:
            if self.num_timesteps - looks[-1][0] >= look_every:
                self.look()

        def _on_step(self) -> bool:
            return True

    began = time.monotonic()
    model: Any
    if chosen.algo == "ppo":
        wrapper = RelativeReward if chosen.relative else None
        envs = make_vec_env(
            ENV_ID, n_envs=N_ENVS, seed=SEED_STEP * seed, env_kwargs=dict(chosen.arguments), wrapper_class=wrapper
        )
        model = PPO("MlpPolicy", envs, seed=seed, device="cpu")
    else:
        model = DQN("MlpPolicy", gym.make(ENV_ID, **chosen.arguments), seed=SEED_STEP * seed, device="cpu")
    policy: Any = model
    look = Look()
    model.learn(timesteps, callback=look)
    look.look()
    seconds = time.monotonic() - began
    rows = play(spec, model, way, suite("camera").first(test_episodes).of(spec.preset))
    test, test_lag_ms, test_peak_mib = ([row[name] for row in rows] for name in ("score", "lag_ms", "peak_mib"))
    frames, scores, lag_ms, peak_mib = (list(column) for column in zip(*looks, strict=True))
    return Run(way, seed, frames, scores, lag_ms, peak_mib, test, test_lag_ms, test_peak_mib, seconds)


def job(task: tuple[str, int, int, int, int]) -> Run:
    """Train one run; at module level so that worker processes can be sent it."""
    return train(*task)
