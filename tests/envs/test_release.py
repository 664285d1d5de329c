"""``swapgym/SwapRelease-v1``: Gymnasium's contract, determinism, snapshots, copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from swapgym.envs.epochs import EVENT_NAMES
from swapgym.envs.infos import KEYS
from swapgym.envs.lane import play_out
from swapgym.envs.lanes import Lanes
from swapgym.envs.release import SwapReleaseEnv
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.audit import audit


def episode(env: gym.Env[Any, Any], scenario_seed: int, actions: Callable[[int], int]) -> tuple[str, list[float], Any]:
    """Play an episode; return its digest, its rewards and its observations."""
    observation, _ = env.reset(options={"scenario_seed": scenario_seed})
    observations, over = [observation], False
    rewards: list[float] = []
    while not over:
        observation, reward, terminated, truncated, info = env.step(actions(len(rewards)))
        observations.append(observation)
        rewards.append(float(reward))
        over = terminated or truncated
    return info["digest"], rewards, np.array(observations)


@pytest.mark.parametrize(
    "kwargs", [{}, {"routes": 3, "render_mode": "ansi"}, {"max_decisions": 3}, {"epochs": "batch"}]
)
def test_gymnasium_checker(kwargs: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("swapgym/SwapRelease-v1", **kwargs).unwrapped)


def test_stable_baselines_checker(env: SwapReleaseEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_sb3(env, warn=True, skip_render_check=True)


def test_same_seed_same_actions_same_bits(make: Callable[..., SwapReleaseEnv]) -> None:
    first = episode(make(), 11, lambda step: step % 2)
    second = episode(make(), 11, lambda step: step % 2)
    assert first[0] == second[0] and first[1] == second[1] and np.array_equal(first[2], second[2])
    assert first[0] != episode(make(), 12, lambda step: step % 2)[0]
    assert first[0] != episode(make(), 11, lambda step: 0)[0]


def test_seeded_resets_draw_the_same_scenarios(make: Callable[..., SwapReleaseEnv]) -> None:
    drawn = []
    for _ in range(2):
        env = make()
        seeds = [env.reset(seed=5)[1]["scenario_seed"], *(env.reset()[1]["scenario_seed"] for _ in range(3))]
        drawn.append(seeds)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 4


def test_accounts_balance_at_every_decision(env: SwapReleaseEnv) -> None:
    env.action_space.seed(3)
    env.reset(options={"scenario_seed": 13})
    over = False
    while not over:
        _, _, over, _, _ = env.step(env.action_space.sample())
        assert audit(env.phone, env.scenario) == []


def test_terminates_at_the_scenarios_end(env: SwapReleaseEnv) -> None:
    env.reset(options={"scenario_seed": 14})
    over = False
    while not over:
        _, _, over, truncated, info = env.step(1)
        assert not truncated
        assert tuple(info) == KEYS
        assert (info["digest"] != "") == (info["metrics"]["lag_ms"] >= 0) == over
    assert env.phone["now_us"] >= env.scenario["duration_us"]
    assert info["digest"] == env.digest()
    assert info["scenario_seed"] == 14


def test_truncates_at_max_decisions(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(max_decisions=3)
    env.reset(seed=0)
    flags = [env.step(0)[2:4] for _ in range(3)]
    assert flags == [(False, False), (False, False), (False, True)]


def test_step_is_refused_outside_an_episode(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(max_decisions=1)
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.step(0)
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.unwrapped.render() if env.render_mode else make(render_mode="ansi").render()
    for ask in (env.metrics, env.digest, env.snapshot):
        with pytest.raises(gym.error.ResetNeeded, match="reset"):
            ask()
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(gym.error.ResetNeeded, match="its end or close"):
        env.step(0)
    env.reset(seed=0)
    env.close()
    with pytest.raises(gym.error.ResetNeeded, match="its end or close"):
        env.step(0)


@pytest.mark.parametrize("action", [2, -1, 0.0, 1.5, "INLINE", None, True, [0], np.array([0, 1]), np.float32(1)])
def test_wrong_actions_are_refused(env: SwapReleaseEnv, action: Any) -> None:
    env.reset(seed=0)
    before = env.digest()
    with pytest.raises(gym.error.InvalidAction, match=r"0 \(INLINE\), 1 \(DEFER\)"):
        env.step(action)
    assert env.digest() == before


@pytest.mark.parametrize("action", [1, np.int64(1), np.int32(1), np.array(1)])
def test_integer_actions_of_any_kind_are_the_same(env: SwapReleaseEnv, action: Any) -> None:
    env.reset(options={"scenario_seed": 15})
    env.step(action)
    digest = env.digest()
    env.reset(options={"scenario_seed": 15})
    env.step(1)
    assert env.digest() == digest


def test_nothing_is_shared_between_steps(env: SwapReleaseEnv) -> None:
    first, _ = env.reset(seed=0)
    second, reward, terminated, truncated, step_info = env.step(0)
    third, *_, next_info = env.step(0)
    assert not np.shares_memory(first, second) and not np.shares_memory(second, third)
    assert step_info is not next_info and step_info["metrics"] is not next_info["metrics"]
    assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
    assert second.dtype == np.float32 and second.shape == (len(env.parts),)


def test_routes_are_what_they_say(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(routes=3)
    assert env.action_space == gym.spaces.Discrete(3)
    for action, counter in enumerate(("batches_inline", "batches_kworker", "batches_child")):
        env.reset(options={"scenario_seed": 16})
        env.step(action)
        assert env.metrics()[counter] == env.metrics()["batches"] >= 1
    only = make(routes=["USERSPACE", "INLINE"])
    only.reset(options={"scenario_seed": 16})
    only.step(0)
    assert only.metrics()["batches_child"] == only.metrics()["batches"] >= 1


def test_defer_is_the_variants_own(make: Callable[..., SwapReleaseEnv]) -> None:
    for kernel, counter in (("vivo-async", "batches_kworker"), ("userspace-reaper", "batches_child")):
        env = make(kernel=kernel)
        env.reset(options={"scenario_seed": 17})
        env.step(1)
        assert env.metrics()[counter] == env.metrics()["batches"] >= 1


def test_a_kernel_without_a_queue_falls_back(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(kernel="mainline")
    inline = episode(env, 18, lambda step: 0)
    assert env.metrics()["fallbacks"] == 0
    deferred = episode(env, 18, lambda step: 1)
    assert env.metrics()["fallbacks"] == env.metrics()["batches"] > 0
    assert inline[1] == deferred[1]


def test_snapshots_resume_bit_for_bit(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(epochs=EVENT_NAMES, hold_ms=20)
    env.reset(options={"scenario_seed": 19})
    for step in range(7):
        env.step(step % 2)
    moment = pickle.loads(pickle.dumps(env.snapshot()))
    ahead = [env.step(1) for _ in range(5)]
    digest = env.digest()
    env.reset(seed=1)
    env.step(0)
    assert env.observation_space.contains(env.restore(moment))
    again = [env.step(1) for _ in range(5)]
    assert env.digest() == digest
    for one, other in zip(ahead, again, strict=True):
        assert np.array_equal(one[0], other[0]) and one[1:] == other[1:]
    assert env.restore(moment).tobytes() == env.restore(env.snapshot()).tobytes()


def test_a_snapshot_before_the_first_step_keeps_what_is_unpaid(env: SwapReleaseEnv) -> None:
    env.reset(options={"scenario_seed": 20})
    start = env.snapshot()
    first = env.step(0)[1]
    env.restore(start)
    assert env.step(0)[1] == first


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_their_own_way(env: SwapReleaseEnv, clone: Callable[[SwapReleaseEnv], SwapReleaseEnv]) -> None:
    env.reset(seed=21)
    env.step(1)
    other = clone(env)
    assert other.digest() == env.digest()
    assert [env.step(0)[1] for _ in range(4)] == [other.step(0)[1] for _ in range(4)]
    assert other.digest() == env.digest()
    assert other.reset()[1] == env.reset()[1]
    env.step(0)
    assert other.digest() != env.digest()


def test_a_lane_of_many_is_the_environment(env: SwapReleaseEnv) -> None:
    """One lane of an array of phones, played out inline, is the environment's episode of that scenario."""
    lanes = Lanes(3, EnvSpec())
    lanes.phones.view(np.uint8)[:] = 1
    lanes.draw(1, 1)
    lanes.begin(np.array([1]))
    assert lanes.waiting().tolist() == [1]
    first = lanes.observations.copy()
    batches = play_out(lanes.phones, lanes.scenarios, 1, k.INLINE)
    _, rewards, seen = episode(env, 1, lambda step: 0)
    assert batches == env.metrics()["batches"] > len(rewards)
    assert lanes.phones[1].tobytes() == env.phone.tobytes()
    assert np.array_equal(first[1], seen[0]) and not first[[0, 2]].any()


def test_panel_shows_the_phone(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(render_mode="ansi")
    env.reset(options={"scenario_seed": 22})
    text = env.render()
    assert isinstance(text, str) and text.isascii()
    for word in ("asks for a route", "free", "zram pool", "cpu0", " of 1024", "exits", "unmap", "foreground"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 140


def test_vectorised_by_gymnasium() -> None:
    envs = gym.make_vec("swapgym/SwapRelease-v1", num_envs=2, vectorization_mode="sync", vector_kwargs={})
    observations, _ = envs.reset(seed=3)
    assert observations.shape == (2, len(EnvSpec().parts))
    observations, rewards, *_ = envs.step(np.array([0, 1]))
    assert rewards.shape == (2,) and envs.observation_space.contains(observations)
    envs.close()
