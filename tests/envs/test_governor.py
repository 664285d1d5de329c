"""``SwapReleaseGovernor-v0`` and ``MOSwapRelease-v0``: paces of the drain, and rewards by objective."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from swapgym.envs.costs import OBJECTIVES
from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.multi_objective import MOSwapReleaseEnv
from swapgym.envs.observations import PART_NAMES
from swapgym.envs.release import SwapReleaseEnv
from swapgym.phone import constants as k

PAUSED, BACKGROUND, NORMAL, URGENT = range(4)


def play(env: Any, action: Any, seed: int = 8) -> tuple[int, dict[str, Any]]:
    env.reset(options={"scenario_seed": seed})
    steps, over = 0, False
    while not over:
        _, _, over, _, info = env.step(action)
        steps += 1
    return steps, info


@pytest.mark.parametrize("kwargs", [{}, {"flat": True}, {"kernel": "userspace-reaper"}])
def test_checkers(kwargs: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("swapgym/SwapReleaseGovernor-v0", **kwargs).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("kernel", ["vivo-async-nice0", "userspace-reaper"])
def test_a_faster_pace_leaves_less_behind(kernel: str) -> None:
    env = SwapReleaseGovernorEnv(kernel=kernel)
    held = [
        sum(play(env, [1, pace], seed)[1]["metrics"]["zombie_mib_s"] for seed in range(5, 25))
        for pace in (PAUSED, BACKGROUND, NORMAL, URGENT)
    ]
    assert held[PAUSED] > max(held[BACKGROUND], held[NORMAL]) and min(held[BACKGROUND], held[NORMAL]) > held[URGENT]
    assert held[PAUSED] > 2 * held[URGENT] > 0


@pytest.mark.parametrize("kernel", ["vivo-async-nice0", "userspace-reaper"])
def test_nobody_drains_while_paused(kernel: str) -> None:
    env = SwapReleaseGovernorEnv(kernel=kernel)
    _, info = play(env, [1, PAUSED])
    metrics = info["metrics"]
    assert metrics["entries_kworker"] == metrics["entries_child"] == metrics["cpu_kworker_ms"] == 0
    assert metrics["kworker_starved_ms"] == 0, "a pause is not starvation"
    assert env.phone["backlog_kworker"] + env.phone["backlog_child"] > 0


def test_a_full_queue_falls_back_while_paused() -> None:
    env = SwapReleaseGovernorEnv(overrides={"kernel": {"queue_capacity": 4_096}})
    _, info = play(env, [1, PAUSED])
    assert info["metrics"]["fallbacks"] > 0 and info["metrics"]["backlog_peak_entries"] <= 4_096


def test_the_pace_is_the_workers_nice_and_mask() -> None:
    env = SwapReleaseGovernorEnv(preset="camera_target")
    env.reset(options={"scenario_seed": 2})
    seen = set()
    over = False
    steps = 0
    while not over:
        pace = (BACKGROUND, NORMAL, URGENT)[steps % 3]
        _, _, over, _, _ = env.step([1, pace])
        steps += 1
        phone, device = env.phone, env.scenario["device"]
        if k.TASK_KWORKER in phone["runnable"][: phone["n_runnable"]] and phone["drain_pace"] == pace + 0:
            task = phone["tasks"][k.TASK_KWORKER]
            seen.add((pace, int(task["weight"]), task["mask"] == device["background_mask"]))
    assert {(BACKGROUND, 15, True), (NORMAL, 1024, False), (URGENT, 88761, False)} <= seen


def test_it_is_asked_while_only_a_backlog_is_left() -> None:
    env = SwapReleaseGovernorEnv(parts=PART_NAMES)
    env.reset(options={"scenario_seed": 8})
    over, alone, gaps = False, 0, []
    while not over:
        before_us = int(env.phone["now_us"])
        observation, _, over, _, _ = env.step([1, PAUSED])
        assert observation[env.parts.index("drain_pace")] == np.float32((PAUSED + 1) / 4)
        if not over and env.phone["pending"] < 0:
            alone += 1
            gaps.append(int(env.phone["now_us"]) - before_us)
            assert env.phone["backlog_kworker"] > 0
            assert not observation[: env.parts.index("exiting")].any()
    assert alone >= 5
    assert max(gaps) <= 100_000, "hold_ms"


def test_flat_actions_are_pairs() -> None:
    flat, pairs = SwapReleaseGovernorEnv(flat=True), SwapReleaseGovernorEnv()
    rng = np.random.default_rng(0)
    for env in (flat, pairs):
        env.reset(options={"scenario_seed": 4})
    over = False
    while not over:
        action = int(rng.integers(8))
        one = flat.step(action)
        other = pairs.step(np.array(divmod(action, 4)))
        assert one[0].tobytes() == other[0].tobytes() and one[1:4] == other[1:4]
        over = one[2]
    assert one[4]["digest"] == other[4]["digest"]
    with pytest.raises(gym.error.InvalidAction, match=r"7 \(DEFER URGENT\)"):
        flat.reset(seed=0)
        flat.step(8)
    with pytest.raises(gym.error.InvalidAction, match=r"a pace 0 \(PAUSED\)"):
        pairs.reset(seed=0)
        pairs.step([0, 4])


def test_without_paces_it_is_the_default_task() -> None:
    one, other = SwapReleaseGovernorEnv(paces=0), SwapReleaseEnv(parts=PART_NAMES)
    assert play(one, 1) == play(other, 1)


@pytest.mark.parametrize("kwargs", [{}, {"paces": 4, "flat": True, "parts": PART_NAMES}])
def test_a_vector_reward_weighed_is_the_scalar_one(kwargs: dict[str, Any]) -> None:
    rates = {"ms_per_mib": 5.0, "ms_per_cpu_ms": 0.5}
    vector = MOSwapReleaseEnv(**rates, **kwargs)
    scalar = SwapReleaseGovernorEnv(**rates, flat=True) if kwargs else SwapReleaseEnv(**rates)
    rng = np.random.default_rng(1)
    for env in (vector, scalar):
        env.reset(options={"scenario_seed": 6})
    over = False
    while not over:
        action = int(rng.integers(scalar.action_space.n))
        one, other = vector.step(action), scalar.step(action)
        assert one[1].shape == (len(OBJECTIVES),) and vector.reward_space.contains(one[1])
        assert np.dot(one[1], [1.0, 5.0, 0.5]) == pytest.approx(other[1], abs=1e-12)
        over = one[2]
    assert one[4]["digest"] == other[4]["digest"]
