"""Pausing changes nothing of what happens, and nothing that an engine does writes a scenario."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE, phone_digest
from swapgym.workload import DEVICES, KERNELS, PRESETS, draw, empty
from tests.ticks import each_tick


def world(preset: str, seed: int, **kwargs: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the phone and the scenario of an episode, arrays of one."""
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    draw(preset, seed, out=scenarios[0], **kwargs)
    return phones, scenarios


def play(phones: Any, scenarios: Any, routes: list[int], pauses: list[int]) -> int:
    """Play an episode with routes by turns, pausing after each of the times given (us); return how often it paused."""
    engine.start(phones, scenarios, 0)
    step = paused = 0
    waiting = list(pauses)
    while True:
        until_us = waiting[0] if waiting else engine.FOREVER_US
        status = engine.advance(phones, scenarios, 0, until_us)
        if status == k.RUN_END:
            return paused
        if status == k.RUN_PAUSED:
            assert phones[0]["now_us"] >= until_us
            assert phones[0]["now_us"] < until_us + phones[0]["tick_us"]
            assert phones[0]["pending"] == -1
            waiting.pop(0)
            paused += 1
        else:
            engine.decide(phones, scenarios, 0, routes[step % len(routes)])
            step += 1


@settings(max_examples=60, deadline=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    device=st.sampled_from(sorted(DEVICES)),
    kernel=st.sampled_from(sorted(KERNELS)),
    seed=st.integers(0, 2**31),
    tick_us=st.sampled_from([500, 1_000, 2_000]),
    routes=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    pauses=st.lists(st.integers(-10, 6_000_000), max_size=60).map(sorted),
)
def test_pauses_change_nothing(
    preset: str, device: str, kernel: str, seed: int, tick_us: int, routes: list[int], pauses: list[int]
) -> None:
    phones, scenarios = world(preset, seed, device=device, kernel=kernel, tick_us=tick_us)
    before = scenarios.tobytes()
    assert play(phones, scenarios, routes, []) == 0
    digest = phone_digest(phones)
    phones.view(np.uint8)[:] = 0
    # times that follow each other within a tick: each but the first is over before anything has run
    paused = play(phones, scenarios, routes, pauses)
    duration_us = int(scenarios[0]["duration_us"])
    last_tick_us = duration_us - 1 - (duration_us - 1) % tick_us
    assert paused == sum(pause <= last_tick_us for pause in pauses)
    assert phone_digest(phones) == digest
    assert scenarios.tobytes() == before


def test_a_pause_is_at_the_first_tick_that_begins_then_or_later() -> None:
    phones, scenarios = world("camera_launch", 1, tick_us=1_000)
    engine.start(phones, scenarios, 0)
    for until_us, stands_us in ((0, 0), (1, 1_000), (1_000, 1_000), (1_500, 2_000), (700, 2_000)):
        assert engine.advance(phones, scenarios, 0, until_us) == k.RUN_PAUSED
        assert phones[0]["now_us"] == stands_us
    phones[0]["phase"] = engine.PHASE_OVER
    assert engine.advance(phones, scenarios, 0, 0) == k.RUN_END


def test_a_decision_comes_before_a_pause_of_the_same_tick() -> None:
    phones, scenarios = world("camera_launch", 1)
    engine.start(phones, scenarios, 0)
    assert engine.advance(phones, scenarios, 0) == k.RUN_DECISION
    pending = int(phones[0]["pending"])
    # asked again it stands where it stood: nothing runs before the decision
    assert engine.advance(phones, scenarios, 0, 0) == k.RUN_DECISION
    assert phones[0]["pending"] == pending


def test_ticks_one_by_one_are_the_run() -> None:
    phones, scenarios = world("service_restart", 5)
    stepped = np.zeros(1, PHONE)
    play(phones, scenarios, [k.KWORKER], [])
    ticks = sum(1 for _ in each_tick(stepped, scenarios, lambda: k.KWORKER))
    assert stepped.tobytes() == phones.tobytes()
    assert ticks == -(-int(scenarios[0]["duration_us"]) // 1_000)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_scenario_is_never_written(preset: str) -> None:
    phones, scenarios = world(preset, 8)
    scenarios.flags.writeable = False
    before = scenarios.tobytes()
    play(phones, scenarios, [0, 1, 2], [10_000, 500_000])
    assert scenarios.tobytes() == before
