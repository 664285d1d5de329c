"""Whatever is decided, on whatever phone: pages and CPU time balance, queues keep their bounds, kills end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import CHECKS, audit, negative_fields
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, PRESETS, draw, empty
from tests.episodes import Auditor

overrides = st.fixed_dictionaries(
    {
        "kernel": st.fixed_dictionaries(
            {
                "queue_capacity": st.integers(0, 200_000),
                "child_queue_capacity": st.integers(0, 200_000),
                "hold_slot": st.booleans(),
                "n_kworkers": st.integers(1, 4),
                "kworker_nice": st.integers(-20, 19),
                "zspage_return": st.floats(0.0, 1.0),
                "batch_entries": st.integers(64, 5_000),
            }
        ),
        "device": st.fixed_dictionaries(
            {
                "n_reapers": st.integers(0, 2),
                "reaper_delay_us": st.integers(0, 20_000),
                "swappiness": st.integers(0, 200),
                "kill_timeout_ms": st.integers(0, 200),
                "psi_partial_stall_ms": st.integers(1, 200),
                "rt_throttling": st.booleans(),
                "rt_runtime_share": st.booleans(),
                "schedutil": st.booleans(),
            }
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    device=st.sampled_from(sorted(DEVICES)),
    kernel=st.sampled_from(sorted(KERNELS)),
    seed=st.integers(0, 2**31),
    tick_us=st.sampled_from([250, 500, 1_000, 2_000]),
    changes=overrides,
    weights=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3)),
    check_every=st.integers(1, 50),
)
def test_everything_balances(
    preset: str,
    device: str,
    kernel: str,
    seed: int,
    tick_us: int,
    changes: dict[str, Any],
    weights: tuple[int, int, int],
    check_every: int,
) -> None:
    scenarios = empty(1)
    draw(preset, seed, device=device, kernel=kernel, overrides=changes, tick_us=tick_us, out=scenarios[0])
    before = scenarios.copy()
    phones = np.zeros(1, PHONE)
    rng = np.random.default_rng(seed)
    shares = np.array(weights) / sum(weights)
    engine.start(phones, scenarios, 0)
    assert audit(phones[0], scenarios[0]) == []
    decisions, last_us = 0, -1
    while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
        phone = phones[0]
        assert phone["now_us"] >= last_us
        last_us = int(phone["now_us"])
        assert phone["processes"]["state"][phone["pending"]] == k.PROCESS_EXITING
        if decisions % check_every == 0:
            assert audit(phone, scenarios[0]) == []
        engine.decide(phones, scenarios, 0, int(rng.choice(3, p=shares)))
        decisions += 1
    phone, total = phones[0], phones[0]["total"]
    assert audit(phone, scenarios[0]) == []
    assert (scenarios == before).all()
    # a prescribed kill whose victim lmkd took first is no kill of its own: one exit for each that was made
    assert total["exits"] + phone["n_exiting"] == total["kills"] > 0
    still_exiting = phone["exiting"][: phone["n_exiting"]]
    assert (phone["processes"]["state"][still_exiting] == k.PROCESS_EXITING).all()
    routed = total["batches_inline"] + total["batches_kworker"] + total["batches_child"]
    assert routed == decisions
    assert total["collateral_kills"] <= total["kills"] and total["kill_timeouts"] <= total["kills"]
    assert total["backlog_peak"] >= phone["backlog_kworker"] + phone["backlog_child"]


@pytest.mark.long
def test_twenty_thousand_episodes_are_audited_at_every_decision() -> None:
    """Every preset, device and kernel, and ticks of 0.5, 1 and 2 ms, with routes drawn at random."""
    worlds = [(p, d, n) for p in sorted(PRESETS) for d in sorted(DEVICES) for n in sorted(KERNELS)]
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    auditor = Auditor(phones, scenarios)
    n_episodes = 70 * len(worlds)
    assert n_episodes >= 20_000
    for episode in range(n_episodes):
        preset, device, kernel = worlds[episode % len(worlds)]
        tick_us = (1_000, 500, 2_000)[episode // len(worlds) % 3]
        draw(preset, episode, device=device, kernel=kernel, tick_us=tick_us, out=scenarios[0])
        assert auditor.play(episode) == [], (preset, device, kernel, tick_us, episode)
    print(f"{n_episodes} episodes, {auditor.counts[0]} decisions, {auditor.counts[1]} audits")


# --------------------------------------------------------------------------------------- the auditor sees what is wrong
def midway() -> tuple[Any, Any]:
    """Return a phone that some have left and others are leaving, with backlog, and its scenario."""
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    draw("camera_launch", 3, device="phone-8gb", out=scenarios[0])
    engine.start(phones, scenarios, 0)
    while not (phones[0]["processes"]["state"] == k.PROCESS_DEAD).any():
        assert engine.advance(phones, scenarios, 0) == k.RUN_DECISION
        engine.decide(phones, scenarios, 0, k.KWORKER)
    assert engine.advance(phones, scenarios, 0) == k.RUN_DECISION
    assert phones[0]["zombie_entries"] > 0
    assert audit(phones[0], scenarios[0]) == []
    return phones[0], scenarios[0]


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("free_pages", "pages of RAM"),
        ("anon_pages", "anonymous pages of the processes"),
        ("slots_free", "swap slots"),
        ("pool_objects", "objects of the pool"),
        ("backlog_kworker", "backlog of the kworker"),
        ("ready_kworker", "queued work items"),
        ("backlog_child", "backlog of the child"),
        ("zombie_entries", "entries of zombies"),
        ("evicted_pages", "pages evicted"),
    ],
)
@pytest.mark.parametrize("by", [-1, 1])
def test_one_page_or_entry_too_many_is_seen(field: str, what: str, by: int) -> None:
    phone, scenario = midway()
    phone[field] += by
    assert any(line.startswith(what) for line in audit(phone, scenario))


def set_clock(phone: Any, value: int) -> None:
    phone["domains"]["clock"][2] = value


def set_speed(phone: Any, value: int) -> None:
    phone["cpus"]["speed"][7] = value


def set_util(phone: Any, value: int) -> None:
    phone["tasks"]["util"][k.TASK_UI] = value


@pytest.mark.parametrize(
    ("change", "value", "what"),
    [
        (set_clock, 1_025, "clock of domain 2: 1025 instead of 184 to 1024"),
        (set_clock, 10, "clock of domain 2: 10 instead of 184 to 1024"),
        (set_speed, 1_025, "speed of CPU 7: 1025 instead of 1 to 1024"),
        (set_util, 65_537, "highest utilisation of a task: 65537 instead of 0 to 65536"),
        (set_util, -1, "tasks[0].util is negative"),
    ],
)
def test_clocks_and_utilisation_have_bounds(change: Any, value: int, what: str) -> None:
    phone, scenario = midway()
    change(phone, value)
    assert what in audit(phone, scenario)


@pytest.mark.parametrize("field", ["threads_left", "mappings_left", "files_left", "touch_due"])
def test_a_count_below_zero_is_named(field: str) -> None:
    phone, _ = midway()
    phone["processes"][field][5] = -1
    assert negative_fields(phone) == [f"processes[5].{field}"]


def test_what_an_exit_has_left_behind_is_seen() -> None:
    phone, scenario = midway()
    dead = int(np.flatnonzero(phone["processes"]["state"] == k.PROCESS_DEAD)[0])
    phone["processes"]["files_left"][dead] = 1
    assert audit(phone, scenario) == ["mappings and files left of those that notify: 1 instead of 0"]
    phone["processes"]["files_left"][dead] = 0
    phone["launches"]["gate_pending"][0] += 1
    assert [line.split(":")[0] for line in audit(phone, scenario)] == ["exits that gates wait for"]


def test_the_fast_auditor_sees_what_the_other_sees() -> None:
    assert len(set(CHECKS)) == len(CHECKS)
    for field in ("free_pages", "zombie_entries", "backlog_child"):
        phones, scenarios = np.zeros(1, PHONE), empty(1)
        draw("camera_launch", 3, device="phone-8gb", out=scenarios[0])
        auditor = Auditor(phones, scenarios)
        assert auditor.play(1) == []
        assert auditor.holds()
        phones[0][field] += 1
        assert not auditor.holds()
        assert audit(phones[0], scenarios[0]) != []
