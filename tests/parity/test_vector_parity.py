"""The native vector environment is Gymnasium's vector of single environments, bit for bit."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, VectorEnv

import swapgym  # noqa: F401 (registers the environments)
from swapgym.workload import PRESET_NAMES

ENV_ID = "swapgym/SwapRelease-v1"
GOVERNOR = "swapgym/SwapReleaseGovernor-v0"
VECTOR = "swapgym/MOSwapRelease-v0"
LANES = 10
SEEDS = 200
MODES = [mode.value for mode in AutoresetMode]


def pair(mode: str, lanes: int, threads: int = 1, **kwargs: Any) -> tuple[VectorEnv, VectorEnv]:
    single = gym.make_vec(
        ENV_ID, lanes, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode(mode)}, **kwargs
    )
    return single, gym.make_vec(ENV_ID, lanes, autoreset_mode=mode, threads=threads, **kwargs)


def assert_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        assert data_equivalence(mine, theirs, exact=True), index
    assert one[0].tobytes() == other[0].tobytes()
    if len(one) > 2:
        assert one[1].tobytes() == other[1].tobytes()


def walk(single: VectorEnv, native: VectorEnv, steps: int, seed: int, mode: str) -> int:
    """Step both alike; return how many episodes have ended."""
    n_actions = int(native.single_action_space.n)  # type: ignore[attr-defined]
    rng = np.random.default_rng(seed)
    ended = 0
    for _ in range(steps):
        actions = rng.integers(n_actions, size=native.num_envs)
        one, other = single.step(actions), native.step(actions)
        assert_same(one, other)
        done = one[2] | one[3]
        ended += int(done.sum())
        if mode == "Disabled" and done.any():
            # SyncVectorEnv takes the mask out of the dict it is given
            assert_same(
                single.reset(options={"reset_mask": done.copy()}), native.reset(options={"reset_mask": done.copy()})
            )
    return ended


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("mode", MODES)
def test_many_seeds(mode: str, preset: str) -> None:
    single, native = pair(mode, LANES, preset=preset, max_decisions=4, routes=3)
    for seed in range(0, SEEDS, LANES):
        assert_same(single.reset(seed=seed), native.reset(seed=seed))
        assert walk(single, native, 6, seed, mode) >= LANES


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kwargs",
    [
        {"hold_ms": 10},
        {"kernel": "userspace-reaper", "ms_per_mib": 7.5, "ms_per_cpu_ms": 0.5, "tick_us": 500},
        {"preset": "mixed", "epochs": ("kill", "watermark"), "parts": ("backlog", "launch_need")},
        {"epochs": "batch", "max_decisions": 60},
    ],
)
def test_whole_episodes(mode: str, kwargs: dict[str, Any]) -> None:
    single, native = pair(mode, 3, **kwargs)
    assert_same(single.reset(seed=[7, 5, 3]), native.reset(seed=[7, 5, 3]))
    ended = 0
    for part in range(40):
        ended += walk(single, native, 100, part, mode)
        if ended >= 4:
            return
    raise AssertionError(ended)


@pytest.mark.parametrize("mode", MODES)
def test_threads_change_no_bit(mode: str) -> None:
    lanes = 160
    one, other = (
        gym.make_vec(ENV_ID, lanes, autoreset_mode=mode, threads=threads, max_decisions=12) for threads in (1, 2)
    )
    assert_same(one.reset(seed=0), other.reset(seed=0))
    walk(one, other, 30, 0, mode)
    assert one.unwrapped.lanes.phones.tobytes() == other.unwrapped.lanes.phones.tobytes()  # type: ignore[attr-defined]
    other.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flat", [True, False])
def test_the_governor_too(mode: str, flat: bool) -> None:
    vector_kwargs = {"autoreset_mode": AutoresetMode(mode)}
    single = gym.make_vec(GOVERNOR, 3, vectorization_mode="sync", vector_kwargs=vector_kwargs, flat=flat)
    native = gym.make_vec(GOVERNOR, 3, autoreset_mode=mode, flat=flat)
    assert_same(single.reset(seed=5), native.reset(seed=5))
    native.action_space.seed(0)
    ended = 0
    while ended < 4:
        actions = native.action_space.sample()
        one, other = single.step(actions), native.step(actions)
        assert_same(one, other)
        done = one[2] | one[3]
        ended += int(done.sum())
        if mode == "Disabled" and done.any():
            masks = [{"reset_mask": done.copy()} for _ in range(2)]
            assert_same(single.reset(options=masks[0]), native.reset(options=masks[1]))


def test_vector_rewards_are_those_of_single_environments() -> None:
    native = gym.make_vec(VECTOR, 3, autoreset_mode="Disabled")
    native.reset(seed=2)
    singles = [gym.make(VECTOR) for _ in range(3)]
    for lane, single in enumerate(singles):
        single.reset(seed=2 + lane)
    over = False
    while not over:
        _, rewards, terminated, _, _ = native.step(np.ones(3, np.int64))
        for lane, single in enumerate(singles):
            _, reward, _, _, _ = single.step(1)
            assert np.asarray(reward).tobytes() == rewards[lane].tobytes()
        over = bool(terminated.any())


def test_time_limit_is_that_of_the_wrapper() -> None:
    single, native = pair("SameStep", 4, max_episode_steps=5)
    single.reset(seed=1)
    native.reset(seed=1)
    for step in range(12):
        one, other = single.step(np.ones(4, dtype=np.int64)), native.step(np.ones(4, dtype=np.int64))
        assert_same(one[:4], other[:4])
        assert other[3].all() == (step % 5 == 4)
        assert ("metrics" in other[4].get("final_info", {})) == (step % 5 == 4)
