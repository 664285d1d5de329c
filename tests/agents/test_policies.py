"""Fixed policies on hand-made observations: each side of each threshold, single and batched."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy

import swapgym  # noqa: F401
from swapgym.agents.policies import POLICIES, make, ranges
from swapgym.agents.policies.published import Random
from swapgym.envs.observations import INDEX, PARTS
from swapgym.envs.spec import RELEASE_PARTS

THREE = ("INLINE", "KWORKER", "USERSPACE")


def observation(**readings: float) -> np.ndarray:
    """An observation of zeros but for these parts, given in their units."""
    row = np.zeros(len(RELEASE_PARTS), dtype=np.float32)
    for name, reading in readings.items():
        part = PARTS[INDEX[name]]
        if part.rule == "share":
            value = reading / part.scale
        elif part.rule == "recency":
            value = part.scale / (reading + part.scale)
        else:
            value = reading / (abs(reading) + part.scale)
        row[RELEASE_PARTS.index(name)] = value
    return row


# policy, an observation it defers on, and one it releases inline
SIDES = [
    ("vivo", {"exiting": 2, "victim_swap_left": 32}, {"exiting": 1, "victim_swap_left": 90_000}),
    ("vivo", {"exiting": 1, "victim_last_route": 1}, {"exiting": 2, "victim_swap_left": 31}),
    ("bounded_pool", {"backlog": 32_700}, {"backlog": 32_900}),
    ("free_memory", {"free_margin": 1.1}, {"free_margin": 0.9}),
    ("psi", {"psi_some": 9_000}, {"psi_some": 11_000}),
    ("rt_aware", {"rt_load": 0.45}, {"rt_load": 0.55}),
    ("rt_aware", {"starved": 19_000}, {"starved": 21_000}),
    ("slack_aware", {"victim_awaited": 1, "frame_slack": 1, "idle_cpus": 1}, {"frame_slack": 1, "idle_cpus": 1}),
    ("slack_aware", {"frame_slack": 0.1, "idle_cpus": 1}, {"frame_slack": 0.4, "idle_cpus": 0.5}),
    ("slack_aware", {"frame_slack": 1, "idle_cpus": 0.1}, {"frame_slack": 1, "idle_cpus": 0.3}),
]


@pytest.mark.parametrize(("name", "deferred", "inline"), SIDES)
@pytest.mark.parametrize("routes", [("INLINE", "DEFER"), THREE])
def test_each_side_of_each_threshold(name: str, deferred: dict, inline: dict, routes: tuple[str, ...]) -> None:
    policy = make(name, routes)
    assert policy.predict(observation(**deferred))[0] == 1
    assert policy.predict(observation(**inline))[0] == 0


def test_policies_without_a_rule() -> None:
    anything = observation(exiting=3)
    assert make("always_inline").predict(anything)[0] == 0
    assert make("always_defer").predict(anything)[0] == 1
    assert make("always_defer", THREE).predict(anything)[0] == THREE.index("KWORKER")
    assert make("userspace_reaper", THREE).predict(anything)[0] == THREE.index("USERSPACE")
    assert make("userspace_reaper").predict(anything)[0] == 1


def test_random_uses_every_action_evenly_and_replays() -> None:
    rng = np.random.default_rng(3)
    batch = rng.random((3_000, len(RELEASE_PARTS))).astype(np.float32)
    policy = make("random", THREE)
    actions, _ = policy.predict(batch)
    assert np.bincount(actions, minlength=3).min() > 900
    assert (actions == policy.predict(batch)[0]).all()
    assert (actions != Random(routes=THREE, seed=1).predict(batch)[0]).any()


@pytest.mark.parametrize("name", list(POLICIES))
def test_a_batch_is_its_rows(name: str) -> None:
    batch = np.random.default_rng(0).random((64, len(RELEASE_PARTS))).astype(np.float32)
    policy = make(name, THREE)
    actions, state = policy.predict(batch)
    assert state is None
    assert actions.tolist() == [int(policy.predict(row)[0]) for row in batch]


@pytest.mark.parametrize("name", list(POLICIES))
def test_evaluate_policy_takes_them(name: str) -> None:
    env = gym.make("swapgym:swapgym/SwapRelease-v1", preset="app_switching")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="Monitor"):
        mean, _ = evaluate_policy(make(name), env, n_eval_episodes=2)
    assert mean < 1.0


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"'vivvo' is unknown \(did you mean 'vivo'\?\), must be one of"):
        make("vivvo")
    with pytest.raises(ValueError, match=r"'bund' is unknown \(did you mean 'bound'\?\)"):
        make("bounded_pool", bund=3)
    with pytest.raises(ValueError, match=r"bounded_pool.bound: 3, must be from 512 to"):
        make("bounded_pool", bound=3)
    with pytest.raises(ValueError, match=r"needs route 'DEFER', the environment has \('INLINE',\)"):
        make("always_defer", ("INLINE",))
    with pytest.raises(ValueError, match=r"observation: shape \(3,\), must be"):
        make("vivo").predict(np.zeros(3))


def test_ranges_hold_the_defaults() -> None:
    for policy in POLICIES.values():
        for name, (low, high) in ranges(policy).items():
            assert low <= policy().parameters()[name] <= high
