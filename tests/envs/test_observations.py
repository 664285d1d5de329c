"""The observation: its parts, their scaling, their bounds in play, and that none of them looks ahead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from swapgym.envs.observations import INDEX, N_PARTS, PART_NAMES, PARTS, READING, observe, places, readings, scale
from swapgym.envs.release import SwapReleaseEnv
from swapgym.phone import constants as k


def test_parts_are_named_once_and_documented() -> None:
    assert len(INDEX) == N_PARTS
    assert READING.names == tuple(part.name for part in PARTS)
    for part in PARTS:
        assert part.meaning and part.unit and part.kernel_source
        assert part.low in (-1.0, 0.0) and part.high == 1.0
        assert part.scale > 0.0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("victim_swap_left", 0.0, 0.0),
        ("victim_swap_left", 65_536.0, 0.5),
        ("victim_last_route", -1.0, -1.0),
        ("victim_cpu_capacity", 512.0, 0.5),
        ("free_margin", -1.0, -0.5),
        ("free_margin", 3.0, 0.75),
        ("file_cache", 0.25, 0.25),
        ("thrashing", 1.0, 0.5),
        ("direct_reclaim", -1.0, 0.0),
        ("direct_reclaim", 0.0, 1.0),
        ("direct_reclaim", 100_000.0, 0.5),
        ("frame_slack", -5.0, -1.0),
    ],
)
def test_scaling_by_hand(name: str, value: float, expected: float) -> None:
    values = np.zeros(N_PARTS)
    values[INDEX[name]] = value
    out = np.zeros(N_PARTS, dtype=np.float32)
    scale(values, places(PART_NAMES), out)
    assert out[INDEX[name]] == np.float32(expected)


def test_readings_invert_the_scaling() -> None:
    values = np.array([0.4 * part.scale for part in PARTS])
    out = np.zeros(N_PARTS, dtype=np.float32)
    scale(values, places(PART_NAMES), out)
    for part, value in zip(PARTS, values, strict=True):
        assert readings(out, PART_NAMES)[part.name] == pytest.approx(value, rel=1e-5)
    with pytest.raises(ValueError, match="shape"):
        readings(out[:-1], PART_NAMES)


def test_never_reads_as_infinite() -> None:
    assert readings(np.zeros(N_PARTS), PART_NAMES)["direct_reclaim"] == float("inf")
    assert readings(np.ones(N_PARTS), PART_NAMES)["backlog"] == float("inf")


@pytest.mark.parametrize("scenario_seed", [1, 2])
def test_bounds_hold_over_random_play_and_most_parts_move(env: SwapReleaseEnv, scenario_seed: int) -> None:
    env.action_space.seed(scenario_seed)
    observation, _ = env.reset(options={"scenario_seed": scenario_seed})
    seen = [observation]
    over = False
    while not over:
        assert env.observation_space.contains(observation)
        observation, _, over, _, _ = env.step(env.action_space.sample())
        seen.append(observation)
    assert env.observation_space.contains(observation)
    assert np.count_nonzero(np.ptp(np.array(seen), axis=0)) >= len(env.parts) // 2


def test_the_last_observation_has_no_victim(env: SwapReleaseEnv) -> None:
    observation, _ = env.reset(options={"scenario_seed": 1})
    over = False
    while not over:
        assert observation[env.parts.index("victim_swap_left")] > 0
        assert observation[env.parts.index("exiting")] > 0
        observation, _, over, _, _ = env.step(1)
    victim = [place for place, name in enumerate(env.parts) if name.startswith("victim_")]
    assert not observation[victim].any()


def test_readings_agree_with_the_phone(make: Callable[..., SwapReleaseEnv]) -> None:
    env = make(kernel="vivo-async", epochs="batch")
    env.reset(options={"scenario_seed": 3})
    for step in range(40):
        observation, _, over, _, _ = env.step(step % 2)
        if over:
            break
        phone, now = env.phone, readings(observation, env.parts)
        victim = phone["processes"][phone["pending"]]
        app = env.scenario["apps"][phone["pending"]]
        assert now["victim_last_pss"] == pytest.approx(
            app["anon_pages"] + app["swap_entries"] + app["file_pages"] / 2, rel=1e-4
        )
        under_way = [
            launch
            for launch in range(env.scenario["n_launches"])
            if k.LAUNCH_WAITING < phone["launches"][launch]["phase"] < k.LAUNCH_DONE
        ]
        need = sum(
            max(
                0,
                int(env.scenario["launches"][launch]["expected_pages"]) - int(phone["launches"][launch]["burst_done"]),
            )
            for launch in under_way
        )
        assert now["launch_need"] == pytest.approx(need, rel=1e-4, abs=1e-9)
        domains = phone["domains"]["clock"][: env.scenario["device"]["n_domains"]]
        assert (now["clock_little"], now["clock_big"]) == pytest.approx((domains[0], domains[-1]), rel=1e-6)
        assert now["victim_swap_left"] == pytest.approx(victim["swap_entries"], rel=1e-4)
        unmapping = phone["processes"]["exit_stage"][phone["exiting"][: phone["n_exiting"]]] == k.EXIT_UNMAP
        assert now["exiting"] == pytest.approx(unmapping.sum(), rel=1e-4)
        assert now["backlog"] == pytest.approx(phone["backlog_kworker"] + phone["backlog_child"], rel=1e-4)
        assert now["victim_last_route"] == (0 if victim["decisions"] == 0 else 2 * (victim["route"] != k.INLINE) - 1)


def test_observation_does_not_see_the_future(make: Callable[..., SwapReleaseEnv]) -> None:
    """Whatever the scenario has yet to do, the present observation stays the same, bit for bit."""
    env = make(epochs="batch")
    env.reset(options={"scenario_seed": 4})
    over = False
    generator = np.random.default_rng(0)
    checked = 0
    while not over:
        _, _, over, _, _ = env.step(int(generator.integers(2)))
        scenario = env.scenario.copy()
        future = np.flatnonzero(np.arange(k.MAX_EVENTS) >= env.phone["next_event"])
        for field in ("time_us", "kind", "a", "b", "c"):
            scenario["events"][field][future] = generator.integers(0, 6, future.size)
        waiting = [i for i in range(k.MAX_LAUNCHES) if env.phone["launches"][i]["phase"] == k.LAUNCH_WAITING]
        for index in waiting:
            for field in scenario["launches"].dtype.names:
                scenario["launches"][field][index] = generator.integers(0, 4)
        scenario["duration_us"] += 1_000_000
        scenario["frame_ui_us"] += 1
        scenario["frame_render_us"] += 1
        scenario["apps"]["relaunch_cost_us"] += 1
        truth, altered = (np.zeros(N_PARTS, dtype=np.float32) for _ in range(2))
        observe(env.phone, env.scenario, places(PART_NAMES), truth)
        observe(env.phone, scenario, places(PART_NAMES), altered)
        assert np.array_equal(truth, altered)
        checked += 1
    assert checked > 10
