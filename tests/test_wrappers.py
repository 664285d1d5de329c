"""The wrappers do what they say."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import swapgym  # noqa: F401 (registers the environments)
from swapgym.envs.costs import costs_of
from swapgym.phone.constants import RUN_DECISION
from swapgym.phone.engine import FOREVER_US, advance, decide, start
from swapgym.phone.state import PHONE
from swapgym.wrappers import RelativeReward

RELEASE = "swapgym/SwapRelease-v1"
GOVERNOR = "swapgym/SwapReleaseGovernor-v0"
VECTOR = "swapgym/MOSwapRelease-v0"
SEEDS = range(3)


def play(env: Any, policy: Any, seed: int, **options: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the rewards and the last info of an episode."""
    env.action_space.seed(seed)
    _, info = env.reset(options={"scenario_seed": seed, **options})
    rewards = []
    while True:
        _, reward, terminated, truncated, info = env.step(policy(env))
        rewards.append(reward)
        if terminated or truncated:
            return rewards, info


def inline(env: Any) -> Any:
    return np.zeros(2, np.int64) if isinstance(env.action_space, gym.spaces.MultiDiscrete) else 0


def chance(env: Any) -> Any:
    return env.action_space.sample()


def inline_score(env: Any, until_us: int = FOREVER_US) -> float:
    """Return the score of always inline on the scenario that ``env`` has just played, by the engine's own functions."""
    base = env.unwrapped
    phones, scenarios = np.zeros(1, PHONE), base.lanes.scenarios.copy()
    start(phones, scenarios, 0)
    while advance(phones, scenarios, 0, until_us) == RUN_DECISION:
        decide(phones, scenarios, 0, 0)
    return float(costs_of(phones[0]) @ base.env_spec.rates.weights(base.drawn))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("epochs", ["event", "batch"])
def test_always_inline_earns_nothing_at_every_step(epochs: str, seed: int) -> None:
    rewards, _ = play(RelativeReward(gym.make(RELEASE, epochs=epochs)), inline, seed)
    assert len(rewards) > 4
    assert set(rewards) == {0.0}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        (RELEASE, {}),
        (RELEASE, {"epochs": "batch", "routes": 3}),
        (RELEASE, {"preset": "mixed", "ms_per_mib": 10.0, "ms_per_cpu_ms": 0.5}),
        (RELEASE, {"max_decisions": 9}),
        (GOVERNOR, {}),
        (GOVERNOR, {"flat": True, "ms_per_mib": 0.0}),
    ],
)
def test_the_return_is_what_the_policy_costs_less(env_id: str, kwargs: dict[str, Any], seed: int) -> None:
    env = gym.make(env_id, **kwargs)
    paid, info = play(gym.make(env_id, centered=False, **kwargs), chance, seed)
    relative, _ = play(RelativeReward(env), chance, seed)
    assert relative == play(RelativeReward(gym.make(env_id, centered=False, **kwargs)), chance, seed)[0]
    if "max_decisions" in kwargs:  # the twin may stand in another place of the last tick
        expected = pytest.approx(sum(paid) + inline_score(env, info["elapsed_us"]), abs=2e-2)
    else:
        assert any(reward != 0.0 for reward in relative)
        expected = pytest.approx(sum(paid) + inline_score(env), abs=1e-9)
    assert sum(relative) == expected


def test_another_preset_has_its_own_scale() -> None:
    env = RelativeReward(gym.make(RELEASE))
    paid, _ = play(gym.make(RELEASE, centered=False), chance, 3, preset="mixed")
    relative, _ = play(env, chance, 3, preset="mixed")
    same, _ = play(RelativeReward(gym.make(RELEASE, preset="mixed")), chance, 3)
    assert relative == same
    assert sum(relative) == pytest.approx(sum(paid) + inline_score(env), abs=1e-9)


def test_differences_by_objective_add_up() -> None:
    kwargs = {"ms_per_mib": 2.0, "ms_per_cpu_ms": 0.5}
    vectors, _ = play(RelativeReward(gym.make(VECTOR, **kwargs)), chance, 5)
    numbers, _ = play(RelativeReward(gym.make(RELEASE, **kwargs)), chance, 5)
    assert np.array(vectors) @ [1.0, 2.0, 0.5] == pytest.approx(numbers, abs=1e-12)


def test_nothing_but_the_reward_changes() -> None:
    env, relative = gym.make(RELEASE), RelativeReward(gym.make(RELEASE))
    first, second = env.reset(seed=4), relative.reset(seed=4)
    for action in [0, 1, 1, 0, 1, 1]:
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_equal(first[-1], second[-1])
        first, second = env.step(action), relative.step(action)


@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on(copied: Any) -> None:
    env = RelativeReward(gym.make(RELEASE, epochs="batch"))
    env.reset(seed=6)
    env.step(1)
    other = copied(env)
    for action in [1, 0, 1, 1, 0]:
        first, second = env.step(action), other.step(action)
        assert first[1] == second[1]
        np.testing.assert_array_equal(first[0], second[0])


def test_a_spec_makes_it_again() -> None:
    env = RelativeReward(gym.make(RELEASE, preset="mixed"))
    again = gym.make(env.spec)
    assert play(env, chance, 2)[0] == play(again, chance, 2)[0]


def test_lanes_of_vector_environments_can_be_wrapped() -> None:
    envs = gym.make_vec(RELEASE, num_envs=2, vectorization_mode="sync", wrappers=[RelativeReward])
    envs.reset(seed=1)
    rewards = np.array([envs.step(np.array([0, 1]))[1] for _ in range(60)])
    assert np.all(rewards[:, 0] == 0.0)
    assert np.any(rewards[:, 1] != 0.0)


def test_other_environments_are_refused() -> None:
    with pytest.raises(TypeError, match="must be one of swapgym's environments"):
        RelativeReward(gym.make("CartPole-v1"))
