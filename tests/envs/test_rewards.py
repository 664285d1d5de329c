"""The reward: its terms, that it telescopes, its weights and its baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from swapgym.envs import rewards
from swapgym.envs.release_env import SwapReleaseEnv
from swapgym.phone import constants as k
from swapgym.phone.state import PHONE


def play(env: SwapReleaseEnv, scenario_seed: int, seed: int = 0) -> tuple[float, dict[str, float], dict[str, float]]:
    """Play an episode at random; return the sum of rewards, the summed terms, and the metrics."""
    generator = np.random.default_rng(seed)
    env.reset(options={"scenario_seed": scenario_seed})
    total, terms = 0.0, dict.fromkeys(rewards.TERM_NAMES, 0.0)
    while True:
        _, reward, terminated, truncated, info = env.step(int(generator.integers(2)))
        total += reward
        for name, value in info["reward_terms"].items():
            terms[name] += value
        if terminated or truncated:
            return total, terms, info["metrics"]


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (3.0, 1.0)])
@pytest.mark.parametrize("max_decisions", [None, 25])
def test_return_is_the_weighted_total_of_the_episode(
    make: Callable[..., SwapReleaseEnv], weights: tuple[float, float], max_decisions: int | None
) -> None:
    env = make(weights=weights, max_decisions=max_decisions)
    total, terms, metrics = play(env, scenario_seed=5)
    lag = metrics["lag_ms"] / env.baseline.lag_ms
    peak = metrics["peak_mib"] / env.baseline.peak_mib
    assert total == pytest.approx(-(weights[0] * lag + weights[1] * peak), rel=1e-9, abs=1e-12)
    scalar = rewards.scalar_reward(metrics["lag_ms"], metrics["peak_mib"], weights, env.baseline)
    assert total == pytest.approx(scalar, rel=1e-9, abs=1e-12)
    assert terms["frame_lateness_ms"] == pytest.approx(metrics["frame_late_ms"])
    assert terms["launch_delay_ms"] == pytest.approx(metrics["launch_delay_ms"])
    assert terms["stalls_ms"] == pytest.approx(metrics["stall_ms"])
    assert terms["relaunch_ms"] == pytest.approx(metrics["relaunch_ms"])
    assert terms["demand_growth_mib"] == pytest.approx(metrics["peak_mib"])


def test_terms_are_costs(env: SwapReleaseEnv) -> None:
    env.reset(options={"scenario_seed": 6})
    over = False
    while not over:
        _, reward, over, _, info = env.step(1)
        assert tuple(info["reward_terms"]) == rewards.TERM_NAMES
        assert all(value >= 0.0 for value in info["reward_terms"].values())
        assert reward <= 0.0


def test_accrue_reads_the_counters_of_its_terms() -> None:
    """Each term grows with its own counter alone, in its own unit."""
    for index, term in enumerate(rewards.TERMS):
        phone = np.zeros(1, PHONE)
        paid = np.zeros(rewards.N_TERMS, dtype=np.int64)
        terms = np.ones(rewards.N_TERMS)
        phone[0]["total"][term.counter] = 3 * term.per_unit
        rewards.accrue(phone[0], paid, terms)
        assert terms.tolist() == [3.0 if i == index else 0.0 for i in range(rewards.N_TERMS)]
        rewards.accrue(phone[0], paid, terms)
        assert not terms.any()
    assert {term.per_unit for term in rewards.TERMS} == {k.MS, k.PAGES_PER_MIB}


NO_NUMBERS = ("ab", "05", b"05", ("0", "5"), {0.5, 1.0}, {0.5: 1, 1.0: 1}, (True, True))


@pytest.mark.parametrize(
    "weights", [(1.0,), (-1.0, 1.0), (0.0, 0.0), (float("nan"), 1.0), None, (1, 2, 3), *NO_NUMBERS]
)
def test_bad_weights_are_refused(make: Callable[..., SwapReleaseEnv], weights: object) -> None:
    with pytest.raises(ValueError, match=r"weights: .* must be two numbers >= 0"):
        make(weights=weights)


def test_a_preset_without_a_baseline_takes_that_of_mixed() -> None:
    assert rewards.baseline_of("a-trace") == rewards.baseline_of("mixed")
    for field in dataclasses.fields(rewards.Baseline):
        assert getattr(rewards.baseline_of("mixed"), field.name) > 0.0
