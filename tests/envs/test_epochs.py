"""Decision epochs: when a policy is asked, by events that are made to happen one at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from swapgym.envs.epochs import BACKLOG_STEP, EVENT_NAMES, EVENTS, USUAL, epoch_record, is_epoch, signature
from swapgym.envs.lane import ANSWER
from swapgym.envs.lanes import Lanes
from swapgym.envs.release import SwapReleaseEnv
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload import suite

Make = Callable[..., SwapReleaseEnv]


def changed(env: SwapReleaseEnv, event: str) -> np.void:
    """Return a copy of the environment's phone in which one event, and nothing else that matters, has happened."""
    phone: np.void = env.phone.copy()
    if event == "kill":
        phone["n_killed"] += 1
    elif event == "exit":
        phone["total"]["exits"] += 1
    elif event == "launch":
        phone["launches"]["phase"][0] = k.LAUNCH_DONE
    elif event == "realtime":
        phone["cpus"]["rt_permille"][0] = 0 if phone["cpus"]["rt_permille"][0] else 500
    elif event == "watermark":
        device = env.scenario["device"]
        below = phone["free_pages"] < device["watermark_min"]
        phone["free_pages"] = device["watermark_high"] if below else 0
    else:
        phone["backlog_kworker"] = 3 * BACKLOG_STEP
    return phone


@pytest.mark.parametrize("asked", [*EVENT_NAMES, "nobody"])
def test_each_event_asks_where_it_is_listened_to(env: SwapReleaseEnv, asked: str) -> None:
    env.reset(options={"scenario_seed": 3})
    answer = np.zeros(1, ANSWER)[0]
    answer["signature"] = signature(env.phone, env.scenario)
    answer["asked_us"] = env.phone["now_us"]
    epochs = epoch_record(() if asked == "nobody" else (asked,), 100, False)
    assert not is_epoch(env.phone, env.scenario, answer, epochs)
    for event in EVENT_NAMES:
        assert is_epoch(changed(env, event), env.scenario, answer, epochs) == (event == asked)
    answer["asked_us"] -= 100_000
    assert is_epoch(env.phone, env.scenario, answer, epochs)


def test_events_have_bits_of_their_own() -> None:
    used = 0
    for event in EVENTS:
        assert used & event.mask == 0
        used |= event.mask
    assert used < 2**62


def test_epochs_are_the_batches_at_which_the_signature_has_changed(make: Make) -> None:
    """Asked at every batch, a second environment finds by itself when the first one is asked."""
    by_event, by_batch = make(epochs=EVENT_NAMES), make(epochs="batch")
    for env in (by_event, by_batch):
        env.reset(options={"scenario_seed": 14})
    rng = np.random.default_rng(0)
    held: dict[int, tuple[int, int, int]] = {}
    over = False
    asked = batches = 0
    while not over:
        phone, victim = by_batch.phone, int(by_batch.phone["pending"])
        now = int(phone["now_us"])
        mark = signature(phone, by_batch.scenario)
        if victim not in held or held[victim][0] != mark or now >= held[victim][1] + 100_000:
            assert int(by_event.phone["pending"]) == victim and int(by_event.phone["now_us"]) == now
            held[victim] = (mark, now, int(rng.integers(2)))
            _, _, ended, _, told = by_event.step(held[victim][2])
            asked += 1
        _, _, over, _, info = by_batch.step(held[victim][2])
        batches += 1
    assert ended and info["digest"] == told["digest"]
    assert 3 < asked < batches / 4
    assert told["lag_ms"] == info["lag_ms"]


def test_the_usual_events_ask_by_default() -> None:
    assert epoch_record("event", 100, False).tolist() == epoch_record(USUAL, 100, False).tolist()
    assert set(USUAL) == {"launch", "realtime", "watermark"}


def test_holding_for_no_time_asks_at_every_batch(make: Make) -> None:
    counts = []
    for env in (make(hold_ms=0), make(epochs="batch", hold_ms=5)):
        env.reset(options={"scenario_seed": 2})
        steps, over = 0, False
        while not over:
            over = env.step(0)[2]
            steps += 1
        counts.append(steps)
        assert env.metrics()["batches"] == steps
    assert counts[0] == counts[1]


def test_a_victims_first_batch_always_asks(make: Make) -> None:
    env = make(epochs=(), hold_ms=60_000)
    env.reset(options={"scenario_seed": 5})
    victims, over = [], False
    while not over:
        victims.append(int(env.phone["pending"]))
        over = env.step(1)[2]
    asked = env.phone["processes"]["decisions"] > 0
    assert sorted(victims) == np.flatnonzero(asked).tolist()


def test_a_median_episode_has_as_many_decisions_as_a_learner_can_use() -> None:
    """DESIGN: 5 to 80 decisions in the median episode, whichever route is taken."""
    episodes = list(suite("validation").first(3))
    for action in range(2):
        lanes = Lanes(len(episodes), EnvSpec())
        for lane, (preset, seed) in enumerate(episodes):
            lanes.draw(lane, seed, preset)
        lanes.begin()
        counts = np.zeros(lanes.n)
        while len(waiting := lanes.waiting()):
            counts[waiting] += 1
            lanes.actions[waiting] = EnvSpec().actions()[action]
            lanes.step(waiting)
        assert 5 <= np.median(counts) <= 80
