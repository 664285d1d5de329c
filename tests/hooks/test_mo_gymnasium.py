"""MO-Gymnasium: its make and its wrappers on the id with vector rewards."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

mo_gymnasium = pytest.importorskip("mo_gymnasium")

from mo_gymnasium import wrappers  # noqa: E402

from swapgym.envs.observations import PART_NAMES  # noqa: E402

VECTOR = "swapgym/MOSwapRelease-v0"
RATES: dict[str, Any] = {"ms_per_mib": 2.5, "ms_per_cpu_ms": 0.5}
WEIGHTS = np.array([1.0, 2.5, 0.5])
GOVERNOR: dict[str, Any] = {"paces": 4, "flat": True, "parts": PART_NAMES}


def play(env: Any, actions: Any = None, seed: int = 3) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Return observations and rewards of an episode of random or given actions, and its last info."""
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    observations, rewards, ended = [observation], [], False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        observations.append(observation)
        rewards.append(reward)
        ended = terminated or truncated
    return observations, rewards, info


def test_rewards_are_vectors() -> None:
    env = mo_gymnasium.make("swapgym:" + VECTOR)
    _, rewards, _ = play(env)
    assert env.unwrapped.reward_space.shape == (3,)
    assert env.unwrapped.reward_dim == 3
    assert all(reward in env.unwrapped.reward_space for reward in rewards)


@pytest.mark.parametrize(
    ("env_id", "kwargs", "same"),
    [
        ("swapgym/SwapRelease-v1", {}, {}),
        ("swapgym/SwapRelease-v1", {"epochs": "batch", "routes": 3}, {"epochs": "batch", "routes": 3}),
        ("swapgym/SwapReleaseGovernor-v0", {"flat": True}, GOVERNOR),
    ],
)
def test_weighted_rewards_are_those_of_the_other_ids(env_id: str, kwargs: dict[str, Any], same: dict[str, Any]) -> None:
    scalar = gym.make(env_id, **RATES, **kwargs)
    weighted = wrappers.LinearReward(mo_gymnasium.make(VECTOR, **RATES, **same), weight=WEIGHTS)
    for seed in range(3):
        observations, rewards, _ = play(scalar, seed=seed)
        again, numbers, info = play(weighted, seed=seed)
        np.testing.assert_array_equal(observations, again)
        assert numbers == pytest.approx(rewards, abs=1e-6)
        assert info["vector_reward"].shape == (3,)


def test_statistics_are_by_objective() -> None:
    env = wrappers.MORecordEpisodeStatistics(mo_gymnasium.make(VECTOR), gamma=0.9)
    _, rewards, info = play(env)
    assert info["episode"]["r"] == pytest.approx(np.sum(rewards, axis=0), abs=1e-5)
    discounts = 0.9 ** np.arange(len(rewards))
    assert info["episode"]["dr"] == pytest.approx(discounts @ np.array(rewards), abs=1e-5)
    assert info["episode"]["l"] == len(rewards)


def test_one_objective_is_normalised_or_clipped() -> None:
    _, plain, _ = play(mo_gymnasium.make(VECTOR))
    _, normalised, _ = play(wrappers.MONormalizeReward(mo_gymnasium.make(VECTOR), idx=0))
    _, clipped, _ = play(wrappers.MOClipReward(mo_gymnasium.make(VECTOR), idx=0, min_r=-0.01, max_r=0.0))
    np.testing.assert_array_equal(np.array(plain)[:, 1:], np.array(normalised)[:, 1:])
    np.testing.assert_array_equal(np.array(plain)[:, 1:], np.array(clipped)[:, 1:])
    assert np.any(np.array(plain)[:, 0] != np.array(normalised)[:, 0])
    np.testing.assert_array_equal(np.clip(np.array(plain)[:, 0], -0.01, 0.0), np.array(clipped)[:, 0])


def test_steps_can_be_skipped() -> None:
    env = wrappers.MOMaxAndSkipObservation(mo_gymnasium.make(VECTOR), skip=2)
    observations, rewards, _ = play(env)
    assert np.shape(rewards)[1:] == (3,)
    assert all(observation.shape == env.observation_space.shape for observation in observations)


@pytest.mark.parametrize("vectors", ["MOSyncVectorEnv", "MOAsyncVectorEnv"])
def test_native_lanes_are_those_of_single_ones(vectors: str) -> None:
    native = gym.make_vec(VECTOR, num_envs=2)
    theirs = getattr(wrappers.vector, vectors)([lambda: mo_gymnasium.make(VECTOR)] * 2)
    try:
        np.testing.assert_array_equal(native.reset(seed=1)[0], theirs.reset(seed=1)[0])
        assert native.reward_space == theirs.reward_space
        for step in range(60):
            actions = np.array([step % 2, 1])
            for first, second in zip(native.step(actions)[:4], theirs.step(actions)[:4], strict=True):
                np.testing.assert_allclose(first, second, rtol=1e-6)  # one of theirs has float32
    finally:
        theirs.close()


def test_statistics_of_native_lanes_are_by_objective() -> None:
    envs = wrappers.vector.MORecordEpisodeStatistics(gym.make_vec(VECTOR, num_envs=2))
    envs.reset(seed=1)
    returns = np.zeros((2, 3))
    for step in range(100):
        _, rewards, terminated, _, infos = envs.step(np.array([step % 2, 1]))
        returns += rewards
        for lane in np.flatnonzero(terminated):
            assert infos["episode"]["r"][lane] == pytest.approx(returns[lane], abs=1e-5)
            returns[lane] = 0.0
    assert envs.episode_count > 2
