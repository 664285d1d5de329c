"""Costs: their terms, that rewards telescope, rates and reference costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from swapgym.envs import costs
from swapgym.envs.costs import OBJECTIVES, TERMS, Rates
from swapgym.envs.release import SwapReleaseEnv
from swapgym.phone.state import PHONE

Make = Callable[..., SwapReleaseEnv]


def play(env: SwapReleaseEnv, scenario_seed: int) -> tuple[float, dict[str, Any]]:
    """Play an episode at random; return the sum of rewards and the last info."""
    generator = np.random.default_rng(0)
    env.reset(options={"scenario_seed": scenario_seed})
    total = 0.0
    while True:
        _, reward, terminated, truncated, info = env.step(int(generator.integers(2)))
        total += reward
        if terminated or truncated:
            return total, info


@pytest.mark.parametrize("rates", [(3.0, 0.0), (0.0, 0.0), (10.0, 2.0), (1, 0.5)])
@pytest.mark.parametrize("max_decisions", [None, 8])
@pytest.mark.parametrize("centered", [True, False])
def test_return_is_the_cost_of_the_episode(
    make: Make, rates: tuple[float, float], max_decisions: int | None, centered: bool
) -> None:
    env = make(ms_per_mib=rates[0], ms_per_cpu_ms=rates[1], max_decisions=max_decisions, centered=centered)
    total, info = play(env, scenario_seed=5)
    metrics = info["metrics"]
    cost = metrics["lag_ms"] + rates[0] * metrics["peak_mib"] + rates[1] * metrics["unaccounted_cpu_ms"]
    entry = costs.stored_reference()["presets"][info["preset"]][info["device"]]
    score = cost / (entry["lag_ms"] + rates[0] * entry["peak_mib"])
    credit = min(1.0, info["elapsed_us"] / int(env.scenario["duration_us"])) if centered else 0.0
    assert credit == float(centered) or max_decisions is not None
    assert total == pytest.approx(credit - score, rel=1e-9)
    assert score == pytest.approx(Rates(*rates).score(env.drawn, [metrics[name] for name in OBJECTIVES]), rel=1e-12)
    assert {name: info[name] for name in OBJECTIVES} == {name: metrics[name] for name in OBJECTIVES}
    assert info["frame_lateness_ms"] == pytest.approx(metrics["frame_late_ms"])
    assert info["launch_delay_ms"] == pytest.approx(metrics["launch_delay_ms"])
    assert info["stalls_ms"] == pytest.approx(metrics["stall_ms"])
    assert info["relaunch_ms"] == pytest.approx(metrics["relaunch_ms"])
    assert info["demand_growth_mib"] == pytest.approx(metrics["peak_mib"])
    assert info["kworker_cpu_ms"] == pytest.approx(metrics["cpu_kworker_ms"])


def test_costs_only_grow_and_each_step_pays_the_growth(make: Make) -> None:
    env = make(ms_per_cpu_ms=0.25, centered=False)
    _, before = env.reset(options={"scenario_seed": 6})
    weights = env.env_spec.rates.weights(env.drawn)
    over = False
    while not over:
        _, reward, over, _, info = env.step(1)
        grown = [info[name] - before[name] for name in OBJECTIVES]
        assert all(info[name] >= before[name] for name in (*costs.TERM_NAMES, *OBJECTIVES))
        assert reward == pytest.approx(-float(np.dot(grown, weights)), abs=1e-12)
        before = info


def test_each_term_reads_its_own_counter_in_its_own_unit() -> None:
    for index, term in enumerate(TERMS):
        phones = np.zeros(2, PHONE)
        counter = phones[1]["total"][term.counter]
        if counter.ndim:
            counter[term.place] = 3 * term.per_unit
        else:
            phones[1]["total"][term.counter] = 3 * term.per_unit
        terms = np.ones(len(TERMS))
        costs.cost_terms(phones, 1, terms)
        assert terms.tolist() == [3.0 if place == index else 0.0 for place in range(len(TERMS))]
        objectives = np.ones(len(OBJECTIVES))
        costs.objective_costs(phones, 1, objectives)
        assert objectives.tolist() == [3.0 if name == term.objective else 0.0 for name in OBJECTIVES]
        assert costs.costs_of(phones[1]).tolist() == objectives.tolist()
    assert {term.objective for term in TERMS} == set(OBJECTIVES)


@pytest.mark.parametrize("name", ["ms_per_mib", "ms_per_cpu_ms"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1000.5])
def test_bad_rates_are_refused(make: Make, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name}: .*, must be a number from 0 to 1000"):
        make(**{name: value})


@pytest.mark.parametrize("value", ["3", None, True, [3.0], b"3"])
def test_rates_are_numbers(make: Make, value: object) -> None:
    with pytest.raises(TypeError, match=r"ms_per_mib: .* must be a number from 0 to 1000"):
        make(ms_per_mib=value)
    assert make(ms_per_mib=np.float32(2.5)).env_spec.ms_per_mib == make(ms_per_mib=2.5).env_spec.ms_per_mib


def test_what_has_no_reference_takes_the_mean_of_all_others() -> None:
    stored = costs.stored_reference()["presets"]
    lags = np.array([[entry["lag_ms"] for entry in devices.values()] for devices in stored.values()])
    assert costs.reference("a-trace", "a-phone")[0] == pytest.approx(lags.mean())
    assert costs.reference("low_ram", "a-phone")[0] == pytest.approx(lags[list(stored).index("low_ram")].mean())
    assert costs.reference("a-trace", "phone-6gb")[0] == pytest.approx(
        lags[:, list(stored["low_ram"]).index("phone-6gb")].mean()
    )
    own = stored["low_ram"]["phone-6gb"]
    assert costs.reference("low_ram", "phone-6gb").tolist() == [own["lag_ms"], own["peak_mib"], 0.0]
