"""Episode metrics: names, units, and the numbers read by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from swapgym.envs.metrics import METRIC_NAMES, METRICS, episode_metrics, lateness_quantile_ms, table
from swapgym.envs.release import SwapReleaseEnv
from swapgym.phone import constants as k
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.state import PHONE

UNIT_OF_SUFFIX = {"_ms": "ms", "_mib": "MiB", "_mib_s": "MiB s", "_entries": "entries", "_entry_s": "entries s"}


def zeros() -> tuple[np.void, np.void]:
    """Return a phone and a scenario full of zeros."""
    return np.zeros(1, PHONE)[0], np.zeros(1, SCENARIO)[0]


def test_names_are_unique_and_carry_their_unit() -> None:
    assert len(set(METRIC_NAMES)) == len(METRICS)
    for metric in METRICS:
        suffix = max((s for s in UNIT_OF_SUFFIX if metric.name.endswith(s)), key=len, default="")
        assert metric.unit == UNIT_OF_SUFFIX.get(suffix, metric.unit)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert f"| `{metric.name}` | {metric.unit} | {metric.meaning} |" in table()


def test_every_charge_is_reported() -> None:
    assert {f"cpu_{name}_ms" for name in k.CHARGE_NAMES} <= set(METRIC_NAMES)


def test_a_phone_that_did_nothing_has_all_metrics_zero() -> None:
    assert set(episode_metrics(*zeros()).values()) == {0.0}


def test_units_by_hand() -> None:
    phone, scenario = zeros()
    total = phone["total"]
    total["frame_late_us"], total["launch_delay_us"], total["stall_us"], total["relaunch_cost_us"] = (
        1000,
        2000,
        3000,
        4000,
    )
    total["demand_peak_pages"] = 512
    total["zombie_page_us"] = 256 * 2_000_000
    total["exits"], total["exit_latency_us"] = 4, 10_000
    total["charged_ns"][k.CHARGE_KWORKER] = 7_000_000
    metrics = episode_metrics(phone, scenario)
    assert metrics["lag_ms"] == 10.0
    assert metrics["peak_mib"] == 2.0
    assert metrics["zombie_mib_s"] == 2.0
    assert metrics["exit_latency_mean_ms"] == 2.5
    assert metrics["unaccounted_cpu_ms"] == metrics["cpu_kworker_ms"] == 7.0


@pytest.mark.parametrize(
    ("late", "quantile", "expected"),
    [
        ({}, 0.95, 0.0),  # all 100 frames in time
        ({3: 5}, 0.95, 0.0),  # five of 100 are late: the 95th is not
        ({3: 6}, 0.95, 4.0),  # the 95th is late by 3 to 4 ms
        ({3: 6, 20: 2}, 0.99, 21.0),
        ({63: 3}, 0.99, 250.0),  # the open bin: the worst of all
    ],
)
def test_quantiles_of_lateness(late: dict[int, int], quantile: float, expected: float) -> None:
    histogram = np.zeros(k.LATE_BINS, dtype=np.int64)
    for index, count in late.items():
        histogram[index] = count
    total = {"frames": 100, "frame_late_max_us": 250_000, "late_histogram": histogram}
    assert lateness_quantile_ms(total, quantile) == expected


def test_an_episode_adds_up(env: SwapReleaseEnv) -> None:
    env.reset(options={"scenario_seed": 7})
    over, steps = False, 0
    while not over:
        _, _, over, _, info = env.step(steps % 2)
        steps += 1
    metrics = info["metrics"]
    assert metrics == env.metrics()
    assert metrics["batches"] > steps
    assert metrics["kills"] >= 1
    assert metrics["frame_late_p95_ms"] <= metrics["frame_late_p99_ms"] <= metrics["frame_late_max_ms"]
    parts = ("frame_late_ms", "launch_delay_ms", "stall_ms", "relaunch_ms")
    assert metrics["lag_ms"] == pytest.approx(sum(metrics[name] for name in parts))
    cpus = int(env.scenario["device"]["n_cpus"])
    charged = sum(metrics[f"cpu_{name}_ms"] for name in k.CHARGE_NAMES)
    assert charged == pytest.approx(cpus * metrics["duration_ms"], rel=1e-9)
