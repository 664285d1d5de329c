"""Same seed, same actions, same bits: stored trajectories replay, snapshots resume, lanes and threads agree."""

from __future__ import annotations

import json

import numpy as np
import pytest

from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE
from swapgym.workload import PRESETS, draw, empty
from tests.regression.make_digests import STORED, cases, digest


@pytest.mark.parametrize("case", cases(), ids=lambda case: " ".join(map(str, case)))
def test_stored_trajectories_replay(case: tuple[str, int, str, str]) -> None:
    stored = json.loads(STORED.read_text())
    assert digest(*case) == stored[" ".join(map(str, case))], (
        "run python -m tests.regression.make_digests on purpose only"
    )


def test_cases_differ() -> None:
    stored = json.loads(STORED.read_text())
    assert len(set(stored.values())) > 0.9 * len(stored)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_snapshot_resumes_bit_for_bit(preset: str) -> None:
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    draw(preset, 21, out=scenarios[0])
    engine.start(phones, scenarios, 0)
    snapshots = []
    step = 0
    while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
        if step in (0, 7, 60):
            snapshots.append((step, phones.copy()))
        engine.decide(phones, scenarios, 0, step % 3)
        step += 1
    assert len(snapshots) >= 2
    for start, copy in snapshots:
        again = start
        while True:
            engine.decide(copy, scenarios, 0, again % 3)
            again += 1
            if engine.advance(copy, scenarios, 0) == k.RUN_END:
                break
        assert again == step
        assert copy.tobytes() == phones.tobytes()


SPEC = EnvSpec(preset="mixed", device=None, routes=3, epochs="batch")


def lanes_after(threads: int, n: int, steps: int) -> Lanes:
    lanes = Lanes(n, SPEC, threads)
    for lane in range(n):
        lanes.draw(lane, 100 + lane)
    lanes.begin()
    for step in range(steps):
        lanes.actions[:] = SPEC.actions()[(np.arange(n) + step) % 3]
        lanes.step(lanes.waiting())
    lanes.close()
    return lanes


def test_two_threads_are_one() -> None:
    one, two = lanes_after(1, 160, 60), lanes_after(2, 160, 60)
    assert one.phones.tobytes() == two.phones.tobytes()
    assert one.observations.tobytes() == two.observations.tobytes()
    assert one.lanes.tobytes() == two.lanes.tobytes()


def test_a_lane_is_a_phone_of_its_own() -> None:
    many = lanes_after(1, 8, 60)
    for lane in range(8):
        scenarios, phones = empty(1), np.zeros(1, PHONE)
        SPEC.draw(100 + lane, scenarios[0])
        engine.start(phones, scenarios, 0)
        status = engine.advance(phones, scenarios, 0)
        for step in range(60):
            if status == k.RUN_END:
                break
            engine.decide(phones, scenarios, 0, (lane + step) % 3)
            status = engine.advance(phones, scenarios, 0)
        assert phones[0].tobytes() == many.phones[lane].tobytes()
