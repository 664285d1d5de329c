"""Speed of the parts, for a developer to compare before and after a change: nothing is asserted, CI does not run it.

``pytest tests/benchmarks -n 0 --benchmark-save=before``, then the change, then
``pytest tests/benchmarks -n 0 --benchmark-compare=0001``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import swapgym  # noqa: F401  # registers the environments
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.workload import draw, empty

Benchmark = Callable[..., Any]


def test_draw(benchmark: Benchmark) -> None:
    scenarios = empty(1)
    seeds = iter(range(10**9))
    benchmark(lambda: draw("mixed", next(seeds), out=scenarios[0]))


@pytest.mark.parametrize("route", [0, 1], ids=["inline", "deferred"])
def test_episodes_of_16_lanes(benchmark: Benchmark, route: int) -> None:
    lanes = Lanes(16, EnvSpec(preset="mixed", device=None))
    for lane in range(16):
        lanes.draw(lane, lane)
    lanes.actions[:] = lanes.spec.actions()[route]

    def play() -> None:
        lanes.begin()
        while len(waiting := lanes.waiting()):
            lanes.step(waiting)

    benchmark(play)


def test_reset(benchmark: Benchmark) -> None:
    env = gym.make("swapgym/SwapRelease-v1")
    benchmark(env.reset)


def test_a_hundred_steps(benchmark: Benchmark) -> None:
    env = gym.make("swapgym/SwapRelease-v1", preset="camera_launch", epochs="batch")  # episodes are long enough

    def play() -> None:
        for _ in range(100):
            env.step(0)

    benchmark.pedantic(play, setup=lambda: env.reset(seed=1) and None, rounds=50)  # type: ignore[attr-defined]


@pytest.mark.parametrize("lanes", [1, 64, 1_024])
def test_steps_of_a_vector_env(benchmark: Benchmark, lanes: int) -> None:
    envs = gym.make_vec("swapgym/SwapRelease-v1", num_envs=lanes, autoreset_mode="SameStep")
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(2, size=(64, lanes))

    def play() -> None:
        for chosen in actions:
            envs.step(chosen)

    benchmark(play)
