"""Pressure stall information: some and full, weights of CPUs, averages and triggers, worked out on paper."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.phone.mm import psi
from tests.phone.plain import plain


def idle_phone() -> tuple[Any, Any]:
    """Return a phone at the end of a tick in which nobody ran, and its scenario."""
    board = plain(4, ms=10)
    phone = board.run()
    phone["psi"]["some_ns"] = phone["psi"]["full_ns"] = 0
    for field in ("used_ns", "stall_ns", "reclaim_ns"):
        phone["cpus"][field] = 0
    phone["cpus"]["fair_ns"][:4] = tick_ns(phone)
    return phone, board.scenario


def tick_ns(phone: Any) -> int:
    return int(phone["tick_us"]) * k.NS_PER_US


@pytest.mark.parametrize(("busy_ns", "full_ns"), [(0, 1_000_000), (400_000, 600_000)])
def test_a_full_stall_is_one_beside_which_nothing_ran(busy_ns: int, full_ns: int) -> None:
    phone, scenario = idle_phone()
    phone["cpus"]["stall_ns"][0] = tick_ns(phone)  # a task asleep in reclaim for the whole tick
    phone["cpus"]["used_ns"][0] = busy_ns  # another runs beside it; the other CPUs are idle and have no weight
    psi.account_stalls(phone, scenario)
    assert phone["psi"]["some_ns"] == 1_000_000
    assert phone["psi"]["full_ns"] == full_ns


def test_time_of_sched_fifo_is_time_in_which_something_ran() -> None:
    phone, scenario = idle_phone()
    phone["cpus"]["stall_ns"][0] = tick_ns(phone)
    phone["cpus"]["fair_ns"][0] = tick_ns(phone) // 4
    psi.account_stalls(phone, scenario)
    assert phone["psi"]["full_ns"] == 250_000


def test_psi_is_weighted_by_the_time_cpus_are_not_idle() -> None:
    phone, scenario = idle_phone()
    phone["cpus"]["used_ns"][1] = tick_ns(phone)
    phone["cpus"]["stall_ns"][0] = tick_ns(phone) // 2
    psi.account_stalls(phone, scenario)
    # 0.5 ms stalled on a CPU that is non-idle for 0.5 ms, none on one that is busy for 1 ms
    assert phone["psi"]["some_ns"] == pytest.approx(1e6 * 0.5 * 0.5 / 1.5, abs=1_000)


def test_the_running_average_decays_by_exp_of_minus_a_fifth() -> None:
    assert psi.average(100 * k.UNIT, 0) == pytest.approx(100 * k.UNIT * 0.8187, rel=1e-3)
    assert psi.average(0, psi.AVERAGE_PERIOD_US) == pytest.approx(100 * k.UNIT * (1 - 0.8187), rel=1e-2)


def test_a_trigger_sees_the_last_second() -> None:
    phone, _ = idle_phone()
    state = phone["psi"]
    for name in ("window_some_us", "window_full_us"):
        state[name] = 0
    phone["now_us"] = 10_000_000
    state["window_start_us"] = phone["now_us"] - 400_000
    state["previous_some_us"] = 100_000
    state["some_ns"] = 30_000_000
    psi.update_triggers(phone)
    # 30 ms in the 400 ms of this window, and 60 % of the 100 ms of the one before
    assert state["some_growth_us"] == 30_000 + 60_000
    phone["now_us"] += 700_000
    state["some_ns"] += 5_000_000
    psi.update_triggers(phone)
    # the window is over: its growth becomes the one before
    assert state["some_growth_us"] == state["previous_some_us"] == 35_000
    assert state["window_start_us"] == phone["now_us"]
