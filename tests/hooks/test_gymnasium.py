"""Gymnasium: its checker, its wrappers and its vector environments."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordEpisodeStatistics, RecordVideo, TimeAwareObservation, TransformReward
from gymnasium.wrappers.vector import RecordEpisodeStatistics as VectorRecordEpisodeStatistics

from swapgym.envs.observations import PART_NAMES

RELEASE = "swapgym/SwapRelease-v1"
GOVERNOR = "swapgym/SwapReleaseGovernor-v0"
VECTOR = "swapgym/MOSwapRelease-v0"
FORMS: Any = [
    (RELEASE, {}),
    (RELEASE, {"routes": 3}),
    (RELEASE, {"epochs": "batch"}),
    (GOVERNOR, {}),
    (GOVERNOR, {"flat": True}),
]


def play(env: Any, seed: int = 1) -> tuple[list[float], dict[str, Any]]:
    """Return the rewards and the last info of an episode of random actions."""
    env.action_space.seed(seed)
    env.reset(seed=seed)
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        rewards.append(reward)
        ended = terminated or truncated
    return rewards, info


def lanes(env_id: str, n: int, mode: AutoresetMode, vectorization: str | None = None, **kwargs: Any) -> Any:
    """Return ``n`` lanes: those of the id itself, or Gymnasium's around single environments."""
    if vectorization is None:
        return gym.make_vec(env_id, num_envs=n, autoreset_mode=mode, **kwargs)
    vector_kwargs = {"autoreset_mode": mode}
    return gym.make_vec(env_id, num_envs=n, vectorization_mode=vectorization, vector_kwargs=vector_kwargs, **kwargs)


@pytest.mark.parametrize(("env_id", "kwargs"), FORMS)
def test_the_checker_warns_of_nothing(env_id: str, kwargs: dict[str, Any]) -> None:
    pictures = all(importlib.util.find_spec(name) for name in ("PIL", "pygame"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(env_id, **kwargs).unwrapped, skip_render_check=not pictures)


@pytest.mark.parametrize(("env_id", "kwargs"), FORMS)
def test_statistics_of_episodes_are_recorded(env_id: str, kwargs: dict[str, Any]) -> None:
    rewards, info = play(RecordEpisodeStatistics(gym.make(env_id, **kwargs)))
    assert info["episode"]["l"] == len(rewards)
    assert info["episode"]["r"] == pytest.approx(sum(rewards), abs=1e-6)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_statistics_of_native_lanes_are_those_of_single_ones(mode: AutoresetMode) -> None:
    returns = {}
    for vectorization in (None, "sync"):
        envs = VectorRecordEpisodeStatistics(lanes(RELEASE, 3, mode, vectorization))
        envs.reset(seed=5)
        found = []
        for step in range(120):
            *_, info = envs.step(np.array([step % 2, 1, 0]))
            if "episode" in info:
                ended, episode = info["_episode"], info["episode"]
                found += list(zip(episode["r"][ended].tolist(), episode["l"][ended].tolist(), strict=True))
        returns[vectorization] = found
    assert len(returns[None]) > 6
    assert returns[None] == returns["sync"]


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize(
    ("env_id", "kwargs", "same"),
    [(RELEASE, {}, {}), (GOVERNOR, {"flat": True}, {"paces": 4, "flat": True, "parts": PART_NAMES})],
)
def test_vector_rewards_can_be_weighed(
    env_id: str, kwargs: dict[str, Any], same: dict[str, Any], centered: bool
) -> None:
    rates: Any = {"ms_per_mib": 2.5, "ms_per_cpu_ms": 0.5, "centered": centered}
    vectors = gym.make(VECTOR, **rates, **same)
    weighted = TransformReward(vectors, lambda reward: float(reward @ [1.0, 2.5, 0.5]))
    for seed in range(3):
        expected, _ = play(gym.make(env_id, **rates, **kwargs), seed)
        assert play(weighted, seed)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("flatten", [True, False])
def test_the_time_can_be_observed(flatten: bool) -> None:
    env = TimeAwareObservation(gym.make(RELEASE, max_episode_steps=5), flatten=flatten)
    observation, _ = env.reset(seed=1)
    for step in range(1, 6):
        assert observation in env.observation_space
        observation, _, terminated, truncated, _ = env.step(1)
        assert (observation[-1] if flatten else observation["time"]) == step
        assert not terminated
        assert truncated == (step == 5)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("vectorization", ["sync", "async"])
@pytest.mark.parametrize(("env_id", "kwargs"), [(RELEASE, {}), (GOVERNOR, {}), (GOVERNOR, {"flat": True})])
def test_native_sync_and_async_lanes_agree_in_every_bit(
    env_id: str, kwargs: dict[str, Any], vectorization: str, mode: AutoresetMode
) -> None:
    first, second = lanes(env_id, 2, mode, **kwargs), lanes(env_id, 2, mode, vectorization, **kwargs)
    try:
        assert same(first.reset(seed=3), second.reset(seed=3))
        first.action_space.seed(0)
        ends = 0
        for _ in range(90):
            actions = first.action_space.sample()
            told, expected = first.step(actions), second.step(actions)
            assert same(told, expected)
            done = told[2] | told[3]
            ends += int(done.sum())
            if mode == AutoresetMode.DISABLED and done.any():
                options = {"reset_mask": done}
                assert same(first.reset(options=options), second.reset(options=options))
        assert ends >= 2
    finally:
        first.close()
        second.close()


def same(first: Any, second: Any) -> bool:
    """Return whether two things that a vector environment has returned are equal in every bit."""
    if isinstance(first, dict):
        return set(first) == set(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray):
        if first.dtype == object:
            return first.shape == second.shape and all(map(same, first.tolist(), second.tolist()))
        return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()
    return bool(first == second)


def test_an_episode_is_filmed(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    env = RecordVideo(
        gym.make(RELEASE, render_mode="rgb_array"), str(tmp_path / "films"), episode_trigger=lambda _: True
    )
    play(env)
    env.close()
    (film,) = tmp_path.glob("films/*.mp4")
    assert film.stat().st_size > 1000


def test_native_lanes_are_filmed(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    vector = pytest.importorskip("gymnasium.wrappers.vector")
    envs = gym.make_vec(RELEASE, num_envs=2, render_mode="rgb_array")
    envs = vector.RecordVideo(envs, str(tmp_path / "films"), step_trigger=lambda step: step == 0, video_length=20)
    envs.reset(seed=1)
    for _ in range(25):
        envs.step(np.array([0, 1]))
    envs.close()
    (film,) = tmp_path.glob("films/*.mp4")
    assert film.stat().st_size > 1000
